/* cadre flow validate | diff | export: the texts of flows, without changing any. */
#include "cli/commands.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "cli/diff.h"
#include "cli/flow_paths.h"
#include "coordinator/flow/flow.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/text_file.h"

#include <string.h>

#define EXIT_TROUBLE 2 /* of diff, as of diff(1) */
#define LIST_TARGET "/api/v1/flows?limit=500"
#define DIFF_MAX (4u * 1024 * 1024)

/* As it stands in messages; mem_free. */
static char *shown_name(const char *path)
{
    struct buf name;
    if (str_eq(path, "-")) return mem_strdup("stdin");
    buf_init(&name, FLOW_FILE_MAX);
    escape_text(&name, path, strlen(path));
    char *text = name.len ? buf_detach(&name) : mem_strdup("");
    buf_fini(&name);
    return text;
}

/* ---- validate ---- */

struct validation {
    struct flow_problems problems;
    struct json *flows;     /* [{file, namespace, id}] */
    struct json *groups;    /* names */
    struct json *selectors; /* "any:gpu,linux" */
    struct json *zones;     /* names */
    struct json *channels;  /* names */
    bool requires;
};

static void add_once(struct json *list, const char *text)
{
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (str_eq(json_str(j, ""), text)) return;
    json_push(list, json_new_str(text));
}

static void note_group(const struct flow_group_ref *ref, const char *place, void *user)
{
    struct validation *v = user;
    (void)place;
    add_once(ref->selector ? v->selectors : v->groups, ref->key);
}

static void note_flow(struct validation *v, const char *file, const struct flow *f)
{
    for (const struct json *j = json_first(v->flows); j; j = json_next(j))
        if (str_eq(json_get_str(j, "namespace", ""), f->ns) &&
            str_eq(json_get_str(j, "id", ""), f->id))
            flow_problems_add(&v->problems, file, f->line, "the flow %s/%s is in %s, too", f->ns,
                              f->id, json_get_str(j, "file", "another file"));
    struct json *o = json_new(JSON_OBJECT);
    json_put(o, "file", json_new_str(file));
    json_put(o, "namespace", json_new_str(f->ns));
    json_put(o, "id", json_new_str(f->id));
    json_push(v->flows, o);
    flow_each_group(f, note_group, v);
    for (size_t i = 0; i < f->task_count; i++)
        v->requires = v->requires || f->tasks[i].work.require;
    for (size_t i = 0; i < f->trigger_count; i++) {
        const char *zone = flow_trigger_zone(&f->triggers[i]);
        v->requires = v->requires || f->triggers[i].work.require;
        if (zone && !flow_zone_is_fixed(zone)) add_once(v->zones, zone);
    }
    for (size_t i = 0; i < f->notify_count; i++)
        add_once(v->channels, f->notify[i].channel);
}

static int validate_file(struct validation *v, const char *path, struct err *e)
{
    struct buf text;
    buf_init(&text, FLOW_FILE_MAX);
    int rc = text_input_read(path, FLOW_FILE_MAX, &text, e);
    if (rc == 0) {
        struct flow *f = NULL;
        char *name = shown_name(path);
        if (flow_parse(name, text.len ? text.data : "", text.len, NULL, &v->problems, &f) == 0)
            note_flow(v, name, f);
        flow_free(f);
        mem_free(name);
    }
    buf_fini(&text);
    return rc;
}

/* The lines of the problems, as `flow apply` prints them. */
static int print_problems(struct cli *cli, const struct flow_problems *p)
{
    struct json *error = json_new(JSON_OBJECT), *list = json_new(JSON_ARRAY);
    struct response r = {.body = json_new(JSON_OBJECT)};
    struct err e = {0};
    for (size_t i = 0; i < p->count; i++) {
        struct json *o = json_new(JSON_OBJECT);
        json_put(o, "file", json_new_str(p->items[i].file));
        json_put(o, "line", json_new_num(p->items[i].line));
        json_put(o, "message", json_new_str(p->items[i].sentence));
        json_push(list, o);
    }
    json_put(error, "code", json_new_str("invalid-flow"));
    json_put(error, "problems", list);
    json_put(r.body, "error", error);
    err_set(&e, ERR_INVALID, "%s: %s", p->items[0].file, p->items[0].sentence);
    int code = cli_fail_problems(cli, EXIT_ERROR, &r, &e);
    json_free(r.body);
    return code;
}

