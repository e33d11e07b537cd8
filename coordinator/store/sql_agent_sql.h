/* The statements about agents and what operators set up: for sql_store.h alone. */
#ifndef CADRE_COORDINATOR_STORE_SQL_AGENT_SQL_H
#define CADRE_COORDINATOR_STORE_SQL_AGENT_SQL_H

/* X(number, text) */
#define AGENT_STATEMENTS(X)                                                                        \
    /* agents */                                                                                   \
    X(Q_AGENT_INSERT,                                                                              \
      "INSERT INTO agents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?12, ?8, ?9, ?10, ?11)")             \
    X(Q_AGENT_UPDATE, "UPDATE agents SET name = ?2, group_key = ?3, online = ?4, draining = ?5,"   \
                      " held = ?6, slots = ?7, last_seen_ms = ?8, removed_ms = ?9,"                \
                      " unwell_since_ms = ?10, group_list = ?11 WHERE id = ?1")                    \
    X(Q_FACTS_PUT, "INSERT INTO agent_facts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"      \
                   " ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT (id) DO UPDATE"                     \
                   " SET created_ms = excluded.created_ms, token = excluded.token,"                \
                   " token_group = excluded.token_group, version = excluded.version,"              \
                   " host_id = excluded.host_id, boot_id = excluded.boot_id,"                      \
                   " journal_id = excluded.journal_id, spki = excluded.spki,"                      \
                   " drain_reason = excluded.drain_reason, capabilities ="                         \
                   " excluded.capabilities, unwell_reason = excluded.unwell_reason,"               \
                   " created_by = excluded.created_by, drained_by = excluded.drained_by,"          \
                   " removed_by = excluded.removed_by, removed_reason ="                           \
                   " excluded.removed_reason")                                                     \
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
    X(Q_AGENT_EVENT_AGAIN,                                                                         \
      "UPDATE agent_events SET number = ?3, last_ms = CASE WHEN last_ms < ?4 THEN ?4 ELSE"         \
      " last_ms END, times = times + 1, done_by = ?5, text = ?6 WHERE agent = ?1"                  \
      " AND number = ?2")                                                                          \
    X(Q_AGENT_EVENTS_TRIM,                                                                         \
      "DELETE FROM agent_events WHERE agent = ?1 AND number <= (SELECT number FROM agent_events"   \
      " WHERE agent = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)")                                 \
    X(Q_AGENT_EVENT_OLD, "SELECT 1 FROM agent_events INDEXED BY agent_event_age"                   \
                         " WHERE last_ms < ?1 LIMIT 1")                                            \
    X(Q_AGENT_EVENTS_OLD,                                                                          \
      "DELETE FROM agent_events WHERE (agent, number) IN (SELECT agent, number FROM agent_events"  \
      " INDEXED BY agent_event_age WHERE last_ms < ?1 ORDER BY last_ms LIMIT ?2)")                 \
    X(Q_AGENT_EVENTS_DELETE, "DELETE FROM agent_events WHERE agent = ?1")                          \
    X(Q_REMNANT_PUT, "INSERT INTO remnants VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (agent,"        \
                     " job, attempt) DO UPDATE SET since_ms = excluded.since_ms,"                  \
                     " processes = excluded.processes")                                            \
    X(Q_REMNANT_DELETE, "DELETE FROM remnants WHERE agent = ?1 AND job = ?2 AND attempt = ?3")     \
    X(Q_REMNANTS, "SELECT " REMNANT_COLUMNS " FROM remnants ORDER BY agent, job, attempt")         \
    /* the same once a minute, another one once a second */                                        \
    X(Q_REFUSAL_PUT, "INSERT INTO refusals VALUES (?1, ?2, ?3, ?4, ?5, ?6)"                        \
                     " ON CONFLICT (agent) DO UPDATE SET group_key = excluded.group_key,"          \
                     " reason = excluded.reason, message = excluded.message,"                      \
                     " at_ms = excluded.at_ms, group_list = excluded.group_list"                   \
                     " WHERE refusals.at_ms > excluded.at_ms"                                      \
                     " OR refusals.at_ms <= excluded.at_ms - 60000"                                \
                     " OR (refusals.at_ms <= excluded.at_ms - 1000"                                \
                     " AND (refusals.group_key <> excluded.group_key"                              \
                     " OR refusals.group_list IS DISTINCT FROM excluded.group_list"                \
                     " OR refusals.reason <> excluded.reason"                                      \
                     " OR refusals.message <> excluded.message))")                                 \
    X(Q_REFUSAL_DELETE, "DELETE FROM refusals WHERE agent = ?1")                                   \
    X(Q_REFUSALS_OF,                                                                               \
      "SELECT " REFUSAL_COLUMNS " FROM " REFUSAL_TABLES " WHERE r.group_key = ?1"                  \
      " UNION ALL SELECT " REFUSAL_COLUMNS " FROM refusals r INDEXED BY refusal_several"           \
      " JOIN agents a ON a.id = r.agent WHERE r.group_list IS NOT NULL AND EXISTS (SELECT 1"       \
      " FROM json_each(r.group_list) x WHERE x.key > 0 AND x.value = ?3)"                          \
      " ORDER BY 5 DESC LIMIT ?2")                                                                 \
    /* groups, namespaces, tokens */                                                               \
    X(Q_GROUP_PUT, "INSERT INTO groups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"      \
                   " ON CONFLICT (key) DO UPDATE SET description = excluded.description,"          \
                   " require = excluded.require, allowed_namespaces ="                             \
                   " excluded.allowed_namespaces, paused = excluded.paused,"                       \
                   " max_queued = excluded.max_queued, created_ms = excluded.created_ms,"          \
                   " created_by = excluded.created_by, updated_by = excluded.updated_by,"          \
                   " paused_by = excluded.paused_by, tags = excluded.tags")                        \
    X(Q_GROUP_DELETE, "DELETE FROM groups WHERE key = ?1")                                         \
    X(Q_GROUPS, "SELECT " GROUP_COLUMNS " FROM groups g ORDER BY g.key")                           \
    X(Q_NS_PUT, "INSERT INTO namespaces VALUES (?1, ?2, ?3, ?4, ?5, ?6)"                           \
                " ON CONFLICT (ns) DO UPDATE SET group_key = excluded.group_key,"                  \
                " fallback = excluded.fallback, updated_by = excluded.updated_by,"                 \
                " groupless = excluded.groupless, notify = excluded.notify")                       \
    X(Q_NS_DELETE, "DELETE FROM namespaces WHERE ns = ?1")                                         \
    X(Q_NAMESPACES, "SELECT " NS_COLUMNS " FROM namespaces ORDER BY ns")                           \
    X(Q_TOKEN_INSERT, "INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"   \
                      " ?12, ?13)")                                                                \
    X(Q_TOKEN_GET, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE id = ?1")                           \
    X(Q_TOKEN_USE, "UPDATE tokens SET last_used_ms = ?2, uses_left ="                              \
                   " CASE WHEN uses_left > 0 THEN uses_left - 1 ELSE uses_left END"                \
                   " WHERE id = ?1")                                                               \
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
