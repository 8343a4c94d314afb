-- Answers what is no HTTP request, or none that comes to its end in time, as serve/api/door.py answers errors.
-- HAProxy would do so in HTML, by words that are part of its program.
local LATE_S = 15

local function describe(waited_s)
    if waited_s >= LATE_S then
        return 408, "Request Timeout", "a request's headers must arrive in " .. LATE_S .. " s, got less; send them faster"
    end
    return 400, "Bad Request", "a request must be HTTP/1.1, got something else; correct it"
end

core.register_service("refuse", "tcp", function(applet)
    local arrived, log_id = applet:get_var("sess.arrived"), applet:get_var("txn.log_id")
    local status, name, text = describe(core.now().sec - (arrived or core.now().sec))
    local body = string.format('{"logId": "%s", "errorCode": %d, "errorMsg": "%s"}', log_id or "", status, text)
    applet:send(string.format(
        "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s",
        status, name, #body, body))
end)
