/* Windows that are used again when their time has passed. */
#include "coordinator/metrics/waits.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/metrics/scrape.h"

#include <stdlib.h>
#include <string.h>

#define FINE 12 /* windows of five minutes */
#define FINE_MS (5 * 60 * 1000)
#define COARSE 24 /* of an hour */
#define COARSE_MS (60 * 60 * 1000)
#define JSON_BYTES 1024
#define LIST_BYTES (1024 * (METRICS_GROUPS + 1))

struct window {
    int64_t number; /* since the machine's start, from 1; 0: never used */
    uint32_t counts[HISTOGRAM_STEPS];
};

struct waits_group {
    char key[64];
    struct window fine[FINE], coarse[COARSE];
};

struct waits {
    struct map by_key;           /* struct waits_group */
    struct waits_group **groups; /* the last one may be `other` */
    size_t count, cap;
    struct waits_group *other; /* NULL: there is none */
};

struct waits *waits_new(void)
{
    struct waits *w = mem_alloc(sizeof *w);
    map_init(&w->by_key);
    return w;
}

void waits_free(struct waits *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->count; i++)
        mem_free(w->groups[i]);
    mem_free(w->groups);
    map_fini(&w->by_key);
    mem_free(w);
}

static struct waits_group *add_group(struct waits *w, const char *key)
{
    if (w->count == w->cap) {
        w->cap = w->cap > 0 ? 2 * w->cap : 8;
        w->groups = mem_resize(w->groups, w->cap, sizeof(struct waits_group *));
    }
    struct waits_group *g = w->groups[w->count++] = mem_alloc(sizeof *g);
    (void)str_copy(g->key, sizeof g->key, key);
    return g;
}

/* NULL: it had no job, or shares windows. */
static struct waits_group *own_windows(const struct waits *w, const char *key)
{
    struct waits_group *g = map_find(&w->by_key, map_text_key(key));
    return g && str_eq(g->key, key) ? g : NULL;
}

static struct waits_group *windows_of(struct waits *w, const char *key)
{
    uint64_t number = map_text_key(key);
    struct waits_group *g = own_windows(w, key);
    if (g) return g;
    if (!map_find(&w->by_key, number) && w->by_key.count < METRICS_GROUPS) {
        g = add_group(w, key);
        map_put(&w->by_key, number, g);
        return g;
    }
    if (!w->other) w->other = add_group(w, SCRAPE_OTHER);
    return w->other;
}

static void add(struct window *windows, int count, int64_t number, const struct effect_times *t)
{
    struct window *at = &windows[number % count];
    if (at->number != number) *at = (struct window){.number = number};
    for (int i = 0; i < HISTOGRAM_STEPS; i++)
        at->counts[i] += t->counts[i];
}

static bool any(const struct effect_times *t)
{
    for (int i = 0; i < HISTOGRAM_STEPS; i++)
        if (t->counts[i] > 0) return true;
    return false;
}

void waits_note(struct waits *w, const char *group, const struct effect_times *times,
                int64_t now_ms)
{
    if (!any(times)) return;
    struct waits_group *g = windows_of(w, group);
    add(g->fine, FINE, now_ms / FINE_MS + 1, times);
    add(g->coarse, COARSE, now_ms / COARSE_MS + 1, times);
}

static void sum(const struct window *windows, int count, int64_t number,
                uint64_t out[HISTOGRAM_STEPS])
{
    for (int i = 0; i < count; i++) {
        if (windows[i].number <= number - count || windows[i].number == 0) continue;
        for (int k = 0; k < HISTOGRAM_STEPS; k++)
            out[k] += windows[i].counts[k];
    }
}

/* Of the group; NULL: it had no job. */
static const struct waits_group *that_counts(const struct waits *w, const char *group)
{
    const struct waits_group *g = own_windows(w, group);
    return g ? g : w->other;
}

static void read_windows(const struct waits *w, const struct waits_group *g, int64_t now_ms,
                         struct waits_read *out)
{
    *out = (struct waits_read){.shared = g == w->other};
    sum(g->fine, FINE, now_ms / FINE_MS + 1, out->hour);
    sum(g->coarse, COARSE, now_ms / COARSE_MS + 1, out->day);
}

void waits_read(const struct waits *w, const char *group, int64_t now_ms, struct waits_read *out)
{
    const struct waits_group *g = that_counts(w, group);
    *out = (struct waits_read){0};
    if (g) read_windows(w, g, now_ms, out);
}

static void put_share(struct jw *w, const char *key, const uint64_t counts[HISTOGRAM_STEPS],
                      unsigned percent)
{
    char text[DURATION_TEXT_SIZE];
    int64_t ms = histogram_quantile(counts, percent);
    if (ms >= 0) duration_format(ms, text);
    jw_str(w, key, ms >= 0 ? text : NULL);
}

static uint64_t jobs_of(const uint64_t counts[HISTOGRAM_STEPS])
{
    uint64_t jobs = 0;
    for (int i = 0; i < HISTOGRAM_STEPS; i++)
        jobs += counts[i];
    return jobs;
}

static void put_times(struct jw *w, const char *key, const uint64_t counts[HISTOGRAM_STEPS])
{
    jw_object(w, key);
    jw_int(w, "jobs", (int64_t)jobs_of(counts));
    put_share(w, "p50", counts, 50);
    put_share(w, "p95", counts, 95);
    put_share(w, "p99", counts, 99);
    jw_end(w);
}

static void put_read(struct jw *w, const struct waits_read *r)
{
    jw_bool(w, "shared", r->shared);
    put_times(w, "hour", r->hour);
    put_times(w, "day", r->day);
}

/* mem_free */
static char *finish(struct jw *w, struct buf *b)
{
    (void)jw_finish(w);
    char *text = buf_detach(b);
    buf_fini(b);
    return text;
}

char *waits_json(const struct waits_read *r, int64_t since_ms)
{
    struct buf b;
    struct jw w;
    buf_init(&b, JSON_BYTES);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_time(&w, "since", since_ms);
    put_read(&w, r);
    jw_end(&w);
    return finish(&w, &b);
}

static void put_group(struct jw *w, const struct waits *all, const struct waits_group *g,
                      int64_t now_ms)
{
    struct waits_read r;
    read_windows(all, g, now_ms, &r);
    if (jobs_of(r.day) == 0) return;
    jw_object(w, NULL);
    jw_str(w, "group", g->key);
    put_read(w, &r);
    jw_end(w);
}

static int by_key(const void *a, const void *b)
{
    const struct waits_group *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static void put_all(struct jw *w, const struct waits *all, int64_t now_ms)
{
    const struct waits_group **groups = mem_array(all->count + 1, sizeof *groups);
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++)
        if (all->groups[i] != all->other) groups[count++] = all->groups[i];
    qsort(groups, count, sizeof *groups, by_key);
    if (all->other) groups[count++] = all->other;
    for (size_t i = 0; i < count; i++)
        put_group(w, all, groups[i], now_ms);
    mem_free(groups);
}

char *waits_list_json(const struct waits *all, const char *group, int64_t now_ms)
{
    struct buf b;
    struct jw w;
    buf_init(&b, LIST_BYTES);
    jw_init(&w, &b);
    jw_array(&w, NULL);
    if (!group)
        put_all(&w, all, now_ms);
    else if (that_counts(all, group))
        put_group(&w, all, that_counts(all, group), now_ms);
    jw_end(&w);
    return finish(&w, &b);
}
