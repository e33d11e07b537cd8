#!/bin/sh
# Runs one unit test program under Wine, for tests/run.sh. Its output gets Unix line ends.
# File names are UTF-8 for Wine only where the locale says so.
export WINEARCH=win64 WINEDEBUG=-all LC_ALL=C.UTF-8
{ { wine "$1" </dev/null 3>&-; echo $? >&3; } | tr -d '\r' >&4; } 3>code 4>&1
exit "$(cat code)"
