/* TLS over memory: both ends in one process, bytes carried by hand. */
#include "base/mem.h"
#include "base/str.h"
#include "tests/pki/pki_fixture.h"
#include "wire/tls.h"
#include "wire/tls_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>

struct world {
    struct fixture_pki pki, foreign;
};

struct ends {
    struct tls *server, *client;
    enum tls_status server_status, client_status;
    struct err server_err, client_err;
    size_t moved; /* bytes between the two */
};

/* Carries what one end has for the other, at most `step` bytes at a time. */
static bool carry(struct tls *from, struct tls *to, size_t step, size_t *moved)
{
    const void *data;
    size_t len;
    tls_pull(from, &data, &len);
    if (len == 0) return false;
    size_t n = len < step ? len : step;
    if (tls_feed(to, data, n) != 0) return false;
    tls_pulled(from, n);
    *moved += n;
    return true;
}

static void open_ends(struct ends *x, struct tls_config *server, struct tls_config *client,
                      const char *host)
{
    struct err e = {0};
    memset(x, 0, sizeof(*x));
    x->server_status = x->client_status = TLS_WAIT;
    assert_int_equal(tls_new(server, NULL, &x->server, &e), 0);
    assert_int_equal(tls_new(client, host, &x->client, &e), 0);
    tls_config_unref(server);
    tls_config_unref(client);
}

/* Runs both handshakes until nothing moves any more. */
static void shake(struct ends *x, size_t step)
{
    bool moving = true;
    while (moving) {
        if (x->client_status == TLS_WAIT)
            x->client_status = tls_handshake(x->client, &x->client_err);
        moving = carry(x->client, x->server, step, &x->moved);
        if (x->server_status == TLS_WAIT)
            x->server_status = tls_handshake(x->server, &x->server_err);
        moving = carry(x->server, x->client, step, &x->moved) || moving;
    }
}

static void close_ends(struct ends *x)
{
    tls_free(x->server);
    tls_free(x->client);
}

static void send_all(struct tls *from, struct tls *to, const void *data, size_t len)
{
    struct err e = {0};
    char got[4096];
    size_t n = 0, have = 0, moved = 0;
    assert_int_equal(tls_write(from, data, len, &e), TLS_OK);
    while (have < len) {
        enum tls_status s = tls_read(to, got, sizeof(got), &n, &e);
        if (s == TLS_WAIT) {
            assert_true(carry(from, to, 1000, &moved));
            continue;
        }
        assert_int_equal(s, TLS_OK);
        assert_memory_equal(got, (const char *)data + have, n);
        have += n;
    }
}

static void handshake__both_sides_proven__carries_data_both_ways(void **state)
{
    struct world *w = *state;
    struct ends x;
    open_ends(&x, fixture_server(&w->pki, NULL),
              fixture_client(&w->pki, &w->pki.client, ALPN_CADRE), "localhost");
    shake(&x, SIZE_MAX);
    assert_int_equal(x.client_status, TLS_OK);
    assert_int_equal(x.server_status, TLS_OK);
    assert_string_equal(tls_version(x.server), "TLSv1.3");
    assert_string_equal(tls_alpn(x.server), ALPN_CADRE);
    assert_string_equal(tls_alpn(x.client), ALPN_CADRE);
    struct tls_peer p;
    tls_peer(x.server, &p);
    assert_int_equal(p.state, TLS_PEER_TRUSTED);
    assert_string_equal(p.cert.subject_cn, "agent1");
    tls_peer(x.client, &p);
    assert_int_equal(p.state, TLS_PEER_TRUSTED);
    assert_string_equal(p.cert.subject_cn, "server");
    static char big[100000];
    memset(big, 'x', sizeof(big));
    send_all(x.client, x.server, "hello", 5);
    send_all(x.server, x.client, big, sizeof(big));
    close_ends(&x);
}

/* ---- whom a client trusts ---- */

/* A client that must not trust this server: says why, and nothing of it opens. */
static void expect_distrust(struct tls_config *server, struct tls_config *client, const char *host,
                            const char *sentence)
{
    struct ends x;
    open_ends(&x, server, client, host);
    shake(&x, SIZE_MAX);
    assert_int_equal(x.client_status, TLS_FAILED);
    assert_int_equal(x.client_err.code, ERR_TLS);
    if (strstr(x.client_err.msg, sentence) == NULL) fail_msg("%s", x.client_err.msg);
    struct err e;
    assert_int_equal(tls_write(x.client, "secret", 6, &e), TLS_FAILED);
    assert_int_equal(tls_handshake(x.client, &e), TLS_FAILED);
    close_ends(&x);
}

static void client__unknown_protocol__hears_why_in_words(void **state)
{
    struct world *w = *state;
    expect_distrust(fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, "cadre/9"),
                    "localhost", "refused the TLS handshake: it does not speak this protocol");
}

