/* cadre run: submit, follow, exit with the job's own exit code. */
#include "cli/commands.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/logs.h"
#include "cli/secret_name.h"
#include "cli/submit.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/text_file.h"
#include "wire/limits.h"

#include <string.h>

struct run_config {
    char *group, *fallback, *ns, *workdir, *shell, *name, *unique, *stdin_file, *script;
    struct opt_list require;
    struct opt_map env;
    char *timeout, *queue_timeout, *lease, *stream;
    int64_t retry, priority;
    bool detach, keep;
};

static int check_group(const char *value, struct err *e)
{
    if (str_key_valid(value)) return 0;
    return err_set(e, ERR_INVALID, "a group's key has 1 to 63 letters, digits, '_' and '-'");
}

static int check_duration(const char *value, struct err *e)
{
    int64_t ms;
    return duration_parse(value, &ms, e);
}

static int check_namespace(const char *value, struct err *e)
{
    if (str_namespace_valid(value)) return 0;
    return err_set(e, ERR_INVALID,
                   "a namespace is words of letters, digits, '_' and '-' joined by dots");
}

#define AT(field) offsetof(struct run_config, field)
static const struct opt options[] = {
    {.flag = "group",
     .type = OPT_STRING,
     .offset = AT(group),
     .value_name = "K",
     .check = check_group,
     .help = "worker group to run on; default: the namespace's, else the default group"},
    {.flag = "fallback",
     .type = OPT_STRING,
     .offset = AT(fallback),
     .choices = "WAIT|FAIL|CANCEL|IGNORE",
     .help = "when the group has no agent online; IGNORE: use the default group"},
    {.flag = "require",
     .type = OPT_LIST,
     .offset = AT(require),
     .value_name = "K=EXPR",
     .help = "what the agent must offer, e.g. os=linux, memory='>= 16GiB', label.zone=dmz"},
    {.flag = "namespace",
     .type = OPT_STRING,
     .offset = AT(ns),
     .value_name = "NS",
     .check = check_namespace,
     .help = "namespace of the job"},
    {.flag = "env",
     .type = OPT_MAP,
     .offset = AT(env),
     .value_name = "K=V",
     .help = "environment variable"},
    {.flag = "workdir",
     .type = OPT_STRING,
     .offset = AT(workdir),
     .value_name = "D",
     .help = "folder on the agent to run in; default: a fresh one, removed afterwards"},
    {.flag = "shell",
     .type = OPT_STRING,
     .offset = AT(shell),
     .choices = "sh|bash|powershell|pwsh|cmd|python3",
     .help = "what runs the --script; default: sh, on Windows powershell"},
    {.flag = "timeout",
     .type = OPT_STRING,
     .offset = AT(timeout),
     .value_name = "D",
     .check = check_duration,
     .help = "how long the job may run, e.g. 10m or PT10M"},
    {.flag = "queue-timeout",
     .type = OPT_STRING,
     .offset = AT(queue_timeout),
     .value_name = "D",
     .check = check_duration,
     .help = "how long the job may wait for an agent"},
    {.flag = "lease",
     .type = OPT_STRING,
     .offset = AT(lease),
     .value_name = "D",
     .check = check_duration,
     .help = "how long its agent may be out of touch before the job is given up"},
    {.flag = "retry",
     .type = OPT_INT,
     .offset = AT(retry),
     .min = 0,
     .max = 1000,
     .value_name = "N",
     .help = "how many more times to try when the job fails"},
    {.flag = "priority",
     .type = OPT_INT,
     .offset = AT(priority),
     .min = -1000000,
     .max = 1000000,
     .value_name = "N",
     .help = "a job with a higher number runs earlier within its group; default 0"},
    {.flag = "name",
     .type = OPT_STRING,
     .offset = AT(name),
     .value_name = "T",
     .help = "a name to find the job by"},
    {.flag = "unique",
     .type = OPT_STRING,
     .offset = AT(unique),
     .value_name = "KEY",
     .check = cli_check_key,
     .help = "the same key within 24 h is the same job: a repeated run follows the first"},
    {.flag = "stdin",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(stdin_file),
     .value_name = "FILE",
     .help =
         "file that the job reads on its standard input; '-' is this command's own standard input"},
    LOGS_STREAM(AT(stream)),
    {.flag = "keep", .type = OPT_BOOL, .offset = AT(keep), .help = SUBMIT_KEEP_HELP},
    {.flag = "detach",
     .type = OPT_BOOL,
     .offset = AT(detach),
     .help = "print the job's id and do not wait for it"},
    {.flag = "script",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(script),
     .value_name = "FILE",
     .help = "run this script file instead of a command, with the arguments behind '--'; '-' is "
             "standard input"},
};

