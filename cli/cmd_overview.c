/* cadre failures | waits: what the first view of the page shows. */
#include "cli/commands.h"
#include "cli/ended.h"

#include "base/mem.h"
#include "base/str.h"

static const char *text(const struct json *j, const char *key)
{
    return json_get_str(j, key, NULL);
}

/* The answer for this path with the filters; NULL: what was printed is to be exited with. */
static const struct json *look_up(struct cli *cli, const char *path, const struct list_config *c,
                                  const struct opt_args *args, struct response *answer, int *code)
{
    const char *name = cli->command->name, *empty = resource_empty_filter(c);
    *code = EXIT_USAGE;
    if (args->argc > 0)
        (void)cli_usage(cli, "%s takes no argument '%s'; see 'cadre %s --help'", name,
                        args->argv[0], name);
    else if (empty)
        (void)cli_usage(cli, "--%s is empty: leave it out to see all; see 'cadre %s --help'", empty,
                        name);
    if (args->argc > 0 || empty) return NULL;
    struct buf target;
    buf_init(&target, 65536);
    (void)buf_adds(&target, path);
    (void)resource_filter(c, &target);
    const struct json *body = cli_call(cli, "GET", target.data, NULL, answer);
    buf_fini(&target);
    *code = body ? EXIT_OK : EXIT_ERROR;
    return body;
}

/* Shows the answer for this path with the filters. */
static int show(struct cli *cli, const char *path, const struct list_config *c,
                const struct opt_args *args, void (*print)(struct out *out, const struct json *all))
{
    struct response answer;
    int code;
    const struct json *all = look_up(cli, path, c, args, &answer, &code);
    if (!all) return code;
    if (cli_json(cli))
        out_json(&cli->out, all);
    else
        print(&cli->out, all);
    response_fini(&answer);
    return EXIT_OK;
}

/* ---- failures ---- */

/* What the jobs of a cause have in common: mem_free */
static char *origin_of(const struct json *c)
{
    const char *flow = text(c, "flow"), *task = text(c, "task"), *name = text(c, "name");
    if (text(c, "group")) return str_dupf("group %s", text(c, "group"));
    if (flow)
        return str_dupf("%s/%s%s%s", json_get_str(c, "namespace", "?"), flow, task ? "/" : "",
                        task ? task : "");
    return mem_strdup(name ? name : "jobs without a name");
}

static void add_cause(struct table *t, const struct json *c)
{
    const struct json *code = json_get(c, "exitCode");
    char *count = str_dupf("%lld", (long long)json_get_int(c, "count", 0)), *of = origin_of(c);
    char *why = json_type(code) == JSON_NULL
                    ? mem_strdup(text(c, "reason"))
                    : str_dupf("exit code %lld", (long long)json_int(code, 0));
    const char *const cells[] = {count,
                                 text(c, "state"),
                                 why,
                                 of,
                                 text(c, "lastAt"),
                                 text(c, "example"),
                                 text(c, "message")};
    table_add(t, cells);
    mem_free(count);
    mem_free(of);
    mem_free(why);
}

static void print_failures(struct out *out, const struct json *all)
{
    static const char *const head[] = {"JOBS", "STATE",   "CAUSE",  "OF",
                                       "LAST", "EXAMPLE", "MESSAGE"};
    struct table t;
    size_t shown = json_count(json_get(all, "causes"));
    int64_t causes = json_get_int(all, "causeCount", 0);
    table_init(&t, sizeof head / sizeof *head, head);
    for (const struct json *c = json_first(json_get(all, "causes")); c; c = json_next(c))
        add_cause(&t, c);
    table_print(&t, out);
    if (causes > (int64_t)shown)
        out_note(out, "these are the %zu most frequent of %lld causes", shown, (long long)causes);
    if (!json_get_bool(all, "complete", true))
        out_note(out, "among the %lld jobs created last that did not end well",
                 (long long)json_get_int(all, "looked", 0));
}

static int run_failures(struct cli *cli, void *config, const struct opt_args *args)
{
    return show(cli, "/api/v1/failures", config, args, print_failures);
}

static const struct opt failures_options[] = {
    LIST_NAMESPACE,
    {.flag = "since",
     .type = OPT_STRING,
     .offset = LIST_AT(since),
     .value_name = "T",
     .check = logs_check_since,
     .help = "only what ended at a time, 2026-01-31T08:00:00Z, or so long ago, or later; default: "
             "24h"},
};

const struct command cmd_failures = {
    .name = "failures",
    .arguments = "",
    .summary = "count what went wrong in the last day by its cause, the most frequent first",
    .details = "Jobs that ended as FAILED or KILLED, or as CANCELLED though no user did it, "
               "whenever they were created. EXAMPLE is the job that ended last, at LAST.",
    .example = "cadre failures --namespace company.team --since 1h",
    .options = failures_options,
    .option_count = sizeof failures_options / sizeof *failures_options,
    .config_size = sizeof(struct list_config),
    .run = run_failures,
};

/* ---- waits ---- */

static void add_waits(struct table *t, const struct json *w)
{
    const struct json *hour = json_get(w, "hour"), *day = json_get(w, "day");
    char *jobs[2] = {str_dupf("%lld", (long long)json_get_int(hour, "jobs", 0)),
                     str_dupf("%lld", (long long)json_get_int(day, "jobs", 0))};
    const char *const cells[] = {text(w, "group"),  jobs[0],           text(hour, "p50"),
                                 text(hour, "p95"), text(hour, "p99"), jobs[1],
                                 text(day, "p50"),  text(day, "p95"),  text(day, "p99")};
    table_add(t, cells);
    mem_free(jobs[0]);
    mem_free(jobs[1]);
}

static void print_waits(struct out *out, const struct json *all)
{
    static const char *const head[] = {"GROUP", "HOUR", "P50", "P95", "P99",
                                       "DAY",   "P50",  "P95", "P99"};
    struct table t;
    table_init(&t, sizeof head / sizeof *head, head);
    for (const struct json *w = json_first(json_get(all, "groups")); w; w = json_next(w))
        add_waits(&t, w);
    table_print(&t, out);
    out_note(out, "counted since the coordinator started, %s", json_get_str(all, "since", "?"));
}

static int run_waits(struct cli *cli, void *config, const struct opt_args *args)
{
    return show(cli, "/api/v1/waits", config, args, print_waits);
}

static const struct opt waits_options[] = {
    {.flag = "group",
     .type = OPT_STRING,
     .offset = LIST_AT(group),
     .value_name = "K",
     .help = "only this group"},
};

const struct command cmd_waits = {
    .name = "waits",
    .arguments = "",
    .summary = "show how long jobs waited until they were handed out, by group",
    .details = "HOUR and DAY are how many jobs were handed out in the last hour and day; of a "
               "hundred of them 50, 95 and 99 waited at most P50, P95 and P99.",
    .example = "cadre waits --group windows",
    .options = waits_options,
    .option_count = sizeof waits_options / sizeof *waits_options,
    .config_size = sizeof(struct list_config),
    .run = run_waits,
};
