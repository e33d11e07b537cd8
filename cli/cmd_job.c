/* cadre job list | show | logs | cancel | why */
#include "cli/commands.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/follow.h"
#include "platform/files.h"

#include <stdio.h>
#include <string.h>

struct list_config {
    char *state, *group, *ns, *agent;
    int64_t limit;
};
#define AT(type, field) offsetof(struct type, field)
static const struct opt list_options[] = {
    {.flag = "state",
     .type = OPT_STRING,
     .offset = AT(list_config, state),
     .value_name = "S[,S]",
     .help = "only these states, e.g. CREATED,RUNNING"},
    {.flag = "group",
     .type = OPT_STRING,
     .offset = AT(list_config, group),
     .value_name = "K",
     .help = "only this group's"},
    {.flag = "namespace",
     .type = OPT_STRING,
     .offset = AT(list_config, ns),
     .value_name = "NS",
     .help = "only this namespace's and its children's"},
    {.flag = "agent",
     .type = OPT_STRING,
     .offset = AT(list_config, agent),
     .value_name = "A",
     .help = "only this agent's"},
    {.flag = "limit",
     .type = OPT_INT,
     .offset = AT(list_config, limit),
     .fallback = "50",
     .min = 1,
     .max = 10000,
     .value_name = "N",
     .help = "at most so many, newest first"},
};

static void job_row(struct table *t, const struct json *j)
{
    char age[DURATION_TEXT_SIZE], scratch[32], code[32];
    const struct json *exit_code = json_get(j, "exitCode");
    const char *exit_text = text_of(exit_code, code, sizeof code);
    text_age(json_get_str(j, "createdAt", NULL), age);
    const char *cells[] = {json_get_str(j, "id", NULL),
                           json_get_str(j, "state", NULL),
                           json_get_str(j, "reason", NULL),
                           exit_text,
                           json_get_str(j, "group", NULL),
                           json_get_str(j, "agentName", json_get_str(j, "agent", NULL)),
                           text_of(json_get(j, "attempt"), scratch, sizeof scratch),
                           age,
                           json_get_str(j, "name", NULL)};
    table_add(t, cells);
}

static int run_list(struct cli *cli, void *config, const struct opt_args *args)
{
    static const char *const head[] = {"ID",    "STATE",   "REASON", "EXIT", "GROUP",
                                       "AGENT", "ATTEMPT", "AGE",    "NAME"};
    const struct list_config *c = config;
    if (args->argc > 0)
        return cli_usage("job list takes no argument '%s'; see 'cadre job list --help'",
                         args->argv[0]);
    const struct cli_listing l = {.collection = "jobs",
                                  .columns = 9,
                                  .head = head,
                                  .row = job_row,
                                  .queries = {{"state", c->state},
                                              {"group", c->group},
                                              {"namespace", c->ns},
                                              {"agent", c->agent}},
                                  .limit = c->limit};
    return cli_list(cli, &l);
}

const struct command cmd_job_list = {
    .name = "job list",
    .arguments = "",
    .summary = "list jobs, newest first",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .config_size = sizeof(struct list_config),
    .run = run_list,
};

static const char *one_id(const struct opt_args *args, const char *command)
{
    if (args->argc == 1) return args->argv[0];
    (void)cli_usage("%s takes one job ID; 'cadre job list' shows them", command);
    return NULL;
}

static void show_job(const struct json *j)
{
    static const char *const keys[] = {"id",       "name",      "kind",        "namespace",
                                       "flow",     "execution", "task",        "state",
                                       "reason",   "message",   "exitCode",    "group",
                                       "fallback", "requires",  "priority",    "agentName",
                                       "attempt",  "createdAt", "submittedAt", "startedAt",
                                       "endedAt",  "truncated", "outputs"};
    char scratch[2048];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct json *v = json_get(j, keys[i]);
        bool always = str_eq(keys[i], "group") || str_eq(keys[i], "state");
        if (json_type(v) == JSON_NULL && !always) continue;
        const char *text = text_of(v, scratch, sizeof scratch);
        show_line(keys[i], text ? text : str_eq(keys[i], "group") ? "(default)" : NULL);
    }
    const char *waiting = json_get_str(json_get(j, "waiting"), "message", NULL);
    if (waiting) show_line("waiting", waiting);
    for (const struct json *a = json_first(json_get(j, "attempts")); a; a = json_next(a)) {
        char number[32], code[32];
        const char *exit_text = text_of(json_get(a, "exitCode"), code, sizeof code);
        printf("attempt %-6s %s%s%s on %s%s%s\n",
               text_of(json_get(a, "attempt"), number, sizeof number),
               json_get_str(a, "state", "?"), json_get_str(a, "reason", NULL) ? " " : "",
               json_get_str(a, "reason", ""),
               json_get_str(a, "agentName", json_get_str(a, "agent", "-")),
               exit_text ? ", exit code " : "", exit_text ? exit_text : "");
    }
}

