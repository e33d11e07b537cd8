/* cadre namespace list | show | set | unset */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>

static const char *one_namespace(const struct opt_args *args, const char *command)
{
    if (args->argc != 1)
        (void)cli_usage("%s takes one NAMESPACE, for example company.team", command);
    else if (!str_namespace_valid(args->argv[0]))
        (void)
            cli_usage("'%s' is no namespace: words of letters, digits, '_' and '-' joined by dots",
                      args->argv[0]);
    else
        return args->argv[0];
    return NULL;
}

static int run_list(struct cli *cli, void *config, const struct opt_args *args)
{
    static const char *const head[] = {"NAMESPACE", "GROUP", "FALLBACK"};
    (void)config;
    struct response r;
    if (args->argc > 0) return cli_usage("namespace list takes no argument '%s'", args->argv[0]);
    const struct json *body = cli_call(cli, "GET", "/api/v1/namespaces", NULL, &r);
    if (!body) return EXIT_ERROR;
    const struct json *list = json_get(body, "namespaces");
    if (cli_json(cli)) {
        cli_print_json(list);
    } else {
        struct table t;
        table_init(&t, 3, head);
        for (const struct json *n = json_first(list); n; n = json_next(n)) {
            const char *cells[] = {json_get_str(n, "namespace", NULL),
                                   json_get_str(n, "group", "(default)"),
                                   json_get_str(n, "fallback", NULL)};
            table_add(&t, cells);
        }
        table_print(&t);
    }
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_namespace_list = {
    .name = "namespace list",
    .arguments = "",
    .summary = "list namespaces with a default group",
    .run = run_list,
};

static int run_show(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct response r;
    const char *ns = one_namespace(args, "namespace show");
    if (!ns) return EXIT_USAGE;
    char *target = cli_path("namespaces", ns, NULL);
    const struct json *n = cli_call(cli, "GET", target, NULL, &r);
    mem_free(target);
    if (!n) return EXIT_ERROR;
    if (cli_json(cli)) {
        cli_print_json(n);
    } else {
        show_line("namespace", ns);
        show_line("group", json_get_str(n, "group", "(default)"));
        show_line("from", json_get_str(n, "from", NULL));
        show_line("fallback", json_get_str(n, "fallback", NULL));
    }
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_namespace_show = {
    .name = "namespace show",
    .arguments = "NS",
    .summary = "tell which group its jobs go to, and where that comes from",
    .run = run_show,
};

struct set_config {
    char *group, *fallback;
    bool default_group;
};
static const struct opt set_options[] = {
    {.flag = "group",
     .type = OPT_STRING,
     .offset = offsetof(struct set_config, group),
     .value_name = "K",
     .help = "group for its jobs and its children's that name none"},
    {.flag = "default-group",
     .type = OPT_BOOL,
     .offset = offsetof(struct set_config, default_group),
     .help = "its jobs go to the default group, whatever its parents say"},
    {.flag = "fallback",
     .type = OPT_STRING,
     .offset = offsetof(struct set_config, fallback),
     .value_name = "F",
     .help = "WAIT, FAIL, CANCEL or IGNORE when that group has no agent online"},
};

static int run_set(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct set_config *c = config;
    struct response r;
    struct buf body;
    struct jw w;
    const char *ns = one_namespace(args, "namespace set");
    if (!ns) return EXIT_USAGE;
    if (!c->group == !c->default_group)
        return cli_usage("give either --group K or --default-group");
    buf_init(&body, 8192);
    jw_init(&w, &body);
    jw_object(&w, NULL);
    jw_str(&w, "group", c->group);
    if (c->fallback) jw_str(&w, "fallback", c->fallback);
    jw_end(&w);
    char *target = cli_path("namespaces", ns, NULL);
    const struct json *n = cli_call(cli, "PUT", target, body.data, &r);
    mem_free(target);
    buf_fini(&body);
    if (!n) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(n);
    else
        printf("%s: group %s\n", ns, c->group ? c->group : "(default)");
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_namespace_set = {
    .name = "namespace set",
    .arguments = "NS",
    .summary = "give a namespace and its children a default group",
    .options = set_options,
    .option_count = sizeof set_options / sizeof *set_options,
    .config_size = sizeof(struct set_config),
    .run = run_set,
};

static int run_unset(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct response r;
    const char *ns = one_namespace(args, "namespace unset");
    if (!ns) return EXIT_USAGE;
    char *target = cli_path("namespaces", ns, NULL);
    const struct json *n = cli_call(cli, "DELETE", target, NULL, &r);
    mem_free(target);
    if (!n) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(n);
    else
        printf("%s: nothing of its own any more\n", ns);
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_namespace_unset = {
    .name = "namespace unset",
    .arguments = "NS",
    .summary = "let a namespace follow its parents again",
    .run = run_unset,
};
