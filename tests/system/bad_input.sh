#!/bin/sh
# What people and strangers get wrong: settings, flags, requests. Each is told what it is, and
# nothing falls over.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 2

# fails NAME CODE PATTERN...: after a command whose output is in `out` and whose code is in `code`
fails() {
    fails_name=$1 wanted=$2
    shift 2
    is "$fails_name" "$wanted" "$code"
    has "$fails_name, and says so" out "$@"
}

# ---- settings ----
printf 'coordinator: h:1\nslots: 4\nslotz: 4\n' >bad.yaml
cadre-agent check-config --config bad.yaml --state a >out 2>&1
code=$?
fails "an unknown key in agent.yaml is refused" 2 'bad.yaml:3' "'slotz'" 'slots'
printf 'drainTimeout: soon\n' >bad.yaml
cadre-agent check-config --config bad.yaml --state a >out 2>&1
code=$?
fails "a bad duration in agent.yaml is refused" 2 'bad.yaml:1' 'drainTimeout' 'soon'
printf 'slots: 0\n' >bad.yaml
cadre-agent check-config --config bad.yaml --state a >out 2>&1
code=$?
fails "a number out of range is refused" 2 'bad.yaml:1' 'slots'
printf 'group: a b\nslotz: 4\nlabels: web\nenv: {A: , B: [x]}\ndrainTimeout: 3\n' >bad.yaml
CADRE_SLOTS=x cadre-agent check-config --config bad.yaml --state a >out 2>&1
code=$?
fails "all that is wrong is told at once" 2 'CADRE_SLOTS' 'bad.yaml:1: group' \
    "bad.yaml:2: .*'slotz'" 'bad.yaml:3: labels: must be a mapping' \
    "bad.yaml:4: .*'A'" "bad.yaml:4: .*'B'" 'bad.yaml:5: drainTimeout'
is "each on a line of its own" 7 "$(grep -c '^cadre-agent: ' out)"
printf 'labels: {a: b\n' >bad.yaml
cadre-agent run --config bad.yaml --state a >out 2>&1
code=$?
fails "what is no YAML is refused" 2 'bad.yaml:[0-9]'
cadre-agent run --config nowhere.yaml --state a >out 2>&1
code=$?
fails "a file that is named and not there is refused" 2 'nowhere.yaml'
cadre-agent run --slotz 3 >out 2>&1
code=$?
fails "an unknown flag of the agent is refused" 2 'slotz' 'slots'
cadre-agent rum >out 2>&1
code=$?
fails "an unknown command of the agent is refused" 2 'rum' "'cadre-agent run'"
cadre-agent run --config a.yaml --state fresh >out 2>&1
code=$?
fails "an agent that never joined is refused" 2 'not joined' 'cadre-agent join'
cadre-agent join cadre-join-nonsense --config n.yaml --state n >out 2>&1
code=$?
fails "a join token that is none is refused" 1 'token'
cadre-agent join "$(cat server/admin.token)" --config n.yaml --state n >out 2>&1
code=$?
fails "an API token does not join" 1 'API token'
once=$(cadre token create join 2>/dev/null)
printf '{slots: 2}\n' >braces.yaml
cadre-agent join "$once" --config braces.yaml --state braces --name braces >out 2>&1
code=$?
fails "a file that join cannot add to is refused" 1 'braces.yaml: ' "'key: value'"
is "it stays as it was" '{slots: 2}' "$(cat braces.yaml)"
printf 'slots: 2\ncoordinator:\n  - old:1\n\n  # gone\n  - old:2\n' >braces.yaml
cadre-agent join "$once" --config braces.yaml --state braces --name braces >out 2>&1
is "and the token was not used" 0 $?
cadre-agent check-config --config braces.yaml --state braces >out 2>&1
is "what join writes is read" 0 $?
has "with what was there" out '^slots: 2 '

