/* cadre agent list | show | drain | resume | remove */
#include "cli/commands.h"

#include "cli/resource.h"

static const struct opt list_options[] = {
    {.flag = "group",
     .type = OPT_STRING,
     .offset = LIST_AT(group),
     .value_name = "K",
     .help = "only agents that serve this group"},
    LIST_STATE("OFFLINE,UNWELL"),
};

const struct command cmd_agent_list = {
    .name = "agent list",
    .arguments = "",
    .summary = "list agents",
    .example = "cadre agent list --group windows\n"
               "cadre agent list --state OFFLINE,UNWELL",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .config_size = sizeof(struct list_config),
    .resource = &resource_agent,
    .run = resource_list,
};

const struct command cmd_agent_show = {
    .name = "agent show",
    .arguments = "AGENT",
    .summary = "show an agent and what it offers",
    .example = "cadre agent show build-07",
    .resource = &resource_agent,
    .method = "GET",
    .run = resource_run,
};

static void print_state(struct out *out, const char *name, const struct json *a)
{
    out_line(out, "%s %s", json_get_str(a, "name", name), json_get_str(a, "state", "removed"));
}

struct drain_config {
    char *reason;
};
static const struct opt drain_options[] = {
    {.flag = "reason",
     .type = OPT_STRING,
     .offset = offsetof(struct drain_config, reason),
     .value_name = "TEXT",
     .help = "reason, shown to users who ask why the agent takes no jobs; not given: as it was; '' "
             "clears it"},
};

static int run_drain(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct drain_config *c = config;
    return resource_run_with(cli, args, "reason", c->reason);
}

const struct command cmd_agent_drain = {
    .name = "agent drain",
    .arguments = "AGENT",
    .summary = "send an agent no more jobs; running jobs may finish",
    .example = "cadre agent drain build-07 --reason 'new disk'",
    .options = drain_options,
    .option_count = 1,
    .config_size = sizeof(struct drain_config),
    .resource = &resource_agent,
    .method = "POST",
    .rest = "drain",
    .print = print_state,
    .run = run_drain,
};

const struct command cmd_agent_resume = {
    .name = "agent resume",
    .arguments = "AGENT",
    .summary = "send a drained agent jobs again",
    .example = "cadre agent resume build-07",
    .resource = &resource_agent,
    .method = "POST",
    .rest = "resume",
    .print = print_state,
    .run = resource_run,
};

struct remove_config {
    bool force;
    char *reason;
};
static const struct opt remove_options[] = {
    {.flag = "reason",
     .type = OPT_STRING,
     .offset = offsetof(struct remove_config, reason),
     .value_name = "TEXT",
     .help = "reason, kept with the agent: 'cadre agent show' and the log tell it"},
    {.flag = "force",
     .type = OPT_BOOL,
     .offset = offsetof(struct remove_config, force),
     .help = "remove the agent although it runs jobs: it is told to end them"},
};

static int run_remove(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct remove_config *c = config;
    const struct resource_query query[] = {{"force", c->force ? "true" : NULL},
                                           {"reason", c->reason}};
    return resource_run_query(cli, args, query, sizeof query / sizeof *query);
}

const struct command cmd_agent_remove = {
    .name = "agent remove",
    .arguments = "AGENT",
    .summary = "revoke an agent's certificate at once and forget it",
    .example = "cadre agent remove build-07 --reason 'sold'",
    .options = remove_options,
    .option_count = sizeof remove_options / sizeof *remove_options,
    .config_size = sizeof(struct remove_config),
    .resource = &resource_agent,
    .method = "DELETE",
    .print = print_state,
    .run = run_remove,
};
