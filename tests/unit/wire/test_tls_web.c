/* TLS for browsers: HTTP alone, no certificates of clients, and nothing that is broken. */
#include "base/mem.h"
#include "base/str.h"
#include "tests/pki/pki_fixture.h"
#include "wire/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct fixture_pki pki, foreign;
};

/* Everything that one end has for the other. */
static bool carry(struct tls *from, struct tls *to)
{
    const void *data;
    size_t len;
    tls_pull(from, &data, &len);
    if (len == 0 || tls_feed(to, data, len) != 0) return false;
    tls_pulled(from, len);
    return true;
}

/* How the server's handshake ends with this client, which is freed. */
static enum tls_status shake(const struct world *w, struct tls_config *client, struct tls **server)
{
    struct err e = {0};
    struct tls *c = NULL;
    struct tls_config *web = NULL;
    enum tls_status client_status = TLS_WAIT, status = TLS_WAIT;
    assert_int_equal(tls_config_web(w->pki.server.cert_pem, w->pki.server.key_pem, &web, &e), 0);
    assert_int_equal(tls_new(web, NULL, server, &e), 0);
    assert_int_equal(tls_new(client, "localhost", &c, &e), 0);
    tls_config_unref(web);
    tls_config_unref(client);
    for (bool moving = true; moving;) {
        if (client_status == TLS_WAIT) client_status = tls_handshake(c, &e);
        moving = carry(c, *server);
        if (status == TLS_WAIT) status = tls_handshake(*server, &e);
        moving = carry(*server, c) || moving;
    }
    tls_free(c);
    return status;
}

static void web__http_alone__is_offered(void **state)
{
    const struct world *w = *state;
    static const char *const alpn[] = {ALPN_HTTP, ALPN_CADRE, NULL};
    for (size_t i = 0; i < sizeof alpn / sizeof *alpn; i++) {
        struct tls *t = NULL;
        bool opens = alpn[i] == NULL || str_eq(alpn[i], ALPN_HTTP);
        assert_int_equal(shake(w, fixture_client(&w->pki, NULL, alpn[i]), &t),
                         opens ? TLS_OK : TLS_FAILED);
        tls_free(t);
    }
}

/* A client that has a certificate is served as any other is, and nobody looks at it. */
static void web__client_s_certificate__is_not_asked_for(void **state)
{
    const struct world *w = *state;
    struct tls *t = NULL;
    struct tls_peer peer;
    assert_int_equal(shake(w, fixture_client(&w->pki, &w->pki.client, ALPN_HTTP), &t), TLS_OK);
    tls_peer(t, &peer);
    assert_int_equal(peer.state, TLS_PEER_NONE);
    tls_free(t);
}

static void web__bad_pieces__are_refused(void **state)
{
    const struct world *w = *state;
    const struct fixture_cert *good = &w->pki.server, *other = &w->foreign.server;
    const struct {
        const char *chain, *key, *part;
    } bad[] = {{good->cert_pem, other->key_pem, "does not belong"},
               {"", good->key_pem, "the certificate"},
               {good->cert_pem, "", "the private key"},
               {good->cert_pem, "nonsense", "the private key"},
               {good->key_pem, good->cert_pem, "the certificate"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {0};
        struct tls_config *c = NULL;
        assert_int_not_equal(tls_config_web(bad[i].chain, bad[i].key, &c, &e), 0);
        assert_null(c);
        assert_non_null(strstr(e.msg, bad[i].part));
    }
}

static int setup(void **state)
{
    struct err e = {0};
    if (pki_init(&e) != 0) return -1;
    struct world *w = mem_alloc(sizeof *w);
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
        cmocka_unit_test(web__http_alone__is_offered),
        cmocka_unit_test(web__client_s_certificate__is_not_asked_for),
        cmocka_unit_test(web__bad_pieces__are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
