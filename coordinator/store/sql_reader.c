/* Reading for the API on connections of its own. A call's statements are reset before it returns:
 * an open one would hold back the log's reuse. */
#include "coordinator/store/pg_statements.h"
#include "coordinator/store/reader_load.h"
#include "coordinator/store/sql_block.h"
#include "coordinator/store/sql_reader.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

/* Up to so many open jobs are sorted for a list of them; more are met soon enough on the way back
 * from the newest. */
#define SORT_MOST 5000

/* The jobs of a filter are looked for among so many of the newest before the index is read: mostly
 * a page is full by then. */
#define PLAIN_MOST 500

/* So much of a spec tells in a list what the job runs: the rest of a long one is not read. */
#define SPEC_HEAD_BYTES 2048

#define X(number, sql) sql,
static const char *const queue_sql[] = {QUEUE_READS(X)};
static const char *const output_sql[] = {OUTPUT_READS(X)};
#undef X
#define X(number, sql) [number] = sql,
static const char *const pg_queue_sql[QUEUE_READ_COUNT] = {PG_QUEUE_READS(X)};
static const char *const pg_output_sql[OUTPUT_READ_COUNT] = {PG_OUTPUT_READS(X)};
#undef X

int reader_prepare(struct reader *r, struct err *e)
{
    int rc = db_prepare_either(&r->queue, queue_sql, pg_queue_sql, QUEUE_READ_COUNT, e);
    if (rc != 0) return rc;
    return db_prepare_either(&r->output, output_sql, pg_output_sql, OUTPUT_READ_COUNT, e);
}

void reader_close(struct reader *r)
{
    if (!r) return;
    db_close(&r->queue);
    db_close(&r->output);
    mem_free(r);
}

/* ---- jobs ----------------------------------------------------------------------------------- */

void job_view_fini(struct job_view *v)
{
    job_row_fini(&v->job);
    mem_free(v->spec);
    mem_free(v->spec_head);
    mem_free(v->outputs);
    mem_free(v->require);
    mem_free(v->agent_name);
    *v = (struct job_view){0};
}

void reader_row_view(struct stmt *q, struct job_view *v)
{
    *v = (struct job_view){
        .outputs = column_text(q, JOB_COLUMN_COUNT),
        .require = column_text(q, JOB_COLUMN_COUNT + 1),
        .agent_name = column_text(q, JOB_COLUMN_COUNT + 2),
    };
    row_job(q, &v->job);
    v->job.created_by = column_text(q, JOB_COLUMN_COUNT + 3);
    v->job.cancelled_by = column_text(q, JOB_COLUMN_COUNT + 4);
    v->job.retry_of = column_int(q, JOB_COLUMN_COUNT + 5);
}

/* 1: found; 0: not there. */
static int find_job(struct reader *r, enum queue_read which, int64_t id, struct job_view *v,
                    struct err *e)
{
    struct stmt *q = from_queue(r, which);
    bind_int(q, 1, id);
    int rc = db_step(&r->queue, q, e);
    if (rc != 1) return rc;
    reader_row_view(q, v);
    if (which == R_JOB) v->spec = column_text(q, VIEW_COLUMN_COUNT);
    db_reset(q);
    return 1;
}

