# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # $state, $keep and $bin are the caller's
# The builder service on loopback, and the unikernel under QEMU: no cloud.

pids=()
finish()
{
    local status=$?
    if [ $status != 0 ] || [ "$keep" = no ]; then
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
install_what_it_needs
say "2/5 Building the builder (minutes the first time)"
build_the_builder

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
make_staff_password
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

ask_all "$url"

# --- one option changed ---------------------------------------------------------------------------
sed 's/realm: staff/realm: employees/' examples/requirements/staff-only.yaml >"$state/changed.yaml"
start=$(seconds)
"$bin/unikernel" build examples/hello-web --requirement "$state/changed.yaml" --no-boot-check --quiet \
    --output "$state/changed.img"
changed=$(elapsed "$start" "$(seconds)")

say "What came out"
"$bin/unikernel" inspect "$image" | grep -E '^(size|memory|modules|boots by) '
row "build" "$cold cold: every part of the image compiled, linked, checked and booted once"
row "rebuild" "$changed after one option of http-guard changed"
row "first answer" "$first after the start of the virtual machine"

say "Next"
if [ "$keep" = yes ]; then
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
  tools/quickstart.sh --openstack                 # the same on an OpenStack of your own
  tools/bench.sh path                             # every figure, against a Linux virtual machine
TXT
fi
