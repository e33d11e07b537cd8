/* cadre group list | show | create | update | delete | pause | resume */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>

struct group_config {
    char *description;
    struct opt_list require, namespaces;
    int64_t max_queued;
    bool force;
};
#define AT(field) offsetof(struct group_config, field)
#define GROUP_OPTIONS                                                                              \
    {.flag = "description",                                                                        \
     .type = OPT_STRING,                                                                           \
     .offset = AT(description),                                                                    \
     .value_name = "TEXT",                                                                         \
     .help = "what the group is for"},                                                             \
        {.flag = "require",                                                                        \
         .type = OPT_LIST,                                                                         \
         .offset = AT(require),                                                                    \
         .value_name = "K=EXPR",                                                                   \
         .help = "what an agent must offer to be let in, e.g. os=windows"},                        \
        {.flag = "allow-namespace",                                                                \
         .type = OPT_LIST,                                                                         \
         .offset = AT(namespaces),                                                                 \
         .value_name = "NS",                                                                       \
         .help = "who may target it: this namespace and its children; default: all"},              \
    {                                                                                              \
        .flag = "max-queued", .type = OPT_INT, .offset = AT(max_queued), .min = -1,                \
        .max = 1000000000, .fallback = "-1", .value_name = "N",                                    \
        .help = "refuse jobs beyond so many waiting ones; 0: no limit"                             \
    }

static const struct opt group_options[] = {GROUP_OPTIONS};
static const struct opt delete_options[] = {
    {.flag = "force",
     .type = OPT_BOOL,
     .offset = AT(force),
     .help = "end the jobs that wait for it (FAILED, group-deleted)"},
};

static const char *one_key(const struct opt_args *args, const char *command)
{
    if (args->argc == 1) return args->argv[0];
    (void)cli_usage("%s takes one group KEY; 'cadre group list' shows them", command);
    return NULL;
}

static void group_row(struct table *t, const struct json *g)
{
    char agents[32], online[32], queued[32], running[32];
    const char *cells[] = {json_get_str(g, "key", "(default)"),
                           json_get_bool(g, "paused", false) ? "PAUSED" : "OPEN",
                           text_of(json_get(g, "online"), online, sizeof online),
                           text_of(json_get(g, "agents"), agents, sizeof agents),
                           text_of(json_get(g, "queued"), queued, sizeof queued),
                           text_of(json_get(g, "running"), running, sizeof running),
                           json_get_str(g, "description", NULL)};
    table_add(t, cells);
}

