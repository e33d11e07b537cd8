/*
 * A TCP forwarder whose wire can be cut, for the system tests.
 *
 *   proxy TARGET-PORT       listens on a port of 127.0.0.1 and forwards to TARGET-PORT there
 *
 * Says "port N" when it listens. Reads one command a line from stdin and answers each with "now
 * WORD" when it is in force:
 *
 *   hole nothing passes and nobody is told: connections stay open, new ones open and hear nothing;
 *               as with TCP behind a firewall that drops packets, what was sent meanwhile arrives
 *               later
 *   close       every connection is reset, new ones are closed at once
 *   delay MS    what arrives is passed on MS later
 *   pass        all is well again (the start)
 *   target PORT new connections go there; those that are open stay
 *   swallow TEXT  the next client that sends TEXT is heard, but hears nothing more: what it sends
 *               arrives, and all that is answered from then on is thrown away, until the
 *               connection ends. Says "swallowed" when that begins. TEXT has to come in one piece,
 *               as what is small does
 *   before TEXT  the next client of PostgreSQL that sends TEXT: what it sends arrives as far as the
 *               COMMIT behind it; that and all the rest of this connection is held back, either
 *               way, until `pass`. Says "held" when the last byte before it has gone on
 *   behind TEXT  the same, but the COMMIT arrives, too
 *
 * The end of stdin is its end.
 */
#include "base/mem.h"
#include "base/str.h"
#include "tests/support/pg_commit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#define CHUNK 65536
#define BACKLOG 128

enum mode { PASS, HOLE, CLOSE };
enum hold { HOLD_NOTHING, HOLD_BEFORE, HOLD_BEHIND };

struct pair;

/* One direction reads here and writes to `other`. */
struct end {
    uv_tcp_t tcp;
    struct pair *pair;
    struct end *other;
    uv_timer_t timer; /* runs while `held` waits for its time */
    char *held;
    size_t held_len;
    size_t pass_len; /* so many of them go on now */
    bool reading, writing;
};

struct pair {
    struct pair *prev, *next;
    struct proxy *proxy;
    struct end client, server;
    uv_connect_t connect;
    bool connected, closing;
    bool deaf; /* what the server says is thrown away */
    struct pg_commit commit;
    enum hold hold; /* at the next COMMIT */
    bool holds;     /* as soon as what goes on has gone */
    bool held;      /* nothing passes */
    int open_handles;
};

struct proxy {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_pipe_t control;
    struct sockaddr_in target;
    enum mode mode;
    uint64_t delay_ms;
    struct pair *pairs;
    char swallow[64]; /* "": nobody is made deaf */
    char text[64];    /* of the next client whose COMMIT is held back; "": of nobody */
    enum hold hold;   /* how */
    char line[128];
    size_t line_len;
    char input[256];
};

static void pair_close(struct pair *p, bool reset);

static void on_closed(uv_handle_t *h)
{
    struct pair *p = h->data;
    if (--p->open_handles > 0) return;
    if (p->prev)
        p->prev->next = p->next;
    else
        p->proxy->pairs = p->next;
    if (p->next) p->next->prev = p->prev;
    mem_free(p->client.held);
    mem_free(p->server.held);
    mem_free(p);
}

