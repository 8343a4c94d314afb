#!/bin/sh
# HAProxy as Ray starts it (-db -f FILE.cfg ...), but for what Ray has no settings for.
for word in "$@"; do
    shift
    case "$word" in
        *.cfg) config=$word ;;
        # Without SO_REUSEPORT it could not listen where serve/run.py keeps the port from other servers.
        -dR) continue ;;
    esac
    set -- "$@" "$word"
done
# Ray would open the statistics to all interfaces. Headers have a deadline, the ingress
# learns who asks, and errors are JSON as all others are.
export OCRTUNE_REFUSE="${0%.sh}_refuse.lua"
# Where IPv6 is asked for, it alone listens there: Ray's replicas behind it listen as Ray can.
sed -i -E \
    ${OCRTUNE_BIND:+-e "s/^( *bind) 127\\.0\\.0\\.1:[0-9]+\$/\\1 $OCRTUNE_BIND/"} \
    -e "s/^( *bind) \*?:($RAY_SERVE_HAPROXY_STATS_PORT|$RAY_SERVE_HAPROXY_METRICS_PORT)\$/\1 127.0.0.1:\2/" \
    -e "s/^( *)option abortonclose\$/&\n\1option forwardfor\n\1timeout http-request 15s/" \
    -f "${0%.sh}_errors.sed" "$config"
# Before it knows where to send requests it would answer 404: the port stays closed until then.
grep -q "^ *use_backend .* if is_" "$config" ||
    sed -i -E "/^frontend http_frontend/,/^ *acl /s|^( *bind) .*|\1 unix@${config%/*}/early.sock|" "$config"
command -v setpriv > /dev/null && at_end="setpriv --pdeathsig"
# A session of its own: Ray ends what belongs to the process that it replaces. It gets a signal when this one ends.
OCRTUNE_CONFIG=$config ${at_end:+$at_end USR1} setsid sh "${0%.sh}_stand_in.sh" "$$" "$PPID" &
# It ends with the process that started it: left behind, it would hold the port.
exec ${at_end:+$at_end TERM} "$OCRTUNE_HAPROXY" "$@"
