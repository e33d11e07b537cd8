#!/bin/sh
# Builds the page.
#
#   sh web/build.sh [--plain] OUT
#
# Leaves index.html, app.js and app.css in the folder OUT, each with its .gz. The same sources make
# the same bytes. Ends with 3 where node, npm or the packages cannot be had, and with 1 where the
# sources do not build.
#
# --plain: what takes its place where there is no node. It has an empty app.js and app.css.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
plain=
if [ "${1:-}" = --plain ]; then
    plain=yes
    shift
fi
[ $# -eq 1 ] || {
    echo "usage: sh web/build.sh [--plain] OUT" >&2
    exit 2
}
limit=122880 # bytes of all three, compressed

mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d "$out/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if [ -n "$plain" ]; then
    cp "$here/plain.html" "$work/index.html"
    : >"$work/app.js"
    : >"$work/app.css"
else
    modules=$(sh "$here/modules.sh") || exit
    # Of main.js and all that it imports; the style sheets that it imports become app.css.
    (cd "$here" && NODE_PATH="$modules" "$modules/.bin/esbuild" src/main.js --bundle --minify \
        --format=iife --target=es2020 --charset=utf8 --legal-comments=none --log-level=warning \
        --outfile="$work/app.js") || exit 1
    cp "$here/src/index.html" "$work/index.html"
    [ -f "$work/app.css" ] || {
        echo "web: src/main.js imports no style sheet" >&2
        exit 1
    }
fi

total=0
for file in index.html app.js app.css; do
    gzip -9 -n <"$work/$file" >"$work/$file.gz"
    total=$((total + $(wc -c <"$work/$file.gz")))
done
[ "$total" -le "$limit" ] || {
    echo "web: the page has $total bytes when compressed; its limit is $limit" >&2
    exit 1
}
for file in index.html app.js app.css; do
    mv "$work/$file" "$work/$file.gz" "$out/"
done