static void close_end(struct end *e, bool reset)
{
    e->tcp.data = e->timer.data = e->pair;
    uv_close((uv_handle_t *)&e->timer, on_closed);
    if (!reset || uv_tcp_close_reset(&e->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&e->tcp, on_closed);
}

static void pair_close(struct pair *p, bool reset)
{
    if (p->closing) return;
    p->closing = true;
    close_end(&p->client, reset);
    close_end(&p->server, reset);
}

/* ---- bytes ---- */

static void steer(struct end *e);

static void hold(struct pair *p)
{
    p->holds = false;
    p->held = true;
    steer(&p->client);
    steer(&p->server);
    printf("held\n");
}

static void on_written(uv_write_t *w, int status)
{
    struct end *e = w->data;
    struct pair *p = e->pair;
    mem_free(w);
    e->writing = false;
    if (p->closing) return;
    e->held_len -= e->pass_len;
    memmove(e->held, e->held + e->pass_len, e->held_len);
    e->pass_len = e->held_len;
    if (e->held_len == 0) {
        mem_free(e->held);
        e->held = NULL;
    }
    if (status < 0)
        pair_close(p, false);
    else if (p->holds && e == &p->client)
        hold(p);
    else
        steer(e);
}

static void pass_on(uv_timer_t *t)
{
    struct end *e = t->data;
    if (e->pair->proxy->mode == HOLE || e->pair->held) return; /* `pass` starts it again */
    uv_write_t *w = mem_alloc(sizeof *w);
    uv_buf_t b = uv_buf_init(e->held, (unsigned)e->pass_len);
    w->data = e;
    e->writing = uv_write(w, (uv_stream_t *)&e->other->tcp, &b, 1, on_written) == 0;
    if (e->writing) return;
    mem_free(w);
    pair_close(e->pair, false);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *b)
{
    (void)size;
    struct end *e = h->data;
    e->held = mem_alloc(CHUNK);
    *b = uv_buf_init(e->held, CHUNK);
}

/* Once: the text is forgotten then. */
static bool says(const struct end *e, char *text)
{
    size_t len = strlen(text);
    if (len == 0) return false;
    for (size_t i = 0; i + len <= e->held_len; i++) {
        if (memcmp(e->held + i, text, len) != 0) continue;
        text[0] = '\0';
        return true;
    }
    return false;
}

/* Does the client say what makes it deaf, or what its next COMMIT is held back for? */
static void listen_to(struct end *e)
{
    struct pair *p = e->pair;
    struct proxy *x = p->proxy;
    if (e != &p->client) return;
    if (says(e, x->swallow)) {
        p->deaf = true;
        printf("swallowed\n");
    }
    if (says(e, x->text)) p->hold = x->hold;
    size_t at = pg_commit_find(&p->commit, e->held, e->held_len);
    if (p->hold == HOLD_NOTHING || at == e->held_len) return;
    if (p->hold == HOLD_BEFORE) e->pass_len = at;
    p->hold = HOLD_NOTHING;
    p->holds = true;
}

/* One chunk at a time: it is written before the next one is read. */
static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct end *e = s->data;
    (void)b;
    if (n > 0 && e->pair->deaf && e == &e->pair->server) {
        mem_free(e->held);
        e->held = NULL;
        return;
    }
    if (n > 0) {
        e->held_len = e->pass_len = (size_t)n;
        listen_to(e);
        uv_read_stop(s);
        e->reading = false;
        uv_timer_start(&e->timer, pass_on, e->pair->proxy->delay_ms, 0);
        return;
    }
    mem_free(e->held);
    e->held = NULL;
    if (n < 0) pair_close(e->pair, n != UV_EOF);
}

/* Reads, or does not, as the mode wants it. */
static void steer(struct end *e)
{
    struct pair *p = e->pair;
    bool want = p->proxy->mode == PASS && p->connected && !p->held && !e->held;
    if (p->closing || want == e->reading) return;
    e->reading = want;
    if (!want)
        uv_read_stop((uv_stream_t *)&e->tcp);
    else if (uv_read_start((uv_stream_t *)&e->tcp, on_alloc, on_read) != 0)
        pair_close(p, false);
}

/* ---- connections ---- */

static void on_connect(uv_connect_t *c, int status)
{
    struct pair *p = c->data;
    if (p->closing) return;
    if (status < 0) {
        pair_close(p, true);
        return;
    }
    p->connected = true;
    steer(&p->client);
    steer(&p->server);
}

static void init_end(struct end *e, struct end *other, struct pair *p)
{
    uv_tcp_init(&p->proxy->loop, &e->tcp);
    uv_timer_init(&p->proxy->loop, &e->timer);
    e->tcp.data = e->timer.data = e;
    e->other = other;
    e->pair = p;
    p->open_handles += 2;
}

static void dial(struct pair *p)
{
    p->connect.data = p;
    if (uv_tcp_connect(&p->connect, &p->server.tcp, (const struct sockaddr *)&p->proxy->target,
                       on_connect) != 0)
        pair_close(p, true);
}

static void on_client(uv_stream_t *listener, int status)
{
    struct proxy *x = listener->data;
    if (status < 0) return;
    struct pair *p = mem_alloc(sizeof *p);
    p->proxy = x;
    p->next = x->pairs;
    if (p->next) p->next->prev = p;
    x->pairs = p;
    init_end(&p->client, &p->server, p);
    init_end(&p->server, &p->client, p);
    if (uv_accept(listener, (uv_stream_t *)&p->client.tcp) != 0 || x->mode == CLOSE)
        pair_close(p, true);
    else if (x->mode == PASS)
        dial(p);
}

/* ---- commands ---- */

