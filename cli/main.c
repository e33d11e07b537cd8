/* cadre: the command line. Finds the command in the table, parses its options, runs it. */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "cli/cli.h"
#include "platform/os.h"
#include "platform/service.h"
#include "platform/streams.h"
#include "wire/pki.h"

#include <string.h>

static const struct opt global_options[] = {
    {.flag = "url",
     .env = "CADRE_URL",
     .type = OPT_STRING,
     .offset = offsetof(struct cli, url),
     .value_name = "HOST:PORT",
     .help = "where the coordinator is; default: the address in the token"},
    {.flag = "token",
     .env = "CADRE_TOKEN",
     .type = OPT_STRING,
     .offset = offsetof(struct cli, token),
     .value_name = "T",
     .help = "API token; better kept in a file, or by 'cadre login'"},
    {.flag = "token-file",
     .env = "CADRE_TOKEN_FILE",
     .type = OPT_STRING,
     .is_path = true,
     .offset = offsetof(struct cli, token_file),
     .value_name = "F",
     .help = "file that holds the API token"},
    {.flag = "output",
     .short_flag = 'o',
     .type = OPT_STRING,
     .offset = offsetof(struct cli, output),
     .value_name = "table|json",
     .fallback = "table",
     .help = "how results are printed"},
};
#define GLOBALS (sizeof global_options / sizeof *global_options)

static bool is_global(const char *arg, bool *takes_next)
{
    *takes_next = strchr(arg, '=') == NULL;
    if (str_starts(arg, "-o")) {
        *takes_next = arg[2] == 0;
        return true;
    }
    for (size_t i = 0; i < GLOBALS; i++) {
        size_t n = strlen(global_options[i].flag);
        if (strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, global_options[i].flag, n) == 0 &&
            (arg[2 + n] == 0 || arg[2 + n] == '='))
            return true;
    }
    return false;
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

static char *overview(void)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    (void)buf_adds(
        &text,
        "cadre runs commands and scripts on the machines of a Cadre coordinator.\n\n"
        "Usage: cadre [OPTION]... COMMAND [ARGUMENT]...\n\n"
        "  cadre run -- uname -a                 run a command, see its output, get its exit code\n"
        "  cadre run --group windows -- hostname run it on a machine of the group 'windows'\n"
        "  cadre run --script backup.sh          run a script file\n\n"
        "Commands:\n");
    for (size_t i = 0; commands[i]; i++)
        (void)buf_addf(&text, "  %-18s %s\n", commands[i]->name, commands[i]->summary);
    (void)buf_adds(&text, "\nOptions for every command:\n");
    opt_help(global_options, GLOBALS, &text);
    (void)buf_adds(&text, "\n'cadre COMMAND --help' tells more. On the coordinator's own host root "
                          "needs neither url nor token;\n"
                          "elsewhere 'cadre login TOKEN' keeps both.\n");
    return buf_detach(&text);
}

static void print_overview(struct cli *cli)
{
    char *text = overview();
    out_text(&cli->out, text);
    mem_free(text);
}

/* Without a command. */
static int no_command(void)
{
    char *text = overview();
    (void)fd_write_all(2, text, strlen(text), NULL);
    mem_free(text);
    return EXIT_USAGE;
}

static bool is_of_family(const struct command *c, const char *noun)
{
    size_t len = strlen(noun);
    return strncmp(c->name, noun, len) == 0 && c->name[len] == ' ';
}

/* `cadre help job`, `cadre job --help`: the commands whose first word is the noun. */
static bool print_family(struct cli *cli, const char *noun)
{
    struct buf text;
    size_t n = 0;
    buf_init(&text, 64 * 1024);
    (void)buf_addf(&text, "Usage: cadre %s COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n", noun);
    for (size_t i = 0; commands[i]; i++) {
        if (!is_of_family(commands[i], noun)) continue;
        (void)buf_addf(&text, "  %-18s %s\n", commands[i]->name, commands[i]->summary);
        n++;
    }
    (void)buf_addf(&text, "\n'cadre %s COMMAND --help' tells more.\n", noun);
    if (n > 0) out_text(&cli->out, text.data);
    buf_fini(&text);
    return n > 0;
}

static void print_command(struct cli *cli, const struct command *c)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    (void)buf_addf(&text, "%s\n\nUsage: cadre %s%s%s%s\n", c->summary, c->name,
                   c->option_count ? " [OPTION]..." : "", c->arguments[0] ? " " : "", c->arguments);
    if (c->details) (void)buf_addf(&text, "\n%s\n", c->details);
    if (c->option_count) {
        (void)buf_adds(&text, "\nOptions:\n");
        opt_help(c->options, c->option_count, &text);
    }
    (void)buf_adds(&text, "\nOptions for every command:\n");
    opt_help(global_options, GLOBALS, &text);
    out_text(&cli->out, text.data);
    buf_fini(&text);
}

/* The longest command name that the words begin with; *words: how many words the name has. */
static const struct command *find_command(int argc, char **argv, int *words)
{
    if (argc >= 2) {
        char *two = str_dupf("%s %s", argv[0], argv[1]);
        for (size_t i = 0; commands[i]; i++) {
            if (!str_eq(commands[i]->name, two)) continue;
            mem_free(two);
            *words = 2;
            return commands[i];
        }
        mem_free(two);
    }
    for (size_t i = 0; commands[i]; i++) {
        if (!str_eq(commands[i]->name, argv[0])) continue;
        *words = 1;
        return commands[i];
    }
    return NULL;
}

