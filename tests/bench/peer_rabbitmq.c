/* RabbitMQ with a classic durable queue: persistent messages, publisher confirms, and
 * acknowledgements by hand, one for each job. The server and its epmd run in a folder and on ports
 * of their own. Built where librabbitmq-dev is. */
#include "tests/bench/peer.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_S 120
#define EPMD_S 20
#define ANSWER_S 30
#define CHANNEL 1
#define QUEUE "bench"
#define FRAME_MAX 131072

struct client {
    struct rabbit *rabbit;
    amqp_connection_state_t amqp;
    uv_poll_t poll;
    bool worker, polling;
    /* a producer's: jobs are numbered from 1; confirmed[n % window] for those from `oldest` on */
    uint64_t sent, oldest;
    bool *confirmed;
    /* a worker's: the job whose frames arrive */
    uint64_t tag, bytes_left;
};

struct rabbit {
    struct peer *peer;
    int epmd_pid;
    struct client *clients;
    size_t count, at, polling;
    amqp_bytes_t job;
};

/* ---- the server ---- */

static bool start_epmd(struct peer *p, struct rabbit *r, int port)
{
    char program[600], number[16], port_flag[] = "-port", address_flag[] = "-address";
    char address[] = "127.0.0.1";
    if (!peer_program(p, "epmd", program, sizeof program)) return false;
    snprintf(number, sizeof number, "%d", port);
    char *argv[] = {program, port_flag, number, address_flag, address, NULL};
    r->epmd_pid = p->pid = bench_spawn(p->folder, "epmd", argv, NULL);
    p->port = port;
    bool up = peer_wait_for_port(p, EPMD_S);
    p->pid = 0;
    return up;
}

/* All that the server would look for outside its folder is named; enabled_plugins says: none. */
static bool spawn_server(struct peer *p, int epmd_port)
{
    char program[600], plugins[600];
    const char *f = p->folder;
    struct err e = {0};
    if (!peer_program(p, "rabbitmq-server", program, sizeof program)) return false;
    /* Debian's wrapper in /usr/sbin wants root or the package's user; the server itself does not */
    if (access("/usr/lib/rabbitmq/bin/rabbitmq-server", X_OK) == 0)
        snprintf(program, sizeof program, "/usr/lib/rabbitmq/bin/rabbitmq-server");
    snprintf(plugins, sizeof plugins, "%s/enabled_plugins", f);
    if (file_write_plain(plugins, "[].\n", 4, FILE_PUBLIC, &e)) {
        peer_fail(p, "%s", err_text(&e));
        return false;
    }
    p->port = peer_free_port();
    char *argv[] = {str_dupf("/usr/bin/env"),
                    str_dupf("HOME=%s", f),
                    str_dupf("RABBITMQ_MNESIA_BASE=%s/data", f),
                    str_dupf("RABBITMQ_LOG_BASE=%s", f),
                    str_dupf("RABBITMQ_PID_FILE=%s/pid", f),
                    str_dupf("RABBITMQ_ENABLED_PLUGINS_FILE=%s", plugins),
                    str_dupf("RABBITMQ_CONFIG_FILE=%s/rabbitmq.conf", f),
                    str_dupf("RABBITMQ_CONF_ENV_FILE=%s/rabbitmq-env.conf", f),
                    str_dupf("RABBITMQ_NODENAME=bench@localhost"),
                    str_dupf("RABBITMQ_NODE_IP_ADDRESS=127.0.0.1"),
                    str_dupf("RABBITMQ_NODE_PORT=%d", p->port),
                    str_dupf("RABBITMQ_DIST_PORT=%d", peer_free_port()),
                    str_dupf("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="
                             "-kernel inet_dist_use_interface {127,0,0,1}"),
                    str_dupf("ERL_EPMD_PORT=%d", epmd_port),
                    str_dupf("ERL_EPMD_ADDRESS=127.0.0.1"),
                    program,
                    NULL};
    p->pid = bench_spawn(p->folder, "server", argv, NULL);
    for (size_t i = 0; argv[i] != program; i++)
        mem_free(argv[i]);
    return true;
}

