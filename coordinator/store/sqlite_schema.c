/* Numbered migrations; those of cadre.db from SCHEMA_BASE on stand in sql_schema.c. One that was
 * released is never changed: tests/unit/coordinator/fixtures keeps what it made. The first part of
 * a row's life is kept in `jobs`, written once; what changes stands in `job_states`, whose rows are
 * so narrow that a batch of steps dirties few pages. */
#include "coordinator/store/sqlite_schema.h"
#include "coordinator/store/sql_schema.h"

#define QUEUE_APPLICATION 0x43447251  /* "CDrQ" */
#define OUTPUT_APPLICATION 0x4344724f /* "CDrO" */

static const char queue_1[] =
    /* Immutable. spec stands last: a long one spills into pages that nobody else reads. */
    "CREATE TABLE jobs ("
    "  id INTEGER PRIMARY KEY,"
    "  kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 1),"
    "  fallback INTEGER NOT NULL CHECK (fallback BETWEEN 0 AND 3),"
    "  ns TEXT, name TEXT, flow TEXT, execution TEXT, task TEXT,"
    "  submitter INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  queue_timeout_ms INTEGER NOT NULL,"
    "  timeout_ms INTEGER NOT NULL,"
    "  lease_ms INTEGER NOT NULL,"
    "  kill_grace_ms INTEGER NOT NULL,"
    "  output_limit INTEGER NOT NULL,"
    "  retry_type INTEGER NOT NULL CHECK (retry_type BETWEEN 0 AND 3),"
    "  retry_interval_ms INTEGER NOT NULL,"
    "  retry_max_interval_ms INTEGER NOT NULL,"
    "  retry_delay_factor REAL NOT NULL,"
    "  retry_max_attempts INTEGER NOT NULL,"
    "  retry_max_duration_ms INTEGER NOT NULL,"
    "  spec TEXT NOT NULL"
    ") STRICT;"
    /* group_key "" is the default group: NULLs would not be found by an index seek. The partial
     * indexes are made on columns of their own (queued, open, ended_ms, bad), not on the state, so
     * that a step touches only those that the job enters or leaves. Each ends in the id by itself,
     * it being the row number. */
    "CREATE TABLE job_states ("
    "  id INTEGER PRIMARY KEY,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 9),"
    "  queued INTEGER NOT NULL,"  /* 1: CREATED */
    "  open INTEGER NOT NULL,"    /* enum open_place */
    "  bad INTEGER NOT NULL,"     /* 1: final, but not SUCCESS */
    "  watched INTEGER NOT NULL," /* 1: OPEN_WATCHED while CREATED */
    "  reason INTEGER NOT NULL,"
    "  truncated INTEGER NOT NULL,"
    "  group_key TEXT NOT NULL,"
    "  requires_id INTEGER NOT NULL,"
    "  priority INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  agent INTEGER NOT NULL,"
    "  submitted_ms INTEGER NOT NULL,"
    "  started_ms INTEGER NOT NULL,"
    "  ended_ms INTEGER NOT NULL,"
    "  first_started_ms INTEGER NOT NULL,"
    "  retry_at_ms INTEGER NOT NULL,"
    "  exit_code INTEGER,"
    "  message TEXT,"
    "  outputs TEXT"
    ") STRICT;"
    "CREATE INDEX job_queue ON job_states (group_key, requires_id, priority DESC)"
    "  WHERE queued = 1;"
    "CREATE INDEX job_open ON job_states (agent, open) WHERE open > 0;"
    "CREATE INDEX job_bad ON job_states (bad) WHERE bad = 1;"
    "CREATE INDEX job_ended ON job_states (ended_ms) WHERE ended_ms > 0;"
    /* How many jobs of a class are in each open state. */
    "CREATE TABLE job_counts ("
    "  group_key TEXT NOT NULL,"
    "  requires_id INTEGER NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  submitted INTEGER NOT NULL,"
    "  running INTEGER NOT NULL,"
    "  killing INTEGER NOT NULL,"
    "  retrying INTEGER NOT NULL,"
    "  PRIMARY KEY (group_key, requires_id)"
    ") STRICT, WITHOUT ROWID;"
    /* Apart from the job, because keys are forgotten sooner than jobs. */
    "CREATE TABLE job_keys ("
    "  job INTEGER PRIMARY KEY,"
    "  unique_key TEXT NOT NULL UNIQUE"
    ") STRICT;"
    "CREATE TABLE attempts ("
    "  job INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  agent INTEGER NOT NULL,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 9),"
    "  reason INTEGER NOT NULL,"
    "  exit_code INTEGER,"
    "  submitted_ms INTEGER NOT NULL,"
    "  started_ms INTEGER NOT NULL,"
    "  ended_ms INTEGER NOT NULL,"
    "  message TEXT,"
    "  PRIMARY KEY (job, attempt)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE requires (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"
    /* Narrow, because last_seq changes with every batch of events. */
    "CREATE TABLE agents ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL,"
    "  group_key TEXT NOT NULL,"
    "  online INTEGER NOT NULL,"
    "  draining INTEGER NOT NULL,"
    "  held INTEGER NOT NULL,"
    "  slots INTEGER NOT NULL,"
    "  last_seq INTEGER NOT NULL,"
    "  last_seen_ms INTEGER NOT NULL,"
    "  removed_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX agent_name ON agents (name) WHERE removed_ms = 0;"
    "CREATE TABLE agent_facts ("
    "  id INTEGER PRIMARY KEY,"
    "  created_ms INTEGER NOT NULL,"
    "  token INTEGER NOT NULL,"
    "  token_group TEXT,"
    "  version TEXT, host_id TEXT, boot_id TEXT, journal_id TEXT, spki TEXT,"
    "  drain_reason TEXT,"
    "  capabilities TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE groups ("
    "  key TEXT PRIMARY KEY,"
    "  description TEXT,"
    "  require TEXT,"
    "  allowed_namespaces TEXT,"
    "  paused INTEGER NOT NULL,"
    "  max_queued INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE namespaces (ns TEXT PRIMARY KEY, group_key TEXT, fallback INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE tokens ("
    "  id INTEGER PRIMARY KEY,"
    "  role INTEGER NOT NULL CHECK (role BETWEEN 0 AND 3),"
    "  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),"
    "  name TEXT, group_key TEXT, ns TEXT,"
    "  created_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL,"
    "  last_used_ms INTEGER NOT NULL,"
    "  uses_left INTEGER NOT NULL"
    ") STRICT;";

