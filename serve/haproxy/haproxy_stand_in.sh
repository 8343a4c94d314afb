#!/bin/sh
# haproxy_stand_in.sh HAPROXY MANAGER: answers in place of a HAProxy that was killed, until Ray has replaced it.
# Ray takes some seconds to see it and to start another one. OCRTUNE_CONFIG is the configuration.
trap : USR1 # that HAProxy has ended
lives() { # without another process; who was not reaped is dead
    while read -r field state _; do
        if [ "$field" = State: ]; then case $state in [ZX]) return 1 ;; *) return 0 ;; esac; fi
    done 2> /dev/null < "/proc/$1/status"
    return 1
}
others() { grep -lszxF "$OCRTUNE_CONFIG" /proc/[0-9]*/cmdline; } # HAProxies of this server
is_replaced() { # Ray's first one knows no routes yet; it is replaced by one that does (-sf)
    for other in $(others); do grep -qszxF -e -sf "$other" && return; done
    return 1
}
raylet=$(sed -n "s/^PPid:[^0-9]*//p" "/proc/$2/status")
pause=0.25 at_end=
# A signal that comes between the question and the wait is missed: the pause is short with it, too.
command -v setpriv > /dev/null && pause=1 at_end="setpriv --pdeathsig KILL"
while lives "$1"; do
    sleep $pause &
    wait $! # as long, or until the signal
    kill $! 2> /dev/null
done
sleep 0.2
lives "$2" || exit 0         # the server ends
[ -z "$(others)" ] || exit 0 # another one has taken over
mine=${OCRTUNE_CONFIG%/*}/stand_in.conf
sed -e "/^ *stats socket /d" -e "/server-state/d" "$OCRTUNE_CONFIG" > "$mine"
$at_end "$OCRTUNE_HAPROXY" -db -f "$mine" &
waited=0
while lives "$raylet" && lives $! && [ $waited -lt 150 ] && ! is_replaced; do
    sleep 0.2
    waited=$((waited + 1))
done
lives "$raylet" && sleep 0.5 # by then the new one listens
kill -USR1 $! 2> /dev/null   # what it has is answered
while lives "$raylet" && lives $!; do sleep 0.2; done
kill -KILL $! 2> /dev/null
