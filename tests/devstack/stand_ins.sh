#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # variables that the plugin reads
# Stand-ins for the functions and variables of DevStack that the plugin uses: what DevStack's documentation says of
# them and no more. The same tests run over DevStack's own where DEVSTACK_DIR names a checkout.

STACK_USER=$(id -un)
TOP_DIR=$DEST/devstack
FILES=$TOP_DIR/files
NOVA_DIR=$DEST/nova
NOVA_CONF=/etc/nova/nova.conf
GLANCE_API_CONF=/etc/glance/glance-api.conf
GLANCE_IMAGE_IMPORT_CONF=/etc/glance/glance-image-import.conf
GLANCE_IMAGE_DIR=$DATA_DIR/glance/images
GLANCE_BIN_DIR=$DEVSTACK_VENV/bin
REGION_NAME=RegionOne
SERVICE_HOST=127.0.0.1
FLOATING_RANGE=172.24.4.0/24
FIXED_RANGE=10.0.0.0/22
SERVICE_LISTEN_ADDRESS=0.0.0.0
SERVICE_PROTOCOL=http
SERVICE_TIMEOUT=60
VIRT_DRIVER=${VIRT_DRIVER:-libvirt}
MYSQL_SERVICE_NAME=${MYSQL_SERVICE_NAME:-mariadb}
GLOBAL_VENV=True
PYTHON=$DEVSTACK_VENV/bin/python3
TEMPEST_CONFIG=$DEST/tempest/etc/tempest.conf
KEYSTONE_SERVICE_URI=http://127.0.0.1/identity
SSL_BUNDLE_FILE=$DATA_DIR/ca-bundle.pem
SERVICE_PASSWORD=secret
if [[ ",$ENABLED_SERVICES," == *,tls-proxy,* ]]; then
    SERVICE_PROTOCOL=https
    KEYSTONE_SERVICE_URI=https://127.0.0.1/identity
fi

function define_plugin { :; }
function enable_service { ENABLED_SERVICES+=",$1"; }
function is_ubuntu { true; }

function is_service_enabled { # true if any of them is
    local service
    for service; do
        [[ ",$ENABLED_SERVICES," != *,"$service",* ]] || return 0
    done
    return 1
}

function die {
    echo "[ERROR] $2" >&2
    exit 1
}

function recreate_database { # name
    echo "recreate_database $1" >> "$RECORDS/databases"
}

function database_connection_url { # name
    echo "mysql+pymysql://root:secret@127.0.0.1/$1?charset=utf8"
}

function trueorfalse { # default, name of a variable
    local value=${!2:-$1}
    case ${value,,} in
        1 | yes | true | y) echo True ;;
        0 | no | false | n) echo False ;;
        *) echo "$1" ;;
    esac
}

function iniset { python3 "$TESTS/ini.py" set "$@"; }
function iniget { python3 "$TESTS/ini.py" get "$@"; }
function inidelete { python3 "$TESTS/ini.py" delete "$@"; }

function pip_install {
    [[ "$OFFLINE" == "True" ]] || "$DEVSTACK_VENV/bin/pip" install "$@"
}

function configure_keystoneauth { # file, user, section
    local key
    for key in auth_type=password interface=public auth_url="$KEYSTONE_SERVICE_URI" username="$2" \
        password="$SERVICE_PASSWORD" user_domain_name=Default project_name=service project_domain_name=Default; do
        iniset "$1" "$3" "${key%%=*}" "${key#*=}"
    done
}

function configure_keystone_authtoken_middleware { # file, user, section, service type
    configure_keystoneauth "$1" "$2" "$3"
    local key
    for key in www_authenticate_uri="$KEYSTONE_SERVICE_URI" cafile="$SSL_BUNDLE_FILE" \
        memcached_servers=localhost:11211 service_type="$4"; do
        iniset "$1" "$3" "${key%%=*}" "${key#*=}"
    done
}

function create_service_user { # name, role beside "service"
    openstack user create "$1" --or-show
    openstack role add service --user "$1" --project service
    openstack role add "$2" --user "$1" --project service
}

function get_or_create_service { # name, type, description
    openstack service show "$2" || openstack service create "$2" --name "$1" --description "$3"
}

function get_or_create_endpoint { # type, region, public URL, admin URL, internal URL
    local interface
    for interface in public admin internal; do
        if [[ -z "$(openstack endpoint list --service "$1" --interface "$interface" --region "$2")" ]]; then
            openstack endpoint create "$1" "$interface" "$3" --region "$2"
        fi
        [[ -z "${4:-}" ]] || set -- "$1" "$2" "${@:4}"
    done
}

function run_process { # service, command
    local unit=/etc/systemd/system/devstack@$1.service
    iniset "$unit" Service ExecStart "$2"
    sudo systemctl enable "devstack@$1.service"
    sudo systemctl start "devstack@$1.service"
}

function stop_process {
    if sudo systemctl is-enabled "devstack@$1.service"; then
        sudo systemctl stop "devstack@$1.service"
        sudo systemctl disable "devstack@$1.service"
    fi
}

function apache_site_config_for { echo "/etc/apache2/sites-available/$1.conf"; }

function start_tls_proxy { # service, front host, front port, back host, back port
    printf 'Listen %s\nProxyPass http://%s:%s/\n' "$3" "$4" "$5" > "$(apache_site_config_for "$1-tls-proxy")"
    sudo a2ensite "$1-tls-proxy"
}

function wait_for_service { # seconds, URL
    curl -k -s -o /dev/null "$2"
}

function run_phase { # mode, phase
    # shellcheck source=/dev/null
    source "$DEST/os-unikernel/devstack/plugin.sh" "$1" "${2:-}"
}

# shellcheck source=/dev/null
source "$DEST/os-unikernel/devstack/settings"
