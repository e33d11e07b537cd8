#!/bin/sh
# cadre-notify by itself: web hooks to a real HTTP server, mail to a real SMTP server, commands;
# what hangs, what lies, what is refused; and that no secret gets out.
# rings: system
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_sink.sh"
needs_sinks
make_certificate
sink_up http web
web=$sink_port
sink_up https webs tls.pem tls.key
webs=$sink_port
sink_up smtp mail tls.pem tls.key
mail=$sink_port
sink_up smtps mails tls.pem tls.key
mails=$sink_port
sink_up smtp plain
plain=$sink_port

# One life of the program for all orders.
mkfifo orders
export S3CRET=s3cret-environment
cadre-notify run <orders >answers 2>notify.log &
notify=$!
pids="$pids $notify"
exec 7>orders
order() { printf '%s\n' "$1" >&7; }
answered() { file_has answers "\"id\":\"$1\""; }
# answer NAME ID PATTERN: the answer to an order
answer() {
    until_true 60 answered "$2" || not_ok "$1: no answer"
    grep "\"id\":\"$2\"" answers >answer
    has "$1" answer "$3"
}
yes='"delivered":true}$'
no='"delivered":false,"reason":'

# ---- web hooks ----
hook() { # hook ID URL [MEMBERS]
    order "{\"id\":\"$1\",\"kind\":\"webhook\",\"url\":\"$2\",\"body\":\"{\\\"n\\\":1}\"${3:-}}"
}
hook w1 "http://127.0.0.1:$web/here?a=b" ',"headers":{"X-Empty":"","X-Who":"me"}'
answer "a web hook is delivered" w1 "$yes"
has "it was a POST with its headers" web/1 '^POST /here\?a=b HTTP/1.1' \
    '^Content-Type: application/json' '^X-Who: me' '^X-Empty:' '^User-Agent: cadre-notify/'
is "and its body" '{"n":1}' "$(body_of web/1)"
is "with a type" 1 "$(grep -ci '^content-type:' web/1)"
hook w1a "http://127.0.0.1:$web/" ',"headers":{"content-type":"text/plain"}'
answer "one with a type of its own is delivered" w1a "$yes"
is "and has no other one" 'content-type: text/plain' \
    "$(grep -i '^content-type:' web/2 | tr -d '\r')"
printf '500 try later' >web/answer
hook w2 "http://127.0.0.1:$web/"
answer "a refusal is told with its status and words" w2 \
    "${no}\"answered with the status 500: try later\""
printf '302 elsewhere' >web/answer
hook w3 "http://127.0.0.1:$web/"
answer "a redirect is not followed" w3 "${no}.*302, which is not followed"
printf close >web/answer
hook w4 "http://127.0.0.1:$web/"
answer "a closed connection is a failure" w4 "$no"
printf hang >web/answer
hook w5 "http://127.0.0.1:$web/" ',"timeoutMs":300'
answer "a server that hangs is given up" w5 "$no.*[Tt]ime"
rm web/answer
hook w6 "https://127.0.0.1:$webs/" ",\"caFile\":\"$here/tls.pem\""
answer "TLS with an authority of one's own" w6 "$yes"
hook w7 "https://127.0.0.1:$webs/"
answer "TLS that cannot be verified sends nothing, and the way out is told" w7 \
    "$no.*'caFile' of the channel"
is "nothing arrived" 1 "$(ls webs | wc -l)"
hook w8 "file:///etc/passwd"
answer "a file is no web hook" w8 "$no.*does not begin with https"
hook w9 "http://127.0.0.1:1/"
answer "nobody listens there" w9 "$no"

