/* The common code of the commands about a resource: see resource.h. */
#include "cli/resource.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/streams.h"

#include <string.h>

#define PAGE 500 /* items of a list asked for at once */

/* ---- list ---- */

static size_t columns_of(const struct resource *r)
{
    size_t n = 0;
    while (r->columns[n].head)
        n++;
    return n;
}

static char *cell(const struct column *c, const struct json *item)
{
    char scratch[DURATION_TEXT_SIZE + 64];
    if (c->make) return c->make(item);
    if (c->age) {
        text_age(json_get_str(item, c->member, NULL), scratch);
        return mem_strdup(scratch);
    }
    const char *text = text_of(json_get(item, c->member), scratch, sizeof scratch);
    if (!text && c->other) text = text_of(json_get(item, c->other), scratch, sizeof scratch);
    return mem_strdup(text ? text : c->absent);
}

static void add_row(struct table *t, const struct resource *r, const struct json *item)
{
    char *cells[TABLE_COLUMNS];
    for (size_t i = 0; i < t->columns; i++)
        cells[i] = cell(&r->columns[i], item);
    table_add(t, (const char *const *)cells);
    for (size_t i = 0; i < t->columns; i++)
        mem_free(cells[i]);
}

/* A list that is being fetched. */
struct listing {
    const struct resource *r;
    const struct list_config *c;
    struct table table;
    struct json *all; /* -o json; else NULL */
    int64_t left;
    char *cursor; /* where the next page begins; NULL: at the start, or there is no next page */
};

/* The filters but the labels: their names in the query and as options. */
#define CHOICES 18
struct choice {
    const char *key, *flag, *value;
};
static void choices_of(const struct list_config *c, struct choice out[CHOICES])
{
    const struct choice all[CHOICES] = {{"state", "state", c->state},
                                        {"group", "group", c->group},
                                        {"namespace", "namespace", c->ns},
                                        {"agent", "agent", c->agent},
                                        {"flow", "flow", c->flow},
                                        {"trigger", "trigger", c->trigger},
                                        {"kind", "kind", c->kind},
                                        {"name", "name", c->name},
                                        {"since", "since", c->since},
                                        {"until", "until", c->until},
                                        {"endedSince", "ended-since", c->ended_since},
                                        {"endedUntil", "ended-until", c->ended_until},
                                        {"id", "id", c->id},
                                        {"reason", "reason", c->reason},
                                        {"exitCode", "exit-code", c->exit_code},
                                        {"task", "task", c->task},
                                        {"order", "order", c->order},
                                        {"named", "unnamed", c->unnamed ? "false" : NULL}};
    memcpy(out, all, sizeof all);
}

int resource_check_exit_code(const char *value, struct err *e)
{
    int64_t n;
    if (str_int64(value, &n) == 0) return 0;
    return err_set(e, ERR_INVALID, "'%.40s' is not a whole number", value);
}

size_t resource_filter(const struct list_config *c, struct buf *target)
{
    struct choice all[CHOICES];
    size_t given = c->labels.count;
    choices_of(c, all);
    for (size_t i = 0; i < CHOICES; i++) {
        cli_query(target, all[i].key, all[i].value);
        given += all[i].value != NULL;
    }
    for (size_t i = 0; i < c->labels.count; i++) {
        char *label = str_dupf("%s=%s", c->labels.items[i].key, c->labels.items[i].value);
        cli_query(target, "label", label);
        mem_free(label);
    }
    return given;
}

static void list_target(const struct listing *l, struct buf *target)
{
    (void)buf_addf(target, "/api/v1/%s?limit=%lld", l->r->collection,
                   (long long)(l->left < PAGE ? l->left : PAGE));
    (void)resource_filter(l->c, target);
    cli_query(target, "cursor", l->cursor);
}

/* Of a list that has one page alone: what it leaves out. */
static void tell_cut(struct cli *cli, const struct listing *l, const struct json *body)
{
    if (!l->c->limit && !l->cursor && json_get_bool(body, "more", false))
        out_note(&cli->out, "there are more; without --order all are listed");
    if (!json_get_bool(body, "complete", true))
        out_note(&cli->out, "there are too many to look at each: others may belong here");
}

