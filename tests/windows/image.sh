#!/bin/sh
# What the linker put into the programs for Windows: what makes attacks harder, and what people see
# of them. Needs no Wine.
set -u
: "${CADRE_WINDOWS_BIN:?is set by tests/run.sh}"
dump=x86_64-w64-mingw32-objdump
failed=0

ok() { echo "ok - $*"; }
not_ok() {
    echo "not ok - $*"
    failed=1
}

for name in cadre cadre-agent cadre-coordinator; do
    exe=$CADRE_WINDOWS_BIN/$name.exe
    $dump -p "$exe" >head.txt 2>/dev/null
    for flag in DYNAMIC_BASE NX_COMPAT HIGH_ENTROPY_VA; do
        if grep -q "^[[:space:]]*$flag\$" head.txt; then
            ok "$name has $flag"
        else
            not_ok "$name lacks $flag"
        fi
    done
    # Without relocations the image stays where it was linked, whatever the flags say.
    if $dump -h "$exe" | grep -q ' \.reloc '; then
        ok "$name can be moved"
    else
        not_ok "$name has no relocations"
    fi
    # What Explorer and the Event Viewer read, and what makes long paths and UTF-8 the program's
    # own.
    for text in longPathAware activeCodePage '<supportedOS'; do
        if grep -qaF "$text" "$exe"; then
            ok "$name declares $text"
        else
            not_ok "$name does not declare $text"
        fi
    done
    tr -d '\000' <"$exe" >narrow.bin
    if grep -qaF "OriginalFilename" narrow.bin && grep -qaF "$name.exe" narrow.bin; then
        ok "$name has a version"
    else
        not_ok "$name has no version"
    fi
    # One file to carry: every DLL is Windows' own.
    of_windows='advapi32|bcrypt|dbghelp|iphlpapi|kernel32|msvcrt|ntdll|ole32|psapi|setupapi'
    of_windows="$of_windows|shell32|user32|userenv|version|ws2_32"
    foreign=$(sed -n 's/^.*DLL Name: //p' head.txt |
        grep -viE "^($of_windows|api-ms-win-[a-z0-9-]*)\\.dll\$")
    if [ -z "$foreign" ]; then
        ok "$name needs no DLL but Windows' own"
    else
        not_ok "$name needs $(echo "$foreign" | tr '\n' ' ')"
    fi
done
[ "$failed" -eq 0 ]