/* "job" alone, "job lst", "jbo list": prints the commands that exist. */
static int unknown_command(int argc, char **argv)
{
    const char *names[128];
    size_t n = 0;
    struct buf family;
    buf_init(&family, 8192);
    char *words =
        argc >= 2 && argv[1][0] != '-' ? str_dupf("%s %s", argv[0], argv[1]) : mem_strdup(argv[0]);
    for (size_t i = 0; commands[i] && n < 128; i++) {
        names[n++] = commands[i]->name;
        if (is_of_family(commands[i], argv[0]))
            (void)buf_addf(&family, "%s%s", family.len ? ", " : "",
                           commands[i]->name + strlen(argv[0]) + 1);
    }
    int rc;
    if (family.len) {
        rc = cli_usage("'%s' is not a command; the commands of '%s' are: %s", words, argv[0],
                       family.data);
    } else {
        char suggestion[STR_SUGGEST_SIZE];
        rc = cli_usage("unknown command '%s'%s; see 'cadre --help'", words,
                       str_suggest_nearest(suggestion, words, names, n));
    }
    mem_free(words);
    buf_fini(&family);
    return rc;
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

static int run_command(struct cli *cli, const struct command *c, int argc, char **argv)
{
    struct opt_set set;
    struct opt_args args = {0};
    struct err e = {0};
    void *config = mem_alloc(c->config_size ? c->config_size : 1);
    char *program = str_dupf("cadre %s", c->name);
    int code;
    argv[0] = program;
    opt_init(&set, c->options, c->option_count, config);
    int rc = opt_parse_args(&set, argc, argv, &args, &e);
    if (rc != 0) {
        if (!strstr(e.msg, "--help")) {
            struct err inner = e;
            err_set(&e, rc, "%s; see 'cadre %s --help'", inner.msg, c->name);
        }
        code = cli_fail(c->usage_code ? c->usage_code : EXIT_USAGE, &e);
    } else if (args.help) {
        print_command(cli, c);
        code = EXIT_OK;
    } else if (check_arguments(c, &args, &e) != 0) {
        code = cli_fail(c->usage_code ? c->usage_code : EXIT_USAGE, &e);
    } else if (!c->takes_words && args.argc > 0 && !args.argv[0][0]) {
        /* An empty argument, as from an empty shell variable, would address the whole
         * collection. */
        code = c->usage_code ? c->usage_code : EXIT_USAGE;
        (void)cli_usage("the first argument of '%s' is empty; see 'cadre %s --help'", c->name,
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

static int dispatch(struct cli *cli, int argc, char **argv)
{
    int words = 0;
    if (argc < 1) return no_command();
    if (str_eq(argv[0], "--help") || str_eq(argv[0], "-h") || str_eq(argv[0], "help")) {
        const struct command *topic = argc > 1 ? find_command(argc - 1, argv + 1, &words) : NULL;
        if (topic)
            print_command(cli, topic);
        else if (argc < 2 || !print_family(cli, argv[1]))
            print_overview(cli);
        return EXIT_OK;
    }
    bool asks_help = argc == 2 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h"));
    if (asks_help && !find_command(1, argv, &words) && print_family(cli, argv[0])) return EXIT_OK;
    if (str_eq(argv[0], "--version")) argv[0] = "version";
    const struct command *c = find_command(argc, argv, &words);
    if (!c) return unknown_command(argc, argv);
    /* The last word of the command takes the place of the program's name. */
    return run_command(cli, c, argc - words + 1, argv + words - 1);
}

/* The exit code when all is done: output that was lost is an error of every command. */
static int finish_output(struct cli *cli, int code)
{
    if (out_flush(&cli->out) == 0) return code;
    if (!cli->out.told) (void)cli_fail(0, &cli->out.lost);
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
    char **globals = mem_array((size_t)argc + 2, sizeof *globals);
    char **own = mem_array((size_t)argc + 2, sizeof *own);
    int globals_argc = 0;
    out_init(&cli.out);
    memcpy(own, argv, (size_t)argc * sizeof *own);
    split_globals(&argc, own, &globals_argc, globals);
    opt_init(&set, global_options, GLOBALS, &cli);
    int code;
    int rc = opt_parse_args(&set, globals_argc, globals, &args, &e);
    if (rc == 0) rc = opt_parse_env(&set, os_env, NULL, &e);
    if (rc == 0 && !str_eq(cli.output, "table") && !str_eq(cli.output, "json"))
        rc = err_set(&e, ERR_INVALID, "--output '%s' is neither table nor json", cli.output);
    if (rc == 0) rc = pki_init(&e);
    /* The exit codes of `run` below 125 are the job's. */
    int usage_code = argc > 1 && str_eq(own[1], "run") ? EXIT_CADRE : EXIT_USAGE;
    code = rc != 0 ? cli_fail(usage_code, &e) : dispatch(&cli, argc - 1, own + 1);
    code = finish_output(&cli, code);
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
