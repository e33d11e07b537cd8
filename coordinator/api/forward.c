/* See forward.h. A forward is the stream of its request: the connection to the client pumps it when
 * the answers before it are sent. It lives until its link to the owner is closed. */
#include "coordinator/api/forward.h"
#include "coordinator/api/forward_head.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/limits.h"
#include "wire/token.h"

#include <string.h>

#define PIECE_BYTES (64u << 10) /* of a body, handed to the link at once */

struct forwards {
    struct tls_config *tls; /* NULL: not made yet */
    struct forward *first;
    size_t count;
    bool away; /* the log was told that the owner is */
};

struct forward {
    struct stream base; /* base.r NULL: the request has gone */
    struct forwards *all;
    struct forward *next, **in;
    struct link *link; /* NULL: closed */
    struct json *addresses;
    const struct json *address; /* that is being tried */
    struct http_parser *parser;
    struct buf head; /* of the answer, as it comes */
    struct buf out;  /* of the answer, for the client */
    struct buf body;
    size_t body_at; /* so many bytes of it are sent */
    size_t paid;    /* of the budget of all bodies */
    bool chunked;   /* the length of the body was not known when its head was sent */
    bool open;      /* the link is */
    bool whole;     /* the request has arrived whole */
    bool sent;      /* ... and the owner may have it whole */
    bool asking;    /* whether to send the body */
    bool matching;  /* what comes is FORWARD_GO_ON as far as `matched` */
    size_t matched;
    bool begun;  /* the head of the answer is there */
    bool over;   /* all of it is */
    bool broken; /* the client's connection ends for it */
    bool paused;
    int64_t heard_ms;
    void (*without)(struct request *r);
};

static void say_no_owner(struct problem *p)
{
    problem_set(p, 503, "no-owner", "try again: one takes over within seconds",
                "no coordinator owns the queue at present");
}

/* ---- life ---- */

static void release_body(struct forward *f)
{
    if (f->base.r) f->base.r->api->body_bytes -= f->paid;
    f->paid = 0;
    buf_fini_secret(&f->body);
    buf_init(&f->body, LIMIT_HTTP_JOBS);
}

static void free_forward(struct forward *f)
{
    json_free(f->addresses);
    http_parser_free(f->parser);
    buf_fini_secret(&f->head);
    buf_fini_secret(&f->out);
    buf_fini_secret(&f->body);
    mem_free(f);
}

/* The request is done with it. */
static void let_go(struct forward *f)
{
    release_body(f);
    f->base.r = NULL;
    *f->in = f->next;
    if (f->next) f->next->in = f->in;
    f->all->count--;
    if (!f->link)
        free_forward(f);
    else if (f->over)
        link_close(f->link);
    else
        link_abort(f->link, NULL);
}

static void free_of_stream(struct stream *st)
{
    let_go((struct forward *)st);
}

static void note_away(struct forwards *all, const char *why)
{
    if (!all->away)
        log_warn("api: the coordinator that owns the queue cannot be asked: %s; requests for it "
                 "are told to come again",
                 why);
    all->away = true;
}

/* The request is answered here, as the owner cannot have done anything, or was only asked to
 * tell. */
static void answer_here(struct forward *f)
{
    struct request *r = f->base.r;
    void (*without)(struct request *) = f->without;
    struct problem p = {0};
    bool whole = f->whole;
    r->stream = NULL;
    r->status = 0;
    r->checking = false;
    let_go(f);
    say_no_owner(&p);
    if (without) {
        without(r);
    } else if (whole) {
        request_send_problem(r, &p);
    } else {
        r->problem = p; /* it is sent in its turn */
        r->to->turn(r);
    }
}

/* What a client was sent cannot be taken back; and a change that the owner was asked for may have
 * been made: then the client's connection breaks, as one to the owner itself would have. */
static void fail(struct forward *f, const char *why)
{
    struct request *r = f->base.r;
    struct err e;
    bool looks = str_eq(r->route->method, "GET"); /* or HEAD */
    if (f->broken) return;
    note_away(f->all, why);
    if (!f->base.begun && !r->passed.early && (looks || !f->sent)) {
        answer_here(f);
        return;
    }
    f->broken = true;
    err_set(&e, ERR_CLOSED, "the coordinator that owns the queue: %s", why);
    r->to->abort(r, &e);
}

