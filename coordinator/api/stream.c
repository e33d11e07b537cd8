/* Answers without a known end: a job's output as it stands (logs), and as it comes, with the
 * job's state (follow). Nothing is read from the store that the client has not room for: at most
 * API_PENDING_BYTES wait. */
#include "coordinator/api/stream.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"

/* ---- who waits for which job ---- */

static void add_follower(struct stream *st)
{
    struct map *m = &st->r->api->followers;
    st->job_next = map_find(m, (uint64_t)st->job);
    map_put(m, (uint64_t)st->job, st);
}

static void remove_follower(struct stream *st)
{
    struct map *m = &st->r->api->followers;
    struct stream *first = map_find(m, (uint64_t)st->job);
    struct stream **place = &first;
    while (*place && *place != st)
        place = &(*place)->job_next;
    if (!*place) return;
    *place = st->job_next;
    if (first)
        map_put(m, (uint64_t)st->job, first);
    else
        map_remove(m, (uint64_t)st->job);
}

void stream_follow_job(struct stream *st, int64_t job)
{
    if (st->follow && st->job) remove_follower(st);
    st->job = job;
    st->told = st->final = st->job_done = false;
    st->state_news = true;
    mem_free(st->waiting);
    mem_free(st->told_waiting);
    st->waiting = st->told_waiting = NULL;
    if (st->follow) add_follower(st);
}

static void remove_woken(struct stream *st)
{
    struct stream **place = &st->r->api->woken;
    if (!st->in_woken) return;
    while (*place != st)
        place = &(*place)->woken_next;
    *place = st->woken_next;
    st->in_woken = false;
}

void stream_drained(struct stream *st)
{
    if (st->full) st->woken = true;
}

void stream_wake_later(struct stream *st)
{
    struct api *a = st->r->api;
    st->woken = true;
    if (st->in_woken) return;
    st->in_woken = true;
    st->woken_next = a->woken;
    a->woken = st;
}

void stream_on_job(struct api *a, int64_t job, bool state)
{
    for (struct stream *st = map_find(&a->followers, (uint64_t)job); st; st = st->job_next) {
        if (state) st->state_news = true;
        stream_wake_later(st);
    }
}

struct stream *stream_take_woken(struct api *a)
{
    struct stream *st = a->woken;
    if (!st) return NULL;
    a->woken = st->woken_next;
    st->in_woken = false;
    return st;
}

struct request *stream_request(const struct stream *st)
{
    return st->r;
}

struct stream *stream_new(struct request *r, int64_t job)
{
    struct stream *st = mem_alloc(sizeof *st);
    st->r = r;
    st->job = job;
    st->woken = true;
    buf_init(&st->piece, PIECE_BYTES);
    r->stream = st;
    return st;
}

void stream_free(struct stream *st)
{
    if (!st) return;
    if (st->follow) remove_follower(st);
    if (st->execution) stream_execution_free(st);
    remove_woken(st);
    buf_fini(&st->piece);
    mem_free(st->waiting);
    mem_free(st->told_waiting);
    mem_free(st);
}

/* ---- sending ---- */

/* What cannot go on breaks off without the last chunk: the client sees that it is not whole. */
void stream_break_off(struct stream *st, const char *what, const struct err *e)
{
    struct err why;
    char job[ID_TEXT_SIZE];
    id_format(st->job, job);
    err_set(&why, ERR_IO, "job %s: its %s broke off: %s", job, what, err_text(e));
    log_error("%s", why.msg);
    st->r->to->abort(st->r, &why);
}

/* Many may follow for hours: what one burst of output needed is not kept. */
static void reset_piece(struct stream *st)
{
    buf_fini(&st->piece);
    buf_init(&st->piece, PIECE_BYTES);
}

bool stream_send(struct stream *st)
{
    struct link *l = st->r->link;
    struct err e;
    if (!st->piece.len) return true;
    int rc = http_write_chunk(link_out(l), st->piece.data, st->piece.len);
    if (st->piece.cap > KEEP_BYTES)
        reset_piece(st);
    else
        buf_clear(&st->piece);
    if (rc) {
        err_set(&e, rc, "%s", err_sentence(rc));
        stream_break_off(st, "stream", &e);
        return false;
    }
    link_flush_later(l);
    st->sent_ms = api_mono_ms();
    return true;
}

