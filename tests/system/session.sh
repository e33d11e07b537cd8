#!/bin/sh
# A browser's session, as curl plays it over TLS with the CA of the coordinator: sign in with a
# token, act by the cookie, and what ends it: signing out, the token's revocation, its time; not a
# restart, nor kill -9. No file and no log has the cookie's number.
# rings: system
. "$(dirname "$0")/lib.sh"
if ! command -v curl >/dev/null; then
    echo "skip - a browser is played by curl: it is not installed"
    exit 0
fi

coordinator_up --log-level debug
origin=https://127.0.0.1:$port
admin=$(cat server/admin.token)

# ask METHOD PATH [OPTION...]: the answer is in answer, its head in head, its status in status
ask() {
    ask_method=$1 ask_path=$2
    shift 2
    status=$(curl --silent --show-error --cacert server/ca.pem --max-time 60 -D head -o answer \
        -w '%{http_code}' -X "$ask_method" "$@" "$origin$ask_path" 2>curl.err) ||
        not_ok "curl: $(cat curl.err)"
}
page() { ask "$@" -H 'X-Cadre-Page: 1' -H "Origin: $origin"; }
# sign_in JAR TOKEN
sign_in() {
    printf '{"token":"%s"}' "$2" >body
    page POST /api/v1/session -c "$1" --data-binary @body
}
whoami() { ask GET /api/v1/whoami -b "$1"; }
dead() {
    whoami "$1"
    [ "$status" = 401 ]
}
# a token of this name; its text is in token, its id in token_id
make_token() {
    token=$(cadre token create api "$@" 2>token.err) || not_ok "a token: $(cat token.err)"
    token_id=$(sed -n 's/^id \([0-9a-z]*\),.*/\1/p' token.err)
}
number_of() { awk '/__Host-cadre/ { print $NF }' "$1" 2>/dev/null; }

# ---- in ----
sign_in jar "$admin"
is "a token signs in" 200 "$status"
has "the answer says who it is" answer '"role":"admin"' '"name":"first administrator"' \
    '"expiresAt":"20'
mv answer signed_in
has "the cookie is for this host alone, and for no script" head \
    '^Set-Cookie: __Host-cadre=[A-Za-z0-9_-]{43}; Path=/; Secure; HttpOnly; SameSite=Strict; Max' \
    '; Max-Age=43200'
first=$(number_of jar)
is "curl keeps it" 43 "$(printf %s "$first" | wc -c)"
whoami jar
is "the cookie is the token's" 200 "$status"
holds "whoami says the same as the sign-in" cmp -s answer signed_in
ask GET /api/v1/whoami
is "without it nobody is anybody" 401 "$status"

# ---- who may not ----
printf '{"token":"%s"}' "$admin" >body
ask POST /api/v1/session --data-binary @body -H "Origin: $origin"
is "another program does not sign a browser in" 403 "$status"
ask POST /api/v1/session --data-binary @body -H 'X-Cadre-Page: 1' -H 'Origin: https://evil.example'
is "nor does another site" 403 "$status"
sign_in none "$(cadre token create join 2>/dev/null)"
is "a machine's token does not sign in" 401 "$status"
has "and is told why" answer '"code":"token-malformed"'
sign_in none "$(printf %s "$admin" | sed 's/A\(.\{9\}\)$/B\1/; t; s/.\(.\{9\}\)$/A\1/')"
is "nor does a wrong secret" 401 "$status"
has "of which no more is told" answer '"code":"token-unknown"'
is "none of them got a cookie" "" "$(number_of none)"

# ---- changes ----
job='{"command":["true"]}'
ask POST /api/v1/jobs -b jar -d "$job"
is "a change by the cookie alone is refused" 403 "$status"
has "with the reason" answer '"code":"origin"' 'X-Cadre-Page'
ask POST /api/v1/jobs -b jar -d "$job" -H 'X-Cadre-Page: 1'
is "and without an Origin" 403 "$status"
ask POST /api/v1/jobs -b jar -d "$job" -H 'X-Cadre-Page: 1' -H "Origin: http://127.0.0.1:$port"
is "and of one without TLS" 403 "$status"
ask POST /api/v1/jobs -b jar -d "$job" -H 'X-Cadre-Page: 1' -H 'Origin: https://127.0.0.1'
is "and of another port" 403 "$status"
page POST /api/v1/jobs -b jar -d "$job"
is "our own page may" 201 "$status"
ask GET /api/v1/jobs -b jar
has "that was the only job" answer '"createdBy":"first administrator"'
is "and one alone" 1 "$(grep -o '"id":"' answer | wc -l)"

