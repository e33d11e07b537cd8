#!/bin/sh
# The page as a browser gets it, and `web:`, a port of its own with a certificate of one's own: made
# by openssl, replaced while the coordinator runs, broken, missing.
. "$(dirname "$0")/lib.sh"

if ! command -v openssl >/dev/null; then
    echo "skip - page: openssl is not here (installer/deps.sh test)"
    exit 0
fi

# ---- certificates ----

# authority NAME KIND: a CA of its own; KIND as for -newkey
authority() {
    # shellcheck disable=SC2086
    openssl req -x509 -newkey $2 -nodes -keyout "$1.key" -out "$1.pem" -days 30 \
        -subj "/CN=$1" >openssl.log 2>&1 ||
        cat openssl.log
}
# certify CA NAME KIND [OPTION...]: NAME.pem with the CA behind it, and NAME.key
certify() {
    ca=$1 name=$2 kind=$3
    shift 3
    printf 'subjectAltName=IP:127.0.0.1,DNS:cadre.example\nbasicConstraints=CA:FALSE\n' >ext
    # shellcheck disable=SC2086
    openssl req -newkey $kind -nodes -keyout "$name.key" -out "$name.csr" -subj "/CN=$name" \
        >openssl.log 2>&1 || cat openssl.log
    openssl x509 -req -in "$name.csr" -CA "$ca.pem" -CAkey "$ca.key" -set_serial "0x$(
        openssl rand -hex 8)" -days 10 -extfile ext -out "$name.leaf" "$@" >openssl.log 2>&1 ||
        cat openssl.log
    cat "$name.leaf" "$ca.pem" >"$name.pem"
}
# use NAME: what web.certificate and web.key have, from now on
use() {
    cp "$1.pem" web.pem.new && mv web.pem.new web.pem
    cp "$1.key" web.key.new && mv web.key.new web.key
}
serial_at() { # serial_at PORT: of the certificate that is shown there
    openssl s_client -connect "127.0.0.1:$1" </dev/null 2>/dev/null |
        openssl x509 -noout -serial 2>/dev/null
}
serial_of() { openssl x509 -in "$1.leaf" -noout -serial; }
shows() { [ "$(serial_at "$web_port")" = "$(serial_of "$1")" ]; }

authority ec-ca "ec -pkeyopt ec_paramgen_curve:P-256"
authority rsa-ca rsa:2048
certify ec-ca one "ec -pkeyopt ec_paramgen_curve:P-256"
certify rsa-ca two rsa:2048 -sha384
certify ec-ca three "ec -pkeyopt ec_paramgen_curve:P-384"
certify ec-ca weak rsa:1024

# ---- the page on the usual port ----

code() { curl -s -o body -D head -w '%{http_code}' --cacert server/ca.pem "$@"; }
header() { tr -d '\r' <head | sed -n "s/^$1: //Ip"; }

use one
cat >coordinator.yaml <<END
listen: 127.0.0.1:0
web: {listen: "127.0.0.1:0", certificate: $here/web.pem, key: $here/web.key}
END
coordinator_up
web_port=$(sed -n 's/^listening on .*:\([0-9]*\) for browsers$/\1/p' coordinator.out)
is "the page is there for who has no token" 200 "$(code "https://$CADRE_URL/")"
is "as HTML" "text/html; charset=utf-8" "$(header content-type)"
is "with its policy" "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" \
    "$(header content-security-policy)"
