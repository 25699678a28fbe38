# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The cloud's network, mount and process namespaces.  Their first process is lib/first-process.sh;
# $STATE/pid is its process number as the machine sees it.  When it ends the kernel ends all others.

# Commands work in there as well (`cloud.sh enter`): then there is nothing to enter.
are_inside() { tr '\0' ' ' </proc/1/cmdline 2>/dev/null | grep -qF "first-process.sh $STATE "; }

namespaces_run()
{
    ! are_inside || return 0
    local pid
    pid=$(cat "$STATE/pid" 2>/dev/null) && [ -n "$pid" ] || return 1
    # The number may have been given to somebody else since: the command line tells.
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "first-process.sh $STATE"
}

# inside COMMAND...: runs it in the namespaces, in the same directory.
inside()
{
    if are_inside; then
        "$@" 9>&-
    else
        nsenter --target "$(<"$STATE/pid")" --net --mount --pid --wd="$PWD" -- "$@" 9>&-
    fi
}

start_namespaces()
{
    namespaces_run && return 0
    rm -f "$STATE/pid"
    setsid unshare --net --mount --pid --fork --propagation private \
        bash "$HERE/lib/first-process.sh" "$STATE" "$REPOSITORY" \
        </dev/null >"$STATE/log/namespaces.log" 2>&1 9>&- &
    local tries
    for tries in $(seq 100); do
        [ ! -s "$STATE/pid" ] || return 0
        sleep 0.05
    done
    cat "$STATE/log/namespaces.log" >&2
    fail "the namespaces did not come up within 5 s (tried $tries times)"
}

end_namespaces()
{
    local pid tries
    pid=$(<"$STATE/pid")
    kill -KILL "$pid"
    for tries in $(seq 200); do
        [ -d "/proc/$pid" ] || { rm -f "$STATE/pid"; return 0; }
        sleep 0.05
    done
    fail "process $pid did not end within 10 s (looked $tries times)"
}
