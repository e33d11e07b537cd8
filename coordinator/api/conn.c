/* A client's connection: it parses bytes to requests, sends the answers in the order of the
 * requests, and ends clients that are too slow. */
#include "coordinator/api/conn.h"
#include "coordinator/api/forward.h"
#include "coordinator/api/route.h"
#include "coordinator/api/following.h"
#include "coordinator/api/traffic.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/limits.h"

#include <uv.h>

struct conn {
    struct api *api;
    struct link *link;
    struct http_parser *parser;
    struct auth_memory memory;
    struct buf input;         /* arrived, not yet parsed */
    struct request *incoming; /* its head has arrived, its body has not */
    bool admitted;            /* incoming's head was judged */
    struct request *first, **last;
    size_t count;
    size_t held_bytes; /* of their bodies */
    size_t share;      /* what is left of API_SHARE_BYTES */
    size_t body_bytes; /* what the body that arrives has of the budget */
    bool turning;      /* inside conn_turn, or parsing */
    bool ended;        /* no more requests; closes when all is answered */
    bool closing;
    bool paused;
    bool served; /* a request of it was answered */
    bool known;  /* it has sent a valid token */
    int64_t heard_ms, message_ms /* first byte of the message under way, 0: none */;
    struct conn *next, *prev;
    struct conn *later, **later_in; /* of api.later; later_in NULL: it is not there */
};

static void set_paused(struct conn *c, bool paused)
{
    if (c->paused == paused || c->closing) return;
    c->paused = paused;
    if (paused) {
        link_pause(c->link);
        return;
    }
    if (c->message_ms) c->message_ms = os_mono_ms(); /* the time was ours */
    link_resume(c->link);
}

/* ---- requests of a connection ---- */

static const struct responder responder;

static struct request *add_request(struct conn *c)
{
    struct request *r = request_new(c->api, c->link, &responder, c);
    r->memory = &c->memory;
    return r;
}

/* The request that will be the last one: what has arrived of it is all that is read. */
static struct request *last_request(struct conn *c)
{
    struct request *r = c->incoming ? c->incoming : add_request(c);
    if (!c->incoming && c->message_ms)
        r->head_only = str_eq(http_parser_message(c->parser)->method, "HEAD");
    c->incoming = NULL;
    r->keep_alive = false;
    return r;
}

static void free_stream(struct request *r)
{
    if (r->stream) r->stream->kind->free(r->stream);
    r->stream = NULL;
}

static void free_request(struct request *r)
{
    if (r) free_stream(r);
    request_free(r);
}

static void enqueue(struct conn *c, struct request *r)
{
    *c->last = r;
    c->last = &r->next;
    c->count++;
}

/* Whoever sent the request has proved himself. */
static void know(struct conn *c, const struct request *r)
{
    if (c->known || (!r->who.token && !r->keyed && !r->allowed && !r->passed.vouched)) return;
    c->known = true;
    link_admit(c->link);
}

static void drop_first(struct conn *c)
{
    struct request *r = c->first;
    know(c, r); /* who signed in did so by the body */
    c->first = r->next;
    if (!c->first) c->last = &c->first;
    c->count--;
    c->held_bytes -= r->body_bytes;
    c->served = true;
    if (r->status) traffic_add(c->api->traffic, r->route, r->status);
    free_request(r);
}

/* ---- turns of the loop ---- */

static void leave_later(struct conn *c)
{
    if (!c->later_in) return;
    *c->later_in = c->later;
    if (c->later)
        c->later->later_in = c->later_in;
    else
        c->api->later_last = c->later_in;
    c->later = NULL;
    c->later_in = NULL;
}

static void on_idle(uv_idle_t *idle)
{
    conn_share(idle->data);
}

/* At the end of a share, what else the connection has sent waits until the others had a turn. */
static void spend_share(struct conn *c, size_t bytes)
{
    struct api *a = c->api;
    c->share -= bytes < c->share ? bytes : c->share;
    if (c->share || c->later_in) return;
    if (!a->later) uv_idle_start(a->idle, on_idle);
    c->later_in = a->later_last;
    *a->later_last = c;
    a->later_last = &c->later;
}