static const char queue_2[] =
    "CREATE INDEX job_execution ON jobs (execution) WHERE execution IS NOT NULL;"
    "CREATE TABLE flows ("
    "  ns TEXT NOT NULL,"
    "  id TEXT NOT NULL,"
    "  revision INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL,"
    "  deleted_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (ns, id)"
    ") STRICT, WITHOUT ROWID;"
    /* Immutable. */
    "CREATE TABLE flow_revisions ("
    "  ns TEXT NOT NULL,"
    "  flow TEXT NOT NULL,"
    "  revision INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  source TEXT NOT NULL,"
    "  PRIMARY KEY (ns, flow, revision)"
    ") STRICT;"
    /* What changes stands in front of what may be long. */
    "CREATE TABLE executions ("
    "  id INTEGER PRIMARY KEY,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 8),"
    "  open INTEGER NOT NULL," /* 1: not final */
    "  reason INTEGER NOT NULL,"
    "  position INTEGER NOT NULL,"
    "  job INTEGER NOT NULL,"
    "  warned INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  started_ms INTEGER NOT NULL,"
    "  ended_ms INTEGER NOT NULL,"
    "  ns TEXT NOT NULL,"
    "  flow TEXT NOT NULL,"
    "  revision INTEGER NOT NULL,"
    "  submitter INTEGER NOT NULL,"
    "  trigger_name TEXT,"
    "  message TEXT,"
    "  labels TEXT,"
    "  inputs TEXT,"
    "  trigger_vars TEXT"
    ") STRICT;"
    "CREATE INDEX execution_flow ON executions (ns, flow);"
    "CREATE INDEX execution_open ON executions (open) WHERE open = 1;"
    "CREATE INDEX execution_ended ON executions (ended_ms) WHERE ended_ms > 0;"
    "CREATE TABLE execution_keys ("
    "  execution INTEGER PRIMARY KEY,"
    "  unique_key TEXT NOT NULL UNIQUE"
    ") STRICT;"
    "CREATE TABLE triggers ("
    "  id INTEGER PRIMARY KEY,"
    "  ns TEXT NOT NULL,"
    "  flow TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  file_disabled INTEGER NOT NULL,"
    "  disabled INTEGER NOT NULL,"
    "  concurrent INTEGER NOT NULL,"
    "  interval_ms INTEGER NOT NULL,"
    "  next_ms INTEGER NOT NULL,"
    "  job INTEGER NOT NULL,"
    "  result INTEGER NOT NULL CHECK (result BETWEEN 0 AND 4),"
    "  ended_ms INTEGER NOT NULL,"
    "  execution INTEGER NOT NULL,"
    "  evaluations INTEGER NOT NULL,"
    "  fired INTEGER NOT NULL,"
    "  errors INTEGER NOT NULL,"
    "  skipped INTEGER NOT NULL,"
    "  why TEXT,"
    "  message TEXT,"
    "  UNIQUE (ns, flow, name)"
    ") STRICT;"
    "CREATE TABLE evaluations ("
    "  trigger_id INTEGER NOT NULL,"
    "  number INTEGER NOT NULL,"
    "  result INTEGER NOT NULL CHECK (result BETWEEN 1 AND 4),"
    "  exit_code INTEGER,"
    "  job INTEGER NOT NULL,"
    "  execution INTEGER NOT NULL,"
    "  started_ms INTEGER NOT NULL,"
    "  ended_ms INTEGER NOT NULL,"
    "  message TEXT,"
    "  PRIMARY KEY (trigger_id, number)"
    ") STRICT, WITHOUT ROWID;";

