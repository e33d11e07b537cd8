#!/bin/sh
# cadre run: streams, exit codes, and what a user is told when it does not work.
# rings: system tsan
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 4

# ---- what works ----
cadre run -- sh -c 'echo out; echo err >&2; exit 7' >out 2>err
is "a job's exit code is ours" 7 $?
is "its standard output comes to stdout" out "$(cat out)"
is "its standard error comes to stderr" err "$(cat err)"

printf 'in\000put' | cadre run --stdin - -- od -An -c >out 2>err
is "standard input reaches the job byte for byte" 'i n \0 p u t' "$(tr -s ' ' <out |
    sed 's/^ //;s/ $//')"

cat >script.sh <<'END'
echo "first"
false
echo "not reached"
END
cadre run --script script.sh >out 2>err
is "a script ends at its first failing line" 1 $?
is "and shows what it did until then" first "$(cat out)"
printf 'set -o pipefail\nexit 3 | cat\n' | cadre run --shell bash --script - >out 2>err
is "bash scripts run with pipefail" 3 $?
echo exit | cadre run --shell cmd --queue-timeout 2s --script - >out 2>err
is "a script for a shell that no agent has waits" 125 $?
has "and is not started" err 'waiting: 0 of 1 agents in .* meet shell = cmd: a has .*sh' \
    queue-timeout
cadre run --require 'memory>=16' -- true >out 2>err
is "a size without a unit is refused" 125 $?
has "with what was meant" err "'16' has no unit: write >= 16GiB"

cadre job --help >out 2>err
is "a noun has help of its own" 0 $?
has "which lists its commands" out '^  why ID.NAME  ' 'cadre job why 06' "'cadre help job COMMAND'"
holds "and no others" sh -c '! grep -q "^  group" out'
cadre help token >help
cadre token --help >out
holds "asked for either way" cmp help out
cadre run --env GREETING='a "b" $c' --env EMPTY= -- \
    sh -c 'printf "%s|%s|%s" "$GREETING" "${EMPTY-unset}" "$CADRE_ATTEMPT"' >out
is "environment arrives as it was typed" 'a "b" $c||1' "$(cat out)"
cadre run --workdir / -- pwd >out
is "it runs in the folder that was asked for" / "$(cat out)"
cadre run -- sh -c 'touch here; pwd' >out
holds "the fresh work folder is removed" test ! -e "$(cat out)"
cadre run -- sh -c 'env' >out
holds "nothing of the agent's own environment is in a job's" \
    sh -c '! grep -q "^CADRE_\(STATE\|CONFIG\|TOKEN\|BIN\)" out'
cadre run -- sh -c 'ls /proc/self/fd | wc -l' >out
is "no descriptor but 0, 1, 2 is inherited (one more is ls's own)" 4 "$(tr -d ' ' <out)"
cadre run -- printf '\000\377\200binary' >out
is "binary output is unchanged" "$(printf '\000\377\200binary' | od -An -tx1)" "$(od -An -tx1 <out)"
cadre run -- sh -c 'echo "::{\"outputs\":{\"k\":\"v\"}}::"' >/dev/null
cadre job list --limit 1 -o json >out
id=$(sed -n 's/^\[{"id":"\([^"]*\)".*/\1/p' out)
cadre job show "$id" -o json >out
has "outputs are kept with the job" out '"outputs":\{"k":"v"\}'
cadre run -- sh -c 'printf "::{\"outputs\":{\"big\":\"%070000d\"}}::\n" 0' 2>err >/dev/null
is "a job whose outputs are too large goes on" 0 $?
has "its log says so" err '^cadre: outputs were dropped: .* larger than 64KiB$'
cadre job list --limit 1 -o json >out
id=$(sed -n 's/^\[{"id":"\([^"]*\)".*/\1/p' out)
has "and its message" out '"message":"outputs were dropped: [^"]* larger than 64KiB"'

