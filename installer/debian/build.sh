#!/bin/sh
# Builds the Debian packages: cadre-agent, cadre-coordinator, cadre-coordinator-postgresql,
# cadre-notify and cadre-cli in build/packages.
#
#   sh installer/debian/build.sh [--version V] [--build DIR] [--out DIR]
#
#   --version V   version of the packages and programs (default: the project's, from CMakeLists.txt)
#   --build DIR   where to compile (default: build/debian)
#   --out DIR     where the packages go (default: build/packages)
#
# Needs what 'sh installer/deps.sh' provides; no root. The coordinator is never packed without its
# page. The same sources with the same compiler and libraries make the same bytes, wherever the tree
# lies: times are those of the last commit (or SOURCE_DATE_EPOCH).
#
# CADRE_MAINTAINER="Name <address>" names who made the packages.
set -eu
LC_ALL=C TZ=UTC0
export LC_ALL TZ
umask 022

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version= build=$root/build/debian out=$root/build/packages
maintainer=${CADRE_MAINTAINER:-Cadre maintainers <cadre@localhost>}
packages="cadre-agent cadre-coordinator cadre-notify cadre-cli"

die() {
    echo "build.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --version | --build | --out) [ $# -gt 1 ] || die "$1 wants a value" ;;
    *) die "unknown argument: $1 (--version V, --build DIR, --out DIR)" ;;
    esac
    case $1 in
    --version) version=$2 ;;
    --build) build=$2 ;;
    --out) out=$2 ;;
    esac
    shift 2
done
mkdir -p "$build" "$out"
build=$(cd "$build" && pwd)
out=$(cd "$out" && pwd)

[ -n "$version" ] ||
    version=$(sed -n 's/^project(cadre VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
dpkg --validate-version "$version" || die "'$version' is no version that Debian knows"
[ -n "${SOURCE_DATE_EPOCH:-}" ] ||
    SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null) ||
    SOURCE_DATE_EPOCH=$(stat -c %Y "$root/CMakeLists.txt")
export SOURCE_DATE_EPOCH

# ---------------------------------------------------------------------------------------------
# The programs

CADRE_VERSION=$version
export CADRE_VERSION
sh "$root/installer/moved.sh" "$build"
mkdir -p "$build"
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON -DCADRE_HARDEN=ON -DCADRE_DEBUG_INFO=OFF \
        -DCADRE_TESTS=OFF -DCADRE_PAGE=ON >"$build/configure.log" 2>&1 || {
    tail -n 20 "$build/configure.log" >&2
    die "cmake failed (see $build/configure.log)"
}
rm -rf "$build/pages" # they carry the date
cmake --build "$build" >"$build/build.log" 2>&1 || {
    tail -n 40 "$build/build.log" >&2
    die "the programs do not build (see $build/build.log)"
}
[ -x "$build/bin/cadre-notify" ] ||
    die "cadre-notify was not built: there is no libcurl to build with (installer/deps.sh linux)"
# What is packed is what 'cmake --install' installs.
image=$build/image
rm -rf "$image"
DESTDIR=$image cmake --install "$build" --prefix /usr >"$build/install.log" 2>&1 || {
    tail -n 20 "$build/install.log" >&2
    die "the programs cannot be installed (see $build/install.log)"
}
# libpq and what it brings are not in everybody's coordinator.
module=usr/lib/cadre/cadre-coordinator-postgresql.so
if grep -q 'cadre-coordinator-postgresql' "$root/coordinator/CMakeLists.txt"; then
    [ -f "$image/$module" ] ||
        die "cadre-coordinator-postgresql was not built: there is no libpq to build with" \
            "(installer/deps.sh linux)"
    packages="$packages cadre-coordinator-postgresql"
fi

# ---------------------------------------------------------------------------------------------
# What each package holds

stage=$build/stage
rm -rf "$stage"

put() { # put MODE FILE PACKAGE-PATH
    mkdir -p "$(dirname "$stage/$3")"
    install -m "$1" "$2" "$stage/$3"
}
put_gz() { # put_gz FILE PACKAGE-PATH
    mkdir -p "$(dirname "$stage/$2")"
    gzip -9n <"$1" >"$stage/$2"
    chmod 644 "$stage/$2"
}
program() { # program PACKAGE NAME
    mkdir -p "$stage/$1/usr/bin"
    strip --strip-all --remove-section=.comment -o "$stage/$1/usr/bin/$2" "$image/usr/bin/$2"
    chmod 755 "$stage/$1/usr/bin/$2"
}
# pages PACKAGE PROGRAM SECTION: manual page and completion
pages() {
    put_gz "$image/usr/share/man/man$3/$2.$3" "$1/usr/share/man/man$3/$2.$3.gz"
    put 644 "$image/usr/share/bash-completion/completions/$2" \
        "$1/usr/share/bash-completion/completions/$2"
}

