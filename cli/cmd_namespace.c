/* cadre namespace list | show | set | unset */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/resource.h"

#include <string.h>

const struct command cmd_namespace_list = {
    .name = "namespace list",
    .arguments = "",
    .summary = "list namespaces with a default group or channels",
    .example = "cadre namespace list",
    .config_size = sizeof(struct list_config),
    .resource = &resource_namespace,
    .run = resource_list,
};

const struct command cmd_namespace_show = {
    .name = "namespace show",
    .arguments = "NS",
    .summary = "show which group a namespace's jobs go to, whom it tells, and who says so",
    .example = "cadre namespace show company.team",
    .resource = &resource_namespace,
    .method = "GET",
    .run = resource_run,
};

struct set_config {
    char *group, *fallback;
    bool default_group, notify_nobody;
    struct opt_list notify;
};

static int check_notify(const char *value, struct err *e)
{
    const char *colon = strchr(value, ':');
    if (*value != ':' && !(colon && !colon[1])) return 0;
    return err_set(e, ERR_INVALID, "is CHANNEL, or CHANNEL:EVENT,EVENT");
}

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
    {.flag = "notify",
     .type = OPT_LIST,
     .offset = offsetof(struct set_config, notify),
     .may_clear = true,
     .value_name = "C[:E,E]",
     .check = check_notify,
     .help = "tell this channel of these events, without events of all: execution-failed, "
             "schedule-missed; may be repeated; '': let the parents say it"},
    {.flag = "notify-nobody",
     .type = OPT_BOOL,
     .offset = offsetof(struct set_config, notify_nobody),
     .help = "tell no channel of the namespace, whatever channels its parents name"},
};

static void print_set(struct out *out, const char *ns, const struct json *n)
{
    char *told = resource_notify_text(n);
    out_line(out, "%s: group %s%s%s", ns, json_get_str(n, "group", STR_DEFAULT_GROUP),
             told ? ", tells " : "", told ? told : "");
    mem_free(told);
}

/* "ops:a,b" */
static void write_channel(struct jw *w, const char *text)
{
    const char *colon = strchr(text, ':');
    jw_object(w, NULL);
    jw_strn(w, "channel", text, colon ? (size_t)(colon - text) : strlen(text));
    if (colon) jw_array(w, "events");
    while (colon) {
        const char *event = colon + 1, *comma = strchr(event, ',');
        jw_strn(w, NULL, event, comma ? (size_t)(comma - event) : strlen(event));
        colon = comma;
        if (!comma) jw_end(w);
    }
    jw_end(w);
}

static void write_notify(struct jw *w, const struct opt_list *list)
{
    if (list->count == 1 && !list->items[0][0]) {
        jw_null(w, "notify");
        return;
    }
    jw_array(w, "notify");
    for (size_t i = 0; i < list->count; i++)
        write_channel(w, list->items[i]);
    jw_end(w);
}

/* NULL: it goes. */
static const char *wrong_with(const struct set_config *c)
{
    bool group = c->group || c->default_group, notify = c->notify.count > 0 || c->notify_nobody;
    if ((c->group && c->default_group) || (c->group && !*c->group) || (!group && !notify))
        return "give either --group K or --default-group, or --notify C; 'cadre namespace unset' "
               "takes the namespace's own settings away";
    if (!group && c->fallback) return "--fallback goes with --group K or --default-group";
    if (c->notify.count > 0 && c->notify_nobody)
        return "--notify and --notify-nobody exclude each other";
    for (size_t i = 0; i < c->notify.count && c->notify.count > 1; i++)
        if (!c->notify.items[i][0]) return "--notify '' clears the setting: give it alone";
    return NULL;
}

static int run_set(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct set_config *c = config;
    struct buf body;
    struct jw w;
    char *path = resource_path(cli, args, NULL);
    if (!path) return EXIT_USAGE;
    const char *wrong = wrong_with(c);
    if (wrong) {
        mem_free(path);
        return cli_usage(cli, "%s", wrong);
    }
    buf_init(&body, 65536);
    jw_init_strict(&w, &body);
    jw_object(&w, NULL);
    if (c->group || c->default_group) jw_str(&w, "group", c->group);
    if (c->fallback && *c->fallback) jw_str(&w, "fallback", c->fallback);
    if (c->notify.count > 0 || c->notify_nobody) write_notify(&w, &c->notify);
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
    .summary = "give a namespace and its children a default group or channels",
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
    out_line(out, "namespace %s has no settings of its own any more", ns);
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
