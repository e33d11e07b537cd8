/* See row.h. */
#include "tests/unit/coordinator/row.h"

#include "base/mem.h"
#include "base/str.h"

void row_init(struct row *r)
{
    *r = (struct row){.now = {.epoch = 1}};
    if (uv_mutex_init(&r->lock)) mem_exhausted();
}

void row_fini(struct row *r)
{
    uv_mutex_destroy(&r->lock);
}

struct owner_row row_read(struct row *r)
{
    uv_mutex_lock(&r->lock);
    struct owner_row now = r->now;
    uv_mutex_unlock(&r->lock);
    return now;
}

void row_steal(struct row *r)
{
    uv_mutex_lock(&r->lock);
    r->now.epoch++;
    r->now.held = true;
    (void)str_copy(r->addresses, sizeof r->addresses, "[\"thief:1\"]");
    uv_mutex_unlock(&r->lock);
}

static int is_cut(struct seat *s, struct err *e)
{
    return atomic_load(&s->cut) ? err_set(e, ERR_UNAVAILABLE, "no answer (test)") : 0;
}

/* With the lock. */
static bool same(const struct owner_row *a, const struct owner_row *b)
{
    return a->epoch == b->epoch && a->batch == b->batch;
}

static int look(void *user, struct owner_row *row, char **addresses, struct err *e)
{
    struct seat *s = user;
    atomic_fetch_add(&s->looks, 1);
    if (is_cut(s, e)) return e->code;
    if (atomic_load(&s->newer)) return err_set(e, ERR_UNSUPPORTED, "the tables are newer (test)");
    uv_mutex_lock(&s->row->lock);
    *row = s->row->now;
    *addresses = s->row->addresses[0] ? mem_strdup(s->row->addresses) : NULL;
    uv_mutex_unlock(&s->row->lock);
    return 0;
}

static int fenced(struct err *e)
{
    return err_set(e, ERR_FENCED, "another coordinator owns the queue (test)");
}

static int take(void *user, struct owner_row *row, const char *addresses, struct err *e)
{
    struct seat *s = user;
    struct row *r = s->row;
    if (is_cut(s, e)) return e->code;
    uv_mutex_lock(&r->lock);
    bool mine = same(&r->now, row);
    if (mine) {
        r->now.epoch++;
        r->now.held = true;
        (void)str_copy(r->addresses, sizeof r->addresses, addresses ? addresses : "");
        *row = r->now;
        atomic_fetch_add(&s->takes, 1);
    }
    uv_mutex_unlock(&r->lock);
    return mine ? 0 : fenced(e);
}

static bool count_down(atomic_int *n)
{
    if (atomic_load(n) <= 0) return false;
    atomic_fetch_sub(n, 1);
    return true;
}

static int renew(void *user, struct owner_row *mine, struct err *e)
{
    struct seat *s = user;
    struct row *r = s->row;
    if (is_cut(s, e)) return e->code;
    if (count_down(&s->lost_asks)) return err_set(e, ERR_UNAVAILABLE, "lost (test)");
    uv_mutex_lock(&r->lock);
    bool held = same(&r->now, mine);
    bool lost = held && count_down(&s->lost_answers);
    if (held) r->now.batch++;
    if (held && !lost) mine->batch++;
    uv_mutex_unlock(&r->lock);
    if (held) atomic_fetch_add(&s->renewals, 1);
    if (lost) return err_set(e, ERR_UNAVAILABLE, "the answer was lost (test)");
    return held ? 0 : fenced(e);
}

static int resolve(void *user, struct owner_row *mine, bool *there, struct err *e)
{
    struct seat *s = user;
    struct row *r = s->row;
    if (is_cut(s, e)) return e->code;
    uv_mutex_lock(&r->lock);
    int64_t ahead = r->now.batch - mine->batch;
    bool held = r->now.epoch == mine->epoch && (ahead == 0 || ahead == 1);
    if (held) {
        r->now.epoch++;
        *mine = r->now;
        *there = ahead == 1;
        atomic_fetch_add(&s->resolves, 1);
    }
    uv_mutex_unlock(&r->lock);
    return held ? 0 : fenced(e);
}

static int release(void *user, struct owner_row *mine, struct err *e)
{
    struct seat *s = user;
    struct row *r = s->row;
    if (is_cut(s, e)) return e->code;
    uv_mutex_lock(&r->lock);
    bool held = same(&r->now, mine);
    if (held) {
        r->now.held = false;
        r->now.batch++;
        r->addresses[0] = '\0';
        atomic_fetch_add(&s->releases, 1);
    }
    uv_mutex_unlock(&r->lock);
    return held ? 0 : fenced(e);
}

void seat_init(struct seat *s, struct row *r)
{
    *s = (struct seat){.row = r};
    s->place = (struct owner_place){.look = look,
                                    .take = take,
                                    .renew = renew,
                                    .resolve = resolve,
                                    .release = release,
                                    .apart = true,
                                    .user = s};
}
