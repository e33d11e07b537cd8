#!/bin/sh
# Prints the symbols of the product's objects, "SOURCE NAME TYPE" a line, for calls.awk.
#
#   sh tests/lint/calls.sh BUILD SOURCES [NM]
#
# SOURCES lists the sources to look for, one a line. A build folder may keep the object of a source
# that has moved to another library, so the newest object of a source counts. Exit 3, and the reason
# on stderr, when an object is missing or older than its source: the build says nothing then.
set -eu
LC_ALL=C
export LC_ALL

build=$1 sources=$2 nm=${3:-nm}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

[ -d "$build" ] || { echo "$build is not there" >&2; exit 3; }

# "SOURCE OBJECT", newest first: BUILD/FOLDER/CMakeFiles/TARGET.dir/INNER.c.o is FOLDER/INNER.c.
find "$build" \( -name '*.c.o' -o -name '*.c.obj' \) -path '*/CMakeFiles/*' >"$tmp/found"
[ -s "$tmp/found" ] || { echo "$build holds no objects" >&2; exit 3; }
tr '\n' '\0' <"$tmp/found" | xargs -0 ls -t >"$tmp/sorted"
awk -v build="$build/" '
    NR == FNR { wanted[$0] = 1; next }
    {
        source = substr($0, length(build) + 1)
        sub(/CMakeFiles\/[^\/]*\.dir\//, "", source)
        sub(/\.o(bj)?$/, "", source)
        if ((source in wanted) && !(source in done)) { done[source] = 1; print source, $0 }
    }' "$sources" "$tmp/sorted" >"$tmp/objects"

while read -r source; do
    object=$(awk -v source="$source" '$1 == source { print $2 }' "$tmp/objects")
    [ -n "$object" ] || { echo "$build holds no object of $source" >&2; exit 3; }
    [ -z "$(find "$source" -newer "$object")" ] ||
        { echo "$build is older than $source" >&2; exit 3; }
done <"$sources"

# With -A each symbol comes with its object's name: "OBJECT: NAME TYPE ...".
awk '{ print $2 }' "$tmp/objects" | xargs "$nm" -A -P >"$tmp/symbols"
awk 'NR == FNR { source[$2 ":"] = $1; next }
    $3 ~ /^[UTDBRVWGSC]$/ { print source[$1], $2, $3 }' "$tmp/objects" "$tmp/symbols" | sort