static void set_mode(struct proxy *x, enum mode mode)
{
    x->mode = mode;
    for (struct pair *p = x->pairs, *next; p; p = next) {
        next = p->next;
        if (p->closing) continue;
        if (mode == PASS) p->held = false;
        if (mode == CLOSE) {
            pair_close(p, true);
        } else if (mode == PASS && !p->connected) {
            if (!p->connect.data) dial(p);
        } else {
            struct end *ends[] = {&p->client, &p->server};
            for (size_t i = 0; i < 2; i++) {
                bool timed = uv_is_active((uv_handle_t *)&ends[i]->timer);
                bool waits = ends[i]->held && !timed && !ends[i]->writing;
                if (mode == PASS && waits) uv_timer_start(&ends[i]->timer, pass_on, 0, 0);
                steer(ends[i]);
            }
        }
    }
}

static void command(struct proxy *x, char *line)
{
    int64_t ms;
    char *number = strchr(line, ' ');
    if (number) *number++ = '\0';
    bool numeral = number && str_int64(number, &ms) == 0 && ms >= 0;
    if (strcmp(line, "hole") == 0) {
        set_mode(x, HOLE);
    } else if (strcmp(line, "close") == 0) {
        set_mode(x, CLOSE);
    } else if (strcmp(line, "pass") == 0) {
        x->delay_ms = 0;
        set_mode(x, PASS);
    } else if (strcmp(line, "delay") == 0 && numeral) {
        x->delay_ms = (uint64_t)ms;
    } else if (strcmp(line, "target") == 0 && numeral && ms > 0 && ms < 65536) {
        x->target.sin_port = htons((uint16_t)ms);
    } else if (strcmp(line, "swallow") == 0 && number &&
               str_copy(x->swallow, sizeof x->swallow, number) == 0) {
        /* in force */
    } else if (strcmp(line, "before") == 0 && number &&
               str_copy(x->text, sizeof x->text, number) == 0) {
        x->hold = HOLD_BEFORE;
    } else if (strcmp(line, "behind") == 0 && number &&
               str_copy(x->text, sizeof x->text, number) == 0) {
        x->hold = HOLD_BEHIND;
    } else {
        printf("unknown command: %s\n", line);
        return;
    }
    printf("now %s\n", line);
}

static void on_input_alloc(uv_handle_t *h, size_t size, uv_buf_t *b)
{
    (void)size;
    struct proxy *x = h->data;
    *b = uv_buf_init(x->input, sizeof x->input);
}

static void on_input(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct proxy *x = s->data;
    if (n < 0) uv_stop(&x->loop);
    for (ssize_t i = 0; i < n; i++) {
        char c = b->base[i];
        if (c != '\n' && x->line_len < sizeof x->line - 1) {
            x->line[x->line_len++] = c;
        } else if (c == '\n') {
            x->line[x->line_len] = '\0';
            x->line_len = 0;
            command(x, x->line);
        }
    }
}

static int listen_somewhere(struct proxy *x)
{
    struct sockaddr_in at;
    int size = sizeof at;
    uv_ip4_addr("127.0.0.1", 0, &at);
    uv_tcp_init(&x->loop, &x->listener);
    x->listener.data = x;
    int rc = uv_tcp_bind(&x->listener, (const struct sockaddr *)&at, 0);
    if (rc == 0) rc = uv_listen((uv_stream_t *)&x->listener, BACKLOG, on_client);
    if (rc == 0) rc = uv_tcp_getsockname(&x->listener, (struct sockaddr *)&at, &size);
    if (rc == 0) printf("port %d\n", ntohs(at.sin_port));
    return rc;
}

int main(int argc, char **argv)
{
    struct proxy x = {.mode = PASS};
    int64_t port = 0;
    if (argc != 2 || str_int64(argv[1], &port) != 0 || port < 1 || port > 65535) {
        fprintf(stderr, "usage: proxy TARGET-PORT\n");
        return 2;
    }
    uv_loop_init(&x.loop);
    uv_ip4_addr("127.0.0.1", (int)port, &x.target);
    int rc = listen_somewhere(&x);
    if (rc == 0) {
        uv_pipe_init(&x.loop, &x.control, 0);
        x.control.data = &x;
        rc = uv_pipe_open(&x.control, 0);
    }
    if (rc == 0) rc = uv_read_start((uv_stream_t *)&x.control, on_input_alloc, on_input);
    if (rc != 0) {
        fprintf(stderr, "proxy: %s\n", uv_strerror(rc));
        return 1;
    }
    uv_run(&x.loop, UV_RUN_DEFAULT);
    return 0;
}
