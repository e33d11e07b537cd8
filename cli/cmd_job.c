/* cadre job list | show | logs | cancel | why */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/logs.h"
#include "cli/resource.h"

static const struct opt list_options[] = {
    LIST_STATE("CREATED,RUNNING"),
    {.flag = "group",
     .type = OPT_STRING,
     .offset = LIST_AT(group),
     .value_name = "K",
     .help = "only jobs of this group"},
    LIST_NAMESPACE,
    {.flag = "kind",
     .type = OPT_STRING,
     .offset = LIST_AT(kind),
     .value_name = "K[,K]",
     .help = "only these kinds: job, task, evaluation (of a polling trigger), or all; default: "
             "job,task"},
    {.flag = "agent",
     .type = OPT_STRING,
     .offset = LIST_AT(agent),
     .value_name = "A",
     .help = "only jobs of this agent"},
    LIST_LIMIT,
};

const struct command cmd_job_list = {
    .name = "job list",
    .arguments = "",
    .summary = "list jobs, newest first",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .config_size = sizeof(struct list_config),
    .resource = &resource_job,
    .run = resource_list,
};

const struct command cmd_job_show = {
    .name = "job show",
    .arguments = "ID",
    .summary = "show everything about a job",
    .resource = &resource_job,
    .method = "GET",
    .run = resource_run,
};

static const struct opt logs_options[] = {
    LOGS_FOLLOW("job ends; exits with the job's exit code"),
    {.flag = "stream",
     .type = OPT_STRING,
     .offset = LOGS_AT(stream),
     .value_name = "stdout|stderr",
     .help = "only this stream"},
    LOGS_OPTIONS,
};

static int run_logs(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct logs_config *c = config;
    const char *id = resource_name(cli, args);
    if (!id) return EXIT_USAGE;
    if (c->stream && !str_eq(c->stream, "stdout") && !str_eq(c->stream, "stderr"))
        return cli_usage("--stream '%s' is neither stdout nor stderr", c->stream);
    return logs_of_job(cli, id, c);
}

const struct command cmd_job_logs = {
    .name = "job logs",
    .arguments = "ID",
    .summary = "print a job's output",
    .details = "Of a job with several attempts a line on stderr tells where each begins. With -o "
               "json each piece of output is\n"
               "a line: {\"attempt\", \"stream\", \"at\", \"text\", ...}; bytes that are not text "
               "stand in "
               "\"base64\".",
    .options = logs_options,
    .option_count = sizeof logs_options / sizeof *logs_options,
    .config_size = sizeof(struct logs_config),
    .lost_code = EXIT_CADRE,
    .resource = &resource_job,
    .run = run_logs,
};

const struct command cmd_job_cancel = {
    .name = "job cancel",
    .arguments = "ID",
    .summary = "cancel a job, waiting or running",
    .resource = &resource_job,
    .method = "POST",
    .rest = "cancel",
    .print = resource_print_state,
    .run = resource_run,
};

static void print_why(struct out *out, const char *name, const struct json *j)
{
    (void)name;
    const struct json *waiting = json_get(j, "waiting");
    if (json_type(waiting) == JSON_OBJECT)
        out_line(out, "%s: %s", json_get_str(waiting, "code", "?"),
                 json_get_str(waiting, "message", ""));
    else
        out_line(out, "the job is not waiting: its state is %s", json_get_str(j, "state", "?"));
}

const struct command cmd_job_why = {
    .name = "job why",
    .arguments = "ID",
    .summary = "explain why a job does not run yet",
    .resource = &resource_job,
    .method = "GET",
    .rest = "why",
    .print = print_why,
    .run = resource_run,
};
