/* Can this machine start jobs? Pure: each function takes the time and an event, and returns what
 * follows from it; runner_logic.c does that.
 *
 *            a start failed, and not      good
 *   WELL ------ by the job's own ---> DOUBTED --> WELL: it was the job, or has passed
 *    ^ |           naming                | bad, or no answer in HEALTH_TRIAL_MS
 *    | +-- an own file hangs ---------+  |
 *    |                                v  v
 *    +------------ good ------------ UNWELL <--+
 *                                      | after 1 s, doubling, at most 60 s: a trial
 *                                      +-- bad +
 *
 * A trial makes a folder, files and a process of the agent's own, as a job needs them (trial.h).
 * Only one counts at a time; the result of an older one that was given up changes no state. */
#ifndef CADRE_AGENT_HEALTH_LOGIC_H
#define CADRE_AGENT_HEALTH_LOGIC_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define HEALTH_TRIAL_MS 10000
#define HEALTH_PAUSE_MIN_MS 1000
#define HEALTH_PAUSE_MAX_MS 60000

enum health_state { HEALTH_WELL, HEALTH_DOUBTED, HEALTH_UNWELL };

enum health_news {
    HEALTH_NO_NEWS,
    HEALTH_TRY,      /* begin a trial; an older one does not count any more */
    HEALTH_CLEARED,  /* the machine can start jobs: what failed was not its fault, or is over */
    HEALTH_FELL_ILL, /* reason says why */
    HEALTH_CHANGED,  /* still unwell; reason says something else now */
    HEALTH_RECOVERED
};

struct health {
    enum health_state state;
    bool trying;
    int64_t due_ms; /* call health_wake then; INT64_MAX: never */
    int64_t pause_ms;
    struct err reason; /* while UNWELL: what failed, where, and the system's words for it */
};

void health_init(struct health *h);
/* A start failed, and the job named nothing that could be the cause. */
enum health_news health_doubt(struct health *h, int64_t now_ms);
/* An operation on files of the agent's own hangs. */
enum health_news health_hang(struct health *h, int64_t now_ms, const char *reason);
/* The trial has ended. why NULL: it was good. */
enum health_news health_tried(struct health *h, int64_t now_ms, const struct err *why);
/* late: in words, which step of the trial that is under way takes too long; "": nothing is. */
enum health_news health_wake(struct health *h, int64_t now_ms, const char *late);

#endif
