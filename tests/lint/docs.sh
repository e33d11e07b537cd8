#!/bin/sh
# Compares the documents with the programs' option tables, in both directions, and proves by planted
# differences that it would notice one. Prints every difference as
#   file:line: docs: reason
# and then lines "ok - ..." or "not ok - ...", as tests/README.md has it.
#
#   sh tests/lint/docs.sh
#
# From the tables to docs/guide.md: every flag, environment variable, config key with its default,
# command and reason of a job; to docs/security.md: every code of a refusal. From README.md, the
# guide docs/groups.md, docs/linux.md and docs/security.md back: every --flag, CADRE_ variable and
# "cadre COMMAND" is one that there is. Each test that docs/guarantees.md names is there, and each
# command of docs/groups.md is run by its test. What docs/architecture.md names exists.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

# tables: one line per row: FILE:LINE, kind (flag, env, key), name, default of a key or "-"
tables() {
    awk '
        function row() {
            if (flag != "") print at, "flag", flag, "-"
            if (env != "") print at, "env", env, "-"
            if (key != "") print at, "key", key, (fallback == "" ? "-" : fallback)
            flag = env = key = fallback = ""
        }
        function text(field,   s) {
            if (!match($0, "\\." field " = \"[^\"]*\"")) return ""
            s = substr($0, RSTART, RLENGTH)
            sub(/^[^"]*"/, "", s)
            sub(/"$/, "", s)
            return s
        }
        FNR == 1 || /(^|[^_])\.(flag|env|key) = / && opened != FILENAME { row() }
        /\{ *\.(flag|env|key) = |^ *\{ *\\?$/ { row() }
        {
            if ((s = text("flag")) != "") { flag = s; at = FILENAME ":" FNR }
            if ((s = text("env")) != "") { env = s; if (flag == "") at = FILENAME ":" FNR }
            if ((s = text("key")) != "") {
                key = s
                if (flag == "" && env == "") at = FILENAME ":" FNR
            }
            if ((s = text("fallback")) != "") fallback = s
        }
        END { row() }' agent/config.c coordinator/config.c cli/*.[ch]
}

# without FILE: of the lines "WORD<tab>MESSAGE", the messages of those whose word does not stand in
# FILE as a word of its own.
without() {
    awk '
        function has(word,   from, i, before, after) {
            for (from = 1; (i = index(substr(text, from), word)) > 0; from += i) {
                before = from + i > 2 ? substr(text, from + i - 2, 1) : " "
                after = substr(text, from + i - 1 + length(word), 1)
                if (before !~ /[A-Za-z0-9_.-]/ && after !~ /[A-Za-z0-9_-]/) return 1
            }
            return 0
        }
        FILENAME != "-" { text = text $0 "\n"; next }
        { at = index($0, "\t"); if (!has(substr($0, 1, at - 1))) print substr($0, at + 1) }' \
        "$1" -
}

commands_of_cli() {
    sed -n -e 's/^ *\.name = "\([a-z ]*\)",$/\1/p' -e 's/^ *RUN_COMMAND("\([a-z ]*\)".*/\1/p' \
        cli/cmd_*.c | sort -u
}
words_of() { # words_of COMMAND-TABLE-FILE: the commands of a daemon
    case $1 in
    agent) sed -n 's/^    {COMMAND("\([a-z -]*\)", .*/\1/p' agent/main.c ;;
    coordinator) sed -n '/^static const struct verb verbs/,/^};/s/^    {"\([a-z -]*\)", .*/\1/p' \
        coordinator/main.c ;;
    esac
}
reasons() {
    sed -n '/^static const char \*const reason_names/,/};/s/.*= "\([a-z-]*\)".*/\1/p' \
        coordinator/store/model.c
}
refusals() { sed -n 's/^ *X([A-Z_]*, "\([a-z-]*\)", .*/\1/p' wire/refusal.h; }

# The words of flows: those that a flow may use are in docs/flows.md, those of Kestra's tasks and
# what is refused in docs/from-kestra.md, in code each.
flow_words() { # flow_words TABLE-PATTERN
    awk -v table="$1" '
        /^static const char \*const [a-z_]*\[\] = \{/ || /^#define WORK_NAMES/ ||
        /^const struct refused_key [a-z_]*\[\] = \{/ {
            inside = $0 ~ table; refused = /refused_key/
        }
        inside { while (match($0, /"[A-Za-z]+"/)) {
                     print substr($0, RSTART + 1, RLENGTH - 2)
                     $0 = refused ? "" : substr($0, RSTART + RLENGTH) } }
        /^\};|\}[;]$|^ *"killGrace", "priority"$/ { inside = 0 }' coordinator/flow/keys.c | sort -u
}
in_code() { # in_code WORD FILE: among the words of a piece of code
    awk -v word="$1" '
        { n = split($0, parts, "`")
          for (i = 2; i <= n; i += 2) {
              m = split(parts[i], words, /[^A-Za-z0-9]+/)
              for (k = 1; k <= m; k++) if (words[k] == word) { found = 1; exit }
          } }
        END { exit !found }' "$2"
}
flows_to_docs() {
    [ "$(flow_words '(flow|task|trigger|input|group|retry|concurrency)_names|WORK_NAMES' |
        wc -l)" -gt 40 ] ||
        echo "coordinator/flow/keys.c:1: docs: the tables of keys cannot be read"
    for name in $(flow_words \
        '(flow|task|trigger|input|group|retry|concurrency)_names|WORK_NAMES'); do
        in_code "$name" docs/flows.md ||
            echo "coordinator/flow/keys.c:1: docs: the key '$name' of flows is not in docs/flows.md"
    done
    for name in $(flow_words 'schedule_names'); do
        in_code "$name" docs/schedules.md ||
            echo "coordinator/flow/keys.c:1: docs: docs/schedules.md lacks the key '$name'"
    done
    tr '\n' ' ' <docs/from-kestra.md >"$tmp/from-kestra"
    for name in $(flow_words 'kestra_names|_refused\['); do
        in_code "$name" "$tmp/from-kestra" ||
            echo "coordinator/flow/keys.c:1: docs: Kestra's '$name' is not in docs/from-kestra.md"
    done
    for name in $(sed -n 's/.*{PREFIX "\([a-z]*\)\..*/\1/p' coordinator/flow/kestra.c | sort -u); do
        in_code "$name" "$tmp/from-kestra" ||
            echo "coordinator/flow/kestra.c:1: docs: docs/from-kestra.md lacks the types of '$name'"
    done
    for name in $(sed -n '/flow_input_type_names/,/;/s/.*/&/p' coordinator/flow/flow.c |
        grep -o '"[A-Z]*"' | tr -d '"'); do
        in_code "$name" docs/flows.md ||
            echo "coordinator/flow/flow.c:1: docs: docs/flows.md lacks the type '$name' of inputs"
    done
}

to_docs() {
    awk '{ printf "%s%s\t%s: docs: %s \047%s\047 is not in docs/guide.md\n",
        $2 == "flag" ? "--" : "", $3, $1, $2, $3 }' "$tmp/tables" | without docs/guide.md
    # A default stands in the row of its key; a key without a row was told above.
    awk 'FILENAME == "docs/guide.md" {
            if (/^\| `/) { split($0, cell, "`"); row[cell[2]] = row[cell[2]] $0 }
            next
        }
        $2 == "key" && $4 != "-" && index(row[$3], "| `" $4 "` |") == 0 {
            printf "%s: docs: the default of \047%s\047 is \047%s\047, ", $1, $3, $4
            print "docs/guide.md says otherwise"
        }' docs/guide.md "$tmp/tables"
    commands_of_cli | awk '{ printf "cadre %s\tcli/commands.c:1: docs: \047cadre %s\047", $0, $0
        print " is not in docs/guide.md" }' | without docs/guide.md
    for daemon in agent coordinator; do
        words_of "$daemon" | while read -r name; do
            grep -E "cadre-$daemon" docs/guide.md | grep -qE "[\` ]$name[\` ]" ||
                echo "$daemon/main.c:1: docs: 'cadre-$daemon $name' is not in docs/guide.md"
        done
    done
    for name in $(reasons); do
        grep -qF "| \`$name\` |" docs/guide.md ||
            echo "coordinator/store/model.c:1: docs: the reason '$name' is not in docs/guide.md"
    done
    for name in $(refusals); do
        grep -qF "\`$name\`" docs/security.md ||
            echo "wire/refusal.h:1: docs: the refusal '$name' is not in docs/security.md"
    done
}

