/* A growable byte buffer that knows its ceiling. Always has a NUL after `len` bytes, so that text
 * in it can be printed. Appending past `max` fails with ERR_TOO_LARGE and leaves the content as it
 * was. */
#ifndef CADRE_BASE_BUF_H
#define CADRE_BASE_BUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* never NULL after buf_init: points to "" while nothing was appended */
    size_t len;
    size_t cap;
    size_t max;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);        /* also fine on a zeroed struct */
void buf_fini_secret(struct buf *b); /* the same, and overwrites the content */
void buf_clear(struct buf *b);       /* len = 0, keeps the memory */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) CADRE_PRINTF(2, 3);
/* Makes room for `len` more bytes after the content and returns the place (NULL: over max);
 * buf_commit() then adds the bytes that were written there. */
char *buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t len);
void buf_consume(struct buf *b, size_t len);  /* drops from the front (len <= b->len) */
void buf_truncate(struct buf *b, size_t len); /* keeps the first len bytes (len <= b->len) */
char *buf_detach(struct buf *b); /* the caller's from now on (mem_free); b is empty again */

#endif
