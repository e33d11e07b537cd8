#!/bin/sh
# The measuring programs measure: each runs once, small, and reports figures. What the figures are
# says nothing here. tests/bench/programs.txt has what each is called with.
# rings: system
# alone: it measures
. "$(dirname "$0")/lib.sh"
programs=$CADRE_ROOT/tests/bench/programs.txt
bench=$CADRE_BUILD/tests/bench

trim() { sed 's/^[ \t]*//; s/[ \t]*$//'; }
field() { printf '%s\n' "$line" | cut -d'|' -f"$1" | trim; }
results() { grep -cE '^RESULT [a-z0-9.-]+=-?[0-9.e+-]+ [^ ]+$' "$1"; }

# Runs one line of programs.txt with its arguments for CI. Where nothing of it can run here
# (PostgreSQL is missing), it says so for each.
measure() {
    name=$(field 1 | sed 's/^run //') program=$(field 2)
    folder=$here/$name
    mkdir "$folder"
    chmod 711 "$here" "$folder" # for PostgreSQL's user
    case $(field 5) in
    *FOLDER*) set -- $(field 5 | sed "s|FOLDER|$folder/data|") ;;
    *) set -- $(field 5) --results --dir "$folder" ;;
    esac
    if ! "$bench/bench_$program" "$@" >"$name.out" 2>&1; then
        not_ok "$name measures: $(grep -v '^RESULT' "$name.out" | tail -n 3 | tr '\n' '|')"
    elif [ "$name" = postgresql ] && grep -q '^LEFT OUT cadre-postgresql:' "$name.out"; then
        echo "skip - $(grep '^LEFT OUT cadre-postgresql:' "$name.out")"
    elif [ "${*#*--results}" != "$*" ] && [ "$(results "$name.out")" -eq 0 ]; then
        not_ok "$name reports figures: $(tail -n 3 "$name.out" | tr '\n' '|')"
    else
        ok "$name measures"
    fi
    # What is measured with goes away with the program.
    case $* in
    *--results*) is "$name leaves nothing" "" "$(ls "$folder")" ;;
    esac
}

grep '^run ' "$programs" >runs
while read -r line; do
    [ "$(field 5)" = - ] || measure
done <runs
for program in "$bench"/bench_*; do
    program=${program##*/bench_}
    awk -F'|' -v p="$program" '{ gsub(/ /, "") } /^run/ && $2 == p && $5 != "-" { found = 1 }
        END { exit !found }' "$programs" || not_ok "programs.txt has no line for bench_$program"
done

# run.sh refuses what it does not know, and says what it knows.
refused() { # refused NAME PATTERN OPTION...
    refused_name=$1 refused_pattern=$2
    shift 2
    sh "$CADRE_ROOT/tests/bench/run.sh" "$@" >run.out 2>run.err
    is "run.sh refuses $refused_name" 2 $?
    has "run.sh says why: $refused_name" run.err "$refused_pattern"
}
refused "an option" "'--fast' is not an option" --fast
refused "a name" "there is no 'nobody'.*peers" --only nobody
refused "no value" "wants a value" --only
refused "no number" "not 'x'" --rounds x
refused "a document without a place for the table" "no place for the table" --into README.md
refused "a folder" "not a folder" --dir "$here/none"
sh "$CADRE_ROOT/tests/bench/run.sh" -h >run.out 2>&1
is "run.sh has a help" 0 $?
has "the help names the options" run.out '--quick' '--markdown' '--no-install'

# What installs stays in the session: sudo asks for its password on the session's terminal.
mkdir -p tree/tests/bench tree/installer
cp "$CADRE_ROOT/tests/bench/run.sh" "$programs" tree/tests/bench/
printf 'ps -o sid= -p $$ >"%s/session"\nexit 1\n' "$PWD" >tree/installer/deps.sh
sh tree/tests/bench/run.sh --only flow --dir "$PWD" >run.out 2>run.err
is "run.sh ends when nothing can be installed" 1 $?
is "what installs is in the session of run.sh" "$(ps -o sid= -p $$)" "$(cat session)"

# The table: medians, and Cadre divided by each peer.
cat >results <<'END'
lifecycles.4.cadre 100 /s
lifecycles.4.cadre 300 /s
lifecycles.4.cadre 200 /s
lifecycles.4.rabbitmq 100 /s
lifecycles.4.rabbitmq 60 /s
latency.idle.p50 0.25 ms
agents.idle.memory 16.6 MiB
END
awk -v markdown= -f "$CADRE_ROOT/tests/bench/table.awk" "$programs" results >table
has "the table has median, minimum and maximum" table '^Cadre, .* 4 +200 +100 +300 +/s'
has "the table names each peer and divides" table '^RabbitMQ, .* 4 +80\.0 +60\.0 +100 .* 2\.50x'
cat >>results <<'END'
lifecycles.16.cadre 900 /s
lifecycles.16.cadre-postgresql 300 /s
lifecycles.16.cadre-postgresql-batch 600 /s
lifecycles.16.graphile-worker 50 /s
END
awk -v markdown= -v quick=yes -f "$CADRE_ROOT/tests/bench/table.awk" "$programs" results >table2
has "a peer on PostgreSQL is compared with Cadre on PostgreSQL" table2 \
    '^graphile-worker, .* 6\.00x +12\.00x +5x'
has "what was measured whole has its title and goal" table '10,000 idle agents .* 200 MiB'
awk -v markdown= -v quick=yes -f "$CADRE_ROOT/tests/bench/table.awk" "$programs" results >table
has "what --quick measured is called by its size" table '300 idle agents'
is "and has no goal" 0 "$(grep -c -e '10,000 idle' -e '200 MiB' table)"
awk -v markdown=yes -f "$CADRE_ROOT/tests/bench/table.awk" "$programs" results >table
has "the table is Markdown" table '^\| RabbitMQ, .* \| +4 \| .* 2\.50x \|' '^\|-+\|-+:\|'
done_testing
