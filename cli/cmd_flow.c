/* cadre flow apply | list | show | delete | run */
#include "cli/commands.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/flow_paths.h"
#include "cli/logs.h"
#include "cli/resource.h"
#include "cli/secret_name.h"
#include "cli/submit.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/text_file.h"
#include "wire/limits.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES (256u * 1024) /* of one flow; the coordinator's limit */
#define PLACE "NAMESPACE/FLOW"
#define PROBLEMS_TOLD 100 /* by the coordinator, at most */

#define AT(type, field) offsetof(struct type, field)

/* ---- apply ---- */

struct apply_config {
    bool check;
};
static const struct opt apply_options[] = {
    {.flag = "check",
     .type = OPT_BOOL,
     .offset = AT(apply_config, check),
     .help = "change nothing: only report the errors, or what would change"},
};

static int write_file(struct jw *w, const char *path, struct err *e)
{
    struct buf text;
    buf_init(&text, FILE_MAX_BYTES);
    bool from_stdin = str_eq(path, "-");
    int rc = text_input_read(path, FILE_MAX_BYTES, &text, e);
    if (rc == 0) {
        jw_object(w, NULL);
        /* it stands in messages only, so that any path will do */
        struct buf name;
        buf_init(&name, FILE_MAX_BYTES);
        escape_text(&name, path, strlen(path));
        jw_str(w, "name", from_stdin ? "stdin" : name.data);
        buf_fini(&name);
        jw_strn(w, "text", text.data, text.len);
        jw_end(w);
    }
    buf_fini(&text);
    return rc;
}

static int make_apply_body(const struct flow_paths *p, bool check, struct buf *out, struct err *e)
{
    struct jw w;
    int rc = 0;
    jw_init_strict(&w, out);
    jw_object(&w, NULL);
    jw_array(&w, "files");
    for (size_t i = 0; i < p->count && rc == 0; i++)
        rc = write_file(&w, p->items[i], e);
    jw_end(&w);
    if (check) jw_bool(&w, "checkOnly", true);
    jw_end(&w);
    if (rc == 0 && jw_finish(&w) != 0)
        rc = err_set(e, ERR_TOO_LARGE,
                     "the files are too large to be applied at once (%u KiB in all at most); apply "
                     "them in parts",
                     LIMIT_HTTP_BODY / 1024);
    return rc;
}

static void print_applied(struct out *out, const struct json *body, bool check)
{
    for (const struct json *f = json_first(json_get(body, "flows")); f; f = json_next(f))
        out_line(out, "%s/%s %s, revision %lld%s", json_get_str(f, "namespace", "?"),
                 json_get_str(f, "id", "?"), json_get_str(f, "change", "?"),
                 (long long)json_get_int(f, "revision", 0), check ? " (not applied)" : "");
}

static void note_warnings(const struct cli *cli, const struct json *body)
{
    for (const struct json *w = json_first(json_get(body, "warnings")); w; w = json_next(w))
        cli_note(cli, "cadre: warning: %s", json_str(w, "?"));
}

static int run_apply(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct apply_config *c = config;
    struct flow_paths paths = {0};
    struct err e = {0};
    struct buf body;
    struct response r = {0};
    if (args->argc == 0)
        return cli_usage(cli, "flow apply takes files or folders, or - for one file on stdin");
    buf_init(&body, LIMIT_HTTP_BODY);
    int rc = flow_paths_collect(args, &paths, &e);
    if (rc == 0) rc = make_apply_body(&paths, c->check, &body, &e);
    flow_paths_fini(&paths);
    if (rc != 0) {
        buf_fini(&body);
        return cli_fail(cli, EXIT_ERROR, &e);
    }
    struct client *client = cli_client(cli);
    int code = EXIT_ERROR;
    if (client) {
        const struct request request = {"POST", "/api/v1/flows", .body = body.data};
        rc = client_call(client, &request, &r, &e);
        if (rc == 0 && cli_json(cli))
            out_json(&cli->out, json_get(r.body, "flows"));
        else if (rc == 0)
            print_applied(&cli->out, r.body, c->check);
        if (rc == 0) note_warnings(cli, r.body);
        code = rc == 0 ? EXIT_OK : cli_fail_problems(cli, EXIT_ERROR, &r, &e);
        size_t problems = json_count(json_get(json_get(r.body, "error"), "problems"));
        if (problems > 0)
            cli_note(cli, "cadre: nothing was applied: %zu problem%s", problems,
                     problems > 1 ? "s" : "");
        response_fini(&r);
    }
    buf_fini(&body);
    return code;
}

