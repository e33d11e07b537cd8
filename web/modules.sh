#!/bin/sh
# Provides the packages that the page is built with, and prints the folder that holds them.
#
#   sh web/modules.sh [SOURCE]      (default: this folder)
#
# SOURCE has a package.json and a package-lock.json. The packages are installed once for each lock
# file, in build/deps/page (or $CADRE_DEPS_DIR/page), never in the source tree. No package's own
# script is run. Ends with 3 where node, npm or the packages cannot be had.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "${1:-$here}" && pwd)
folder=${CADRE_DEPS_DIR:-$here/../build/deps}/page

die() {
    printf 'web: %s\n' "$*" >&2
    exit 3
}

for tool in node npm; do
    command -v "$tool" >/dev/null 2>&1 || die "$tool is missing; run: sh installer/deps.sh page"
done

key=$(cat "$source/package.json" "$source/package-lock.json" | sha256sum | cut -c 1-16)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
modules=$folder/$key/node_modules
if [ ! -d "$modules" ]; then
    # Several builds may want the same packages at once: each makes its own, the first one stays.
    new=$folder/$key.$$
    trap 'rm -rf "$new"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir "$new"
    cp "$source/package.json" "$source/package-lock.json" "$new/"
    (cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) \
        >"$new.log" 2>&1 || {
        tail -n 20 "$new.log" >&2
        mv "$new.log" "$folder/npm.log"
        die "npm ci failed (see $folder/npm.log): is npm's registry within reach?"
    }
    rm -f "$new.log"
    mv -T "$new" "$folder/$key" 2>/dev/null || [ -d "$modules" ] ||
        die "$folder/$key cannot be made"
fi
printf '%s\n' "$modules"
