/* Which jobs a group, an agent, a namespace, a flow, a label and so on has, without an entry for
 * each job.
 *
 * Ids grow with time, so jobs that are made together lie together. job_blocks cuts the ids into
 * blocks of 16 parts of 32 jobs, and its one row for a block has, for each subject of the block's
 * jobs (enum block_kind), a bit for each part. A list by such a subject reads these rows, 2,000 of
 * them for a million jobs, and then only the jobs of the parts that are marked (sql_reader.c).
 *
 * A row says what may be, never what cannot be: a mark stays when a job leaves the group, the agent
 * or the label, and whoever reads looks at the job's row again. A job belongs to the block with the
 * greatest start that is not above its id. Blocks and parts are cut at an id that is greater than
 * all before, so that no job ever changes its block; ids of a clock that was set back go to the
 * block that covers them. The first block starts at 0.
 *
 * What a batch brings is noted in blocks in memory, and those that changed are written with the
 * commit, in its transaction: for most batches that is one row, or none. */
#include "coordinator/store/sql_blocks.h"

#include "coordinator/store/sql_block_jobs.h"
#include "coordinator/store/sql_store.h"

#include "base/id.h"
#include "base/mem.h"

#include <string.h>

/* ---- cached blocks -------------------------------------------------------------------------- */

void blocks_forget(struct blocks *x)
{
    x->count = x->last = x->hand = x->dirty = 0;
    x->known = false;
    x->left_start = x->left_end = 0;
}

void blocks_fini(struct blocks *x)
{
    for (size_t i = 0; x->cached && i < BLOCKS_CACHED; i++)
        block_fini(&x->cached[i]);
    mem_free(x->cached);
    *x = (struct blocks){0};
}

static int write_block(struct store *s, struct block *b, struct err *e)
{
    unsigned char parts[8 * BLOCK_PARTS];
    struct stmt *q = store_queue(s, Q_BLOCK_PUT);
    block_bind(b, q, parts);
    int rc = db_run(&s->queue, q, e);
    if (rc == 0 && b->dirty) {
        b->dirty = false;
        s->blocks.dirty--;
    }
    return rc;
}

static int write_dirty(struct store *s, struct err *e)
{
    struct blocks *x = &s->blocks;
    int rc = 0;
    for (size_t i = 0; rc == 0 && x->dirty > 0 && i < x->count; i++)
        if (x->cached[i].dirty) rc = write_block(s, &x->cached[i], e);
    return rc;
}

/* Room for one more block; *b is not changed yet. */
static int take_slot(struct store *s, struct block **b, struct err *e)
{
    struct blocks *x = &s->blocks;
    if (!x->cached) x->cached = mem_array(BLOCKS_CACHED, sizeof *x->cached);
    if (x->count < BLOCKS_CACHED) {
        x->last = x->count++;
        x->cached[x->last].dirty = false;
    } else {
        x->last = x->hand;
        x->hand = (x->hand + 1) % BLOCKS_CACHED;
    }
    *b = &x->cached[x->last];
    return (*b)->dirty ? write_block(s, *b, e) : 0;
}

/* 1: there is one; 0: none. */
static int find_range(struct store *s, int64_t id, int64_t *start, int64_t *end, struct err *e)
{
    struct stmt *q = store_queue(s, Q_BLOCK_RANGE);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    *start = column_is_null(q, 0) ? -1 : column_int(q, 0);
    *end = column_int(q, 1);
    db_reset(q);
    return *start >= 0;
}

/* A block that begins: its row is there from now on, so that each block knows where it ends. */
static int add_block(struct store *s, int64_t start, int64_t end, struct block **b, struct err *e)
{
    int rc = take_slot(s, b, e);
    if (rc != 0) return rc;
    block_begin(*b, start, end);
    return write_block(s, *b, e);
}

static int load_block(struct store *s, int64_t id, struct block **b, struct err *e)
{
    int64_t start = 0, end = INT64_MAX;
    int rc = find_range(s, id, &start, &end, e);
    if (rc < 0) return rc;
    if (rc == 0) return add_block(s, 0, end, b, e);
    rc = take_slot(s, b, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_BLOCK_GET);
    bind_int(q, 1, start);
    rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    (void)block_read(*b, q, end); /* of a damaged one the check tells */
    db_reset(q);
    return 0;
}

static bool covers(const struct block *b, int64_t id)
{
    return id >= b->start && id < b->end;
}

static int find_block(struct store *s, int64_t id, struct block **b, struct err *e)
{
    struct blocks *x = &s->blocks;
    if (x->count > 0 && covers(&x->cached[x->last], id)) {
        *b = &x->cached[x->last];
        return 0;
    }
    for (size_t i = 0; i < x->count; i++) {
        if (!covers(&x->cached[i], id)) continue;
        x->last = i;
        *b = &x->cached[i];
        return 0;
    }
    return load_block(s, id, b, e);
}

static void mark_dirty(struct blocks *x, struct block *b)
{
    if (!b->dirty) x->dirty++;
    b->dirty = true;
}

