#!/bin/sh
# Machines to install on: Debian booted with systemd in containers, each with its own disk and
# network. Sourced by tests of packages. machines_ready prints a skip and ends the test where they
# cannot run.
#
# One root file system is made with debootstrap and kept in $CADRE_CACHE_DIR (default: build/cache);
# each machine has an overlay over it. All machines hang on one bridge that is connected to nothing
# else. Everything that is started is ended, and everything that is mounted is unmounted, when the
# test ends, however it ends.
#
# One such test runs at a time: they build the packages in the same folders.

set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${CADRE_CACHE_DIR:-$root/build/cache}
here=$(pwd)
tag=cadre$$
failures=0
machines=
helpers= # pids of what a test starts beside the machines
mkdir -p "$root/build"
exec 5>"$root/build/.packages.lock"
flock 5

ok() { echo "ok - $*"; }
not_ok() {
    echo "not ok - $*"
    failures=$((failures + 1))
}
is() { # is NAME WANTED GOT
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: wanted '$2', got '$3'"; fi
}
holds() { # holds NAME COMMAND...
    holds_name=$1
    shift
    if "$@"; then ok "$holds_name"; else not_ok "$holds_name"; fi
}
has() { # has NAME FILE PATTERN...: every pattern (grep -E) is in the file
    has_name=$1 has_file=$2
    shift 2
    for pattern in "$@"; do
        grep -qE -e "$pattern" "$has_file" && continue
        not_ok "$has_name: '$pattern' is not in: $(tail -c 800 "$has_file" | tr '\n' '|')"
        return
    done
    ok "$has_name"
}
# until_true SECONDS COMMAND...: polls; the only place where a test lets time pass
until_true() {
    deadline=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}
skip_all() {
    echo "skip - $*"
    exit 0
}

# ---- the root file system ----

codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

# What the packages depend on is in it already: the machines have no way out to fetch it.
root_packages="systemd,systemd-sysv,dbus,ca-certificates,adduser,procps,init-system-helpers,sudo"
root_packages="$root_packages,libuv1,libcjson1,libsqlite3-0,libyaml-0-2,curl,libcurl3-gnutls"
root_packages="$root_packages,libpq5,postgresql"

mirror() { # where this machine's apt has the release from
    apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)' \
        'Created-By: Packages' |
        awk -F'|' -v r="$codename" '$2 == r && $3 == "main" && $4 == "Debian" { print $1; exit }'
}

root_made() { [ "$(cat "$base/.cadre-complete" 2>/dev/null)" = "$root_packages" ]; }

make_root() {
    base=$cache/debian-$codename
    mkdir -p "$cache"
    exec 7>"$cache/.lock"
    flock 7
    root_made || {
        from=$(mirror)
        [ -n "$from" ] || skip_all "packages: apt knows no Debian mirror of '$codename'"
        rm -rf "$base" "$base.new"
        debootstrap --variant=minbase --include="$root_packages" "$codename" "$base.new" "$from" \
            >"$cache/debootstrap.log" 2>&1 || {
            tail -n 5 "$cache/debootstrap.log"
            skip_all "packages: debootstrap cannot make a root file system here"
        }
        rm -rf "$base.new"/var/cache/apt/archives/*.deb "$base.new"/var/lib/apt/lists/*
        # Who wants a database makes one (pg_createcluster): it is not started with each machine.
        for cluster in "$base.new"/etc/postgresql/*/main; do
            version=${cluster%/main}
            rm -rf "$cluster" "$base.new/var/lib/postgresql/${version##*/}/main"
        done
        # Each machine is one of its own.
        : >"$base.new/etc/machine-id"
        echo "$root_packages" >"$base.new/.cadre-complete"
        mv "$base.new" "$base"
    }
    exec 7>&-
}

# ---- machines ----

machines_ready() {
    [ "$(id -u)" -eq 0 ] || skip_all "packages: containers want root"
    [ -f /etc/debian_version ] || skip_all "packages: this machine is no Debian"
    for tool in debootstrap systemd-nspawn nsenter ip flock dpkg-deb; do
        command -v $tool >/dev/null 2>&1 || skip_all "packages: there is no $tool here"
    done
    make_root
    trap finish EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "$here/machines"
    # Overlays want a disk that is none itself.
    if ! mount -t tmpfs -o mode=755 cadre-machines "$here/machines" 2>mount.log; then
        skip_all "packages: nothing can be mounted here ($(cat mount.log))"
    fi
    ip netns add "$tag" 2>net.log && ip -n "$tag" link add br0 type bridge 2>>net.log &&
        ip -n "$tag" link set br0 up 2>>net.log ||
            skip_all "packages: no networks here ($(cat net.log))"
    machine_up probe 10.77.0.250 || {
        tail -n 5 "$here/machines/probe/console"
        skip_all "packages: systemd does not boot in a container here"
    }
    in_machine probe test -f /sys/fs/cgroup/cgroup.controllers ||
        skip_all "packages: containers have no cgroup v2 here"
    machine_down probe
}

# in_machine NAME COMMAND...: as root in there; the environment is a fresh one
in_machine() {
    im_pid=$(cat "$here/machines/$1/pid")
    shift
    nsenter -t "$im_pid" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
        LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}
in_shell() { # in_shell NAME SCRIPT
    in_machine "$1" sh -c "cd /root && $2"
}

child_of() { # child_of PID: the container's init
    for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
        case $(cat "/proc/$child/comm" 2>/dev/null) in
        systemd | init) echo "$child" && return 0 ;;
        esac
    done
    return 1
}

