#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=/dev/null
# Runs phases of the plugin as stack.sh, unstack.sh and clean.sh do: over DevStack's own functions from
# /opt/stack/devstack if they are there, else over the stand-ins. test_plugin.py prepares what is below /opt/stack
# and /etc, in a mount namespace.
#
#   phases.sh stack:install unstack: clean:
export DEST=/opt/stack DATA_DIR=/opt/stack/data DEVSTACK_VENV=/opt/stack/data/venv

functions_before=$(declare -F | sort)
if [[ -d $DEST/devstack/lib ]]; then
    source "$TESTS/real.sh"
else
    source "$TESTS/stand_ins.sh"
fi
functions_of_devstack=$(declare -F | sort)

for phase; do
    mode=${phase%%:*}
    set +o errexit
    [[ $mode != stack ]] || set -o errexit
    set -o xtrace
    before="$SHELLOPTS $BASHOPTS"
    run_phase "$mode" "${phase#*:}"
    after="$SHELLOPTS $BASHOPTS"
    set +o xtrace
    [[ $before == "$after" ]] || {
        printf '%s changed the shell options from\n  %s\nto\n  %s\n' "$phase" "$before" "$after"
        exit 3
    }
    echo "$phase is done"
done

comm -13 <(printf '%s\n%s\n' "$functions_before" "$functions_of_devstack" | sort -u) <(declare -F | sort) \
    > "$RECORDS/functions"
