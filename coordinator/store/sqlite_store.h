/* What the parts of the store share. Only files sqlite_*.c of this folder include it. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_STORE_H
#define CADRE_COORDINATOR_STORE_SQLITE_STORE_H

#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sqlite_rows.h"
#include "coordinator/store/sqlite_schema.h"
#include "coordinator/store/store.h"

/* Every statement on cadre.db: number, text. Prepared when the store opens. */
#define QUEUE_STATEMENTS(X)                                                                        \
    X(Q_BEGIN, "BEGIN IMMEDIATE")                                                                  \
    X(Q_COMMIT, "COMMIT")                                                                          \
    X(Q_ROLLBACK, "ROLLBACK")                                                                      \
    X(Q_COUNT, "INSERT INTO job_counts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"                        \
               " ON CONFLICT DO UPDATE SET created = created + excluded.created,"                  \
               " submitted = submitted + excluded.submitted,"                                      \
               " running = running + excluded.running, killing = killing + excluded.killing,"      \
               " retrying = retrying + excluded.retrying")                                         \
    X(Q_COUNT_TIDY, "DELETE FROM job_counts WHERE created = 0 AND submitted = 0 AND running = 0"   \
                    " AND killing = 0 AND retrying = 0")                                           \
    /* jobs */                                                                                     \
    X(Q_JOB_INSERT, "INSERT INTO jobs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"  \
                    " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)")                          \
    X(Q_STATE_INSERT, "INSERT INTO job_states VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"    \
                      " ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, NULL, ?21)")             \
    X(Q_KEY_INSERT, "INSERT INTO job_keys VALUES (?1, ?2)")                                        \
    X(Q_KEY_DELETE, "DELETE FROM job_keys WHERE job = ?1")                                         \
    X(Q_KEY_FIND, "SELECT job FROM job_keys WHERE unique_key = ?1")                                \
    X(Q_KEY_OF, "SELECT unique_key FROM job_keys WHERE job = ?1")                                  \
    X(Q_JOB_GET, "SELECT " JOB_COLUMNS " FROM " JOB_TABLES " WHERE s.id = ?1")                     \
    X(Q_JOB_LAST, "SELECT ifnull(max(id), 0) FROM jobs")                                           \
    X(Q_JOB_SPEC, "SELECT spec FROM jobs WHERE id = ?1")                                           \
    X(Q_JOB_CLASS, "SELECT state, group_key, requires_id FROM job_states WHERE id = ?1")           \
    X(Q_JOB_SUBMITTED, "UPDATE job_states SET state = 1, queued = 0, open = 2, agent = ?2,"        \
                       " attempt = ?3, submitted_ms = ?4, started_ms = 0, retry_at_ms = 0"         \
                       " WHERE id = ?1")                                                           \
    X(Q_JOB_RUNNING, "UPDATE job_states SET state = 2, started_ms = ?2, first_started_ms ="        \
                     " iif(first_started_ms = 0, ?2, first_started_ms) WHERE id = ?1")             \
    X(Q_JOB_KILLING, "UPDATE job_states SET state = 3, reason = ?2 WHERE id = ?1")                 \
    X(Q_JOB_REQUEUE, "UPDATE job_states SET state = 0, queued = 1, open = watched, agent = 0,"     \
                     " attempt = ?2, submitted_ms = 0, started_ms = 0, retry_at_ms = 0,"           \
                     " reason = 0, message = NULL WHERE id = ?1")                                  \
    X(Q_JOB_RETRYING, "UPDATE job_states SET state = 4, queued = 0, open = 3, agent = 0,"          \
                      " attempt = ?2, submitted_ms = 0, started_ms = 0, retry_at_ms = ?3,"         \
                      " reason = 0, message = NULL WHERE id = ?1")                                 \
    /* the common end, of a job that an agent had, leaves two indexes alone */                     \
    X(Q_JOB_SUCCESS, "UPDATE job_states SET state = ?2, open = 0, reason = ?3, message = ?4,"      \
                     " exit_code = ?5, truncated = ?6, outputs = ?7, ended_ms = ?8"                \
                     " WHERE id = ?1")                                                             \
    X(Q_JOB_FINISH, "UPDATE job_states SET state = ?2, open = 0, reason = ?3, message = ?4,"       \
                    " exit_code = ?5, truncated = ?6, outputs = ?7, ended_ms = ?8,"                \
                    " queued = 0, bad = ?2 <> 5, retry_at_ms = 0 WHERE id = ?1")                   \
    X(Q_JOB_GROUP, "UPDATE job_states SET group_key = ?2 WHERE id = ?1")                           \
    X(Q_ATTEMPT_INSERT, "INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")   \
    X(Q_ATTEMPT_SURPLUS, "SELECT attempt FROM attempts WHERE job = ?1 AND attempt > ?2"            \
                         " AND attempt <= ?3 ORDER BY attempt LIMIT 1")                            \
    X(Q_ATTEMPT_DELETE, "DELETE FROM attempts WHERE job = ?1 AND attempt = ?2")                    \
    X(Q_JOBS_OPEN, "SELECT " JOB_COLUMNS " FROM job_states s INDEXED BY job_open"                  \
                   " CROSS JOIN jobs j ON j.id = s.id WHERE s.open > 0")                           \
    /* the queue */                                                                                \
    X(Q_REQUIRES_FIND, "SELECT id FROM requires WHERE text = ?1")                                  \
    X(Q_REQUIRES_INSERT, "INSERT INTO requires (text, jobs) VALUES (?1, 0)")                       \
    X(Q_REQUIRES_TEXT, "SELECT text FROM requires WHERE id = ?1")                                  \
    X(Q_REQUIRES_COUNT, "UPDATE requires SET jobs = jobs + ?2 WHERE id = ?1")                      \
    /* never the last: its number would be given out again */                                      \
    X(Q_REQUIRES_UNUSED, "SELECT id FROM requires INDEXED BY requires_unused WHERE jobs = 0"       \
                         " AND id < (SELECT max(id) FROM requires) LIMIT 1")                       \
    X(Q_REQUIRES_DELETE, "DELETE FROM requires WHERE id = ?1")                                     \
    X(Q_HEADS, "SELECT id, priority, attempt FROM job_states INDEXED BY job_queue"                 \
               " WHERE queued = 1 AND group_key = ?1 AND requires_id = ?2"                         \
               " ORDER BY priority DESC, id LIMIT ?3")                                             \
    X(Q_QUEUES, "SELECT group_key, requires_id, created FROM job_counts WHERE created > 0")        \
    X(Q_QUEUES_OF, "SELECT requires_id FROM job_counts WHERE group_key = ?1 AND created > 0")      \
    X(Q_BEFORE_HIGHER, "SELECT count(*) FROM (SELECT 1 FROM job_states INDEXED BY job_queue"       \
                       " WHERE queued = 1 AND group_key = ?1 AND requires_id = ?2"                 \
                       " AND priority > ?3 LIMIT ?4)")                                             \
    X(Q_BEFORE_EQUAL, "SELECT count(*) FROM (SELECT 1 FROM job_states INDEXED BY job_queue"        \
                      " WHERE queued = 1 AND group_key = ?1 AND requires_id = ?2"                  \
                      " AND priority = ?3 AND id < ?4 LIMIT ?5)")                                  \
    X(Q_LIST, "SELECT id FROM job_states INDEXED BY job_queue"                                     \
              " WHERE queued = 1 AND group_key = ?1"                                               \
              " ORDER BY requires_id, priority DESC, id LIMIT ?2")                                 \
    /* agents */                                                                                   \
    X(Q_AGENT_INSERT, "INSERT INTO agents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")       \
    X(Q_AGENT_UPDATE, "UPDATE agents SET name = ?2, group_key = ?3, online = ?4, draining = ?5,"   \
                      " held = ?6, slots = ?7, last_seen_ms = ?9, removed_ms = ?10"                \
                      " WHERE id = ?1")                                                            \
    X(Q_FACTS_PUT, "INSERT OR REPLACE INTO agent_facts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"    \
                   " ?9, ?10, ?11)")                                                               \
    X(Q_AGENT_SEQ, "UPDATE agents SET last_seq = ?2 WHERE id = ?1")                                \
    X(Q_AGENT_GET, "SELECT " AGENT_COLUMNS " FROM " AGENT_TABLES " WHERE a.id = ?1")               \
    X(Q_AGENT_NAMED,                                                                               \
      "SELECT " AGENT_COLUMNS " FROM " AGENT_TABLES " WHERE a.removed_ms = 0 AND a.name = ?1")     \
    X(Q_AGENTS_ONLINE, "SELECT id, group_key FROM agents WHERE online = 1 AND removed_ms = 0")     \
    X(Q_AGENTS_OFFLINE, "UPDATE agents SET online = 0 WHERE online = 1")                           \
    X(Q_AGENT_SEEN, "UPDATE agents SET online = ?2, last_seen_ms = ?3 WHERE id = ?1")              \
    X(Q_AGENT_COUNT, "SELECT count(*) FROM agents WHERE removed_ms = 0")                           \
    /* groups, namespaces, tokens */                                                               \
    X(Q_GROUP_PUT, "INSERT OR REPLACE INTO groups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")            \
    X(Q_GROUP_DELETE, "DELETE FROM groups WHERE key = ?1")                                         \
    X(Q_GROUPS, "SELECT " GROUP_COLUMNS " FROM groups g ORDER BY g.key")                           \
    X(Q_NS_PUT, "INSERT OR REPLACE INTO namespaces VALUES (?1, ?2, ?3)")                           \
    X(Q_NS_DELETE, "DELETE FROM namespaces WHERE ns = ?1")                                         \
    X(Q_NAMESPACES, "SELECT " NS_COLUMNS " FROM namespaces ORDER BY ns")                           \
    X(Q_TOKEN_INSERT, "INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")  \
    X(Q_TOKEN_GET, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE id = ?1")                           \
    X(Q_TOKEN_USE, "UPDATE tokens SET last_used_ms = ?2,"                                          \
                   " uses_left = iif(uses_left > 0, uses_left - 1, uses_left) WHERE id = ?1")      \
    X(Q_TOKEN_REVOKE, "UPDATE tokens SET revoked_ms = ?2 WHERE id = ?1")                           \
    /* flows, executions, triggers */                                                              \
    X(Q_FLOW_PUT, "INSERT INTO flows VALUES (?1, ?2, ?3, ?4, ?5, 0, 0) ON CONFLICT DO UPDATE"      \
                  " SET revision = excluded.revision, updated_ms = excluded.updated_ms,"           \
                  " deleted_ms = 0, groups_known = 0")                                             \
    X(Q_FLOW_GROUPS_DELETE, "DELETE FROM flow_groups WHERE ns = ?1 AND flow = ?2")                 \
    X(Q_FLOW_GROUP_ADD, "INSERT OR IGNORE INTO flow_groups VALUES (?3, ?1, ?2)")                   \
    X(Q_FLOW_GROUPS_KNOWN, "UPDATE flows SET groups_known = 1 WHERE ns = ?1 AND id = ?2")          \
    X(Q_FLOW_NAMING, "SELECT ns, flow, 0, 0, 0, 0, NULL FROM flow_groups WHERE group_key = ?1"     \
                     " LIMIT 1")                                                                   \
    X(Q_FLOW_UNREAD, "SELECT " FLOW_COLUMNS ", (SELECT source FROM flow_revisions r"               \
                     " WHERE r.ns = f.ns AND r.flow = f.id AND r.revision = f.revision)"           \
                     " FROM flows f INDEXED BY flow_unread"                                        \
                     " WHERE groups_known = 0 AND deleted_ms = 0 LIMIT 1")                         \
    /* the present revision is one of the past from ?3 on, unless it is ?4 */                      \
    X(Q_REVISION_PASSES, "INSERT OR IGNORE INTO old_revisions SELECT ?3, ns, id, revision"         \
                         " FROM flows WHERE ns = ?1 AND id = ?2 AND revision <> ?4"                \
                         " AND deleted_ms = 0")                                                    \
    X(Q_REVISION_INSERT, "INSERT INTO flow_revisions VALUES (?1, ?2, ?3, ?4, ?5)")                 \
    X(Q_FLOW_DELETED, "UPDATE flows SET deleted_ms = ?3 WHERE ns = ?1 AND id = ?2")                \
    X(Q_FLOWS, "SELECT " FLOW_COLUMNS ", NULL FROM flows f ORDER BY f.ns, f.id")                   \
    X(Q_FLOW_SOURCE,                                                                               \
      "SELECT source FROM flow_revisions WHERE ns = ?1 AND flow = ?2 AND revision = ?3")           \
    X(Q_EXECUTION_INSERT, "INSERT INTO executions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"     \
                          " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)")                    \
    X(Q_EXECUTION_KEY_INSERT, "INSERT INTO execution_keys VALUES (?1, ?2)")                        \
    X(Q_EXECUTION_KEY_FIND, "SELECT execution FROM execution_keys WHERE unique_key = ?1")          \
    X(Q_EXECUTION_GET,                                                                             \
      "SELECT " EXECUTION_COLUMNS EXECUTION_TEXTS " FROM executions WHERE id = ?1")                \
    X(Q_EXECUTION_LAST, "SELECT ifnull(max(id), 0) FROM executions")                               \
    X(Q_EXECUTION_UPDATE, "UPDATE executions SET state = ?2, open = ?3, reason = ?4,"              \
                          " position = ?5, job = ?6, warned = ?7, started_ms = ?8, ended_ms = ?9," \
                          " message = ?10 WHERE id = ?1")                                          \
    X(Q_EXECUTIONS_OPEN, "SELECT " EXECUTION_COLUMNS                                               \
                         " FROM executions INDEXED BY execution_open WHERE open = 1 ORDER BY id")  \
    X(Q_TASK_OUTPUTS, "SELECT j.task, s.outputs FROM jobs j INDEXED BY job_execution"              \
                      " CROSS JOIN job_states s ON s.id = j.id WHERE j.execution = ?1"             \
                      " AND s.ended_ms > 0 ORDER BY j.id")                                         \
    X(Q_TRIGGER_INSERT,                                                                            \
      "INSERT INTO triggers VALUES (NULL, ?18, ?19, ?20, ?2, ?3, ?4, ?5, ?6, ?7,"                  \
      " ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)")                                               \
    X(Q_TRIGGER_UPDATE, "UPDATE triggers SET file_disabled = ?2, disabled = ?3, concurrent = ?4,"  \
                        " interval_ms = ?5, next_ms = ?6, job = ?7, result = ?8, ended_ms = ?9,"   \
                        " execution = ?10, evaluations = ?11, fired = ?12, errors = ?13,"          \
                        " skipped = ?14, why = ?15, message = ?16 WHERE id = ?1")                  \
    X(Q_TRIGGER_JOB, "UPDATE triggers SET job = ?2 WHERE id = ?1")                                 \
    X(Q_TRIGGER_DELETE, "DELETE FROM triggers WHERE id = ?1")                                      \
    X(Q_TRIGGERS, "SELECT " TRIGGER_COLUMNS " FROM triggers ORDER BY id")                          \
    X(Q_EVALUATION_INSERT, "INSERT INTO evaluations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")  \
    /* the oldest with number <= ?2; its job alone when that has ended */                          \
    X(Q_EVALUATION_OLD, "SELECT v.number, ifnull(s.id, 0) FROM evaluations v"                      \
                        " LEFT JOIN job_states s ON s.id = v.job AND s.ended_ms > 0"               \
                        " WHERE v.trigger_id = ?1 AND v.number <= ?2 ORDER BY v.number LIMIT 1")   \
    X(Q_EVALUATION_DELETE, "DELETE FROM evaluations WHERE trigger_id = ?1 AND number = ?2")        \
    /* housekeeping */                                                                             \
    X(Q_KEYS_FORGET, "DELETE FROM job_keys WHERE job IN"                                           \
                     " (SELECT job FROM job_keys WHERE job < ?1 ORDER BY job LIMIT ?2)")           \
    /* task runs go with their executions: those that follow may ask for their outputs */          \
    X(Q_ENDED, "SELECT s.id, s.ended_ms FROM job_states s INDEXED BY job_ended"                    \
               " WHERE s.ended_ms > 0 AND s.ended_ms >= ?2 AND s.ended_ms < ?1"                    \
               " AND (SELECT execution FROM jobs j WHERE j.id = s.id) IS NULL"                     \
               " ORDER BY s.ended_ms LIMIT 1")                                                     \
    X(Q_EXECUTION_ENDED, "SELECT id FROM executions INDEXED BY execution_ended"                    \
                         " WHERE ended_ms > 0 AND ended_ms < ?1 ORDER BY ended_ms LIMIT 1")        \
    X(Q_EXECUTION_JOB, "SELECT id FROM jobs WHERE execution = ?1 LIMIT 1")                         \
    X(Q_EXECUTION_DELETE, "DELETE FROM executions WHERE id = ?1")                                  \
    X(Q_EXECUTION_KEY_DELETE, "DELETE FROM execution_keys WHERE execution = ?1")                   \
    X(Q_EXECUTION_KEYS_FORGET,                                                                     \
      "DELETE FROM execution_keys WHERE execution IN"                                              \
      " (SELECT execution FROM execution_keys WHERE execution < ?1 ORDER BY execution LIMIT ?2)")  \
    /* ended for good before ?1 */                                                                 \
    X(Q_TOKENS_REVOKED, "SELECT id FROM tokens INDEXED BY token_revoked WHERE revoked_ms > 0"      \
                        " AND revoked_ms < ?1 LIMIT 1")                                            \
    X(Q_TOKENS_EXPIRED, "SELECT id FROM tokens INDEXED BY token_expires WHERE expires_ms > 0"      \
                        " AND expires_ms < ?1 LIMIT 1")                                            \
    X(Q_TOKENS_USED_UP, "SELECT id FROM tokens INDEXED BY token_used_up WHERE uses_left = 0"       \
                        " AND last_used_ms < ?1 LIMIT 1")                                          \
    X(Q_TOKEN_DELETE, "DELETE FROM tokens WHERE id = ?1")                                          \
    X(Q_AGENT_REMOVED, "SELECT id, removed_ms FROM agents INDEXED BY agent_removed"                \
                       " WHERE removed_ms > 0 AND removed_ms < ?1 AND (removed_ms, id) > (?2, ?3)" \
                       " ORDER BY removed_ms, id LIMIT 1")                                         \
    /* of the jobs older than ?2, at most ?3: how many, and how many name the agent */             \
    X(Q_AGENT_NAMES, "SELECT count(*), total(old.agent = ?1 OR EXISTS (SELECT 1 FROM attempts t"   \
                     " WHERE t.job = old.id AND t.agent = ?1)) FROM (SELECT id, agent"             \
                     " FROM job_states WHERE id < ?2 ORDER BY id LIMIT ?3) old")                   \
    X(Q_AGENT_DELETE, "DELETE FROM agents WHERE id = ?1")                                          \
    X(Q_FACTS_DELETE, "DELETE FROM agent_facts WHERE id = ?1")                                     \
    X(Q_OLD_FIRST,                                                                                 \
      "SELECT o.since_ms, o.ns, o.flow, o.revision, EXISTS (SELECT 1 FROM executions x"            \
      " INDEXED BY execution_revision WHERE x.ns = o.ns AND x.flow = o.flow"                       \
      " AND x.revision = o.revision), EXISTS (SELECT 1 FROM flows f WHERE f.ns = o.ns"             \
      " AND f.id = o.flow AND f.revision = o.revision AND f.deleted_ms = 0)"                       \
      " FROM old_revisions o WHERE o.since_ms < ?1"                                                \
      " ORDER BY o.since_ms, o.ns, o.flow, o.revision LIMIT 1")                                    \
    X(Q_OLD_ADD, "INSERT OR IGNORE INTO old_revisions VALUES (?4, ?1, ?2, ?3)")                    \
    X(Q_OLD_DELETE, "DELETE FROM old_revisions WHERE since_ms = ?4 AND ns = ?1 AND flow = ?2"      \
                    " AND revision = ?3")                                                          \
    X(Q_REVISION_DELETE,                                                                           \
      "DELETE FROM flow_revisions WHERE ns = ?1 AND flow = ?2 AND revision = ?3")                  \
    X(Q_FLOW_DELETE, "DELETE FROM flows WHERE ns = ?1 AND id = ?2 AND deleted_ms > 0"              \
                     " AND NOT EXISTS (SELECT 1 FROM flow_revisions r WHERE r.ns = ?1"             \
                     " AND r.flow = ?2)")                                                          \
    X(Q_JOB_DELETE, "DELETE FROM jobs WHERE id = ?1")                                              \
    X(Q_STATE_DELETE, "DELETE FROM job_states WHERE id = ?1")                                      \
    X(Q_ATTEMPTS_DELETE, "DELETE FROM attempts WHERE job = ?1")