static int run_list(struct cli *cli, void *config, const struct opt_args *args)
{
    static const char *const head[] = {"KEY",    "STATE",   "ONLINE",     "AGENTS",
                                       "QUEUED", "RUNNING", "DESCRIPTION"};
    (void)config;
    struct response r;
    if (args->argc > 0) return cli_usage("group list takes no argument '%s'", args->argv[0]);
    const struct json *body = cli_call(cli, "GET", "/api/v1/groups", NULL, &r);
    if (!body) return EXIT_ERROR;
    const struct json *groups = json_get(body, "groups");
    if (cli_json(cli)) {
        cli_print_json(groups);
    } else {
        struct table t;
        table_init(&t, 7, head);
        for (const struct json *g = json_first(groups); g; g = json_next(g))
            group_row(&t, g);
        table_print(&t);
    }
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_group_list = {
    .name = "group list",
    .arguments = "",
    .summary = "list worker groups",
    .run = run_list,
};

static void show_group(const struct json *g)
{
    char scratch[4096];
    for (const struct json *v = json_first(g); v; v = json_next(v))
        show_line(json_key(v), text_of(v, scratch, sizeof scratch));
}

static int with_group(struct cli *cli, const char *key, const char *method, const char *rest,
                      const char *body, bool show)
{
    struct response r;
    char *target = cli_path("groups", key, rest);
    const struct json *g = cli_call(cli, method, target, body, &r);
    mem_free(target);
    if (!g) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(g);
    else if (show)
        show_group(g);
    else
        printf("group %s %s\n", key,
               str_eq(method, "DELETE")            ? "deleted"
               : json_get_bool(g, "paused", false) ? "paused"
                                                   : "open");
    response_fini(&r);
    return EXIT_OK;
}

static int run_show(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    const char *key = one_key(args, "group show");
    return key ? with_group(cli, key, "GET", NULL, NULL, true) : EXIT_USAGE;
}

const struct command cmd_group_show = {
    .name = "group show",
    .arguments = "KEY",
    .summary = "show a worker group",
    .run = run_show,
};

static int make_body(const struct group_config *c, const char *key, struct buf *out, struct err *e)
{
    struct jw w;
    int rc = 0;
    jw_init(&w, out);
    jw_object(&w, NULL);
    if (key) jw_str(&w, "key", key);
    if (c->description) jw_str(&w, "description", c->description);
    if (c->require.count > 0) rc = cli_write_requires(&w, "requires", &c->require, e);
    if (c->namespaces.count > 0) {
        jw_array(&w, "allowedNamespaces");
        for (size_t i = 0; i < c->namespaces.count; i++)
            jw_str(&w, NULL, c->namespaces.items[i]);
        jw_end(&w);
    }
    if (c->max_queued >= 0) jw_int(&w, "maxQueued", c->max_queued);
    jw_end(&w);
    return rc != 0 ? rc : jw_finish(&w);
}

static int run_create(struct cli *cli, void *config, const struct opt_args *args)
{
    struct err e = {0};
    struct response r;
    struct buf body;
    const char *key = one_key(args, "group create");
    if (!key) return EXIT_USAGE;
    buf_init(&body, 65536);
    if (make_body(config, key, &body, &e) != 0) {
        buf_fini(&body);
        return cli_fail(EXIT_USAGE, &e);
    }
    const struct json *g = cli_call(cli, "POST", "/api/v1/groups", body.data, &r);
    buf_fini(&body);
    if (!g) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(g);
    else
        printf("group %s created\n", key);
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_group_create = {
    .name = "group create",
    .arguments = "KEY",
    .summary = "create a worker group",
    .details = "cadre group create windows --require os=windows   makes a group that only Windows "
               "agents may join.",
    .options = group_options,
    .option_count = sizeof group_options / sizeof *group_options,
    .config_size = sizeof(struct group_config),
    .run = run_create,
};

static int run_update(struct cli *cli, void *config, const struct opt_args *args)
{
    struct err e = {0};
    struct buf body;
    const char *key = one_key(args, "group update");
    if (!key) return EXIT_USAGE;
    buf_init(&body, 65536);
    int code = make_body(config, NULL, &body, &e) != 0
                   ? cli_fail(EXIT_USAGE, &e)
                   : with_group(cli, key, "PATCH", NULL, body.data, false);
    buf_fini(&body);
    return code;
}

const struct command cmd_group_update = {
    .name = "group update",
    .arguments = "KEY",
    .summary = "change a worker group; what is not named stays",
    .options = group_options,
    .option_count = sizeof group_options / sizeof *group_options,
    .config_size = sizeof(struct group_config),
    .run = run_update,
};

static int run_delete(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct group_config *c = config;
    const char *key = one_key(args, "group delete");
    struct response r;
    if (!key) return EXIT_USAGE;
    char *path = cli_path("groups", key, NULL);
    char *target = str_dupf("%s%s", path, c->force ? "?force=true" : "");
    const struct json *g = cli_call(cli, "DELETE", target, NULL, &r);
    mem_free(path);
    mem_free(target);
    if (!g) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(g);
    else
        printf("group %s deleted\n", key);
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_group_delete = {
    .name = "group delete",
    .arguments = "KEY",
    .summary = "delete a worker group",
    .options = delete_options,
    .option_count = 1,
    .config_size = sizeof(struct group_config),
    .run = run_delete,
};

static int run_pause(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    const char *key = one_key(args, "group pause");
    return key ? with_group(cli, key, "POST", "pause", NULL, false) : EXIT_USAGE;
}

const struct command cmd_group_pause = {
    .name = "group pause",
    .arguments = "KEY",
    .summary = "hand out no more jobs of a group; they wait",
    .run = run_pause,
};

static int run_resume(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    const char *key = one_key(args, "group resume");
    return key ? with_group(cli, key, "POST", "resume", NULL, false) : EXIT_USAGE;
}

const struct command cmd_group_resume = {
    .name = "group resume",
    .arguments = "KEY",
    .summary = "hand out a paused group's jobs again",
    .run = run_resume,
};
