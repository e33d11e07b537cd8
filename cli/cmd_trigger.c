/* cadre trigger list | show | enable | disable | run */
#include "cli/commands.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>

#define PLACE "NAMESPACE/FLOW/TRIGGER"
#define AT(type, field) offsetof(struct type, field)

struct list_config {
    char *ns;
};
static const struct opt list_options[] = {
    {.flag = "namespace",
     .type = OPT_STRING,
     .offset = AT(list_config, ns),
     .value_name = "NS",
     .help = "only this namespace's and its children's"},
};

static const char *state_of(const struct json *t)
{
    if (json_get_bool(t, "disabled", false)) return "DISABLED";
    return json_get_str(t, "job", NULL) ? "EVALUATING" : "ENABLED";
}

static void trigger_row(struct table *t, const struct json *j)
{
    char age[DURATION_TEXT_SIZE], fired[32], errors[32];
    char *name = str_dupf("%s/%s/%s", json_get_str(j, "namespace", "?"),
                          json_get_str(j, "flow", "?"), json_get_str(j, "id", "?"));
    text_age(json_get_str(j, "evaluatedAt", NULL), age);
    const char *cells[] = {name,
                           state_of(j),
                           json_get_str(j, "interval", NULL),
                           json_get_str(j, "result", NULL),
                           age,
                           text_of(json_get(j, "fired"), fired, sizeof fired),
                           text_of(json_get(j, "errors"), errors, sizeof errors),
                           json_get_str(j, "reason", json_get_str(j, "message", NULL))};
    table_add(t, cells);
    mem_free(name);
}

static int run_list(struct cli *cli, void *config, const struct opt_args *args)
{
    static const char *const head[] = {"TRIGGER", "STATE", "INTERVAL", "LAST",
                                       "AGE",     "FIRED", "ERRORS",   "MESSAGE"};
    const struct list_config *c = config;
    if (args->argc > 0) return cli_usage("trigger list takes no argument '%s'", args->argv[0]);
    const struct cli_listing l = {.collection = "triggers",
                                  .columns = 8,
                                  .head = head,
                                  .row = trigger_row,
                                  .queries = {{"namespace", c->ns}},
                                  .limit = INT64_MAX};
    return cli_list(cli, &l);
}

const struct command cmd_trigger_list = {
    .name = "trigger list",
    .arguments = "",
    .summary = "list polling triggers and what they last came to",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .config_size = sizeof(struct list_config),
    .run = run_list,
};

static void show_evaluation(const struct json *v)
{
    char number[32], code[32];
    const char *exit_text = text_of(json_get(v, "exitCode"), code, sizeof code);
    const char *message = json_get_str(v, "message", NULL);
    const char *execution = json_get_str(v, "execution", NULL);
    printf("evaluation %-6s %s %s%s%s%s%s%s%s\n",
           text_of(json_get(v, "number"), number, sizeof number), json_get_str(v, "endedAt", "-"),
           json_get_str(v, "result", "?"), exit_text ? ", exit code " : "",
           exit_text ? exit_text : "", execution ? ", execution " : "", execution ? execution : "",
           message ? ": " : "", message ? message : "");
}

static void show_trigger(const struct json *t)
{
    static const char *const keys[] = {"namespace", "flow",        "id",          "interval",
                                       "reason",    "nextAt",      "job",         "result",
                                       "message",   "evaluatedAt", "execution",   "allowConcurrent",
                                       "fired",     "errors",      "evaluations", "skipped"};
    char scratch[2048];
    show_line("state", state_of(t));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct json *v = json_get(t, keys[i]);
        if (json_type(v) == JSON_NULL) continue;
        show_line(keys[i], text_of(v, scratch, sizeof scratch));
    }
    for (const struct json *v = json_first(json_get(t, "history")); v; v = json_next(v))
        show_evaluation(v);
}

static int call(struct cli *cli, const struct opt_args *args, const char *method, const char *rest,
                const char *command, void (*show)(const struct json *j))
{
    struct response r;
    if (args->argc != 1)
        return cli_usage("%s takes one " PLACE "; 'cadre trigger list' shows them", command);
    char *path = cli_place("triggers", args->argv[0], 3, rest, PLACE);
    if (!path) return EXIT_USAGE;
    const struct json *t = cli_call(cli, method, path, NULL, &r);
    mem_free(path);
    if (!t) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(t);
    else
        show(t);
    response_fini(&r);
    return EXIT_OK;
}

static int run_show(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    return call(cli, args, "GET", NULL, "trigger show", show_trigger);
}

const struct command cmd_trigger_show = {
    .name = "trigger show",
    .arguments = PLACE,
    .summary = "show a trigger and its last evaluations",
    .run = run_show,
};

static void print_state(const struct json *t)
{
    printf("%s/%s/%s %s\n", json_get_str(t, "namespace", "?"), json_get_str(t, "flow", "?"),
           json_get_str(t, "id", "?"), state_of(t));
}

static int run_enable(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    return call(cli, args, "POST", "enable", "trigger enable", print_state);
}

const struct command cmd_trigger_enable = {
    .name = "trigger enable",
    .arguments = PLACE,
    .summary = "evaluate a trigger again",
    .run = run_enable,
};

static int run_disable(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    return call(cli, args, "POST", "disable", "trigger disable", print_state);
}

const struct command cmd_trigger_disable = {
    .name = "trigger disable",
    .arguments = PLACE,
    .summary = "do not evaluate a trigger until it is enabled",
    .run = run_disable,
};

static void print_job(const struct json *t)
{
    printf("%s\n", json_get_str(t, "job", "?"));
}

static int run_run(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    return call(cli, args, "POST", "run", "trigger run", print_job);
}

const struct command cmd_trigger_run = {
    .name = "trigger run",
    .arguments = PLACE,
    .summary = "evaluate a trigger now; prints the evaluation's job id",
    .run = run_run,
};