# ---- Authorization goes first ----
make_token --role read --name viewer
viewer=$token viewer_id=$token_id
ask GET /api/v1/whoami -b jar -H "Authorization: Bearer $viewer"
has "a token goes before the cookie" answer '"name":"viewer"'
ask GET /api/v1/whoami -b jar -H 'Authorization: Bearer nonsense'
is "also a wrong one" 401 "$status"
ask POST /api/v1/jobs -b jar -d "$job" -H "Authorization: Bearer $viewer"
has "and with its role" answer '"code":"role"'

# ---- revoked ----
sign_in seen "$viewer"
is "a reader signs in" 200 "$status"
listen() { # FILE JAR: sets $listener
    curl -sSN --cacert server/ca.pem -b "$2" "$origin/api/v1/events" >"$1" 2>"$1.err" &
    listener=$!
    pids="$pids $listener"
    until_true 20 grep -q '^event: open' "$1" || not_ok "the stream of $1 opens"
}
listen revoked.stream seen
revoked=$listener
listen kept.stream jar
kept=$listener
cadre token revoke "$viewer_id" >out 2>&1 || not_ok "the token is revoked: $(cat out)"
whoami seen
is "the session is dead with its token, at once" 401 "$status"
has "and says why" answer '"code":"token-revoked"'
holds "its stream ends" until_true 20 gone "$revoked"
wait "$revoked"
holds "as one that broke off" [ $? -ne 0 ]
holds "another's goes on" kill -0 "$kept"

# ---- out ----
sign_in other "$admin"
listen out.stream other
out_stream=$listener
ask DELETE /api/v1/session -b other
is "another site signs nobody out" 403 "$status"
page DELETE /api/v1/session -b other -c other
is "who signs out is told" 204 "$status"
has "and the cookie is cleared" head '^Set-Cookie: __Host-cadre=; .*Max-Age=0'
is "so that the browser has none" "" "$(number_of other)"
holds "the session's stream ends" until_true 20 gone "$out_stream"
holds "that of another session of the token goes on" kill -0 "$kept"
whoami jar
is "as does the session" 200 "$status"

# ---- the coordinator starts anew ----
end "$coordinator"
holds "a stop ends the stream" until_true 20 gone "$kept"
coordinator_up --log-level debug
whoami jar
is "a restart keeps the session" 200 "$status"
sign_in late "$admin"
end "$coordinator" KILL
coordinator_up --log-level debug
whoami late
is "so does kill -9 after the answer" 200 "$status"

# ---- its time ----
make_token --role read --name brief --expires 20s
sign_in brief "$token"
is "a token that is about to end signs in" 200 "$status"
has "for as long as it holds" head 'Max-Age=(1?[0-9]|20)[^0-9]'
listen brief.stream brief
brief=$listener
holds "then the session has ended" until_true 60 dead brief
has "and says so" answer '"code":"(session-ended|token-expired)"'
holds "with its stream" until_true 20 gone "$brief"

# ---- nowhere ----
end "$coordinator"
has "the audit has who signed in" coordinator.log "audit: sign in .* by 'first administrator'" \
    "audit: sign out .* by 'first administrator'"
is "no log and no file of the coordinator has a cookie" "" \
    "$(grep -rlaE -e "$first|$(number_of late)" server ./*.log coordinator.out)"
# 43 characters of base64url without the sign at their end
bytes=$(printf '%s=' "$(number_of late)" | tr '_-' '/+' | base64 -d | od -An -v -tx1 | tr -d ' \n')
is "which has 32 bytes" 64 "${#bytes}"
is "nor its bytes" "" \
    "$(LC_ALL=C grep -rlaP -e "$(echo "$bytes" | sed 's/../\\x&/g')" server coordinator.log)"
done_testing