# The sample files have every key, commented out, with its default where it has one; and no other.
to_samples() {
    for daemon in agent coordinator; do
        sample=installer/$daemon.yaml
        sed -n 's/^#\(  \)\{0,1\}\([a-zA-Z]*\):/\1\2 /p' "$sample" |
            awk '{ sub(/ *$/, "") } /^  / { print section "." $1, $2; next }
                NF == 1 { section = $1; next }
                { print $1, $2 }' >"$tmp/sample"
        awk -v file="$daemon/config.c:" '$2 == "key" && index($1, file) == 1 { print $3, $4, $1 }' \
            "$tmp/tables" |
            while read -r key default at; do
                there=$(awk -v key="$key" '$1 == key { print $2 }' "$tmp/sample")
                if [ -z "$there" ]; then
                    echo "$at: docs: key '$key' is not in $sample"
                elif [ "$default" != - ] && [ "$there" != "$default" ]; then
                    echo "$at: docs: the default of '$key' is '$default', $sample says '$there'"
                fi
            done
        while read -r key rest; do
            grep -q "^$daemon/config.c:[0-9]* key $key " "$tmp/tables" ||
                echo "$sample:1: docs: there is no key '$key'"
        done <"$tmp/sample"
    done
}

from_docs() {
    {
        awk '$2 == "flag" { print "--" $3 }' "$tmp/tables"
        printf '%s\n' --help --version --man --completion
    } | sort -u >"$tmp/flags"
    {
        awk '$2 == "env" { print $3 }' "$tmp/tables"
        grep -oh '"CADRE_[A-Z_]*"' agent/script.c | tr -d '"'
        # fields of the journal, and what is built with
        printf '%s\n' CADRE_JOB CADRE_MAINTAINER CADRE_TESTS
    } | sort -u >"$tmp/variables"
    # Of three words the first two; `help` is not in the table.
    commands_of_cli | sed -e 'p' -e 's/^\([a-z]* [a-z]*\) .*/\1/' | sort -u >"$tmp/commands"
    echo help >>"$tmp/commands"
    # What a shell's or another program's line says is theirs.
    for file in README.md docs/guide.md docs/groups.md docs/security.md docs/flows.md \
        docs/from-kestra.md docs/linux.md; do
        grep -nE '(^|[^A-Za-z0-9-])--[a-z]' "$file" |
            grep -vE 'cmake|apt-get|systemctl|bash --noprofile|systemd-|curl ' |
            sed 's/\([0-9]*\):/\1 /' | while read -r line text; do
            printf '%s\n' "$text" | grep -oE '(^|[^A-Za-z0-9-])--[a-z][a-z-]*' | sed 's/^[^-]*//' |
                while read -r flag; do
                    grep -qxF -e "$flag" "$tmp/flags" ||
                        echo "$file:$line: docs: there is no flag '$flag'"
                done
        done
        grep -noE 'CADRE_[A-Z_]+' "$file" | while IFS=: read -r line name; do
            grep -qxF "$name" "$tmp/variables" ||
                echo "$file:$line: docs: there is no variable '$name'"
        done
        # In code only: `cadre job why`, and lines of examples that begin with it.
        grep -noE '(^|`|\$ )cadre [a-z]+( [a-z]+)?' "$file" | sed 's/:[^c]*cadre /:/' |
            while IFS=: read -r line name; do
                grep -qxF -e "$name" -e "${name%% *}" "$tmp/commands" ||
                    echo "$file:$line: docs: there is no command 'cadre $name'"
            done
    done
}

