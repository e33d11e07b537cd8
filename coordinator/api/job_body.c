/* Checking what a user wrote of a job, field by field. */
#include "coordinator/api/job_body.h"
#include "coordinator/api/body.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/retry_rules.h"
#include "wire/lease.h"
#include "wire/limits.h"
#include "wire/spec.h"

#include <string.h>

/* ---- what runs ---- */

static void take_words(struct body *b, const char *field, size_t least, struct text_list *out)
{
    const struct json *list = body_array(b, field);
    if (!list) return;
    if (json_count(list) < least || json_count(list) > SPEC_COMMAND_MAX) {
        body_fail(b, field, "must have %zu to %d words", least, SPEC_COMMAND_MAX);
        return;
    }
    out->items = mem_array(json_count(list) + 1, sizeof *out->items);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const char *word = json_str(j, NULL);
        if (!word) {
            body_fail(b, field, "word %zu is not a string", out->count + 1);
            return;
        }
        out->items[out->count++] = mem_strdup(word);
    }
}

static void take_env(struct body *b, struct spec *s)
{
    const struct json *env = body_object(b, "env");
    if (json_count(env) > SPEC_ENV_MAX) {
        body_fail(b, "env", "has %zu variables, at most %d are allowed", json_count(env),
                  SPEC_ENV_MAX);
        return;
    }
    s->env.names = mem_array(json_count(env), sizeof *s->env.names);
    s->env.values = mem_array(json_count(env), sizeof *s->env.values);
    for (const struct json *j = json_first(env); j; j = json_next(j)) {
        const char *value = json_str(j, NULL);
        if (!value) {
            body_fail(b, "env", "the value of %.60s must be a string", json_key(j));
            return;
        }
        s->env.names[s->env.count] = mem_strdup(json_key(j));
        s->env.values[s->env.count++] = mem_strdup(value);
    }
}

static void take_spec(struct body *b, struct spec *s)
{
    take_words(b, "command", 1, &s->command);
    s->script = mem_strdup(body_str(b, "script", LIMIT_HTTP_BODY));
    take_words(b, "args", 0, &s->args);
    int shell = body_choice(b, "shell", spec_shells, SPEC_SHELLS, -1);
    if (shell >= 0) s->shell = mem_strdup(spec_shells[shell]);
    take_env(b, s);
    s->workdir = mem_strdup(body_str(b, "workdir", SPEC_WORKDIR_MAX));
    s->input = mem_strdup(body_str(b, "stdin", LIMIT_HTTP_BODY));
}

static void refuse_size(struct body *b, const char *what, size_t bytes, size_t limit)
{
    char most[DURATION_TEXT_SIZE];
    size_format((int64_t)limit, most);
    problem_set(b->p, 413, "payload-too-large",
                "put large data where the job can fetch it; limits.payload in coordinator.yaml "
                "may be raised up to 640KiB",
                "command or script, environment and stdin have %zu bytes together%s, at most %s "
                "are taken",
                bytes, what, most);
}

/* Sizes are the user's, before anything else is said of the texts. */
static void check_spec(struct body *b, const struct spec *s, size_t limit)
{
    struct spec_problem problem;
    size_t bytes = spec_payload_bytes(s);
    if (b->p->status) return;
    if (bytes > limit)
        refuse_size(b, "", bytes, limit);
    else if (!spec_check(s, &problem))
        body_fail(b, problem.field, "%s", problem.sentence);
}

/* The part of the job that is handed to the agent. Else b->p tells what is wrong. */
static void make_spec(struct body *b, size_t limit, const char *trace, struct cmd_submit *out)
{
    struct buf text;
    struct spec s = {.kill_grace_ms = out->job.kill_grace_ms};
    buf_init(&text, 2 * (size_t)LIMIT_HTTP_BODY);
    take_spec(b, &s);
    if (*trace) s.traceparent = mem_strdup(trace);
    check_spec(b, &s, limit);
    int rc = b->p->status ? 0 : spec_encode(&s, &text);
    out->needs = spec_needs_of(&s);
    spec_fini(&s);
    if (rc || text.len > SPEC_STORED_MAX)
        refuse_size(b, " as JSON text", text.len, SPEC_STORED_MAX);
    if (b->p->status)
        buf_fini(&text);
    else
        out->spec = buf_detach(&text);
    out->encoded = out->spec != NULL;
}

