#!/bin/sh
# A folder knows what it is: no command of ours writes into what it does not know, and none writes
# over a living database.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a

# unchanged NAME FOLDER: since `keep FOLDER`. A coordinator that runs writes into its log alone.
keep() { (cd "$1" && find . -type f ! -name '*-wal' ! -name '*-shm' ! -name lock -exec cksum {} + |
    sort) >"$1.kept"; }
unchanged() {
    (cd "$2" && find . -type f ! -name '*-wal' ! -name '*-shm' ! -name lock -exec cksum {} + |
        sort) >now
    if cmp -s "$2.kept" now; then ok "$1"; else not_ok "$1: $(diff "$2.kept" now | tr '\n' '|')"; fi
}

# ---- join into a coordinator's folder ----
cadre-coordinator init --state other >/dev/null
rm -f other/cadre-folder # as a version without a marker left it
keep other
token=$(cadre token create join 2>/dev/null)
CADRE_STATE=other cadre-agent join "$token" --config o.yaml >out 2>err
is "join into a coordinator's folder is refused" 1 $?
has "and says whose it is" err "other is a coordinator's state folder" 'CADRE_STATE'
unchanged "nothing in it was changed" other
holds "no configuration was written" test ! -e o.yaml
cadre-agent run --config a.yaml --state other 2>err
is "nor does an agent run on it" 1 $?
unchanged "nothing in it was changed then" other
ln -s other linked
cadre-agent join "$token" --config o.yaml --state linked 2>err
is "nor through a link" 1 $?
cadre-agent join "$token" --config other/agent.yaml --state fresh 2>err
is "nor is the configuration written there" 1 $?
unchanged "nothing in it was changed at all" other
cadre-agent join "$token" --config o.yaml --state fresh >out 2>err
is "the token was not used up by that" 0 $?

# ---- init and run on an agent's folder ----
keep fresh
cadre-coordinator init --state fresh 2>err
is "init in an agent's folder is refused" 1 $?
has "and says whose it is" err "fresh is an agent's state folder"
cadre-coordinator run --state fresh --listen 127.0.0.1:0 2>err
is "a coordinator does not run on it" 1 $?
cadre-coordinator backup x --state fresh 2>err
is "nor is it backed up" 1 $?
cadre-coordinator dev --state fresh 2>err
is "nor tried out in" 1 $?
unchanged "nothing in it was changed" fresh

# ---- a trial's folder, which holds both ----
cadre-coordinator dev --state trial --listen 127.0.0.1:0 --group a --group a \
    >trial.out 2>trial.err &
trial=$!
pids="$pids $trial"
tried() { file_has trial.out '^Ctrl-C ends' || gone "$trial"; }
holds "a trial begins" until_true 60 tried
has "with coordinator and agents, one for a group that is named twice" trial.out \
    'a coordinator on .* and 2 agents\.'
end "$trial" INT
is "and ends" 0 "$end_code"

# ---- foreign folders ----
mkdir papers && echo mine >papers/notes.txt
keep papers
cadre-coordinator init --state papers 2>err
is "init beside other files is refused" 1 $?
has "and names one" err 'papers holds what is not .* \(notes.txt\)'
cadre-agent join "$token" --state papers --config p.yaml 2>err
is "join, too" 1 $?
unchanged "nothing in it was changed" papers

# ---- half-made folders ----
for at in ca.key server.pem cadre.db admin.token; do
    rm -rf half
    cadre-coordinator init --state half >/dev/null
    case $at in # what init makes after it
    ca.key) (cd half && rm -f ca.pem server.* cadre.db output.db admin.token names) ;;
    server.pem) (cd half && rm -f cadre.db output.db admin.token) ;;
    cadre.db) (cd half && rm -f output.db admin.token && : >cadre.db) ;;
    admin.token) rm -f half/admin.token ;;
    esac
    echo coordinator >half/cadre-folder # not yet complete
    cadre-agent join "$token" --state half --config h.yaml 2>err
    is "an init that was cut off at $at leaves a coordinator's folder" 1 $?
    cadre-coordinator init --state half >out 2>err
    is "and init completes it" 0 $?
    holds "with a token" test -s half/admin.token
