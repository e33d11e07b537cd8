/* The table of resources: columns of lists, lines of `show`. */
#include "cli/again.h"
#include "cli/job_name.h"
#include "cli/resource.h"
#include "cli/run_tree.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define SET(name)                                                                                  \
    {                                                                                              \
        .member = name                                                                             \
    }
#define FILLED(name)                                                                               \
    {                                                                                              \
        .member = name, .when = FIELD_FILLED                                                       \
    }
#define ALWAYS(name)                                                                               \
    {                                                                                              \
        .member = name, .when = FIELD_ALWAYS                                                       \
    }

/* ---- cells that are made of several members ---- */

static char *place_of_flow(const struct json *j)
{
    return str_dupf("%s/%s", json_get_str(j, "namespace", "?"),
                    json_get_str(j, "flow", json_get_str(j, "id", "?")));
}

static char *place_of_trigger(const struct json *j)
{
    return str_dupf("%s/%s/%s", json_get_str(j, "namespace", "?"), json_get_str(j, "flow", "?"),
                    json_get_str(j, "id", "?"));
}

const char *resource_trigger_state(const struct json *t)
{
    if (json_get_bool(t, "disabled", false)) return "DISABLED";
    return json_get_str(t, "job", NULL) ? "EVALUATING" : "ENABLED";
}

static char *trigger_state(const struct json *t)
{
    return mem_strdup(resource_trigger_state(t));
}

static char *group_state(const struct json *g)
{
    return mem_strdup(json_get_bool(g, "paused", false) ? "PAUSED" : "OPEN");
}

static char *agent_slots(const struct json *a)
{
    char slots[32], free_slots[32];
    const char *total = text_of(json_get(a, "slots"), slots, sizeof slots);
    const char *unused = text_of(json_get(a, "freeSlots"), free_slots, sizeof free_slots);
    return str_dupf("%s/%s", unused ? unused : "?", total ? total : "?");
}

static char *agent_groups(const struct json *a)
{
    struct buf b;
    const struct json *list = json_get(a, "groups");
    if (json_count(list) < 2) return mem_strdup(json_get_str(a, "group", STR_DEFAULT_GROUP));
    buf_init(&b, 65536);
    for (const struct json *j = json_first(list); j; j = json_next(j))
        (void)buf_addf(&b, "%s%s", b.len ? "," : "", json_str(j, "?"));
    char *text = buf_detach(&b);
    buf_fini(&b);
    return text;
}

/* Of an agent that is connected the time is written once a minute only. */
static char *agent_seen(const struct json *a)
{
    char age[32];
    if (!str_eq(json_get_str(a, "state", ""), "OFFLINE")) return mem_strdup("now");
    text_age(json_get_str(a, "lastSeenAt", NULL), age);
    return mem_strdup(age);
}

/* Why it takes no jobs. */
static char *agent_reason(const struct json *a)
{
    const char *state = json_get_str(a, "state", "");
    const struct json *refusal = json_get(a, "lastRefusal");
    if (str_eq(state, "OFFLINE") && json_type(refusal) == JSON_OBJECT) {
        char age[DURATION_TEXT_SIZE + 64];
        text_age(json_get_str(refusal, "at", NULL), age);
        return str_dupf("refused %s ago: %s", age, json_get_str(refusal, "reason", "?"));
    }
    if (str_eq(state, "UNWELL"))
        return str_dupf("since %s: %s", json_get_str(a, "unwellSince", "?"),
                        json_get_str(a, "unwellReason", "?"));
    return str_eq(state, "DRAINING") ? mem_strdup(json_get_str(a, "drainReason", NULL)) : NULL;
}

static char *agent_os(const struct json *a)
{
    return mem_strdup(json_get_str(json_get(a, "capabilities"), "os", NULL));
}

static char *agent_arch(const struct json *a)
{
    return mem_strdup(json_get_str(json_get(a, "capabilities"), "arch", NULL));
}