/* Of jobs that are older nothing is known; the execution looks into its flow then. */
static const char queue_3[] =
    "ALTER TABLE job_states ADD COLUMN allow_failure INTEGER NOT NULL DEFAULT 0;";

/* What is no longer needed is found without looking for it (sql_retention.c). */
static const char queue_4[] =
    "ALTER TABLE requires ADD COLUMN jobs INTEGER NOT NULL DEFAULT 0;" /* that have them */
    "UPDATE requires SET jobs = n.jobs FROM (SELECT requires_id, count(*) AS jobs"
    "  FROM job_states WHERE requires_id > 0 GROUP BY requires_id) n WHERE n.requires_id = id;"
    "CREATE INDEX requires_unused ON requires (id) WHERE jobs = 0;"
    "CREATE INDEX token_revoked ON tokens (revoked_ms) WHERE revoked_ms > 0;"
    "CREATE INDEX token_expires ON tokens (expires_ms) WHERE expires_ms > 0;"
    "CREATE INDEX token_used_up ON tokens (last_used_ms) WHERE uses_left = 0;"
    "CREATE INDEX agent_removed ON agents (removed_ms) WHERE removed_ms > 0;"
    "CREATE INDEX execution_revision ON executions (ns, flow, revision);"
    "CREATE TABLE old_revisions ("
    "  since_ms INTEGER NOT NULL," /* another one is the present one, or the flow is deleted */
    "  ns TEXT NOT NULL,"
    "  flow TEXT NOT NULL,"
    "  revision INTEGER NOT NULL,"
    "  PRIMARY KEY (since_ms, ns, flow, revision)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO old_revisions SELECT next.created_ms, r.ns, r.flow, r.revision"
    "  FROM flow_revisions r JOIN flow_revisions next ON next.ns = r.ns AND next.flow = r.flow"
    "  AND next.revision = r.revision + 1;"
    "INSERT INTO old_revisions SELECT deleted_ms, ns, id, revision FROM flows"
    "  WHERE deleted_ms > 0;";

/* Which groups the present revision of a flow names, and of which flows that is not known yet:
 * those that were applied by a version before. */
static const char queue_5[] =
    "ALTER TABLE flows ADD COLUMN groups_known INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX flow_unread ON flows (ns, id) WHERE groups_known = 0 AND deleted_ms = 0;"
    "CREATE TABLE flow_groups ("
    "  group_key TEXT NOT NULL,"
    "  ns TEXT NOT NULL,"
    "  flow TEXT NOT NULL,"
    "  PRIMARY KEY (group_key, ns, flow)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX flow_group_of ON flow_groups (ns, flow);";

/* Beside what changes often stands only what is counted. */
static const char queue_6[] =
    "ALTER TABLE agents ADD COLUMN unwell_since_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE agent_facts ADD COLUMN unwell_reason TEXT;";

