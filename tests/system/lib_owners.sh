#!/bin/sh
# Several coordinators over one database, a load of jobs that write a history, and faults. Sourced
# behind lib.sh, lib_faults.sh and lib_pg.sh. Coordinators are numbers from 1 on: the folder is cN,
# the log cN.log, and the wire between it and the database is dbN.

now_ms() { date +%s%3N; }

# ---- coordinators ----

# Where they are; a test with network namespaces has other words for these.
member_host() { echo 127.0.0.1; } # N: its address
member_enter() { :; }             # N: what a command begins with that runs beside it
member_store() {                  # N DATABASE: what it has as `store:`
    eval "db_port=\$pg_port_$2"
    proxy_up "db$1" "$db_port"
    store=$(pg_uri "127.0.0.1:$proxy_port")
}
member_at() { echo "$(member_host "$1"):$(eval "echo \$port_$1")"; }

# coordinators_up N DATABASE: N coordinators over this PostgreSQL (a name of pg_up), each with a
# copy of the first one's state folder; waits until one owns and the others serve. Lines for each
# coordinator.yaml are in coordinator_lines.
coordinator_lines=
# An agent of an owner that is frozen, or whose cable was pulled out, misses it after three
# heartbeats and 5 s: 11 s, with the usual 10 s it would be 35 s.
quick_to_miss="heartbeat: 2s"
coordinators_up() {
    members=
    CADRE_URL=
    n=1
    while [ $n -le "$1" ]; do
        member_make $n "$2"
        member_begin $n
        members="$members $n"
        [ $n -gt 1 ] || until_true 30 owns 1 || {
            echo "the first coordinator does not own the queue:"
            tail -n 20 c1.log
            exit 1
        }
        n=$((n + 1))
    done
    CADRE_TOKEN_FILE=$here/c1/server/admin.token
    export CADRE_URL CADRE_TOKEN_FILE
    until_true 30 all_serve || {
        echo "not all coordinators serve:"
        tail -n 20 c[0-9].log
        exit 1
    }
}

# member_make N DATABASE: its folder, which is the first one's but for who it is there
member_make() {
    mkdir "c$1"
    member_store "$1" "$2"
    {
        echo "listen: $(member_host "$1"):0"
        echo "advertise: [$(member_host "$1")]"
        echo "store: $store"
        [ -z "$coordinator_lines" ] || echo "$coordinator_lines"
    } >"c$1/coordinator.yaml"
    if [ "$1" -gt 1 ]; then
        cp -a c1/server "c$1/server"
        rm -f "c$1/server/port" "c$1/server/lock"
        return
    fi
    cadre-coordinator init --config c1/coordinator.yaml --state c1/server >init.log 2>&1 || {
        echo "init failed:"
        cat init.log
        exit 1
    }
}

# member_begin N [OPTION...]: starts it, on the port that it had, and waits until it listens
member_begin() {
    member_try "$@" || {
        echo "coordinator $member did not start:"
        tail -n 20 "c$member.log"
        exit 1
    }
}
# member_try N [OPTION...]: the same; false when it ends before, with its exit code in end_code. The
# program is program_N.
member_try() {
    member=$1
    shift
    eval "member_port=\${port_$member:-0}"
    : >"c$member.out"
    eval "member_program=\${program_$member:-cadre-coordinator}"
    # shellcheck disable=SC2046
    $(member_enter "$member") "$member_program" run --config "c$member/coordinator.yaml" \
        --state "c$member/server" --listen "$(member_host "$member"):$member_port" "$@" \
        >"c$member.out" 2>>"c$member.log" &
    eval "pid_$member=$!"
    pids="$pids $!"
    member_up() { file_has "c$member.out" '^listening on ' || gone "$(member_pid "$member")"; }
    until_true 30 member_up
    if ! file_has "c$member.out" '^listening on '; then
        end "$(member_pid "$member")"
        return 1
    fi
    [ "$member_port" -eq 0 ] || return 0
    member_port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "c$member.out")
    eval "port_$member=$member_port"
    CADRE_URL=${CADRE_URL:+$CADRE_URL,}$(member_at "$member")
}
member_pid() { eval "echo \$pid_$1"; }
# member_end N [SIGNAL]
member_end() { end "$(member_pid "$1")" "${2:-TERM}"; }

