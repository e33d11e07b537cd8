/* Keys, certificates, requests, hashes: what trust is made of. wire/tls_pki.c and wire/tls.c are
 * the only files that see mbedTLS. Keys are ECDSA P-256; texts are PEM. All calls are for the loop
 * thread. */
#ifndef CADRE_WIRE_PKI_H
#define CADRE_WIRE_PKI_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PKI_HASH_BYTES 32
#define PKI_PEM_MAX 8192
#define PKI_CHAIN_MAX (8 * PKI_PEM_MAX) /* bytes of several certificates in one text */
#define PKI_SAN_MAX 64

/* Once per process before anything else of pki.h and tls.h (PSA); pki_fini at the end. */
int pki_init(struct err *e);
void pki_fini(void);

/* From the system's cryptographic source by way of a seeded DRBG. */
int pki_random(void *out, size_t len, struct err *e);
void pki_sha256(const void *data, size_t len, uint8_t out[PKI_HASH_BYTES]);

struct pki_key; /* a private key, or a pair */
int pki_key_generate(struct pki_key **out, struct err *e);
int pki_key_parse(const char *pem, struct pki_key **out, struct err *e);
/* PEM text; mem_wipe it after use, then mem_free. */
int pki_key_format(const struct pki_key *k, char **pem, struct err *e);
void pki_key_free(struct pki_key *k);

/* PKCS #10 with subject CN=common_name. */
int pki_csr_make(const struct pki_key *k, const char *common_name, char **pem, struct err *e);
/* Checks the signature (possession of the key) and that the key is EC P-256. */
int pki_csr_check(const char *csr_pem, uint8_t spki_hash[PKI_HASH_BYTES], struct err *e);

struct pki_cert_info {
    char subject_cn[128];
    char serial[48]; /* hex */
    int64_t not_before_ms, not_after_ms;
    bool ca;
    uint8_t spki_hash[PKI_HASH_BYTES]; /* of the public key: what tokens pin */
    uint8_t hash[PKI_HASH_BYTES];      /* of the certificate: what browsers show */
};
/* Of the first certificate in the PEM. */
int pki_cert_info(const char *cert_pem, struct pki_cert_info *out, struct err *e);
/* May a certificate carry it: a host's name, or an address? */
bool pki_name_valid(const char *name);
/* Does the certificate carry all these names ("host" or IP address text) as SAN? *missing points at
 * the first that is not (into names), NULL when all are. */
int pki_cert_has_names(const char *cert_pem, const char *const *names, size_t count,
                       const char **missing, struct err *e);
/* Does the certificate belong to that key? */
bool pki_cert_matches_key(const char *cert_pem, const struct pki_key *k);

enum pki_usage { PKI_CA, PKI_SERVER, PKI_CLIENT };
struct pki_issue {
    enum pki_usage usage;
    const char *common_name;
    const char *const *names; /* SAN of PKI_SERVER: DNS names and addresses mixed */
    size_t name_count;
    int64_t not_before_ms, not_after_ms;
};
struct pki_issuer {
    const struct pki_key *key;
    const char *cert_pem; /* NULL: the certificate signs itself, and its key is this one */
};
/* Issues a certificate. The
 * public key is that of `csr_pem` when given, else of subject_key. Random 16-byte serial; SHA-256;
 * proper basicConstraints, keyUsage, extendedKeyUsage, subject and authority key ids. *pem:
 * mem_free. */
int pki_issue(const struct pki_issue *what, const struct pki_issuer *issuer,
              const struct pki_key *subject_key, const char *csr_pem, char **pem, struct err *e);

#endif
