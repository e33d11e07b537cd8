/* The changes of a batch become rows: one statement for each table that a new job is in, one for a
 * job that changed. Which statement that is depends on what changed, because an index is only
 * touched by a statement that names its columns. */
#include "coordinator/store/sql_store.h"

/* ---- jobs: new ------------------------------------------------------------------------------ */

static bool is_watched(const struct job_row *j)
{
    return j->queue_timeout_ms > 0 || j->fallback != FALLBACK_WAIT;
}

static enum open_place open_of(const struct job_row *j)
{
    if (j->state == JOB_CREATED) return is_watched(j) ? OPEN_WATCHED : OPEN_NOT;
    if (job_is_assigned(j->state)) return OPEN_ASSIGNED;
    return j->state == JOB_RETRYING ? OPEN_RETRYING : OPEN_NOT;
}

static int insert_key(struct store *s, const struct job_row *j, struct err *e)
{
    struct stmt *q = store_queue(s, Q_KEY_INSERT);
    bind_int(q, 1, j->id);
    bind_text(q, 2, j->unique_key);
    return db_run(&s->queue, q, e);
}

static int insert_fixed(struct store *s, const struct job_row *j, const char *spec, struct err *e)
{
    struct stmt *q = store_queue(s, Q_JOB_INSERT);
    bind_int(q, 1, j->id);
    bind_int(q, 2, j->kind);
    bind_int(q, 3, j->fallback);
    bind_text(q, 4, j->ns);
    bind_text(q, 5, j->name);
    bind_text(q, 6, j->flow);
    bind_text(q, 7, j->execution);
    bind_text(q, 8, j->task);
    bind_int(q, 9, j->submitter);
    bind_int(q, 10, j->created_ms);
    bind_int(q, 11, j->queue_timeout_ms);
    bind_int(q, 12, j->timeout_ms);
    bind_int(q, 13, j->lease_ms);
    bind_int(q, 14, j->kill_grace_ms);
    bind_int(q, 15, j->output_limit);
    bind_int(q, 16, j->retry.type);
    bind_int(q, 17, j->retry.interval_ms);
    bind_int(q, 18, j->retry.max_interval_ms);
    bind_real(q, 19, j->retry.delay_factor);
    bind_int(q, 20, j->retry.max_attempts);
    bind_int(q, 21, j->retry.max_duration_ms);
    bind_text(q, 22, spec);
    bind_text(q, 23, j->created_by);
    bind_int(q, 24, j->retry_of);
    return db_run(&s->queue, q, e);
}

static int insert_state(struct store *s, const struct job_change *x, struct err *e)
{
    const struct job_row *j = &x->row;
    struct stmt *q = store_queue(s, Q_STATE_INSERT);
    bind_int(q, 1, j->id);
    bind_int(q, 2, j->state);
    bind_int(q, 3, j->state == JOB_CREATED);
    bind_int(q, 4, open_of(j));
    bind_int(q, 5, job_is_final(j->state) && j->state != JOB_SUCCESS);
    bind_int(q, 6, is_watched(j));
    bind_int(q, 7, j->reason);
    bind_int(q, 8, j->truncated);
    bind_text(q, 9, group_text(j->group));
    bind_int(q, 10, j->requires_id);
    bind_int(q, 11, j->priority);
    bind_int(q, 12, j->attempt);
    bind_int(q, 13, j->agent);
    bind_int(q, 14, j->submitted_ms);
    bind_int(q, 15, j->started_ms);
    bind_int(q, 16, j->ended_ms);
    bind_int(q, 17, j->first_started_ms);
    bind_int(q, 18, j->retry_at_ms);
    bind_exit(q, 19, j->exited, j->exit_code);
    bind_text(q, 20, j->message);
    bind_int(q, 21, j->allow_failure);
    bind_text(q, 22, x->outputs);
    bind_text(q, 23, j->cancelled_by);
    return db_run(&s->queue, q, e);
}

static int insert_job(struct store *s, const struct job_change *x, struct err *e)
{
    const struct job_row *j = &x->row;
    if (s->last_job != 0 && j->id > s->last_job) s->last_job = j->id;
    int rc = j->unique_key ? insert_key(s, j, e) : 0;
    if (rc == 0) rc = insert_fixed(s, j, x->spec, e);
    if (rc == 0) rc = insert_state(s, x, e);
    if (rc != 0) return rc;
    tally_move(s, group_text(j->group), j->requires_id, JOB_STATES, (int)j->state);
    tally_keep(s, group_text(j->group), j->requires_id, 1);
    return 0;
}

/* ---- jobs: changed -------------------------------------------------------------------------- */

#define PARTS_SUBMITTED (PART_STATE | PART_ATTEMPT | PART_STARTED)
#define PARTS_RUNNING (PART_STATE | PART_STARTED | PART_FIRST)
#define PARTS_FINISH (PART_STATE | PART_REASON | PART_MESSAGE | PART_END)

static void tally_job(struct store *s, const struct job_change *x, enum job_state from,
                      const char *group, int64_t requires_id)
{
    enum job_state to = x->parts & PART_STATE ? x->row.state : from;
    const char *to_group = x->parts & PART_GROUP ? group_text(x->row.group) : group;
    tally_move(s, group, requires_id, (int)from, JOB_STATES);
    tally_move(s, to_group, requires_id, JOB_STATES, (int)to);
}

/* Notes in the tallies what the job leaves and where it comes to. *from: its state in the
 * database. */
