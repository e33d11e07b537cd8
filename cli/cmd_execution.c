/* cadre execution list | show | logs | cancel */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/logs.h"
#include "cli/resource.h"

static const struct opt list_options[] = {
    LIST_STATE("QUEUED,RUNNING"),
    LIST_NAMESPACE,
    {.flag = "flow",
     .type = OPT_STRING,
     .offset = LIST_AT(flow),
     .value_name = "NAMESPACE/FLOW",
     .help = "only executions of this flow"},
    {.flag = "trigger",
     .type = OPT_STRING,
     .offset = LIST_AT(trigger),
     .value_name = "T",
     .help = "with --flow: only executions that this trigger started"},
    {.flag = "label",
     .type = OPT_MAP,
     .offset = LIST_AT(labels),
     .value_name = "K=V",
     .help = "only executions with this label"},
    LIST_TIMES,
    LIST_LIMIT,
};

const struct command cmd_execution_list = {
    .name = "execution list",
    .arguments = "",
    .summary = "list executions of flows, newest first",
    .example = "cadre execution list --flow company.team/nightly --state FAILED",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .config_size = sizeof(struct list_config),
    .resource = &resource_execution,
    .run = resource_list_of_flow,
};

const struct command cmd_execution_show = {
    .name = "execution show",
    .arguments = "ID",
    .summary = "show everything about an execution and its tasks",
    .example = "cadre execution show 06f3k9x2m1c7a",
    .resource = &resource_execution,
    .method = "GET",
    .run = resource_run,
};

static const struct opt logs_options[] = {
    LOGS_FOLLOW("execution ends; exits as 'cadre flow run' does"),
    {.flag = "task",
     .type = OPT_STRING,
     .offset = LOGS_AT(task),
     .value_name = "T",
     .help = "only this task's output"},
    LOGS_OPTIONS,
};

/* The job of the task's run. mem_free; NULL: printed already. */
static char *job_of_task(struct cli *cli, const char *id, const char *task)
{
    struct response r;
    char *target = cli_path("executions", id, NULL), *job = NULL;
    const struct json *x = cli_call(cli, "GET", target, NULL, &r);
    mem_free(target);
    if (!x) return NULL;
    for (const struct json *j = json_first(json_get(x, "taskRuns")); j && !job; j = json_next(j))
        if (str_eq(json_get_str(j, "task", NULL), task))
            job = mem_strdup(json_get_str(j, "id", NULL));
    response_fini(&r);
    if (job) return job;
    struct err e = {0};
    err_set(&e, ERR_NOT_FOUND, "the execution %s has no run of a task '%s'", id, task);
    (void)cli_fail(cli, EXIT_ERROR, &e);
    return NULL;
}

static int run_logs(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct logs_config *c = config;
    const char *id = resource_name(cli, args);
    if (!id) return EXIT_USAGE;
    if (!c->task && (c->attempt || c->tail))
        return cli_usage(cli, "--attempt and --tail go with --task T");
    if (!c->task) return logs_of_execution(cli, id, c);
    char *job = job_of_task(cli, id, c->task);
    if (!job) return EXIT_ERROR;
    int code = logs_of_job(cli, job, c);
    mem_free(job);
    return code;
}

const struct command cmd_execution_logs = {
    .name = "execution logs",
    .arguments = "ID",
    .summary = "print the output of an execution's tasks",
    .example = "cadre execution logs --task load 06f3k9x2m1c7a",
    .options = logs_options,
    .option_count = sizeof logs_options / sizeof *logs_options,
    .config_size = sizeof(struct logs_config),
    .lost_code = EXIT_CADRE,
    .resource = &resource_execution,
    .run = run_logs,
};

const struct command cmd_execution_cancel = {
    .name = "execution cancel",
    .arguments = "ID",
    .summary = "cancel an execution, queued or running",
    .example = "cadre execution cancel 06f3k9x2m1c7a",
    .resource = &resource_execution,
    .method = "POST",
    .rest = "cancel",
    .print = resource_print_state,
    .run = resource_run,
};
