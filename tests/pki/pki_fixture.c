#include "tests/pki/pki_fixture.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void must(int rc, const struct err *e, const char *what)
{
    if (rc == 0) return;
    fprintf(stderr, "fixture: %s: %s\n", what, err_text(e));
    abort();
}

int64_t fixture_now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

static void issue(const struct fixture_pki *p, const struct pki_issue *what,
                  struct fixture_cert *out)
{
    struct err e = {0};
    struct pki_key *k = NULL;
    must(pki_key_generate(&k, &e), &e, "key");
    must(pki_issue(what, &(struct pki_issuer){p->ca_key, p->ca_pem}, k, NULL, &out->cert_pem, &e),
         &e, "certificate");
    must(pki_key_format(k, &out->key_pem, &e), &e, "key text");
    pki_key_free(k);
}

void fixture_issue(const struct fixture_pki *p, enum pki_usage usage, const char *cn,
                   const char *san, int64_t from_ms, int64_t to_ms, struct fixture_cert *out)
{
    struct pki_issue what = {.usage = usage,
                             .common_name = cn,
                             .names = &san,
                             .name_count = san != NULL ? 1 : 0,
                             .not_before_ms = fixture_now_ms() + from_ms,
                             .not_after_ms = fixture_now_ms() + to_ms};
    issue(p, &what, out);
    if (usage == PKI_SERVER) {
        char *both = str_dupf("%s%s", out->cert_pem, p->ca_pem);
        mem_free(out->cert_pem);
        out->cert_pem = both;
    }
}

void fixture_pki_init(struct fixture_pki *p, const char *name)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    struct err e = {0};
    memset(p, 0, sizeof(*p));
    must(pki_key_generate(&p->ca_key, &e), &e, "CA key");
    struct pki_issue ca = {.usage = PKI_CA,
                           .common_name = name,
                           .not_before_ms = fixture_now_ms() - 1000 * FIXTURE_HOUR_MS,
                           .not_after_ms = fixture_now_ms() + 1000 * FIXTURE_HOUR_MS};
    must(pki_issue(&ca, &(struct pki_issuer){p->ca_key, NULL}, p->ca_key, NULL, &p->ca_pem, &e), &e,
         "CA certificate");
    struct pki_cert_info info;
    must(pki_cert_info(p->ca_pem, &info, &e), &e, "pin");
    memcpy(p->pin, info.spki_hash, sizeof(p->pin));
    struct pki_issue server = {.usage = PKI_SERVER,
                               .common_name = "server",
                               .names = names,
                               .name_count = 3,
                               .not_before_ms = fixture_now_ms() - FIXTURE_HOUR_MS,
                               .not_after_ms = fixture_now_ms() + FIXTURE_HOUR_MS};
    issue(p, &server, &p->server);
    char *both = str_dupf("%s%s", p->server.cert_pem, p->ca_pem);
    mem_free(p->server.cert_pem);
    p->server.cert_pem = both;
    fixture_issue(p, PKI_CLIENT, "agent1", NULL, -FIXTURE_HOUR_MS, FIXTURE_HOUR_MS, &p->client);
}

void fixture_cert_free(struct fixture_cert *c)
{
    mem_free(c->cert_pem);
    mem_free(c->key_pem);
    c->cert_pem = c->key_pem = NULL;
}

void fixture_pki_fini(struct fixture_pki *p)
{
    pki_key_free(p->ca_key);
    mem_free(p->ca_pem);
    fixture_cert_free(&p->server);
    fixture_cert_free(&p->client);
}

struct tls_config *fixture_server(const struct fixture_pki *p, const struct fixture_cert *cert)
{
    if (cert == NULL) cert = &p->server;
    struct tls_server_options o = {cert->cert_pem, cert->key_pem, p->ca_pem};
    struct tls_config *c = NULL;
    struct err e = {0};
    must(tls_config_server(&o, &c, &e), &e, "server configuration");
    return c;
}

struct tls_config *fixture_client(const struct fixture_pki *p, const struct fixture_cert *cert,
                                  const char *alpn)
{
    struct tls_client_options o = {.alpn = alpn, .ca_pem = p->ca_pem};
    if (cert != NULL) {
        o.cert_pem = cert->cert_pem;
        o.key_pem = cert->key_pem;
    }
    struct tls_config *c = NULL;
    struct err e = {0};
    must(tls_config_client(&o, &c, &e), &e, "client configuration");
    return c;
}

struct tls_config *fixture_pinned(const uint8_t pin[PKI_HASH_BYTES], const char *alpn)
{
    struct tls_client_options o = {.alpn = alpn, .pin = pin};
    struct tls_config *c = NULL;
    struct err e = {0};
    must(tls_config_client(&o, &c, &e), &e, "pinned configuration");
    return c;
}
