#!/bin/sh
# Sinks for messages (tests/support/sink.py) for the tests of notices. Sourced after lib.sh.

# needs_sinks: skips the whole test where sinks cannot be.
needs_sinks() {
    for needed in python3 openssl; do
        command -v "$needed" >/dev/null && continue
        echo "skip - messages arrive at a server in Python with TLS: there is no $needed"
        exit 0
    done
    if [ ! -x "$CADRE_BIN/cadre-notify" ]; then
        echo "skip - cadre-notify is built where libcurl's headers are (installer/deps.sh linux)"
        exit 0
    fi
}

# make_certificate: tls.pem and tls.key for localhost and 127.0.0.1, trusted by nobody else
make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
        -keyout tls.key -out tls.pem 2>openssl.log || {
        cat openssl.log
        exit 1
    }
}

# sink_up KIND FOLDER [CERT KEY]: its port is in sink_port, its pid in sink
sink_up() {
    mkdir -p "$2"
    : >"$2.out"
    python3 "$CADRE_ROOT/tests/support/sink.py" "$@" >"$2.out" 2>"$2.err" &
    sink=$!
    pids="$pids $sink"
    until_true 30 file_has "$2.out" '^listening on ' || {
        echo "the sink $1 did not start:"
        cat "$2.err"
        exit 1
    }
    sink_port=$(sed -n 's/^listening on //p' "$2.out")
}

# body_of FILE: what stands behind the first blank line
body_of() { sed -e '1,/^\r*$/d' "$1"; }
# mail_text FILE: the text of a mail
mail_text() { body_of "$1" | sed -e '1,/^\r*$/d' | tr -d '\r' | base64 -d; }