static int on_chunk(const struct chunk *c, void *user)
{
    struct stream *st = user;
    if (!st->follow) return buf_add(&st->piece, c->data, c->len);
    struct frame_output o = {.seq = c->cursor,
                             .job = c->job,
                             .attempt = (int32_t)c->attempt,
                             .stream = (uint8_t)c->stream,
                             .offset = c->offset,
                             .data = c->data,
                             .len = c->len};
    return frame_output_add(&st->piece, &o);
}

/* Sends output until the store has no more or the client no room. */
enum progress stream_output(struct stream *st)
{
    struct link *l = st->r->link;
    st->full = false;
    while (link_pending(l) <= API_PENDING_BYTES) {
        struct err e = {0};
        int64_t next = st->cursor;
        struct output_filter f = {st->job, st->attempt, st->streams, st->cursor, READ_BYTES};
        int rc = reader_output(st->r->api->o.reader, &f, on_chunk, st, &next, &e);
        if (rc) {
            stream_break_off(st, "output", &e);
            return PROGRESS_BROKEN;
        }
        if (!stream_send(st)) return PROGRESS_BROKEN;
        if (next == st->cursor) return PROGRESS_ALL;
        st->cursor = next;
    }
    st->full = true;
    return PROGRESS_FULL;
}

bool stream_end(struct stream *st)
{
    struct link *l = st->r->link;
    http_write_stream_end(link_out(l));
    link_flush_later(l);
    return true;
}

void stream_begin(struct stream *st, const char *type)
{
    if (st->begun) return;
    st->begun = true;
    st->sent_ms = api_mono_ms();
    http_write_stream_head(link_out(st->r->link), 200, type);
    link_flush_later(st->r->link);
}

/* ---- follow: states ---- */

static bool waits(enum job_state s)
{
    return s == JOB_CREATED || s == JOB_RETRYING;
}

/* rc: of the text, which is fini'd. */
static bool add_event(struct stream *st, int rc, struct buf *text)
{
    if (!rc) rc = frame_add(&st->piece, FRAME_JSON, text->data, text->len);
    buf_fini(text);
    if (!rc) return true;
    struct err e;
    err_set(&e, rc, "%s", err_sentence(rc));
    stream_break_off(st, "state", &e);
    return false;
}

bool stream_add_json(struct stream *st, struct buf *text)
{
    return add_event(st, 0, text) && stream_send(st);
}

static bool send_event(struct stream *st, const struct job_view *v)
{
    struct buf text;
    struct jw w;
    buf_init(&text, ANSWER_BYTES);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    jw_str(&w, "event", "state");
    int rc = job_json(&w, st->r->api->o.reader, v, JOB_JSON_ATTEMPTS | JOB_JSON_WAITING,
                      st->waiting, NULL);
    jw_end(&w);
    if (!rc) rc = jw_finish(&w);
    if (!add_event(st, rc, &text)) return false;
    st->told = true;
    st->state = v->job.state;
    st->told_attempt = v->job.attempt;
    mem_free(st->told_waiting);
    st->told_waiting = mem_strdup(st->waiting);
    return stream_send(st);
}

static bool is_news(const struct stream *st, const struct job_view *v)
{
    return !st->told || st->state != v->job.state || st->told_attempt != v->job.attempt ||
           !str_eq(st->waiting, st->told_waiting);
}

/* Reads the job again and tells what is new, but the end, which waits for the last output. */
bool stream_state(struct stream *st)
{
    struct job_view v;
    struct err e = {0};
    st->state_news = false;
    int rc = reader_job(st->r->api->o.reader, st->job, &v, &e);
    if (rc) {
        stream_break_off(st, "state", &e);
        return false;
    }
    st->final = job_is_final(v.job.state);
    if (!waits(v.job.state)) {
        mem_free(st->waiting);
        st->waiting = NULL;
    }
    bool fine = st->final || !is_news(st, &v) || send_event(st, &v);
    job_view_fini(&v);
    return fine;
}