/* The same on output.db. */
#define OUTPUT_STATEMENTS(X)                                                                       \
    X(O_BEGIN, "BEGIN IMMEDIATE")                                                                  \
    X(O_COMMIT, "COMMIT")                                                                          \
    X(O_ROLLBACK, "ROLLBACK")                                                                      \
    X(O_STREAM_NEXT, "SELECT next_offset FROM streams"                                             \
                     " WHERE job = ?1 AND attempt = ?2 AND stream = ?3")                           \
    X(O_STREAM_ADD, "INSERT INTO streams VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT"          \
                    " DO UPDATE SET next_offset = excluded.next_offset,"                           \
                    " bytes = bytes + excluded.bytes,"                                             \
                    " last_cursor = max(last_cursor, excluded.last_cursor)")                       \
    X(O_CHUNK_INSERT, "INSERT INTO chunks (job, attempt, stream, offset, data)"                    \
                      " VALUES (?1, ?2, ?3, ?4, ?5)")                                              \
    X(O_BYTES, "SELECT total(bytes) FROM streams WHERE job = ?1 AND attempt = ?2")                 \
    X(O_CHUNKS_DELETE, "DELETE FROM chunks WHERE cursor IN (SELECT cursor FROM chunks"             \
                       " INDEXED BY chunk_job WHERE job = ?1 ORDER BY cursor LIMIT ?2)")           \
    X(O_STREAMS_HAS, "SELECT 1 FROM streams WHERE job = ?1 LIMIT 1")                               \
    X(O_STREAMS_DELETE, "DELETE FROM streams WHERE job = ?1")                                      \
    /* attempts that are not kept */                                                               \
    X(O_ATTEMPT_RANGE, "SELECT min(first_cursor), max(last_cursor) FROM streams"                   \
                       " WHERE job = ?1 AND attempt = ?2")                                         \
    X(O_ATTEMPT_CHUNKS_DELETE,                                                                     \
      "DELETE FROM chunks WHERE cursor IN (SELECT cursor FROM chunks INDEXED BY chunk_job"         \
      " WHERE job = ?1 AND cursor BETWEEN ?3 AND ?4 AND attempt = ?2 ORDER BY cursor LIMIT ?5)")   \
    X(O_ATTEMPT_STREAMS_DELETE, "DELETE FROM streams WHERE job = ?1 AND attempt = ?2")             \
    X(O_DROPPED_ADD, "INSERT OR IGNORE INTO dropped VALUES (?1, ?2)")                              \
    X(O_DROPPED_FIRST, "SELECT job, attempt FROM dropped ORDER BY job, attempt LIMIT 1")           \
    X(O_DROPPED_DELETE, "DELETE FROM dropped WHERE job = ?1 AND attempt = ?2")                     \
    X(O_DROPPED_OF_JOB, "DELETE FROM dropped WHERE job = ?1")                                      \
    X(O_FREE_PAGES, "PRAGMA freelist_count")                                                       \
    X(O_PAGES, "PRAGMA page_count")                                                                \
    X(O_SHRINK, "PRAGMA incremental_vacuum(256)")

