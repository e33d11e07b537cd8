/* cadre-agent: the command line. */
#include "agent/agent.h"
#include "agent/config.h"
#include "agent/join.h"
#include "agent/service_command.h"
#include "agent/setup.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/help.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "platform/complain.h"
#include "platform/guard.h"
#include "platform/log_sink.h"
#include "platform/paths.h"
#include "platform/service.h"
#include "platform/streams.h"
#include "platform/text_file.h"
#include "wire/pki.h"

#include <stdio.h>
#include <string.h>

#define EXIT_CONFIG 2 /* a wrong command line or configuration: a retry would not help */

static int complain(const struct err *e)
{
    complain_as("cadre-agent", err_text(e));
    return 1;
}

static int complain_of_usage(const struct err *e)
{
    complain(e);
    return EXIT_CONFIG;
}

/* Each problem on a line of its own. */
static int complain_of_all(const struct buf *problems, const struct err *e)
{
    for (const char *s = problems->data; s && *s;) {
        struct err one;
        size_t len = strcspn(s, "\n");
        err_set(&one, ERR_INVALID, "%.*s", (int)len, s);
        (void)complain_of_usage(&one);
        s += len + (s[len] == '\n');
    }
    return problems->len > 0 ? EXIT_CONFIG : complain_of_usage(e);
}

/* What a command is there to print. */
static int print(const char *text)
{
    struct err e = {0};
    return fd_write_all(1, text, strlen(text), &e) == 0 ? 0 : complain(&e);
}

static int print_version(void)
{
    return print("cadre-agent " CADRE_VERSION "\n");
}

/* A service that a package installed starts at once: it only waited for the join. */
static int start_service(const struct agent_config *c)
{
    struct err e = {0};
    char *installed = paths_agent_state();
    bool usual = str_eq(c->state, installed);
    mem_free(installed);
    int rc = usual && !c->no_start ? service_start_installed("cadre-agent", &e) : 0;
    if (rc < 0) return complain(&e);
    if (rc == 1) puts("the service cadre-agent runs");
    return 0;
}

/* In the coordinator's words, so escaped. That it cannot be printed does not undo the join. */
static void tell_joined(const struct agent_config *c, const struct join_result *r)
{
    bool other = r->addresses == JOIN_LEFT_OTHER_LIST;
    char *text[] = {str_dupf("joined %s as %s (%s), group %s", r->address, r->name, r->agent,
                             r->group ? r->group : STR_DEFAULT_GROUP),
                    str_dupf("identity is in %s, configuration in %s", c->state, c->config_path),
                    other ? str_dupf("the list 'coordinator' in %s is left as it is, and does not "
                                     "have %s: add it there, unless the list leads to the same "
                                     "coordinator",
                                     c->config_path, r->address)
                          : NULL};
    struct buf lines;
    buf_init(&lines, 64 * 1024);
    for (size_t i = 0; i < sizeof text / sizeof *text && text[i]; i++) {
        escape_text(&lines, text[i], strlen(text[i]));
        (void)buf_addc(&lines, '\n');
        mem_free(text[i]);
    }
    (void)fd_write_all(1, lines.data, lines.len, NULL);
    buf_fini(&lines);
}

static int join(struct agent_config *c, const struct opt_args *args)
{
    struct err e = {0};
    struct join_result r = {0};
    struct buf input;
    buf_init(&input, 64 * 1024);
    if (args->argc != 1) {
        err_set(&e, ERR_INVALID,
                "join takes one TOKEN ('-' reads it from standard input); make one with 'cadre "
                "token create "
                "join' on the coordinator");
        buf_fini(&input);
        return complain_of_usage(&e);
    }
    int rc = 0;
    const char *token = args->argv[0];
    if (str_eq(token, "-")) {
        rc = text_word_read("-", "a join token ('cadre token create join' prints one)",
                            64 * 1024 - 1, &input, &e);
        token = input.data;
    }
    if (rc == 0) rc = pki_init(&e);
    if (rc == 0) rc = join_run(c, token, &r, &e);
    pki_fini();
    if (input.len > 0) mem_wipe(input.data, input.len);
    buf_fini(&input);
    if (rc != 0) return complain(&e);
    tell_joined(c, &r);
    join_result_fini(&r);
    return start_service(c);
}

static int print_capabilities(const struct agent_config *c)
{
    char *text = agent_capabilities(c);
    char *line = str_dupf("%s\n", text);
    int result = print(line);
    mem_free(line);
    mem_free(text);
    return result;
}