/* ---- jobs and executions ---- */

static void show_waiting(struct out *out, const struct json *j)
{
    const char *waiting = json_get_str(json_get(j, "waiting"), "message", NULL);
    if (waiting) show_line(out, "waiting", waiting);
}

static void show_attempt(struct out *out, const struct json *a)
{
    char number[32], code[32];
    const char *exit_text = text_of(json_get(a, "exitCode"), code, sizeof code);
    char *name = str_dupf("attempt %s", text_of(json_get(a, "attempt"), number, sizeof number));
    char *end = str_dupf("%s%s%s on %s%s%s", json_get_str(a, "state", "?"),
                         json_get_str(a, "reason", NULL) ? " " : "", json_get_str(a, "reason", ""),
                         json_get_str(a, "agentName", json_get_str(a, "agent", "-")),
                         exit_text ? ", exit code " : "", exit_text ? exit_text : "");
    show_line(out, name, end);
    mem_free(name);
    mem_free(end);
}

static void show_again(struct out *out, const struct json *j)
{
    struct buf b;
    if (json_type(json_get(j, "spec")) != JSON_OBJECT) return;
    buf_init(&b, LINE_OF_JOB_MAX);
    again_line(j, false, &b);
    out_line(out, "to run it again, in a POSIX shell:");
    out_block(out, b.data);
    buf_fini(&b);
}

static void show_rest_of_job(struct out *out, const struct json *j)
{
    const struct json *attempts = json_get(j, "attempts");
    int64_t shown = (int64_t)json_count(attempts);
    int64_t before = json_get_int(j, "attemptCount", shown) - shown;
    const char *trace = json_get_str(json_get(j, "spec"), "traceparent", NULL);
    if (trace) show_line(out, "traceparent", trace);
    show_waiting(out, j);
    if (before > 0) out_line(out, "%lld earlier attempts are not shown", (long long)before);
    for (const struct json *a = json_first(attempts); a; a = json_next(a))
        show_attempt(out, a);
    show_again(out, j);
}

static const struct column job_columns[] = {
    {"ID", .member = "id"},
    {"STATE", .member = "state"},
    {"REASON", .member = "reason"},
    {"EXIT", .member = "exitCode"},
    {"GROUP", .member = "group"},
    {"AGENT", .member = "agentName", .other = "agent"},
    {"ATTEMPT", .member = "attempt"},
    {"AGE", .member = "createdAt", .age = true},
    {"KIND", .member = "kind"},
    {"WHAT", .member = "what"},
    {.head = NULL},
};
static const struct field job_fields[] = {
    SET("id"),          SET("name"),
    SET("kind"),        SET("namespace"),
    SET("flow"),        SET("execution"),
    SET("task"),        ALWAYS("state"),
    SET("reason"),      SET("message"),
    SET("exitCode"),    {.member = "group", .when = FIELD_ALWAYS, .absent = STR_DEFAULT_GROUP},
    SET("fallback"),    SET("requires"),
    SET("priority"),    SET("agentName"),
    SET("attempt"),     SET("createdAt"),
    SET("createdBy"),   SET("submittedAt"),
    SET("startedAt"),   SET("endedAt"),
    SET("cancelledBy"), SET("retryOf"),
    SET("timeout"),     SET("queueTimeout"),
    SET("lease"),       SET("killGrace"),
    SET("retry"),       SET("truncated"),
    SET("outputs"),     {.member = NULL},
};
const struct resource resource_job = {.collection = "jobs",
                                      .takes = "job ID or NAME; 'cadre job list' shows them",
                                      .resolve = job_id_of,
                                      .columns = job_columns,
                                      .fields = job_fields,
                                      .show_rest = show_rest_of_job};

static void show_rest_of_execution(struct out *out, const struct json *x)
{
    show_waiting(out, x);
    run_tree_print(out, json_get(x, "taskRuns"));
    if (json_get_str(x, "taskRunsCursor", NULL))
        out_line(out, "and more: GET /api/v1/executions/%s/taskruns lists all",
                 json_get_str(x, "id", "ID"));
}