/* ---- to the owner ---- */

static void send_piece(struct forward *f)
{
    size_t left = f->body.len - f->body_at, n = left < PIECE_BYTES ? left : PIECE_BYTES;
    struct buf *out = link_out(f->link);
    if (f->chunked && n && f->body_at == 0) (void)buf_addf(out, "%zx\r\n", f->body.len);
    f->sent = n == left; /* before the owner may have it */
    (void)buf_add(out, f->body.data + f->body_at, n);
    f->body_at += n;
    if (f->chunked && f->sent) (void)buf_adds(out, f->body.len ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
    link_flush_later(f->link);
    if (f->sent) release_body(f);
}

/* As much of the body as the link takes. A request that was answered already is not sent. */
static void feed(struct forward *f)
{
    if (!f->base.r || !f->open || !f->whole || f->begun) return;
    while (!f->sent && f->link && link_pending(f->link) < FORWARD_BYTES)
        send_piece(f);
}

static void on_open(struct link *l, void *user)
{
    struct forward *f = user;
    if (!f->base.r) return;
    f->open = true;
    f->all->away = false;
    f->heard_ms = os_mono_ms();
    const char *head = f->base.r->passed.head;
    f->sent = !f->asking;
    (void)link_write(l, head, strlen(head));
}

static void on_drain(struct link *l, void *user)
{
    struct forward *f = user;
    (void)l;
    f->heard_ms = os_mono_ms();
    feed(f);
}

/* ---- from the owner ---- */

/* The bytes of a body are passed on as they came, with what stands between its pieces. */
static int skip_body(const void *data, size_t len, void *user)
{
    (void)data;
    (void)len;
    (void)user;
    return 0;
}

static bool is_bodyless(int status)
{
    return status == 204 || status == 304;
}

/* false: it is none that could be passed on. */
static bool take_head(struct forward *f)
{
    struct request *r = f->base.r;
    const struct http_message *m = http_parser_message(f->parser);
    bool ends = http_header(m, "content-length") || http_header(m, "transfer-encoding");
    if (!ends && !is_bodyless(m->status) && !r->head_only) return false;
    if (!f->whole && f->asking) r->passed.early = true;
    if (r->passed.early || r->route->body == BODY_SIGN_IN) r->keep_alive = false;
    if (forward_head_answer(f->head.data, f->head.len, !r->keep_alive, &f->out)) return false;
    buf_fini_secret(&f->head);
    buf_init(&f->head, LIMIT_HTTP_HEAD);
    r->status = m->status;
    if (m->status < 300) r->passed.vouched = true;
    r->checking = false;
    http_parser_stream(f->parser, skip_body, NULL);
    f->begun = true;
    if (r->head_only) f->over = true;
    return true;
}

/* What comes. false: it is no answer. */
static bool take(struct forward *f, const char *data, size_t len)
{
    enum http_event event = HTTP_MORE;
    while ((len || event != HTTP_MORE) && !f->over) {
        struct err e = {0};
        size_t used = 0;
        if (http_parse(f->parser, data, len, &used, &event, &e)) return false;
        if (buf_add(f->begun ? &f->out : &f->head, data, used)) return false;
        data += used;
        len -= used;
        if (event == HTTP_HEAD && !take_head(f)) return false;
        if (event == HTTP_MESSAGE) f->over = true;
    }
    return true;
}

/* The owner wants the body: whose request it is was judged. */
static void go_on(struct forward *f)
{
    struct request *r = f->base.r;
    f->asking = false;
    r->checking = false;
    if (r->route->body != BODY_SIGN_IN) r->passed.vouched = true;
}

/* How much of what comes says so. Every other answer begins with some of the same bytes. false: it
 * is no answer. */
static bool match(struct forward *f, const char *data, size_t len, size_t *used)
{
    static const char expected[] = FORWARD_GO_ON;
    size_t before = f->matched;
    *used = 0;
    while (*used < len && expected[f->matched] && data[*used] == expected[f->matched]) {
        ++*used;
        f->matched++;
    }
    f->matching = *used == len && expected[f->matched];
    if (!expected[f->matched])
        go_on(f);
    else if (!f->matching) {
        *used = 0;
        return take(f, expected, before);
    }
    return true;
}

static bool hear(struct forward *f, const char *data, size_t len)
{
    size_t used = 0;
    if (f->matching && !match(f, data, len, &used)) return false;
    return used == len || take(f, data + used, len - used);
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct forward *f = user;
    if (!f->base.r || f->over || f->broken) return;
    f->heard_ms = os_mono_ms();
    if (!hear(f, data, len)) {
        fail(f, "its answer is none that can be passed on");
        return;
    }
    if (!f->over && f->out.len > FORWARD_BYTES) {
        f->paused = true;
        link_pause(l);
    }
    f->base.r->to->turn(f->base.r); /* f may have no request afterwards */
}

/* ---- connecting ---- */

static void connect_next(struct forward *f);

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct forward *f = user;
    (void)l;
    f->link = NULL;
    if (!f->base.r) {
        free_forward(f);
    } else if (!f->over) {
        const struct json *other = f->open ? NULL : json_next(f->address);
        if (other && os_mono_ms() - f->heard_ms < FORWARD_CONNECT_MS) {
            f->address = other;
            connect_next(f);
        } else {
            fail(f, e->code ? err_text(e) : "it ended before its answer did");
        }
    }
}

