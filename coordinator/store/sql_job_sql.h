/* The statements about jobs, the queue, agents and what operators set up: for sql_store.h alone. */
#ifndef CADRE_COORDINATOR_STORE_SQL_JOB_SQL_H
#define CADRE_COORDINATOR_STORE_SQL_JOB_SQL_H

/* Jobs of a queue that no agent tried. */
#define QUEUED_FROM                                                                                \
    "job_states s INDEXED BY job_queue CROSS JOIN jobs j ON j.id = s.id"                           \
    " WHERE s.queued = 1 AND s.group_key = ?1 AND s.requires_id = ?2"                              \
    " AND NOT EXISTS (SELECT 1 FROM tried WHERE tried.job = s.id)"

#define BLOCK_NO_END "9223372036854775807"

/* X(number, text) */
#define JOB_STATEMENTS(X)                                                                          \
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
                    " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)")                \
    X(Q_STATE_INSERT, "INSERT INTO job_states VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"    \
                      " ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?22, ?21, ?23)")         \
    X(Q_KEY_INSERT, "INSERT INTO job_keys VALUES (?1, ?2)")                                        \
    X(Q_KEY_DELETE, "DELETE FROM job_keys WHERE job = ?1")                                         \
    X(Q_KEY_FIND, "SELECT job FROM job_keys WHERE unique_key = ?1")                                \
    X(Q_KEY_OF, "SELECT unique_key FROM job_keys WHERE job = ?1")                                  \
    X(Q_JOB_GET, "SELECT " JOB_COLUMNS " FROM " JOB_TABLES " WHERE s.id = ?1")                     \
    X(Q_JOB_WHOLE, "SELECT " JOB_COLUMNS ", j.spec FROM " JOB_TABLES " WHERE s.id = ?1")           \
    X(Q_JOB_LAST, "SELECT ifnull(max(id), 0) FROM jobs")                                           \
    X(Q_JOB_SPEC, "SELECT spec FROM jobs WHERE id = ?1")                                           \
    X(Q_JOB_RETRY_OF, "SELECT retry_of FROM jobs WHERE id = ?1")                                   \
    X(Q_JOB_CLASS, "SELECT state, group_key, requires_id FROM job_states WHERE id = ?1")           \
    X(Q_JOB_SUBMITTED, "UPDATE job_states SET state = 1, queued = 0, open = 2, agent = ?2,"        \
                       " attempt = ?3, submitted_ms = ?4, started_ms = 0, retry_at_ms = 0"         \
                       " WHERE id = ?1")                                                           \
    X(Q_JOB_RUNNING, "UPDATE job_states SET state = 2, started_ms = ?2, first_started_ms ="        \
                     " iif(first_started_ms = 0, ?2, first_started_ms) WHERE id = ?1")             \
    /* the common end, of a job that an agent had, leaves two indexes alone */                     \
    X(Q_JOB_SUCCESS,                                                                               \
      "UPDATE job_states SET state = ?2, open = 0, reason = ?3, message = ?4,"                     \
      " exit_code = ?5, truncated = ?6, outputs = ?7, ended_ms = ?8, retry_at_ms = 0,"             \
      " started_ms = iif(?9 < 0, started_ms, ?9), first_started_ms ="                              \
      " iif(?9 > 0 AND first_started_ms = 0, ?9, first_started_ms)"                                \
      " WHERE id = ?1")                                                                            \
    /* ?2: enum job_part */                                                                        \
    X(Q_JOB_CHANGE, "UPDATE job_states SET state = ?3, queued = ?3 = 0,"                           \
                    " open = CASE WHEN ?3 = 0 THEN watched WHEN ?3 = 4 THEN 3 WHEN ?3 < 4 THEN 2"  \
                    " ELSE 0 END, bad = ?3 > 5, agent = iif(?2 & 2, ?4, agent),"                   \
                    " attempt = iif(?2 & 2, ?5, attempt),"                                         \
                    " submitted_ms = iif(?2 & 2, ?6, submitted_ms),"                               \
                    " retry_at_ms = CASE WHEN ?3 > 4 THEN 0 WHEN ?2 & 2 THEN ?7"                   \
                    " ELSE retry_at_ms END, started_ms = iif(?2 & 4, ?8, started_ms),"             \
                    " first_started_ms ="                                                          \
                    " iif(?2 & 8 AND first_started_ms = 0, ?9, first_started_ms),"                 \
                    " reason = iif(?2 & 16, ?10, reason), message = iif(?2 & 32, ?11, message),"   \
                    " exit_code = iif(?2 & 64, ?12, exit_code),"                                   \
                    " truncated = iif(?2 & 64, ?13, truncated),"                                   \
                    " outputs = iif(?2 & 64, ?14, outputs),"                                       \
                    " ended_ms = iif(?2 & 64, ?15, ended_ms),"                                     \
                    " cancelled_by = iif(?2 & 128, ?16, cancelled_by),"                            \
                    " group_key = iif(?2 & 256, ?17, group_key) WHERE id = ?1")                    \
    X(Q_ATTEMPT_INSERT, "INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")   \
    X(Q_ATTEMPT_SURPLUS, "SELECT attempt FROM attempts WHERE job = ?1 AND attempt > ?2"            \
                         " AND attempt <= ?3 ORDER BY attempt LIMIT 1")                            \
    X(Q_ATTEMPT_AGENTS, "SELECT agent FROM attempts WHERE job = ?1 AND attempt >= ?2"              \
                        " ORDER BY attempt LIMIT ?3")                                              \
    X(Q_ATTEMPT_DELETE, "DELETE FROM attempts WHERE job = ?1 AND attempt = ?2")                    \
    X(Q_JOBS_OPEN, "SELECT " JOB_COLUMNS " FROM job_states s INDEXED BY job_open"                  \
                   " CROSS JOIN jobs j ON j.id = s.id WHERE s.open > 0")                           \
    /* the index by group and agent; of an id, the block that covers it, and where that ends */    \
    X(Q_BLOCK_RANGE, "SELECT (SELECT max(start) FROM job_blocks WHERE start <= ?1), ifnull("       \
                     "(SELECT min(start) FROM job_blocks WHERE start > ?1), " BLOCK_NO_END ")")    \
    X(Q_BLOCK_GET, "SELECT " BLOCK_COLUMNS " FROM job_blocks WHERE start = ?1")                    \
    X(Q_BLOCK_PUT, BLOCK_PUT)                                                                      \
    X(Q_BLOCK_DROP, "DELETE FROM job_blocks WHERE start = ?1 AND NOT EXISTS"                       \
                    " (SELECT 1 FROM job_states WHERE id >= ?1 AND id < ?2)")                      \
    /* the queue */                                                                                \
    X(Q_REQUIRES_FIND, "SELECT id FROM requires WHERE text = ?1")                                  \
    X(Q_REQUIRES_INSERT, "INSERT INTO requires (id, text, jobs) SELECT coalesce(max(id), 0) + 1,"  \
                         " ?1, 0 FROM requires RETURNING id")                                      \
    X(Q_REQUIRES_TEXT, "SELECT text FROM requires WHERE id = ?1")                                  \
    X(Q_REQUIRES_COUNT, "UPDATE requires SET jobs = jobs + ?2 WHERE id = ?1")                      \
    /* never the last: its number would be given out again */                                      \
    X(Q_REQUIRES_UNUSED, "SELECT id FROM requires INDEXED BY requires_unused WHERE jobs = 0"       \
                         " AND id < (SELECT max(id) FROM requires) LIMIT 1")                       \
    X(Q_REQUIRES_DELETE, "DELETE FROM requires WHERE id = ?1")                                     \
    X(Q_HEADS, "SELECT id, priority, attempt FROM job_states INDEXED BY job_queue"                 \
               " WHERE queued = 1 AND group_key = ?1 AND requires_id = ?2"                         \
               " AND NOT EXISTS (SELECT 1 FROM tried WHERE tried.job = job_states.id)"             \
               " ORDER BY priority DESC, id LIMIT ?3")                                             \
    X(Q_QUEUE_FIRST, QUEUE_FIRST)                                                                  \
    X(Q_NEXT_EQUAL, "SELECT " QUEUED_COLUMNS ", j.spec FROM " QUEUED_FROM                          \
                    " AND s.priority = ?3 AND s.id > ?4 ORDER BY s.id LIMIT ?5")                   \
    X(Q_NEXT_LOWER, "SELECT " QUEUED_COLUMNS ", j.spec FROM " QUEUED_FROM                          \
                    " AND s.priority < ?3 ORDER BY s.priority DESC, s.id LIMIT ?4")                \
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
    /* jobs that an agent could not start */                                                       \
    X(Q_TRIED_INSERT, "INSERT INTO tried VALUES (?1, ?2, ?3, ?4)")                                 \
    X(Q_TRIED_DELETE, "DELETE FROM tried WHERE job = ?1")                                          \
    X(Q_TRIED, "SELECT t.job, t.place, t.agent, t.message, s.state, s.group_key, s.requires_id,"   \
               " s.priority, s.attempt FROM tried t JOIN job_states s ON s.id = t.job"             \
               " ORDER BY t.job, t.place")                                                         \
    /* agents */                                                                                   \
    X(Q_AGENT_INSERT,                                                                              \
      "INSERT INTO agents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")             \
    X(Q_AGENT_UPDATE, "UPDATE agents SET name = ?2, group_key = ?3, online = ?4, draining = ?5,"   \
                      " held = ?6, slots = ?7, last_seen_ms = ?9, removed_ms = ?10,"               \
                      " unwell_since_ms = ?11, group_list = ?12 WHERE id = ?1")                    \
    X(Q_FACTS_PUT, "INSERT OR REPLACE INTO agent_facts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"    \
                   " ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)")                                      \
    X(Q_AGENT_SEQ, "UPDATE agents SET last_seq = ?2 WHERE id = ?1")                                \
    X(Q_AGENT_GET, "SELECT " AGENT_COLUMNS " FROM " AGENT_TABLES " WHERE a.id = ?1")               \
    X(Q_AGENT_NAMED,                                                                               \
      "SELECT " AGENT_COLUMNS " FROM " AGENT_TABLES " WHERE a.removed_ms = 0 AND a.name = ?1")     \
    X(Q_AGENTS_ONLINE,                                                                             \
      "SELECT id, group_key, group_list FROM agents WHERE online = 1 AND removed_ms = 0")          \
    X(Q_AGENTS, "SELECT id, name, group_key, group_list FROM agents WHERE removed_ms = 0"          \
                " ORDER BY id")                                                                    \
    X(Q_AGENTS_OFFLINE, "UPDATE agents SET online = 0 WHERE online = 1")                           \
    X(Q_AGENT_SEEN, "UPDATE agents SET online = ?2, last_seen_ms = ?3 WHERE id = ?1")              \
    X(Q_AGENT_COUNT, "SELECT count(*) FROM agents WHERE removed_ms = 0")                           \
    X(Q_AGENT_EVENTS_NEWEST, "SELECT number, kind, first_ms, last_ms FROM agent_events"            \
                             " WHERE agent = ?1 ORDER BY number DESC LIMIT ?2")                    \
    X(Q_AGENT_EVENT_INSERT, "INSERT INTO agent_events VALUES (?1, ?2, ?3, ?4, ?4, 1, ?5, ?6)")     \
    X(Q_AGENT_EVENT_AGAIN, "UPDATE agent_events SET number = ?3, last_ms = max(last_ms, ?4),"      \
                           " times = times + 1, done_by = ?5, text = ?6"                           \
                           " WHERE agent = ?1 AND number = ?2")                                    \
    X(Q_AGENT_EVENTS_TRIM,                                                                         \
      "DELETE FROM agent_events WHERE agent = ?1 AND number <= (SELECT number FROM agent_events"   \
      " WHERE agent = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)")                                 \
    X(Q_AGENT_EVENT_OLD, "SELECT 1 FROM agent_events INDEXED BY agent_event_age"                   \
                         " WHERE last_ms < ?1 LIMIT 1")                                            \
    X(Q_AGENT_EVENTS_OLD,                                                                          \
      "DELETE FROM agent_events WHERE (agent, number) IN (SELECT agent, number FROM agent_events"  \
      " INDEXED BY agent_event_age WHERE last_ms < ?1 ORDER BY last_ms LIMIT ?2)")                 \
    X(Q_AGENT_EVENTS_DELETE, "DELETE FROM agent_events WHERE agent = ?1")                          \
    X(Q_REMNANT_PUT, "INSERT OR REPLACE INTO remnants VALUES (?1, ?2, ?3, ?4, ?5)")                \
    X(Q_REMNANT_DELETE, "DELETE FROM remnants WHERE agent = ?1 AND job = ?2 AND attempt = ?3")     \
    X(Q_REMNANTS, "SELECT " REMNANT_COLUMNS " FROM remnants ORDER BY agent, job, attempt")         \
    /* the same once a minute, another one once a second */                                        \
    X(Q_REFUSAL_PUT,                                                                               \
      "INSERT INTO refusals VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET"             \
      " group_key = excluded.group_key, reason = excluded.reason, message = excluded.message,"     \
      " at_ms = excluded.at_ms, group_list = excluded.group_list WHERE at_ms > excluded.at_ms OR " \
      "at_ms <= excluded.at_ms - 60000"                                                            \
      " OR (at_ms <= excluded.at_ms - 1000 AND (group_key <> excluded.group_key"                   \
      " OR group_list IS NOT excluded.group_list OR reason <> excluded.reason"                     \
      " OR message <> excluded.message))")                                                         \
    X(Q_REFUSAL_DELETE, "DELETE FROM refusals WHERE agent = ?1")                                   \
    X(Q_REFUSALS_OF,                                                                               \
      "SELECT " REFUSAL_COLUMNS " FROM " REFUSAL_TABLES " WHERE r.group_key = ?1"                  \
      " UNION ALL SELECT " REFUSAL_COLUMNS " FROM refusals r INDEXED BY refusal_several"           \
      " JOIN agents a ON a.id = r.agent WHERE r.group_list IS NOT NULL AND EXISTS (SELECT 1"       \
      " FROM json_each(r.group_list) x WHERE x.key > 0 AND x.value = ?3)"                          \
      " ORDER BY 5 DESC LIMIT ?2")                                                                 \
    /* groups, namespaces, tokens */                                                               \
    X(Q_GROUP_PUT,                                                                                 \
      "INSERT OR REPLACE INTO groups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")       \
    X(Q_GROUP_DELETE, "DELETE FROM groups WHERE key = ?1")                                         \
    X(Q_GROUPS, "SELECT " GROUP_COLUMNS " FROM groups g ORDER BY g.key")                           \
    X(Q_NS_PUT, "INSERT OR REPLACE INTO namespaces VALUES (?1, ?2, ?3, ?4, ?5, ?6)")               \
    X(Q_NS_DELETE, "DELETE FROM namespaces WHERE ns = ?1")                                         \
    X(Q_NAMESPACES, "SELECT " NS_COLUMNS " FROM namespaces ORDER BY ns")                           \
    X(Q_TOKEN_INSERT, "INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"   \
                      " ?12, ?13)")                                                                \
    X(Q_TOKEN_GET, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE id = ?1")                           \
    X(Q_TOKEN_USE, "UPDATE tokens SET last_used_ms = ?2,"                                          \
                   " uses_left = iif(uses_left > 0, uses_left - 1, uses_left) WHERE id = ?1")      \
    X(Q_TOKEN_REVOKE, "UPDATE tokens SET revoked_ms = ?2, revoked_by = ?3 WHERE id = ?1")          \
    X(Q_TOKENS_ENDING, "SELECT " TOKEN_COLUMNS " FROM tokens INDEXED BY token_expires"             \
                       " WHERE expires_ms > 0 AND expires_ms > ?1 AND expires_ms <= ?2"            \
                       " AND revoked_ms = 0 AND role <> 0 ORDER BY expires_ms")                    \
    X(Q_TOKEN_ADMINS, "SELECT count(*) FROM tokens INDEXED BY token_admin WHERE role = 3"          \
                      " AND revoked_ms = 0 AND (expires_ms = 0 OR expires_ms > ?2) AND id <> ?1")  \
    X(Q_PAGE_SESSION_INSERT, "INSERT INTO page_sessions VALUES (?1, ?2, ?3, ?4, ?5)")              \
    X(Q_PAGE_SESSION_GET, "SELECT " PAGE_SESSION_COLUMNS " FROM page_sessions WHERE id = ?1")      \
    X(Q_PAGE_SESSION_BEHIND, "SELECT id FROM page_sessions INDEXED BY page_session_token"          \
                             " WHERE token = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2")               \
    X(Q_PAGE_SESSION_DELETE, "DELETE FROM page_sessions WHERE id = ?1")                            \
    X(Q_PAGE_SESSION_ENDED, "SELECT id FROM page_sessions INDEXED BY page_session_end"             \
                            " WHERE ends_ms <= ?1 ORDER BY ends_ms LIMIT 1")

#endif
