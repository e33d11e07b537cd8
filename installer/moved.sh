#!/bin/sh
# Removes build folders that CMake made at another place: a tree that was copied or moved after a
# build is configured anew, where CMake would end with a complaint about its cache.
#
#   sh moved.sh FOLDER...
#
# "The same place" is what it is to CMake: the same file, by whatever name.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

value() { sed -n "s/^$1:INTERNAL=//p" "$2/CMakeCache.txt"; }

for folder in "$@"; do
    [ -f "$folder/CMakeCache.txt" ] || continue
    place=$(value CMAKE_CACHEFILE_DIR "$folder") source=$(value CMAKE_HOME_DIRECTORY "$folder")
    [ "$place/CMakeCache.txt" -ef "$folder/CMakeCache.txt" ] &&
        [ "$source/CMakeLists.txt" -ef "$root/CMakeLists.txt" ] && continue
    echo "$folder was made for $source: it is made anew"
    rm -rf "$folder"
done
