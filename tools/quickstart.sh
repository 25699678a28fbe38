#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # the parts read what is set here
#
# From an application and a security requirement to a sealed unikernel that answers, on one machine.
#
#   tools/quickstart.sh                # under QEMU; everything it starts is gone afterwards
#   tools/quickstart.sh --openstack    # the same on a real OpenStack, made for it in namespaces (root)
#   tools/quickstart.sh ... --keep     # leaves it all running, says how to go on and how to stop it
set -euo pipefail
cd "$(dirname "$0")/.."

keep=no
part=local
for word in "$@"; do
    case $word in
        --keep) keep=yes ;;
        --openstack) part=openstack ;;
        --help | -h) sed -n '5,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) echo "$0: unknown option '$word'; see $0 --help" >&2; exit 2 ;;
    esac
done

# shellcheck source=/dev/null
. tools/quickstart/common.sh
state=$(mktemp -d "${TMPDIR:-/tmp}/unikernel-quickstart.XXXXXX")
# shellcheck source=/dev/null
. "tools/quickstart/$part.sh"
