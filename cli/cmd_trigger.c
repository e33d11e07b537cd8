/* cadre trigger list | show | enable | disable | run | key */
#include "cli/commands.h"

#include "cli/resource.h"

#define PLACE "NAMESPACE/FLOW/TRIGGER"

static const struct opt list_options[] = {
    LIST_NAMESPACE,
    {.flag = "flow",
     .type = OPT_STRING,
     .offset = LIST_AT(flow),
     .value_name = "NAMESPACE/FLOW",
     .help = "only triggers of this flow"},
};

const struct command cmd_trigger_list = {
    .name = "trigger list",
    .arguments = "",
    .summary = "list triggers and their last results",
    .example = "cadre trigger list --namespace company.team",
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
