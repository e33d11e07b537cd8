/* cadre group list | show | create | update | delete | pause | resume */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/resource.h"

struct group_config {
    char *description;
    struct opt_list require, namespaces, tags;
    char *max_queued;
    bool force;
};
#define AT(field) offsetof(struct group_config, field)
#define QUEUED_MOST 1000000000

static int check_max_queued(const char *value, struct err *e)
{
    int64_t n = 0;
    if (!*value || (str_int64(value, &n) == 0 && n >= 0 && n <= QUEUED_MOST)) return 0;
    return err_set(e, ERR_INVALID, "must be a whole number from 0 to %d", QUEUED_MOST);
}

/* An empty value clears the setting. It stands alone. */
static int is_cleared(const struct opt_list *list, const char *flag, bool *cleared, struct err *e)
{
    *cleared = false;
    for (size_t i = 0; i < list->count; i++)
        *cleared = *cleared || !list->items[i][0];
    if (!*cleared || list->count == 1) return 0;
    return err_set(e, ERR_INVALID, "--%s '' clears the setting: give it alone, or values alone",
                   flag);
}
#define GROUP_OPTIONS                                                                              \
    {.flag = "description",                                                                        \
     .type = OPT_STRING,                                                                           \
     .offset = AT(description),                                                                    \
     .value_name = "TEXT",                                                                         \
     .help = "what the group is for; '' clears it"},                                               \
        {.flag = "require",                                                                        \
         .type = OPT_LIST,                                                                         \
         .offset = AT(require),                                                                    \
         .may_clear = true,                                                                        \
         .value_name = "K=EXPR",                                                                   \
         .help = "what an agent must offer to join, e.g. os=windows; '': nothing"},                \
        {.flag = "allow-namespace",                                                                \
         .type = OPT_LIST,                                                                         \
         .offset = AT(namespaces),                                                                 \
         .may_clear = true,                                                                        \
         .value_name = "NS",                                                                       \
         .help = "namespace that may use the group, with its children; '': all namespaces"},       \
        {.flag = "tag",                                                                            \
         .type = OPT_LIST,                                                                         \
         .offset = AT(tags),                                                                       \
         .may_clear = true,                                                                        \
         .value_name = "TAG",                                                                      \
         .help = "what a workerSelector finds the group by, beside its key; '': the key alone"},   \
    {                                                                                              \
        .flag = "max-queued", .type = OPT_STRING, .offset = AT(max_queued), .value_name = "N",     \
        .check = check_max_queued,                                                                 \
        .help = "how many jobs may wait; further jobs are refused; 0 or '': no limit"              \
    }

static const struct opt group_options[] = {GROUP_OPTIONS};
static const struct opt delete_options[] = {
    {.flag = "force",
     .type = OPT_BOOL,
     .offset = AT(force),
     .help = "end the jobs that wait for the group (FAILED, group-deleted)"},
};

static const struct opt list_options[] = {
    LIST_ORDER("busy", "the busiest first: those with waiting jobs, then those with running ones, "
                       "then the others by key; at most 500"),
};

const struct command cmd_group_list = {
    .name = "group list",
    .arguments = "",
    .summary = "list worker groups",
    .example = "cadre group list --order busy",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .config_size = sizeof(struct list_config),
    .resource = &resource_group,
    .run = resource_list,
};

const struct command cmd_group_show = {
    .name = "group show",
    .arguments = "KEY",
    .summary = "show a worker group",
    .example = "cadre group show windows",
    .resource = &resource_group,
    .method = "GET",
    .run = resource_run,
};

static void print_state(struct out *out, const char *key, const struct json *g)
{
    out_line(out, "group %s %s", key, json_get_bool(g, "paused", false) ? "paused" : "open");
}

static void print_created(struct out *out, const char *key, const struct json *g)
{
    (void)g;
    out_line(out, "group %s created", key);
}

static void print_deleted(struct out *out, const char *key, const struct json *g)
{
    (void)g;
    out_line(out, "group %s deleted", key);
}

