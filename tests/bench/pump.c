/* Submitters: keep-alive connections to the API with one request on the way on each, or more. */
#include "tests/bench/load.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "platform/os.h"
#include "wire/http.h"
#include "wire/limits.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define OPEN_S 60
#define ANSWER_MAX (256u * 1024)

struct submitter {
    struct pump *pump;
    struct link *link;
    struct http_parser *parser;
    struct sent { /* a request on the way */
        int64_t at_ns;
        size_t jobs;
    } * sent; /* a ring of pump.pipeline */
    size_t first, count;
};

struct pump {
    struct target *target;
    struct tls_config *tls;
    struct submitter *submitters;
    size_t count, open, busy; /* busy: jobs on the way */
    size_t pipeline, batch;   /* batch 0: one job, alone */
    char *head;               /* up to the idempotency key */
    char *job;
    size_t job_len;
    struct rng rng;
    uint64_t budget, submitted, ended, ahead;
    void (*on_submitted)(int64_t took_ns, void *user);
    void *user;
    bool all_open, closing, random_keys;
};

/* How many jobs the next request has; 0: it has to wait. */
static size_t next_jobs(const struct pump *p)
{
    size_t most = p->batch ? p->batch : 1, n = p->budget < most ? (size_t)p->budget : most;
    uint64_t out = p->submitted + p->busy;
    bool fits = !p->ahead || out + n <= p->ended + p->ahead;
    return fits || out <= p->ended ? n : 0;
}

static void add_body(struct pump *p, struct buf *out, size_t jobs)
{
    size_t len = jobs * p->job_len + (p->batch ? jobs + 1 : 0);
    if (buf_addf(out, "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", len))
        bench_die("a submit does not fit");
    if (p->batch) buf_addc(out, '[');
    for (size_t i = 0; i < jobs; i++) {
        if (i) buf_addc(out, ',');
        buf_add(out, p->job, p->job_len);
    }
    if (p->batch && buf_addc(out, ']')) bench_die("a submit does not fit");
}

/* As the command line makes it: the time, then random bits. */
static void make_key(struct pump *p, char out[40])
{
    struct timespec t;
    char time[ID_TEXT_SIZE];
    clock_gettime(CLOCK_REALTIME, &t);
    id_format(id_make((int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000, 0), time);
    snprintf(out, 40, "%s%016llx", p->random_keys ? "" : time,
             (unsigned long long)rng_next(&p->rng));
}

static bool submit(struct submitter *s)
{
    struct pump *p = s->pump;
    char key[40];
    size_t n = next_jobs(p);
    if (n == 0 || s->count == p->pipeline) return false;
    p->budget -= n;
    p->busy += n;
    make_key(p, key);
    struct buf *out = link_out(s->link);
    if (buf_adds(out, p->head) || buf_adds(out, key)) bench_die("a submit does not fit");
    add_body(p, out, n);
    s->sent[(s->first + s->count++) % p->pipeline] = (struct sent){bench_now_ns(), n};
    link_flush_later(s->link);
    return true;
}

static void on_answer(struct submitter *s)
{
    struct pump *p = s->pump;
    struct http_message *m = http_parser_message(s->parser);
    const struct sent *sent = &s->sent[s->first];
    bool good =
        p->batch ? m->status == 200 && !strstr(m->body.data, "\"error\"") : m->status == 201;
    if (!good) bench_die("submit: %d %.*s", m->status, (int)m->body.len, m->body.data);
    p->busy -= sent->jobs;
    p->submitted += sent->jobs;
    s->first = (s->first + 1) % p->pipeline;
    s->count--;
    if (p->on_submitted) p->on_submitted(bench_now_ns() - sent->at_ns, p->user);
    while (submit(s))
        continue;
}

static void on_open(struct link *l, void *user)
{
    struct submitter *s = user;
    struct pump *p = s->pump;
    (void)l;
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
    p->pipeline = opt->pipeline ? opt->pipeline : 1;
    p->batch = opt->batch;
    p->random_keys = opt->random_keys;
    p->submitters = mem_array(p->count, sizeof *p->submitters);
    p->on_submitted = opt->on_submitted;
    p->user = opt->user;
    rng_init(&p->rng, os_seed());
    size_t room = TOKEN_TEXT_SIZE + 512;
    p->head = mem_alloc(room);
    p->job = mem_strdup(opt->body);
    p->job_len = strlen(opt->body);
    snprintf(p->head, room,
             "POST /api/v1/jobs HTTP/1.1\r\nHost: %s:%u\r\nAuthorization: Bearer %s\r\n"
             "%sIdempotency-Key: ",
             t->host, (unsigned)t->port, t->token_text,
             opt->minimal ? "Prefer: return=minimal\r\n" : "");
    return p;
}

void pump_open(struct pump *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct submitter *s = &p->submitters[i];
        s->pump = p;
        s->sent = mem_array(p->pipeline, sizeof *s->sent);
        s->parser = http_parser_new(HTTP_CLIENT, ANSWER_MAX);
        s->link =
            link_connect(p->target->loop, p->tls,
                         &(struct link_to){p->target->host, p->target->port, LIMIT_HANDSHAKE_MS},
                         &handler, s);
    }
    target_wait(p->target, &p->all_open, OPEN_S, "submitters to connect");
}

/* One more on each connection, again and again, so that they share what may be sent. */
static void submit_more(struct pump *p)
{
    for (bool any = true; any && next_jobs(p);) {
        any = false;
        for (size_t i = 0; i < p->count; i++)
            any |= submit(&p->submitters[i]);
    }
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
    for (size_t i = 0; i < p->count; i++) {
        http_parser_free(p->submitters[i].parser);
        mem_free(p->submitters[i].sent);
    }
    tls_config_unref(p->tls);
    mem_free(p->submitters);
    mem_free(p->head);
    mem_free(p->job);
    mem_free(p);
}
