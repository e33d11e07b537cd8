/* cadre: the command line. Finds the command in the table, parses its options, runs it. */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "cli/commands.h"
#include "platform/os.h"
#include "platform/service.h"
#include "platform/streams.h"
#include "wire/pki.h"

#include <string.h>

static bool is_global(const char *arg, bool *takes_next)
{
    *takes_next = strchr(arg, '=') == NULL;
    if (str_starts(arg, "-o")) {
        *takes_next = arg[2] == 0;
        return true;
    }
    for (size_t i = 0; i < global_option_count; i++) {
        size_t n = strlen(global_options[i].flag);
        if (strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, global_options[i].flag, n) == 0 &&
            (arg[2 + n] == 0 || arg[2 + n] == '='))
            return true;
    }
    return false;
}

/* Known before anything can go wrong. */
static bool asks_json(char *const *globals)
{
    bool json = false;
    for (char *const *at = globals; *at; at++) {
        bool apart = str_eq(*at, "-o") || str_eq(*at, "--output");
        const char *value = apart                          ? at[1]
                            : str_starts(*at, "--output=") ? *at + strlen("--output=")
                            : str_starts(*at, "-o")        ? *at + 2
                                                           : NULL;
        if (value) json = str_eq(value, "json");
    }
    return json;
}

/* Global options may stand before or after the command: picks them out of argv (up to "--") into
 * `globals`. */
static void split_globals(int *argc, char **argv, int *globals_argc, char **globals)
{
    int kept = 0, i = 0;
    *globals_argc = 0;
    globals[(*globals_argc)++] = argv[0];
    for (; i < *argc; i++) {
        bool takes_next = false;
        if (str_eq(argv[i], "--")) break;
        if (i == 0 || !is_global(argv[i], &takes_next)) {
            argv[kept++] = argv[i];
            continue;
        }
        globals[(*globals_argc)++] = argv[i];
        if (takes_next && i + 1 < *argc) globals[(*globals_argc)++] = argv[++i];
    }
    for (; i < *argc; i++)
        argv[kept++] = argv[i];
    *argc = kept;
    argv[kept] = NULL;
    globals[*globals_argc] = NULL;
}

/* Prints what help_... appended. */
static int print_help(struct cli *cli, struct buf *text)
{
    if (cli_json(cli)) {
        struct json *v = json_new(JSON_OBJECT);
        json_put(v, "help", json_new_str(text->data));
        out_json(&cli->out, v);
        json_free(v);
        return EXIT_OK;
    }
    out_text(&cli->out, text->data);
    return EXIT_OK;
}

/* Without a command. */
static int no_command(const struct help_program *p)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    help_overview(p, &text);
    (void)fd_write_all(2, text.data, text.len, NULL);
    buf_fini(&text);
    return EXIT_USAGE;
}

/* Names, ids, words of a command: what is not UTF-8 would reach the coordinator changed. */
static int check_arguments(const struct command *c, const struct opt_args *args, struct err *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && !c->takes_paths && i < args->argc; i++) {
        char label[40];
        (void)str_format(label, sizeof label, "argument %d", i + 1);
        rc = opt_check_utf8(label, args->argv[i], e);
    }
    return rc;
}

static int run_command(struct cli *cli, const struct help_program *p, size_t row, int argc,
                       char **argv)
{
    const struct command *c = commands[row];
    struct opt_set set;
    struct opt_args args = {0};
    struct err e = {0};
    void *config = mem_alloc(c->config_size ? c->config_size : 1);
    char *program = str_dupf("cadre %s", c->name);
    int code;
    argv[0] = program;
    opt_init(&set, c->options, c->option_count, config);
    set.others = global_options;
    set.other_count = global_option_count;
    int rc = opt_parse_args(&set, argc, argv, &args, &e);
    if (rc != 0) {
        if (!strstr(e.msg, "--help")) {
            struct err inner = e;
            err_set(&e, rc, "%s; see 'cadre %s --help'", inner.msg, c->name);
        }
        code = cli_fail_usage(cli, c->usage_code ? c->usage_code : EXIT_USAGE, &e);
    } else if (args.help) {
        struct buf text;
        buf_init(&text, 64 * 1024);
        help_of_command(p, &p->commands[row], &text);
        code = print_help(cli, &text);
        buf_fini(&text);
    } else if (check_arguments(c, &args, &e) != 0) {
        code = cli_fail_usage(cli, c->usage_code ? c->usage_code : EXIT_USAGE, &e);
    } else if (!c->takes_words && args.argc > 0 && !args.argv[0][0]) {
        /* An empty argument, as from an empty shell variable, would address the whole
         * collection. */
        code = c->usage_code ? c->usage_code : EXIT_USAGE;
        (void)cli_usage(cli, "the first argument of '%s' is empty; see 'cadre %s --help'", c->name,
                        c->name);
    } else {
        cli->command = c;
        /* Nothing is done whose result could not be printed. */
        code = fd_check_open(1, &cli->out.lost) == 0 ? c->run(cli, config, &args) : EXIT_OK;
    }
    opt_fini(&set);
    mem_free(config);
    mem_free(program);
    return code;
}

