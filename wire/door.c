#include "wire/door.h"

#include "base/map.h"
#include "base/mem.h"

#include <stddef.h>

#define MINUTE_MS 60000
#define REMEMBERED_MAX 4096 /* addresses that nobody is from: those with strangers ... */
#define KNOWN_MAX 16384     /* ... and known ones */
#define BURST_MS 500        /* an address that was not there for so long may be that much faster */
#define CUT_MANY 10         /* fewer guests that were cut are not worth a report */

struct guests {
    struct door_guest *first, *last;
    unsigned count;
};

/* Where an address is listed. */
enum shelf {
    SHELF_NONE,    /* nowhere: all its guests are known */
    SHELF_BUSY,    /* guests of it wait or are inside */
    SHELF_STRANGE, /* nobody is there; strangers were */
    SHELF_KNOWN,   /* nobody is there; it is known */
    SHELVES
};

struct door_address {
    uint64_t key;
    struct guests waiting, inside;
    unsigned known; /* guests */
    int64_t known_until_ms;
    int64_t minute_ms; /* when the minute of the counts began */
    unsigned cut, failed, strangers, proved;
    int64_t pace_ms;                         /* the moment that the pace has reached */
    uint64_t turn;                           /* the last time it was let in */
    unsigned let_in;                         /* how often */
    unsigned reports, told_cut, told_failed; /* since that many reports */
    enum shelf shelf;
    struct door_address *prev, *next;
};

struct addresses {
    struct door_address *first, *last;
    unsigned count;
};

struct door {
    struct door_limits limits;
    uint64_t seed;
    struct map by_key;
    struct addresses shelves[SHELVES];
    unsigned waiting, inside;
    uint64_t turn;
    int64_t pace_ms; /* of all addresses with many strangers */
    bool stuck;      /* there was nothing to do at stuck_ms, and no place came free since */
    int64_t stuck_ms;
    struct door_report report; /* since the last one */
    int64_t reported_ms;
    unsigned reports;
    bool alarmed; /* people should know */
};

/* ---- lists ---- */

static void add_guest(struct guests *l, struct door_guest *g)
{
    g->next = NULL;
    g->prev = l->last;
    *(l->last != NULL ? &l->last->next : &l->first) = g;
    l->last = g;
    l->count++;
}

static void remove_guest(struct guests *l, struct door_guest *g)
{
    *(g->prev != NULL ? &g->prev->next : &l->first) = g->next;
    *(g->next != NULL ? &g->next->prev : &l->last) = g->prev;
    g->prev = g->next = NULL;
    l->count--;
}

static void put_on_shelf(struct door *d, struct door_address *a, enum shelf s)
{
    struct addresses *l = &d->shelves[s];
    a->shelf = s;
    if (s == SHELF_NONE) return;
    a->next = NULL;
    a->prev = l->last;
    *(l->last != NULL ? &l->last->next : &l->first) = a;
    l->last = a;
    l->count++;
}

static void take_off_shelf(struct door *d, struct door_address *a)
{
    struct addresses *l = &d->shelves[a->shelf];
    if (a->shelf == SHELF_NONE) return;
    *(a->prev != NULL ? &a->prev->next : &l->first) = a->next;
    *(a->next != NULL ? &a->next->prev : &l->last) = a->prev;
    a->prev = a->next = NULL;
    a->shelf = SHELF_NONE;
    l->count--;
}

/* ---- addresses ---- */

/* Different keys stay different. */
static uint64_t map_key(const struct door *d, uint64_t key)
{
    return (key ^ d->seed) * (d->seed | 1);
}

static void forget(struct door *d, struct door_address *a)
{
    take_off_shelf(d, a);
    map_remove(&d->by_key, map_key(d, a->key));
    mem_free(a);
}

static bool is_known(const struct door_address *a, int64_t now_ms)
{
    return a->known > 0 || now_ms < a->known_until_ms;
}

static bool is_on(const struct door_address *a, enum shelf s, int64_t now_ms)
{
    switch (s) {
    case SHELF_BUSY:
        return a->waiting.count + a->inside.count > 0;
    case SHELF_KNOWN:
        return a->known == 0 && now_ms < a->known_until_ms;
    case SHELF_STRANGE:
        return a->known == 0 && a->strangers + a->cut > 0;
    default:
        return a->known > 0;
    }
}