int reader_job(struct reader *r, int64_t id, struct job_view *out, struct err *e)
{
    int rc = find_job(r, R_JOB, id, out, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such job");
    return rc < 0 ? rc : 0;
}

static int read_counts(struct reader *r, enum queue_read which, int64_t jobs[JOB_STATES],
                       struct err *e)
{
    struct stmt *q = from_queue(r, which);
    int rc = db_step(&r->queue, q, e);
    if (rc < 0) return rc;
    for (int state = 0; state <= JOB_RETRYING; state++)
        jobs[state] = column_int(q, state);
    db_reset(q);
    return 0;
}

#define ALL_STATES ((UINT32_C(1) << JOB_STATES) - 1)
#define OPEN_STATES ((UINT32_C(1) << (JOB_RETRYING + 1)) - 1)

/* In which evaluations end: SUCCESS or WARNING in the row. */
#define TOLD_STATES (UINT32_C(1) << SHOWN_FIRED | UINT32_C(1) << SHOWN_NO)

/* The way to the wanted jobs that passes by the fewest others. */
static int choose_scan(struct reader *r, const struct job_filter *f, enum queue_read *which,
                       struct err *e)
{
    uint32_t states = f->states;
    const uint32_t created = UINT32_C(1) << JOB_CREATED;
    const uint32_t bad = ALL_STATES & ~OPEN_STATES & ~(UINT32_C(1) << JOB_SUCCESS);
    *which = f->kinds == UINT32_C(1) << SHOWN_EVALUATION ? R_SCAN_EVALUATIONS : R_SCAN;
    if (f->name) *which = R_SCAN_NAMED;
    if (states == 0 || *which != R_SCAN) return 0;
    if ((states & ~bad) == 0) *which = R_SCAN_BAD;
    if ((states & ~OPEN_STATES) != 0) return 0;
    int64_t jobs[JOB_STATES], sorted = 0;
    int rc = read_counts(r, R_COUNTS, jobs, e);
    for (int state = states & created ? JOB_CREATED : JOB_SUBMITTED; state <= JOB_RETRYING; state++)
        sorted += rc == 0 ? jobs[state] : 0;
    if (rc == 0 && sorted <= SORT_MOST) *which = states & created ? R_SCAN_OPEN : R_SCAN_ASSIGNED;
    return rc;
}

/* A job's kind, or what decides about it, from the columns of R_WHOSE. */
static bool is_kind_wanted(const struct job_filter *f, enum job_kind kind, bool alone)
{
    return f->kinds == 0 || (f->kinds >> shown_kind(kind, alone) & 1) != 0;
}

static bool is_equal(const char *wanted, struct stmt *q, int column)
{
    return !wanted || str_eq(wanted, column_str(q, column));
}

/* From the columns of R_WHOSE. */
static bool is_of_flow(const struct job_filter *f, struct stmt *q)
{
    const char *ns = column_str(q, 0);
    bool covered = f->flow ? str_eq(f->ns, ns) : !f->ns || (ns && str_namespace_covers(f->ns, ns));
    bool named = !column_is_null(q, 3);
    return covered && is_equal(f->flow, q, 4) && is_equal(f->task, q, 5) &&
           is_equal(f->name, q, 3) && !(f->unnamed && named);
}

/* 1: the execution has them; 0: not, or there is none. */
static int has_labels(struct reader *r, const struct json *wanted, const char *execution,
                      struct err *e)
{
    int64_t id;
    if (!execution || id_parse(execution, &id) != 0) return 0;
    struct stmt *q = from_queue(r, R_EXECUTION_LABELS);
    bind_int(q, 1, id);
    int rc = db_step(&r->queue, q, e);
    if (rc != 1) return rc;
    rc = row_has_labels(column_str(q, 0), wanted);
    db_reset(q);
    return rc;
}

/* 1: wanted as far as the part of the job's row tells that does not change; 0: not. */
static int is_its(struct reader *r, const struct job_filter *f, struct stmt *scan, struct err *e)
{
    struct stmt *q = from_queue(r, R_WHOSE);
    bind_int(q, 1, column_int(scan, 0));
    int rc = db_step(&r->queue, q, e);
    if (rc != 1) return rc;
    enum job_kind kind = (enum job_kind)column_int(q, 1);
    int state = shown_state(kind, (enum job_state)column_int(scan, 1), column_int(scan, 4));
    bool alone = column_is_null(q, 2);
    rc = is_of_flow(f, q) && is_kind_wanted(f, kind, alone) &&
         (!f->states || (f->states >> state & 1) != 0);
    if (rc == 1 && f->labels) rc = has_labels(r, f->labels, column_str(q, 2), e);
    db_reset(q);
    return rc;
}

/* By the columns of SCAN_COLUMNS. */
static bool has_end(const struct job_filter *f, struct stmt *scan)
{
    int64_t ended_ms = column_int(scan, 6);
    bool by_end = f->ended_since_ms > 0 || f->ended_until_ms > 0;
    if (by_end && (ended_ms == 0 || ended_ms < f->ended_since_ms)) return false;
    if (f->ended_until_ms > 0 && ended_ms >= f->ended_until_ms) return false;
    if (f->reasons && !(f->reasons >> column_int(scan, 5) & 1)) return false;
    return !f->exited || (!column_is_null(scan, 4) && column_int(scan, 4) == f->exit_code);
}

/* Does it ask for what only R_WHOSE tells? */
static bool asks_whose(const struct job_filter *f)
{
    return f->ns || f->kinds || f->states || f->name || f->flow || f->task || f->unnamed ||
           f->labels;
}

/* 1: wanted; 0: not. Columns: SCAN_COLUMNS. */
static int is_wanted(struct reader *r, const struct job_filter *f, struct stmt *scan, struct err *e)
{
    int state = (int)column_int(scan, 1);
    bool maybe = (state == JOB_SUCCESS || state == JOB_WARNING) && (f->states & TOLD_STATES) != 0;
    if (f->states && !maybe && !(f->states >> state & 1)) return 0;
    if (f->uncancelled && state == JOB_KILLING && column_int(scan, 5) == (int)REASON_CANCELLED)
        return 0;
    if (f->agent && f->agent != column_int(scan, 3)) return 0;
    if (f->group && !str_eq(group_text(f->group), column_str(scan, 2))) return 0;
    if (!has_end(f, scan)) return 0;
    return asks_whose(f) ? is_its(r, f, scan, e) : 1;
}

static int read_head(struct reader *r, struct job_view *v, struct err *e)
{
    const struct job_row *j = &v->job;
    size_t whole;
    if (j->name || (j->flow && j->task)) return 0;
    v->spec_head = mem_alloc(SPEC_HEAD_BYTES + 1);
    return db_spec(&r->queue, j->id, SPEC_HEAD_BYTES, v->spec_head, &whole, e);
}

/* Takes a job that is wanted: 1: the last one; 0: go on. */
typedef int take_fn(struct reader *r, int64_t id, void *user, struct err *e);

struct walk {
    const struct job_filter *filter;
    enum queue_read which;
    take_fn *take;
    void *user;
    size_t found, seen;
    bool enough;  /* all that was asked for was found */
    int64_t next; /* where the next call goes on; 0: nowhere */
};

/* The jobs before `before`, from `from` on. 1: ends at w->next, since that is enough or `most` rows
 * were seen; 0: there are no more. */
static int walk_range(struct reader *r, struct walk *w, int64_t before, int64_t from, size_t most,
                      struct err *e)
{
    struct stmt *scan = from_queue(r, w->which);
    bind_int(scan, 1, before);
    bind_int(scan, 2, from);
    if (w->which == R_SCAN_NAMED) bind_text(scan, 3, w->filter->name);
    int64_t last = before;
    int rc;
    while ((rc = db_step(&r->queue, scan, e)) == 1) {
        w->enough = w->found == w->filter->limit;
        if (w->enough || w->seen >= most) break;
        w->seen++;
        last = column_int(scan, 0);
        rc = is_wanted(r, w->filter, scan, e);
        if (rc == 0) continue;
        if (rc == 1) rc = w->take(r, last, w->user, e);
        if (rc < 0) break;
        w->found++;
        w->enough = rc == 1;
        if (rc == 1) break;
    }
    db_reset(scan);
    if (rc == 1) w->next = last;
    return rc;
}

/* The index has only final states. */
static uint32_t state_parts(const struct block *b, uint32_t states)
{
    uint32_t mask = 0;
    if (states & TOLD_STATES) states |= UINT32_C(1) << JOB_SUCCESS | UINT32_C(1) << JOB_WARNING;
    for (int64_t state = JOB_RETRYING + 1; state < JOB_STATES; state++)
        if (states >> state & 1)
            mask |= block_mask(b, BLOCK_STATE, block_number(BLOCK_STATE, state));
    return mask;
}

static uint32_t reason_parts(const struct block *b, uint32_t reasons)
{
    uint32_t mask = 0;
    for (int64_t reason = REASON_NONE + 1; reason < REASONS; reason++)
        if (reasons >> reason & 1)
            mask |= block_mask(b, BLOCK_REASON, block_number(BLOCK_REASON, reason));
    return mask;
}

/* Does the index tell of the filter's states, and of its reasons? */
static bool has_states(const struct job_filter *f)
{
    return f->states != 0 && (f->states & OPEN_STATES) == 0;
}

static bool has_reasons(const struct job_filter *f)
{
    return f->reasons != 0 && (f->reasons & UINT32_C(1) << REASON_NONE) == 0;
}

static uint32_t text_parts(const struct block *b, enum block_kind kind, const char *text,
                           const char *more)
{
    return block_mask(b, kind, block_text(kind, text, more));
}

/* The parts of a block that may have jobs which the filter takes. */
static uint32_t wanted_parts(const struct block *b, const struct job_filter *f)
{
    uint32_t mask = UINT32_MAX;
    if (f->group) mask &= text_parts(b, BLOCK_GROUP, group_text(f->group), NULL);
    if (f->agent) mask &= block_mask(b, BLOCK_AGENT, block_number(BLOCK_AGENT, f->agent));
    if (f->ns && f->flow)
        mask &= text_parts(b, BLOCK_FLOW, f->ns, f->flow);
    else if (f->ns)
        mask &= text_parts(b, BLOCK_NAMESPACE, f->ns, NULL);
    if (f->task) mask &= text_parts(b, BLOCK_TASK, f->task, NULL);
    for (const struct json *l = json_first(f->labels); l && mask; l = json_next(l))
        mask &= text_parts(b, BLOCK_LABEL, json_key(l), json_str(l, ""));
    if (has_states(f) && mask) mask &= state_parts(b, f->states);
    return has_reasons(f) && mask ? mask & reason_parts(b, f->reasons) : mask;
}

/* As walk_range, of the jobs of a block before `before`. Parts beside each other are one range; it
 * counts as a row, so that the work is bounded when all ranges are empty. */
static int walk_block(struct reader *r, struct walk *w, const struct block *b, int64_t before,
                      struct err *e)
{
    uint32_t mask = wanted_parts(b, w->filter);
    for (size_t high = b->part_count; high > 0;) {
        size_t low = high - 1;
        bool wanted = mask >> low & 1;
        while (low > 0 && (mask >> (low - 1) & 1) == wanted)
            low--;
        int64_t end = high < b->part_count && b->parts[high] < before ? b->parts[high] : before;
        int64_t from = b->parts[low] > w->filter->from_id ? b->parts[low] : w->filter->from_id;
        high = low;
        if (!wanted || from >= end) continue;
        w->seen++;
        int rc = walk_range(r, w, end, from, SCAN_MOST, e);
        if (rc != 0) return rc;
    }
    return 0;
}

/* The jobs before `before`, by the index. */
static int walk_blocks(struct reader *r, struct walk *w, int64_t before, struct err *e)
{
    struct block b = {0};
    struct stmt *q = from_queue(r, R_BLOCKS);
    bind_int(q, 1, before);
    int rc = 0;
    w->next = 0;
    while (before > w->filter->from_id && (rc = db_step(&r->queue, q, e)) == 1) {
        w->next = before;
        if (w->seen++ >= SCAN_MOST) break;
        (void)block_read(&b, q, INT64_MAX); /* a damaged one is of all */
        rc = walk_block(r, w, &b, before, e);
        if (rc != 0) break;
        before = b.start;
        w->next = 0;
    }
    db_reset(q);
    block_fini(&b);
    return rc;
}

/* Is it worth while to look for the jobs by blocks? Open jobs, when they are sorted, are few. */
static bool has_blocks(const struct job_filter *f, enum queue_read which)
{
    bool told =
        f->group || f->agent || f->ns || f->task || f->labels || has_states(f) || has_reasons(f);
    return told && which != R_SCAN_OPEN && which != R_SCAN_ASSIGNED;
}

static int walk_jobs(struct reader *r, const struct job_filter *f, take_fn *take, void *user,
                     int64_t *next_before, struct err *e)
{
    struct walk w = {.filter = f, .take = take, .user = user};
    int rc = choose_scan(r, f, &w.which, e);
    if (rc != 0) return rc;
    bool blocks = has_blocks(f, w.which);
    size_t most = blocks ? PLAIN_MOST : SCAN_MOST;
    rc = walk_range(r, &w, f->before_id ? f->before_id : INT64_MAX, f->from_id, most, e);
    if (rc == 1 && blocks && !w.enough) rc = walk_blocks(r, &w, w.next, e);
    if (rc < 0) return rc;
    *next_before = w.next;
    return 0;
}

struct viewing {
    int (*fn)(const struct job_view *v, void *user);
    void *user;
};

static int view_job(struct reader *r, int64_t id, void *user, struct err *e)
{
    struct viewing *x = user;
    struct job_view v;
    int rc = find_job(r, R_JOB_BRIEF, id, &v, e);
    if (rc != 1) return rc;
    rc = read_head(r, &v, e);
    if (rc == 0) rc = x->fn(&v, x->user) != 0;
    job_view_fini(&v);
    return rc;
}

int reader_jobs(struct reader *r, const struct job_filter *f,
                int (*fn)(const struct job_view *v, void *user), void *user, int64_t *next_before,
                struct err *e)
{
    struct viewing x = {.fn = fn, .user = user};
    int rc = walk_jobs(r, f, view_job, &x, next_before, e);
    db_spec_end(&r->queue);
    return rc;
}

static int note_id(struct reader *r, int64_t id, void *user, struct err *e)
{
    struct job_ids *ids = user;
    size_t whole;
    ids->items[ids->count++] = id;
    if (!ids->specs_most) return 0;
    int rc = db_spec(&r->queue, id, 0, NULL, &whole, e);
    if (rc) return rc;
    ids->spec_bytes += whole;
    return ids->spec_bytes >= ids->specs_most;
}

int reader_job_ids(struct reader *r, const struct job_filter *f, struct job_ids *out,
                   int64_t *next_before, struct err *e)
{
    int rc = walk_jobs(r, f, note_id, out, next_before, e);
    db_spec_end(&r->queue);
    return rc;
}

static int has_older(struct reader *r, int64_t job, int64_t attempt, bool *more, struct err *e)
{
    struct stmt *q = from_queue(r, R_ATTEMPT_OLDER);
    bind_int(q, 1, job);
    bind_int(q, 2, attempt);
    int rc = db_step(&r->queue, q, e);
    if (rc < 0) return rc;
    *more = column_int(q, 0) != 0;
    db_reset(q);
    return 0;
}

int reader_attempts(struct reader *r, const struct attempt_filter *f,
                    int (*fn)(const struct attempt_row *a, const char *agent_name, void *user),
                    void *user, bool *more, struct err *e)
{
    struct stmt *q = from_queue(r, f->ascending ? R_ATTEMPTS_UP : R_ATTEMPTS);
    int64_t oldest = f->before > 0 ? f->before : INT64_MAX;
    bind_int(q, 1, f->job);
    bind_int(q, 2, oldest);
    bind_int(q, 3, f->limit < INT64_MAX ? (int64_t)f->limit : INT64_MAX);
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        struct attempt_row a;
        row_attempt(q, &a);
        if (a.attempt < oldest) oldest = a.attempt;
        int stop = fn(&a, column_str(q, ATTEMPT_COLUMN_COUNT), user);
        attempt_row_fini(&a);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : has_older(r, f->job, oldest, more, e);
}

/* ---- sums ----------------------------------------------------------------------------------- */

int reader_sizes(struct reader *r, int64_t *database, int64_t *output, struct err *e)
{
    int rc = db_size(&r->queue, database, e);
    return rc ? rc : db_size(&r->output, output, e);
}

int reader_stats(struct reader *r, struct store_stats *out, struct err *e)
{
    struct store_stats s = {0};
    int rc = read_counts(r, R_COUNTS, s.jobs, e);
    if (rc == 0) rc = read_counts(r, R_COUNTS_EVALUATIONS, s.evaluations, e);
    if (rc != 0) return rc;
    for (int state = 0; state <= JOB_RETRYING; state++) /* a batch may have come between the two */
        if (s.evaluations[state] > s.jobs[state]) s.evaluations[state] = s.jobs[state];
    struct stmt *q = from_queue(r, R_AGENT_SUMS);
    rc = db_step(&r->queue, q, e);
    if (rc < 0) return rc;
    int64_t online = column_int(q, 1);
    s.agents_offline = column_int(q, 0) - online;
    s.agents_draining = column_int(q, 2);
    s.agents_unwell = column_int(q, 4);
    s.agents_online = online - s.agents_draining - s.agents_unwell;
    s.slots = column_int(q, 3);
    db_reset(q);
    q = from_queue(r, R_FREE_SLOTS);
    rc = db_step(&r->queue, q, e);
    if (rc == 1) s.free_slots = column_int(q, 0);
    db_reset(q);
    if (rc < 0) return rc;
    rc = reader_sizes(r, &s.database_bytes, &s.output_bytes, e);
    if (rc == 0) *out = s;
    return rc;
}
