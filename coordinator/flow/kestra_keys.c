/* Defaults for many types reach types that do not have all of their keys. What is refused where it
 * is written is a property here as well, so that a default does not leave it out in silence. */
#include "coordinator/flow/kestra_keys.h"

#include "base/str.h"
#include "coordinator/flow/kestra_names.h"

#include <stddef.h>

#define CORE "io.kestra.plugin.core."
#define SCRIPTS "io.kestra.plugin.scripts."
#define OLD "io.kestra.core.tasks.scripts."

enum { OF_TASK = 1, OF_TRIGGER = 2, OF_JOB = 4, OF_SCRIPT = 8, OF_CONTROL = 16 };

static const char *const of_task[] = {
    "description", "disabled",  "allowFailure", "allowWarning", "workerGroup", "workerSelector",
    "timeout",     "retry",     "logLevel",     "logToFile",    "runIf",       "when",
    "conditions",  "taskCache", "assets",       "version",      NULL,
};
/* Those that hold tasks: groups, times and retries reach the tasks in them. */
static const char *const of_control[] = {
    "description", "disabled", "allowFailure", "allowWarning", "logLevel",
    "logToFile",   "runIf",    "when",         "conditions",   "taskCache",
    "assets",      "version",  "errors",       "finally",      NULL,
};
static const char *const of_trigger[] = {
    "description", "disabled",        "conditions", "when",      "inputs",      "stopAfter",
    "labels",      "allowConcurrent", "logLevel",   "logToFile", "workerGroup", "workerSelector",
    NULL,
};
static const char *const of_job[] = {
    "env",      "requires",        "workingDirectory", "queueTimeout", "lease",  "killGrace",
    "priority", "warningOnStdErr", "inputFiles",       "outputFiles",  "runner", NULL,
};
static const char *const of_script[] = {
    "beforeCommands", "interpreter",    "failFast",  "targetOS",        "taskRunner",
    "containerImage", "docker",         "outputDir", "outputDirectory", "dependencies",
    "options",        "namespaceFiles", NULL,
};

