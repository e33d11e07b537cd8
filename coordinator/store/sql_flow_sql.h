/* The statements on cadre.db about flows, and those of the housekeeping. Only sql_store.h
 * includes this file. */
#ifndef CADRE_COORDINATOR_STORE_SQL_FLOW_SQL_H
#define CADRE_COORDINATOR_STORE_SQL_FLOW_SQL_H

/* X(number, text) */
#define FLOW_STATEMENTS(X)                                                                         \
    /* flows, executions, triggers */                                                              \
    X(Q_FLOW_PUT, "INSERT INTO flows VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6) ON CONFLICT (ns,"       \
                  " id) DO UPDATE SET revision = excluded.revision,"                               \
                  " updated_ms = excluded.updated_ms, deleted_ms = 0, groups_known = 0,"           \
                  " updated_by = excluded.updated_by")                                             \
    X(Q_FLOW_GROUPS_DELETE, "DELETE FROM flow_groups WHERE ns = ?1 AND flow = ?2")                 \
    X(Q_FLOW_GROUP_ADD, "INSERT INTO flow_groups VALUES (?3, ?1, ?2) ON CONFLICT DO NOTHING")      \
    X(Q_FLOW_GROUPS_KNOWN, "UPDATE flows SET groups_known = 1 WHERE ns = ?1 AND id = ?2")          \
    X(Q_FLOW_NAMING,                                                                               \
      "SELECT ns, flow, 0, 0, 0, 0, NULL, NULL FROM flow_groups WHERE group_key = ?1"              \
      " LIMIT 1")                                                                                  \
    X(Q_FLOW_UNREAD, "SELECT " FLOW_COLUMNS ", (SELECT source FROM flow_revisions r"               \
                     " WHERE r.ns = f.ns AND r.flow = f.id AND r.revision = f.revision)"           \
                     " FROM flows f INDEXED BY flow_unread"                                        \
                     " WHERE groups_known = 0 AND deleted_ms = 0 LIMIT 1")                         \
    /* the present revision is one of the past from ?3 on, unless it is ?4 */                      \
    X(Q_REVISION_PASSES,                                                                           \
      "INSERT INTO old_revisions SELECT CAST(?3 AS BIGINT), ns, id, revision FROM flows"           \
      " WHERE ns = ?1 AND id = ?2 AND revision <> ?4 AND deleted_ms = 0"                           \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(Q_REVISION_INSERT, "INSERT INTO flow_revisions VALUES (?1, ?2, ?3, ?4, ?5, ?6)")             \
    X(Q_FLOW_DELETED,                                                                              \
      "UPDATE flows SET deleted_ms = ?3, updated_by = ?4 WHERE ns = ?1 AND id = ?2")               \
    X(Q_FLOWS, "SELECT " FLOW_COLUMNS ", NULL FROM flows f ORDER BY f.ns, f.id")                   \
    X(Q_FLOW_SOURCE,                                                                               \
      "SELECT source FROM flow_revisions WHERE ns = ?1 AND flow = ?2 AND revision = ?3")           \
    X(Q_EXECUTION_INSERT, "INSERT INTO executions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"     \
                          " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,"           \
                          " ?22, ?23, ?24, ?25, ?26, ?27)")                                        \
    X(Q_EXECUTION_KEY_INSERT, "INSERT INTO execution_keys VALUES (?1, ?2)")                        \
    X(Q_EXECUTION_KEY_FIND, "SELECT execution FROM execution_keys WHERE unique_key = ?1")          \
    X(Q_EXECUTION_GET,                                                                             \
      "SELECT " EXECUTION_COLUMNS EXECUTION_TEXTS " FROM executions WHERE id = ?1")                \
    X(Q_EXECUTION_LAST, "SELECT coalesce(max(id), 0) FROM executions")                             \
    X(Q_EXECUTION_UPDATE,                                                                          \
      "UPDATE executions SET state = ?2, open = ?3, reason = ?4, position = ?5, job = ?6,"         \
      " warned = ?7, started_ms = ?8, ended_ms = ?9, message = ?10, cancelled_by = ?11,"           \
      " asleep_ms = ?12, wake_ms = ?13, labels = coalesce(?14, labels),"                           \
      " outputs = coalesce(?15, outputs) WHERE id = ?1")                                           \
    X(Q_EXECUTION_LABELS, "SELECT labels FROM executions WHERE id = ?1")                           \
    X(Q_EXECUTION_JOB_IDS, "SELECT id FROM jobs WHERE execution = ?1")                             \
    X(Q_EXECUTIONS_OPEN, "SELECT " EXECUTION_COLUMNS                                               \
                         " FROM executions INDEXED BY execution_open WHERE open = 1 ORDER BY id")  \
    X(Q_RUNS, "SELECT " RUN_COLUMNS " FROM task_runs t WHERE t.execution = ?1 ORDER BY t.run")     \
    X(Q_RUN_OUTPUTS, "SELECT outputs FROM task_runs WHERE execution = ?1 AND run = ?2")            \
    X(Q_RUN_INSERT, "INSERT INTO task_runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"  \
                    " ?12, ?13, ?14, ?15, ?16, ?17)")                                              \
    X(Q_RUN_UPDATE, "UPDATE task_runs SET state = ?3, chosen = ?4, job = ?5, child = ?6,"          \
                    " reason = ?7, started_ms = ?8, ended_ms = ?9, message = ?10,"                 \
                    " outputs = coalesce(?11, outputs) WHERE execution = ?1 AND run = ?2")         \
    /* of one that sleeps, or did: the index is only touched by these */                           \
    X(Q_RUN_DUE, "UPDATE task_runs SET due_ms = ?3 WHERE execution = ?1 AND run = ?2")             \
    X(Q_RUNS_OPEN, "SELECT " RUN_COLUMNS " FROM executions x INDEXED BY execution_open"            \
                   " CROSS JOIN task_runs t ON t.execution = x.id WHERE x.open = 1"                \
                   " ORDER BY x.id, t.run")                                                        \
    X(Q_JOB_RUNS, "SELECT j.task, j.id, s.state, j.created_ms, s.first_started_ms, s.ended_ms,"    \
                  " s.reason FROM jobs j INDEXED BY job_execution CROSS JOIN job_states s"         \
                  " ON s.id = j.id WHERE j.execution = ?1 ORDER BY j.id")                          \
    X(Q_JOB_OUTPUTS, "SELECT outputs, exit_code FROM job_states WHERE id = ?1")                    \
    X(Q_TRIGGER_INSERT,                                                                            \
      "INSERT INTO triggers VALUES ((SELECT coalesce(max(id), 0) + 1 FROM triggers),"              \
      " ?1, ?25, ?26, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"     \
      " ?27, ?18, ?19, ?20, ?21, ?22, ?23, ?24) RETURNING id")                                     \
    X(Q_TRIGGER_UPDATE,                                                                            \
      "UPDATE triggers SET file_disabled = ?2, disabled = ?3, concurrent = ?4,"                    \
      " interval_ms = ?5, next_ms = ?6, job = ?7, result = ?8, ended_ms = ?9,"                     \
      " execution = ?10, evaluations = ?11, fired = ?12, errors = ?13,"                            \
      " skipped = ?14, why = ?15, message = ?16, disabled_by = ?17, planned_ms = ?18,"             \
      " missed = ?19, backlog = ?20, cron = ?21, zone = ?22, key_hash = ?23, holds = ?24"          \
      " WHERE id = ?1")                                                                            \
    X(Q_TRIGGER_JOB, "UPDATE triggers SET job = ?2 WHERE id = ?1")                                 \
    X(Q_TRIGGER_DELETE, "DELETE FROM triggers WHERE id = ?1")                                      \
    X(Q_MISSED_ADD, "INSERT INTO missed_moments VALUES (?1, ?2)")                                  \
    X(Q_MISSED_FIRST, "SELECT coalesce(min(planned_ms), -1) FROM missed_moments"                   \
                      " WHERE trigger_id = ?1")                                                    \
    X(Q_MISSED_REMOVE, "DELETE FROM missed_moments WHERE trigger_id = ?1 AND planned_ms = ?2")     \
    X(Q_MISSED_CLEAR, "DELETE FROM missed_moments WHERE trigger_id = ?1")                          \
    X(Q_MISSED_HAS, "SELECT 1 FROM missed_moments WHERE trigger_id = ?1 AND planned_ms = ?2")      \
    X(Q_FIRED_PUT, "INSERT INTO fired_moments VALUES (?1, ?2, ?3) ON CONFLICT (trigger_id,"        \
                   " first_ms) DO UPDATE SET last_ms = excluded.last_ms")                          \
    X(Q_FIRED_REMOVE, "DELETE FROM fired_moments WHERE trigger_id = ?1 AND first_ms = ?2")         \
    X(Q_FIRED_CLEAR, "DELETE FROM fired_moments WHERE trigger_id = ?1")                            \
    X(Q_FIRED_FIND, "SELECT first_ms, last_ms FROM fired_moments WHERE trigger_id = ?1"            \
                    " AND first_ms <= ?2 ORDER BY first_ms DESC LIMIT 1")                          \
    X(Q_FIRED_AFTER, "SELECT first_ms, last_ms FROM fired_moments WHERE trigger_id = ?1"           \
                     " AND first_ms > ?2 ORDER BY first_ms LIMIT 1")                               \
    X(Q_FIRED_COUNT, "SELECT count(*) FROM fired_moments WHERE trigger_id = ?1")                   \
    X(Q_BACKFILL_INSERT,                                                                           \
      "INSERT INTO backfills VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")               \
    X(Q_BACKFILL_UPDATE, "UPDATE backfills SET cursor_ms = ?2, started = ?3 WHERE id = ?1")        \
    X(Q_BACKFILL_DELETE, "DELETE FROM backfills WHERE id = ?1")                                    \
    X(Q_BACKFILLS, "SELECT * FROM backfills ORDER BY id")                                          \
    X(Q_NOTICE_INSERT, "INSERT INTO notices VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11," \
                       " ?12, ?13, ?14, ?15)")                                                     \
    X(Q_NOTICE_UPDATE,                                                                             \
      "UPDATE notices SET state = ?2, last_ms = ?3, count = ?4, total = ?5, messages = ?6,"        \
      " due_ms = ?7, tries = ?8, delivered_ms = ?9, reason = ?10, facts = ?11 WHERE id = ?1")      \
    X(Q_NOTICE_DELETE, "DELETE FROM notices WHERE id = ?1")                                        \
    X(Q_NOTICES, "SELECT " NOTICE_COLUMNS " FROM notices INDEXED BY notice_live WHERE state < 2"   \
                 " ORDER BY id")                                                                   \
    X(Q_NOTICES_TRIM,                                                                              \
      "DELETE FROM notices WHERE state = 2 AND id <= (SELECT id FROM notices INDEXED BY"           \
      " notice_done WHERE state = 2 ORDER BY id DESC LIMIT 1 OFFSET ?1)")                          \
    X(Q_TRIGGERS, "SELECT " TRIGGER_COLUMNS " FROM triggers ORDER BY id")                          \
    X(Q_EVALUATION_INSERT,                                                                         \
      "INSERT INTO evaluations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"              \
      " ON CONFLICT (trigger_id, number) DO UPDATE SET result = excluded.result,"                  \
      " exit_code = excluded.exit_code, job = excluded.job, execution = excluded.execution,"       \
      " started_ms = excluded.started_ms, ended_ms = excluded.ended_ms,"                           \
      " message = excluded.message, planned_ms = excluded.planned_ms,"                             \
      " moments = excluded.moments")                                                               \
    /* the oldest with number <= ?2; its job alone when that has ended */                          \
    X(Q_EVALUATION_OLD,                                                                            \
      "SELECT v.number, coalesce(s.id, 0) FROM evaluations v LEFT JOIN job_states s"               \
      " ON s.id = v.job AND s.ended_ms > 0 WHERE v.trigger_id = ?1 AND v.number <= ?2"             \
      " ORDER BY v.number LIMIT 1")                                                                \
    X(Q_EVALUATION_DELETE, "DELETE FROM evaluations WHERE trigger_id = ?1 AND number = ?2")

#define PURGE_STATEMENTS(X)                                                                        \
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
    X(Q_EXECUTION_RUNS_DELETE, "DELETE FROM task_runs WHERE execution = ?1")                       \
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
    X(Q_AGENT_NAMES, "SELECT count(*), count(*) FILTER (WHERE old.agent = ?1"                      \
                     " OR EXISTS (SELECT 1 FROM attempts t WHERE t.job = old.id"                   \
                     " AND t.agent = ?1)) FROM (SELECT id, agent FROM job_states"                  \
                     " WHERE id < ?2 ORDER BY id LIMIT ?3) old")                                   \
    X(Q_AGENT_DELETE, "DELETE FROM agents WHERE id = ?1")                                          \
    X(Q_FACTS_DELETE, "DELETE FROM agent_facts WHERE id = ?1")                                     \
    X(Q_OLD_FIRST, "SELECT o.since_ms, o.ns, o.flow, o.revision,"                                  \
                   " CASE WHEN EXISTS (SELECT 1 FROM executions x INDEXED BY"                      \
                   " execution_revision WHERE x.ns = o.ns AND x.flow = o.flow"                     \
                   " AND x.revision = o.revision) THEN 1 ELSE 0 END,"                              \
                   " CASE WHEN EXISTS (SELECT 1 FROM flows f WHERE f.ns = o.ns"                    \
                   " AND f.id = o.flow AND f.revision = o.revision"                                \
                   " AND f.deleted_ms = 0) THEN 1 ELSE 0 END FROM old_revisions o"                 \
                   " WHERE o.since_ms < ?1 ORDER BY o.since_ms, o.ns, o.flow, o.revision"          \
                   " LIMIT 1")                                                                     \
    X(Q_OLD_ADD, "INSERT INTO old_revisions VALUES (?4, ?1, ?2, ?3) ON CONFLICT DO NOTHING")       \
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

#endif
