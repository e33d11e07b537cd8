/* HTTPS to the coordinator: see client.h. */
#include "cli/client.h"

#include "base/backoff.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/frame_filter.h"
#include "platform/os.h"
#include "wire/http.h"
#include "wire/limits.h"
#include "wire/link.h"
#include "wire/token.h"

#include <string.h>
#include <uv.h>

#define CONNECT_TIMEOUT_MS 10000
#define ANSWER_TIMEOUT_MS                                                                          \
    60000 /* silence while an answer is due; a follow stream pings every 15 s */
#define BODY_MAX (64u * 1024 * 1024)

struct client {
    struct client_options o;
    char *token;
    char host[TOKEN_ADDRESSES][TOKEN_ADDRESS_SIZE];
    uint16_t port[TOKEN_ADDRESSES];
    size_t addresses, address;
    struct tls_config *tls;
    uv_loop_t loop;
    uv_timer_t timer;   /* of the link: silence */
    uv_timer_t waiting; /* between two attempts */
    uv_signal_t interrupt;
    struct rng rng;

    struct link *link;
    bool open, sent; /* sent: the present request may have been received */
    struct err link_err;

    /* the exchange that goes on */
    struct http_parser *parser;
    bool done;
    int rc; /* the exchange's own error, not the link's */
    struct err err;
    struct buf error_body; /* of a streamed request that was refused */
    int (*on_bytes)(const void *data, size_t len, void *user);
    void *bytes_user;
    int interrupts;
    const struct client_follow *follow;
    bool ended_by_user, waited;

    /* a request on another connection, until it is answered */
    struct link *aside;
    char *aside_target;
};

/* ---- link ---- */

static void watch(struct client *c);

static void on_timeout(uv_timer_t *t)
{
    struct client *c = t->data;
    struct err e;
    if (!c->link) return;
    err_set(&e, ERR_TIMEOUT, "%s:%u did not answer", c->host[c->address], c->port[c->address]);
    link_abort(c->link, &e);
}

static void watch(struct client *c)
{
    uv_update_time(&c->loop);
    uv_timer_start(&c->timer, on_timeout, ANSWER_TIMEOUT_MS, 0);
}

static void on_open(struct link *l, void *user)
{
    (void)l;
    ((struct client *)user)->open = true;
}

static void exchange_failed(struct client *c, int rc)
{
    c->rc = rc;
    c->done = true;
    if (c->link) link_abort(c->link, &c->err);
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct client *c = user;
    const char *p = data;
    enum http_event event = HTTP_MORE;
    watch(c);
    /* The end of an answer without a body needs no further byte: ask until nothing is due. */
    while ((len > 0 || event != HTTP_MORE) && c->parser && !c->done && c->link == l) {
        size_t used = 0;
        int rc = http_parse(c->parser, p, len, &used, &event, &c->err);
        if (rc != 0) {
            exchange_failed(c, rc);
            return;
        }
        p += used;
        len -= used;
        if (event == HTTP_MESSAGE) c->done = true;
    }
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    (void)l;
    struct client *c = user;
    enum http_event event = HTTP_MORE;
    c->link = NULL;
    c->open = false;
    uv_timer_stop(&c->timer);
    if (c->parser && !c->done && c->sent && http_parse_eof(c->parser, &event, NULL) == 0 &&
        event == HTTP_MESSAGE)
        c->done = true;
    c->link_err = *e;
    if (e->code == ERR_OK)
        err_set(&c->link_err, ERR_CLOSED, "the coordinator closed the connection");
}

static const struct link_handler handler = {on_open, on_data, NULL, on_close};

static void close_link(struct client *c)
{
    if (c->link) link_abort(c->link, NULL);
    while (c->link)
        uv_run(&c->loop, UV_RUN_ONCE);
}

/* Until the link is open or gone. */
static int connect_once(struct client *c, struct err *e)
{
    if (c->link && c->open) return 0;
    c->link = link_connect(&c->loop, c->tls,
                           &(struct link_to){c->host[c->address], c->port[c->address],
                                             CONNECT_TIMEOUT_MS},
                           &handler, c);
    while (c->link && !c->open && !c->ended_by_user)
        uv_run(&c->loop, UV_RUN_ONCE);
    if (c->link && !c->open) close_link(c);
    if (c->link) return 0;
    c->address = (c->address + 1) % c->addresses;
    if (e) *e = c->link_err;
    return c->link_err.code;
}

