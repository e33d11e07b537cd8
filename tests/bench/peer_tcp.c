/* Connections of peers whose protocol is simple enough to be spoken here. See peer.h. */
#include "tests/bench/peer.h"

#include "base/mem.h"

#include <string.h>

#define INPUT 65536

struct rest { /* what a socket did not take at once */
    uv_write_t request;
    char data[];
};

static void on_written(uv_write_t *r, int status)
{
    (void)status; /* the reading side tells of an end */
    mem_free(r->data);
}

static void flush(struct peer_link *l)
{
    uv_buf_t b = uv_buf_init(l->out.data, (unsigned)l->out.len);
    if (!l->out.len || l->closed) return;
    int sent = uv_try_write((uv_stream_t *)&l->tcp, &b, 1);
    if (sent < 0) sent = 0;
    size_t left = l->out.len - (size_t)sent;
    if (left) {
        struct rest *rest = mem_alloc(sizeof *rest + left);
        memcpy(rest->data, l->out.data + sent, left);
        rest->request.data = rest;
        b = uv_buf_init(rest->data, (unsigned)left);
        if (uv_write(&rest->request, (uv_stream_t *)&l->tcp, &b, 1, on_written)) mem_free(rest);
    }
    buf_clear(&l->out);
}

void peer_link_say(struct peer_link *l, const void *data, size_t len)
{
    if (buf_add(&l->out, data, len)) peer_fail(l->peer, "it does not read what it is sent");
}

/* In turns, so that no producer is favoured. */
void peer_tcp_more(struct peer *p)
{
    for (size_t full = 0; full < p->load.producers && peer_may_put(p);) {
        struct peer_link *l = &p->links[p->at];
        p->at = (p->at + 1) % p->load.producers;
        if (!l->is_open || l->on_way == p->load.window) {
            full++;
            continue;
        }
        full = 0;
        p->begun++;
        l->on_way++;
        p->kind->put(l);
    }
    for (size_t i = 0; i < p->load.producers; i++)
        flush(&p->links[i]);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct peer_link *l = h->data;
    (void)suggested;
    *out = uv_buf_init(buf_reserve(&l->in, INPUT), INPUT);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct peer_link *l = stream->data;
    size_t used = 0;
    (void)b;
    if (n < 0) peer_fail(l->peer, "a connection ended: %s", uv_strerror((int)n));
    if (n <= 0) return;
    buf_commit(&l->in, (size_t)n);
    while (!l->peer->why[0] && (used = l->peer->kind->answer(l)) > 0)
        buf_consume(&l->in, used);
    flush(l);
    peer_tcp_more(l->peer);
}

static void on_connected(uv_connect_t *r, int status)
{
    struct peer_link *l = r->data;
    struct peer *p = l->peer;
    if (status) {
        peer_fail(p, "a connection was not taken: %s", uv_strerror(status));
        return;
    }
    uv_tcp_nodelay(&l->tcp, 1);
    uv_read_start((uv_stream_t *)&l->tcp, on_alloc, on_read);
    l->is_open = true;
    p->connected++;
    if (l->worker) p->kind->begin(l);
    flush(l);
    if (p->connected == p->count) peer_tcp_more(p);
}

bool peer_tcp_open(struct peer *p)
{
    struct sockaddr_in a;
    uv_ip4_addr("127.0.0.1", p->port, &a);
    p->count = p->load.producers + p->load.workers;
    p->links = mem_array(p->count, sizeof *p->links);
    p->at = p->connected = 0;
    for (size_t i = 0; i < p->count; i++) {
        struct peer_link *l = &p->links[i];
        l->peer = p;
        l->worker = i >= p->load.producers;
        uv_tcp_init(p->loop, &l->tcp);
        l->tcp.data = l->connect.data = l;
        buf_init(&l->in, 16 * INPUT);
        buf_init(&l->out, 16 * INPUT);
        uv_tcp_connect(&l->connect, &l->tcp, (const struct sockaddr *)&a, on_connected);
    }
    return true;
}

static void on_closed(uv_handle_t *h)
{
    struct peer_link *l = h->data;
    l->peer->connected--;
}

void peer_tcp_close(struct peer *p)
{
    p->connected = p->count;
    for (size_t i = 0; i < p->count; i++) {
        p->links[i].closed = true;
        uv_close((uv_handle_t *)&p->links[i].tcp, on_closed);
    }
    while (p->connected)
        uv_run(p->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < p->count; i++) {
        buf_fini(&p->links[i].in);
        buf_fini(&p->links[i].out);
    }
    mem_free(p->links);
    p->links = NULL;
    p->count = 0;
}