static int too_large(const char *path, struct err *e)
{
    return err_set(e, ERR_TOO_LARGE,
                   "%s is larger than %uKiB: a job's command or script, environment and input may "
                   "have %uKiB together, unless limits.payload of the coordinator is raised; put "
                   "more into a file that the agent can reach",
                   str_eq(path, "-") ? "standard input" : path, LIMIT_PAYLOAD_MAX / 1024,
                   LIMIT_PAYLOAD / 1024);
}

static int write_script(struct jw *w, const struct run_config *c, struct err *e)
{
    struct buf text;
    buf_init(&text, LIMIT_PAYLOAD_MAX);
    int rc = text_input_read(c->script, LIMIT_PAYLOAD_MAX, &text, e);
    if (rc == ERR_TOO_LARGE) rc = too_large(c->script, e);
    if (rc == ERR_INVALID) (void)err_wrap(e, "--script sends text only");
    if (rc != 0 && rc != ERR_INVALID && rc != ERR_TOO_LARGE) (void)err_wrap(e, "--script");
    if (rc == 0) jw_strn(w, "script", text.data, text.len);
    if (c->shell) jw_str(w, "shell", c->shell);
    buf_fini(&text);
    return rc;
}

static int write_stdin(struct jw *w, const char *path, struct err *e)
{
    struct buf data;
    buf_init(&data, LIMIT_PAYLOAD_MAX);
    int rc = str_eq(path, "-") ? stdin_read(LIMIT_PAYLOAD_MAX, &data, e)
                               : file_read(path, LIMIT_PAYLOAD_MAX, &data, e);
    if (rc == ERR_TOO_LARGE)
        rc = too_large(path, e);
    else if (rc != 0)
        (void)err_wrap(e, "--stdin");
    if (rc == 0) {
        char *text = mem_alloc(data.len * 4 / 3 + 8);
        str_base64(text, data.data, data.len);
        jw_str(w, "stdin", text);
        mem_free(text);
    }
    buf_fini(&data);
    return rc;
}

static void write_texts(struct jw *w, const struct run_config *c)
{
    const struct {
        const char *key, *value;
    } texts[] = {{"group", c->group},
                 {"fallback", c->fallback},
                 {"namespace", c->ns},
                 {"workdir", c->workdir},
                 {"name", c->name},
                 {"timeout", c->timeout},
                 {"queueTimeout", c->queue_timeout},
                 {"lease", c->lease}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].value) jw_str(w, texts[i].key, texts[i].value);
    if (c->priority != 0) jw_int(w, "priority", c->priority);
    if (c->retry > 0) {
        jw_object(w, "retry");
        jw_str(w, "type", "constant");
        jw_str(w, "interval", "1s");
        jw_int(w, "maxAttempts", c->retry + 1);
        jw_end(w);
    }
    if (c->env.count > 0) {
        jw_object(w, "env");
        for (size_t i = 0; i < c->env.count; i++)
            jw_str(w, c->env.items[i].key, c->env.items[i].value);
        jw_end(w);
    }
}

