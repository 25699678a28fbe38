# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The cloud's processes: how each is called, and when it is there.
# `daemon` runs inside the namespaces; every log is $STATE/log/<service>.log.

# In the order in which they are started.  All come up at the same time: the services themselves
# retry what is not there yet, and what takes the time is Python's imports.
ALL_SERVICES=(mariadb rabbitmq memcached libvirt keystone neutron-server nova-conductor nova-scheduler nova-api
    placement-api glance-api neutron-linuxbridge neutron-dhcp nova-compute)
# In front and behind: the public door of the builder's API, and the builder.
[ "$ALLINONE_BUILDER" = none ] || ALL_SERVICES+=(haproxy unikernel-builder)
readonly ALL_SERVICES

# TCP port on which a service answers.
declare -rA PORTS=([mariadb]=3306 [rabbitmq]=5672 [memcached]=11211 [keystone]=5000 [placement-api]=8778 [glance-api]=9292
    [nova-api]=8774 [neutron-server]=9696 [haproxy]=8770 [unikernel-builder]=8771)

# daemon NAME [VARIABLE=VALUE]... COMMAND ARGUMENT...
# start-stop-daemon leaves the process to the namespaces' first one and knows when it already runs.
daemon()
{
    local name=$1
    shift
    inside start-stop-daemon --start --oknodo --quiet --background --make-pidfile \
        --pidfile "/run/services/$name.pid" --output "/var/log/$name.log" --chdir / --startas /usr/bin/env -- \
        -i PATH="$PATH" LC_ALL="$LC_ALL" HOME=/root PYTHONUNBUFFERED=1 "$@"
}

# wsgi NAME WSGI-SCRIPT [VARIABLE=VALUE]...: an API that Debian ships as a WSGI script.
wsgi()
{
    local name=$1 script=$2
    shift 2
    daemon "$name" "$@" uwsgi_python3 --ini /run/cloud/etc/uwsgi/api.ini \
        --http-socket "127.0.0.1:${PORTS[$name]}" --wsgi-file "$script" --procname "$name"
}

run_mariadb() { daemon mariadb mariadbd --defaults-file=/run/cloud/etc/mysql/mariadb.cnf; }

run_rabbitmq()
{
    daemon rabbitmq HOME=/run/cloud/lib/rabbitmq \
        RABBITMQ_CONFIG_FILE=/run/cloud/etc/rabbitmq/rabbitmq.conf \
        RABBITMQ_CONF_ENV_FILE=/run/cloud/etc/rabbitmq/rabbitmq-env.conf \
        /usr/lib/rabbitmq/bin/rabbitmq-server
}

# Where the services remember which tokens they have checked.
run_memcached() { daemon memcached memcached --user root --listen 127.0.0.1 --port 11211 --memory-limit 16; }

run_libvirt()
{
    inside rm -f /run/libvirt/libvirtd.pid
    daemon libvirt libvirtd --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirt/libvirtd.pid
}

run_keystone() { wsgi keystone /usr/bin/keystone-wsgi-public; }
run_placement-api() { wsgi placement-api /usr/bin/placement-api; }
run_glance-api() { daemon glance-api glance-api; }
# Under uwsgi's threads Nova's replies from the message broker never arrive if eventlet patches threading.
run_nova-api() { wsgi nova-api /usr/bin/nova-api-wsgi OS_NOVA_DISABLE_EVENTLET_PATCHING=1; }
run_nova-conductor() { daemon nova-conductor nova-conductor; }
run_nova-scheduler() { daemon nova-scheduler nova-scheduler; }

run_nova-compute()
{
    # It ends at once if libvirt does not answer yet.
    local end=$((SECONDS + 60))
    until inside virsh --quiet --connect qemu:///system version >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "libvirt does not answer; its log is $STATE/log/libvirt.log"
        sleep 0.2
    done
    daemon nova-compute nova-compute
}

run_neutron-server()
{
    daemon neutron-server neutron-server --config-file /etc/neutron/neutron.conf \
        --config-file /etc/neutron/plugins/ml2/ml2_conf.ini
}

run_neutron-linuxbridge()
{
    daemon neutron-linuxbridge neutron-linuxbridge-agent --config-file /etc/neutron/neutron.conf \
        --config-file /etc/neutron/plugins/ml2/linuxbridge_agent.ini
}

run_neutron-dhcp()
{
    daemon neutron-dhcp neutron-dhcp-agent --config-file /etc/neutron/neutron.conf \
        --config-file /etc/neutron/dhcp_agent.ini
}

# The shipped configuration as it is; what it takes from the environment is the same here but for the certificate.
run_haproxy()
{
    daemon haproxy UNIKERNEL_CERTIFICATE=/run/cloud/etc/haproxy/door.pem \
        haproxy -db -f "$REPOSITORY/devstack/files/haproxy/unikernel-builder.cfg"
}

run_unikernel-builder()
{
    daemon unikernel-builder HOME=/run/cloud/lib/unikernel \
        "$ALLINONE_BUILDER" --config /run/cloud/etc/unikernel/unikernel-builder.conf
}

runs() { inside start-stop-daemon --status --pidfile "/run/services/$1.pid"; }

# answers SERVICE: its port is open.  One that ended instead is told at once, with its last words.
answers()
{
    inside bash -c ": </dev/tcp/127.0.0.1/${PORTS[$1]}" 2>/dev/null && return 0
    if ! runs "$1"; then
        tail -n 5 "$STATE/log/$1.log" >&2
        fail "$1 has ended; its log is $STATE/log/$1.log"
    fi
    return 1
}

wait_for_answer()
{
    [ -n "${PORTS[$1]:-}" ] || return 0
    local end=$((SECONDS + 300))
    until answers "$1"; do
        [ "$SECONDS" -lt "$end" ] || fail "$1 does not answer on port ${PORTS[$1]}; its log is $STATE/log/$1.log"
        sleep 0.1
    done
}

start_service()
{
    "run_$1"
    wait_for_answer "$1"
}

# The whole process group: start-stop-daemon ends the process, the namespaces' end its stray children.
stop_service()
{
    inside start-stop-daemon --stop --oknodo --quiet --retry TERM/10/KILL/5 --remove-pidfile \
        --pidfile "/run/services/$1.pid"
}

service_state()
{
    if runs "$1"; then
        echo "runs${PORTS[$1]:+, port ${PORTS[$1]}}"
    else
        echo "does not run"
    fi
}

# Makes those that are missing, also in a cloud that an earlier version initialised.
readonly DATABASES='mariadb --no-defaults --socket /run/mysqld/mysqld.sock --user root </run/cloud/etc/mysql/databases.sql'

start_all_services()
{
    local service
    # The builder ends without its database; the others would wait.
    start_service mariadb
    inside sh -c "$DATABASES"
    for service in "${ALL_SERVICES[@]}"; do "run_$service"; done
    for service in "${ALL_SERVICES[@]}"; do wait_for_answer "$service"; done
    say "every API answers"
    as_administrator python3 "$HERE/lib/ready.py" "$ALLINONE_PUBLIC_PREFIX" "$REPOSITORY/devstack/files/flavors.json" \
        /run/cloud/pid
}

# Databases and the message broker want to be told; for the others the end of the namespaces is enough.
# Guests end with the namespaces: to them it is as if the power failed.
stop_all_services()
{
    inside start-stop-daemon --stop --oknodo --quiet --signal TERM --pidfile /run/services/rabbitmq.pid
    stop_service mariadb
}

as_administrator()
{
    # shellcheck source=/dev/null
    (. "$STATE/openrc" && unset -f openstack && inside "$@")
}