static const struct link_handler handler = {.on_open = on_open,
                                            .on_data = on_data,
                                            .on_drain = on_drain,
                                            .on_close = on_close};

/* Each address that is left has its share of the time. */
static int64_t share_ms(const struct forward *f)
{
    int64_t left_ms = f->heard_ms + FORWARD_CONNECT_MS - os_mono_ms(), count = 0;
    for (const struct json *j = f->address; j; j = json_next(j))
        count++;
    return count && left_ms > 0 ? left_ms / count : 0;
}

static void connect_next(struct forward *f)
{
    char host[TOKEN_ADDRESS_SIZE] = "";
    struct link_to to = {.host = host, .timeout_ms = share_ms(f)};
    struct err e;
    /* an address that is none cannot be resolved either: the failure comes by on_close */
    (void)address_parse_peer(json_str(f->address, ""), DEFAULT_PORT, host, sizeof host, &to.port,
                             &e);
    f->link = link_connect(f->base.r->api->o.loop, f->all->tls, &to, &handler, f);
}

/* ---- the stream ---- */

static bool pump(struct stream *st)
{
    struct forward *f = (struct forward *)st;
    struct request *r = st->r;
    if (f->broken) return false;
    if (f->out.len) {
        st->begun = true;
        if (link_write(r->link, f->out.data, f->out.len)) {
            struct err e;
            f->broken = true;
            err_set(&e, ERR_TOO_LARGE, "the client reads too slowly");
            r->to->abort(r, &e);
            return false;
        }
        if (f->out.cap > FORWARD_BYTES) {
            buf_fini_secret(&f->out);
            buf_init(&f->out, 4 * FORWARD_BYTES);
        }
        buf_clear(&f->out);
    }
    if (f->paused && f->link) {
        f->paused = false;
        f->heard_ms = os_mono_ms();
        link_resume(f->link);
    }
    return f->over;
}

/* forwards_sweep does it, also for those that are not the first of their connection. */
static void sweep_none(struct stream *st, int64_t now_ms)
{
    (void)st;
    (void)now_ms;
}

static const struct stream_kind kind = {.pump = pump, .sweep = sweep_none, .free = free_of_stream};

static void open_forward(struct request *r, struct json *addresses, bool asking)
{
    struct forwards *all = r->api->forwards;
    struct forward *f = mem_alloc(sizeof *f);
    *f = (struct forward){.base = {.kind = &kind, .r = r},
                          .all = all,
                          .asking = asking,
                          .matching = asking};
    f->addresses = addresses;
    f->address = json_first(addresses);
    f->parser = http_parser_new(HTTP_CLIENT, 0);
    buf_init(&f->head, LIMIT_HTTP_HEAD + sizeof FORWARD_GO_ON);
    buf_init(&f->out, 4 * FORWARD_BYTES);
    buf_init(&f->body, LIMIT_HTTP_JOBS);
    f->heard_ms = os_mono_ms();
    f->whole = !asking;
    f->next = all->first;
    f->in = &all->first;
    if (f->next) f->next->in = &f->next;
    all->first = f;
    all->count++;
    r->stream = &f->base;
    connect_next(f);
}

