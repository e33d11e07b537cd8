/* What every change stands on: the transaction that begins with the first one, and the counts.
 *
 * Counts of the queue. How many jobs wait, and where, is asked at every start and by every list of
 * groups, and must not be counted row by row among a million. job_counts holds a row for each
 * (group, requires), requires.jobs one number for each requires. Each step of a job would have to
 * change such a row, the same few rows for all jobs of a batch. So the steps are tallied in memory
 * (tally_move, tally_keep) and written as sums when the batch commits; whoever reads counts within
 * a batch has them written first. A rollback forgets the tallies with the changes. */
#include "coordinator/store/sql_store.h"

#include "base/mem.h"

#include <string.h>

int store_may_change(const struct store *s, struct err *e)
{
    return s->begun ? 0 : err_set(e, ERR_INTERNAL, "a change outside of store_begin");
}

int store_own(struct store *s, struct err *e)
{
    if (s->epoch == 0) return 0;
    if (s->owner.mine) { /* it may have been raised meanwhile */
        s->epoch = s->owner.mine->epoch;
        s->batch = s->owner.mine->batch;
    }
    bind_int(s->own, 1, s->epoch);
    bind_int(s->own, 2, s->batch);
    return db_run(&s->queue, s->own, e);
}

static int begin(struct store *s, struct db *d, int statement, struct err *e)
{
    if (!s->begun) return err_set(e, ERR_INTERNAL, "a change outside of store_begin");
    if (db_in_transaction(d)) return 0;
    int rc = db_run(d, d->statements[statement], e);
    return rc == 0 ? store_own(s, e) : rc;
}

int store_write_queue(struct store *s, struct err *e)
{
    return begin(s, &s->queue, Q_BEGIN, e);
}

int store_write_output(struct store *s, struct err *e)
{
    return begin(s, &s->output, O_BEGIN, e);
}

/* ---- tallies -------------------------------------------------------------------------------- */

void tally_clear(struct store *s)
{
    for (size_t i = 0; i < s->tally_count; i++)
        mem_free(s->tallies[i].group);
    s->tally_count = s->tally_last = 0;
}

static struct tally *tally_of(struct store *s, const char *group, int64_t requires_id)
{
    /* a batch sees few classes, and mostly the same one again */
    for (size_t i = 0; i < s->tally_count; i++) {
        struct tally *t = &s->tallies[(s->tally_last + i) % s->tally_count];
        if (t->requires_id == requires_id && strcmp(t->group, group) == 0) {
            s->tally_last = (size_t)(t - s->tallies);
            return t;
        }
    }
    if (s->tally_count == s->tally_cap) {
        s->tally_cap = s->tally_cap ? s->tally_cap * 2 : 16;
        s->tallies = mem_resize(s->tallies, s->tally_cap, sizeof *s->tallies);
    }
    s->tally_last = s->tally_count++;
    struct tally *t = &s->tallies[s->tally_last];
    *t = (struct tally){.group = mem_strdup(group), .requires_id = requires_id};
    return t;
}

void tally_move(struct store *s, const char *group, int64_t requires_id, int from, int to)
{
    if (from > JOB_RETRYING && to > JOB_RETRYING) return;
    struct tally *t = tally_of(s, group, requires_id);
    if (from <= JOB_RETRYING) t->change[from]--;
    if (to <= JOB_RETRYING) t->change[to]++;
}

void tally_keep(struct store *s, const char *group, int64_t requires_id, int change)
{
    if (requires_id != 0) tally_of(s, group, requires_id)->jobs += change;
}

static bool tally_is_zero(const struct tally *t)
{
    for (int i = 0; i <= JOB_RETRYING; i++) {
        if (t->change[i] != 0) return false;
    }
    return true;
}

static int flush_states(struct store *s, const struct tally *t, struct err *e)
{
    if (tally_is_zero(t)) return 0;
    struct stmt *q = store_queue(s, Q_COUNT);
    bind_text(q, 1, t->group);
    bind_int(q, 2, t->requires_id);
    for (int state = 0; state <= JOB_RETRYING; state++)
        bind_int(q, 3 + state, t->change[state]);
    return db_run(&s->queue, q, e);
}

static int flush_jobs(struct store *s, const struct tally *t, struct err *e)
{
    if (t->jobs == 0) return 0;
    struct stmt *q = store_queue(s, Q_REQUIRES_COUNT);
    bind_int(q, 1, t->requires_id);
    bind_int(q, 2, t->jobs);
    return db_run(&s->queue, q, e);
}

int tally_flush(struct store *s, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->tally_count; i++) {
        rc = flush_states(s, &s->tallies[i], e);
        if (rc == 0) rc = flush_jobs(s, &s->tallies[i], e);
    }
    if (rc == 0) tally_clear(s);
    return rc;
}