static int check_config(const struct agent_config *c)
{
    struct buf text;
    buf_init(&text, YAML_MAX_BYTES);
    opt_print(&c->set, &text);
    int result = print(text.data);
    buf_fini(&text);
    return result;
}

static int run(struct agent_config *c, int argc, char **argv)
{
    struct err e = {0};
    if (log_sink_open(NULL, &e) != 0) return complain(&e);
    enum log_level level = LOG_INFO;
    (void)log_level_parse(c->log_level, &level, NULL);
    log_set_level(level);
    int rc = agent_run(c, argc, argv);
    memset(c, 0, sizeof *c);
    log_sink_close();
    return rc;
}

static int service(const struct agent_config *c, const char *verb)
{
    struct err e = {0};
    int rc = service_command(c, verb, &e);
    if (rc == 0) return 0;
    return rc == ERR_INVALID ? complain_of_usage(&e) : complain(&e);
}

/* ---- which command, which options ---- */

#define SETTINGS "config state worker-group name slots label log-level"
#define MORE_SETTINGS "The configuration file has more settings; 'check-config' prints all of them."
#define COMMAND(words, takes, line)                                                                \
    .name = words, .arguments = takes, .summary = line, .options = agent_options,                  \
    .option_count = AGENT_OPTIONS

static const struct help_command commands[] = {
    {COMMAND("join", "TOKEN", "enrol this machine with a join token, and start the service"),
     .details = "The token comes from 'cadre token create join'; '-' reads it from standard "
                "input. Coordinator, group and "
                "name, and the settings that are given here, are written into the configuration "
                "file.",
     .example = "cadre-agent join TOKEN --worker-group linux --name build-07",
     .flags = SETTINGS " replace no-start"},
    {COMMAND("run", "", "connect to the coordinator and run jobs until stopped"),
     .details = MORE_SETTINGS, .example = "cadre-agent run --config agent.yaml --state ./agent",
     .flags = SETTINGS},
    {COMMAND("capabilities", "", "print what this machine offers, as JSON"),
     .example = "cadre-agent capabilities", .flags = "config state label"},
    {COMMAND("check-config", "", "check the configuration and print what is in effect"),
     .example = "cadre-agent check-config --config agent.yaml", .flags = SETTINGS},
    {COMMAND("service install", "", "register the Windows service"),
     .example = "cadre-agent service install", .flags = "config state account password-file"},
    {COMMAND("service uninstall", "", "remove the Windows service; its files stay"),
     .example = "cadre-agent service uninstall", .flags = ""},
    {COMMAND("version", "", "print the version"), .example = "cadre-agent version", .flags = ""},
};
static const struct help_noun nouns[] = {{"service", "the agent as a service of Windows"}};
static const struct help_word said_verbs[] = {{"add", "install"},          {"create", "install"},
                                              {"register", "install"},     {"remove", "uninstall"},
                                              {"delete", "uninstall"},     {"rm", "uninstall"},
                                              {"unregister", "uninstall"}, {NULL, NULL}};
static const struct help_word said_commands[] = {
    {"start", "run"},
    {"daemon", "run"},
    {"agent", "run"},
    {"connect", "run"},
    {"serve", "run"},
    {"register", "join"},
    {"enrol", "join"},
    {"enroll", "join"},
    {"login", "join"},
    {"setup", "join"},
    {"init", "join"},
    {"caps", "capabilities"},
    {"facts", "capabilities"},
    {"info", "capabilities"},
    {"status", "capabilities"},
    {"config", "check-config"},
    {"check", "check-config"},
    {"verify", "check-config"},
    {"validate", "check-config"},
    {"install", "service install"},
    {"uninstall", "service uninstall"},
    {NULL, NULL},
};

static const struct help_program program = {
    .name = "cadre-agent",
    .summary = "cadre-agent runs jobs on this machine for a Cadre coordinator.",
    .first = "cadre-agent join TOKEN   enrol this machine; the token is from 'cadre token create "
             "join'\n"
             "cadre-agent run          run jobs, where no service does",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .nouns = nouns,
    .noun_count = 1,
    .said_verbs = said_verbs,
    .said_commands = said_commands,
};

