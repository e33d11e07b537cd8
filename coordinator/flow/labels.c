#include "coordinator/flow/labels.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/read.h"
#include "coordinator/flow/step.h"

#include <string.h>

/* ---- as they are written --------------------------------------------------------------------- */

struct label_list {
    struct flow_env *items;
    size_t count;
};

static void add_label(const struct node *n, const char *key, const struct json *value,
                      struct label_list *l, const struct expr_scope *scope)
{
    char name[STEP_LABEL_MAX + 16];
    struct err why;
    if (!*key || strlen(key) > STEP_LABEL_MAX) {
        node_fail(n, "labels", "a key has 1 to %d bytes", STEP_LABEL_MAX);
        return;
    }
    (void)str_format(name, sizeof name, "labels.%s", key);
    read_plain(n, value, name, key);
    if (escape_check(key, &why)) node_say(n, value, "labels: '%s' %s", key, err_text(&why));
    if (str_starts(key, "system."))
        node_say(n, value, "labels: '%s': labels that begin with system. are orders to Kestra",
                 key);
    for (size_t i = 0; i < l->count; i++)
        if (str_eq(l->items[i].name, key)) node_say(n, value, "labels: '%s' is there twice", key);
    char *text = item_text(n, value, name, FLOW_FILE_MAX);
    if (!text) return;
    read_no_statements(n, value, name, text);
    read_template(n, value, name, text, scope);
    l->items[l->count++] = (struct flow_env){mem_strdup(key), text};
}

void read_label_templates(const struct node *n, const struct expr_scope *scope,
                          struct flow_env **labels, size_t *count)
{
    static const char *const names[] = {"key", "value"};
    const struct json *j = json_get(n->j, "labels");
    bool list = json_type(j) == JSON_ARRAY, shown = false;
    if (!list) j = node_get(n, "labels", JSON_OBJECT, "a mapping");
    if (json_count(j) > FLOW_LABELS_MAX) {
        node_fail(n, "labels", "there are %zu, at most %d are allowed", json_count(j),
                  FLOW_LABELS_MAX);
        return;
    }
    struct label_list l = {.items = mem_array(json_count(j) + 1, sizeof *l.items)};
    for (const struct json *c = json_first(j); c; c = json_next(c)) {
        struct node item = {.r = n->r, .j = c};
        (void)str_format(item.at, sizeof item.at, "%slabels.", n->at);
        if (!list) {
            add_label(n, json_key(c), c, &l, scope);
        } else if (json_type(c) != JSON_OBJECT || !json_get_str(c, "key", NULL) ||
                   !json_get(c, "value")) {
            if (!shown) node_say(n, c, "labels: each must be like {key: team, value: web}");
            shown = true;
        } else {
            node_known(&item, (struct key_list){names, 2}, NULL);
            add_label(n, json_get_str(c, "key", ""), json_get(c, "value"), &l, scope);
        }
    }
    *labels = l.items;
    *count = l.count;
}

void read_trigger_labels(const struct node *n, const struct expr_scope *scope,
                         struct flow_trigger *t)
{
    const struct json *flow = n->r->flow->labels;
    read_label_templates(n, scope, &t->labels, &t->label_count);
    size_t all = json_count(flow);
    for (size_t i = 0; i < t->label_count; i++)
        all += json_get(flow, t->labels[i].name) == NULL;
    if (all > FLOW_LABELS_MAX)
        node_fail(n, "labels", "with those of the flow there are %zu, at most %d are allowed", all,
                  FLOW_LABELS_MAX);
}

/* ---- with their values ----------------------------------------------------------------------- */

static int render_label(const struct flow_env *l, const struct expr_values *v, struct json *all,
                        struct err *e)
{
    struct buf text;
    struct err why = {0};
    buf_init(&text, FLOW_FILE_MAX);
    int rc = expr_render(l->value, v, &text, e);
    if (rc)
        (void)err_wrap(e, "labels");
    else if (text.len > STEP_LABEL_MAX)
        rc = err_set(e, ERR_INVALID, "labels: %s has %zu bytes, at most %d are allowed", l->name,
                     text.len, STEP_LABEL_MAX);
    else if (text.len > 0 && escape_check(text.data, &why))
        rc = err_set(e, ERR_INVALID, "labels: the value of %s %s", l->name, err_text(&why));
    if (rc == 0) {
        json_remove(all, l->name);
        json_put(all, l->name, json_new_str(text.len ? text.data : ""));
    }
    buf_fini(&text);
    return rc;
}

int labels_render(const struct flow_env *labels, size_t count, const struct expr_values *v,
                  struct json *all, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = render_label(&labels[i], v, all, e);
    return rc;
}

int flow_trigger_labels(const struct flow *f, const struct flow_trigger *t,
                        const struct expr_values *v, struct json **out, struct err *e)
{
    struct json *all = json_copy(f->labels);
    struct err unread;
    int rc = labels_render(t->labels, t->label_count, v, all, e ? e : &unread);
    if (rc == 0)
        *out = all;
    else
        json_free(all);
    return rc;
}
