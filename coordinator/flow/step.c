/* Tasks that the coordinator does itself, as they are written and with their values. */
#include "coordinator/flow/step.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/labels.h"

#include <string.h>

#define CORE "io.kestra.plugin.core."

static const struct step_type {
    const char *name;
    enum flow_kind kind;
    const char *text;      /* the property that is flow_work.script */
    const char *otherwise; /* when it is not given; NULL: it is needed */
    const char *other;     /* a second property; NULL: none */
} types[] = {
    {CORE "debug.Return", FLOW_RETURN, "format", "", NULL},
    {CORE "debug.Echo", FLOW_LOG, "format", NULL, "level"},
    {CORE "execution.Labels", FLOW_LABELS, "labels", "", NULL},
    {CORE "execution.Fail", FLOW_ABORT, "errorMessage", "Task failure", "condition"},
    {CORE "flow.Sleep", FLOW_SLEEP, "duration", NULL, NULL},
};
#define TYPES (sizeof types / sizeof *types)

const char *step_type(size_t index)
{
    return index < TYPES ? types[index].name : NULL;
}

/* ---- as they are written --------------------------------------------------------------------- */

static void read_keys(const struct node *n, const struct step_type *t)
{
    const char *names[16] = {"id",           "type",           "description", "disabled",
                             "allowFailure", "workerGroup",    "timeout",     "retry",
                             "when",         "workerSelector", "runIf",       "allowWarning"};
    size_t count = 12;
    names[count++] = t->text;
    if (t->other) names[count++] = t->other;
    node_known(n, (struct key_list){names, count}, task_refused);
}

/* A text in which values are rendered; mem_free. */
static char *read_text(const struct node *n, const char *key, const struct expr_scope *scope)
{
    char *text = node_text(n, key, FLOW_FILE_MAX);
    read_no_statements(n, json_get(n->j, key), key, text);
    read_template(n, json_get(n->j, key), key, text, scope);
    return text;
}

static void read_level(const struct node *n, struct flow_work *w)
{
    static const char *const levels[] = {"INFO", "TRACE", "DEBUG", "WARN", "ERROR"};
    int level = node_choice(n, "level", levels, 5, 0);
    if (level == 0 || !w->script) return;
    char *text = str_dupf("[%s] %s", levels[level], w->script);
    mem_free(w->script);
    w->script = text;
}

bool read_step(const struct node *n, const char *type, struct flow_work *w,
               const struct expr_scope *scope)
{
    const struct step_type *t = types;
    struct err e = {0};
    int64_t ms;
    while (t < types + TYPES && !str_eq(t->name, type))
        t++;
    if (t == types + TYPES) return false;
    w->kind = t->kind;
    read_keys(n, t);
    if (t->kind == FLOW_LABELS) {
        if (!node_has(n, "labels")) node_fail(n, "labels", "is missing");
        read_label_templates(n, scope, &w->env, &w->env_count);
        return true;
    }
    w->script = read_text(n, t->text, scope);
    if (!w->script && !node_has(n, t->text)) {
        if (!t->otherwise) node_fail(n, t->text, "is missing");
        w->script = mem_strdup(t->otherwise ? t->otherwise : "");
    }
    if (t->kind == FLOW_LOG) read_level(n, w);
    if (t->kind == FLOW_ABORT) w->condition = read_text(n, "condition", scope);
    if (t->kind == FLOW_SLEEP && node_has(n, t->text) && w->script && !expr_has(w->script) &&
        duration_parse(w->script, &ms, &e))
        node_fail(n, t->text, "%s", err_text(&e));
    return true;
}

/* ---- with their values ----------------------------------------------------------------------- */

static int render(const char *field, const char *template, const struct expr_values *v,
                  struct buf *out, struct err *e)
{
    int rc = expr_render(template, v, out, e);
    return rc ? err_wrap(e, "%s", field) : 0;
}

static int render_labels(const struct flow_work *w, const struct expr_values *v, struct buf *out,
                         struct err *e)
{
    struct json *all = json_new(JSON_OBJECT);
    int rc = labels_render(w->env, w->env_count, v, all, e);
    char *text = json_text(all);
    if (rc == 0) rc = buf_adds(out, text);
    mem_free(text);
    json_free(all);
    return rc;
}

/* Kestra's idea of what is true. */
static bool is_true(const char *s)
{
    return !str_eq(s, "") && !str_eq(s, "false") && !str_eq(s, "0") && !str_eq(s, "-0");
}

static int render_fail(const struct flow_work *w, const struct expr_values *v, struct buf *out,
                       bool *holds, struct err *e)
{
    struct buf text;
    int rc = 0;
    *holds = true;
    buf_init(&text, FLOW_FILE_MAX);
    if (w->condition) rc = render("condition", w->condition, v, &text, e);
    if (rc == 0 && w->condition) *holds = text.len > 0 && is_true(text.data);
    if (rc == 0 && *holds) rc = render("errorMessage", w->script, v, out, e);
    buf_fini(&text);
    return rc;
}

static int render_line(const struct flow_work *w, const struct expr_values *v, struct buf *out,
                       struct err *e)
{
    int rc = render("message", w->script, v, out, e);
    if (rc) return rc;
    if (out->len == 0 || out->data[out->len - 1] != '\n') rc = buf_addc(out, '\n');
    return rc ? err_set(e, ERR_TOO_LARGE, "message: is larger than %zu bytes", out->max) : 0;
}

/* {"value": text} */
static int render_value(const struct flow_work *w, const struct expr_values *v, size_t max,
                        struct buf *out, struct err *e)
{
    struct buf text;
    struct jw j;
    buf_init(&text, max);
    int rc = render("format", w->script, v, &text, e);
    if (rc == 0) {
        jw_init(&j, out);
        jw_object(&j, NULL);
        jw_strn(&j, "value", text.len ? text.data : "", text.len);
        jw_end(&j);
        if (jw_finish(&j)) rc = err_set(e, ERR_TOO_LARGE, "format: is larger than %zu bytes", max);
    }
    buf_fini(&text);
    return rc;
}

static int render_sleep(const struct flow_work *w, const struct expr_values *v, int64_t *ms,
                        struct err *e)
{
    struct buf text;
    buf_init(&text, 200);
    int rc = render("duration", w->script, v, &text, e);
    if (rc == 0 && duration_parse(text.len ? text.data : "", ms, e)) rc = err_wrap(e, "duration");
    buf_fini(&text);
    return rc;
}

int step_render(const struct flow_work *w, const struct expr_values *given, size_t max_bytes,
                struct flow_job *out, struct err *e)
{
    struct expr_values v = *given;
    struct buf text;
    int64_t ms = 0;
    bool holds = true;
    int rc = 0;
    v.attempt = "1"; /* a step is never tried again */
    buf_init(&text, max_bytes);
    switch (w->kind) {
    case FLOW_RETURN:
        rc = render_value(w, &v, max_bytes, &text, e);
        break;
    case FLOW_LABELS:
        rc = render_labels(w, &v, &text, e);
        break;
    case FLOW_ABORT:
        rc = render_fail(w, &v, &text, &holds, e);
        break;
    case FLOW_SLEEP:
        rc = render_sleep(w, &v, &ms, e);
        break;
    default:
        rc = render_line(w, &v, &text, e);
    }
    if (rc == 0) {
        out->sleep_ms = ms;
        out->spec = !holds ? NULL : text.len > 0 ? buf_detach(&text) : mem_strdup("");
    }
    buf_fini(&text);
    return rc;
}
