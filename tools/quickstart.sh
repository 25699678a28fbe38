#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From an application and a security requirement to a sealed unikernel that answers, on one machine.
#
#   tools/quickstart.sh            # everything it starts is gone afterwards
#   tools/quickstart.sh --keep     # leaves the service and the unikernel running, says how to stop them
set -euo pipefail
cd "$(dirname "$0")/.."

keep=no
case "${1:-}" in
    --keep) keep=yes ;;
    "") ;;
    --help | -h) sed -n '3,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "$0: unknown option '$1'; see $0 --help" >&2; exit 2 ;;
esac

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

state=$(mktemp -d "${TMPDIR:-/tmp}/unikernel-quickstart.XXXXXX")
pids=()
finish()
{
    local status=$?
    if [ $status != 0 ] || [ $keep = no ]; then
        # The unikernel first: its process ends the guest.
        for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
            kill -TERM "${pids[i]}" 2>/dev/null || continue
            wait "${pids[i]}" 2>/dev/null || true
        done
        [ $status = 0 ] || { echo "The quick start failed; its logs:" >&2; tail -n 20 "$state"/*.log >&2 || true; }
        rm -rf "$state"
    fi
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# --- what it needs, and the build -----------------------------------------------------------------
say "1/5 Debian packages and lwIP's source"
tools/install-dependencies.sh build run
tools/fetch-sources.sh

say "2/5 Building the builder (minutes the first time)"
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset release -DBUILD_TESTING=OFF "${launcher[@]}" >"$state/cmake.log"
cmake --build --preset release --target unikernel unikernel-builder
bin=build/release/bin

# --- the service, with its embedded defaults ------------------------------------------------------
say "3/5 Starting the builder service on loopback"
# A cache of its own, so that what is measured below is a build from nothing.
mkdir "$state/cache"
ln -s "${XDG_CACHE_HOME:-$HOME/.cache}/unikernel/sources" "$state/cache/sources"
"$bin/unikernel-builder" --listen 127.0.0.1:0 --port-file "$state/port" --state "$state/service" --cache "$state/cache" \
    >"$state/builder.log" 2>&1 &
pids+=($!)
for _ in $(seq 100); do [ -s "$state/port" ] && break; sleep 0.1; done
[ -s "$state/port" ] || die "The builder service did not start."
UNIKERNEL_SERVICE=http://127.0.0.1:$(cat "$state/port")
export UNIKERNEL_SERVICE
echo "$UNIKERNEL_SERVICE"

say "4/5 Building examples/hello-web under the requirement staff-only"
STAFF_PASSWORD=$(od -An -N9 -tx1 /dev/urandom | tr -d ' \n')
export STAFF_PASSWORD
seconds() { date +%s.%N; }
elapsed() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f s", b - a }'; }
image=$state/hello-web.img
start=$(seconds)
"$bin/unikernel" build examples/hello-web --requirement examples/requirements/staff-only.yaml --output "$image"
cold=$(elapsed "$start" "$(seconds)")

# --- boot it and ask ------------------------------------------------------------------------------
say "5/5 Booting it with QEMU through libvirt"
start=$(seconds)
"$bin/unikernel" run "$image" --forward 0:80 >"$state/run.log" 2>&1 &
run=$!
pids+=("$run")
url=
for _ in $(seq 300); do
    url=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$state/run.log" | head -n 1) && break
    kill -0 "$run" 2>/dev/null || die "The unikernel ended."
    sleep 0.02
done
[ -n "$url" ] || die "The unikernel has no address."
until curl -s -o /dev/null --max-time 1 "$url/"; do
    kill -0 "$run" 2>/dev/null || die "The unikernel ended."
    sleep 0.02
done
first=$(elapsed "$start" "$(seconds)")

ask()
{
    local expected=$1 what=$2 got
    shift 2
    got=$(curl -s -o "$state/body" -D "$state/head" -w '%{http_code}' --max-time 10 "$@")
    printf '  %-42s %s  %s\n' "$what" "$got" "$(grep -i '^www-authenticate' "$state/head" | tr -d '\r' || true)"
    [ "$got" = "$expected" ] || die "Expected $expected."
}
ask 200 "open page" "$url/"
ask 401 "/private without credentials" "$url/private"
ask 403 "/private with wrong credentials" -u staff:wrong "$url/private"
ask 200 "/private with the right ones" -u "staff:$STAFF_PASSWORD" "$url/private"

# --- one option changed ---------------------------------------------------------------------------
sed 's/realm: staff/realm: employees/' examples/requirements/staff-only.yaml >"$state/changed.yaml"
start=$(seconds)
"$bin/unikernel" build examples/hello-web --requirement "$state/changed.yaml" --no-boot-check --quiet \
    --output "$state/changed.img"
changed=$(elapsed "$start" "$(seconds)")

say "What came out"
"$bin/unikernel" inspect "$image" | grep -E '^(size|memory|modules|boots by) '
row() { printf '%-14s %s\n' "$1" "$2"; }
row "build" "$cold cold: every part of the image compiled, linked, checked and booted once"
row "rebuild" "$changed after one option of http-guard changed"
row "first answer" "$first after the start of the virtual machine"

say "Next"
if [ $keep = yes ]; then
    cat <<TXT
The unikernel answers at $url/ and the builder service at $UNIKERNEL_SERVICE
  curl -u staff:$STAFF_PASSWORD $url/private
  export UNIKERNEL_SERVICE=$UNIKERNEL_SERVICE
  $bin/unikernel module show http-guard
  kill ${pids[1]} ${pids[0]}; rm -rf $state       # ends both and removes what they kept
TXT
else
    cat <<TXT
  tools/quickstart.sh --keep                      # the same, left running
  $bin/unikernel --help
  $bin/unikernel build examples/hello-world --local
  tools/bench.sh path                             # every figure, against a Linux virtual machine
TXT
fi