static int list_page(struct cli *cli, struct listing *l)
{
    struct response answer;
    struct buf target;
    buf_init(&target, 65536);
    list_target(l, &target);
    mem_free(l->cursor);
    l->cursor = NULL;
    const struct json *body = cli_call(cli, "GET", target.data, NULL, &answer);
    buf_fini(&target);
    if (!body) return EXIT_ERROR;
    const struct json *item = json_first(json_get(body, l->r->collection));
    for (; item && l->left > 0; item = json_next(item), l->left--) {
        if (l->all)
            json_push(l->all, json_copy(item));
        else
            add_row(&l->table, l->r, item);
    }
    l->cursor = mem_strdup(json_get_str(body, "nextCursor", NULL));
    tell_cut(cli, l, body);
    response_fini(&answer);
    return EXIT_OK;
}

const char *resource_empty_filter(const struct list_config *c)
{
    struct choice all[CHOICES];
    choices_of(c, all);
    for (size_t i = 0; i < CHOICES; i++)
        if (all[i].value && !*all[i].value) return all[i].flag;
    return NULL;
}

int resource_list(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct list_config *c = config;
    const char *name = cli->command->name;
    if (args->argc > 0)
        return cli_usage(cli, "%s takes no argument '%s'; see 'cadre %s --help'", name,
                         args->argv[0], name);
    const char *empty = resource_empty_filter(c);
    if (empty)
        return cli_usage(cli, "--%s is empty: leave it out to see all; see 'cadre %s --help'",
                         empty, name);
    const char *head[TABLE_COLUMNS];
    struct listing l = {.r = cli->command->resource,
                        .c = c,
                        .left = c->limit ? c->limit : INT64_MAX};
    size_t columns = columns_of(l.r);
    for (size_t i = 0; i < columns; i++)
        head[i] = l.r->columns[i].head;
    if (cli_json(cli)) l.all = json_new(JSON_ARRAY);
    table_init(&l.table, columns, head);
    int code;
    do {
        code = list_page(cli, &l);
    } while (code == EXIT_OK && l.cursor && l.left > 0);
    mem_free(l.cursor);
    if (code == EXIT_OK && l.all) out_json(&cli->out, l.all);
    if (code == EXIT_OK && !l.all)
        table_print(&l.table, &cli->out);
    else
        table_fini(&l.table);
    json_free(l.all);
    return code;
}

int resource_split_flow(const struct cli *cli, const struct list_config *c,
                        struct list_config *split, char **room)
{
    *split = *c;
    *room = NULL;
    if (str_empty(c->flow)) return EXIT_OK; /* an empty one is refused as an empty filter */
    if (c->ns) return cli_usage(cli, "--flow names the namespace already: leave --namespace out");
    *room = cli_slashed(cli, c->flow, "NAMESPACE/FLOW");
    char *slash = *room ? strchr(*room, '/') : NULL;
    if (!*room) return EXIT_USAGE;
    if (slash) {
        *slash = 0;
        split->ns = *room;
        split->flow = slash + 1;
    }
    return EXIT_OK;
}

int resource_list_of_flow(struct cli *cli, void *config, const struct opt_args *args)
{
    struct list_config split;
    char *room;
    int code = resource_split_flow(cli, config, &split, &room);
    if (code == EXIT_OK) code = resource_list(cli, &split, args);
    mem_free(room);
    return code;
}

/* ---- one resource ---- */

const char *resource_name(const struct cli *cli, const struct opt_args *args)
{
    const struct resource *r = cli->command->resource;
    if (args->argc != 1) {
        (void)cli_usage(cli, "%s takes one %s", cli->command->name, r->takes);
        return NULL;
    }
    return r->check && r->check(cli, args->argv[0]) != 0 ? NULL : args->argv[0];
}

char *resource_path(const struct cli *cli, const struct opt_args *args, const char *rest)
{
    const struct resource *r = cli->command->resource;
    const char *name = resource_name(cli, args);
    if (!name) return NULL;
    return r->place ? cli_place(cli, r->collection, name, rest, r->place)
                    : cli_path(r->collection, name, rest);
}

