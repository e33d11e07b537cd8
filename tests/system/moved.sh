#!/bin/sh
# A tree that was copied or moved after a build is configured anew, where CMake alone ends with a
# complaint about its cache. The tree here has the real scripts; what it builds are programs that
# exist already.
. "$(dirname "$0")/lib.sh"

mkdir -p one/installer
cp "$CADRE_ROOT/installer/quickstart.sh" "$CADRE_ROOT/installer/moved.sh" one/installer/
printf 'exit 0\n' >one/installer/deps.sh
cat >one/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.22)
project(one LANGUAGES NONE)
add_custom_target(programs ALL COMMAND ${CMAKE_COMMAND} -E copy_directory
    "$ENV{CADRE_BIN}" "${CMAKE_BINARY_DIR}/bin")
END
cp "$CADRE_ROOT/CMakePresets.json" one/

configure() { (cd "$1" && cmake --preset release) >configure.log 2>&1; }
moved() { sh "$1/installer/moved.sh" "$1/build/release" >moved.log 2>&1; }
first_note() { echo kept >"$1/build/release/note"; }
quickstart() { # quickstart TREE LOG
    sh "$1/installer/quickstart.sh" >"$2" 2>&1
    quickstart_code=$?
    pids="$pids $(cat "$1"/build/quickstart/*.pid | tr '\n' ' ')"
    return $quickstart_code
}
note_of() { cat "$1/build/release/note" 2>/dev/null; }

# ---- the script ----

moved one
is "a tree that was never built is left alone" "0 " "$? $(cat moved.log)"
holds "it is configured" configure one
first_note one
moved one
is "where it was built it is left alone" "kept " "$(note_of one) $(cat moved.log)"
ln -s one link
moved link
is "so it is by another name of the same folder" "kept " "$(note_of one) $(cat moved.log)"
cp -R one copied
holds "CMake refuses a copy" sh -c '! (cd copied && cmake --preset release) >/dev/null 2>&1'
moved copied
has "a copy is made anew, and that is said" moved.log "was made for .*/one: it is made anew"
is "nothing is left in it" "" "$(note_of copied)"
is "the first tree keeps what it has" kept "$(note_of one)"
holds "the copy is configured" configure copied
mv one elsewhere
moved elsewhere
has "so is a tree that was moved" moved.log "it is made anew"
holds "and it is configured" configure elsewhere
mkdir "with space"
cp -R elsewhere "with space/tree"
moved "with space/tree"
holds "also into a folder with a space in its name" configure "with space/tree"
rm -rf "copied/build/release/CMakeCache.txt"
first_note copied
moved copied
is "a folder that CMake did not make is left alone" kept "$(note_of copied)"

# ---- the scripts that use it ----

quickstart elsewhere first
is "the quick start runs" 0 $?
cp -R elsewhere twin
quickstart twin second
is "and in a copy beside it, while it runs" 0 $?
has "with an agent of its own" second 'begins anew' 'ONLINE' '^exit code: 7'
[ "$failures" -eq 0 ] || tail -n 20 second
sh twin/installer/quickstart.sh stop >stopped 2>&1
sh elsewhere/installer/quickstart.sh stop >stopped 2>&1
mv elsewhere again
quickstart again second
is "and after the tree was moved" 0 $?
has "with the agent that it had" second 'ONLINE' '^exit code: 7'
[ "$failures" -eq 0 ] || tail -n 20 second
sh again/installer/quickstart.sh stop >stopped 2>&1
has "it stops" stopped 'coordinator stopped' 'agent stopped'
done_testing
