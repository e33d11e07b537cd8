/* Column lists and their rows: one order for the store and the reader. */
#ifndef CADRE_COORDINATOR_STORE_SQL_ROWS_H
#define CADRE_COORDINATOR_STORE_SQL_ROWS_H

#include "coordinator/store/model_attempt.h"
#include "coordinator/store/model_flow.h"
#include "coordinator/store/model_run.h"
#include "coordinator/store/reader_load.h"
#include "coordinator/store/db.h"
#include "coordinator/store/store.h"

#include <stdbool.h>

struct json;

/* allow_failure stands behind outputs, which are there, and may be long, only when the job ended:
 * then nobody asks for it any more. */
#define JOB_COLUMNS                                                                                \
    "s.id, s.state, s.reason, s.truncated, s.group_key, s.requires_id, s.priority, s.attempt,"     \
    " s.agent, s.submitted_ms, s.started_ms, s.ended_ms, s.first_started_ms, s.retry_at_ms,"       \
    " s.exit_code, s.message, j.kind, j.fallback, j.ns, j.name, j.flow, j.execution, j.task,"      \
    " j.submitter, j.created_ms, j.queue_timeout_ms, j.timeout_ms, j.lease_ms, j.kill_grace_ms,"   \
    " j.output_limit, j.retry_type, j.retry_interval_ms, j.retry_max_interval_ms,"                 \
    " j.retry_delay_factor, j.retry_max_attempts, j.retry_max_duration_ms,"                        \
    " CASE WHEN s.ended_ms > 0 THEN 0 ELSE s.allow_failure END"
#define JOB_COLUMN_COUNT 37
#define JOB_TABLES "job_states s JOIN jobs j ON j.id = s.id"
/* All but unique_key, created_by, cancelled_by, retry_of. */
void row_job(struct stmt *q, struct job_row *j);
/* Of a job that is CREATED: what may be other than that state, and queue, tell. */
#define QUEUED_COLUMNS                                                                             \
    "s.id, s.priority, s.attempt, s.reason, s.message, s.first_started_ms, s.allow_failure,"       \
    " j.kind, j.fallback, j.ns, j.name, j.flow, j.execution, j.task, j.submitter, j.created_ms,"   \
    " j.queue_timeout_ms, j.timeout_ms, j.lease_ms, j.kill_grace_ms, j.output_limit,"              \
    " j.retry_type, j.retry_interval_ms, j.retry_max_interval_ms, j.retry_delay_factor,"           \
    " j.retry_max_attempts, j.retry_max_duration_ms"
#define QUEUED_COLUMN_COUNT 27
void row_queued(struct stmt *q, const struct queue_key *k, struct job_row *j);

/* The first job of the highest priority below ?3. */
#define QUEUE_FIRST                                                                                \
    "SELECT priority, id FROM job_states INDEXED BY job_queue WHERE queued = 1"                    \
    " AND group_key = ?1 AND requires_id = ?2 AND priority < ?3 ORDER BY priority DESC, id LIMIT " \
    "1"
/* The smallest id of a queue, by a statement that is QUEUE_FIRST, of its LOAD_PRIORITIES highest
 * priorities. *id 0: it is empty. */
int queue_oldest(struct db *d, struct stmt *q, const struct queue_key *k, int64_t *id,
                 struct err *e);

#define AGENT_COLUMNS                                                                              \
    "a.id, a.name, a.group_key, a.online, a.draining, a.held, a.slots, a.last_seq,"                \
    " a.last_seen_ms, a.removed_ms, f.created_ms, f.token, f.token_group, f.version, f.host_id,"   \
    " f.boot_id, f.journal_id, f.spki, f.drain_reason, f.capabilities, a.unwell_since_ms,"         \
    " f.unwell_reason, f.created_by, f.drained_by, f.removed_by, a.group_list,"                    \
    " f.removed_reason"
#define AGENT_COLUMN_COUNT 27
#define AGENT_TABLES "agents a JOIN agent_facts f ON f.id = a.id"
void row_agent(struct stmt *q, struct agent_row *a);

#define REMNANT_COLUMNS "agent, job, attempt, since_ms, processes"
void row_remnant(struct stmt *q, struct remnant_row *r);

#define REFUSAL_COLUMNS "r.agent, r.group_key, r.reason, r.message, r.at_ms, a.name, r.group_list"
#define REFUSAL_TABLES "refusals r JOIN agents a ON a.id = r.agent"
void row_refusal(struct stmt *q, struct refusal_row *r);

