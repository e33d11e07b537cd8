/* Other queues under the same load as the coordinator, each behind one small interface. A peer that
 * cannot be started, or that fails under way, says why and is left out; nothing dies of it.
 *
 *   peer_new, peer_start, then as often as wanted: peer_open, turns of the loop, peer_rest, turns
 *   until peer_is_drained, peer_close; at last peer_free. Jobs that are left at peer_close stay in
 *   its queue, and are the first of the next load. */
#ifndef CADRE_TESTS_BENCH_PEER_H
#define CADRE_TESTS_BENCH_PEER_H

#include "base/buf.h"
#include "tests/bench/bench.h"

#include <stdbool.h>
#include <uv.h>

struct peer_load {
    size_t producers; /* connections */
    size_t window;    /* jobs that each may have on the way, not acknowledged yet */
    size_t workers;   /* connections */
    size_t prefetch;  /* jobs that each may hold, where the peer knows such a thing */
    size_t bytes;     /* of a job */
    bool wide;        /* the window is one array of jobs, where the peer can take one */
    uint64_t ahead;   /* producers wait when so many jobs have not ended */
};

struct peer_kind;
struct peer_link;
struct pg_server;
struct peer {
    const struct peer_kind *kind;
    uv_loop_t *loop;
    char folder[512]; /* its own: server.log, and data for what the server keeps */
    int pid;          /* of the server, the leader of its process group */
    int port;
    struct pg_server *pg; /* where it keeps its jobs, set before peer_start; NULL: it is a server */
    struct peer_load load;
    uint64_t begun, ended;   /* jobs that were sent, and taken off for good, since its start */
    bool resting;            /* producers send no more */
    char why[256];           /* it failed, and is left out from now on */
    struct peer_link *links; /* of peer_tcp.c */
    size_t count, at, connected;
    void *own; /* of the kind */
};

/* What makes a kind. Those that return false have called peer_fail(). */
struct peer_kind {
    const char *name;  /* "rabbitmq": what is asked for */
    const char *title; /* "RabbitMQ": what is shown */
    bool (*start)(struct peer *p);
    bool (*open)(struct peer *p); /* connects producers and workers, which begin at once */
    void (*more)(struct peer *p); /* producers may send again */
    void (*rest)(struct peer *p); /* peer_rest was called; may be NULL */
    void (*close)(struct peer *p);
    void (*stop)(struct peer *p); /* beside the server; may be NULL */
    /* where open, more and close are those of peer_tcp.c: */
    void (*begin)(struct peer_link *l);    /* a worker is connected */
    void (*put)(struct peer_link *l);      /* the producer sends one job */
    size_t (*answer)(struct peer_link *l); /* one answer at the front of l->in: its bytes, or 0 */
};

extern const struct peer_kind peer_beanstalkd;        /* fsync on each write */
extern const struct peer_kind peer_beanstalkd_memory; /* nothing is kept on disk */
extern const struct peer_kind peer_gearmand;          /* background jobs kept in SQLite */
extern const struct peer_kind peer_rabbitmq;          /* classic durable queue, confirms */
/* On PostgreSQL, each with a database of its own of its kind's name. */
extern const struct peer_kind peer_claim;    /* Cadre's tables, FOR UPDATE SKIP LOCKED */
extern const struct peer_kind peer_graphile; /* packages for Node */
extern const struct peer_kind peer_pg_boss;
const struct peer_kind *peer_find(const char *name); /* NULL: not built in */

struct peer *peer_new(const struct peer_kind *kind, uv_loop_t *loop, const char *folder);
bool peer_start(struct peer *p);
bool peer_open(struct peer *p, const struct peer_load *load);
void peer_rest(struct peer *p);
bool peer_is_drained(const struct peer *p); /* or has failed */
void peer_close(struct peer *p);
void peer_free(struct peer *p); /* ends the server; NULL is nothing */

/* ---- for the kinds ---- */

/* Only the first reason counts. */
void peer_fail(struct peer *p, const char *fmt, ...) CADRE_PRINTF(2, 3);
bool peer_may_put(const struct peer *p);
/* The path of a program, looked for in PATH and where Debian keeps those of administrators; fails
 * and returns false when it is not there. */
bool peer_program(struct peer *p, const char *name, char *out, size_t size);
int peer_free_port(void); /* was free a moment ago */
/* Waits until p->port takes connections; fails when p->pid ends or `seconds` have gone. */
bool peer_wait_for_port(struct peer *p, int seconds);

/* A connection over TCP. What is said goes out when the answers at hand have been dealt with. */
struct peer_link {
    struct peer *peer;
    uv_tcp_t tcp;
    uv_connect_t connect;
    bool worker, is_open, closed;
    size_t on_way;    /* puts without an answer */
    uint64_t unended; /* of a worker: what it has said is done and the server not confirmed */
    struct buf in, out;
};
bool peer_tcp_open(struct peer *p);
void peer_tcp_more(struct peer *p);
void peer_tcp_close(struct peer *p);
void peer_link_say(struct peer_link *l, const void *data, size_t len);

#endif
