#!/bin/sh
# What the tests of faults share. Sourced behind lib.sh.

# proxy_up NAME TARGET-PORT: a wire that can be cut; its port is in proxy_port
proxy_up() {
    mkfifo "$1.commands"
    "$CADRE_BUILD/tests/support/proxy" "$2" <"$1.commands" >"$1.said" 2>&1 &
    pids="$pids $!"
    # One writer that stays: the end of the commands would be the proxy's end.
    sleep 1000000 >"$1.commands" &
    pids="$pids $!"
    until_true 10 file_has "$1.said" '^port ' || {
        echo "the proxy $1 did not start: $(cat "$1.said")"
        exit 1
    }
    proxy_port=$(sed -n 's/^port //p' "$1.said")
}

# wire NAME COMMAND...: hole, close, delay MS, pass; returns when it is in force
wire() {
    wire_name=$1
    shift
    wire_before=$(grep -c '^now ' "$wire_name.said")
    echo "$*" >"$wire_name.commands"
    wire_heard() { [ "$(grep -c '^now ' "$wire_name.said")" -gt "$wire_before" ]; }
    until_true 10 wire_heard ||
        not_ok "the proxy $wire_name takes '$*': $(tail -n 1 "$wire_name.said")"
}

# once NAME WORK [OPTION]...: submits a job that does WORK in the test's folder; prints its id. It
# holds a lock for as long as any of its processes lives, and notes each attempt in NAME.runs. Two
# attempts alive at once leave NAME.twice.
cat >once.sh <<END
cd "$here" || exit 1
exec 9>>"\$1.lock"
flock -n 9 || echo "attempt \$CADRE_ATTEMPT on \$CADRE_AGENT met another one" >>"\$1.twice"
echo "\$CADRE_ATTEMPT \$CADRE_AGENT \$\$" >>"\$1.runs"
END
once() {
    once_name=$1 once_work=$2
    shift 2
    cadre run --detach --name "$once_name" "$@" -- sh -c ". $here/once.sh
$once_work" once "$once_name"
}

# run_of NAME N: attempt, agent and process of its Nth run
run_of() { sed -n "$2p" "$1.runs" 2>/dev/null; }
runs_of() { cat "$1.runs" 2>/dev/null | wc -l | tr -d ' '; }
has_run() { [ "$(runs_of "$1")" -ge "${2:-1}" ]; }
pid_of() { run_of "$1" "${2:-1}" | cut -d' ' -f3; }
never_twice() { # NAME...: and says so
    for twice_name in "$@"; do
        [ ! -e "$twice_name.twice" ] || {
            not_ok "$twice_name is never alive twice: $(cat "$twice_name.twice")"
            return
        }
    done
    ok "never were two attempts of one job alive ($*)"
}

# A job that counts in NAME.count and on stdout until NAME.go is there, then ends with 5.
counting() {
    echo "i=0; while [ ! -e $1.go ]; do i=\$((i + 1))"
    echo "echo line \$i; echo \$i >$1.count; sleep 0.1; done; exit 5"
}
count_of() {
    counted=$(cat "$1.count" 2>/dev/null)
    echo "${counted:-0}"
}
counts() { [ "$(count_of "$1")" -ge "$2" ]; }
counts_on() { until_true 20 counts "$1" $(($(count_of "$1") + 10)); }
# whole NAME FILE: every line of it, once, in order
whole() {
    awk '$0 != "line " NR { bad = 1 } END { exit bad || NR == 0 }' "$2" &&
        [ "$(wc -l <"$2")" -eq "$(count_of "$1")" ]
}

ended_at() { grep -q "job $2: attempt ${3:-1} ended" "$1.log"; }

# once_hasty NAME WORK [JSON-MEMBERS]: like `once`, with a kill grace of 1 s, which the CLI does not
# offer: a lease is over 6 s after its time instead of 15 s.
once_hasty() {
    printf '. %s/once.sh\n%s\n' "$here" "$2" >"$1.sh"
    curl -sS --cacert "$here/server/ca.pem" -H "Authorization: Bearer $(cat "$CADRE_TOKEN_FILE")" \
        -d "{\"name\": \"$1\", \"command\": [\"sh\", \"$here/$1.sh\", \"$1\"], \
            \"killGrace\": \"1s\"${3:+, $3}}" \
        "https://$CADRE_URL/api/v1/jobs" | sed -n 's/.*"id":"\([0-9a-z]*\)".*/\1/p'
}
retry_once='"retry": {"type": "constant", "interval": "1s", "maxAttempts": 2}'
