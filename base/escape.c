/* See escape.h. */
#include "base/escape.h"

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

static size_t length_of(unsigned char first)
{
    if (first < 0xc2 || first > 0xf4) return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Of characters with two or three bytes. */
static bool is_control(uint32_t c)
{
    return c < 0xa0 || c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

size_t escape_printable(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    if (len == 0) return 0;
    if (u[0] >= 0x20 && u[0] < 0x7f) return 1;
    size_t n = length_of(u[0]);
    if (n == 0 || n > len || !str_utf8_valid(s, n)) return 0;
    if (n == 2 && is_control((uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3f))) return 0;
    if (n == 3 &&
        is_control((uint32_t)(u[0] & 0x0f) << 12 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3f)))
        return 0;
    return n;
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
