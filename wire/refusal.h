/* Codes of `refused` (PROTOCOL.md section 8 says what each means and what the peer does about it; a
 * test compares the two). A sender fills retryMs from here unless it knows better. Names are never
 * reused. */
#ifndef CADRE_WIRE_REFUSAL_H
#define CADRE_WIRE_REFUSAL_H

/* X(constant, code on the wire, retryMs; 0: a retry does not help, an operator has to act) */
#define REFUSAL_LIST(X)                                                                            \
    X(TOKEN_MALFORMED, "token-malformed", 0)                                                       \
    X(UNKNOWN_TOKEN, "unknown-token", 0)                                                           \
    X(TOKEN_EXPIRED, "token-expired", 0)                                                           \
    X(TOKEN_REVOKED, "token-revoked", 0)                                                           \
    X(TOKEN_USED_UP, "token-used-up", 0)                                                           \
    X(WRONG_GROUP, "wrong-group", 0)                                                               \
    X(NAME_TAKEN, "name-taken", 0)                                                                 \
    X(REQUEST_BAD, "request-bad", 0)                                                               \
    X(UNKNOWN_GROUP, "unknown-group", 4000)                                                        \
    X(REQUIRES_NOT_MET, "requires-not-met", 4000)                                                  \
    X(CERTIFICATE_REQUIRED, "certificate-required", 0)                                             \
    X(CERTIFICATE_UNKNOWN_CA, "certificate-unknown-ca", 0)                                         \
    X(CERTIFICATE_EXPIRED, "certificate-expired", 0)                                               \
    X(CERTIFICATE_NOT_YET_VALID, "certificate-not-yet-valid", 60000)                               \
    X(CERTIFICATE_BAD, "certificate-bad", 0)                                                       \
    X(REVOKED, "revoked", 0)                                                                       \
    X(UNKNOWN_AGENT, "unknown-agent", 0)                                                           \
    X(DUPLICATE, "duplicate", 60000)                                                               \
    X(PROTOCOL_VERSION, "protocol-version", 0)                                                     \
    X(PROTOCOL, "protocol", 30000)                                                                 \
    X(TOO_LARGE, "too-large", 30000)                                                               \
    X(NOT_OWNER, "not-owner", 250)                                                                 \
    X(BUSY, "busy", 5000)                                                                          \
    X(INTERNAL, "internal", 5000)

enum refusal {
#define X(constant, code, retry_ms) REFUSAL_##constant,
    REFUSAL_LIST(X)
#undef X
        REFUSALS
};

static inline const char *refusal_code(enum refusal r)
{
    switch (r) {
#define X(constant, code, retry_ms)                                                                \
    case REFUSAL_##constant:                                                                       \
        return code;
        REFUSAL_LIST(X)
#undef X
    case REFUSALS:
        break;
    }
    return "internal";
}

static inline long refusal_retry_ms(enum refusal r)
{
    switch (r) {
#define X(constant, code, retry_ms)                                                                \
    case REFUSAL_##constant:                                                                       \
        return retry_ms;
        REFUSAL_LIST(X)
#undef X
    case REFUSALS:
        break;
    }
    return 0;
}

#endif