/* Processes of attempts that their agents could not end. Each keeps a slot of its agent taken. */
static const char queue_7[] = "CREATE TABLE remnants ("
                              "  agent INTEGER NOT NULL,"
                              "  job INTEGER NOT NULL,"
                              "  attempt INTEGER NOT NULL,"
                              "  since_ms INTEGER NOT NULL,"
                              "  processes TEXT NOT NULL,"
                              "  PRIMARY KEY (agent, job, attempt)"
                              ") STRICT, WITHOUT ROWID;";

/* Agents that could not start the present attempt of a job, in the order of `place`. */
static const char queue_8[] = "CREATE TABLE tried ("
                              "  job INTEGER NOT NULL,"
                              "  place INTEGER NOT NULL,"
                              "  agent INTEGER NOT NULL,"
                              "  message TEXT,"
                              "  PRIMARY KEY (job, place)"
                              ") STRICT, WITHOUT ROWID;";

/* Who did it. The name of who made a job stands behind its spec: it is read for people alone.
 * Administrators' tokens are few among many. */
static const char queue_9[] = "ALTER TABLE jobs ADD COLUMN created_by TEXT;"
                              "ALTER TABLE job_states ADD COLUMN cancelled_by TEXT;"
                              "ALTER TABLE executions ADD COLUMN created_by TEXT;"
                              "ALTER TABLE executions ADD COLUMN cancelled_by TEXT;"
                              "ALTER TABLE agent_facts ADD COLUMN created_by TEXT;"
                              "ALTER TABLE agent_facts ADD COLUMN drained_by TEXT;"
                              "ALTER TABLE agent_facts ADD COLUMN removed_by TEXT;"
                              "ALTER TABLE groups ADD COLUMN created_by TEXT;"
                              "ALTER TABLE groups ADD COLUMN updated_by TEXT;"
                              "ALTER TABLE groups ADD COLUMN paused_by TEXT;"
                              "ALTER TABLE namespaces ADD COLUMN updated_by TEXT;"
                              "ALTER TABLE tokens ADD COLUMN created_by TEXT;"
                              "ALTER TABLE tokens ADD COLUMN revoked_by TEXT;"
                              "ALTER TABLE flows ADD COLUMN updated_by TEXT;"
                              "ALTER TABLE flow_revisions ADD COLUMN created_by TEXT;"
                              "ALTER TABLE triggers ADD COLUMN disabled_by TEXT;"
                              "CREATE INDEX token_admin ON tokens (role) WHERE role = 3;";

/* What lists look for among all jobs. An evaluation that did not fire had failed before: it did
 * what it was for. */
static const char queue_10[] =
    "CREATE INDEX job_evaluation ON jobs (kind) WHERE kind = 1;"
    "CREATE INDEX job_named ON jobs (name) WHERE name IS NOT NULL;"
    "UPDATE job_states SET state = 5, bad = 0, reason = 0, message = NULL WHERE state = 7"
    "  AND reason = 1 AND exit_code = 1 AND id IN (SELECT id FROM jobs WHERE kind = 1);";

/* The default group is a row like any other: its key "" stands first. A group that was made under
 * the key by which people know the default group now becomes one with it. */
static const char queue_11[] =
    "UPDATE groups SET key = '' WHERE key = 'default';"
    "INSERT OR IGNORE INTO groups (key, paused, max_queued, created_ms) VALUES ('', 0, 0, 0);"
    "UPDATE namespaces SET group_key = NULL WHERE group_key = 'default';"
    "UPDATE agents SET group_key = '' WHERE group_key = 'default';"
    "UPDATE job_states SET group_key = '' WHERE group_key = 'default';"
    "INSERT INTO job_counts SELECT '', requires_id, created, submitted, running, killing, retrying"
    "  FROM job_counts WHERE group_key = 'default' ON CONFLICT DO UPDATE SET"
    "  created = created + excluded.created, submitted = submitted + excluded.submitted,"
    "  running = running + excluded.running, killing = killing + excluded.killing,"
    "  retrying = retrying + excluded.retrying;"
    "DELETE FROM job_counts WHERE group_key = 'default';";

/* sqlite_parts.c says what they are for. */
static const char queue_12[] =
    "CREATE TABLE parts (id TEXT NOT NULL, ca TEXT, output_mark INTEGER NOT NULL) STRICT;";

