#!/bin/sh
# Channels: what the configuration says of them, and a message through each kind to a real sink.
# rings: system
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_sink.sh"
needs_sinks
make_certificate
sink_up https web tls.pem tls.key
web=$sink_port web_sink=$sink
sink_up smtp mail tls.pem tls.key
mail=$sink_port
printf 'https://localhost:%s/hooks/s3cret\n' "$web" >url
printf "#!/bin/sh\\ncat >>%s/got; echo >>%s/got\\n" "$here" "$here" >page
printf '#!/bin/sh\necho no pager here >&2\nexit 3\n' >broken
printf '#!/bin/sh\nkill -9 $PPID\n' >killer
chmod +x page broken killer

# ---- what is wrong is told by line ----
complains() { # NAME PATTERN, the configuration on standard input
    cat >bad.yaml
    cadre-coordinator run --config bad.yaml --state nowhere >out 2>&1
    is "$1: it does not start" 2 $?
    has "$1" out "$2"
}
complains "a slip in a key" \
    "bad.yaml:4: channels: channel 'a': a webhook has no 'ulr', did you mean 'url'" <<'END'
channels:
  a:
    kind: webhook
    ulr: https://example.com/
END
complains "a kind that there is not" "bad.yaml:2: channels: channel 'a': 'kind' is one of" <<'END'
channels:
  a: {kind: pigeon}
END
complains "a mail without a recipient" \
    "bad.yaml:2: channels: channel 'a': 'to' must be a list" <<'END'
channels:
  a: {kind: mail, server: localhost, from: a@example.com}
END
complains "a port that no mail server has" \
    "bad.yaml:4: channels: channel 'a': 'server' has what is no port" <<'END'
channels:
  a:
    kind: mail
    server: "localhost:99999"
    from: a@example.com
    to: [b@example.com]
END
complains "a URL that is none of the web" \
    "bad.yaml:2: channels: channel 'a': 'url' does not begin with https://HOST" <<'END'
channels:
  a: {kind: webhook, url: hooks.example.com/x}
END
complains "a slip in a template" \
    "bad.yaml:6: channels: channel 'a': .*no member of an event 'titel', did you mean" <<'END'
channels:
  a:
    kind: webhook
    url: https://example.com/
    body:
      text: "{{ event.titel }}"
END
complains "a template that asks for what a flow has" "there is no 'inputs' in a channel" <<'END'
channels:
  a: {kind: webhook, url: "https://example.com/", body: {text: "{{ inputs.a }}"}}
END
complains "an expression where none is read" \
    "bad.yaml:7: channels: channel 'a': 'headers' takes no expressions; 'body' does" <<'END'
channels:
  a:
    kind: webhook
    url: https://example.com/
    headers:
      X-A: b
      X-B: "{{ event.title }}"
END
complains "a header that a file has, too" \
    "bad.yaml:6: channels: channel 'a': 'headers' has Authorization beside " <<'END'
channels:
  a:
    kind: webhook
    url: https://example.com/
    authorizationFile: /etc/a
    headers: {authorization: b}
END
complains "a command that is no path" "begins with the absolute path of a program" <<'END'
channels:
  a: {kind: command, command: [page]}
END
complains "the first of several" "bad.yaml:2: channels: channel 'a'" <<'END'
channels:
  a: {kind: pigeon}
  b: {kind: pigeon}
END
cadre-coordinator check-config --config bad.yaml >out 2>&1
has "check-config tells them all" out "bad.yaml:2: .*'a'" "bad.yaml:3: .*'b'"

# ---- each kind ----
cat >coordinator.yaml <<END
listen: 127.0.0.1:0
channels:
  hook: {kind: webhook, url: "https://localhost:$web/hooks/s3cret", caFile: $here/tls.pem}
  file: {kind: webhook, urlFile: $here/url, caFile: $here/tls.pem, shape: slack}
  own:
    kind: webhook
    url: https://localhost:$web/own
    caFile: $here/tls.pem
    body:
      what: "{{ event.event }}: {{ event.title }}"
      where: ["{{ event.group }}", 7]
  post:
    kind: mail
    server: localhost:$mail
    caFile: $here/tls.pem
    from: cadre@example.com
    to: [ops@example.com, night@example.com]
  page: {kind: command, command: [$here/page]}
  broken: {kind: command, command: [$here/broken]}
  killer: {kind: command, command: [$here/killer]}
  nobody: {kind: webhook, url: "http://127.0.0.1:1/", timeout: 5s}
END
coordinator_up

cadre notify channels >out 2>&1
is "channels are listed" 0 $?
has "with whom they reach" out "^hook +webhook +https://localhost:$web\$" \
    "^file +webhook +the URL in $here/url\$" '^post +mail +ops@example.com and 1 more$' \
    "^page +command +$here/page\$"
holds "and without secrets" sh -c '! grep s3cret out'
is "in the order of the file" "hook file own post page broken killer nobody" \
    "$(cadre notify channels -o json | grep -o '"name":"[a-z]*"' | cut -d'"' -f4 | tr '\n' ' ' |
        sed 's/ $//')"

