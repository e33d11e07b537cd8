#!/bin/sh
# Makes pictures of every view of the page, in light and dark.
#
#   sh web/tests/screenshots.sh OUT [BUILD]      (default: build/release)
#
# Needs a build, and what `sh installer/deps.sh page browser` installs.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -ge 1 ] || {
    echo "usage: sh web/tests/screenshots.sh OUT [BUILD]" >&2
    exit 2
}
mkdir -p "$1"
out=$(cd "$1" && pwd)
CADRE_BIN=$(cd "${2:-$root/build/release}/bin" && pwd)
CADRE_PAGE_MODULES=$(sh "$root/web/modules.sh" "$root/web/tests")
CADRE_PAGE_LOGS=$out
export CADRE_BIN CADRE_PAGE_MODULES CADRE_PAGE_LOGS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
node "$root/web/tests/screenshots.mjs" "$out"