static void client__foreign_ca__says_so(void **state)
{
    struct world *w = *state;
    expect_distrust(fixture_server(&w->foreign, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
                    "localhost", "not issued by the CA that is trusted here");
}

static void client__expired_server__says_so(void **state)
{
    struct world *w = *state;
    struct fixture_cert c;
    fixture_issue(&w->pki, PKI_SERVER, "server", "localhost", -2 * FIXTURE_HOUR_MS, -60000, &c);
    expect_distrust(fixture_server(&w->pki, &c), fixture_client(&w->pki, NULL, ALPN_CADRE),
                    "localhost", "has expired: it was good until");
    expect_distrust(fixture_server(&w->pki, &c), fixture_pinned(w->pki.pin, ALPN_CADRE),
                    "localhost", "has expired: it was good until");
    fixture_cert_free(&c);
}

static void client__server_of_tomorrow__says_compare_the_clocks(void **state)
{
    struct world *w = *state;
    struct fixture_cert c;
    fixture_issue(&w->pki, PKI_SERVER, "server", "localhost", FIXTURE_HOUR_MS, 2 * FIXTURE_HOUR_MS,
                  &c);
    expect_distrust(fixture_server(&w->pki, &c), fixture_client(&w->pki, NULL, ALPN_CADRE),
                    "localhost", "compare the clocks");
    fixture_cert_free(&c);
}

static void client__wrong_name__lists_those_it_has(void **state)
{
    struct world *w = *state;
    expect_distrust(
        fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
        "queue.example.com",
        "not for \"queue.example.com\"; it is for localhost, 127.0.0.1, 0:0:0:0:0:0:0:1");
    expect_distrust(fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
                    "127.0.0.2", "not for \"127.0.0.2\"");
    expect_distrust(fixture_server(&w->pki, NULL), fixture_pinned(w->pki.pin, ALPN_CADRE), "::2",
                    "not for \"::2\"");
    /* The common name is no name to connect to. */
    expect_distrust(fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
                    "server", "not for \"server\"");
}

/* mbedTLS does not even show such a certificate: the server's side ends it. */
static void server__with_a_client_s_certificate__does_not_serve(void **state)
{
    struct world *w = *state;
    struct fixture_cert c;
    fixture_issue(&w->pki, PKI_CLIENT, "agent1", "localhost", -FIXTURE_HOUR_MS, FIXTURE_HOUR_MS,
                  &c);
    expect_distrust(fixture_server(&w->pki, &c), fixture_client(&w->pki, NULL, ALPN_CADRE),
                    "localhost", "refused the TLS handshake");
    fixture_cert_free(&c);
}

static void client__names_and_addresses_of_the_certificate__are_all_good(void **state)
{
    struct world *w = *state;
    static const char *const hosts[] = {"localhost", "LocalHost", "127.0.0.1", "::1",
                                        "0:0:0:0:0:0:0:1"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct ends x;
        open_ends(&x, fixture_server(&w->pki, NULL),
                  i % 2 == 0 ? fixture_client(&w->pki, NULL, ALPN_HTTP)
                             : fixture_pinned(w->pki.pin, ALPN_HTTP),
                  hosts[i]);
        shake(&x, SIZE_MAX);
        assert_int_equal(x.client_status, TLS_OK);
        assert_int_equal(x.server_status, TLS_OK);
        close_ends(&x);
    }
}

/* ---- pins ---- */

static void pin__of_the_ca__opens(void **state)
{
    struct world *w = *state;
    struct ends x;
    open_ends(&x, fixture_server(&w->pki, NULL), fixture_pinned(w->pki.pin, ALPN_CADRE),
              "localhost");
    shake(&x, SIZE_MAX);
    assert_int_equal(x.client_status, TLS_OK);
    assert_int_equal(x.server_status, TLS_OK);
    close_ends(&x);
}

static void pin__of_another_ca__shows_both(void **state)
{
    struct world *w = *state;
    char want[17], has[17];
    str_hex(want, w->foreign.pin, 8);
    str_hex(has, w->pki.pin, 8);
    char *sentence = str_dupf("expected key %s..., the server shows %s...", want, has);
    expect_distrust(fixture_server(&w->pki, NULL), fixture_pinned(w->foreign.pin, ALPN_CADRE),
                    "localhost", sentence);
    mem_free(sentence);
}

static void pin__of_the_server_s_own_key__is_no_ca(void **state)
{
    struct world *w = *state;
    struct pki_cert_info i;
    struct err e = {0};
    assert_int_equal(pki_cert_info(w->pki.server.cert_pem, &i, &e), 0);
    expect_distrust(fixture_server(&w->pki, NULL), fixture_pinned(i.spki_hash, ALPN_CADRE),
                    "localhost", "is not the pinned one");
}

static void pin__server_without_its_ca__is_refused(void **state)
{
    struct world *w = *state;
    struct fixture_cert c = w->pki.server;
    c.cert_pem = mem_strdup(c.cert_pem);
    *strstr(strstr(c.cert_pem, "-----END"), "\n-----BEGIN") = '\0';
    expect_distrust(fixture_server(&w->pki, &c), fixture_pinned(w->pki.pin, ALPN_CADRE),
                    "localhost", "is not the pinned one");
    mem_free(c.cert_pem);
}

/* The right CA's certificate is public: whoever appends it to a chain of his own has proved
 * nothing. */
static void pin__right_ca_behind_a_foreign_certificate__is_refused(void **state)
{
    struct world *w = *state;
    struct fixture_cert c = w->foreign.server;
    c.cert_pem = str_dupf("%s%s", w->foreign.server.cert_pem, w->pki.ca_pem);
    expect_distrust(fixture_server(&w->pki, &c), fixture_pinned(w->pki.pin, ALPN_CADRE),
                    "localhost", "not issued by the CA");
    mem_free(c.cert_pem);
}

/* A CA of the same name and another key. */
static void pin__namesake_ca__is_refused(void **state)
{
    struct world *w = *state;
    struct fixture_pki twin;
    fixture_pki_init(&twin, "Test CA");
    struct fixture_cert c = twin.server;
    c.cert_pem = str_dupf("%s%s", twin.server.cert_pem, w->pki.ca_pem);
    expect_distrust(fixture_server(&w->pki, &c), fixture_pinned(w->pki.pin, ALPN_CADRE),
                    "localhost", "not issued by the CA");
    expect_distrust(fixture_server(&twin, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
                    "localhost", "not issued by the CA");
    mem_free(c.cert_pem);
    fixture_pki_fini(&twin);
}

/* ---- what a server learns of its client ---- */

static void expect_peer(struct world *w, const struct fixture_cert *cert, enum tls_peer_state want,
                        const char *sentence)
{
    struct ends x;
    struct tls_peer p;
    open_ends(&x, fixture_server(&w->pki, NULL), fixture_client(&w->pki, cert, ALPN_CADRE),
              "localhost");
    shake(&x, SIZE_MAX);
    assert_int_equal(x.client_status, TLS_OK);
    assert_int_equal(x.server_status, TLS_OK);
    tls_peer(x.server, &p);
    assert_int_equal(p.state, want);
    if (strstr(p.sentence, sentence) == NULL) fail_msg("%s", p.sentence);
    if (want != TLS_PEER_NONE) assert_string_equal(p.cert.subject_cn, "agent1");
    /* The peer can still be told in words. */
    send_all(x.server, x.client, "refused", 7);
    close_ends(&x);
}

static void server__client_without_certificate__is_told(void **state)
{
    expect_peer(*state, NULL, TLS_PEER_NONE, "");
}

static void server__client_of_foreign_ca__is_told(void **state)
{
    struct world *w = *state;
    expect_peer(w, &w->foreign.client, TLS_PEER_UNKNOWN_CA, "was not issued by the CA");
}

static void server__self_signed_client__is_told(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    struct pki_key *k = NULL;
    struct fixture_cert c;
    struct pki_issue what = {.usage = PKI_CLIENT,
                             .common_name = "agent1",
                             .not_before_ms = fixture_now_ms() - 1000,
                             .not_after_ms = fixture_now_ms() + FIXTURE_HOUR_MS};
    assert_int_equal(pki_key_generate(&k, &e), 0);
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){k, NULL}, k, NULL, &c.cert_pem, &e), 0);
    assert_int_equal(pki_key_format(k, &c.key_pem, &e), 0);
    expect_peer(w, &c, TLS_PEER_UNKNOWN_CA, "was not issued by the CA");
    pki_key_free(k);
    fixture_cert_free(&c);
}

