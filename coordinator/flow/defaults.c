/* pluginDefaults: values that every task or trigger of a type gets, as if they were written into
 * it. The tasks and triggers are put together anew before they are read, so that their values are
 * checked like all others; what came from a default keeps the default's line. */
#include "coordinator/flow/defaults.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/control.h"
#include "coordinator/flow/kestra_keys.h"
#include "coordinator/flow/kestra_names.h"

#include <string.h>

#define DEFAULTS_MAX 100
#define LAYERS_MAX (2 * DEFAULTS_MAX + 2)
#define MERGED_MAX (4u * 1024 * 1024) /* bytes of all tasks and triggers with their values */
#define NODE_BYTES 32                 /* what a node costs besides its texts, about */

struct preset {
    const char *type; /* beginning of a type */
    const struct json *values;
    bool forced;
};

/* Values of one place, the stronger ones later. */
struct layer {
    const struct json *j;
    /* The type of a task or trigger that a preset for several types meets: keys that the type does
     * not have, and others have, are left out. NULL: all count. */
    const char *type;
};
struct layers {
    struct layer items[LAYERS_MAX];
    size_t count;
    const struct control_list *inside; /* the keys that hold tasks, which get defaults; or NULL */
};

struct merge {
    struct reader *r;
    struct preset presets[DEFAULTS_MAX];
    size_t count;
    size_t bytes;
};

/* ---- what a list of defaults says ------------------------------------------------------------ */

static void read_preset(const struct node *list, const struct json *j, size_t index,
                        struct merge *m)
{
    static const char *const names[] = {"type", "values", "forced"};
    struct node n = {.r = list->r, .j = j}, values;
    struct preset p = {.type = NULL};
    (void)str_format(n.at, sizeof n.at, "%s%s[%zu].", list->at, json_key(list->j), index);
    if (json_type(j) != JSON_OBJECT) {
        node_say(
            &n, j,
            "must be a mapping, such as {type: io.kestra.plugin.scripts, values: {workerGroup: "
            "{key: linux}}}");
        return;
    }
    node_known(&n, (struct key_list){names, 3}, NULL);
    p.type = json_str(node_get(&n, "type", JSON_STRING, "a text"), NULL);
    if (!node_has(&n, "type") || (p.type && !*p.type))
        node_fail(&n, "type", "is missing: a task type, or the beginning of several");
    p.forced = node_bool(&n, "forced", false);
    if (!node_has(&n, "values")) node_fail(&n, "values", "is missing: what the tasks get");
    if (!node_object(&n, "values", &values)) return;
    static const char *const kept[] = {"id", "type"};
    for (size_t i = 0; i < 2; i++)
        if (node_has(&values, kept[i])) node_fail(&values, kept[i], "every task has its own");
    p.values = values.j;
    if (p.type && *p.type) m->presets[m->count++] = p;
}

static const char *key_of(const struct node *flow)
{
    static const char *const names[] = {"pluginDefaults", "taskDefaults"};
    bool said[2];
    for (size_t i = 0; i < 2; i++)
        said[i] = !key_says_nothing(names[i], json_get(flow->j, names[i]));
    bool old = said[1];
    if (old && said[0])
        node_fail(flow, "taskDefaults", "is the same as pluginDefaults: one of the two");
    return old ? "taskDefaults" : "pluginDefaults";
}

static void read_presets(const struct node *flow, const char *key, struct merge *m)
{
    const struct json *list = node_list(flow, key, DEFAULTS_MAX);
    struct node n = {.r = flow->r, .j = list};
    size_t index = 0;
    for (const struct json *j = json_first(list); j; j = json_next(j))
        read_preset(&n, j, index++, m);
}

/* ---- merging --------------------------------------------------------------------------------- */

static void add_layer(struct layers *l, const struct json *j, const char *type)
{
    if (json_type(j) != JSON_NULL && l->count < LAYERS_MAX)
        l->items[l->count++] = (struct layer){j, type};
}

static bool matches(const struct preset *p, const char *type)
{
    return str_starts(type, p->type) || str_starts(kestra_present_name(type), p->type) ||
           str_starts(type, kestra_present_name(p->type));
}

static void add_presets(const struct merge *m, struct layers *l, const char *type, bool forced)
{
    for (size_t i = m->count; i-- > 0;) {
        const struct preset *p = &m->presets[i];
        if (p->forced != forced || !matches(p, type)) continue;
        bool only = str_eq(kestra_present_name(p->type), kestra_present_name(type));
        add_layer(l, p->values, only ? NULL : type);
    }
}