static const struct column execution_columns[] = {
    {"ID", .member = "id"},
    {"STATE", .member = "state"},
    {"FLOW", .make = place_of_flow},
    {"TRIGGER", .member = "trigger"},
    {"AGE", .member = "createdAt", .age = true},
    {"MESSAGE", .member = "message"},
    {.head = NULL},
};
static const struct field execution_fields[] = {
    SET("id"),          SET("namespace"),   SET("flow"),
    SET("revision"),    SET("state"),       SET("reason"),
    SET("message"),     SET("trigger"),     {.member = "backfill"},
    FILLED("inputs"),   FILLED("labels"),   FILLED("triggerOutputs"),
    FILLED("outputs"),  SET("createdAt"),   SET("createdBy"),
    SET("startedAt"),   SET("wakesAt"),     SET("endedAt"),
    SET("cancelledBy"), SET("traceparent"), {.member = NULL},
};
const struct resource resource_execution = {.collection = "executions",
                                            .takes =
                                                "execution ID; 'cadre execution list' shows them",
                                            .columns = execution_columns,
                                            .fields = execution_fields,
                                            .show_rest = show_rest_of_execution};

/* ---- agents and groups ---- */

static void show_names(struct out *out, const char *label, const struct json *list)
{
    struct buf b;
    buf_init(&b, 65536);
    for (const struct json *j = json_first(list); j; j = json_next(j))
        (void)buf_addf(&b, "%s%s", b.len ? ", " : "", json_str(j, json_get_str(j, "id", "?")));
    show_line(out, label, b.len ? b.data : NULL);
    buf_fini(&b);
}

/* Bytes, which people read in units. */
static bool is_size(const char *capability)
{
    return str_eq(capability, "memory") || str_eq(capability, "disk");
}

static void add_value(struct buf *b, const char *key, const struct json *v)
{
    char scratch[64], size[DURATION_TEXT_SIZE];
    const char *text = text_of(v, scratch, sizeof scratch);
    if (is_size(key) && json_is_int(v)) {
        size_round(json_int(v, 0), size);
        text = size;
    }
    (void)buf_adds(b, text ? text : "-");
}

/* "sh, bash" of a list, "count 1, memory 16GiB" of an object */
static void show_capability(struct out *out, const struct json *v)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    bool object = json_type(v) == JSON_OBJECT;
    if (object || json_type(v) == JSON_ARRAY) {
        for (const struct json *j = json_first(v); j; j = json_next(j)) {
            if (b.len) (void)buf_adds(&b, ", ");
            if (object) (void)buf_addf(&b, "%s ", json_key(j));
            add_value(&b, object ? json_key(j) : "", j);
        }
    } else {
        add_value(&b, json_key(v), v);
    }
    out_line(out, "  %-15s %s", json_key(v), b.len ? b.data : "-");
    buf_fini(&b);
}

static void show_rest_of_agent(struct out *out, const struct json *a)
{
    for (const struct json *r = json_first(json_get(a, "remnants")); r; r = json_next(r))
        out_line(out, "a slot is taken by %s of job %s, attempt %lld, since %s",
                 json_get_str(r, "processes", "?"), json_get_str(r, "job", "?"),
                 (long long)json_get_int(r, "attempt", 0), json_get_str(r, "since", "?"));
    const struct json *refusal = json_get(a, "lastRefusal");
    if (json_type(refusal) == JSON_OBJECT)
        out_line(out, "refused at %s, %s: %s", json_get_str(refusal, "at", "?"),
                 json_get_str(refusal, "reason", "?"), json_get_str(refusal, "message", "?"));
    out_line(out, "capabilities");
    for (const struct json *v = json_first(json_get(a, "capabilities")); v; v = json_next(v))
        show_capability(out, v);
}

