#include "wire/tls.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/tls_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#define UNREAD_MAX (64u * 1024) /* bytes from the socket that wait for tls_read */
#define OUT_SPARE (128u * 1024) /* bytes of the empty output buffer that sessions pass on */

struct tls_config {
    unsigned refs;
    bool server, pinned;
    uint8_t pin[PKI_HASH_BYTES];
    const char *alpn[3];
    mbedtls_ssl_config conf;
    mbedtls_x509_crt own, ca;
    mbedtls_pk_context key;
    struct tls_spares spares;
    struct buf out; /* empty memory for the next session that has output */
};

struct tls {
    struct tls_config *config;
    mbedtls_ssl_context ssl;
    struct buf in; /* from the socket; [in_used, len) is unread */
    size_t in_used;
    const char *lent; /* what came after it, in the caller's memory */
    size_t lent_len;
    struct buf out; /* for the socket */
    char *host;
    bool done, failed, closing;
    struct tls_peer peer;
    mbedtls_x509_crt anchor; /* the CA that matched the pin */
    char *wrong_name;        /* whom the certificate is for instead */
    struct tls_parked parked;
};

/* In our own order: the fastest first, also on processors without AES instructions. */
static const int suites[] = {MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
                             MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
                             MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
                             MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                             MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                             MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                             0};
static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                  MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                  MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
                                  MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
static const uint16_t signatures[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
                                      MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
                                      MBEDTLS_TLS1_3_SIG_NONE};

/* For certificates of other CAs, which may have RSA keys. */
static const int web_suites[] = {MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
                                 MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
                                 MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
                                 MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                                 MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                                 MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                 MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                                 MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                                 MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                                 0};
static const uint16_t web_signatures[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
                                          MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
                                          MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
                                          MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
                                          MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
                                          MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
                                          MBEDTLS_TLS1_3_SIG_NONE};

/* ---- configuration ---- */

static struct tls_config *config_new(bool server)
{
    struct tls_config *c = mem_alloc(sizeof(*c));
    c->refs = 1;
    c->server = server;
    buf_init(&c->out, SIZE_MAX / 2);
    mbedtls_ssl_config_init(&c->conf);
    mbedtls_x509_crt_init(&c->own);
    mbedtls_x509_crt_init(&c->ca);
    mbedtls_pk_init(&c->key);
    return c;
}

