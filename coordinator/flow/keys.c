/* The words of the language. docs/flows.md and docs/from-kestra.md are compared with these
 * tables. */
#include "coordinator/flow/read.h"

#include "base/str.h"

#define KEYS(list)                                                                                 \
    {                                                                                              \
        list, sizeof(list) / sizeof *(list)                                                        \
    }

static const char *const flow_names[] = {
    "id",          "namespace",      "description",  "labels",      "disabled",       "inputs",
    "vars",        "variables",      "tasks",        "workerGroup", "workerSelector", "triggers",
    "concurrency", "pluginDefaults", "taskDefaults", "outputs",     "retry",          "notify",
    "errors",      "finally",
};
static const char *const input_names[] = {
    "id",  "type", "description", "displayName", "required",         "defaults", "values",
    "min", "max",  "options",     "itemType",    "allowCustomValue", "name",
};
static const char *const group_names[] = {"key", "fallback"};
static const char *const selector_names[] = {"tags", "match", "fallback"};
static const char *const concurrency_names[] = {"limit", "behavior"};
static const char *const retry_names[] = {
    "type",        "interval",   "maxInterval", "delayFactor",    "maxAttempts",
    "maxDuration", "maxAttempt", "minInterval", "warningOnRetry", "behavior",
};
#define WORK_NAMES                                                                                 \
    "env", "workingDirectory", "workerGroup", "workerSelector", "requires", "timeout",             \
        "queueTimeout", "lease", "killGrace", "priority"
static const char *const task_names[] = {
    "id",    "description", "type",         "command",      "script", "args", "shell",
    "retry", "disabled",    "allowFailure", "allowWarning", "runIf",  "when", WORK_NAMES,
};
static const char *const trigger_names[] = {
    "id",       "description",        "command",       "script", "args",   "shell",
    "interval", "allowConcurrent",    "disabled",      "inputs", "labels", "stopAfter",
    WORK_NAMES, "failOnTriggerError", "exitCondition", "edge",
};
static const char *const schedule_names[] = {
    "id",
    "type",
    "description",
    "cron",
    "withSeconds",
    "timezone",
    "inputs",
    "labels",
    "allowConcurrent",
    "recoverMissedSchedules",
    "disabled",
    "stopAfter",
    "startDate",
    "endDate",
    "notAt",
    "jitter",
    "when",
    "conditions",
    "scheduleConditions",
};
static const char *const kestra_names[] = {
    "id",       "description",    "type",       "script",   "commands",        "message",
    "level",    "beforeCommands", "retry",      "disabled", "allowFailure",    "interpreter",
    "failFast", "targetOS",       "taskRunner", "runner",   "warningOnStdErr", "containerImage",
    "docker",   "allowWarning",   "runIf",      "when",     WORK_NAMES,
};
static const char *const kestra_check_names[] = {
    "id",       "description",     "type",     "script",        "commands",
    "interval", "beforeCommands",  "disabled", "taskRunner",    "interpreter",
    "failFast", "allowConcurrent", "targetOS", "inputs",        "stopAfter",
    "runner",   "warningOnStdErr", "edge",     "exitCondition", "failOnTriggerError",
    "docker",   "containerImage",  "labels",   WORK_NAMES,
};
#define EVENT_NAMES                                                                                \
    "id", "description", "disabled", "inputs", "labels", "stopAfter", "failOnTriggerError",        \
        "allowConcurrent"
static const char *const webhook_trigger_names[] = {EVENT_NAMES, "webhook"};
static const char *const kestra_webhook_names[] = {EVENT_NAMES, "type",          "key",
                                                   "wait",      "returnOutputs", "fetchType"};
static const char *const flow_trigger_names[] = {EVENT_NAMES, "flow"};
static const char *const flow_trigger_flow_names[] = {"namespace", "id", "states"};
static const char *const kestra_after_names[] = {EVENT_NAMES,  "type",          "states",
                                                 "conditions", "preconditions", "dependsOn"};