delivers() { # CHANNEL
    cadre notify test "$1" >out 2>&1
    is "$1: the test is delivered" 0 $?
    has "$1: and says so" out "^$1: delivered\$"
}
newest() { ls -t "$1" | head -n 1; }
delivers hook
is "hook: one request" 1 "$(ls web | wc -l | tr -d ' ')"
has "hook: it is a POST to the path" web/1 '^POST /hooks/s3cret HTTP/1.1'
has "hook: with the event" web/1 '"event":"test"' "\"title\":\"test of the channel 'hook'\""
has "hook: and all that every message has" web/1 '"id":"[0-9a-f]+-[0-9]+"' '"count":"1"' \
    '"firstAt":"2[^"]*Z","lastAt":"2[^"]*Z"' '"coordinator":"[^"]*:[0-9]+"'
delivers file
has "file: Slack's form" web/2 "^\{\"text\":\"\*test of the channel 'file'\*" \
    'nCoordinator: [^"]*:[0-9]+"}$'
delivers own
is "own: its own form" "{\"what\":\"test: test of the channel 'own'\",\"where\":[\"\",7]}" \
    "$(body_of web/3)"
delivers post
has "post: to each recipient" mail/1 '[Oo]ps@example.com' 'night@example.com'
has "post: with a subject" mail/1 "^Subject: .*test"
mail_text mail/1 >post
has "post: and with who says so" post '^Coordinator: .*:[0-9]+$'
delivers page
has "page: the event is its input" got '"event":"test"'

fails() { # CHANNEL PATTERN
    cadre notify test "$1" >out 2>&1
    is "$1: the test is not delivered" 1 $?
    has "$1: and says why" out "$1: not delivered: $2"
}
fails broken 'the command exited with 3: no pager here'
fails nobody '.'
fails killer 'cadre-notify was ended by signal 9'
delivers page
holds "cadre-notify was started anew" file_has coordinator.log 'ended by signal 9'
cadre notify test nowhere >out 2>&1
is "a channel that there is not" 1 $?
has "is told with the way out" out "there is no channel 'nowhere'" 'cadre notify channels'
cadre notify test >out 2>&1
is "a channel has to be named" 2 $?

# ---- flows ----
cat >f.yaml <<'END'
id: f
namespace: t
notify: [page, {channel: nobody, events: [FAILED]}]
inputs: [{id: bad, type: BOOLEAN, defaults: true}]
tasks:
  - id: a
    type: io.kestra.plugin.core.execution.Fail
    condition: "{{ inputs.bad }}"
    errorMessage: "it is <broken> {{ '{{' }}"
END
sed 's/page/pgae/' f.yaml >g.yaml
cadre flow apply g.yaml >out 2>&1
is "a flow that names no channel is refused" 1 $?
has "with line and way out" out "g.yaml:3: notify: there is no channel 'pgae', did you mean 'page'"
cadre flow apply f.yaml >out 2>&1
is "a flow may name channels" 0 $?
rm -f got
cadre flow run t/f >out 2>&1
told() { file_has got "\"state\":\"$1\""; }
holds "its failure is told" until_true 30 told raised
has "with what is known" got '"title":"flow t/f failed"' 'task a: it is <broken> \{\{' \
    '"namespace":"t","flow":"f"' '"count":"1"' '"coordinator":"'
is "once" 1 "$(grep -c . got)"
listed() { cadre notify list | grep -Eq "^$1 +execution-failed +t.f +$2 +$3 .* $4"; }
holds "the list has it" until_true 30 listed page OPEN 1 delivered
holds "and why another one failed" until_true 30 listed nobody OPEN 1 'failed: '
end "$coordinator" KILL
coordinator_up
cadre flow run t/f >out 2>&1
holds "after a kill it goes on" until_true 30 listed page OPEN 2 delivered
is "and is not told anew at once" 1 "$(grep -c . got)"
cadre flow run t/f --input bad=false >out 2>&1
holds "that it is over is told" until_true 30 told over
holds "and ends it" until_true 30 listed page DONE 2 delivered
cadre notify list -o json | tr -d ' \n' | tr '{' '\n' | grep '"state":"DONE"' >done
holds "the list says what is done" test -s done
is "which is due no more" "$(grep -c . done)" "$(grep -c '"dueAt":null' done)"

# ---- who may ----
cadre token create api --role submit >submit.token
CADRE_TOKEN_FILE=$here/submit.token cadre notify test page >out 2>&1
is "a token that is no administrator's may not test" 1 $?
has "and hears which role it takes" out "'admin' is needed"

# ---- a child that hangs is not waited for when the coordinator ends ----
printf hang >web/answer
cadre notify test hook >out 2>&1 &
asks=$!
arrived() { [ "$(ls web | grep -c '^[0-9]*$')" -eq 4 ]; }
holds "a message is on its way" until_true 30 arrived
child=$(pgrep -P "$coordinator" cadre-notify)
end "$coordinator"
is "the coordinator ends" 0 "$end_code"
holds "and cadre-notify with it" until_true 10 gone "$child"
wait "$asks"
is "who waits is told" 1 $?
end "$web_sink"
done_testing
