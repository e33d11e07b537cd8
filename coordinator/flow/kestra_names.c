/* What Kestra's types were called before 0.17 moved them. */
#include "coordinator/flow/kestra_names.h"

#include "base/str.h"

#include <stddef.h>

#define CORE "io.kestra.plugin.core."
#define OLD "io.kestra.core.tasks."
#define OLD_TRIGGER "io.kestra.core.models.triggers.types."

static const char *const names[][2] = {
    {OLD "log.Log", CORE "log.Log"},
    {OLD "debugs.Return", CORE "debug.Return"},
    {OLD "debugs.Echo", CORE "debug.Echo"},
    {OLD "executions.Labels", CORE "execution.Labels"},
    {OLD "executions.Fail", CORE "execution.Fail"},
    {OLD "flows.Sequential", CORE "flow.Sequential"},
    {OLD "flows.Parallel", CORE "flow.Parallel"},
    {OLD "flows.If", CORE "flow.If"},
    {OLD "flows.Switch", CORE "flow.Switch"},
    {OLD "flows.AllowFailure", CORE "flow.AllowFailure"},
    {OLD "flows.EachSequential", CORE "flow.EachSequential"},
    {OLD "flows.EachParallel", CORE "flow.EachParallel"},
    {OLD "flows.Subflow", CORE "flow.Subflow"},
    {OLD "flows.Flow", CORE "flow.Subflow"},
    {OLD "flows.WorkingDirectory", CORE "flow.WorkingDirectory"},
    {OLD "flows.Worker", CORE "flow.WorkingDirectory"},
    {OLD "flows.Pause", CORE "flow.Pause"},
    {OLD_TRIGGER "Schedule", CORE "trigger.Schedule"},
    {OLD_TRIGGER "Webhook", CORE "trigger.Webhook"},
    {OLD_TRIGGER "Flow", CORE "trigger.Flow"},
};

const char *kestra_present_name(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(names[i][0], name)) return names[i][1];
    return name;
}
