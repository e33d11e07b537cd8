/* Outputs of a flow: as they are written, and with their values. */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/read.h"

#include <string.h>

/* ---- as they are written --------------------------------------------------------------------- */

static int read_type(const struct node *n)
{
    char shown[STR_QUOTE_SIZE];
    char *type = node_text(n, "type", 1000);
    int found = type ? input_type_find(type) : -1;
    if (type && found < 0) {
        const char *why = input_type_refused(type);
        node_fail(n, "type", "%s %s", str_quote(shown, type),
                  why ? why : "is no type of an output");
    }
    mem_free(type);
    return found;
}

static void read_output(const struct node *holder, const struct json *j, struct flow_output *all,
                        size_t index, const struct expr_scope *scope)
{
    static const char *const names[] = {"id",       "type",        "value",
                                        "required", "description", "displayName"};
    struct node n = {.r = holder->r, .j = j};
    struct flow_output *o = &all[index];
    (void)str_format(n.at, sizeof n.at, "%soutputs[%zu].", holder->at, index);
    o->type = -1;
    if (json_type(j) != JSON_OBJECT) {
        node_say(&n, j,
                 "must be a mapping, such as {id: file, type: STRING, value: \"{{ "
                 "outputs.export.file }}\"}");
        return;
    }
    o->id = node_id(&n, true);
    if (o->id) (void)str_format(n.at, sizeof n.at, "%soutput %s: ", holder->at, o->id);
    node_known(&n, (struct key_list){names, sizeof names / sizeof *names}, NULL);
    o->description = node_text(&n, "description", FLOW_TEXT_MAX);
    mem_free(node_text(&n, "displayName", FLOW_TEXT_MAX));
    o->optional = !node_bool(&n, "required", true);
    o->type = read_type(&n);
    const struct json *value = json_get(j, "value");
    if (!node_has(&n, "value")) {
        node_fail(&n, "value", "is missing");
        return;
    }
    const char *text = yaml_text(&n.r->doc, value);
    o->value = text && o->type == INPUT_STRING ? json_new_str(text) : json_copy(value);
    read_template_tree(&n, value, "value", scope);
    for (size_t i = 0; o->id && i < index; i++)
        if (str_eq(all[i].id, o->id)) node_say(&n, j, "the id is used twice");
}

size_t read_outputs(const struct node *n, struct flow_output **out, const struct expr_scope *scope)
{
    const struct json *list = node_list(n, "outputs", FLOW_OUTPUTS_MAX);
    size_t count = 0;
    if (!list) return 0;
    *out = mem_array(json_count(list) + 1, sizeof **out);
    for (const struct json *j = json_first(list); j; j = json_next(j), count++)
        read_output(n, j, *out, count, scope);
    return count;
}

/* ---- with their values ----------------------------------------------------------------------- */

int flow_render_tree(const struct json *j, const struct expr_values *v, struct json **out,
                     struct err *e)
{
    struct buf text;
    int rc = 0;
    switch (json_type(j)) {
    case JSON_STRING:
        buf_init(&text, FLOW_VALUES_MAX);
        rc = expr_render(json_str(j, ""), v, &text, e);
        *out = json_new_str(rc == 0 && text.len ? text.data : "");
        buf_fini(&text);
        return rc;
    case JSON_ARRAY:
    case JSON_OBJECT:
        *out = json_new(json_type(j));
        for (const struct json *c = json_first(j); c && rc == 0; c = json_next(c)) {
            struct json *value;
            rc = flow_render_tree(c, v, &value, e);
            if (json_type(j) == JSON_ARRAY)
                json_push(*out, value);
            else
                json_put(*out, json_key(c), value);
        }
        return rc;
    default:
        *out = json_copy(j);
        return 0;
    }
}

static int render_output(const struct flow_output *o, const struct expr_values *v,
                         struct json **out, struct err *e)
{
    struct json *tree = NULL, *value = NULL;
    struct err why = {0};
    int rc = flow_render_tree(o->value, v, &tree, &why);
    if (rc == 0 && o->type >= 0) {
        const struct flow_input as = {.type = (enum flow_input_type)o->type,
                                      .item = INPUT_JSON,
                                      .custom = true};
        rc = input_value(&as, tree, &value, &why);
        json_free(tree);
        tree = value;
    }
    if (rc) {
        json_free(tree);
        return err_set(e, rc, "outputs.%s: %s", o->id, err_text(&why));
    }
    *out = tree;
    return 0;
}

static int render_all(const struct flow_output *outputs, size_t count, const struct expr_values *v,
                      struct json **out, struct err *e)
{
    struct json *all = json_new(JSON_OBJECT);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct json *value = NULL;
        rc = render_output(&outputs[i], v, &value, e);
        if (rc == ERR_NOT_FOUND && outputs[i].optional)
            rc = 0;
        else if (rc == 0)
            json_put(all, outputs[i].id, value);
    }
    return values_done(rc, "outputs", all, out, e);
}

int flow_render_outputs(const struct flow *f, const struct expr_values *v, struct json **out,
                        struct err *e)
{
    return render_all(f->outputs, f->output_count, v, out, e);
}

int flow_loop_outputs(const struct flow_task *t, const struct expr_values *v, struct json **out,
                      struct err *e)
{
    return render_all(t->control->outputs, t->control->output_count, v, out, e);
}
