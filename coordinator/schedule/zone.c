#include "coordinator/schedule/zone.h"

#include "base/mem.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/zone_rule.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define TYPES_MAX 256
#define CHANGES_MAX 4096
#define NAMES_MAX 4096
#define FAR_S (INT64_C(1) << 59)     /* no change lies further away (RFC 9636 section 3.2) */
#define OFFSET_MAX (26 * CIVIL_HOUR) /* RFC 9636: more than -25 and less than 26 hours */

struct zone {
    _Atomic uint32_t others; /* who share it, beside the one who made it */
    size_t count;            /* changes */
    int64_t *at_s;
    int32_t *offset_s; /* from that change on */
    int32_t first_s;   /* the offset before the first change */
    char *names;       /* of a file, one behind the other; NULL: there are none */
    uint8_t *name_at;  /* in names, from that change on */
    uint8_t first_name;
    bool has_rule; /* which holds from the last change on */
    struct zone_rule rule;
};

/* ---- TZif ---- */

#define HEADER_BYTES 44u

struct header {
    int version;
    uint32_t utc_count, standard_count, leap_count, change_count, type_count, name_bytes;
};

static uint32_t read_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t read_i64(const unsigned char *p)
{
    return (int64_t)((uint64_t)read_u32(p) << 32 | read_u32(p + 4));
}