booted() {
    kill -0 "$nspawn" 2>/dev/null || return 0 # it will not get better
    init=$(child_of "$nspawn") || return 1
    echo "$init" >"$here/machines/$booting/pid"
    [ "$(in_machine "$booting" systemctl show -p SystemState --value 2>/dev/null)" != starting ] &&
        in_machine "$booting" systemctl is-active --quiet multi-user.target 2>/dev/null
}

# machine_up NAME ADDRESS: boots it, with what its disk held when it was up before, and with the
# options of systemd-nspawn in $machine_options
machine_options=
machine_up() {
    booting=$1 place=$here/machines/$1
    mkdir -p "$place/upper" "$place/work" "$place/root"
    if [ ! -e "$place/netns" ]; then
        mount -t overlay -o "lowerdir=$base,upperdir=$place/upper,workdir=$place/work" overlay \
            "$place/root" || return 1
        ip netns add "$tag-$1" && ip -n "$tag-$1" link set lo up &&
            ip -n "$tag-$1" link add eth0 type veth peer name "v$1" netns "$tag" &&
            ip -n "$tag" link set "v$1" master br0 up &&
            ip -n "$tag-$1" addr add "$2/24" dev eth0 && ip -n "$tag-$1" link set eth0 up ||
                return 1
        : >"$place/netns"
        echo "$1" >"$place/root/etc/hostname"
        rm -f "$place/root/etc/resolv.conf"
        {
            echo 127.0.0.1 localhost
            echo 10.77.0.1 queue queue.example.com
            echo 10.77.0.2 alpha build-07
            echo 10.77.0.3 beta
        } >"$place/root/etc/hosts"
    fi
    # shellcheck disable=SC2086
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --register=no $machine_options \
        --keep-unit --kill-signal=SIGRTMIN+3 \
        --network-namespace-path="/run/netns/$tag-$1" --resolv-conf=off --timezone=off \
            --machine="$tag-$1" --hostname="$1" \
        -D "$place/root" --boot >>"$place/console" 2>&1 </dev/null &
    nspawn=$!
    echo "$nspawn" >"$place/nspawn"
    case " $machines " in
    *" $1 "*) ;;
    *) machines="$machines $1" ;;
    esac
    until_true 60 booted && kill -0 "$nspawn" 2>/dev/null
}

# sink_up NAME KIND FOLDER [CERT KEY]: where messages arrive (tests/support/sink.py), on a port of
# 127.0.0.1 of the machine, but run by this host: the machines have no Python. Its port is in
# sink_port.
sink_up() {
    sink_in=$1 sink_folder=$3
    shift
    mkdir -p "$sink_folder"
    : >"$sink_folder.out"
    nsenter --net="/run/netns/$tag-$sink_in" python3 "$root/tests/support/sink.py" "$@" \
        >"$sink_folder.out" 2>"$sink_folder.err" </dev/null &
    helpers="$helpers $!"
    until_true 30 grep -q '^listening on ' "$sink_folder.out" || return 1
    sink_port=$(sed -n 's/^listening on //p' "$sink_folder.out")
}

machine_gone() { ! kill -0 "$1" 2>/dev/null; }

machine_down() { # machine_down NAME
    md_pid=$(cat "$here/machines/$1/nspawn")
    kill -TERM "$md_pid" 2>/dev/null # nspawn asks the machine to power off
    until_true "${2:-30}" machine_gone "$md_pid" || kill -KILL "$md_pid" 2>/dev/null
    wait "$md_pid" 2>/dev/null
    rm -f "$here/machines/$1/pid"
}

# machine_forget NAME: with its disk; the next one of that name is a new one
machine_forget() {
    [ ! -e "$here/machines/$1/pid" ] || machine_down "$1"
    umount "$here/machines/$1/root"
    ip netns del "$tag-$1"
    rm -rf "${here:?}/machines/$1"
}

another_boot() {
    kill -0 "$nspawn" 2>/dev/null || return 0
    again=$(child_of "$nspawn") && [ "$again" != "$init_before" ] && booted
}

# machine_reboot NAME: from inside. nspawn boots it again, or ends where it cannot: then we do.
machine_reboot() {
    booting=$1 nspawn=$(cat "$here/machines/$1/nspawn") init_before=$(cat "$here/machines/$1/pid")
    in_machine "$1" systemctl reboot >/dev/null 2>&1
    until_true 90 another_boot || return 1
    kill -0 "$nspawn" 2>/dev/null && return 0
    wait "$nspawn" 2>/dev/null
    machine_up "$1"
}

finish() {
    trap - EXIT
    for pid in $helpers; do
        kill -KILL "$pid" 2>/dev/null
    done
    for name in $machines; do
        [ -e "$here/machines/$name/pid" ] || continue
        # Not in order: whatever hangs in there, hangs no longer.
        init=$(cat "$here/machines/$name/pid")
        kill -KILL "$init" 2>/dev/null
        until_true 5 machine_gone "$(cat "$here/machines/$name/nspawn")" ||
            kill -KILL "$(cat "$here/machines/$name/nspawn")" 2>/dev/null
        wait "$(cat "$here/machines/$name/nspawn")" 2>/dev/null
    done
    for name in $machines; do
        umount -l "$here/machines/$name/root" 2>/dev/null
        ip netns del "$tag-$name" 2>/dev/null
    done
    ip netns del "$tag" 2>/dev/null
    umount -l "$here/machines" 2>/dev/null
}

done_testing() {
    [ "$failures" -eq 0 ] && exit 0
    for name in $machines; do
        [ -e "$here/machines/$name/pid" ] || continue
        echo "--- journal of $name"
        in_machine "$name" journalctl --no-pager -n 60 -o short-monotonic 2>/dev/null
    done
    exit 1
}
