/* Certificates for tests, made when the test runs: a CA with a server's and a client's certificate,
 * and what an attacker or a forgetful operator would come with. Everything aborts the test on
 * failure. */
#ifndef CADRE_TESTS_PKI_FIXTURE_H
#define CADRE_TESTS_PKI_FIXTURE_H

#include "wire/pki.h"
#include "wire/tls.h"

#include <stdint.h>

struct fixture_cert {
    char *cert_pem, *key_pem;
};

struct fixture_pki {
    struct pki_key *ca_key;
    char *ca_pem;
    uint8_t pin[PKI_HASH_BYTES];
    struct fixture_cert
        server; /* for localhost, 127.0.0.1, ::1; cert_pem is followed by the CA's */
    struct fixture_cert client; /* CN "agent1" */
};

#define FIXTURE_HOUR_MS INT64_C(3600000)

/* pki_init() must have been called. The CA is called `name`. */
void fixture_pki_init(struct fixture_pki *p, const char *name);
void fixture_pki_fini(struct fixture_pki *p);
/* Another certificate of the CA; times are relative to now. san may be NULL, else one name. */
void fixture_issue(const struct fixture_pki *p, enum pki_usage usage, const char *cn,
                   const char *san, int64_t from_ms, int64_t to_ms, struct fixture_cert *out);
void fixture_cert_free(struct fixture_cert *c);
int64_t fixture_now_ms(void);

/* Configurations; `cert` NULL: the fixture's own server / no client certificate. */
struct tls_config *fixture_server(const struct fixture_pki *p, const struct fixture_cert *cert);
struct tls_config *fixture_client(const struct fixture_pki *p, const struct fixture_cert *cert,
                                  const char *alpn);
struct tls_config *fixture_pinned(const uint8_t pin[PKI_HASH_BYTES], const char *alpn);

#endif