const struct command cmd_flow_apply = {
    .name = "flow apply",
    .takes_paths = true,
    .arguments = "FILE|FOLDER|-...",
    .summary = "create or change flows: either all of the files are applied or none",
    .details =
        "A folder stands for all .yaml and .yml files in it and in the folders below. Every "
        "error is reported with "
        "file and line; then nothing changes and the exit code is 1. docs/flows.md describes the "
        "files.",
    .example = "cadre flow apply --check flows/\n"
               "cadre flow apply nightly.yaml",
    .options = apply_options,
    .option_count = sizeof apply_options / sizeof *apply_options,
    .config_size = sizeof(struct apply_config),
    .run = run_apply,
};

/* ---- list, show, delete ---- */

static const struct opt list_options[] = {LIST_NAMESPACE};

const struct command cmd_flow_list = {
    .name = "flow list",
    .arguments = "",
    .summary = "list flows",
    .example = "cadre flow list --namespace company.team",
    .options = list_options,
    .option_count = 1,
    .config_size = sizeof(struct list_config),
    .resource = &resource_flow,
    .run = resource_list,
};

struct show_config {
    int64_t revision;
    bool source;
};
static const struct opt show_options[] = {
    {.flag = "revision",
     .type = OPT_INT,
     .offset = AT(show_config, revision),
     .min = 1,
     .max = 1000000000,
     .value_name = "N",
     .help = "revision to show; default: the newest"},
    {.flag = "source",
     .type = OPT_BOOL,
     .offset = AT(show_config, source),
     .help = "print only the file's text, to be edited and applied again"},
};

/* The file's text; with -o json as the only member of an object. */
static int print_source(struct cli *cli, const char *target)
{
    struct response r;
    const struct json *f = cli_call(cli, "GET", target, NULL, &r);
    if (!f) return EXIT_ERROR;
    if (cli_json(cli)) {
        struct json *source = json_new(JSON_OBJECT);
        json_put(source, "source", json_new_str(json_get_str(f, "source", "")));
        out_json(&cli->out, source);
        json_free(source);
    } else {
        out_text(&cli->out, json_get_str(f, "source", ""));
    }
    response_fini(&r);
    return EXIT_OK;
}

static int run_show(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct show_config *c = config;
    struct buf target;
    char number[24];
    char *path = resource_path(cli, args, NULL);
    if (!path) return EXIT_USAGE;
    buf_init(&target, 65536);
    (void)buf_adds(&target, path);
    mem_free(path);
    (void)str_format(number, sizeof number, "%lld", (long long)c->revision);
    cli_query(&target, "revision", c->revision ? number : NULL);
    const struct request request = {.method = "GET", .target = target.data};
    int code = c->source ? print_source(cli, target.data)
                         : resource_send(cli, &request, args->argv[0], NULL);
    buf_fini(&target);
    return code;
}

const struct command cmd_flow_show = {
    .name = "flow show",
    .arguments = PLACE,
    .summary = "show a flow and its file",
    .example = "cadre flow show --source company.team/nightly",
    .options = show_options,
    .option_count = sizeof show_options / sizeof *show_options,
    .config_size = sizeof(struct show_config),
    .resource = &resource_flow,
    .run = run_show,
};

