#!/bin/sh
# Installs keymint for one user: downloads the archive for this system, checks it, and copies the program.
#
#   sh install.sh [--to DIR] [--version VERSION]
#
# It needs no root and edits no shell file. KEYMINT_DOWNLOAD_URL is another URL with the archives and SHA256SUMS below
# it. To uninstall, delete the program.
set -eu

# scripts/release writes the URL of the repository here.
repository=

fail() {
    printf 'error: %s\n' "$1" >&2
    printf '%s Nothing was installed.\n' "$2" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Sets `target` to the Rust target of this system, which the name of its archive ends with.
find_target() {
    system=$(uname -s) machine=$(uname -m)
    case $system/$machine in
        Linux/x86_64 | Linux/amd64) target=x86_64-unknown-linux-musl ;;
        Linux/aarch64 | Linux/arm64) target=aarch64-unknown-linux-musl ;;
        Darwin/x86_64) target=x86_64-apple-darwin ;;
        Darwin/arm64) target=aarch64-apple-darwin ;;
        MINGW* | MSYS* | CYGWIN*)
            fail 'this script is not for Windows' 'Use pip install keymint-cli, npm install -g keymint, or the zip of the release.'
            ;;
        *) fail "keymint has no archive for $system on $machine" 'Build it with Rust, as the README describes.' ;;
    esac
}

# Downloads the file of this name into the temporary directory.
download() {
    if has curl; then
        curl -fsSL --proto "=${base%%:*}" --connect-timeout 20 --speed-limit 1 --speed-time 60 -o "$work/$1" "$base/$1"
    elif has wget; then
        case $base$(wget --help 2>&1) in
            https:*BusyBox*) fail 'the wget of busybox does not check certificates' 'Install curl, then run this again.' ;;
        esac
        # The option -T would crash the wget of busybox 1.35.
        wget -q -t 3 -O "$work/$1" "$base/$1"
    else
        fail 'neither curl nor wget was found' 'Install one of them, then run this again.'
    fi || fail "cannot download $base/$1" 'Check the network, the proxy and the version, then run this again.'
}

# Finds the archive for the target in SHA256SUMS. Sets `name`, without its ending, and `expected`, its checksum.
find_archive() {
    name='' expected=''
    while read -r checksum file || [ -n "$file" ]; do
        file=${file#\*}
        case $file in
            *[!0-9A-Za-z._+-]*) continue ;;
            "keymint-$version-$target.tar.gz") ;;
            keymint-[0-9]*"-$target.tar.gz") [ -z "$version" ] || continue ;;
            *) continue ;;
        esac
        [ -z "$name" ] || fail "$base has several versions" 'Choose one with --version.'
        name=${file%.tar.gz} expected=$checksum
    done <"$work/SHA256SUMS"
    [ -n "$name" ] || fail "$base has no archive of keymint ${version:+$version }for $target" \
        'Choose another --version, or build it with Rust, as the README describes.'
}

# Compares the archive with its checksum.
check_archive() {
    if has sha256sum; then
        actual=$(sha256sum <"$work/$name.tar.gz")
    elif has shasum; then
        actual=$(shasum -a 256 <"$work/$name.tar.gz")
    elif has openssl; then
        actual=$(openssl dgst -sha256 -r <"$work/$name.tar.gz")
    else
        fail 'the archive cannot be checked' 'Install sha256sum, shasum or openssl, then run this again.'
    fi
    [ "${actual%% *}" = "$expected" ] ||
        fail "the checksum of $base/$name.tar.gz is wrong" 'Run this again. If it fails again, report it.'
}

# Copies the program into its directory under a temporary name, and renames it if it runs.
install_program() {
    { tar -xzf "$work/$name.tar.gz" -C "$work" "$name/keymint" && [ -f "$work/$name/keymint" ]; } ||
        fail "$name.tar.gz has no program" 'Report this.'
    { mkdir -p "$to" && to=$(cd "$to" && pwd) && [ ! -d "$to/keymint" ]; } ||
        fail "$to cannot be made, or $to/keymint is a directory" 'Choose another directory with --to.'
    { new=$(mktemp "$to/.keymint.XXXXXX") && cp "$work/$name/keymint" "$new" && chmod 755 "$new"; } ||
        fail "$to cannot be written to" 'Choose another directory with --to.'
    installed=$("$new" --version) || fail "the program does not run from $to" 'Choose another directory with --to.'
    mv -f "$new" "$to/keymint" || fail "$to/keymint cannot be replaced" 'Choose another directory with --to.'
    printf 'Installed %s as %s/keymint\n' "$installed" "$to" || :
    case :$PATH: in
        *:"$to":*) ;;
        *) printf '%s is not in PATH. Add it in the profile of your shell: %s\n' "$to" "export PATH=\"$to:\$PATH\"" || : ;;
    esac
}

main() {
    to=${HOME:+$HOME/.local/bin} version='' new='' usage='Use: sh install.sh [--to DIR] [--version VERSION].'
    default='Without options it installs the newest release, as ~/.local/bin/keymint. To uninstall, delete that file.'
    while [ $# -gt 0 ]; do
        case $1 in
            --*=*) option=${1%%=*} value=${1#*=} ;;
            *)
                option=$1 value=${2-}
                [ $# = 1 ] || shift
                ;;
        esac
        shift
        case $option=$value in
            -h=* | --help=*) printf '%s\n' "$usage" "$default"; exit ;;
            --to= | --to=--* | --version= | --version=--*) fail "$option has no value" "$usage" ;;
            --to=*) to=$value ;;
            --version=[0-9]* | --version=v[0-9]*) version=${value#v} ;;
            --version=*) fail "$value is no version" "$usage" ;;
            *) fail "$option is no option" "$usage" ;;
        esac
    done
    case $to in
        '') fail 'HOME is not set' 'Choose a directory with --to.' ;;
        /*) ;;
        *) to=$PWD/$to ;;
    esac
    base=${repository:+$repository/releases/${version:+download/v}${version:-latest/download}}
    base=${KEYMINT_DOWNLOAD_URL:-$base} base=${base%/}
    [ -n "$base" ] || fail 'this copy of install.sh is not from a release' \
        'Take that of a release, or install from the clone, as the README describes.'
    case $base in
        # A name before an @ is a user, and not the host.
        http:*@*) false ;;
        https://* | http://127.0.0.1:*/*) ;;
        *) false ;;
    esac || fail "$base is no https URL" 'Set KEYMINT_DOWNLOAD_URL to one.'
    for tool in uname mktemp tar gzip; do
        has "$tool" || fail "$tool was not found" 'Install it, then run this again.'
    done
    find_target
    work=$(mktemp -d) || fail "${TMPDIR:-/tmp} cannot be written to" 'Set TMPDIR to another directory.'
    trap 'rm -rf -- "$work" ${new:+"$new"}' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 131' QUIT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
    download SHA256SUMS
    find_archive
    download "$name.tar.gz"
    check_archive
    install_program
}

# The brace makes a script that was cut off do nothing.
{ main "$@"; exit; }
