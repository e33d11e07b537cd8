/* Rounds: batches as long as they succeed, and what is done when one does not. */
#include "coordinator/engine/round.h"

#include "base/log.h"
#include "base/mem.h"

/* Between two tries while the disk fails: each reads everything that is open anew. */
#define PAUSE_FIRST_MS 500
#define PAUSE_MOST_MS 4000
#define CHORES_MOST 200 /* in a round that does them one by one */

struct rounds {
    struct engine *engine;
    struct command *first, **last; /* what waits */
    int64_t clock_ms;              /* of the last round */
    int64_t pause_ms;              /* 0: the last batch that wrote succeeded */
    int64_t until_ms;              /* by clock_ms: nothing is tried before */
    struct err why;
    bool fenced; /* for good */
    size_t done_bytes;
    struct round_commits commits;
};

struct rounds *rounds_new(struct engine *g)
{
    struct rounds *r = mem_alloc(sizeof *r);
    r->engine = g;
    r->last = &r->first;
    r->until_ms = INT64_MIN;
    return r;
}

static void add(struct rounds *r, struct command *c)
{
    c->next = NULL;
    *r->last = c;
    r->last = &c->next;
}

static struct command *take(struct rounds *r)
{
    struct command *c = r->first;
    if (!c) return NULL;
    r->first = c->next;
    if (!r->first) r->last = &r->first;
    c->next = NULL;
    return c;
}

static void put_back(struct rounds *r, struct command *c)
{
    c->next = r->first;
    if (!r->first) r->last = &c->next;
    r->first = c;
}

static void done(struct rounds *r, struct command *c)
{
    r->done_bytes += c->bytes;
    command_free(c);
}

void rounds_free(struct rounds *r)
{
    struct command *c;
    if (!r) return;
    while ((c = take(r)) != NULL)
        command_free(c);
    mem_free(r);
}

/* Counts a commit of that many commands. */
static void note_commit(struct rounds *r, int rc, size_t commands)
{
    struct round_commits *n = &r->commits;
    if (rc) {
        n->failed++;
    } else if (engine_wrote(r->engine)) {
        int64_t us = engine_commit_us(r->engine);
        n->times[histogram_step(us)]++;
        n->sum_us += (uint64_t)us;
        n->sizes[histogram_step((int64_t)commands)]++;
        n->commands += commands;
    }
}

/* ---- when another coordinator owns the queue ---- */

/* Is it that? Then the effects so far are for nobody. */
static bool is_fenced(struct rounds *r, int rc, struct effects *out)
{
    if (rc != ERR_FENCED) return false;
    r->fenced = true;
    effects_clear(out);
    return true;
}

/* ---- while the disk fails ---- */

static void wait_or_tell(struct rounds *r, const struct moment *now, struct command *c,
                         struct effects *out)
{
    if (engine_waits(c) && !engine_only_looks(c)) {
        add(r, c);
        return;
    }
    if (engine_only_looks(c))
        engine_look(r->engine, now, c, out);
    else
        engine_fail(c, &r->why, out);
    done(r, c);
}

static void back_off(struct rounds *r, const struct moment *now, const struct err *why,
                     struct effects *out)
{
    r->why = *why;
    r->pause_ms = r->pause_ms == 0                  ? PAUSE_FIRST_MS
                  : 2 * r->pause_ms > PAUSE_MOST_MS ? PAUSE_MOST_MS
                                                    : 2 * r->pause_ms;
    r->until_ms = r->clock_ms + r->pause_ms;
    log_error("store: a batch was rolled back, the next try is in %lld ms: %s",
              (long long)r->pause_ms, err_text(why));
    struct command *c = r->first, *next;
    r->first = NULL;
    r->last = &r->first;
    for (; c; c = next) {
        next = c->next;
        wait_or_tell(r, now, c, out);
    }
}

/* ---- after a bug ---- */

