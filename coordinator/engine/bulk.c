/* See bulk.h. */
#include "coordinator/engine/bulk.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/again.h"
#include "coordinator/engine/audit.h"
#include "coordinator/engine/job.h"
#include "coordinator/engine/principal.h"

/* For the log: how many, and which is the oldest and the newest, of those that the items tell of as
 * done. */
static void note_done(struct engine *g, struct reply *r)
{
    char text[96], from[ID_TEXT_SIZE], to[ID_TEXT_SIZE];
    size_t count = 0;
    int64_t oldest = 0, newest = 0;
    for (size_t i = 0; i < r->item_count; i++) {
        const struct reply_item *x = &r->items[i];
        int64_t id = x->of ? x->of : x->id;
        if (x->refused || x->known) continue;
        if (count == 0 || id < oldest) oldest = id;
        if (id > newest) newest = id;
        count++;
    }
    r->known = count == 0; /* nothing was done */
    if (count == 0) return;
    id_format(oldest, from);
    id_format(newest, to);
    if (count == 1)
        (void)str_format(text, sizeof text, "1 job by a filter, %s", to);
    else
        (void)str_format(text, sizeof text, "%zu jobs by a filter, from %s to %s", count, from, to);
    audit_about(g, text);
}

/* ---- cancel ---- */

static bool fits(const struct engine *g, const struct cmd_several *s, const struct job_row *row)
{
    struct reply no = {0};
    int state = shown_state(row->kind, row->state, row->exit_code);
    bool cancelled = row->state == JOB_KILLING && row->reason == REASON_CANCELLED;
    bool sees = principal_sees(g, row->ns, &no);
    reply_fini(&no);
    return sees && !cancelled && !job_is_final(row->state) && (s->states >> state & 1) != 0 &&
           (!s->group || str_eq(s->group, row->group)) && (!s->agent || s->agent == row->agent);
}

/* The job, at hand and to be cancelled. NULL: it is passed over, or a failure was noted. */
static struct job *find_fit(struct engine *g, const struct cmd_several *s, int64_t id,
                            struct reply_item *out)
{
    struct job *j = job_find(g, id);
    struct job_row row;
    if (j) {
        out->state = j->row.state;
        return fits(g, s, &j->row) ? j : NULL;
    }
    int rc = store_job_find(g->store, id, &row, &g->err);
    out->state = JOB_CANCELLED;
    if (rc == 0 || !store_ok(g, rc)) return NULL;
    out->state = row.state;
    if (row.state == JOB_CREATED && fits(g, s, &row)) return job_add(g, &row);
    if (row.state != JOB_CREATED && !job_is_final(row.state))
        engine_broken(g, "an assigned job is not in memory");
    job_row_fini(&row);
    return NULL;
}

static void cancel_one(struct engine *g, const struct cmd_several *s, int64_t id,
                       struct reply_item *out)
{
    struct job *j = find_fit(g, s, id, out);
    out->id = id;
    out->known = !j;
    if (!j) return;
    out->state = job_is_assigned(j->row.state) ? JOB_KILLING : JOB_CANCELLED;
    job_cancel(g, j);
}

static struct reply_item *items_for(const struct cmd_several *s, struct reply *r)
{
    r->items = mem_array(s->count, sizeof *r->items);
    r->item_count = s->count;
    return r->items;
}

void apply_cancel_all(struct engine *g, const struct command *c, struct reply *r)
{
    const struct cmd_several *s = &c->u.several;
    struct reply_item *out = items_for(s, r);
    for (size_t i = 0; i < s->count && g->rc == 0; i++)
        cancel_one(g, s, s->jobs[i], &out[i]);
    if (g->rc == 0) note_done(g, r);
}

/* ---- retry ---- */

static void retry_one(struct engine *g, const struct command *c, int64_t id, struct reply_item *out)
{
    struct reply one = {0};
    char *key = again_key(c->u.several.unique_key, id);
    const struct cmd_again again = {.job = id, .unique_key = key};
    run_again(g, c->by.token, &again, &one);
    mem_free(key);
    out->of = id;
    out->id = one.id;
    out->known = one.known;
    if (one.rc) {
        out->refused = mem_alloc(sizeof *out->refused);
        *out->refused = one;
    } else {
        reply_fini(&one);
    }
}

void apply_retry_all(struct engine *g, const struct command *c, struct reply *r)
{
    const struct cmd_several *s = &c->u.several;
    struct reply_item *out = items_for(s, r);
    for (size_t i = 0; i < s->count && g->rc == 0; i++)
        retry_one(g, c, s->jobs[i], &out[i]);
    if (g->rc == 0) note_done(g, r);
}
