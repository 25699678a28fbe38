#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091,SC2154 # sourced by DevStack, which sourced `settings` before
# DevStack plugin: hands DevStack's phases to the functions of devstack/lib/unikernel.sh.

_XTRACE_UNIKERNEL=$(set +o | grep xtrace)
set +o xtrace

source "$UNIKERNEL_DIR/devstack/lib/unikernel.sh"

# No && and || here: in a condition bash would ignore DevStack's errexit for all that a function does.
case "$1 ${2:-}" in
    "stack pre-install") unikernel_pre_install ;;
    "stack install") unikernel_install ;;
    "stack post-config") unikernel_configure ;;
    "stack extra")
        unikernel_start
        unikernel_provision
        ;;
    "stack test-config") unikernel_configure_tempest ;;
    "unstack ") unikernel_stop ;;
    "clean ") unikernel_clean ;;
esac

$_XTRACE_UNIKERNEL
unset _XTRACE_UNIKERNEL
