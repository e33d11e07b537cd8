#!/bin/sh
# Makes the folder that Wine keeps everything in, where it is not there yet: a 64-bit Windows 10.
#
#   WINEPREFIX=FOLDER sh tests/windows/lib_prefix.sh
set -eu
: "${WINEPREFIX:?is the folder to be made}"
export WINEPREFIX WINEARCH=win64 WINEDEBUG=-all LC_ALL=C.UTF-8

stamp="$(wine --version) 1"
[ "$(cat "$WINEPREFIX/.cadre" 2>/dev/null)" != "$stamp" ] || exit 0
rm -rf "$WINEPREFIX"
mkdir -p "$WINEPREFIX"
# Without these two it offers to download what a browser and .NET need.
export WINEDLLOVERRIDES="mscoree,mshtml="
timeout 300 wine wineboot -i
timeout 60 wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f
wineserver -w
printf '%s\n' "$stamp" >"$WINEPREFIX/.cadre"
