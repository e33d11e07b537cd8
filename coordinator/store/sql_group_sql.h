/* The statements of the reader about worker groups and their members, for sql_reader_sql.h
 * alone. */
#ifndef CADRE_COORDINATOR_STORE_SQL_GROUP_SQL_H
#define CADRE_COORDINATOR_STORE_SQL_GROUP_SQL_H

#include "base/str.h"
#include "coordinator/store/sql_rows.h"

/* A sum of numbers; 0 of none. PostgreSQL's own would be of another type. */
#define SUM(what) "CAST(coalesce(sum(" what "), 0) AS BIGINT)"

#define QUEUED_JOBS SUM("created")
#define ASSIGNED_JOBS SUM("submitted + running + killing")

#define UNWELL "online <> 0 AND unwell_since_ms > 0"
#define WELL "online <> 0 AND unwell_since_ms = 0"
#define BARRED "(draining <> 0 OR held <> 0)"
/* The place of its enum agent_state. */
#define AGENT_STATE                                                                                \
    "CASE WHEN a.online = 0 THEN 1 WHEN a.unwell_since_ms > 0 THEN 3"                              \
    " WHEN a.draining <> 0 OR a.held <> 0 THEN 2 ELSE 0 END"
/* An agent stands here once for each of its groups. PostgreSQL's json_each is that of pg_schema.c,
 * which does what SQLite's does. */
#define MEMBER_STATE "online, unwell_since_ms, draining, held, slots"
#define MEMBERS                                                                                    \
    "(SELECT id, group_key, " MEMBER_STATE " FROM agents WHERE removed_ms = 0 UNION ALL"           \
    " SELECT agents.id, CASE WHEN x.value = '" STR_DEFAULT_GROUP                                   \
    "' THEN '' ELSE x.value END, " MEMBER_STATE                                                    \
    " FROM agents INDEXED BY agent_several, json_each(group_list) x"                               \
    " WHERE group_list IS NOT NULL AND removed_ms = 0 AND x.key > 0)"
#define MEMBER_COUNTS                                                                              \
    "count(*) AS known, count(*) FILTER (WHERE online <> 0) AS online,"                            \
    " count(*) FILTER (WHERE " UNWELL ") AS unwell"
#define GROUP_JOBS                                                                                 \
    "(SELECT " QUEUED_JOBS " FROM job_counts c WHERE c.group_key = g.key),"                        \
    " (SELECT " ASSIGNED_JOBS " FROM job_counts c WHERE c.group_key = g.key)"

#define COUNTED_GROUPS                                                                             \
    "WITH m AS MATERIALIZED (SELECT group_key, " MEMBER_COUNTS " FROM " MEMBERS                    \
    " a GROUP BY group_key)"
#define COUNTED_GROUP GROUP_COLUMNS ", m.known, m.online, m.unwell, " GROUP_JOBS

#define GROUPS_BY_KEY                                                                              \
    COUNTED_GROUPS " SELECT " COUNTED_GROUP " FROM groups g LEFT JOIN m ON m.group_key = g.key"    \
                   " WHERE CAST(?1 AS TEXT) IS NULL OR g.key > ?1 ORDER BY g.key"
#define GROUP_ALONE                                                                                \
    "WITH m AS MATERIALIZED (SELECT " MEMBER_COUNTS " FROM " MEMBERS " a WHERE group_key = ?1)"    \
    " SELECT " COUNTED_GROUP " FROM groups g, m WHERE g.key = ?1"
/* ?1: so many groups at most, ?2: so many counts of jobs. n: the sums of each group that has jobs;
 * b: the busiest; i: where these are fewer, the first ones that do nothing. The last column: how
 * many counts were looked at. */
#define BUSY_COUNTS_READ "(SELECT CAST(coalesce(sum(counts), 0) AS BIGINT) FROM n)"
#define GROUPS_BUSY                                                                                \
    COUNTED_GROUPS ", n AS MATERIALIZED (SELECT group_key, " QUEUED_JOBS " AS queued,"             \
                   " " ASSIGNED_JOBS " AS running, count(*) AS counts FROM"                        \
                   " (SELECT * FROM job_counts ORDER BY group_key, requires_id LIMIT ?2) c"        \
                   " GROUP BY group_key),"                                                         \
                   " b AS MATERIALIZED (SELECT g.key, n.queued, n.running FROM n"                  \
                   " CROSS JOIN groups g ON g.key = n.group_key WHERE n.queued + n.running > 0"    \
                   " ORDER BY n.queued DESC, n.running DESC, g.key LIMIT ?1),"                     \
                   " i AS MATERIALIZED (SELECT key, 0 AS queued, 0 AS running FROM groups"         \
                   " WHERE key NOT IN (SELECT key FROM b) ORDER BY key"                            \
                   " LIMIT ?1 - (SELECT count(*) FROM b))"                                         \
                   " SELECT " COUNTED_GROUP ", " BUSY_COUNTS_READ                                  \
                   " FROM (SELECT * FROM b UNION ALL SELECT * FROM i) p"                           \
                   " CROSS JOIN groups g ON g.key = p.key LEFT JOIN m ON m.group_key = g.key"      \
                   " ORDER BY p.queued DESC, p.running DESC, p.key"

#endif