done

# ---- backup ----
cadre run -- echo kept >/dev/null 2>&1
keep server
for target in cadre.db output.db new.db ca.key; do
    cadre-coordinator backup "server/$target" --state server --force >out 2>err
    is "a backup to STATE/$target is refused" 1 $?
done
has "and says where it belongs" err 'a backup belongs elsewhere'
ln server/cadre.db hard.db && ln -s server/output.db soft.db
cadre-coordinator backup hard.db --state server --force 2>err
is "nor over another name of a database" 1 $?
cadre-coordinator backup soft.db --state server --force 2>err
is "nor through a link" 1 $?
echo mine >notes.txt
cadre-coordinator backup notes.txt --state server 2>err
is "a backup over a text is refused" 1 $?
has "and says what would do it" err 'is not a backup' '--force'
is "the text is there" mine "$(cat notes.txt)"
unchanged "the databases are the same" server
cadre-coordinator backup b.db --state server >out 2>err
is "a backup to a new name is made" 0 $?
cadre-coordinator backup b.db --state server >out 2>err
is "and replaced by the next" 0 $?
cadre run -- true
is "the coordinator never noticed" 0 $?

# ---- an agent's folder that is copied, or moved, while it runs ----
first=$agent
cp -R a copied && cp a.yaml copied.yaml
agent_begin copied
holds "an agent on a copy of the folder is refused" until_true 30 file_has copied.log \
    'refused code=duplicate: .* another state folder of this machine: .* under another name'
cadre run -- true
is "the first one goes on" 0 $?
end "$agent"
agent_up m
mv m elsewhere
holds "an agent whose folder is moved away ends" until_true 60 gone "$agent"
wait "$agent"
is "as one that failed" 1 $?
is "and says why, once" 1 "$(grep -c 'the state folder m was moved or removed' m.log)"
holds "it makes nothing in its place" test ! -e m
agent=$first

# ---- parts of a folder know each other ----
old=$(cadre run --detach -- echo old)
holds "a job ends" until_true 60 job_is "$old" SUCCESS
end "$agent"
cadre-coordinator check --state server >out 2>err
is "a check beside the running coordinator" 0 $?
has "finds nothing" out 'no damage found: [0-9]+ pages, [1-9][0-9]* pieces of output'
end "$coordinator"
cp -a server pristine
mkdir moved && cp -a pristine/ca.key pristine/ca.pem moved/
cp b.db moved/cadre.db && cp b.db.output moved/output.db
restore() {
    rm -rf server
    cp -a pristine server
}
# will_not_run NAME PATTERN...: nor does init make in its place what is gone
will_not_run() {
    run_name=$1
    shift
    timeout 60 cadre-coordinator run --config coordinator.yaml --state server >out 2>err
    is "$run_name: it does not start" 1 $?
    has "$run_name: it says why, and the way out" err "$@"
    cadre-coordinator init --once --state server >out 2>&1
    timeout 60 cadre-coordinator run --config coordinator.yaml --state server >out 2>err
    is "$run_name: nor after init --once, as the service does it" 1 $?
    cadre-coordinator init --state server >out 2>&1
    is "$run_name: nor does init" 1 $?
    restore
}
# flip FILE WORD: the word's first byte, where it lies in the file
flip() {
    printf 'X' | dd of="$1" bs=1 conv=notrunc 2>/dev/null \
        seek="$(grep -abo "$2" "$1" | head -n 1 | cut -d: -f1)"
}
flip server/output.db 'old'
cadre-coordinator check --state server >out 2>err
is "a check finds a flipped byte of output" 1 $?
has "and names the job" err "output.db: chunk [0-9]+ is damaged: 4 bytes of attempt 1 of job $old"
cadre-coordinator backup d.db --state server >out 2>err
is "so does a backup, which is made all the same" 1 $?
has "as it says" out 'backup written'
holds "and there" test -s d.db.output
coordinator_up
cadre job logs "$old" >out 2>&1
has "and the logs leave it out" out "damaged on the coordinator's disk, and left out: 4 bytes"
is "which is all there was" "" "$(grep Xld out)"
end "$coordinator"
restore
: >server/cadre.db
will_not_run "an emptied cadre.db" 'cadre.db is empty' 'backup'
rm server/cadre.db
will_not_run "a missing cadre.db" 'cadre.db is missing' 'backup'
rm server/cadre.db server/admin.token
will_not_run "a missing cadre.db without a token" 'cadre.db is missing'
: >server/output.db
will_not_run "an emptied output.db" 'output.db is empty' '--without-output'
rm server/output.db
will_not_run "a missing output.db" 'output.db is missing' '--without-output'
rm server/output.db server/admin.token server/cadre-folder
will_not_run "a missing output.db in an older folder" 'output.db is missing'
cp other/output.db server/output.db
will_not_run "another coordinator's output.db" 'output.db is not the one' 'backup'
cp other/cadre.db server/cadre.db && cp other/output.db server/output.db
will_not_run "another coordinator's databases" 'another CA'
cp b.db.output server/output.db
will_not_run "an older output.db" 'output.db is older'
rm server/ca.key
timeout 60 cadre-coordinator run --config coordinator.yaml --state server >out 2>err
has "a missing CA is told as such" err 'has a database but not the CA'
restore

