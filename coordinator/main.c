/* cadre-coordinator: which command, which options. */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/command_line.h"
#include "platform/log_sink.h"
#include "platform/os.h"
#include "platform/service.h"
#include "wire/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "cadre-coordinator"

struct verb {
    const char *name;
    const char *operand; /* "", or the argument after the options */
    const char *summary;
    const char *more;    /* NULL or a paragraph for --help */
    const char *options; /* its flags, separated by blanks; "*": all flags of the configuration */
    int operands;
    int (*run)(const struct command_args *a);
};

static const struct verb verbs[] = {
    {"init", "", "make keys, certificates, database and the first admin token",
     "Files that exist already are kept, and where all of them exist nothing is done. The admin "
     "token is left in STATE/admin.token. A lost one: '" PROGRAM " token create'.",
     "* once", 0, command_init},
    {"run", "", "run the coordinator",
     "SIGTERM and Ctrl-C stop it in order; what was acknowledged is on disk.", "* without-output",
     0, command_run},
    {"dev", "", "a coordinator and an agent in a scratch folder, for trying things out",
     "Everything is set up, and the lines to paste are printed. Ctrl-C ends and removes it.\n"
     "With --group there is one more agent in each of these groups. --state keeps the folder.\n"
     "Without --listen it is reachable from this machine only, on a port that is free.",
     "state listen group log-level", 0, command_dev},
    {"backup", "FILE", "write a consistent copy of the database while the coordinator runs",
     "Job output goes to FILE.output. Keys and certificates are not in it: keep ca.key and ca.pem "
     "as well.\n"
     "To restore: stop the coordinator, put FILE back as STATE/cadre.db and FILE.output as "
     "STATE/output.db.\n"
     "A former backup is replaced; another file is with --force only, and never one in a state "
     "folder.",
     "config state force", 1, command_backup},
    {"token", "create", "make an administrator's token on this host, where none is left",
     "For a lost or revoked token, and for a restored folder. The coordinator must not run: stop "
     "it, and start it again afterwards.\n"
     "The token is left in STATE/admin.token, where 'cadre' finds it.",
     "config state listen name", 1, command_token},
    {"check-config", "", "check the configuration and print what is in effect", NULL, "*", 0,
     command_check_config},
    {"version", "", "print the version", NULL, "", 0, command_version},
};
#define VERBS (sizeof verbs / sizeof *verbs)

static void usage(struct buf *out)
{
    (void)buf_adds(out,
                   "Usage: " PROGRAM " COMMAND [OPTIONS]\n\n"
                   "The server of Cadre: keeps the queue of jobs and hands them to agents.\n\n");
    for (size_t i = 0; i < VERBS; i++) {
        char left[40];
        (void)str_format(left, sizeof left, "%s %s", verbs[i].name, verbs[i].operand);
        (void)buf_addf(out, "  %-14s %s\n", left, verbs[i].summary);
    }
    (void)buf_adds(out, "\n'" PROGRAM " COMMAND --help' explains a command and its options.\n"
                        "Two minutes to try it: '" PROGRAM " dev'. For real use: '" PROGRAM
                        " init', then '" PROGRAM " run'.\n");
}

static int print_usage(bool asked)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    usage(&text);
    int code = asked ? command_print("help", text.data) : EXIT_USAGE;
    if (!asked) fputs(text.data, stderr);
    buf_fini(&text);
    return code;
}

static bool lists(const char *words, const char *word)
{
    size_t len = strlen(word);
    static const char *const named[] = {"group", "once", "force", "without-output"};
    bool special = false;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        special = special || str_eq(word, named[i]);
    for (const char *s = words; *s;) {
        size_t n = strcspn(s, " ");
        if (n == 1 && *s == '*' && !special) return true;
        if (n == len && memcmp(s, word, n) == 0) return true;
        s += n + (s[n] == ' ');
    }
    return false;
}