static bool start(struct peer *p)
{
    struct rabbit *r = mem_alloc(sizeof *r);
    int epmd_port = peer_free_port();
    p->own = r;
    r->peer = p;
    return start_epmd(p, r, epmd_port) && spawn_server(p, epmd_port) &&
           peer_wait_for_port(p, START_S);
}

static void stop(struct peer *p)
{
    struct rabbit *r = p->own;
    if (!r) return;
    bench_end(r->epmd_pid);
    mem_free(r);
}

/* ---- producers and workers ---- */

static bool sent(struct client *c, int status)
{
    if (status == AMQP_STATUS_OK) return true;
    peer_fail(c->rabbit->peer, "%s", amqp_error_string2(status));
    return false;
}

static void on_confirmed(struct client *c, const amqp_basic_ack_t *ack)
{
    size_t window = c->rabbit->peer->load.window;
    uint64_t first = ack->multiple ? c->oldest : ack->delivery_tag;
    if (ack->delivery_tag < c->oldest || ack->delivery_tag > c->sent) return;
    for (uint64_t n = first; n <= ack->delivery_tag; n++)
        c->confirmed[n % window] = true;
    while (c->oldest <= c->sent && c->confirmed[c->oldest % window])
        c->confirmed[c->oldest++ % window] = false;
}

static void on_method(struct client *c, const amqp_method_t *m)
{
    switch (m->id) {
    case AMQP_BASIC_ACK_METHOD:
        on_confirmed(c, m->decoded);
        break;
    case AMQP_BASIC_DELIVER_METHOD:
        c->tag = ((const amqp_basic_deliver_t *)m->decoded)->delivery_tag;
        break;
    default:
        peer_fail(c->rabbit->peer, "it sent %s", amqp_method_name(m->id));
    }
}

static void on_frame(struct client *c, const amqp_frame_t *f)
{
    if (f->frame_type == AMQP_FRAME_METHOD) {
        on_method(c, &f->payload.method);
        return;
    }
    if (f->frame_type == AMQP_FRAME_HEADER) c->bytes_left = f->payload.properties.body_size;
    if (f->frame_type == AMQP_FRAME_BODY) c->bytes_left -= f->payload.body_fragment.len;
    if (c->bytes_left || f->frame_type == AMQP_FRAME_HEARTBEAT) return;
    if (sent(c, amqp_basic_ack(c->amqp, CHANNEL, c->tag, false))) c->rabbit->peer->ended++;
}

static void publish(struct client *c)
{
    struct peer *p = c->rabbit->peer;
    const amqp_basic_properties_t persistent = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                                .delivery_mode = AMQP_DELIVERY_PERSISTENT};
    p->begun++;
    c->sent++;
    (void)sent(c, amqp_basic_publish(c->amqp, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(QUEUE),
                                     false, false, &persistent, c->rabbit->job));
}

/* In turns, so that no producer is favoured. */
static void more(struct peer *p)
{
    struct rabbit *r = p->own;
    for (size_t full = 0; full < p->load.producers && peer_may_put(p);) {
        struct client *c = &r->clients[r->at];
        r->at = (r->at + 1) % p->load.producers;
        if (c->sent + 1 - c->oldest == p->load.window) {
            full++;
            continue;
        }
        full = 0;
        publish(c);
    }
}

/* What one read brought is dealt with before the loop looks at the sockets again. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct client *c = poll->data;
    struct peer *p = c->rabbit->peer;
    (void)events;
    if (status) peer_fail(p, "a connection ended: %s", uv_strerror(status));
    while (!p->why[0]) {
        struct timeval now = {0};
        amqp_frame_t frame;
        amqp_maybe_release_buffers(c->amqp);
        int rc = amqp_simple_wait_frame_noblock(c->amqp, &frame, &now);
        if (rc == AMQP_STATUS_TIMEOUT || !sent(c, rc)) break;
        on_frame(c, &frame);
        if (!amqp_data_in_buffer(c->amqp) && !amqp_frames_enqueued(c->amqp)) break;
    }
    more(p);
}

/* ---- connections ---- */

