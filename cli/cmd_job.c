/* cadre job list | show | logs | cancel | why */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/again.h"
#include "cli/bulk.h"
#include "cli/ended.h"
#include "cli/job_name.h"
#include "cli/logs.h"
#include "cli/resource.h"

static const struct opt list_options[] = {
    LIST_STATE("CREATED,RUNNING"),
    LIST_GROUP,
    LIST_NAMESPACE,
    LIST_KIND,
    LIST_JOB_NAME,
    LIST_AGENT,
    LIST_END,
    LIST_ORIGIN,
    LIST_TIMES,
    LIST_ENDED,
    LIST_LIMIT,
};

const struct command cmd_job_list = {
    .name = "job list",
    .arguments = "",
    .summary = "list jobs, newest first",
    .example = "cadre job list --state CREATED,RUNNING --group windows\n"
               "cadre job list --flow company.team/nightly --state FAILED --exit-code 3",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .config_size = sizeof(struct list_config),
    .resource = &resource_job,
    .run = resource_list_of_flow,
};

struct show_config {
    bool command;
};
static const struct opt show_options[] = {
    {.flag = "command",
     .type = OPT_BOOL,
     .offset = offsetof(struct show_config, command),
     .help = "print only the line that submits the same job again, for a POSIX shell"},
};

static void print_command(struct out *out, const char *name, const struct json *j)
{
    struct buf b;
    (void)name;
    buf_init(&b, LINE_OF_JOB_MAX);
    again_line(j, true, &b);
    out_bytes(out, b.data, b.len);
    buf_fini(&b);
}

static int run_show(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct show_config *c = config;
    if (c->command && cli_json(cli))
        return cli_usage(cli, "--command prints a line for a shell, not JSON: leave -o json out");
    return resource_print(cli, args, c->command ? print_command : NULL);
}

const struct command cmd_job_show = {
    .name = "job show",
    .arguments = "ID|NAME",
    .summary = "show everything about a job",
    .example = "cadre job show 06f3k9x2m1c7a",
    .options = show_options,
    .option_count = sizeof show_options / sizeof *show_options,
    .config_size = sizeof(struct show_config),
    .resource = &resource_job,
    .method = "GET",
    .run = run_show,
};

static const struct opt logs_options[] = {
    LOGS_FOLLOW("job ends; exits with the job's exit code"),
    LOGS_OPTIONS,
};

static int run_logs(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct logs_config *c = config;
    const char *id = resource_name(cli, args);
    if (!id) return EXIT_USAGE;
    char *found = job_id_of(cli, id);
    if (!found) return c->follow ? EXIT_CADRE : EXIT_ERROR;
    int code = logs_of_job(cli, found, c);
    mem_free(found);
    return code;
}

const struct command cmd_job_logs = {
    .name = "job logs",
    .arguments = "ID|NAME",
    .summary = "print a job's output",
    .details = "What the job wrote to stdout goes to stdout, what it wrote to stderr to stderr. "
               "Cadre's remarks go to stderr, each a line behind 'cadre: '. "
               "Of a job with several attempts a line on stderr tells where each begins. With -o "
               "json each piece of output is "
               "a line: {\"attempt\", \"stream\", \"at\", \"text\", ...}; bytes that are not text "
               "stand in "
               "\"base64\".",
    .example = "cadre job logs --follow 06f3k9x2m1c7a",
    .options = logs_options,
    .option_count = sizeof logs_options / sizeof *logs_options,
    .config_size = sizeof(struct logs_config),
    .lost_code = EXIT_CADRE,
    .resource = &resource_job,
    .run = run_logs,
};

static const struct opt cancel_options[] = {
    LIST_STATE("CREATED,RUNNING; default: all that have not ended"),
    LIST_GROUP,
    LIST_NAMESPACE,
    LIST_KIND,
    LIST_JOB_NAME,
    LIST_AGENT,
    LIST_END,
    LIST_ORIGIN,
    LIST_TIMES,
    LIST_ENDED,
    BULK_OPTIONS,
};

static void tell_cancelled(struct cli *cli, const int64_t sums[BULK_COUNTS])
{
    out_line(&cli->out,
             "%lld cancelled before they ran, %lld told to end; left alone: %lld that had ended, "
             "%lld that had changed",
             (long long)sums[1], (long long)sums[2], (long long)sums[3], (long long)sums[4]);
}

static int run_cancel(struct cli *cli, void *config, const struct opt_args *args)
{
    static const struct bulk_verb verb = {
        .rest = "cancel",
        .question = {"Cancel it?", "Cancel them?"},
        .counts = {"matched", "cancelled", "killing", "ended", "changed"},
        .tell = tell_cancelled,
    };
    if (bulk_is_asked(config, args)) return bulk_run(cli, config, args, &verb);
    return resource_run(cli, config, args);
}

const struct command cmd_job_cancel = {
    .name = "job cancel",
    .arguments = "[ID|NAME]",
    .summary = "cancel a job, waiting or running, or all that filters choose",
    .details = "With filters, or --all, the jobs that have not ended and that all filters choose "
               "are counted, and those are cancelled when you agree, or with --yes. A job that "
               "ends meanwhile, or no longer is what the filters say, is left alone and counted.",
    .example = "cadre job cancel 06f3k9x2m1c7a\n"
               "cadre job cancel --group windows --state CREATED --dry-run",
    .options = cancel_options,
    .option_count = sizeof cancel_options / sizeof *cancel_options,
    .config_size = sizeof(struct bulk_config),
    .resource = &resource_job,
    .method = "POST",
    .rest = "cancel",
    .print = resource_print_state,
    .run = run_cancel,
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
    .arguments = "ID|NAME",
    .summary = "explain why a job does not run yet",
    .example = "cadre job why 06f3k9x2m1c7a",
    .resource = &resource_job,
    .method = "GET",
    .rest = "why",
    .print = print_why,
    .run = resource_run,
};
