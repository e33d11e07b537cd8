/* cadre trigger list | show | next | enable | disable | run | key */
#include "cli/commands.h"

#include "base/str.h"
#include "cli/resource.h"

#define PLACE "NAMESPACE/FLOW/TRIGGER"

static const struct opt list_options[] = {
    LIST_NAMESPACE,
    {.flag = "flow",
     .type = OPT_STRING,
     .offset = LIST_AT(flow),
     .value_name = "NAMESPACE/FLOW",
     .help = "only triggers of this flow"},
    LIST_ORDER("next", "schedules that will fire, by their next moment, and no other triggers"),
};

const struct command cmd_trigger_list = {
    .name = "trigger list",
    .arguments = "",
    .summary = "list triggers and their last results",
    .example = "cadre trigger list --namespace company.team --order next",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .config_size = sizeof(struct list_config),
    .resource = &resource_trigger,
    .run = resource_list_of_flow,
};

const struct command cmd_trigger_show = {
    .name = "trigger show",
    .arguments = PLACE,
    .summary = "show a trigger and what it did last",
    .example = "cadre trigger show company.team/nightly/new-file",
    .resource = &resource_trigger,
    .method = "GET",
    .run = resource_run,
};

static const char *text(const struct json *j, const char *key)
{
    return json_get_str(j, key, NULL);
}

static void print_firings(struct out *out, const char *place, const struct json *t)
{
    static const char *const head[] = {"PLANNED", "UTC", "FIRES AT", "ZONE"};
    const char *searched = text(t, "searchedTo");
    struct table table;
    size_t count = json_count(json_get(t, "firings"));
    table_init(&table, 4, head);
    for (const struct json *f = json_first(json_get(t, "firings")); f; f = json_next(f)) {
        const char *cells[] = {text(f, "planned"), text(f, "plannedAt"), text(f, "firesAt"),
                               text(t, "timezone")};
        table_add(&table, cells);
    }
    table_print(&table, out);
    if (json_get_bool(t, "disabled", false))
        out_note(out, "%s is disabled, none of these fires until it is enabled: %s", place,
                 json_get_str(t, "reason", "?"));
    if (searched)
        out_note(out,
                 "the search ended at %s: all others up to there are left out by 'notAt' or "
                 "'when'",
                 searched);
    else if (count == 0)
        out_note(out, "%s does not fire any more", place);
}

struct next_config {
    int64_t count;
};
static const struct opt next_options[] = {
    {.flag = "count",
     .type = OPT_INT,
     .offset = offsetof(struct next_config, count),
     .fallback = "10",
     .min = 1,
     .max = 100,
     .value_name = "N",
     .help = "so many firings"},
};

static int run_next(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct next_config *c = config;
    char count[24];
    (void)str_format(count, sizeof count, "%lld", (long long)c->count);
    return resource_run_with(cli, args, "count", count);
}

const struct command cmd_trigger_next = {
    .name = "trigger next",
    .arguments = PLACE,
    .summary = "print when a schedule fires next, on the clocks of its zone and in UTC",
    .example = "cadre trigger next company.team/nightly/at-three",
    .options = next_options,
    .option_count = sizeof next_options / sizeof *next_options,
    .config_size = sizeof(struct next_config),
    .resource = &resource_trigger,
    .method = "GET",
    .rest = "next",
    .print = print_firings,
    .run = run_next,
};

static void print_state(struct out *out, const char *place, const struct json *t)
{
    out_line(out, "%s %s", place, resource_trigger_state(t));
}

const struct command cmd_trigger_enable = {
    .name = "trigger enable",
    .arguments = PLACE,
    .summary = "let a disabled trigger fire again",
    .example = "cadre trigger enable company.team/nightly/new-file",
    .resource = &resource_trigger,
    .method = "POST",
    .rest = "enable",
    .print = print_state,
    .run = resource_run,
};

const struct command cmd_trigger_disable = {
    .name = "trigger disable",
    .arguments = PLACE,
    .summary = "let a trigger not fire until it is enabled",
    .example = "cadre trigger disable company.team/nightly/new-file",
    .resource = &resource_trigger,
    .method = "POST",
    .rest = "disable",
    .print = print_state,
    .run = resource_run,
};

static void print_job(struct out *out, const char *place, const struct json *t)
{
    (void)place;
    out_line(out, "%s", json_get_str(t, "job", "?"));
}

const struct command cmd_trigger_run = {
    .name = "trigger run",
    .arguments = PLACE,
    .summary = "evaluate a polling trigger now; prints the evaluation's job id",
    .example = "cadre trigger run company.team/nightly/new-file",
    .resource = &resource_trigger,
    .method = "POST",
    .rest = "run",
    .print = print_job,
    .run = resource_run,
};

static void print_key(struct out *out, const char *place, const struct json *t)
{
    (void)place;
    out_line(out, "%s", json_get_str(t, "key", "?"));
}

const struct command cmd_trigger_key = {
    .name = "trigger key",
    .arguments = PLACE,
    .summary = "make a new key of a webhook and print it once; the one before ends",
    .example = "cadre trigger key company.team/nightly/call",
    .resource = &resource_trigger,
    .method = "POST",
    .rest = "key",
    .print = print_key,
    .run = resource_run,
};