# What documents say of tests.
to_tests() {
    grep -noE 'tests/[A-Za-z0-9_./-]*[A-Za-z0-9_]' docs/guarantees.md |
        while IFS=: read -r line name; do
        [ -f "$name" ] || echo "docs/guarantees.md:$line: docs: there is no test '$name'"
    done
    grep -n '^## [0-9]' docs/guarantees.md >"$tmp/promises"
    [ "$(grep -c '^\*Tests\.\* ' docs/guarantees.md)" -eq "$(wc -l <"$tmp/promises")" ] ||
        echo "docs/guarantees.md:1: docs: a promise names no test"
    # In blocks of shell that begin with ```sh; the test may say more on the line.
    awk '/^```/ { shell = $0 == "```sh"; next } shell { print FNR " " $0 }' docs/groups.md |
        while read -r line text; do
            grep -qF -e "$text" tests/system/groups.sh ||
                echo "docs/groups.md:$line: docs: tests/system/groups.sh does not run '$text'"
        done
}

# Files and folders that docs/architecture.md names; without a folder, any file of that name.
to_files() {
    page=docs/architecture.md
    grep -noE '[A-Za-z0-9_][A-Za-z0-9_./-]*\.(c|h|md|sh|txt)|`[a-z]+/[a-z/]*`' "$page" |
        tr -d '`' | while IFS=: read -r line name; do
        case $name in
        */*) [ -e "$name" ] || echo "$page:$line: docs: there is no '$name'" ;;
        *.md) [ -e "docs/$name" ] || [ -e "$name" ] ||
            echo "$page:$line: docs: there is no page '$name'" ;;
        *) [ -n "$(find agent base cli coordinator notify platform wire -name "$name")" ] ||
            echo "$page:$line: docs: there is no file '$name'" ;;
        esac
    done
    [ "$(grep -c '^## ' "$page")" -eq 4 ] || echo "$page:1: docs: it has not four walks"
}

# Links between documents: the file is there, and so is the heading behind a "#", as the web pages
# of repositories name headings.
to_links() {
    # shellcheck disable=SC2046
    find . -path ./build -prune -o -path ./.git -prune -o -print | sed 's,^\./,,' |
        awk '
        function slug(text) {
            sub(/^#+ /, "", text)
            text = tolower(text)
            gsub(/[^a-z0-9 _-]/, "", text)
            gsub(/ /, "-", text)
            return text
        }
        # what a path is from the root, with its ".." taken away
        function plain(path) {
            while (sub(/[^\/]+\/\.\.\//, "", path)) continue
            return path
        }
        FILENAME == "-" { there[$0]; next }
        FNR == 1 { inside = 0; folder = FILENAME; if (!sub(/\/[^\/]*$/, "/", folder)) folder = "" }
        /^ *```/ { inside = !inside }
        inside { next }
        /^#+ / { heading[FILENAME "#" slug($0)] }
        {
            while (match($0, /\]\([^)]*\)/)) {
                target = substr($0, RSTART + 2, RLENGTH - 3)
                $0 = substr($0, RSTART + RLENGTH)
                if (target ~ /^[a-z]+:/) continue
                n++
                at[n] = FILENAME ":" FNR ": docs: "
                told[n] = target
                split(target, part, "#")
                to[n] = substr(target, 1, 1) == "#" ? FILENAME : plain(folder part[1])
                anchor[n] = target ~ /#/ ? substr(target, index(target, "#") + 1) : ""
            }
        }
        END {
            for (i = 1; i <= n; i++) {
                file = to[i]
                sub(/\/$/, "", file)
                if (!(file in there))
                    print at[i] "the link to \047" told[i] "\047 leads nowhere"
                else if (anchor[i] != "" && !(file "#" anchor[i] in heading))
                    print at[i] "there is no heading \047#" anchor[i] "\047 in " file
            }
        }' - $(ls ./*.md docs/*.md examples/*.md tests/*.md wire/*.md 2>/dev/null | sed 's,^\./,,')
}

all="to_docs flows_to_docs to_samples from_docs to_tests to_files to_links"
check() { # check ROOT CHECK...: differences are in $tmp/found; false when there are any
    (
        cd "$1"
        shift
        tables >"$tmp/tables"
        [ "$(wc -l <"$tmp/tables")" -gt 80 ] || echo "cli:1: docs: the option tables cannot be read"
        for one in "$@"; do
            "$one"
        done
    ) >"$tmp/found"
    [ ! -s "$tmp/found" ]
}

# shellcheck disable=SC2086
if check "$top" $all; then
    echo "ok - lint: docs"
else
    cat "$tmp/found"
    echo "not ok - lint: docs"
    failed=1
fi

# ---- The self-test: each planted difference is reported, at its place ----

tree=$tmp/tree
mkdir "$tree"
for folder in agent base cli coordinator docs examples installer notify platform tests wire; do
    cp -R "$top/$folder" "$tree/$folder"
done
cp "$top"/*.md "$tree/"

# change FILE SED: something is planted; it must change the file
change() {
    sed "$2" "$tree/$1" >"$tmp/changed"
    if cmp -s "$tmp/changed" "$tree/$1"; then
        echo "not ok - docs self-test: '$2' changes nothing in $1"
        failed=1
    fi
    cp "$tmp/changed" "$tree/$1"
    planted=$1
}

expect() { # expect CHECK PATTERN NAME: the check tells what was planted, and then it is undone
    if check "$tree" "$1"; then
        echo "not ok - docs self-test: $3: was not noticed"
        failed=1
    elif grep -qE -e "$2" "$tmp/found"; then
        echo "ok - docs self-test: $3"
    else
        cat "$tmp/found"
        echo "not ok - docs self-test: $3: reported otherwise"
        failed=1
    fi
    cp "$top/$planted" "$tree/$planted"
}

# shellcheck disable=SC2086
if ! check "$tree" $all; then
    cat "$tmp/found"
    echo "not ok - docs self-test: the copy differs from the tree"
    failed=1
fi
change agent/config.c 's/\.flag = "slots"/.flag = "slotz"/'
expect to_docs "^agent/config.c:[0-9]*: docs: flag 'slotz' is not" \
    "a flag that the guide does not know"
change coordinator/config.c 's/"CADRE_LEASE"/"CADRE_LEASES"/'
expect to_docs "docs: env 'CADRE_LEASES' is not" "a variable that the guide does not know"
change coordinator/config.c 's/\.key = "retention"/.key = "retain"/'
expect to_docs "docs: key 'retain' is not" "a key that the guide does not know"
change coordinator/config.c 's/\.fallback = "7d"/.fallback = "8d"/'
expect to_docs "the default of 'retention' is '8d'" "another default"
change installer/agent.yaml '/^#slots:/d'
expect to_samples "key 'slots' is not in installer/agent.yaml" "a key that the sample does not have"
change installer/coordinator.yaml 's/^#  output: 64MiB/#  output: 1MiB/'
expect to_samples "the default of 'limits.output' is '64MiB'" "another default in the sample"
change installer/coordinator.yaml 's/^#lease:/#leash:/'
expect to_samples "there is no key 'leash'" "a key of the sample that is not there"
change cli/cmd_group.c 's/\.flag = "max-queued"/.flag = "most-queued"/'
expect to_docs "flag 'most-queued' is not" "a flag within a macro"
change cli/cmd_job.c 's/\.name = "job why"/.name = "job reason"/'
expect to_docs "'cadre job reason' is not" "a command that the guide does not know"
change coordinator/main.c 's/{"backup", /{"dump", /'
expect to_docs "'cadre-coordinator dump' is not" "a daemon's command that the guide does not know"
change coordinator/store/model.c 's/"queue-timeout"/"waited-too-long"/'
expect to_docs "the reason 'waited-too-long' is not" "a reason that the guide does not know"
change wire/refusal.h 's/"name-taken"/"name-used"/'
expect to_docs "the refusal 'name-used' is not" "a refusal that the security model does not know"
change coordinator/flow/keys.c 's/"allowConcurrent",/"allowParallel",/'
expect flows_to_docs "the key 'allowParallel' of flows is not" \
    "a key of flows that the reference does not know"
change coordinator/flow/keys.c 's/{"inputFiles", /{"packages", /'
expect flows_to_docs "Kestra's 'packages' is not" "a refused property that the table does not know"
change coordinator/flow/flow.c 's/"DURATION"/"TIMESPAN"/'
expect flows_to_docs "docs/flows.md lacks the type 'TIMESPAN' of inputs" \
    "a type of inputs that the reference does not know"
change docs/flows.md 's/--label K=V/--labels K=V/'
expect from_docs "^docs/flows.md:[0-9]*: docs: there is no flag '--labels'" \
    "a flag that is not there, in the reference"
change docs/guide.md 's/| `--lease` |/| `--leases` |/'
expect from_docs "^docs/guide.md:[0-9]*: docs: there is no flag '--leases'" \
    "a flag that is not there, in the guide"
change README.md 's/--queue-timeout/--queue-time/'
expect from_docs "^README.md:[0-9]*: docs: there is no flag '--queue-time'" \
    "a flag that is not there, in the README"
change docs/guide.md 's/`CADRE_URL`/`CADRE_ADDRESS`/'
expect from_docs "there is no variable 'CADRE_ADDRESS'" "a variable that is not there"
change README.md 's/^cadre login TOKEN/cadre logon TOKEN/'
expect from_docs "there is no command 'cadre logon'" "a command that is not there"
change docs/guarantees.md 's#`tests/system/kill.sh`#`tests/system/kills.sh`#'
expect to_tests "^docs/guarantees.md:[0-9]*: docs: there is no test 'tests/system/kills.sh'" \
    "a test that is not there"
change docs/guarantees.md 's/^\*Tests\.\* `tests.system.groups/See `tests\/system\/groups/'
expect to_tests "^docs/guarantees.md:1: docs: a promise names no test" "a promise without a test"
change tests/system/groups.sh 's/cadre group pause gpu/cadre group pause cpu/'
expect to_tests "^docs/groups.md:[0-9]*: docs: .*/groups.sh does not run 'cadre group pause gpu'" \
    "a shown command that no test runs"
change docs/architecture.md 's#`wire/lease.h`#`wire/leases.h`#'
expect to_files "^docs/architecture.md:[0-9]*: docs: there is no 'wire/leases.h'" \
    "a file that is not there, in a walk"
change docs/architecture.md 's#uplink_logic.c pure#uplink_logics.c pure#'
expect to_files "^docs/architecture.md:[0-9]*: docs: there is no file 'uplink_logics.c'" \
    "a file that is not there, in the drawing"
change docs/architecture.md '/^## A lease/d'
expect to_files "^docs/architecture.md:1: docs: it has not four walks" "a walk that is missing"
change docs/guide.md 's/](#moving-the-coordinator)/](#moving-a-coordinator)/'
expect to_links "^docs/guide.md:[0-9]*: docs: there is no heading '#moving-a-coordinator'" \
    "a link to a heading that is not there"
change docs/flows.md 's/](guide.md#running-jobs)/](guides.md)/'
expect to_links "^docs/flows.md:[0-9]*: docs: the link to 'guides.md' leads nowhere" \
    "a link to a page that is not there"

[ "$failed" -eq 0 ]