/* The last refusal of an agent that is known and not let in. */
static const char queue_13[] = "CREATE TABLE refusals ("
                               "  agent INTEGER PRIMARY KEY,"
                               "  group_key TEXT NOT NULL,"
                               "  reason TEXT NOT NULL,"
                               "  message TEXT NOT NULL,"
                               "  at_ms INTEGER NOT NULL"
                               ") STRICT;"
                               "CREATE INDEX refusal_group ON refusals (group_key, at_ms);";

/* Triggers of more kinds than one; the moments that schedules were planned for, and those that were
 * missed and wait for their turn. A line of the history may stand for several moments. */
static const char queue_14[] =
    "ALTER TABLE triggers ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE triggers ADD COLUMN planned_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE triggers ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE triggers ADD COLUMN backlog INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE triggers ADD COLUMN cron TEXT;"
    "ALTER TABLE triggers ADD COLUMN zone TEXT;"
    "ALTER TABLE triggers ADD COLUMN key_hash TEXT;"
    "ALTER TABLE evaluations ADD COLUMN planned_ms INTEGER NOT NULL"
    "  DEFAULT 0;"
    "ALTER TABLE evaluations ADD COLUMN moments INTEGER NOT NULL DEFAULT 1;"
    "CREATE TABLE missed_moments ("
    "  trigger_id INTEGER NOT NULL,"
    "  planned_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (trigger_id, planned_ms)"
    ") STRICT, WITHOUT ROWID;";

/* A task that sleeps, and the outputs of a flow. */
static const char queue_15[] =
    "ALTER TABLE executions ADD COLUMN asleep_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE executions ADD COLUMN wake_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE executions ADD COLUMN outputs TEXT;";

/* Did the check of an edge trigger hold? How long is the chain that an execution ends? */
static const char queue_16[] =
    "ALTER TABLE triggers ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE executions ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;";

/* What selectors choose a group by. */
static const char queue_17[] = "ALTER TABLE groups ADD COLUMN tags TEXT;";

/* Backfills under way, and the one that an execution belongs to. */
static const char queue_18[] =
    "CREATE TABLE backfills ("
    "  id INTEGER PRIMARY KEY,"
    "  trigger_id INTEGER NOT NULL,"
    "  start_ms INTEGER NOT NULL,"
    "  end_ms INTEGER NOT NULL,"
    "  cursor_ms INTEGER NOT NULL,"
    "  parallel INTEGER NOT NULL,"
    "  started INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  inputs TEXT,"
    "  created_by TEXT"
    ") STRICT;"
    "ALTER TABLE executions ADD COLUMN backfill INTEGER NOT NULL DEFAULT 0;";

/* Which planned moments of a schedule have an execution: all from the first to the last. What began
 * before this was kept is not known (first_ms 0). */
static const char queue_19[] =
    "CREATE TABLE fired_moments ("
    "  trigger_id INTEGER NOT NULL,"
    "  first_ms INTEGER NOT NULL,"
    "  last_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (trigger_id, first_ms)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO fired_moments SELECT id, 0, planned_ms FROM triggers WHERE kind = 1"
    "  AND planned_ms > 0;"
    "ALTER TABLE backfills ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;";

/* The job that a retry by hand does again. */
static const char queue_20[] = "ALTER TABLE jobs ADD COLUMN retry_of INTEGER NOT NULL DEFAULT 0;";

/* All groups of an agent that serves several, as JSON array; group_key is the first. */
static const char queue_21[] =
    "ALTER TABLE agents ADD COLUMN group_list TEXT;"
    "ALTER TABLE refusals ADD COLUMN group_list TEXT;"
    "CREATE INDEX agent_several ON agents (id) WHERE group_list IS NOT NULL;"
    "CREATE INDEX refusal_several ON refusals (at_ms) WHERE group_list IS NOT NULL;";

/* Messages to channels. */
static const char queue_22[] = "CREATE TABLE notices ("
                               "  id INTEGER PRIMARY KEY,"
                               "  channel TEXT NOT NULL,"
                               "  event TEXT NOT NULL,"
                               "  subject TEXT NOT NULL,"
                               "  first_ms INTEGER NOT NULL,"
                               "  state INTEGER NOT NULL,"
                               "  last_ms INTEGER NOT NULL,"
                               "  count INTEGER NOT NULL,"
                               "  total INTEGER NOT NULL,"
                               "  messages INTEGER NOT NULL,"
                               "  due_ms INTEGER NOT NULL,"
                               "  tries INTEGER NOT NULL,"
                               "  delivered_ms INTEGER NOT NULL,"
                               "  reason TEXT,"
                               "  facts TEXT NOT NULL"
                               ") STRICT;"
                               "CREATE INDEX notice_live ON notices (id) WHERE state < 2;"
                               "CREATE INDEX notice_done ON notices (id) WHERE state = 2;";