/* ---- what says nothing, as exports have it -------------------------------------------------- */

/* Beside them, also `true` or nothing at all asks for something. */
static const char *const on_by_default[] = {"namespaceFiles", "taskCache"};
static const char *const off_when_false[] = {"deleted", "logToFile", "allowWarning",
                                             "outputDirectory"};

static bool is_among(const char *key, const char *const *list, size_t count)
{
    size_t i = 0;
    while (i < count && !str_eq(list[i], key))
        i++;
    return i < count;
}

bool key_says_nothing(const char *key, const struct json *j)
{
    bool on = is_among(key, on_by_default, sizeof on_by_default / sizeof *on_by_default);
    switch (json_type(j)) {
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return str_eq(key, "runIf") && str_eq(json_str(j, ""), "true");
    case JSON_BOOL:
        if (str_eq(key, "runIf")) return json_bool(j, false);
        return !json_bool(j, true) &&
               is_among(key, off_when_false, sizeof off_when_false / sizeof *off_when_false);
    case JSON_NUMBER:
        return str_eq(key, "revision");
    case JSON_OBJECT:
        if (on) return json_count(j) == 1 && !json_get_bool(j, "enabled", true);
        return json_count(j) == 0;
    case JSON_ARRAY:
        return json_count(j) == 0;
    default:
        return false;
    }
}

const struct key_list flow_keys = KEYS(flow_names);
const struct key_list task_keys = KEYS(task_names);
const struct key_list trigger_keys = KEYS(trigger_names);
const struct key_list schedule_keys = KEYS(schedule_names);
const struct key_list input_keys = KEYS(input_names);
const struct key_list group_ref_keys = KEYS(group_names);
const struct key_list selector_keys = KEYS(selector_names);
const struct key_list retry_keys = KEYS(retry_names);
const struct key_list concurrency_keys = KEYS(concurrency_names);
const struct key_list kestra_keys = KEYS(kestra_names);
const struct key_list kestra_check_keys = KEYS(kestra_check_names);
const struct key_list webhook_keys = KEYS(webhook_trigger_names);
const struct key_list kestra_webhook_keys = KEYS(kestra_webhook_names);
const struct key_list after_keys = KEYS(flow_trigger_names);
const struct key_list after_flow_keys = KEYS(flow_trigger_flow_names);
const struct key_list kestra_after_keys = KEYS(kestra_after_names);

/* ---- what Kestra has and Cadre has not: refused by name
 * --------------------------------------- */

#define NOT_YET "is not supported by Cadre; docs/from-kestra.md tells what is"

const struct refused_key flow_refused[] = {
    {"afterExecution", NOT_YET},
    {"listeners", NOT_YET},
    {"sla", "is not supported; give the tasks a timeout"},
    {"checks", NOT_YET},
    {"revision", "is a number, and not looked at: Cadre counts revisions"},
    {"tenantId", "is not supported: a coordinator has no tenants"},
    {"deleted", "true is not supported; cadre flow delete removes a flow"},
    {NULL, NULL},
};

const struct refused_key input_refused[] = {
    {"validator", "is not supported; let the task check the text"},
    {"dependsOn", NOT_YET},
    {"prefill", "is not supported; write defaults"},
    {"after", NOT_YET},
    {"before", NOT_YET},
    {"expression", NOT_YET},
    {NULL, NULL},
};

#define NO_OUTPUT_DIR                                                                              \
    "is not supported; let the script store its files where others find them, and set an output"

