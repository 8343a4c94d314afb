# HAProxy's own errors, as serve/api/door.py answers.
/^ *errorfile 504 /{
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