bool stream_job_end(struct stream *st)
{
    struct job_view v;
    struct err e = {0};
    int rc = reader_job(st->r->api->o.reader, st->job, &v, &e);
    if (rc) {
        stream_break_off(st, "end", &e);
        return false;
    }
    bool fine = send_event(st, &v);
    job_view_fini(&v);
    return fine;
}

static void on_why(struct request *r, struct effect *x)
{
    struct stream *st = r->stream;
    st->asking = false;
    mem_free(st->waiting);
    st->waiting = x->rc == 0 && x->json && !str_eq(x->json, "null") ? mem_strdup(x->json) : NULL;
    st->state_news = true;
    st->woken = true;
    r->to->turn(r);
}

/* What it waits for is known to the engine only. */
void stream_ask_why(struct stream *st)
{
    if (st->asking || !st->told || !waits(st->state) || st->r->api->stopped) return;
    struct command *c = command_new(CMD_WHY);
    c->u.id = st->job;
    st->asking = true;
    st->asked_ms = api_mono_ms();
    request_ask(st->r, c, on_why);
}

static bool pump_follow(struct stream *st)
{
    bool first = !st->begun;
    stream_begin(st, FOLLOW_TYPE);
    if (st->state_news && !stream_state(st)) return false;
    if (first) stream_ask_why(st);
    if (stream_output(st) != PROGRESS_ALL) return false;
    return st->final && stream_job_end(st) && stream_end(st);
}

bool stream_pump(struct stream *st)
{
    if (!st->woken) return false;
    st->woken = false;
    if (st->execution) return stream_pump_execution(st);
    if (st->follow) return pump_follow(st);
    stream_begin(st, OUTPUT_TYPE);
    return stream_output(st) == PROGRESS_ALL && stream_end(st);
}

void stream_sweep(struct stream *st, int64_t now_ms)
{
    struct link *l = st->r->link;
    if (!st->follow || !st->begun || link_pending(l)) return;
    if (now_ms - st->sent_ms >= PING_MS) {
        static const char ping[] = "{\"event\":\"ping\"}";
        if (frame_add(&st->piece, FRAME_JSON, ping, sizeof ping - 1) == 0) (void)stream_send(st);
    }
    if (now_ms - st->asked_ms >= WHY_MS) stream_ask_why(st);
}

/* ---- requests ---- */

static bool open_job(struct request *r, int64_t *id)
{
    struct job_view v;
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return false;
    }
    if (!job_of_path(r, &v)) return false;
    *id = v.job.id;
    job_view_fini(&v);
    return true;
}

void stream_logs(struct request *r)
{
    static const char *const keys[] = {"stream", "attempt"};
    static const char *const names[] = {"stdout", "stderr", "system"};
    const char *name = http_query(&r->target, "stream");
    uint32_t streams = 0;
    int64_t id;
    request_query_known(r, keys, 2);
    int64_t attempt = request_query_int(r, "attempt", 1, 1000000, 0);
    for (unsigned i = 0; i < 3; i++)
        if (str_eq(name, names[i]))
            streams = UINT32_C(2) << i; /* bit 1 << STREAM_STDOUT and so on */
    if (name && !streams)
        problem_set(&r->problem, 422, "invalid", NULL, "stream",
                    "stream: '%.40s' is neither stdout nor stderr nor system", name);
    if (!open_job(r, &id)) return;
    struct stream *st = stream_new(r, id);
    st->attempt = attempt;
    st->streams = streams;
}

void stream_follow(struct request *r)
{
    static const char *const keys[] = {"cursor"};
    int64_t id;
    request_query_known(r, keys, 1);
    int64_t cursor = request_query_int(r, "cursor", 0, INT64_MAX, 0);
    if (!open_job(r, &id)) return;
    struct stream *st = stream_new(r, id);
    st->cursor = cursor;
    st->follow = true;
    st->state_news = true;
    add_follower(st);
}
