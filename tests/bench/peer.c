/* beanstalkd with an fsync on every write, under the same load as the coordinator. Its protocol is
 * plain lines over TCP; workers send `delete` and the next `reserve` together, which is the best it
 * can be given. */
#include "tests/bench/load.h"

#include "base/buf.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WARM_UP_S 1.0
#define INPUT 65536

struct peer;
struct connection {
    struct peer *peer;
    uv_tcp_t tcp;
    uv_connect_t connect;
    bool worker, resting;
    struct buf in;
};

struct peer {
    char *put; /* the whole request */
    size_t put_len, bytes;
    uint64_t ahead, begun;
    size_t resting;
    struct connection *connections;
    size_t count, open;
    uint64_t deleted, puts;
    bool stopping;
};

static void write_all(struct connection *c, const char *data, size_t len)
{
    uv_buf_t b = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);
    if (uv_try_write((uv_stream_t *)&c->tcp, &b, 1) != (int)len)
        bench_die("beanstalkd does not take %zu bytes", len);
}

static void next_put(struct connection *c)
{
    struct peer *p = c->peer;
    if (p->stopping) return;
    bool rest = p->ahead && p->begun >= p->deleted + p->ahead;
    if (rest != c->resting) p->resting += rest ? 1 : (size_t)-1;
    c->resting = rest;
    if (rest) return;
    p->begun++;
    write_all(c, p->put, p->put_len);
}

static void on_deleted(struct peer *p)
{
    p->deleted++;
    for (size_t i = 0; i < p->count && p->resting; i++) {
        if (!p->connections[i].resting) continue;
        next_put(&p->connections[i]);
        return;
    }
}

/* One answer at the front of the input. Returns its bytes, 0 when it is not whole. */
static size_t answer(struct connection *c)
{
    char *end = memchr(c->in.data, '\n', c->in.len);
    if (!end) return 0;
    size_t line = (size_t)(end - c->in.data) + 1;
    if (strncmp(c->in.data, "INSERTED", 8) == 0) {
        c->peer->puts++;
        next_put(c);
        return line;
    }
    if (strncmp(c->in.data, "DELETED", 7) == 0) {
        on_deleted(c->peer);
        return line;
    }
    if (strncmp(c->in.data, "RESERVED ", 9) != 0)
        bench_die("beanstalkd said '%.*s'", (int)line, c->in.data);
    size_t whole = line + c->peer->bytes + 2;
    if (c->in.len < whole) return 0;
    char request[64];
    int len = snprintf(request, sizeof request, "delete %llu\r\nreserve\r\n",
                       strtoull(c->in.data + 9, NULL, 10));
    write_all(c, request, (size_t)len);
    return whole;
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct connection *c = h->data;
    (void)suggested;
    *out = uv_buf_init(buf_reserve(&c->in, INPUT), INPUT);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct connection *c = stream->data;
    (void)b;
    if (n < 0 && !c->peer->stopping) bench_die("beanstalkd: %s", uv_strerror((int)n));
    if (n <= 0) return;
    buf_commit(&c->in, (size_t)n);
    for (size_t used; (used = answer(c)) > 0;)
        buf_consume(&c->in, used);
}

static void on_connected(uv_connect_t *r, int status)
{
    struct connection *c = r->data;
    if (status) bench_die("beanstalkd: %s", uv_strerror(status));
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    c->peer->open++;
    if (c->worker)
        write_all(c, "reserve\r\n", 9);
    else
        next_put(c);
}

static void connect_to(uv_loop_t *loop, struct connection *c, int port)
{
    struct sockaddr_in a;
    uv_ip4_addr("127.0.0.1", port, &a);
    uv_tcp_init(loop, &c->tcp);
    c->tcp.data = c->connect.data = c;
    buf_init(&c->in, 4 * INPUT);
    uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&a, on_connected);
}

/* A port that was free a moment ago, and a connection that says that beanstalkd has taken it. */
static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        bench_die("no free port");
    close(fd);
    return ntohs(a.sin_port);
}

static void wait_for_port(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)port)};
    for (int i = 0; i < 500; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
        close(fd);
        if (rc == 0) return;
        usleep(10000);
    }
    bench_die("beanstalkd did not start");
}

static int start(const char *folder, int port)
{
    char data[600], number[16], program[] = "beanstalkd", sync[] = "-f0", dir[] = "-b";
    char host_flag[] = "-l", host[] = "127.0.0.1", port_flag[] = "-p";
    snprintf(data, sizeof data, "%s/beanstalkd", folder);
    snprintf(number, sizeof number, "%d", port);
    if (mkdir(data, 0700) != 0) bench_die("no folder for beanstalkd");
    char *argv[] = {program, sync, dir, data, host_flag, host, port_flag, number, NULL};
    int pid = bench_spawn(folder, "beanstalkd-out", argv, NULL);
    wait_for_port(port);
    return pid;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static void run_for(uv_loop_t *loop, double seconds)
{
    int64_t end = bench_now_ns() + (int64_t)(seconds * 1e9);
    uv_timer_t tick;
    uv_timer_init(loop, &tick);
    uv_timer_start(&tick, on_tick, 20, 20);
    while (bench_now_ns() < end)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static void make_put(struct peer *p)
{
    size_t room = p->bytes + 64;
    p->put = mem_alloc(room);
    int head = snprintf(p->put, room, "put 0 0 60 %zu\r\n", p->bytes);
    memset(p->put + head, 'x', p->bytes);
    memcpy(p->put + (size_t)head + p->bytes, "\r\n", 2);
    p->put_len = (size_t)head + p->bytes + 2;
}

static void finish(uv_loop_t *loop, struct peer *p)
{
    p->stopping = true;
    for (size_t i = 0; i < p->count; i++)
        uv_close((uv_handle_t *)&p->connections[i].tcp, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < p->count; i++)
        buf_fini(&p->connections[i].in);
    mem_free(p->connections);
    mem_free(p->put);
}

void peer_beanstalkd(uv_loop_t *loop, const char *folder, const struct peer_load *load,
                     struct peer_result *out)
{
    struct peer p = {.bytes = load->bytes,
                     .count = load->producers + load->workers,
                     .ahead = load->ahead};
    struct usage before, after;
    int port = free_port();
    int pid = start(folder, port);
    make_put(&p);
    p.connections = mem_array(p.count, sizeof *p.connections);
    for (size_t i = 0; i < p.count; i++) {
        p.connections[i] = (struct connection){.peer = &p, .worker = i >= load->producers};
        connect_to(loop, &p.connections[i], port);
    }
    run_for(loop, WARM_UP_S);
    if (p.open != p.count) bench_die("beanstalkd took %zu of %zu connections", p.open, p.count);
    bench_usage(pid, &before);
    int64_t from = bench_now_ns();
    uint64_t deleted = p.deleted, puts = p.puts;
    run_for(loop, load->seconds);
    double took = (double)(bench_now_ns() - from) / 1e9;
    bench_usage(pid, &after);
    *out = (struct peer_result){.lifecycles_per_s = (double)(p.deleted - deleted) / took,
                                .lifecycles = p.deleted - deleted,
                                .puts = p.puts - puts,
                                .cpu_s = after.cpu_s - before.cpu_s};
    finish(loop, &p);
    bench_end(pid);
}