static struct json *merged(struct merge *m, const struct layers *l);
static struct json *merged_items(struct merge *m, const struct json *list);
static struct json *copied(struct merge *m, const struct json *j);

/* A task or trigger with the presets for its type: of those that are not forced the first is the
 * strongest and weaker than the value, of those that are the first is the strongest of all. */
static struct json *merged_item(struct merge *m, const struct json *j)
{
    const char *type = json_get_str(j, "type", NULL);
    const struct control_type *control = type ? control_find(type) : NULL;
    struct layers l = {.count = 0, .inside = control ? control->lists : NULL};
    if (type) add_presets(m, &l, type, false);
    add_layer(&l, j, NULL);
    if (type) add_presets(m, &l, type, true);
    if (l.count == 0) l.items[l.count++] = (struct layer){j, NULL}; /* null */
    return merged(m, &l);
}

/* Where the layers of the last one's type begin: what lies below another type is covered. */
static size_t first_of_kind(const struct layers *l)
{
    size_t from = l->count - 1;
    enum json_type type = json_type(l->items[from].j);
    while (from > 0 && json_type(l->items[from - 1].j) == type)
        from--;
    return from;
}

static bool has_key(const struct layer *l, const char *key)
{
    return json_get(l->j, key) && !(l->type && kestra_key_is_foreign(l->type, key));
}

/* Lists of tasks, of which none is merged with another. */
static struct json *merged_cases(struct merge *m, const struct json *cases)
{
    struct json *out = json_new(JSON_OBJECT);
    yaml_same_place(&m->r->doc, out, cases);
    for (const struct json *j = json_first(cases); j && m->bytes <= MERGED_MAX; j = json_next(j)) {
        m->bytes += strlen(json_key(j));
        json_put(out, json_key(j), json_type(j) == JSON_ARRAY ? merged_items(m, j) : copied(m, j));
    }
    return out;
}

/* The value of a key of a task, of which `l` has the layers. */
static struct json *merged_member(struct merge *m, const struct control_list *inside,
                                  const char *key, const struct layers *l)
{
    const struct json *top = l->items[l->count - 1].j;
    while (inside && inside->key && !str_eq(inside->key, key))
        inside++;
    if (inside && inside->key && json_type(top) == JSON_ARRAY) return merged_items(m, top);
    if (inside && inside->key && json_type(top) == JSON_OBJECT) return merged_cases(m, top);
    return merged(m, l);
}

static void merge_objects(struct merge *m, const struct layers *l, size_t from, struct json *out)
{
    size_t keys = 0;
    for (size_t i = from; i < l->count; i++) {
        for (const struct json *j = json_first(l->items[i].j); j && m->bytes <= MERGED_MAX;
             j = json_next(j)) {
            const char *key = json_key(j);
            struct layers below = {.count = 0};
            if (json_get(out, key) || !has_key(&l->items[i], key)) continue;
            for (size_t n = i; n < l->count; n++)
                if (has_key(&l->items[n], key))
                    add_layer(&below, json_get(l->items[n].j, key), NULL);
            m->bytes += strlen(key) + keys++ / 16; /* what looking it up costs counts, too */
            if (below.count == 0) below.items[below.count++] = (struct layer){j, NULL}; /* null */
            json_put(out, key, merged_member(m, l->inside, key, &below));
        }
    }
}

/* What is looked at counts. False, too, when that was too much: the flow is refused then. */
static bool is_same(struct merge *m, const struct json *a, const struct json *b)
{
    m->bytes += 1 + json_count(a) / 8; /* its keys are looked up */
    if (m->bytes > MERGED_MAX) return false;
    if (json_type(a) != json_type(b) || json_count(a) != json_count(b)) return false;
    const struct json *x = json_first(a), *y = json_first(b);
    if (!x)
        return str_eq(json_str(a, ""), json_str(b, "")) && json_num(a, 0) == json_num(b, 0) &&
               json_bool(a, false) == json_bool(b, false);
    for (; x; x = json_next(x), y = json_next(y)) {
        const char *key = json_key(x);
        if (!is_same(m, x, key ? json_get(b, key) : y)) return false;
    }
    return true;
}