rm server/output.db
coordinator_up --without-output
agent_up a
has "without its output it starts when told so, and its log says so" coordinator.log \
    'started without the old output'
cadre job logs "$old" >out 2>&1
is "the logs of an old job are there" 0 $?
has "and say what happened" out 'the output of before is gone'
is "a new job has its output" new "$(cadre run -- echo new 2>/dev/null)"
end "$agent"
end "$coordinator"
coordinator_up
is "and later starts need not be told" 0 $?
end "$coordinator"

# ---- restored on a new host, as docs/guide.md says ----
rm -rf server && mv moved server
cadre-coordinator init --once --state server >out 2>err
is "a restored folder counts as initialised" 0 $?
holds "and gets no token of its own accord" test ! -e server/admin.token
cadre-coordinator run --config coordinator.yaml --state server >coordinator.out 2>>coordinator.log &
coordinator=$!
pids="$pids $coordinator"
holds "a restored folder starts" until_true 60 grep -q '^listening' coordinator.out
holds "and its log says how to get a token" until_true 60 \
    file_has coordinator.log 'cadre-coordinator token create'
cadre status 2>err
has "so does the command line" err 'admin.token' 'cadre-coordinator token create'
for text in '' garbage; do
    end "$coordinator"
    printf %s "$text" >server/admin.token && chmod 600 server/admin.token
    : >coordinator.out && : >token.log
    cadre-coordinator run --config coordinator.yaml --state server >coordinator.out 2>token.log &
    coordinator=$!
    pids="$pids $coordinator"
    holds "it starts with the token '$text'" until_true 60 grep -q '^listening' coordinator.out
    holds "whose file is named" until_true 60 \
        file_has token.log "server/admin.token: .*token.*'cadre-coordinator token create'"
    holds "and not said to be missing" sh -c '! grep -q "there is no admin.token" token.log'
done
rm server/admin.token

# ---- a lost token ----
cadre-coordinator token create --state server 2>err
is "no token is made beside a running coordinator" 1 $?
has "and it says what to do" err 'stop the coordinator first' 'start it again'
holds "nothing was left" test ! -e server/admin.token
end "$coordinator"
cadre-coordinator token create --state fresh 2>err
is "nor in an agent's folder" 1 $?
cadre-coordinator token create --state nowhere 2>err
is "nor where there is none" 1 $?
holds "which is not made either" test ! -e nowhere
cadre-coordinator token make --state server 2>err
is "there is nothing else to do" 2 $?
cadre-coordinator token create --state server >out 2>err
is "a token is made while it is stopped" 0 $?
has "and it says where" out 'server/admin.token'
is "it is its owner's alone" 600 "$(stat -c %a server/admin.token)"
coordinator_up
cadre -o json token list >out
is "the token is an administrator's" 0 $?
has "and says where it was made" out 'made on the host'
end "$coordinator"
cadre-coordinator token create --state server >out 2>err
has "the next one names the one before" out 'cadre token revoke [0-9A-Z]'
coordinator_up
cadre status >out 2>err
is "and holds" 0 $?

done_testing
