/* Values in and out. Numbers go in as text, which any type takes; texts and blobs as the bytes they
 * are. All comes out in PostgreSQL's binary form. */
#include "coordinator/store/pg_stmt.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PostgreSQL's object ids of its types. */
#define TYPE_BOOL 16
#define TYPE_INT8 20
#define TYPE_INT2 21
#define TYPE_INT4 23
#define TYPE_FLOAT4 700
#define TYPE_FLOAT8 701
#define TYPE_NUMERIC 1700
#define TYPE_JSONB 3802

/* ---- in ------------------------------------------------------------------------------------- */

static struct pg_value *slot(struct stmt *stmt, int at)
{
    struct pg_stmt *q = pg_stmt_of(stmt);
    assert(at >= 1 && at <= q->count); /* else a wrong number of ours */
    struct pg_value *v = &q->values[at - 1];
    mem_free(v->mended);
    v->mended = NULL;
    return v;
}

static void set(struct stmt *stmt, int at, const char *data, size_t len, int format)
{
    struct pg_stmt *q = pg_stmt_of(stmt);
    assert(len <= INT_MAX);
    q->data[at - 1] = data;
    q->lengths[at - 1] = (int)len;
    q->formats[at - 1] = format;
}

void pg_bind_int(struct stmt *q, int at, int64_t n)
{
    struct pg_value *v = slot(q, at);
    int len = snprintf(v->number, sizeof v->number, "%lld", (long long)n);
    set(q, at, v->number, (size_t)len, 0);
}

void pg_bind_real(struct stmt *q, int at, double n)
{
    struct pg_value *v = slot(q, at);
    int len = snprintf(v->number, sizeof v->number, "%.17g", n);
    set(q, at, v->number, (size_t)len, 0);
}

/* PostgreSQL refuses what is not UTF-8, and with it the whole batch: U+FFFD stands for it. */
static char *mend(const char *s, size_t len)
{
    struct buf b;
    buf_init(&b, 3 * len + 1);
    while (len > 0) {
        size_t good = str_utf8_bad(s, len);
        buf_add(&b, s, good);
        s += good;
        len -= good;
        if (len == 0) break;
        buf_add(&b, "\xef\xbf\xbd", 3);
        s++;
        len--;
    }
    return buf_detach(&b);
}

void pg_bind_text(struct stmt *q, int at, const char *s)
{
    struct pg_value *v = slot(q, at);
    size_t len = strlen(s);
    if (!str_utf8_valid(s, len)) {
        v->mended = mend(s, len);
        s = v->mended;
        len = strlen(s);
    }
    set(q, at, s, len, 1);
}

void pg_bind_blob(struct stmt *q, int at, const void *data, size_t len)
{
    slot(q, at);
    set(q, at, len ? data : "", len, 1); /* NULL would be no blob at all */
}

void pg_bind_null(struct stmt *q, int at)
{
    slot(q, at);
    set(q, at, NULL, 0, 0);
}

/* ---- out ------------------------------------------------------------------------------------ */

static uint64_t big_endian(const char *p, int bytes)
{
    uint64_t n = 0;
    for (int i = 0; i < bytes; i++)
        n = n << 8 | (unsigned char)p[i];
    return n;
}

static double real_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static double real4_of(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float f;
    memcpy(&f, &low, sizeof f);
    return (double)f;
}

/* Digits in base 10,000, as sums of many numbers have: their count, the weight of the first one,
 * the sign, a scale, the digits. */
static double numeric_of(const char *p)
{
    int count = (int)big_endian(p, 2), weight = (int16_t)big_endian(p + 2, 2);
    double n = 0, unit = 1;
    for (int i = 0; i < count; i++)
        n = n * 10000 + (double)big_endian(p + 8 + 2 * i, 2);
    for (int w = weight - count + 1; w != 0; w += w < 0 ? 1 : -1)
        unit = w < 0 ? unit / 10000 : unit * 10000;
    return (big_endian(p + 4, 2) == 0x4000 ? -n : n) * unit;
}

static const char *field(struct pg_stmt *q, int at)
{
    if (!q->rows || PQgetisnull(q->rows, q->row, at)) return NULL;
    return PQgetvalue(q->rows, q->row, at);
}

int64_t pg_column_int(struct stmt *stmt, int at)
{
    struct pg_stmt *q = pg_stmt_of(stmt);
    const char *p = field(q, at);
    if (!p) return 0;
    switch (PQftype(q->rows, at)) {
    case TYPE_BOOL:
        return *p != 0;
    case TYPE_INT2:
        return (int16_t)big_endian(p, 2);
    case TYPE_INT4:
        return (int32_t)big_endian(p, 4);
    case TYPE_INT8:
        return (int64_t)big_endian(p, 8);
    case TYPE_FLOAT4:
        return (int64_t)real4_of(big_endian(p, 4));
    case TYPE_FLOAT8:
        return (int64_t)real_of(big_endian(p, 8));
    case TYPE_NUMERIC:
        return (int64_t)numeric_of(p);
    default:
        return strtoll(p, NULL, 10);
    }
}

double pg_column_real(struct stmt *stmt, int at)
{
    struct pg_stmt *q = pg_stmt_of(stmt);
    const char *p = field(q, at);
    if (!p) return 0;
    switch (PQftype(q->rows, at)) {
    case TYPE_FLOAT4:
        return real4_of(big_endian(p, 4));
    case TYPE_FLOAT8:
        return real_of(big_endian(p, 8));
    case TYPE_NUMERIC:
        return numeric_of(p);
    default:
        return (double)pg_column_int(stmt, at);
    }
}

/* The binary form of jsonb has a byte for its version. */
static int head_of(struct pg_stmt *q, int at)
{
    return PQftype(q->rows, at) == TYPE_JSONB ? 1 : 0;
}

const char *pg_column_str(struct stmt *stmt, int at)
{
    struct pg_stmt *q = pg_stmt_of(stmt);
    const char *p = field(q, at);
    return p ? p + head_of(q, at) : NULL;
}

const void *pg_column_blob(struct stmt *q, int at)
{
    return pg_column_str(q, at);
}

size_t pg_column_bytes(struct stmt *stmt, int at)
{
    struct pg_stmt *q = pg_stmt_of(stmt);
    if (!field(q, at)) return 0;
    return (size_t)(PQgetlength(q->rows, q->row, at) - head_of(q, at));
}

bool pg_column_is_null(struct stmt *q, int at)
{
    return field(pg_stmt_of(q), at) == NULL;
}
