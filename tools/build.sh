#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures a preset and builds targets of it.  A compiler cache, where there is one, serves all checkouts of
# this tree alike: it sees no path above them.
#
#   tools/build.sh release unikernel unikernel-builder
#   tools/build.sh asan -DBUILD_TESTING=ON all
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -ge 2 ] || { echo "usage: $0 PRESET [-DNAME=VALUE...] TARGET..." >&2; exit 2; }
preset=$1
shift
settings=()
while [[ ${1:-} == -D* ]]; do
    settings+=("$1")
    shift
done
if command -v ccache >/dev/null; then
    settings+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
fi
# Its list of what it found is of use only when something is missing.
report=$(cmake --preset "$preset" "${settings[@]}") || { printf '%s\n' "$report"; exit 1; }
exec cmake --build --preset "$preset" -j "$(nproc)" --target "$@"