void conn_share(struct api *a)
{
    struct conn *const *end = a->later_last; /* who comes behind it has had a turn */
    bool last = !a->later;
    while (!last) {
        struct conn *c = a->later;
        last = end == &c->later;
        leave_later(c);
        c->share = API_SHARE_BYTES;
        conn_turn(c);
    }
    if (!a->later) uv_idle_stop(a->idle);
}

/* No further request is read; the link drops what else arrives. */
static void end_input(struct conn *c)
{
    if (c->ended) return;
    c->ended = true;
    if (c->input.cap) mem_wipe(c->input.data, c->input.cap); /* a sign-in has a token there */
    buf_clear(&c->input);
    set_paused(c, false);
}

static void finish(struct conn *c)
{
    if (c->closing) return;
    c->closing = true;
    link_close(c->link);
}

/* ---- the room for bodies ---- */

/* What the body that arrives may have of the budget of all bodies, from now on. */
static void reserve(struct conn *c, size_t bytes, struct problem *p)
{
    struct api *a = c->api;
    if (bytes <= c->body_bytes) return;
    if (bytes - c->body_bytes > API_BODIES_BYTES - a->body_bytes) {
        problem_set(p, 503, "unavailable", "try again a little later",
                    "the bodies of other requests fill the room there is for bodies");
        return;
    }
    a->body_bytes += bytes - c->body_bytes;
    c->body_bytes = bytes;
}

static size_t body_limit(const struct request *r)
{
    return r->route->body == BODY_JOBS      ? LIMIT_HTTP_JOBS
           : r->route->body == BODY_WEBHOOK ? LIMIT_HTTP_WEBHOOK
           : r->route->body == BODY_SIGN_IN ? LIMIT_HTTP_SIGN_IN
                                            : LIMIT_HTTP_BODY;
}

/* For a body that does not state its length. */
static size_t first_room(const struct request *r)
{
    return body_limit(r) < LIMIT_HTTP_BODY ? body_limit(r) : LIMIT_HTTP_BODY;
}

/* A body of an admitted request is paid for before it is read. */
static void reserve_body(struct conn *c, const struct http_message *m)
{
    struct request *r = c->incoming;
    if (r->problem.status || !m->has_body) return;
    http_parser_limit_body(c->parser, body_limit(r));
    if (r->route->body == BODY_SIGN_IN) http_parser_body_is_secret(c->parser);
    if (m->length > body_limit(r))
        request_body_too_large(&r->problem);
    else
        reserve(c, m->length ? m->length : first_room(r), &r->problem);
}

/* A body that does not state its length is paid for as it grows, before `more` bytes are read. */
static void reserve_more(struct conn *c, size_t more, struct problem *p)
{
    const struct http_message *m = http_parser_message(c->parser);
    if (!c->incoming || !c->admitted || !m->has_body || m->length) return;
    size_t bytes = m->body.len + more, most = body_limit(c->incoming);
    bytes = (bytes + LIMIT_HTTP_BODY - 1) / LIMIT_HTTP_BODY * LIMIT_HTTP_BODY;
    reserve(c, bytes < most ? bytes : most, p);
}

/* The body was used, or will not be. */
static void drop_body(struct conn *c)
{
    if (!c->body_bytes) return;
    http_parser_drop_body(c->parser);
    c->api->body_bytes -= c->body_bytes;
    c->body_bytes = 0;
}

/* ---- parsing ---- */

static void fail_parse(struct conn *c, const struct err *e)
{
    int status = http_error_status(c->parser);
    static const struct {
        int status;
        const char *code, *hint;
    } names[] = {
        {413, "too-large", BODY_HINT},
        {414, "too-large", "shorten the query"},
        {431, "too-large", "send fewer or shorter headers"},
        {501, "not-implemented", NULL},
        {505, "not-implemented", "speak HTTP/1.1"},
    };
    struct request *r = last_request(c);
    const char *code = "bad-request", *hint = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].status != status) continue;
        code = names[i].code;
        hint = names[i].hint;
    }
    struct problem p = {0};
    problem_set(&p, status ? status : 400, code, hint, "%s", err_text(e));
    enqueue(c, r);
    end_input(c);
    drop_body(c);
    request_send_problem(r, &p);
}

