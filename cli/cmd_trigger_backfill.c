/* cadre trigger backfill | backfills */
#include "cli/commands.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/resource.h"
#include "cli/secret_name.h"
#include "wire/limits.h"

#include <string.h>

#define PLACE "NAMESPACE/FLOW/TRIGGER"
#define COUNTED 10000 /* a dry run counts no further */

struct backfill_config {
    char *start, *end, *cancel;
    struct opt_map inputs;
    int64_t parallel;
    bool missed, dry_run;
};
#define AT(field) offsetof(struct backfill_config, field)
static const struct opt backfill_options[] = {
    {.flag = "start",
     .type = OPT_STRING,
     .offset = AT(start),
     .value_name = "T",
     .help = "first moment: 2026-01-31, 2026-01-31T08:00 (on the clocks of the schedule's zone), "
             "or with Z or an offset"},
    {.flag = "end",
     .type = OPT_STRING,
     .offset = AT(end),
     .value_name = "T",
     .help = "last moment, in the past; a day is the whole day"},
    {.flag = "input",
     .type = OPT_MAP,
     .offset = AT(inputs),
     .value_name = "K=V",
     .help = "value of an input, in the place of the trigger's; may have {{ trigger.date }}"},
    {.flag = "parallel",
     .type = OPT_INT,
     .offset = AT(parallel),
     .min = 1,
     .max = 50,
     .value_name = "N",
     .help = "so many executions at a time instead of one"},
    {.flag = "missed",
     .type = OPT_BOOL,
     .offset = AT(missed),
     .help = "only moments for which the trigger has started no execution yet"},
    {.flag = "dry-run",
     .type = OPT_BOOL,
     .offset = AT(dry_run),
     .help = "count the moments, print the first hundred, and start nothing"},
    {.flag = "cancel",
     .type = OPT_STRING,
     .offset = AT(cancel),
     .value_name = "ID",
     .help = "end this backfill instead: it starts no more executions, those under way go on"},
};

static const char *text(const struct json *j, const char *key)
{
    return json_get_str(j, key, "-");
}

static void print_id(struct out *out, const char *place, const struct json *answer)
{
    (void)place;
    out_line(out, "%s", text(answer, "backfill"));
}

static void print_moments(struct out *out, const char *place, const struct json *answer)
{
    static const char *const head[] = {"PLANNED", "UTC"};
    const char *searched = json_get_str(answer, "searchedTo", NULL);
    const struct json *all = json_get(answer, "firings");
    int64_t count = json_get_int(answer, "count", (int64_t)json_count(all));
    struct table table;
    table_init(&table, 2, head);
    for (const struct json *f = json_first(all); f; f = json_next(f)) {
        const char *cells[] = {text(f, "planned"), text(f, "plannedAt")};
        table_add(&table, cells);
    }
    table_print(&table, out);
    out_note(out, "%s has %s%lld such moments from start to end%s", place,
             count < COUNTED && !searched ? "" : "at least ", (long long)count,
             json_get_bool(answer, "more", false) ? "; these are the first" : "");
    if (searched)
        out_note(out,
                 "the search ended at %s: all others up to there fired, or are left out by 'notAt' "
                 "or 'when'",
                 searched);
}

static int make_body(const struct backfill_config *c, struct buf *body)
{
    struct jw w;
    jw_init_strict(&w, body);
    jw_object(&w, NULL);
    jw_str(&w, "start", c->start);
    jw_str(&w, "end", c->end);
    jw_int(&w, "parallel", c->parallel > 0 ? c->parallel : 1);
    if (c->missed) jw_bool(&w, "missed", true);
    jw_bool(&w, "dryRun", c->dry_run);
    if (c->inputs.count > 0) {
        jw_object(&w, "inputs");
        for (size_t i = 0; i < c->inputs.count; i++)
            jw_str(&w, c->inputs.items[i].key, c->inputs.items[i].value);
        jw_end(&w);
    }
    jw_end(&w);
    return jw_finish(&w);
}

