#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What an operator would do by hand, on the all-in-one cloud: register an image, create a server
# from it, ask it over HTTP, stop, start, reboot, rebuild and delete it; the same beside an
# ordinary Linux server; and images that must not boot.  Each command is printed before it runs.
#
#   tests/openstack/story.sh IMAGE      # an image that answers HTTP on port 80
#
# A cloud that already runs is used and left running; otherwise it is started and stopped.
# Needs root, and the packages of `devstack/allinone/cloud.sh install`.
set -euo pipefail

if [ $# != 1 ] || [ ! -f "$1" ]; then
    sed -n '3,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
artifact=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
cloud=$root/devstack/allinone/cloud.sh
work=$(mktemp -d)
started=false
checks=0
servers=() images=() flavors=()

say() { printf '\n%4d s  == %s\n' "$SECONDS" "$*"; }
fail() { printf '%4d s  FAILED: %s\n' "$SECONDS" "$*" >&2; exit 1; }
passed() { checks=$((checks + 1)); printf '%4d s  ok: %s\n' "$SECONDS" "$*"; }
inside() { "$cloud" enter "$@"; }
# shown COMMAND...: prints the command as a user would type it, then runs it.
shown() { printf '%4d s  $' "$SECONDS"; printf ' %q' "$@"; printf '\n'; "$@"; }
openstack() { inside openstack "$@"; }

finish()
{
    local status=$?
    if [ "$status" != 0 ] && "$cloud" status >/dev/null; then
        [ ${#servers[@]} = 0 ] || openstack server delete --wait "${servers[@]}" || true
        [ ${#images[@]} = 0 ] || openstack image delete "${images[@]}" || true
        [ ${#flavors[@]} = 0 ] || openstack flavor delete "${flavors[@]}" || true
    fi
    if $started; then "$cloud" stop; fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

# server_says NAME EXPRESSION: of Python, in which `it` is the server.
server_says()
{
    openstack server show "$1" -f json |
        python3 -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$2"
}

address_of() { server_says "$1" 'next(iter(it["addresses"].values()))[0]'; }

# answers ADDRESS TEXT: waits up to two minutes for HTTP 200; TEXT must be in the body if it is not empty.
answers()
{
    local end=$((SECONDS + 120)) code=
    while [ "$SECONDS" -lt "$end" ]; do
        code=$(inside curl -s -m 5 -o "$work/body" -w '%{http_code}' "http://$1/" || true)
        [ "$code" != 200 ] || break
        sleep 0.5
    done
    [ "$code" = 200 ] || fail "http://$1/ answers '${code}', not 200"
    grep -q "$2" "$work/body" || fail "http://$1/ answers without '$2': $(head -c 200 "$work/body")"
    passed "http://$1/ answers 200"
}

is_silent()
{
    ! inside curl -s -m 2 -o /dev/null "http://$1/" || fail "http://$1/ still answers"
    passed "http://$1/ no longer answers"
}

# image NAME OPTION...: makes a Glance image and prints its identifier.
image()
{
    local name=$1
    shift
    openstack image create "$@" -f value -c id "$name"
}

# server NAME IMAGE FLAVOR: makes a server and waits until it is ACTIVE or in ERROR.
server()
{
    servers+=("$1")
    shown openstack server create --image "$2" --flavor "$3" --network public --wait -f value -c status "$1"
}

# register NAME FILE [PROPERTY...]: a Glance image with the properties that follow from FILE, and those given.
register()
{
    local name=$1 file=$2 id properties=() line
    images+=("$name")
    shift 2
    id=$(python3 -c 'import uuid; print(uuid.uuid4())')
    PYTHONPATH=$root/nova_driver python3 -m unikernel_nova.describe "$artifact" "$id" >"$work/properties"
    while read -r line; do properties+=(--property "$line"); done <"$work/properties"
    for line in "$@"; do properties+=(--property "$line"); done
    image "$name" --id "$id" --disk-format raw --container-format bare "${properties[@]}" --file "$file" >/dev/null
}

# refused NAME IMAGE REASON: a server of the image ends in ERROR, and its fault says REASON.
refused()
{
    server "$1" "$2" "${4:-u1.micro}" || true
    local message
    message=$(server_says "$1" 'it["status"] + ": " + it.get("fault", {}).get("message", "")')
    [[ $message == ERROR:*$3* ]] || fail "expected an ERROR with '$3', but: $message"
    passed "$message"
    openstack server delete --wait "$1"
    unset 'servers[-1]'
}

# nothing_left PORT...: of servers that have been deleted, with these ports.
nothing_left()
{
    [ -z "$(inside virsh --quiet list --all --name)" ] || fail "a domain is left: $(inside virsh list --all --name)"
    [ -z "$(openstack server list -f value -c ID)" ] || fail "a server is left"
    [ -z "$(openstack port list --device-owner compute:nova -f value -c ID)" ] || fail "a port is left"
    local port
    for port in "$@"; do
        ! inside ip link show "tap${port:0:11}" >/dev/null 2>&1 || fail "the tap of port $port is left"
    done
    [ -z "$(inside sh -c 'ls -d /var/lib/nova/instances/*-*-*-*-* 2>/dev/null')" ] || fail "an instance's directory is left"
    passed "no domain, server, port, tap or directory is left"
}

say "The cloud"
"$cloud" install
"$cloud" init
if ! "$cloud" status >/dev/null; then
    started=true
    shown "$cloud" start
fi

say "Images and flavors"
register hello-web "$artifact"
shown openstack image show hello-web -f value -c properties
shown python3 "$root/tests/openstack/linux_image.py" "$work/linux"
images+=(linux-kernel linux-ramdisk linux)
kernel=$(image linux-kernel --disk-format aki --container-format aki --file "$work/linux/kernel")
ramdisk=$(image linux-ramdisk --disk-format ari --container-format ari --file "$work/linux/ramdisk")
image linux --disk-format raw --container-format bare --property kernel_id="$kernel" --property ramdisk_id="$ramdisk" \
    --property os_command_line='console=ttyS0 quiet' --file "$work/linux/disk" >/dev/null
shown openstack flavor show u1.micro -f value -c name -c ram -c properties
flavors=(story.tiny story.linux)
openstack flavor create --vcpus 1 --ram 4 --disk 1 story.tiny >/dev/null
openstack flavor create --vcpus 1 --ram 256 --disk 1 story.linux >/dev/null

say "A unikernel is a server"
server web hello-web u1.micro
web=$(address_of web)
answers "$web" ''
shown openstack console log show web
openstack console log show web | grep -q "u0: net $web/24" || fail "the console does not tell the address"
passed "the console tells its address"

say "An ordinary server beside it"
server linux linux story.linux
linux=$(address_of linux)
answers "$linux" 'an ordinary server'
answers "$web" ''

say "A unikernel's life"
shown openstack server stop web
until [ "$(openstack server show web -f value -c status)" = SHUTOFF ]; do sleep 0.5; done
is_silent "$web"
openstack console log show web | grep -q 'u0: sealed' || fail "the console is not to be had of a stopped server"
passed "the console is readable of a stopped server"
shown openstack server start web
answers "$web" ''
shown openstack server reboot --soft --wait web
answers "$web" ''
shown openstack server rebuild --image hello-web --wait -f value -c status web
[ "$(address_of web)" = "$web" ] || fail "the rebuilt server has another address"
answers "$web" ''
images+=(web-snapshot)
shown openstack server image create --name web-snapshot --wait web -f value -c status
answers "$web" ''

say "What must not boot"
cp "$artifact" "$work/damaged"
# a byte that no loader looks at
printf 'X' | dd of="$work/damaged" bs=1 seek=8191 conv=notrunc status=none
register damaged "$work/damaged"
refused damaged-1 damaged 'seal does not fit'
head -c 8192 "$artifact" >"$work/truncated"
register truncated "$work/truncated"
refused truncated-1 truncated 'truncated'
register disagreeing "$artifact" unikernel_modules=console
refused disagreeing-1 disagreeing "unikernel_modules='console', but the image itself says"
register wrong-digest "$artifact" "unikernel_digest=sha256:$(printf '0%.0s' {1..64})"
refused wrong-digest-1 wrong-digest 'but unikernel_digest says'
echo 'not built yet' >"$work/bundle"
images+=(bundle)
image bundle --disk-format raw --container-format bare --property unikernel_source=bundle --file "$work/bundle" >/dev/null
refused bundle-1 bundle 'still is source'
refused tiny-1 hello-web 'MiB of memory; the flavor has 4 MiB' story.tiny
answers "$web" ''

say "Gone without a trace"
mapfile -t ports < <(openstack port list --device-owner compute:nova -f value -c ID)
for port in "${ports[@]}"; do inside ip link show "tap${port:0:11}" >/dev/null || fail "port $port has no tap"; done
shown openstack server delete --wait "${servers[@]}"
is_silent "$web"
nothing_left "${ports[@]}"
shown openstack image delete "${images[@]}"
shown openstack flavor delete "${flavors[@]}"
printf '\n%d passed, 0 failed\n' "$checks"
