/* The present output of a job or an execution, and what follows. One look is under way at most
 * (coordinator/reads/follow.h); what happens meanwhile is remembered and goes into the next one. */
#include "coordinator/api/following.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/range.h"
#include "coordinator/reads/follow.h"
#include "coordinator/reads/lookup.h"
#include "platform/os.h"
#include "wire/frame.h"

#define PING_MS 15000
#define WHY_MS 2000
#define FOLLOW_TYPE "application/vnd.cadre.follow"
#define OUTPUT_TYPE "application/octet-stream"
#define TAIL_MOST 1000000

struct following {
    struct stream base;
    struct follow *follow; /* the reader thread's while `looking` */
    bool looking;
    bool over;
    bool woken;      /* there may be something to send */
    bool full;       /* the client had no room at the last look */
    bool state_news; /* the job changed since the last look began */
    bool why_news;   /* `waiting` is newer than what the look knows */
    char *waiting;   /* JSON text or NULL */
    int64_t sent_ms, asked_ms;
    int64_t asked_job; /* the engine was asked what this job waits for */
    bool asking;
    int64_t job;                /* it is listed under this job; 0: under none */
    struct following *job_next; /* of the same job */
    int64_t execution;
    struct following *execution_next;
    struct following *woken_next; /* api->woken */
    bool in_woken;
};

/* ---- who waits for which job, and which execution ---- */

static void list_by_job(struct following *st, int64_t job)
{
    struct map *m = &st->base.r->api->followers;
    st->job = job;
    st->job_next = map_find(m, (uint64_t)job);
    map_put(m, (uint64_t)job, st);
}

static void unlist_job(struct following *st)
{
    struct map *m = &st->base.r->api->followers;
    struct following *first = st->job ? map_find(m, (uint64_t)st->job) : NULL;
    struct following **place = &first;
    while (*place && *place != st)
        place = &(*place)->job_next;
    if (!*place) return;
    *place = st->job_next;
    if (first)
        map_put(m, (uint64_t)st->job, first);
    else
        map_remove(m, (uint64_t)st->job);
}

static void list_by_execution(struct following *st, int64_t execution)
{
    struct map *m = &st->base.r->api->execution_followers;
    st->execution = execution;
    st->execution_next = map_find(m, (uint64_t)execution);
    map_put(m, (uint64_t)execution, st);
}

static void unlist_execution(struct following *st)
{
    struct map *m = &st->base.r->api->execution_followers;
    struct following *first = st->execution ? map_find(m, (uint64_t)st->execution) : NULL;
    struct following **place = &first;
    while (*place && *place != st)
        place = &(*place)->execution_next;
    if (!*place) return;
    *place = st->execution_next;
    if (first)
        map_put(m, (uint64_t)st->execution, first);
    else
        map_remove(m, (uint64_t)st->execution);
}

static void remove_woken(struct following *st)
{
    struct following **place = &st->base.r->api->woken;
    if (!st->in_woken) return;
    while (*place != st)
        place = &(*place)->woken_next;
    *place = st->woken_next;
    st->in_woken = false;
}

static void on_drained(struct stream *base)
{
    struct following *st = (struct following *)base;
    if (st->full) st->woken = true;
}

static void wake_later(struct following *st)
{
    struct api *a = st->base.r->api;
    st->woken = true;
    if (st->in_woken) return;
    st->in_woken = true;
    st->woken_next = a->woken;
    a->woken = st;
}

void following_on_job(struct api *a, int64_t job, bool state)
{
    for (struct following *st = map_find(&a->followers, (uint64_t)job); st; st = st->job_next) {
        if (state) st->state_news = true;
        wake_later(st);
    }
}

void following_on_execution(struct api *a, int64_t execution)
{
    struct following *st = map_find(&a->execution_followers, (uint64_t)execution);
    for (; st; st = st->execution_next)
        wake_later(st);
}

struct request *following_take_woken(struct api *a)
{
    struct following *st = a->woken;
    if (!st) return NULL;
    a->woken = st->woken_next;
    st->in_woken = false;
    return st->base.r;
}

static void free_following(struct stream *base)
{
    struct following *st = (struct following *)base;
    unlist_job(st);
    unlist_execution(st);
    remove_woken(st);
    if (st->looking) {
        st->follow->owner = NULL;
        reads_cancel(st->base.r->api->o.reads, &st->follow->query);
    } else {
        follow_free(st->follow);
    }
    mem_free(st->waiting);
    mem_free(st);
}

