/* Names, legal successions and clean-up of what the store keeps. */
#include "coordinator/store/model_agent_event.h"
#include "coordinator/store/model_attempt.h"
#include "coordinator/store/model_flow.h"
#include "coordinator/store/model_run.h"
#include "coordinator/store/model_notice.h"

#include "base/mem.h"
#include "base/str.h"

#define BIT(state) (UINT32_C(1) << (state))

static const struct fsm_state job_states[JOB_STATES] = {
    /* WARNING: FAILED of a task that may */
    [JOB_CREATED] = {"CREATED",
                     BIT(JOB_SUBMITTED) | BIT(JOB_RETRYING) | BIT(JOB_WARNING) | BIT(JOB_FAILED) |
                         BIT(JOB_CANCELLED),
                     false},
    /* FAILED without having run: could not be spawned, or lost on the way; KILLED: the same under a
     * cancel */
    [JOB_SUBMITTED] = {"SUBMITTED",
                       BIT(JOB_CREATED) | BIT(JOB_RUNNING) | BIT(JOB_KILLING) | BIT(JOB_RETRYING) |
                           BIT(JOB_WARNING) | BIT(JOB_FAILED) | BIT(JOB_KILLED),
                       false},
    [JOB_RUNNING] = {"RUNNING",
                     BIT(JOB_KILLING) | BIT(JOB_RETRYING) | BIT(JOB_SUCCESS) | BIT(JOB_WARNING) |
                         BIT(JOB_FAILED) | BIT(JOB_KILLED),
                     false},
    /* RETRYING: the kill was the coordinator's own, of an attempt past its timeout */
    [JOB_KILLING] = {"KILLING",
                     BIT(JOB_RETRYING) | BIT(JOB_SUCCESS) | BIT(JOB_WARNING) | BIT(JOB_FAILED) |
                         BIT(JOB_KILLED),
                     false},
    [JOB_RETRYING] = {"RETRYING",
                      BIT(JOB_CREATED) | BIT(JOB_WARNING) | BIT(JOB_FAILED) | BIT(JOB_CANCELLED),
                      false},
    [JOB_SUCCESS] = {"SUCCESS", 0, true},
    [JOB_WARNING] = {"WARNING", 0, true},
    [JOB_FAILED] = {"FAILED", 0, true},
    [JOB_KILLED] = {"KILLED", 0, true},
    [JOB_CANCELLED] = {"CANCELLED", 0, true},
};

const struct fsm job_fsm = {.name = "job", .states = job_states, .count = JOB_STATES};

const char *const shown_kind_names[SHOWN_KINDS] = {
    [SHOWN_JOB] = "job",
    [SHOWN_TASK] = "task",
    [SHOWN_EVALUATION] = "evaluation",
};

const char *const shown_state_names[SHOWN_STATES] = {
    [JOB_CREATED] = "CREATED",     [JOB_SUBMITTED] = "SUBMITTED", [JOB_RUNNING] = "RUNNING",
    [JOB_KILLING] = "KILLING",     [JOB_RETRYING] = "RETRYING",   [JOB_SUCCESS] = "SUCCESS",
    [JOB_WARNING] = "WARNING",     [JOB_FAILED] = "FAILED",       [JOB_KILLED] = "KILLED",
    [JOB_CANCELLED] = "CANCELLED", [SHOWN_FIRED] = "FIRED",       [SHOWN_NO] = "NO",
};

const char *const agent_state_names[AGENT_STATES] = {
    [AGENT_ONLINE] = "ONLINE",
    [AGENT_OFFLINE] = "OFFLINE",
    [AGENT_DRAINING] = "DRAINING",
    [AGENT_UNWELL] = "UNWELL",
};

enum agent_state agent_state_of(const struct agent_row *a)
{
    if (!a->online) return AGENT_OFFLINE;
    if (a->unwell_since_ms > 0) return AGENT_UNWELL;
    return a->draining || a->held ? AGENT_DRAINING : AGENT_ONLINE;
}

enum shown_kind shown_kind(enum job_kind kind, bool alone)
{
    return kind == JOB_TRIGGER ? SHOWN_EVALUATION : alone ? SHOWN_JOB : SHOWN_TASK;
}

int shown_state(enum job_kind kind, enum job_state state, int64_t exit_code)
{
    if (kind != JOB_TRIGGER || (state != JOB_SUCCESS && state != JOB_WARNING)) return (int)state;
    return (exit_code == 0) == (state == JOB_SUCCESS) ? SHOWN_FIRED : SHOWN_NO;
}

