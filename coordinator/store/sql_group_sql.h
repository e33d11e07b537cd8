/* The statements of the reader about worker groups and their members, for sql_reader_sql.h
 * alone. */
#ifndef CADRE_COORDINATOR_STORE_SQL_GROUP_SQL_H
#define CADRE_COORDINATOR_STORE_SQL_GROUP_SQL_H

#include "base/str.h"
#include "coordinator/store/sql_rows.h"

#define UNWELL "online AND unwell_since_ms > 0"
/* The place of its enum agent_state. */
#define AGENT_STATE                                                                                \
    "iif(NOT a.online, 1, iif(a.unwell_since_ms > 0, 3, iif(a.draining OR a.held, 2, 0)))"
/* An agent stands here once for each of its groups. */
#define MEMBER_STATE "online, unwell_since_ms, draining, held, slots"
#define MEMBERS                                                                                    \
    "(SELECT id, group_key, " MEMBER_STATE " FROM agents WHERE removed_ms = 0 UNION ALL"           \
    " SELECT agents.id, iif(x.value = '" STR_DEFAULT_GROUP "', '', x.value), " MEMBER_STATE        \
    " FROM agents INDEXED BY agent_several, json_each(group_list) x"                               \
    " WHERE group_list IS NOT NULL AND removed_ms = 0 AND x.key > 0)"
#define MEMBER_COUNTS "count(*) AS known, sum(online) AS online, sum(" UNWELL ") AS unwell"
#define GROUP_JOBS                                                                                 \
    "(SELECT total(created) FROM job_counts c WHERE c.group_key = g.key),"                         \
    " (SELECT total(submitted + running + killing) FROM job_counts c WHERE c.group_key = g.key)"

#define COUNTED_GROUPS                                                                             \
    "WITH m AS MATERIALIZED (SELECT group_key, " MEMBER_COUNTS " FROM " MEMBERS                    \
    " GROUP BY group_key)"
#define COUNTED_GROUP GROUP_COLUMNS ", m.known, m.online, m.unwell, " GROUP_JOBS

#define GROUPS_BY_KEY                                                                              \
    COUNTED_GROUPS " SELECT " COUNTED_GROUP " FROM groups g LEFT JOIN m ON m.group_key = g.key"    \
                   " WHERE ?1 IS NULL OR g.key > ?1 ORDER BY g.key"
#define GROUP_ALONE                                                                                \
    "WITH m AS MATERIALIZED (SELECT " MEMBER_COUNTS " FROM " MEMBERS " WHERE group_key = ?1)"      \
    " SELECT " COUNTED_GROUP " FROM groups g, m WHERE g.key = ?1"
/* ?1: so many groups at most, ?2: so many counts of jobs. n: the sums of each group that has jobs;
 * b: the busiest; i: where these are fewer, the first ones that do nothing. The last column: how
 * many counts were looked at. */
#define GROUPS_BUSY                                                                                \
    COUNTED_GROUPS ", n AS MATERIALIZED (SELECT group_key, sum(created) AS queued,"                \
                   " sum(submitted + running + killing) AS running, count(*) AS counts"            \
                   " FROM (SELECT * FROM job_counts LIMIT ?2) GROUP BY group_key),"                \
                   " b AS MATERIALIZED (SELECT g.key, n.queued, n.running FROM n"                  \
                   " CROSS JOIN groups g ON g.key = n.group_key WHERE n.queued + n.running > 0"    \
                   " ORDER BY n.queued DESC, n.running DESC, g.key LIMIT ?1),"                     \
                   " i AS MATERIALIZED (SELECT key, 0 AS queued, 0 AS running FROM groups"         \
                   " WHERE key NOT IN (SELECT key FROM b) ORDER BY key"                            \
                   " LIMIT ?1 - (SELECT count(*) FROM b))"                                         \
                   " SELECT " COUNTED_GROUP ", (SELECT total(counts) FROM n)"                      \
                   " FROM (SELECT * FROM b UNION ALL SELECT * FROM i) p"                           \
                   " CROSS JOIN groups g ON g.key = p.key LEFT JOIN m ON m.group_key = g.key"      \
                   " ORDER BY p.queued DESC, p.running DESC, p.key"

#endif