# ---- secrets ----
printf 'http://127.0.0.1:%s/hooks/s3cret-path\n' "$web" >url
printf 'Bearer s3cret-word\n' >authorization
secret='"kind":"webhook","body":"{}"'
secrets="$secret,\"urlFile\":\"$here/url\",\"authorizationFile\":\"$here/authorization\""
order "{\"id\":\"s1\",$secrets}"
answer "URL and authorization come from files" s1 "$yes"
number=$(ls web | wc -l)
has "and arrive" "web/$number" '^POST /hooks/s3cret-path ' '^Authorization: Bearer s3cret-word'
printf '403 you said Bearer s3cret-word' >web/answer
order "{\"id\":\"s2\",$secrets}"
answer "an answer that repeats a secret is not told" s2 "${no}\"answered with the status 403\""
printf '404 Cannot POST /hooks/s3cret-path' >web/answer
order "{\"id\":\"s2a\",$secrets}"
answer "nor one that repeats a part" s2a "${no}\"answered with the status 404\""
printf '401 invalid token s3cret-word' >web/answer
order "{\"id\":\"s2b\",$secrets}"
answer "of either" s2b "${no}\"answered with the status 401\""
printf '500 ' >web/answer
order "{\"id\":\"s2c\",$secrets}"
answer "an answer without a word is told" s2c "${no}\"answered with the status 500\""
rm web/answer
order "{\"id\":\"s3\",$secret,\"urlFile\":\"$here/none\"}"
answer "a file that is missing is named" s3 "$no.*$here/none"
printf 's3cret-without-a-scheme\n' >url
order "{\"id\":\"s4\",$secret,\"urlFile\":\"$here/url\"}"
answer "what is no URL is not repeated" s4 "$no.*does not begin with"

# ---- mail ----
post() { # post ID PORT MEMBERS
    people='"from":"cadre@example.com","to":["a@example.com","b@example.com"]'
    text='"subject":"h\u00e4ngt","body":".\n\u00e4\n"'
    order "{\"id\":\"$1\",\"kind\":\"mail\",\"server\":\"localhost:$2\",$people,$text,$3}"
}
ca="\"caFile\":\"$here/tls.pem\""
printf 'p4ssword\n' >password
post m1 "$mail" "$ca"
answer "mail goes over STARTTLS" m1 "$yes"
has "to all of its recipients, over TLS" mail/1 '^FROM <cadre@example.com>' '^TO <a@example.com>' \
    '^TO <b@example.com>' '^TLS yes$' '^Subject: =\?utf-8\?B\?aMOkbmd0\?='
is "as it was written" "$(printf '.\n\303\244\n' | od -c)" "$(mail_text mail/1 | od -c)"
post m2 "$mails" "$ca,\"tls\":\"implicit\",\"user\":\"u\",\"passwordFile\":\"$here/password\""
answer "mail with TLS from the first byte" m2 "$yes"
has "and with a password" mails/1 '^TLS yes$' '^AUTH u/p4ssword$'
post m3 "$plain" "$ca"
answer "a server without STARTTLS gets nothing" m3 "$no"
post m4 "$plain" '"tls":"none"'
answer "without TLS when that is said" m4 "$yes"
post m5 "$mail" '"tls":"starttls"'
answer "TLS that cannot be verified gets nothing" m5 "$no.*'caFile' of the channel"
printf 'rcpt b@example.com 550 no such user here' >mail/answer
post m6 "$mail" "$ca"
answer "when one recipient is refused none gets it, and it is told" m6 "$no.*550"
printf 'data 451 try later' >mail/answer
post m7 "$mail" "$ca"
answer "a message that is refused is told" m7 "$no"
printf hang >mail/answer
post m8 "$mail" "$ca,\"timeoutMs\":300"
answer "a mail server that hangs is given up" m8 "$no"
rm mail/answer
is "mail arrived as often as it was taken, or refused after it came" "2 1 1" \
    "$(ls mail | wc -l) $(ls mails | wc -l) $(ls plain | wc -l)"