/* What a type has besides the keys of its groups. */
static const struct type_keys {
    const char *begin, *end; /* of the type; end NULL: begin is all of it */
    unsigned groups;
    const char *own[11];
} types[] = {
    {SCRIPTS, ".Script", OF_TASK | OF_JOB | OF_SCRIPT, {"script"}},
    {SCRIPTS, ".Commands", OF_TASK | OF_JOB | OF_SCRIPT, {"commands"}},
    {SCRIPTS,
     ".ScriptTrigger",
     OF_TRIGGER | OF_JOB | OF_SCRIPT,
     {"script", "interval", "timeout", "exitCondition", "edge", "failOnTriggerError"}},
    {SCRIPTS,
     ".CommandsTrigger",
     OF_TRIGGER | OF_JOB | OF_SCRIPT,
     {"commands", "interval", "timeout", "exitCondition", "edge", "failOnTriggerError"}},
    {OLD "Bash",
     NULL,
     OF_TASK | OF_JOB,
     {"commands", "interpreter", "interpreterArgs", "exitOnFailed", "outputsFiles", "outputDirs",
      "files", "dockerOptions"}},
    {OLD "Python",
     NULL,
     OF_TASK | OF_JOB,
     {"commands", "args", "virtualEnv", "exitOnFailed", "outputsFiles", "outputDirs", "files",
      "dockerOptions", "requirements", "pythonPath"}},
    {CORE "log.Log", NULL, OF_TASK, {"message", "level"}},
    {CORE "debug.Return", NULL, OF_TASK, {"format"}},
    {CORE "debug.Echo", NULL, OF_TASK, {"format", "level"}},
    {CORE "execution.Labels", NULL, OF_TASK, {"labels"}},
    {CORE "execution.Fail", NULL, OF_TASK, {"errorMessage", "condition"}},
    {CORE "flow.Sleep", NULL, OF_TASK, {"duration"}},
    {CORE "flow.Sequential", NULL, OF_CONTROL, {"tasks"}},
    {CORE "flow.Parallel", NULL, OF_CONTROL, {"tasks", "concurrent"}},
    {CORE "flow.If", NULL, OF_CONTROL, {"condition", "then", "else"}},
    {CORE "flow.Switch", NULL, OF_CONTROL, {"value", "cases", "defaults"}},
    {CORE "flow.AllowFailure", NULL, OF_CONTROL, {"tasks"}},
    {CORE "flow.ForEach", NULL, OF_CONTROL, {"tasks", "values", "concurrencyLimit"}},
    {CORE "flow.EachSequential", NULL, OF_CONTROL, {"tasks", "value"}},
    {CORE "flow.EachParallel", NULL, OF_CONTROL, {"tasks", "value", "concurrent"}},
    {CORE "flow.Loop",
     NULL,
     OF_CONTROL,
     {"tasks", "values", "concurrencyLimit", "transmitFailed", "outputs", "fetchType"}},
    {CORE "flow.Subflow",
     NULL,
     OF_CONTROL,
     {"namespace", "flowId", "inputs", "labels", "wait", "transmitFailed", "inheritLabels",
      "revision", "scheduleDate", "outputs"}},
    {CORE "flow.WorkingDirectory",
     NULL,
     OF_CONTROL,
     {"tasks", "workerGroup", "workerSelector", "requires", "retry", "queueTimeout", "lease",
      "priority", "inputFiles", "outputFiles", "namespaceFiles"}},
    {CORE "flow.Pause",
     NULL,
     OF_CONTROL,
     {"delay", "pauseDuration", "timeout", "behavior", "onResume"}},
    {CORE "trigger.Schedule",
     NULL,
     OF_TRIGGER,
     {"cron", "withSeconds", "timezone", "recoverMissedSchedules", "scheduleConditions",
      "lateMaximumDelay", "backfill", "startDate", "endDate", "notAt", "jitter"}},
    {CORE "trigger.Webhook",
     NULL,
     OF_TRIGGER,
     {"key", "wait", "returnOutputs", "fetchType", "responseContentType", "responseCode",
      "failOnTriggerError"}},
    {CORE "trigger.Flow",
     NULL,
     OF_TRIGGER,
     {"states", "preconditions", "dependsOn", "window", "mode", "minSatisfied",
      "failOnTriggerError"}},
};
#define TYPES (sizeof types / sizeof *types)
#define OWN_MAX (sizeof types->own / sizeof *types->own)

static bool holds(const char *const *list, const char *key)
{
    while (*list && !str_eq(*list, key))
        list++;
    return *list != NULL;
}

static bool has(const struct type_keys *t, const char *key)
{
    for (size_t i = 0; i < OWN_MAX && t->own[i]; i++)
        if (str_eq(t->own[i], key)) return true;
    return (t->groups & OF_TASK && holds(of_task, key)) ||
           (t->groups & OF_CONTROL && holds(of_control, key)) ||
           (t->groups & OF_TRIGGER && holds(of_trigger, key)) ||
           (t->groups & OF_JOB && holds(of_job, key)) ||
           (t->groups & OF_SCRIPT && holds(of_script, key));
}

static const struct type_keys *find_type(const char *name)
{
    for (size_t i = 0; i < TYPES; i++) {
        const struct type_keys *t = &types[i];
        if (t->end ? str_starts(name, t->begin) && str_ends(name, t->end) : str_eq(name, t->begin))
            return t;
    }
    return NULL;
}

bool kestra_key_is_foreign(const char *type, const char *key)
{
    const struct type_keys *t = find_type(kestra_present_name(type));
    if (!t || has(t, key)) return false;
    for (size_t i = 0; i < TYPES; i++)
        if (has(&types[i], key)) return true;
    return false;
}
