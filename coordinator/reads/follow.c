/* Looks for followers. Reader thread, but for new and free. */
#include "coordinator/reads/follow.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/answer.h"
#include "coordinator/reads/job_json.h"
#include "coordinator/reads/output_line.h"
#include "coordinator/store/reader_run.h"
#include "wire/frame.h"
#include "wire/limits.h"

#define READ_BYTES (256u * 1024) /* of output per look */
#define PIECE_BYTES (2 * READ_BYTES + 2 * LIMIT_OUTPUT_CHUNK + ANSWER_BYTES)
#define KEEP_BYTES (16u * 1024) /* of memory, between two pieces */
/* Server-sent events (HTML, section 9.2): a client that comes back sends the last id. */
#define SSE_EVENT "event: state\ndata: "
#define SSE_OUTPUT "event: output\nid: %lld\ndata: "
#define RUNS_PER_LOOK 64 /* task runs of an execution that one look passes by */

static int broken(struct follow *f, int rc, const char *what)
{
    f->what = what;
    if (!f->err.code) err_set(&f->err, rc, "%s", err_sentence(rc));
    f->end = FOLLOW_BROKEN;
    return rc;
}

/* ---- events ---- */

/* The event is closed and added to the piece; rc: of its members. */
static int add_event(struct follow *f, struct jw *w, struct buf *text, int rc)
{
    jw_end(w);
    if (!rc) rc = jw_finish(w);
    if (!rc && f->lines)
        rc = buf_addf(&f->piece, "%s%s%s", f->sse ? SSE_EVENT : "", text->data,
                      f->sse ? "\n\n" : "\n");
    else if (!rc)
        rc = frame_add(&f->piece, FRAME_JSON, text->data, text->len);
    buf_fini(text);
    return rc ? broken(f, rc, "state") : 0;
}

static void begin_event(struct jw *w, struct buf *text, const char *name)
{
    buf_init(text, ANSWER_BYTES);
    jw_init(w, text);
    jw_object(w, NULL);
    jw_str(w, "event", name);
}

static int tell_job(struct follow *f, struct reader *r, const struct job_view *v)
{
    struct job_json_parts parts = {.attempts = 1, .with_waiting = true, .waiting = f->waiting};
    struct buf text;
    struct jw w;
    begin_event(&w, &text, "state");
    int rc = job_json(&w, r, v, &parts, &f->err);
    rc = add_event(f, &w, &text, rc);
    if (rc) return rc;
    f->told = true;
    f->state = v->job.state;
    f->told_attempt = v->job.attempt;
    mem_free(f->told_waiting);
    f->told_waiting = mem_strdup(f->waiting);
    return 0;
}

static int tell_execution(struct follow *f, const struct execution_row *x)
{
    struct buf text;
    struct jw w;
    begin_event(&w, &text, "execution");
    execution_json(&w, x);
    mem_free(f->told_execution);
    f->told_execution = mem_strdup(fsm_name(&execution_fsm, (int)x->state));
    return add_event(f, &w, &text, 0);
}

/* ---- a job ---- */

static bool is_news(const struct follow *f, const struct job_view *v)
{
    return !f->told || f->state != v->job.state || f->told_attempt != v->job.attempt ||
           !str_eq(f->waiting, f->told_waiting);
}

/* Tells the job's state when it is new. The end waits for the last output. */
static int look_at_state(struct follow *f, struct reader *r)
{
    struct job_view v;
    int rc = reader_job(r, f->job, &v, &f->err);
    if (rc) return broken(f, rc, "state");
    f->state_news = false;
    f->final = job_is_final(v.job.state);
    if (!job_json_waits(v.job.state)) {
        mem_free(f->waiting);
        f->waiting = NULL;
    }
    if (!f->final && is_news(f, &v)) rc = tell_job(f, r, &v);
    job_view_fini(&v);
    return rc;
}

static int tell_end(struct follow *f, struct reader *r)
{
    struct job_view v;
    int rc = reader_job(r, f->job, &v, &f->err);
    if (rc) return broken(f, rc, "end");
    rc = tell_job(f, r, &v);
    job_view_fini(&v);
    return rc;
}

static int add_line(struct follow *f, const struct chunk *c)
{
    int rc = 0;
    if (f->sse) rc = buf_addf(&f->piece, SSE_OUTPUT, (long long)c->cursor);
    if (rc == 0) rc = output_line_add(&f->piece, c);
    if (rc == 0 && f->sse) rc = buf_addc(&f->piece, '\n');
    return rc;
}

static int on_chunk(const struct chunk *c, void *user)
{
    struct follow *f = user;
    struct chunk rest = *c;
    size_t skip = f->skip < c->len ? f->skip : c->len;
    f->skip = 0;
    rest.data = (const char *)c->data + skip;
    rest.len -= skip;
    rest.offset += (int64_t)skip;
    if (rest.len == 0) return 0;
    if (f->lines) return add_line(f, &rest) != 0 || f->piece.len > READ_BYTES;
    if (!f->events) return buf_add(&f->piece, rest.data, rest.len);
    struct frame_output o = {.seq = c->cursor,
                             .job = c->job,
                             .attempt = (int32_t)c->attempt,
                             .stream = (uint8_t)c->stream,
                             .offset = rest.offset,
                             .data = rest.data,
                             .len = rest.len};
    return frame_output_add(&f->piece, &o);
}