static void server__expired_and_future_clients__are_told(void **state)
{
    struct world *w = *state;
    struct fixture_cert c;
    fixture_issue(&w->pki, PKI_CLIENT, "agent1", NULL, -2 * FIXTURE_HOUR_MS, -60000, &c);
    expect_peer(w, &c, TLS_PEER_EXPIRED, "has expired");
    fixture_cert_free(&c);
    fixture_issue(&w->pki, PKI_CLIENT, "agent1", NULL, 60000, FIXTURE_HOUR_MS, &c);
    expect_peer(w, &c, TLS_PEER_NOT_YET_VALID, "compare the clocks");
    fixture_cert_free(&c);
    /* Expired and foreign: the weightier fault is named. */
    fixture_issue(&w->foreign, PKI_CLIENT, "agent1", NULL, -2 * FIXTURE_HOUR_MS, -60000, &c);
    expect_peer(w, &c, TLS_PEER_UNKNOWN_CA, "was not issued by the CA");
    fixture_cert_free(&c);
}

static void server__client_with_a_server_s_certificate__is_told(void **state)
{
    struct world *w = *state;
    struct fixture_cert c;
    fixture_issue(&w->pki, PKI_SERVER, "agent1", "localhost", -1000, FIXTURE_HOUR_MS, &c);
    expect_peer(w, &c, TLS_PEER_BAD, "not made for that use");
    fixture_cert_free(&c);
}

/* ---- a foreign TLS at the other end ---- */

