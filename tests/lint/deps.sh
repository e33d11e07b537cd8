#!/bin/sh
# Configures a small project with cmake/deps.cmake against made-up prefixes, and looks from where
# each library and its header were taken. Prints lines "ok - ..." or "not ok - ...", as
# tests/README.md has it. The files of the prefixes are empty but for a version: nothing is compiled
# against them.
#
#   sh tests/lint/deps.sh
set -eu
LC_ALL=C
export LC_ALL
unset CADRE_DEPS_DIR

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

deps=$tmp/deps       # what installer/deps.sh would make
system=$tmp/system   # stands for /usr
project=$tmp/project
build=$tmp/build
mkdir -p "$project"
cat >"$project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(deps C)
set(CMAKE_SYSTEM_PREFIX_PATH "$system")
list(APPEND CMAKE_MODULE_PATH "$top/cmake")
include(deps)
file(WRITE "\${CMAKE_BINARY_DIR}/found" "")
foreach(name IN ITEMS mbedtls uv)
    get_target_property(include dep_\${name} INTERFACE_INCLUDE_DIRECTORIES)
    get_target_property(libraries dep_\${name} INTERFACE_LINK_LIBRARIES)
    foreach(item IN LISTS include libraries)
        if(item MATCHES "^/")
            file(APPEND "\${CMAKE_BINARY_DIR}/found" "\${name} \${item}\n")
        endif()
    endforeach()
endforeach()
END

put() { # put FILE [CONTENT]
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "${2:-}" >"$1"
}

mbedtls() { # mbedtls PREFIX VERSION: header and libraries; before version 3 it stood elsewhere
    put "$1/include/mbedtls/ssl.h"
    case $2 in
    2.*) put "$1/include/mbedtls/version.h" "#define MBEDTLS_VERSION_STRING \"$2\"" ;;
    *) put "$1/include/mbedtls/build_info.h" "#define MBEDTLS_VERSION_STRING         \"$2\"" ;;
    esac
    for lib in mbedtls mbedx509 mbedcrypto; do
        put "$1/lib/lib$lib.a"
    done
}

start() { # a system without mbedTLS, and no deps but llhttp
    rm -rf "$deps" "$system" "$build"
    for file in llhttp.c api.c http.c; do
        put "$deps/llhttp/$file"
    done
    put "$system/include/uv.h"
    put "$system/include/cjson/cJSON.h"
    put "$system/include/sqlite3.h"
    put "$system/include/yaml.h"
    for lib in uv cjson sqlite3 yaml; do
        put "$system/lib/lib$lib.so"
    done
}

configure() { # configure [OPTION...]: leaves its end in $rc, its text in $tmp/log
    rc=0
    rm -f "$build/found"
    cmake -S "$project" -B "$build" -DCADRE_DEPS_DIR="$deps" "$@" >"$tmp/log" 2>&1 || rc=$?
}

result() { # result NAME 0|1: 0 is good
    if [ "$2" -eq 0 ]; then
        echo "ok - $1"
        return 0
    fi
    echo "not ok - $1"
    failed=$((failed + 1))
    sed 's/^/    | /' "$tmp/log"
    [ ! -f "$build/found" ] || sed 's/^/    | found: /' "$build/found"
}

# comes_from NAME LIBRARY PREFIX COUNT: COUNT files of LIBRARY were taken, all of them from PREFIX.
comes_from() {
    bad=0
    [ "$rc" -eq 0 ] && awk -v lib="$2" -v prefix="$3/" -v count="$4" '
        $1 == lib { n++; if (index($2, prefix) != 1) wrong = 1 }
        END { exit !(n == count && !wrong) }' "$build/found" || bad=1
    result "$1" $bad
}

# refuses NAME TEXT: it does not configure, and says TEXT.
refuses() {
    bad=0
    [ "$rc" -ne 0 ] && tr -s ' \n' '  ' <"$tmp/log" | grep -qF -- "$2" || bad=1
    result "$1" $bad
}

start
mbedtls "$system" 2.28.3
configure
refuses "too old a mbedTLS of the system is named, with the way out" \
    "mbedtls 3.6 (found 2.28.3) is missing. Run: sh installer/deps.sh linux"
mbedtls "$deps/linux" 3.6.4
configure
comes_from "what deps.sh made later is taken whole, in the same build folder" \
    mbedtls "$deps/linux" 4
comes_from "a library that only the system has is the system's" uv "$system" 2
mbedtls "$system" 3.6.2
rm "$deps/linux/lib/libmbedx509.a"
configure
comes_from "a library that went takes its header and its neighbours along" mbedtls "$system" 4
rm "$system/include/mbedtls/build_info.h" "$system/include/mbedtls/ssl.h"
configure
refuses "libraries here and headers there are no mbedTLS" "mbedtls (mbedtls/ssl.h) is missing"

start
mbedtls "$system" 2.28.3
mbedtls "$deps/linux" 3.6.4
configure -DCADRE_mbedtls_INCLUDE="$deps/linux/include" \
    -DCADRE_mbedtls_mbedtls="$system/lib/libmbedtls.a" \
    -DCADRE_mbedtls_mbedx509="$system/lib/libmbedx509.a" \
    -DCADRE_mbedtls_mbedcrypto="$system/lib/libmbedcrypto.a"
comes_from "what an earlier configure kept in its cache does not count" mbedtls "$deps/linux" 4
mbedtls "$deps/linux" 4.0.0
configure
refuses "too new a mbedTLS is refused like too old a one" "mbedtls 3.6 (found 4.0.0;2.28.3)"

start
mbedtls "$deps/linux" 3.6.4
put "$deps/linux/include/uv.h"
configure
comes_from "a header without its library is passed over" uv "$system" 2
rm "$system/include/uv.h"
configure
refuses "a header here and a library there are no libuv" "uv (uv.h) is missing"

[ "$failed" -eq 0 ]
