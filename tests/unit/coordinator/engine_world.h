/* A real engine on a real store in a folder of its own, with time in the test's hands. For tests of
 * the engine and for the simulation. In a test that is built for it, CADRE_TEST_STORE=postgresql in
 * the environment has the store in a database of its own. */
#ifndef CADRE_TESTS_ENGINE_WORLD_H
#define CADRE_TESTS_ENGINE_WORLD_H

#include "coordinator/engine/engine.h"

/* Where the folders are, when not on the disk of this machine. Each returns text for mem_free. */
struct world_disk {
    void *user;
    char *(*make_folder)(void *user);
    /* What kill -9 at this moment would leave of the folder, in a new one. */
    char *(*keep_folder)(void *user, const char *folder);
    void (*remove_folder)(void *user, const char *folder);
};

struct world {
    const char *base; /* where the folder is made; NULL: TMPDIR */
    struct world_disk disk;
    /* Opens the store; NULL: store_open, on the folder. */
    int (*open_store)(const struct world *w, struct store **out, struct err *e);
    int database; /* its number; 0: none was made */
    char *folder;
    struct store *store;
    struct engine *engine;
    struct engine_config config;
    struct moment now;
    uint64_t seed;
    struct effects effects;                 /* of the last batch */
    int rc;                                 /* of the last commit */
    struct command *applied, **applied_end; /* in the batch at hand */
    /* Else the program ends when the engine finds itself broken, or the store is damaged: then
     * engine is NULL. */
    bool outlives_bugs;
    uint64_t sessions, requests; /* numbers given out */
    int64_t token;               /* a join token without limit */
};

void world_open(struct world *w);
void world_close(struct world *w);
/* The coordinator dies as under kill -9: what is on disk at this moment is all that the next one
 * gets. May be called within a batch. */
void world_crash(struct world *w);
/* The same in two steps, with time to pass between. */
void world_die(struct world *w);
void world_rise(struct world *w);
/* A clean stop and start. */
void world_restart(struct world *w);

/* ---- batches ---- */
void world_begin(struct world *w); /* drops the effects of the last one */
void world_apply(struct world *w, struct command *c);
int world_commit(struct world *w);
/* As world_commit, but gives out the commands of a batch that failed, for them to be applied again;
 * NULL: none is. */
int world_commit_or_keep(struct world *w, struct command **kept);
int world_do(struct world *w, struct command *c); /* a batch of one */
void world_pass(struct world *w, int64_t ms);     /* mono and wall */
void world_tick(struct world *w);
/* Lets time pass as a coordinator would live it: with a tick whenever the engine wants one. The
 * effects are those of the last tick. */
void world_live(struct world *w, int64_t ms);

/* ---- commands; strings are copied ---- */
struct command *cmd_hello(struct world *w, uint64_t session, int64_t agent, const char *group,
                          int64_t slots);
void cmd_hello_attempt(struct command *hello, int64_t job, int64_t attempt, bool ended);
struct command *cmd_ready(uint64_t session);
struct command *cmd_gone(uint64_t session);
struct command *cmd_heard(int64_t agent);
struct command *cmd_heard_on(const struct world *w, uint64_t session); /* its agent */
struct command *cmd_awake(int64_t ms);
struct command *cmd_started(uint64_t session, int64_t seq, int64_t job, int64_t attempt);
struct command *cmd_finished(uint64_t session, int64_t seq, int64_t job, int64_t attempt,
                             enum job_state state, enum reason reason);
struct command *cmd_declined(uint64_t session, int64_t seq, int64_t job, int64_t attempt);
struct command *cmd_output(uint64_t session, int64_t seq, int64_t job, int64_t attempt,
                           int64_t offset, const char *data);
/* {"command":["true"]} in group (NULL: none named); requires: JSON text or NULL. */
struct command *cmd_submit(struct world *w, const char *group, const char *requires);
struct command *cmd_id(struct world *w, enum command_type type, int64_t id);
struct command *cmd_text(struct world *w, enum command_type type, const char *text);
struct command *cmd_group(struct world *w, const char *key, const char *requires);
struct command *cmd_enrol(struct world *w, int64_t token, const char *name, const char *group,
                          const char *key);

/* ---- whole steps, which have to succeed ---- */
int64_t world_agent(struct world *w, const char *name, const char *group); /* enrols */
/* hello and ready; its session */
uint64_t world_connect(struct world *w, int64_t agent, const char *group, int64_t slots);
uint64_t world_connect_caps(struct world *w, int64_t agent, const char *group, int64_t slots,
                            const char *caps);
int64_t world_submit(struct world *w, const char *group, const char *requires);
void world_group(struct world *w, const char *key, const char *requires);
/* A running job on a connected agent: submitted, handed out, started with event number `seq`. */
int64_t world_running(struct world *w, uint64_t session, const char *group, int64_t seq);

/* ---- for cmocka: *state is a world ---- */
int world_setup(void **state);
int world_teardown(void **state);
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

/* ---- looking ---- */
struct reader;
/* Of the world's database; reader_close. */
int world_reader(const struct world *w, struct reader **out, struct err *e);
const struct effect *world_effect(const struct world *w,
                                  enum effect_type type); /* the first; NULL: none */
const struct effect *world_effect_for(const struct world *w, enum effect_type type, int64_t job);
size_t world_effects(const struct world *w, enum effect_type type);
const struct reply *world_reply(const struct world *w); /* the last reply */
struct job_row world_job(struct world *w, int64_t id);  /* job_row_fini */
enum job_state world_state(struct world *w, int64_t id);
enum reason world_reason(struct world *w, int64_t id);

#endif
