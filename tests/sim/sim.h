/* A coordinator, its agents and its users through hours of virtual time: the real engine on a real
 * store, the real logic of agents with their real journals, the real codec between them. Network,
 * processes, disks and clocks are made up. Everything random comes from one seed. */
#ifndef CADRE_TESTS_SIM_H
#define CADRE_TESTS_SIM_H

#include "base/clock.h"
#include "base/map.h"
#include "coordinator/sessions/heard.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_model.h"
#include "tests/sim/sim_sabotage.h"
#include "tests/unit/coordinator/engine_world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void event_fn(struct sim *s, void *object, uint64_t number);
struct event {
    int64_t at_ms;
    uint64_t order;
    event_fn *fn;
    void *object;
    uint64_t number;
};

struct sim {
    uint64_t seed, order;
    enum sabotage sabotage;
    struct rng rng;
    struct world world;
    struct disk *disk; /* NULL: files of this machine */
    struct faults faults;
    bool healed; /* no more faults */
    int64_t start_ms;

    struct event *heap;
    size_t heap_count, heap_cap;

    struct agent_model *agents;
    struct job_model *jobs;
    int agent_count, job_count, coordinator_count;
    struct map by_id, by_request, links; /* job models by id and request, links by session */
    struct map enrolling;                /* agents by the session of their enrol */
    struct map clone_sessions;           /* the agents that they are copies of */
    struct map agents_by_id;
    bool paused[GROUPS];
    uint64_t clones, regroupings, removals;

    struct link **all_links;
    size_t link_count, link_cap;

    /* coordinator process */
    bool down;
    bool starting;              /* what is looked at now happened some time before */
    uint64_t loads;             /* of the engine from the store */
    int64_t loaded_ms, wall_ms; /* the last one; when the wall clock jumped last */
    struct command *queue, **queue_end;
    struct heard heard; /* acknowledged, and the engine does not know of it yet */
    bool batch_planned;
    uint64_t coordinator_life;
    int64_t tick_at_ms;
    struct houses *houses; /* NULL: it is alone (sim_houses.h) */

    /* figures */
    uint64_t breaks, batches, crashes, failed_commits, cuts, agent_crashes, freezes, hand_outs,
        processes, retries, lost;
    uint64_t journal_crashes, duplicates, io_crashes, power_losses, wall_jumps, repeats,
        step_crashes, told_late;
    uint64_t take_overs, step_downs, orderly_stops, house_freezes, lost_answers, resolved,
        ended_transactions, returns, losses_named, strays;

    char violation[256]; /* "": none so far */
    bool verbose;
};

/* ---- sim.c ---- */
extern int sim_coordinators; /* 0: as many as the seed says */
void sim_init(struct sim *s, uint64_t seed, enum sabotage sabotage);
/* true: all promises were kept. */
bool sim_run(struct sim *s);
bool sim_step(struct sim *s); /* the next event; false: there is none */
void sim_fini(struct sim *s);
int64_t sim_now(const struct sim *s);
void sim_at(struct sim *s, int64_t delay_ms, event_fn *fn, void *object, uint64_t number);
int64_t sim_random(struct sim *s, int64_t least, int64_t most);
bool sim_chance(struct sim *s, int one_in); /* 0: never; never when healed */
bool is_about_guard(const struct sim *s);   /* the sabotage */
void sim_violation(struct sim *s, const char *fmt, ...) CADRE_PRINTF(2, 3);

/* ---- sim_coordinator.c ---- */
void coordinator_push(struct sim *s, struct command *c);
void coordinator_hear(struct sim *s, int64_t agent); /* its heartbeat was acknowledged */
bool coordinator_may_block(event_fn *fn);            /* it is a call to the store */
void coordinator_plan(struct sim *s);                /* a tick when the engine wants one */
void coordinator_loaded(struct sim *s);              /* the engine has read the store anew */
void coordinator_silent(struct sim *s, void *link, uint64_t number);
void event_fini(struct event *e);             /* of one that will not happen */
void parcel_drop(event_fn *fn, void *object); /* the same for one that an agent put off */
struct link *link_new(struct sim *s, struct agent_model *a, int house);
void link_cut(struct sim *s, struct link *l);   /* the network breaks: both ends find out later */
void link_close(struct sim *s, struct link *l); /* by the agent */
/* Arrives after a while, in order, unless the link breaks. */
void link_to_coordinator(struct sim *s, struct link *l, const void *frames, size_t len);
void user_submit(struct sim *s, void *job, uint64_t number);
void clone_hello(struct sim *s,
                 struct agent_model *a); /* from another machine, with a copied state folder */