/* After every change of an address, which may go with it. */
static void shelve(struct door *d, struct door_address *a, int64_t now_ms)
{
    static const enum shelf order[] = {SHELF_BUSY, SHELF_KNOWN, SHELF_STRANGE, SHELF_NONE};
    size_t i = 0;
    while (i < sizeof order / sizeof *order && !is_on(a, order[i], now_ms))
        i++;
    if (i == sizeof order / sizeof *order) {
        forget(d, a);
        return;
    }
    if (order[i] == SHELF_BUSY && a->shelf == SHELF_BUSY) return;
    take_off_shelf(d, a);
    put_on_shelf(d, a, order[i]);
    if (d->shelves[SHELF_STRANGE].count > REMEMBERED_MAX)
        forget(d, d->shelves[SHELF_STRANGE].first);
    if (d->shelves[SHELF_KNOWN].count > KNOWN_MAX) forget(d, d->shelves[SHELF_KNOWN].first);
}

static void turn_minute(struct door_address *a, int64_t now_ms)
{
    if (now_ms - a->minute_ms < MINUTE_MS) return;
    a->minute_ms = now_ms;
    a->cut = a->failed = a->strangers = a->proved = 0;
}

/* Its places, as they are compared. */
static int weight(const struct door_address *a, int64_t now_ms)
{
    return (int)a->inside.count - (is_known(a, now_ms) ? DOOR_KEPT : 0);
}

/* ---- the door ---- */

struct door *door_new(const struct door_limits *limits, uint64_t seed)
{
    struct door *d = mem_alloc(sizeof *d);
    d->limits = *limits;
    d->seed = seed;
    map_init(&d->by_key);
    return d;
}

void door_free(struct door *d)
{
    if (d == NULL) return;
    size_t place = 0;
    struct door_address *a;
    while ((a = map_next(&d->by_key, &place)) != NULL)
        mem_free(a);
    map_fini(&d->by_key);
    mem_free(d);
}

void door_set_limits(struct door *d, const struct door_limits *limits)
{
    d->limits = *limits;
    d->stuck = false;
}

static struct door_address *address_of(struct door *d, uint64_t key, int64_t now_ms)
{
    struct door_address *a = map_find(&d->by_key, map_key(d, key));
    if (a == NULL) {
        a = mem_alloc(sizeof *a);
        a->key = key;
        a->minute_ms = now_ms;
        map_put(&d->by_key, map_key(d, key), a);
    }
    turn_minute(a, now_ms);
    return a;
}

void door_arrive(struct door *d, struct door_guest *g, uint64_t key, int64_t now_ms)
{
    struct door_address *a = address_of(d, key, now_ms);
    *g = (struct door_guest){.address = a, .since_ms = now_ms, .stage = DOOR_WAITING};
    add_guest(&a->waiting, g);
    d->waiting++;
    if (d->inside < d->limits.places) d->stuck = false;
    shelve(d, a, now_ms);
}

/* Takes the guest out of the list and the counts of its stage. */
static void take_out(struct door *d, struct door_guest *g)
{
    struct door_address *a = g->address;
    if (g->stage == DOOR_WAITING) {
        remove_guest(&a->waiting, g);
        d->waiting--;
    } else if (g->stage == DOOR_INSIDE) {
        remove_guest(&a->inside, g);
        d->inside--;
    } else {
        a->known--;
    }
    d->stuck = false;
}

void door_admit(struct door *d, struct door_guest *g, int64_t now_ms)
{
    struct door_address *a = g->address;
    if (g->stage != DOOR_INSIDE) return;
    take_out(d, g);
    turn_minute(a, now_ms);
    a->known++;
    a->proved++;
    g->stage = DOOR_KNOWN;
    g->since_ms = now_ms;
    shelve(d, a, now_ms);
}

void door_set_idle(struct door *d, struct door_guest *g, bool idle)
{
    if (g->idle == idle) return;
    g->idle = idle;
    d->stuck = false;
}

