/* HTTPS to the coordinator: see client.h. */
#include "cli/client_impl.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/streams.h"
#include "wire/limits.h"

#include <string.h>

#define ANSWER_TIMEOUT_MS                                                                          \
    60000 /* silence while an answer is due; a follow stream pings every 15 s */
#define BODY_MAX (64u * 1024 * 1024)

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
        client_turn(c, UV_RUN_ONCE);
}

/* Until the link is open or gone. */
static int connect_once(struct client *c, struct err *e)
{
    if (c->link && c->open) return 0;
    c->link = link_connect(&c->loop, c->tls,
                           &(struct link_to){c->host[c->address], c->port[c->address],
                                             CLIENT_CONNECT_TIMEOUT_MS},
                           &handler, c);
    while (c->link && !c->open && !client_ended(c))
        client_turn(c, UV_RUN_ONCE);
    if (c->link && !c->open) close_link(c);
    if (client_ended(c)) return err_set(e, ERR_CLOSED, "interrupted");
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
    return client_ended(c) ? 0 : buf_add(&c->incoming, data, len);
}

/* Passes on what came. The link is paused meanwhile: the receiver may turn the loop, and wait for a
 * slow reader for long. */
static void deliver(struct client *c)
{
    while (c->incoming.len > 0 && c->rc == 0 && !client_ended(c)) {
        size_t len = c->incoming.len;
        char *data = buf_detach(&c->incoming);
        if (c->link) link_pause(c->link);
        uv_timer_stop(&c->timer);
        int rc = c->on_bytes(data, len, c->bytes_user);
        mem_free(data);
        if (rc > 0) c->stopped = true;
        if (rc < 0) exchange_failed(c, rc);
        if (c->link) {
            link_resume(c->link);
            watch(c);
        }
    }
    buf_clear(&c->incoming);
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
    *retry = !client_ended(c);
    if (client_ended(c)) return err_set(e, ERR_CLOSED, "interrupted");
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
    c->sent = c->call_sent = true;
    watch(c);
    while (!c->done && c->link && !client_ended(c)) {
        client_turn(c, UV_RUN_ONCE);
        deliver(c);
    }
    uv_timer_stop(&c->timer);
    if (client_ended(c)) {
        *retry = false;
        close_link(c);
        return err_set(e, ERR_CLOSED, "interrupted");
    }
    if (c->done && c->rc == 0) {
        if (!http_parser_message(c->parser)->keep_alive) close_link(c);
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
    while (!c->waited && !client_ended(c))
        client_turn(c, UV_RUN_ONCE);
    uv_timer_stop(&c->waiting);
}

/* ---- retries while the coordinator is away ---- */
void client_outage_init(const struct client *c, struct outage *o, bool reads)
{
    memset(o, 0, sizeof *o);
    backoff_init(&o->backoff, 100, 2000);
    int64_t usual = reads ? CLIENT_READ_WAIT_MS : CLIENT_WAIT_MS;
    o->most_ms = c->o.wait_ms >= 0 ? c->o.wait_ms : usual;
}

static void tell_outage(struct client *c, const struct outage *o, const struct err *e)
{
    char line[ERR_MSG_MAX + 128], most[DURATION_TEXT_SIZE];
    duration_format(o->most_ms, most);
    if (o->most_ms % 1000 == 0)
        (void)str_format(most, sizeof most, "%lld s", (long long)o->most_ms / 1000);
    if (str_format(line, sizeof line, "%s (%s); trying for %s%s",
                   o->answered ? "the coordinator cannot take the request now"
                               : "the coordinator is not reachable",
                   err_text(e), most, c->o.wait_ms < 0 ? "; --wait 0 to not wait" : "") == 0)
        c->o.on_away(line, c->o.user);
}

bool client_outage_wait(struct client *c, struct outage *o, struct err *e)
{
    if (e->code == ERR_DENIED || client_ended(c)) return false;
    int64_t now = os_mono_ms();
    if (o->since_ms == 0) o->since_ms = now;
    bool next = !o->answered && ++o->tried % c->addresses != 0; /* an address is left to try */
    if (e->code == ERR_TLS && !next) return false; /* somebody else is there, for good */
    bool over = now - o->since_ms >= o->most_ms;
    if (next && (!over || o->tried < c->addresses)) return true;
    if (over) {
        if (!o->answered) err_wrap(e, "the coordinator is not reachable");
        e->code = ERR_UNAVAILABLE;
        return false;
    }
    if (!o->told && !o->quiet && c->o.on_away) {
        tell_outage(c, o, e);
        o->told = true;
    }
    o->quiet = false;
    wait_ms(c, backoff_next(&o->backoff, &c->rng));
    return !client_ended(c);
}

const struct client_problem *client_problem(const struct client *c)
{
    return c->problem.code[0] ? &c->problem : NULL;
}

static void keep_problem(struct client *c, const struct json *error, const struct err *e)
{
    if (str_copy(c->problem.code, sizeof c->problem.code, json_get_str(error, "code", "")) != 0 ||
        str_copy(c->problem.field, sizeof c->problem.field, json_get_str(error, "field", "")) != 0)
        c->problem.code[0] = 0;
    (void)str_copy(c->problem.message, sizeof c->problem.message, e->msg);
}

/* An API error as a sentence. */
static int api_error(struct client *c, int status, const struct json *body, struct err *e)
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
    if (!message) {
        c->problem.code[0] = '\0';
        return err_set(e, code, "the coordinator answered %d %s", status, http_status_text(status));
    }
    err_set(e, code, "%s%s%s", message, str_empty(hint) ? "" : "; ", hint ? hint : "");
    keep_problem(c, error, e);
    return code;
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

/* No coordinator had the queue: nothing was done, so anything may be sent again. Perhaps another
 * coordinator knows who has it. */
static bool had_no_owner(struct client *c, int status)
{
    if (status != 503 || !str_eq(c->problem.code, "no-owner")) return false;
    if (c->addresses > 1) {
        close_link(c);
        c->address = (c->address + 1) % c->addresses;
    }
    return true;
}

int client_call(struct client *c, const struct request *request, struct response *out,
                struct err *e)
{
    struct outage outage;
    struct err why = {0};
    bool repeatable = str_eq(request->method, "GET") || request->key || request->repeat;
    c->stopped = c->call_sent = false;
    client_outage_init(c, &outage, str_eq(request->method, "GET"));
    for (;;) {
        bool retry = false;
        memset(out, 0, sizeof *out);
        bool reused = c->link != NULL;
        bool sent_before = c->call_sent;
        int rc = exchange(c, request, &retry, &why);
        if (rc == 0) {
            c->call_sent = sent_before; /* an answer leaves no doubt about this attempt */
            take_answer(c, out);
            if (out->status >= 200 && out->status <= 299) return 0;
            rc = api_error(c, out->status, out->body, &why);
            outage.answered = again_later(out->status);
            if (!had_no_owner(c, out->status) && !(outage.answered && repeatable)) break;
            if (!client_outage_wait(c, &outage, &why)) break;
            response_fini(out);
            continue;
        }
        outage.answered = false;
        /* A kept connection may have been closed meanwhile: that says nothing about the
         * coordinator. */
        if (retry && reused && repeatable && !c->link) continue;
        if (!retry || (c->sent && !repeatable) || !client_outage_wait(c, &outage, &why)) break;
    }
    if (c->left) return err_set(e, ERR_CLOSED, "interrupted");
    if (e) *e = why;
    return why.code;
}

void response_fini(struct response *r)
{
    json_free(r->body);
    mem_free(r->raw);
    memset(r, 0, sizeof *r);
}

int client_stream(struct client *c, const char *target, bool *retry, struct err *e)
{
    const struct request request = {.method = "GET", .target = target};
    int rc = exchange(c, &request, retry, e);
    if (rc != 0) return rc;
    struct response r = {0};
    take_answer(c, &r);
    if (r.status < 200 || r.status > 299) {
        rc = api_error(c, r.status, r.body, e);
        *retry = again_later(r.status);
        (void)had_no_owner(c, r.status);
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
    client_outage_init(c, &outage, true);
    c->stopped = false;
    c->on_bytes = download_bytes;
    c->bytes_user = &d;
    for (;;) {
        bool retry = false;
        if (client_stream(c, target, &retry, &why) == 0 || c->stopped) break;
        /* Bytes that were passed on cannot be taken back, so a later failure is final. */
        if (!retry || d.any || !client_outage_wait(c, &outage, &why)) {
            if (e) *e = why;
            c->on_bytes = NULL;
            return why.code;
        }
    }
    c->on_bytes = NULL;
    return 0;
}

/* ---- signals, and writing while the loop turns ---- */

static void on_signal(uv_signal_t *s, int signum)
{
    struct client *c = s->data;
    if (c->on_stop && c->on_stop(++c->stops, signum, c->stop_user) == 0) return;
    c->left = true;
}

void client_on_stop(struct client *c, int (*fn)(int count, int signal, void *user), void *user)
{
    int signals[OS_STOP_SIGNALS_MAX];
    int n = c->signal_count > 0 ? 0 : os_stop_signals(signals);
    c->on_stop = fn;
    c->stop_user = user;
    for (int i = 0; i < n; i++) {
        uv_signal_t *s = &c->signals[c->signal_count];
        if (uv_signal_init(&c->loop, s) != 0) continue;
        c->signal_count++;
        s->data = c;
        (void)uv_signal_start(s, on_signal, signals[i]);
        uv_unref((uv_handle_t *)s);
    }
}

bool client_call_sent(const struct client *c)
{
    return c->call_sent;
}

int client_write(int fd, const void *data, size_t len, void *user, struct err *e)
{
    struct client *c = user;
    const char *p = data;
    while (len > 0) {
        int64_t n = fd_write_some(fd, p, len, e);
        if (n < 0) return (int)n;
        p += n;
        len -= (size_t)n;
        if (n > 0) continue;
        if (client_ended(c) || c->turning) return err_set(e, ERR_CLOSED, "interrupted");
        int limit = uv_loop_alive(&c->loop) ? uv_backend_timeout(&c->loop) : -1;
        fd_wait_writable(fd, uv_backend_fd(&c->loop), limit);
        client_turn(c, UV_RUN_NOWAIT);
    }
    return 0;
}

/* ---- life ---- */

/* One of --url: HOST:PORT, or as a browser has it. */
static int take_url(struct client *c, char *url, struct err *e)
{
    char *address = str_trim(url);
    if (str_starts(address, "https://")) address += 8;
    size_t len = strlen(address);
    if (len > 0 && address[len - 1] == '/') address[len - 1] = '\0';
    if (c->addresses == TOKEN_ADDRESSES)
        return err_set(e, ERR_INVALID, "more than %d addresses", TOKEN_ADDRESSES);
    size_t i = c->addresses++;
    return address_parse_peer(address, DEFAULT_PORT, c->host[i], sizeof c->host[i], &c->port[i], e);
}

static int split_urls(struct client *c, const char *urls, struct err *e)
{
    char *copy = mem_strdup(urls), *next = copy;
    int rc = 0;
    for (char *comma; rc == 0 && next; next = comma) {
        comma = strchr(next, ',');
        if (comma) *comma++ = '\0';
        rc = take_url(c, next, e);
    }
    mem_free(copy);
    return rc;
}

static int take_urls(struct client *c, const char *urls, struct err *e)
{
    int rc = split_urls(c, urls, e);
    if (rc != 0) err_wrap(e, "--url '%s'", urls);
    return rc;
}

int client_check_urls(const char *urls, struct err *e)
{
    struct client *probe = mem_alloc(sizeof *probe);
    int rc = split_urls(probe, urls, e);
    mem_free(probe);
    return rc;
}

static int take_addresses(struct client *c, const struct token *t, struct err *e)
{
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
    if (rc != 0 && o->token_from) err_wrap(e, "%s", o->token_from);
    if (rc == 0) rc = o->url ? take_urls(c, o->url, e) : take_addresses(c, &token, e);
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
    uv_timer_init(&c->loop, &c->ticking);
    uv_timer_init(&c->loop, &c->aside_timer);
    c->timer.data = c->waiting.data = c->ticking.data = c->aside_timer.data = c;
    buf_init(&c->incoming, BODY_MAX);
    backoff_init(&c->aside_backoff, 100, 2000);
    *out = c;
    return 0;
}

void client_free(struct client *c)
{
    if (!c) return;
    if (c->link) link_close(c->link);
    mem_free(c->aside_target);
    c->aside_target = NULL; /* not sent again */
    if (c->aside) link_abort(c->aside, NULL);
    for (int i = 0; i < c->signal_count; i++)
        uv_close((uv_handle_t *)&c->signals[i], NULL);
    uv_close((uv_handle_t *)&c->timer, NULL);
    uv_close((uv_handle_t *)&c->waiting, NULL);
    uv_close((uv_handle_t *)&c->ticking, NULL);
    uv_close((uv_handle_t *)&c->aside_timer, NULL);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    uv_loop_close(&c->loop);
    http_parser_free(c->parser);
    tls_config_unref(c->tls);
    buf_fini(&c->error_body);
    buf_fini(&c->incoming);
    mem_free_secret(c->token);
    mem_free(c);
}
