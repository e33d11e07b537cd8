/* Submitters: keep-alive connections to the API, one request on the way on each. */
#include "tests/bench/load.h"

#include "base/clock.h"
#include "base/mem.h"
#include "platform/os.h"
#include "wire/http.h"
#include "wire/limits.h"

#include <stdio.h>
#include <string.h>

#define OPEN_S 60
#define ANSWER_MAX (64u * 1024)

struct submitter {
    struct pump *pump;
    struct link *link;
    struct http_parser *parser;
    int64_t sent_ns;
    bool open, busy;
};

struct pump {
    struct target *target;
    struct tls_config *tls;
    struct submitter *submitters;
    size_t count, open, busy;
    char *head; /* up to the idempotency key */
    char *tail; /* behind it: the rest of the head and the body */
    struct rng rng;
    uint64_t budget, submitted, ended, ahead;
    void (*on_submitted)(int64_t took_ns, void *user);
    void *user;
    bool all_open, closing;
};

static bool may_submit(const struct pump *p)
{
    return p->budget && (!p->ahead || p->submitted + p->busy < p->ended + p->ahead);
}

static void submit(struct submitter *s)
{
    struct pump *p = s->pump;
    char key[40];
    if (!may_submit(p)) return;
    p->budget--;
    p->busy++;
    s->busy = true;
    snprintf(key, sizeof key, "%016llx%016llx", (unsigned long long)rng_next(&p->rng),
             (unsigned long long)rng_next(&p->rng));
    struct buf *out = link_out(s->link);
    if (buf_adds(out, p->head) || buf_adds(out, key) || buf_adds(out, p->tail))
        bench_die("a submit does not fit");
    s->sent_ns = bench_now_ns();
    link_flush_later(s->link);
}

static void on_answer(struct submitter *s)
{
    struct pump *p = s->pump;
    struct http_message *m = http_parser_message(s->parser);
    if (m->status != 201) bench_die("submit: %d %.*s", m->status, (int)m->body.len, m->body.data);
    s->busy = false;
    p->busy--;
    p->submitted++;
    if (p->on_submitted) p->on_submitted(bench_now_ns() - s->sent_ns, p->user);
    submit(s);
}

static void on_open(struct link *l, void *user)
{
    struct submitter *s = user;
    struct pump *p = s->pump;
    (void)l;
    s->open = true;
    p->all_open = ++p->open == p->count;
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct submitter *s = user;
    const char *p = data;
    struct err e = {0};
    (void)l;
    for (;;) {
        enum http_event event;
        size_t used = 0;
        bench_must(http_parse(s->parser, p, len, &used, &event, &e), &e, "an answer");
        p += used;
        len -= used;
        if (event == HTTP_MORE) return;
        if (event == HTTP_MESSAGE) on_answer(s);
    }
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct submitter *s = user;
    (void)l;
    s->link = NULL;
    s->pump->open--;
    if (!s->pump->closing) bench_die("a submitter's connection ended: %s", err_text(e));
}

static const struct link_handler handler = {on_open, on_data, NULL, on_close};

struct pump *pump_new(struct target *t, const struct pump_options *opt)
{
    struct pump *p = mem_alloc(sizeof *p);
    struct tls_client_options o = {.alpn = ALPN_HTTP, .pin = t->token.pin};
    struct err e = {0};
    bench_must(tls_config_client(&o, &p->tls, &e), &e, "TLS");
    p->target = t;
    p->count = opt->connections;
    p->submitters = mem_array(p->count, sizeof *p->submitters);
    p->on_submitted = opt->on_submitted;
    p->user = opt->user;
    rng_init(&p->rng, os_seed());
    size_t room = TOKEN_TEXT_SIZE + strlen(opt->body) + 512;
    p->head = mem_alloc(room);
    p->tail = mem_alloc(room);
    snprintf(p->head, room,
             "POST /api/v1/jobs HTTP/1.1\r\nHost: %s:%u\r\nAuthorization: Bearer %s\r\n"
             "%sIdempotency-Key: ",
             t->host, (unsigned)t->port, t->token_text,
             opt->minimal ? "Prefer: return=minimal\r\n" : "");
    snprintf(p->tail, room, "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(opt->body), opt->body);
    return p;
}

void pump_open(struct pump *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct submitter *s = &p->submitters[i];
        s->pump = p;
        s->parser = http_parser_new(HTTP_CLIENT, ANSWER_MAX);
        s->link =
            link_connect(p->target->loop, p->tls,
                         &(struct link_to){p->target->host, p->target->port, LIMIT_HANDSHAKE_MS},
                         &handler, s);
    }
    target_wait(p->target, &p->all_open, OPEN_S, "submitters to connect");
}

static void submit_more(struct pump *p)
{
    for (size_t i = 0; i < p->count && may_submit(p); i++)
        if (!p->submitters[i].busy) submit(&p->submitters[i]);
}

void pump_run(struct pump *p, uint64_t budget, uint64_t ahead)
{
    p->budget += budget;
    p->ahead = ahead;
    submit_more(p);
}

void pump_ended(struct pump *p, uint64_t lifecycles)
{
    p->ended += lifecycles;
    submit_more(p);
}

void pump_stop(struct pump *p)
{
    p->budget = 0;
}

bool pump_idle(const struct pump *p)
{
    return p->busy == 0 && p->budget == 0;
}

uint64_t pump_submitted(const struct pump *p)
{
    return p->submitted;
}

void pump_free(struct pump *p)
{
    p->closing = true;
    for (size_t i = 0; i < p->count; i++)
        if (p->submitters[i].link) link_abort(p->submitters[i].link, NULL);
    while (p->open)
        uv_run(p->target->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < p->count; i++)
        http_parser_free(p->submitters[i].parser);
    tls_config_unref(p->tls);
    mem_free(p->submitters);
    mem_free(p->head);
    mem_free(p->tail);
    mem_free(p);
}
