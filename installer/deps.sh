#!/bin/sh
# Provides what Cadre needs to be built and tested on Debian.
#
#   sh installer/deps.sh [SET]...      (default: linux)
#
#   linux    compiler, build tools and libraries; mbedTLS 3.6 and the llhttp sources in build/deps;
#            what page has, where it can be had
#   page     node and npm, where they are missing, and the packages of web/ in build/deps/page
#   windows  MinGW and every library built for Windows, in build/deps/windows
#   wine     what runs the Windows programs here: 64-bit Wine alone, no 32-bit packages
#   msi      what makes, reads and signs the Windows package
#   test     what the test rings need besides: clang, its sanitizer runtime, clang-format, curl,
#            PostgreSQL and its libpq ...
#   packages what the packages ring needs besides: debootstrap, systemd-container, lintian ...
#   prometheus  Prometheus and promtool in build/deps/prometheus, for tests/system/metrics.sh; the
#            machine's own service is not touched
#   browser  Chromium, for the tests of the page
#   bench    what tests/bench needs besides
#   rabbitmq, beanstalkd, gearmand   the queues that tests/bench/run.sh measures beside Cadre
#   postgresql-peers  PostgreSQL, and in build/deps/postgresql-peers the queues on it for Node that
#            tests/bench/run.sh measures beside Cadre
#   all      linux, test and windows together
#
# Runs as root, or as an ordinary user with sudo. A repeat finds everything there and is instant.
# Packages come from the machine's own apt configuration; sources are Debian's signed source
# packages, fetched from the same mirrors (a newer release where this one has too old a version).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
deps=${CADRE_DEPS_DIR:-$root/build/deps}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() { printf 'deps: %s\n' "$*"; }
die() {
    printf 'deps: error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
    else
        die "root or sudo is needed for: $*"
    fi
}

# ---------------------------------------------------------------------------------------------
# Packages

packages_linux="gcc libc6-dev make cmake ninja-build pkg-config ca-certificates dpkg-dev xz-utils
    libuv1-dev libcjson-dev libsqlite3-dev libyaml-dev libcmocka-dev libpq-dev"
# The flavours of libcurl are installed one at a time; whichever is there serves.
packages_curl="libcurl4-gnutls-dev libcurl4-openssl-dev"
# A node that is not Debian's brings its npm, and Debian's npm conflicts with it.
packages_test="git curl openssl procps iproute2 clang clang-format clang-tidy python3
    tzdata spin libpq-dev"
packages_packages="dpkg-dev debootstrap systemd-container lintian iproute2 bash bash-completion"
packages_windows="gcc-mingw-w64-x86-64-posix binutils-mingw-w64-x86-64 tcl"
packages_wine="wine wine64"
packages_msi="msitools wixl osslsigncode"
packages_browser="chromium"
packages_bench="openssl procps util-linux"
packages_rabbitmq="rabbitmq-server librabbitmq-dev"
packages_gearmand="gearman-job-server"
# Of npm: the newest that run on Node 20.
packages_postgresql_peers="graphile-worker@0.17.3 pg-boss@10.4.2"

apt_updated=
apt_update() {
    [ -z "$apt_updated" ] || return 0
    as_root apt-get -q -o DPkg::Lock::Timeout=300 update >"$deps/apt-update.log" 2>&1 || {
        # A third-party list that is broken must not stop us: the install below tells.
        say "apt-get update reported problems (see $deps/apt-update.log)"
    }
    apt_updated=yes
}

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]; }

install_one_of() { # install_one_of PACKAGE...: the first, unless another one is there
    for package in "$@"; do
        ! is_installed "$package" || return 0
    done
    install_packages "$1"
}

install_packages() {
    missing=
    for package in "$@"; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    apt_update
    # shellcheck disable=SC2086
    as_root apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install --no-install-recommends $missing >"$deps/apt-install.log" 2>&1 || {
        tail -n 20 "$deps/apt-install.log" >&2
        die "apt-get install failed (see $deps/apt-install.log)"
    }
}