/* ---- one request ---- */

static int stream_body(const void *data, size_t len, void *user)
{
    struct client *c = user;
    int status = http_parser_message(c->parser)->status;
    if (status < 200 || status > 299) return buf_add(&c->error_body, data, len);
    if (c->ended_by_user || c->done) return 0;
    int rc = c->on_bytes(data, len, c->bytes_user);
    if (rc > 0) {
        c->ended_by_user = true;
        c->done = true;
        rc = 0;
    }
    return rc;
}

static int write_request(struct client *c, const struct request *r)
{
    struct buf extra;
    buf_init(&extra, 8192);
    int rc = buf_addf(&extra, "Authorization: Bearer %s\r\n", c->token);
    /* The answer to a submit needs no copy of the job: the id is enough. */
    if (rc == 0 && r->key)
        rc = buf_addf(&extra, "Idempotency-Key: %s\r\nPrefer: return=minimal\r\n", r->key);
    if (rc == 0)
        rc = http_write_request(
            link_out(c->link), &(struct http_to){r->method, r->target, c->host[c->address]},
            r->body ? &(struct http_content){"application/json", r->body, strlen(r->body)} : NULL,
            extra.data);
    buf_fini_secret(&extra);
    if (rc == 0) link_flush_later(c->link);
    return rc;
}

/* Sends and waits. 0: the answer is in the parser. *retry: the connection failed, so that it may be
 * tried again. */
static int exchange(struct client *c, const struct request *r, bool *retry, struct err *e)
{
    *retry = true;
    c->sent = false;
    http_parser_free(c->parser);
    c->parser = NULL;
    int rc = connect_once(c, e);
    if (rc != 0) return rc;
    c->parser = http_parser_new(HTTP_CLIENT, BODY_MAX);
    if (c->on_bytes) http_parser_stream(c->parser, stream_body, c);
    buf_clear(&c->error_body);
    c->done = false;
    c->rc = 0;
    rc = write_request(c, r);
    if (rc != 0) {
        *retry = false;
        return err_set(e, rc, "the request is too large to be sent");
    }
    c->sent = true;
    watch(c);
    while (!c->done && c->link)
        uv_run(&c->loop, UV_RUN_ONCE);
    uv_timer_stop(&c->timer);
    if (c->done && c->rc == 0) {
        bool keep = http_parser_message(c->parser)->keep_alive && !c->ended_by_user;
        if (!keep) close_link(c);
        return 0;
    }
    if (c->rc != 0) {
        *retry = false;
        if (e) *e = c->err;
        return c->rc;
    }
    if (e) *e = c->link_err;
    return c->link_err.code;
}

static void on_waited(uv_timer_t *t)
{
    ((struct client *)t->data)->waited = true;
}

/* A link that is kept may end meanwhile: the wait has a timer of its own. */
static void wait_ms(struct client *c, int64_t ms)
{
    c->waited = false;
    uv_update_time(&c->loop);
    uv_timer_start(&c->waiting, on_waited, (uint64_t)ms, 0);
    while (!c->waited && !c->ended_by_user)
        uv_run(&c->loop, UV_RUN_ONCE);
    uv_timer_stop(&c->waiting);
}

/* ---- retries while the coordinator is away ---- */
struct outage {
    bool told;
    bool answered;    /* the coordinator answered that it cannot serve the request now */
    int64_t since_ms; /* 0: none */
    struct backoff backoff;
};

static void outage_init(struct outage *o)
{
    memset(o, 0, sizeof *o);
    backoff_init(&o->backoff, 100, 2000);
}

/* May the request be sent again? If so, waits first. *e: why the request failed; the final error
 * when the time is over. */
static bool outage_wait(struct client *c, struct outage *o, struct err *e)
{
    if (e->code == ERR_TLS || e->code == ERR_DENIED || c->ended_by_user) return false;
    int64_t now = os_mono_ms();
    if (o->since_ms == 0) o->since_ms = now;
    if (now - o->since_ms >= c->o.retry_for_ms) {
        if (!o->answered) err_wrap(e, "the coordinator is not reachable");
        e->code = ERR_UNAVAILABLE;
        return false;
    }
    if (!o->told && c->o.on_away) {
        char line[ERR_MSG_MAX + 96];
        if (str_format(line, sizeof line, "%s (%s); trying for %lld s",
                       o->answered ? "the coordinator cannot take the request now"
                                   : "the coordinator is not reachable",
                       err_text(e), (long long)c->o.retry_for_ms / 1000) == 0)
            c->o.on_away(line, c->o.user);
    }
    o->told = true;
    wait_ms(c, backoff_next(&o->backoff, &c->rng));
    return !c->ended_by_user;
}