static int read_header(const unsigned char *p, size_t len, struct header *out, struct err *e)
{
    if (len < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
        return err_set(e, ERR_INVALID, "the bytes are no time zone (TZif)");
    struct header h = {.version = p[4] - '0',
                       .utc_count = read_u32(p + 20),
                       .standard_count = read_u32(p + 24),
                       .leap_count = read_u32(p + 28),
                       .change_count = read_u32(p + 32),
                       .type_count = read_u32(p + 36),
                       .name_bytes = read_u32(p + 40)};
    *out = h;
    return 0;
}

/* The bytes of the block behind a header whose times have `size` bytes each. Counts of 32 bits
 * cannot overflow the sum. */
static uint64_t block_bytes(const struct header *h, uint64_t size)
{
    return h->change_count * (size + 1) + h->type_count * UINT64_C(6) + h->name_bytes +
           h->leap_count * (size + 4) + h->standard_count + h->utc_count;
}

static int check_counts(const struct header *h, struct err *e)
{
    if (h->leap_count > 0)
        return err_set(e, ERR_INVALID,
                       "the time zone counts leap seconds; take the one outside the folder right");
    if (h->type_count < 1 || h->type_count > TYPES_MAX || h->change_count > CHANGES_MAX ||
        h->name_bytes < 1 || h->name_bytes > NAMES_MAX ||
        (h->utc_count != 0 && h->utc_count != h->type_count) ||
        (h->standard_count != 0 && h->standard_count != h->type_count))
        return err_set(e, ERR_INVALID, "the time zone's counts are not possible");
    return 0;
}

/* An offset from UTC and where its name stands. */
struct type {
    int32_t offset_s;
    uint8_t name_at;
};

static int read_types(const unsigned char *p, const struct header *h, struct type types[TYPES_MAX],
                      struct err *e)
{
    for (uint32_t i = 0; i < h->type_count; i++, p += 6) {
        int64_t offset = (int32_t)read_u32(p);
        if (offset <= -OFFSET_MAX || offset >= OFFSET_MAX || p[4] > 1 || p[5] >= h->name_bytes)
            return err_set(e, ERR_INVALID, "type %u of the time zone is not possible", i);
        types[i] = (struct type){(int32_t)offset, p[5]};
    }
    return 0;
}

static int read_changes(const unsigned char *p, const struct header *h, const struct type *types,
                        struct zone *z, struct err *e)
{
    const unsigned char *which = p + h->change_count * (size_t)8;
    z->name_at = mem_array(h->change_count, sizeof *z->name_at);
    z->at_s = mem_array(h->change_count, sizeof *z->at_s);
    z->offset_s = mem_array(h->change_count, sizeof *z->offset_s);
    for (uint32_t i = 0; i < h->change_count; i++) {
        int64_t at = read_i64(p + i * (size_t)8);
        if (at < -FAR_S || at > FAR_S || (i > 0 && at <= z->at_s[i - 1]))
            return err_set(e, ERR_INVALID, "change %u of the time zone is out of order", i);
        if (which[i] >= h->type_count)
            return err_set(e, ERR_INVALID, "change %u of the time zone has an unknown type", i);
        z->at_s[i] = at;
        z->offset_s[i] = types[which[i]].offset_s;
        z->name_at[i] = types[which[i]].name_at;
    }
    z->count = h->change_count;
    z->first_s = types[0].offset_s;
    z->first_name = types[0].name_at;
    return 0;
}

/* The footer: a rule between two line ends, maybe none. */
static int read_footer(const unsigned char *p, size_t len, struct zone *z, struct err *e)
{
    const unsigned char *end = len > 1 && p[0] == '\n' ? memchr(p + 1, '\n', len - 1) : NULL;
    if (end == NULL)
        return err_set(e, ERR_INVALID, "the time zone has no rule at its end; it was cut off");
    size_t text_len = (size_t)(end - p) - 1;
    if (text_len == 0) return 0;
    if (text_len > ZONE_RULE_MAX || memchr(p + 1, '\0', text_len) != NULL)
        return err_set(e, ERR_INVALID, "the rule at the end of the time zone is not possible");
    char text[ZONE_RULE_MAX + 1];
    memcpy(text, p + 1, text_len);
    text[text_len] = '\0';
    z->has_rule = true;
    return zone_rule_parse(text, &z->rule, e);
}

static int read_block(const unsigned char *p, size_t len, struct zone *z, struct err *e)
{
    struct header h;
    int rc = read_header(p, len, &h, e);
    if (rc == 0) rc = check_counts(&h, e);
    if (rc != 0) return rc;
    uint64_t block = block_bytes(&h, 8);
    if (len - HEADER_BYTES < block)
        return err_set(e, ERR_INVALID, "the time zone is shorter than it says");
    struct type types[TYPES_MAX];
    const unsigned char *body = p + HEADER_BYTES, *list = body + h.change_count * (size_t)9;
    rc = read_types(list, &h, types, e);
    if (rc == 0) rc = read_changes(body, &h, types, z, e);
    if (rc != 0) return rc;
    z->names = mem_alloc(h.name_bytes + (size_t)1);
    memcpy(z->names, list + h.type_count * (size_t)6, h.name_bytes);
    return read_footer(body + block, len - HEADER_BYTES - (size_t)block, z, e);
}

int zone_parse(const void *bytes, size_t len, struct zone **out, struct err *e)
{
    struct header h;
    if (len > ZONE_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "the time zone has more than %u bytes", ZONE_BYTES_MAX);
    int rc = read_header(bytes, len, &h, e);
    if (rc != 0) return rc;
    if (h.version < 2 || h.version > 4)
        return err_set(e, ERR_INVALID, "the time zone is not of TZif version 2, 3 or 4");
    uint64_t skip = HEADER_BYTES + block_bytes(&h, 4);
    if (skip > len) return err_set(e, ERR_INVALID, "the time zone is shorter than it says");
    struct zone *z = mem_alloc(sizeof *z);
    rc = read_block((const unsigned char *)bytes + skip, len - (size_t)skip, z, e);
    if (rc != 0) {
        zone_free(z);
        return rc;
    }
    *out = z;
    return 0;
}

int zone_parse_rule(const char *rule, struct zone **out, struct err *e)
{
    struct zone_rule r;
    int rc = zone_rule_parse(rule, &r, e);
    if (rc != 0) return rc;
    *out = mem_alloc(sizeof **out);
    (*out)->has_rule = true;
    (*out)->rule = r;
    return 0;
}

struct zone *zone_fixed(int32_t offset_s)
{
    struct zone *z = mem_alloc(sizeof *z);
    z->first_s = offset_s;
    return z;
}

struct zone *zone_share(struct zone *z)
{
    atomic_fetch_add(&z->others, 1);
    return z;
}

void zone_free(struct zone *z)
{
    if (z == NULL || atomic_fetch_sub(&z->others, 1) != 0) return;
    mem_free(z->at_s);
    mem_free(z->offset_s);
    mem_free(z->name_at);
    mem_free(z->names);
    mem_free(z);
}

/* ---- What it says ---- */

/* How many changes lie at the moment or before. */
static size_t changes_until(const struct zone *z, int64_t utc_s)
{
    size_t low = 0, high = z->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->at_s[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct zone_span zone_span(const struct zone *z, int64_t utc_s)
{
    size_t n = changes_until(z, utc_s);
    if (n == z->count && z->has_rule) {
        struct zone_span span = zone_rule_span(&z->rule, utc_s);
        if (n > 0 && span.begins_s < z->at_s[n - 1]) span.begins_s = z->at_s[n - 1];
        return span;
    }
    struct zone_span span = {
        .begins_s = n > 0 ? z->at_s[n - 1] : INT64_MIN,
        .ends_s = n < z->count ? z->at_s[n] : INT64_MAX,
        .offset_s = n > 0 ? z->offset_s[n - 1] : z->first_s,
        .name = z->names ? z->names + (n > 0 ? z->name_at[n - 1] : z->first_name) : NULL,
    };
    return span;
}

int32_t zone_offset(const struct zone *z, int64_t utc_s)
{
    return zone_span(z, utc_s).offset_s;
}

int zone_moments(const struct zone *z, int64_t civil_s, int64_t out[2])
{
    int found = 0;
    int64_t after_gap = civil_s;
    bool is_gap = false;
    for (int64_t t = civil_s - OFFSET_MAX; t <= civil_s + OFFSET_MAX;) {
        struct zone_span span = zone_span(z, t);
        int64_t moment = civil_s - span.offset_s;
        if (moment < span.begins_s && !is_gap) {
            is_gap = true;
            after_gap = span.begins_s;
        }
        if (moment >= span.begins_s && moment < span.ends_s) {
            out[found == 0 ? 0 : 1] = moment;
            found += found < 2;
        }
        if (span.ends_s == INT64_MAX) break;
        t = span.ends_s;
    }
    if (found == 0) out[0] = after_gap;
    return found;
}
