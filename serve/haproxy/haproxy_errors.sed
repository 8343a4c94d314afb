# HAProxy's own errors, as serve/api/door.py answers.
# For what is no HTTP it has no settings: connections begin as TCP, and only HTTP goes on as HTTP.
# Ray Serve's own headers are not for clients: one keeps what they have left at work, and strange ones end in plain text.
/^ *nbthread /a\
    lua-load "${OCRTUNE_REFUSE}"
/^frontend http_frontend$/,/^ *bind /{
/^ *bind /a\
    mode tcp\
    tcp-request connection set-var(sess.arrived) date\
    tcp-request inspect-delay 15s\
    acl known_version req.ver 1.0 1.1 2.0\
    acl websocket req.hdr(upgrade) -i websocket\
    tcp-request content switch-mode http if HTTP known_version !websocket
}
/^ *# Static routing based on path/i\
    use_backend refuse if !HTTP or !known_version or websocket\
    http-request return status 405 content-type application/json lf-string '{"logId": "%[uuid()]", "errorCode": 405, "errorMsg": "a request must have a method that is served, got another; use GET, HEAD, POST or DELETE"}' hdr allow "GET, HEAD, POST, DELETE" if !{ method GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT }\
    http-request return status 414 content-type application/json lf-string '{"logId": "%[uuid()]", "errorCode": 414, "errorMsg": "an address must be at most 60,000 bytes, got more; send the fields in the body"}' if { url,length gt 60000 }\
    http-request del-header ^(x-request-(timeout-seconds|disconnect-disabled)|x[-_]session[-_]id|serve[-_]multiplexed[-_]model[-_]id)$ -m reg\
    http-request del-header x-request-id if { req.hdr(x-request-id) -m reg [^!-~] }\
    http-request wait-for-body time 15s if { req.hdr_val(content-length) lt 200000 }
/^backend default_backend$/i\
backend refuse\
    mode tcp\
    tcp-request inspect-delay 15s\
    tcp-request content set-var-fmt(txn.log_id) %[uuid()]\
    tcp-request content use-service lua.refuse
/^ *errorfile 504 /{
i\
    http-error status 400 content-type application/json lf-string '{"logId": "%[uuid()]", "errorCode": 400, "errorMsg": "a request must be HTTP/1.1, got something else; correct it"}'
i\
    http-error status 408 content-type application/json lf-string '{"logId": "%[uuid()]", "errorCode": 408, "errorMsg": "a request must arrive in its time, got less; send it faster"}'
i\
    http-error status 500 content-type application/json lf-string '{"logId": "%[uuid()]", "errorCode": 500, "errorMsg": "a request must be sent on, got an error; try again later"}'
i\
    http-error status 502 content-type application/json lf-string '{"logId": "%[uuid()]", "errorCode": 502, "errorMsg": "a request must be answered whole, got less; try again later"}'
i\
    http-error status 503 content-type application/json lf-string '{"logId": "%[uuid()]", "errorCode": 503, "errorMsg": "a part of the server must take a request, got none; try again later"}' hdr retry-after 1
i\
    http-error status 504 content-type application/json lf-string '{"logId": "%[uuid()]", "errorCode": 504, "errorMsg": "a request must be answered in its time, got no answer; try again later"}'
}
/^ *errorfile /d
s|^( *http-request return status 404 content-type) .*|\1 application/json lf-string '{"logId": "%[uuid()]", "errorCode": 404, "errorMsg": "Not Found"}'|
s|^( *http-request return status 503 content-type) text/plain string "Service Unavailable"|\1 application/json string '{"logId": "", "errorCode": 503, "errorMsg": "a part of the server must run, got none; try again later"}'|
