# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Installs Debian's packages so that none of their services starts, now or at the next boot:
# the cloud runs its own processes inside its own namespaces, with configuration of its own.

readonly POLICY=/usr/sbin/policy-rc.d

wanted_packages() { sed -e 's/#.*//' -e '/^ *$/d' "$HERE/packages"; }

missing_packages()
{
    local package
    for package in $(wanted_packages); do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

# Maintainer scripts ask policy-rc.d before they start a service; 101 means "not allowed".
# A policy that the machine already has is kept: it stands for what its operator wants.
forbid_service_starts()
{
    [ ! -e "$POLICY" ] || return 0
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
    trap 'rm -f "$POLICY"' EXIT
}

# Where systemd is, packages enable their units for the next boot: undo that for those that came just now.
disable_units_of()
{
    command -v systemctl >/dev/null || return 0
    local package path
    for package in "$@"; do
        dpkg-query -L "$package" | while read -r path; do
            case $path in
                /lib/systemd/system/*.service | /lib/systemd/system/*.socket | /lib/systemd/system/*.timer)
                    systemctl --quiet disable "${path##*/}" 2>/dev/null || true ;;
            esac
        done
    done
}

install_packages()
{
    local missing before
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} = 0 ]; then
        say "every package is there"
        return 0
    fi
    say "installing ${#missing[@]} packages and what they depend on: ${missing[*]}"
    before=$(mktemp)
    dpkg-query -W -f='${Package}\n' | sort >"$before"
    forbid_service_starts
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold "${missing[@]}"
    # shellcheck disable=SC2046 # one word a package
    disable_units_of $(dpkg-query -W -f='${Package}\n' | sort | comm -13 "$before" -)
    rm -f "$before"
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} = 0 ] || fail "still not installed: ${missing[*]}"
}
