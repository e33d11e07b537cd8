/* TLS over memory: both ends in one process, bytes carried by hand. */
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
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
