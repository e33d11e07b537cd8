/* The state machine of the attempts that the agent holds. It has no process, no clock and no timer:
 * each function takes the time and an event, and passes the work to be done to a callback, as
 * actions. Every report of an attempt becomes an event in the journal; uplink_logic.h sends the
 * event from there. runner.c carries the actions out on this machine, the simulation on its own.
 *
 *   accepted --> preparing --> prepared --(committed)--> running --time, kill, drain--> terminating
 *       |            |             |                        |                               |
 *       |            |             |                        +-- lease, discard, stop -+  grace
 *       |            |             |                        |                         v    v
 *       +-- given back, cancelled, discarded                +---- ended <----------- killed
 *
 * An attempt that could not be started, for a reason that its job did not name, is *doubted*: it
 * waits while the agent tries itself (health_logic.h), and is then given back either way.
 * With its last event (finished, declined) in the journal an attempt is forgotten and its slot is
 * free, unless a process of it could not be ended: remnants.h. */
#ifndef CADRE_AGENT_RUNNER_LOGIC_H
#define CADRE_AGENT_RUNNER_LOGIC_H

#include "agent/journal.h"
#include "agent/meter.h"
#include "base/err.h"
#include "base/id.h"
#include "platform/process.h"
#include "wire/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUNNER_MARK_SIZE 64
#define RUNNER_TURN_STARTS 8            /* processes that one turn starts */
#define RUNNER_TURN_BYTES (256u * 1024) /* of output that one turn passes on, at most */
#define RUNNER_PREPARE_MS 10000         /* a preparation that takes longer is given up */
#define RUNNER_GUARD_MS 10000           /* jobs that wait longer for a guard are a doubt */

struct runner_logic;

/* The part of an attempt that the code that carries out actions sees. Freed after RUNNER_FORGET. */
struct runner_attempt {
    int64_t job, number;
    char text[ID_TEXT_SIZE];     /* the job's id */
    char mark[RUNNER_MARK_SIZE]; /* unique among attempts */
    int64_t lease_ms;
    char *spec;  /* JSON text; who takes it over sets it to NULL */
    void *owned; /* the logic does not use it; NULL at first */
};

/* The result of a start, filled by the code that carries out RUNNER_START. */
struct runner_started {
    int rc; /* of process_start; err says why it failed */
    struct err err;
    int64_t pid;
    char identity[PROCESS_IDENTITY_SIZE]; /* "": not known */
};

/* What takes too long, filled by the code that carries out RUNNER_LATE. */
struct runner_late {
    bool named; /* the look for something that the job named; else it is the agent's own */
    struct err err;
};

struct runner_leftover {
    const struct journal_attempt *entry;
    struct process_list *alive; /* to be filled: what could not be ended */
};

struct runner_remnant {
    const struct journal_remnant *entry;
    struct process_list *left; /* to be filled: as of process_watch_remnant */
};

enum runner_action_type {
    /* Make the work folder; call runner_logic_prepared later, unless *u.at_once was set to true. */
    RUNNER_PREPARE,
    /* The preparation takes too long and is given up; without attempt: the trial. Fill u.late. */
    RUNNER_LATE,
    RUNNER_TRY,   /* try this machine: call runner_logic_tried later; give up an older trial */
    RUNNER_START, /* start the process now, under the lease: fill u.started */
    RUNNER_PAUSE, /* stop reading the output */
    RUNNER_RESUME,
    RUNNER_TERMINATE, /* ask the process to end */
    RUNNER_KILL,      /* end the whole process tree; call runner_logic_ended later */
    RUNNER_FORGET,    /* the attempt is over: give up its preparation, process and files */
    RUNNER_LEFTOVER,  /* u.leftover: end the processes that an earlier life started, now */
    RUNNER_REMNANT,   /* u.remnant: try to end what could not be ended before, now */
    RUNNER_RENEW,     /* u.at_ms: the guard counts all leases from there */
    RUNNER_LIMIT,     /* u.bytes: read at most so much output in one turn */
    RUNNER_WAKE,      /* u.at_ms: call runner_logic_wake then; INT64_MAX: never */
    RUNNER_CHANGED,   /* the journal or an attempt changed: take a turn */
    RUNNER_FATAL      /* u.err: the journal cannot be written; the agent has to end */
};

struct runner_action {
    enum runner_action_type type;
    struct runner_attempt *attempt; /* up to RUNNER_FORGET */
    union {
        int64_t at_ms;
        size_t bytes;
        const struct err *err;
        bool *at_once;
        struct runner_started *started;
        struct runner_late *late;
        struct runner_leftover leftover;
        struct runner_remnant remnant;
    } u; /* lives for the call */
};

/* Called from inside the functions below; must not call them. */
typedef void runner_act_fn(const struct runner_action *a, void *user);

struct runner_logic_options {
    struct journal *journal;
    /* Can a process be guarded now? If not, no process is started; waiting attempts are started
     * when it can; asked before each one. */
    bool (*may_start)(void *user);
    runner_act_fn *act;
    void *user;
};