static const struct column agent_columns[] = {
    {"NAME", .member = "name"},
    {"STATE", .member = "state"},
    {"GROUP", .make = agent_groups},
    {"FREE/SLOTS", .make = agent_slots},
    {"OS", .make = agent_os},
    {"ARCH", .make = agent_arch},
    {"VERSION", .member = "version"},
    {"SEEN", .make = agent_seen},
    {"ID", .member = "id"},
    {"REASON", .make = agent_reason},
    {.head = NULL},
};
static const struct field agent_fields[] = {
    ALWAYS("id"),       ALWAYS("name"),
    ALWAYS("state"),    {.member = "group", .make = agent_groups},
    ALWAYS("slots"),    ALWAYS("freeSlots"),
    ALWAYS("version"),  ALWAYS("lastSeenAt"),
    SET("createdBy"),   SET("drainReason"),
    SET("drainedBy"),   SET("unwellReason"),
    SET("unwellSince"), SET("removedAt"),
    SET("removedBy"),   SET("removedReason"),
    {.member = NULL},
};
const struct resource resource_agent = {.collection = "agents",
                                        .takes =
                                            "agent, by name or ID; 'cadre agent list' shows them",
                                        .columns = agent_columns,
                                        .fields = agent_fields,
                                        .show_rest = show_rest_of_agent};

/* One wish, its operator in front unless that is "=". */
static void add_wish(struct buf *b, const char *key, const struct json *v)
{
    char scratch[64];
    const char *text = text_of(v, scratch, sizeof scratch);
    if (!text) text = "?";
    (void)buf_addf(b, "%s%s%s", key, strchr("<>!=", *text) && *text ? " " : " = ", text);
}

/* "os = windows, gpu.count >= 1, shell = sh or = bash" */
static void show_requires(struct out *out, const struct json *requires)
{
    struct buf b;
    buf_init(&b, 65536);
    for (const struct json *j = json_first(requires); j; j = json_next(j)) {
        const struct json *all = json_get(j, "all"), *list = all ? all : j;
        if (b.len) (void)buf_adds(&b, ", ");
        if (json_type(list) != JSON_ARRAY) {
            add_wish(&b, json_key(j), list);
            continue;
        }
        const char *name = json_key(j);
        for (const struct json *v = json_first(list); v; v = json_next(v)) {
            add_wish(&b, name, v);
            if (json_next(v)) (void)buf_adds(&b, all ? " and " : " or");
            name = all ? json_key(j) : "";
        }
    }
    show_line(out, "requires", b.len ? b.data : NULL);
    buf_fini(&b);
}

/* "12 jobs, p50 10ms, p95 1.2s, p99 3s" */
static void show_times(struct out *out, const char *label, const struct json *times)
{
    static const char *const shares[] = {"p50", "p95", "p99"};
    struct buf b;
    buf_init(&b, 1024);
    int64_t jobs = json_get_int(times, "jobs", 0);
    (void)buf_addf(&b, "%lld %s", (long long)jobs, jobs == 1 ? "job" : "jobs");
    for (size_t i = 0; i < sizeof shares / sizeof *shares && jobs > 0; i++)
        (void)buf_addf(&b, ", %s %s", shares[i], json_get_str(times, shares[i], "?"));
    show_line(out, label, b.data);
    buf_fini(&b);
}

static void show_waits(struct out *out, const struct json *waits)
{
    show_times(out, "waits, last hour", json_get(waits, "hour"));
    show_times(out, "waits, last day", json_get(waits, "day"));
}

/* Nothing waits: no line. */
static void show_why(struct out *out, const struct json *why)
{
    if (json_type(why) != JSON_OBJECT) return;
    char *text =
        str_dupf("%s (%s)", json_get_str(why, "message", "?"), json_get_str(why, "job", "?"));
    show_line(out, "waiting", text);
    mem_free(text);
}