static int run_show(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct response r;
    const char *id = one_id(args, "job show");
    if (!id) return EXIT_USAGE;
    char *target = cli_path("jobs", id, NULL);
    const struct json *j = cli_call(cli, "GET", target, NULL, &r);
    mem_free(target);
    if (!j) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(j);
    else
        show_job(j);
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_job_show = {
    .name = "job show",
    .arguments = "ID",
    .summary = "show everything about a job",
    .run = run_show,
};

struct logs_config {
    bool follow;
    char *stream;
};
static const struct opt logs_options[] = {
    {.flag = "follow",
     .short_flag = 'f',
     .type = OPT_BOOL,
     .offset = AT(logs_config, follow),
     .help = "go on until the job ends; exits with the job's exit code"},
    {.flag = "stream",
     .type = OPT_STRING,
     .offset = AT(logs_config, stream),
     .value_name = "stdout|stderr",
     .help = "only this stream"},
};

static int to_stdout(const void *data, size_t len, void *user)
{
    (void)user;
    return fd_write_all(1, data, len, NULL) == 0 ? 0 : 1;
}

static int run_logs(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct logs_config *c = config;
    const char *id = one_id(args, "job logs");
    if (!id) return EXIT_USAGE;
    if (c->stream && !str_eq(c->stream, "stdout") && !str_eq(c->stream, "stderr"))
        return cli_usage("--stream '%s' is neither stdout nor stderr", c->stream);
    if (c->follow && c->stream)
        return cli_usage("--stream goes with finished output only, not with --follow");
    if (c->follow) {
        struct follow_options o = {.id = id};
        return follow_job(cli, &o);
    }
    struct err e = {0};
    struct client *client = cli_client(cli);
    if (!client) return EXIT_ERROR;
    struct buf target;
    char *path = cli_path("jobs", id, "logs");
    buf_init(&target, 8192);
    (void)buf_adds(&target, path);
    cli_query(&target, "stream", c->stream);
    int rc = client_download(client, target.data, to_stdout, NULL, &e);
    buf_fini(&target);
    mem_free(path);
    return rc == 0 ? EXIT_OK : cli_fail(EXIT_ERROR, &e);
}

const struct command cmd_job_logs = {
    .name = "job logs",
    .arguments = "ID",
    .summary = "print a job's output",
    .options = logs_options,
    .option_count = sizeof logs_options / sizeof *logs_options,
    .config_size = sizeof(struct logs_config),
    .run = run_logs,
};

static int run_cancel(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct response r;
    const char *id = one_id(args, "job cancel");
    if (!id) return EXIT_USAGE;
    char *target = cli_path("jobs", id, "cancel");
    const struct json *j = cli_call(cli, "POST", target, NULL, &r);
    mem_free(target);
    if (!j) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(j);
    else
        printf("%s %s\n", json_get_str(j, "id", id), json_get_str(j, "state", "?"));
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_job_cancel = {
    .name = "job cancel",
    .arguments = "ID",
    .summary = "cancel a job, waiting or running",
    .run = run_cancel,
};

static int run_why(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct response r;
    const char *id = one_id(args, "job why");
    if (!id) return EXIT_USAGE;
    char *target = cli_path("jobs", id, "why");
    const struct json *j = cli_call(cli, "GET", target, NULL, &r);
    mem_free(target);
    if (!j) return EXIT_ERROR;
    const struct json *waiting = json_get(j, "waiting");
    if (cli_json(cli))
        cli_print_json(j);
    else if (json_type(waiting) == JSON_OBJECT)
        printf("%s: %s\n", json_get_str(waiting, "code", "?"),
               json_get_str(waiting, "message", ""));
    else
        printf("it does not wait: it is %s\n", json_get_str(j, "state", "?"));
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_job_why = {
    .name = "job why",
    .arguments = "ID",
    .summary = "tell why a job does not run yet",
    .run = run_why,
};