# ask N PATH [OPTION...]: the status that this coordinator answers, its answer in the file `answer`
ask() {
    ask_at=$(member_at "$1") ask_path=$2
    shift 2
    curl -s -m 3 -o answer -w '%{http_code}' --cacert "$here/c1/server/ca.pem" "$@" \
        "https://$ask_at$ask_path" 2>/dev/null
}
owns() { [ "$(ask "$1" '/readyz?owner')" = 200 ]; }
serves() { [ "$(ask "$1" /readyz)" = 200 ]; }
is_standby() { serves "$1" && ! owns "$1"; }
all_serve() { for m in $members; do serves "$m" || return 1; done; }
find_owner() { # [OTHER-THAN]: in `owner`
    for m in $members; do
        [ "$m" != "${1:-}" ] && owns "$m" && owner=$m && return
    done
    return 1
}
owner_of() { # sets owner and standbys (a list)
    until_true 30 find_owner || {
        not_ok "somebody owns the queue"
        return 1
    }
    standbys=
    for m in $members; do [ "$m" = "$owner" ] || standbys="$standbys $m"; done
    set -- $standbys
    standby=$1 standby2=${2:-$1}
}

# via N COMMAND...: the command line, to this coordinator alone
via() {
    via_member=$1
    shift
    (
        CADRE_URL=$(member_at "$via_member")
        "$@"
    )
}
# to_database NAME: all coordinators have this one from now on
to_database() {
    eval "db_port=\$pg_port_$1"
    for m in $members; do wire "db$m" close; done
    for m in $members; do wire "db$m" target "$db_port"; done
    for m in $members; do wire "db$m" pass; done
}

# taken_over NAME BEGAN-MS OTHER-THAN LIMIT-MS: another one owns within the limit; tells how long it
# took, and how long until every agent was served
taken_over() {
    if ! until_true 40 find_owner "$3"; then
        not_ok "$1: another one takes over"
        return 1
    fi
    took=$(($(now_ms) - $2))
    holds "$1: another one takes over in $4 ms ($took ms)" test "$took" -le "$4"
    until_true 40 agents_served || not_ok "$1: every agent is served by it"
    echo "# $1: the next owner after $took ms, every agent served after $(($(now_ms) - $2)) ms"
}
agents_served() { for a in $agents; do via "$owner" agent_is "$a" ONLINE || return 1; done; }

# agent_of_all NAME [OPTION...]: an agent that knows all coordinators
agents=
agent_of_all() {
    echo "coordinator: [$CADRE_URL]" >"$1.yaml"
    agent_up "$@"
    agents="$agents $1"
}

# ---- a load, and its history (tests/support/history_check.h) ----

# One write a line, at the end of the file: the order of the lines is an order of the events.
note() { echo "$*" >>"$here/history"; }

cat >work.sh <<END
exec 9>>"$here/lock.\$1"
met=
flock -n 9 || met=met
note() { echo "\$*" >>"$here/history"; }
note start "\$1" "\$CADRE_JOB_ID" "\$CADRE_ATTEMPT" "\$CADRE_AGENT" \$met
for i in 1 2 3; do
    note wrote "\$1" "\$CADRE_ATTEMPT" "\$1.\$CADRE_ATTEMPT.\$i"
    echo "\$1.\$CADRE_ATTEMPT.\$i"
    sleep "\$3"
done
note end "\$1" "\$CADRE_ATTEMPT" "\$2"
exit "\$2"
END