printf 'lisen: 127.0.0.1:0\n' >bad.yaml
cadre-coordinator check-config --config bad.yaml --state server >out 2>&1
code=$?
fails "an unknown key in coordinator.yaml is refused" 2 'bad.yaml:1' "'lisen'" 'listen'
for at in 7433 :7433 localhost:7433 '"*:7433"' '""'; do
    printf 'logLevel: info\nlisten: %s\n' "$at" >bad.yaml
    cadre-coordinator check-config --config bad.yaml --state server >out 2>&1
    code=$?
    fails "listen: $at is refused, with the way out" 2 'bad.yaml:2: listen' '0\.0\.0\.0:7433'
done
printf 'timezone: Berlin\n' >bad.yaml
cadre-coordinator check-config --config bad.yaml --state server >out 2>&1
code=$?
fails "a time zone that is none is refused" 2 'timezone' "'Berlin'" 'Europe/Berlin'
mv coordinator.yaml good.yaml
cadre-coordinator init --state spare >out 2>&1 || not_ok "a spare coordinator"
cadre-coordinator run --config bad.yaml --listen 127.0.0.1:0 --state spare >out 2>&1
code=$?
fails "also by run" 2 'timezone' "'Berlin'"
cadre-coordinator run --config bad.yaml --listen 127.0.0.1:0 --state server >out 2>&1
code=$?
fails "before what a restart may mend: another one has the folder" 2 'timezone' "'Berlin'"
printf 'web: {listen: 127.0.0.1:0, certificate: none.pem, key: none.key}\n' >bad.yaml
for command in check-config 'run --listen 127.0.0.1:0'; do
    # shellcheck disable=SC2086 # words
    cadre-coordinator $command --config bad.yaml --state spare >out 2>&1
    code=$?
    fails "so is a certificate that is not there by $command" 2 'web.certificate' 'none.pem'
done
mv good.yaml coordinator.yaml
printf 'lease: 5 parsecs\n' >bad.yaml
cadre-coordinator check-config --config bad.yaml --state server >out 2>&1
code=$?
fails "a bad duration in coordinator.yaml is refused" 2 'bad.yaml:1' 'lease'
printf 'lease: 10s\nheartbeat: 10s\n' >bad.yaml
cadre-coordinator check-config --config bad.yaml --state server >out 2>&1
code=$?
fails "a heartbeat over a third of the lease is refused" 2 'heartbeat' 'third'
printf 'lisen: x\nlimits: 3\nadvertise: [a:1, {b: c}]\nlease: 3\n' >bad.yaml
CADRE_RETENTION=x cadre-coordinator check-config --config bad.yaml --state server >out 2>&1
code=$?
fails "all that is wrong is told at once" 2 'CADRE_RETENTION' "bad.yaml:1: .*'lisen'" \
    'bad.yaml:2: limits: must be a mapping' 'bad.yaml:3: advertise' 'bad.yaml:4: lease'
printf 'lease: 10s\nheartbeat: 10s\n' >bad.yaml
CADRE_RETENTION=x cadre-coordinator check-config --config bad.yaml --state server >out 2>&1
code=$?
fails "also what is wrong with two together" 2 'CADRE_RETENTION' 'third'
cadre-coordinator run --lisen 127.0.0.1:0 >out 2>&1
code=$?
fails "an unknown flag of the coordinator is refused" 2 'lisen' 'listen'
cadre-coordinator run --config coordinator.yaml --state server >out 2>&1
code=$?
fails "a second coordinator on the same folder is refused" 1 'server'

# ---- the command line ----
cadre rum -- true >out 2>&1
code=$?
fails "an unknown command is refused" 2 'rum' "'cadre run'"
cadre run --grup x -- true >out 2>&1
code=$?
fails "an unknown flag of run is refused with a code that is no job's" 125 'grup' 'group'
cadre run --timeout later -- true >out 2>&1
code=$?
fails "so is a bad duration" 125 'timeout' 'later'
cadre run --unique "$(printf 'a\nb')" -- true >out 2>&1
code=$?
fails "so is a key with a line break" 125 'unique' 'control'
cadre job show '' >out 2>&1
code=$?
fails "an empty name does not show everything" 2 'empty'
cadre job logs nonsense >out 2>&1
code=$?
fails "a word that is no job's id is refused" 1 'nonsense'
printf 'echo a\000b\n' | cadre run --script - >out 2>&1
code=$?
fails "a script with a NUL is refused, with its place" 125 \
    'standard input, line 1: a NUL \(byte 7\)'