#define X(number, sql) number,
enum queue_statement { QUEUE_STATEMENTS(X) QUEUE_STATEMENT_COUNT };
enum output_statement { OUTPUT_STATEMENTS(X) OUTPUT_STATEMENT_COUNT };
#undef X

/* How the open jobs of one class changed since store_begin. */
struct tally {
    char *group; /* "": default group */
    int64_t requires_id;
    int64_t change[JOB_RETRYING + 1]; /* by state */
    int64_t jobs;                     /* in any state */
};

/* The removed agent that was looked at last. */
struct agent_place {
    int64_t removed_ms, id;
};

struct store {
    struct db queue, output;
    bool begun;
    struct tally *tallies;
    size_t tally_count, tally_cap, tally_last;
    struct agent_place agent_place;
};

/* Every function that writes calls one of these first: the transaction begins with the first
 * change. ERR_INTERNAL outside store_begin. */
int store_write_queue(struct store *s, struct err *e);
int store_write_output(struct store *s, struct err *e);

/* All of a final job, its output included. */
int purge_whole_job(struct store *s, int64_t job, struct err *e);

/* Output of attempts that are not kept; *budget chunks and attempts at most. */
int purge_dropped(struct store *s, size_t *budget, struct err *e);

/* Requires that no job has; *budget of them at most. */
int purge_requires(struct store *s, size_t *budget, const struct store_gone *gone, struct err *e);

/* A job of a class leaves state `from` and enters `to`; JOB_STATES: comes from, goes to nowhere. */
void tally_move(struct store *s, const char *group, int64_t requires_id, int from, int to);
/* One job more (1) or less (-1) is kept. */
void tally_keep(struct store *s, const char *group, int64_t requires_id, int change);
/* Writes what gathered into job_counts and requires, and forgets it. */
int tally_flush(struct store *s, struct err *e);
void tally_clear(struct store *s);

/* How a group is kept: "" is the default one. */
static inline const char *group_text(const char *group)
{
    return group ? group : "";
}

static inline sqlite3_stmt *store_queue(struct store *s, enum queue_statement which)
{
    return s->queue.statements[which];
}

static inline sqlite3_stmt *store_output(struct store *s, enum output_statement which)
{
    return s->output.statements[which];
}

#endif