# ---- commands ----
command() { # command ID SCRIPT [MEMBERS]
    argv="[\"/bin/sh\",\"-c\",\"$2\"]"
    order "{\"id\":\"$1\",\"kind\":\"command\",\"command\":$argv,\"body\":\"{}\"${3:-}}"
}
command c1 "{ cat; echo; pwd; env; } >$here/c1.out"
answer "a command is run" c1 "$yes"
has "with the event on its input, in a fixed environment" c1.out '^\{\}$' '^/$' '^LANG=C.UTF-8$' \
    '^PATH=.*/usr/bin'
is "and nothing else in it" "" \
    "$(grep -vE '^(\{\}|/|(PATH|LANG|HOME|PWD|OLDPWD|SHLVL|_)=.*)$' c1.out)"
command c2 "echo no luck >&2; exit 7"
answer "its exit code and words are told" c2 "${no}\"the command exited with 7: no luck\""
command c3 "kill -9 \$\$"
answer "so is a signal" c3 "$no.*signal 9"
command c4 "echo \$\$ >$here/c4.pid; sleep 1000 & echo \$! >>$here/c4.pid; wait" ',"timeoutMs":300'
answer "one that takes too long is killed" c4 "$no.*longer than 300 ms"
for pid in $(cat c4.pid); do
    holds "with all that it started" until_true 10 gone "$pid"
done
command c5 "sleep 1000 & echo \$! >$here/c5.pid"
answer "what it leaves behind does not hold it up" c5 "$yes"
holds "and is killed" until_true 10 gone "$(cat c5.pid)"
order '{"id":"c6","kind":"command","command":["/no/such/program"]}'
answer "a program that is not there is named" c6 "$no.*/no/such/program cannot be started"
command c7 "exec 0<&-; exit 0"
answer "it need not read" c7 "$yes"

# ---- more than may be under way ----
for n in $(seq 40); do
    command "q$n" "echo + >>$here/q; until [ -e $here/q.go ]; do sleep 0.05; done; echo - >>$here/q"
done
many() { [ -e q ] && [ "$(wc -l <q)" -ge 32 ]; }
holds "many commands run at a time" until_true 30 many
touch q.go
for n in $(seq 40); do until_true 60 answered "q$n" || not_ok "no answer to q$n"; done
is "at most 32, and the others wait" 32 \
    "$(awk '{ n += $1 == "+" ? 1 : -1; if (n > most) most = n } END { print most }' q)"

# ---- all the rest ----
order '{"id":"r1","kind":"pager"}'
answer "an unknown kind is refused" r1 "$no.*webhook, mail, command"
order 'nonsense'
holds "a line that is none is answered without an id" until_true 30 file_has answers \
    '^\{"id":null,"delivered":false'
printf hang >web/answer
for n in 1 2 3 4 5 6 7; do hook "h$n" "http://127.0.0.1:$web/"; done
command h0 "exit 0"
answer "some that hang keep nobody else" h0 "$yes"
hook h8 "https://127.0.0.1:$webs/" ",\"caFile\":\"$here/tls.pem\""
answer "nor another web hook" h8 "$yes"
exec 7>&-
holds "it ends with its input, whatever hangs" until_true 10 gone "$notify"
wait "$notify"
is "in order" 0 $?
is "nothing that hung was answered" "" "$(grep -E '"h[1-7]"' answers)"
is "each order was answered once" "" "$(grep -o '"id":"[^"]*"' answers | sort | uniq -d)"
is "no secret is in an answer or on standard error" "" \
    "$(grep -lE 's3cret|p4ssword' answers notify.log)"
cadre-notify run </dev/null >answers 2>notify.log
is "without an input that lasts it ends" "" "$(cat answers)"
head -c 400000 /dev/zero | tr '\0' ' ' | cadre-notify run >answers 2>notify.log
is "an endless line ends it" 1 $?
has "and it says so" notify.log 'has more than'
is "its version" "cadre-notify" "$(cadre-notify version | cut -d ' ' -f 1)"
done_testing