/* ---- how it is queued ---- */

static void read_retry(struct body *outer, struct retry *t)
{
    static const char *const keys[] = {"type",        "interval",    "maxInterval",
                                       "delayFactor", "maxAttempts", "maxDuration"};
    const char *field;
    struct body b = {.object = body_object(outer, "retry"), .p = outer->p, .at = "retry."};
    if (!b.object) return;
    body_known(&b, keys, sizeof keys / sizeof *keys);
    t->type = (enum retry_type)(RETRY_CONSTANT + body_choice(&b, "type", retry_type_names, 3, 0));
    int64_t least = t->type == RETRY_EXPONENTIAL ? RETRY_LEAST_MS : 0;
    t->interval_ms = body_duration(&b, "interval", least, DURATION_MAX_MS, RETRY_INTERVAL_MS);
    t->max_interval_ms = body_duration(&b, "maxInterval", 1, DURATION_MAX_MS, 0);
    t->delay_factor = body_num(&b, "delayFactor", 1, RETRY_FACTOR_MAX, 2);
    t->max_attempts = body_int(&b, "maxAttempts", 1, RETRY_ATTEMPTS_MAX, 0);
    t->max_duration_ms = body_duration(&b, "maxDuration", 1, DURATION_MAX_MS, 0);
    const char *sentence = retry_problem(t, &field);
    if (sentence) body_fail(&b, field, "%s", sentence);
}

static void read_names(const struct who *who, struct body *b, struct job_row *j)
{
    const char *ns = body_namespace(b, "namespace");
    const char *name = body_name(b, "name");
    const char *group = body_group_key(b, "group");
    if (!ns) ns = who->ns; /* a token of one namespace submits into it */
    (void)auth_namespace(who, ns, b->p);
    j->ns = mem_strdup(ns);
    j->name = mem_strdup(name);
    j->group = mem_strdup(group);
}

static void read_job(const struct who *who, struct body *b, struct cmd_submit *s)
{
    struct job_row *j = &s->job;
    read_names(who, b, j);
    s->fallback_given = body_has(b, "fallback");
    j->fallback = (enum fallback)body_choice(b, "fallback", fallback_names, 4, FALLBACK_WAIT);
    j->priority = body_int(b, "priority", -PRIORITY_MAX, PRIORITY_MAX, 0);
    j->timeout_ms = body_duration(b, "timeout", 1, DURATION_MAX_MS, 0);
    j->queue_timeout_ms = body_duration(b, "queueTimeout", 1, DURATION_MAX_MS, 0);
    j->lease_ms = body_duration(b, "lease", LEASE_MIN_MS, DURATION_MAX_MS, 0);
    j->kill_grace_ms = body_duration(b, "killGrace", 1, KILL_GRACE_MAX_MS, 0);
    read_retry(b, &j->retry);
    const struct json *require = body_object(b, "requires");
    if (require && json_count(require)) s->require = json_copy(require);
    j->submitter = who->token;
    j->kind = JOB_TASK;
    j->attempt = 1;
}

void job_body_read(const struct json *object, const struct who *who, size_t payload_limit,
                   const char *trace, struct cmd_submit *out, struct problem *p)
{
    static const char *const keys[] = {"namespace", "name",     "group",        "fallback",
                                       "requires",  "priority", "command",      "script",
                                       "args",      "shell",    "env",          "workdir",
                                       "stdin",     "timeout",  "queueTimeout", "lease",
                                       "killGrace", "retry"};
    struct body b = {.object = object, .p = p, .at = ""};
    body_known(&b, keys, sizeof keys / sizeof *keys);
    read_job(who, &b, out);
    make_spec(&b, payload_limit, trace, out);
}
