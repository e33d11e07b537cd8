/* Clients with a clock: each request carries the moment it was due in its body, whether or not a
 * connection was free for it, so that a server that falls behind is not asked less often. */
#include "tests/bench/load.h"

#include "base/mem.h"
#include "wire/http.h"
#include "wire/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define OPEN_S 60
#define ANSWER_MAX (64u * 1024)
#define STAMP_DIGITS 16

struct client {
    struct clients *all;
    struct link *link;
    struct http_parser *parser;
    size_t on_way;
};

struct clients {
    struct target *target;
    struct tls_config *tls;
    struct client *items;
    size_t count, open, depth, next;
    char *request, *stamp; /* stamp: the place of its digits in the request */
    uint64_t answered;
    bool all_open, closing;
    bool flooding;
    /* the schedule; interval_ns 0: none */
    double interval_ns, due_ns;
    int clock; /* timerfd */
    uv_poll_t poll;
};

const char clients_stamp[] = "stamp-@@@@@@@@@@@@@@@@";

int64_t clients_due_ns(const char *text)
{
    const char *at = text ? strstr(text, "stamp-") : NULL;
    return at ? (int64_t)strtoull(at + strlen("stamp-"), NULL, 16) : 0;
}

static void ask(struct client *c, int64_t due_ns)
{
    struct clients *all = c->all;
    char digits[STAMP_DIGITS + 1];
    if (all->stamp) {
        snprintf(digits, sizeof digits, "%016llx", (unsigned long long)due_ns);
        memcpy(all->stamp, digits, STAMP_DIGITS);
    }
    if (buf_adds(link_out(c->link), all->request)) bench_die("a request does not fit");
    c->on_way++;
    link_flush_later(c->link);
}

/* One that has the fewest on the way; NULL: each has as many as it may. */
static struct client *free_client(struct clients *all)
{
    for (size_t i = 0; i < all->count; i++) {
        struct client *c = &all->items[(all->next + i) % all->count];
        if (c->on_way >= all->depth) continue;
        all->next = (all->next + i + 1) % all->count;
        return c;
    }
    return NULL;
}

static void arm(struct clients *all)
{
    int64_t due = (int64_t)all->due_ns;
    struct itimerspec at = {.it_value = {due / 1000000000, due % 1000000000}};
    timerfd_settime(all->clock, TFD_TIMER_ABSTIME, &at, NULL);
}

/* All that is due and for which there is room. What finds none is asked when an answer comes. */
static void ask_due(struct clients *all)
{
    struct client *c;
    int64_t now = bench_now_ns();
    while (all->interval_ns > 0 && all->due_ns <= (double)now && (c = free_client(all)) != NULL) {
        ask(c, (int64_t)all->due_ns);
        all->due_ns += all->interval_ns;
    }
    if (all->interval_ns > 0 && all->due_ns > (double)now) arm(all);
}

static void flood(struct clients *all)
{
    struct client *c;
    while (all->flooding && (c = free_client(all)) != NULL)
        ask(c, bench_now_ns());
}

static void on_clock(uv_poll_t *poll, int status, int events)
{
    struct clients *all = poll->data;
    uint64_t times;
    (void)status;
    (void)events;
    if (read(all->clock, &times, sizeof times) == sizeof times) ask_due(all);
}

/* ---- the connections ---- */

static void on_answer(struct client *c)
{
    const struct http_message *m = http_parser_message(c->parser);
    if (m->status != 201)
        bench_die("a request was answered %d %.*s", m->status, (int)m->body.len, m->body.data);
    c->on_way--;
    c->all->answered++;
    if (c->all->flooding)
        ask(c, bench_now_ns());
    else
        ask_due(c->all);
}

static void on_open(struct link *l, void *user)
{
    struct clients *all = ((struct client *)user)->all;
    (void)l;
    all->all_open = ++all->open == all->count;
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct client *c = user;
    const char *p = data;
    struct err e = {0};
    (void)l;
    for (;;) {
        enum http_event event;
        size_t used = 0;
        bench_must(http_parse(c->parser, p, len, &used, &event, &e), &e, "an answer");
        p += used;
        len -= used;
        if (event == HTTP_MORE) return;
        if (event == HTTP_MESSAGE) on_answer(c);
    }
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct client *c = user;
    (void)l;
    c->link = NULL;
    c->all->open--;
    if (!c->all->closing) bench_die("a client's connection ended: %s", err_text(e));
}

static const struct link_handler handler = {on_open, on_data, NULL, on_close};

static char *request_of(const struct target *t, const char *path, const char *body)
{
    size_t room = TOKEN_TEXT_SIZE + strlen(path) + strlen(body) + 512;
    char *text = mem_alloc(room);
    snprintf(text, room,
             "POST %s HTTP/1.1\r\nHost: %s:%u\r\nAuthorization: Bearer %s\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             path, t->host, (unsigned)t->port, t->token_text, strlen(body), body);
    return text;
}

struct clients *clients_new(struct target *t, const struct clients_options *o)
{
    struct clients *all = mem_alloc(sizeof *all);
    struct tls_client_options tls = {.alpn = ALPN_HTTP, .pin = t->token.pin};
    struct err e = {0};
    bench_must(tls_config_client(&tls, &all->tls, &e), &e, "TLS");
    all->target = t;
    all->count = o->connections;
    all->depth = o->depth ? o->depth : 1;
    all->request = request_of(t, o->path ? o->path : "/api/v1/jobs", o->body);
    all->stamp = strstr(all->request, clients_stamp);
    if (all->stamp) all->stamp += strlen("stamp-");
    all->items = mem_array(all->count, sizeof *all->items);
    all->clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (all->clock < 0) bench_die("no timer");
    uv_poll_init(t->loop, &all->poll, all->clock);
    all->poll.data = all;
    uv_poll_start(&all->poll, UV_READABLE, on_clock);
    for (size_t i = 0; i < all->count; i++) {
        struct client *c = &all->items[i];
        c->all = all;
        c->parser = http_parser_new(HTTP_CLIENT, ANSWER_MAX);
        c->link =
            link_connect(t->loop, all->tls, &(struct link_to){t->host, t->port, LIMIT_HANDSHAKE_MS},
                         &handler, c);
    }
    target_wait(t, &all->all_open, OPEN_S, "clients to connect");
    return all;
}

void clients_one(struct clients *all)
{
    struct client *c = free_client(all);
    if (!c) bench_die("a client that is asked for one request has not had its last answer");
    ask(c, bench_now_ns());
}

void clients_rate(struct clients *all, double per_s)
{
    all->interval_ns = per_s > 0 ? 1e9 / per_s : 0;
    all->due_ns = (double)bench_now_ns();
    ask_due(all);
}

void clients_flood(struct clients *all, bool on)
{
    all->flooding = on;
    flood(all);
}

uint64_t clients_answered(const struct clients *all)
{
    return all->answered;
}

void clients_free(struct clients *all)
{
    all->closing = true;
    all->flooding = false;
    all->interval_ns = 0;
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].link) link_abort(all->items[i].link, NULL);
    uv_close((uv_handle_t *)&all->poll, NULL);
    while (all->open)
        uv_run(all->target->loop, UV_RUN_ONCE);
    uv_run(all->target->loop, UV_RUN_NOWAIT);
    for (size_t i = 0; i < all->count; i++)
        http_parser_free(all->items[i].parser);
    close(all->clock);
    tls_config_unref(all->tls);
    mem_free(all->items);
    mem_free(all->request);
    mem_free(all);
}
