/* What the simulation knows of jobs, agents and the connections between them, and what it may have
 * lost on the way to a disk. */
#ifndef CADRE_TESTS_SIM_MODEL_H
#define CADRE_TESTS_SIM_MODEL_H

#include "agent/journal.h"
#include "agent/runner_logic.h"
#include "agent/uplink_logic.h"
#include "coordinator/sessions/session.h"
#include "coordinator/store/model.h"
#include "tests/sim/sim_disk.h"
#include "wire/frame.h"

#include <stdbool.h>
#include <stdint.h>

struct sim;
struct agent_model;

struct faults {         /* one in n; 0: never */
    int clone, regroup; /* in mischief */
    int io_crash, start_crash, long_stall, again, step_crash, caps, remove;
    int cut, crash_before, crash_mid, crash_after, crash_between, fail_commit;
    int agent_crash, agent_freeze, agent_reboot, agent_forgets, drain, decline, repeat;
    int agent_full, guard_lost, pressure, machine, poison;
};

/* ---- requires and groups, by number ---- */
enum { REQ_NONE, REQ_LINUX, REQ_WINDOWS, REQ_GPU2, REQ_EU, REQ_ANY_GPU, REQUIRES };
enum { GROUP_DEFAULT, GROUP_ALPHA, GROUP_BETA, GROUP_GAMMA, GROUPS };
extern const char *const group_keys[GROUPS];
extern const char *const requires_json[REQUIRES];

/* ---- jobs as users know them ---- */
struct job_model {
    int64_t id; /* 0: not acknowledged yet */
    char key[32];
    int requires, group;
    struct job_row row;              /* what was asked for; no strings but the key's */
    bool cancel_wanted, cancel_done; /* the latter: acknowledged */
    /* as committed */
    bool known;
    enum job_state state;
    int64_t attempt, agent;
    int64_t since_ms;    /* in this state and attempt */
    int64_t known_ms;    /* since it is known */
    uint64_t since_load; /* that load of the engine, when it was seen to happen; else 0 */
    bool waits;          /* until processes of the attempt before are gone */
    /* what really ran */
    int alive;    /* processes at this moment */
    int lives_on; /* of them, those that their agent could not end, and knows so */
    int64_t alive_attempt;
    int64_t started_attempt; /* the greatest that was started */
    int starts;
    int64_t output_bytes; /* that the last one wrote */
    uint64_t request;     /* under way; 0: none */
    bool cloned;          /* handed to a copy of its agent */
    bool misnamed;        /* an attempt named a command that is not there */
    int could_not_start;  /* times that an agent said so */
    int handed;           /* place in the hand-outs of this batch, from 1; 0: not handed out */
    /* of a database that returned to an older state (sim_older.c) */
    uint64_t changes;                 /* how often it was seen to change */
    bool reverted;                    /* some of that is lost */
    int64_t kept_attempt, kept_agent; /* the last hand-out that is not */
    bool output_gone;                 /* some of its output may be lost */
    uint64_t offer_reign;             /* of the coordinator that handed it out, as an agent heard */
    int64_t offer_agent;
};

/* ---- agents ---- */
struct parcel;
struct guard_model;
struct process_model;
struct agent_model {
    struct sim *sim;
    int number, group; /* the first of its groups */
    bool serves[GROUPS];
    char groups[64]; /* all of them as JSON; "": there is one */
    char name[16];
    int64_t id;
    /* what it can do */
    bool windows, eu;
    int gpus, gpus_before;
    int64_t gpus_ms; /* when that changed */
    int64_t slots;
    /* the machine */
    int64_t boot;
    struct disk *disk;
    char *folder;                  /* with the journal, on it */
    struct process_model *machine; /* all processes that ever were */
    struct guard_model *guard;     /* of this life; then those of former ones */
    int processes;                 /* alive */
    int64_t broken_until_ms;
    bool no_folders; /* while it is broken; else no processes */
    uint64_t trials; /* number of the last; older ones are void */
    int joins;       /* how often it enrolled again */
    int64_t removes; /* the id that somebody wants to have removed last */
    /* of this life */
    uint64_t life; /* grows with every start and end; timers of an older one are void */
    bool up, frozen;
    int64_t awake_ms;       /* since when it is up and not stopped */
    bool dying, power_loss; /* what the logic wants does not happen any more */
    struct journal *journal;
    struct runner_logic *runner;
    struct uplink_logic *uplink;
    char boot_id[24], host_id[24];
    struct link *link;
    int hint; /* where the owner is said to be, of several coordinators */
    bool changed, turn_planned, draining, saying_goodbye;
    bool took_jobs;                      /* for the coordinator, after its last batch */
    uint64_t runner_wakes, uplink_wakes; /* the last that was asked for; older ones are void */
    struct parcel *inbox, **inbox_end;   /* what came while it was frozen */
    int64_t lease_base_ms;               /* as its guard was told last */
    int64_t guard_back_ms;               /* until then it has none to start jobs under */
    int64_t last_seq;                    /* when it was up last */
    bool knows_more; /* was told of commits that the database has lost, which nobody has noticed */
    int64_t known_seq; /* its last event of which that database knows */
};

/* ---- the network ---- */
/* What a session was given, in virtual time. */
struct turns {
    int64_t at[GROUPS], now;
    uint64_t load; /* of the engine, which forgets it */
};
struct link {
    uint64_t session;
    struct agent_model *agent;
    uint64_t life;              /* of the coordinator at its other end */
    int house;                  /* which of several that is */
    uint64_t reign;             /* its take-over, when it said something last */
    struct session_facts facts; /* the coordinator's end */
    struct frame_reader reader;
    bool unwell; /* as it said last */
    struct turns turns;
    bool cut;                               /* nothing passes any more */
    bool gone;                              /* GONE was pushed, or nobody is there to get it */
    int64_t to_agent_ms, to_coordinator_ms; /* last arrival: order is kept */
};

/* ---- sim_store.c: the store's functions, with faults ---- */
struct store_faults {
    bool fail_commit;   /* the next one fails, once */
    bool lose_commit;   /* the next one is rolled back and called done, once */
    bool lose_hand_out; /* the next one is not written */
    bool lose_output;   /* none is */
    bool overlook_jobs; /* assigned ones, at a start */
    bool lose_result;   /* the next end is not written */
    bool forget_pause;  /* groups are read as not paused */
    bool forget_tried, forget_failures, forget_turns;
};
extern struct store_faults store_faults;

/* ---- sim_journal.c ---- */
struct journal_faults {
    bool lose_commits;
    bool full; /* commits fail */
};
extern struct journal_faults journal_faults;

#endif
