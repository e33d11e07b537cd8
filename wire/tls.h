/* TLS sessions over memory: bytes from the wire go in, bytes for the wire come out; no sockets
 * here. TLS 1.3 preferred, nothing below 1.2; X25519 and P-256; ALPN decides which protocol is
 * spoken. wire/tls.c and wire/tls_pki.c are the only files that see mbedTLS. One thread per
 * tls_config. */
#ifndef CADRE_WIRE_TLS_H
#define CADRE_WIRE_TLS_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/pki.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALPN_CADRE "cadre/1"
#define ALPN_HTTP "http/1.1"

struct tls_config; /* shared by many sessions, reference-counted: sessions keep it alive */

struct tls_server_options {
    const char *
        cert_pem; /* the server's certificate followed by the CA's (so that a pin can be checked) */
    const char *key_pem;
    const char *client_ca_pem; /* the CA that must have signed the clients' certificates */
};
/* Clients may come without a certificate. A certificate that does not verify does not end the
 * handshake: tls_peer() reports it, so that the server can send the peer a readable refusal. Offers
 * cadre/1 and http/1.1. No session resumption (a resumed TLS 1.3 session of mbedTLS does not carry
 * the client's certificate). */
int tls_config_server(const struct tls_server_options *o, struct tls_config **out, struct err *e);

/* For browsers and other HTTP clients, with a certificate of any CA's. chain_pem: the server's
 * certificate first, then those between it and its root. key_pem: RSA of 2048 bits or more, or EC
 * on P-256 or P-384. Offers http/1.1 alone and asks clients for no certificate. */
int tls_config_web(const char *chain_pem, const char *key_pem, struct tls_config **out,
                   struct err *e);

struct tls_client_options {
    const char *alpn;               /* ALPN_CADRE or ALPN_HTTP */
    const char *cert_pem, *key_pem; /* both NULL: no client certificate */
    const char *ca_pem;             /* trust anchor; or NULL and */
    const uint8_t
        *pin; /* PKI_HASH_BYTES: SHA-256 of the CA's SubjectPublicKeyInfo: the anchor is the
                                    certificate in the peer's chain whose key has this hash */
};
int tls_config_client(const struct tls_client_options *o, struct tls_config **out, struct err *e);
struct tls_config *tls_config_ref(struct tls_config *c);
void tls_config_unref(struct tls_config *c); /* NULL is fine */

struct tls;

/* host: the name or address the certificate must carry (client), NULL on the server. */
int tls_new(struct tls_config *c, const char *host, struct tls **out, struct err *e);
void tls_free(struct tls *t);

enum tls_status {
    TLS_OK,     /* progress was made; handshake done, or bytes moved */
    TLS_WAIT,   /* needs bytes from the peer */
    TLS_CLOSED, /* the peer sent close_notify */
    TLS_FAILED, /* e says why; tls_pull() may still hold an alert for the peer */
};

/* Bytes from the socket; kept until used. ERR_TOO_LARGE beyond 64 KiB unread: pull decrypted data
 * first. */
int tls_feed(struct tls *t, const void *data, size_t len);
/* The same without a copy: the caller keeps the bytes in place until tls_settle, which copies those
 * that were not used. */
int tls_lend(struct tls *t, const void *data, size_t len);
void tls_settle(struct tls *t);
/* Bytes for the socket, in *data and *len (valid until the next call with t); tls_pulled drops `n`
 * of them. */
void tls_pull(struct tls *t, const void **data, size_t *len);
void tls_pulled(struct tls *t, size_t n);

/* Steps the handshake. TLS_OK: it is done (and stays so); the peer's certificate was checked: a
 * client that does not trust the server gets TLS_FAILED with a sentence: unknown CA, pin differs,
 * expired (or the clock is wrong), wrong name (lists those it has). */
enum tls_status tls_handshake(struct tls *t, struct err *e);
/* Decrypts into buf. TLS_OK: *got > 0 bytes. */
enum tls_status tls_read(struct tls *t, void *buf, size_t size, size_t *got, struct err *e);
/* Encrypts all of data (memory grows by about len). TLS_OK or TLS_FAILED. */
enum tls_status tls_write(struct tls *t, const void *data, size_t len, struct err *e);
/* Queues close_notify. */
void tls_close(struct tls *t);

enum tls_peer_state {
    TLS_PEER_NONE,
    TLS_PEER_TRUSTED,
    TLS_PEER_UNKNOWN_CA,
    TLS_PEER_EXPIRED,
    TLS_PEER_NOT_YET_VALID,
    TLS_PEER_BAD
};
struct tls_peer {
    enum tls_peer_state state;
    struct pki_cert_info cert; /* filled unless TLS_PEER_NONE */
    char sentence[256];        /* why it is not trusted */
};
/* After the handshake. */
void tls_peer(const struct tls *t, struct tls_peer *out);
const char *tls_alpn(const struct tls *t); /* "cadre/1", "http/1.1", NULL when none was agreed */

#endif
