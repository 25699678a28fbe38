#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # settings, and DevStack's variables
# What the DevStack plugin does. Sourced by devstack/plugin.sh; uses DevStack's functions.
#
# Each function may run again over what an earlier run left. stack.sh runs with errexit, unstack.sh and clean.sh
# without; nothing here calls exit, `die` does it where DevStack itself would.

# Names that OpenStack's services load: Nova's compute driver, Glance's import plugin and store.
UNIKERNEL_NOVA_DRIVER=unikernel.UnikernelDriver
UNIKERNEL_PREFIX=$UNIKERNEL_DATA_DIR/install
UNIKERNEL_BUILDER=$UNIKERNEL_PREFIX/bin/unikernel-builder

# ---- pre-install

function unikernel_pre_install {
    if ! is_ubuntu; then
        die $LINENO "os-unikernel builds images with Debian's compilers and libraries: use Debian or Ubuntu"
    fi
    if [[ "$VIRT_DRIVER" != "libvirt" ]]; then
        die $LINENO "os-unikernel extends Nova's libvirt driver: keep VIRT_DRIVER=libvirt (it is '$VIRT_DRIVER')"
    fi
    if [[ "$UNIKERNEL_GLANCE_STORE" == "True" && "$GLANCE_ENABLE_MULTIPLE_STORES" != "True" ]]; then
        die $LINENO "UNIKERNEL_GLANCE_STORE=True adds a store to others: set GLANCE_ENABLE_MULTIPLE_STORES=True"
    fi
}

# ---- install

function unikernel_install {
    if is_service_enabled unikernel-builder; then
        _unikernel_install_builder
        _unikernel_install_sources
    fi
    _unikernel_install_python
}

# The commit that is checked out, and whether files differ from it.
function _unikernel_revision {
    local changes
    changes=$(git -C "$UNIKERNEL_DIR" status --porcelain)
    echo "$(git -C "$UNIKERNEL_DIR" rev-parse HEAD)${changes:+ changed}"
}

# Compiles outside of the repository, and only what changed since the last run.
function _unikernel_install_builder {
    local build=$UNIKERNEL_DATA_DIR/build
    local stamp=$UNIKERNEL_PREFIX/revision
    local revision
    revision=$(_unikernel_revision)
    if [[ "$revision" != *" changed" && -x "$UNIKERNEL_BUILDER" && "$(cat "$stamp" 2>/dev/null)" == "$revision" ]]; then
        echo "unikernel-builder $revision is installed already"
    else
        sudo install -d -o "$STACK_USER" "$UNIKERNEL_DATA_DIR" "$build" "$UNIKERNEL_PREFIX"
        cmake -S "$UNIKERNEL_DIR" -B "$build" -G Ninja -D CMAKE_BUILD_TYPE=Release -D BUILD_TESTING=OFF \
            -D CMAKE_INSTALL_PREFIX="$UNIKERNEL_PREFIX"
        cmake --build "$build" -j "$UNIKERNEL_BUILD_JOBS"
        cmake --install "$build"
        echo "$revision" > "$stamp"
    fi
    sudo ln -sfn "$UNIKERNEL_PREFIX/bin/unikernel" "$UNIKERNEL_LINK_DIR/unikernel"
}

# Third-party sources that go into images, once; without a network they must lie in UNIKERNEL_SOURCES_FROM.
function _unikernel_install_sources {
    local from=()
    if [[ "$OFFLINE" == "True" ]]; then
        from=(--from "$UNIKERNEL_SOURCES_FROM")
    fi
    "$UNIKERNEL_PREFIX/bin/unikernel-fetch-sources" --cache "$UNIKERNEL_DATA_DIR/cache/sources" "${from[@]}"
}

# DevStack's setup_develop wants a setup.cfg and ends stack.sh without one, hence pip_install.
function _unikernel_install_python {
    local check=()
    pip_install -e "$UNIKERNEL_DIR/common/python"
    check+=(openstack.cli.extension/unikernel)
    if is_service_enabled g-api; then
        pip_install -e "$UNIKERNEL_DIR/glance_store"
        check+=(glance_store.drivers/unikernel glance.image_import.plugins/unikernel_build)
    fi
    if is_service_enabled n-cpu; then
        # The other way of editable installations would put an empty package `nova` before Nova's own.
        pip_install --config-settings editable_mode=compat -e "$UNIKERNEL_DIR/nova_driver"
        ln -sfn "$UNIKERNEL_DIR/nova_driver/shim/nova/virt/unikernel" "$NOVA_DIR/nova/virt/unikernel"
        check+=("nova.virt.${UNIKERNEL_NOVA_DRIVER/.Unikernel/:Unikernel}")
    fi
    if ! "${PYTHON:-python3}" "$UNIKERNEL_DIR/devstack/files/check_python.py" "${check[@]}"; then
        die $LINENO "OpenStack's Python does not load what os-unikernel installed; the lines above say what and why"
    fi
}