printf 'ok\nfalsch \374\n' >latin.sh
cadre run --script latin.sh >out 2>&1
code=$?
fails "a script of another encoding is refused, with its place" 125 \
    'latin.sh, line 2: not UTF-8 \(byte 11 is 0xfc\); save it as UTF-8'
bad=$(printf 'gr\374n')
while read -r words; do
    # shellcheck disable=SC2086 # words of a command line
    cadre run $(printf '%b' "$words") >out 2>&1
    code=$?
    fails "text that is not UTF-8 is refused: $words" 125 "not UTF-8 at byte [0-9]"
done <<'END'
-- printf gr\0374n
-- gr\0374n
--env A=gr\0374n -- true
--env gr\0374n=1 -- true
--workdir /gr\0374n -- true
--name gr\0374n -- true
--unique gr\0374n -- true
--group gr\0374n -- true
--namespace gr\0374n -- true
--require label.a=gr\0374n -- true
--shell gr\0374n --script nothing
--script a.sh -- gr\0374n
END
cadre run -- printf %s "$bad" >out 2>&1
has "the argument is named" out "argument 3: 'gr\?n': not UTF-8 at byte 3"
cadre run --env "A=$bad" -- true >out 2>&1
has "so is the option" out "--env: 'A=gr\?n': not UTF-8 at byte 5"
for words in "job show" "job cancel" "group delete" "agent drain" "flow show" "group create"; do
    # shellcheck disable=SC2086
    cadre $words "$bad" >out 2>&1
    code=$?
    fails "$words takes no such name" 2 "argument 1: 'gr\?n': not UTF-8 at byte 3"
done
cadre group create gg --description "$bad" >out 2>&1
code=$?
fails "nor is it taken for a description" 2 "--description: 'gr\?n': not UTF-8 at byte 3"
mkdir "$bad" && cp nothing "$bad/s.sh" 2>/dev/null || : >"$bad/s.sh"
echo 'echo from a strange folder' >"$bad/s.sh"
cadre run --script "$bad/s.sh" --stdin "$bad/s.sh" >out 2>err
is "a path of this machine may be any bytes" "0 from a strange folder" "$? $(cat out)"
printf 'id: f\nnamespace: n\ntasks: [{id: a, command: [echo]}]\n' >"$bad/f.yaml"
cadre flow apply "$bad/f.yaml" >out 2>&1
is "also that of a flow" 0 $?
cadre-agent run --config a.yaml --state a --name "$bad" >out 2>&1
code=$?
fails "an agent's name is text" 2 "--name: 'gr\?n': not UTF-8 at byte 3"
cadre-agent run --config a.yaml --state a --label "z=$bad" >out 2>&1
code=$?
fails "so is a label" 2 "--label: 'z=gr\?n': not UTF-8 at byte 5"
cadre run --workdir /no/such -- true >out 2>&1
code=$?
fails "a working folder that is not there is named" 127 '/no/such'
printf 'echo one\r\necho two\r\n' | cadre run --script - >out 2>&1
code=$?
is "a script with the other line ends runs" "0 one two" "$code $(tr '\n' ' ' <out | sed 's/ $//')"
: >nothing
cadre run --stdin nothing -- wc -c >out 2>&1
is "empty input is empty" 0 "$(tr -d ' ' <out)"
cadre run --script nothing >out 2>err
is "an empty script does nothing, well" 0 $?
cadre run -- seq 100000 2>err | head -n 1 >out
is "a reader that has enough does no harm" 1 "$(cat out)"

