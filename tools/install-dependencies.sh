#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs from Debian what the named sets need and is not there yet.
#
#   tools/install-dependencies.sh build run        # what tools/quickstart.sh uses
#   tools/install-dependencies.sh build run test   # and what tools/test.sh adds
set -euo pipefail

declare -A packages=(
    [build]="g++ binutils cmake ninja-build pkg-config libcpprest-dev libssl-dev libyaml-cpp-dev libvirt-dev
             libboost-program-options-dev nlohmann-json3-dev libsoci-dev libsoci-sqlite3-4.0 libsqlite3-dev
             libsoci-mysql4.0 libmariadb-dev
             libarchive-dev libelf-dev libsolv-dev libspdlog-dev libexpected-dev"
    [run]="g++ binutils bubblewrap qemu-system-x86 seabios libvirt-daemon libvirt-daemon-driver-qemu
           libvirt-clients curl ca-certificates dpkg-dev patch"
    [test]="libgtest-dev libgmock-dev librapidcheck-dev python3 python3-pytest python3-pytest-xdist python3-yaml python3-jsonschema python3-sphinx python3-openstackdocstheme
            python3-openstackclient python3-requests-mock python3-fixtures python3-pip python3-setuptools python3-wheel
            ccache clang-format clang-tidy shellcheck pyflakes3 pycodestyle procps iproute2 haproxy openssl chromium mariadb-server-core mariadb-client-core"
    [bench]="wrk cpio zstd iproute2 python3"
    [bench-openstack]="mmdebstrap e2fsprogs qemu-utils"
)

[ $# -gt 0 ] || { echo "usage: $0 {build|run|test|bench|bench-openstack}..." >&2; exit 2; }
wanted=()
for set in "$@"; do
    [ -n "${packages[$set]:-}" ] || { echo "$0: there is no set '$set'; sets: ${!packages[*]}" >&2; exit 2; }
    for package in ${packages[$set]}; do wanted+=("$package"); done
done

missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "$0: run as root: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
echo "Installing from Debian: ${missing[*]}"
"${as_root[@]}" apt-get update -q
# Services of these packages are not started: everything here brings its own.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
