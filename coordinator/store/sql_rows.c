/* From columns to structs. The order is that of the lists in the header. */
#include "coordinator/store/sql_rows.h"

#include "base/checksum.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static int64_t number(struct stmt *q, int at)
{
    return column_int(q, at);
}

static bool is_null(struct stmt *q, int at)
{
    return column_is_null(q, at);
}

void row_job(struct stmt *q, struct job_row *j)
{
    *j = (struct job_row){
        .id = number(q, 0),
        .state = (enum job_state)number(q, 1),
        .reason = (enum reason)number(q, 2),
        .truncated = number(q, 3) != 0,
        .group = column_group(q, 4),
        .requires_id = number(q, 5),
        .priority = number(q, 6),
        .attempt = number(q, 7),
        .agent = number(q, 8),
        .submitted_ms = number(q, 9),
        .started_ms = number(q, 10),
        .ended_ms = number(q, 11),
        .first_started_ms = number(q, 12),
        .retry_at_ms = number(q, 13),
        .exited = !is_null(q, 14),
        .exit_code = number(q, 14),
        .message = column_text(q, 15),
        .kind = (enum job_kind)number(q, 16),
        .fallback = (enum fallback)number(q, 17),
        .ns = column_text(q, 18),
        .name = column_text(q, 19),
        .flow = column_text(q, 20),
        .execution = column_text(q, 21),
        .task = column_text(q, 22),
        .submitter = number(q, 23),
        .created_ms = number(q, 24),
        .queue_timeout_ms = number(q, 25),
        .timeout_ms = number(q, 26),
        .lease_ms = number(q, 27),
        .kill_grace_ms = number(q, 28),
        .output_limit = number(q, 29),
        .retry = {.type = (enum retry_type)number(q, 30),
                  .interval_ms = number(q, 31),
                  .max_interval_ms = number(q, 32),
                  .delay_factor = column_real(q, 33),
                  .max_attempts = number(q, 34),
                  .max_duration_ms = number(q, 35)},
        .allow_failure = number(q, 36) != 0,
    };
}

void row_queued(struct stmt *q, const struct queue_key *k, struct job_row *j)
{
    *j = (struct job_row){
        .id = number(q, 0),
        .group = mem_strdup(k->group),
        .requires_id = k->requires_id,
        .priority = number(q, 1),
        .attempt = number(q, 2),
        .reason = (enum reason)number(q, 3),
        .message = column_text(q, 4),
        .first_started_ms = number(q, 5),
        .allow_failure = number(q, 6) != 0,
        .kind = (enum job_kind)number(q, 7),
        .fallback = (enum fallback)number(q, 8),
        .ns = column_text(q, 9),
        .name = column_text(q, 10),
        .flow = column_text(q, 11),
        .execution = column_text(q, 12),
        .task = column_text(q, 13),
        .submitter = number(q, 14),
        .created_ms = number(q, 15),
        .queue_timeout_ms = number(q, 16),
        .timeout_ms = number(q, 17),
        .lease_ms = number(q, 18),
        .kill_grace_ms = number(q, 19),
        .output_limit = number(q, 20),
        .retry = {.type = (enum retry_type)number(q, 21),
                  .interval_ms = number(q, 22),
                  .max_interval_ms = number(q, 23),
                  .delay_factor = column_real(q, 24),
                  .max_attempts = number(q, 25),
                  .max_duration_ms = number(q, 26)},
    };
}

void row_agent(struct stmt *q, struct agent_row *a)
{
    *a = (struct agent_row){
        .id = number(q, 0),
        .name = column_text(q, 1),
        .group = column_group(q, 2),
        .online = number(q, 3) != 0,
        .draining = number(q, 4) != 0,
        .held = number(q, 5) != 0,
        .slots = number(q, 6),
        .last_seq = number(q, 7),
        .last_seen_ms = number(q, 8),
        .removed_ms = number(q, 9),
        .created_ms = number(q, 10),
        .token = number(q, 11),
        .token_group = column_text(q, 12),
        .version = column_text(q, 13),
        .host_id = column_text(q, 14),
        .boot_id = column_text(q, 15),
        .journal_id = column_text(q, 16),
        .spki = column_text(q, 17),
        .drain_reason = column_text(q, 18),
        .capabilities = column_text(q, 19),
        .unwell_since_ms = number(q, 20),
        .unwell_reason = column_text(q, 21),
        .created_by = column_text(q, 22),
        .drained_by = column_text(q, 23),
        .removed_by = column_text(q, 24),
        .groups = column_text(q, 25),
        .removed_reason = column_text(q, 26),
    };
}

void row_remnant(struct stmt *q, struct remnant_row *r)
{
    *r = (struct remnant_row){
        .agent = number(q, 0),
        .job = number(q, 1),
        .attempt = number(q, 2),
        .since_ms = number(q, 3),
        .processes = column_text(q, 4),
    };
}

