#!/bin/sh
# Prints the bash completion of one of our programs, made from what it says of itself with --help.
#
#   sh completion.sh PROGRAM
set -eu
LC_ALL=C
export LC_ALL

program=$1
name=$(basename "$program")
function=_$(echo "$name" | tr - _)

# Values that can be offered: FLAG and the words that its help has. A word that the help does not
# have (any more) ends the build.
values='
output table json
fallback WAIT FAIL CANCEL IGNORE
shell sh bash powershell pwsh cmd python3
role admin submit read
log-level error warn info debug
'
files='script stdin token-file config'
folders='state workdir'

fail() {
    echo "completion.sh: $*" >&2
    exit 1
}

# flags: "FLAG VALUE|- HELP" per option of a help on stdin
flags() {
    awk '
        function flush() { if (flag != "") print flag, value, text; flag = "" }
        /^ +-/ {
            flush()
            line = $0
            sub(/^ +(-[a-zA-Z], )?--/, "", line)
            at = match(line, /  +/)
            head = at ? substr(line, 1, at - 1) : line
            text = at ? substr(line, at + RLENGTH) : ""
            n = split(head, part, " ")
            flag = part[1]
            value = n > 1 ? part[2] : "-"
            next
        }
        /^          / && flag != "" { sub(/^ +/, ""); text = text " " $0; next }
        { flush() }
        END { flush() }'
}

help_of() { # help_of COMMAND
    # shellcheck disable=SC2086
    case $name in
    cadre-agent) "$program" --help ;;
    *) "$program" $1 --help ;;
    esac
}

commands() {
    case $name in
    cadre) "$program" --help | sed -n '/^Commands:$/,/^$/s/^  \(..................\) .*/\1/p' |
        sed 's/ *$//' ;;
    *) "$program" --help | sed -n '/^Options:$/q; s/^  \([a-z-]*\)\( [A-Z]*\)\{0,1\}   *.*/\1/p' ;;
    esac
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
: >"$scratch/all"
commands >"$scratch/commands"
[ "$(wc -l <"$scratch/commands")" -ge 5 ] || fail "the commands of $name cannot be read"

cat <<END
# bash completion of $name. Made from '$name --help'.
$function() {
    local cur prev words cword
    if declare -F _init_completion >/dev/null; then
        _init_completion -n = || return
    else
        words=("\${COMP_WORDS[@]}") cword=\$COMP_CWORD
        cur=\${words[cword]} prev=\${words[cword - 1]}
    fi
    local i word command= flags=
    for ((i = 1; i < cword; i++)); do
        word=\${words[i]}
        case \$word in
        # What follows is a command for another machine.
        --) return ;;
        -*) ;;
        *) [[ \${words[i - 1]} == -* ]] && [[ " \$command" != " " || \$i -gt 1 ]] && continue
            command="\${command:+\$command }\$word" ;;
        esac
    done
    case \$prev in
END
while read -r command; do
    help_of "$command" | flags >"$scratch/flags"
    cat "$scratch/flags" >>"$scratch/all"
    printf '%s|' "$command"
    cut -d' ' -f1 "$scratch/flags" | sed 's/^/--/' | tr '\n' ' '
    echo
done <"$scratch/commands" >"$scratch/table"
"$program" --help | flags >>"$scratch/all"
sort -u "$scratch/all" -o "$scratch/all"
echo "$values" | while read -r flag words; do
    [ -n "$flag" ] || continue
    grep "^$flag " "$scratch/all" >"$scratch/found" || continue
    for word in $words; do
        grep -qE "[^a-zA-Z]$word([^a-zA-Z]|\$)" "$scratch/found" ||
            fail "--$flag of $name knows no '$word'"
    done
    # The same flag may mean something else to another command.
    echo "    --$flag) COMPREPLY=(\$(compgen -W '$words' -- \"\$cur\")); return ;;"
done
for flag in $files; do
    ! grep -q "^$flag " "$scratch/all" ||
        echo "    --$flag) COMPREPLY=(\$(compgen -f -- \"\$cur\")); compopt -o filenames; return ;;"
done
for flag in $folders; do
    ! grep -q "^$flag " "$scratch/all" ||
        echo "    --$flag) COMPREPLY=(\$(compgen -d -- \"\$cur\")); compopt -o filenames; return ;;"
done
takers=$(awk '$2 != "-" { print "--" $1 }' "$scratch/all" | sort -u | tr '\n' '|' | sed 's/|$//')
echo "    $takers) return ;;"
cat <<END
    esac
    case "\$command " in
END
# The longest name first.
awk -F'|' '{ print length($1), $0 }' "$scratch/table" | sort -rn | cut -d' ' -f2- |
    while IFS='|' read -r command list; do
        echo "    '$command '*) flags='$list' ;;"
    done
cat <<END
    esac
    if [[ -z \$flags || \$cur == -* ]]; then
        COMPREPLY=(\$(compgen -W "\$flags" -- "\$cur"))
    fi
    [[ -n \$flags || \$cur == -* ]] && return
    local choices=
    case "\$command" in
END
cut -d' ' -f1 "$scratch/commands" | sort -u | tr '\n' ' ' |
    sed "s/.*/    '') choices='&--help --version' ;;\n/"
if grep -q ' ' "$scratch/commands"; then
    grep ' ' "$scratch/commands" | cut -d' ' -f1 | sort -u | while read -r first; do
        echo "    $first) choices='$(sed -n "s/^$first //p" "$scratch/commands" | tr '\n' ' ')' ;;"
    done
fi
cat <<END
    esac
    COMPREPLY=(\$(compgen -W "\$choices" -- "\$cur"))
}
complete -F $function $name
END
