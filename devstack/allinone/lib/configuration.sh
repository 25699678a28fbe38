# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Renders etc/ into $STATE/etc.  Inside the namespaces $STATE/etc/nova stands where /etc/nova is,
# and so on, so the files read as they would on a machine of their own.

# Directories of /etc that the cloud has copies of: the package's files, ours over them.
readonly CONFIGURED=(keystone glance placement nova neutron libvirt)

# One secret for all of this cloud's accounts: it is made here, and lives and dies with $STATE.
make_password()
{
    [ ! -e "$STATE/password" ] || return 0
    (umask 077 && head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$STATE/password")
}

# render FILE: the template FILE with its @NAMES@ filled in, to standard output.
render()
{
    sed -e "s|@PASSWORD@|$(<"$STATE/password")|g" \
        -e "s|@COMPUTE_DRIVER@|$ALLINONE_COMPUTE_DRIVER|g" \
        -e "s|@VIRT_TYPE@|$ALLINONE_VIRT_TYPE|g" \
        -e "s|@PUBLIC_PREFIX@|$ALLINONE_PUBLIC_PREFIX|g" \
        -e "s|@DEBUG@|$ALLINONE_DEBUG|g" \
        -e "s|@REPOSITORY@|$REPOSITORY|g" \
        -e "s|@CLOUD@|$HERE/cloud.sh|g" \
        -e "s|@ALLINONE_DIR@|$STATE|g" "$1"
}

# The certificate of the builder's door with TLS, signed by itself: door.crt is what clients are to trust.
make_certificate()
{
    local directory=$STATE/etc/haproxy
    [ ! -e "$directory/door.pem" ] || return 0
    mkdir -p "$directory"
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
        -subj "/CN=unikernel-builder of an all-in-one cloud" -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" \
        -keyout "$directory/door.key" -out "$directory/door.crt" 2>/dev/null
    cat "$directory/door.crt" "$directory/door.key" >"$directory/door.pem")
}

# The sources of third parties that images are made from have been fetched and checked for this machine
# (tools/fetch-sources.sh); the cloud's builder uses them as well.
give_builder_sources()
{
    mkdir -p "$STATE"/lib/unikernel/{state,cache}
    ln -sfn "${XDG_CACHE_HOME:-$HOME/.cache}/unikernel/sources" "$STATE/lib/unikernel/cache/sources"
}

write_configuration()
{
    local directory template target
    umask 022
    mkdir -p "$STATE"/{etc,log,lib/mysql,lib/nova/instances,lib/neutron}
    mkdir -p "$STATE"/lib/glance/{images,os_glance_staging_store,os_glance_tasks_store}
    mkdir -p "$STATE"/lib/rabbitmq "$STATE"/lib/keystone/{fernet-keys,credential-keys}
    chmod 700 "$STATE"/lib/rabbitmq "$STATE"/lib/keystone/*-keys
    make_password
    make_certificate
    give_builder_sources
    python3 "$HERE/lib/python_packages.py" "$STATE/python" "$REPOSITORY"
    for directory in "${CONFIGURED[@]}"; do
        [ -d "$STATE/etc/$directory" ] || cp -a "/etc/$directory" "$STATE/etc/"
    done
    # libvirt's own NAT network would be started with it; Neutron makes the networks here.
    rm -f "$STATE/etc/libvirt/qemu/networks/autostart/default.xml"
    while read -r template; do
        target=$STATE/etc/${template#"$HERE"/etc/}
        mkdir -p "${target%/*}"
        (umask 077 && render "$template" >"$target.new")
        ! grep -HnE '@[A-Z_]+@' "$target.new" || fail "$template: this placeholder has no value"
        mv "$target.new" "$target"
    done < <(find "$HERE/etc" -type f)
    mv "$STATE"/etc/{openrc,demo-openrc} "$STATE/"
}