/* Also ends the processes that an earlier life left running, and remembers them for
 * runner_logic_report_leftovers. */
int runner_logic_new(const struct runner_logic_options *o, struct runner_logic **out,
                     struct err *e);
/* Forgets all attempts, without events. NULL is fine. */
void runner_logic_free(struct runner_logic *r);

/* After the first welcome (sequence numbers are certain then): sends finished FAILED/interrupted
 * for attempts that an earlier life had started, and declined never-started for attempts that it
 * had only accepted. */
int runner_logic_report_leftovers(struct runner_logic *r, struct err *e);

/* ---- orders of the coordinator ---- */
/* Takes a job, and takes over msg->spec. A job that is here already is ignored. Without a free
 * slot, or while draining, the job is declined. */
void runner_logic_accept(struct runner_logic *r, struct msg_job *msg, int64_t slots);
void runner_logic_kill(struct runner_logic *r, int64_t now_ms, const struct msg_kill *m);
/* Kills the attempt without an event, and drops the attempt's events. */
void runner_logic_discard(struct runner_logic *r, int64_t job, int64_t attempt);
/* The coordinator heard this agent at base_ms, in mono time: all leases count from there. An
 * attempt that ends after its lease is lost, whatever its exit code. */
void runner_logic_renew(struct runner_logic *r, int64_t base_ms);
/* Ends the attempts whose lease is over at once. Attempts that have not begun need not be ended. */
void runner_logic_expire(struct runner_logic *r, int64_t now_ms);
/* Declines the attempts that have no process yet, with the given reason: the session is lost,
 * and the coordinator may give the job to another agent meanwhile; or the disk has no room for
 * the job. */
void runner_logic_give_back(struct runner_logic *r, const char *reason);

/* ---- what happens to attempts ---- */
/* rc, why: ERR_MACHINE: this machine's fault; else the spec's. late: the preparation took
 * RUNNER_PREPARE_MS or longer. */
void runner_logic_prepared(struct runner_logic *r, int64_t now_ms, struct runner_attempt *a, int rc,
                           bool late, const struct err *why);
/* The trial has ended; why NULL: this machine can start jobs. */
void runner_logic_tried(struct runner_logic *r, int64_t now_ms, const struct err *why);
void runner_logic_output(struct runner_logic *r, struct runner_attempt *a,
                         enum process_stream stream, const void *data, size_t len);
/* To be called after all output. */
void runner_logic_ended(struct runner_logic *r, int64_t now_ms, struct runner_attempt *a,
                        const struct process_end *end);
void runner_logic_wake(struct runner_logic *r, int64_t now_ms);

/* Once per turn: writes held output to the journal, prepares the accepted attempts, commits the
 * journal, starts the prepared attempts (at most RUNNER_TURN_STARTS, the others in the next
 * turns), and commits again. An attempt whose lease is mostly over waits for the next acknowledged
 * heartbeat, because it would soon have to be ended. */
int runner_logic_turn(struct runner_logic *r, int64_t now_ms, struct err *e);

/* ---- requests of the agent itself ---- */
/* Takes no new jobs. After timeout_ms running attempts are asked to end, and killed after the
 * grace, with the reason drain. */
void runner_logic_drain(struct runner_logic *r, int64_t now_ms, int64_t timeout_ms);
/* Takes no new jobs, and kills the running attempts with the reason drain. */
void runner_logic_drain_now(struct runner_logic *r);
/* Back-pressure: stop and go on reading the jobs' output. */
void runner_logic_pause(struct runner_logic *r, bool on);
/* In one turn at most so many bytes of output go to the journal (RUNNER_TURN_BYTES at first), and a
 * quarter more while jobs that ended have output to pass on. */
void runner_logic_limit_turn(struct runner_logic *r, size_t bytes);

/* ---- queries ---- */
bool runner_logic_draining(const struct runner_logic *r);
/* Why no job can be started on this machine, a sentence; NULL: jobs can be. */
const char *runner_logic_unwell(const struct runner_logic *r);
size_t runner_logic_count(const struct runner_logic *r); /* attempts */
/* Attempts, and ends with a process left; discarded ones are counted by neither side. */
size_t runner_logic_slots_taken(const struct runner_logic *r);
void runner_logic_read(const struct runner_logic *r, struct meter_reading *out); /* its part */
int64_t runner_logic_longest_grace_ms(const struct runner_logic *r); /* of all attempts */
/* true: every attempt that is here was killed and has not ended yet. */
bool runner_logic_only_killed(const struct runner_logic *r);
/* The shortest lease of all attempts, and of those that have begun; INT64_MAX: there is no
 * attempt. */
int64_t runner_logic_shortest_lease(const struct runner_logic *r);
int64_t runner_logic_running_lease(const struct runner_logic *r);
/* For hello: the attempts that are still here and that the coordinator must know. The caller frees
 * the items. */
void runner_logic_attempts(struct runner_logic *r, struct msg_attempts *out);

#endif
