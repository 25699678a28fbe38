#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Passes the tests: style, the product from outside (command line, service, real boots of real
# images), unit tests with AddressSanitizer and UBSan, documents.
#
#   tools/test.sh                 # everything but tidy, which takes as long as all the rest
#   tools/test.sh build python    # only these stages, in this order
set -euo pipefail
cd "$(dirname "$0")/.."

stages=(dependencies style build python unit docs)
declare -A help=(
    [dependencies]="install what is missing from Debian, fetch lwIP's source"
    [build]="the programs, release preset"
    [style]="clang-format, shellcheck, pyflakes, pycodestyle, licence headers"
    [unit]="ctest with AddressSanitizer and UndefinedBehaviorSanitizer"
    [python]="pytest: command line, service, guests"
    [docs]="Sphinx, warnings are errors"
    [tidy]="clang-tidy's allow-list"
)
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
    sed -n '3,8s/^# \{0,1\}//p' "$0"
    printf '\nStages:\n'
    for stage in "${stages[@]}" tidy; do printf '  %-13s %s\n' "$stage" "${help[$stage]}"; done
    exit 0
fi
[ $# -gt 0 ] && stages=("$@")
for stage in "${stages[@]}"; do
    [ -n "${help[$stage]:-}" ] || { echo "$0: there is no stage '$stage'; see $0 --help" >&2; exit 2; }
done

# Debian's own Python has the modules; another one may stand before it in PATH.
python=/usr/bin/python3
jobs=$(nproc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

our_cxx() { git ls-files '*.cc' '*.hh'; }

stage_dependencies()
{
    tools/install-dependencies.sh build run test
    tools/fetch-sources.sh
}

# configure PRESET, then build TARGET...
build()
{
    local launcher=()
    command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    cmake --preset "$1" -DBUILD_TESTING=ON "${launcher[@]}" >"$work/cmake.log" || { cat "$work/cmake.log"; return 1; }
    cmake --build --preset "$1" -j "$jobs" --target "${@:2}"
}

stage_build() { build release unikernel unikernel-builder unikernel-builder-stub; }

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

stage_unit()
{
    build asan all
    ctest --preset asan -j "$jobs" --no-tests=error
}

stage_python()
{
    UNIKERNEL_BUILD_DIR=$PWD/build/release "$python" -m pytest -p no:cacheprovider -q -rs tests
}

stage_docs() { "$python" -m sphinx -W -q -b html doc/source "$work/doc"; }

stage_tidy()
{
    # Sources of modules are compiled by the builder, not by CMake: they are in no compilation database.
    local database=build/release
    [ -f $database/compile_commands.json ] || cmake --preset release >/dev/null
    git ls-files 'common/*.cc' 'builder_service/*.cc' ':!builder_service/modules' ':!builder_service/platforms/u0/core' |
        xargs -r -P "$jobs" -n 4 clang-tidy --quiet -p "$database" 2>"$work/tidy.err" ||
        { cat "$work/tidy.err"; return 1; }
}

for stage in "${stages[@]}"; do
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