# load_job KEY NUMBER: submits one; a third may be tried again, a third ends with 3. What was not
# acknowledged is asked for again when its key makes that safe.
load_job() {
    set -- "$1" "$2" 0 0
    [ $(($2 % 3)) -ne 0 ] || set -- "$1" "$2" 20 0
    [ $(($2 % 3)) -ne 2 ] || set -- "$1" "$2" 0 3
    again=
    [ $(($2 % 2)) -ne 0 ] || again="--unique $1"
    note asked "$1" "retry=$3"
    for try in 1 2 3; do
        # shellcheck disable=SC2086
        load_id=$(cadre run --detach --name "$1" --retry "$3" $again -- \
            sh "$here/work.sh" "$1" "$4" "0.$(($2 % 3 * 3 + 1))" 2>>load.err) &&
            note acknowledged "$1" "$load_id" && return
        [ -n "$again" ] || return
    done
}
# load_begin PREFIX COUNT: three clients, each of which begins at another coordinator, and one that
# looks at the jobs at all coordinators in turns. A client pauses for load_gap seconds after each
# submit, so that the load lasts as long as the faults do.
load_gap=0
load_begin() {
    load_prefix=$1 load_count=$2 load_pids=
    rm -f load.over
    load_urls=$CADRE_URL
    for first in 1 2 3; do
        load_urls=${load_urls#*,},${load_urls%%,*}
        (
            CADRE_URL=$load_urls
            k=$first
            while [ $k -le "$load_count" ]; do
                load_job "$load_prefix$k" $k
                k=$((k + 3))
                sleep "$load_gap" # the load's pace, nothing is waited for
            done
        ) &
        load_pids="$load_pids $!"
    done
    (
        trap - EXIT
        until [ -e load.over ]; do
            for m in $members; do
                via "$m" look
                sleep 0.3 # the same
            done
        done
    ) &
    load_watcher=$!
    pids="$pids $load_pids $load_watcher"
}
# look: notes what a coordinator says of the jobs of the load
look() {
    CADRE_WAIT=0 cadre job list --limit 1000 -o json 2>/dev/null | sed 's/{"id":/\n&/g' |
        awk -v history="$here/history" -v prefix="$load_prefix" '
        function member(name,    at) {
            at = index($0, "\"" name "\":")
            if (!at) return ""
            value = substr($0, at + length(name) + 3)
            sub(/[,}].*/, "", value)
            gsub(/"/, "", value)
            return value == "null" ? "" : value
        }
        /^\{"id":/ {
            name = member("name")
            if (index(name, prefix) != 1) next
            line = "seen " name " " member("id") " " member("state") " " member("attempt")
            if (member("exitCode") != "") line = line " exit=" member("exitCode")
            if (member("reason") != "") line = line " reason=" member("reason")
            print line
            print line >>history
            fflush(history) # each line is a write of its own
        }' >"$here/seen.${look_name:-look}"
}
acknowledged() { sed -n "s/^acknowledged \($load_prefix[0-9]* .*\)/\1/p" history; }
acknowledged_count() { acknowledged | wc -l; }
has_acknowledged() { [ "$(acknowledged_count)" -ge "$1" ]; }

has_started() { [ "$(grep -c '^start ' history)" -ge "$1" ]; }

# load_end NAME: waits until all was asked for and has ended, and judges the history. With
# load_lossy=1 what is missing is not waited for; the judge says whether it may be.
load_end() {
    for p in $load_pids; do wait "$p"; done
    : >load.over
    wait "$load_watcher"
    look_name=end
    holds "$1: every job that was acknowledged ends" until_true 120 load_ended
    holds "$1: $load_count were asked for, $(acknowledged_count) acknowledged" \
        has_acknowledged $((load_count / 2))
    load_read
    note last
    if "$CADRE_BUILD/tests/support/history" history >judged; then
        ok "$1: $(tail -n 1 judged)"
        return
    fi
    load_kept=$CADRE_BUILD/histories/$(basename "$0" .sh)-$seed-$load_prefix
    mkdir -p "$CADRE_BUILD/histories" && cp history "$load_kept"
    not_ok "$1: the history, which is $load_kept: $(head -n 5 judged | tr '\n' '|')"
}
load_ended() {
    look
    acknowledged >acknowledged
    awk -v lossy="${load_lossy:-0}" '
        FILENAME == "acknowledged" {
            if (!($1 in ended) && (!lossy || $1 in seen)) exit 1
            next
        }
        { seen[$2] = 1 }
        $4 ~ /^(SUCCESS|FAILED|KILLED|CANCELLED|WARNING)$/ { ended[$2] = 1 }
    ' seen.end acknowledged
}
# Output of every fourth, each at another coordinator; and whether what is in no list is nowhere.
load_read() {
    read_at=
    acknowledged | while read -r key id; do
        seen=$(grep "^seen $key " seen.end) || {
            cadre job show "$id" >shown 2>&1 || { grep -Eq 'no job|not found|unknown' shown &&
                note missing "$key"; }
            continue
        }
        [ $((${key#"$load_prefix"} % 4)) -eq 0 ] || continue
        [ -n "$read_at" ] || read_at=$members
        set -- $read_at
        read_at=${read_at#* } && read_at=${read_at#"$1"}
        attempt=$(echo "$seen" | cut -d' ' -f5)
        via "$1" cadre job logs --attempt "$attempt" "$id" >read 2>/dev/null </dev/null &&
            note read "$key" "$attempt" $(cat read)
    done
}

owners_done() {
    if [ "$failures" -gt 0 ]; then
        for log in c[0-9].log *.pg.log load.err long.err cut.err; do
            [ -s "$log" ] && echo "--- $log" && tail -n 25 "$log"
        done
    fi
    done_testing
}
