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

done_testing
