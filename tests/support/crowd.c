/*
 * Connections that hold a TLS server's places, for the system tests.
 *
 *   crowd PORT COUNT ADDRESSES [elsewhere]   keeps COUNT connections to PORT of 127.0.0.1
 *
 * They come from ADDRESSES addresses, 127.1.0.1 and on; ADDRESSES 1: from 127.0.0.1 itself, unless
 * `elsewhere` is said, too. Then the end of stdin is not its end, but a signal is. A
 * quarter of them each says nothing; one byte; plain HTTP; the head of a TLS record and then a byte
 * now and then. One that is closed comes again. Says "gathered" when all have been connected once.
 * The end of stdin is its end; then it says how many connections it made.
 */
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#define AGAIN_MS 100
#define DRIP_MS 500

enum manner { SILENT, ONE_BYTE, PLAIN, DRIP, MANNERS };

struct member {
    struct crowd *crowd;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_timer_t timer;
    struct sockaddr_in from;
    enum manner manner;
    bool came; /* it was connected once */
};

struct crowd {
    uv_loop_t loop;
    uv_pipe_t control;
    struct sockaddr_in to;
    struct member *members;
    size_t count, came;
    uint64_t made;
    char input[64];
};

static void come(struct member *m);

static void on_again(uv_timer_t *t)
{
    come(t->data);
}

static void on_gone(uv_handle_t *h)
{
    struct member *m = h->data;
    uv_timer_start(&m->timer, on_again, AGAIN_MS, 0);
}

static void leave(struct member *m)
{
    uv_timer_stop(&m->timer);
    if (!uv_is_closing((uv_handle_t *)&m->tcp)) uv_close((uv_handle_t *)&m->tcp, on_gone);
}

static void say(struct member *m, const char *text, size_t len)
{
    uv_buf_t b = uv_buf_init((char *)(uintptr_t)text, (unsigned)len);
    if (uv_try_write((uv_stream_t *)&m->tcp, &b, 1) < 0) leave(m);
}

static void on_drip(uv_timer_t *t)
{
    say(t->data, "x", 1);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    static char nobody_reads_it[4096];
    (void)h;
    (void)suggested;
    *b = uv_buf_init(nobody_reads_it, sizeof nobody_reads_it);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    (void)b;
    if (n < 0) leave(s->data);
}

static void on_connected(uv_connect_t *req, int status)
{
    static const char plain[] = "GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n";
    struct member *m = req->data;
    struct crowd *c = m->crowd;
    if (status == UV_ECANCELED) return;
    if (status < 0) {
        leave(m);
        return;
    }
    c->made++;
    c->came += !m->came;
    if (!m->came && c->came == c->count) {
        puts("gathered");
        fflush(stdout);
    }
    m->came = true;
    uv_read_start((uv_stream_t *)&m->tcp, on_alloc, on_read);
    if (m->manner == ONE_BYTE) say(m, "\x16", 1);
    if (m->manner == PLAIN) say(m, plain, sizeof plain - 1);
    if (m->manner == DRIP) {
        say(m, "\x16\x03\x01\x02\x00", 5);
        if (!uv_is_closing((uv_handle_t *)&m->tcp))
            uv_timer_start(&m->timer, on_drip, DRIP_MS, DRIP_MS);
    }
}

/* What is closed leaves nothing behind (TIME_WAIT): ten thousands of used ports would keep the
 * programs of other tests from listening. */
static void close_at_once(uv_tcp_t *tcp)
{
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)tcp, &fd) == 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

static void come(struct member *m)
{
    uv_tcp_init_ex(&m->crowd->loop, &m->tcp, AF_INET);
    close_at_once(&m->tcp);
    m->tcp.data = m->connect.data = m;
    if (uv_tcp_bind(&m->tcp, (const struct sockaddr *)&m->from, 0) != 0 ||
        uv_tcp_connect(&m->connect, &m->tcp, (const struct sockaddr *)&m->crowd->to,
                       on_connected) != 0)
        leave(m);
}

static void on_input(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    const struct crowd *c = s->data;
    (void)b;
    if (n >= 0) return;
    printf("%llu connections made\n", (unsigned long long)c->made);
    fflush(stdout);
    uv_stop(s->loop);
}

static void on_input_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    struct crowd *c = h->data;
    (void)suggested;
    *b = uv_buf_init(c->input, sizeof c->input);
}

int main(int argc, char **argv)
{
    int64_t port = 0, count = 0, addresses = 0;
    bool elsewhere = argc == 5 && str_eq(argv[4], "elsewhere");
    if (argc != 4 + elsewhere || str_int64(argv[1], &port) || str_int64(argv[2], &count) ||
        str_int64(argv[3], &addresses) || count < 1 || addresses < 1 || addresses > 60000) {
        fputs("usage: crowd PORT COUNT ADDRESSES [elsewhere]\n", stderr);
        return 2;
    }
    struct crowd c = {.count = (size_t)count};
    uv_loop_init(&c.loop);
    uv_ip4_addr("127.0.0.1", (int)port, &c.to);
    c.members = mem_array(c.count, sizeof *c.members);
    for (size_t i = 0; i < c.count; i++) {
        struct member *m = &c.members[i];
        char from[32];
        size_t n = i % (size_t)addresses;
        (void)str_format(from, sizeof from, "127.%d.%zu.%zu", addresses > 1 || elsewhere, n / 250,
                         1 + n % 250);
        uv_ip4_addr(from, 0, &m->from);
        m->crowd = &c;
        m->manner = (enum manner)(i / (size_t)addresses % MANNERS);
        uv_timer_init(&c.loop, &m->timer);
        m->timer.data = m;
        come(m);
    }
    uv_pipe_init(&c.loop, &c.control, 0);
    c.control.data = &c;
    uv_pipe_open(&c.control, 0);
    if (!elsewhere) uv_read_start((uv_stream_t *)&c.control, on_input_alloc, on_input);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    return 0; /* the system closes the connections */
}
