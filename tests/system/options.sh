#!/bin/sh
# Every option of every command of the daemons, as the programs' own help lists them, is either
# taken there and seen in what is in effect, or refused by its name. tests/unit/cli/test_commands.c
# walks those of `cadre`; tests/system/json.sh sees what `join` writes.
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
    *) known="--force --group --once --without-output " ;;
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

done_testing