/* One step towards the last lines. */
static int seek_tail(struct follow *f, struct reader *r, const struct output_filter *o, bool *more)
{
    f->seek.lines = f->seek.before > 0 ? f->seek.lines : f->tail;
    int rc = reader_output_tail(r, o, &f->seek, &f->err);
    if (rc) return broken(f, rc, "output");
    *more = true;
    if (!f->seek.found) return 0;
    f->cursor = f->seek.cursor;
    f->skip = f->seek.skip;
    f->tail = 0;
    return 0;
}

/* *more: there may be further output. */
static int look_at_output(struct follow *f, struct reader *r, bool *more)
{
    struct output_filter o = {.job = f->job,
                              .attempt = f->attempt,
                              .streams = f->streams,
                              .cursor = f->cursor,
                              .since_ms = f->since_ms,
                              .max_bytes = READ_BYTES};
    if (f->tail > 0) return seek_tail(f, r, &o, more);
    int64_t next = f->cursor;
    int rc = reader_output(r, &o, on_chunk, f, &next, &f->err);
    if (rc) return broken(f, rc, "output");
    *more = next != f->cursor;
    f->cursor = next;
    return 0;
}

static int look_at_job(struct follow *f, struct reader *r)
{
    bool more;
    if (f->events && f->state_news && look_at_state(f, r)) return f->err.code;
    if (look_at_output(f, r, &more)) return f->err.code;
    f->end = FOLLOW_MORE;
    if (more) return 0;
    f->end = f->events && !f->final ? FOLLOW_ALL : FOLLOW_OVER;
    return f->events && f->final ? tell_end(f, r) : 0;
}

/* ---- an execution ---- */

/* Tells the execution's state when it is new; the end is told with `end` only. */
static int look_at_execution(struct follow *f, struct reader *r, bool end)
{
    struct execution_row x;
    int rc = reader_execution(r, f->execution, &x, &f->err);
    if (rc) return broken(f, rc, "execution");
    f->execution_final = execution_is_final(x.state);
    const char *state = fsm_name(&execution_fsm, (int)x.state);
    if (f->events && (end || (!f->execution_final && !str_eq(f->told_execution, state))))
        rc = tell_execution(f, &x);
    execution_row_fini(&x);
    return rc;
}

static int on_run(const struct job_view *v, void *user)
{
    *(int64_t *)user = v->job.id;
    return 0;
}

/* *job: the task run behind the one at hand; 0: there is none yet. */
static int next_run(struct follow *f, struct reader *r, int64_t *job)
{
    struct task_run_filter of = {.execution = f->execution, .after_id = f->job, .limit = 1};
    bool more;
    *job = 0;
    int rc = reader_task_runs(r, &of, on_run, job, &more, &f->err);
    return rc ? broken(f, rc, "task runs") : 0;
}

/* Which job the cursor that was asked for is of: task runs at the same time write in turns, so that
 * it says nothing of the output of those that are told behind it. */
static int find_from(struct follow *f, struct reader *r)
{
    if (f->from_job || f->cursor == 0) return 0;
    f->from = f->cursor;
    int rc = reader_output_job(r, f->from, &f->from_job, &f->err);
    if (f->from_job == 0) f->from_job = INT64_MAX;
    return rc ? broken(f, rc, "output") : 0;
}

static void begin_run(struct follow *f, int64_t job)
{
    f->job = job;
    f->cursor = job <= f->from_job ? f->from : 0;
    f->told = f->final = f->job_done = false;
    f->state_news = true;
    mem_free(f->waiting);
    mem_free(f->told_waiting);
    f->waiting = f->told_waiting = NULL;
}

/* Goes on until the piece is large enough, a task run is under way, or there is no further one. */
static void look_at_runs(struct follow *f, struct reader *r)
{
    if (!f->job && find_from(f, r)) return;
    for (int i = 0; i < RUNS_PER_LOOK && f->piece.len < READ_BYTES; i++) {
        if (!f->job || f->job_done) {
            int64_t job;
            /* in this order: an execution that has ended gets no further task run */
            if (look_at_execution(f, r, false) || next_run(f, r, &job)) return;
            f->end = f->events ? FOLLOW_ALL : FOLLOW_OVER;
            if (!job && f->events && f->execution_final && look_at_execution(f, r, true) == 0)
                f->end = FOLLOW_OVER;
            if (!job) return;
            begin_run(f, job);
        }
        if (look_at_job(f, r) || f->end == FOLLOW_ALL) return;
        f->job_done = f->end == FOLLOW_OVER;
        f->end = FOLLOW_MORE;
    }
}

static void run(struct query *q, struct reader *r)
{
    struct follow *f = (struct follow *)q;
    f->err = (struct err){0};
    f->end = FOLLOW_MORE;
    if (f->execution)
        look_at_runs(f, r);
    else
        (void)look_at_job(f, r);
    q->result_bytes = f->piece.len;
}

struct follow *follow_new(void)
{
    struct follow *f = mem_alloc(sizeof *f);
    f->query.run = run;
    f->state_news = true;
    buf_init(&f->piece, PIECE_BYTES);
    return f;
}

/* Followers stay for hours: a large buffer is not kept between two pieces. */
void follow_clear(struct follow *f)
{
    if (f->piece.cap <= KEEP_BYTES) {
        buf_clear(&f->piece);
        return;
    }
    buf_fini(&f->piece);
    buf_init(&f->piece, PIECE_BYTES);
}

void follow_free(struct follow *f)
{
    mem_free(f->waiting);
    mem_free(f->told_waiting);
    mem_free(f->told_execution);
    buf_fini(&f->piece);
    mem_free(f);
}

bool follow_waits(const struct follow *f)
{
    return f->told && job_json_waits(f->state);
}
