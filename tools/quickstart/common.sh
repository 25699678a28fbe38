# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # $state is the caller's
# What both quick starts do.

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }
row() { printf '%-14s %s\n' "$1" "$2"; }

seconds() { date +%s.%N; }
elapsed() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f s", b - a }'; }

install_what_it_needs()
{
    tools/install-dependencies.sh build run
    tools/fetch-sources.sh
}

# shellcheck disable=SC2034 # read by the parts
bin=build/release/bin
build_the_builder() { tools/build.sh release -DBUILD_TESTING=OFF unikernel unikernel-builder; }

# Runs a command where the unikernel can be reached.
reach() { "$@"; }

# ask STATUS WHAT CURL-ARGUMENT...: one HTTP request that must be answered with STATUS.
ask()
{
    local expected=$1 what=$2 got
    shift 2
    got=$(reach curl -s -o "$state/body" -D "$state/head" -w '%{http_code}' --max-time 10 "$@")
    printf '  %-42s %s  %s\n' "$what" "$got" "$(grep -i '^www-authenticate' "$state/head" | tr -d '\r' || true)"
    [ "$got" = "$expected" ] || die "Expected $expected."
}

# ask_all URL: the open page and the one that the requirement staff-only guards.
ask_all()
{
    ask 200 "open page" "$1/"
    ask 401 "/private without credentials" "$1/private"
    ask 403 "/private with wrong credentials" -u staff:wrong "$1/private"
    ask 200 "/private with the right ones" -u "staff:$STAFF_PASSWORD" "$1/private"
}

make_staff_password()
{
    STAFF_PASSWORD=$(od -An -N9 -tx1 /dev/urandom | tr -d ' \n')
    export STAFF_PASSWORD
}
