/* The growable buffer. */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAP 64
#define SMALL_CAP 1024 /* up to here the capacity is four times the one before, then twice */

/* What `data` points to before the first byte arrives; cap == 0 tells that it must not be
 * written. */
static const char nothing[1] = "";

void buf_init(struct buf *b, size_t max_bytes)
{
    b->data = (char *)nothing;
    b->len = 0;
    b->cap = 0;
    b->max = max_bytes;
}

void buf_fini(struct buf *b)
{
    if (b->cap > 0) mem_free(b->data);
    buf_init(b, b->max);
}

void buf_fini_secret(struct buf *b)
{
    if (b->cap > 0) mem_wipe(b->data, b->cap);
    buf_fini(b);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->cap > 0) b->data[0] = '\0';
}

/* Room for `len` more bytes and the NUL. */
static int grow(struct buf *b, size_t len)
{
    if (len > b->max - b->len) return ERR_TOO_LARGE;
    if (b->cap - b->len > len) return 0;
    size_t need = b->len + len;
    if (need > SIZE_MAX / 2) mem_exhausted();
    size_t cap = b->cap > 0 ? b->cap : FIRST_CAP;
    while (cap <= need)
        cap *= cap < SMALL_CAP ? 4 : 2;
    if (cap > b->max) cap = b->max + 1;
    char *old = b->cap > 0 ? b->data : NULL;
    b->data = mem_resize(old, cap, 1);
    b->cap = cap;
    b->data[b->len] = '\0';
    return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
    if (len == 0) return 0;
    int rc = grow(b, len);
    if (rc != 0) return rc;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_adds(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
    char small[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    int rc = 0;
    if (n < 0) {
        rc = ERR_INVALID;
    } else if ((size_t)n < sizeof small) {
        rc = buf_add(b, small, (size_t)n);
    } else {
        rc = grow(b, (size_t)n);
        if (rc == 0) {
            vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
            b->len += (size_t)n;
        }
    }
    va_end(again);
    return rc;
}

char *buf_reserve(struct buf *b, size_t len)
{
    return grow(b, len) == 0 ? b->data + b->len : NULL;
}

void buf_commit(struct buf *b, size_t len)
{
    if (len == 0) return;
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_consume(struct buf *b, size_t len)
{
    if (len == 0) return;
    b->len -= len;
    memmove(b->data, b->data + len, b->len + 1);
}

void buf_truncate(struct buf *b, size_t len)
{
    b->len = len;
    if (b->cap > 0) b->data[len] = '\0';
}

char *buf_detach(struct buf *b)
{
    char *data = b->cap > 0 ? b->data : mem_strdup("");
    buf_init(b, b->max);
    return data;
}
