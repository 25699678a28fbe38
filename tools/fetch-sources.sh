#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Brings the third-party sources of u0 into the cache, each once: from Debian's source packages, by the mirrors
# this machine is configured for, without touching its configuration or package lists; or from a directory.
set -eu

usage()
{
    cat <<TEXT
usage: $(basename "$0") [--from DIR] [--cache DIR]

  --from DIR    take the source packages' files from DIR instead of a Debian mirror
  --cache DIR   keep the sources there (default: \$XDG_CACHE_HOME/unikernel/sources,
                or ~/.cache/unikernel/sources)

Which files, and their digests: $sources
TEXT
}

fail()
{
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# Beside the source tree's platforms, or installed (as unikernel-fetch-sources) in the bin beside share.
root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
u0=$root/builder_service/platforms/u0
[ -d "$u0" ] || u0=$root/share/os-unikernel/platforms/u0
sources=$u0/sources.yaml
cache=${XDG_CACHE_HOME:-$HOME/.cache}/unikernel/sources
from=
while [ $# -gt 0 ]; do
    case $1 in
    --from) from=${2:?--from needs a directory}; shift 2 ;;
    --cache) cache=${2:?--cache needs a directory}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
done
[ -f "$sources" ] || fail "$sources is missing: install the product again"
[ -z "$from" ] || [ -d "$from" ] || fail "--from $from: no such directory"

# field NAME KEY: a value of sources.yaml; files NAME: "file digest" lines.
field() { awk -v n="$1:" -v k="  $2:" '/^[^ #]/ {on = $1 == n} on && index($0, k " ") == 1 {print $2}' "$sources"; }
files() { awk -v n="$1:" '/^[^ #]/ {on = $1 == n} on && /^    / {sub(":", "", $1); print $1, $2}' "$sources"; }
names() { awk '/^[^ #].*:$/ {sub(":", ""); print}' "$sources"; }

# Package lists of our own with the machine's mirrors as sources of source packages.
prepare_apt()
{
    [ ! -e "$work/apt/ready" ] || return 0
    command -v apt-get > /dev/null || fail "no apt-get here: give the files' directory with --from"
    mkdir -p "$work/apt/parts" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    list='' parts=''
    eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
    for file in "$list" "$parts"/*.list; do
        [ ! -f "$file" ] || sed -n 's/^[[:space:]]*deb\(-src\)\{0,1\}[[:space:]]/deb-src /p' "$file"
    done | sort -u > "$work/apt/parts/lists.list"
    for file in "$parts"/*.sources; do
        [ ! -f "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" > "$work/apt/parts/$(basename "$file")"
    done
    echo "$(basename "$0"): reading the mirrors' lists of source packages"
    apt_get -q=2 update || fail "the Debian mirrors do not answer; give the files' directory with --from"
    : > "$work/apt/ready"
}

apt_get()
{
    apt-get -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/apt/parts" \
        -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o APT::Sandbox::User=root -o Acquire::Retries=3 "$@"
}

# Puts the files of one package, checked, into $work/$1.
obtain()
{
    mkdir "$work/$1"
    if [ -n "$from" ]; then
        files "$1" | while read -r file digest; do
            [ -f "$from/$file" ] || fail "$from/$file is missing (source package of $1)"
            cp "$from/$file" "$work/$1/"
        done
    else
        prepare_apt
        version=$(field "$1" debian_version)
        (cd "$work/$1" && apt_get -q=2 source --download-only "$1=$version" > "$work/log" 2>&1) || {
            cat "$work/log" >&2
            fail "the mirrors have no source package $1 $version: give its files' directory with --from"
        }
    fi
    files "$1" | while read -r file digest; do
        [ -f "$work/$1/$file" ] || fail "$file was not delivered"
        found=$(sha256sum "$work/$1/$file" | cut -d ' ' -f 1)
        [ "$found" = "$digest" ] || fail "$file: SHA-256 is $found, not $digest as in sources.yaml"
    done
}

command -v patch > /dev/null || fail "patch is missing: install the package patch"
command -v dpkg-source > /dev/null || fail "dpkg-source is missing: install the package dpkg-dev"
mkdir -p "$cache"
work=$(mktemp -d "$cache/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
for name in $(names); do
    target=$cache/$name-$(field "$name" version)
    if [ ! -d "$target" ]; then
        obtain "$name"
        # Debian's patches, its security fixes among them, are applied while unpacking.
        dpkg-source --no-check -x "$work/$name/$(field "$name" dsc)" "$work/$name/tree" > "$work/log" 2>&1 || {
            cat "$work/log" >&2
            fail "$name does not unpack"
        }
        # Ours have lines that end as everywhere else in this repository.
        find "$work/$name/tree" -name '*.[ch]' -exec sed -i 's/\r$//' {} +
        for patch in $(field "$name" patch); do
            patch -d "$work/$name/tree" -p1 -N -s < "$u0/patches/$patch" ||
                fail "$patch does not apply to $name"
        done
        # Whole or not at all; if another run was faster, its copy is as good.
        mv -T "$work/$name/tree" "$target" 2> /dev/null || [ -d "$target" ] || fail "cannot write $target"
    fi
    echo "$target"
done
