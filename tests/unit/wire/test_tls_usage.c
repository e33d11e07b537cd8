/* A server that shows a certificate which was made for a client: mbedTLS's own server does not do
 * that, one that somebody wrote who has an agent's key may. So the servers here look away when they
 * choose their certificate. Agents, the command line and coordinators are clients of this kind. */
#include "base/mem.h"
#include "base/str.h"
#include "tests/pki/pki_fixture.h"
#include "wire/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct mbedtls_x509_crt;

static struct {
    const struct mbedtls_x509_crt *own; /* of the server, which is asked about first */
    int refusals;                       /* of others */
} eyes;

int __real_mbedtls_x509_crt_check_extended_key_usage(const struct mbedtls_x509_crt *crt,
                                                     const char *oid, size_t len);
int __wrap_mbedtls_x509_crt_check_extended_key_usage(const struct mbedtls_x509_crt *crt,
                                                     const char *oid, size_t len);
int __wrap_mbedtls_x509_crt_check_extended_key_usage(const struct mbedtls_x509_crt *crt,
                                                     const char *oid, size_t len)
{
    if (!eyes.own) eyes.own = crt;
    if (crt == eyes.own) return 0;
    int rc = __real_mbedtls_x509_crt_check_extended_key_usage(crt, oid, len);
    eyes.refusals += rc != 0;
    return rc;
}

static bool carry(struct tls *from, struct tls *to)
{
    const void *data;
    size_t len;
    tls_pull(from, &data, &len);
    if (len == 0 || tls_feed(to, data, len) != 0) return false;
    tls_pulled(from, len);
    return true;
}

/* Both handshakes, until nothing moves any more. */
static enum tls_status shake(struct tls_config *server, struct tls_config *client, struct err *e)
{
    struct tls *s, *c;
    struct err of_server = {0};
    enum tls_status at_server = TLS_WAIT, at_client = TLS_WAIT;
    bool moving = true;
    assert_int_equal(tls_new(server, NULL, &s, e), 0);
    assert_int_equal(tls_new(client, "localhost", &c, e), 0);
    while (moving) {
        if (at_client == TLS_WAIT) at_client = tls_handshake(c, e);
        moving = carry(c, s);
        if (at_server == TLS_WAIT) at_server = tls_handshake(s, &of_server);
        moving = carry(s, c) || moving;
    }
    tls_free(s);
    tls_free(c);
    tls_config_unref(server);
    tls_config_unref(client);
    return at_client;
}

/* by: 0 an agent, 1 one that joins with a token, 2 a client of HTTP */
static struct tls_config *client(const struct fixture_pki *p, int by)
{
    if (by == 1) return fixture_pinned(p->pin, ALPN_CADRE);
    return fixture_client(p, by == 0 ? &p->client : NULL, by == 0 ? ALPN_CADRE : ALPN_HTTP);
}

static void server__that_shows_an_agent_s_certificate__is_refused(void **state)
{
    struct fixture_pki *p = *state;
    static const char *const names[] = {NULL, "localhost"}; /* agents' have none */
    for (int i = 0; i < 6; i++) {
        struct fixture_cert c;
        struct err e = {0};
        fixture_issue(p, PKI_CLIENT, "agent1", names[i / 3], -FIXTURE_HOUR_MS, FIXTURE_HOUR_MS, &c);
        char *chain = str_dupf("%s%s", c.cert_pem, p->ca_pem); /* a pin is of the CA */
        mem_free(c.cert_pem);
        c.cert_pem = chain;
        memset(&eyes, 0, sizeof(eyes));
        assert_int_equal(shake(fixture_server(p, &c), client(p, i % 3), &e), TLS_FAILED);
        assert_int_equal(e.code, ERR_TLS);
        if (strstr(e.msg, "the server's certificate is not made for that use") == NULL)
            fail_msg("%s", e.msg);
        assert_int_equal(eyes.refusals, 1); /* it was shown */
        fixture_cert_free(&c);
    }
}

static void server__with_its_own_certificate__is_taken(void **state)
{
    struct fixture_pki *p = *state;
    for (int i = 0; i < 3; i++) {
        struct err e = {0};
        memset(&eyes, 0, sizeof(eyes));
        assert_int_equal(shake(fixture_server(p, NULL), client(p, i), &e), TLS_OK);
        assert_int_equal(eyes.refusals, 0);
    }
}

static int setup(void **state)
{
    static struct fixture_pki p;
    struct err e = {0};
    if (pki_init(&e) != 0) return -1;
    fixture_pki_init(&p, "cadre");
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    fixture_pki_fini(*state);
    pki_fini();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server__that_shows_an_agent_s_certificate__is_refused),
        cmocka_unit_test(server__with_its_own_certificate__is_taken),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
