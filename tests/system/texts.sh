#!/bin/sh
# Texts as PowerShell 5.1 and Notepad write them: with a byte order mark, in UTF-16, with CRLF.
. "$(dirname "$0")/lib.sh"
coordinator_up

# Standard input in another encoding, with CRLF.
octals() { sed 's/$/\r/' | od -An -v -to1 | tr -s ' ' '\n' | sed '/^$/d'; }
utf8_marked() {
    printf '\357\273\277'
    sed 's/$/\r/'
}
utf16() {
    printf '\377\376'
    octals | while read -r octal; do printf "\\$octal\\000"; done
}
utf16_unmarked() { octals | while read -r octal; do printf "\\$octal\\000"; done; }
utf16_big() {
    printf '\376\377'
    octals | while read -r octal; do printf "\\000\\$octal"; done
}
encodings="utf8_marked utf16 utf16_unmarked utf16_big"

# ---- tokens, logins, configuration ----
for encoding in $encodings; do
    cadre token create join 2>token.err | $encoding >join.token
    cadre-agent join - --config "$encoding.yaml" --state "$encoding" --name "$encoding" \
        <join.token >out 2>&1
    is "an agent joins with a token in $encoding" 0 $?
    "$encoding" <server/admin.token >api.token
    cadre --token-file api.token group list >out 2>&1
    is "a token file in $encoding is read" 0 $?
    (
        unset CADRE_TOKEN_FILE
        HOME=$here/$encoding.home && mkdir "$HOME" && export HOME
        cadre login - <api.token
    ) >out 2>&1
    is "a login reads a token in $encoding" 0 $?
done
sed 's/$/\r/' <server/admin.token >api.token
cadre --token-file api.token group list >out 2>&1
is "a token file with CRLF is read" 0 $?
{ tr -d '\n' <server/admin.token; printf '\000\n'; } >api.token
cadre --token-file api.token group list >out 2>&1
is "a token file with a NUL is refused" 1 $?
has "and the NUL is named" out 'api.token, line 1: a NUL'
{ printf '\377\376'; head -c 21 server/admin.token; } >api.token
cadre --token-file api.token group list >out 2>&1
has "bytes that only look like UTF-16 are refused" out 'api.token, line 1: .*UTF-16'

printf 'slots: 3\nlabels: {zone: dmz}\n' | utf16 >notepad.yaml
cadre-agent check-config --config notepad.yaml --state fresh >out 2>&1
has "agent.yaml in UTF-16 is read" out 'slots: 3' 'zone: "*dmz'
cadre token create join 2>token.err | utf16 >join.token
cadre-agent join - --config notepad.yaml --state notepad --name notepad <join.token >out 2>&1
is "and joining writes into it" 0 $?
cadre-agent check-config --config notepad.yaml --state notepad >out 2>&1
has "what it had is kept" out 'slots: 3' 'name: "*notepad'
printf 'slots: 3\nnmae: gr\374n\n' >latin.yaml
cadre-agent check-config --config latin.yaml --state fresh >out 2>&1
is "agent.yaml of another encoding is refused" 2 $?
has "with line and byte" out 'latin.yaml, line 2: not UTF-8 \(byte 18 is 0xfc\)'

# ---- scripts and flows ----
agent_up utf16
for encoding in $encodings; do
    printf 'echo one\necho two\n' | $encoding >script.sh
    cadre run --script script.sh >out 2>err
    is "a script in $encoding runs" "0 one two" "$? $(tr '\n' ' ' <out | sed 's/ $//')"
    cadre run --shell bash --script - <script.sh >out 2>err
    is "so it does with bash, from standard input" "0 one two" \
        "$? $(tr '\n' ' ' <out | sed 's/ $//')"
    cat >flow.in <<'END'
id: text
namespace: company.team
tasks:
  - id: hello
    command: ["echo", "hello"]
END
    $encoding <flow.in >flow.yaml
    cadre flow apply flow.yaml >out 2>&1
    is "a flow in $encoding is applied" 0 $?
done
printf 'id: text\nnamespace: company.team\n# gr\374n\n' >latin.yaml
cadre flow apply latin.yaml >out 2>&1
is "a flow of another encoding is refused" 1 $?
has "with line and byte" out 'latin.yaml, line 3: not UTF-8 \(byte 38 is 0xfc\)'
printf '\377\376e\000c\000h' >half.sh
cadre run --script half.sh >out 2>&1
is "a script that ends inside a character is refused" 125 $?
has "and says so" out 'half.sh, line 1: the text ends inside a character'
printf '\377\376\000\000e\000\000\000' >wide.sh
cadre run --script wide.sh >out 2>&1
has "UTF-32 is named" out 'wide.sh is UTF-32; save it as UTF-8'
cadre run --script /bin/true >out 2>&1
has "a program is no script" out '/bin/true, line 1: a NUL'

# ---- what is no text stays as it is ----
printf '\357\273\277\377\376a\000\r\n' >data
cadre run --stdin data -- od -An -tx1 >out 2>err
is "input of a job is bytes: nothing is taken from it" "$(od -An -tx1 <data)" "$(cat out)"

done_testing