# ---------------------------------------------------------------------------------------------
# Debian source packages
#
# apt itself says where its packages come from, whatever the style of its lists; the same places
# carry the sources. Our list lives in a folder of its own and touches nothing of the machine's.

codename=$(. /etc/os-release 2>/dev/null && printf '%s' "${VERSION_CODENAME:-}")

# Releases to look in, newest first. A machine newer than these looks in its own release alone.
source_releases() {
    case $codename in
    bookworm) echo "trixie bookworm" ;;
    *) echo "$codename" ;;
    esac
}

# write_source_list RELEASE FILE: the machine's places of Debian's main, as deb-src of RELEASE.
write_source_list() {
    apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(SIGNED_BY)' \
        'Created-By: Packages' |
        awk -F'|' -v from="$codename" -v to="$1" '
            $3 != "main" || ($4 != "Debian" && $4 != "Ubuntu") { next }
            $2 != from && $2 != from "-security" && $2 != from "-updates" { next }
            {
                suite = to substr($2, length(from) + 1)
                # A list keeps one key file per entry; a key written inline stays with apt.
                option = ($5 ~ /^\/[^ ]*$/) ? "[signed-by=" $5 "] " : ""
                line = "deb-src " option $1 " " suite " main"
                if (!seen[line]++) print line
            }' >"$2"
    [ -s "$2" ] || die "apt knows no Debian mirror of $codename; is apt-get update possible here?"
}

source_apt() {
    release=$1
    shift
    apt-get -q -o Dir::Etc::sourcelist="$deps/apt/$release.list" \
        -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$deps/apt/$release" -o APT::Sandbox::User="$(id -un)" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 "$@"
}