static void print_names(struct cli *cli, const char *what, const struct json *list)
{
    struct buf names;
    buf_init(&names, 4096);
    for (const struct json *j = json_first(list); j; j = json_next(j))
        (void)buf_addf(&names, "%s%s", names.len ? ", " : "", json_str(j, ""));
    if (names.len) cli_note(cli, "not checked: whether there are these %s: %s", what, names.data);
    buf_fini(&names);
}

static void print_unchecked(struct cli *cli, const struct validation *v)
{
    print_names(cli, "worker groups, and whether the namespace may use them", v->groups);
    for (const struct json *j = json_first(v->selectors); j; j = json_next(j)) {
        const char *s = json_str(j, "");
        cli_note(cli, "not checked: whether there is a worker group with %s of the tags %s",
                 str_starts(s, "any:") ? "one" : "all", s + strlen("any:"));
    }
    print_names(cli, "time zones", v->zones);
    print_names(cli, "channels", v->channels);
    if (v->requires) cli_note(cli, "not checked: the capabilities that 'requires' names");
}

static void validation_fini(struct validation *v)
{
    flow_problems_fini(&v->problems);
    json_free(v->flows);
    json_free(v->groups);
    json_free(v->selectors);
    json_free(v->zones);
    json_free(v->channels);
}

static int run_validate(struct cli *cli, void *config, const struct opt_args *args)
{
    struct validation v = {.flows = json_new(JSON_ARRAY),
                           .groups = json_new(JSON_ARRAY),
                           .selectors = json_new(JSON_ARRAY),
                           .zones = json_new(JSON_ARRAY),
                           .channels = json_new(JSON_ARRAY)};
    struct flow_paths paths = {0};
    struct err e = {0};
    (void)config;
    if (args->argc == 0) {
        validation_fini(&v);
        return cli_usage(cli, "flow validate takes files or folders, or - for one file on stdin");
    }
    int rc = flow_paths_collect(args, &paths, &e), code = EXIT_OK;
    for (size_t i = 0; i < paths.count && rc == 0; i++)
        rc = validate_file(&v, paths.items[i], &e);
    flow_problems_sort(&v.problems);
    if (rc) {
        code = cli_fail(cli, EXIT_ERROR, &e);
    } else if (v.problems.count > 0) {
        code = print_problems(cli, &v.problems);
    } else if (cli_json(cli)) {
        struct json *answer = json_new(JSON_OBJECT);
        json_put(answer, "flows", json_copy(v.flows));
        json_put(answer, "uncheckedGroups", json_copy(v.groups));
        json_put(answer, "uncheckedSelectors", json_copy(v.selectors));
        json_put(answer, "uncheckedTimezones", json_copy(v.zones));
        json_put(answer, "uncheckedChannels", json_copy(v.channels));
        json_put(answer, "uncheckedRequires", json_new_bool(v.requires));
        out_json(&cli->out, answer);
        json_free(answer);
    } else {
        for (const struct json *j = json_first(v.flows); j; j = json_next(j))
            out_line(&cli->out, "%s/%s valid", json_get_str(j, "namespace", "?"),
                     json_get_str(j, "id", "?"));
        print_unchecked(cli, &v);
    }
    flow_paths_fini(&paths);
    validation_fini(&v);
    return code;
}

const struct command cmd_flow_validate = {
    .name = "flow validate",
    .takes_paths = true,
    .arguments = "FILE|FOLDER|-...",
    .summary = "check the files of flows without a coordinator",
    .details =
        "Every error is reported with file and line, and the exit code is 1, as of 'flow apply'. "
        "What only the coordinator knows is not checked, and named: worker groups, "
        "time zones, channels and capabilities. 'flow apply --check' checks all.",
    .example = "cadre flow validate flows/",
    .run = run_validate,
};

/* ---- diff ---- */

/* The flow's place from its text: "NS/ID"; mem_free. NULL: e says why. */
static char *place_of(const char *name, const struct buf *text, struct err *e)
{
    struct yaml_doc doc;
    char *place = NULL;
    if (yaml_parse(name, text->len ? text->data : "", text->len, &doc, e)) return NULL;
    const char *ns = json_get_str(doc.root, "namespace", NULL);
    const char *id = json_get_str(doc.root, "id", NULL);
    if (ns && id)
        place = str_dupf("%s/%s", ns, id);
    else
        err_set(e, ERR_INVALID, "%s: a flow has an id and a namespace", name);
    yaml_doc_fini(&doc);
    return place;
}

struct comparison {
    struct json *list; /* with -o json */
    bool differs;
};

