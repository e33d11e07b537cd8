/* cadre execution list | show | logs | cancel */
#include "cli/commands.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/follow.h"
#include "platform/files.h"

#include <stdio.h>
#include <string.h>

#define AT(type, field) offsetof(struct type, field)

struct list_config {
    char *state, *ns, *flow, *trigger;
    int64_t limit;
};
static const struct opt list_options[] = {
    {.flag = "state",
     .type = OPT_STRING,
     .offset = AT(list_config, state),
     .value_name = "S[,S]",
     .help = "only these states, e.g. QUEUED,RUNNING"},
    {.flag = "namespace",
     .type = OPT_STRING,
     .offset = AT(list_config, ns),
     .value_name = "NS",
     .help = "only this namespace's and its children's"},
    {.flag = "flow",
     .type = OPT_STRING,
     .offset = AT(list_config, flow),
     .value_name = "NAMESPACE/FLOW",
     .help = "only this flow's"},
    {.flag = "trigger",
     .type = OPT_STRING,
     .offset = AT(list_config, trigger),
     .value_name = "T",
     .help = "with --flow: only those that this trigger started"},
    {.flag = "limit",
     .type = OPT_INT,
     .offset = AT(list_config, limit),
     .fallback = "50",
     .min = 1,
     .max = 10000,
     .value_name = "N",
     .help = "at most so many, newest first"},
};

static void execution_row(struct table *t, const struct json *x)
{
    char age[DURATION_TEXT_SIZE];
    char *flow = str_dupf("%s/%s", json_get_str(x, "namespace", "?"), json_get_str(x, "flow", "?"));
    text_age(json_get_str(x, "createdAt", NULL), age);
    const char *cells[] = {json_get_str(x, "id", NULL),
                           json_get_str(x, "state", NULL),
                           flow,
                           json_get_str(x, "trigger", NULL),
                           age,
                           json_get_str(x, "message", NULL)};
    table_add(t, cells);
    mem_free(flow);
}

static int run_list(struct cli *cli, void *config, const struct opt_args *args)
{
    static const char *const head[] = {"ID", "STATE", "FLOW", "TRIGGER", "AGE", "MESSAGE"};
    const struct list_config *c = config;
    if (args->argc > 0) return cli_usage("execution list takes no argument '%s'", args->argv[0]);
    char *ns = mem_strdup(c->flow ? c->flow : c->ns), *flow = NULL;
    char *slash = c->flow ? strchr(ns, '/') : NULL;
    if (c->flow && (!slash || c->ns)) {
        mem_free(ns);
        return c->ns ? cli_usage("--flow names the namespace already")
                     : cli_usage("--flow '%s' is not of the form NAMESPACE/FLOW", c->flow);
    }
    if (slash) {
        *slash = 0;
        flow = slash + 1;
    }
    const struct cli_listing l = {.collection = "executions",
                                  .columns = 6,
                                  .head = head,
                                  .row = execution_row,
                                  .queries = {{"state", c->state},
                                              {"namespace", ns},
                                              {"flow", flow},
                                              {"trigger", c->trigger}},
                                  .limit = c->limit};
    int code = cli_list(cli, &l);
    mem_free(ns);
    return code;
}

const struct command cmd_execution_list = {
    .name = "execution list",
    .arguments = "",
    .summary = "list executions of flows, newest first",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .config_size = sizeof(struct list_config),
    .run = run_list,
};

static const char *one_id(const struct opt_args *args, const char *command)
{
    if (args->argc == 1) return args->argv[0];
    (void)cli_usage("%s takes one execution ID; 'cadre execution list' shows them", command);
    return NULL;
}

/* ---- show ---- */

static void show_run(const struct json *j)
{
    char code[32];
    const char *exit_text = text_of(json_get(j, "exitCode"), code, sizeof code);
    const char *reason = json_get_str(j, "reason", NULL);
    const char *agent = json_get_str(j, "agentName", json_get_str(j, "agent", NULL));
    const char *message = json_get_str(j, "message", NULL);
    const char *waiting = json_get_str(json_get(j, "waiting"), "message", NULL);
    printf("task %-16s %s%s%s%s%s%s%s  job %s%s%s%s%s\n", json_get_str(j, "task", "?"),
           json_get_str(j, "state", "?"), reason ? " " : "", reason ? reason : "",
           exit_text ? ", exit code " : "", exit_text ? exit_text : "", agent ? " on " : "",
           agent ? agent : "", json_get_str(j, "id", "?"), message ? ": " : "",
           message ? message : "", waiting ? ", waiting: " : "", waiting ? waiting : "");
}

