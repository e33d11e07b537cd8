/* The store: everything that is kept, in the words of the engine. One writer: all calls on the
 * store thread (or in a test, on one thread). sql_*.c say it in SQL, and a driver (db.h) runs that:
 * SQLite's, on two files in the state folder (cadre.db, output.db; WAL, synchronous=FULL), or
 * PostgreSQL's, on two schemas. The engine keeps in memory what it has read and written, and relies
 * on nobody else writing: one process at a time has the files open for writing, or owns the queue.
 *
 * Everything between store_begin and store_commit is one transaction of each file, output.db's
 * committed first; with PostgreSQL it is one of both. A batch has two steps. First what it needs is
 * looked up together (store_ahead.h, store_look_up, store_queue_heads, store_jobs_read). Then it is
 * decided in memory, and each change is said with the functions below: those of jobs, executions
 * and evaluations only note it, and store_commit writes what was noted as one set, a row once.
 * Whoever asks in between for a row that was noted gets what it will be; where that takes the
 * database, the set so far is written first. A row that cannot be written fails the commit.
 *
 * Functions return 0 or: ERR_NOT_FOUND, ERR_EXISTS (unique constraint), ERR_FULL (disk),
 * ERR_CORRUPT, ERR_IO. After any of the last three the transaction is to be rolled back;
 * after ERR_NOT_FOUND and ERR_EXISTS it stands as it was before the call. What a `find` looks for
 * may be absent: it returns 1 for found and 0 for absent, and touches neither out nor e then. A
 * change outside of store_begin is ERR_INTERNAL. Rows that come out own their strings (x_fini). The
 * functions that call back may not be called again from inside fn, and fn changes nothing. */
#ifndef CADRE_COORDINATOR_STORE_STORE_H
#define CADRE_COORDINATOR_STORE_STORE_H

#include "base/err.h"
#include "coordinator/store/model_attempt.h"
#include "coordinator/store/store_agent_event.h"
#include "coordinator/store/store_ahead.h"
#include "coordinator/store/store_day.h"
#include "coordinator/store/store_flow.h"
#include "coordinator/store/store_notice.h"
#include "coordinator/store/store_owner.h"
#include "coordinator/store/store_page_session.h"

/* Opens or creates, checks (quick integrity check when the last shutdown was not clean; ERR_CORRUPT
 * tells how to restore), migrates (numbered, PRAGMA user_version; a newer version than ours is
 * refused with a sentence). */
int store_open(const char *state_folder, struct store **out, struct err *e);
void store_close(struct store *s);

int store_begin(struct store *s, struct err *e);
/* One fsync of cadre.db however much changed, of output.db only when touched; or one COMMIT. After
 * a failure everything is rolled back; after ERR_FENCED (store_owner.h) nobody can say. */
int store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s);
/* Work that no answer needs to wait for: call it after the effects were told. */
void store_settle(struct store *s);
/* Did anything change since store_begin? An empty commit costs nothing. */
bool store_dirty(const struct store *s);
/* Writes to both parts and leaves them as they were: the commit tells if changes can be saved. */
int store_probe(struct store *s, struct err *e);

/* ---- step 1: what a batch needs is looked up first and together ---- */
/* Idempotency keys, as their rows have them. Borrowed for the call. */
struct store_wanted {
    const char *const *job_keys, *const *execution_keys;
    size_t job_key_count, execution_key_count;
};
/* What was found is known until the end of the batch: the functions below that look for it ask the
 * database no more. Between store_begin and the first change. */
int store_look_up(struct store *s, const struct store_wanted *w, struct err *e);
/* These jobs, with their specs; without unique_key. Those that are not there are passed over. fn
 * may take the row's strings and leave it empty. Return non-zero from fn to end. */
int store_jobs_read(struct store *s, const int64_t *ids, size_t count,
                    int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                    struct err *e);

/* ---- jobs ---- */
/* ERR_EXISTS: id or unique_key is taken (store_job_find_key tells). spec: JSON text. The id has to
 * be made of created_ms (id_make): keys are forgotten by the age of the id. */
int store_job_insert(struct store *s, const struct job_row *j, const char *spec, struct err *e);
int store_job_find(struct store *s, int64_t id, struct job_row *out, struct err *e);
int store_job_get(struct store *s, int64_t id, struct job_row *out, struct err *e);
int store_job_find_key(struct store *s, const char *unique_key, int64_t *id, struct err *e);
/* The greatest id; 0: there is no row. */
int store_job_last_id(struct store *s, int64_t *id, struct err *e);
int store_job_retry_of(struct store *s, int64_t id, int64_t *of, struct err *e); /* 0: none */
/* mem_free */
int store_job_spec(struct store *s, int64_t id, char **spec, struct err *e);
/* The steps of a life. They write what they are given; legality is the engine's.
 * store_job_is, before the first step of a batch: what the row is; then nobody needs to read it. */