static int make_body(const struct run_config *c, const struct opt_args *args, struct buf *out,
                     struct err *e)
{
    struct jw w;
    int rc = 0;
    jw_init_strict(&w, out);
    jw_object(&w, NULL);
    write_texts(&w, c);
    if (c->script) rc = write_script(&w, c, e);
    if (args->argc > 0) {
        jw_array(&w, c->script ? "args" : "command");
        for (int i = 0; i < args->argc; i++)
            jw_str(&w, NULL, args->argv[i]);
        jw_end(&w);
    }
    if (rc == 0 && c->require.count > 0) rc = cli_write_requires(&w, "requires", &c->require, e);
    if (rc == 0 && c->stdin_file) rc = write_stdin(&w, c->stdin_file, e);
    jw_end(&w);
    if (rc == 0 && jw_finish(&w) == ERR_INVALID)
        rc = err_set(e, ERR_INVALID, "the job has text that is not UTF-8");
    else if (rc == 0 && jw_finish(&w) != 0)
        rc = err_set(
            e, ERR_TOO_LARGE,
            "the job is larger than %uKiB as JSON text; put more into a file that the agent can "
            "reach",
            LIMIT_HTTP_BODY / 1024);
    return rc;
}

static int check_arguments(const struct run_config *c, const struct opt_args *args, struct err *e)
{
    if (c->script && args->dashdash != 0 && args->argc > 0)
        return err_set(e, ERR_INVALID,
                       "put '--' in front of the script's arguments: cadre run --script %s -- %s",
                       c->script, args->argv[0]);
    if (!c->script && args->argc == 0)
        return err_set(e, ERR_INVALID,
                       "nothing to run: cadre run [OPTION]... -- COMMAND [ARG]..., or --script "
                       "FILE [-- ARG...]");
    if (!c->script && !args->argv[0][0])
        return err_set(e, ERR_INVALID,
                       "the program's name is empty: cadre run [OPTION]... -- COMMAND [ARG]...");
    if (!c->script && args->dashdash != 0 && args->argc > 0)
        return err_set(e, ERR_INVALID,
                       "put '--' in front of the command: cadre run [OPTION]... -- %s",
                       args->argv[0]);
    if (!c->script && c->shell)
        return err_set(e, ERR_INVALID,
                       "--shell goes with --script; for a line of shell use: -- sh -c 'LINE'");
    if (str_eq(c->script, "-") && str_eq(c->stdin_file, "-"))
        return err_set(e, ERR_INVALID,
                       "--script - and --stdin - cannot both read standard input: put one into a "
                       "file");
    return 0;
}

static int run(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct run_config *c = config;
    struct err e = {0};
    struct buf body;
    if (check_arguments(c, args, &e) != 0) return cli_fail_usage(cli, EXIT_CADRE, &e);
    buf_init(&body, LIMIT_HTTP_BODY);
    if (make_body(c, args, &body, &e) != 0) {
        buf_fini(&body);
        return cli_fail_usage(cli, EXIT_CADRE, &e);
    }
    secret_name_warn(cli, &c->env, "the job");
    const struct submit s = {.target = "/api/v1/jobs",
                             .body = body.data,
                             .key = c->unique,
                             .stream = c->stream,
                             .detach = c->detach,
                             .keep = c->keep};
    int code = submit_run(cli, &s);
    buf_fini(&body);
    return code;
}

static const char details[] =
    "The job's output goes to stdout and stderr as it is written; the exit code is the job's own.\n"
    "124: the job timed out; 125: Cadre could not run the job; 126: the command could not be "
    "started; "
    "127: the command was not found; 137: the job was cancelled. Ctrl-C, SIGTERM and SIGHUP cancel "
    "the job "
    "and wait for its end; a second one leaves at once. A reader of the output that leaves (| "
    "head) "
    "ends the "
    "job, too; --keep leaves it running in both cases.";

/* `run` and `job run`, as some know it, are one command. */
#define RUN_COMMAND(words, line)                                                                   \
    .name = words, .arguments = "(-- COMMAND [ARG]... | --script FILE [-- ARG]...)",               \
    .details = details, .example = line, .options = options,                                       \
    .option_count = sizeof options / sizeof *options, .config_size = sizeof(struct run_config),    \
    .usage_code = EXIT_CADRE, .takes_words = true, .lost_code = EXIT_CADRE, .run = run

const struct command cmd_run = {
    RUN_COMMAND("run", "cadre run --group windows -- hostname\n"
                       "cadre run --timeout 10m --retry 2 --script backup.sh"),
    .summary = "run a command or script on an agent and follow it",
};

const struct command cmd_job_run = {
    RUN_COMMAND("job run", "cadre job run --group windows -- hostname"),
    .summary = "run a command or script, as 'cadre run' does",
};
