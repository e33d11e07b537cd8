/* See rate.h. A bucket is counted in parts of a call, so that a slow rate fills it evenly, too. */
#include "coordinator/api/rate.h"

#include "base/map.h"
#include "base/mem.h"

#define MINUTE_MS INT64_C(60000) /* parts of a call: each millisecond adds per_minute of them */

struct bucket {
    uint64_t thing;
    int64_t parts, at_ms;
};

struct rate {
    int64_t per_minute;
    struct map buckets; /* thing -> bucket */
};

struct rate *rate_new(int64_t per_minute)
{
    struct rate *r = mem_alloc(sizeof *r);
    r->per_minute = per_minute;
    map_init(&r->buckets);
    return r;
}

static void forget_all(struct rate *r)
{
    size_t place = 0;
    for (struct bucket *b; (b = map_next(&r->buckets, &place)) != NULL;)
        mem_free(b);
    map_fini(&r->buckets);
    map_init(&r->buckets);
}

void rate_free(struct rate *r)
{
    if (!r) return;
    forget_all(r);
    map_fini(&r->buckets);
    mem_free(r);
}

static void fill(const struct rate *r, struct bucket *b, int64_t now_ms)
{
    int64_t full = r->per_minute * MINUTE_MS, gone = now_ms - b->at_ms;
    b->at_ms = now_ms;
    if (gone >= MINUTE_MS)
        b->parts = full;
    else if (gone > 0)
        b->parts += gone * r->per_minute;
    if (b->parts > full) b->parts = full;
}

/* A full bucket is as good as one that is not known. */
static void forget_full(struct rate *r, int64_t now_ms)
{
    struct map kept;
    size_t place = 0;
    map_init(&kept);
    for (struct bucket *b; (b = map_next(&r->buckets, &place)) != NULL;) {
        fill(r, b, now_ms);
        if (b->parts < r->per_minute * MINUTE_MS)
            map_put(&kept, b->thing, b);
        else
            mem_free(b);
    }
    map_fini(&r->buckets);
    r->buckets = kept;
    if (r->buckets.count >= RATE_THINGS_MAX) forget_all(r);
}

static struct bucket *bucket_of(struct rate *r, uint64_t thing, int64_t now_ms)
{
    struct bucket *b = map_find(&r->buckets, thing);
    if (b) return b;
    if (r->buckets.count >= RATE_THINGS_MAX) forget_full(r, now_ms);
    b = mem_alloc(sizeof *b);
    *b = (struct bucket){.thing = thing, .parts = r->per_minute * MINUTE_MS, .at_ms = now_ms};
    map_put(&r->buckets, thing, b);
    return b;
}

bool rate_take(struct rate *r, uint64_t thing, int64_t now_ms, int64_t *wait_ms)
{
    struct bucket *b = bucket_of(r, thing, now_ms);
    fill(r, b, now_ms);
    if (b->parts >= MINUTE_MS) {
        b->parts -= MINUTE_MS;
        return true;
    }
    *wait_ms = (MINUTE_MS - b->parts + r->per_minute - 1) / r->per_minute;
    return false;
}
