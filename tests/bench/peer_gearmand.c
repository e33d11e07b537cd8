/* gearmand with background jobs that it keeps in SQLite before it acknowledges them. Its protocol
 * is a head of 12 bytes (magic, type, length) and arguments that NUL bytes part. WORK_COMPLETE has
 * no answer: a job counts as ended when the server has answered what the worker said next. */
#include "tests/bench/peer.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define START_S 60
#define HEAD 12u
#define PACKET_MAX 4096u
#define FUNCTION "bench"

enum packet {
    CAN_DO = 1,
    PRE_SLEEP = 4,
    NOOP = 6,
    JOB_CREATED = 8,
    GRAB_JOB = 9,
    NO_JOB = 10,
    JOB_ASSIGN = 11,
    WORK_COMPLETE = 13,
    SUBMIT_JOB_BG = 18,
};

static bool start(struct peer *p)
{
    char program[600], number[16], file[600], pid_file[600], log_flag[] = "-l", log[] = "stderr";
    char host_flag[] = "-L", host[] = "127.0.0.1", port_flag[] = "-p", queue_flag[] = "-q";
    char queue[] = "libsqlite3", file_flag[] = "--libsqlite3-db", pid_flag[] = "-P";
    if (!peer_program(p, "gearmand", program, sizeof program)) return false;
    p->port = peer_free_port();
    snprintf(number, sizeof number, "%d", p->port);
    snprintf(file, sizeof file, "%s/data/queue.db", p->folder);
    snprintf(pid_file, sizeof pid_file, "%s/data/pid", p->folder);
    char *argv[] = {program,   host_flag, host,     port_flag, number,   queue_flag, queue,
                    file_flag, file,      pid_flag, pid_file,  log_flag, log,        NULL};
    p->pid = bench_spawn(p->folder, "server", argv, NULL);
    return peer_wait_for_port(p, START_S);
}

static void put32(unsigned char *out, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(n >> (24 - 8 * i));
}

static uint32_t get32(const char *in)
{
    uint32_t n = 0;
    for (int i = 0; i < 4; i++)
        n = n << 8 | (unsigned char)in[i];
    return n;
}

static void say_head(struct peer_link *l, enum packet type, size_t len)
{
    unsigned char head[HEAD] = {0, 'R', 'E', 'Q'};
    put32(head + 4, type);
    put32(head + 8, (uint32_t)len);
    peer_link_say(l, head, sizeof head);
}

static void begin(struct peer_link *l)
{
    say_head(l, CAN_DO, sizeof FUNCTION - 1);
    peer_link_say(l, FUNCTION, sizeof FUNCTION - 1);
    say_head(l, GRAB_JOB, 0);
}

/* Function, unique key, and the job, whose bytes are what is asked for. */
static void put(struct peer_link *l)
{
    char front[64], pad[1024];
    memset(pad, 'x', sizeof pad);
    int len = snprintf(front, sizeof front, FUNCTION "%c%016llx%c", 0,
                       (unsigned long long)l->peer->begun, 0);
    size_t bytes = l->peer->load.bytes;
    say_head(l, SUBMIT_JOB_BG, (size_t)len + bytes);
    peer_link_say(l, front, (size_t)len);
    for (size_t n; bytes; bytes -= n) {
        n = bytes < sizeof pad ? bytes : sizeof pad;
        peer_link_say(l, pad, n);
    }
}

static void answer_before_is_done(struct peer_link *l)
{
    l->peer->ended += l->unended;
    l->unended = 0;
}

/* The handle goes up to the first NUL byte. */
static void on_assigned(struct peer_link *l, const char *body, size_t len)
{
    const char *end = len ? memchr(body, 0, len) : NULL;
    if (!end) {
        peer_fail(l->peer, "a job has no handle");
        return;
    }
    size_t handle = (size_t)(end - body) + 1;
    say_head(l, WORK_COMPLETE, handle);
    peer_link_say(l, body, handle);
    say_head(l, GRAB_JOB, 0);
    l->unended++;
}

static void on_packet(struct peer_link *l, uint32_t type, const char *body, size_t len)
{
    switch (type) {
    case JOB_CREATED:
        l->on_way--;
        break;
    case JOB_ASSIGN:
        answer_before_is_done(l);
        on_assigned(l, body, len);
        break;
    case NO_JOB:
        answer_before_is_done(l);
        say_head(l, PRE_SLEEP, 0);
        break;
    case NOOP:
        say_head(l, GRAB_JOB, 0);
        break;
    default:
        peer_fail(l->peer, "it sent a packet of type %u", (unsigned)type);
    }
}

static size_t answer(struct peer_link *l)
{
    if (l->in.len < HEAD) return 0;
    size_t len = get32(l->in.data + 8);
    if (len > PACKET_MAX + l->peer->load.bytes) {
        peer_fail(l->peer, "it sent a packet of %zu bytes", len);
        return 0;
    }
    if (l->in.len < HEAD + len) return 0;
    on_packet(l, get32(l->in.data + 4), l->in.data + HEAD, len);
    return HEAD + len;
}

const struct peer_kind peer_gearmand = {.name = "gearmand",
                                        .title = "gearmand with SQLite",
                                        .start = start,
                                        .open = peer_tcp_open,
                                        .more = peer_tcp_more,
                                        .close = peer_tcp_close,
                                        .begin = begin,
                                        .put = put,
                                        .answer = answer};