/* Counts a guest that was cut, or failed, for the report. */
static void tally(struct door *d, struct door_address *a, bool failed)
{
    if (a->reports != d->reports) a->told_cut = a->told_failed = 0;
    a->reports = d->reports;
    *(failed ? &a->told_failed : &a->told_cut) += 1;
    *(failed ? &d->report.failed : &d->report.cut) += 1;
    if (a->failed >= d->limits.failures || d->report.cut >= CUT_MANY) d->alarmed = true;
}

void door_leave(struct door *d, struct door_guest *g, enum door_end how, int64_t now_ms)
{
    struct door_address *a = g->address;
    enum door_stage stage = g->stage;
    if (stage == DOOR_AWAY) return;
    take_out(d, g);
    turn_minute(a, now_ms);
    if (stage == DOOR_KNOWN) a->known_until_ms = now_ms + DOOR_KNOWN_MS;
    if (stage == DOOR_INSIDE && how != DOOR_LEFT) a->strangers++;
    if (stage == DOOR_INSIDE && how == DOOR_FAILED) {
        a->failed++;
        tally(d, a, true);
    }
    *g = (struct door_guest){0};
    shelve(d, a, now_ms);
}

/* ---- who is next ---- */

static bool has_many_strangers(const struct door *d, const struct door_address *a)
{
    return a->strangers >= d->limits.failures && a->strangers > 2 * a->proved;
}

static bool is_paced(const struct door *d, const struct door_address *a, int64_t now_ms)
{
    return has_many_strangers(d, a) && (now_ms < a->pace_ms || now_ms < d->pace_ms);
}

static bool is_before(const struct door_address *a, const struct door_address *b, int64_t now_ms)
{
    int difference = weight(a, now_ms) - weight(b, now_ms);
    if (difference != 0) return difference < 0;
    if (is_known(a, now_ms) != is_known(b, now_ms)) return is_known(a, now_ms);
    return a->turn < b->turn;
}

static struct door_address *next_address(const struct door *d, int64_t now_ms)
{
    struct door_address *best = NULL;
    for (struct door_address *a = d->shelves[SHELF_BUSY].first; a != NULL; a = a->next) {
        if (a->waiting.count == 0 || is_paced(d, a, now_ms)) continue;
        if (best == NULL || is_before(a, best, now_ms)) best = a;
    }
    return best;
}

static struct door_guest *idle_guest(const struct door_address *a)
{
    struct door_guest *g = a->inside.first;
    while (g != NULL && !g->idle)
        g = g->next;
    return g;
}

/* The guest whose place may be taken for a guest of `to`; NULL: none at this moment. */
static struct door_guest *place_for(const struct door *d, const struct door_address *to,
                                    int64_t now_ms)
{
    struct door_guest *best = NULL;
    int best_lead = 0;
    for (const struct door_address *a = d->shelves[SHELF_BUSY].first; a != NULL; a = a->next) {
        int lead = weight(a, now_ms) - weight(to, now_ms);
        if (a->inside.count == 0 || lead < 0) continue;
        if (a != to && is_known(a, now_ms) && weight(a, now_ms) <= 0) continue;
        struct door_guest *g = idle_guest(a);
        if (g == NULL) g = a->inside.first;
        int64_t least_ms = lead > 1 ? DOOR_LEAST_MS : DOOR_EQUAL_MS;
        if (!g->idle && now_ms - g->since_ms < least_ms) continue;
        bool better = best == NULL || (g->idle && !best->idle) ||
                      (g->idle == best->idle &&
                       (lead > best_lead || (lead == best_lead && g->since_ms < best->since_ms)));
        if (!better) continue;
        best = g;
        best_lead = lead;
    }
    return best;
}

static int waiting_weight(const struct door_address *a, int64_t now_ms)
{
    return (int)a->waiting.count - (is_known(a, now_ms) ? DOOR_KEPT_WAITING : 0);
}

static struct door_guest *one_too_many(const struct door *d, int64_t now_ms)
{
    const struct door_address *worst = NULL;
    for (struct door_address *a = d->shelves[SHELF_BUSY].first; a != NULL; a = a->next) {
        if (a->waiting.count == 0) continue;
        int more = worst != NULL ? waiting_weight(a, now_ms) - waiting_weight(worst, now_ms) : 1;
        if (more > 0 || (more == 0 && a->waiting.first->since_ms < worst->waiting.first->since_ms))
            worst = a;
    }
    return worst != NULL ? worst->waiting.first : NULL;
}