static bool answered(struct client *c, const char *doing, amqp_rpc_reply_t reply)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return true;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        peer_fail(c->rabbit->peer, "%s: %s", doing, amqp_error_string2(reply.library_error));
    else
        peer_fail(c->rabbit->peer, "%s: it refused", doing);
    return false;
}

static bool set_up_producer(struct client *c)
{
    c->confirmed = mem_array(c->rabbit->peer->load.window, sizeof *c->confirmed);
    c->oldest = 1;
    amqp_confirm_select(c->amqp, CHANNEL);
    return answered(c, "confirm.select", amqp_get_rpc_reply(c->amqp));
}

static bool set_up_worker(struct client *c)
{
    uint16_t prefetch = (uint16_t)c->rabbit->peer->load.prefetch;
    amqp_basic_qos(c->amqp, CHANNEL, 0, prefetch, false);
    if (!answered(c, "basic.qos", amqp_get_rpc_reply(c->amqp))) return false;
    amqp_basic_consume(c->amqp, CHANNEL, amqp_cstring_bytes(QUEUE), amqp_empty_bytes, false, false,
                       false, amqp_empty_table);
    return answered(c, "basic.consume", amqp_get_rpc_reply(c->amqp));
}

static bool connect_one(struct client *c)
{
    struct peer *p = c->rabbit->peer;
    struct timeval limit = {.tv_sec = ANSWER_S};
    c->amqp = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(c->amqp);
    amqp_set_rpc_timeout(c->amqp, &limit);
    amqp_set_handshake_timeout(c->amqp, &limit);
    if (!sent(c, amqp_socket_open_noblock(socket, "127.0.0.1", p->port, &limit))) return false;
    if (!answered(c, "login",
                  amqp_login(c->amqp, "/", 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, "guest",
                             "guest")))
        return false;
    amqp_channel_open(c->amqp, CHANNEL);
    if (!answered(c, "channel.open", amqp_get_rpc_reply(c->amqp))) return false;
    /* durable, not exclusive, not deleted with its last consumer */
    amqp_queue_declare(c->amqp, CHANNEL, amqp_cstring_bytes(QUEUE), false, true, false, false,
                       amqp_empty_table);
    if (!answered(c, "queue.declare", amqp_get_rpc_reply(c->amqp))) return false;
    return c->worker ? set_up_worker(c) : set_up_producer(c);
}

static bool open_all(struct peer *p)
{
    struct rabbit *r = p->own;
    r->count = p->load.producers + p->load.workers;
    r->clients = mem_array(r->count, sizeof *r->clients);
    r->at = 0;
    r->job = amqp_bytes_malloc(p->load.bytes);
    memset(r->job.bytes, 'x', r->job.len);
    for (size_t i = 0; i < r->count; i++) {
        struct client *c = &r->clients[i];
        c->rabbit = r;
        c->worker = i >= p->load.producers;
        if (!connect_one(c)) return false;
        uv_poll_init(p->loop, &c->poll, amqp_get_sockfd(c->amqp));
        uv_poll_start(&c->poll, UV_READABLE, on_readable);
        c->poll.data = c;
        c->polling = true;
        r->polling++;
    }
    more(p);
    return true;
}

static void on_poll_closed(uv_handle_t *h)
{
    struct client *c = h->data;
    c->rabbit->polling--;
}

static void close_all(struct peer *p)
{
    struct rabbit *r = p->own;
    for (size_t i = 0; i < r->count; i++)
        if (r->clients[i].polling) uv_close((uv_handle_t *)&r->clients[i].poll, on_poll_closed);
    while (r->polling)
        uv_run(p->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < r->count; i++) {
        struct client *c = &r->clients[i];
        if (!p->why[0]) (void)amqp_connection_close(c->amqp, AMQP_REPLY_SUCCESS);
        if (c->amqp) amqp_destroy_connection(c->amqp);
        mem_free(c->confirmed);
    }
    amqp_bytes_free(r->job);
    mem_free(r->clients);
    r->clients = NULL;
    r->count = 0;
}

const struct peer_kind peer_rabbitmq = {.name = "rabbitmq",
                                        .title = "RabbitMQ",
                                        .start = start,
                                        .open = open_all,
                                        .more = more,
                                        .close = close_all,
                                        .stop = stop};