static void tell_diff(struct cli *cli, struct comparison *c, const char *place, const char *change,
                      const struct buf *diff)
{
    c->differs = c->differs || !str_eq(change, "unchanged");
    if (cli_json(cli)) {
        struct json *o = json_new(JSON_OBJECT);
        json_put(o, "flow", json_new_str(place));
        json_put(o, "change", json_new_str(change));
        json_put(o, "diff", diff->len ? json_new_str(diff->data) : json_new(JSON_NULL));
        json_push(c->list, o);
    } else if (diff->len) {
        out_text(&cli->out, diff->data);
    } else {
        out_line(&cli->out, "%s %s", place, change);
    }
}

/* false: something was printed that is wrong. */
static bool diff_file(struct cli *cli, struct comparison *c, const char *path)
{
    struct buf text, diff;
    struct err e = {0};
    struct response r = {0};
    bool good = false;
    char *name = shown_name(path), *place = NULL, *target = NULL;
    buf_init(&text, FLOW_FILE_MAX);
    buf_init(&diff, DIFF_MAX);
    struct client *client = cli_client(cli);
    if (client && text_input_read(path, FLOW_FILE_MAX, &text, &e) == 0)
        place = place_of(name, &text, &e);
    if (place) target = cli_place(cli, "flows", place, NULL, "NAMESPACE/FLOW");
    if (target) {
        const struct request request = {.method = "GET", .target = target};
        int rc = client_call(client, &request, &r, &e);
        const char *source = json_get_str(r.body, "source", NULL);
        good = rc == 0 || r.status == 404;
        if (r.status == 404) {
            tell_diff(cli, c, place, "new", &diff);
        } else if (rc == 0 && source) {
            const struct diff_text from = {place, source}, to = {name, text.len ? text.data : ""};
            (void)diff_unified(&from, &to, &diff);
            tell_diff(cli, c, place, diff.len ? "changed" : "unchanged", &diff);
        }
    }
    if (!good && e.code) cli_fail(cli, EXIT_TROUBLE, &e);
    response_fini(&r);
    mem_free(target);
    mem_free(place);
    mem_free(name);
    buf_fini(&diff);
    buf_fini(&text);
    return good;
}

static int run_diff(struct cli *cli, void *config, const struct opt_args *args)
{
    struct flow_paths paths = {0};
    struct err e = {0};
    struct comparison c = {.list = json_new(JSON_ARRAY)};
    bool good = true;
    (void)config;
    if (args->argc == 0) {
        json_free(c.list);
        return cli_usage(cli, "flow diff takes files or folders, or - for one file on stdin");
    }
    if (flow_paths_collect(args, &paths, &e)) {
        good = false;
        cli_fail(cli, EXIT_TROUBLE, &e);
    }
    for (size_t i = 0; i < paths.count && good; i++)
        good = diff_file(cli, &c, paths.items[i]);
    if (good && cli_json(cli)) out_json(&cli->out, c.list);
    flow_paths_fini(&paths);
    json_free(c.list);
    return !good ? EXIT_TROUBLE : c.differs ? 1 : EXIT_OK;
}

const struct command cmd_flow_diff = {
    .name = "flow diff",
    .takes_paths = true,
    .arguments = "FILE|FOLDER|-...",
    .summary = "compare files of flows with what the coordinator has",
    .details = "Prints what differs as diff -u does, '-' for the coordinator's text and '+' for "
               "the file's; or 'new', or 'unchanged'. Exit code 0: all are unchanged; 1: something "
               "differs; 2: it could not be compared.",
    .example = "cadre flow diff flows/",
    .lost_code = EXIT_TROUBLE,
    .run = run_diff,
};

/* ---- export ---- */

struct export_config {
    char *dir;
};
static const struct opt export_options[] = {
    {.flag = "dir",
     .type = OPT_STRING,
     .is_path = true,
     .offset = offsetof(struct export_config, dir),
     .value_name = "FOLDER",
     .help = "write a file NAMESPACE/FLOW.yaml for each flow below this folder"},
};

static bool is_file_name(const char *s)
{
    return *s && *s != '.' && !strpbrk(s, "/\\:");
}

