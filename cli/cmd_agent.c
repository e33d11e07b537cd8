/* cadre agent list | show | drain | resume | remove */
#include "cli/commands.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/http.h"

#include <stdio.h>

static void agent_row(struct table *t, const struct json *a)
{
    char seen[DURATION_TEXT_SIZE], slots[32], free_slots[32], both[72];
    const struct json *caps = json_get(a, "capabilities");
    const char *total = text_of(json_get(a, "slots"), slots, sizeof slots);
    const char *unused = text_of(json_get(a, "freeSlots"), free_slots, sizeof free_slots);
    (void)str_format(both, sizeof both, "%s/%s", unused ? unused : "?", total ? total : "?");
    text_age(json_get_str(a, "lastSeenAt", NULL), seen);
    const char *cells[] = {json_get_str(a, "name", NULL),
                           json_get_str(a, "state", NULL),
                           json_get_str(a, "group", "(default)"),
                           both,
                           json_get_str(caps, "os", NULL),
                           json_get_str(caps, "arch", NULL),
                           json_get_str(a, "version", NULL),
                           seen,
                           json_get_str(a, "id", NULL)};
    table_add(t, cells);
}

/* Every page; calls for each agent. */
static int list_pages(struct cli *cli, struct table *t, struct json *all)
{
    char *cursor = NULL;
    do {
        struct response r;
        struct buf target;
        buf_init(&target, 8192);
        (void)buf_adds(&target, "/api/v1/agents");
        if (cursor) (void)buf_adds(&target, "?cursor=");
        if (cursor) (void)http_encode(&target, cursor);
        const struct json *body = cli_call(cli, "GET", target.data, NULL, &r);
        buf_fini(&target);
        mem_free(cursor);
        if (!body) return EXIT_ERROR;
        for (const struct json *a = json_first(json_get(body, "agents")); a; a = json_next(a)) {
            if (t) agent_row(t, a);
            if (all) json_push(all, json_copy(a));
        }
        cursor = mem_strdup(json_get_str(body, "nextCursor", NULL));
        response_fini(&r);
    } while (cursor);
    return EXIT_OK;
}

static int run_list(struct cli *cli, void *config, const struct opt_args *args)
{
    static const char *const head[] = {"NAME", "STATE",   "GROUP", "FREE/SLOTS", "OS",
                                       "ARCH", "VERSION", "SEEN",  "ID"};
    (void)config;
    if (args->argc > 0) return cli_usage("agent list takes no argument '%s'", args->argv[0]);
    int code;
    if (cli_json(cli)) {
        struct json *all = json_new(JSON_ARRAY);
        code = list_pages(cli, NULL, all);
        if (code == EXIT_OK) cli_print_json(all);
        json_free(all);
        return code;
    }
    struct table t;
    table_init(&t, 9, head);
    code = list_pages(cli, &t, NULL);
    if (code == EXIT_OK)
        table_print(&t);
    else
        table_fini(&t);
    return code;
}

const struct command cmd_agent_list = {
    .name = "agent list",
    .arguments = "",
    .summary = "list agents",
    .run = run_list,
};

static void show_agent(const struct json *a)
{
    static const char *const keys[] = {"id",        "name",    "state",      "group",      "slots",
                                       "freeSlots", "version", "lastSeenAt", "drainReason"};
    char scratch[4096];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = text_of(json_get(a, keys[i]), scratch, sizeof scratch);
        if (!text && str_eq(keys[i], "drainReason")) continue;
        show_line(keys[i], text ? text : str_eq(keys[i], "group") ? "(default)" : NULL);
    }
    printf("capabilities\n");
    for (const struct json *v = json_first(json_get(a, "capabilities")); v; v = json_next(v)) {
        const char *text = text_of(v, scratch, sizeof scratch);
        printf("  %-14s %s\n", json_key(v), text ? text : "-");
    }
}

static int with_agent(struct cli *cli, const struct opt_args *args, const char *command,
                      const char *method, const char *rest, const char *body, bool show)
{
    struct response r;
    if (args->argc != 1)
        return cli_usage("%s takes one agent, by name or ID; 'cadre agent list' shows them",
                         command);
    char *target = cli_path("agents", args->argv[0], rest);
    const struct json *a = cli_call(cli, method, target, body, &r);
    mem_free(target);
    if (!a) return EXIT_ERROR;
    if (cli_json(cli))
        cli_print_json(a);
    else if (show)
        show_agent(a);
    else
        printf("%s %s\n", json_get_str(a, "name", args->argv[0]),
               json_get_str(a, "state", "removed"));
    response_fini(&r);
    return EXIT_OK;
}

static int run_show(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    return with_agent(cli, args, "agent show", "GET", NULL, NULL, true);
}

const struct command cmd_agent_show = {
    .name = "agent show",
    .arguments = "AGENT",
    .summary = "show an agent and what it offers",
    .run = run_show,
};

struct drain_config {
    char *reason;
};
static const struct opt drain_options[] = {
    {.flag = "reason",
     .type = OPT_STRING,
     .offset = offsetof(struct drain_config, reason),
     .value_name = "TEXT",
     .help = "shown to whoever asks why it takes no jobs"},
};

static int run_drain(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct drain_config *c = config;
    struct buf rest;
    buf_init(&rest, 16384);
    (void)buf_adds(&rest, "drain");
    if (c->reason) {
        (void)buf_adds(&rest, "?reason=");
        (void)http_encode(&rest, c->reason);
    }
    int code = with_agent(cli, args, "agent drain", "POST", rest.data, NULL, false);
    buf_fini(&rest);
    return code;
}

const struct command cmd_agent_drain = {
    .name = "agent drain",
    .arguments = "AGENT",
    .summary = "send an agent no more jobs; what runs may finish",
    .options = drain_options,
    .option_count = 1,
    .config_size = sizeof(struct drain_config),
    .run = run_drain,
};

static int run_resume(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    return with_agent(cli, args, "agent resume", "POST", "resume", NULL, false);
}

const struct command cmd_agent_resume = {
    .name = "agent resume",
    .arguments = "AGENT",
    .summary = "send a drained agent jobs again",
    .run = run_resume,
};

static int run_remove(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    return with_agent(cli, args, "agent remove", "DELETE", NULL, NULL, false);
}

const struct command cmd_agent_remove = {
    .name = "agent remove",
    .arguments = "AGENT",
    .summary = "revoke an agent's certificate at once and forget it",
    .run = run_remove,
};
