/* Ids that sort by time of birth. */
#include "base/id.h"

#include "base/err.h"

#include <string.h>

#define EPOCH_MS INT64_C(1577836800000) /* 2020-01-01T00:00:00Z */
#define RANDOM_BITS 22
#define MS_MAX ((INT64_C(1) << 41) - 1)
#define DIGITS (ID_TEXT_SIZE - 1)

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* Ages outside the 41 bits are pulled to the nearest end; never 0, so that no id is 0. */
static int64_t age(int64_t wall_ms)
{
    if (wall_ms <= EPOCH_MS) return 1;
    return wall_ms - EPOCH_MS > MS_MAX ? MS_MAX : wall_ms - EPOCH_MS;
}

int64_t id_make(int64_t wall_ms, uint32_t random)
{
    return age(wall_ms) << RANDOM_BITS | (int64_t)(random & ((1u << RANDOM_BITS) - 1));
}

int64_t id_floor(int64_t wall_ms)
{
    return age(wall_ms) << RANDOM_BITS;
}

void id_format(int64_t id, char out[ID_TEXT_SIZE])
{
    uint64_t rest = (uint64_t)id;
    for (int i = DIGITS - 1; i >= 0; i--) {
        out[i] = alphabet[rest & 31];
        rest >>= 5;
    }
    out[DIGITS] = '\0';
}

static int digit(char c)
{
    /* of the letters a to z, the other way round than the alphabet */
    static const signed char letter[] = {10, 11, 12, 13, 14, 15, 16, 17, -1, 18, 19, -1, 20,
                                         21, -1, 22, 23, 24, 25, 26, -1, 27, 28, 29, 30, 31};
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
    return c >= 'a' && c <= 'z' ? letter[c - 'a'] : -1;
}

/* How many characters there are; -1: one of them is wrong, or there are too many. */
static int read_digits(const char *s, uint64_t *value)
{
    int i = 0;
    *value = 0;
    for (; s && s[i]; i++) {
        int d = i < DIGITS ? digit(s[i]) : -1;
        if (d < 0 || (i == 0 && d > 7)) return -1; /* 8 and more is beyond 63 bits */
        *value = *value << 5 | (uint64_t)d;
    }
    return i;
}

int id_parse(const char *s, int64_t *id)
{
    uint64_t value;
    if (read_digits(s, &value) != DIGITS || value == 0) return ERR_INVALID;
    *id = (int64_t)value;
    return 0;
}

int id_range(const char *prefix, int64_t *first, int64_t *last)
{
    uint64_t value;
    int known = read_digits(prefix, &value);
    if (known < 1) return ERR_INVALID;
    int rest = 5 * (DIGITS - known);
    *first = (int64_t)(value << rest);
    *last = (int64_t)(value << rest | ((UINT64_C(1) << rest) - 1));
    return 0;
}
