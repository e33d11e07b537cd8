/* The load: agents that run nothing and submitters that never rest, all on one loop, over real
 * TLS. */
#ifndef CADRE_TESTS_BENCH_LOAD_H
#define CADRE_TESTS_BENCH_LOAD_H

#include "base/json.h"
#include "tests/bench/bench.h"
#include "wire/link.h"
#include "wire/token.h"

#include <stdbool.h>
#include <uv.h>

/* The coordinator under load. */
struct target {
    uv_loop_t *loop;
    const char *folder;
    int pid;
    char host[64];
    uint16_t port;
    char token_text[TOKEN_TEXT_SIZE]; /* of the administrator */
    struct token token;
    struct ask *line;  /* NULL: each question comes on a connection of its own */
    const char *store; /* a database as --store has it, set before the start; NULL: SQLite */
};
/* init and run in FOLDER/server, port 0, of the programs in $CADRE_BENCH_BIN or else of this build;
 * waits until it listens, and on a database until it owns the queue. */
void target_start(struct target *t, uv_loop_t *loop, const char *folder);
/* Where that program lies. */
void target_program(const char *name, char *out, size_t size);
/* The two steps of it: what is put into FOLDER/server between them is found by the coordinator. */
void target_init(struct target *t, uv_loop_t *loop, const char *folder);
void target_run(struct target *t);
/* One turn of the loop until *done, dies after `seconds`. */
void target_wait(struct target *t, const bool *done, double seconds, const char *for_what);
char *target_join_token(struct target *t); /* for any number of agents */

/* Turns the loop for that long, or until done(user) says so (NULL: does not). */
void load_run(uv_loop_t *loop, double seconds, bool (*done)(void *user), void *user);
/* A job as JSON whose payload (the words of its command) has that many bytes. */
char *load_job(size_t bytes);

/* ---- agents ---- */

struct fleet;
struct fleet_hooks {
    void (*on_job)(int64_t job, void *user); /* a job arrived at its agent; NULL: nobody asks */
    void (*on_spec)(const char *spec, void *user); /* the same, and what it says; or NULL */
    void (*on_acked)(uint64_t more_lifecycles, void *user); /* results were acknowledged */
    void *user;
};
struct fleet *fleet_new(struct target *t, const char *join_token, int slots,
                        const struct fleet_hooks *hooks);
/* Which group they join; else the default group. Before the first fleet_grow; borrowed. */
void fleet_join(struct fleet *f, const char *group);
/* Agents that have joined already, before the first fleet_grow: so many certificates (PEM) of one
 * key; all borrowed. */
void fleet_adopt(struct fleet *f, const char *key, const char *ca, char *const *certificates,
                 size_t count);
/* How many may be on their way in at once (16); who is cut before it is in comes again at once. */
void fleet_rush(struct fleet *f, size_t at_once);
size_t fleet_again(const struct fleet *f); /* how often that was */
/* The coordinator is going to end: that is no failure. When it has ended, fleet_empty waits until
 * all sessions have, too; fleet_grow connects to the target anew. */
void fleet_desert(struct fleet *f);
void fleet_empty(struct fleet *f);
/* Enrols and connects agents until there are `count`; all are ready when it returns. */
void fleet_grow(struct fleet *f, size_t count);
/* Ends the sessions of all but the first `count`; fleet_grow lets them connect again. */
void fleet_shrink(struct fleet *f, size_t count);
/* The slots of each agent from now on; all connect anew when that is another number. */
void fleet_slots(struct fleet *f, int slots);
uint64_t fleet_lifecycles(const struct fleet *f); /* results acknowledged so far */
void fleet_free(struct fleet *f);                 /* links are cut, waits for their ends */

/* ---- submitters ---- */

struct pump;
struct pump_options {
    size_t connections;
    size_t pipeline;  /* requests on the way on each; 0: one */
    size_t batch;     /* jobs of a request, as an array; 0: one, alone */
    const char *body; /* the job as JSON */
    bool minimal;     /* the answer need not show the job */
    bool random_keys; /* idempotency keys do not begin with the time */
    void (*on_submitted)(int64_t took_ns, void *user); /* one was acknowledged; may be NULL */
    void *user;
};
struct pump *pump_new(struct target *t, const struct pump_options *o); /* copies what o points to */
void pump_open(struct pump *p); /* waits until all are connected */
/* Submits `budget` more jobs as fast as answers come, but is never more than `ahead` jobs ahead of
 * those that pump_ended told of (0: no such limit). */
void pump_run(struct pump *p, uint64_t budget, uint64_t ahead);
void pump_ended(struct pump *p, uint64_t lifecycles);
void pump_stop(struct pump *p); /* no further ones; those on the way come to their end */
bool pump_idle(const struct pump *p);
uint64_t pump_submitted(const struct pump *p); /* acknowledged so far */
void pump_free(struct pump *p);

/* ---- clients with a clock ---- */

struct clients;
struct clients_options {
    size_t connections;
    size_t depth;     /* requests on the way on one connection at most; 0: one */
    const char *path; /* NULL: of jobs */
    const char *body; /* of a POST that is answered with 201. May hold the text clients_stamp */
};
/* In the place of its digits each request says when it was due. */
extern const char clients_stamp[];
/* The moment in a text that has one; else 0. */
int64_t clients_due_ns(const char *text);

struct clients *clients_new(struct target *t, const struct clients_options *o); /* connects */
void clients_one(struct clients *all);
/* One request each 1/per_s seconds from now on, however late the answers are; 0: no more. */
void clients_rate(struct clients *all, double per_s);
/* As many as may be on the way, again and again. */
void clients_flood(struct clients *all, bool on);
uint64_t clients_answered(const struct clients *all);
void clients_free(struct clients *all);

/* One request, waited for. The answer's body is the caller's (mem_free); dies unless the status is
 * 2xx. */
char *target_ask(struct target *t, const char *method, const char *path, const char *body);

/* on: from now on questions come on one connection, which stays open: a handshake costs as much as
 * 100 jobs. false: that connection ends. */
void target_keep_line(struct target *t, bool on);

/* The same, and its answer as JSON (json_free). */
struct json *target_ask_json(struct target *t, const char *method, const char *path,
                             const char *body);

/* ---- a real agent ---- */

/* Joins a cadre-agent with so many slots to the group and starts it; returns its pid. */
int target_agent(struct target *t, int slots, const char *group);
/* Until an agent is online; dies after 20 s. */
void target_await_agent(struct target *t);

#endif