/* ---- sending ---- */

static void break_off(struct following *st, const char *what, const struct err *e)
{
    struct err why;
    char id[ID_TEXT_SIZE];
    id_format(st->execution ? st->execution : st->follow->job, id);
    err_set(&why, ERR_IO, "%s %s: its %s broke off: %s", st->execution ? "execution" : "job", id,
            what, err_text(e));
    log_error("%s", why.msg);
    stream_break_off(&st->base, &why);
}

/* false: broken off. */
static bool send(struct following *st, const void *data, size_t len)
{
    struct err e;
    if (!stream_send(&st->base, data, len, &e)) {
        break_off(st, "stream", &e);
        return false;
    }
    st->sent_ms = os_mono_ms();
    return true;
}

static const char *type_of(const struct follow *f)
{
    return f->sse      ? FORM_SSE_TYPE
           : f->lines  ? FORM_LINES_TYPE
           : f->events ? FOLLOW_TYPE
                       : OUTPUT_TYPE;
}

/* ---- what a job waits for: known to the engine only ---- */

static void on_why(struct request *r, struct reply *x)
{
    struct following *st = (struct following *)r->stream;
    st->asking = false;
    mem_free(st->waiting);
    st->waiting = x->rc == 0 && x->json && !str_eq(x->json, "null") ? mem_strdup(x->json) : NULL;
    st->why_news = st->state_news = st->woken = true;
    r->to->turn(r);
}

static void ask_why(struct following *st)
{
    if (st->asking || !follow_waits(st->follow) || st->base.r->api->stopped) return;
    if (!st->base.r->api->spine) return;
    struct command *c = command_new(CMD_WHY);
    c->u.id = st->asked_job = st->follow->job;
    st->asking = true;
    st->asked_ms = os_mono_ms();
    request_ask(st->base.r, c, on_why);
}

/* ---- looks ---- */

/* A follower of an execution is listed under its present task run. News of that run from before the
 * listing reached nobody, so that the run is looked up once more. */
static void list_again(struct following *st)
{
    if (!st->follow->events || st->job == st->follow->job) return;
    unlist_job(st);
    list_by_job(st, st->follow->job);
    st->state_news = st->woken = true;
}

static void on_look(struct query *q)
{
    struct follow *f = (struct follow *)q;
    struct following *st = f->owner;
    if (!st) {
        follow_free(f);
        return;
    }
    st->looking = false;
    if (!q->ran) return; /* the coordinator stops: the stream breaks off with its connection */
    if (f->end == FOLLOW_BROKEN) {
        break_off(st, f->what, &f->err);
        return;
    }
    bool fine = send(st, f->piece.data, f->piece.len);
    follow_clear(f);
    if (!fine) return;
    list_again(st);
    if (f->end == FOLLOW_MORE) st->woken = true;
    if (f->end == FOLLOW_OVER) {
        st->over = true;
        stream_end(&st->base);
    }
    if (f->events && f->job != st->asked_job) ask_why(st);
    st->base.r->to->turn(st->base.r);
}

static void look(struct following *st)
{
    struct follow *f = st->follow;
    if (st->state_news) f->state_news = true;
    if (st->why_news) {
        mem_free(f->waiting);
        f->waiting = st->waiting;
        st->waiting = NULL;
    }
    st->state_news = st->why_news = st->woken = false;
    st->looking = true;
    reads_push(st->base.r->api->o.reads, &f->query);
}

static bool pump(struct stream *base)
{
    struct following *st = (struct following *)base;
    if (!st->base.begun) {
        stream_begin(base, type_of(st->follow));
        st->sent_ms = os_mono_ms();
    }
    if (st->over) return true;
    if (st->looking || !st->woken) return false;
    st->full = link_pending(st->base.r->link) > API_PENDING_BYTES;
    if (!st->full) look(st);
    return false;
}

static void sweep(struct stream *base, int64_t now_ms)
{
    struct following *st = (struct following *)base;
    static const char text[] = "{\"event\":\"ping\"}";
    if (!st->base.begun || st->over || st->looking || !st->follow->events ||
        link_pending(st->base.r->link))
        return;
    const struct follow *f = st->follow;
    if (now_ms - st->sent_ms >= PING_MS) {
        struct buf ping;
        buf_init(&ping, 256);
        int rc = f->sse     ? buf_addf(&ping, "event: ping\ndata: %s\n\n", text)
                 : f->lines ? buf_addf(&ping, "%s\n", text)
                            : frame_add(&ping, FRAME_JSON, text, sizeof text - 1);
        bool fine = rc == 0 && send(st, ping.data, ping.len);
        buf_fini(&ping);
        if (!fine) return;
    }
    if (now_ms - st->asked_ms >= WHY_MS) ask_why(st);
}