#define ATTEMPT_COLUMNS                                                                            \
    "t.job, t.attempt, t.agent, t.state, t.reason, t.exit_code, t.submitted_ms, t.started_ms,"     \
    " t.ended_ms, t.message"
#define ATTEMPT_COLUMN_COUNT 10
void row_attempt(struct stmt *q, struct attempt_row *a);

#define GROUP_COLUMNS                                                                              \
    "g.key, g.description, g.require, g.allowed_namespaces, g.paused, g.max_queued, g.created_ms," \
    " g.created_by, g.updated_by, g.paused_by, g.tags"
#define GROUP_COLUMN_COUNT 11
void row_group(struct stmt *q, struct group_row *g);

#define NS_COLUMNS "ns, group_key, fallback, updated_by, groupless, notify"
void row_ns(struct stmt *q, struct namespace_row *n);

#define TOKEN_COLUMNS                                                                              \
    "id, role, secret_hash, name, group_key, ns, created_ms, expires_ms, revoked_ms,"              \
    " last_used_ms, uses_left, created_by, revoked_by"
void row_token(struct stmt *q, struct token_row *t);

#define PAGE_SESSION_COLUMNS "id, hash, token, created_ms, ends_ms"
void row_page_session(struct stmt *q, struct page_session_row *p);

#define FLOW_COLUMNS                                                                               \
    "f.ns, f.id, f.revision, f.created_ms, f.updated_ms, f.deleted_ms, f.updated_by"
#define FLOW_COLUMN_COUNT 7
/* Column FLOW_COLUMN_COUNT is the source or NULL. */
void row_flow(struct stmt *q, struct flow_row *f);

#define EXECUTION_COLUMNS                                                                          \
    "id, state, reason, position, job, warned, created_ms, started_ms, ended_ms, ns, flow,"        \
    " revision, submitter, trigger_name, message, created_by, cancelled_by, asleep_ms, wake_ms,"   \
    " depth, backfill"
#define EXECUTION_COLUMN_COUNT 21
/* The same for people: when the first of its task runs that sleeps will wake. */
#define EXECUTION_SHOWN                                                                            \
    "id, state, reason, position, job, warned, created_ms, started_ms, ended_ms, ns, flow,"        \
    " revision, submitter, trigger_name, message, created_by, cancelled_by, asleep_ms,"            \
    " CASE WHEN open = 1 THEN coalesce((SELECT min(t.due_ms) FROM task_runs t INDEXED BY run_due"  \
    " WHERE t.execution = executions.id AND t.due_ms > 0), wake_ms) ELSE 0 END,"                   \
    " depth, backfill"
#define EXECUTION_TEXTS ", labels, inputs, trigger_vars, outputs, trace"
/* texts: those columns are there, too. All but unique_key. */
void row_execution(struct stmt *q, bool texts, struct execution_row *x);

#define RUN_COLUMNS                                                                                \
    "t.execution, t.run, t.parent, t.state, t.iteration, t.chosen, t.job, t.child, t.reason,"      \
    " t.created_ms, t.started_ms, t.ended_ms, t.due_ms, t.task, t.value, t.message"
#define RUN_COLUMN_COUNT 16
/* From column `from` on; outputs: they are there, too, behind the others. */
void row_run(struct stmt *q, int from, bool outputs, struct run_row *r);

#define TRIGGER_COLUMNS                                                                            \
    "id, ns, flow, name, file_disabled, disabled, concurrent, interval_ms, next_ms, job, result,"  \
    " ended_ms, execution, evaluations, fired, errors, skipped, why, message,"                     \
    " disabled_by, kind, planned_ms, missed, backlog, cron, zone, key_hash, holds"
void row_trigger(struct stmt *q, struct trigger_row *t);

#define EVALUATION_COLUMNS                                                                         \
    "trigger_id, number, result, exit_code, job, execution, started_ms, ended_ms, message,"        \
    " planned_ms, moments"
void row_evaluation(struct stmt *q, struct evaluation_row *v);

#define NOTICE_COLUMNS                                                                             \
    "id, channel, event, subject, first_ms, state, last_ms, count, total, messages, due_ms,"       \
    " tries, delivered_ms, reason, facts"
void row_notice(struct stmt *q, struct notice_row *n);

/* What stands beside a chunk in output.db: of its bytes and of all that is said of them. */
int64_t chunk_sum(const struct chunk *c);

/* Has the text of an execution's labels (NULL: there are none) each of these? */
bool row_has_labels(const char *text, const struct json *wanted);

#endif