void row_refusal(struct stmt *q, struct refusal_row *r)
{
    *r = (struct refusal_row){
        .agent = number(q, 0),
        .group = column_group(q, 1),
        .reason = column_text(q, 2),
        .message = column_text(q, 3),
        .at_ms = number(q, 4),
        .name = column_text(q, 5),
        .groups = column_text(q, 6),
    };
}

void row_attempt(struct stmt *q, struct attempt_row *a)
{
    *a = (struct attempt_row){
        .job = number(q, 0),
        .attempt = number(q, 1),
        .agent = number(q, 2),
        .state = (enum job_state)number(q, 3),
        .reason = (enum reason)number(q, 4),
        .exited = !is_null(q, 5),
        .exit_code = number(q, 5),
        .submitted_ms = number(q, 6),
        .started_ms = number(q, 7),
        .ended_ms = number(q, 8),
        .message = column_text(q, 9),
    };
}

void row_group(struct stmt *q, struct group_row *g)
{
    *g = (struct group_row){
        .key = column_group(q, 0),
        .description = column_text(q, 1),
        .require = column_text(q, 2),
        .allowed_namespaces = column_text(q, 3),
        .paused = number(q, 4) != 0,
        .max_queued = number(q, 5),
        .created_ms = number(q, 6),
        .created_by = column_text(q, 7),
        .updated_by = column_text(q, 8),
        .paused_by = column_text(q, 9),
        .tags = column_text(q, 10),
    };
}

void row_ns(struct stmt *q, struct namespace_row *n)
{
    *n = (struct namespace_row){
        .ns = column_text(q, 0),
        .group = column_group(q, 1),
        .fallback = (int)number(q, 2),
        .updated_by = column_text(q, 3),
        .groupless = number(q, 4) != 0,
        .notify = column_text(q, 5),
    };
}

/* The table checks the length; a hash of zeros belongs to no secret. */
static void column_hash(struct stmt *q, int at, uint8_t hash[32])
{
    const void *bytes = column_blob(q, at);
    if (bytes && column_bytes(q, at) == 32) memcpy(hash, bytes, 32);
}

void row_token(struct stmt *q, struct token_row *t)
{
    *t = (struct token_row){
        .id = number(q, 0),
        .role = (enum token_role)number(q, 1),
        .name = column_text(q, 3),
        .group = column_text(q, 4),
        .ns = column_text(q, 5),
        .created_ms = number(q, 6),
        .expires_ms = number(q, 7),
        .revoked_ms = number(q, 8),
        .last_used_ms = number(q, 9),
        .uses_left = number(q, 10),
        .created_by = column_text(q, 11),
        .revoked_by = column_text(q, 12),
    };
    column_hash(q, 2, t->secret_hash);
}

void row_page_session(struct stmt *q, struct page_session_row *p)
{
    *p = (struct page_session_row){
        .id = number(q, 0),
        .token = number(q, 2),
        .created_ms = number(q, 3),
        .ends_ms = number(q, 4),
    };
    column_hash(q, 1, p->hash);
}

void row_flow(struct stmt *q, struct flow_row *f)
{
    *f = (struct flow_row){
        .ns = column_text(q, 0),
        .id = column_text(q, 1),
        .revision = number(q, 2),
        .created_ms = number(q, 3),
        .updated_ms = number(q, 4),
        .deleted_ms = number(q, 5),
        .updated_by = column_text(q, 6),
        .source = column_text(q, FLOW_COLUMN_COUNT),
    };
}

void row_execution(struct stmt *q, bool texts, struct execution_row *x)
{
    *x = (struct execution_row){
        .id = number(q, 0),
        .state = (enum execution_state)number(q, 1),
        .reason = (enum reason)number(q, 2),
        .position = number(q, 3),
        .job = number(q, 4),
        .warned = number(q, 5) != 0,
        .created_ms = number(q, 6),
        .started_ms = number(q, 7),
        .ended_ms = number(q, 8),
        .ns = column_text(q, 9),
        .flow = column_text(q, 10),
        .revision = number(q, 11),
        .submitter = number(q, 12),
        .trigger = column_text(q, 13),
        .message = column_text(q, 14),
        .created_by = column_text(q, 15),
        .cancelled_by = column_text(q, 16),
        .asleep_ms = number(q, 17),
        .wake_ms = number(q, 18),
        .depth = number(q, 19),
        .backfill = number(q, 20),
        .labels = texts ? column_text(q, EXECUTION_COLUMN_COUNT) : NULL,
        .inputs = texts ? column_text(q, EXECUTION_COLUMN_COUNT + 1) : NULL,
        .trigger_vars = texts ? column_text(q, EXECUTION_COLUMN_COUNT + 2) : NULL,
        .outputs = texts ? column_text(q, EXECUTION_COLUMN_COUNT + 3) : NULL,
        .trace = texts ? column_text(q, EXECUTION_COLUMN_COUNT + 4) : NULL,
    };
}