static void show_group(struct out *out, const struct json *g)
{
    char scratch[64];
    for (const struct json *v = json_first(g); v; v = json_next(v)) {
        const char *key = json_key(v);
        if (str_eq(key, "requires"))
            show_requires(out, v);
        else if (str_eq(key, "allowedNamespaces") && json_count(v))
            show_names(out, key, v);
        else if (str_eq(key, "tags"))
            show_names(out, key, v);
        else if (str_eq(key, "allowedNamespaces"))
            show_line(out, key, "all");
        else if (str_eq(key, "waits"))
            show_waits(out, v);
        else if (str_eq(key, "why"))
            show_why(out, v);
        else if (str_eq(key, "maxQueued") && json_int(v, 0) == 0)
            show_line(out, key, "no limit");
        else
            show_line(out, key, text_of(v, scratch, sizeof scratch));
    }
}

static const struct column group_columns[] = {
    {"KEY", .member = "key", .absent = STR_DEFAULT_GROUP},
    {"STATE", .make = group_state},
    {"ONLINE", .member = "online"},
    {"UNWELL", .member = "unwell"},
    {"AGENTS", .member = "agents"},
    {"QUEUED", .member = "queued"},
    {"RUNNING", .member = "running"},
    {"DESCRIPTION", .member = "description"},
    {.head = NULL},
};
static const struct field no_fields[] = {{.member = NULL}};
const struct resource resource_group = {.collection = "groups",
                                        .takes = "group KEY; 'cadre group list' shows them",
                                        .columns = group_columns,
                                        .fields = no_fields,
                                        .show_rest = show_group};

/* ---- namespaces ---- */

static int check_namespace(const struct cli *cli, const char *name)
{
    if (str_namespace_valid(name)) return 0;
    return cli_usage(cli,
                     "invalid namespace '%s': words of letters, digits, '_' and '-' joined by dots",
                     name);
}

/* "ops:execution-failed,schedule-missed night:schedule-missed", or "nobody". */
char *resource_notify_text(const struct json *n)
{
    struct buf b;
    const struct json *list = json_get(n, "notify");
    if (json_type(list) != JSON_ARRAY) return NULL;
    if (json_count(list) == 0) return mem_strdup("nobody");
    buf_init(&b, 65536);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const struct json *events = json_get(j, "events");
        (void)buf_addf(&b, "%s%s", b.len ? " " : "", json_get_str(j, "channel", "?"));
        for (const struct json *e = json_first(events); e; e = json_next(e))
            (void)buf_addf(&b, "%s%s", e == json_first(events) ? ":" : ",", json_str(e, "?"));
    }
    char *text = buf_detach(&b);
    buf_fini(&b);
    return text;
}

static const struct column namespace_columns[] = {
    {"NAMESPACE", .member = "namespace"},
    {"GROUP", .member = "group"},
    {"FALLBACK", .member = "fallback"},
    {"NOTIFY", .make = resource_notify_text},
    {.head = NULL},
};
static const struct field namespace_fields[] = {
    ALWAYS("namespace"), {.member = "group", .when = FIELD_ALWAYS, .absent = STR_DEFAULT_GROUP},
    ALWAYS("from"),      ALWAYS("fallback"),
    SET("updatedBy"),    {.member = "notify", .make = resource_notify_text},
    SET("notifyFrom"),   {.member = NULL},
};
const struct resource resource_namespace = {.collection = "namespaces",
                                            .takes = "NAMESPACE, for example company.team",
                                            .check = check_namespace,
                                            .columns = namespace_columns,
                                            .fields = namespace_fields};

/* ---- flows and triggers ---- */

static void show_rest_of_flow(struct out *out, const struct json *f)
{
    show_names(out, "inputs", json_get(f, "inputs"));
    show_names(out, "tasks", json_get(f, "tasks"));
    show_names(out, "triggers", json_get(f, "triggers"));
    out_line(out, "%s", "");
    out_block(out, json_get_str(f, "source", ""));
}