/* An API error as a sentence. */
static int api_error(int status, const struct json *body, struct err *e)
{
    const struct json *error = json_get(body, "error");
    const char *message = json_get_str(error, "message", NULL);
    const char *hint = json_get_str(error, "hint", NULL);
    int code = status == 404                    ? ERR_NOT_FOUND
               : status == 409                  ? ERR_CONFLICT
               : status == 401 || status == 403 ? ERR_DENIED
               : status == 413                  ? ERR_TOO_LARGE
               : status == 503 || status == 507 ? ERR_UNAVAILABLE
                                                : ERR_INVALID;
    if (!message)
        return err_set(e, code, "the coordinator answered %d %s", status, http_status_text(status));
    return err_set(e, code, "%s%s%s", message, str_empty(hint) ? "" : "; ", hint ? hint : "");
}

static void take_answer(struct client *c, struct response *out)
{
    struct http_message *m = http_parser_message(c->parser);
    struct buf *body = c->on_bytes ? &c->error_body : &m->body;
    out->status = m->status;
    out->raw_len = body->len;
    out->raw = mem_strndup(body->data, body->len);
    const char *type = http_header(m, "content-type");
    if (type && str_starts(type, "application/json") &&
        json_parse(out->raw, out->raw_len, &out->body, NULL) != 0)
        out->body = NULL;
}

static bool again_later(int status)
{
    return status == 503 || status == 429;
}

int client_call(struct client *c, const struct request *request, struct response *out,
                struct err *e)
{
    struct outage outage;
    struct err why = {0};
    bool repeatable = str_eq(request->method, "GET") || request->key;
    outage_init(&outage);
    for (;;) {
        bool retry = false;
        memset(out, 0, sizeof *out);
        bool reused = c->link != NULL;
        int rc = exchange(c, request, &retry, &why);
        if (rc == 0) {
            take_answer(c, out);
            if (out->status >= 200 && out->status <= 299) return 0;
            rc = api_error(out->status, out->body, &why);
            outage.answered = again_later(out->status);
            if (!again_later(out->status) || !repeatable || !outage_wait(c, &outage, &why)) break;
            response_fini(out);
            continue;
        }
        outage.answered = false;
        /* A kept connection may have been closed meanwhile: that says nothing about the
         * coordinator. */
        if (retry && reused && repeatable && !c->link) continue;
        if (!retry || (c->sent && !repeatable) || !outage_wait(c, &outage, &why)) break;
    }
    if (e) *e = why;
    return why.code;
}

void response_fini(struct response *r)
{
    json_free(r->body);
    mem_free(r->raw);
    memset(r, 0, sizeof *r);
}

/* A streamed GET; the answer's bytes go to c->on_bytes. */
static int stream_once(struct client *c, const char *target, bool *retry, struct err *e)
{
    const struct request request = {.method = "GET", .target = target};
    int rc = exchange(c, &request, retry, e);
    if (rc != 0) return rc;
    struct response r = {0};
    take_answer(c, &r);
    if (r.status < 200 || r.status > 299) {
        rc = api_error(r.status, r.body, e);
        *retry = again_later(r.status);
    }
    response_fini(&r);
    return rc;
}

struct download {
    int (*fn)(const void *data, size_t len, void *user);
    void *user;
    bool any;
};

static int download_bytes(const void *data, size_t len, void *user)
{
    struct download *d = user;
    d->any = true;
    return d->fn(data, len, d->user);
}

int client_download(struct client *c, const char *target,
                    int (*fn)(const void *data, size_t len, void *user), void *user, struct err *e)
{
    struct download d = {.fn = fn, .user = user};
    struct outage outage;
    struct err why = {0};
    outage_init(&outage);
    c->on_bytes = download_bytes;
    c->bytes_user = &d;
    for (;;) {
        bool retry = false;
        if (stream_once(c, target, &retry, &why) == 0) break;
        /* Bytes that were passed on cannot be taken back, so a later failure is final. */
        if (!retry || d.any || !outage_wait(c, &outage, &why)) {
            if (e) *e = why;
            c->on_bytes = NULL;
            return why.code;
        }
    }
    c->on_bytes = NULL;
    return 0;
}