/* The last answer of the connection, also to a request that has not arrived whole. */
static void answer_last(struct conn *c, const struct problem *p)
{
    struct request *r = last_request(c);
    enqueue(c, r);
    end_input(c);
    drop_body(c);
    request_send_problem(r, p);
}

/* A client that asked whether to send its body is told so behind the answers to its earlier
 * requests, whose place this answer would take. */
static void tell_to_go_on(struct conn *c)
{
    struct http_message *m = http_parser_message(c->parser);
    if (!c->incoming || !c->admitted || c->count || c->closing) return;
    if (!m->expect_continue || !m->has_body) return;
    m->expect_continue = false;
    link_write(c->link, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* The head was judged. */
static void admit(struct conn *c)
{
    struct http_message *m = http_parser_message(c->parser);
    struct request *r = c->incoming;
    c->admitted = true;
    know(c, r);
    reserve_body(c, m);
    if ((r->problem.status || r->passed.early) && m->has_body) {
        /* the body of a refused request is not read: it may have a MiB */
        c->incoming = NULL;
        r->keep_alive = false;
        enqueue(c, r);
        end_input(c);
        if (r->problem.status) request_send_problem(r, &r->problem);
    } else {
        tell_to_go_on(c);
    }
}

/* While the spine takes no requests, their heads are still read, since those who watch have to be
 * answered then of all times. Whatever else is fine stays as it is, with its body unread, until
 * there is relief. */
static bool must_wait(const struct conn *c)
{
    const struct request *r = c->incoming;
    return r && !c->admitted && !r->problem.status && !route_watches(r->route) && !r->passed.head &&
           c->api->spine && !spine_takes_requests(c->api->spine);
}

static void on_head(struct conn *c)
{
    struct http_message *m = http_parser_message(c->parser);
    struct request *r = c->incoming = add_request(c);
    c->admitted = false;
    r->keep_alive = m->keep_alive;
    route_head(r, m);
    if (!r->checking && !must_wait(c)) admit(c);
}

static void say_expired(const struct request *r, struct problem *p)
{
    if (r->who.session)
        auth_say_session_ended(p);
    else
        problem_set(p, 401, "token-expired", "ask an administrator for a new one",
                    "this token has expired");
}

/* The body goes along, with what it has of the budget. */
static void pass_on(struct conn *c, struct request *r)
{
    struct buf body;
    size_t paid = c->body_bytes;
    http_parser_take_body(c->parser, &body);
    c->body_bytes = 0;
    forward_message(r, &body, paid);
}

static void on_message(struct conn *c)
{
    struct request *r = c->incoming;
    struct problem expired = {0};
    size_t bytes = http_parser_message(c->parser)->body.len;
    c->incoming = NULL;
    c->message_ms = 0;
    r->body_bytes = bytes;
    c->held_bytes += bytes;
    spend_share(c, API_REQUEST_BYTES + bytes);
    if (request_has_expired(r)) { /* whatever the body says */
        say_expired(r, &expired);
        request_refuse_late(r, &expired);
    }
    enqueue(c, r);
    if (!r->keep_alive) end_input(c);
    if (route_is_passed(r))
        pass_on(c, r);
    else
        route_message(r, http_parser_message(c->parser));
    drop_body(c);
}

static size_t pending_max(const struct conn *c)
{
    return c->known ? API_PENDING_BYTES : API_STRANGER_BYTES;
}

/* Answers of one connection are bounded: nothing more is read from it while a look-up of it is
 * under way, nor while what waits behind an earlier answer is large. */
static bool holds_much(const struct conn *c)
{
    size_t bytes = 0;
    for (const struct request *r = c->first; r; r = r->next) {
        if (r->lookup || r->stream) return true; /* a stream may change something: in order */
        bytes += r->answer.len;
    }
    return bytes > pending_max(c);
}

/* A message that has begun is read to its end; the next one waits while there is enough to do. */
static bool is_stalled(const struct conn *c)
{
    if (c->ended || c->closing || c->api->stopped) return true;
    if (c->incoming) return c->incoming->checking || must_wait(c);
    if (!c->share || c->held_bytes >= API_HELD_BYTES) return true;
    return c->count >= API_PIPELINE_MAX || (c->first && c->first->stream) || holds_much(c) ||
           link_pending(c->link) > pending_max(c);
}

/* Parses until the input is used up or the connection is stalled; returns the bytes taken. */
static size_t parse(struct conn *c, const char *data, size_t len)
{
    size_t at = 0;
    while (!is_stalled(c)) {
        enum http_event event;
        struct err e = {0};
        size_t used = 0;
        struct problem full = {0};
        if (at < len && !c->message_ms) c->message_ms = os_mono_ms();
        reserve_more(c, len - at, &full);
        if (full.status) {
            answer_last(c, &full);
            return len;
        }
        if (http_parse(c->parser, data + at, len - at, &used, &event, &e)) {
            fail_parse(c, &e);
            return len;
        }
        at += used;
        if (event == HTTP_HEAD)
            on_head(c);
        else if (event == HTTP_MESSAGE)
            on_message(c);
        else
            break;
    }
    return c->ended ? len : at;
}

/* ---- tokens that end ---- */

/* A stream of which nothing was sent yet is refused as any other request is. Else it can only break
 * off, and with it the connection. */
static void end_stream(struct request *r, const struct problem *p)
{
    struct err e;
    if (r->stream->begun) {
        err_set(&e, ERR_DENIED, "%s", p->message);
        r->to->abort(r, &e);
        return;
    }
    free_stream(r);
    request_send_problem(r, p);
}

static void refuse_request(struct request *r, const struct problem *p)
{
    if (r->stream && r->done) return; /* all of it was sent */
    request_refuse_late(r, p);
    if (r->stream) end_stream(r, p);
}

/* What ends: a token with all its sessions, or a session of the page. */
struct ending {
    int64_t token, session; /* one of them, the other is 0 */
    struct problem p;       /* what is said of it */
};

static bool concerns(const struct ending *e, const struct request *r)
{
    return e->token ? r->who.token == e->token : r->who.session == e->session;
}

/* The requests of it that are not answered yet; NULL: those whose time is over by now. */
static void refuse_late(struct conn *c, const struct ending *e)
{
    bool turning = c->turning, any = false;
    c->turning = true; /* no request is freed meanwhile */
    if (c->incoming && e && concerns(e, c->incoming)) request_refuse_late(c->incoming, &e->p);
    for (struct request *r = c->first; r && !c->closing; r = r->next) {
        struct problem expired = {0};
        if (e ? !concerns(e, r) : !request_has_expired(r)) continue;
        if (!e) say_expired(r, &expired);
        refuse_request(r, e ? &e->p : &expired);
        any = true;
    }
    c->turning = turning;
    if (any) conn_turn(c);
}

/* No request of it is under way or arriving. */
static bool is_idle(const struct conn *c)
{
    return !c->first && !c->incoming && !c->message_ms && !c->input.len;
}

/* ---- answering ---- */

/* Hands finished answers to the link, in order, while it takes them. */
static void flush(struct conn *c)
{
    while (c->first && !c->closing && link_pending(c->link) <= pending_max(c)) {
        struct request *r = c->first;
        if (r->stream && !r->done && request_has_expired(r)) {
            refuse_late(c, NULL);
            if (c->closing || r->stream) return;
        }
        if (r->stream && !r->done) {
            know(c, r); /* the stream may go on for long */
            if (!r->stream->kind->pump(r->stream)) return;
            r->done = true;
            c->heard_ms = os_mono_ms();
        }
        if (!r->done) return;
        struct err e;
        if (r->answer.len && link_write(c->link, r->answer.data, r->answer.len)) {
            err_set(&e, ERR_TOO_LARGE, "the client reads too slowly");
            link_abort(c->link, &e);
            c->closing = true;
            return;
        }
        drop_first(c);
    }
    if (!c->first && c->ended) finish(c);
}

void conn_turn(struct conn *c)
{
    if (c->turning || c->closing) return;
    c->turning = true;
    size_t used;
    do {
        flush(c);
        used = 0;
        if (c->incoming && !c->admitted && !c->incoming->checking && !must_wait(c)) admit(c);
        /* the end of a message may need no further byte */
        if (!c->closing && (c->input.len || c->incoming) && !is_stalled(c)) {
            /* parsing may end the input, which clears it: consume from what is then left */
            used = parse(c, c->input.data, c->input.len);
            buf_consume(&c->input, used < c->input.len ? used : c->input.len);
        }
    } while (used && !c->closing);
    flush(c);
    tell_to_go_on(c);
    c->turning = false;
    link_set_idle(c->link, c->served && is_idle(c));
    if (!c->ended) set_paused(c, c->input.len > API_INPUT_BYTES || must_wait(c));
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct conn *c = user;
    struct err e;
    (void)l;
    if (c->closing) return;
    c->heard_ms = os_mono_ms();
    if (c->ended) return;
    size_t used = 0;
    if (!c->input.len) {
        c->turning = true;
        used = parse(c, data, len);
        c->turning = false;
    }
    if (used < len && !c->ended && buf_add(&c->input, (const char *)data + used, len - used)) {
        err_set(&e, ERR_TOO_LARGE, "the client sends more than was asked for");
        link_abort(c->link, &e);
        c->closing = true;
        return;
    }
    conn_turn(c);
}

static void on_drain(struct link *l, void *user)
{
    struct conn *c = user;
    (void)l;
    struct stream *st = c->first ? c->first->stream : NULL;
    if (st && st->kind->drained) st->kind->drained(st);
    conn_turn(c);
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct conn *c = user;
    struct api *a = c->api;
    (void)l;
    (void)e;
    c->closing = true;
    while (c->first)
        drop_first(c);
    free_request(c->incoming);
    leave_later(c);
    drop_body(c);
    http_parser_free(c->parser);
    auth_memory_fini(&c->memory);
    buf_fini_secret(&c->input);
    if (c->prev)
        c->prev->next = c->next;
    else
        a->first = c->next;
    if (c->next) c->next->prev = c->prev;
    a->count--;
    mem_free(c);
}

static void refuse_crowd(struct conn *c)
{
    struct problem p = {0};
    problem_set(&p, 503, "unavailable", "try again a little later; the coordinator's log says more",
                "the coordinator has too many connections");
    answer_last(c, &p);
}

/* Its place at the door is another's. A client that is asking for something is told so. */
static void on_crowded(struct link *l, void *user)
{
    struct conn *c = user;
    if (c->ended || link_pending(l)) {
        struct err e;
        err_set(&e, ERR_UNAVAILABLE, "too many connections that are not authenticated");
        c->closing = true;
        link_abort(l, &e);
    } else if (c->incoming && c->incoming->checking) {
        c->incoming->keep_alive = false; /* it may be about to prove itself */
    } else if (c->served && is_idle(c)) {
        finish(c);
    } else {
        refuse_crowd(c);
    }
}

static const struct link_handler handler = {.on_data = on_data,
                                            .on_drain = on_drain,
                                            .on_close = on_close};

/* Closes the connection that has been idle for the longest time. false: none is idle. */
static bool close_idlest(const struct api *a)
{
    struct conn *idlest = NULL;
    for (struct conn *c = a->first; c; c = c->next) {
        if (c->closing || !c->served || !is_idle(c)) continue;
        if (!idlest || c->heard_ms < idlest->heard_ms) idlest = c;
    }
    if (idlest) finish(idlest);
    return idlest != NULL;
}

void conn_new(struct api *a, struct link *l)
{
    struct conn *c = mem_alloc(sizeof *c);
    c->api = a;
    c->link = l;
    c->last = &c->first;
    c->share = API_SHARE_BYTES;
    c->parser = http_parser_new(HTTP_SERVER, LIMIT_HTTP_JOBS);
    buf_init(&c->input, 4 * API_INPUT_BYTES + LIMIT_HTTP_BODY);
    c->heard_ms = os_mono_ms();
    c->next = a->first;
    if (c->next) c->next->prev = c;
    a->first = c;
    a->count++;
    link_set_handler(l, &handler, c);
    link_set_crowded(l, on_crowded);
    if (a->stopped) {
        struct err e;
        err_set(&e, ERR_UNAVAILABLE, "the coordinator stops");
        c->closing = true;
        link_abort(l, &e);
    } else if (a->count > API_CONNECTIONS_MAX && !close_idlest(a)) {
        refuse_crowd(c);
    }
}

/* ---- timeouts ---- */

/* Answers whose time has come. */
static void release_held(struct conn *c, int64_t now_ms)
{
    bool turning = c->turning, any = false;
    c->turning = true; /* no request is freed meanwhile */
    for (struct request *r = c->first; r && !c->closing; r = r->next) {
        any = any || r->held_ms;
        request_release(r, now_ms);
    }
    c->turning = turning;
    if (any) conn_turn(c);
}

void conn_sweep(struct conn *c, int64_t now_ms)
{
    const struct api_options *o = &c->api->o;
    struct err e;
    if (c->closing) return;
    release_held(c, now_ms);
    if (c->closing) return;
    refuse_late(c, NULL);
    if (c->closing) return;
    if (c->first && c->first->stream) {
        c->first->stream->kind->sweep(c->first->stream, now_ms);
    } else if (c->message_ms && !c->paused && !c->ended) {
        if (now_ms - c->message_ms < (c->incoming ? o->body_ms : o->head_ms)) return;
        struct problem p = {0};
        problem_set(&p, 408, "timeout", NULL, "the request did not arrive whole in time");
        answer_last(c, &p);
    } else if (!c->first && !c->incoming && now_ms - c->heard_ms >= o->idle_ms) {
        if (link_pending(c->link)) {
            err_set(&e, ERR_TIMEOUT, "the client does not take its answer");
            c->closing = true;
            link_abort(c->link, &e);
        } else {
            finish(c);
        }
    }
}

void conn_close(struct conn *c, bool cut)
{
    struct err e;
    err_set(&e, ERR_CLOSED, "the coordinator stops");
    if (cut) {
        c->closing = true;
        link_abort(c->link, &e);
    } else {
        finish(c);
    }
}

static bool has_stream(const struct conn *c)
{
    const struct request *r = c->first;
    while (r && !r->stream)
        r = r->next;
    return r != NULL;
}

void conn_break_streams(struct api *a)
{
    struct err e;
    err_set(&e, ERR_UNAVAILABLE, "this coordinator does not own the queue any more");
    for (struct conn *c = a->first, *next; c; c = next) {
        next = c->next;
        if (c->closing || !has_stream(c)) continue;
        c->closing = true;
        link_abort(c->link, &e);
    }
}

struct conn *conn_next(const struct conn *c)
{
    return c->next;
}

void conn_settle(struct api *a)
{
    struct request *r;
    while ((r = following_take_woken(a)))
        conn_turn(r->conn);
}

/* ---- what a request may do to its connection ---- */

static void turn_of(struct request *r)
{
    conn_turn(r->conn);
}

static void abort_of(struct request *r, const struct err *why)
{
    r->conn->closing = true;
    link_abort(r->link, why);
}

void conn_cut(struct api *a, int64_t token, int64_t session)
{
    struct ending e = {.token = token, .session = session};
    if (token)
        problem_set(&e.p, 401, "token-revoked", "ask an administrator for a new one",
                    "this token was revoked");
    else
        auth_say_session_ended(&e.p);
    for (struct conn *c = a->first, *next; c; c = next) {
        next = c->next;
        refuse_late(c, &e);
    }
}

static const struct responder responder = {.turn = turn_of, .abort = abort_of, .cut = conn_cut};
