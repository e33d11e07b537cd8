/* Byte order marks and UTF-16: see encoding.h. */
#include "base/encoding.h"

#include "base/str.h"

#include <stdint.h>
#include <string.h>

#define MARK "\xef\xbb\xbf"
#define MARK_LEN 3
#define SURROGATES_FROM 0xd800u
#define SURROGATES_LOW 0xdc00u
#define SURROGATES_TO 0xdfffu

struct source {
    const char *name;
    const unsigned char *data;
    size_t len;
    struct err *e;
};

size_t encoding_mark(const char *text, size_t len)
{
    size_t n = 0;
    while (len - n >= MARK_LEN && memcmp(text + n, MARK, MARK_LEN) == 0)
        n += MARK_LEN;
    return n;
}

bool encoding_is_utf16(const char *text, size_t len)
{
    return len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}

/* ---- UTF-8 --------------------------------------------------------------------------------- */

static size_t line_of(const struct source *s, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += s->data[i] == '\n';
    return line;
}

static int copy_utf8(const struct source *s, struct buf *out)
{
    const char *text = (const char *)s->data;
    const void *nul = memchr(text, '\0', s->len);
    if (nul != NULL) {
        size_t at = (size_t)((const char *)nul - text);
        return err_set(s->e, ERR_INVALID, "%s, line %zu: a NUL (byte %zu); this is no text file",
                       s->name, line_of(s, at), at + 1);
    }
    size_t bad = str_utf8_bad(text, s->len);
    if (bad < s->len)
        return err_set(s->e, ERR_INVALID,
                       "%s, line %zu: not UTF-8 (byte %zu is 0x%02x); save it as UTF-8", s->name,
                       line_of(s, bad), bad + 1, s->data[bad]);
    size_t mark = encoding_mark(text, s->len);
    return buf_add(out, text + mark, s->len - mark);
}

/* ---- UTF-16 -------------------------------------------------------------------------------- */

struct utf16 {
    const struct source *s;
    bool big;  /* the high byte comes first */
    size_t at; /* of the next byte */
    size_t line;
};

static unsigned unit_at(const struct utf16 *u, size_t at)
{
    const unsigned char *p = u->s->data + at;
    return u->big ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
}

static int complain(const struct utf16 *u, const char *what)
{
    return err_set(u->s->e, ERR_INVALID, "%s, line %zu: %s (byte %zu of UTF-16); save it as UTF-8",
                   u->s->name, u->line, what, u->at + 1);
}

/* Reads one character into *c; the surrogates of a pair count as one. */
static int next_character(struct utf16 *u, uint32_t *c)
{
    size_t left = u->s->len - u->at;
    if (left < 2) return complain(u, "the text ends inside a character");
    unsigned unit = unit_at(u, u->at);
    if (unit == 0) return complain(u, "a NUL");
    size_t size = 2;
    *c = unit;
    if (unit >= SURROGATES_FROM && unit <= SURROGATES_TO) {
        unsigned low = left >= 4 ? unit_at(u, u->at + 2) : 0;
        if (unit >= SURROGATES_LOW || low < SURROGATES_LOW || low > SURROGATES_TO)
            return complain(u, "half a character");
        *c = 0x10000 + ((unit - SURROGATES_FROM) << 10) + (low - SURROGATES_LOW);
        size = 4;
    }
    u->at += size;
    u->line += unit == '\n';
    return 0;
}

static size_t put_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)(lead[n] | c);
    return n;
}

static int convert_utf16(const struct source *s, bool big, struct buf *out)
{
    struct utf16 u = {.s = s, .big = big, .line = 1};
    size_t before = out->len;
    bool text_begins = false;
    int rc = 0;
    while (rc == 0 && u.at < s->len) {
        char bytes[4];
        uint32_t c;
        rc = next_character(&u, &c);
        if (rc != 0 || (c == 0xfeff && !text_begins)) continue;
        text_begins = true;
        rc = buf_add(out, bytes, put_utf8(c, bytes));
    }
    if (rc != 0) buf_truncate(out, before);
    return rc;
}

static bool is_latin(unsigned unit)
{
    return unit == '\t' || unit == '\n' || unit == '\r' ||
           (unit >= ' ' && unit < 0x100 && unit != 0x7f);
}

/* Two characters below U+0100 in a row, each with its NUL, are no accident. */
static bool begins_as_utf16(const struct source *s, bool big)
{
    struct utf16 u = {.s = s, .big = big};
    return s->len >= 4 && s->len % 2 == 0 && is_latin(unit_at(&u, 0)) && is_latin(unit_at(&u, 2));
}

int encoding_decode(const char *name, const char *data, size_t len, struct buf *out, struct err *e)
{
    struct source s = {name, (const unsigned char *)data, len, e};
    if (len >= 4 && (memcmp(data, "\xff\xfe\0\0", 4) == 0 || memcmp(data, "\0\0\xfe\xff", 4) == 0))
        return err_set(e, ERR_INVALID, "%s is UTF-32; save it as UTF-8", name);
    if (encoding_is_utf16(data, len)) return convert_utf16(&s, data[0] == '\xfe', out);
    if (begins_as_utf16(&s, false)) return convert_utf16(&s, false, out);
    if (begins_as_utf16(&s, true)) return convert_utf16(&s, true, out);
    return copy_utf8(&s, out);
}
