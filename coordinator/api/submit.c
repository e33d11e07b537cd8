/* POST /api/v1/jobs: checking what a user wrote, field by field. */
#include "coordinator/api/internal.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <string.h>

#define COMMAND_MAX 4096 /* arguments */
#define ENV_MAX 1024     /* variables */
#define WORKDIR_MAX 4096
#define PRIORITY_MAX 1000000
#define GRACE_MAX_MS 3600000
#define LEASE_MIN_MS 1000
#define RETRY_INTERVAL_MS 1000
#define RETRY_LEAST_MS 100 /* an exponential series that begins at nothing stays there */

/* ---- what runs ---- */

static void put_command(struct body *b, struct jw *w)
{
    const struct json *list = body_array(b, "command");
    size_t n = 0;
    if (!list) return;
    if (json_count(list) == 0 || json_count(list) > COMMAND_MAX) {
        body_fail(b, "command", "must have 1 to %d words", COMMAND_MAX);
        return;
    }
    jw_array(w, "command");
    for (const struct json *j = json_first(list); j; j = json_next(j), n++) {
        const char *word = json_str(j, NULL);
        if (!word || (n == 0 && !*word)) {
            body_fail(b, "command",
                      n ? "word %zu is not a string" : "the program's name is missing", n + 1);
            return;
        }
        jw_str(w, NULL, word);
    }
    jw_end(w);
}

static void put_script(struct body *b, struct jw *w)
{
    static const char *const shells[] = {"sh", "bash", "powershell", "pwsh", "cmd", "python3"};
    const char *script = body_str(b, "script", LIMIT_PAYLOAD_MAX);
    int shell = body_choice(b, "shell", shells, sizeof shells / sizeof *shells, -1);
    if (script) jw_str(w, "script", script);
    if (shell < 0) return;
    if (script)
        jw_str(w, "shell", shells[shell]);
    else
        body_fail(b, "shell", "is for scripts; a command runs without one");
}

static void put_env(struct body *b, struct jw *w)
{
    const struct json *env = body_object(b, "env");
    if (!env) return;
    if (json_count(env) > ENV_MAX) {
        body_fail(b, "env", "has %zu variables, at most %d are taken", json_count(env), ENV_MAX);
        return;
    }
    jw_object(w, "env");
    for (const struct json *j = json_first(env); j; j = json_next(j)) {
        const char *name = json_key(j), *value = json_str(j, NULL);
        if (!*name || strchr(name, '=')) {
            body_fail(b, "env", "'%.60s' is not a variable's name", name);
            return;
        }
        if (!value) {
            body_fail(b, "env", "the value of %.60s must be a string", name);
            return;
        }
        jw_str(w, name, value);
    }
    jw_end(w);
}

static void put_stdin(struct body *b, struct jw *w)
{
    const char *text = body_str(b, "stdin", LIMIT_PAYLOAD_MAX);
    size_t len;
    if (!text) return;
    size_t size = strlen(text) / 4 * 3 + 4;
    void *bytes = mem_alloc(size);
    if (str_unbase64(bytes, size, text, &len)) body_fail(b, "stdin", "is not base64");
    mem_free(bytes);
    jw_str(w, "stdin", text);
}

/* The part of the job that is handed to the agent as it stands. NULL: b->p tells. mem_free. */
static char *make_spec(struct body *b, int64_t kill_grace_ms, int64_t limit)
{
    struct buf text;
    struct jw w;
    buf_init(&text, 4 * (size_t)LIMIT_PAYLOAD_MAX);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    if (body_has(b, "command") == body_has(b, "script"))
        body_fail(b, "command",
                  body_has(b, "command") ? "a job has a command or a script, not both"
                                         : "a job needs a command or a script");
    put_command(b, &w);
    put_script(b, &w);
    put_env(b, &w);
    const char *workdir = body_str(b, "workdir", WORKDIR_MAX);
    if (workdir && !*workdir) body_fail(b, "workdir", "must not be empty");
    if (workdir) jw_str(&w, "workdir", workdir);
    put_stdin(b, &w);
    if (kill_grace_ms) jw_int(&w, "killGraceMs", kill_grace_ms);
    if (b->p->status) {
        buf_fini(&text);
        return NULL;
    }
    jw_end(&w);
    if (jw_finish(&w) || (int64_t)text.len > limit) {
        char most[DURATION_TEXT_SIZE];
        size_format(limit, most);
        problem_set(b->p, 413, "payload-too-large",
                    "put large data where the job can fetch it; limits.payload in coordinator.yaml "
                    "may be raised "
                    "up to 640KiB",
                    NULL,
                    "command or script, environment and stdin have %zu bytes together, at most %s "
                    "are taken",
                    text.len, most);
        buf_fini(&text);
        return NULL;
    }
    return buf_detach(&text);
}