# ---- post-config: Keystone answers; Nova and Glance are configured and not started yet

function unikernel_configure {
    if is_service_enabled unikernel-builder; then
        _unikernel_configure_builder
        _unikernel_create_accounts
    fi
    if is_service_enabled n-cpu; then
        # start_nova_compute copies nova.conf to nova-cpu.conf. For emulated hosts it then switches the APIC
        # off in there; the driver switches it on again for unikernels, whose timer it is.
        iniset "$NOVA_CONF" DEFAULT compute_driver "$UNIKERNEL_NOVA_DRIVER"
    fi
    if is_service_enabled g-api; then
        _unikernel_configure_glance
    fi
}

function _unikernel_listen {
    if is_service_enabled tls-proxy; then
        echo "127.0.0.1:$UNIKERNEL_SERVICE_PORT_INT"
    else
        echo "$UNIKERNEL_SERVICE_LISTEN_ADDRESS:$UNIKERNEL_SERVICE_PORT"
    fi
}

function _unikernel_configure_builder {
    local listen boot_check
    listen=$(_unikernel_listen)
    boot_check=$(trueorfalse True UNIKERNEL_BOOT_CHECK)
    sudo install -d -o "$STACK_USER" -m 0750 "$UNIKERNEL_CONF_DIR"
    # It holds a password: written anew, and readable by its owner alone from the first byte on.
    rm -f "$UNIKERNEL_CONF"
    (umask 077 && cat > "$UNIKERNEL_CONF") <<TEXT
# Written by DevStack's plugin os-unikernel at each stack.sh.
identity = keystone
listen = $listen
public-url = $UNIKERNEL_SERVICE_URL
policy-file = $UNIKERNEL_CONF_DIR/policy.yaml
state = $UNIKERNEL_DATA_DIR/state
cache = $UNIKERNEL_DATA_DIR/cache
boot-check = ${boot_check,,}
libvirt-uri = private
TEXT
    configure_keystone_authtoken_middleware "$UNIKERNEL_CONF" unikernel keystone_authtoken unikernel
    # Without TLS DevStack names a file of certificates that it never makes; the builder would not start.
    if [[ ! -f "$SSL_BUNDLE_FILE" ]]; then
        inidelete "$UNIKERNEL_CONF" keystone_authtoken cafile
    fi
    iniset "$UNIKERNEL_CONF" keystone_authtoken region_name "$REGION_NAME"
    iniset "$UNIKERNEL_CONF" keystone_authtoken service_token_roles_required True
    if [[ "$UNIKERNEL_USE_MARIADB" == "True" ]]; then
        # As those of other services, the tables are new after each stack.sh, and with them the images they tell of.
        recreate_database unikernel
        rm -rf "$UNIKERNEL_DATA_DIR/state"
        iniset "$UNIKERNEL_CONF" database connection "$(database_connection_url unikernel)"
    fi
    iniset "$UNIKERNEL_CONF" glance publish true
    iniset "$UNIKERNEL_CONF" glance region_name "$REGION_NAME"
    iniset "$UNIKERNEL_CONF" glance interface public
    iniset "$UNIKERNEL_CONF" nova region_name "$REGION_NAME"
    iniset "$UNIKERNEL_CONF" nova interface public
    iniset "$UNIKERNEL_CONF" reconcile probe_networks "$UNIKERNEL_PROBE_NETWORKS"
    # An operator's own rules stay.
    if [[ ! -e "$UNIKERNEL_CONF_DIR/policy.yaml" ]]; then
        cp "$UNIKERNEL_DIR/devstack/files/policy.yaml" "$UNIKERNEL_CONF_DIR/policy.yaml"
    fi
}

function _unikernel_create_accounts {
    # The role admin: images belong to the projects that ordered them, and Glance lets nobody else say so.
    create_service_user unikernel admin
    get_or_create_service unikernel unikernel "Unikernel Build Service"
    get_or_create_endpoint unikernel "$REGION_NAME" \
        "$UNIKERNEL_SERVICE_URL" "$UNIKERNEL_SERVICE_URL" "$UNIKERNEL_SERVICE_URL"
}

