#!/bin/sh
# The setting `store`: what check-config says of it, that no command shows its password, and that
# commands about files know that there are none.
. "$(dirname "$0")/lib.sh"
uri=postgresql://cadre:s3cret@db.example.com/cadre
password="the password is not shown"

# says NAME CODE PATTERN...: of the last command, whose output is in out and err
says() {
    is "$1" "$2" "$code"
    cat out err >both
    shift 2
    for pattern in "$@"; do
        grep -Eq -e "$pattern" both || {
            cat both
            not_ok "it says '$pattern'"
        }
    done
    is "$password" 0 "$(grep -c s3cret both)"
}
run_it() { cadre-coordinator "$@" >out 2>err; code=$?; }
config() { printf '%b' "$1" >c.yaml; }

config 'store: sqlite\n'
run_it check-config --config c.yaml --state s
says "SQLite can be said" 0 '^store: sqlite +# from the file'
is "nothing is said on standard error" "" "$(cat err)"

config "store: $uri\nlease: 20s\nheartbeat: 5s\n"
run_it check-config --config c.yaml --state s
says "a store in PostgreSQL is taken" 0 'store: .postgresql://cadre:\*\*\*@db\.example\.com/cadre' \
    'warning: store: .*sslmode=verify-full' 'warning: store: .*storePasswordFile' \
    'warning: lease: .*30s'
config 'lease: 20s\n'
export CADRE_STORE="$uri"
run_it check-config --config c.yaml --state s
unset CADRE_STORE
says "the environment can say it" 0 '# from CADRE_STORE'
run_it check-config --store "$uri" --config c.yaml --state s
says "so can a flag" 0 '# from --store'

config 'store: postgresql:///cadre?host=/var/run/postgresql\nstorePasswordFile: pw\n'
(umask 077 && echo s3cret >pw)
run_it check-config --config c.yaml --state s
says "a socket with a password in a file is fine" 0 '^storePasswordFile: '
is "and there is nothing to say" "" "$(cat err)"
chmod 644 pw
run_it check-config --config c.yaml --state s
says "a file that others can read is refused" 2 'storePasswordFile: pw is open to others' 'chmod'
rm pw
run_it check-config --config c.yaml --state s
says "so is one that is not there" 2 'storePasswordFile: .*pw'

for wrong in 'postgresql://u:s3cret@/cadre|names no host' 'postgresql://u:s3cret@db|no database' \
    'postgresql://u:s3cret@x@db/cadre|%40' 'postgresql://u:s3cret/@db/cadre|%2F' \
    'postgresql://u:s3cret@db/cadre?sslmod=require|sslmode' 'mysql://u:s3cret@db/cadre|sqlite' \
    'u:s3cret@db|sqlite'; do
    config "logLevel: info\nstore: \"${wrong%|*}\"\n"
    for command in check-config run init backup; do
        set --
        [ "$command" = backup ] && set -- file
        run_it "$command" "$@" --config c.yaml --state s
        says "$command refuses ${wrong##*:}" 2 "c.yaml:2: store: " "${wrong#*|}"
    done
done

# ---- commands about files ----
run_it backup copy.db --store "$uri" --state s
says "backup is for SQLite" 2 'in PostgreSQL .*\*\*\*@db' 'pg_dump' 'docs/scale.md'
holds "and writes nothing" [ ! -e copy.db ]
run_it check --store "$uri" --state s
says "so is check" 2 'in PostgreSQL' 'pg_amcheck'

done_testing
