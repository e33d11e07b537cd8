/* cadre token create join | create api | list | revoke */
#include "cli/commands.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>

struct create_config {
    char *group, *expires, *role, *ns, *name;
    int64_t uses;
};
#define AT(field) offsetof(struct create_config, field)

static int check_duration(const char *value, struct err *e)
{
    int64_t ms;
    return str_eq(value, "never") ? 0 : duration_parse(value, &ms, e);
}

static const struct opt create_options[] = {
    {.flag = "group",
     .type = OPT_STRING,
     .offset = AT(group),
     .value_name = "K",
     .help = "join: agents must join this group; without it any"},
    {.flag = "uses",
     .type = OPT_INT,
     .offset = AT(uses),
     .fallback = "-1",
     .min = -1,
     .max = 1000000,
     .value_name = "N",
     .help = "join: how many machines may use it; default 1, 0: no limit"},
    {.flag = "role",
     .type = OPT_STRING,
     .offset = AT(role),
     .value_name = "R",
     .help = "api: admin, submit or read; default submit"},
    {.flag = "namespace",
     .type = OPT_STRING,
     .offset = AT(ns),
     .value_name = "NS",
     .help = "api: only this namespace and its children"},
    {.flag = "name",
     .type = OPT_STRING,
     .offset = AT(name),
     .value_name = "T",
     .help = "a name to tell it by in lists"},
    {.flag = "expires",
     .type = OPT_STRING,
     .offset = AT(expires),
     .value_name = "D",
     .check = check_duration,
     .help = "how long it is good for, or 'never'; default: join 24h, api never"},
};

static void write_body(struct jw *w, const struct create_config *c, const char *type)
{
    const struct {
        const char *key, *value;
    } texts[] = {{"type", type},
                 {"group", c->group},
                 {"role", str_eq(type, "api") && !c->role ? "submit" : c->role},
                 {"namespace", c->ns},
                 {"name", c->name}};
    jw_object(w, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].value) jw_str(w, texts[i].key, texts[i].value);
    if (str_eq(c->expires, "never"))
        jw_null(w, "expires");
    else if (c->expires)
        jw_str(w, "expires", c->expires);
    if (c->uses >= 0) jw_int(w, "uses", c->uses);
    jw_end(w);
}

static void print_token(const struct json *t)
{
    const struct json *commands_of = json_get(t, "commands");
    puts(json_get_str(t, "token", ""));
    fflush(stdout);
    cli_note("\nid %s, expires %s; the token is not shown again", json_get_str(t, "id", "?"),
             json_get_str(t, "expiresAt", "never"));
    for (const struct json *v = json_first(commands_of); v; v = json_next(v))
        cli_note("%s:\n  %s", json_key(v), json_str(v, ""));
}

static int run_create(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct create_config *c = config;
    struct response r;
    struct buf body;
    struct jw w;
    if (args->argc != 1 || (!str_eq(args->argv[0], "join") && !str_eq(args->argv[0], "api")))
        return cli_usage(
            "token create takes 'join' (for a machine) or 'api' (for people and programs)");
    bool join = str_eq(args->argv[0], "join");
    if (join && (c->role || c->ns))
        return cli_usage("--role and --namespace go with 'token create api'");
    if (!join && (c->group || c->uses >= 0))
        return cli_usage("--group and --uses go with 'token create join'");
    buf_init(&body, 16384);
    jw_init(&w, &body);
    write_body(&w, c, args->argv[0]);
    const struct json *t = cli_call(cli, "POST", "/api/v1/tokens", body.data, &r);
    buf_fini(&body);
    if (!t) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(t);
    else
        print_token(t);
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_token_create = {
    .name = "token create",
    .arguments = "join|api",
    .summary = "make a token: join for a machine, api for people and programs",
    .details = "The token alone goes to stdout; how to use it goes to stderr.",
    .options = create_options,
    .option_count = sizeof create_options / sizeof *create_options,
    .config_size = sizeof(struct create_config),
    .run = run_create,
};

static int run_list(struct cli *cli, void *config, const struct opt_args *args)
{
    static const char *const head[] = {"ID",   "TYPE",      "ROLE",    "GROUP",   "NAMESPACE",
                                       "NAME", "USES LEFT", "EXPIRES", "REVOKED", "LAST USED"};
    (void)config;
    struct response r;
    if (args->argc > 0) return cli_usage("token list takes no argument '%s'", args->argv[0]);
    const struct json *body = cli_call(cli, "GET", "/api/v1/tokens", NULL, &r);
    if (!body) return EXIT_ERROR;
    const struct json *list = json_get(body, "tokens");
    if (cli_json(cli)) {
        cli_print_json(list);
        response_fini(&r);
        return EXIT_OK;
    }
    struct table t;
    table_init(&t, 10, head);
    for (const struct json *k = json_first(list); k; k = json_next(k)) {
        char uses[32], used[DURATION_TEXT_SIZE];
        text_age(json_get_str(k, "lastUsedAt", NULL), used);
        const char *cells[] = {json_get_str(k, "id", NULL),
                               json_get_str(k, "type", NULL),
                               json_get_str(k, "role", NULL),
                               json_get_str(k, "group", NULL),
                               json_get_str(k, "namespace", NULL),
                               json_get_str(k, "name", NULL),
                               text_of(json_get(k, "usesLeft"), uses, sizeof uses),
                               json_get_str(k, "expiresAt", "never"),
                               json_get_str(k, "revokedAt", NULL),
                               used};
        table_add(&t, cells);
    }
    table_print(&t);
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_token_list = {
    .name = "token list",
    .arguments = "",
    .summary = "list tokens",
    .run = run_list,
};

static int run_revoke(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct response r;
    if (args->argc != 1)
        return cli_usage("token revoke takes one token ID; 'cadre token list' shows them");
    char *target = cli_path("tokens", args->argv[0], NULL);
    const struct json *t = cli_call(cli, "DELETE", target, NULL, &r);
    mem_free(target);
    if (!t) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(t);
    else
        printf("token %s revoked\n", args->argv[0]);
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_token_revoke = {
    .name = "token revoke",
    .arguments = "ID",
    .summary = "make a token useless at once",
    .run = run_revoke,
};
