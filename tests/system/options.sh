#!/bin/sh
# Every option of every command of the daemons, as the programs' own help lists them, is either
# taken there and seen in what is in effect, or refused by its name. tests/unit/cli/test_commands.c
# walks those of `cadre`; tests/system/json.sh sees what `join` writes.
leaks=yes
. "$(dirname "$0")/lib.sh"
CADRE_CONFIG=$here/none.yaml # nothing of this machine is touched
CADRE_STATE=$here/none
export CADRE_CONFIG CADRE_STATE
: >none.yaml
: >other.yaml

# commands_of PROGRAM: one a line
commands_of() {
    "$1" help --man | sed -n "s/\\\\//g; s/^\\.SS $1 \\([a-z -]*[a-z]\\).*/\\1/p"
}
# options_of PROGRAM COMMAND...: "--flag VALUE" or "--flag", one a line, without --help
options_of() {
    "$@" --help | sed -n 's/^ *\(-[a-z], \)\{0,1\}\(--[a-z-]*\)\( [A-Z][^ ]*\)\{0,1\}  .*/\2\3/p' |
        grep -v '^--help'
}
# value_of FLAG: one that is not the default
value_of() {
    case $1 in
    --config) echo other.yaml ;;
    --state) echo otherstate ;;
    --slots) echo 7 ;;
    --label) echo zone=b ;;
    --listen) echo 127.0.0.1:7555 ;;
    --store | --to) echo postgresql://localhost/cadre ;;
    --log-level) echo debug ;;
    *) echo other ;;
    esac
}

for program in cadre-agent cadre-coordinator; do
    commands_of "$program" >commands
    while read -r command; do
        # shellcheck disable=SC2086 # words of a command
        options_of "$program" $command
    done <commands | sort -u >all
    # The walk walks: else it would be silent about what it does not find.
    holds "$program has commands and options" \
        test "$(wc -l <commands)" -ge 7 -a "$(wc -l <all)" -ge 8
    foreign=0
    while read -r command; do
        # shellcheck disable=SC2086
        options_of "$program" $command >own
        while read -r flag takes; do
            grep -qE "^$flag( |\$)" own && continue
            foreign=$((foreign + 1))
            # shellcheck disable=SC2086
            timeout 60 "$program" $command "$flag" ${takes:+"$(value_of "$flag")"} >out 2>err \
                </dev/null
            code=$?
            if [ "$code" -ne 2 ] || [ -s out ] || ! grep -qF -e "$flag" err ||
                ! grep -qF "'$program $command" err; then
                not_ok "$program $command $flag is refused by name: $code, $(head -c 300 err)"
            fi
        done <all
    done <commands
    holds "the $foreign foreign options of $program were tried" test "$foreign" -gt 20
    # What the others take is what check-config shows.
    options_of "$program" check-config >own
    while read -r flag takes; do
        "$program" check-config "$flag" "$(value_of "$flag")" >out 2>err </dev/null
        is "$program check-config $flag is taken" 0 $?
        value=$(value_of "$flag")
        has "and in effect" out "# from $flag\$" "${value#*=}"
    done <own
    while read -r flag takes; do
        grep -qE "^$flag " own && continue
        echo "$flag"
    done <all | tr '\n' ' ' >rest
    # Options of one command: each has a test of its own, which a new one here asks for.
    case $program in
    cadre-agent) known="--account --no-start --password-file --replace " ;;
    *) known="--force --group --once --to --without-output " ;;
    esac
    is "the options of $program that are no settings" "$known" "$(cat rest)"
done

# ---- capabilities, which takes fewer ----
printf 'labels: {rack: r7}\n' >other.yaml
cadre-agent capabilities --config other.yaml --state otherstate >out
has "--config acts on capabilities" out '"label.rack":"r7"'
cadre-agent capabilities --label zone=b >out
has "so does --label" out '"label.zone":"b"'
is "nothing was made" "" "$(ls -d none otherstate 2>/dev/null)"

# ---- the table "All commands" of the guide has the options of each command, and no others ----
cat >guide.py <<'END_PY'
# guide.py GUIDE: reads `commands` ("job list: --state --limit"). A row of the table is about the
# commands that it names as `cadre X Y`. An option in it is one of these commands; each option of
# these commands is in the row, or in a section of the guide to which the row links.
import re, sys

guide = open(sys.argv[1], encoding="utf-8").read()
has = {}
for line in open("commands", encoding="utf-8"):
    name, options = line.rstrip("\n").split(":")
    has[name] = set(options.split())
flags = lambda text: set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
slug = lambda title: re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
sections = {}
for part in re.split(r"^(?=##+ )", guide, flags=re.M):
    sections[slug(part.split("\n", 1)[0].lstrip("# "))] = part
every = {"--url", "--token", "--token-file", "--wait", "--output"}
seen = set()
for row in sections["all-commands"].split("\n"):
    named = re.findall(r"`cadre ([a-z]+(?: [a-z]+)*)", row.split(" | ")[0])
    if not row.startswith("| `") or not named:
        continue
    for name in named:
        if name not in has:
            print(f"not ok - the guide's '{name}' is no command")
    of_all = set().union(*(has.get(name, set()) for name in named))
    for flag in sorted(flags(row) - of_all - every):
        print(f"not ok - the guide gives {flag} to {named}, which have none")
    told = flags(row)
    for anchor in re.findall(r"\]\(#([a-z0-9_-]+)\)", row):
        told |= flags(sections[anchor])
    for name in named:
        seen.add(name)
        for flag in sorted(has.get(name, set()) - told):
            print(f"not ok - the guide lacks {flag} of 'cadre {name}' in its row")
for name in sorted(set(has) - seen):
    print(f"not ok - the guide has no row for 'cadre {name}'")
print("ok - the guide's table was compared" if len(seen) > 40 else "not ok - few rows")
END_PY
commands_of cadre | while read -r command; do
    # shellcheck disable=SC2086
    echo "$command:$(cadre $command --help | sed -n '/^Options:/,/^Options for/p' |
        sed -n 's/^ *\(-[a-z], \)\{0,1\}\(--[a-z-]*\).*/ \2/p' | grep -v -e --help | tr -d '\n')"
done >commands
python3 guide.py "$(dirname "$0")/../../docs/guide.md" >compared
cat compared
holds "the guide gives each command its options" test -z "$(grep '^not ok' compared)"

done_testing
