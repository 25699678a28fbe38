#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures, and prints each figure beside what it is compared with.
#
#   tools/bench.sh path            # from source to HTTP answer, unikernel against Linux
#   tools/bench.sh path --quick    # the same, few and short measurements
#   tools/bench.sh path --help     # all options
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
    path) shift ;;
    --help | -h) sed -n '3,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "$0: there is one benchmark, 'path'; see $0 --help" >&2; exit 2 ;;
esac
for word in "$@"; do
    case "$word" in --help | -h) exec python3 tests/bench/bench.py --help ;; esac
done

tools/install-dependencies.sh build run bench >&2
if [ -z "${UNIKERNEL_BUILD_DIR:-}" ]; then
    tools/fetch-sources.sh >&2
    cmake --preset release >/dev/null
    cmake --build --preset release --target unikernel >&2
fi
exec python3 tests/bench/bench.py "$@"
