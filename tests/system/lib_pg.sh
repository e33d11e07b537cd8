#!/bin/sh
# PostgreSQL of a test's own: in the test's folder, on a free port of 127.0.0.1 and a Unix socket,
# ended with the test. Sourced behind lib.sh and lib_faults.sh. A test begins with `pg_wanted`.

# pg_wanted: false, with a line of why, where there is no PostgreSQL
pg_wanted() {
    pg_bin=
    for pg_folder in "$(dirname "$(command -v pg_basebackup || echo /)")" /usr/lib/postgresql/*/bin
    do
        [ ! -x "$pg_folder/pg_basebackup" ] || pg_bin=$pg_folder
    done
    if [ -z "$pg_bin" ]; then
        echo "skip - it wants PostgreSQL (apt-get install postgresql)"
        return 1
    fi
    # PostgreSQL does not run as root.
    pg_as=
    if [ "$(id -u)" -eq 0 ]; then
        if ! id postgres >/dev/null 2>&1; then
            echo "skip - PostgreSQL does not run as root, and there is no user postgres"
            return 1
        fi
        pg_as="setpriv --reuid=postgres --regid=postgres --clear-groups"
        chmod 711 "$here"
    fi
    pg_home=$here/pg
    mkdir "$pg_home"
    [ -z "$pg_as" ] || chown postgres: "$pg_home"
    if ! $pg_as test -x "$pg_home"; then
        echo "skip - the user postgres cannot reach $pg_home"
        return 1
    fi
    pg_template
}

# The folder that every database of this test begins as: initdb takes longer than all the rest.
pg_template() {
    (cd "$pg_home" && $pg_as "$pg_bin/initdb" -D template -U postgres -A trust --no-sync \
        --locale=C -E UTF8) >pg-init.log 2>&1 || {
        echo "initdb failed:"
        tail -n 20 pg-init.log
        exit 1
    }
    # fsync stays on: Cadre wants it. Checkpoints come rarely, and connections are few. A server
    # that is killed leaves nothing outside its folder.
    cat >>"$pg_home/template/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = '$pg_home'
max_connections = 60
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
wal_keep_size = 256MB
hot_standby = on
wal_retrieve_retry_interval = 200ms
log_line_prefix = '%m [%p] %a '
END
}

# pg_begin NAME: starts the server in this folder on a port of its own, in pg_port_NAME, and waits
# until it takes connections; its pid is in pg_pid_NAME. A port that it had it takes again.
pg_begin() {
    pg_name=$1
    eval "pg_port=\${pg_port_$pg_name:-}"
    until pg_try; do
        if ! file_has "$pg_name.pg.log" 'could not bind|Address already in use'; then
            echo "PostgreSQL $pg_name did not start:"
            tail -n 20 "$pg_name.pg.log"
            exit 1
        fi
        : >"$pg_name.pg.log"
        pg_port=
    done
    eval "pg_port_$pg_name=$pg_port pg_pid_$pg_name=$pg_pid"
    pg_pids="$pg_pids $pg_pid"
}
pg_pids=
pg_try() {
    if [ -z "$pg_port" ]; then
        random 12000
        pg_port=$((20000 + random_value))
    fi
    # It is started here, not by pg_ctl, so that this process is its parent.
    (cd "$pg_home" && exec $pg_as "$pg_bin/postgres" -D "$pg_home/$pg_name" -p "$pg_port") \
        >>"$pg_name.pg.log" 2>&1 &
    pg_pid=$!
    until_true 60 pg_ready_or_gone || return 1
    ! gone "$pg_pid"
}
# Its own word: on a port that is another one's, that one would answer.
pg_ready_or_gone() {
    gone "$pg_pid" || {
        [ "$(head -n 1 "$pg_home/$pg_name/postmaster.pid" 2>/dev/null)" = "$pg_pid" ] &&
            sed -n 8p "$pg_home/$pg_name/postmaster.pid" 2>/dev/null | grep -Eq '^(ready|standby)'
    }
}

# pg_up NAME [SETTING...]: a new, empty database server with these settings (name=value)
pg_up() {
    pg_name=$1
    shift
    [ -z "$pg_as" ] && cp -a "$pg_home/template" "$pg_home/$pg_name" ||
        $pg_as cp -a "$pg_home/template" "$pg_home/$pg_name"
    for pg_setting in "$@"; do
        echo "$pg_setting" >>"$pg_home/$pg_name/postgresql.conf"
    done
    pg_begin "$pg_name"
}

# pg_sql NAME SQL: what it answers, a row a line, columns apart by "|"
pg_sql() {
    eval "pg_sql_port=\$pg_port_$1"
    "$pg_bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$pg_sql_port" -U postgres \
        -d postgres -c "$2"
}
pg_says() { [ "$(pg_sql "$1" "$2" 2>/dev/null)" = "$3" ]; }

# pg_async PRIMARY NAME [PORT]: a standby of the primary that streams from it, over this port (of a
# wire), and for which the primary does not wait
pg_async() {
    eval "pg_of_port=\${3:-\$pg_port_$1}"
    (cd "$pg_home" && $pg_as "$pg_bin/pg_basebackup" -D "$2" -R -X stream -c fast --no-sync \
        -d "host=127.0.0.1 port=$pg_of_port user=postgres application_name=$2") \
        >"$2.copy.log" 2>&1 || {
        echo "the copy $2 of $1 cannot be made: $(tail -n 3 "$2.copy.log")"
        exit 1
    }
    pg_begin "$2"
    until_true 30 pg_says "$1" \
        "SELECT state FROM pg_stat_replication WHERE application_name = '$2'" streaming || {
        echo "the standby $2 does not stream from $1"
        exit 1
    }
}
# pg_sync PRIMARY NAME: one for which every commit of the primary waits
pg_sync() {
    pg_async "$@"
    pg_sql "$1" "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 ($2)'" &&
        pg_sql "$1" "SELECT pg_reload_conf()" >/dev/null
    until_true 30 pg_says "$1" \
        "SELECT sync_state FROM pg_stat_replication WHERE application_name = '$2'" sync || {
        echo "the standby $2 of $1 does not become synchronous"
        exit 1
    }
}

# pg_children PID: the processes that it started
pg_children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
# pg_kill9 NAME: all of its processes at once, as the machine's end would
pg_kill9() {
    eval "pg_pid=\$pg_pid_$1"
    pg_killed=$(pg_children "$pg_pid")
    # shellcheck disable=SC2086
    kill -KILL "$pg_pid" $pg_killed 2>/dev/null
    wait "$pg_pid" 2>/dev/null
    for pg_child in $pg_killed; do until_true 20 gone "$pg_child"; done
}
# pg_stop NAME [fast|immediate]: in order
pg_stop() {
    eval "pg_pid=\$pg_pid_$1"
    pg_signal=INT
    [ "${2:-fast}" = fast ] || pg_signal=QUIT
    kill "-$pg_signal" "$pg_pid" 2>/dev/null
    wait "$pg_pid" 2>/dev/null
}
# pg_freeze NAME, pg_thaw NAME: all of its processes stand still, and go on
pg_freeze() { pg_each "$1" STOP; }
pg_thaw() { pg_each "$1" CONT; }
pg_each() {
    eval "pg_pid=\$pg_pid_$1"
    # shellcheck disable=SC2046
    kill "-$2" "$pg_pid" $(pg_children "$pg_pid") 2>/dev/null
}

# pg_promote OLD NEW: the old primary is killed and thrown away, its standby is the primary
pg_promote() {
    gone "$(eval "echo \$pg_pid_$1")" || pg_kill9 "$1"
    rm -rf "${pg_home:?}/$1"
    pg_sql "$2" "SELECT pg_promote()" >/dev/null
    until_true 30 pg_says "$2" "SELECT pg_is_in_recovery()" f ||
        not_ok "the standby $2 becomes the primary"
}

pg_uri() { echo "postgresql://postgres@$1/postgres"; } # HOST:PORT, for `store:`

# pg_down: all of them, in a hurry but so that nothing is left in shared memory
pg_down() {
    for pg_pid in $pg_pids; do
        kill -CONT "$pg_pid" $(pg_children "$pg_pid") 2>/dev/null
        kill -QUIT "$pg_pid" 2>/dev/null
    done
    for pg_pid in $pg_pids; do
        until_true 10 gone "$pg_pid" || kill -KILL "$pg_pid" 2>/dev/null
    done
}
finish_pg() {
    for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
    pg_down
    wait 2>/dev/null
}
trap finish_pg EXIT
trap 'exit 1' TERM INT # also when the test takes too long