static const struct stream_kind kind = {.pump = pump,
                                        .drained = on_drained,
                                        .sweep = sweep,
                                        .free = free_following};

/* ---- requests ---- */

static bool is_of_execution(const struct request *r)
{
    return str_eq(request_segment(r, 2), "executions");
}

static uint32_t query_streams(struct request *r)
{
    static const char *const names[] = {"stdout", "stderr", "system"};
    const char *name = http_query(&r->target, "stream");
    for (unsigned i = 0; i < 3; i++)
        if (str_eq(name, names[i])) return UINT32_C(2) << i; /* bit 1 << STREAM_STDOUT and so on */
    if (name)
        problem_field(&r->problem, "stream",
                      "stream: '%.40s' is neither stdout nor stderr nor system", name);
    return 0;
}

/* Lines of JSON, server-sent events, or what is usual. The query counts more than the header. */
static void read_form(struct request *r, struct follow *f)
{
    const char *format = http_query(&r->target, "format");
    bool json = str_eq(format, "json");
    f->sse = !json && f->events && r->form == FORM_SSE;
    f->lines = json || f->sse || r->form == FORM_LINES;
    if (format && !json)
        problem_field(&r->problem, "format", "format: '%.40s' is not json", format);
}

/* Where to go on: the query's cursor, or else the last event that the client saw. */
static int64_t read_cursor(struct request *r, const struct follow *f)
{
    int64_t cursor = request_query_int(r, "cursor", 0, INT64_MAX, 0), seen = 0;
    if (cursor == 0 && f->sse && r->last_event && str_int64(r->last_event, &seen) == 0 && seen > 0)
        return seen;
    return cursor;
}

/* What the query asks for. Wrong values fill r->problem. */
static void read_query(struct request *r, struct follow *f)
{
    /* Attempts and the end belong to one job. */
    static const char *const keys[] = {"format", "since", "cursor", "stream", "attempt", "tail"};
    f->events = r->route->stream == STREAM_EVENTS;
    request_query_known(r, keys, is_of_execution(r) ? 4 : 6);
    read_form(r, f);
    f->cursor = read_cursor(r, f);
    f->since_ms = range_time(r, "since");
    f->attempt = request_query_int(r, "attempt", 1, 1000000, 0);
    f->streams = query_streams(r);
    /* Bare bytes do not tell what is the job's: Cadre's remarks would be taken for its output. */
    if (f->streams == 0 && !f->events && !f->lines)
        f->streams = 1u << STREAM_STDOUT | 1u << STREAM_STDERR;
    int64_t tail = request_query_int(r, "tail", 1, TAIL_MOST, 0);
    /* What follows a cursor was counted when the cursor was got. */
    f->tail = f->cursor > 0 ? 0 : tail;
}

/* The stream begins when what the path names was found. It is listed before its first look. */
static void on_found(struct request *r, struct lookup *l)
{
    if (l->problem.status || r->over) {
        request_answer(r, l);
        return;
    }
    if (r->route->stream == STREAM_EVENTS && !request_has_engine(r)) return;
    struct follow *f = follow_new();
    if (r->head_only) {
        read_query(r, f);
        request_send_stream_head(r, type_of(f));
        follow_free(f);
        return;
    }
    struct following *st = mem_alloc(sizeof *st);
    st->base = (struct stream){.kind = &kind, .r = r};
    st->woken = true;
    st->follow = f;
    f->owner = st;
    f->query.done = on_look;
    read_query(r, f);
    if (is_of_execution(r)) {
        f->execution = l->found;
        if (f->events) list_by_execution(st, f->execution);
    } else {
        f->job = l->found;
        if (f->events) list_by_job(st, f->job);
    }
    r->stream = &st->base;
    r->to->turn(r);
}

void following_open(struct request *r)
{
    bool execution = is_of_execution(r);
    struct follow *f = follow_new();
    int64_t id;
    read_query(r, f);
    int64_t attempt = f->attempt;
    follow_free(f);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    if (!request_path_id(r, execution ? "execution" : "job", &id)) return;
    struct lookup *l = request_lookup(r, execution ? lookup_execution_exists : lookup_job_exists);
    l->id = id;
    l->number = attempt;
    request_look_up(r, l, on_found);
}
