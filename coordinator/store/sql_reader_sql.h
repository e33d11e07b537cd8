/* The statements of the reader, for sql_reader.h alone. */
#ifndef CADRE_COORDINATOR_STORE_SQL_READER_SQL_H
#define CADRE_COORDINATOR_STORE_SQL_READER_SQL_H

#include "coordinator/store/sql_block.h"
#include "coordinator/store/sql_group_sql.h"
#include "coordinator/store/sql_rows.h"

/* cancelled_by stands behind outputs: it is not read of a job that ended as SUCCESS. */
#define VIEW_COLUMNS                                                                               \
    JOB_COLUMNS ", s.outputs, r.text, a.name, j.created_by,"                                       \
                " CASE WHEN s.state <> 5 THEN s.cancelled_by END, j.retry_of"
#define VIEW_COLUMN_COUNT (JOB_COLUMN_COUNT + 6)
#define VIEW_TABLES                                                                                \
    JOB_TABLES " LEFT JOIN requires r ON r.id = s.requires_id LEFT JOIN agents a ON a.id = "       \
               "s.agent"
#define SCAN_COLUMNS                                                                               \
    "SELECT id, state, group_key, agent, exit_code, reason, ended_ms FROM job_states "
#define SCAN_JOINED                                                                                \
    "SELECT s.id, s.state, s.group_key, s.agent, s.exit_code, s.reason, s.ended_ms"                \
    " FROM jobs j INDEXED BY "
#define BUSY                                                                                       \
    "(SELECT count(*) FROM job_states s INDEXED BY job_open WHERE s.open > 0"                      \
    " AND s.open = 2 AND s.agent = a.id)"                                                          \
    " + (SELECT count(*) FROM remnants m WHERE m.agent = a.id)"

#define ONLINE_SLOTS SUM("CASE WHEN online <> 0 THEN slots ELSE 0 END")
#define FREE_SLOTS SUM("CASE WHEN free_slots > 0 THEN free_slots ELSE 0 END")

#define ATTEMPT_PAGE                                                                               \
    "SELECT " ATTEMPT_COLUMNS ", a.name FROM attempts t LEFT JOIN agents a ON a.id = t.agent"      \
    " WHERE t.job = ?1 AND t.attempt < ?2 ORDER BY t.attempt DESC LIMIT ?3"