static int verb_help(const struct verb *v)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    struct opt *rows = mem_array(config_option_count, sizeof *rows);
    size_t n = 0;
    for (size_t i = 0; i < config_option_count; i++)
        if (config_options[i].flag && lists(v->options, config_options[i].flag))
            rows[n++] = config_options[i];
    (void)buf_addf(&text, "Usage: " PROGRAM " %s%s%s%s\n\n%c%s.\n", v->name, n ? " [OPTIONS]" : "",
                   *v->operand ? " " : "", v->operand, v->summary[0] - 'a' + 'A', v->summary + 1);
    if (v->more) (void)buf_addf(&text, "%s\n", v->more);
    if (n) (void)buf_adds(&text, "\nOptions:\n");
    opt_help(rows, n, &text);
    if (v->options[0] == '*')
        (void)buf_adds(&text, "\nThe configuration file has more settings; 'check-config' prints "
                              "all of them.\n");
    int code = command_print(v->name, text.data);
    buf_fini(&text);
    mem_free(rows);
    return code;
}

static const struct verb *find_verb(const char *name)
{
    const char *names[VERBS];
    for (size_t i = 0; i < VERBS; i++) {
        names[i] = verbs[i].name;
        if (str_eq(name, verbs[i].name)) return &verbs[i];
    }
    char suggestion[STR_SUGGEST_SIZE];
    fprintf(stderr, PROGRAM ": unknown command '%s'%s; see '" PROGRAM " --help'\n", name,
            str_suggest_nearest(suggestion, name, names, VERBS));
    return NULL;
}

/* The flags that were given must be of this command. */
static int check_flags(const struct verb *v, const struct config *c)
{
    for (size_t i = 0; i < c->set.count; i++) {
        const char *flag = c->set.table[i].flag;
        if (c->set.sources[i] != OPT_FROM_FLAG || !flag || lists(v->options, flag)) continue;
        fprintf(stderr,
                PROGRAM " %s: --%s is not an option of this command; see '" PROGRAM " %s --help'\n",
                v->name, flag, v->name);
        return EXIT_USAGE;
    }
    return 0;
}

static int run_verb(const struct verb *v, const char *program, int argc, char **argv)
{
    struct config config;
    struct opt_args args = {0};
    struct err e = {0};
    if (config_load(&config, argc, argv, &args, &e)) {
        fprintf(stderr, "%s" PROGRAM " %s: %s\n", log_sink_error_prefix(), v->name, err_text(&e));
        service_failed(EXIT_USAGE, err_text(&e));
        return EXIT_USAGE;
    }
    int code = 0;
    if (args.help)
        code = verb_help(v);
    else if ((code = check_flags(v, &config)) == 0 && args.argc != v->operands) {
        fprintf(stderr, PROGRAM " %s: %s; see '" PROGRAM " %s --help'\n", v->name,
                args.argc < v->operands ? "an argument is missing" : "there are too many arguments",
                v->name);
        code = EXIT_USAGE;
    } else if (code == 0) {
        struct command_args a = {.program = program,
                                 .config = &config,
                                 .argc = args.argc,
                                 .argv = args.argv};
        code = v->run(&a);
    }
    config_fini(&config);
    return code;
}

static int body(int argc, char **argv, void *user)
{
    (void)user;
    if (argc < 2) return print_usage(false);
    if (str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help"))
        return print_usage(true);
    const struct verb *v = find_verb(str_eq(argv[1], "--version") ? "version" : argv[1]);
    if (!v) return EXIT_USAGE;
    struct err e = {0};
    if (pki_init(&e)) {
        fprintf(stderr, PROGRAM ": %s\n", err_text(&e));
        return EXIT_FAILURE;
    }
    /* config_load expects the flags after a program's name */
    argv[1] = argv[0];
    int code = run_verb(v, argv[0], argc - 1, argv + 1);
    pki_fini();
    return code;
}

int main(int argc, char **argv)
{
    return service_main(PROGRAM, body, argc, argv, NULL);
}