static int run_begin(struct cli *cli, const struct backfill_config *c, const struct opt_args *args)
{
    struct buf body;
    char *path = resource_path(cli, args, "backfills");
    if (!path) return EXIT_USAGE;
    buf_init(&body, LIMIT_HTTP_BODY);
    int rc = make_body(c, &body), code;
    if (rc != 0) {
        struct err e = {0};
        err_set(&e, rc, "the inputs are too large");
        code = cli_fail(cli, EXIT_ERROR, &e);
    } else {
        const struct request request = {"POST", path, .body = body.data};
        secret_name_warn(cli, &c->inputs, "the execution");
        code = resource_send(cli, &request, args->argv[0], c->dry_run ? print_moments : print_id);
    }
    buf_fini(&body);
    mem_free(path);
    return code;
}

static int run_cancel(struct cli *cli, const char *id, const struct opt_args *args)
{
    if (!*id ||
        strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(id))
        return cli_usage(cli, "--cancel takes the ID of a backfill; 'cadre trigger backfills' "
                              "shows them");
    char *rest = str_dupf("backfills/%s/cancel", id);
    char *path = resource_path(cli, args, rest);
    const struct request request = {.method = "POST", .target = path};
    int code = path ? resource_send(cli, &request, args->argv[0], print_id) : EXIT_USAGE;
    mem_free(path);
    mem_free(rest);
    return code;
}

static int run_backfill(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct backfill_config *c = config;
    if (c->cancel &&
        (c->start || c->end || c->dry_run || c->missed || c->inputs.count > 0 || c->parallel > 0))
        return cli_usage(cli, "--cancel goes with no other option");
    if (c->cancel) return run_cancel(cli, c->cancel, args);
    if (!c->start || !c->end) return cli_usage(cli, "trigger backfill needs --start T and --end T");
    return run_begin(cli, c, args);
}

const struct command cmd_trigger_backfill = {
    .name = "trigger backfill",
    .arguments = PLACE,
    .summary = "start executions for planned moments of a schedule that lie in the past",
    .details =
        "Prints the backfill's id. Each moment from start to end has one execution, the "
        "oldest first, and the schedule goes on beside them. With --missed only those have one "
        "for which the trigger has started none yet.",
    .example = "cadre trigger backfill company.team/nightly/at-three --start 2026-01-01 --end "
               "2026-01-31 --dry-run",
    .options = backfill_options,
    .option_count = sizeof backfill_options / sizeof *backfill_options,
    .config_size = sizeof(struct backfill_config),
    .resource = &resource_trigger,
    .run = run_backfill,
};

static const char *number_text(const struct json *j, const char *key, char out[24])
{
    (void)str_format(out, 24, "%lld", (long long)json_get_int(j, key, 0));
    return out;
}

static void print_backfills(struct out *out, const char *place, const struct json *answer)
{
    static const char *const head[] = {"ID", "START", "END", "CURSOR", "STARTED", "OPEN", "BY"};
    struct table table;
    (void)place;
    table_init(&table, 7, head);
    for (const struct json *b = json_first(json_get(answer, "backfills")); b; b = json_next(b)) {
        char started[24], open[24];
        const char *cells[] = {text(b, "id"),
                               text(b, "start"),
                               text(b, "end"),
                               text(b, "cursor"),
                               number_text(b, "started", started),
                               number_text(b, "open", open),
                               text(b, "createdBy")};
        table_add(&table, cells);
    }
    table_print(&table, out);
}

const struct command cmd_trigger_backfills = {
    .name = "trigger backfills",
    .arguments = PLACE,
    .summary = "list the backfills of a schedule that are under way",
    .example = "cadre trigger backfills company.team/nightly/at-three",
    .resource = &resource_trigger,
    .method = "GET",
    .rest = "backfills",
    .print = print_backfills,
    .run = resource_run,
};
