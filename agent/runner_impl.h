/* What runner_logic.c and runner_query.c share. */
#ifndef CADRE_AGENT_RUNNER_IMPL_H
#define CADRE_AGENT_RUNNER_IMPL_H

#include "agent/health_logic.h"
#include "agent/output.h"
#include "agent/remnants.h"
#include "agent/runner_logic.h"
#include "agent/runner_say.h"
#include "base/deadline.h"
#include "wire/trace.h"

enum phase {
    PHASE_ACCEPTED,
    PHASE_PREPARING, /* its work folder is being made */
    PHASE_PREPARED,
    PHASE_DOUBTED, /* could not be started; a trial tells whether any job can be */
    /* a process is there: */
    PHASE_RUNNING,
    PHASE_TERMINATING,
    PHASE_KILLED,
    /* the process is gone: */
    PHASE_ENDED /* the end of its output is being passed on */
};

struct attempt {
    struct runner_attempt face; /* the first member: the owner's pointer is ours, too */
    struct attempt *next;
    struct runner_logic *runner;
    int64_t timeout_ms, grace_ms;
    enum phase phase;
    const char *why; /* of our own end: "timeout", "cancelled", "drain", "lost"; NULL */
    bool silent;     /* discarded: no events */
    bool listed;     /* the journal has it */
    bool held;       /* that it has started is not told yet */
    int64_t pid;     /* of its process, while held */
    char identity[PROCESS_IDENTITY_SIZE];
    bool evaluation;                     /* of a trigger: these are many, and told at debug level */
    char traceparent[TRACE_PARENT_SIZE]; /* "": none */
    char *failure;                       /* DOUBTED: what failed */
    int failed_starts;                   /* of its process, by the machine's fault */
    struct output output;
    struct process_end end;   /* in PHASE_ENDED */
    struct deadline deadline; /* of the preparation; then timeout, then kill */
};

/* An attempt that an earlier life of the agent left in the journal. */
struct leftover {
    struct leftover *next;
    struct journal_attempt entry;
    struct process_list alive; /* could not be ended */
};

struct runner_logic {
    struct runner_logic_options o;
    int64_t lease_base_ms;
    struct attempt *attempts;
    struct leftover *leftovers;
    struct deadline_queue deadlines;
    struct deadline drain_deadline;
    struct health health;
    struct deadline health_deadline, guard_deadline, remnant_deadline;
    struct remnants remnants;
    int64_t wake_ms; /* the time of the last WAKE action */
    bool draining, paused;
    bool hurried;      /* the time to drain is over: nothing waits for room in the journal */
    size_t turn_most;  /* bytes of output that one turn passes on */
    size_t turn_bytes; /* passed on in this turn */
    int64_t quick_ms;  /* when a job ended quickly, last */
    struct deadline held_deadline;
    int64_t settled_ms; /* when nothing waited for a commit, last */
    struct output_pool pool;
    struct runner_voice voice;
};

static inline bool has_process(const struct attempt *a)
{
    return a->phase >= PHASE_RUNNING && a->phase <= PHASE_KILLED;
}

static inline bool is_unstarted(const struct attempt *a)
{
    return a->phase < PHASE_RUNNING;
}

#endif
