#!/bin/sh
# What the system tests share. Sourced; the environment comes from tests/run.sh (CADRE_BIN and the
# rest). Each test runs in an empty folder of its own. Programs are ended by pid; nothing waits by
# time alone.

set -u
: "${CADRE_BIN:?is set by tests/run.sh}"
PATH=$CADRE_BIN:$PATH
CADRE_WAIT=30s # a coordinator that starts anew on a busy machine takes longer than reads wait
export PATH CADRE_WAIT
here=$(pwd)
# Looking for leaks at its end takes `cadre` as long again as its work. Tests whose subject is the
# command line do it (they set leaks=yes); the others look for leaks in the daemons alone.
if [ -z "${leaks:-}" ]; then
    mkdir -p "$here/.bin"
    cat >"$here/.bin/cadre" <<END
#!/bin/sh
ASAN_OPTIONS=\${ASAN_OPTIONS:-}:detect_leaks=0 exec "$CADRE_BIN/cadre" "\$@"
END
    chmod +x "$here/.bin/cadre"
    PATH=$here/.bin:$PATH
fi
seed=${CADRE_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
failures=0
pids=

ok() { echo "ok - $*"; }
not_ok() {
    echo "not ok - $*"
    failures=$((failures + 1))
}

# is NAME WANTED GOT
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: wanted '$2', got '$3'"; fi
}

# has NAME FILE PATTERN...: every pattern (grep -E) is in the file
has() {
    has_name=$1 has_file=$2
    shift 2
    for pattern in "$@"; do
        grep -qE -e "$pattern" "$has_file" && continue
        not_ok "$has_name: '$pattern' is not in: $(head -c 600 "$has_file" | tr '\n' '|')"
        return
    done
    ok "$has_name"
}

# holds NAME COMMAND...
holds() {
    holds_name=$1
    shift
    if "$@"; then ok "$holds_name"; else not_ok "$holds_name"; fi
}

# until_true SECONDS COMMAND...: polls; the only place where a test lets time pass
until_true() {
    deadline=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# A zombie that nobody has waited for is gone, too.
gone() { [ ! -e "/proc/$1/exe" ]; }
file_has() { grep -qE -e "$2" "$1" 2>/dev/null; }

# make_zone FILE RULE: a time zone whose clocks follow this rule of POSIX's TZ (RFC 9636)
make_zone() {
    mkdir -p "$(dirname "$1")"
    : >"$1.new"
    for block in 1 2; do # both have one type of local time, at UTC, and no changes
        printf 'TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >>"$1.new"
        printf '\0\0\0\001\0\0\0\004\0\0\0\0\0\0UTC\0' >>"$1.new"
    done
    printf '\n%s\n' "$2" >>"$1.new"
    mv "$1.new" "$1"
}

# random BELOW: the next of a sequence that the seed decides
random_state=$seed
random() {
    random_state=$(awk -v s="$random_state" \
        'BEGIN { printf "%.0f", (s * 69069 + 12345) % 4294967296 }')
    random_value=$(awk -v s="$random_state" -v n="$1" 'BEGIN { printf "%d", (s / 65536) % n }')
}

# ---- programs ----

# coordinator_up [OPTION...]: starts it (initialising it the first time) and waits until it listens
coordinator_up() {
    if [ ! -e coordinator.yaml ]; then
        printf 'listen: 127.0.0.1:0\n' >coordinator.yaml
    fi
    if [ ! -s server/admin.token ]; then
        cadre-coordinator init --config coordinator.yaml --state server >init.log 2>&1 || {
            cat init.log
            exit 1
        }
    fi
    # After a restart it takes the port that it had, so that agents find it again.
    [ -z "${port:-}" ] || set -- --listen "127.0.0.1:$port" "$@"
    : >coordinator.out
    cadre-coordinator run --config coordinator.yaml --state server "$@" >coordinator.out \
        2>>coordinator.log &
    coordinator=$!
    pids="$pids $coordinator"
    if ! until_true 30 listening; then
        echo "the coordinator did not start:"
        tail -n 20 coordinator.log
        exit 1
    fi
    port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' coordinator.out)
    CADRE_URL=127.0.0.1:$port CADRE_TOKEN_FILE=$here/server/admin.token
    export CADRE_URL CADRE_TOKEN_FILE
}
listening() { grep -q '^listening on ' coordinator.out || gone "$coordinator"; }

# end PID [SIGNAL]: and waits until it is gone; its exit code is in end_code
end() {
    kill "-${2:-TERM}" "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    end_code=$?
}

# join_agent NAME [OPTION...]
join_agent() {
    name=$1
    shift
    join_token=$(cadre token create join 2>token.err) || {
        cat token.err
        exit 1
    }
    # The token's addresses are the ones of the host; here the port was the system's choice.
    cadre-agent join "$join_token" --config "$name.yaml" --state "$name" --name "$name" "$@" \
        >join.log 2>&1 || {
        cat join.log
        exit 1
    }
}

# agent_begin NAME [OPTION...]: one that has joined, without waiting for it; its pid is in agent
agent_begin() {
    name=$1
    shift
    cadre-agent run --config "$name.yaml" --state "$name" "$@" >>"$name.log" 2>&1 &
    agent=$!
    pids="$pids $agent"
}

# agent_up NAME [OPTION...]: joins the first time; waits until the coordinator sees it; its pid is
# in agent
agent_up() {
    [ -s "$1/identity.json" ] || join_agent "$1"
    agent_begin "$@"
    if ! until_true 30 agent_is "$name" ONLINE; then
        echo "agent $name did not come online:"
        tail -n 20 "$name.log"
        exit 1
    fi
}
agent_is() { cadre agent show "$1" 2>/dev/null | grep -Eq "^state +$2\$"; }

# job_is ID STATE
job_is() { cadre job show "$1" 2>/dev/null | grep -Eq "^state +$2\$"; }
job_field() { cadre job show "$1" | sed -n "s/^$2  *//p"; }

finish() {
    for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
    wait 2>/dev/null
}
trap finish EXIT

done_testing() {
    [ "$failures" -eq 0 ] && exit 0
    echo "seed $seed"
    for log in coordinator.log ./*agent*.log a.log b.log; do
        [ -s "$log" ] && echo "--- $log" && tail -n 30 "$log"
    done
    exit 1
}
