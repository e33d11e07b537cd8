/* PostgreSQL's tables. Whoever changes this file's list changes a version that was released: a new
 * step stands in sql_schema.c. */
#include "coordinator/store/pg_schema.h"

#include "base/buf.h"

/* Version SCHEMA_BASE. What every step changes (state, times, counts) is in no index, and its pages
 * keep room (fillfactor), so that most updates of a row stay on its page and touch no index. */
static const char *const base[] = {
    "CREATE SCHEMA cadre",
    "CREATE SCHEMA cadre_output",
    /* As SQLite's, of an array of texts; PostgreSQL's own takes json, not text. */
    "CREATE FUNCTION cadre.json_each(list text) RETURNS TABLE (key bigint, value text)"
    " LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT e.n - 1, e.t"
    " FROM json_array_elements_text(list::json) WITH ORDINALITY AS e (t, n)'",
    /* Who owns the queue: every transaction that writes begins with an update of this row. */
    "CREATE TABLE cadre.owner (part bigint PRIMARY KEY, epoch bigint NOT NULL,"
    " batch bigint NOT NULL, holder text COLLATE \"C\" NOT NULL,"
    " addresses text COLLATE \"C\" NOT NULL, schema bigint NOT NULL)",
    /* Who there is: a list for people, by which nothing is decided (pg_coordinators.h). */
    "CREATE TABLE cadre.coordinators (id bigint PRIMARY KEY, name text COLLATE \"C\" NOT NULL,"
    " addresses text COLLATE \"C\" NOT NULL, version text COLLATE \"C\" NOT NULL,"
    " started_ms bigint NOT NULL, seen_ms bigint NOT NULL) WITH (fillfactor = 70)",
    /* What was moved away, and what is the beginning of a copy (marks.h). */
    "CREATE TABLE cadre.moves (mark text COLLATE \"C\" PRIMARY KEY,"
    " place text COLLATE \"C\" NOT NULL, source text COLLATE \"C\" NOT NULL)",
    "CREATE TABLE cadre.jobs ("
    " id bigint PRIMARY KEY, kind bigint NOT NULL CHECK (kind BETWEEN 0 AND 1),"
    " fallback bigint NOT NULL CHECK (fallback BETWEEN 0 AND 3), ns text COLLATE \"C\","
    " name text COLLATE \"C\", flow text COLLATE \"C\", execution text COLLATE \"C\","
    " task text COLLATE \"C\", submitter bigint NOT NULL, created_ms bigint NOT NULL,"
    " queue_timeout_ms bigint NOT NULL, timeout_ms bigint NOT NULL,"
    " lease_ms bigint NOT NULL, kill_grace_ms bigint NOT NULL,"
    " output_limit bigint NOT NULL,"
    " retry_type bigint NOT NULL CHECK (retry_type BETWEEN 0 AND 3),"
    " retry_interval_ms bigint NOT NULL, retry_max_interval_ms bigint NOT NULL,"
    " retry_delay_factor double precision NOT NULL, retry_max_attempts bigint NOT NULL,"
    " retry_max_duration_ms bigint NOT NULL, spec text COLLATE \"C\" NOT NULL,"
    " created_by text COLLATE \"C\", retry_of bigint NOT NULL DEFAULT 0)",
    "CREATE TABLE cadre.job_states ("
    " id bigint PRIMARY KEY, state bigint NOT NULL CHECK (state BETWEEN 0 AND 9),"
    " queued bigint NOT NULL, open bigint NOT NULL, bad bigint NOT NULL,"
    " watched bigint NOT NULL, reason bigint NOT NULL, truncated bigint NOT NULL,"
    " group_key text COLLATE \"C\" NOT NULL, requires_id bigint NOT NULL,"
    " priority bigint NOT NULL, attempt bigint NOT NULL, agent bigint NOT NULL,"
    " submitted_ms bigint NOT NULL, started_ms bigint NOT NULL, ended_ms bigint NOT NULL,"
    " first_started_ms bigint NOT NULL, retry_at_ms bigint NOT NULL, exit_code bigint,"
    " message text COLLATE \"C\", outputs text COLLATE \"C\","
    " allow_failure bigint NOT NULL DEFAULT 0, cancelled_by text COLLATE \"C\")"
    " WITH (fillfactor = 70)",
    "CREATE TABLE cadre.job_counts ("
    " group_key text COLLATE \"C\" NOT NULL, requires_id bigint NOT NULL,"
    " created bigint NOT NULL, submitted bigint NOT NULL, running bigint NOT NULL,"
    " killing bigint NOT NULL, retrying bigint NOT NULL,"
    " PRIMARY KEY (group_key, requires_id))"
    " WITH (fillfactor = 70)",
    "CREATE TABLE cadre.job_keys ("
    " job bigint PRIMARY KEY, unique_key text COLLATE \"C\" NOT NULL UNIQUE)",
    "CREATE TABLE cadre.attempts ("
    " job bigint NOT NULL, attempt bigint NOT NULL, agent bigint NOT NULL,"
    " state bigint NOT NULL CHECK (state BETWEEN 0 AND 9), reason bigint NOT NULL,"
    " exit_code bigint, submitted_ms bigint NOT NULL, started_ms bigint NOT NULL,"
    " ended_ms bigint NOT NULL, message text COLLATE \"C\", PRIMARY KEY (job, attempt))",
    /* A text may be longer than an entry of an index by order can be. */
    "CREATE TABLE cadre.requires ("
    " id bigint PRIMARY KEY, text text COLLATE \"C\" NOT NULL,"
    " jobs bigint NOT NULL DEFAULT 0, EXCLUDE USING hash (text WITH =))"
    " WITH (fillfactor = 70)",
    "CREATE TABLE cadre.agents ("
    " id bigint PRIMARY KEY, name text COLLATE \"C\" NOT NULL,"
    " group_key text COLLATE \"C\" NOT NULL, online bigint NOT NULL,"
    " draining bigint NOT NULL, held bigint NOT NULL, slots bigint NOT NULL,"
    " last_seq bigint NOT NULL, last_seen_ms bigint NOT NULL, removed_ms bigint NOT NULL,"
    " unwell_since_ms bigint NOT NULL DEFAULT 0, group_list text COLLATE \"C\")"
    " WITH (fillfactor = 70)",
    "CREATE TABLE cadre.agent_facts ("
    " id bigint PRIMARY KEY, created_ms bigint NOT NULL, token bigint NOT NULL,"
    " token_group text COLLATE \"C\", version text COLLATE \"C\","
    " host_id text COLLATE \"C\", boot_id text COLLATE \"C\","
    " journal_id text COLLATE \"C\", spki text COLLATE \"C\","
    " drain_reason text COLLATE \"C\", capabilities text COLLATE \"C\" NOT NULL,"
    " unwell_reason text COLLATE \"C\", created_by text COLLATE \"C\","
    " drained_by text COLLATE \"C\", removed_by text COLLATE \"C\","
    " removed_reason text COLLATE \"C\")",
    "CREATE TABLE cadre.groups ("
    " key text COLLATE \"C\" PRIMARY KEY, description text COLLATE \"C\","
    " require text COLLATE \"C\", allowed_namespaces text COLLATE \"C\","
    " paused bigint NOT NULL, max_queued bigint NOT NULL, created_ms bigint NOT NULL,"
    " created_by text COLLATE \"C\", updated_by text COLLATE \"C\","
    " paused_by text COLLATE \"C\", tags text COLLATE \"C\")",
    "CREATE TABLE cadre.namespaces ("
    " ns text COLLATE \"C\" PRIMARY KEY, group_key text COLLATE \"C\","
    " fallback bigint NOT NULL, updated_by text COLLATE \"C\","
    " groupless bigint NOT NULL DEFAULT 0, notify text COLLATE \"C\")",
    "CREATE TABLE cadre.tokens ("
    " id bigint PRIMARY KEY, role bigint NOT NULL CHECK (role BETWEEN 0 AND 3),"
    " secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32), name text COLLATE \"C\","
    " group_key text COLLATE \"C\", ns text COLLATE \"C\", created_ms bigint NOT NULL,"
    " expires_ms bigint NOT NULL, revoked_ms bigint NOT NULL, last_used_ms bigint NOT NULL,"
    " uses_left bigint NOT NULL, created_by text COLLATE \"C\","
    " revoked_by text COLLATE \"C\")",
    "CREATE TABLE cadre.flows ("
    " ns text COLLATE \"C\" NOT NULL, id text COLLATE \"C\" NOT NULL,"
    " revision bigint NOT NULL, created_ms bigint NOT NULL, updated_ms bigint NOT NULL,"
    " deleted_ms bigint NOT NULL, groups_known bigint NOT NULL DEFAULT 0,"
    " updated_by text COLLATE \"C\", PRIMARY KEY (ns, id))",
    "CREATE TABLE cadre.flow_revisions ("
    " ns text COLLATE \"C\" NOT NULL, flow text COLLATE \"C\" NOT NULL,"
    " revision bigint NOT NULL, created_ms bigint NOT NULL,"
    " source text COLLATE \"C\" NOT NULL, created_by text COLLATE \"C\","
    " PRIMARY KEY (ns, flow, revision))",
    "CREATE TABLE cadre.executions ("
    " id bigint PRIMARY KEY, state bigint NOT NULL CHECK (state BETWEEN 0 AND 8),"
    " open bigint NOT NULL, reason bigint NOT NULL, position bigint NOT NULL,"
    " job bigint NOT NULL, warned bigint NOT NULL, created_ms bigint NOT NULL,"
    " started_ms bigint NOT NULL, ended_ms bigint NOT NULL, ns text COLLATE \"C\" NOT NULL,"
    " flow text COLLATE \"C\" NOT NULL, revision bigint NOT NULL,"
    " submitter bigint NOT NULL, trigger_name text COLLATE \"C\","
    " message text COLLATE \"C\", labels text COLLATE \"C\", inputs text COLLATE \"C\","
    " trigger_vars text COLLATE \"C\", created_by text COLLATE \"C\","
    " cancelled_by text COLLATE \"C\", asleep_ms bigint NOT NULL DEFAULT 0,"
    " wake_ms bigint NOT NULL DEFAULT 0, outputs text COLLATE \"C\","
    " depth bigint NOT NULL DEFAULT 0, backfill bigint NOT NULL DEFAULT 0,"
    " trace text COLLATE \"C\")"
    " WITH (fillfactor = 70)",
    "CREATE TABLE cadre.execution_keys ("
    " execution bigint PRIMARY KEY, unique_key text COLLATE \"C\" NOT NULL UNIQUE)",
    "CREATE TABLE cadre.triggers ("
    " id bigint PRIMARY KEY, ns text COLLATE \"C\" NOT NULL,"
    " flow text COLLATE \"C\" NOT NULL, name text COLLATE \"C\" NOT NULL,"
    " file_disabled bigint NOT NULL, disabled bigint NOT NULL, concurrent bigint NOT NULL,"
    " interval_ms bigint NOT NULL, next_ms bigint NOT NULL, job bigint NOT NULL,"
    " result bigint NOT NULL CHECK (result BETWEEN 0 AND 4), ended_ms bigint NOT NULL,"
    " execution bigint NOT NULL, evaluations bigint NOT NULL, fired bigint NOT NULL,"
    " errors bigint NOT NULL, skipped bigint NOT NULL, why text COLLATE \"C\","
    " message text COLLATE \"C\", disabled_by text COLLATE \"C\","
    " kind bigint NOT NULL DEFAULT 0, planned_ms bigint NOT NULL DEFAULT 0,"
    " missed bigint NOT NULL DEFAULT 0, backlog bigint NOT NULL DEFAULT 0,"
    " cron text COLLATE \"C\", zone text COLLATE \"C\", key_hash text COLLATE \"C\","
    " holds bigint NOT NULL DEFAULT 0, UNIQUE (ns, flow, name))"
    " WITH (fillfactor = 70)",
    "CREATE TABLE cadre.evaluations ("
    " trigger_id bigint NOT NULL, number bigint NOT NULL,"
    " result bigint NOT NULL CHECK (result BETWEEN 1 AND 4), exit_code bigint,"
    " job bigint NOT NULL, execution bigint NOT NULL, started_ms bigint NOT NULL,"
    " ended_ms bigint NOT NULL, message text COLLATE \"C\","
    " planned_ms bigint NOT NULL DEFAULT 0, moments bigint NOT NULL DEFAULT 1,"
    " PRIMARY KEY (trigger_id, number))",
    "CREATE TABLE cadre.old_revisions ("
    " since_ms bigint NOT NULL, ns text COLLATE \"C\" NOT NULL,"
    " flow text COLLATE \"C\" NOT NULL, revision bigint NOT NULL,"
    " PRIMARY KEY (since_ms, ns, flow, revision))",
    "CREATE TABLE cadre.flow_groups ("
    " group_key text COLLATE \"C\" NOT NULL, ns text COLLATE \"C\" NOT NULL,"
    " flow text COLLATE \"C\" NOT NULL, PRIMARY KEY (group_key, ns, flow))",
    "CREATE TABLE cadre.remnants ("
    " agent bigint NOT NULL, job bigint NOT NULL, attempt bigint NOT NULL,"
    " since_ms bigint NOT NULL, processes text COLLATE \"C\" NOT NULL,"
    " PRIMARY KEY (agent, job, attempt))",
    "CREATE TABLE cadre.tried ("
    " job bigint NOT NULL, place bigint NOT NULL, agent bigint NOT NULL,"
    " message text COLLATE \"C\", PRIMARY KEY (job, place))",
    "CREATE TABLE cadre.parts ("
    " id text COLLATE \"C\" NOT NULL, ca text COLLATE \"C\", output_mark bigint NOT NULL)",
    "CREATE TABLE cadre.refusals ("
    " agent bigint PRIMARY KEY, group_key text COLLATE \"C\" NOT NULL,"
    " reason text COLLATE \"C\" NOT NULL, message text COLLATE \"C\" NOT NULL,"
    " at_ms bigint NOT NULL, group_list text COLLATE \"C\")",
    "CREATE TABLE cadre.missed_moments ("
    " trigger_id bigint NOT NULL, planned_ms bigint NOT NULL,"
    " PRIMARY KEY (trigger_id, planned_ms))",
    "CREATE TABLE cadre.backfills ("
    " id bigint PRIMARY KEY, trigger_id bigint NOT NULL, start_ms bigint NOT NULL,"
    " end_ms bigint NOT NULL, cursor_ms bigint NOT NULL, parallel bigint NOT NULL,"
    " started bigint NOT NULL, created_ms bigint NOT NULL, inputs text COLLATE \"C\","
    " created_by text COLLATE \"C\", missed bigint NOT NULL DEFAULT 0)",
    "CREATE TABLE cadre.fired_moments ("
    " trigger_id bigint NOT NULL, first_ms bigint NOT NULL, last_ms bigint NOT NULL,"
    " PRIMARY KEY (trigger_id, first_ms))",
    "CREATE TABLE cadre.notices ("
    " id bigint PRIMARY KEY, channel text COLLATE \"C\" NOT NULL,"
    " event text COLLATE \"C\" NOT NULL, subject text COLLATE \"C\" NOT NULL,"
    " first_ms bigint NOT NULL, state bigint NOT NULL, last_ms bigint NOT NULL,"
    " count bigint NOT NULL, total bigint NOT NULL, messages bigint NOT NULL,"
    " due_ms bigint NOT NULL, tries bigint NOT NULL, delivered_ms bigint NOT NULL,"
    " reason text COLLATE \"C\", facts text COLLATE \"C\" NOT NULL)",
    "CREATE TABLE cadre.page_sessions ("
    " id bigint PRIMARY KEY, hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),"
    " token bigint NOT NULL, created_ms bigint NOT NULL, ends_ms bigint NOT NULL)",
    "CREATE TABLE cadre.job_blocks ("
    " start bigint PRIMARY KEY, parts bytea NOT NULL, subjects bytea)"
    " WITH (fillfactor = 70)",
    "CREATE TABLE cadre.agent_events ("
    " agent bigint NOT NULL, number bigint NOT NULL, kind bigint NOT NULL,"
    " first_ms bigint NOT NULL, last_ms bigint NOT NULL, times bigint NOT NULL,"
    " done_by text COLLATE \"C\", text text COLLATE \"C\", PRIMARY KEY (agent, number))",
    /* SQLite's indexes end in the row number by themselves, where it is needed here it stands. */
    "CREATE INDEX job_queue ON cadre.job_states (group_key, requires_id, priority DESC, id)"
    " WHERE queued = 1",
    "CREATE INDEX job_open ON cadre.job_states (agent, open, id) WHERE open > 0",
    "CREATE INDEX job_bad ON cadre.job_states (id) WHERE bad = 1",
    "CREATE INDEX job_ended ON cadre.job_states (ended_ms, id) WHERE ended_ms > 0",
    "CREATE UNIQUE INDEX agent_name ON cadre.agents (name) WHERE removed_ms = 0",
    "CREATE INDEX job_execution ON cadre.jobs (execution, id)"
    " WHERE execution IS NOT NULL",
    "CREATE INDEX execution_flow ON cadre.executions (ns, flow, id)",
    "CREATE INDEX execution_open ON cadre.executions (id) WHERE open = 1",
    "CREATE INDEX execution_ended ON cadre.executions (ended_ms, id) WHERE ended_ms > 0",
    "CREATE INDEX requires_unused ON cadre.requires (id) WHERE jobs = 0",
    "CREATE INDEX token_revoked ON cadre.tokens (revoked_ms) WHERE revoked_ms > 0",
    "CREATE INDEX token_expires ON cadre.tokens (expires_ms) WHERE expires_ms > 0",
    "CREATE INDEX token_used_up ON cadre.tokens (last_used_ms) WHERE uses_left = 0",
    "CREATE INDEX agent_removed ON cadre.agents (removed_ms, id) WHERE removed_ms > 0",
    "CREATE INDEX execution_revision ON cadre.executions (ns, flow, revision)",
    "CREATE INDEX flow_unread ON cadre.flows (ns, id)"
    " WHERE groups_known = 0 AND deleted_ms = 0",
    "CREATE INDEX flow_group_of ON cadre.flow_groups (ns, flow)",
    "CREATE INDEX token_admin ON cadre.tokens (role) WHERE role = 3",
    "CREATE INDEX job_evaluation ON cadre.jobs (id) WHERE kind = 1",
    "CREATE INDEX job_named ON cadre.jobs (name, id) WHERE name IS NOT NULL",
    "CREATE INDEX refusal_group ON cadre.refusals (group_key, at_ms)",
    "CREATE INDEX agent_several ON cadre.agents (id) WHERE group_list IS NOT NULL",
    "CREATE INDEX refusal_several ON cadre.refusals (at_ms) WHERE group_list IS NOT NULL",
    "CREATE INDEX notice_live ON cadre.notices (id) WHERE state < 2",
    "CREATE INDEX notice_done ON cadre.notices (id) WHERE state = 2",
    "CREATE INDEX page_session_token ON cadre.page_sessions (token, id)",
    "CREATE INDEX page_session_end ON cadre.page_sessions (ends_ms)",
    "CREATE INDEX trigger_next ON cadre.triggers (next_ms, id)"
    " WHERE kind = 1 AND disabled = 0 AND next_ms > 0",
    "CREATE INDEX agent_event_age ON cadre.agent_events (last_ms)",
    "INSERT INTO cadre.groups (key, paused, max_queued, created_ms) VALUES ('', 0, 0, 0)",
    /* output */
    "CREATE TABLE cadre_output.chunks ("
    " cursor bigint PRIMARY KEY, job bigint NOT NULL, attempt bigint NOT NULL,"
    " stream bigint NOT NULL CHECK (stream BETWEEN 1 AND 3), \"offset\" bigint NOT NULL,"
    " data bytea NOT NULL, at_ms bigint NOT NULL DEFAULT 0, sum bigint)",
    "CREATE TABLE cadre_output.streams ("
    " job bigint NOT NULL, attempt bigint NOT NULL, stream bigint NOT NULL,"
    " next_offset bigint NOT NULL, bytes bigint NOT NULL,"
    " first_cursor bigint NOT NULL DEFAULT 0,"
    " last_cursor bigint NOT NULL DEFAULT 9223372036854775807,"
    " PRIMARY KEY (job, attempt, stream))"
    " WITH (fillfactor = 70)",
    "CREATE TABLE cadre_output.dropped ("
    " job bigint NOT NULL, attempt bigint NOT NULL, PRIMARY KEY (job, attempt))",
    "CREATE TABLE cadre_output.parts ("
    " id text COLLATE \"C\" NOT NULL, output_mark bigint NOT NULL,"
    " lost_ms bigint NOT NULL DEFAULT 0, lost_cursor bigint NOT NULL DEFAULT 0)",
    "CREATE INDEX chunk_job ON cadre_output.chunks (job, cursor, attempt, stream)",
    "INSERT INTO cadre.owner VALUES (0, 0, 0, '', '', 0)",
};

