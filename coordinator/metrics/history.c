/* Rings, whose places are found by the number of the step. */
#include "coordinator/metrics/history.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/metrics/scrape.h"

#define FINE 60
#define COARSE 288
#define JSON_BYTES (256u << 10)

const char *const history_span_names[HISTORY_SPANS] = {"hour", "day"};

struct point {
    int64_t number; /* of its step since the machine's start, from 1; 0: never used */
    int64_t at_ms;  /* mono */
    int64_t agents, online, running, queued;
};

struct ring {
    uint64_t number; /* of the key: map_text_key */
    char key[64];    /* "": it is free */
    bool there;      /* ... in the scrape at hand */
    struct point fine[FINE], coarse[COARSE];
};

struct history {
    struct ring *rings[SCRAPE_GROUPS]; /* NULL: never used */
    struct ring *other;                /* NULL: every group has its own */
};

struct history *history_new(void)
{
    return mem_alloc(sizeof(struct history));
}

void history_free(struct history *h)
{
    if (!h) return;
    for (size_t i = 0; i < SCRAPE_GROUPS; i++)
        mem_free(h->rings[i]);
    mem_free(h->other);
    mem_free(h);
}

/* NULL: it has none of its own. */
static struct ring *own_ring(const struct history *h, const char *key)
{
    uint64_t number = map_text_key(key);
    for (size_t i = 0; i < SCRAPE_GROUPS && h->rings[i]; i++)
        if (h->rings[i]->number == number && str_eq(h->rings[i]->key, key)) return h->rings[i];
    return NULL;
}

/* For a group that has no ring yet: a new one, or that of a group that is gone. There is one, since
 * a scrape has no more groups than there are rings. */
static struct ring *take_ring(struct history *h, const char *key)
{
    size_t i = 0;
    while (i + 1 < SCRAPE_GROUPS && h->rings[i] && h->rings[i]->there)
        i++;
    if (!h->rings[i]) h->rings[i] = mem_alloc(sizeof *h->rings[i]);
    *h->rings[i] = (struct ring){.number = map_text_key(key), .there = true};
    (void)str_copy(h->rings[i]->key, sizeof h->rings[i]->key, key);
    return h->rings[i];
}

static struct point point_of(const struct scrape_group *g, int64_t now_ms)
{
    const struct group_agents *a = &g->agents;
    int64_t online = a->online + a->draining + a->unwell;
    return (struct point){.at_ms = now_ms,
                          .agents = online + a->offline,
                          .online = online,
                          .running =
                              g->jobs[JOB_SUBMITTED] + g->jobs[JOB_RUNNING] + g->jobs[JOB_KILLING],
                          .queued = g->jobs[JOB_CREATED]};
}

static void put(struct ring *r, struct point p)
{
    p.number = p.at_ms / HISTORY_FINE_MS + 1;
    r->fine[p.number % FINE] = p;
    p.number = p.at_ms / HISTORY_COARSE_MS + 1;
    r->coarse[p.number % COARSE] = p;
}

void history_note(struct history *h, const struct scrape *s, int64_t now_ms)
{
    for (size_t i = 0; i < SCRAPE_GROUPS && h->rings[i]; i++)
        h->rings[i]->there = false;
    for (size_t i = 0; i < s->group_count; i++) { /* first, so that none of theirs is taken */
        struct ring *r = &s->groups[i] == s->other ? NULL : own_ring(h, s->groups[i].key);
        if (r) r->there = true;
    }
    for (size_t i = 0; i < s->group_count; i++) {
        const struct scrape_group *g = &s->groups[i];
        struct ring *r = h->other;
        if (g != s->other) {
            r = own_ring(h, g->key);
            if (!r) r = take_ring(h, g->key);
        } else if (!r) {
            r = h->other = mem_alloc(sizeof *r);
        }
        put(r, point_of(g, now_ms));
    }
}

int64_t history_step_ms(enum history_span span)
{
    return span == HISTORY_HOUR ? HISTORY_FINE_MS : HISTORY_COARSE_MS;
}

static void put_point(struct jw *w, const struct point *p, const struct moment *now)
{
    jw_object(w, NULL);
    jw_time(w, "at", now->wall_ms - (now->mono_ms - p->at_ms));
    jw_int(w, "agents", p->agents);
    jw_int(w, "online", p->online);
    jw_int(w, "running", p->running);
    jw_int(w, "queued", p->queued);
    jw_end(w);
}

static void put_points(struct jw *w, const struct ring *r, enum history_span span,
                       const struct moment *now)
{
    const struct point *points = span == HISTORY_HOUR ? r->fine : r->coarse;
    const int64_t count = span == HISTORY_HOUR ? FINE : COARSE;
    int64_t last = now->mono_ms / history_step_ms(span) + 1;
    for (int64_t number = last < count ? 1 : last - count + 1; number <= last; number++)
        if (points[number % count].number == number) put_point(w, &points[number % count], now);
}

char *history_json(const struct history *h, const char *group, enum history_span span,
                   const struct moment *now, bool *shared)
{
    struct buf b;
    struct jw w;
    const struct ring *own = own_ring(h, group), *r = own ? own : h->other;
    *shared = r && !own;
    buf_init(&b, JSON_BYTES);
    jw_init(&w, &b);
    jw_array(&w, NULL);
    if (r) put_points(&w, r, span, now);
    jw_end(&w);
    (void)jw_finish(&w);
    char *text = buf_detach(&b);
    buf_fini(&b);
    return text;
}
