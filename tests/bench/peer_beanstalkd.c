/* beanstalkd: plain lines over TCP. A worker sends `delete` and its next `reserve` together, which
 * is the best it can be given. */
#include "tests/bench/peer.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_S 60

static bool start(struct peer *p, bool durable)
{
    char program[600], data[600], number[16], sync[] = "-f0", dir[] = "-b";
    char host_flag[] = "-l", host[] = "127.0.0.1", port_flag[] = "-p";
    if (!peer_program(p, "beanstalkd", program, sizeof program)) return false;
    p->port = peer_free_port();
    snprintf(number, sizeof number, "%d", p->port);
    snprintf(data, sizeof data, "%s/data", p->folder);
    char *argv[] = {program, host_flag, host, port_flag, number, durable ? sync : NULL,
                    dir,     data,      NULL};
    p->pid = bench_spawn(p->folder, "server", argv, NULL);
    return peer_wait_for_port(p, START_S);
}

static bool start_durable(struct peer *p)
{
    return start(p, true);
}

static bool start_memory(struct peer *p)
{
    return start(p, false);
}

static void begin(struct peer_link *l)
{
    peer_link_say(l, "reserve\r\n", 9);
}

static void put(struct peer_link *l)
{
    static const char pad[64] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    char head[64];
    int len = snprintf(head, sizeof head, "put 0 0 60 %zu\r\n", l->peer->load.bytes);
    peer_link_say(l, head, (size_t)len);
    for (size_t left = l->peer->load.bytes, n; left; left -= n) {
        n = left < 63 ? left : 63;
        peer_link_say(l, pad, n);
    }
    peer_link_say(l, "\r\n", 2);
}

/* RESERVED ID BYTES, the job */
static size_t on_reserved(struct peer_link *l, size_t line)
{
    char request[64];
    size_t whole = line + l->peer->load.bytes + 2;
    if (l->in.len < whole) return 0;
    int len = snprintf(request, sizeof request, "delete %llu\r\nreserve\r\n",
                       strtoull(l->in.data + 9, NULL, 10));
    peer_link_say(l, request, (size_t)len);
    return whole;
}

static size_t answer(struct peer_link *l)
{
    struct peer *p = l->peer;
    char *end = l->in.len ? memchr(l->in.data, '\n', l->in.len) : NULL;
    if (!end) return 0;
    size_t line = (size_t)(end - l->in.data) + 1;
    if (strncmp(l->in.data, "RESERVED ", 9) == 0) return on_reserved(l, line);
    if (strncmp(l->in.data, "INSERTED", 8) == 0) {
        l->on_way--;
    } else if (strncmp(l->in.data, "DELETED", 7) == 0) {
        p->ended++;
    } else {
        peer_fail(p, "it said '%.*s'", (int)(line - 1), l->in.data);
    }
    return line;
}

const struct peer_kind peer_beanstalkd = {.name = "beanstalkd",
                                          .title = "beanstalkd -f0",
                                          .start = start_durable,
                                          .open = peer_tcp_open,
                                          .more = peer_tcp_more,
                                          .close = peer_tcp_close,
                                          .begin = begin,
                                          .put = put,
                                          .answer = answer};

const struct peer_kind peer_beanstalkd_memory = {.name = "beanstalkd-memory",
                                                 .title = "beanstalkd in memory",
                                                 .start = start_memory,
                                                 .open = peer_tcp_open,
                                                 .more = peer_tcp_more,
                                                 .close = peer_tcp_close,
                                                 .begin = begin,
                                                 .put = put,
                                                 .answer = answer};
