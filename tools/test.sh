#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Passes the tests: style, the product from outside (command line, service, real boots of real
# images), unit tests with AddressSanitizer and UBSan, documents.
#
#   tools/test.sh                 # everything but tidy, which takes as long as all the rest, and openstack
#   tools/test.sh --openstack     # on a real OpenStack, made for it and gone afterwards; needs root
#   tools/test.sh build python    # only these stages, in this order
#   SINCE=main tools/test.sh tidy # only sources that changed since then, or that include what did
#
# What the stage unit compiles is begun at the lowest priority while stages run that mostly wait.
set -euo pipefail
cd "$(dirname "$0")/.."

stages=(dependencies style build python unit docs)
declare -A help=(
    [dependencies]="install what is missing from Debian, fetch lwIP's source"
    [build]="the programs, release preset"
    [style]="clang-format, shellcheck, pyflakes, pycodestyle, licence headers"
    [compile]="what the stage unit tests, asan preset"
    [unit]="ctest with AddressSanitizer and UndefinedBehaviorSanitizer"
    [python]="pytest: command line, service, guests"
    [docs]="Sphinx, warnings are errors"
    [tidy]="clang-tidy's allow-list"
    [openstack]="pytest inside an all-in-one OpenStack: the story, and what goes wrong"
)
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
    sed -n '3,12s/^# \{0,1\}//p' "$0"
    printf '\nStages:\n'
    for stage in "${stages[@]}" compile tidy openstack; do printf '  %-13s %s\n' "$stage" "${help[$stage]}"; done
    exit 0
fi
if [ "$*" = --openstack ]; then
    stages=(dependencies build openstack)
elif [ $# -gt 0 ]; then
    stages=("$@")
fi
for stage in "${stages[@]}"; do
    [ -n "${help[$stage]:-}" ] || { echo "$0: there is no stage '$stage'; see $0 --help" >&2; exit 2; }
done

# Debian's own Python has the modules; another one may stand before it in PATH.
python=/usr/bin/python3
jobs=$(nproc)
work=$(mktemp -d)
compiling=
# The closing line, also when a stage has failed: what pytest and ctest have counted.
finish()
{
    local status=$?
    [ -z "$compiling" ] || kill -- "-$compiling" 2>/dev/null || true
    [ -z "$(ls "$work"/*.xml 2>/dev/null)" ] || "$python" tools/count_tests.py "$work"/*.xml || status=1
    rm -rf "$work"
    exit $status
}
trap finish EXIT

our_cxx() { git ls-files '*.cc' '*.hh'; }

stage_dependencies()
{
    tools/install-dependencies.sh build run test
    tools/fetch-sources.sh
}

stage_build()
{
    tools/build.sh release -DBUILD_TESTING=ON unikernel unikernel-builder unikernel-builder-stub unikernel-glance-action
}

stage_style()
{
    our_cxx | xargs -r clang-format --dry-run -Werror
    git ls-files '*.sh' '.ci/run' | xargs -r shellcheck
    git ls-files '*.py' | xargs -r "$python" -m pyflakes
    git ls-files '*.py' | xargs -r "$python" -m pycodestyle --max-line-length=120
    local bare
    bare=$(git ls-files '*.cc' '*.hh' '*.c' '*.h' '*.S' '*.ld' '*.py' '*.sh' '*.yaml' '.ci/run' '*CMakeLists.txt' |
        xargs -r grep -L 'SPDX-License-Identifier: Apache-2.0' || true)
    [ -z "$bare" ] || { printf 'no SPDX header in:\n%s\n' "$bare"; return 1; }
}

# One at a time: who comes second finds it done.
stage_compile()
{
    mkdir -p build/asan
    exec {lock}>build/asan/.compiling
    flock "$lock"
    tools/build.sh asan -DBUILD_TESTING=ON all
}

# In a session of its own, so that it can be ended with all it runs.
compile_meanwhile()
{
    [ -z "$compiling" ] || return 0
    setsid tools/gently.sh tools/test.sh compile >"$work/compile.log" 2>&1 &
    compiling=$!
}

stage_unit()
{
    stage_compile
    ctest --preset asan -j "$jobs" --no-tests=error --output-junit "$work/unit.xml"
}

stage_python()
{
    # Much of it waits: for guests, for services, for time to pass.
    UNIKERNEL_BUILD_DIR=$PWD/build/release "$python" -m pytest -p no:cacheprovider -q -rs -n $((jobs + 1)) \
        --dist loadgroup --durations=10 --junitxml="$work/python.xml" tests
}

# A cloud that runs already is used and left running; its folder is ALLINONE_DIR.
stage_openstack()
{
    [ "$(id -u)" = 0 ] || { echo "the stage openstack needs root: for namespaces, taps and libvirt"; return 1; }
    export ALLINONE_DIR=${ALLINONE_DIR:-/var/lib/unikernel-tests}
    local cloud=devstack/allinone/cloud.sh
    "$cloud" install
    if ! "$cloud" status >/dev/null; then
        trap 'devstack/allinone/cloud.sh clean' EXIT
        "$cloud" init
        "$cloud" start
    fi
    "$python" tests/openstack/linux_image.py "$work/linux"
    "$cloud" enter env UNIKERNEL_BUILD_DIR="$PWD/build/release" UNIKERNEL_LINUX_IMAGE="$work/linux" \
        "$python" -m pytest -p no:cacheprovider -q -rs --durations=5 --junitxml="$work/openstack.xml" tests/openstack
}

stage_docs() { "$python" -m sphinx -W -q -b html doc/source "$work/doc"; }

# Leaves in a list those sources that changed since a commit, or included what did when they were last built.
keep_changed()
{
    git diff --name-only "$2" >"$work/changed"
    [ -f build/release/.ninja_deps ] && ! grep -qx '.clang-tidy' "$work/changed" || return 0
    ninja -C build/release -t deps | sed "s,\.\./\.\./,,; s,$PWD/,," |
        awk 'RS != "" { changed[$0]; print; next }
             { for (i = 8; i <= NF; ++i) if ($i in changed) { print $8; next } }' \
            "$work/changed" RS= - >"$work/wanted"
    sort "$1" <(sort -u "$work/wanted") | uniq -d >"$work/kept"
    mv "$work/kept" "$1"
}

stage_tidy()
{
    [ -f build/release/compile_commands.json ] || cmake --preset release >/dev/null
    # Sources of modules are compiled by the builder, not by CMake: they are in no compilation database.
    git ls-files 'common/*.cc' 'builder_service/*.cc' ':!builder_service/modules' \
        ':!builder_service/platforms/u0/core' >"$work/sources"
    [ -z "${SINCE:-}" ] || keep_changed "$work/sources" "$SINCE"
    xargs -r -a "$work/sources" -P "$jobs" -n 1 clang-tidy --quiet -p build/release 2>"$work/tidy.err" ||
        { grep -v ' warnings generated' "$work/tidy.err"; return 1; }
}

for stage in "${stages[@]}"; do
    case "$stage, ${stages[*]}" in openstack,*unit* | python,*unit*) compile_meanwhile ;; esac
    printf '\n== %s: %s\n' "$stage" "${help[$stage]}"
    started=$SECONDS
    # Not `stage || ...`: in a condition bash ignores `set -e` for all that the stage does.
    set +e
    (set -e; "stage_$stage")
    status=$?
    set -e
    [ $status = 0 ] || { printf '== %s failed\n' "$stage"; exit 1; }
    printf '== %s passed in %d s\n' "$stage" $((SECONDS - started))
done
printf '\nAll stages passed: %s\n' "${stages[*]}"