/* Browsers that have signed in with a token. */
static const char queue_23[] = "CREATE TABLE page_sessions ("
                               "  id INTEGER PRIMARY KEY,"
                               "  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),"
                               "  token INTEGER NOT NULL,"
                               "  created_ms INTEGER NOT NULL,"
                               "  ends_ms INTEGER NOT NULL"
                               ") STRICT;"
                               "CREATE INDEX page_session_token ON page_sessions (token, id);"
                               "CREATE INDEX page_session_end ON page_sessions (ends_ms);";

/* Schedules by the moment at which they fire next. */
static const char queue_24[] = "CREATE INDEX trigger_next ON triggers (next_ms)"
                               "  WHERE kind = 1 AND disabled = 0 AND next_ms > 0;";

/* Of each range of ids, what its jobs are found by. sql_blocks.c fills it, also when the store
 * opens and it is empty. */
static const char queue_25[] = "CREATE TABLE job_blocks ("
                               "  start INTEGER PRIMARY KEY,"
                               "  parts BLOB NOT NULL,"
                               "  subjects BLOB" /* NULL: any */
                               ") STRICT;";

/* Why an agent was removed, and what happened to it: several times from the first to the last. */
static const char queue_26[] = "ALTER TABLE agent_facts ADD COLUMN removed_reason TEXT;"
                               "CREATE TABLE agent_events ("
                               "  agent INTEGER NOT NULL,"
                               "  number INTEGER NOT NULL,"
                               "  kind INTEGER NOT NULL,"
                               "  first_ms INTEGER NOT NULL,"
                               "  last_ms INTEGER NOT NULL,"
                               "  times INTEGER NOT NULL,"
                               "  done_by TEXT,"
                               "  text TEXT,"
                               "  PRIMARY KEY (agent, number)"
                               ") STRICT, WITHOUT ROWID;"
                               "CREATE INDEX agent_event_age ON agent_events (last_ms);";

/* The index of jobs has more than groups and agents: it is made anew. */
static const char queue_27[] = "DELETE FROM job_blocks;";

/* Whom namespaces tell, also those that name no group. */
static const char queue_28[] =
    "ALTER TABLE namespaces ADD COLUMN groupless INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE namespaces ADD COLUMN notify TEXT;";

/* The trace that an execution is part of. */
static const char queue_29[] = "ALTER TABLE executions ADD COLUMN trace TEXT;";

static const char output_1[] =
    "CREATE TABLE chunks ("
    "  cursor INTEGER PRIMARY KEY,"
    "  job INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  stream INTEGER NOT NULL CHECK (stream BETWEEN 1 AND 3),"
    "  offset INTEGER NOT NULL,"
    "  data BLOB NOT NULL"
    ") STRICT;"
    /* In order of arrival, filtered without looking at the rows. */
    "CREATE INDEX chunk_job ON chunks (job, cursor, attempt, stream);"
    /* How far each stream has come: tells a chunk sent again from a new one, and sums up. */
    "CREATE TABLE streams ("
    "  job INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  stream INTEGER NOT NULL,"
    "  next_offset INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  PRIMARY KEY (job, attempt, stream)"
    ") STRICT, WITHOUT ROWID;";

/* Where the chunks of a stream are, so that those of one attempt are found among all of a job's: of
 * streams that are older, anywhere. And attempts whose output is still to be deleted. */
static const char output_2[] =
    "ALTER TABLE streams ADD COLUMN first_cursor INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE streams ADD COLUMN last_cursor INTEGER NOT NULL DEFAULT 9223372036854775807;"
    "CREATE TABLE dropped ("
    "  job INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  PRIMARY KEY (job, attempt)"
    ") STRICT, WITHOUT ROWID;";

/* When a chunk was received. */
static const char output_3[] = "ALTER TABLE chunks ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;";

