# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # $state, $keep and $bin are the caller's
# The story on a real OpenStack: devstack/allinone, in namespaces of its own and a folder of its own.
# All that a user would type is printed before it runs; it runs as the ordinary user "demo".

[ "$(id -u)" = 0 ] || { rmdir "$state"; die "The quick start with --openstack needs root: for Debian packages, namespaces and libvirt."; }

# A folder of its own, so that a cloud the operator has already is not touched.
export ALLINONE_DIR=${ALLINONE_DIR:-/var/lib/unikernel-quickstart}
cloud=devstack/allinone/cloud.sh
begun=$SECONDS

finish()
{
    local status=$?
    if [ $status != 0 ] && [ -d "$ALLINONE_DIR/log" ]; then
        echo "The quick start failed; the last words of the cloud's services:" >&2
        tail -n 3 "$ALLINONE_DIR"/log/{unikernel-builder,nova-compute,glance-api}.log >&2 || true
    fi
    stop_preparing
    rm -rf "$state"
    if [ "$keep" = no ]; then
        say "Ending the cloud"
        "$cloud" clean || status=1
    elif [ $status != 0 ]; then
        echo "It is left as it is: $cloud status, logs in $ALLINONE_DIR/log; ALLINONE_DIR=$ALLINONE_DIR $cloud clean ends it" >&2
    fi
    exit $status
}

# Runs an ordinary user's command inside the cloud, in this directory.
reach() { ALLINONE_OPENRC=$ALLINONE_DIR/demo-openrc "$cloud" enter "$@"; }
openstack() { reach openstack "$@"; }

# shown COMMAND...: prints the command as it would be typed, then runs it.
shown() { printf '\n$'; printf ' %q' "$@"; printf '\n'; "$@"; }

# timed VARIABLE COMMAND...: the same, and how long it took.
timed()
{
    local from
    from=$(seconds)
    shown "${@:2}"
    printf -v "$1" %s "$(elapsed "$from" "$(seconds)")"
}