static const struct column flow_columns[] = {
    {"FLOW", .make = place_of_flow},
    {"REVISION", .member = "revision"},
    {"TRIGGERS", .member = "triggers"},
    {"AGE", .member = "updatedAt", .age = true},
    {.head = NULL},
};
static const struct field flow_fields[] = {
    SET("namespace"), SET("id"),        SET("revision"),     SET("description"),
    SET("disabled"),  FILLED("labels"), ALWAYS("createdAt"), ALWAYS("updatedAt"),
    SET("updatedBy"), {.member = NULL},
};
const struct resource resource_flow = {.collection = "flows",
                                       .takes = "NAMESPACE/FLOW; 'cadre flow list' shows them",
                                       .place = "NAMESPACE/FLOW",
                                       .columns = flow_columns,
                                       .fields = flow_fields,
                                       .show_rest = show_rest_of_flow};

static void show_evaluation(struct out *out, const struct json *v)
{
    char number[32], code[32], planned[80] = "";
    const char *exit_text = text_of(json_get(v, "exitCode"), code, sizeof code);
    const char *message = json_get_str(v, "message", NULL);
    const char *execution = json_get_str(v, "execution", NULL);
    const char *planned_at = json_get_str(v, "plannedAt", NULL);
    int64_t moments = json_get_int(v, "moments", 1);
    if (planned_at && moments > 1)
        (void)str_format(planned, sizeof planned, ", %lld planned moments up to %s",
                         (long long)moments, planned_at);
    else if (planned_at)
        (void)str_format(planned, sizeof planned, ", planned %s", planned_at);
    out_line(out, "evaluation %-6s %s %s%s%s%s%s%s%s%s",
             text_of(json_get(v, "number"), number, sizeof number), json_get_str(v, "endedAt", "-"),
             json_get_str(v, "result", "?"), planned, exit_text ? ", exit code " : "",
             exit_text ? exit_text : "", execution ? ", execution " : "",
             execution ? execution : "", message ? ": " : "", message ? message : "");
}

static void show_rest_of_trigger(struct out *out, const struct json *t)
{
    show_waiting(out, t);
    for (const struct json *v = json_first(json_get(t, "history")); v; v = json_next(v))
        show_evaluation(out, v);
}

static const struct column trigger_columns[] = {
    {"TRIGGER", .make = place_of_trigger},
    {"STATE", .make = trigger_state},
    {"KIND", .member = "kind"},
    {"WHEN", .member = "interval", .other = "cron"},
    {"LAST", .member = "result"},
    {"AGE", .member = "evaluatedAt", .age = true},
    {"FIRED", .member = "fired"},
    {"ERRORS", .member = "errors"},
    {"MESSAGE", .member = "reason", .other = "message"},
    {.head = NULL},
};
static const struct field trigger_fields[] = {
    {.member = "state", .make = trigger_state},
    SET("namespace"),
    SET("flow"),
    SET("id"),
    SET("kind"),
    SET("interval"),
    SET("cron"),
    SET("timezone"),
    SET("reason"),
    SET("disabledBy"),
    SET("nextAt"),
    SET("job"),
    SET("result"),
    SET("message"),
    SET("evaluatedAt"),
    SET("execution"),
    SET("allowConcurrent"),
    SET("fired"),
    SET("errors"),
    SET("evaluations"),
    SET("skipped"),
    SET("missed"),
    SET("backlog"),
    {.member = NULL},
};
const struct resource resource_trigger = {
    .collection = "triggers",
    .takes = "NAMESPACE/FLOW/TRIGGER; 'cadre trigger list' shows them",
    .place = "NAMESPACE/FLOW/TRIGGER",
    .columns = trigger_columns,
    .fields = trigger_fields,
    .show_rest = show_rest_of_trigger};

/* ---- tokens ---- */

