#!/bin/sh
# How scripts are run. There is no PowerShell here: a stand-in shows what it is given.
. "$(dirname "$0")/lib.sh"
coordinator_up

mkdir bin
# Shows its arguments one a line, and every file of the script's folder.
cat >bin/pwsh <<'END'
#!/bin/sh
printf 'argument %s\n' "${0##*/}" "$@"
while [ $# -gt 0 ] && [ "$1" != -File ]; do shift; done
cd "$(dirname "$2")" || exit 1
for file in *; do
    echo "file $file"
    cat -A "$file"
    echo "  end"
done
END
chmod +x bin/pwsh
cp bin/pwsh bin/powershell
join_agent a
printf 'env: {PATH: "%s/bin:/usr/bin:/bin"}\n' "$here" >>a.yaml
agent_up a
cadre agent show a -o json >out
has "an agent offers the shells of its jobs' PATH" out '"pwsh"'

# file NAME: its text in `out`, as the stand-in shows it
file() { sed -n "/^file $1\$/,/  end\$/p" out | sed '1d;s/  end$//;/^$/d'; }
start='$ErrorActionPreference = '\''Stop'\''$
$global:LASTEXITCODE = 0$
& "$PSScriptRoot/cadre-script.ps1" @args$
exit $global:LASTEXITCODE$'

# ---- PowerShell ----
printf 'param([string]$Day = "monday")\nWrite-Output $Day\n' >p.ps1
cadre run --script p.ps1 --shell pwsh >out 2>err
is "pwsh runs" 0 $?
is "its script is the user's, byte for byte" "$(cat -A p.ps1)" "$(file cadre-script.ps1)"
is "beside it lies what calls it" "$start" "$(file cadre-start.ps1)"
is "which is what PowerShell is started with" "pwsh -NoLogo -NoProfile -NonInteractive -File" \
    "$(sed -n 's/^argument //p' out | sed '$d' | tr '\n' ' ' | sed 's/ $//')"
has "by its whole path" out '^argument /.*/cadre-start.ps1$'

printf '\357\273\277using namespace System\r\n[CmdletBinding()]\r\nparam()\r\nexit 3' >bom.ps1
cadre run --script bom.ps1 --shell pwsh >out 2>err
is "a byte order mark is taken off for pwsh" "$(tail -c +4 bom.ps1 | cat -A)" \
    "$(file cadre-script.ps1)"
printf 'id: ps\nnamespace: company.team\ntasks:\n  - id: one\n    shell: pwsh\n    script: "%s"\n' \
    '\uFEFFparam($a)\nexit 3' >flow.yaml
cadre flow apply flow.yaml >out 2>&1
cadre flow run company.team/ps >out 2>err
is "so it is of a script in a flow" 'param($a)$
exit 3' "$(file cadre-script.ps1)"

cadre run --script bom.ps1 --shell powershell >out 2>err
is "Windows PowerShell gets its script with a mark" "$(cat -A bom.ps1)" "$(file cadre-script.ps1)"
is "and is called the same way" "$start" "$(file cadre-start.ps1)"
cadre run --script p.ps1 --shell powershell >out 2>err
is "also when the user's file had no mark" "M-oM-;M-?$(cat -A p.ps1)" "$(file cadre-script.ps1)"
has "it may run scripts" out '^argument -ExecutionPolicy' '^argument Bypass' '^argument -File'
printf '$input | sort\n' >in.ps1
cadre run --script in.ps1 --shell pwsh --stdin p.ps1 >out 2>err
has "a script that speaks of \$input gets it" out \
    '^\$input \| & "\$PSScriptRoot/cadre-script.ps1" @args'

# ---- cmd, sh, bash, python3 ----
printf 'one\r\ntwo\r\n' >crlf
sed 's/^/echo /' crlf >crlf.sh
for shell in sh bash; do
    cadre run --shell $shell --script crlf.sh >out 2>err
    is "$shell reads lines that end with CRLF" 'one two' "$(tr '\n' ' ' <out | sed 's/ $//')"
done
if command -v python3 >/dev/null; then
    printf 'import sys\r\nprint(open(sys.argv[0], "rb").read())\r\n' >crlf.py
    cadre run --shell python3 --script crlf.py >out 2>err
    has "python3 gets its lines as they are" out 'import sys\\r\\n'
fi

# ---- the first line ----
cat >lines.sh <<'END'
#!/bin/bash -eu
list=(one two)
echo "${list[1]} $0 $-"
false
echo not reached
END
cadre run --script lines.sh >out 2>err
is "a script is run by the program that its first line names" 1 $?
has "with that line's argument" out '^two /.*/cadre-script .*e.*u'
printf '#!/bin/sh\nfalse\necho on; exit 6\n' >lines.sh
cadre run --script lines.sh >out 2>err
is "nothing is added to that line" "6 on" "$? $(cat out)"
cadre run --script lines.sh --shell sh >out 2>err
is "a shell that is named wins" 1 $?
sed 's/$/\r/' lines.sh >crlf.sh
cadre run --script crlf.sh >out 2>err
is "the line may end with CRLF" "6 on" "$? $(cat out)"
printf '#!/usr/bin/env sh\n"$0" again 2>/dev/null || true\necho ${1-first}\n' >again.sh
sed -i 's/^"$0"/[ "${1-}" = again ] || "$0"/' again.sh
cadre run --script again.sh >out 2>err
is "the script may start itself" "again first" "$(tr '\n' ' ' <out | sed 's/ $//')"
printf '#!/opt/none/python9\nprint()\n' >none.py
cadre run --script none.py >out 2>err
is "a program that is not there is not found" 127 $?
has "and is named" err "the script's first line: command not found: /opt/none/python9"
cadre run --workdir /no/such --script lines.sh >out 2>err
is "a folder that is not there is another fault" 127 $?
holds "which the line is not blamed for" sh -c '! grep -q "first line" err'
printf '#!%s/plain\n' "$here" >denied.sh && : >plain
cadre run --script denied.sh >out 2>err
is "a file that is no program cannot be started" 126 $?
has "and is named" err "the script's first line: .*/plain"
printf '#!/usr/bin/env no-such-tool\n' >env.sh
cadre run --script env.sh >out 2>err
is "env tells itself what it does not find" 127 $?

# ---- arguments ----
printf 'printf "[%%s]" "$@"\n' >args.sh
printf '#!/bin/bash\nprintf "[%%s]" "$@"\n' >args.bash
printf 'import sys\nprint("".join("[%%s]" %% a for a in sys.argv[1:]), end="")\n' >args.py
wanted=$(printf '[a b][][$HOME "x"][--group][gr\303\274n*]')
for how in "args.sh --shell sh" "args.sh --shell bash" args.bash "args.py --shell python3"; do
    # shellcheck disable=SC2086 # an option and its value
    cadre run --script $how -- "a b" "" '$HOME "x"' --group 'grün*' >out 2>err
    is "arguments arrive as they are ($how)" "$wanted" "$(cat out)"
done
cadre run --script args.sh -- >out 2>err
is "there may be none" "[]" "$(cat out)"
cadre run --script args.sh -- "" b >out 2>err
is "the first may be empty" "[][b]" "$(cat out)"
cadre run -- "" b >out 2>err
is "the name of a program may not" 125 $?
has "and that is said" err "the program's name is empty"
cadre run --script - -- one <args.sh >out 2>err
is "a script from standard input has arguments, too" "[one]" "$(cat out)"
cadre run --script p.ps1 --shell pwsh -- -Day 'tues "day' >out 2>err
is "PowerShell's follow its start" "-File start -Day tues \"day" \
    "$(sed -n 's/^argument //p' out | sed 's,/.*/cadre-start.ps1$,start,' | tail -n 4 |
        tr '\n' ' ' | sed 's/ $//')"
cadre run --script args.sh one two >out 2>err
is "arguments need -- in front" 125 $?
has "and it is said how" err "cadre run --script args.sh -- one"
cat >args.yaml <<'END'
id: args
namespace: company.team
inputs: [{id: who, type: STRING}]
tasks:
  - id: one
    script: printf '[%s]' "$@"
    args: ["{{ inputs.who }}", "$(id)", "{{ taskrun.attempt }}"]
END
cadre flow apply args.yaml >out 2>&1
cadre flow run company.team/args --input 'who=a; b "c"' >out 2>err
is "a value in args is never code" '[a; b "c"][$(id)][1]' "$(cat out)"

done_testing