void user_cancel(struct sim *s, void *job, uint64_t number);

/* ---- sim_agent.c ---- */
void agent_init(struct sim *s, struct agent_model *a, int number);
void agent_fini_model(struct agent_model *a);
void agent_enrolled(struct sim *s, struct agent_model *a, int64_t id);
void agent_start(struct sim *s, struct agent_model *a);
void agent_crash(struct sim *s, struct agent_model *a);
void agent_freeze(struct sim *s, struct agent_model *a);
void agent_thaw(struct sim *s, struct agent_model *a);
void agent_drain(struct sim *s, struct agent_model *a);
/* Frames from the coordinator; m is the first of them. */
void agent_on_frame(struct sim *s, struct agent_model *a, const struct msg *m, const void *data,
                    size_t len);
void agent_on_cut(struct sim *s, void *link, uint64_t number);
/* Carries out what came of telling its logic something. */
void agent_after(struct sim *s, struct agent_model *a);
/* true: it is frozen, and fn is called when it goes on. */
bool agent_sleeps(struct agent_model *a, event_fn *fn, void *object, uint64_t number);
bool agent_meets(const struct agent_model *a, int requires);
void agent_change(struct sim *s, struct agent_model *a); /* another machine, as it were */

/* ---- sim_machine.c ---- */
void machine_begin_life(struct agent_model *a); /* a new guard */
bool machine_may_start(void *agent);
void machine_act(struct sim *s, struct agent_model *a, const struct runner_action *x);
void machine_agent_died(struct sim *s, struct agent_model *a);
/* For a while it cannot make folders, or cannot start processes. */
void machine_breaks(struct sim *s, struct agent_model *a);
bool machine_has_tough(const struct agent_model *a);          /* a process that cannot be ended */
void machine_goes_down(struct sim *s, struct agent_model *a); /* no process is left */
void machine_fini(struct agent_model *a);

/* ---- sim_journal.c ---- */
void state_make(struct agent_model *a, uint64_t seed);
void state_fini(struct agent_model *a);
void state_open(struct sim *s, struct agent_model *a);
void state_close(struct agent_model *a);
void state_die(struct agent_model *a, bool power_loss); /* keeps what a death leaves */
void state_forget(struct agent_model *a);

/* ---- sim_check.c ---- */
void check_process_begins(struct sim *s, struct agent_model *a, int64_t job, int64_t attempt);
void check_process_ends(struct sim *s, int64_t job, int64_t attempt);
/* One more (1) or less (-1) that its agent could not end, and that the agent knows. */
void check_process_lives_on(struct sim *s, int64_t job, int change);
/* The agent heard that its end of the attempt is kept. */
void check_end_acknowledged(struct sim *s, int64_t job, int64_t attempt, int64_t agent);
void check_process_writes(struct sim *s, int64_t job, int64_t bytes);
/* ---- sim_invariants.c ---- */
void check_invariants(struct sim *s);
/* ---- sim_limits.c ---- */
/* The agent as the coordinator knows it: a change may be on its way. */
struct agent_model check_what_it_said(struct sim *s, const struct agent_model *a);
void check_hand_out_rules(struct sim *s, const struct effect *x, const struct job_model *j);
void check_limits(struct sim *s); /* nothing takes longer than it may */
void check_change(struct sim *s, const struct job_model *before, const struct job_row *row);

/* After a commit, before its effects are carried out. */
void check_batch(struct sim *s);
void check_start(struct sim *s); /* after the store was read anew */
void check_acknowledged(struct sim *s, struct job_model *j, int64_t id, bool known);
void check_end(struct sim *s); /* everything is over */
bool check_all_final(const struct sim *s);

#endif