#define QUEUE_READS(X)                                                                             \
    X(R_JOB, "SELECT " VIEW_COLUMNS ", j.spec FROM " VIEW_TABLES " WHERE s.id = ?1")               \
    X(R_JOB_BRIEF, "SELECT " VIEW_COLUMNS " FROM " VIEW_TABLES " WHERE s.id = ?1")                 \
    X(R_WHOSE, "SELECT ns, kind, execution, name, flow, task FROM jobs WHERE id = ?1")             \
    /* ?1: before this id, ?2: from this id on */                                                  \
    X(R_SCAN, SCAN_COLUMNS "WHERE id < ?1 AND id >= ?2 ORDER BY id DESC")                          \
    X(R_SCAN_BAD, SCAN_COLUMNS "INDEXED BY job_bad WHERE bad = 1 AND id < ?1 AND id >= ?2"         \
                               " ORDER BY id DESC")                                                \
    X(R_SCAN_ASSIGNED, SCAN_COLUMNS "INDEXED BY job_open WHERE open > 0 AND open > 1"              \
                                    " AND id < ?1 AND id >= ?2 ORDER BY id DESC")                  \
    X(R_SCAN_OPEN, SCAN_COLUMNS                                                                    \
      "INDEXED BY job_queue WHERE queued = 1 AND id < ?1 AND id >= ?2 UNION ALL " SCAN_COLUMNS     \
      "INDEXED BY job_open WHERE open > 0 AND open > 1 AND id < ?1 AND id >= ?2"                   \
      " ORDER BY id DESC")                                                                         \
    X(R_SCAN_EVALUATIONS, SCAN_JOINED "job_evaluation CROSS JOIN job_states s ON s.id = j.id"      \
                                      " WHERE j.kind = 1 AND j.id < ?1 AND j.id >= ?2"             \
                                      " ORDER BY j.id DESC")                                       \
    X(R_SCAN_NAMED, SCAN_JOINED "job_named CROSS JOIN job_states s ON s.id = j.id"                 \
                                " WHERE j.name = ?3 AND j.id < ?1 AND j.id >= ?2"                  \
                                " ORDER BY j.id DESC")                                             \
    X(R_BLOCKS, "SELECT " BLOCK_COLUMNS " FROM job_blocks WHERE start < ?1 ORDER BY start DESC")   \
    X(R_FAILURES, "SELECT s.id, s.state, s.reason, s.exit_code, s.ended_ms, j.kind, j.execution,"  \
                  " j.ns, j.flow, j.task, j.name, s.message, s.group_key"                          \
                  " FROM job_states s INDEXED BY job_bad CROSS JOIN jobs j ON j.id = s.id"         \
                  " WHERE s.bad = 1 ORDER BY s.id DESC")                                           \
    X(R_STARTED, "SELECT first_started_ms FROM job_states WHERE id = ?1")                          \
    X(R_COUNTS, "SELECT " SUM("created") ", " SUM("submitted") ", " SUM("running") ", " SUM(       \
                    "killing") ", " SUM("retrying") " FROM job_counts")                            \
    X(R_COUNTS_EVALUATIONS,                                                                        \
      "SELECT count(*) FILTER (WHERE s.state = 0), count(*) FILTER (WHERE s.state = 1),"           \
      " count(*) FILTER (WHERE s.state = 2), count(*) FILTER (WHERE s.state = 3),"                 \
      " count(*) FILTER (WHERE s.state = 4) FROM triggers t JOIN job_states s"                     \
      " ON s.id = t.job WHERE t.job > 0")                                                          \
    X(R_ATTEMPTS, ATTEMPT_PAGE)                                                                    \
    X(R_ATTEMPTS_UP, "SELECT * FROM (" ATTEMPT_PAGE ") p ORDER BY attempt")                        \
    X(R_ATTEMPT_OLDER, "SELECT CASE WHEN EXISTS (SELECT 1 FROM attempts WHERE job = ?1"            \
                       " AND attempt < ?2) THEN 1 ELSE 0 END")                                     \
    /* of an agent that is not asked for the last column is NULL */                                \
    X(R_AGENTS,                                                                                    \
      "SELECT " AGENT_COLUMNS ", CASE WHEN (CAST(?2 AS TEXT) IS NULL OR a.group_key = ?2"          \
      " OR EXISTS (SELECT 1 FROM json_each(a.group_list) x WHERE x.value = ?3))"                   \
      " AND (CAST(?4 AS BIGINT) = 0 OR (?4 >> " AGENT_STATE ") & 1 <> 0) THEN " BUSY               \
      " END FROM agents a INDEXED BY agent_name CROSS JOIN agent_facts f"                          \
      " ON f.id = a.id WHERE a.removed_ms = 0 AND a.name > ?1 ORDER BY a.name")                    \
    X(R_AGENT, "SELECT " AGENT_COLUMNS ", " BUSY " FROM " AGENT_TABLES                             \
               " WHERE a.id = ?1 AND a.removed_ms = 0")                                            \
    X(R_AGENT_NAMED, "SELECT " AGENT_COLUMNS ", " BUSY " FROM " AGENT_TABLES                       \
                     " WHERE a.name = ?1 AND a.removed_ms = 0")                                    \
    X(R_AGENT_REMOVED, "SELECT " AGENT_COLUMNS ", " BUSY " FROM " AGENT_TABLES                     \
                       " WHERE a.id = ?1 AND a.removed_ms > 0")                                    \
    X(R_AGENT_EVENTS,                                                                              \
      "SELECT agent, number, kind, first_ms, last_ms, times, done_by, text FROM agent_events"      \
      " WHERE agent = ?1 AND number < ?2 ORDER BY number DESC")                                    \
    X(R_REMNANTS, "SELECT " REMNANT_COLUMNS " FROM remnants WHERE agent = ?1"                      \
                  " ORDER BY since_ms, job")                                                       \
    X(R_REFUSAL, "SELECT " REFUSAL_COLUMNS " FROM " REFUSAL_TABLES " WHERE r.agent = ?1")          \
    X(R_AGENT_SUMS, "SELECT count(*), count(*) FILTER (WHERE online <> 0), count(*)"               \
                    " FILTER (WHERE " WELL " AND " BARRED "), " ONLINE_SLOTS                       \
                    ", count(*) FILTER (WHERE " UNWELL ") FROM agents WHERE removed_ms = 0")       \
    X(R_FREE_SLOTS, "WITH f AS MATERIALIZED (SELECT a.slots - (" BUSY                              \
                    ") AS free_slots FROM agents a WHERE a.removed_ms = 0 AND " WELL               \
                    " AND NOT " BARRED ") SELECT " FREE_SLOTS " FROM f")                           \
    X(R_CLASSES, "SELECT group_key, requires_id, created, submitted, running, killing, retrying"   \
                 " FROM job_counts ORDER BY group_key, requires_id")                               \
    X(R_QUEUE_FIRST, QUEUE_FIRST)                                                                  \
    X(R_CREATED_AT, "SELECT created_ms FROM jobs WHERE id = ?1")                                   \
    X(R_GROUP_KEYS, "SELECT key, paused FROM groups ORDER BY key")                                 \
    X(R_GROUP_AGENTS,                                                                              \
      "WITH f AS MATERIALIZED (SELECT a.*, CASE WHEN " WELL " AND NOT " BARRED                     \
      " THEN slots - (" BUSY ") ELSE 0 END AS free_slots FROM " MEMBERS                            \
      " a) SELECT group_key, count(*), count(*) FILTER (WHERE online <> 0),"                       \
      " count(*) FILTER (WHERE " WELL " AND " BARRED "), count(*) FILTER (WHERE " UNWELL           \
      "), " ONLINE_SLOTS ", " FREE_SLOTS " FROM f GROUP BY group_key ORDER BY group_key")          \
    X(R_GROUPS, GROUPS_BY_KEY)                                                                     \
    X(R_GROUPS_BUSY, GROUPS_BUSY)                                                                  \
    X(R_GROUP, GROUP_ALONE)                                                                        \
    X(R_GROUP_THERE, "SELECT 1 FROM groups WHERE key = ?1")                                        \
    X(R_FLOW_THERE, "SELECT 1 FROM flows WHERE ns = ?1 AND id = ?2")                               \
    X(R_GROUP_NAMES, "SELECT NULL, key FROM groups")                                               \
    X(R_AGENT_NAMES, "SELECT NULL, name FROM agents WHERE removed_ms = 0")                         \
    X(R_AGENT_ID, "SELECT id FROM agents WHERE id = ?1")                                           \
    X(R_AGENT_ID_NAMED, "SELECT id FROM agents WHERE name = ?1 AND removed_ms = 0")                \
    X(R_AGENT_ID_REMOVED, "SELECT id FROM agents WHERE name = ?1 AND removed_ms > 0"               \
                          " ORDER BY removed_ms DESC LIMIT 1")                                     \
    X(R_FLOW_NAMES, "SELECT ns, id FROM flows")                                                    \
    X(R_TRIGGER_NAMES, "SELECT ns, name FROM triggers WHERE ns = ?1 AND flow = ?2")                \
    X(R_TRIGGER_USED, "SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT trigger_name"                \
                      " FROM executions INDEXED BY execution_flow WHERE ns = ?1"                   \
                      " AND flow = ?2 ORDER BY id DESC LIMIT 5000) x"                              \
                      " WHERE trigger_name = ?3) THEN 1 ELSE 0 END")                               \
    X(R_NAMESPACES,                                                                                \
      "SELECT " NS_COLUMNS " FROM namespaces WHERE ns > ?1 AND (CAST(?2 AS TEXT) IS NULL"          \
      " OR ns = ?2 OR (ns > ?2 || '.' AND ns < ?2 || '/')) ORDER BY ns")                           \
    X(R_NOTICES_DUE, "SELECT count(*) FROM notices INDEXED BY notice_live WHERE state < 2"         \
                     " AND due_ms > 0")                                                            \
    X(R_NOTICES, "SELECT " NOTICE_COLUMNS " FROM notices WHERE id < ?1 ORDER BY id DESC")          \
    /* one that is alone has no list: PG_QUEUE_READS has what there is with several */             \
    X(R_COORDINATORS, "SELECT 0, NULL, NULL, NULL, 0, 0, 0, 0 WHERE ?1 IS NULL")                   \
    X(R_COORDINATOR_COUNTS, "SELECT 1, 0")                                                         \
    X(R_TOKENS, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE id > ?1 ORDER BY id")                  \
    X(R_TOKEN, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE id = ?1")                               \
    X(R_PAGE_SESSION, "SELECT " PAGE_SESSION_COLUMNS " FROM page_sessions WHERE id = ?1")          \
    X(R_PAGE_SESSION_OF, "SELECT " PAGE_SESSION_COLUMNS " FROM page_sessions WHERE hash = ?1")     \
    /* flows; ?1, ?2...: behind which row, the last but one: where the namespace's subtree ends */ \
    X(R_FLOWS, "SELECT " FLOW_COLUMNS ", NULL, (SELECT count(*) FROM triggers t"                   \
               " WHERE t.ns = f.ns AND t.flow = f.id) FROM flows f WHERE (f.ns, f.id) > (?1, ?2)"  \
               " AND f.ns < ?3 AND f.deleted_ms = 0 ORDER BY f.ns, f.id")                          \
    X(R_FLOW, "SELECT f.ns, f.id, r.revision, f.created_ms, r.created_ms, f.deleted_ms,"           \
              " r.created_by, r.source FROM flows f JOIN flow_revisions r ON r.ns = f.ns"          \
              " AND r.flow = f.id WHERE f.ns = ?1 AND f.id = ?2 AND r.revision ="                  \
              " CASE WHEN CAST(?3 AS BIGINT) > 0 THEN ?3 ELSE f.revision END AND (?3 > 0"          \
              " OR f.deleted_ms = 0)")                                                             \
    X(R_REVISIONS, "SELECT ns, flow, revision, created_ms, created_ms, 0, created_by, NULL"        \
                   " FROM flow_revisions WHERE ns = ?1 AND flow = ?2 AND revision < ?3"            \
                   " ORDER BY revision DESC")                                                      \
    X(R_EXECUTION, "SELECT " EXECUTION_SHOWN EXECUTION_TEXTS " FROM executions WHERE id = ?1")     \
    /* its youngest task run with a job that is open */                                            \
    X(R_OPEN_RUN, "SELECT job FROM task_runs WHERE execution = ?1 AND ended_ms = 0 AND job > 0"    \
                  " ORDER BY run DESC LIMIT 1")                                                    \
    X(R_EXECUTION_LABELS, "SELECT labels FROM executions WHERE id = ?1")                           \
    X(R_EXECUTIONS, "SELECT " EXECUTION_SHOWN EXECUTION_TEXTS                                      \
                    " FROM executions WHERE id < ?1 AND id >= ?2 ORDER BY id DESC")                \
    X(R_EXECUTIONS_OPEN, "SELECT " EXECUTION_SHOWN EXECUTION_TEXTS                                 \
                         " FROM executions INDEXED BY execution_open WHERE open = 1 AND id < ?1"   \
                         " AND id >= ?2 ORDER BY id DESC")                                         \
    X(R_EXECUTIONS_OF, "SELECT " EXECUTION_SHOWN EXECUTION_TEXTS                                   \
                       " FROM executions INDEXED BY execution_flow WHERE ns = ?3 AND flow = ?4"    \
                       " AND id < ?1 AND id >= ?2 ORDER BY id DESC")                               \
    X(R_TASK_RUNS, "SELECT " VIEW_COLUMNS " FROM jobs j INDEXED BY job_execution"                  \
                   " CROSS JOIN job_states s ON s.id = j.id"                                       \
                   " LEFT JOIN requires r ON r.id = s.requires_id"                                 \
                   " LEFT JOIN agents a ON a.id = s.agent"                                         \
                   " WHERE j.execution = ?1 AND j.id > ?2 ORDER BY j.id")                          \
    X(R_RUNS, "SELECT " VIEW_COLUMNS ", " RUN_COLUMNS ", t.outputs FROM task_runs t"               \
              " LEFT JOIN jobs j ON j.id = t.job LEFT JOIN job_states s ON s.id = t.job"           \
              " LEFT JOIN requires r ON r.id = s.requires_id"                                      \
              " LEFT JOIN agents a ON a.id = s.agent"                                              \
              " WHERE t.execution = ?1 AND t.run > ?2 ORDER BY t.run")                             \
    X(R_TRIGGERS, "SELECT " TRIGGER_COLUMNS " FROM triggers WHERE (ns, flow, name) > (?1, ?2, ?3)" \
                  " AND ns < ?4 ORDER BY ns, flow, name")                                          \
    X(R_UPCOMING, "SELECT " TRIGGER_COLUMNS " FROM triggers INDEXED BY trigger_next"               \
                  " WHERE kind = 1 AND disabled = 0 AND next_ms > 0 AND (next_ms, id) > (?1, ?2)"  \
                  " ORDER BY next_ms, id")                                                         \
    X(R_TRIGGER,                                                                                   \
      "SELECT " TRIGGER_COLUMNS " FROM triggers WHERE ns = ?1 AND flow = ?2 AND name = ?3")        \
    X(R_WEBHOOKS, "SELECT id, key_hash FROM triggers WHERE ns = ?1 AND flow = ?2 AND kind = 2"     \
                  " AND key_hash IS NOT NULL")                                                     \
    X(R_EVALUATIONS, "SELECT " EVALUATION_COLUMNS " FROM evaluations WHERE trigger_id = ?1"        \
                     " ORDER BY number DESC")

#define OUTPUT_READS(X)                                                                            \
    X(W_SCAN, "SELECT cursor, attempt, stream FROM chunks INDEXED BY chunk_job"                    \
              " WHERE job = ?1 AND cursor > ?2 ORDER BY cursor")                                   \
    X(W_SCAN_BACK, "SELECT cursor, attempt, stream FROM chunks INDEXED BY chunk_job"               \
                   " WHERE job = ?1 AND cursor < ?2 ORDER BY cursor DESC")                         \
    X(W_CHUNK, "SELECT \"offset\", data, at_ms, sum FROM chunks WHERE cursor = ?1")                \
    X(W_JOB_OF, "SELECT job FROM chunks WHERE cursor = ?1")                                        \
    X(W_LOST, "SELECT lost_ms, lost_cursor FROM parts WHERE lost_cursor > 0")

#endif