static int alone(struct rounds *r, const struct moment *now, const struct command *c,
                 struct effects *out, struct err *e)
{
    struct effects own;
    effects_init(&own);
    if (engine_begin(r->engine, now, e) == 0) engine_apply(r->engine, c, &own);
    int rc = engine_commit_alone(r->engine, &own, e);
    note_commit(r, rc, 1);
    effects_move(out, &own);
    return rc;
}

static void one_by_one(struct rounds *r, const struct moment *now, struct effects *out)
{
    struct command *c;
    struct err e = {0};
    char incident[ID_TEXT_SIZE];
    while ((c = take(r)) != NULL) {
        int rc = alone(r, now, c, out, &e);
        bool fenced = is_fenced(r, rc, out);
        if (fenced || engine_is_of_disk(rc)) {
            put_back(r, c);
            if (!fenced) back_off(r, now, &e, out);
            return;
        }
        if (rc) {
            engine_incident(r->engine, incident);
            log_error("incident %s: %s (session %llu) failed: %s", incident, command_name(c->type),
                      (unsigned long long)c->session, err_text(&e));
            engine_give_up(r->engine, now, c, incident, out);
        }
        done(r, c);
    }
    e = (struct err){0};
    for (int n = 0; n < CHORES_MOST && engine_chore(r->engine, now, out, &e); n++) {
    }
    if (is_fenced(r, e.code, out)) return;
    if (e.code && engine_is_of_disk(e.code)) back_off(r, now, &e, out);
}

/* ---- a round ---- */

static void batch(struct rounds *r, const struct moment *now, struct effects *out)
{
    struct effects own;
    struct err e = {0};
    size_t count = 0;
    effects_init(&own);
    (void)engine_begin(r->engine, now, &e);
    engine_look_up(r->engine, r->first);
    for (const struct command *c = r->first; c; c = c->next, count++)
        engine_apply(r->engine, c, &own);
    int rc = engine_commit(r->engine, &own, &e);
    note_commit(r, rc, count);
    effects_move(out, &own);
    if (is_fenced(r, rc, out)) return;
    if (rc && engine_is_of_disk(rc)) {
        back_off(r, now, &e, out);
        return;
    }
    if (rc) {
        log_error("engine: a batch failed, its commands are applied one by one: %s", err_text(&e));
        one_by_one(r, now, out);
        return;
    }
    if (engine_wrote(r->engine)) r->pause_ms = 0;
    struct command *c;
    while ((c = take(r)) != NULL)
        done(r, c);
}

size_t rounds_run(struct rounds *r, const struct moment *now, int64_t clock_ms,
                  struct command *fresh, struct effects *out)
{
    struct command *next;
    bool stuck = clock_ms < r->until_ms && !r->fenced;
    r->done_bytes = 0;
    r->clock_ms = clock_ms;
    for (struct command *c = fresh; c; c = next) {
        next = c->next;
        if (stuck)
            wait_or_tell(r, now, c, out);
        else
            add(r, c);
    }
    if (!stuck && !r->fenced) batch(r, now, out);
    return r->done_bytes;
}

void rounds_renew(struct rounds *r)
{
    struct err e = {0};
    int rc = r->fenced ? 0 : engine_renew(r->engine, &e);
    if (rc == ERR_FENCED)
        r->fenced = true;
    else if (rc)
        log_warn("owner: the renewal failed: %s", err_text(&e));
}

bool rounds_are_fenced(const struct rounds *r)
{
    return r->fenced;
}

void rounds_settle(struct rounds *r)
{
    engine_settle(r->engine);
}

const struct round_commits *rounds_commits(const struct rounds *r)
{
    return &r->commits;
}

bool rounds_are_stuck(const struct rounds *r)
{
    return r->clock_ms < r->until_ms;
}

int64_t rounds_next_ms(const struct rounds *r)
{
    /* Also with nothing to do: an engine that could not load what is open knows of no deadline. */
    return rounds_are_stuck(r) ? r->until_ms : engine_next_ms(r->engine);
}
