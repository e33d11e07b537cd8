#!/bin/sh
# The page behind nginx, with the very lines of docs/page.md: signing in, streams that are not held
# back, and whose address counts.
. "$(dirname "$0")/../system/lib.sh"
if ! command -v nginx >/dev/null || ! command -v openssl >/dev/null; then
    echo "skip - it wants nginx and openssl (apt-get install nginx-light openssl)"
    exit 0
fi

cat >coordinator.yaml <<'END'
listen: 127.0.0.1:0
metrics: {allow: [127.0.0.2]}
web: {forwardedFor: [127.0.0.1]}
END
coordinator_up
agent_up a
cadre-coordinator ca export --state server >ca.pem 2>err || not_ok "the CA: $(cat err)"

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=cadre.example.com \
    -addext subjectAltName=DNS:cadre.example.com -keyout web.key -out web.pem 2>openssl.log ||
    not_ok "a certificate for the proxy: $(cat openssl.log)"
mkdir nginx
# The first block of text behind "nginx ...:".
awk '/^nginx .*:$/ { on = 1 } on && /^```text$/ { inside = 1; next }
     inside && /^```$/ { exit } inside' "$CADRE_ROOT/docs/page.md" >documented
has "the document has the lines" documented 'proxy_buffering off;' 'proxy_set_header Host '
proxy_begin() { # false: the port is somebody's
    random 20000
    proxy_port=$((20000 + random_value))
    {
        echo "daemon off; worker_processes 1; pid $here/nginx/pid; error_log $here/nginx/error.log;"
        [ "$(id -u)" -ne 0 ] || echo "user root;"
        echo "events { } http { access_log off;"
        for kind in client_body proxy fastcgi uwsgi scgi; do
            echo "${kind}_temp_path $here/nginx/$kind;"
        done
        sed -e "s,listen 443 ssl,listen 127.0.0.1:$proxy_port ssl," \
            -e "s,/etc/nginx/cadre.pem,$here/web.pem," -e "s,/etc/nginx/cadre.key,$here/web.key," \
            -e "s,/etc/nginx/cadre-ca.pem,$here/ca.pem," \
            -e "s,https://queue.example.com:7433,https://127.0.0.1:$port," \
            -e "s,proxy_ssl_name queue.example.com,proxy_ssl_name localhost," documented
        echo "}"
    } >nginx.conf
    nginx -p "$here/nginx" -c "$here/nginx.conf" 2>nginx/err &
    proxy=$!
    until_true 20 proxy_answers || return 1
    kill -0 "$proxy" 2>/dev/null
}
origin=
through() { # [OPTION...] PATH is last: what is sent to the proxy
    curl --silent --show-error --cacert web.pem --max-time 60 \
        --resolve "cadre.example.com:$proxy_port:127.0.0.1" "$@"
}
proxy_answers() {
    kill -0 "$proxy" 2>/dev/null || return 0
    through -o /dev/null "https://cadre.example.com:$proxy_port/healthz" 2>/dev/null
}
until proxy_begin; do
    wait "$proxy" 2>/dev/null
    grep -q 'Address already in use' nginx/err || {
        not_ok "nginx: $(cat nginx/err)"
        break
    }
done
pids="$pids $proxy"
origin=https://cadre.example.com:$proxy_port
code() { through -o answer -D head -w '%{http_code}' "$@"; }

is "the page comes" 200 "$(code "$origin/")"
has "with its policy" head "[Cc]ontent-[Ss]ecurity-[Pp]olicy: default-src 'none'"
is "its program, too" 200 "$(code "$origin/app.js")"
printf '{"token":"%s"}' "$(cat server/admin.token)" >body
is "a token signs in" 200 "$(code -c jar -H 'X-Cadre-Page: 1' -H "Origin: $origin" \
    --data-binary @body "$origin/api/v1/session")"
is "the cookie is taken" 200 "$(code -b jar "$origin/api/v1/whoami")"
is "what changes something, too" 201 "$(code -b jar -H 'X-Cadre-Page: 1' -H "Origin: $origin" \
    -d '{"command": ["sh", "-c", "echo first; while ! [ -e '"$here"'/go ]; do sleep 0.05; done"]}' \
    "$origin/api/v1/jobs")"
id=$(sed -n 's/^{"id":"\([0-9a-z]*\)".*/\1/p' answer)
is "not from another origin" 403 "$(code -b jar -H 'X-Cadre-Page: 1' \
    -H 'Origin: https://evil.example.com' -d '{"command": ["true"]}' "$origin/api/v1/jobs")"

through -N -b jar "$origin/api/v1/events?topic=jobs" >events 2>&1 &
pids="$pids $!"
through -N -b jar -H 'Accept: application/x-ndjson' "$origin/api/v1/jobs/$id/follow" >log 2>&1 &
pids="$pids $!"
# echo writes "first\n": Zmlyc3QK in base64.
came() { grep -Eq 'first|Zmlyc3QK' log; }
holds "the live log is not held back" until_true 20 came
is "while the job runs" RUNNING "$(job_field "$id" state)"
: >go
news() { grep -q "$id" events; }
holds "nor is the news of the page" until_true 20 news

is "metrics are for the address that is named" 401 "$(code "$origin/metrics")"
is "behind the proxy, too" 200 "$(code --interface 127.0.0.2 "$origin/metrics")"
is "whatever the client says that it is" 401 \
    "$(code -H 'X-Forwarded-For: 127.0.0.2' "$origin/metrics")"
end "$proxy"
end "$agent"
end "$coordinator"
done_testing
