/* Several coordinators of one simulation, over one database. The simulation's own state (struct
 * sim) is that of the coordinator whose turn it is; what the others have is kept in their houses.
 *
 * The database is the store's files, which each owner opens for itself. The owner's row stands in
 * memory beside them: sim_database.c is between the stores and their files (db_run), and makes one
 * transaction of both files and the row.
 *
 * A call to the database takes virtual time: houses_block lets everything else go on. */
#ifndef CADRE_TESTS_SIM_HOUSES_H
#define CADRE_TESTS_SIM_HOUSES_H

#include "coordinator/ownership.h"
#include "coordinator/tenure.h"
#include "tests/sim/sim.h"

#define HOUSES_MOST 5
#define NO_HOUSE (-1)

/* What is the simulation's while it is this one's turn. */
struct house_state {
    bool down, batch_planned;
    uint64_t loads, life;
    int64_t loaded_ms, tick_at_ms;
    struct command *queue, **queue_end;
    struct heard heard;
    struct store *store;
    struct engine *engine;
    struct effects effects;
    int rc;
    struct command *applied, **applied_end;
};

struct put_off; /* what happens when it goes on */

struct house {
    struct sim *sim;
    int number;
    int64_t per_mille; /* its clock gains so much */
    bool dead;         /* there is no process */
    bool busy;         /* its thread that writes is in a call */
    bool doomed;       /* ... and was killed there */
    int64_t batch_ms;  /* when the batch at hand began */
    bool in_batch;
    bool landed;       /* the transaction of the batch at hand has */
    bool denied;       /* it was told that the transaction under way never will */
    bool voided;       /* what it knows was lost by the database */
    uint64_t server;   /* that it is connected to */
    int64_t frozen_ms; /* until then it is stopped */
    int64_t cut_ms;    /* until then the database is out of its reach */
    int64_t hidden_ms; /* until then no agent reaches it */
    struct put_off *inbox, **inbox_end;
    struct ownership watch;
    int owner; /* as it read last */
    struct owner_place place;
    struct tenure *tenure;
    uint64_t reign; /* the database's when it took over */
    struct house_state kept;
};

/* The server, and what it has committed. */
struct database {
    struct owner_row row;
    int holder_name; /* as the row names it */
    uint64_t reign;  /* another one with each commit of a take-over; no coordinator reads it */
    int holder;      /* whose transaction has the row locked */
    bool adrift;     /* ... and its client has lost the connection: it will end by itself */
    uint64_t transactions;
    uint64_t server; /* another one with each failover: what was connected is not any more */
};

struct houses {
    struct house all[HOUSES_MOST];
    int count, at; /* whose turn it is */
    uint64_t lives, loads;
    struct database db;
    struct followers *followers;
    uint64_t newest_reign; /* of all take-overs, also those that are lost */
    uint64_t lost_reign;   /* the newest when the database returned to an older state; 0: never */
    struct older *older;   /* to which it is about to return; NULL: it is not */
    int64_t strays_ms;     /* what such a return leaves has been ended by then */
    struct {
        int crash, freeze, cut, hide, stop, lose_answer, freeze_inside, older;
    } faults;
};

/* Is it still there, and does it run? */
enum turn {
    TURN_NOW,     /* it is its turn from here on */
    TURN_OVER,    /* that life is over */
    TURN_PUT_OFF, /* it is stopped: fn is called when it goes on */
};

/* ---- all of these also with one coordinator, which then is always the one ---- */
void houses_begin(struct sim *s, int count); /* when everything is set up; 1: nothing */
void houses_fini(struct sim *s);
enum turn houses_turn(struct sim *s, uint64_t life, event_fn *fn, void *object, uint64_t number);
/* The turn of one that takes itself for the owner. false: there is none. */
bool houses_front(struct sim *s);
bool houses_may_tell(struct sim *s); /* effects */
bool houses_may_acknowledge(struct sim *s);
void houses_told(struct sim *s); /* something was sent: was it right? */
bool houses_is_busy(const struct sim *s);
void houses_batch_begins(struct sim *s);
bool houses_have_checked(const struct sim *s); /* the batch, when it was committed */
int64_t houses_batch_ms(const struct sim *s);  /* when it began */
bool houses_is_owner(const struct sim *s);     /* in truth */
/* false: this coordinator is not the owner any more, or is dead. */
bool houses_batch_committed(struct sim *s, int rc);
bool houses_batch_ends(struct sim *s);
void houses_heal(struct sim *s);
void houses_lose_links(struct sim *s, int64_t within_ms); /* of the present one */

/* ---- with several alone ---- */
struct house *houses_now(struct sim *s);
void houses_enter(struct sim *s, struct house *h);
/* Time passes for the present one, which does nothing meanwhile. */
void houses_block(struct sim *s, int64_t ms);
void houses_freeze(struct sim *s, struct house *h, int64_t ms);
void houses_crash(struct sim *s); /* the present one */
int houses_choose(struct sim *s, struct agent_model *a);
bool houses_reaches(struct sim *s, int house);
uint64_t houses_life(struct sim *s, int house);
uint64_t houses_reign(const struct sim *s); /* of the present one; 0: it is alone */
char *houses_owner_seen(struct sim *s);     /* JSON, mem_free; NULL: nobody */
bool houses_sabotaged(const struct sim *s);

/* ---- sim_database.c ---- */
void database_place(struct house *h);
void database_of_store(struct house *h, struct store *st); /* h's from here on */
/* The server ends a client's transaction: all of it is there, or nothing. */
void database_end(struct sim *s, struct house *h, bool lands);
void database_leave(void); /* the simulation ends */

/* ---- sim_follow.c ---- */
void followers_begin(struct sim *s); /* when the jobs are planned */
void followers_fini(struct sim *s);
void followers_hear(struct sim *s, int64_t cursor);
void followers_begin_anew(struct sim *s); /* the database has lost commits */
/* Of a job that succeeded and wrote so much. */
void followers_check(struct sim *s, const struct job_model *j, int64_t bytes);

#endif