#define TEXT_BYTES_MOST ((size_t)1 << 20)

/* The text whole, with the version that it leads to. */
static char *noted(struct buf *b, int version)
{
    buf_addf(b, "UPDATE cadre.owner SET schema = %d WHERE part = 0;", version);
    return buf_detach(b);
}

static char *base_text(void)
{
    struct buf b;
    buf_init(&b, TEXT_BYTES_MOST);
    for (size_t i = 0; i < sizeof base / sizeof *base; i++)
        buf_addf(&b, "%s;\n", base[i]);
    return noted(&b, SCHEMA_BASE);
}

char *pg_schema_text(const struct schema_step *step, int version)
{
    struct buf b;
    buf_init(&b, TEXT_BYTES_MOST);
    buf_addf(&b, "%s\n", step->pg ? step->pg : step->sqlite);
    return noted(&b, version);
}

char *pg_schema_step(int from, int *next)
{
    if (from == 0) {
        *next = SCHEMA_BASE;
        return base_text();
    }
    const struct schema_step *step = schema_step_from(from);
    if (!step) return NULL;
    *next = from + 1;
    return pg_schema_text(step, *next);
}

int pg_schema_check(int64_t version, struct err *e)
{
    int newest = schema_newest();
    if (version == newest) return 0;
    if (version > newest)
        return err_set(e, ERR_UNSUPPORTED,
                       "the database was written by a newer Cadre (its version is %lld, this "
                       "program knows up to %d): install that one",
                       (long long)version, newest);
    return err_set(e, ERR_UNSUPPORTED,
                   "the database has version %lld instead of %d: a coordinator of this version "
                   "that owns it upgrades it",
                   (long long)version, newest);
}