/* Prints all fields of the resource, as `show` does. */
static void show(struct out *out, const struct resource *r, const struct json *item)
{
    char scratch[4096];
    for (const struct field *f = r->fields; f->member; f++) {
        if (f->make) {
            char *made = f->make(item);
            show_line(out, f->member, made);
            mem_free(made);
            continue;
        }
        const struct json *v = json_get(item, f->member);
        bool null = json_type(v) == JSON_NULL;
        bool empty = json_type(v) == JSON_OBJECT && json_count(v) == 0;
        if ((null && f->when != FIELD_ALWAYS) || (empty && f->when == FIELD_FILLED)) continue;
        const char *text = text_of(v, scratch, sizeof scratch);
        show_line(out, f->member, text ? text : f->absent);
    }
    if (r->show_rest) r->show_rest(out, item);
}

int resource_send(struct cli *cli, const struct request *request, const char *name,
                  void (*print)(struct out *out, const char *name, const struct json *answer))
{
    struct response answer;
    const struct json *item =
        cli_call(cli, request->method, request->target, request->body, &answer);
    if (!item) return EXIT_ERROR;
    if (cli_json(cli))
        out_json(&cli->out, item);
    else if (print)
        print(&cli->out, name, item);
    else
        show(&cli->out, cli->command->resource, item);
    response_fini(&answer);
    return EXIT_OK;
}

/* The path of the command's request; *path: mem_free. Returns an exit code; failures are
 * printed. */
static int find_path(struct cli *cli, const struct opt_args *args, char **path)
{
    const struct resource *r = cli->command->resource;
    const char *rest = cli->command->rest;
    if (!r->resolve) {
        *path = resource_path(cli, args, rest);
        return *path ? EXIT_OK : EXIT_USAGE;
    }
    const char *name = resource_name(cli, args);
    if (!name) return EXIT_USAGE;
    char *id = r->resolve(cli, name);
    if (!id) return EXIT_ERROR;
    *path = cli_path(r->collection, id, rest);
    mem_free(id);
    return EXIT_OK;
}

static int run_one(struct cli *cli, const struct opt_args *args, const struct resource_query *query,
                   size_t count,
                   void (*print)(struct out *out, const char *name, const struct json *answer))
{
    char *path = NULL;
    int code = find_path(cli, args, &path);
    if (code != EXIT_OK) return code;
    struct buf target;
    buf_init(&target, 65536);
    (void)buf_adds(&target, path);
    mem_free(path);
    for (size_t i = 0; i < count; i++)
        cli_query(&target, query[i].key, query[i].value);
    const struct request request = {.method = cli->command->method, .target = target.data};
    const char *place = cli->command->resource->place;
    char *name = place ? cli_slashed(cli, args->argv[0], place) : mem_strdup(args->argv[0]);
    code = resource_send(cli, &request, name, print);
    mem_free(name);
    buf_fini(&target);
    return code;
}

int resource_run_with(struct cli *cli, const struct opt_args *args, const char *key,
                      const char *value)
{
    const struct resource_query query = {key, value};
    return run_one(cli, args, &query, 1, cli->command->print);
}

int resource_run_query(struct cli *cli, const struct opt_args *args,
                       const struct resource_query *query, size_t count)
{
    return run_one(cli, args, query, count, cli->command->print);
}

int resource_print(struct cli *cli, const struct opt_args *args,
                   void (*print)(struct out *out, const char *name, const struct json *answer))
{
    return run_one(cli, args, NULL, 0, print);
}

int resource_run(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    return run_one(cli, args, NULL, 0, cli->command->print);
}

void resource_print_state(struct out *out, const char *name, const struct json *answer)
{
    out_line(out, "%s %s", name, json_get_str(answer, "state", "?"));
}

static int to_stdout(const void *data, size_t len, void *user)
{
    struct out *out = user;
    out_bytes(out, data, len);
    return out_flush(out) == 0 ? 0 : 1;
}

int resource_download(struct cli *cli, const char *target)
{
    struct err e = {0};
    struct client *client = cli_client(cli);
    if (!client) return EXIT_ERROR;
    int rc = client_download(client, target, to_stdout, &cli->out, &e);
    return rc == 0 ? EXIT_OK : cli_fail(cli, EXIT_ERROR, &e);
}
