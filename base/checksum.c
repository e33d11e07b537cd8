/* Each step is a bijection of the sum so far, so that one word that differs always gives another
 * result; the rotation lets every bit reach all others. */
#include "base/checksum.h"

#define FACTOR UINT64_C(0x9e3779b97f4a7c15) /* odd, hence invertible */

static uint64_t step(uint64_t sum, uint64_t word)
{
    uint64_t x = (sum ^ word) * FACTOR;
    return x << 29 | x >> 35;
}

/* One load where the machine is little-endian: written out, since compilers do not see that in a
 * loop. */
static uint64_t whole_word_at(const unsigned char *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

static uint64_t word_at(const unsigned char *p, size_t len)
{
    uint64_t w = 0;
    for (size_t i = 0; i < len; i++)
        w |= (uint64_t)p[i] << (8 * i);
    return w;
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t len)
{
    const unsigned char *p = data;
    sum = step(sum, len);
    size_t left = len;
    for (; left >= 8; left -= 8, p += 8)
        sum = step(sum, whole_word_at(p));
    return left > 0 ? step(sum, word_at(p, left)) : sum;
}

uint64_t checksum_add_int(uint64_t sum, int64_t n)
{
    return step(sum, (uint64_t)n);
}