# ---- exit codes of our own ----
cadre run -- no-such-command-anywhere >out 2>err
is "a missing command gives 127" 127 $?
has "and is named" err 'no-such-command-anywhere'
touch plain
cadre run -- "$here/plain" 2>err
is "a file that is no program gives 126" 126 $?
cadre run --workdir /no/such/folder -- true 2>err
code=$?
holds "a missing working folder is not success" test "$code" -ne 0
has "and is named" err '/no/such/folder'
cadre run --timeout 1s -- \
    sh -c 'sleep 300 & echo $! >'"$here"'/child; echo $$ >'"$here"'/parent; wait' >out 2>err
is "a timeout gives 124" 124 $?
has "and says so" err 'timeout' '1s'
holds "and the whole process tree is gone" until_true 20 gone "$(cat child)"
holds "with the process itself" gone "$(cat parent)"

cadre run --detach -- sleep 300 >id 2>err
holds "--detach prints the id alone" grep -Eqx '[0-9a-z]{13}' id
until_true 20 job_is "$(cat id)" RUNNING
cadre job cancel "$(cat id)" >out 2>err
cadre job logs --follow "$(cat id)" >out 2>err
is "a cancelled job gives 137" 137 $?
holds "and is KILLED" job_is "$(cat id)" KILLED
cadre job cancel "$(cat id)" >out 2>err
is "cancelling it again fails" 1 $?
has "and says that it has ended" err 'KILLED|ended|over'

cadre run --unique once -- echo first >out 2>err
cadre run --unique once -- echo second >out 2>err
is "the same key is the same job" first "$(cat out)"

cadre run -- sh -c 'kill -9 $$' 2>err
is "a job that a signal ended gives 128 + signal" 137 $?

# Ctrl-C
cadre run -- sh -c 'echo $$ >'"$here"'/victim; exec sleep 300' >out 2>err &
run=$!
until_true 20 test -s victim
kill -INT "$run"
wait "$run"
is "Ctrl-C cancels the job and gives 137" 137 $?
holds "and the job's process is gone" gone "$(cat victim)"
has "and says how to leave at once" err 'again'

# ---- when it does not work ----
cadre run --retry 2 -- sh -c 'echo $CADRE_ATTEMPT; exit 5' >out 2>err
is "a job that fails with retries gives its last code" 5 $?
is "after all attempts" "1 2 3" "$(tr '\n' ' ' <out | sed 's/ $//')"

CADRE_TOKEN_FILE=/nowhere cadre run -- true 2>err
is "a missing token file gives 125" 125 $?
has "and is named" err '/nowhere'
CADRE_TOKEN_FILE= CADRE_TOKEN=cadre-api-garbage cadre run -- true 2>err
is "a bad token gives 125" 125 $?
has "and says what a token is" err 'token'
cadre token create api --role read >readonly 2>/dev/null
CADRE_TOKEN_FILE=readonly cadre run -- true 2>err
is "a token that may not submit gives 125" 125 $?
has "and says which role is needed" err 'submit'
revoked=$(cadre token create api 2>token.err)
cadre token revoke "$(sed -n 's/^id \([0-9a-z]*\),.*/\1/p' token.err)" >/dev/null
CADRE_TOKEN_FILE= CADRE_TOKEN=$revoked cadre run -- true 2>err
is "a revoked token gives 125" 125 $?
has "and says that it is revoked" err 'revoked'
cadre run --group windwos -- true 2>err
is "an unknown group gives 125" 125 $?
has "and is named" err 'windwos'
cadre run --require cpsu=4 -- true 2>err
is "an unknown capability gives 125" 125 $?
has "and the nearest is named" err 'cpsu' 'cpus'
head -c 524280 /dev/urandom >big # base64 makes 699,040 of them
cadre run --stdin big -- cat >out 2>err
is "as much input as the limit allows is taken" 0 $?
holds "and arrives unchanged" cmp -s big out
head -c 524288 /dev/urandom >big
cadre run --stdin big -- true 2>err
is "a little more gives 125" 125 $?
has "and names the user's bytes" err 'have 524292 bytes together, at most 512KiB'
head -c 700000 /dev/zero | tr '\000' x >big
cadre run --stdin big -- true 2>err
is "too much input gives 125" 125 $?
has "and names the limit" err 'KiB|large'
cadre run --queue-timeout 1s --require label.no=where -- true 2>err
is "a job that nobody takes gives 125 after its queue timeout" 125 $?
has "and says why it waited" err 'waiting:' 'label.no' 'queue-timeout'
cadre run true 2>err
is "a command without -- gives 125" 125 $?
has "and shows how" err '\-\- true'