void store_job_is(struct store *s, const struct job_row *j);
int store_job_submitted(struct store *s, int64_t id, int64_t agent, int64_t attempt, int64_t now_ms,
                        struct err *e);
/* Also first_started_ms when 0. */
int store_job_running(struct store *s, int64_t id, int64_t now_ms, struct err *e);
int store_job_killing(struct store *s, int64_t id, enum reason why, struct err *e);
/* Back to CREATED in its old place, no agent, times of this attempt cleared. */
int store_job_requeue(struct store *s, int64_t id, int64_t attempt, struct err *e);
int store_job_retrying(struct store *s, int64_t id, int64_t next_attempt, int64_t retry_at_ms,
                       struct err *e);
struct job_end {
    enum job_state state;
    enum reason reason;
    const char *message;
    bool exited;
    int64_t exit_code;
    bool truncated;
    const char *outputs; /* JSON object text or NULL */
    int64_t ended_ms;
};
int store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e);
/* Who asked for its end. */
int store_job_cancelled_by(struct store *s, int64_t id, const char *by, struct err *e);
/* For fallback IGNORE, before hand-out. */
int store_job_set_group(struct store *s, int64_t id, const char *group, struct err *e);
/* Keeps a finished attempt of a job that goes on. The first ATTEMPTS_FIRST and the last
 * ATTEMPTS_LAST stay; one between them goes with its output. The cost does not grow with the
 * attempts. That it is kept already may be told by the commit. */
int store_attempt_add(struct store *s, const struct attempt_row *a, struct err *e);

/* The agents of the kept attempts from number `from` on, in order; the first ones when there are
 * more. */
int store_attempt_agents(struct store *s, int64_t job, int64_t from, struct attempt_agents *out,
                         struct err *e);

/* What the engine needs to rebuild its memory at the start: assigned and RETRYING jobs, and those
 * CREATED with a queue timeout or a fallback other than WAIT; not the plain queue. Return non-zero
 * from fn to end. `j` is borrowed, its unique_key is not filled in. */
int store_each_open_job(struct store *s, int (*fn)(const struct job_row *j, void *user), void *user,
                        struct err *e);

/* ---- the queue: CREATED jobs, by group and interned requires, best first ---- */
int store_requires_intern(struct store *s, const char *canonical_json, int64_t *id, struct err *e);
int store_requires_text(struct store *s, int64_t id, char **json, struct err *e);
/* One queue: the pending jobs of a group that have the same requires. */
struct queue_key {
    const char *group;
    int64_t requires_id;
};
struct queue_head {
    int64_t id, priority, attempt;
};
/* The first `most` jobs of a queue that no agent tried, highest priority first, then lowest id;
 * *count is how many there are of those. O(most + log n). */
int store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                      size_t most, size_t *count, struct err *e);
/* A part of a queue: the first `most` of those jobs that stand behind `after`. */
struct queue_part {
    struct queue_key queue;
    const struct queue_head *after; /* NULL: from the first one on */
    size_t most;
};
/* The same jobs in the same order, whole, with their specs; as store_jobs_read gives them. */
int store_queue_read(struct store *s, const struct queue_part *p,
                     int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                     struct err *e);
/* All queues with pending jobs, and how many. Read from counts that are kept: the cost grows with
 * the number of queues, not jobs. */
int store_each_queue(struct store *s,
                     int (*fn)(const struct queue_key *k, int64_t count, void *user), void *user,
                     struct err *e);
/* The smallest id of a queue, tried ones included; 0: it is empty. At most 32 priorities are looked
 * at. O(priorities * log n). */
int store_queue_oldest(struct store *s, const struct queue_key *k, int64_t *id, struct err *e);
/* How many jobs of its group stand before `j` by priority and id; counting stops at `most`. */
int store_queue_position(struct store *s, const struct job_row *j, int64_t most, int64_t *before,
                         struct err *e);
/* The first `most` pending jobs of a group (for group delete --force, fallback changes). Within one
 * requires by priority, then id; one requires after the other. */
int store_queue_list(struct store *s, const char *group, int64_t *ids, size_t most, size_t *count,
                     struct err *e);

/* ---- jobs that an agent could not start ---- */
int store_tried_add(struct store *s, const struct tried_row *t, struct err *e);
/* All of the job. */
int store_tried_clear(struct store *s, int64_t job, struct err *e);
/* By job and place; of the job id, state, group, requires_id, priority and attempt. */
int store_each_tried(struct store *s,
                     int (*fn)(const struct tried_row *t, const struct job_row *j, void *user),
                     void *user, struct err *e);

/* ---- output ---- */
/* The chunks of a stream come in order of offset: what lies before the end that is stored already
 * is a re-send and ignored, 0. A gap is kept as it is. */
int store_output_add(struct store *s, const struct chunk *c, struct err *e);
size_t store_output_added(const struct store *s); /* bytes of the last chunk that were not there */
/* Bytes stored so far for this job's attempt: of all streams, and of Cadre's remarks among them. */
int store_output_bytes(struct store *s, int64_t job, int64_t attempt, int64_t *bytes,
                       int64_t *remarks, struct err *e);

