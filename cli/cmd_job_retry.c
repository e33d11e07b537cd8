/* cadre job retry */
#include "cli/commands.h"

#include "base/mem.h"
#include "cli/bulk.h"
#include "cli/ended.h"
#include "cli/job_name.h"
#include "cli/resource.h"

static void print_made(struct cli *cli, const struct json *job)
{
    if (cli_json(cli))
        out_json(&cli->out, job);
    else
        out_line(&cli->out, "%s", json_get_str(job, "id", "?"));
}

/* An exit code; failures are printed. The key lets the request be repeated while the coordinator is
 * away. */
static int retry_id(struct cli *cli, const char *id)
{
    struct err e = {0};
    struct response r = {0};
    char *path = cli_path("jobs", id, "retry"), *key = cli_key(NULL);
    const struct request request = {.method = "POST", .target = path, .key = key};
    int rc = client_call(cli->client, &request, &r, &e);
    if (rc == 0 && !r.body) rc = err_set(&e, ERR_PROTOCOL, "the coordinator's answer is not JSON");
    if (rc == 0) print_made(cli, r.body);
    response_fini(&r);
    mem_free(path);
    mem_free(key);
    return rc == 0 ? EXIT_OK : cli_fail(cli, EXIT_ERROR, &e);
}

static int retry_word(struct cli *cli, const char *word)
{
    char *id = job_id_of(cli, word);
    int code = id ? retry_id(cli, id) : EXIT_ERROR;
    mem_free(id);
    return code;
}

/* ---- all that filters choose ---- */

static const struct opt retry_options[] = {
    {.flag = "state",
     .type = OPT_STRING,
     .offset = LIST_AT(state),
     .value_name = "S[,S]",
     .help = "only jobs that ended so, e.g. FAILED,KILLED; default: FAILED"},
    LIST_GROUP,
    LIST_NAMESPACE,
    LIST_JOB_NAME,
    LIST_AGENT,
    LIST_END,
    LIST_ORIGIN,
    LIST_TIMES,
    LIST_ENDED,
    BULK_OPTIONS,
    {.flag = "unique",
     .type = OPT_STRING,
     .offset = BULK_AT(unique),
     .value_name = "KEY",
     .check = cli_check_key,
     .help = "with filters: with the same key within 24 h each job is run again once"},
};

static void print_retried(struct cli *cli, const struct json *job)
{
    const struct json *error = json_get(job, "error");
    if (error)
        cli_note(cli, "cadre: %s: %s", json_get_str(job, "retryOf", "?"),
                 json_get_str(error, "message", "?"));
    else
        out_line(&cli->out, "%s", json_get_str(job, "id", "?"));
}

static void tell_retried(struct cli *cli, const int64_t sums[BULK_COUNTS])
{
    cli_note(cli, "cadre: %lld run again, %lld refused", (long long)sums[1], (long long)sums[2]);
}

static const struct bulk_verb verb = {
    .rest = "retry",
    .question = {"Run it again?", "Run them again?"},
    .keyed = true,
    .counts = {"matched", "retried", "refused"},
    .print = print_retried,
    .tell = tell_retried,
};

static int run_retry(struct cli *cli, void *config, const struct opt_args *args)
{
    int code = EXIT_OK;
    if (bulk_is_asked(config, args)) return bulk_run(cli, config, args, &verb);
    if (!cli_client(cli)) return EXIT_ERROR;
    for (int i = 0; i < args->argc; i++) {
        if (retry_word(cli, args->argv[i]) != EXIT_OK) code = EXIT_ERROR;
        if (out_flush(&cli->out) != 0) return EXIT_ERROR;
    }
    return code;
}

const struct command cmd_job_retry = {
    .name = "job retry",
    .arguments = "[ID|NAME...]",
    .summary = "run jobs that have ended again, each as a new job",
    .details =
        "Each new job has the command, group, requires and limits of the one that it "
        "repeats, and names it as retryOf. Its id is printed, a line each; with -o json an "
        "object with it. When one is refused the others are retried all the same, and the "
        "exit code is "
        "1. Tasks of flows and evaluations of triggers are not retried alone. With filters, or "
        "--all, the jobs that all filters choose are counted, and those are run again when "
        "you agree, or with --yes.",
    .example = "cadre job retry 06f3k9x2m1c7a\n"
               "cadre job retry --state FAILED --since 1h --dry-run",
    .options = retry_options,
    .option_count = sizeof retry_options / sizeof *retry_options,
    .config_size = sizeof(struct bulk_config),
    .resource = &resource_job,
    .run = run_retry,
};