/* ---- noting --------------------------------------------------------------------------------- */

/* What the newest part has is not known then: the next job begins another one. */
static int learn(struct store *s, struct err *e)
{
    struct blocks *x = &s->blocks;
    if (x->known) return 0;
    struct stmt *q = store_queue(s, Q_JOB_LAST);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    x->high = column_int(q, 0);
    db_reset(q);
    x->part_jobs = PART_JOBS;
    x->known = true;
    return 0;
}

/* Cuts the newest part before a job that comes after all, when it has enough. */
static int cut(struct store *s, int64_t id, struct err *e)
{
    struct blocks *x = &s->blocks;
    if (id <= x->high) return 0;
    bool first = x->high == 0;
    x->high = id;
    if (x->part_jobs++ < PART_JOBS) return 0;
    x->part_jobs = 1;
    struct block *b;
    int rc = find_block(s, id, &b, e);
    if (rc != 0 || first) return rc;
    if (b->part_count == BLOCK_PARTS) {
        b->end = id;
        if (x->left_end > id) x->left_end = id;
        return add_block(s, id, INT64_MAX, &b, e);
    }
    b->parts[b->part_count++] = id;
    mark_dirty(x, b);
    return 0;
}

static int note(struct store *s, const struct block_job *job, struct err *e)
{
    struct block *b;
    int rc = find_block(s, job->id, &b, e);
    if (rc != 0) return rc;
    bool was = b->dirty;
    block_note(b, job);
    if (b->dirty && !was) s->blocks.dirty++;
    return 0;
}

static struct json *parse_labels(const char *text)
{
    struct json *labels = NULL;
    if (text) (void)json_parse(text, strlen(text), &labels, NULL); /* a damaged one has none */
    return labels;
}

/* The labels of an execution, as the batch leaves them. *labels: json_free; untouched: none. */
static int read_labels(struct store *s, int64_t id, struct json **labels, struct err *e)
{
    const struct execution_change *x = changes_find_execution(&s->changes, id);
    if (x && (x->fresh || x->row.labels)) {
        *labels = parse_labels(x->row.labels);
        return 0;
    }
    struct stmt *q = store_queue(s, Q_EXECUTION_LABELS);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    *labels = parse_labels(column_str(q, 0));
    db_reset(q);
    return 0;
}

struct task_labels {
    int64_t execution; /* `parsed` are its labels; 0: none */
    struct json *parsed;
};

/* Those of the task before are mostly the same: an execution starts many at once. */
static int find_labels(struct store *s, const char *execution, struct task_labels *last,
                       struct err *e)
{
    int64_t id;
    if (!execution || id_parse(execution, &id) != 0) id = 0;
    if (id == last->execution) return 0;
    json_free(last->parsed);
    *last = (struct task_labels){.execution = id};
    return id ? read_labels(s, id, &last->parsed, e) : 0;
}

static int note_new(struct store *s, const struct job_row *j, struct task_labels *last,
                    struct err *e)
{
    int rc = find_labels(s, j->execution, last, e);
    if (rc != 0) return rc;
    const struct block_job job = {
        .id = j->id,
        .group = group_text(j->group),
        .ns = j->ns,
        .flow = j->flow,
        .task = j->task,
        .labels = last->parsed,
        .agent = j->agent,
        .state = j->state,
        .reason = j->reason,
    };
    return note(s, &job, e);
}

static int note_change(struct store *s, const struct job_change *x, struct err *e)
{
    const struct job_row *j = &x->row;
    const struct block_job job = {
        .id = j->id,
        .group = x->parts & PART_GROUP ? group_text(j->group) : NULL,
        .agent = x->parts & PART_ATTEMPT ? j->agent : 0,
        .state = x->parts & PART_STATE ? j->state : JOB_CREATED,
        .reason = x->parts & PART_REASON ? j->reason : REASON_NONE,
    };
    bool any = job.group || job.agent || job_is_final(job.state) || job.reason != REASON_NONE;
    return any ? note(s, &job, e) : 0;
}

struct fresh {
    int64_t id;
    const struct job_change *job;
};

/* Shell's sort: of the few that a batch has it takes a quarter of the time of qsort. */
static void sort_by_id(struct fresh *jobs, size_t count)
{
    static const size_t gaps[] = {1, 4, 10, 23, 57, 132, 301, 701, 1577, 3548};
    for (size_t g = sizeof gaps / sizeof *gaps; g-- > 0;) {
        for (size_t i = gaps[g]; i < count; i++) {
            struct fresh x = jobs[i];
            size_t k = i;
            for (; k >= gaps[g] && jobs[k - gaps[g]].id > x.id; k -= gaps[g])
                jobs[k] = jobs[k - gaps[g]];
            jobs[k] = x;
        }
    }
}

static size_t count_fresh(const struct changes *c)
{
    size_t count = 0;
    for (const struct job_change *x = c->first_job; x; x = x->next)
        count += x->fresh;
    return count;
}

/* Ids of one millisecond come in any order: in their own order, the parts get what they have room
 * for. */
