/* The agent's logic with a real journal, and nobody around it: what it wants done is written down
 * as words, one after the other, and time is the test's. */
#ifndef CADRE_TESTS_UNIT_AGENT_LOGIC_WORLD_H
#define CADRE_TESTS_UNIT_AGENT_LOGIC_WORLD_H

#include "agent/journal.h"
#include "agent/runner_logic.h"
#include "agent/uplink_logic.h"
#include "base/clock.h"
#include "wire/msg.h"

#include <stdbool.h>
#include <stdint.h>

#define WORLD_JOBS 16
#define WORLD_LEASE_MS 60000
#define WORLD_SLOTS 4

struct world {
    char folder[64];
    struct journal *journal;
    struct runner_logic *runner;
    struct uplink_logic *uplink;
    struct moment now;
    char did[8192]; /* "prepare 1-1, start 1-1, ": all actions but wake and changed */
    bool changed, fatal;
    bool tells_commits; /* did() has them, too */
    bool commits_fail, prepares_at_once;
    bool owner_is_fresh; /* the owner's addresses were not tried just now */
    bool linked;         /* the uplink wants a connection and has not lost it */
    size_t sent_bytes;
    int64_t runner_wake_ms, uplink_wake_ms;
    int64_t slots;
    bool may_start;
    int start_rc;               /* of the next starts */
    bool late_is_named;         /* a preparation that takes too long waits for what its job named */
    bool tough;                 /* sleep (4711, root) cannot be ended */
    const char *group, *groups; /* of hello, after world_again; NULL: none is named */
    int64_t hello_acked;        /* that the last hello said */
    int64_t minor;              /* of the protocol, that the next welcome says */
    int64_t heartbeat_ms;       /* that the next welcome says */
    struct runner_attempt *attempts[WORLD_JOBS]; /* by job; NULL: forgotten */
    int64_t sent_seq;                            /* events up to here were looked at */
};

/* For cmocka: *state is a world with a runner and an uplink that did nothing yet, 1,000,000 ms
 * after the clock began. */
int world_up(void **state);
int world_down(void **state);
#define WORLD_CASE(f) cmocka_unit_test_setup_teardown(f, world_up, world_down)

/* The agent dies and comes back; what was not committed is lost with it. */
void world_again(struct world *w);
void world_pass(struct world *w, int64_t ms); /* time alone: nobody is woken */
void world_turn(struct world *w);
void wake_runner(struct world *w); /* its timer has fired */
/* What was done since the last look, without the ", " at the end, is this. */
void did(struct world *w, const char *expected);
/* The events that came into the journal since the last look: "started 1-1, finished 1-1 FAILED
 * lost". */
void said(struct world *w, const char *expected);

/* ---- the runner's life ---- */
void take_job(struct world *w, int64_t job, int64_t attempt);
void take_job_of(struct world *w, const struct msg_job *job); /* spec NULL: {"command":["true"]} */
void prepared(struct world *w, int64_t job, int rc);
void tried(struct world *w, const char *why); /* the trial has ended; NULL: it was good */
void ended(struct world *w, int64_t job, uint32_t exit_code);
void kill_job(struct world *w, int64_t job, const char *reason, int64_t grace_ms);
/* A job that runs, with its `started` said and looked at. */
void running(struct world *w, int64_t job);

/* ---- the coordinator's side ---- */
void hear(struct world *w, struct msg m);
void welcome(struct world *w, int64_t seq);
/* Connected, opened and welcomed; nothing is left to be looked at. */
void be_live(struct world *w);
void lose_link(struct world *w);

#endif