/* `cadre help ...`, `cadre job`, `cadre job --help`, or what is not known. */
static int help(struct cli *cli, const struct help_program *p, int argc, char **argv)
{
    struct err e = {0};
    struct buf text;
    bool asked = str_eq(argv[0], "help");
    buf_init(&text, 256 * 1024);
    int rc = 0;
    if (asked)
        rc = help_topic(p, argc - 1, argv + 1, &text, &e);
    else if (!help_is_asked(p, argc, argv, &text, &e))
        rc = help_unknown(p, argc, argv, &e);
    int code = rc == 0 ? print_help(cli, &text) : cli_fail_usage(cli, EXIT_USAGE, &e);
    buf_fini(&text);
    return code;
}

static int dispatch(struct cli *cli, const struct help_program *p, int argc, char **argv)
{
    int words = 0;
    if (argc < 1 && cli_json(cli)) return cli_usage(cli, "no command; see 'cadre help'");
    if (argc < 1) return no_command(p);
    if (str_eq(argv[0], "--version") || str_eq(argv[0], "-v") || str_eq(argv[0], "-V"))
        argv[0] = "version";
    const struct help_command *c = help_find(p, argc, argv, &words);
    if (!c || str_eq(argv[0], "help")) return help(cli, p, argc, argv);
    /* The last word of the command takes the place of the program's name. */
    return run_command(cli, p, (size_t)(c - p->commands), argc - words + 1, argv + words - 1);
}

/* The exit codes of `run` below 125 are the job's. */
static int usage_code(const struct help_program *p, int argc, char **argv)
{
    int words;
    const struct help_command *c = help_find(p, argc, argv, &words);
    int code = c ? commands[c - p->commands]->usage_code : 0;
    return code ? code : EXIT_USAGE;
}

/* The exit code when all is done: output that was lost is an error of every command. */
static int finish_output(struct cli *cli, int code)
{
    if (out_flush(&cli->out) == 0) return code;
    if (!cli->out.told) (void)cli_fail(cli, 0, &cli->out.lost);
    if (cli->command && cli->command->lost_code) return cli->command->lost_code;
    return code != EXIT_OK ? code : EXIT_ERROR;
}

static int body(int argc, char **argv, void *user)
{
    (void)user;
    struct cli cli = {0};
    struct opt_set set;
    struct opt_args args;
    struct err e = {0};
    struct help_program p;
    char **globals = mem_array((size_t)argc + 2, sizeof *globals);
    char **own = mem_array((size_t)argc + 2, sizeof *own);
    int globals_argc = 0;
    out_init(&cli.out);
    commands_help_init(&p);
    memcpy(own, argv, (size_t)argc * sizeof *own);
    split_globals(&argc, own, &globals_argc, globals);
    opt_init(&set, global_options, global_option_count, &cli);
    cli.out.json = asks_json(globals);
    int code;
    int rc = opt_parse_args(&set, globals_argc, globals, &args, &e);
    if (rc == 0) rc = opt_parse_env(&set, os_env, NULL, &e);
    if (rc == 0) rc = pki_init(&e);
    code = rc != 0 ? cli_fail_usage(&cli, usage_code(&p, argc - 1, own + 1), &e)
                   : dispatch(&cli, &p, argc - 1, own + 1);
    code = finish_output(&cli, code);
    commands_help_fini(&p);
    client_free(cli.client);
    out_fini(&cli.out);
    mem_free_secret(cli.resolved_token);
    mem_free(cli.token_from);
    mem_free(cli.resolved_url);
    pki_fini();
    opt_fini(&set);
    mem_free(globals);
    mem_free(own);
    return code;
}

int main(int argc, char **argv)
{
    return service_main("cadre", body, argc, argv, NULL);
}