for package in $packages; do
    {
        echo "cadre ($version) unstable; urgency=medium"
        echo
        echo "  * Version $version. What changed is told by the history of the source."
        echo
        echo " -- $maintainer  $(date -R -d "@$SOURCE_DATE_EPOCH")"
    } >"$build/changelog"
    put_gz "$build/changelog" "$package/usr/share/doc/$package/changelog.gz"
    put 644 "$here/copyright" "$package/usr/share/doc/$package/copyright"
    [ ! -f "$here/$package/lintian-overrides" ] ||
        put 644 "$here/$package/lintian-overrides" "$package/usr/share/lintian/overrides/$package"
    [ ! -f "$here/$package/$package.service" ] ||
        put 644 "$here/$package/$package.service" "$package/lib/systemd/system/$package.service"
done

program cadre-agent cadre-agent
pages cadre-agent cadre-agent 8
# Not a conffile: 'cadre-agent join' writes into it, and dpkg would ask at every upgrade that
# changes it.
put 644 "$root/installer/agent.yaml" cadre-agent/usr/share/cadre-agent/agent.yaml
put 644 "$here/cadre-agent/strict.conf" cadre-agent/usr/share/doc/cadre-agent/examples/strict.conf
put_gz "$root/docs/linux.md" cadre-agent/usr/share/doc/cadre-agent/linux.md.gz

program cadre-coordinator cadre-coordinator
pages cadre-coordinator cadre-coordinator 8
put 644 "$root/installer/coordinator.yaml" cadre-coordinator/etc/cadre/coordinator.yaml
put_gz "$root/docs/linux.md" cadre-coordinator/usr/share/doc/cadre-coordinator/linux.md.gz
for page in guide security api notify page scale; do
    put_gz "$root/docs/$page.md" cadre-coordinator/usr/share/doc/cadre-coordinator/$page.md.gz
done

case $packages in
*-postgresql)
    folder=$stage/cadre-coordinator-postgresql/$(dirname $module)
    mkdir -p "$folder"
    strip --strip-unneeded --remove-section=.comment -o "$folder/$(basename $module)" \
        "$image/$module"
    chmod 644 "$folder/$(basename $module)"
    ;;
esac

program cadre-notify cadre-notify
pages cadre-notify cadre-notify 8

program cadre-cli cadre
pages cadre-cli cadre 1

# ---------------------------------------------------------------------------------------------
# The packages

# dpkg's tools want to stand in a source tree.
source=$build/source
rm -rf "$source"
mkdir -p "$source/debian"
sed "s/@MAINTAINER@/$maintainer/" "$here/control" >"$source/debian/control"
cp "$build/changelog" "$source/debian/changelog"

control() { # control PACKAGE: its DEBIAN folder
    tree=$stage/$1
    mkdir "$tree/DEBIAN"
    linked=$(find "$tree/usr/bin" "$tree/usr/lib/cadre" -type f 2>/dev/null) || :
    (
        cd "$source"
        : >debian/substvars
        # shellcheck disable=SC2086
        dpkg-shlibdeps -Tdebian/substvars ${linked:+-e} $linked 2>"$build/shlibdeps.log" || {
            cat "$build/shlibdeps.log" >&2
            exit 1
        }
        dpkg-gencontrol -p"$1" -P"$tree" -Tdebian/substvars -v"$version" -fdebian/files \
            -O"$tree/DEBIAN/control"
    ) || die "the control data of $1 cannot be made"
    for script in preinst postinst prerm postrm; do
        [ ! -f "$here/$1/$script" ] || install -m 755 "$here/$1/$script" "$tree/DEBIAN/$script"
    done
    (cd "$tree" && find etc -type f 2>/dev/null | sed 's,^,/,' | sort) >"$build/conffiles" || :
    [ ! -s "$build/conffiles" ] || install -m 644 "$build/conffiles" "$tree/DEBIAN/conffiles"
    (cd "$tree" && find . -path ./DEBIAN -prune -o -type f -print | sed 's,^\./,,' |
        grep -vxFf "$build/conffiles" | sort | xargs md5sum) >"$tree/DEBIAN/md5sums"
}

for package in $packages; do
    control "$package"
    find "$stage/$package" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$stage/$package" "$build" >/dev/null
    rm -f "$out/${package}"_*.deb # 'apt install' by a pattern would find two versions
    mv "$build/${package}_"*.deb "$out/"
done
ls "$out"/*_"$version"_*.deb