/* ---- requests ---- */

static bool make_tls(struct api *a, struct problem *p)
{
    const struct tls_client_options o = {.alpn = ALPN_HTTP, .ca_pem = authority_ca(a->o.authority)};
    struct err e = {0};
    int rc = a->forwards->tls ? 0 : tls_config_client(&o, &a->forwards->tls, &e);
    if (rc) problem_from(p, rc, &e);
    return rc == 0;
}

/* NULL: p says why there is nobody to ask. json_free */
static struct json *find_owner(struct api *a, struct problem *p)
{
    const char *text =
        !api_owns(a) && a->o.owner_addresses ? a->o.owner_addresses(a->o.user) : NULL;
    struct json *list = NULL;
    if (a->stopped) {
        problem_set(p, 503, "unavailable", NULL, "the coordinator stops");
    } else if (a->forwards->count >= FORWARD_MOST) {
        problem_set(p, 503, "unavailable", "try again a little later",
                    "%d requests are with the coordinator that owns the queue already",
                    FORWARD_MOST);
    } else if (!text || json_parse(text, strlen(text), &list, NULL) || !json_first(list)) {
        say_no_owner(p);
    } else if (make_tls(a, p)) {
        return list;
    }
    json_free(list);
    return NULL;
}

void forward_head(struct request *r, const struct http_message *m)
{
    struct buf head;
    bool first = r->route->at == AT_DATABASE_FIRST, again = http_header(m, FORWARD_MARK) != NULL;
    if (again && !first) say_no_owner(&r->problem);
    if (again) return;
    buf_init(&head, 2 * LIMIT_HTTP_HEAD);
    bool fits = forward_head_ask(m, &head) == 0;
    if (fits) r->passed.head = buf_detach(&head);
    buf_fini_secret(&head);
    if (!fits && !first)
        problem_set(&r->problem, 431, "too-large", "send fewer or shorter headers",
                    "the head is over the limit");
    if (!fits || first) return;
    struct json *addresses = find_owner(r->api, &r->problem);
    if (addresses && m->has_body) {
        r->checking = true;
        open_forward(r, addresses, true);
        ((struct forward *)r->stream)->chunked = m->length == 0;
        return;
    }
    json_free(addresses);
}

void forward_message(struct request *r, struct buf *body, size_t paid)
{
    struct forward *f = (struct forward *)r->stream;
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
    } else if (f) {
        f->whole = true;
        f->body = *body;
        f->paid = paid;
        f->heard_ms = os_mono_ms();
        feed(f);
        return;
    } else {
        struct json *addresses = find_owner(r->api, &r->problem);
        if (addresses)
            open_forward(r, addresses, false);
        else
            request_send_problem(r, &r->problem);
    }
    r->api->body_bytes -= paid;
    buf_fini_secret(body);
}

void forward_rest(struct request *r, void (*without)(struct request *r))
{
    struct problem p = {0};
    struct json *addresses = r->passed.head ? find_owner(r->api, &p) : NULL;
    if (!addresses) {
        without(r);
        return;
    }
    open_forward(r, addresses, false);
    ((struct forward *)r->stream)->without = without;
}

/* ---- all of them ---- */

struct forwards *forwards_new(void)
{
    return mem_alloc(sizeof(struct forwards));
}

void forwards_free(struct forwards *all)
{
    if (!all) return;
    tls_config_unref(all->tls);
    mem_free(all);
}

/* The client is waited for, not the owner. */
static bool waits_for_client(const struct forward *f)
{
    return f->paused || (!f->whole && !f->asking);
}

void forwards_sweep(struct forwards *all, int64_t now_ms)
{
    struct forward *next;
    for (struct forward *f = all->first; f; f = next) {
        int64_t most_ms = f->base.r->api->o.forward_ms;
        next = f->next;
        if (!f->open || f->over || waits_for_client(f)) continue;
        if (now_ms - f->heard_ms >= (most_ms ? most_ms : FORWARD_QUIET_MS))
            fail(f, "it does not answer");
    }
}
