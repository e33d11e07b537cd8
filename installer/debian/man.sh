#!/bin/sh
# Prints the manual page of one of our programs. Commands and options are taken from what the
# program says with --help, so that they cannot go stale; the prose around them is in man/NAME.roff,
# which has one line "@GENERATED@" where they belong and may have "@SAMPLE@" for the sample
# configuration.
#
#   sh man.sh PROGRAM SECTION VERSION [SAMPLE]
#
# Its date is SOURCE_DATE_EPOCH, else that of the last commit.
set -eu
LC_ALL=C
export LC_ALL

program=$1 section=$2 version=$3 sample=${4:-/dev/null}
here=$(cd "$(dirname "$0")" && pwd)
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null ||
    stat -c %Y "$here/man.sh")}
name=$(basename "$program")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# roff HEAD: --help on stdin; HEAD is the macro for the heading of usage and commands ("" for none)
roff() {
    awk -v globals="$1" '
        function quote(s) {
            gsub(/\\/, "\\e", s)
            gsub(/-/, "\\-", s)
            if (s ~ /^[.\047]/) s = "\\&" s
            return s
        }
        function flush() {
            if (tag != "") printf ".TP\n\\fB%s\\fR\n%s\n", quote(tag), quote(text)
            tag = text = ""
        }
        /^Options for every command:$/ {
            flush()
            if (globals == "without") exit
            print ".PP"
            next
        }
        /^Options:$/ || /^Commands:$/ { flush(); next }
        /^Usage: / { flush(); next }
        /^ +-/ || /^  [a-z]/ {
            flush()
            line = $0
            sub(/^ +/, "", line)
            at = match(line, /  +/)
            tag = at ? substr(line, 1, at - 1) : line
            text = at ? substr(line, at + RLENGTH) : ""
            next
        }
        /^          / && tag != "" { sub(/^ +/, ""); text = text " " $0; next }
        /^$/ { flush(); gap = 1; next }
        { flush(); if (gap) print ".PP"; gap = 0; print quote($0) }
        END { flush() }'
}

usage() { sed -n 's/^Usage: //p' | head -n 1 | sed 's/\\/\\e/g; s/-/\\-/g'; }
section_of() { sed -n "/^$1:\$/,/^\$/p"; }

"$program" --help >"$scratch/help"
case $name in
cadre)
    {
        section_of Commands <"$scratch/help" | sed -n 's/^  \(..................\) .*/\1/p' |
            sed 's/ *$//' |
            while read -r command; do
                # shellcheck disable=SC2086
                "$program" $command --help >"$scratch/one"
                echo ".SS $(usage <"$scratch/one")"
                roff without <"$scratch/one"
            done
        echo ".SH OPTIONS FOR EVERY COMMAND"
        section_of 'Options for every command' <"$scratch/help" | roff with
    } >"$scratch/generated"
    ;;
cadre-coordinator)
    sed -n 's/^  \([a-z-]*\) .*  .*/\1/p' "$scratch/help" | while read -r command; do
        "$program" "$command" --help >"$scratch/one"
        echo ".SS $(usage <"$scratch/one")"
        roff with <"$scratch/one"
    done >"$scratch/generated"
    ;;
*)
    {
        section_of Commands <"$scratch/help" | roff with
        echo ".SH OPTIONS"
        sed -n '/^Options:$/,$p' "$scratch/help" | roff with
    } >"$scratch/generated"
    ;;
esac
[ "$(grep -c '^\.TP' "$scratch/generated")" -ge 10 ] || {
    echo "man.sh: what $name --help says cannot be read" >&2
    exit 1
}

{
    echo ".nf"
    sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/' "$sample"
    echo ".fi"
} >"$scratch/sample"
printf '.TH %s %s %s "Cadre %s" "Cadre"\n' "$(echo "$name" | tr a-z A-Z |
    sed 's/-/\\-/g')" "$section" \
    "$(date -u -d "@$epoch" +%Y-%m-%d)" "$version"
sed -e "/^@GENERATED@\$/{
r $scratch/generated
d
}" -e "/^@SAMPLE@\$/{
r $scratch/sample
d
}" "$here/man/$name.roff"
