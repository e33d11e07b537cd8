#include "coordinator/flow/expr_case.h"

#include <stddef.h>

uint32_t case_next(const char **s)
{
    const unsigned char *p = (const unsigned char *)*s;
    int more = *p < 0xc0 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
    uint32_t c = *p++ & (more == 0 ? 0xffu : more == 1 ? 0x1fu : more == 2 ? 0x0fu : 0x07u);
    for (; more > 0 && (*p & 0xc0) == 0x80; more--)
        c = c << 6 | (*p++ & 0x3fu);
    *s = (const char *)p;
    return c;
}

bool case_add(uint32_t c, struct buf *out)
{
    if (c < 0x80) return buf_addc(out, (char)c) != 0;
    const char bytes[4] = {(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)),
                           (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))};
    if (c >= 0x10000) return buf_add(out, bytes, 4) != 0;
    char first = c >= 0x800 ? (char)(0xe0 | c >> 12) : (char)(0xc0 | c >> 6);
    if (buf_addc(out, first)) return true;
    return buf_add(out, bytes + (c >= 0x800 ? 2 : 3), c >= 0x800 ? 2 : 1) != 0;
}

/* Stretches of letters: the lower ones from..to lie `less` behind their upper ones; less 1: upper
 * and lower ones take turns, the upper ones first. */
static const struct stretch {
    uint16_t from, to, less;
} stretches[] = {
    {'a', 'z', 0x20},     {0xe0, 0xf6, 0x20},   {0xf8, 0xfe, 0x20},   {0x101, 0x12f, 1},
    {0x133, 0x137, 1},    {0x13a, 0x148, 1},    {0x14b, 0x177, 1},    {0x17a, 0x17e, 1},
    {0x3ac, 0x3ac, 0x26}, {0x3ad, 0x3af, 0x25}, {0x3b1, 0x3c1, 0x20}, {0x3c3, 0x3cb, 0x20},
    {0x3cc, 0x3cc, 0x40}, {0x3cd, 0x3ce, 0x3f}, {0x430, 0x44f, 0x20}, {0x450, 0x45f, 0x50},
    {0x461, 0x481, 1},    {0x48b, 0x4bf, 1},    {0x4c2, 0x4ce, 1},    {0x4d1, 0x4ff, 1},
};

#define STRETCHES (sizeof stretches / sizeof *stretches)

static bool is_lower_of(const struct stretch *s, uint32_t c)
{
    return c >= s->from && c <= s->to && (s->less > 1 || (c - s->from) % 2 == 0);
}

static uint32_t upper(uint32_t c)
{
    if (c == 0xff) return 0x178;
    if (c == 0xb5) return 0x39c;
    if (c == 0x3c2) return 0x3a3;
    if (c == 0x131) return 'I';
    for (size_t i = 0; i < STRETCHES; i++)
        if (is_lower_of(&stretches[i], c)) return c - stretches[i].less;
    return c;
}

uint32_t case_lower(uint32_t c)
{
    if (c == 0x178) return 0xff;
    for (size_t i = 0; i < STRETCHES; i++)
        if (is_lower_of(&stretches[i], c + stretches[i].less)) return c + stretches[i].less;
    return c;
}

bool case_add_upper(uint32_t c, bool all, struct buf *out)
{
    if (c != 0xdf) return case_add(upper(c), out);
    return all ? buf_adds(out, "SS") != 0 : case_add(c, out);
}
