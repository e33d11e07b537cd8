/* What wire/tls*.c share. mbedTLS types appear by name only; its headers stay in those files. */
#ifndef CADRE_WIRE_TLS_PRIVATE_H
#define CADRE_WIRE_TLS_PRIVATE_H

#include "base/err.h"
#include "wire/pki.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mbedtls_x509_crt;
struct mbedtls_pk_context;

#define PKI_NAME_MAX 253  /* bytes of a DNS name (RFC 1035 section 2.3.4) */
#define PKI_STAMP_SIZE 24 /* "2026-01-01T00:00:00Z" */

/* Sets e to "what: <what mbedTLS says of `ret`>". */
int tls_fail(struct err *e, int code, int ret, const char *what);
/* In the form mbedTLS wants it. */
int tls_rng(void *unused, unsigned char *out, size_t len);

/* All certificates in the PEM; `what` names it in errors. On failure *out is left initialised and
 * empty. */
int tls_chain_parse(const char *pem, const char *what, struct mbedtls_x509_crt *out, struct err *e);
/* A private key, EC P-256. */
int tls_key_parse(const char *pem, struct mbedtls_pk_context *out, struct err *e);
/* ... of a certificate for browsers: RSA of 2048 bits or more, EC on P-256 or P-384. */
int tls_web_key_parse(const char *pem, struct mbedtls_pk_context *out, struct err *e);

void tls_cert_info(const struct mbedtls_x509_crt *crt, struct pki_cert_info *out);
void tls_cert_spki_hash(const struct mbedtls_x509_crt *crt, uint8_t out[PKI_HASH_BYTES]);
/* Is `name` (DNS name or address) among the subject alternative names? DNS names compare without
 * case. */
bool tls_cert_has_name(const struct mbedtls_x509_crt *crt, const char *name);
/* "a.example, 192.0.2.1" for people; cut with "..." when there is no more room. */
void tls_cert_names(const struct mbedtls_x509_crt *crt, char *dst, size_t size);
/* 4 or 16 bytes of an address, 0 when the text is not one. */
size_t tls_address_parse(const char *text, uint8_t out[16]);
void tls_stamp(int64_t wall_ms, char dst[PKI_STAMP_SIZE]);
int64_t tls_now_ms(void);

/* ---- wire/tls.c ---- */
struct tls;
const char *tls_version(const struct tls *t); /* "TLSv1.3" */

/* ---- wire/tls_park.c: the buffers of idle sessions ---- */
struct mbedtls_ssl_context;
#define TLS_SPARE_MAX 8
struct tls_spare { /* buffers of one size, wiped */
    unsigned char *buf[TLS_SPARE_MAX];
    size_t count, size;
};
struct tls_spares {
    struct tls_spare in, out;
};
void tls_spare_fini(struct tls_spare *s);
struct tls_parked { /* what a session without buffers has to remember */
    bool in, out;
    uint8_t in_counter[8];
    size_t in_hdr, in_len, in_iv, in_msg;
    size_t out_hdr, out_len, out_iv, out_msg;
    size_t in_used, out_used; /* how far the buffers were written since they were taken */
};
/* Takes away those buffers that are between two records. */
void tls_park(struct tls_parked *p, struct tls_spares *spares, struct mbedtls_ssl_context *ssl);
/* Before mbedTLS is called again. False: no memory. */
bool tls_unpark(struct tls_parked *p, struct tls_spares *spares, struct mbedtls_ssl_context *ssl);

#endif