# fetch_source PACKAGE: leaves the unpacked source in $deps/src/PACKAGE.
fetch_source() {
    [ ! -f "$deps/src/$1/.complete" ] || return 0
    mkdir -p "$deps/src/download" "$deps/apt"
    for release in $(source_releases); do
        if [ ! -f "$deps/apt/$release/.updated" ]; then
            [ -n "$(apt-get indextargets --format '$(ORIGIN)' 'Created-By: Packages' |
                tr -d '\n')" ] || apt_update
            mkdir -p "$deps/apt/$release/partial"
            write_source_list "$release" "$deps/apt/$release.list"
            say "reading the source index of $release"
            source_apt "$release" update >"$deps/apt/$release.log" 2>&1 || continue
            : >"$deps/apt/$release/.updated"
        fi
        rm -rf "$deps/src/$1" "$deps/src/download/$1"
        mkdir -p "$deps/src/download/$1"
        if (cd "$deps/src/download/$1" &&
            source_apt "$release" source --download-only --only-source "$1") \
            >>"$deps/apt/$release.log" 2>&1; then
            # apt-get checked the signed index; dpkg-source need not know the uploader's key.
            (cd "$deps/src/download/$1" &&
                dpkg-source --no-check -x ./*.dsc "$deps/src/$1") >>"$deps/apt/$release.log" 2>&1 ||
                die "cannot unpack $1 (see $deps/apt/$release.log)"
            sed -n 's/^Version: *//p' "$deps/src/download/$1"/*.dsc | head -n 1 \
                >"$deps/src/$1/.complete"
            say "source of $1 $(cat "$deps/src/$1/.complete") from $release"
            return 0
        fi
    done
    die "no source package $1 (see $deps/apt/*.log)"
}

# ---------------------------------------------------------------------------------------------
# Building

# needs_build STAMP RECIPE: true unless STAMP says that this RECIPE was built already.
needs_build() { [ "$(cat "$1" 2>/dev/null)" != "$2" ]; }

# build_cmake NAME SOURCE PREFIX OPTION...
build_cmake() {
    name=$1 source=$2 prefix=$3
    shift 3
    work=$deps/work/$name
    rm -rf "$work"
    mkdir -p "$work"
    say "building $name"
    {
        # The older of these packages declare a policy version that newer CMake refuses.
        # What they keep of their file names must not tell where they were built.
        CFLAGS="-ffile-prefix-map=$source=$name -ffile-prefix-map=$work=$name" \
            cmake -S "$source" -B "$work" -G Ninja -DCMAKE_INSTALL_PREFIX="$prefix" \
            -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE=-O2 \
            -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF \
            -DCMAKE_POLICY_VERSION_MINIMUM=3.5 "$@" &&
            cmake --build "$work" -j "$jobs" && cmake --install "$work"
    } >"$deps/$name.log" 2>&1 || {
        tail -n 25 "$deps/$name.log" >&2
        die "$name does not build (see $deps/$name.log)"
    }
    rm -rf "$work"
}

# What our mbedTLS has, as changes to its default configuration. Measured and left out: the p256-m
# driver, which makes P-256 five to eight times slower on x86-64.
mbedtls_options() {
    cat <<'END'

/* Cadre: an idle connection keeps small buffers; threads may share the random generator. */
#define MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH
#define MBEDTLS_SSL_MAX_FRAGMENT_LENGTH
#define MBEDTLS_THREADING_C
#define MBEDTLS_THREADING_PTHREAD

/* TLS 1.2 and 1.3 over TCP, with elliptic curves alone. */
#undef MBEDTLS_SSL_PROTO_DTLS
#undef MBEDTLS_SSL_DTLS_ANTI_REPLAY
#undef MBEDTLS_SSL_DTLS_HELLO_VERIFY
#undef MBEDTLS_SSL_DTLS_CLIENT_PORT_REUSE
#undef MBEDTLS_SSL_DTLS_CONNECTION_ID
#undef MBEDTLS_SSL_DTLS_CONNECTION_ID_COMPAT
#undef MBEDTLS_SSL_RENEGOTIATION
#undef MBEDTLS_SELF_TEST
#undef MBEDTLS_KEY_EXCHANGE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_DHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_RSA_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_DHE_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDH_ECDSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDH_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECJPAKE_ENABLED
#undef MBEDTLS_ECJPAKE_C
#undef MBEDTLS_PSA_CRYPTO_STORAGE_C
#undef MBEDTLS_PSA_ITS_FILE_C
END
}

build_llhttp() {
    recipe="llhttp 1"
    needs_build "$deps/llhttp/.stamp" "$recipe" || return 0
    # Debian's package carries the generated C: nothing has to be generated here.
    apt-cache show node-llhttp >/dev/null 2>&1 || apt_update
    rm -rf "$deps/llhttp" "$deps/work/llhttp"
    mkdir -p "$deps/llhttp" "$deps/work/llhttp"
    (cd "$deps/work/llhttp" && apt-get -q -o APT::Sandbox::User="$(id -un)" download node-llhttp &&
        dpkg -x ./node-llhttp_*.deb .) >"$deps/llhttp.log" 2>&1 || {
        tail -n 5 "$deps/llhttp.log" >&2
        die "cannot fetch node-llhttp (see $deps/llhttp.log)"
    }
    for file in api.c http.c llhttp.c llhttp.h; do
        found=$(find "$deps/work/llhttp" -name "$file" -path '*llhttp*' -type f | head -n 1)
        [ -n "$found" ] || die "node-llhttp has no $file"
        cp "$found" "$deps/llhttp/$file"
    done
    for header in $(find "$deps/work/llhttp" -path '*include*llhttp*' -name '*.h' -type f); do
        cp "$header" "$deps/llhttp/"
    done
    rm -rf "$deps/work/llhttp"
    printf '%s\n' "$recipe" >"$deps/llhttp/.stamp"
}

# X25519 of the Everest project, which is part of mbedTLS: the shared secret takes a fifth of the
# time of mbedTLS's own code on 64 bits. Debian leaves the folder 3rdparty out of its build, so its
# files become files of libmbedcrypto, and its headers are installed here.
everest_options() {
    cat <<'END'
#define MBEDTLS_ECDH_VARIANT_EVEREST_ENABLED
END
}
everest_build() {
    cat <<'END'
set(everest "${MBEDTLS_DIR}/3rdparty/everest")
target_sources(${mbedcrypto_static_target} PRIVATE "${everest}/library/everest.c"
    "${everest}/library/x25519.c" "${everest}/library/Hacl_Curve25519_joined.c")
target_include_directories(${mbedcrypto_static_target}
    PUBLIC $<BUILD_INTERFACE:${everest}/include>
    PRIVATE "${everest}/include/everest" "${everest}/include/everest/kremlib")
install(DIRECTORY "${everest}/include/everest" DESTINATION include FILES_MATCHING PATTERN "*.h")
END
}

# build_mbedtls PREFIX OPTION...: with everest=yes, and Everest's X25519.
everest=
build_mbedtls() {
    prefix=$1
    shift
    fetch_source mbedtls
    rm -rf "$deps/work/mbedtls-source"
    mkdir -p "$deps/work"
    cp -a "$deps/src/mbedtls" "$deps/work/mbedtls-source"
    mbedtls_options >>"$deps/work/mbedtls-source/include/mbedtls/mbedtls_config.h"
    if [ -n "$everest" ]; then
        everest_options >>"$deps/work/mbedtls-source/include/mbedtls/mbedtls_config.h"
        everest_build >>"$deps/work/mbedtls-source/library/CMakeLists.txt"
    fi
    build_cmake "mbedtls-$(basename "$prefix" .new)" "$deps/work/mbedtls-source" "$prefix" \
        -DENABLE_PROGRAMS=OFF -DENABLE_TESTING=OFF -DGEN_FILES=OFF -DMBEDTLS_FATAL_WARNINGS=OFF \
        -DUSE_SHARED_MBEDTLS_LIBRARY=OFF -DUSE_STATIC_MBEDTLS_LIBRARY=ON "$@"
    rm -rf "$deps/work/mbedtls-source"
}

# The distribution's mbedTLS will do from 3.6 up to, not including, 4.
system_mbedtls_version() {
    apt-cache policy libmbedtls-dev 2>/dev/null | sed -n 's/^ *Candidate: *//p'
}
system_mbedtls_is_good() {
    version=$(system_mbedtls_version)
    [ -n "$version" ] && [ "$version" != "(none)" ] &&
        dpkg --compare-versions "$version" ge 3.6 && dpkg --compare-versions "$version" lt 4
}

# In a shell of its own: what cannot be installed ends that one.
install_node() {
    wanted=
    command -v node >/dev/null 2>&1 || wanted=nodejs
    command -v npm >/dev/null 2>&1 || wanted="$wanted npm"
    # shellcheck disable=SC2086
    [ -z "$wanted" ] || (install_packages $wanted)
}

# deps_page SAY: SAY ("say" or "die") tells that the packages cannot be had.
deps_page() {
    install_node &&
        CADRE_DEPS_DIR=$deps sh "$root/web/modules.sh" >"$deps/page.log" 2>&1 || {
        [ ! -f "$deps/page.log" ] || cat "$deps/page.log" >&2
        "$1" "node, npm or the packages of web/ cannot be had (see above):" \
            "no program with its page can be built"
    }
}

deps_linux() {
    # shellcheck disable=SC2086
    install_packages $packages_linux
    # shellcheck disable=SC2086
    install_one_of $packages_curl
    deps_page say
    build_llhttp
    recipe="mbedtls 3 $( (mbedtls_options && everest_options && everest_build) | cksum)"
    needs_build "$deps/linux/.stamp" "$recipe" || return 0
    [ -n "$(system_mbedtls_version)" ] || apt_update
    if system_mbedtls_is_good; then
        install_packages libmbedtls-dev
        return 0
    fi
    rm -rf "$deps/linux.new"
    everest=yes
    build_mbedtls "$deps/linux.new"
    everest=
    printf '%s\n' "$recipe" >"$deps/linux.new/.stamp"
    rm -rf "$deps/linux"
    mv "$deps/linux.new" "$deps/linux"
}

# Tests start servers of their own. A cluster of the machine's, which the package would make and
# start, is none of them.
install_postgresql() {
    ! is_installed postgresql || return 0
    install_packages postgresql-common
    if ! grep -q '^create_main_cluster' /etc/postgresql-common/createcluster.conf; then
        echo 'create_main_cluster = false' |
            as_root tee -a /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    install_packages postgresql
}

deps_test() {
    deps_linux
    # shellcheck disable=SC2086
    install_packages $packages_test
    install_postgresql
    # libFuzzer and clang's sanitizers: the name carries clang's version.
    major=$(clang -dumpversion | cut -d. -f1)
    install_packages "libclang-rt-$major-dev"
}

# Not installed: the package would start a service.
deps_prometheus() {
    [ ! -x "$deps/prometheus/usr/bin/promtool" ] || return 0
    say "fetching prometheus"
    rm -rf "$deps/prometheus" "$deps/prometheus.new"
    mkdir -p "$deps/prometheus.new/download"
    fetch_prometheus || { apt_update && fetch_prometheus; } ||
        die "apt-get cannot fetch prometheus (see $deps/prometheus.log)"
    dpkg-deb -x "$deps"/prometheus.new/download/prometheus_*.deb "$deps/prometheus.new"
    rm -rf "$deps/prometheus.new/download"
    mv "$deps/prometheus.new" "$deps/prometheus"
}
fetch_prometheus() {
    (cd "$deps/prometheus.new/download" &&
        apt-get -q -o APT::Sandbox::User="$(id -un)" download prometheus) \
        >"$deps/prometheus.log" 2>&1
}

deps_bench() {
    deps_linux
    # shellcheck disable=SC2086
    install_packages $packages_bench
}

# No package's own script is run.
deps_postgresql_peers() {
    install_postgresql
    peers=$deps/postgresql-peers
    needs_build "$peers/.stamp" "$packages_postgresql_peers" || return 0
    install_node || die "node and npm cannot be had: no queue for Node can be measured"
    say "fetching $packages_postgresql_peers"
    rm -rf "$peers" "$peers.new"
    mkdir -p "$peers.new"
    # shellcheck disable=SC2086
    npm install --prefix "$peers.new" --ignore-scripts --no-audit --no-fund --loglevel=error \
        $packages_postgresql_peers >"$deps/postgresql-peers.log" 2>&1 ||
        die "npm install failed (see $deps/postgresql-peers.log): is npm's registry within reach?"
    printf '%s\n' "$packages_postgresql_peers" >"$peers.new/.stamp"
    mv "$peers.new" "$peers"
}

deps_packages() {
    deps_linux
    # shellcheck disable=SC2086
    install_packages $packages_packages
}

# ---------------------------------------------------------------------------------------------
# Windows

build_sqlite_windows() {
    fetch_source sqlite3
    say "building sqlite3 for Windows"
    rm -rf "$deps/work/sqlite3"
    mkdir -p "$deps/work/sqlite3"
    {
        (cd "$deps/work/sqlite3" && "$deps/src/sqlite3/configure" --disable-tcl &&
            make sqlite3.c) &&
            x86_64-w64-mingw32-gcc-posix -O2 -c -DSQLITE_THREADSAFE=1 -DSQLITE_DQS=0 \
                -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_DEFAULT_FOREIGN_KEYS=1 \
                -o "$deps/work/sqlite3/sqlite3.o" "$deps/work/sqlite3/sqlite3.c" &&
            x86_64-w64-mingw32-ar rcs "$1/lib/libsqlite3.a" "$deps/work/sqlite3/sqlite3.o" &&
            cp "$deps/work/sqlite3/sqlite3.h" "$1/include/"
    } >"$deps/sqlite3-windows.log" 2>&1 || {
        tail -n 25 "$deps/sqlite3-windows.log" >&2
        die "sqlite3 does not build for Windows (see $deps/sqlite3-windows.log)"
    }
    rm -rf "$deps/work/sqlite3"
}

build_yaml_windows() {
    fetch_source libyaml
    build_cmake libyaml-windows "$deps/src/libyaml" "$1" "-DCMAKE_TOOLCHAIN_FILE=$toolchain" \
        -DBUILD_TESTING=OFF -DYAML_STATIC_LIB_NAME=yaml
}

deps_windows() {
    # shellcheck disable=SC2086
    install_packages $packages_linux $packages_windows
    build_llhttp
    recipe="windows 1 $(mbedtls_options | cksum)"
    needs_build "$deps/windows/.stamp" "$recipe" || return 0
    toolchain=$root/cmake/mingw-w64-x86_64.cmake
    target=$deps/windows.new
    rm -rf "$target"
    mkdir -p "$target/lib" "$target/include"
    fetch_source libuv1
    build_cmake libuv-windows "$deps/src/libuv1" "$target" "-DCMAKE_TOOLCHAIN_FILE=$toolchain" \
        -DLIBUV_BUILD_TESTS=OFF -DLIBUV_BUILD_BENCH=OFF -DLIBUV_BUILD_SHARED=OFF
    fetch_source cjson
    build_cmake cjson-windows "$deps/src/cjson" "$target" "-DCMAKE_TOOLCHAIN_FILE=$toolchain" \
        -DENABLE_CJSON_TEST=OFF -DENABLE_CJSON_UTILS=OFF -DENABLE_CUSTOM_COMPILER_FLAGS=OFF \
        -DBUILD_SHARED_AND_STATIC_LIBS=OFF
    fetch_source cmocka
    build_cmake cmocka-windows "$deps/src/cmocka" "$target" "-DCMAKE_TOOLCHAIN_FILE=$toolchain" \
        -DUNIT_TESTING=OFF -DWITH_EXAMPLES=OFF -DWITH_STATIC_LIB=ON
    build_yaml_windows "$target"
    build_sqlite_windows "$target"
    build_mbedtls "$target" "-DCMAKE_TOOLCHAIN_FILE=$toolchain"
    for lib in uv cjson cmocka yaml; do
        # The names that libraries give their static variants differ; ours are plain.
        [ -f "$target/lib/lib$lib.a" ] || for other in "lib${lib}_a.a" "lib${lib}_static.a" \
            "lib${lib}-static.a"; do
            [ ! -f "$target/lib/$other" ] || cp "$target/lib/$other" "$target/lib/lib$lib.a"
        done
        [ -f "$target/lib/lib$lib.a" ] || die "lib$lib.a was not built for Windows"
    done
    printf '%s\n' "$recipe" >"$target/.stamp"
    rm -rf "$deps/windows"
    mv "$target" "$deps/windows"
}

[ $# -gt 0 ] || set -- linux
mkdir -p "$deps"
exec 9>"$deps/.lock"
flock 9
for set in "$@"; do
    case $set in
    linux) deps_linux ;;
    page) deps_page die ;;
    windows) deps_windows ;;
    # shellcheck disable=SC2086
    wine) install_packages $packages_wine ;;
    # shellcheck disable=SC2086
    msi) install_packages $packages_msi ;;
    browser) install_packages $packages_browser ;;
    test) deps_test ;;
    packages) deps_packages ;;
    prometheus) deps_prometheus ;;
    bench) deps_bench ;;
    # shellcheck disable=SC2086
    rabbitmq) install_packages $packages_rabbitmq ;;
    beanstalkd) install_packages beanstalkd ;;
    gearmand) install_packages $packages_gearmand ;;
    postgresql-peers) deps_postgresql_peers ;;
    all) deps_test && deps_windows ;;
    *) die "unknown set: $set (see the head of this script)" ;;
    esac
done
say "ready: $*"