const struct refused_key task_refused[] = {
    {"dependencies", "is not supported; install them on the agent's machine, in a venv whose "
                     "python3 interpreter names"},
    {"inputFiles", "is not supported; let the script write or fetch its files"},
    {"outputFiles", "is not supported; let the script store its files and set an output"},
    {"namespaceFiles",
     "is not supported; keep the files on the agent's machine, or let the script fetch them"},
    {"outputDir", NO_OUTPUT_DIR},
    {"outputDirectory", NO_OUTPUT_DIR},
    {"logLevel", "is not supported: all output is kept"},
    {"logToFile", "is not supported; cadre execution logs prints the output"},
    {"conditions", "is not supported; runIf tells whether a task runs"},
    {"taskCache", NOT_YET},
    {"assets", NOT_YET},
    {"version", "is not supported: there are no plugins"},
    {"tasks", "is for tasks that hold others, such as io.kestra.plugin.core.flow.Parallel"},
    {"then", "is for io.kestra.plugin.core.flow.If"},
    {"else", "is for io.kestra.plugin.core.flow.If"},
    {"cases", "is for io.kestra.plugin.core.flow.Switch"},
    {"errors", "is for the flow, and for tasks that hold others"},
    {"finally", "is for the flow, and for tasks that hold others"},
    {"options", NOT_YET},
    {NULL, NULL},
};

const struct refused_key trigger_refused[] = {
    {"conditions", "is not supported; let the command or script check"},
    {"when", "is not supported; let the command or script check"},
    {"retry", "is not supported: the next evaluation follows after the interval"},
    {"allowFailure", "is for tasks; failOnTriggerError tells what an error does"},
    {"allowWarning", "is for tasks"},
    {"runIf", "is for tasks; let the command or script check"},
    {"logLevel", "is not supported: all output is kept"},
    {"logToFile", "is not supported; all output is kept"},
    {NULL, NULL},
};

#define NO_AGENT "is not a key of schedules: they need no agent; give it to the tasks"

const struct refused_key schedule_refused[] = {
    {"command", "is for triggers that poll; a schedule starts the flow's tasks"},
    {"script", "is for triggers that poll; a schedule starts the flow's tasks"},
    {"interval", "is for triggers that poll; a schedule has cron"},
    {"workerGroup", NO_AGENT},
    {"workerSelector", NO_AGENT},
    {"requires", NO_AGENT},
    {"timeout", NO_AGENT},
    {"lateMaximumDelay",
     "is not supported; recoverMissedSchedules: NONE leaves out what was missed"},
    {"backfill", "is not a key of the file; cadre trigger backfill begins one"},
    {"retry", "is not a key of schedules; give it to the tasks"},
    {"logLevel", "is not supported: all output is kept"},
    {"logToFile", "is not supported; all output is kept"},
    {NULL, NULL},
};

#define NEEDS_NO_AGENT "is not for this kind of trigger: it needs no agent"

const struct refused_key webhook_refused[] = {
    {"conditions", "is not supported; let the flow look at {{ trigger.body }}"},
    {"when", "is not supported; let the flow look at {{ trigger.body }}"},
    {"responseContentType", "is not supported: the answer is JSON with the execution's id"},
    {"responseCode", "is not supported: the answer is 200 when an execution was made"},
    {"workerGroup", NEEDS_NO_AGENT},
    {"workerSelector", NEEDS_NO_AGENT},
    {"interval", "is of polling triggers"},
    {"logLevel", "is not supported: all output is kept"},
    {"logToFile", "is not supported; all output is kept"},
    {NULL, NULL},
};

const struct refused_key after_refused[] = {
    {"when", "is not supported; let the flow look at {{ trigger }}"},
    {"window", "is not supported: a trigger fires after one flow, when that ends"},
    {"mode", "is not supported: a trigger fires after one flow"},
    {"minSatisfied", "is not supported: a trigger fires after one flow"},
    {"workerGroup", NEEDS_NO_AGENT},
    {"workerSelector", NEEDS_NO_AGENT},
    {"interval", "is of polling triggers"},
    {"logLevel", "is not supported: all output is kept"},
    {"logToFile", "is not supported; all output is kept"},
    {NULL, NULL},
};
