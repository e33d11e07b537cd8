/* The output of an execution: that of its task runs, one after the other, and what becomes of them.
 * Cursors are those of chunks, which count over all jobs: a follower that comes back goes on behind
 * the last chunk that it saw. */
#include "coordinator/api/stream.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- who waits for which execution ---- */

static void add_follower(struct stream *st)
{
    struct map *m = &st->r->api->execution_followers;
    st->execution_next = map_find(m, (uint64_t)st->execution);
    map_put(m, (uint64_t)st->execution, st);
}

void stream_execution_free(struct stream *st)
{
    struct map *m = &st->r->api->execution_followers;
    struct stream *first = map_find(m, (uint64_t)st->execution);
    struct stream **place = &first;
    while (*place && *place != st)
        place = &(*place)->execution_next;
    if (*place) {
        *place = st->execution_next;
        if (first)
            map_put(m, (uint64_t)st->execution, first);
        else
            map_remove(m, (uint64_t)st->execution);
    }
    mem_free(st->told_execution);
}

void stream_on_execution(struct api *a, int64_t execution)
{
    struct stream *st = map_find(&a->execution_followers, (uint64_t)execution);
    for (; st; st = st->execution_next)
        stream_wake_later(st);
}

/* ---- what there is ---- */

static bool send_execution(struct stream *st, const struct execution_row *x)
{
    struct buf text;
    struct jw w;
    buf_init(&text, ANSWER_BYTES);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    jw_str(&w, "event", "execution");
    execution_json(&w, x);
    jw_end(&w);
    int rc = jw_finish(&w);
    if (rc == 0) return stream_add_json(st, &text);
    struct err e;
    buf_fini(&text);
    err_set(&e, rc, "%s", err_sentence(rc));
    stream_break_off(st, "state", &e);
    return false;
}

/* Its state, told when it is news; the end is told last of all. */
static bool look(struct stream *st, bool end)
{
    struct execution_row x;
    struct err e = {0};
    int rc = reader_execution(st->r->api->o.reader, st->execution, &x, &e);
    if (rc) {
        stream_break_off(st, "execution", &e);
        return false;
    }
    st->execution_final = execution_is_final(x.state);
    bool fine = true;
    const char *state = fsm_name(&execution_fsm, (int)x.state);
    if (st->follow && (end || (!st->execution_final && !str_eq(st->told_execution, state)))) {
        mem_free(st->told_execution);
        st->told_execution = mem_strdup(state);
        fine = send_execution(st, &x);
    }
    execution_row_fini(&x);
    return fine;
}

static int on_run(const struct job_view *v, void *user)
{
    *(int64_t *)user = v->job.id;
    return 0;
}

enum next { NEXT_RUN, NEXT_NONE, NEXT_BROKEN };

/* The task run behind the one at hand. */
static enum next next_run(struct stream *st)
{
    struct err e = {0};
    int64_t job = 0;
    bool more;
    struct task_run_filter f = {st->execution, st->job, 1};
    int rc = reader_task_runs(st->r->api->o.reader, &f, on_run, &job, &more, &e);
    if (rc) {
        stream_break_off(st, "task runs", &e);
        return NEXT_BROKEN;
    }
    if (!job) return NEXT_NONE;
    stream_follow_job(st, job);
    return NEXT_RUN;
}

/* All of the task run at hand. false: there is more to come, or it broke off. */
static bool pump_run(struct stream *st)
{
    if (!st->follow) {
        st->job_done = stream_output(st) == PROGRESS_ALL;
        return st->job_done;
    }
    bool first = !st->told;
    if (st->state_news && !stream_state(st)) return false;
    if (first) stream_ask_why(st);
    if (stream_output(st) != PROGRESS_ALL || !st->final || !stream_job_end(st)) return false;
    st->job_done = true;
    return true;
}

bool stream_pump_execution(struct stream *st)
{
    stream_begin(st, st->follow ? FOLLOW_TYPE : OUTPUT_TYPE);
    for (;;) {
        if (!st->job || st->job_done) {
            /* in this order: what has ended gets no further task run */
            if (!look(st, false)) return false;
            enum next next = next_run(st);
            if (next == NEXT_BROKEN) return false;
            if (next == NEXT_NONE) break;
        }
        if (!pump_run(st)) return false;
    }
    if (!st->follow) return stream_end(st);
    return st->execution_final && look(st, true) && stream_end(st);
}

/* ---- requests ---- */

static void open_stream(struct request *r, bool follow)
{
    struct execution_row x;
    int64_t cursor = 0;
    if (follow) {
        static const char *const keys[] = {"cursor"};
        request_query_known(r, keys, 1);
        cursor = request_query_int(r, "cursor", 0, INT64_MAX, 0);
    } else {
        request_query_known(r, NULL, 0);
    }
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    if (!execution_of_path(r, &x)) return;
    struct stream *st = stream_new(r, 0);
    st->execution = x.id;
    st->cursor = cursor;
    st->follow = follow;
    execution_row_fini(&x);
    if (follow) add_follower(st);
}

void executions_logs(struct request *r)
{
    open_stream(r, false);
}

void executions_follow(struct request *r)
{
    open_stream(r, true);
}
