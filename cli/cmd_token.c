/* cadre token create join | create api | list | revoke */
#include "cli/commands.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/resource.h"
#include "platform/streams.h"

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

#define NAME_AND_LIFE(life)                                                                        \
    {.flag = "name",                                                                               \
     .type = OPT_STRING,                                                                           \
     .offset = AT(name),                                                                           \
     .value_name = "T",                                                                            \
     .help = "a name for the token, shown in lists"},                                              \
    {                                                                                              \
        .flag = "expires", .type = OPT_STRING, .offset = AT(expires), .value_name = "D",           \
        .check = check_duration, .help = "how long the token is valid, or 'never'; default: " life \
    }

static const struct opt join_options[] = {
    {.flag = "group",
     .type = OPT_STRING,
     .offset = AT(group),
     .value_name = "K",
     .help = "the group that agents must join; default: any group"},
    {.flag = "uses",
     .type = OPT_INT,
     .offset = AT(uses),
     .absent = -1,
     .min = 0,
     .max = 1000000,
     .value_name = "N",
     .help = "how many machines may use the token; default: 1; 0: no limit"},
    NAME_AND_LIFE("24h"),
};

static const struct opt api_options[] = {
    {.flag = "role",
     .type = OPT_STRING,
     .offset = AT(role),
     .choices = "admin|submit|read",
     .fallback = "submit",
     .help = "what the token may do"},
    {.flag = "namespace",
     .type = OPT_STRING,
     .offset = AT(ns),
     .value_name = "NS",
     .help = "only this namespace and its children"},
    NAME_AND_LIFE("never"),
};

static void write_body(struct jw *w, const struct create_config *c, const char *type)
{
    const struct {
        const char *key, *value;
    } texts[] = {{"type", type},
                 {"group", c->group},
                 {"role", c->role},
                 {"namespace", c->ns},
                 {"name", c->name}};
    jw_object(w, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].value) jw_str(w, texts[i].key, texts[i].value);
    if (str_eq(c->expires, "never"))
        jw_null(w, "expires");
    else if (c->expires)
        jw_str(w, "expires", c->expires);
    if (str_eq(type, "join") && c->uses == 0)
        jw_null(w, "uses"); /* no limit */
    else if (str_eq(type, "join") && c->uses > 0)
        jw_int(w, "uses", c->uses);
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
    cli_note(cli, "%s", "");
    cli_note(cli, "id %s, expires %s; the token is not shown again", json_get_str(t, "id", "?"),
             json_get_str(t, "expiresAt", "never"));
    /* The ready-made commands hold the token: whoever captures it would find it in a log of
     * standard error, too. */
    if (!fd_is_terminal(1)) return;
    for (const struct json *v = json_first(commands_of); v; v = json_next(v)) {
        cli_note(cli, "%s:", json_key(v));
        cli_note(cli, "  %s", json_str(v, ""));
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
    struct err lost = {0};
    if (rc == 0)
        err_set(&lost, cli->out.lost.code, "%s; the token %s was revoked", err_text(&cli->out.lost),
                id);
    else
        err_set(&lost, cli->out.lost.code,
                "%s; the token %s is valid and could not be revoked (%s): use 'cadre token revoke "
                "%s'",
                err_text(&cli->out.lost), id, err_text(&e), id);
    (void)cli_fail(cli, EXIT_ERROR, &lost);
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

static int run_create(struct cli *cli, const struct create_config *c, const char *type,
                      const struct opt_args *args)
{
    struct buf body;
    struct jw w;
    if (args->argc > 0)
        return cli_usage(cli, "%s takes no argument '%s'; see 'cadre %s --help'",
                         cli->command->name, args->argv[0], cli->command->name);
    buf_init(&body, 16384);
    jw_init_strict(&w, &body);
    write_body(&w, c, type);
    int code = create(cli, body.data);
    buf_fini(&body);
    return code;
}

static int run_create_join(struct cli *cli, void *config, const struct opt_args *args)
{
    return run_create(cli, config, "join", args);
}

static int run_create_api(struct cli *cli, void *config, const struct opt_args *args)
{
    return run_create(cli, config, "api", args);
}

#define PRINTED                                                                                    \
    "The token alone goes to stdout; where that is a terminal, how to use the token goes to "      \
    "stderr. A token that could not be printed is revoked."

const struct command cmd_token_create_join = {
    .name = "token create join",
    .arguments = "",
    .summary = "make a token with which machines join as agents",
    .details = PRINTED,
    .example = "cadre token create join --group windows --uses 5",
    .options = join_options,
    .option_count = sizeof join_options / sizeof *join_options,
    .config_size = sizeof(struct create_config),
    .resource = &resource_token,
    .run = run_create_join,
};

const struct command cmd_token_create_api = {
    .name = "token create api",
    .arguments = "",
    .summary = "make a token for people and programs",
    .details = PRINTED,
    .example = "cadre token create api --role read --name dashboard",
    .options = api_options,
    .option_count = sizeof api_options / sizeof *api_options,
    .config_size = sizeof(struct create_config),
    .resource = &resource_token,
    .run = run_create_api,
};

const struct command cmd_token_list = {
    .name = "token list",
    .arguments = "",
    .summary = "list tokens",
    .example = "cadre token list",
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
    .example = "cadre token revoke 06f3k9x2m1c7a",
    .options = revoke_options,
    .option_count = 1,
    .config_size = sizeof(struct revoke_config),
    .resource = &resource_token,
    .method = "DELETE",
    .print = print_revoked,
    .run = run_revoke,
};