struct raw {
    mbedtls_ssl_config conf;
    mbedtls_ssl_context ssl;
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
    mbedtls_ssl_ticket_context tickets;
    struct tls *other;
};

static int raw_send(void *ctx, const unsigned char *data, size_t len)
{
    struct raw *r = ctx;
    size_t n = len < 4096 ? len : 4096;
    return tls_feed(r->other, data, n) == 0 ? (int)n : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int raw_recv(void *ctx, unsigned char *data, size_t len)
{
    struct raw *r = ctx;
    const void *there;
    size_t n;
    tls_pull(r->other, &there, &n);
    if (n == 0) return MBEDTLS_ERR_SSL_WANT_READ;
    if (n > len) n = len;
    memcpy(data, there, n);
    tls_pulled(r->other, n);
    return (int)n;
}

static void raw_init(struct raw *r, struct tls *other, int side)
{
    memset(r, 0, sizeof(*r));
    r->other = other;
    mbedtls_ssl_config_init(&r->conf);
    mbedtls_ssl_init(&r->ssl);
    mbedtls_x509_crt_init(&r->cert);
    mbedtls_pk_init(&r->key);
    mbedtls_ssl_ticket_init(&r->tickets);
    assert_int_equal(mbedtls_ssl_config_defaults(&r->conf, side, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(&r->conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_authmode(&r->conf, MBEDTLS_SSL_VERIFY_NONE);
}

static void raw_start(struct raw *r)
{
    assert_int_equal(mbedtls_ssl_setup(&r->ssl, &r->conf), 0);
    mbedtls_ssl_set_hostname(&r->ssl, NULL);
    mbedtls_ssl_set_bio(&r->ssl, r, raw_send, raw_recv, NULL);
}

static void raw_fini(struct raw *r)
{
    mbedtls_ssl_free(&r->ssl);
    mbedtls_ssl_config_free(&r->conf);
    mbedtls_x509_crt_free(&r->cert);
    mbedtls_pk_free(&r->key);
    mbedtls_ssl_ticket_free(&r->tickets);
}

/* Both sides until one is done with it. */
static enum tls_status raw_shake(struct raw *r, int *ret, struct err *e)
{
    enum tls_status status = TLS_WAIT;
    *ret = MBEDTLS_ERR_SSL_WANT_READ;
    for (int i = 0; i < 50; i++) {
        if (*ret == MBEDTLS_ERR_SSL_WANT_READ) *ret = mbedtls_ssl_handshake(&r->ssl);
        if (status == TLS_WAIT) status = tls_handshake(r->other, e);
    }
    return status;
}

static struct tls *new_server(struct world *w)
{
    struct err e = {0};
    struct tls *t = NULL;
    struct tls_config *c = fixture_server(&w->pki, NULL);
    assert_int_equal(tls_new(c, NULL, &t, &e), 0);
    tls_config_unref(c);
    return t;
}

/* `list`: what the client offers, NULL-terminated; NULL: nothing. want NULL: nothing is agreed. */
static void expect_alpn(struct world *w, const char **list, bool opens, const char *want)
{
    struct raw r;
    struct err e = {0};
    int ret;
    struct tls *t = new_server(w);
    raw_init(&r, t, MBEDTLS_SSL_IS_CLIENT);
    if (list != NULL) assert_int_equal(mbedtls_ssl_conf_alpn_protocols(&r.conf, list), 0);
    raw_start(&r);
    assert_int_equal(raw_shake(&r, &ret, &e), opens ? TLS_OK : TLS_FAILED);
    assert_int_equal(ret == 0, opens);
    if (want == NULL)
        assert_null(tls_alpn(t));
    else
        assert_string_equal(tls_alpn(t), want);
    if (!opens) assert_non_null(strstr(e.msg, "speaks neither"));
    raw_fini(&r);
    tls_free(t);
}

static void alpn__none_both_unknown__is_settled(void **state)
{
    const char *both[] = {ALPN_HTTP, ALPN_CADRE, NULL}, *http[] = {"h2", ALPN_HTTP, NULL};
    const char *unknown[] = {"h2", "cadre/2", NULL};
    expect_alpn(*state, NULL, true, NULL);
    expect_alpn(*state, both, true, ALPN_CADRE);
    expect_alpn(*state, http, true, ALPN_HTTP);
    expect_alpn(*state, unknown, false, NULL);
}

static void client__without_alpn__opens(void **state)
{
    struct world *w = *state;
    struct ends x;
    open_ends(&x, fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, NULL), "localhost");
    shake(&x, SIZE_MAX);
    assert_int_equal(x.client_status, TLS_OK);
    assert_null(tls_alpn(x.client));
    assert_null(tls_alpn(x.server));
    close_ends(&x);
}

static void tls12__client__is_served(void **state)
{
    struct world *w = *state;
    struct raw r;
    struct err e = {0};
    int ret;
    struct tls *t = new_server(w);
    raw_init(&r, t, MBEDTLS_SSL_IS_CLIENT);
    mbedtls_ssl_conf_max_tls_version(&r.conf, MBEDTLS_SSL_VERSION_TLS1_2);
    raw_start(&r);
    assert_int_equal(raw_shake(&r, &ret, &e), TLS_OK);
    assert_int_equal(ret, 0);
    assert_string_equal(tls_version(t), "TLSv1.2");
    /* Sessions sleep between records here, too. */
    for (int i = 0; i < 5; i++) {
        char got[8];
        size_t n = 0;
        assert_int_equal(tls_read(t, got, sizeof(got), &n, &e), TLS_WAIT);
        assert_int_equal(mbedtls_ssl_write(&r.ssl, (const unsigned char *)"ping", 4), 4);
        assert_int_equal(tls_read(t, got, sizeof(got), &n, &e), TLS_OK);
        assert_memory_equal(got, "ping", 4);
        assert_int_equal(tls_write(t, "pong", 4, &e), TLS_OK);
        assert_int_equal(mbedtls_ssl_read(&r.ssl, (unsigned char *)got, sizeof(got)), 4);
        assert_memory_equal(got, "pong", 4);
    }
    raw_fini(&r);
    tls_free(t);
}

/* The raw server of the next two tests: the fixture's certificate, and session tickets when asked
 * for. */
static void raw_server(struct raw *r, struct world *w, struct tls *client, bool tickets)
{
    const struct fixture_cert *c = &w->pki.server;
    raw_init(r, client, MBEDTLS_SSL_IS_SERVER);
    assert_int_equal(mbedtls_x509_crt_parse(&r->cert, (const unsigned char *)c->cert_pem,
                                            strlen(c->cert_pem) + 1),
                     0);
    assert_int_equal(mbedtls_pk_parse_key(&r->key, (const unsigned char *)c->key_pem,
                                          strlen(c->key_pem) + 1, NULL, 0, mbedtls_psa_get_random,
                                          MBEDTLS_PSA_RANDOM_STATE),
                     0);
    assert_int_equal(mbedtls_ssl_conf_own_cert(&r->conf, &r->cert, &r->key), 0);
    if (!tickets) return;
    assert_int_equal(mbedtls_ssl_ticket_setup(&r->tickets, mbedtls_psa_get_random,
                                              MBEDTLS_PSA_RANDOM_STATE, MBEDTLS_CIPHER_AES_256_GCM,
                                              3600),
                     0);
    mbedtls_ssl_conf_session_tickets_cb(&r->conf, mbedtls_ssl_ticket_write,
                                        mbedtls_ssl_ticket_parse, &r->tickets);
    mbedtls_ssl_conf_new_session_tickets(&r->conf, 4);
}

static struct tls *new_client(struct world *w)
{
    struct err e = {0};
    struct tls *t = NULL;
    struct tls_config *c = fixture_client(&w->pki, NULL, NULL);
    assert_int_equal(tls_new(c, "localhost", &t, &e), 0);
    tls_config_unref(c);
    return t;
}

static void client__server_sends_tickets__reads_on(void **state)
{
    struct world *w = *state;
    struct raw r;
    struct err e = {0};
    int ret;
    struct tls *t = new_client(w);
    raw_server(&r, w, t, true);
    raw_start(&r);
    assert_int_equal(raw_shake(&r, &ret, &e), TLS_OK);
    assert_int_equal(ret, 0);
    char got[8];
    size_t n = 0;
    assert_int_equal(mbedtls_ssl_write(&r.ssl, (const unsigned char *)"data", 4), 4);
    assert_int_equal(tls_read(t, got, sizeof(got), &n, &e), TLS_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(got, "data", 4);
    assert_int_equal(tls_write(t, "back", 4, &e), TLS_OK);
    assert_int_equal(mbedtls_ssl_read(&r.ssl, (unsigned char *)got, sizeof(got)), 4);
    raw_fini(&r);
    tls_free(t);
}

static void client__tls12_server__is_accepted(void **state)
{
    struct world *w = *state;
    struct raw r;
    struct err e = {0};
    int ret;
    struct tls *t = new_client(w);
    raw_server(&r, w, t, false);
    mbedtls_ssl_conf_max_tls_version(&r.conf, MBEDTLS_SSL_VERSION_TLS1_2);
    raw_start(&r);
    assert_int_equal(raw_shake(&r, &ret, &e), TLS_OK);
    assert_int_equal(ret, 0);
    assert_string_equal(tls_version(t), "TLSv1.2");
    raw_fini(&r);
    tls_free(t);
}

/* ---- what is no TLS, or no TLS of ours ---- */

static void expect_refused(struct world *w, const void *data, size_t len, const char *sentence)
{
    struct err e = {0};
    struct tls *t = new_server(w);
    assert_int_equal(tls_feed(t, data, len), 0);
    assert_int_equal(tls_handshake(t, &e), TLS_FAILED);
    assert_int_equal(e.code, ERR_TLS);
    if (strstr(e.msg, sentence) == NULL) fail_msg("%s", e.msg);
    tls_free(t);
}

static void server__plain_http__is_refused(void **state)
{
    static const char http[] = "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    expect_refused(*state, http, sizeof(http) - 1, "does not speak TLS");
}

static void server__garbage__is_refused(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    uint8_t noise[512];
    for (int i = 0; i < 50; i++) {
        assert_int_equal(pki_random(noise, sizeof(noise), &e), 0);
        noise[0] = (uint8_t)(noise[0] | 0x40); /* no content type of TLS: 20 to 24 */
        expect_refused(w, noise, sizeof(noise), "TLS");
    }
}

/* RFC 4346 section 7.4.1.2, version 3.2, one suite of its time. */
static void server__tls11_client__is_refused(void **state)
{
    static const uint8_t hello[] = {22, 3,  1,    0,    45,    /* record */
                                    1,  0,  0,    41,   3,  2, /* ClientHello, TLS 1.1 */
                                    1,  2,  3,    4,    5,  6,  7,  8, 9,
                                    10, 11, 12,   13,   14, 15, 16, /* random */
                                    1,  2,  3,    4,    5,  6,  7,  8, 9,
                                    10, 11, 12,   13,   14, 15, 16, 0, /* no session */
                                    0,  2,  0xc0, 0x09, /* ECDHE-ECDSA with AES-128-CBC-SHA */
                                    1,  0};             /* no compression */
    expect_refused(*state, hello, sizeof(hello), "TLS 1.2 or 1.3");
}

/* A ClientHello cut anywhere leaves the server waiting; it does not open, crash or fail. */
static void server__hello_cut_anywhere__waits(void **state)
{
    struct world *w = *state;
    struct ends x;
    struct err e = {0};
    open_ends(&x, fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
              "localhost");
    assert_int_equal(tls_handshake(x.client, &e), TLS_WAIT);
    const void *hello;
    size_t len;
    tls_pull(x.client, &hello, &len);
    assert_true(len > 100);
    for (size_t cut = 0; cut < len; cut++) {
        struct tls *t = new_server(w);
        if (cut > 0) assert_int_equal(tls_feed(t, hello, cut), 0);
        assert_int_equal(tls_handshake(t, &e), TLS_WAIT);
        tls_free(t);
    }
    close_ends(&x);
}

/* Changes one bit somewhere in the handshake. Either it fails, or the bit was one that nobody reads
 * (the version in a record's header) and then the session must work. */
static void handshake__one_bit_changed__fails_or_works(void **state)
{
    struct world *w = *state;
    struct ends x;
    open_ends(&x, fixture_server(&w->pki, NULL),
              fixture_client(&w->pki, &w->pki.client, ALPN_CADRE), "localhost");
    shake(&x, SIZE_MAX);
    size_t all = x.moved;
    close_ends(&x);
    assert_true(all > 2000);
    size_t failed = 0, tried = 0;
    for (size_t at = 1; at < all; at += 67, tried++) {
        open_ends(&x, fixture_server(&w->pki, NULL),
                  fixture_client(&w->pki, &w->pki.client, ALPN_CADRE), "localhost");
        bool moving = true;
        while (moving) {
            moving = false;
            for (int side = 0; side < 2; side++) {
                struct tls *from = side == 0 ? x.client : x.server;
                struct tls *to = side == 0 ? x.server : x.client;
                enum tls_status *status = side == 0 ? &x.client_status : &x.server_status;
                struct err *e = side == 0 ? &x.client_err : &x.server_err;
                if (*status == TLS_WAIT) *status = tls_handshake(from, e);
                const void *data;
                size_t len;
                tls_pull(from, &data, &len);
                if (len == 0) continue;
                uint8_t *copy = mem_dup(data, len);
                if (at >= x.moved && at < x.moved + len) copy[at - x.moved] ^= 0x10;
                if (tls_feed(to, copy, len) == 0) moving = true;
                mem_free(copy);
                tls_pulled(from, len);
                x.moved += len;
            }
        }
        if (x.client_status == TLS_OK && x.server_status == TLS_OK)
            send_all(x.client, x.server, "still fine", 10);
        else
            failed++;
        close_ends(&x);
    }
    assert_true(failed > tried * 9 / 10);
}

static void data__one_bit_changed__ends_the_session(void **state)
{
    struct world *w = *state;
    for (size_t at = 0; at < 40; at += 3) {
        struct ends x;
        struct err e = {0};
        char got[64];
        size_t n = 0, len;
        const void *data;
        open_ends(&x, fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
                  "localhost");
        shake(&x, SIZE_MAX);
        assert_int_equal(tls_write(x.client, "important bytes", 15, &e), TLS_OK);
        tls_pull(x.client, &data, &len);
        uint8_t *copy = mem_dup(data, len);
        if (at < len) copy[at] ^= 0x01;
        assert_int_equal(tls_feed(x.server, copy, len), 0);
        enum tls_status s = tls_read(x.server, got, sizeof(got), &n, &e);
        if (at < len) {
            /* A longer record waits for the rest of it, for ever. */
            assert_true(s == TLS_FAILED || (s == TLS_WAIT && (at == 3 || at == 4)));
            if (s == TLS_FAILED) {
                assert_int_equal(tls_read(x.server, got, sizeof(got), &n, &e), TLS_FAILED);
                assert_int_equal(tls_write(x.server, "x", 1, &e), TLS_FAILED);
            }
        }
        mem_free(copy);
        close_ends(&x);
    }
}

static void handshake__one_byte_at_a_time__opens(void **state)
{
    struct world *w = *state;
    struct ends x;
    open_ends(&x, fixture_server(&w->pki, NULL),
              fixture_client(&w->pki, &w->pki.client, ALPN_CADRE), "localhost");
    shake(&x, 1);
    assert_int_equal(x.client_status, TLS_OK);
    assert_int_equal(x.server_status, TLS_OK);
    close_ends(&x);
}

static void feed__more_than_the_limit__is_refused(void **state)
{
    struct world *w = *state;
    struct tls *t = new_server(w);
    static uint8_t zeros[64 * 1024];
    assert_int_equal(tls_feed(t, zeros, sizeof(zeros)), 0);
    assert_int_equal(tls_feed(t, zeros, 1), ERR_TOO_LARGE);
    tls_free(t);
}

/* ---- the session's life ---- */

static void close__from_one_side__is_seen_by_the_other(void **state)
{
    struct world *w = *state;
    struct ends x;
    struct err e = {0};
    char got[64];
    size_t n = 0, moved = 0;
    open_ends(&x, fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
              "localhost");
    shake(&x, SIZE_MAX);
    assert_int_equal(tls_write(x.client, "last", 4, &e), TLS_OK);
    tls_close(x.client);
    tls_close(x.client);
    assert_int_equal(tls_write(x.client, "more", 4, &e), TLS_FAILED);
    assert_true(carry(x.client, x.server, SIZE_MAX, &moved));
    assert_int_equal(tls_read(x.server, got, sizeof(got), &n, &e), TLS_OK);
    assert_int_equal(n, 4);
    assert_int_equal(tls_read(x.server, got, sizeof(got), &n, &e), TLS_CLOSED);
    close_ends(&x);
}

static void write__before_the_handshake__is_refused(void **state)
{
    struct world *w = *state;
    struct ends x;
    struct err e = {0};
    char got[8];
    size_t n = 0;
    open_ends(&x, fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
              "localhost");
    assert_int_equal(tls_write(x.client, "x", 1, &e), TLS_FAILED);
    assert_int_equal(tls_read(x.client, got, sizeof(got), &n, &e), TLS_FAILED);
    shake(&x, SIZE_MAX);
    assert_int_equal(x.client_status, TLS_OK);
    close_ends(&x);
}

/* Many sessions of one configuration share the buffers of those that sleep: records of all of them,
 * whole and in halves, must not mix. */
static void sessions__many_taking_turns__keep_their_own_data(void **state)
{
    enum { SESSIONS = 20, ROUNDS = 12 };
    struct world *w = *state;
    struct err e = {0};
    struct ends x[SESSIONS];
    struct tls_config *server = fixture_server(&w->pki, NULL);
    struct tls_config *client = fixture_client(&w->pki, NULL, ALPN_CADRE);
    for (int i = 0; i < SESSIONS; i++) {
        open_ends(&x[i], tls_config_ref(server), tls_config_ref(client), "localhost");
        shake(&x[i], SIZE_MAX);
        assert_int_equal(x[i].server_status, TLS_OK);
    }
    tls_config_unref(server);
    tls_config_unref(client);
    for (int round = 0; round < ROUNDS; round++) {
        char text[64], got[64];
        size_t n = 0, moved = 0;
        for (int i = 0; i < SESSIONS; i++) {
            snprintf(text, sizeof(text), "session %d round %d", i, round);
            assert_int_equal(tls_write(x[i].client, text, strlen(text), &e), TLS_OK);
            carry(x[i].client, x[i].server, (size_t)(3 + round), &moved); /* a part of the record */
            assert_int_equal(tls_read(x[i].server, got, sizeof(got), &n, &e), TLS_WAIT);
        }
        for (int i = SESSIONS - 1; i >= 0; i--) {
            snprintf(text, sizeof(text), "session %d round %d", i, round);
            carry(x[i].client, x[i].server, SIZE_MAX, &moved);
            assert_int_equal(tls_read(x[i].server, got, sizeof(got), &n, &e), TLS_OK);
            assert_int_equal(n, strlen(text));
            assert_memory_equal(got, text, n);
            send_all(x[i].server, x[i].client, text, n);
        }
    }
    for (int i = 0; i < SESSIONS; i++)
        close_ends(&x[i]);
}

static void read__in_small_pieces__gets_all_of_a_record(void **state)
{
    struct world *w = *state;
    struct ends x;
    struct err e = {0};
    char got[7];
    size_t n = 0, have = 0, moved = 0;
    open_ends(&x, fixture_server(&w->pki, NULL), fixture_client(&w->pki, NULL, ALPN_CADRE),
              "localhost");
    shake(&x, SIZE_MAX);
    static char data[10000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i % 251);
    assert_int_equal(tls_write(x.client, data, sizeof(data), &e), TLS_OK);
    assert_true(carry(x.client, x.server, SIZE_MAX, &moved));
    while (tls_read(x.server, got, sizeof(got), &n, &e) == TLS_OK) {
        assert_memory_equal(got, data + have, n);
        have += n;
        /* Answers in between must not disturb the half-read record. */
        assert_int_equal(tls_write(x.server, "a", 1, &e), TLS_OK);
    }
    assert_int_equal(have, sizeof(data));
    close_ends(&x);
}

/* ---- configurations ---- */

static void config__bad_pieces__are_refused(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    struct tls_config *c = NULL;
    const struct fixture_cert *good = &w->pki.server, *other = &w->foreign.server;
    const struct tls_server_options bad[] = {{good->cert_pem, other->key_pem, w->pki.ca_pem},
                                             {"", good->key_pem, w->pki.ca_pem},
                                             {good->cert_pem, "", w->pki.ca_pem},
                                             {good->cert_pem, good->key_pem, "nonsense"},
                                             {good->key_pem, good->cert_pem, w->pki.ca_pem}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_not_equal(tls_config_server(&bad[i], &c, &e), 0);
    struct tls_client_options o = {.alpn = ALPN_CADRE};
    assert_int_equal(tls_config_client(&o, &c, &e), ERR_INVALID);
    o.ca_pem = w->pki.ca_pem;
    o.cert_pem = w->pki.client.cert_pem;
    assert_int_equal(tls_config_client(&o, &c, &e), ERR_INVALID);
    o.key_pem = w->foreign.client.key_pem;
    assert_int_equal(tls_config_client(&o, &c, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "does not belong"));
    assert_null(c);
    tls_config_unref(NULL);
}

static int setup(void **state)
{
    struct err e = {0};
    if (pki_init(&e) != 0) return -1;
    struct world *w = mem_alloc(sizeof(*w));
    fixture_pki_init(&w->pki, "Test CA");
    fixture_pki_init(&w->foreign, "Foreign CA");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fixture_pki_fini(&w->pki);
    fixture_pki_fini(&w->foreign);
    mem_free(w);
    pki_fini();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake__both_sides_proven__carries_data_both_ways),
        cmocka_unit_test(client__unknown_protocol__hears_why_in_words),
        cmocka_unit_test(client__foreign_ca__says_so),
        cmocka_unit_test(client__expired_server__says_so),
        cmocka_unit_test(client__server_of_tomorrow__says_compare_the_clocks),
        cmocka_unit_test(client__wrong_name__lists_those_it_has),
        cmocka_unit_test(server__with_a_client_s_certificate__does_not_serve),
        cmocka_unit_test(client__names_and_addresses_of_the_certificate__are_all_good),
        cmocka_unit_test(pin__of_the_ca__opens),
        cmocka_unit_test(pin__of_another_ca__shows_both),
        cmocka_unit_test(pin__of_the_server_s_own_key__is_no_ca),
        cmocka_unit_test(pin__server_without_its_ca__is_refused),
        cmocka_unit_test(pin__right_ca_behind_a_foreign_certificate__is_refused),
        cmocka_unit_test(pin__namesake_ca__is_refused),
        cmocka_unit_test(server__client_without_certificate__is_told),
        cmocka_unit_test(server__client_of_foreign_ca__is_told),
        cmocka_unit_test(server__self_signed_client__is_told),
        cmocka_unit_test(server__expired_and_future_clients__are_told),
        cmocka_unit_test(server__client_with_a_server_s_certificate__is_told),
        cmocka_unit_test(alpn__none_both_unknown__is_settled),
        cmocka_unit_test(client__without_alpn__opens),
        cmocka_unit_test(tls12__client__is_served),
        cmocka_unit_test(client__server_sends_tickets__reads_on),
        cmocka_unit_test(client__tls12_server__is_accepted),
        cmocka_unit_test(server__plain_http__is_refused),
        cmocka_unit_test(server__garbage__is_refused),
        cmocka_unit_test(server__tls11_client__is_refused),
        cmocka_unit_test(server__hello_cut_anywhere__waits),
        cmocka_unit_test(handshake__one_bit_changed__fails_or_works),
        cmocka_unit_test(data__one_bit_changed__ends_the_session),
        cmocka_unit_test(handshake__one_byte_at_a_time__opens),
        cmocka_unit_test(feed__more_than_the_limit__is_refused),
        cmocka_unit_test(close__from_one_side__is_seen_by_the_other),
        cmocka_unit_test(write__before_the_handshake__is_refused),
        cmocka_unit_test(sessions__many_taking_turns__keep_their_own_data),
        cmocka_unit_test(read__in_small_pieces__gets_all_of_a_record),
        cmocka_unit_test(config__bad_pieces__are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