# ---- waiting for the coordinator ----
# A coordinator that is away: retries first, then a sentence.
away() { CADRE_URL=127.0.0.1:1 timeout 60 "$@" >out 2>err; }
away cadre run --wait 1s -- true
is "an unreachable coordinator gives 125" 125 $?
has "after trying for a while" err 'not reachable \(.*trying for 1 s$' 'not reachable: .*127.0.0.1'
unset CADRE_WAIT
away cadre status
is "what only reads tries, too" 1 $?
has "but not for long, and says how not to" err 'trying for 5 s; --wait 0 to not wait$'
away cadre group create --wait 0 nowhere
is "--wait 0 is now or never" "1 0 1" "$? $(grep -c trying err) $(grep -c 'not reachable' err)"
CADRE_WAIT=0 away cadre run --detach -- true
is "so is CADRE_WAIT" "125 0 1" "$? $(grep -c trying err) $(grep -c 'not reachable' err)"
for wrong in -1s x 5 '' 1e9999; do
    cadre --wait "$wrong" status >out 2>&1
    is "--wait '$wrong' is a wrong command line" 2 $?
done
cadre group create full --max-queued 1 >/dev/null
waits_in_full=$(cadre run --detach --group full --require label.no=where -- true)
timeout 60 cadre run --wait 0 --detach --group full -- true >out 2>err
is "a full group refuses at once" "125 0" "$? $(grep -c trying err)"
has "and says so" err 'group full holds 1 queued'
is "which leaves no doubt" 0 "$(grep -c 'may have been submitted' err)"
timeout 60 cadre run --wait 1s --detach --group full -- true >out 2>err
is "or after a while" "125 1" "$? $(grep -c 'cannot take the request now .*trying for 1 s$' err)"
cadre job cancel "$waits_in_full" >/dev/null

# ---- tokens ----
own=$(cadre token create api --role submit --name own 2>err)
is "a token that is captured is printed once" 0 "$(grep -c "$own" err)"
id=$(sed -n 's/^id \([0-9a-z]*\),.*/\1/p' err)
env -u CADRE_TOKEN_FILE CADRE_TOKEN="$own" timeout 120 cadre run -- sleep 300 >out 2>err &
run=$!
pids="$pids $run"
of_own() { cadre job list --state RUNNING | awk '/sleep 300/ { print $1 }' | grep -q .; }
until_true 30 of_own || not_ok "the job runs"
used() { cadre -o json token list | grep -q "\"id\":\"$id\"[^}]*\"lastUsedAt\":\"20"; }
until_true 30 used || not_ok "the token is used"
cadre token revoke "$id" >/dev/null
wait "$run" # ends by its own limit at the latest
is "a run whose token is revoked ends with 125" 125 $?
has "and says why, first of all" err '^cadre: following job .*this token was revoked'
for job in $(cadre job list --state RUNNING | awk '/sleep 300/ { print $1 }'); do
    cadre job cancel "$job" >/dev/null
done
is "not that the coordinator is away" 0 "$(grep -c 'not reachable' err)"
is "an agent that is connected was seen now" now "$(cadre agent list | awk '
    NR == 1 { at = index($0, "SEEN") }
    $1 == "a" { print substr($0, at, 3) }')"

end "$agent"
is "SIGTERM ends an idle agent with 0" 0 "$end_code"
end "$coordinator"
is "SIGTERM ends the coordinator with 0" 0 "$end_code"
done_testing
