/* See escape.h. */
#include "base/escape.h"

#include "base/str.h"

#include <stdbool.h>
#include <string.h>

/* Both ends belong to the range. In order. Beside control characters and separators these are the
 * characters that Unicode has as Default_Ignorable_Code_Point (DerivedCoreProperties.txt): what
 * changes the direction, what joins or parts other characters, fillers, variation selectors, tags.
 * A font shows none of them. */
static const struct range {
    uint32_t from, to;
} hidden[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x061c, 0x061c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x2800, 0x2800}, /* a blank */
    {0x3164, 0x3164}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
    {0xfffe, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_hidden(uint32_t c)
{
    size_t from = 0, to = sizeof hidden / sizeof *hidden;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (c > hidden[middle].to)
            from = middle + 1;
        else
            to = middle;
    }
    return from < sizeof hidden / sizeof *hidden && c >= hidden[from].from;
}

size_t escape_character(const char *s, size_t len, uint32_t *c)
{
    const unsigned char *u = (const unsigned char *)s;
    if (len == 0) return 0;
    if (u[0] < 0x80) {
        *c = u[0];
        return 1;
    }
    size_t n = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    if (n > len || !str_utf8_valid(s, n)) return 0;
    *c = u[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        *c = *c << 6 | (u[i] & 0x3fu);
    return n;
}

size_t escape_printable(const char *s, size_t len)
{
    uint32_t c;
    size_t n = escape_character(s, len, &c);
    return n > 0 && !is_hidden(c) ? n : 0;
}

void escape_text(struct buf *out, const char *s, size_t len)
{
    while (len > 0) {
        size_t plain = 0, n;
        while ((n = escape_printable(s + plain, len - plain)) > 0)
            plain += n;
        (void)buf_add(out, s, plain);
        s += plain;
        len -= plain;
        if (len == 0) return;
        (void)buf_addf(out, "\\x%02x", (unsigned)(unsigned char)*s++);
        len--;
    }
}

int escape_check(const char *s, struct err *e)
{
    size_t len = strlen(s), at = 0, n;
    uint32_t c;
    while ((n = escape_printable(s + at, len - at)) > 0)
        at += n;
    if (at == len) return 0;
    if (escape_character(s + at, len - at, &c) == 0)
        return err_set(e, ERR_INVALID, "has a byte that is not UTF-8: 0x%02x (byte %zu)",
                       (unsigned)(unsigned char)s[at], at + 1);
    return err_set(e, ERR_INVALID, "has a character that is not visible: U+%04X (byte %zu)",
                   (unsigned)c, at + 1);
}