static int config_defaults(struct tls_config *c, struct err *e)
{
    mbedtls_ssl_config *conf = &c->conf;
    int side = c->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT;
    int ret = mbedtls_ssl_config_defaults(conf, side, MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT);
    /* An empty list would become an empty extension, which is malformed. */
    if (ret == 0 && c->alpn[0] != NULL) ret = mbedtls_ssl_conf_alpn_protocols(conf, c->alpn);
    if (ret != 0) return tls_fail(e, ERR_TLS, ret, "setting up TLS");
    mbedtls_ssl_conf_rng(conf, tls_rng, NULL);
    mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_ciphersuites(conf, suites);
    mbedtls_ssl_conf_groups(conf, groups);
    mbedtls_ssl_conf_sig_algs(conf, signatures);
    mbedtls_ssl_conf_cert_profile(conf, &mbedtls_x509_crt_profile_suiteb);
    /* A resumed session would not carry the client's certificate. */
    mbedtls_ssl_conf_tls13_key_exchange_modes(conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
    if (!c->server) mbedtls_ssl_conf_session_tickets(conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    return 0;
}

typedef int key_parse_fn(const char *pem, struct mbedtls_pk_context *out, struct err *e);

static int config_own(struct tls_config *c, const char *cert_pem, const char *key_pem,
                      key_parse_fn *parse, struct err *e)
{
    int rc = tls_chain_parse(cert_pem, "the certificate", &c->own, e);
    if (rc != 0) return rc;
    rc = parse(key_pem, &c->key, e);
    if (rc != 0) return rc;
    if (mbedtls_pk_check_pair(&c->own.pk, &c->key, tls_rng, NULL) != 0)
        return err_set(e, ERR_INVALID, "the private key does not belong to the certificate");
    int ret = mbedtls_ssl_conf_own_cert(&c->conf, &c->own, &c->key);
    return ret == 0 ? 0 : tls_fail(e, ERR_TLS, ret, "setting up TLS");
}

static int config_ca(struct tls_config *c, const char *ca_pem, struct err *e)
{
    int rc = tls_chain_parse(ca_pem, "the CA's certificate", &c->ca, e);
    if (rc == 0) mbedtls_ssl_conf_ca_chain(&c->conf, &c->ca, NULL);
    return rc;
}

int tls_config_server(const struct tls_server_options *o, struct tls_config **out, struct err *e)
{
    struct tls_config *c = config_new(true);
    c->alpn[0] = ALPN_CADRE;
    c->alpn[1] = ALPN_HTTP;
    int rc = config_defaults(c, e);
    if (rc == 0) rc = config_own(c, o->cert_pem, o->key_pem, tls_key_parse, e);
    if (rc == 0) rc = config_ca(c, o->client_ca_pem, e);
    if (rc != 0) {
        tls_config_unref(c);
        return rc;
    }
    /* Browsers and machines that enrol have no certificate: the caller decides what a peer may
     * do. */
    mbedtls_ssl_conf_authmode(&c->conf, MBEDTLS_SSL_VERIFY_OPTIONAL);
    *out = c;
    return 0;
}

int tls_config_web(const char *chain_pem, const char *key_pem, struct tls_config **out,
                   struct err *e)
{
    struct tls_config *c = config_new(true);
    c->alpn[0] = ALPN_HTTP;
    int rc = config_defaults(c, e);
    if (rc == 0) rc = config_own(c, chain_pem, key_pem, tls_web_key_parse, e);
    if (rc != 0) {
        tls_config_unref(c);
        return rc;
    }
    mbedtls_ssl_conf_ciphersuites(&c->conf, web_suites);
    mbedtls_ssl_conf_sig_algs(&c->conf, web_signatures);
    mbedtls_ssl_conf_authmode(&c->conf, MBEDTLS_SSL_VERIFY_NONE);
    *out = c;
    return 0;
}

int tls_config_client(const struct tls_client_options *o, struct tls_config **out, struct err *e)
{
    struct tls_config *c = config_new(false);
    c->alpn[0] = o->alpn;
    int rc = config_defaults(c, e);
    if (rc == 0 && (o->cert_pem != NULL) != (o->key_pem != NULL))
        rc = err_set(e, ERR_INVALID, "a client certificate needs its key");
    if (rc == 0 && o->cert_pem != NULL)
        rc = config_own(c, o->cert_pem, o->key_pem, tls_key_parse, e);
    if (rc == 0 && o->ca_pem != NULL) rc = config_ca(c, o->ca_pem, e);
    if (rc == 0 && o->ca_pem == NULL && o->pin == NULL)
        rc = err_set(e, ERR_INVALID, "a TLS client needs a CA or a pin to trust");
    if (rc != 0) {
        tls_config_unref(c);
        return rc;
    }
    c->pinned = o->ca_pem == NULL;
    if (c->pinned) memcpy(c->pin, o->pin, sizeof(c->pin));
    /* With a pin the trust anchor is in the peer's own chain; pin_check() checks the chain when it
     * is known. */
    mbedtls_ssl_conf_authmode(&c->conf, c->pinned ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                                  : MBEDTLS_SSL_VERIFY_REQUIRED);
    *out = c;
    return 0;
}

struct tls_config *tls_config_ref(struct tls_config *c)
{
    c->refs++;
    return c;
}

void tls_config_unref(struct tls_config *c)
{
    if (c == NULL || --c->refs > 0) return;
    mbedtls_ssl_config_free(&c->conf);
    mbedtls_x509_crt_free(&c->own);
    mbedtls_x509_crt_free(&c->ca);
    mbedtls_pk_free(&c->key);
    tls_spare_fini(&c->spares.in);
    tls_spare_fini(&c->spares.out);
    buf_fini(&c->out);
    mem_free(c);
}

/* ---- a session's bytes ---- */

static void swap_out(struct tls *t)
{
    struct buf mine = t->out;
    t->out = t->config->out;
    t->config->out = mine;
}

static int bio_send(void *ctx, const unsigned char *data, size_t len)
{
    struct tls *t = ctx;
    if (t->out.cap == 0) swap_out(t);
    if (buf_add(&t->out, data, len) != 0) return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    if (len > t->parked.out_used) t->parked.out_used = len;
    return (int)len; /* a record at most */
}

static size_t unread(const struct tls *t)
{
    return t->in.len - t->in_used + t->lent_len;
}

static size_t take_kept(struct tls *t, unsigned char *data, size_t len)
{
    size_t there = t->in.len - t->in_used, n = len < there ? len : there;
    memcpy(data, t->in.data + t->in_used, n);
    t->in_used += n;
    /* An idle connection holds no memory for its input. */
    if (t->in_used == t->in.len) {
        buf_fini(&t->in);
        t->in_used = 0;
    }
    return n;
}

static size_t take_lent(struct tls *t, unsigned char *data, size_t len)
{
    size_t n = len < t->lent_len ? len : t->lent_len;
    memcpy(data, t->lent, n);
    t->lent += n;
    t->lent_len -= n;
    return n;
}

static int bio_recv(void *ctx, unsigned char *data, size_t len)
{
    struct tls *t = ctx;
    if (unread(t) == 0) return MBEDTLS_ERR_SSL_WANT_READ;
    size_t n = t->in.len > 0 ? take_kept(t, data, len) : take_lent(t, data, len);
    if (n > t->parked.in_used) t->parked.in_used = n;
    return (int)n;
}

int tls_lend(struct tls *t, const void *data, size_t len)
{
    if (unread(t) + len > UNREAD_MAX) return ERR_TOO_LARGE;
    assert(t->lent_len == 0);
    t->lent = data;
    t->lent_len = len;
    return 0;
}

void tls_settle(struct tls *t)
{
    if (t->lent_len > 0) {
        buf_consume(&t->in, t->in_used);
        t->in_used = 0;
        (void)buf_add(&t->in, t->lent, t->lent_len); /* within its limit: tls_lend has looked */
    }
    t->lent = NULL;
    t->lent_len = 0;
}

int tls_feed(struct tls *t, const void *data, size_t len)
{
    int rc = tls_lend(t, data, len);
    if (rc == 0) tls_settle(t);
    return rc;
}

void tls_pull(struct tls *t, const void **data, size_t *len)
{
    *data = t->out.data;
    *len = t->out.len;
}

void tls_pulled(struct tls *t, size_t n)
{
    buf_consume(&t->out, n);
    if (t->out.len > 0 || t->out.cap == 0) return;
    if (t->config->out.cap == 0 && t->out.cap <= OUT_SPARE)
        swap_out(t);
    else
        buf_fini(&t->out);
}

/* ---- whom to trust ---- */

/* mbedTLS asks for each certificate of the chain, the peer's own at depth 0. The name is compared
 * here and not by mbedTLS, which would put an address into the server name indication (RFC 6066
 * section 3 forbids it) and falls back to the common name. */
static int check_name(void *user, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    struct tls *t = user;
    if (depth != 0) return 0;
    tls_cert_info(crt, &t->peer.cert);
    if (t->host != NULL && !tls_cert_has_name(crt, t->host)) {
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
        char names[ERR_MSG_MAX / 2];
        tls_cert_names(crt, names, sizeof(names));
        mem_free(t->wrong_name);
        t->wrong_name = mem_strdup(names);
    }
    return 0;
}

/* Sets the peer's state and sentence from the most important fault. */
static void judge(struct tls *t, uint32_t flags, const char *whose)
{
    struct tls_peer *p = &t->peer;
    char now[PKI_STAMP_SIZE], from[PKI_STAMP_SIZE], to[PKI_STAMP_SIZE];
    tls_stamp(tls_now_ms(), now);
    tls_stamp(p->cert.not_before_ms, from);
    tls_stamp(p->cert.not_after_ms, to);
    p->sentence[0] = '\0';
    if (flags == 0) {
        p->state = TLS_PEER_TRUSTED;
    } else if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) {
        p->state = TLS_PEER_UNKNOWN_CA;
        snprintf(p->sentence, sizeof(p->sentence),
                 "the %s's certificate was not issued by the CA that is trusted here", whose);
    } else if (flags & MBEDTLS_X509_BADCERT_EXPIRED) {
        p->state = TLS_PEER_EXPIRED;
        snprintf(p->sentence, sizeof(p->sentence),
                 "the %s's certificate (or its CA's) has expired: it was good until %s, the clock "
                 "here says %s",
                 whose, to, now);
    } else if (flags & MBEDTLS_X509_BADCERT_FUTURE) {
        p->state = TLS_PEER_NOT_YET_VALID;
        snprintf(p->sentence, sizeof(p->sentence),
                 "the %s's certificate is not valid yet: it begins at %s, the clock here says %s; "
                 "compare the clocks",
                 whose, from, now);
    } else if (flags & (MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE)) {
        p->state = TLS_PEER_BAD;
        snprintf(p->sentence, sizeof(p->sentence), "the %s's certificate is not made for that use",
                 whose);
    } else {
        p->state = TLS_PEER_BAD;
        snprintf(p->sentence, sizeof(p->sentence),
                 "the %s's certificate is not acceptable (flags 0x%x)", whose, (unsigned)flags);
    }
}

/* The sentence for a client that does not trust its server. */
static int distrust(struct tls *t, uint32_t flags, struct err *e)
{
    uint32_t others = flags & ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
    judge(t, others, "server");
    if (others != 0) return err_set(e, ERR_TLS, "%s", t->peer.sentence);
    t->peer.state = TLS_PEER_BAD;
    return err_set(e, ERR_TLS, "the server's certificate is not for \"%s\"; it is for %s", t->host,
                   !str_empty(t->wrong_name) ? t->wrong_name : "no name at all");
}

static int no_pin(struct tls *t, const mbedtls_x509_crt *chain, struct err *e)
{
    uint8_t hash[PKI_HASH_BYTES];
    char want[17], has[17];
    const mbedtls_x509_crt *last = chain;
    while (last->next != NULL)
        last = last->next;
    tls_cert_spki_hash(last, hash);
    str_hex(want, t->config->pin, 8);
    str_hex(has, hash, 8);
    t->peer.state = TLS_PEER_UNKNOWN_CA;
    return err_set(e, ERR_TLS,
                   "the server's CA is not the pinned one: expected key %s..., the server shows "
                   "%s...; is this the right server, was its CA made anew?",
                   want, has);
}

/* A client with a pin: finds the certificate whose key has that hash in the peer's chain and
 * verifies the chain with it as the only anchor. The signature in the handshake was checked by
 * mbedTLS. */
static int pin_check(struct tls *t, struct err *e)
{
    const mbedtls_x509_crt *chain = mbedtls_ssl_get_peer_cert(&t->ssl);
    if (chain == NULL) return err_set(e, ERR_TLS, "the server has no certificate");
    const mbedtls_x509_crt *found = NULL;
    for (const mbedtls_x509_crt *c = chain; c != NULL && found == NULL; c = c->next) {
        uint8_t hash[PKI_HASH_BYTES];
        tls_cert_spki_hash(c, hash);
        if (str_secret_eq(hash, t->config->pin, sizeof(hash))) found = c;
    }
    if (found == NULL || mbedtls_x509_crt_get_ca_istrue(found) != 1) return no_pin(t, chain, e);
    int ret = mbedtls_x509_crt_parse_der(&t->anchor, found->raw.p, found->raw.len);
    if (ret != 0) return tls_fail(e, ERR_TLS, ret, "the server's CA");
    uint32_t flags = 0;
    ret = mbedtls_x509_crt_verify_with_profile((mbedtls_x509_crt *)chain, &t->anchor, NULL,
                                               &mbedtls_x509_crt_profile_suiteb, NULL, &flags,
                                               check_name, t);
    if (ret != 0 && ret != MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
        return tls_fail(e, ERR_TLS, ret, "checking the server's certificate");
    /* The allowed uses of the certificate were checked only during the handshake. */
    flags |= mbedtls_ssl_get_verify_result(&t->ssl) &
             (MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE);
    if (flags != 0) return distrust(t, flags, e);
    t->peer.state = TLS_PEER_TRUSTED;
    return 0;
}

static unsigned char alert_for(enum tls_peer_state state)
{
    switch (state) {
    case TLS_PEER_UNKNOWN_CA:
        return MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA;
    case TLS_PEER_EXPIRED:
        return MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED;
    default:
        return MBEDTLS_SSL_ALERT_MSG_BAD_CERT;
    }
}

/* ---- the handshake ---- */

int tls_new(struct tls_config *c, const char *host, struct tls **out, struct err *e)
{
    struct tls *t = mem_alloc(sizeof(*t));
    t->config = tls_config_ref(c);
    mbedtls_ssl_init(&t->ssl);
    mbedtls_x509_crt_init(&t->anchor);
    buf_init(&t->in, 2 * UNREAD_MAX);
    buf_init(&t->out, SIZE_MAX / 2);
    t->host = mem_strdup(host);
    int ret = mbedtls_ssl_setup(&t->ssl, &c->conf);
    if (ret == 0 && !c->server) {
        uint8_t address[16];
        bool named = host != NULL && tls_address_parse(host, address) == 0;
        ret = mbedtls_ssl_set_hostname(&t->ssl, named ? host : NULL);
    }
    if (ret != 0) {
        tls_free(t);
        return tls_fail(e, ERR_TLS, ret, "setting up TLS");
    }
    mbedtls_ssl_set_bio(&t->ssl, t, bio_send, bio_recv, NULL);
    mbedtls_ssl_set_verify(&t->ssl, check_name, t);
    *out = t;
    return 0;
}

void tls_free(struct tls *t)
{
    if (t == NULL) return;
    mbedtls_ssl_free(&t->ssl);
    mbedtls_x509_crt_free(&t->anchor);
    buf_fini(&t->in);
    buf_fini(&t->out);
    mem_free(t->host);
    mem_free(t->wrong_name);
    tls_config_unref(t->config);
    mem_free(t);
}

static enum tls_status fail(struct tls *t)
{
    t->failed = true;
    return TLS_FAILED;
}

/* RFC 8446 section 6.2: the alerts that an operator can act on. */
static const char *alert_text(int alert)
{
    switch (alert) {
    case MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA:
        return "it does not know the CA of this side's certificate";
    case MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED:
        return "it finds this side's certificate expired";
    case MBEDTLS_SSL_ALERT_MSG_BAD_CERT:
    case MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT:
    case MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN:
        return "it does not accept this side's certificate";
    case MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION:
        return "it speaks another version of TLS";
    case MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL:
        return "it does not speak this protocol";
    default:
        return "the two sides have no parameters in common";
    }
}

static int alert_error(const struct tls *t, const char *what, struct err *e)
{
    int alert = t->ssl.MBEDTLS_PRIVATE(in_msg)[1];
    return err_set(e, ERR_TLS, "%s: %s (alert %d)", what, alert_text(alert), alert);
}

/* The reason why the handshake failed, as far as mbedTLS reports it. */
static int handshake_error(struct tls *t, int ret, struct err *e)
{
    uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);
    bool judged = flags != 0 && flags != UINT32_MAX && !(flags & MBEDTLS_X509_BADCERT_SKIP_VERIFY);
    if (!t->config->server && judged &&
        (ret == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || ret == MBEDTLS_ERR_SSL_BAD_CERTIFICATE))
        return distrust(t, flags, e);
    switch (ret) {
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        return alert_error(t, "the peer refused the TLS handshake", e);
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
    case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD:
        return err_set(e, ERR_TLS, "the peer does not speak TLS");
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
        return err_set(e, ERR_TLS, "the peer does not speak TLS 1.2 or 1.3");
    case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL:
        return err_set(e, ERR_TLS, "the peer speaks neither %s nor %s", ALPN_CADRE, ALPN_HTTP);
    default:
        return tls_fail(e, ERR_TLS, ret, "the TLS handshake failed");
    }
}

static int settle_peer(struct tls *t, struct err *e)
{
    if (t->config->pinned) return pin_check(t, e);
    if (mbedtls_ssl_get_peer_cert(&t->ssl) == NULL)
        t->peer.state = TLS_PEER_NONE;
    else
        judge(t, mbedtls_ssl_get_verify_result(&t->ssl), t->config->server ? "client" : "server");
    return 0;
}

enum tls_status tls_handshake(struct tls *t, struct err *e)
{
    if (t->done) return TLS_OK;
    if (t->failed) {
        err_set(e, ERR_TLS, "the TLS handshake failed before");
        return TLS_FAILED;
    }
    int ret;
    do {
        ret = mbedtls_ssl_handshake(&t->ssl);
    } while (ret == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
    if (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE) return TLS_WAIT;
    if (ret != 0) {
        handshake_error(t, ret, e);
        return fail(t);
    }
    if (settle_peer(t, e) != 0) {
        mbedtls_ssl_send_alert_message(&t->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                       alert_for(t->peer.state));
        return fail(t);
    }
    t->done = true;
    return TLS_OK;
}

/* ---- data ---- */

static enum tls_status not_ready(struct tls *t, struct err *e)
{
    err_set(e, ERR_CLOSED, "the TLS session is %s", t->failed ? "broken" : "not established");
    return TLS_FAILED;
}

static bool wake(struct tls *t, struct err *e)
{
    if (tls_unpark(&t->parked, &t->config->spares, &t->ssl)) return true;
    err_set(e, ERR_TLS, "no memory for the TLS session");
    t->failed = true;
    return false;
}

static void doze(struct tls *t)
{
    tls_park(&t->parked, &t->config->spares, &t->ssl);
}

enum tls_status tls_read(struct tls *t, void *buf, size_t size, size_t *got, struct err *e)
{
    if (!t->done || t->failed) return not_ready(t, e);
    if (t->parked.in && unread(t) == 0) return TLS_WAIT;
    if (!wake(t, e)) return TLS_FAILED;
    for (;;) {
        int ret = mbedtls_ssl_read(&t->ssl, buf, size);
        if (ret > 0) {
            *got = (size_t)ret;
            return TLS_OK;
        }
        switch (ret) {
        case MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET:
            continue;
        case MBEDTLS_ERR_SSL_WANT_READ:
        case MBEDTLS_ERR_SSL_WANT_WRITE:
            doze(t);
            return TLS_WAIT;
        case 0:
        case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
            return TLS_CLOSED;
        case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
            alert_error(t, "the peer ended the TLS session", e);
            return fail(t);
        default:
            tls_fail(e, ERR_TLS, ret, "reading from the TLS session");
            return fail(t);
        }
    }
}

enum tls_status tls_write(struct tls *t, const void *data, size_t len, struct err *e)
{
    if (!t->done || t->failed || t->closing) return not_ready(t, e);
    if (!wake(t, e)) return TLS_FAILED;
    const unsigned char *p = data;
    while (len > 0) {
        int ret = mbedtls_ssl_write(&t->ssl, p, len);
        if (ret == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) continue;
        if (ret <= 0) {
            tls_fail(e, ERR_TLS, ret, "writing to the TLS session");
            return fail(t);
        }
        p += ret;
        len -= (size_t)ret;
    }
    doze(t);
    return TLS_OK;
}

void tls_close(struct tls *t)
{
    struct err e;
    if (!t->done || t->failed || t->closing || !wake(t, &e)) return;
    mbedtls_ssl_close_notify(&t->ssl); /* goes into our buffer: nothing can block */
    t->closing = true;
    doze(t);
}

/* ---- who is there ---- */

void tls_peer(const struct tls *t, struct tls_peer *out)
{
    *out = t->peer;
}

const char *tls_alpn(const struct tls *t)
{
    return mbedtls_ssl_get_alpn_protocol(&t->ssl);
}

const char *tls_version(const struct tls *t)
{
    return mbedtls_ssl_get_version(&t->ssl);
}
