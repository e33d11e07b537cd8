/* cadre agent history */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/resource.h"

#define EVENTS_MOST 500 /* in one answer; more of an agent are not kept */

struct history_config {
    int64_t limit;
};
static const struct opt history_options[] = {
    {.flag = "limit",
     .type = OPT_INT,
     .offset = offsetof(struct history_config, limit),
     .fallback = "50",
     .min = 1,
     .max = EVENTS_MOST,
     .value_name = "N",
     .help = "at most N, newest first"},
};

static void add_row(struct table *t, const struct json *v)
{
    char *times = str_dupf("%lld", (long long)json_get_int(v, "times", 1));
    const char *const cells[] = {json_get_str(v, "lastAt", "?"), json_get_str(v, "event", "?"),
                                 times, json_get_str(v, "by", "-"),
                                 json_get_str(v, "message", "-")};
    table_add(t, cells);
    mem_free(times);
}

static void print_table(struct out *out, const struct json *events)
{
    static const char *const head[] = {"LAST", "EVENT", "TIMES", "BY", "MESSAGE"};
    struct table t;
    table_init(&t, sizeof head / sizeof *head, head);
    for (const struct json *v = json_first(events); v; v = json_next(v))
        add_row(&t, v);
    table_print(&t, out);
}

static int run_history(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct history_config *c = config;
    struct response answer;
    struct buf target;
    char *path = resource_path(cli, args, "history");
    if (!path) return EXIT_USAGE;
    buf_init(&target, 65536);
    (void)buf_addf(&target, "%s?limit=%lld", path, (long long)c->limit);
    mem_free(path);
    const struct json *body = cli_call(cli, "GET", target.data, NULL, &answer);
    buf_fini(&target);
    if (!body) return EXIT_ERROR;
    if (cli_json(cli))
        out_json(&cli->out, json_get(body, "events"));
    else
        print_table(&cli->out, json_get(body, "events"));
    response_fini(&answer);
    return EXIT_OK;
}

const struct command cmd_agent_history = {
    .name = "agent history",
    .arguments = "AGENT",
    .summary = "list what happened to an agent: connected, drained, removed and more",
    .details = "Newest first. What happens again and again, as with a connection that comes and "
               "goes, is one line: TIMES says how often, LAST when the last time was. The last 200 "
               "events of an agent are kept, for 90 days.",
    .example = "cadre agent history build-07",
    .options = history_options,
    .option_count = sizeof history_options / sizeof *history_options,
    .config_size = sizeof(struct history_config),
    .resource = &resource_agent,
    .run = run_history,
};
