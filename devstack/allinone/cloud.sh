#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real OpenStack on this machine, from Debian's packages, inside namespaces of its own:
# the machine's services, ports and /etc neither see it nor are changed by it.
#
#   cloud.sh install              Debian packages; nothing of them is started
#   cloud.sh init                 passwords, configuration, databases, identities (once)
#   cloud.sh start                every service, until a server could be created
#   cloud.sh status               what runs; exit status 3 if nothing does
#   cloud.sh enter [COMMAND...]   a shell (or one command) inside, with the credentials of openrc
#   cloud.sh service {start|stop|restart} NAME
#   cloud.sh stop                 end everything; the state stays
#   cloud.sh clean                stop and delete the state
#
# Outside, `source "$(cloud.sh openrc)"` gives a shell an administrator's credentials and an
# `openstack` command that runs inside; `openrc demo` names those of an ordinary user.  Settings
# and their defaults: settings.sh.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# lib/services.sh and lib/namespaces.sh find the compute driver there.
REPOSITORY=$(cd "$HERE/../.." && pwd)
export REPOSITORY
# Everything started here uses Debian's Python and its modules, whatever else stands in PATH.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
unset PYTHONPATH PYTHONHOME

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# shellcheck source=/dev/null
for part in settings lib/install lib/configuration lib/namespaces lib/services lib/initialise lib/network; do
    . "$HERE/$part.sh"
done

usage() { sed -n '3,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

need_root() { [ "$(id -u)" = 0 ] || fail "namespaces, taps and libvirt need root"; }

# One command at a time changes a cloud.  What is started closes the lock's descriptor (9).
lock_state()
{
    mkdir -p "$STATE"
    exec 9>"$STATE/lock"
    flock --timeout 300 9 || fail "another command has been working on $STATE for five minutes"
}

require_packages()
{
    local missing
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} = 0 ] || fail "packages are missing (${missing[*]}): run '$0 install' first"
}

require_builder()
{
    [ "$ALLINONE_BUILDER" = none ] || [ -x "$ALLINONE_BUILDER" ] ||
        fail "there is no builder $ALLINONE_BUILDER: build it (cmake --preset release && cmake --build --preset release" \
            "--target unikernel-builder), or set ALLINONE_BUILDER=none for a cloud without one"
}

command_init()
{
    require_packages
    if [ -e "$STATE/initialised" ]; then
        say "already initialised: $STATE"
        return 0
    fi
    write_configuration
    start_namespaces
    initialise
    end_namespaces
    say "initialised; '$0 start' comes next"
}

command_start()
{
    [ -e "$STATE/initialised" ] || fail "not initialised: run '$0 init' first"
    require_builder
    write_configuration
    start_namespaces
    connect_public_network
    start_all_services
    say "ready: credentials in $STATE/openrc, logs in $STATE/log; '$0 stop' ends it"
}

command_stop()
{
    if ! namespaces_run; then
        say "not running"
        return 0
    fi
    stop_all_services
    end_namespaces
    say "stopped; the state stays in $STATE"
}

command_status()
{
    namespaces_run || { echo "stopped ($STATE)"; exit 3; }
    echo "runs in the namespaces of process $(<"$STATE/pid"); state and logs: $STATE"
    local service
    for service in "${ALL_SERVICES[@]}"; do
        printf '  %-22s %s\n' "$service" "$(service_state "$service")"
    done
}

# Those that the shell has sourced, if they are of this cloud.
credentials()
{
    case ${ALLINONE_OPENRC:-} in
        "$STATE"/*openrc) echo "$ALLINONE_OPENRC" ;;
        *) echo "$STATE/openrc" ;;
    esac
}

command_enter()
{
    namespaces_run || fail "not running: run '$0 start' first"
    # shellcheck source=/dev/null
    . "$(credentials)"
    unset -f openstack
    if [ $# = 0 ]; then set -- bash --norc; fi
    inside "$@"
}

command_service()
{
    [ $# = 2 ] || fail "usage: $0 service {start|stop|restart} NAME"
    namespaces_run || fail "not running: run '$0 start' first"
    [[ " ${ALL_SERVICES[*]} " == *" $2 "* ]] || fail "there is no service '$2'; services: ${ALL_SERVICES[*]}"
    case $1 in
        start) start_service "$2" ;;
        stop) stop_service "$2" ;;
        restart) stop_service "$2" && start_service "$2" ;;
        *) fail "a service is started, stopped or restarted, not '$1'" ;;
    esac
}

command_clean()
{
    command_stop
    rm -rf "${STATE:?}"
    say "deleted $STATE"
}

main()
{
    local verb=${1:-help}
    [ $# = 0 ] || shift
    case $verb in
        install) need_root; install_packages ;;
        init | start | stop | clean | service) need_root; lock_state; "command_$verb" "$@" ;;
        status | enter) need_root; "command_$verb" "$@" ;;
        openrc) echo "$STATE/${1:+$1-}openrc" ;;
        help | -h | --help) usage ;;
        *) usage >&2; fail "there is no command '$verb'" ;;
    esac
}

main "$@"