static int write_flow(struct cli *cli, const char *dir, const struct json *f)
{
    const char *ns = json_get_str(f, "namespace", ""), *id = json_get_str(f, "id", "");
    const char *source = json_get_str(f, "source", "");
    struct err e = {0};
    if (!dir) {
        out_text(&cli->out, source);
        return EXIT_OK;
    }
    if (!is_file_name(ns) || !is_file_name(id)) {
        err_set(&e, ERR_INVALID, "the flow %s/%s has no name that a file may have", ns, id);
        return cli_fail(cli, EXIT_ERROR, &e);
    }
    char *folder = paths_join(dir, ns), *file = str_dupf("%s.yaml", id);
    char *path = paths_join(folder, file);
    int rc = dir_make(dir, FILE_PUBLIC, &e);
    if (rc == 0) rc = dir_make(folder, FILE_PUBLIC, &e);
    if (rc == 0) rc = file_write_atomic(path, source, strlen(source), FILE_PUBLIC, &e);
    if (rc == 0 && !cli_json(cli)) out_line(&cli->out, "%s", path);
    mem_free(folder);
    mem_free(file);
    mem_free(path);
    return rc ? cli_fail(cli, EXIT_ERROR, &e) : EXIT_OK;
}

/* "NS/ID" of all flows of the namespace; NULL: printed already. json_free */
static struct json *list_places(struct cli *cli, const char *ns)
{
    struct json *all = json_new(JSON_ARRAY);
    char *cursor = NULL;
    do {
        struct buf target;
        struct response r;
        buf_init(&target, 65536);
        (void)buf_adds(&target, LIST_TARGET);
        cli_query(&target, "namespace", ns);
        cli_query(&target, "cursor", cursor);
        const struct json *body = cli_call(cli, "GET", target.data, NULL, &r);
        buf_fini(&target);
        mem_free(cursor);
        cursor = NULL;
        if (!body) {
            json_free(all);
            return NULL;
        }
        for (const struct json *f = json_first(json_get(body, "flows")); f; f = json_next(f)) {
            char *place =
                str_dupf("%s/%s", json_get_str(f, "namespace", "?"), json_get_str(f, "id", "?"));
            json_push(all, json_new_str(place));
            mem_free(place);
        }
        cursor = mem_strdup(json_get_str(body, "nextCursor", NULL));
        response_fini(&r);
    } while (cursor);
    return all;
}

static int export_one(struct cli *cli, const char *dir, const char *place)
{
    struct response r;
    char *target = cli_place(cli, "flows", place, NULL, "NAMESPACE/FLOW");
    if (!target) return EXIT_USAGE;
    const struct json *f = cli_call(cli, "GET", target, NULL, &r);
    mem_free(target);
    if (!f) return EXIT_ERROR;
    int code = write_flow(cli, dir, f);
    response_fini(&r);
    return code;
}

/* Nothing of what was named is a failure; nothing of nothing is none. */
static int tell_none(struct cli *cli, const char *ns)
{
    struct err e = {0};
    if (!ns) {
        cli_note(cli, "there is no flow");
        return EXIT_OK;
    }
    err_set(&e, ERR_NOT_FOUND,
            "there is no flow in the namespace %.255s; a flow is named as NAMESPACE/FLOW", ns);
    return cli_fail(cli, EXIT_ERROR, &e);
}

static int run_export(struct cli *cli, void *config, const struct opt_args *args)
{
    const struct export_config *c = config;
    const char *what = args->argc > 0 ? args->argv[0] : NULL;
    if (args->argc > 1) return cli_usage(cli, "flow export takes one namespace or flow, or none");
    if (what && strchr(what, '/')) return export_one(cli, c->dir, what);
    struct json *places = list_places(cli, what);
    if (!places) return EXIT_ERROR;
    int code = EXIT_OK;
    if (!c->dir && json_count(places) > 1)
        code = cli_usage(cli, "there are %zu flows: name one, or a folder with --dir",
                         json_count(places));
    else if (json_count(places) == 0)
        code = tell_none(cli, what);
    for (const struct json *j = json_first(places); j && code == EXIT_OK; j = json_next(j))
        code = export_one(cli, c->dir, json_str(j, ""));
    if (code == EXIT_OK && c->dir && cli_json(cli)) out_json(&cli->out, places);
    json_free(places);
    return code;
}

const struct command cmd_flow_export = {
    .name = "flow export",
    .arguments = "[NAMESPACE[/FLOW]]",
    .summary = "print the files of flows as they were applied, or write them to a folder",
    .details = "A namespace stands for its flows and those of its children; nothing stands for "
               "all flows. Several flows need --dir; 'flow apply FOLDER' takes such a folder.",
    .example = "cadre flow export company.team/nightly\n"
               "cadre flow export --dir flows/",
    .options = export_options,
    .option_count = sizeof export_options / sizeof *export_options,
    .config_size = sizeof(struct export_config),
    .run = run_export,
};
