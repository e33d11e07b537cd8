/* cadre-agent: the command line. */
#include "agent/agent.h"
#include "agent/config.h"
#include "agent/join.h"
#include "agent/service_command.h"
#include "agent/setup.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
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

static const char usage[] =
    "cadre-agent runs jobs on this machine for a Cadre coordinator.\n"
    "\n"
    "Usage: cadre-agent COMMAND [OPTION]...\n"
    "\n"
    "Commands:\n"
    "  join TOKEN     enrol this machine with a token from 'cadre token create join', and start "
    "the "
    "service\n"
    "  run            connect to the coordinator and run jobs until stopped\n"
    "  capabilities   print what this machine offers, as JSON\n"
    "  check-config   check the configuration and print what is in effect\n"
    "  service install|uninstall   register the Windows service, or remove it\n"
    "  version        print the version\n"
    "\n"
    "Options:\n";

static int complain(const struct err *e)
{
    fprintf(stderr, "%scadre-agent: %s\n", log_sink_error_prefix(), err_text(e));
    return 1;
}

static int complain_of_usage(const struct err *e)
{
    complain(e);
    return EXIT_CONFIG;
}

/* What a command is there to print. */
static int print(const char *text)
{
    struct err e = {0};
    return fd_write_all(1, text, strlen(text), &e) == 0 ? 0 : complain(&e);
}

static int print_help(void)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    (void)buf_adds(&text, usage);
    opt_help(agent_options, agent_option_count, &text);
    int result = print(text.data);
    buf_fini(&text);
    return result;
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
    printf("joined %s as %s (%s), group %s\n", r.address, r.name, r.agent,
           r.group ? r.group : STR_DEFAULT_GROUP);
    printf("identity is in %s, configuration in %s\n", c->state, c->config_path);
    join_result_fini(&r);
    fflush(stdout);
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

/* argv[0] is the command. */
static int dispatch(int argc, char **argv)
{
    const char *command = argv[0];
    struct agent_config c;
    struct opt_args args;
    struct err e = {0};
    static const char *const commands[] = {"join",         "run",     "capabilities",
                                           "check-config", "service", "version"};
    bool known = false;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        known = known || str_eq(command, commands[i]);
    if (!known) {
        char suggestion[STR_SUGGEST_SIZE];
        str_suggest_nearest(suggestion, command, commands, sizeof commands / sizeof *commands);
        err_set(&e, ERR_INVALID, "unknown command '%s'%s; see 'cadre-agent --help'", command,
                suggestion);
        return complain_of_usage(&e);
    }
    /* A copy, because the loader permutes the arguments; SIGHUP reads the same command line
     * again. */
    char **copy = mem_dup(argv, ((size_t)argc + 1) * sizeof *argv);
    int result = 0;
    if (agent_config_load(&c, argc, argv, &args, &e) != 0) {
        result = complain_of_usage(&e);
        service_failed(3, err_text(&e));
        mem_free(copy);
        return result;
    }
    if (args.help) {
        mem_free(copy);
        return print_help();
    }
    if (str_eq(command, "service")) {
        int rc = service_command(&c, &args, &e);
        if (rc != 0) result = rc == ERR_INVALID ? complain_of_usage(&e) : complain(&e);
    } else if (!str_eq(command, "join") && args.argc > 0) {
        err_set(&e, ERR_INVALID, "%s takes no argument '%s'", command, args.argv[0]);
        result = complain_of_usage(&e);
    } else if (str_eq(command, "join")) {
        result = join(&c, &args);
    } else if (str_eq(command, "capabilities")) {
        result = print_capabilities(&c);
    } else if (str_eq(command, "check-config")) {
        result = check_config(&c);
    } else if (str_eq(command, "version")) {
        result = print_version();
    } else {
        result = run(&c, argc, copy);
        mem_free(copy);
        return result;
    }
    agent_config_fini(&c);
    mem_free(copy);
    return result;
}

static int body(int argc, char **argv, void *user)
{
    (void)user;
    if (argc < 2) {
        (void)print_help();
        return EXIT_CONFIG;
    }
    if (str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help"))
        return print_help();
    if (str_eq(argv[1], "--version")) return print_version();
    if (str_eq(argv[1], "setup")) return agent_setup();
    return dispatch(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    /* not a command: how the agent starts its guard */
    if (guard_is_asked_for(argc, argv)) return guard_main(argc, argv);
    /* nor this: how it sees whether this machine can start a process */
    if (argc == 2 && str_eq(argv[1], AGENT_TRIAL)) return 0;
    return service_main("cadre-agent", body, argc, argv, NULL);
}