static int run_command(const struct help_command *h, struct agent_config *c,
                       const struct opt_args *args)
{
    struct err e = {0};
    if (help_check_flags(&program, h, &c->set, &e) != 0) return complain_of_usage(&e);
    if (str_eq(h->name, "join")) return join(c, args);
    if (args->argc > 0) {
        err_set(&e, ERR_INVALID, "%s takes no argument '%s'; see 'cadre-agent %s --help'", h->name,
                args->argv[0], h->name);
        return complain_of_usage(&e);
    }
    if (str_eq(h->name, "service install")) return service(c, "install");
    if (str_eq(h->name, "service uninstall")) return service(c, "uninstall");
    if (str_eq(h->name, "capabilities")) return print_capabilities(c);
    return check_config(c);
}

static int help_command(const struct help_command *h)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    help_of_command(&program, h, &text);
    int result = print(text.data);
    buf_fini(&text);
    return result;
}

/* argv[0] is "cadre-agent COMMAND". */
static int load_and_run(const struct help_command *h, int argc, char **argv)
{
    struct agent_config c;
    struct opt_args args;
    struct err e = {0};
    /* A copy, because the loader permutes the arguments; SIGHUP reads the same command line
     * again. */
    char **copy = mem_dup(argv, ((size_t)argc + 1) * sizeof *argv);
    int result = 0;
    struct buf problems;
    bool all = str_eq(h->name, "check-config");
    buf_init(&problems, 4 * YAML_MAX_BYTES);
    int rc = agent_config_check(&c, argc, argv, &args, all ? &problems : NULL, &e);
    if (rc != 0) {
        result = complain_of_all(&problems, &e);
        service_failed(3, err_text(&e));
    } else if (args.help) {
        result = help_command(h);
    } else if (str_eq(h->name, "run") && args.argc == 0 &&
               help_check_flags(&program, h, &c.set, NULL) == 0) {
        result = run(&c, argc, copy);
    } else {
        result = run_command(h, &c, &args);
        agent_config_fini(&c);
    }
    buf_fini(&problems);
    mem_free(copy);
    return result;
}

static int dispatch(const struct help_command *h, int argc, char **argv)
{
    struct opt_set none;
    struct opt_args args;
    struct err e = {0};
    int result;
    char *name = str_dupf("cadre-agent %s", h->name);
    argv[0] = name;
    if (!str_eq(h->name, "version")) {
        result = load_and_run(h, argc, argv);
    } else {
        /* says itself what it is, whatever the configuration looks like */
        opt_init(&none, NULL, 0, NULL);
        if (opt_parse_args(&none, argc, argv, &args, &e) == 0 && args.argc > 0)
            err_set(&e, ERR_INVALID,
                    "version takes no argument '%s'; see 'cadre-agent version --help'",
                    args.argv[0]);
        result = e.code != 0 ? complain_of_usage(&e)
                 : args.help ? help_command(h)
                             : print_version();
        opt_fini(&none);
    }
    mem_free(name);
    return result;
}

/* `help ...`, `--help`, or what is not known. */
static int help(int argc, char **argv)
{
    struct err e = {0};
    struct buf text;
    int rc = 0;
    buf_init(&text, 256 * 1024);
    if (str_eq(argv[0], "help"))
        rc = help_topic(&program, argc - 1, argv + 1, &text, &e);
    else if (!help_is_asked(&program, argc, argv, &text, &e))
        rc = help_unknown(&program, argc, argv, &e);
    int result = rc == 0 ? print(text.data) : complain_of_usage(&e);
    buf_fini(&text);
    return result;
}

static int no_command(void)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    help_overview(&program, &text);
    fputs(text.data, stderr);
    buf_fini(&text);
    return EXIT_CONFIG;
}

static int body(int argc, char **argv, void *user)
{
    (void)user;
    static char version[] = "version";
    int words;
    argc--;
    argv++;
    if (argc < 1) return no_command();
    if (str_eq(argv[0], "setup")) return agent_setup();
    if (str_eq(argv[0], "--version") || str_eq(argv[0], "-v") || str_eq(argv[0], "-V"))
        argv[0] = version;
    const struct help_command *h = help_find(&program, argc, argv, &words);
    if (!h || str_eq(argv[0], "help")) return help(argc, argv);
    return dispatch(h, argc - words + 1, argv + words - 1);
}

int main(int argc, char **argv)
{
    /* not a command: how the agent starts its guard */
    if (guard_is_asked_for(argc, argv)) return guard_main(argc, argv);
    /* nor this: how it sees whether this machine can start a process */
    if (argc == 2 && str_eq(argv[1], AGENT_TRIAL)) return 0;
    return service_main("cadre-agent", body, argc, argv, NULL);
}
