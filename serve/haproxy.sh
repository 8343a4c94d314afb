#!/bin/sh
# HAProxy as Ray starts it, but with its statistics on the loopback interface: Ray would open them to all.
for word in "$@"; do
    case "$word" in
        *.cfg) sed -i -E "s/^( *bind) \*?:($RAY_SERVE_HAPROXY_STATS_PORT|$RAY_SERVE_HAPROXY_METRICS_PORT)\$/\1 127.0.0.1:\2/" "$word" ;;
    esac
done
# It ends with the process that started it: left behind, it would hold the port.
if command -v setpriv > /dev/null; then exec setpriv --pdeathsig TERM "$OCRTUNE_HAPROXY" "$@"; fi
exec "$OCRTUNE_HAPROXY" "$@"
