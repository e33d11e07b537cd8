/* What becomes of the attempts that the agent holds, as a state machine without a process, a clock
 * or a timer: each function takes the moment and what happened, and what is to be done comes back
 * as actions. Everything an attempt has to say becomes an event in the journal; uplink_logic.h
 * sends it from there. runner.c carries the actions out on this machine, the simulation on
 * processes and a clock of its own.
 *
 *   accepted --(committed)--> preparing --> prepared --> running --time, kill, drain--> terminating
 *       |                         |            |            |                               |
 *       |                         |            |            +-- lease, discard, stop -+  grace
 *       |                         |            |            |                         v    v
 *       +-- given back, cancelled, discarded --+            +---- ended <----------- killed
 *
 * With its last event (finished, declined) in the journal an attempt is forgotten and its slot is
 * free. */
#ifndef CADRE_AGENT_RUNNER_LOGIC_H
#define CADRE_AGENT_RUNNER_LOGIC_H

#include "agent/journal.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/json.h"
#include "platform/process.h"
#include "wire/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUNNER_MARK_SIZE 64
#define RUNNER_TURN_STARTS 8    /* processes that one turn starts */
#define RUNNER_PREPARE_MS 10000 /* a work folder that is not made by then is given up */

struct runner_logic;

/* An attempt as those who carry out actions see it. Gone after RUNNER_FORGET. */
struct runner_attempt {
    int64_t job, number;
    char text[ID_TEXT_SIZE];     /* the job's id */
    char mark[RUNNER_MARK_SIZE]; /* unique among attempts */
    int64_t lease_ms;
    char *spec;  /* JSON text; may be taken: set to NULL then */
    void *owned; /* not looked at by the logic; NULL at first */
};

/* How a start went, filled by whoever carries out RUNNER_START. */
struct runner_started {
    int rc; /* as process_start has it; err says why */
    struct err err;
    int64_t pid;
    char identity[PROCESS_IDENTITY_SIZE]; /* "": not known */
};

enum runner_action_type {
    RUNNER_PREPARE, /* make the work folder; prepared comes later */
    RUNNER_LATE,    /* its preparation takes too long and is given up: say so */
    RUNNER_START,   /* start its process, now, under its lease: fill u.started */
    RUNNER_PAUSE,   /* read its output no further */
    RUNNER_RESUME,
    RUNNER_TERMINATE, /* ask it to end */
    RUNNER_KILL,      /* end its whole tree; ended comes later */
    RUNNER_FORGET,    /* it is over: give up its preparation, its process, its files */
    RUNNER_LEFTOVER,  /* u.leftover: an earlier life started it; end what is left of it, now */
    RUNNER_RENEW,     /* u.at_ms: the guard counts all leases from there */
    RUNNER_WAKE,      /* u.at_ms: call runner_logic_wake then; INT64_MAX: never */
    RUNNER_CHANGED,   /* the journal or an attempt changed: take a turn */
    RUNNER_FATAL      /* u.err: the journal cannot be written; the agent has to end */
};

struct runner_action {
    enum runner_action_type type;
    struct runner_attempt *attempt; /* up to RUNNER_FORGET */
    union {
        int64_t at_ms;
        const struct err *err;
        struct runner_started *started;
        const struct journal_attempt *leftover;
    } u; /* lives for the call */
};

/* From inside the functions below; may not call them. */
typedef void runner_act_fn(const struct runner_action *a, void *user);

struct runner_logic_options {
    struct journal *journal;
    /* Can a process be guarded now? Without that none is started, and what waits is started when
     * it can; asked before each one. */
    bool (*may_start)(void *user);
    runner_act_fn *act;
    void *user;
};

/* Also has what an earlier life left running ended, and remembers it for
 * runner_logic_report_leftovers. */
int runner_logic_new(const struct runner_logic_options *o, struct runner_logic **out,
                     struct err *e);
/* Forgets all attempts, without events. NULL is fine. */
void runner_logic_free(struct runner_logic *r);

/* After the first welcome (sequence numbers are certain then): finished FAILED/interrupted for what
 * an earlier life had started, declined never-started for what it had only accepted. */
int runner_logic_report_leftovers(struct runner_logic *r, struct err *e);

/* ---- orders of the coordinator ---- */
/* Takes a job; takes msg->spec. A repetition of one that is here already is ignored. Without a free
 * slot or while draining it is declined. */
void runner_logic_accept(struct runner_logic *r, struct msg_job *msg, int64_t slots);
void runner_logic_kill(struct runner_logic *r, int64_t now_ms, const struct msg_kill *m);
/* Kills and says nothing more about it; also drops its events. */
void runner_logic_discard(struct runner_logic *r, int64_t job, int64_t attempt);
/* The coordinator is known to have heard this agent at base_ms, in mono time: all leases count from
 * there. What ends after its lease is over is lost, whatever it ended with. */
void runner_logic_renew(struct runner_logic *r, int64_t base_ms);
/* Attempts whose lease is over are ended at once. What has not started yet needs no end. */
void runner_logic_expire(struct runner_logic *r, int64_t now_ms);
/* What has no process yet is declined for that reason: the session is lost, and the coordinator may
 * give it to another before it is heard of again, or there is no room for it. */
void runner_logic_give_back(struct runner_logic *r, const char *reason);

/* ---- what happens to attempts ---- */
/* rc, why: as launch_prepare has them. late: it took RUNNER_PREPARE_MS or longer. */
void runner_logic_prepared(struct runner_logic *r, struct runner_attempt *a, int rc, bool late,
                           const struct err *why);
void runner_logic_output(struct runner_logic *r, struct runner_attempt *a,
                         enum process_stream stream, const void *data, size_t len);
/* All output came before. */
void runner_logic_ended(struct runner_logic *r, int64_t now_ms, struct runner_attempt *a,
                        const struct process_end *end);
void runner_logic_wake(struct runner_logic *r, int64_t now_ms);

/* Once per turn: held output goes into the journal, the journal is committed, what was accepted is
 * prepared on the strength of that commit, what is prepared is started (at most RUNNER_TURN_STARTS,
 * the others in the next turns), and what that wrote is committed. An attempt whose lease is mostly
 * over waits for the next acknowledged heartbeat: it would have to be ended soon, or at once. */
int runner_logic_turn(struct runner_logic *r, int64_t now_ms, struct err *e);

/* ---- the agent's own wishes ---- */
/* No new jobs; after timeout_ms the ladder (asked to end, then killed after the grace), reason
 * drain. */
void runner_logic_drain(struct runner_logic *r, int64_t now_ms, int64_t timeout_ms);
/* No new jobs, and what runs is killed, reason drain. */
void runner_logic_drain_now(struct runner_logic *r);
/* Back-pressure: stop and go on reading the jobs' output. */
void runner_logic_pause(struct runner_logic *r, bool on);

/* ---- telling ---- */
bool runner_logic_draining(const struct runner_logic *r);
size_t runner_logic_count(const struct runner_logic *r); /* attempts that hold a slot */
/* All attempts that are here were killed and have yet to end. */
bool runner_logic_only_killed(const struct runner_logic *r);
/* Shortest lease held, and shortest of an attempt that runs; INT64_MAX: none. */
int64_t runner_logic_shortest_lease(const struct runner_logic *r);
int64_t runner_logic_running_lease(const struct runner_logic *r);
/* For hello: whatever the coordinator must know is still here. The caller frees the items. */
void runner_logic_attempts(struct runner_logic *r, struct msg_attempts *out);

#endif