static int leave(struct store *s, const struct job_change *x, enum job_state *from, struct err *e)
{
    if (x->known) {
        *from = x->was;
        tally_job(s, x, *from, group_text(x->was_group), x->row.requires_id);
        return 0;
    }
    struct stmt *q = store_queue(s, Q_JOB_CLASS);
    bind_int(q, 1, x->row.id);
    int rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such job");
    if (rc < 0) return rc;
    *from = (enum job_state)column_int(q, 0);
    tally_job(s, x, *from, column_str(q, 1), column_int(q, 2));
    db_reset(q);
    return 0;
}

static int change_to_submitted(struct store *s, const struct job_row *j, struct err *e)
{
    struct stmt *q = store_queue(s, Q_JOB_SUBMITTED);
    bind_int(q, 1, j->id);
    bind_int(q, 2, j->agent);
    bind_int(q, 3, j->attempt);
    bind_int(q, 4, j->submitted_ms);
    return db_alter(&s->queue, q, e);
}

static int change_to_running(struct store *s, const struct job_row *j, struct err *e)
{
    struct stmt *q = store_queue(s, Q_JOB_RUNNING);
    bind_int(q, 1, j->id);
    bind_int(q, 2, j->started_ms);
    return db_alter(&s->queue, q, e);
}

/* Of a job that an agent had: it is in one index less, and in one more. */
static int change_to_success(struct store *s, const struct job_change *x, struct err *e)
{
    const struct job_row *j = &x->row;
    struct stmt *q = store_queue(s, Q_JOB_SUCCESS);
    bind_int(q, 1, j->id);
    bind_int(q, 2, j->state);
    bind_int(q, 3, j->reason);
    bind_text(q, 4, j->message);
    bind_exit(q, 5, j->exited, j->exit_code);
    bind_int(q, 6, j->truncated);
    bind_text(q, 7, x->outputs);
    bind_int(q, 8, j->ended_ms);
    bind_int(q, 9, x->parts & PART_STARTED ? j->started_ms : -1);
    return db_alter(&s->queue, q, e);
}

/* Everything else. */
static int change_whatever(struct store *s, const struct job_change *x, enum job_state from,
                           struct err *e)
{
    const struct job_row *j = &x->row;
    struct stmt *q = store_queue(s, Q_JOB_CHANGE);
    bind_int(q, 1, j->id);
    bind_int(q, 2, x->parts);
    bind_int(q, 3, x->parts & PART_STATE ? j->state : from);
    bind_int(q, 4, j->agent);
    bind_int(q, 5, j->attempt);
    bind_int(q, 6, j->submitted_ms);
    bind_int(q, 7, j->retry_at_ms);
    bind_int(q, 8, j->started_ms);
    bind_int(q, 9, j->first_started_ms);
    bind_int(q, 10, j->reason);
    bind_text(q, 11, j->message);
    bind_exit(q, 12, j->exited, j->exit_code);
    bind_int(q, 13, j->truncated);
    bind_text(q, 14, x->outputs);
    bind_int(q, 15, j->ended_ms);
    bind_text(q, 16, j->cancelled_by);
    bind_text(q, 17, group_text(j->group));
    return db_alter(&s->queue, q, e);
}

/* It started once in this batch, or not at all. */
static bool started_once(const struct job_change *x)
{
    return !(x->parts & PART_STARTED) || x->row.first_started_ms == x->row.started_ms;
}

static int change_job(struct store *s, const struct job_change *x, struct err *e)
{
    enum job_state from = JOB_CREATED;
    if (x->parts == 0) return 0;
    int rc = leave(s, x, &from, e);
    if (rc != 0) return rc;
    if (x->parts == PARTS_SUBMITTED && x->row.state == JOB_SUBMITTED && from == JOB_CREATED)
        return change_to_submitted(s, &x->row, e);
    if (x->parts == PARTS_RUNNING && job_is_assigned(from) && started_once(x))
        return change_to_running(s, &x->row, e);
    if (x->row.state == JOB_SUCCESS && (x->parts & PARTS_FINISH) == PARTS_FINISH &&
        (x->parts & ~(unsigned)(PARTS_FINISH | PARTS_RUNNING)) == 0 && job_is_assigned(from) &&
        started_once(x))
        return change_to_success(s, x, e);
    return change_whatever(s, x, from, e);
}

/* ---- all ------------------------------------------------------------------------------------ */

int store_write_changes(struct store *s, struct err *e)
{
    struct changes *c = &s->changes;
    if (!changes_any(c)) return 0;
    int rc = store_write_queue(s, e);
    if (rc == 0) rc = blocks_note(s, e);
    for (const struct job_change *x = c->first_job; rc == 0 && x; x = x->next)
        rc = x->fresh ? insert_job(s, x, e) : change_job(s, x, e);
    for (const struct execution_change *x = c->first_execution; rc == 0 && x; x = x->next) {
        rc = x->fresh ? execution_insert(s, &x->row, e) : execution_update(s, &x->row, e);
        if (rc == 0 && !x->fresh && x->row.labels) rc = blocks_relabel(s, &x->row, e);
    }
    for (const struct run_change *x = c->first_run; rc == 0 && x; x = x->next)
        rc = x->fresh ? run_insert(s, &x->row, e) : run_update(s, &x->row, x->due, e);
    for (const struct evaluation_change *x = c->first_evaluation; rc == 0 && x; x = x->next)
        rc = evaluation_insert(s, &x->row, e); /* after the jobs: old ones go with it */
    if (rc == 0) changes_written(c);
    return rc;
}