static const struct column token_columns[] = {
    {"ID", .member = "id"},
    {"TYPE", .member = "type"},
    {"ROLE", .member = "role"},
    {"GROUP", .member = "group"},
    {"NAMESPACE", .member = "namespace"},
    {"NAME", .member = "name"},
    {"USES LEFT", .member = "usesLeft"},
    {"EXPIRES", .member = "expiresAt", .absent = "never"},
    {"REVOKED", .member = "revokedAt"},
    {"LAST USED", .member = "lastUsedAt", .age = true},
    {.head = NULL},
};
const struct resource resource_token = {.collection = "tokens",
                                        .takes = "token ID; 'cadre token list' shows them",
                                        .columns = token_columns,
                                        .fields = no_fields};

/* ---- coordinators ---- */

static char *coordinator_state(const struct json *c)
{
    if (json_get_bool(c, "owner", false)) return mem_strdup("OWNER");
    return mem_strdup(json_get_bool(c, "alive", false) ? "STANDBY" : "GONE");
}

static char *coordinator_seen(const struct json *c)
{
    char age[32];
    if (json_get_bool(c, "alive", false)) return mem_strdup("now");
    text_age(json_get_str(c, "seenAt", NULL), age);
    return mem_strdup(age);
}

static char *coordinator_places(const struct json *c)
{
    struct buf b;
    buf_init(&b, 65536);
    for (const struct json *j = json_first(json_get(c, "addresses")); j; j = json_next(j))
        (void)buf_addf(&b, "%s%s", b.len ? "," : "", json_str(j, "?"));
    char *text = b.len ? buf_detach(&b) : mem_strdup("-");
    buf_fini(&b);
    return text;
}

static const struct column coordinator_columns[] = {
    {"ID", .member = "id"},
    {"ADDRESSES", .make = coordinator_places},
    {"STATE", .make = coordinator_state},
    {"VERSION", .member = "version"},
    {"STARTED", .member = "startedAt", .age = true},
    {"SEEN", .make = coordinator_seen},
    {.head = NULL},
};
const struct resource resource_coordinator = {
    .collection = "coordinators",
    .takes = "coordinator ID; 'cadre coordinator list' shows them",
    .columns = coordinator_columns,
    .fields = no_fields};

/* ---- channels ---- */

static const struct column channel_columns[] = {
    {"CHANNEL", .member = "name"},
    {"KIND", .member = "kind"},
    {"REACHES", .member = "reaches"},
    {.head = NULL},
};
const struct resource resource_channel = {.collection = "channels",
                                          .takes =
                                              "channel NAME; 'cadre notify channels' shows them",
                                          .columns = channel_columns,
                                          .fields = no_fields};

/* ---- notices ---- */

/* What became of it last, and when the next message is due. One that came and went, or whose rule
 * is gone, before anybody heard of it has none. */
static char *make_outcome(const struct json *n)
{
    const char *reason = json_get_str(n, "reason", NULL), *due = json_get_str(n, "dueAt", NULL);
    bool delivered = json_get_str(n, "deliveredAt", NULL) != NULL;
    char wait[DURATION_TEXT_SIZE];
    bool waits = text_until(due, wait);
    if (reason && !due) return str_dupf("given up: %s", reason);
    if (reason && waits) return str_dupf("failed: %s; next try in %s", reason, wait);
    if (reason) return str_dupf("failed: %s; on its way again", reason);
    if (waits) return str_dupf(delivered ? "delivered, next in %s" : "due in %s", wait);
    if (due) return mem_strdup("on its way");
    return mem_strdup(delivered ? "delivered" : "not sent");
}

static const struct column notice_columns[] = {
    {"CHANNEL", .member = "channel"},
    {"EVENT", .member = "event"},
    {"SUBJECT", .member = "subject"},
    {"STATE", .member = "state"},
    {"TIMES", .member = "total"},
    {"LAST", .member = "lastAt", .age = true},
    {"MESSAGES", .member = "messages"},
    {"OUTCOME", .make = make_outcome},
    {.head = NULL},
};
const struct resource resource_notice = {.collection = "notices",
                                         .takes = "no name",
                                         .columns = notice_columns,
                                         .fields = no_fields};
