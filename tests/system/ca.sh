#!/bin/sh
# The certificate of the coordinator's CA, for whoever is to trust it: 'ca export' and GET /ca.pem.
. "$(dirname "$0")/lib.sh"

coordinator_up
curl -sSk "https://$CADRE_URL/ca.pem" >got.pem
holds "who has no token and trusts nobody yet gets it" cmp got.pem server/ca.pem
cadre-coordinator ca export --state server >exported.pem 2>err
is "it is exported" 0 $?
is "with nothing on stderr" '' "$(cat err)"
is "the export has it, too" "$(cat server/ca.pem)" "$(sed '/^-----BEGIN/,$!d' exported.pem)"
is "and its end" "valid until $(($(date -u +%Y) + 10))" \
    "$(sed -n 's/^CA of this coordinator, \(valid until [0-9]*\)-.*/\1/p' exported.pem)"
for pem in got.pem exported.pem; do
    is "curl trusts the coordinator with $pem" '{"status":"ok"}' \
        "$(curl -sS --cacert $pem "https://$CADRE_URL/healthz")"
done
if command -v openssl >/dev/null; then
    is "the fingerprint is the certificate's" \
        "$(openssl x509 -in got.pem -noout -fingerprint -sha256 | sed 's/.*=//')" \
        "$(sed -n 's/^SHA-256 of the certificate: //p' exported.pem)"
    is "and the pin that of its public key" \
        "$(openssl x509 -in got.pem -noout -pubkey | openssl pkey -pubin -outform der |
            openssl dgst -sha256 | sed 's/.* //')" \
        "$(sed -n 's/^SHA-256 of its public key.*: //p' exported.pem | tr -d : | tr A-F a-f)"
fi

# ---- what is wrong ----
cadre-coordinator ca export --state nowhere >out 2>err
is "where there is none, none is exported" 1 $?
is "nothing goes to stdout" '' "$(cat out)"
has "and the way out is told" err "nowhere/ca.pem is not there: 'cadre-coordinator init' makes it"
mkdir broken
sed '3d' server/ca.pem >broken/ca.pem
cadre-coordinator ca export --state broken >out 2>err
is "a damaged one is not exported" 1 $?
has "and the file is named" err 'broken/ca.pem: the certificate'
cadre-coordinator ca export more --state server >out 2>err
is "more words are too many" 2 $?
if [ -w /dev/full ]; then
    cadre-coordinator ca export --state server >/dev/full 2>err
    is "an export that cannot be written fails" 1 $?
fi
is "a POST is refused" 405 \
    "$(curl -sk -o out -w '%{http_code}' -X POST "https://$CADRE_URL/ca.pem")"
end "$coordinator"
done_testing