static int note_fresh(struct store *s, size_t count, struct err *e)
{
    struct fresh *jobs = arena_alloc(&s->changes.arena, count * sizeof *jobs);
    size_t n = 0;
    for (const struct job_change *x = s->changes.first_job; x; x = x->next)
        if (x->fresh) jobs[n++] = (struct fresh){x->row.id, x};
    sort_by_id(jobs, n);
    struct task_labels last = {0};
    int rc = learn(s, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = cut(s, jobs[i].id, e);
        if (rc == 0) rc = note_new(s, &jobs[i].job->row, &last, e);
    }
    json_free(last.parsed);
    return rc;
}

int blocks_note(struct store *s, struct err *e)
{
    size_t fresh = count_fresh(&s->changes);
    int rc = fresh ? note_fresh(s, fresh, e) : 0;
    for (const struct job_change *x = s->changes.first_job; rc == 0 && x; x = x->next)
        if (!x->fresh) rc = note_change(s, x, e);
    return rc;
}

int blocks_relabel(struct store *s, const struct execution_row *x, struct err *e)
{
    char execution[ID_TEXT_SIZE];
    id_format(x->id, execution);
    struct json *labels = parse_labels(x->labels);
    struct stmt *q = store_queue(s, Q_EXECUTION_JOB_IDS);
    bind_text(q, 1, execution);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        rc = note(s, &(struct block_job){.id = column_int(q, 0), .labels = labels}, e);
        if (rc != 0) break;
    }
    db_reset(q);
    json_free(labels);
    return rc;
}

/* ---- jobs that go --------------------------------------------------------------------------- */

/* Deletes the block that jobs left, when it has none any more. */
static int settle_left(struct store *s, struct err *e)
{
    struct blocks *x = &s->blocks;
    if (x->left_end == 0) return 0;
    int rc = write_dirty(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_BLOCK_DROP);
    bind_int(q, 1, x->left_start);
    bind_int(q, 2, x->left_end);
    int64_t rows = 0;
    rc = db_count(&s->queue, q, &rows, e);
    x->left_start = x->left_end = 0;
    if (rc == 0 && rows > 0) blocks_forget(x); /* the block before it ends later now */
    return rc;
}

int blocks_leave(struct store *s, int64_t job, struct err *e)
{
    struct blocks *x = &s->blocks;
    if (job >= x->left_start && job < x->left_end) return 0;
    int rc = settle_left(s, e);
    if (rc != 0) return rc;
    rc = find_range(s, job, &x->left_start, &x->left_end, e);
    if (rc == 0) x->left_start = x->left_end = 0; /* no block: nothing to leave */
    return rc < 0 ? rc : 0;
}

int blocks_flush(struct store *s, struct err *e)
{
    int rc = write_dirty(s, e);
    return rc == 0 ? settle_left(s, e) : rc;
}

/* ---- all of it ------------------------------------------------------------------------------ */

struct making {
    struct db *d;
    struct block_jobs jobs;
    struct stmt *put;
    struct block block;
    size_t part_jobs;
};

static int put_made(struct making *m, struct err *e)
{
    unsigned char parts[8 * BLOCK_PARTS];
    block_bind(&m->block, m->put, parts);
    return db_run(m->d, m->put, e);
}

/* Jobs come by id. */
static int take_job(struct making *m, const struct block_job *job, struct err *e)
{
    struct block *b = &m->block;
    if (m->part_jobs++ == PART_JOBS) {
        m->part_jobs = 1;
        if (b->part_count == BLOCK_PARTS) {
            int rc = put_made(m, e);
            if (rc != 0) return rc;
            block_begin(b, job->id, INT64_MAX);
        } else {
            b->parts[b->part_count++] = job->id;
        }
    }
    block_note(b, job);
    return 0;
}

static int make_all(struct making *m, struct err *e)
{
    struct block_job job;
    int rc = block_jobs_open(&m->jobs, m->d, e);
    if (rc != 0) return rc;
    rc = db_prepare_one(m->d, BLOCK_PUT, &m->put, e);
    if (rc != 0) return rc;
    block_begin(&m->block, 0, INT64_MAX);
    while ((rc = block_jobs_next(&m->jobs, &job, e)) == 1) {
        rc = take_job(m, &job, e);
        if (rc != 0) return rc;
    }
    return rc == 0 ? put_made(m, e) : rc;
}

int blocks_make(struct db *d, struct err *e)
{
    int64_t wanted;
    int rc = db_int(d, BLOCKS_WANTED, &wanted, e);
    if (rc != 0 || !wanted) return rc;
    struct making m = {.d = d};
    rc = db_exec(d, "BEGIN IMMEDIATE", e);
    if (rc == 0) rc = make_all(&m, e);
    block_jobs_close(&m.jobs);
    stmt_finish(m.put);
    block_fini(&m.block);
    if (rc == 0) rc = db_exec(d, "COMMIT", e);
    if (rc != 0 && db_in_transaction(d)) db_exec(d, "ROLLBACK", NULL);
    return rc;
}