is "and is not sniffed at" nosniff "$(header x-content-type-options)"
is "and says nothing of where one comes from" no-referrer "$(header referrer-policy)"
holds "what is served is what was built" cmp body "$CADRE_BUILD/web/index.html"
tag=$(header etag)
is "it is not sent again" 304 "$(code -H "If-None-Match: $tag" "https://$CADRE_URL/")"
is "and is when it is another" 200 "$(code -H 'If-None-Match: "x"' "https://$CADRE_URL/")"
curl -s --cacert server/ca.pem --compressed -D head -o body "https://$CADRE_URL/"
is "it is compressed for who takes that" gzip "$(header content-encoding)"
holds "and the same then" cmp body "$CADRE_BUILD/web/index.html"
if [ -s "$CADRE_BUILD/web/app.js" ]; then
    for part in app.js app.css; do
        is "$part is there" 200 "$(code "https://$CADRE_URL/$part")"
        holds "$part is what was built" cmp body "$CADRE_BUILD/web/$part"
        has "the page names it" "$CADRE_BUILD/web/index.html" "\"$part\""
    done
    total=$(cat "$CADRE_BUILD"/web/*.gz | wc -c)
    holds "all of it has at most 120 KB ($total bytes)" [ "$total" -le 122880 ]
    is "there is no other part" 404 "$(code "https://$CADRE_URL/index.html")"
else
    is "a program without its page has no parts of it" 404 "$(code "https://$CADRE_URL/app.js")"
fi
sh "$CADRE_ROOT/web/build.sh" --plain plain
has "the plain page says what it is, and what to do" plain/index.html \
    'built without its page' 'cadre login' '/api/v1/' 'deps.sh page'
holds "it has no script" [ ! -s plain/app.js ]

# ---- building it ----

if command -v node >/dev/null && command -v npm >/dev/null; then
    mkdir bin
    printf '#!/bin/sh\necho "npm error network"\nexit 1\n' >bin/npm
    chmod +x bin/npm
    PATH=$here/bin:$PATH CADRE_DEPS_DIR=$here/deps sh "$CADRE_ROOT/web/build.sh" built >out 2>err
    is "where npm gets nothing, the page is not built" 3 $?
    has "what npm says is said, and what may be wrong" err 'npm error network' \
        'npm ci failed .*registry within reach'
    is "nothing half done is left" npm.log "$(ls deps/page)"
    is "the source tree stays as it is" '' "$(ls -d "$CADRE_ROOT"/web/node_modules 2>/dev/null)"
    mkdir without && for tool in sh cat dirname sha256sum cut mkdir; do
        ln -s "$(command -v $tool)" without/
    done
    PATH=$here/without CADRE_DEPS_DIR=$here/deps sh "$CADRE_ROOT/web/modules.sh" >out 2>err
    is "without node there are no packages" 3 $?
    has "and the way out is told" err 'node is missing; run: sh installer/deps.sh page'
else
    echo "skip - page: node or npm is not here (installer/deps.sh page)"
fi
if command -v cmake >/dev/null && command -v ninja >/dev/null; then
    mkdir nodeless
    # Of a program that two folders have, the first one.
    echo "$PATH" | tr : '\n' | while read -r folder; do
        ln -s "$folder"/* nodeless/ 2>/dev/null
    done
    rm -f nodeless/node nodeless/nodejs nodeless/npm nodeless/npx
    without_node() { PATH=$here/nodeless "$@" >out 2>&1; }
    without_node cmake -S "$CADRE_ROOT" -B build -G Ninja -DCADRE_TESTS=OFF -DCADRE_PAGE=AUTO
    is "without node all else is built" 0 $?
    has "and what is missing is said" out 'WITHOUT ITS PAGE' 'node is missing; run: sh' \
        '-DCADRE_PAGE=OFF this is not said'
    without_node cmake --build build --target web/index.html
    is "a page there is, too" 0 $?
    holds "which is the plain one" cmp build/web/index.html plain/index.html
    holds "without a script" [ -f build/web/app.js -a ! -s build/web/app.js ]
    without_node cmake -S "$CADRE_ROOT" -B build -DCADRE_PAGE=OFF
    is "who wants no page gets none" 0 $?
    is "and is told nothing" 0 "$(grep -c 'WITHOUT ITS PAGE' out)"
else
    echo "skip - page: cmake or ninja is not here (installer/deps.sh linux)"
fi

# ---- a port of its own ----

web() { # web CA PATH
    curl -sS --cacert "$1.pem" -o body -w '%{http_code}' "https://127.0.0.1:$web_port$2" 2>err
}
is "the page is on its own port, with its own certificate" 200 "$(web ec-ca /)"
is "and so is the API" 200 "$(web ec-ca /api/v1/version)"
is "which wants a token there, too" 401 "$(web ec-ca /api/v1/status)"
is "with one it answers" 200 "$(curl -s -o body -w '%{http_code}' --cacert ec-ca.pem \
    -H "Authorization: Bearer $(cat server/admin.token)" \
    "https://127.0.0.1:$web_port/api/v1/status")"
is "the usual port keeps the coordinator's own" 200 "$(code "https://$CADRE_URL/healthz")"
web server/ca / >/dev/null
has "whose CA is not that of the other" err 'certificate'
openssl s_client -connect "127.0.0.1:$web_port" -alpn cadre/1 </dev/null >alpn 2>&1
has "no agent's protocol is spoken there" alpn 'no application protocol|alert number 120'
openssl s_client -connect "127.0.0.1:$web_port" -alpn http/1.1 </dev/null >alpn 2>&1
has "HTTP is" alpn 'ALPN protocol: http/1.1'
has "and no certificate is asked for" alpn 'No client certificate CA names sent'
openssl s_client -connect "127.0.0.1:$port" -alpn cadre/1 </dev/null >alpn 2>&1
has "as it is on the usual port" alpn 'ALPN protocol: cadre/1'
openssl s_client -connect "127.0.0.1:$web_port" -tls1_1 -cipher DEFAULT@SECLEVEL=0 </dev/null \
    >alpn 2>&1
is "TLS 1.1 is refused" 1 $?
has "by the server" alpn 'alert protocol version'

# ---- replaced while it runs ----

use two
kill -HUP "$coordinator"
holds "SIGHUP makes it read the files again" until_true 12 shows two
is "RSA serves" 200 "$(web rsa-ca /)"
for version in -tls1_2 -tls1_3; do
    openssl s_client -connect "127.0.0.1:$web_port" $version -CAfile rsa-ca.pem \
        -verify_return_error </dev/null >s_client 2>&1
    has "with $version" s_client 'Verify return code: 0'
done
use three
holds "it finds them without being told" until_true 60 shows three
is "P-384 serves" 200 "$(web ec-ca /)"

# broken NAME PATTERN: what web.pem and web.key have now is not taken
broken() {
    : >coordinator.log.before
    cp coordinator.log coordinator.log.before
    kill -HUP "$coordinator"
    holds "$1: the log says so" until_true 20 complained "$2"
    holds "$1: the one before stays" shows three
    is "$1: it serves" 200 "$(web ec-ca /)"
}
complained() {
    tail -c "+$(($(wc -c <coordinator.log.before) + 1))" coordinator.log | grep -qE -e "$1"
}
cp two.pem web.pem
broken "a key of another certificate" 'web.key: .*web.key, of .*does not belong.* stays in use'
echo nonsense >web.pem
broken "a damaged certificate" 'web.certificate: .*web.pem: the certificate.* stays in use'
cp weak.pem web.pem && cp weak.key web.key
broken "a weak key" 'RSA key of 2048 bits'
rm web.pem
broken "a missing file" 'web.certificate: .*web.pem.* stays in use'
use two
kill -HUP "$coordinator"
holds "what is mended is taken" until_true 20 shows two
end "$coordinator"

# ---- at the start ----

# refused NAME PATTERN: neither does it start, nor does check-config find it right
refused() {
    cadre-coordinator run --config coordinator.yaml --state server >out 2>err
    holds "$1: it does not start" [ $? -ne 0 ]
    has "$1: and says why" err "$2"
    cadre-coordinator check-config --config coordinator.yaml --state server >out 2>err
    holds "$1: check-config says no" [ $? -ne 0 ]
    has "$1: and why" err "$2"
}
mv web.key away.key
refused "a missing key" 'web.key: .*web.key.*; it is to be the file with the certificate.s key'
: >web.key
refused "an empty key" 'web.key: .*web.key is empty'
mv away.key web.key
cadre-coordinator check-config --config coordinator.yaml --state server >out 2>err
is "what is right is right" 0 $?
has "and is shown" out "^web:" "certificate: "
openssl rsa -in two.key -aes128 -passout pass:x -out web.key >openssl.log 2>&1
refused "a key with a password" 'web.key: .*private key'
cp one.key web.key
refused "a key of another certificate" 'does not belong'
cp two.key web.key
for missing in listen certificate key; do
    grep -v "^web" coordinator.yaml >some.yaml
    {
        echo "web:"
        [ $missing = listen ] || echo '  listen: 127.0.0.1:0'
        [ $missing = certificate ] || echo "  certificate: $here/web.pem"
        [ $missing = key ] || echo "  key: $here/web.key"
    } >>some.yaml
    cadre-coordinator check-config --config some.yaml --state server >out 2>err
    is "web without web.$missing is refused" 2 $?
    has "by name" err "web.$missing is not"
done
printf 'listen: 127.0.0.1:0\nweb: {forwardedFor: [10.0.0.0/33]}\n' >some.yaml
cadre-coordinator check-config --config some.yaml --state server >out 2>err
is "a wrong network of proxies is refused" 2 $?
has "with its line" err "some.yaml:2: web.forwardedFor: '10.0.0.0/33'"
done_testing