# DevStack writes enabled_backends and image_import_plugins anew at each stack.sh, so nothing is to be undone.
function _unikernel_configure_glance {
    local plugins
    plugins=$(iniget "$GLANCE_IMAGE_IMPORT_CONF" image_import_opts image_import_plugins | tr -d "[]' ")
    if [[ ",$plugins," != *,unikernel_build,* ]]; then
        # Before others: they are to see the image, not what it is built from.
        plugins=unikernel_build${plugins:+,$plugins}
        iniset "$GLANCE_IMAGE_IMPORT_CONF" image_import_opts image_import_plugins "[$plugins]"
    fi
    # Glance's own account, whose role "service" lets a build outlast the user's token. The builder is in the catalogue.
    configure_keystoneauth "$GLANCE_API_CONF" glance unikernel
    iniset "$GLANCE_API_CONF" unikernel region_name "$REGION_NAME"
    if is_service_enabled tls-proxy; then
        iniset "$GLANCE_API_CONF" unikernel cafile "$SSL_BUNDLE_FILE"
    fi
    if [[ "$UNIKERNEL_GLANCE_STORE" == "True" ]]; then
        _unikernel_add_glance_store
    fi
}

# Beside the stores that DevStack made, of which one stays the default.
function _unikernel_add_glance_store {
    local backends
    backends=$(iniget "$GLANCE_API_CONF" DEFAULT enabled_backends)
    if [[ ",$backends," != *,builder:unikernel,* ]]; then
        iniset "$GLANCE_API_CONF" DEFAULT enabled_backends "$backends,builder:unikernel"
    fi
    iniset "$GLANCE_API_CONF" builder store_description "Sealed unikernel images, kept by the builder"
}

# ---- extra: all services answer

function unikernel_start {
    if ! is_service_enabled unikernel-builder; then
        return 0
    fi
    run_process unikernel-builder "$UNIKERNEL_BUILDER --config $UNIKERNEL_CONF"
    if is_service_enabled tls-proxy; then
        start_tls_proxy unikernel '*' "$UNIKERNEL_SERVICE_PORT" 127.0.0.1 "$UNIKERNEL_SERVICE_PORT_INT"
    fi
    echo "Waiting for unikernel-builder at $UNIKERNEL_SERVICE_URL to answer..."
    if ! wait_for_service "$SERVICE_TIMEOUT" "$UNIKERNEL_SERVICE_URL/healthcheck"; then
        die $LINENO "unikernel-builder did not start; see: journalctl -u devstack@unikernel-builder"
    fi
}

# What users find: flavors, the meaning of properties, a first image.
function unikernel_provision {
    if is_service_enabled n-api; then
        OS_CLOUD=devstack-admin "${PYTHON:-python3}" "$UNIKERNEL_DIR/devstack/files/create_flavors.py" \
            "$UNIKERNEL_DIR/devstack/files/flavors.json"
    fi
    if is_service_enabled g-api; then
        # Loads namespaces that are not there yet.
        "$GLANCE_BIN_DIR/glance-manage" --config-file "$GLANCE_API_CONF" \
            db_load_metadefs "$UNIKERNEL_DIR/devstack/files/metadefs"
    fi
    if is_service_enabled unikernel-builder && is_service_enabled g-api && [[ -n "$UNIKERNEL_FIRST_IMAGE" ]]; then
        _unikernel_create_first_image
    fi
}

function _unikernel_create_first_image {
    local name=$UNIKERNEL_FIRST_IMAGE
    if ! openstack --os-cloud devstack image show "$name" -f value -c id 2>/dev/null; then
        openstack --os-cloud devstack unikernel build create --spec "$UNIKERNEL_DIR/examples/$name" --wait
    fi
}

# ---- test-config

function unikernel_configure_tempest {
    if is_service_enabled tempest && is_service_enabled unikernel-builder; then
        iniset "$TEMPEST_CONFIG" service_available unikernel True
    fi
}

# ---- unstack, clean

# unstack.sh stops Apache, and with it the TLS proxy.
function unikernel_stop {
    stop_process unikernel-builder
}

function unikernel_clean {
    local link=$UNIKERNEL_LINK_DIR/unikernel
    if [[ "$(readlink "$link")" == "$UNIKERNEL_PREFIX/bin/unikernel" ]]; then
        sudo rm -f "$link"
    fi
    # An editable Nova outlives clean.sh; a real folder of that name is not ours.
    if [[ -L "$NOVA_DIR/nova/virt/unikernel" ]]; then
        rm -f "$NOVA_DIR/nova/virt/unikernel"
    fi
    sudo rm -f "$(apache_site_config_for unikernel-tls-proxy)"
    sudo rm -rf "$UNIKERNEL_CONF_DIR" "$UNIKERNEL_DATA_DIR"
    # clean.sh removes DevStack's virtual environment with all in it.
    if [[ "$GLOBAL_VENV" != "True" ]]; then
        local package
        for package in unikernel-nova unikernel-glance unikernelclient; do
            pip_uninstall "$package"
        done
    fi
}
