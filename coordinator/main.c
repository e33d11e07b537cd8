/* cadre-coordinator: which command, which options. */
#include "base/help.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "coordinator/command_line.h"
#include "platform/complain.h"
#include "platform/log_sink.h"
#include "platform/os.h"
#include "platform/service.h"
#include "wire/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "cadre-coordinator"
#define MORE_SETTINGS "The configuration file has more settings; 'check-config' prints all of them."

struct verb {
    const char *name, *operand; /* operand: "", or the argument after the options */
    const char *summary, *details, *example;
    const char *flags; /* its flags, of those of the configuration */
    int operands;
    int (*run)(const struct command_args *a);
};

static const struct verb verbs[] = {
    {"init", "", "make keys, certificates, database and the first admin token",
     "Files that exist already are kept, and where all of them exist nothing is done. The admin "
     "token is left in STATE/admin.token. A lost one: '" PROGRAM " token create'.",
     PROGRAM " init --name queue.example.com", "config state store listen name once", 0,
     command_init},
    {"run", "", "run the coordinator",
     "SIGTERM and Ctrl-C stop it in order; what was acknowledged is on disk.\n" MORE_SETTINGS,
     PROGRAM " run --listen 0.0.0.0:7433",
     "config state store listen name log-level without-output", 0, command_run},
    {"dev", "", "a coordinator and an agent in a scratch folder, for trying things out",
     "Everything is set up, and the lines to paste are printed. Ctrl-C ends and removes it.\n"
     "With --group there is one more agent in each of these groups. --state keeps the folder.\n"
     "Without --listen it is reachable from this machine only, on a port that is free.",
     PROGRAM " dev --group gpu", "state listen group log-level", 0, command_dev},
    {"backup", "FILE", "write a consistent copy of the database while the coordinator runs",
     "Job output goes to FILE.output. Keys and certificates are not in it: keep ca.key and ca.pem "
     "as well.\n"
     "To restore: stop the coordinator, put FILE back as STATE/cadre.db and FILE.output as "
     "STATE/output.db.\n"
     "A former backup is replaced; another file is with --force only, and never one in a state "
     "folder.",
     PROGRAM " backup /backup/cadre.db", "config state store force", 1, command_backup},
    {"migrate-store", "", "copy the queue from the state folder's files to PostgreSQL, or back",
     "All of it, with its ids: jobs, flows, agents, tokens, output. No coordinator may run. What "
     "is "
     "interrupted goes on when it is called again. A copy that is not complete is refused by "
     "'run', and so is what was moved away.\n"
     "A password of PostgreSQL is taken from storePasswordFile, where store names the database "
     "already.",
     PROGRAM " migrate-store --to postgresql://cadre@db1.example.com/cadre",
     "config state store to", 0, command_migrate},
    {"check", "", "look for damage in the databases, also while the coordinator runs",
     "Every page, every index, the counts that are kept, and the checksum of every piece of "
     "output. 'backup' does the same with its copies.",
     PROGRAM " check", "config state store", 0, command_check},
    {"token create", "", "make an administrator's token on this host, where none is left",
     "For a lost or revoked token, and for a restored folder. The coordinator must not run: stop "
     "it, and start it again afterwards.\n"
     "The token is left in STATE/admin.token, where 'cadre' finds it.",
     PROGRAM " token create", "config state store listen name", 0, command_token},
    {"ca export", "", "print the certificate of the CA, for browsers and other clients",
     "Its fingerprints are in front of it: that of the certificate, which browsers show, and that "
     "of the public key, which tokens pin.\n"
     "GET /ca.pem of the API has the certificate alone.",
     PROGRAM " ca export >cadre-ca.pem", "config state", 0, command_ca},
    {"check-config", "", "check the configuration and print what is in effect", MORE_SETTINGS,
     PROGRAM " check-config --config coordinator.yaml", "config state store listen name log-level",
     0, command_check_config},
    {"version", "", "print the version", NULL, PROGRAM " version", "", 0, command_version},
};
#define VERBS (sizeof verbs / sizeof *verbs)

static const struct help_noun nouns[] = {{"token", "what people and programs use the API with"},
                                         {"ca", "the certificate authority of this coordinator"}};
static const struct help_word said_verbs[] = {{"new", "create"},   {"make", "create"},
                                              {"add", "create"},   {"show", "export"},
                                              {"print", "export"}, {NULL, NULL}};
static const struct help_word said_commands[] = {
    {"start", "run"},
    {"serve", "run"},
    {"server", "run"},
    {"daemon", "run"},
    {"setup", "init"},
    {"create", "init"},
    {"install", "init"},
    {"new", "init"},
    {"migrate", "migrate-store"},
    {"move", "migrate-store"},
    {"dump", "backup"},
    {"snapshot", "backup"},
    {"export", "backup"},
    {"save", "backup"},
    {"demo", "dev"},
    {"test", "dev"},
    {"try", "dev"},
    {"up", "dev"},
    {"config", "check-config"},
    {"check", "check-config"},
    {"verify", "check-config"},
    {"validate", "check-config"},
    {NULL, NULL},
};

/* rows: VERBS of them. */
static struct help_program program_of(struct help_command *rows)
{
    for (size_t i = 0; i < VERBS; i++)
        rows[i] = (struct help_command){.name = verbs[i].name,
                                        .arguments = verbs[i].operand,
                                        .summary = verbs[i].summary,
                                        .details = verbs[i].details,
                                        .example = verbs[i].example,
                                        .options = config_options,
                                        .option_count = config_option_count,
                                        .flags = verbs[i].flags};
    return (struct help_program){
        .name = PROGRAM,
        .summary = PROGRAM " is the server of Cadre: it keeps the queue of jobs and hands them to "
                           "agents.",
        .first = PROGRAM " dev   two minutes to try it: everything in a scratch folder\n" PROGRAM
                         " init  for real use: make keys and database, then\n" PROGRAM " run",
        .commands = rows,
        .command_count = VERBS,
        .nouns = nouns,
        .noun_count = sizeof nouns / sizeof *nouns,
        .said_verbs = said_verbs,
        .said_commands = said_commands};
}