# ---- requests ----
if command -v openssl >/dev/null; then
    token=$(cat server/admin.token)
    # The connection is held open until the answer is there; openssl ends with its input.
    # speak FILE: sends it as it is, the answer's first line is in `out`
    speak() {
        mkfifo hold
        : >out # the answer before is not this one's
        openssl s_client -connect "127.0.0.1:$port" -alpn http/1.1 -quiet -no_ign_eof <hold >out \
            2>speak.err &
        speaker=$!
        exec 9>hold
        cat "$1" >&9 2>/dev/null
        answered() { [ -s out ] || gone "$speaker"; }
        until_true 20 answered
        exec 9>&-
        wait "$speaker" 2>/dev/null
        rm hold
    }
    json='Content-Type: application/json\r\nContent-Length: '
    request() { # METHOD PATH LENGTH [HEADER]
        printf '%s %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n'"$json"'%d\r\n%s\r\n' \
            "$1" "$2" "$token" "$3" "${4:-}"
    }
    body() { # TEXT
        { request POST /api/v1/jobs ${#1} && printf '%s' "$1"; } >text
        speak text
    }
    { request POST /api/v1/jobs 5000000 && head -c 5000000 /dev/zero | tr '\000' ' '; } >text
    (trap '' PIPE && speak text) 2>/dev/null
    has "5 MB of a request are refused" out '^HTTP/1.1 413'
    body '{"command": ["true"'
    has "half an object is refused" out '^HTTP/1.1 400'
    body '{"command": ["true"], "command": ["false"]}'
    has "a key twice is refused" out '^HTTP/1.1 400'
    body '[1, {"command": "true"}]'
    has "each of a list is refused by itself, by its place" out '^HTTP/1.1 200' \
        '"field":"\[0\]"' '"field":"\[1\].command"'
    body '7'
    has "a number for an object is refused" out '^HTTP/1.1 4[02][02]'
    body '{"command": "true"}'
    has "a text for a list is refused, by its field" out '^HTTP/1.1 422' '"command"'
    body '{"command": ["true"], "prority": 1}'
    has "an unknown field is refused, by its name" out '^HTTP/1.1 422' 'prority'
    body '{"command": ["true"], "priority": 1e300}'
    has "a number out of all range is refused" out '^HTTP/1.1 4'
    body "$(awk \
        'BEGIN { for (i = 0; i < 5000; i++) printf "["; for (i = 0; i < 5000; i++) printf "]" }')"
    has "5000 brackets deep is refused" out '^HTTP/1.1 400'
    request GET /api/v1/nowhere 0 >text
    speak text
    has "a path that is not there is 404" out '^HTTP/1.1 404'
    request PATCH /api/v1/jobs 0 >text
    speak text
    has "a method that is not there is 405" out '^HTTP/1.1 405'
    request GET '/api/v1/jobs?limit=99999999999999999999' 0 >text
    speak text
    has "a limit over its own is refused" out '^HTTP/1.1 4'
    request GET "/api/v1/jobs?cursor=$(head -c 20000 /dev/zero | tr '\000' x)" 0 >text
    speak text
    has "a head that is too long is refused" out '^HTTP/1.1 4(14|31|00)'
    printf 'GET /api/v1/jobs HTTP/1.1\r\nHost: h\r\n\r\n' >text
    speak text
    has "no token is 401" out '^HTTP/1.1 401' 'token-missing'
    printf '\026\003\001 this is not HTTP\r\n\r\n' >text
    speak text
    has "what is no HTTP is refused" out '^HTTP/1.1 400'
else
    echo "skip - hostile requests: no openssl here"
fi

holds "the coordinator is still there" kill -0 "$coordinator"
cadre run -- echo well >out 2>err
is "and well" "0 well" "$? $(cat out)"
end "$agent"
end "$coordinator"
is "SIGTERM ends it with 0" 0 "$end_code"
done_testing