static const struct fsm_state execution_states[EXECUTION_STATES] = {
    [EXECUTION_CREATED] = {"CREATED",
                           BIT(EXECUTION_QUEUED) | BIT(EXECUTION_RUNNING) | BIT(EXECUTION_FAILED) |
                               BIT(EXECUTION_CANCELLED),
                           false},
    [EXECUTION_QUEUED] = {"QUEUED", BIT(EXECUTION_RUNNING) | BIT(EXECUTION_CANCELLED), false},
    [EXECUTION_RUNNING] = {"RUNNING",
                           BIT(EXECUTION_KILLING) | BIT(EXECUTION_SUCCESS) |
                               BIT(EXECUTION_WARNING) | BIT(EXECUTION_FAILED) |
                               BIT(EXECUTION_KILLED) | BIT(EXECUTION_CANCELLED),
                           false},
    [EXECUTION_KILLING] = {"KILLING", BIT(EXECUTION_KILLED), false},
    [EXECUTION_SUCCESS] = {"SUCCESS", 0, true},
    [EXECUTION_WARNING] = {"WARNING", 0, true},
    [EXECUTION_FAILED] = {"FAILED", 0, true},
    [EXECUTION_KILLED] = {"KILLED", 0, true},
    [EXECUTION_CANCELLED] = {"CANCELLED", 0, true},
};

const struct fsm execution_fsm = {.name = "execution",
                                  .states = execution_states,
                                  .count = EXECUTION_STATES};

const char *const evaluation_names[EVALUATION_RESULTS] = {
    [EVALUATION_FIRED] = "fired",
    [EVALUATION_NOT_FIRED] = "not-fired",
    [EVALUATION_ERROR] = "error",
    [EVALUATION_SKIPPED] = "skipped",
};

const char *const trigger_kind_names[TRIGGER_KINDS] = {"polling", "schedule", "webhook", "flow"};

const char *const fallback_names[4] = {
    [FALLBACK_WAIT] = "WAIT",
    [FALLBACK_FAIL] = "FAIL",
    [FALLBACK_CANCEL] = "CANCEL",
    [FALLBACK_IGNORE] = "IGNORE",
};

const char *const role_names[4] = {
    [ROLE_JOIN] = "join",
    [ROLE_READ] = "read",
    [ROLE_SUBMIT] = "submit",
    [ROLE_ADMIN] = "admin",
};

static const char *const reason_names[REASONS] = {
    [REASON_EXIT_CODE] = "exit-code",
    [REASON_TIMEOUT] = "timeout",
    [REASON_QUEUE_TIMEOUT] = "queue-timeout",
    [REASON_CANCELLED] = "cancelled",
    [REASON_LOST] = "lost",
    [REASON_INTERRUPTED] = "interrupted",
    [REASON_NO_AGENT] = "no-agent",
    [REASON_UNKNOWN_GROUP] = "unknown-group",
    [REASON_GROUP_DELETED] = "group-deleted",
    [REASON_NOT_STARTED] = "not-started",
    [REASON_PAYLOAD_TOO_LARGE] = "payload-too-large",
    [REASON_DRAIN] = "drain",
    [REASON_FAIL] = "fail",
    [REASON_LIMIT] = "limit",
};

const char *reason_name(enum reason r)
{
    return (unsigned)r < REASONS ? reason_names[r] : NULL;
}

int reason_find(const char *name)
{
    if (!name) return -1;
    for (int i = REASON_NONE + 1; i < REASONS; i++) {
        if (str_eq(reason_names[i], name)) return i;
    }
    return -1;
}

bool job_is_final(enum job_state s)
{
    return fsm_final(&job_fsm, (int)s);
}

bool job_is_assigned(enum job_state s)
{
    return s == JOB_SUBMITTED || s == JOB_RUNNING || s == JOB_KILLING;
}

bool execution_is_final(enum execution_state s)
{
    return fsm_final(&execution_fsm, (int)s);
}

void job_row_fini(struct job_row *j)
{
    mem_free(j->ns);
    mem_free(j->name);
    mem_free(j->flow);
    mem_free(j->execution);
    mem_free(j->task);
    mem_free(j->group);
    mem_free(j->message);
    mem_free(j->unique_key);
    mem_free(j->created_by);
    mem_free(j->cancelled_by);
    *j = (struct job_row){0};
}

void attempt_row_fini(struct attempt_row *a)
{
    mem_free(a->message);
    *a = (struct attempt_row){0};
}

void refusal_row_fini(struct refusal_row *r)
{
    mem_free(r->group);
    mem_free(r->groups);
    mem_free(r->reason);
    mem_free(r->message);
    mem_free(r->name);
    *r = (struct refusal_row){0};
}

void remnant_row_fini(struct remnant_row *r)
{
    mem_free(r->processes);
    *r = (struct remnant_row){0};
}

void tried_row_fini(struct tried_row *t)
{
    mem_free(t->message);
}

