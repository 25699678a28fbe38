# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What is done once: databases, Keystone's keys, the first identities, Nova's cells.

# step WHAT COMMAND...: runs it inside; its output goes to the log.
step()
{
    local what=$1 begun=$SECONDS
    shift
    inside env -i PATH="$PATH" LC_ALL="$LC_ALL" HOME=/root "$@" >>"$STATE/log/initialise.log" 2>&1 ||
        fail "$what failed; see $STATE/log/initialise.log"
    say "$what ($((SECONDS - begun)) s)"
}

make_databases()
{
    [ -d "$STATE/lib/mysql/mysql" ] ||
        step "MariaDB's own tables" mariadb-install-db --defaults-file=/run/cloud/etc/mysql/mariadb.cnf \
            --auth-root-authentication-method=normal --skip-test-db
    start_service mariadb
    step "databases and their users" sh -c "$DATABASES"
}

initialise_keystone()
{
    step "Keystone: tables" keystone-manage db_sync
    step "Keystone: keys of tokens" keystone-manage fernet_setup --keystone-user root --keystone-group root
    step "Keystone: keys of credentials" keystone-manage credential_setup --keystone-user root --keystone-group root
    step "Keystone: first administrator" keystone-manage bootstrap --bootstrap-password "$(<"$STATE/password")" \
        --bootstrap-region-id RegionOne --bootstrap-public-url http://127.0.0.1:5000/v3 \
        --bootstrap-internal-url http://127.0.0.1:5000/v3 --bootstrap-admin-url http://127.0.0.1:5000/v3
}

initialise_nova()
{
    step "Nova: API tables" nova-manage api_db sync
    step "Nova: cell 0, for servers that never reach a host" nova-manage cell_v2 map_cell0
    # Alone of all steps it minds having been done before.
    inside nova-manage cell_v2 list_cells 2>/dev/null | grep -qw cell1 ||
        step "Nova: cell 1" nova-manage cell_v2 create_cell --name cell1
    step "Nova: tables of the cells" nova-manage db sync
}

initialise_the_rest()
{
    step "Glance: tables" glance-manage db_sync
    step "Glance: metadata definitions" glance-manage db_load_metadefs
    step "Glance: metadata definitions of unikernels" glance-manage db_load_metadefs "$REPOSITORY/devstack/files/metadefs"
    step "Placement: tables" placement-manage db sync
    step "Neutron: tables" neutron-db-manage --config-file /etc/neutron/neutron.conf \
        --config-file /etc/neutron/plugins/ml2/ml2_conf.ini upgrade heads
}

initialise()
{
    make_databases
    # Two at a time: the migrations wait for the database as much as they compute.
    initialise_the_rest &
    local rest=$!
    initialise_keystone
    initialise_nova
    start_service keystone
    as_administrator python3 "$HERE/lib/identities.py" "$STATE/password"
    say "identities and catalogue"
    wait "$rest" || fail "initialising Glance, Placement or Neutron failed"
    stop_service keystone
    stop_service mariadb
    touch "$STATE/initialised"
}