/* ---- how it is queued ---- */

static void read_retry(struct body *outer, struct retry *t)
{
    static const char *const keys[] = {"type",        "interval",    "maxInterval",
                                       "delayFactor", "maxAttempts", "maxDuration"};
    static const char *const types[] = {"constant", "exponential", "random"};
    struct body b = {.object = body_object(outer, "retry"), .p = outer->p, .at = "retry."};
    if (!b.object) return;
    body_known(&b, keys, sizeof keys / sizeof *keys);
    t->type = (enum retry_type)(RETRY_CONSTANT + body_choice(&b, "type", types, 3, 0));
    int64_t least = t->type == RETRY_EXPONENTIAL ? RETRY_LEAST_MS : 0;
    t->interval_ms = body_duration(&b, "interval", least, DURATION_MAX_MS, RETRY_INTERVAL_MS);
    t->max_interval_ms = body_duration(&b, "maxInterval", 1, DURATION_MAX_MS, 0);
    t->delay_factor = body_num(&b, "delayFactor", 1, 1000, 2);
    t->max_attempts = body_int(&b, "maxAttempts", 1, 1000000, 0);
    t->max_duration_ms = body_duration(&b, "maxDuration", 1, DURATION_MAX_MS, 0);
    if (t->max_interval_ms && t->max_interval_ms < t->interval_ms)
        body_fail(&b, "maxInterval", "is shorter than the interval");
    if (t->type == RETRY_RANDOM && !t->max_interval_ms)
        body_fail(&b, "maxInterval",
                  "is needed: the delay is drawn between interval and maxInterval");
    if (t->interval_ms == 0 && !t->max_attempts && !t->max_duration_ms)
        body_fail(&b, "maxAttempts", "is needed when there is no interval");
}

static void read_names(struct request *r, struct body *b, struct job *j)
{
    const char *ns = body_namespace(b, "namespace");
    const char *name = body_str(b, "name", LIMIT_NAME);
    const char *group = body_group_key(b, "group");
    if (name && !str_name_valid(name)) body_fail(b, "name", "must have no control characters");
    if (!ns) ns = r->who.ns; /* a token of one namespace submits into it */
    (void)auth_namespace(&r->who, ns, b->p);
    j->ns = mem_strdup(ns);
    j->name = mem_strdup(name);
    j->group = mem_strdup(group);
}

static void read_job(struct request *r, struct body *b, struct cmd_submit *s)
{
    struct job *j = &s->job;
    read_names(r, b, j);
    s->fallback_given = body_has(b, "fallback");
    j->fallback = (enum fallback)body_choice(b, "fallback", fallback_names, 4, FALLBACK_WAIT);
    j->priority = body_int(b, "priority", -PRIORITY_MAX, PRIORITY_MAX, 0);
    j->timeout_ms = body_duration(b, "timeout", 1, DURATION_MAX_MS, 0);
    j->queue_timeout_ms = body_duration(b, "queueTimeout", 1, DURATION_MAX_MS, 0);
    j->lease_ms = body_duration(b, "lease", LEASE_MIN_MS, DURATION_MAX_MS, 0);
    j->kill_grace_ms = body_duration(b, "killGrace", 1, GRACE_MAX_MS, 0);
    read_retry(b, &j->retry);
    const struct json *require = body_object(b, "requires");
    if (require && json_count(require)) s->require = json_copy(require);
    j->unique_key = request_take_key(r);
    j->submitter = r->who.token;
    j->kind = JOB_TASK;
    j->attempt = 1;
}

static void on_submitted(struct request *r, struct effect *x)
{
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    int status = x->flag ? 200 : 201;
    if (!r->minimal) {
        job_send(r, status, x->id, NULL, x->flag);
        return;
    }
    struct answer a;
    answer_init(&a);
    jw_id(&a.w, "id", x->id);
    jw_bool(&a.w, "duplicate", x->flag);
    request_send(r, status, &a);
}

void jobs_submit(struct request *r)
{
    static const char *const keys[] = {"namespace", "name",         "group",   "fallback",
                                       "requires",  "priority",     "command", "script",
                                       "shell",     "env",          "workdir", "stdin",
                                       "timeout",   "queueTimeout", "lease",   "killGrace",
                                       "retry"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    struct command *c = command_new(CMD_SUBMIT);
    body_known(&b, keys, sizeof keys / sizeof *keys);
    read_job(r, &b, &c->u.submit);
    c->u.submit.spec =
        make_spec(&b, c->u.submit.job.kill_grace_ms, r->api->o.config->payload_limit_bytes);
    if (r->problem.status) {
        command_free(c);
        request_send_problem(r, &r->problem);
        return;
    }
    request_ask(r, c, on_submitted);
}