/* The checksum of a chunk with all that is said of it; of those that are older there is none. */
static const char output_4[] =
    "CREATE TABLE parts (id TEXT NOT NULL, output_mark INTEGER NOT NULL,"
    "  lost_ms INTEGER NOT NULL DEFAULT 0, lost_cursor INTEGER NOT NULL DEFAULT 0) STRICT;"
    "ALTER TABLE chunks ADD COLUMN sum INTEGER;";

static const char *const queue_steps[] = {queue_1,  queue_2,  queue_3,  queue_4,  queue_5,
                                          queue_6,  queue_7,  queue_8,  queue_9,  queue_10,
                                          queue_11, queue_12, queue_13, queue_14, queue_15,
                                          queue_16, queue_17, queue_18, queue_19, queue_20,
                                          queue_21, queue_22, queue_23, queue_24, queue_25,
                                          queue_26, queue_27, queue_28, queue_29};
static const char *const output_steps[] = {output_1, output_2, output_3, output_4};

static const struct family {
    const char *const *steps;
    int count;
    int application;
} families[] = {
    [SCHEMA_QUEUE] = {queue_steps, sizeof queue_steps / sizeof *queue_steps, QUEUE_APPLICATION},
    [SCHEMA_OUTPUT] = {output_steps, sizeof output_steps / sizeof *output_steps,
                       OUTPUT_APPLICATION},
};

_Static_assert(sizeof queue_steps / sizeof *queue_steps == SCHEMA_BASE,
               "later steps stand in sql_schema.c");

int schema_version(enum schema which)
{
    return which == SCHEMA_QUEUE ? schema_newest() : families[which].count;
}

static const char *step_from(enum schema which, int version)
{
    const struct family *f = &families[which];
    return version < f->count ? f->steps[version] : schema_step_from(version)->sqlite;
}

int schema_application(enum schema which)
{
    return families[which].application;
}

/* The version of the file, 0 for an empty one. */
static int read_version(struct db *d, enum schema which, int64_t *version, struct err *e)
{
    int64_t application;
    int rc = db_int(d, "PRAGMA application_id", &application, e);
    if (rc == 0) rc = db_int(d, "PRAGMA user_version", version, e);
    if (rc != 0) return rc;
    int64_t tables;
    rc = db_int(d, "SELECT count(*) FROM sqlite_schema", &tables, e);
    if (rc != 0) return rc;
    bool empty = *version == 0 && tables == 0;
    if (!empty && application != families[which].application) {
        return err_set(e, ERR_CORRUPT,
                       "%s is not the expected database: the file is another program's, or %s",
                       d->path, "cadre.db and output.db were exchanged");
    }
    if (*version > schema_version(which)) {
        return err_set(e, ERR_UNSUPPORTED,
                       "%s was written by a newer Cadre (its version is %d, this program knows up "
                       "to %d): install that one, or go back to a backup made before the upgrade",
                       d->path, (int)*version, schema_version(which));
    }
    return 0;
}

static int migrate_step(struct db *d, enum schema which, int from, struct err *e)
{
    char mark[80];
    sqlite3_snprintf(sizeof mark, mark, "PRAGMA user_version=%d; PRAGMA application_id=%d; COMMIT",
                     from + 1, families[which].application);
    int rc = db_exec(d, "BEGIN IMMEDIATE", e);
    if (rc == 0) rc = db_exec(d, step_from(which, from), e);
    if (rc == 0) rc = db_exec(d, mark, e);
    if (rc != 0 && db_in_transaction(d)) db_exec(d, "ROLLBACK", NULL);
    return rc;
}

int schema_migrate(struct db *d, enum schema which, struct err *e)
{
    int64_t version;
    int rc = read_version(d, which, &version, e);
    for (; rc == 0 && version < schema_version(which); version++) {
        rc = migrate_step(d, which, (int)version, e);
        if (rc != 0) err_wrap(e, "upgrade of %s to version %d", d->path, (int)version + 1);
    }
    return rc;
}

int schema_check(struct db *d, enum schema which, struct err *e)
{
    int64_t version;
    int rc = read_version(d, which, &version, e);
    if (rc != 0 || version == schema_version(which)) return rc;
    return err_set(e, ERR_UNSUPPORTED,
                   "%s was written by an older Cadre (its version is %d, this program's %d): a "
                   "coordinator of this version upgrades it when it starts",
                   d->path, (int)version, schema_version(which));
}
