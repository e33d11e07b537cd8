/* cadre namespace list | show | set | unset */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/resource.h"

const struct command cmd_namespace_list = {
    .name = "namespace list",
    .arguments = "",
    .summary = "list namespaces with a default group",
    .example = "cadre namespace list",
    .config_size = sizeof(struct list_config),
    .resource = &resource_namespace,
    .run = resource_list,
};

const struct command cmd_namespace_show = {
    .name = "namespace show",
    .arguments = "NS",
    .summary = "show which group a namespace's jobs go to, and which namespace sets that group",
    .example = "cadre namespace show company.team",
    .resource = &resource_namespace,
    .method = "GET",
    .run = resource_run,
};

struct set_config {
    char *group, *fallback;
    bool default_group;
};
static const struct opt set_options[] = {
    {.flag = "group",
     .type = OPT_STRING,
     .offset = offsetof(struct set_config, group),
     .value_name = "K",
     .help = "group for jobs of the namespace and its children that name no group"},
    {.flag = "default-group",
     .type = OPT_BOOL,
     .offset = offsetof(struct set_config, default_group),
     .help = "use the default group for the namespace's jobs, whatever group its parents have"},
    {.flag = "fallback",
     .type = OPT_STRING,
     .offset = offsetof(struct set_config, fallback),
     .choices = "WAIT|FAIL|CANCEL|IGNORE",
     .may_clear = true,
     .help =
         "when that group has no agent online; IGNORE: use the default group; '': as if not given"},
};

static void print_set(struct out *out, const char *ns, const struct json *n)
{
    out_line(out, "%s: group %s", ns, json_get_str(n, "group", STR_DEFAULT_GROUP));
}

static int run_set(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct set_config *c = config;
    struct buf body;
    struct jw w;
    char *path = resource_path(cli, args, NULL);
    if (!path) return EXIT_USAGE;
    if (!c->group == !c->default_group || (c->group && !*c->group)) {
        mem_free(path);
        return cli_usage(cli, "give either --group K or --default-group; 'cadre namespace unset' "
                              "takes the namespace's own group away");
    }
    buf_init(&body, 8192);
    jw_init_strict(&w, &body);
    jw_object(&w, NULL);
    jw_str(&w, "group", c->group);
    if (c->fallback && *c->fallback) jw_str(&w, "fallback", c->fallback);
    jw_end(&w);
    const struct request request = {"PUT", path, .body = body.data};
    int code = resource_send(cli, &request, args->argv[0], print_set);
    buf_fini(&body);
    mem_free(path);
    return code;
}

const struct command cmd_namespace_set = {
    .name = "namespace set",
    .arguments = "NS",
    .summary = "give a namespace and its children a default group",
    .example = "cadre namespace set company.team --group linux-db",
    .options = set_options,
    .option_count = sizeof set_options / sizeof *set_options,
    .config_size = sizeof(struct set_config),
    .resource = &resource_namespace,
    .run = run_set,
};

static void print_unset(struct out *out, const char *ns, const struct json *n)
{
    (void)n;
    out_line(out, "namespace %s has no default group of its own any more", ns);
}

const struct command cmd_namespace_unset = {
    .name = "namespace unset",
    .arguments = "NS",
    .summary = "let a namespace follow its parents again",
    .example = "cadre namespace unset company.team",
    .resource = &resource_namespace,
    .method = "DELETE",
    .print = print_unset,
    .run = resource_run,
};