static void print_deleted(struct out *out, const char *place, const struct json *f)
{
    (void)f;
    out_line(out, "%s deleted", place);
}

const struct command cmd_flow_delete = {
    .name = "flow delete",
    .arguments = PLACE,
    .summary = "delete a flow and its triggers",
    .details = "Running executions go on to their end; queued executions are cancelled.",
    .example = "cadre flow delete company.team/nightly",
    .resource = &resource_flow,
    .method = "DELETE",
    .print = print_deleted,
    .run = resource_run,
};

/* ---- run ---- */

struct run_config {
    struct opt_map inputs, labels;
    char *unique, *stream;
    bool detach, keep;
};
static const struct opt run_options[] = {
    {.flag = "input",
     .type = OPT_MAP,
     .offset = AT(run_config, inputs),
     .value_name = "K=V",
     .help = "value of an input"},
    {.flag = "label",
     .type = OPT_MAP,
     .offset = AT(run_config, labels),
     .value_name = "K=V",
     .help = "label of this execution; replaces the flow's label of the same name"},
    {.flag = "unique",
     .type = OPT_STRING,
     .offset = AT(run_config, unique),
     .value_name = "KEY",
     .check = cli_check_key,
     .help = "the same key within 24 h is the same execution: a repeated run follows the first"},
    LOGS_STREAM(AT(run_config, stream)),
    {.flag = "keep", .type = OPT_BOOL, .offset = AT(run_config, keep), .help = SUBMIT_KEEP_HELP},
    {.flag = "detach",
     .type = OPT_BOOL,
     .offset = AT(run_config, detach),
     .help = "print the execution's id and do not wait for it"},
};

static void write_map(struct jw *w, const char *key, const struct opt_map *m)
{
    if (m->count == 0) return;
    jw_object(w, key);
    for (size_t i = 0; i < m->count; i++)
        jw_str(w, m->items[i].key, m->items[i].value);
    jw_end(w);
}

static int run_run(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct run_config *c = config;
    struct err e = {0};
    struct buf body;
    struct jw w;
    char *path = resource_path(cli, args, "executions");
    if (!path) return EXIT_USAGE;
    buf_init(&body, LIMIT_HTTP_BODY);
    jw_init_strict(&w, &body);
    jw_object(&w, NULL);
    write_map(&w, "inputs", &c->inputs);
    write_map(&w, "labels", &c->labels);
    jw_end(&w);
    int rc = jw_finish(&w);
    int code;
    if (rc != 0) {
        err_set(&e, rc, "the inputs are too large");
        code = cli_fail(cli, EXIT_CADRE, &e);
    } else {
        secret_name_warn(cli, &c->inputs, "the execution");
        const struct submit s = {.target = path,
                                 .body = body.data,
                                 .key = c->unique,
                                 .stream = c->stream,
                                 .detach = c->detach,
                                 .keep = c->keep,
                                 .execution = true};
        code = submit_run(cli, &s);
    }
    buf_fini(&body);
    mem_free(path);
    return code;
}

const struct command cmd_flow_run = {
    .name = "flow run",
    .arguments = PLACE,
    .summary = "start an execution of a flow and follow it",
    .details =
        "The output of the tasks goes to stdout and stderr as it is written. Exit code 0: the "
        "execution ended as "
        "SUCCESS or WARNING; 1: FAILED; 137: cancelled; 125: Cadre could not start or follow it. "
        "Ctrl-C, SIGTERM "
        "and SIGHUP cancel the execution and wait for its end; a second one leaves at once. A "
        "reader of the output "
        "that leaves ends the execution, too; --keep leaves it running in both cases.",
    .example = "cadre flow run company.team/nightly --input day=2026-01-31",
    .options = run_options,
    .option_count = sizeof run_options / sizeof *run_options,
    .config_size = sizeof(struct run_config),
    .lost_code = EXIT_CADRE,
    .resource = &resource_flow,
    .run = run_run,
};