address_of() { openstack server show "$1" -f json | /usr/bin/python3 -c 'import json, sys
print(next(iter(json.load(sys.stdin)["addresses"].values()))[0])'; }

# first_answer ADDRESS: waits until HTTP is answered there.
first_answer()
{
    local end=$((SECONDS + 120))
    until reach curl -s -o /dev/null --max-time 2 "http://$1/"; do
        [ $SECONDS -lt $end ] || die "http://$1/ does not answer within 120 s."
        sleep 0.2
    done
}

# What an earlier run of the quick start with --keep may have left.
forget_earlier_run()
{
    local name ids
    for name in web web2 linux; do
        mapfile -t ids < <(openstack server list --name "^$name\$" -f value -c ID)
        [ ${#ids[@]} = 0 ] || openstack server delete --wait "${ids[@]}"
    done
    for name in hello-web hello2 linux linux-kernel linux-ramdisk; do
        mapfile -t ids < <(openstack image list --name "$name" -f value -c ID)
        [ ${#ids[@]} = 0 ] || openstack image delete "${ids[@]}"
    done
    openstack unikernel requirement list -f value -c Name | grep -qx staff-only || return 0
    openstack unikernel requirement delete staff-only
}

# Compiles what images share while the cloud's services start; a build takes what is there by then.
preparing=
prepare_meanwhile()
{
    nice -n 19 "$bin/unikernel-builder" --prepare --cache "$ALLINONE_DIR/lib/unikernel/cache" >"$state/prepare.log" 2>&1 &
    preparing=$!
}
stop_preparing()
{
    [ -z "$preparing" ] || { kill "$preparing" 2>/dev/null && wait "$preparing" 2>/dev/null; } || true
    preparing=
}

bring_up_the_cloud()
{
    say "1/7 Debian packages, lwIP's source"
    install_what_it_needs
    "$cloud" install
    say "2/7 Building the builder (minutes the first time)"
    build_the_builder
    say "3/7 An OpenStack in $ALLINONE_DIR, in namespaces of its own"
    "$cloud" init
    prepare_meanwhile
    "$cloud" start
    forget_earlier_run
}

build_an_image()
{
    say "4/7 Building examples/hello-web under the requirement staff-only"
    stop_preparing
    make_staff_password
    shown openstack unikernel requirement create examples/requirements/staff-only.yaml
    timed built openstack unikernel build create --spec examples/hello-web --requirement staff-only --wait
    shown openstack image show hello-web --fit-width
}

boot_it()
{
    say "5/7 A server from it"
    timed web_active openstack server create --image hello-web --flavor u1.nano --network public --wait web -f value -c status
    web=$(address_of web)
    first_answer "$web"
    printf '\n$ curl -i http://%s/    # and /private with and without credentials\n' "$web"
    ask_all "http://$web"
    shown openstack console log show web
}

import_a_bundle()
{
    say "6/7 A source bundle becomes a bootable image, under the same id"
    tar -czf "$state/hello-web.tar.gz" -C examples/hello-web .
    shown openstack image create --import --disk-format raw --container-format bare \
        --property unikernel_source=bundle --file "$state/hello-web.tar.gz" hello2 -f value -c id -c status
    local end=$((SECONDS + 300)) status
    until status=$(openstack image show hello2 -f value -c status) && [ "$status" = active ]; do
        [ $SECONDS -lt $end ] || die "The image hello2 is '$status' after 300 s, not active."
        sleep 1
    done
    shown openstack server create --image hello2 --flavor u1.nano --network public --wait web2 -f value -c status
    web2=$(address_of web2)
    first_answer "$web2"
    ask_all "http://$web2"
}

boot_linux_beside_it()
{
    say "7/7 An ordinary Linux server on the same host"
    shown /usr/bin/python3 tests/openstack/linux_image.py "$state/linux"
    local kernel ramdisk
    # Not `tee /dev/stderr`: where that is a file it would be emptied.
    kernel=$(shown openstack image create --disk-format aki --container-format aki \
        --file "$state/linux/kernel" linux-kernel -f value -c id | tee >(cat >&2) | tail -n 1)
    ramdisk=$(shown openstack image create --disk-format ari --container-format ari \
        --file "$state/linux/ramdisk" linux-ramdisk -f value -c id | tee >(cat >&2) | tail -n 1)
    shown openstack image create --disk-format raw --container-format bare --property kernel_id="$kernel" \
        --property ramdisk_id="$ramdisk" --property os_command_line='console=ttyS0 quiet' \
        --file "$state/linux/disk" linux -f value -c status
    timed linux_active openstack server create --image linux --flavor u1.small --network public --wait linux -f value -c status
    linux=$(address_of linux)
    first_answer "$linux"
    ask 200 "the ordinary server" "http://$linux/"
    ask 200 "the unikernel, still" "http://$web/"
}

sum_up()
{
    say "What came out"
    shown openstack server list -c Name -c Status -c Networks -c Image -c Flavor
    row "build" "$built, published as the image hello-web"
    row "web" "the command took $web_active (create, until ACTIVE); answers at $web"
    row "web2" "from the imported bundle; answers at $web2"
    row "linux" "the command took $linux_active; answers at $linux"
    row "all of it" "$((SECONDS - begun)) s"
    say "Next"
    if [ "$keep" = yes ]; then
        cat <<TXT
  source "\$(ALLINONE_DIR=$ALLINONE_DIR $cloud openrc demo)"       # then: openstack server list
  ALLINONE_DIR=$ALLINONE_DIR $cloud enter curl -u staff:$STAFF_PASSWORD http://$web/private
  ALLINONE_DIR=$ALLINONE_DIR $cloud status
  ALLINONE_DIR=$ALLINONE_DIR $cloud stop          # ends it; 'start' brings it back
  ALLINONE_DIR=$ALLINONE_DIR $cloud clean         # and deletes it
TXT
    else
        cat <<TXT
  tools/quickstart.sh --openstack --keep          # the same, left running
  tools/bench.sh openstack                        # what it costs, against Linux servers
  doc/source/admin/all-in-one.rst                 # the cloud, part by part
TXT
    fi
}

trap finish EXIT
trap 'exit 130' INT TERM
bring_up_the_cloud
build_an_image
boot_it
import_a_bundle
boot_linux_beside_it
sum_up