static bool holds(struct merge *m, const struct json *list, const struct json *value)
{
    for (const struct json *j = json_first(list); j && m->bytes <= MERGED_MAX; j = json_next(j))
        if (is_same(m, j, value)) return true;
    return false;
}

/* With the lines of the original. */
static struct json *copied(struct merge *m, const struct json *j)
{
    const struct layers l = {.items = {{j, NULL}}, .count = 1};
    return merged(m, &l);
}

static void merge_arrays(struct merge *m, const struct layers *l, size_t from, struct json *out)
{
    for (size_t i = from; i < l->count; i++) {
        struct json *added = json_new(JSON_ARRAY);
        for (const struct json *j = json_first(l->items[i].j); j && m->bytes <= MERGED_MAX;
             j = json_next(j)) {
            /* A flow that was applied when defaults reached into lists, such as the conditions of
             * a trigger, is read as it was then. */
            bool then = m->r->stored && json_get_str(j, "type", NULL);
            struct json *value = then ? merged_item(m, j) : copied(m, j);
            if (i > from && holds(m, out, value))
                json_free(value);
            else
                json_push(added, value);
        }
        while (json_first(added))
            json_push(out, json_detach(added, json_first(added)));
        json_free(added);
    }
}

/* At least one layer. */
static struct json *merged(struct merge *m, const struct layers *l)
{
    const struct json *top = l->items[l->count - 1].j;
    enum json_type type = json_type(top);
    bool full = m->bytes > MERGED_MAX;
    bool scalar = type != JSON_OBJECT && type != JSON_ARRAY;
    struct json *out = scalar ? json_copy(top) : json_new(type);
    yaml_same_place(&m->r->doc, out, top);
    m->bytes += NODE_BYTES + strlen(json_str(top, ""));
    if (type == JSON_OBJECT && !full) merge_objects(m, l, first_of_kind(l), out);
    if (type == JSON_ARRAY && !full) merge_arrays(m, l, first_of_kind(l), out);
    return out;
}

static struct json *merged_items(struct merge *m, const struct json *list)
{
    struct json *out = json_new(JSON_ARRAY);
    yaml_same_place(&m->r->doc, out, list);
    for (const struct json *j = json_first(list); j && m->bytes <= MERGED_MAX; j = json_next(j))
        json_push(out, merged_item(m, j));
    return out;
}

/* ---- the flow -------------------------------------------------------------------------------- */

static int last_line(const struct yaml_doc *d, const struct json *j)
{
    int last = yaml_line(d, j);
    for (const struct json *c = json_first(j); c; c = json_next(c)) {
        int line = last_line(d, c);
        if (line > last) last = line;
    }
    return last;
}

/* Problems in these lines are the default's, unless something else stands there, too. */
static void note_lines(const struct node *flow, const struct json *list)
{
    struct reader *r = flow->r;
    int first = yaml_line(&r->doc, list), last = last_line(&r->doc, list);
    for (const struct json *j = json_first(flow->j); j; j = json_next(j)) {
        int from = yaml_line(&r->doc, j);
        if (j != list && from <= last && last_line(&r->doc, j) >= first) return;
    }
    r->defaults_first = first;
    r->defaults_last = last;
}

static bool holds_items(const char *key)
{
    return str_eq(key, "tasks") || str_eq(key, "triggers") || str_eq(key, "errors") ||
           str_eq(key, "finally");
}

struct json *read_defaults(const struct node *flow)
{
    const char *key = key_of(flow);
    struct reader *r = flow->r;
    if (!node_has(flow, key)) return NULL;
    struct merge *m = mem_alloc(sizeof *m);
    m->r = r;
    read_presets(flow, key, m);
    struct json *out = NULL;
    if (m->count > 0) {
        note_lines(flow, json_get(flow->j, key));
        out = json_new(JSON_OBJECT);
        yaml_same_place(&r->doc, out, flow->j);
        for (const struct json *j = json_first(flow->j); j; j = json_next(j)) {
            bool typed = holds_items(json_key(j));
            json_put(out, json_key(j),
                     typed && json_type(j) == JSON_ARRAY ? merged_items(m, j) : copied(m, j));
        }
    }
    if (m->bytes > MERGED_MAX) {
        node_fail(flow, key, "with these values in all tasks the flow has more than %u bytes",
                  MERGED_MAX);
        json_free(out);
        out = NULL;
    }
    mem_free(m);
    return out;
}