void row_run(struct stmt *q, int from, bool outputs, struct run_row *r)
{
    *r = (struct run_row){
        .execution = number(q, from),
        .number = number(q, from + 1),
        .parent = number(q, from + 2),
        .state = (enum run_state)number(q, from + 3),
        .iteration = number(q, from + 4),
        .chosen = number(q, from + 5),
        .job = number(q, from + 6),
        .child = number(q, from + 7),
        .reason = (enum reason)number(q, from + 8),
        .created_ms = number(q, from + 9),
        .started_ms = number(q, from + 10),
        .ended_ms = number(q, from + 11),
        .due_ms = number(q, from + 12),
        .task = column_text(q, from + 13),
        .value = column_text(q, from + 14),
        .message = column_text(q, from + 15),
        .outputs = outputs ? column_text(q, from + RUN_COLUMN_COUNT) : NULL,
    };
}

void row_notice(struct stmt *q, struct notice_row *n)
{
    *n = (struct notice_row){.id = column_int(q, 0),
                             .channel = column_text(q, 1),
                             .event = column_text(q, 2),
                             .subject = column_text(q, 3),
                             .first_ms = column_int(q, 4),
                             .state = (enum notice_state)column_int(q, 5),
                             .last_ms = column_int(q, 6),
                             .count = column_int(q, 7),
                             .total = column_int(q, 8),
                             .messages = column_int(q, 9),
                             .due_ms = column_int(q, 10),
                             .tries = column_int(q, 11),
                             .delivered_ms = column_int(q, 12),
                             .reason = column_text(q, 13),
                             .facts = column_text(q, 14)};
}

void row_trigger(struct stmt *q, struct trigger_row *t)
{
    *t = (struct trigger_row){
        .id = number(q, 0),
        .ns = column_text(q, 1),
        .flow = column_text(q, 2),
        .name = column_text(q, 3),
        .file_disabled = number(q, 4) != 0,
        .disabled = number(q, 5) != 0,
        .concurrent = number(q, 6) != 0,
        .interval_ms = number(q, 7),
        .next_ms = number(q, 8),
        .job = number(q, 9),
        .result = (enum evaluation_result)number(q, 10),
        .ended_ms = number(q, 11),
        .execution = number(q, 12),
        .evaluations = number(q, 13),
        .fired = number(q, 14),
        .errors = number(q, 15),
        .skipped = number(q, 16),
        .why = column_text(q, 17),
        .message = column_text(q, 18),
        .disabled_by = column_text(q, 19),
        .kind = (enum trigger_kind)number(q, 20),
        .planned_ms = number(q, 21),
        .missed = number(q, 22),
        .backlog = number(q, 23),
        .cron = column_text(q, 24),
        .zone = column_text(q, 25),
        .key_hash = column_text(q, 26),
        .holds = number(q, 27) != 0,
    };
}

void row_evaluation(struct stmt *q, struct evaluation_row *v)
{
    *v = (struct evaluation_row){
        .trigger = number(q, 0),
        .number = number(q, 1),
        .result = (enum evaluation_result)number(q, 2),
        .exited = !is_null(q, 3),
        .exit_code = number(q, 3),
        .job = number(q, 4),
        .execution = number(q, 5),
        .started_ms = number(q, 6),
        .ended_ms = number(q, 7),
        .message = column_text(q, 8),
        .planned_ms = number(q, 9),
        .moments = number(q, 10),
    };
}

/* In the index the first of each priority is its oldest. */
int queue_oldest(struct db *d, struct stmt *q, const struct queue_key *k, int64_t *id,
                 struct err *e)
{
    int64_t below = INT64_MAX;
    int rc = 1;
    *id = 0;
    for (int n = 0; rc == 1 && n < LOAD_PRIORITIES; n++) {
        bind_text(q, 1, group_text(k->group));
        bind_int(q, 2, k->requires_id);
        bind_int(q, 3, below);
        rc = db_step(d, q, e);
        if (rc == 1) {
            below = column_int(q, 0);
            int64_t first = column_int(q, 1);
            if (*id == 0 || first < *id) *id = first;
        }
        db_reset(q);
    }
    return rc < 0 ? rc : 0;
}

int64_t chunk_sum(const struct chunk *c)
{
    uint64_t sum = checksum_add_int(CHECKSUM_START, c->job);
    sum = checksum_add_int(sum, c->attempt);
    sum = checksum_add_int(sum, c->stream);
    sum = checksum_add_int(sum, c->offset);
    sum = checksum_add_int(sum, c->at_ms);
    return (int64_t)checksum_add(sum, c->data, c->len);
}

bool row_has_labels(const char *text, const struct json *wanted)
{
    struct json *labels = NULL;
    if (text && json_parse(text, strlen(text), &labels, NULL) != 0) return false;
    bool has = true;
    for (const struct json *w = json_first(wanted); w && has; w = json_next(w))
        has = str_eq(json_get_str(labels, json_key(w), NULL), json_str(w, ""));
    json_free(labels);
    return has;
}
