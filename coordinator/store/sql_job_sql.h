/* The statements about jobs and the queue: for sql_store.h alone. */
#ifndef CADRE_COORDINATOR_STORE_SQL_JOB_SQL_H
#define CADRE_COORDINATOR_STORE_SQL_JOB_SQL_H

/* Jobs of a queue that no agent tried. */
#define QUEUED_FROM                                                                                \
    "job_states s INDEXED BY job_queue CROSS JOIN jobs j ON j.id = s.id"                           \
    " WHERE s.queued = 1 AND s.group_key = ?1 AND s.requires_id = ?2"                              \
    " AND NOT EXISTS (SELECT 1 FROM tried WHERE tried.job = s.id)"

#define BLOCK_NO_END "9223372036854775807"

/* ?2: enum job_part. A column is set when its part is among them. */
#define JOB_CHANGE                                                                                 \
    "UPDATE job_states SET state = CAST(?3 AS BIGINT),"                                            \
    " queued = CASE WHEN ?3 = 0 THEN 1 ELSE 0 END,"                                                \
    " open = CASE WHEN ?3 = 0 THEN watched WHEN ?3 = 4 THEN 3 WHEN ?3 < 4 THEN 2 ELSE 0 END,"      \
    " bad = CASE WHEN ?3 > 5 THEN 1 ELSE 0 END, retry_at_ms = CASE WHEN ?3 > 4 THEN 0"             \
    " WHEN CAST(?2 AS BIGINT) & 2 <> 0 THEN ?7 ELSE retry_at_ms END, first_started_ms ="           \
    " CASE WHEN ?2 & 8 <> 0 AND first_started_ms = 0 THEN ?9 ELSE first_started_ms END,"           \
    " agent = CASE WHEN ?2 & 2 <> 0 THEN ?4 ELSE agent END,"                                       \
    " attempt = CASE WHEN ?2 & 2 <> 0 THEN ?5 ELSE attempt END,"                                   \
    " submitted_ms = CASE WHEN ?2 & 2 <> 0 THEN ?6 ELSE submitted_ms END,"                         \
    " started_ms = CASE WHEN ?2 & 4 <> 0 THEN ?8 ELSE started_ms END,"                             \
    " reason = CASE WHEN ?2 & 16 <> 0 THEN ?10 ELSE reason END,"                                   \
    " message = CASE WHEN ?2 & 32 <> 0 THEN ?11 ELSE message END,"                                 \
    " exit_code = CASE WHEN ?2 & 64 <> 0 THEN ?12 ELSE exit_code END,"                             \
    " truncated = CASE WHEN ?2 & 64 <> 0 THEN ?13 ELSE truncated END,"                             \
    " outputs = CASE WHEN ?2 & 64 <> 0 THEN ?14 ELSE outputs END,"                                 \
    " ended_ms = CASE WHEN ?2 & 64 <> 0 THEN ?15 ELSE ended_ms END,"                               \
    " cancelled_by = CASE WHEN ?2 & 128 <> 0 THEN ?16 ELSE cancelled_by END,"                      \
    " group_key = CASE WHEN ?2 & 256 <> 0 THEN ?17 ELSE group_key END WHERE id = ?1"

