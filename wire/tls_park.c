/* Buffers of idle sessions. mbedTLS keeps 2 x 16.7 KiB for each session, although between two
 * records there is nothing in them but counters. Here they are taken away while a session is idle
 * and given back when it wakes: a handful of them serves thousands of connections.
 *
 * This touches fields that mbedTLS calls private. They are those of its own resizing of buffers
 * (MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH), in the long-term branch 3.6 whose layout is frozen; without
 * that option nothing is parked. */
#include "wire/tls_private.h"

#include <string.h>

#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/ssl.h>

#if defined(MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH)

#define SLACK 64 /* header, nonce and tag, in addition to the bytes that were read or written */

#define F(ssl, field) ((ssl)->MBEDTLS_PRIVATE(field))

static void put(struct tls_spare *s, unsigned char *buf, size_t size, size_t used)
{
    /* Plaintext does not outlive its session's turn. */
    mbedtls_platform_zeroize(buf, used + SLACK < size ? used + SLACK : size);
    if (s->count < TLS_SPARE_MAX && (s->count == 0 || s->size == size)) {
        s->size = size;
        s->buf[s->count++] = buf;
    } else {
        mbedtls_free(buf);
    }
}

static unsigned char *get(struct tls_spare *s, size_t size)
{
    if (s->count > 0 && s->size == size) return s->buf[--s->count];
    return mbedtls_calloc(1, size);
}

void tls_spare_fini(struct tls_spare *s)
{
    while (s->count > 0)
        mbedtls_free(s->buf[--s->count]);
}

static void park_in(struct tls_parked *p, struct tls_spare *spare, mbedtls_ssl_context *ssl)
{
    unsigned char *buf = F(ssl, in_buf);
    bool between = F(ssl, in_left) == 0 && F(ssl, in_offt) == NULL && F(ssl, in_msglen) == 0 &&
                   F(ssl, in_hslen) == 0 && F(ssl, keep_current_message) == 0 &&
                   F(ssl, badmac_seen_or_in_hsfraglen) == 0 && F(ssl, in_ctr) == buf;
    if (buf == NULL || !between) return;
    p->in_hdr = (size_t)(F(ssl, in_hdr) - buf);
    p->in_len = (size_t)(F(ssl, in_len) - buf);
    p->in_iv = (size_t)(F(ssl, in_iv) - buf);
    p->in_msg = (size_t)(F(ssl, in_msg) - buf);
    memcpy(p->in_counter, buf, sizeof(p->in_counter));
    put(spare, buf, F(ssl, in_buf_len), p->in_used);
    F(ssl, in_buf) = F(ssl, in_ctr) = F(ssl, in_hdr) = F(ssl, in_len) = F(ssl, in_iv) =
        F(ssl, in_msg) = NULL;
    p->in_used = 0;
    p->in = true;
}

static void park_out(struct tls_parked *p, struct tls_spare *spare, mbedtls_ssl_context *ssl)
{
    unsigned char *buf = F(ssl, out_buf);
    if (buf == NULL || F(ssl, out_left) != 0 || F(ssl, out_ctr) != buf) return;
    p->out_hdr = (size_t)(F(ssl, out_hdr) - buf);
    p->out_len = (size_t)(F(ssl, out_len) - buf);
    p->out_iv = (size_t)(F(ssl, out_iv) - buf);
    p->out_msg = (size_t)(F(ssl, out_msg) - buf);
    put(spare, buf, F(ssl, out_buf_len), p->out_used);
    F(ssl, out_buf) = F(ssl, out_ctr) = F(ssl, out_hdr) = F(ssl, out_len) = F(ssl, out_iv) =
        F(ssl, out_msg) = NULL;
    p->out_used = 0;
    p->out = true;
}

void tls_park(struct tls_parked *p, struct tls_spares *spares, struct mbedtls_ssl_context *ssl)
{
    if (!p->in) park_in(p, &spares->in, ssl);
    if (!p->out) park_out(p, &spares->out, ssl);
}

bool tls_unpark(struct tls_parked *p, struct tls_spares *spares, struct mbedtls_ssl_context *ssl)
{
    if (p->in) {
        unsigned char *buf = get(&spares->in, F(ssl, in_buf_len));
        if (buf == NULL) return false;
        memcpy(buf, p->in_counter, sizeof(p->in_counter));
        F(ssl, in_buf) = F(ssl, in_ctr) = buf;
        F(ssl, in_hdr) = buf + p->in_hdr;
        F(ssl, in_len) = buf + p->in_len;
        F(ssl, in_iv) = buf + p->in_iv;
        F(ssl, in_msg) = buf + p->in_msg;
#if defined(MBEDTLS_SSL_DTLS_CONNECTION_ID)
        F(ssl, in_cid) = F(ssl, in_len);
#endif
        p->in = false;
    }
    if (p->out) {
        unsigned char *buf = get(&spares->out, F(ssl, out_buf_len));
        if (buf == NULL) return false;
        F(ssl, out_buf) = F(ssl, out_ctr) = buf;
        F(ssl, out_hdr) = buf + p->out_hdr;
        F(ssl, out_len) = buf + p->out_len;
        F(ssl, out_iv) = buf + p->out_iv;
        F(ssl, out_msg) = buf + p->out_msg;
#if defined(MBEDTLS_SSL_DTLS_CONNECTION_ID)
        F(ssl, out_cid) = F(ssl, out_len);
#endif
        p->out = false;
    }
    return true;
}

#else

void tls_park(struct tls_parked *p, struct tls_spares *spares, struct mbedtls_ssl_context *ssl)
{
    (void)p;
    (void)spares;
    (void)ssl;
}

bool tls_unpark(struct tls_parked *p, struct tls_spares *spares, struct mbedtls_ssl_context *ssl)
{
    (void)p;
    (void)spares;
    (void)ssl;
    return true;
}

void tls_spare_fini(struct tls_spare *s)
{
    (void)s;
}

#endif
