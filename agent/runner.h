/* The agent's attempts: prepare, start, stream, time out, kill, collect. Everything an attempt has
 * to say becomes an event in the journal; the session sends it from there. All on the loop's
 * thread.
 *
 *   accepted -> (journal committed) -> preparing -> prepared -> running -> ended
 *                                          |                       |  ask politely, then kill after
 *                          work folder is made, off the loop       |  the grace
 *                                                                  +--> on_end -> finished event
 *
 * With that event the attempt is forgotten and its slot is free; its work folder is removed in the
 * background.
 */
#ifndef CADRE_AGENT_RUNNER_H
#define CADRE_AGENT_RUNNER_H

#include "agent/journal.h"
#include "base/err.h"
#include "base/json.h"
#include "base/opt.h"
#include "wire/msg.h"

#include <stdbool.h>
#include <stdint.h>

#define RUNNER_TURN_STARTS 8 /* processes that one turn of the loop starts */

struct uv_loop_s;
struct runner;

struct runner_options {
    struct uv_loop_s *loop;
    struct journal *journal;
    const char *state_folder;
    const char *agent_name;
    const struct opt_map *env; /* given to every job; lives as long as the runner */
    /* An event is in the journal, or an attempt came or went: commit, send and look again in this
     * turn of the loop. Called from inside the runner, so it must only take note. */
    void (*on_change)(void *user);
    /* The journal cannot be written: the agent cannot keep its promises and has to end. Must only
     * take note. */
    void (*on_fatal)(const struct err *e, void *user);
    void *user;
};

/* Also ends what an earlier life of this agent left running (journal + marks) and remembers it for
 * runner_report_leftovers. */
int runner_new(const struct runner_options *o, struct runner **out, struct err *e);
/* Kills what runs, without events. Handles close asynchronously: run the loop until it is empty. */
void runner_free(struct runner *r);
const char *runner_kind(const struct runner *r); /* process_host_kind */

/* After the first welcome (sequence numbers are certain then): finished FAILED/interrupted for what
 * an earlier life had started, declined never-started for what it had only accepted. */
int runner_report_leftovers(struct runner *r, struct err *e);

/* Takes a job; takes msg->spec. A repetition of one that is here already is ignored. Without a free
 * slot or while draining it is declined. */
void runner_accept(struct runner *r, struct msg_job *msg, int64_t slots);
/* The coordinator is known to have heard this agent at base_ms, in mono time: all leases count from
 * there. What ends after its lease is over is lost, whatever it ended with. */
void runner_renew(struct runner *r, int64_t base_ms);
/* Prepares what was accepted and is in the committed journal, and starts what is prepared; at most
 * RUNNER_TURN_STARTS processes, the others in the next turns. To be called once per turn behind
 * journal_commit. True: something was written to the journal. An attempt whose lease is mostly over
 * waits for the next acknowledged heartbeat: it would have to be ended soon, or at once. Without a
 * guard (platform/guard.h) nothing is started: what waits is started when there is one. */
bool runner_start_accepted(struct runner *r);
/* What waits to be started is declined for that reason: the session is lost, and the coordinator
 * may give it to another before it is heard of again, or there is no room for it. */
void runner_give_back(struct runner *r, char *reason);
/* What is held of the output leaves: once per turn, before journal_commit. */
void runner_flush_output(struct runner *r);

void runner_kill(struct runner *r, int64_t job, int64_t attempt, const char *reason,
                 int64_t grace_ms);
/* Kills and says nothing more about it; also drops its events. */
void runner_discard(struct runner *r, int64_t job, int64_t attempt);
/* Attempts whose lease is over are ended at once. What has not started yet needs no end. */
void runner_expire_leases(struct runner *r);
/* Shortest lease held, and shortest of an attempt that runs; INT64_MAX: none. */
int64_t runner_shortest_lease(const struct runner *r);
int64_t runner_running_lease(const struct runner *r);

/* No new jobs; after timeout_ms the ladder (SIGTERM, then kill after grace), reason drain. */
void runner_drain(struct runner *r, int64_t timeout_ms);
/* No new jobs, and what runs is killed, reason drain. */
void runner_drain_now(struct runner *r);
bool runner_draining(const struct runner *r);
/* All that is here was killed and has yet to go. */
bool runner_awaits_the_dead(const struct runner *r);

size_t runner_count(const struct runner *r); /* attempts that hold a slot */
/* [{job, attempt, state}] for hello: whatever the coordinator must know is still here. */
struct json *runner_attempts(const struct runner *r);
/* Back-pressure: stop and go on reading the jobs' pipes. */
void runner_pause(struct runner *r, bool on);

#endif