/* ---- follow ---- */

static void post_aside(struct client *c);

struct follow {
    struct client *c;
    const struct client_follow *f;
    struct frame_filter filter;
    struct frame_reader reader;
    int64_t cursor;
    bool alive; /* something came on this connection */
};

static int follow_frame(struct follow *w, const struct frame *frame)
{
    struct client *c = w->c;
    if (frame->type == FRAME_OUTPUT) {
        struct frame_output o;
        int rc = frame_output_decode(frame->body, frame->len, &o, &c->err);
        if (rc != 0) return rc;
        w->cursor = o.seq;
        return w->f->on_output(&o, w->f->user);
    }
    struct json *event = NULL;
    int rc = json_parse((const char *)frame->body, frame->len, &event, &c->err);
    if (rc == 0) rc = w->f->on_event(event, w->f->user);
    json_free(event);
    return rc;
}

static int follow_bytes(const void *data, size_t len, void *user)
{
    struct follow *w = user;
    struct frame frame;
    /* The coordinator is back: sends the request that could not be sent while it was away. */
    if (!w->alive && w->c->aside_target && !w->c->aside) post_aside(w->c);
    w->alive = true;
    int rc = 0;
    for (const char *p = data; len > 0 && rc == 0;) {
        size_t used = 0;
        rc = frame_filter_add(&w->filter, &w->reader, p, len, &used, &w->c->err);
        p += used;
        len -= used;
        while (rc == 0 && (rc = frame_reader_next(&w->reader, &frame, &w->c->err)) == 1)
            rc = follow_frame(w, &frame);
    }
    return rc;
}

static void on_interrupt(uv_signal_t *s, int signum)
{
    (void)signum;
    struct client *c = s->data;
    if (c->follow->on_interrupt(++c->interrupts, c->follow->user) == 0) return;
    c->ended_by_user = true;
    c->done = true;
}

static int follow_all(struct client *c, const char *target, struct follow *w, struct err *e)
{
    struct outage outage;
    outage_init(&outage);
    for (;;) {
        struct err why = {0};
        bool retry = false;
        char *full = str_dupf("%s?cursor=%lld", target, (long long)w->cursor);
        bool reused = c->link != NULL;
        frame_filter_init(&w->filter, LIMIT_FRAME_KNOWN);
        frame_reader_init(&w->reader, LIMIT_FRAME_KNOWN);
        w->alive = false;
        int rc = stream_once(c, full, &retry, &why);
        frame_reader_fini(&w->reader);
        mem_free(full);
        if (c->ended_by_user) return c->interrupts > 0 ? err_set(e, ERR_CLOSED, "interrupted") : 0;
        if (rc == 0) return 0;
        if (w->alive) outage_init(&outage);
        if (retry && reused && !w->alive && !c->link) continue;
        if (!retry || !outage_wait(c, &outage, &why)) {
            if (c->ended_by_user) return err_set(e, ERR_CLOSED, "interrupted");
            if (e) *e = why;
            return why.code;
        }
    }
}

int client_follow(struct client *c, const char *target, int64_t cursor,
                  const struct client_follow *f, struct err *e)
{
    struct follow w = {.c = c, .f = f, .cursor = cursor};
    c->on_bytes = follow_bytes;
    c->bytes_user = &w;
    c->follow = f;
    c->ended_by_user = false;
    if (f->on_interrupt) uv_signal_start(&c->interrupt, on_interrupt, SIGINT);
    int rc = follow_all(c, target, &w, e);
    uv_signal_stop(&c->interrupt);
    c->on_bytes = NULL;
    c->follow = NULL;
    return rc;
}

/* ---- a request beside the follow stream ---- */

struct aside {
    struct client *client;
    char *request;
};

static void aside_open(struct link *l, void *user)
{
    struct aside *a = user;
    if (link_write(l, a->request, strlen(a->request)) != 0) link_abort(l, NULL);
}

static void aside_data(struct link *l, const void *data, size_t len, void *user)
{
    (void)data;
    (void)len;
    struct aside *a = user;
    mem_free(a->client->aside_target);
    a->client->aside_target = NULL;
    link_close(l);
}