/* ---- agents ---- */
int store_agent_insert(struct store *s, const struct agent_row *a, struct err *e);
/* All columns but last_seq. This, store_agent_seq and _seen may leave an error to the commit. */
int store_agent_update(struct store *s, const struct agent_row *a, struct err *e);
int store_agent_seq(struct store *s, int64_t id, int64_t last_seq, struct err *e);
int store_agent_find(struct store *s, int64_t id, struct agent_row *out, struct err *e);
/* Among those not removed. */
int store_agent_find_name(struct store *s, const char *name, struct agent_row *out, struct err *e);
/* Those marked as online: at the start the ones to be expected back. */
int store_each_agent_online(struct store *s,
                            int (*fn)(int64_t id, const char *group, const char *groups,
                                      void *user),
                            void *user, struct err *e);
/* Those not removed; of the row id, name, group and groups. */
int store_each_agent(struct store *s, int (*fn)(const struct agent_row *a, void *user), void *user,
                     struct err *e);
int store_agents_all_offline(struct store *s, struct err *e); /* at start */
int store_agent_seen(struct store *s, int64_t id, bool online, int64_t now_ms, struct err *e);
int store_agent_count(struct store *s, int64_t *known, struct err *e); /* those not removed */

/* Of an agent the last one is kept; what was said less than a minute before is not repeated. It is
 * found by each group that the agent named. */
int store_refusal_put(struct store *s, const struct refusal_row *r, struct err *e);
int store_refusal_delete(struct store *s, int64_t agent, struct err *e);
int store_each_refusal(struct store *s, const char *group, size_t limit, /* newest first */
                       int (*fn)(const struct refusal_row *r, void *u), void *u, struct err *e);
/* In the place of one of the same attempt. */
int store_remnant_put(struct store *s, const struct remnant_row *r, struct err *e);
int store_remnant_delete(struct store *s, const struct remnant_row *r, struct err *e);
/* By agent. */
int store_each_remnant(struct store *s, int (*fn)(const struct remnant_row *r, void *user),
                       void *user, struct err *e);

/* ---- groups and namespaces ---- */
int store_group_put(struct store *s, const struct group_row *g, struct err *e); /* or replace */
int store_group_delete(struct store *s, const char *key, struct err *e);
int store_each_group(struct store *s, int (*fn)(const struct group_row *g, void *user), void *user,
                     struct err *e);
int store_ns_put(struct store *s, const struct namespace_row *n, struct err *e);
int store_ns_delete(struct store *s, const char *ns, struct err *e);
int store_each_ns(struct store *s, int (*fn)(const struct namespace_row *n, void *user), void *user,
                  struct err *e);

/* ---- tokens ---- */
int store_token_insert(struct store *s, const struct token_row *t, struct err *e);
int store_token_find(struct store *s, int64_t id, struct token_row *out, struct err *e);
/* uses_left - 1 when limited and not used up; last_used. A token that is gone is no failure. */
int store_token_use(struct store *s, int64_t id, int64_t now_ms, struct err *e);
int store_token_revoke(struct store *s, int64_t id, int64_t now_ms, const char *by, struct err *e);
/* Of the administrators' tokens that hold at that moment, how many are there beside this one? */
int store_token_other_admins(struct store *s, int64_t id, int64_t now_ms, int64_t *others,
                             struct err *e);
/* Those of the API that hold and end in (from_ms, until_ms]. */
int store_each_token_ending(struct store *s, int64_t from_ms, int64_t until_ms,
                            int (*fn)(const struct token_row *t, void *user), void *user,
                            struct err *e);

/* ---- housekeeping: bounded work per call, *more tells ---- */
int store_forget_keys(struct store *s, int64_t created_before_ms, size_t most, bool *more,
                      struct err *e);
/* Told while a row goes that the engine may have in memory. */
struct store_gone {
    void (*on_requires)(int64_t id, void *user);
    void (*on_flow)(const char *ns, const char *id, void *user);
    void *user;
};
/* What is of no use to anybody, however young: output of attempts that are not kept, requires that
 * no job has. `most` counts rows. gone NULL: nobody is told. */
int store_tidy(struct store *s, size_t most, const struct store_gone *gone, bool *more,
               struct err *e);
/* What has been done with since before_ms and is named by nothing that is kept: tokens that are
 * used up, expired or revoked; removed agents; revisions of flows that are not the present one, and
 * flows that were deleted. `most` counts rows. */
int store_purge_setup(struct store *s, int64_t before_ms, size_t most,
                      const struct store_gone *gone, bool *more, struct err *e);
/* Executions that ended and final jobs of none, with all of theirs but output that goes with its
 * table. `most` counts those and chunks; a job goes after these, an execution after its jobs. */
int store_purge(struct store *s, int64_t ended_before_ms, size_t most, bool *more, struct err *e);

#endif