void agent_row_fini(struct agent_row *a)
{
    mem_free(a->name);
    mem_free(a->group);
    mem_free(a->groups);
    mem_free(a->token_group);
    mem_free(a->capabilities);
    mem_free(a->version);
    mem_free(a->host_id);
    mem_free(a->boot_id);
    mem_free(a->journal_id);
    mem_free(a->drain_reason);
    mem_free(a->unwell_reason);
    mem_free(a->spki);
    mem_free(a->created_by);
    mem_free(a->drained_by);
    mem_free(a->removed_by);
    mem_free(a->removed_reason);
    *a = (struct agent_row){0};
}

const char *const agent_event_names[AGENT_EVENT_KINDS] = {
    [AGENT_ENROLLED] = "enrolled",
    [AGENT_CONNECTED] = "connected",
    [AGENT_DISCONNECTED] = "disconnected",
    [AGENT_DRAINED] = "drained",
    [AGENT_RESUMED] = "resumed",
    [AGENT_GOT_UNWELL] = "unwell",
    [AGENT_GOT_WELL] = "well",
    [AGENT_REMOVED] = "removed",
};

void agent_event_row_fini(struct agent_event_row *v)
{
    mem_free(v->by);
    mem_free(v->text);
    *v = (struct agent_event_row){0};
}

void group_row_fini(struct group_row *g)
{
    mem_free(g->key);
    mem_free(g->description);
    mem_free(g->require);
    mem_free(g->allowed_namespaces);
    mem_free(g->tags);
    mem_free(g->created_by);
    mem_free(g->updated_by);
    mem_free(g->paused_by);
    *g = (struct group_row){0};
}

void namespace_row_fini(struct namespace_row *n)
{
    mem_free(n->ns);
    mem_free(n->group);
    mem_free(n->notify);
    mem_free(n->updated_by);
    *n = (struct namespace_row){0};
}

void token_row_fini(struct token_row *t)
{
    mem_free(t->name);
    mem_free(t->group);
    mem_free(t->ns);
    mem_free(t->created_by);
    mem_free(t->revoked_by);
    mem_wipe(t->secret_hash, sizeof t->secret_hash);
    *t = (struct token_row){0};
}

void flow_row_fini(struct flow_row *f)
{
    mem_free(f->ns);
    mem_free(f->id);
    mem_free(f->source);
    mem_free(f->updated_by);
    *f = (struct flow_row){0};
}

void execution_row_fini(struct execution_row *x)
{
    mem_free(x->ns);
    mem_free(x->flow);
    mem_free(x->message);
    mem_free(x->trigger);
    mem_free(x->inputs);
    mem_free(x->trigger_vars);
    mem_free(x->trace);
    mem_free(x->labels);
    mem_free(x->outputs);
    mem_free(x->unique_key);
    mem_free(x->created_by);
    mem_free(x->cancelled_by);
    *x = (struct execution_row){0};
}

const char *const run_state_names[RUN_STATES] = {
    "RUNNING", "PAUSED", "SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "SKIPPED",
};

enum run_state run_state_of_job(enum job_state job)
{
    static const enum run_state states[JOB_STATES] = {
        [JOB_SUCCESS] = RUN_SUCCESS, [JOB_WARNING] = RUN_WARNING,     [JOB_FAILED] = RUN_FAILED,
        [JOB_KILLED] = RUN_KILLED,   [JOB_CANCELLED] = RUN_CANCELLED,
    };
    return states[job];
}

void run_row_fini(struct run_row *r)
{
    mem_free(r->task);
    mem_free(r->value);
    mem_free(r->message);
    mem_free(r->outputs);
    *r = (struct run_row){0};
}

void trigger_row_fini(struct trigger_row *t)
{
    mem_free(t->ns);
    mem_free(t->flow);
    mem_free(t->name);
    mem_free(t->why);
    mem_free(t->disabled_by);
    mem_free(t->message);
    mem_free(t->cron);
    mem_free(t->zone);
    mem_free(t->key_hash);
    *t = (struct trigger_row){0};
}

void backfill_row_fini(struct backfill_row *b)
{
    mem_free(b->inputs);
    mem_free(b->created_by);
    *b = (struct backfill_row){0};
}

const char *const notice_state_names[NOTICE_STATES] = {"OPEN", "OVER", "DONE"};

void notice_row_fini(struct notice_row *n)
{
    mem_free(n->channel);
    mem_free(n->event);
    mem_free(n->subject);
    mem_free(n->reason);
    mem_free(n->facts);
    *n = (struct notice_row){0};
}

void evaluation_row_fini(struct evaluation_row *v)
{
    mem_free(v->message);
    *v = (struct evaluation_row){0};
}
