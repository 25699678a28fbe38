#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures, and prints each figure beside what it is compared with.
#
#   tools/bench.sh path              # from source to HTTP answer, unikernel against Linux
#   tools/bench.sh openstack         # `server create` on a real cloud, unikernel against Linux servers; as root
#   tools/bench.sh openstack --quick # the same, few and short measurements
#   tools/bench.sh loop              # from a changed requirement to replaced servers; its part on a cloud as root
#   tools/bench.sh resolution        # choosing modules in a repository of 10,000, against libsolv alone
#   tools/bench.sh look              # the loop's look at 500 images and 1,000 requirements
#   tools/bench.sh path --help       # all options
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
    path) program=tests/bench/bench.py needs=() ;;
    openstack) program=tests/bench/bench_cloud.py needs=(bench-openstack) ;;
    resolution)
        tools/install-dependencies.sh build >&2
        tools/build.sh release -DBUILD_TESTING=OFF resolution_bench >&2
        exec build/release/bin/resolution_bench
        ;;
    look)
        tools/install-dependencies.sh build >&2
        tools/build.sh release -DBUILD_TESTING=OFF look_bench >&2
        exec build/release/bin/look_bench builder_service/modules
        ;;
    loop) program=tests/bench/bench_loop.py needs=() ;;
    --help | -h) sed -n '3,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "$0: there are the benchmarks 'path', 'openstack', 'loop', 'look' and 'resolution'; see $0 --help" >&2; exit 2 ;;
esac
shift
for word in "$@"; do
    case "$word" in --help | -h) exec python3 "$program" --help ;; esac
done

tools/install-dependencies.sh build run bench "${needs[@]}" >&2
if [ -z "${UNIKERNEL_BUILD_DIR:-}" ]; then
    tools/fetch-sources.sh >&2
    tools/build.sh release -DBUILD_TESTING=OFF unikernel unikernel-builder >&2
fi
exec python3 "$program" "$@"