/* X(number, text) */
#define JOB_STATEMENTS(X)                                                                          \
    X(Q_BEGIN, "BEGIN IMMEDIATE")                                                                  \
    X(Q_COMMIT, "COMMIT")                                                                          \
    X(Q_ROLLBACK, "ROLLBACK")                                                                      \
    X(Q_COUNT, "INSERT INTO job_counts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"                        \
               " ON CONFLICT (group_key, requires_id) DO UPDATE"                                   \
               " SET created = job_counts.created + excluded.created,"                             \
               " submitted = job_counts.submitted + excluded.submitted,"                           \
               " running = job_counts.running + excluded.running,"                                 \
               " killing = job_counts.killing + excluded.killing,"                                 \
               " retrying = job_counts.retrying + excluded.retrying")                              \
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
    X(Q_JOB_LAST, "SELECT coalesce(max(id), 0) FROM jobs")                                         \
    X(Q_JOB_SPEC, "SELECT spec FROM jobs WHERE id = ?1")                                           \
    X(Q_JOB_RETRY_OF, "SELECT retry_of FROM jobs WHERE id = ?1")                                   \
    X(Q_JOB_CLASS, "SELECT state, group_key, requires_id FROM job_states WHERE id = ?1")           \
    X(Q_JOB_SUBMITTED, "UPDATE job_states SET state = 1, queued = 0, open = 2, agent = ?2,"        \
                       " attempt = ?3, submitted_ms = ?4, started_ms = 0, retry_at_ms = 0"         \
                       " WHERE id = ?1")                                                           \
    X(Q_JOB_RUNNING, "UPDATE job_states SET state = 2, started_ms = ?2,"                           \
                     " first_started_ms = CASE WHEN first_started_ms = 0 THEN ?2 ELSE"             \
                     " first_started_ms END WHERE id = ?1")                                        \
    /* the common end, of a job that an agent had, leaves two indexes alone */                     \
    X(Q_JOB_SUCCESS, "UPDATE job_states SET state = ?2, open = 0, reason = ?3, message = ?4,"      \
                     " exit_code = ?5, truncated = ?6, outputs = ?7, ended_ms = ?8,"               \
                     " retry_at_ms = 0, started_ms = CASE WHEN CAST(?9 AS BIGINT) < 0 THEN"        \
                     " started_ms ELSE ?9 END, first_started_ms = CASE WHEN ?9 > 0"                \
                     " AND first_started_ms = 0 THEN ?9 ELSE first_started_ms END"                 \
                     " WHERE id = ?1")                                                             \
    X(Q_JOB_CHANGE, JOB_CHANGE)                                                                    \
    X(Q_ATTEMPT_INSERT, "INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")   \
    X(Q_ATTEMPT_SURPLUS, "SELECT attempt FROM attempts WHERE job = ?1 AND attempt > ?2"            \
                         " AND attempt <= ?3 ORDER BY attempt LIMIT 1")                            \
    X(Q_ATTEMPT_AGENTS, "SELECT agent FROM attempts WHERE job = ?1 AND attempt >= ?2"              \
                        " ORDER BY attempt LIMIT ?3")                                              \
    X(Q_ATTEMPT_DELETE, "DELETE FROM attempts WHERE job = ?1 AND attempt = ?2")                    \
    X(Q_JOBS_OPEN, "SELECT " JOB_COLUMNS " FROM job_states s INDEXED BY job_open"                  \
                   " CROSS JOIN jobs j ON j.id = s.id WHERE s.open > 0")                           \
    /* the index by group and agent; of an id, the block that covers it, and where that ends */    \
    X(Q_BLOCK_RANGE,                                                                               \
      "SELECT (SELECT max(start) FROM job_blocks WHERE start <= ?1),"                              \
      " coalesce((SELECT min(start) FROM job_blocks WHERE start > ?1), " BLOCK_NO_END ")")         \
    X(Q_BLOCK_GET, "SELECT " BLOCK_COLUMNS " FROM job_blocks WHERE start = ?1")                    \
    X(Q_BLOCK_PUT, BLOCK_PUT)                                                                      \
    X(Q_BLOCK_DROP, "DELETE FROM job_blocks WHERE start = ?1 AND NOT EXISTS"                       \
                    " (SELECT 1 FROM job_states WHERE id >= ?1 AND id < ?2)")                      \
    /* the queue */                                                                                \
    X(Q_REQUIRES_FIND, "SELECT id FROM requires WHERE text = ?1")                                  \
    X(Q_REQUIRES_INSERT, "INSERT INTO requires (id, text, jobs) SELECT coalesce(max(id), 0) + 1,"  \
                         " CAST(?1 AS TEXT), 0 FROM requires RETURNING id")                        \
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
                       " AND priority > ?3 LIMIT ?4) x")                                           \
    X(Q_BEFORE_EQUAL, "SELECT count(*) FROM (SELECT 1 FROM job_states INDEXED BY job_queue"        \
                      " WHERE queued = 1 AND group_key = ?1 AND requires_id = ?2"                  \
                      " AND priority = ?3 AND id < ?4 LIMIT ?5) x")                                \
    X(Q_LIST, "SELECT id FROM job_states INDEXED BY job_queue"                                     \
              " WHERE queued = 1 AND group_key = ?1"                                               \
              " ORDER BY requires_id, priority DESC, id LIMIT ?2")                                 \
    /* jobs that an agent could not start */                                                       \
    X(Q_TRIED_INSERT, "INSERT INTO tried VALUES (?1, ?2, ?3, ?4)")                                 \
    X(Q_TRIED_DELETE, "DELETE FROM tried WHERE job = ?1")                                          \
    X(Q_TRIED, "SELECT t.job, t.place, t.agent, t.message, s.state, s.group_key, s.requires_id,"   \
               " s.priority, s.attempt FROM tried t JOIN job_states s ON s.id = t.job"             \
               " ORDER BY t.job, t.place")

#endif