static enum door_step cut(struct door *d, struct door_guest *g, int64_t now_ms,
                          struct door_guest **out)
{
    struct door_address *a = g->address;
    bool was_inside = g->stage == DOOR_INSIDE;
    take_out(d, g);
    turn_minute(a, now_ms);
    a->strangers += was_inside;
    a->cut++;
    tally(d, a, false);
    *g = (struct door_guest){0};
    shelve(d, a, now_ms);
    *out = g;
    return DOOR_CUT;
}

/* The moment that a pace of so many a second has reached after one more. What was let in before the
 * pace was kept is no debt. */
static int64_t next_pace(int64_t pace_ms, int64_t a_second, int64_t now_ms)
{
    if (pace_ms < now_ms - BURST_MS) pace_ms = now_ms - BURST_MS;
    pace_ms += 1000 / a_second;
    return pace_ms > now_ms + 1000 / a_second ? now_ms + 1000 / a_second : pace_ms;
}

static struct door_guest *next_guest(struct door_address *a, int64_t now_ms)
{
    struct door_guest *g = a->waiting.last;
    if (++a->let_in % 2 != 0) return g;
    while (g->prev != NULL && now_ms - g->prev->since_ms < DOOR_FRESH_MS)
        g = g->prev;
    return g;
}

static enum door_step let_in(struct door *d, struct door_address *a, int64_t now_ms,
                             struct door_guest **out)
{
    struct door_guest *g = next_guest(a, now_ms);
    remove_guest(&a->waiting, g);
    d->waiting--;
    g->stage = DOOR_INSIDE;
    g->since_ms = now_ms;
    add_guest(&a->inside, g);
    d->inside++;
    a->turn = ++d->turn;
    if (has_many_strangers(d, a)) d->pace_ms = next_pace(d->pace_ms, DOOR_PACE_ALL, now_ms);
    a->pace_ms = next_pace(a->pace_ms, DOOR_PACE, now_ms);
    *out = g;
    return DOOR_LET_IN;
}

enum door_step door_next(struct door *d, int64_t now_ms, struct door_guest **g)
{
    if (d->waiting > d->limits.waiting) return cut(d, one_too_many(d, now_ms), now_ms, g);
    if (d->waiting == 0 || (d->stuck && d->stuck_ms == now_ms)) return DOOR_NOTHING;
    struct door_address *a = next_address(d, now_ms);
    if (a != NULL && d->inside < d->limits.places) return let_in(d, a, now_ms, g);
    struct door_guest *from = a != NULL ? place_for(d, a, now_ms) : NULL;
    if (from != NULL) return cut(d, from, now_ms, g);
    d->stuck = true;
    d->stuck_ms = now_ms;
    return DOOR_NOTHING;
}

int64_t door_patience_ms(const struct door *d)
{
    if (d->inside * 2 <= d->limits.places) return d->limits.patience_ms;
    if (d->inside * 4 <= d->limits.places * 3) return d->limits.patience_ms / 2;
    return d->limits.patience_ms * 2 / 5; /* by default more than DOOR_EQUAL_MS */
}

unsigned door_waiting(const struct door *d)
{
    return d->waiting;
}

unsigned door_inside(const struct door *d)
{
    return d->inside;
}

bool door_knows(const struct door *d, uint64_t key, int64_t now_ms)
{
    const struct door_address *a = map_find(&d->by_key, map_key(d, key));
    return a != NULL && is_known(a, now_ms);
}

bool door_report(struct door *d, int64_t now_ms, struct door_report *out)
{
    if (!d->alarmed || (d->reports > 0 && now_ms - d->reported_ms < DOOR_REPORT_MS)) return false;
    *out = d->report;
    size_t place = 0;
    const struct door_address *a;
    while ((a = map_next(&d->by_key, &place)) != NULL) {
        bool worse = a->told_cut + a->told_failed > out->worst_cut + out->worst_failed;
        if (a->reports != d->reports || !worse) continue;
        out->worst = a->key;
        out->worst_cut = a->told_cut;
        out->worst_failed = a->told_failed;
    }
    d->report = (struct door_report){0};
    d->alarmed = false;
    d->reported_ms = now_ms;
    d->reports++;
    return true;
}
