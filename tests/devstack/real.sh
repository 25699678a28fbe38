#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=/dev/null disable=SC2034
# Sources DevStack's own functions in the order of its unstack.sh, with the local.conf that test_plugin.py wrote.
TOP_DIR=$DEST/devstack
FILES=$TOP_DIR/files
source "$TOP_DIR/functions"
extract_localrc_section "$TOP_DIR/local.conf" "$TOP_DIR/localrc" "$TOP_DIR/.localrc.auto"
source "$TOP_DIR/stackrc"
STACK_USER=$(id -un) # stackrc says "stack" to root
GetDistro
run_phase override_defaults
for library in apache tls infra keystone glance nova; do
    source "$TOP_DIR/lib/$library"
done
install_python3
PYTHON=$DEVSTACK_VENV/bin/python3
TEMPEST_CONFIG=$DEST/tempest/etc/tempest.conf
SSL_BUNDLE_FILE=$DATA_DIR/ca-bundle.pem # as in stack.sh
run_phase source
