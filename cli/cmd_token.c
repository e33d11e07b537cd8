/* cadre token create join | create api | list | revoke */
#include "cli/commands.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/resource.h"

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
     .help = "join: the group that agents must join; default: any group"},
    {.flag = "uses",
     .type = OPT_INT,
     .offset = AT(uses),
     .fallback = "-1",
     .min = -1,
     .max = 1000000,
     .value_name = "N",
     .help = "join: how many machines may use the token; default 1, 0: no limit"},
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
     .help = "a name for the token, shown in lists"},
    {.flag = "expires",
     .type = OPT_STRING,
     .offset = AT(expires),
     .value_name = "D",
     .check = check_duration,
     .help = "how long the token is valid, or 'never'; default: join 24h, api never"},
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

static void print_token(struct cli *cli, const struct json *t)
{
    const struct json *commands_of = json_get(t, "commands");
    if (cli_json(cli)) {
        out_json(&cli->out, t);
        return;
    }
    out_line(&cli->out, "%s", json_get_str(t, "token", ""));
    if (out_flush(&cli->out) != 0) return;
    cli_note("%s", "");
    cli_note("id %s, expires %s; the token is not shown again", json_get_str(t, "id", "?"),
             json_get_str(t, "expiresAt", "never"));
    for (const struct json *v = json_first(commands_of); v; v = json_next(v)) {
        cli_note("%s:", json_key(v));
        cli_note("  %s", json_str(v, ""));
    }
}

/* Nobody has the token, or its reader has an unknown part of what was printed. */
static int revoke_lost(struct cli *cli, const char *id)
{
    struct err e = {0};
    struct response r;
    char *target = cli_path("tokens", id, NULL);
    const struct request request = {.method = "DELETE", .target = target};
    int rc = client_call(cli_client(cli), &request, &r, &e);
    if (rc == 0)
        cli_note("cadre: %s; the token %s was revoked", err_text(&cli->out.lost), id);
    else
        cli_note("cadre: %s; the token %s is valid and could not be revoked (%s): use 'cadre token "
                 "revoke %s'",
                 err_text(&cli->out.lost), id, err_text(&e), id);
    cli->out.told = true;
    response_fini(&r);
    mem_free(target);
    return EXIT_ERROR;
}

static int create(struct cli *cli, const char *body)
{
    struct response r;
    const struct json *t = cli_call(cli, "POST", "/api/v1/tokens", body, &r);
    if (!t) return EXIT_ERROR;
    print_token(cli, t);
    int code = out_flush(&cli->out) == 0 ? EXIT_OK : revoke_lost(cli, json_get_str(t, "id", "?"));
    response_fini(&r);
    return code;
}

static int run_create(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct create_config *c = config;
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
    jw_init_strict(&w, &body);
    write_body(&w, c, args->argv[0]);
    int code = create(cli, body.data);
    buf_fini(&body);
    return code;
}

const struct command cmd_token_create = {
    .name = "token create",
    .arguments = "join|api",
    .summary = "make a token: join for a machine, api for people and programs",
    .details =
        "The token alone goes to stdout; how to use it goes to stderr. A token that could not be "
        "printed is revoked.",
    .options = create_options,
    .option_count = sizeof create_options / sizeof *create_options,
    .config_size = sizeof(struct create_config),
    .resource = &resource_token,
    .run = run_create,
};

const struct command cmd_token_list = {
    .name = "token list",
    .arguments = "",
    .summary = "list tokens",
    .config_size = sizeof(struct list_config),
    .resource = &resource_token,
    .run = resource_list,
};

static void print_revoked(struct out *out, const char *id, const struct json *t)
{
    (void)t;
    out_line(out, "token %s revoked", id);
}

struct revoke_config {
    bool force;
};
static const struct opt revoke_options[] = {
    {.flag = "force",
     .type = OPT_BOOL,
     .offset = offsetof(struct revoke_config, force),
     .help = "also the last administrator's token: nobody can make one then but on the host"},
};

static int run_revoke(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct revoke_config *c = config;
    return resource_run_with(cli, args, "force", c->force ? "true" : NULL);
}

const struct command cmd_token_revoke = {
    .name = "token revoke",
    .arguments = "ID",
    .summary = "revoke a token at once",
    .options = revoke_options,
    .option_count = 1,
    .config_size = sizeof(struct revoke_config),
    .resource = &resource_token,
    .method = "DELETE",
    .print = print_revoked,
    .run = run_revoke,
};
