#!/bin/sh
# HAProxy as Ray starts it, but for what Ray has no settings for.
for word in "$@"; do
    shift
    case "$word" in
        # Ray would open the statistics to all interfaces. Headers have a deadline; the ingress learns who asks.
        # Where IPv6 is asked for, it alone listens there: Ray's replicas behind it listen as Ray can.
        *.cfg) sed -i -E \
            ${OCRTUNE_BIND:+-e "s/^( *bind) 127\\.0\\.0\\.1:[0-9]+\$/\\1 $OCRTUNE_BIND/"} \
            -e "s/^( *bind) \*?:($RAY_SERVE_HAPROXY_STATS_PORT|$RAY_SERVE_HAPROXY_METRICS_PORT)\$/\1 127.0.0.1:\2/" \
            -e "s/^( *)option abortonclose\$/&\n\1option forwardfor\n\1timeout http-request 15s/" "$word" ;;
        # Without SO_REUSEPORT it could not listen where serve/run.py keeps the port from other servers.
        -dR) continue ;;
    esac
    set -- "$@" "$word"
done
# It ends with the process that started it: left behind, it would hold the port.
if command -v setpriv > /dev/null; then exec setpriv --pdeathsig TERM "$OCRTUNE_HAPROXY" "$@"; fi
exec "$OCRTUNE_HAPROXY" "$@"