static void aside_close(struct link *l, const struct err *e, void *user)
{
    (void)l;
    (void)e;
    struct aside *a = user;
    a->client->aside = NULL;
    mem_free_secret(a->request);
    mem_free(a);
}

static void post_aside(struct client *c)
{
    static const struct link_handler events = {aside_open, aside_data, NULL, aside_close};
    struct buf text, extra;
    buf_init(&text, 16384);
    buf_init(&extra, 8192);
    (void)buf_addf(&extra, "Authorization: Bearer %s\r\n", c->token);
    if (http_write_request(&text, &(struct http_to){"POST", c->aside_target, c->host[c->address]},
                           NULL, extra.data) == 0) {
        struct aside *a = mem_alloc(sizeof *a);
        a->client = c;
        a->request = buf_detach(&text);
        c->aside = link_connect(&c->loop, c->tls,
                                &(struct link_to){c->host[c->address], c->port[c->address],
                                                  CONNECT_TIMEOUT_MS},
                                &events, a);
    }
    buf_fini_secret(&extra);
    buf_fini_secret(&text);
}

void client_post_aside(struct client *c, const char *target)
{
    mem_free(c->aside_target);
    c->aside_target = mem_strdup(target);
    if (!c->aside) post_aside(c);
}

/* ---- life ---- */

static int take_addresses(struct client *c, const char *url, const struct token *t, struct err *e)
{
    if (!url) {
        for (size_t i = 0; i < t->address_count; i++) {
            int rc = address_parse(t->address[i], DEFAULT_PORT, c->host[i], sizeof c->host[i],
                                   &c->port[i], e);
            if (rc != 0) return rc;
        }
        c->addresses = t->address_count;
        if (c->addresses == 0)
            return err_set(
                e, ERR_INVALID,
                "the token has no address: give the coordinator's address with --url HOST:PORT");
        return 0;
    }
    char *address = mem_strdup(str_starts(url, "https://") ? url + 8 : url);
    size_t len = strlen(address);
    if (len > 0 && address[len - 1] == '/') address[len - 1] = 0;
    int rc = address_parse(address, DEFAULT_PORT, c->host[0], sizeof c->host[0], &c->port[0], e);
    if (rc != 0) err_wrap(e, "--url '%s'", url);
    mem_free(address);
    c->addresses = 1;
    return rc;
}

int client_new(const struct client_options *o, struct client **out, struct err *e)
{
    struct token token;
    struct client *c = mem_alloc(sizeof *c);
    c->o = *o;
    int rc = token_parse(o->token, &token, e);
    if (rc == 0 && token.kind != TOKEN_API)
        rc = err_set(e, ERR_INVALID,
                     "this is a join token, for 'cadre-agent join'; the command line needs an API "
                     "token from 'cadre token "
                     "create api'");
    if (rc == 0) rc = take_addresses(c, o->url, &token, e);
    struct tls_client_options to = {.alpn = ALPN_HTTP, .pin = token.pin};
    if (rc == 0) rc = tls_config_client(&to, &c->tls, e);
    token_fini(&token);
    if (rc != 0) {
        mem_free(c);
        return rc;
    }
    char *copy = mem_strdup(o->token);
    c->token = mem_strdup(str_trim(copy));
    mem_free_secret(copy);
    rng_init(&c->rng, os_seed());
    buf_init(&c->error_body, LIMIT_HTTP_BODY);
    uv_loop_init(&c->loop);
    uv_timer_init(&c->loop, &c->timer);
    uv_timer_init(&c->loop, &c->waiting);
    uv_signal_init(&c->loop, &c->interrupt);
    c->timer.data = c->waiting.data = c->interrupt.data = c;
    *out = c;
    return 0;
}

void client_free(struct client *c)
{
    if (!c) return;
    if (c->link) link_close(c->link);
    if (c->aside) link_abort(c->aside, NULL);
    uv_close((uv_handle_t *)&c->timer, NULL);
    uv_close((uv_handle_t *)&c->waiting, NULL);
    uv_close((uv_handle_t *)&c->interrupt, NULL);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    uv_loop_close(&c->loop);
    http_parser_free(c->parser);
    tls_config_unref(c->tls);
    buf_fini(&c->error_body);
    mem_free(c->aside_target);
    mem_free_secret(c->token);
    mem_free(c);
}