static int make_body(const struct group_config *c, const char *key, struct buf *out, struct err *e)
{
    struct jw w;
    bool no_require, no_namespaces, no_tags;
    int rc = is_cleared(&c->require, "require", &no_require, e);
    if (rc == 0) rc = is_cleared(&c->namespaces, "allow-namespace", &no_namespaces, e);
    if (rc == 0) rc = is_cleared(&c->tags, "tag", &no_tags, e);
    if (rc != 0) return rc;
    jw_init_strict(&w, out);
    jw_object(&w, NULL);
    if (key) jw_str(&w, "key", key);
    if (c->description) jw_str(&w, "description", c->description);
    if (no_require) jw_null(&w, "requires");
    if (no_namespaces) jw_null(&w, "allowedNamespaces");
    if (c->require.count > 0 && !no_require)
        rc = cli_write_requires(&w, "requires", &c->require, e);
    if (c->namespaces.count > 0 && !no_namespaces) {
        jw_array(&w, "allowedNamespaces");
        for (size_t i = 0; i < c->namespaces.count; i++)
            jw_str(&w, NULL, c->namespaces.items[i]);
        jw_end(&w);
    }
    if (no_tags) jw_null(&w, "tags");
    if (c->tags.count > 0 && !no_tags) {
        jw_array(&w, "tags");
        for (size_t i = 0; i < c->tags.count; i++)
            jw_str(&w, NULL, c->tags.items[i]);
        jw_end(&w);
    }
    if (c->max_queued) jw_raw(&w, "maxQueued", *c->max_queued ? c->max_queued : "null");
    jw_end(&w);
    return rc != 0 ? rc : jw_finish(&w);
}

static int run_create(struct cli *cli, void *config, const struct opt_args *args)
{
    struct err e = {0};
    struct buf body;
    const char *key = resource_name(cli, args);
    if (!key) return EXIT_USAGE;
    buf_init(&body, 65536);
    int code;
    if (make_body(config, key, &body, &e) != 0) {
        code = cli_fail_usage(cli, EXIT_USAGE, &e);
    } else {
        const struct request request = {"POST", "/api/v1/groups", .body = body.data};
        code = resource_send(cli, &request, key, print_created);
    }
    buf_fini(&body);
    return code;
}

const struct command cmd_group_create = {
    .name = "group create",
    .arguments = "KEY",
    .summary = "create a worker group",
    .example = "cadre group create windows --require os=windows",
    .options = group_options,
    .option_count = sizeof group_options / sizeof *group_options,
    .config_size = sizeof(struct group_config),
    .resource = &resource_group,
    .run = run_create,
};

static int run_update(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct group_config *c = config;
    struct err e = {0};
    struct buf body;
    if (!c->description && !c->max_queued && !c->require.count && !c->namespaces.count &&
        !c->tags.count)
        return cli_usage(cli, "nothing is to be changed: give --description, --require, "
                              "--allow-namespace, --tag or --max-queued");
    char *path = resource_path(cli, args, NULL);
    if (!path) return EXIT_USAGE;
    buf_init(&body, 65536);
    int code;
    if (make_body(config, NULL, &body, &e) != 0) {
        code = cli_fail_usage(cli, EXIT_USAGE, &e);
    } else {
        const struct request request = {"PATCH", path, .body = body.data};
        code = resource_send(cli, &request, args->argv[0], print_state);
    }
    buf_fini(&body);
    mem_free(path);
    return code;
}

const struct command cmd_group_update = {
    .name = "group update",
    .arguments = "KEY",
    .summary = "change a worker group; settings that are not named stay",
    .example = "cadre group update windows --max-queued 1000",
    .details = "An empty value clears a setting: cadre group update gpu --require ''",
    .options = group_options,
    .option_count = sizeof group_options / sizeof *group_options,
    .config_size = sizeof(struct group_config),
    .resource = &resource_group,
    .run = run_update,
};

static int run_delete(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct group_config *c = config;
    return resource_run_with(cli, args, "force", c->force ? "true" : NULL);
}

const struct command cmd_group_delete = {
    .name = "group delete",
    .arguments = "KEY",
    .summary = "delete a worker group",
    .example = "cadre group delete windows",
    .options = delete_options,
    .option_count = 1,
    .config_size = sizeof(struct group_config),
    .resource = &resource_group,
    .method = "DELETE",
    .print = print_deleted,
    .run = run_delete,
};

const struct command cmd_group_pause = {
    .name = "group pause",
    .arguments = "KEY",
    .summary = "stop handing out jobs of a group; the jobs wait",
    .example = "cadre group pause windows",
    .resource = &resource_group,
    .method = "POST",
    .rest = "pause",
    .print = print_state,
    .run = resource_run,
};

const struct command cmd_group_resume = {
    .name = "group resume",
    .arguments = "KEY",
    .summary = "hand out a paused group's jobs again",
    .example = "cadre group resume windows",
    .resource = &resource_group,
    .method = "POST",
    .rest = "resume",
    .print = print_state,
    .run = resource_run,
};
