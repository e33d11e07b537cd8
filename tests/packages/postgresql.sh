#!/bin/sh
# The package with the module for PostgreSQL: what is said without it, and a coordinator that keeps
# its queue in the machine's own PostgreSQL, by its socket and by TCP, within its unit's bounds.
. "$(dirname "$0")/lib-container.sh"
packages=$here/packages
sh "$root/installer/debian/build.sh" --out "$packages" >build.out 2>&1 || {
    cat build.out
    not_ok "the packages are built"
    done_testing
}
machines_ready
machine_up queue 10.77.0.1 || {
    not_ok "a machine boots"
    done_testing
}
mkdir "$here/machines/queue/root/root/new"
cp "$packages"/*.deb "$here/machines/queue/root/root/new/"
on_queue() { in_machine queue "$@"; }
as_postgres() { on_queue runuser -u postgres -- "$@"; }

# configure LINE...: these lines alone; the state folder is a new one
configure() {
    on_queue systemctl stop cadre-coordinator
    in_shell queue 'rm -rf /var/lib/cadre/coordinator/* /etc/cadre/coordinator.yaml'
    printf '%s\n' "$@" >"$here/machines/queue/root/etc/cadre/coordinator.yaml"
    on_queue systemctl reset-failed cadre-coordinator
}
says() { # says PATTERN: in the journal
    on_queue journalctl -u cadre-coordinator --no-pager >journal.out
    grep -qE -e "$1" journal.out
}
owns() {
    [ "$(on_queue curl -sk -o /dev/null -w '%{http_code}' \
        'https://127.0.0.1:7433/readyz?owner')" = 200 ]
}
# works NAME: the coordinator owns the queue, and changes it
works() {
    holds "$1: it owns the queue" until_true 30 owns || on_queue journalctl -u cadre-coordinator
    on_queue cadre group create "$2" >group.out 2>&1
    is "$1: and writes" 0 $?
    on_queue cadre status >status.out 2>&1
    has "$1: status says where" status.out '^store +postgresql$' 'owner +.*this coordinator'
}

# ---- without the package ----

in_shell queue 'dpkg -i new/cadre-cli_*.deb new/cadre-coordinator_*.deb' >install.out 2>&1
is "the coordinator is installed" 0 $?
configure 'store: postgresql:///cadre?host=/var/run/postgresql'
on_queue systemctl start --no-block cadre-coordinator
holds "without the module it says which package it needs" until_true 20 says \
    'needs the package cadre-coordinator-postgresql'
holds "and does not own a queue" test "$(owns && echo owns)" = ""

# ---- with it ----

in_shell queue 'dpkg -i new/cadre-coordinator-postgresql_*.deb' >install.out 2>&1
is "the package with the module is installed" 0 $?
holds "the module is where the coordinator looks" on_queue test -f \
    /usr/lib/cadre/cadre-coordinator-postgresql.so
in_shell queue 'pg_createcluster "$(ls /usr/lib/postgresql)" main --start' >cluster.out 2>&1
is "PostgreSQL runs on the machine" 0 $?
as_postgres createuser cadre-coordinator >role.out 2>&1 &&
    as_postgres createdb -O cadre-coordinator -E UTF8 -T template0 cadre >>role.out 2>&1
is "it has a database" 0 $?

configure 'store: postgresql:///cadre?host=/var/run/postgresql'
on_queue systemctl start cadre-coordinator
is "the service starts with a socket" 0 $?
works "a socket" one
is "the database is made" 1 \
    "$(as_postgres psql -qAtc "SELECT count(*) FROM cadre.groups WHERE key = 'one'" cadre)"
is "and none in the state folder" "" \
    "$(in_shell queue 'ls /var/lib/cadre/coordinator | grep db')"
score=$(on_queue systemd-analyze security cadre-coordinator 2>/dev/null |
    sed -n 's/.*level for.*: \([0-9.]*\) .*/\1/p')
holds "its unit is as closed as ever ($score)" awk -v s="${score:-10}" 'BEGIN { exit !(s < 3.0) }'
on_queue systemctl restart cadre-coordinator
holds "it starts again" until_true 30 owns
in_shell queue 'systemctl restart postgresql@*-main'
holds "it goes on when PostgreSQL was restarted" until_true 40 owns
on_queue cadre group create two >group.out 2>&1
is "and writes again" 0 $?

as_postgres psql -qc "CREATE ROLE cadre LOGIN PASSWORD 's3cret'" cadre
as_postgres createdb -O cadre -E UTF8 -T template0 other
configure 'store: postgresql://cadre@127.0.0.1/other' \
    'storePasswordFile: /etc/cadre/store.password'
in_shell queue 'umask 077; echo s3cret >/etc/cadre/store.password &&
    chown cadre-coordinator: /etc/cadre/store.password'
on_queue systemctl start cadre-coordinator
is "the service starts with TCP and a password of a file" 0 $?
works "TCP" three
on_queue journalctl -u cadre-coordinator --no-pager >journal.out
is "no password is in the journal" 0 "$(grep -c s3cret journal.out)"

# ---- removed ----

refusals() {
    on_queue journalctl -u cadre-coordinator --no-pager |
        grep -c 'needs the package cadre-coordinator-postgresql'
}
refused_before=$(refusals)
refused_again() { [ "$(refusals)" -gt "$refused_before" ]; }
in_shell queue 'dpkg -r cadre-coordinator-postgresql' >remove.out 2>&1
is "the package is removed" 0 $?
on_queue systemctl restart --no-block cadre-coordinator
holds "and the coordinator says so at its next start" until_true 30 refused_again
done_testing