static int complain(const char *name, int code, const struct err *e)
{
    char who[64];
    (void)str_format(who, sizeof who, PROGRAM "%s%s", *name ? " " : "", name);
    complain_as(who, err_text(e));
    return code;
}

/* Each problem on a line of its own; where none was collected, e. */
static void complain_of_all(const char *name, const struct buf *problems, const struct err *e)
{
    const char *s = problems->len ? problems->data : err_text(e);
    char who[64];
    (void)str_format(who, sizeof who, PROGRAM " %s", name);
    for (; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        char *line = mem_strndup(s, strcspn(s, "\n"));
        complain_as(who, line);
        mem_free(line);
    }
}

static int run_with(const struct help_program *p, const struct verb *v, struct config *config,
                    const struct opt_args *args)
{
    struct err e = {0};
    if (help_check_flags(p, &p->commands[v - verbs], &config->set, &e) != 0)
        return complain("", EXIT_USAGE, &e);
    bool empty = args->argc > 0 && !*args->argv[0];
    if (args->argc == v->operands && !empty) {
        struct command_args a = {.config = config, .argc = args->argc, .argv = args->argv};
        return v->run(&a);
    }
    if (args->argc > v->operands)
        err_set(&e, ERR_INVALID, "unexpected argument '%s'; see '" PROGRAM " %s --help'",
                args->argv[v->operands], v->name);
    else
        err_set(&e, ERR_INVALID, "the argument %s is missing: %s", v->operand, v->example);
    return complain(v->name, EXIT_USAGE, &e);
}

static int verb_help(const struct help_program *p, const struct verb *v)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    help_of_command(p, &p->commands[v - verbs], &text);
    int code = command_print(v->name, text.data);
    buf_fini(&text);
    return code;
}

/* Says itself what it is, whatever the configuration looks like. */
static int run_version(const struct help_program *p, const struct verb *v, int argc, char **argv)
{
    struct opt_set none;
    struct opt_args args;
    struct err e = {0};
    opt_init(&none, NULL, 0, NULL);
    int rc = opt_parse_args(&none, argc, argv, &args, &e);
    if (rc == 0 && args.argc > 0)
        rc = err_set(&e, ERR_INVALID,
                     "version takes no argument '%s'; see '" PROGRAM " version --help'",
                     args.argv[0]);
    opt_fini(&none);
    if (rc != 0) return complain("", EXIT_USAGE, &e);
    return args.help ? verb_help(p, v) : command_version(NULL);
}

/* argv[0] is "cadre-coordinator COMMAND". */
static int run_verb(const struct help_program *p, const struct verb *v, int argc, char **argv)
{
    struct config config;
    struct opt_args args = {0};
    struct err e = {0};
    if (v->run == command_version) return run_version(p, v, argc, argv);
    struct buf problems;
    buf_init(&problems, 4 * YAML_MAX_BYTES);
    bool all = v->run == command_check_config;
    int rc = config_check(&config, argc, argv, &args, all ? &problems : NULL, &e);
    if (rc) complain_of_all(v->name, &problems, &e);
    buf_fini(&problems);
    if (rc) {
        service_failed(EXIT_USAGE, err_text(&e));
        return EXIT_USAGE;
    }
    int code = args.help ? verb_help(p, v) : run_with(p, v, &config, &args);
    config_fini(&config);
    return code;
}

/* `help ...`, `--help`, or what is not known. */
static int help(const struct help_program *p, int argc, char **argv)
{
    struct err e = {0};
    struct buf text;
    int rc = 0;
    buf_init(&text, 256 * 1024);
    if (str_eq(argv[0], "help"))
        rc = help_topic(p, argc - 1, argv + 1, &text, &e);
    else if (!help_is_asked(p, argc, argv, &text, &e))
        rc = help_unknown(p, argc, argv, &e);
    int code = rc == 0 ? command_print("help", text.data) : complain("", EXIT_USAGE, &e);
    buf_fini(&text);
    return code;
}

static int no_command(const struct help_program *p)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    help_overview(p, &text);
    fputs(text.data, stderr);
    buf_fini(&text);
    return EXIT_USAGE;
}

static int body(int argc, char **argv, void *user)
{
    (void)user;
    static char version[] = "version";
    struct help_command rows[VERBS];
    struct help_program p = program_of(rows);
    int words;
    argc--;
    argv++;
    if (argc < 1) return no_command(&p);
    if (str_eq(argv[0], "--version") || str_eq(argv[0], "-v") || str_eq(argv[0], "-V"))
        argv[0] = version;
    const struct help_command *c = help_find(&p, argc, argv, &words);
    if (!c || str_eq(argv[0], "help")) return help(&p, argc, argv);
    struct err e = {0};
    if (pki_init(&e)) return complain("", EXIT_FAILURE, &e);
    char *name = str_dupf(PROGRAM " %s", c->name);
    argv[words - 1] = name;
    int code = run_verb(&p, &verbs[c - rows], argc - words + 1, argv + words - 1);
    mem_free(name);
    pki_fini();
    return code;
}

int main(int argc, char **argv)
{
    return service_main(PROGRAM, body, argc, argv, NULL);
}