static void show_execution(const struct json *x)
{
    static const char *const keys[] = {"id",        "namespace", "flow",           "revision",
                                       "state",     "reason",    "message",        "trigger",
                                       "inputs",    "labels",    "triggerOutputs", "createdAt",
                                       "startedAt", "endedAt"};
    char scratch[2048];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct json *v = json_get(x, keys[i]);
        if (json_type(v) == JSON_NULL || (json_type(v) == JSON_OBJECT && !json_count(v))) continue;
        show_line(keys[i], text_of(v, scratch, sizeof scratch));
    }
    const char *waiting = json_get_str(json_get(x, "waiting"), "message", NULL);
    if (waiting) show_line("waiting", waiting);
    for (const struct json *j = json_first(json_get(x, "taskRuns")); j; j = json_next(j))
        show_run(j);
}

static int run_show(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct response r;
    const char *id = one_id(args, "execution show");
    if (!id) return EXIT_USAGE;
    char *target = cli_path("executions", id, NULL);
    const struct json *x = cli_call(cli, "GET", target, NULL, &r);
    mem_free(target);
    if (!x) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(x);
    else
        show_execution(x);
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_execution_show = {
    .name = "execution show",
    .arguments = "ID",
    .summary = "show everything about an execution and its tasks",
    .run = run_show,
};

/* ---- logs ---- */

struct logs_config {
    bool follow;
    char *task;
};
static const struct opt logs_options[] = {
    {.flag = "follow",
     .short_flag = 'f',
     .type = OPT_BOOL,
     .offset = AT(logs_config, follow),
     .help = "go on until the execution ends; exits as 'cadre flow run' does"},
    {.flag = "task",
     .type = OPT_STRING,
     .offset = AT(logs_config, task),
     .value_name = "T",
     .help = "only this task's output"},
};

static int to_stdout(const void *data, size_t len, void *user)
{
    (void)user;
    return fd_write_all(1, data, len, NULL) == 0 ? 0 : 1;
}

static int print_output(struct cli *cli, const char *target)
{
    struct err e = {0};
    struct client *client = cli_client(cli);
    if (!client) return EXIT_ERROR;
    int rc = client_download(client, target, to_stdout, NULL, &e);
    return rc == 0 ? EXIT_OK : cli_fail(EXIT_ERROR, &e);
}

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
    (void)cli_fail(EXIT_ERROR, &e);
    return NULL;
}

static int run_logs(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct logs_config *c = config;
    const char *id = one_id(args, "execution logs");
    if (!id) return EXIT_USAGE;
    struct follow_options o = {.id = id};
    if (!c->task && c->follow) return follow_execution(cli, &o);
    char *job = c->task ? job_of_task(cli, id, c->task) : NULL;
    if (c->task && !job) return EXIT_ERROR;
    int code;
    if (c->follow) {
        o.id = job;
        code = follow_job(cli, &o);
    } else {
        char *target = cli_path(job ? "jobs" : "executions", job ? job : id, "logs");
        code = print_output(cli, target);
        mem_free(target);
    }
    mem_free(job);
    return code;
}

const struct command cmd_execution_logs = {
    .name = "execution logs",
    .arguments = "ID",
    .summary = "print the output of an execution's tasks",
    .options = logs_options,
    .option_count = sizeof logs_options / sizeof *logs_options,
    .config_size = sizeof(struct logs_config),
    .run = run_logs,
};

/* ---- cancel ---- */

static int run_cancel(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct response r;
    const char *id = one_id(args, "execution cancel");
    if (!id) return EXIT_USAGE;
    char *target = cli_path("executions", id, "cancel");
    const struct json *x = cli_call(cli, "POST", target, NULL, &r);
    mem_free(target);
    if (!x) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(x);
    else
        printf("%s %s\n", json_get_str(x, "id", id), json_get_str(x, "state", "?"));
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_execution_cancel = {
    .name = "execution cancel",
    .arguments = "ID",
    .summary = "cancel an execution, queued or running",
    .run = run_cancel,
};
