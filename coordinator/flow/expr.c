/* Texts with expressions: finding them, and what they insert. */
#include "coordinator/flow/expr.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/expr_eval.h"
#include "coordinator/flow/expr_tree.h"

#include <string.h>

#define RENDERS_MAX 8 /* texts within each other, by render() */

bool expr_has(const char *text)
{
    return strstr(text, "{{") != NULL;
}

static const char *skip_blanks(const char *s)
{
    while (expr_is_blank(*s))
        s++;
    return s;
}

/* Reads a text that is nothing but one expression. */
static bool read_whole(const char *text, struct expr_tree *t)
{
    const char *s = skip_blanks(text);
    if (!str_starts(s, "{{")) return false;
    s += 2;
    return expr_read(&s, t) && !*skip_blanks(s);
}

bool expr_is_whole(const char *text)
{
    struct expr_tree t;
    expr_tree_init(&t);
    bool whole = read_whole(text, &t);
    expr_tree_fini(&t);
    return whole;
}

/* What stands in front of the expression at `at`, less the blanks that it takes away. */
static size_t length_before(const char *s, const char *at)
{
    size_t before = (size_t)(at - s);
    while (expr_trims(at + 2) && before > 0 && expr_is_blank(s[before - 1]))
        before--;
    return before;
}

/* *s is behind "{{", afterwards behind the expression. */
static int add_expression(struct eval *ev, const char **s, bool insert, struct buf *out)
{
    struct expr_tree t;
    const struct json *value;
    expr_tree_init(&t);
    int rc =
        expr_read(s, &t) ? eval_node(ev, t.root, insert, &value) : eval_fail(ev, "%s", t.sentence);
    if (rc == 0 && value_add_text(value, out)) rc = eval_too_large(ev);
    expr_tree_fini(&t);
    return rc;
}

int eval_text(struct eval *ev, const char *text, bool insert, struct buf *out)
{
    int rc = 0;
    if (ev->depth == RENDERS_MAX)
        return eval_fail(ev, "more than %d texts are rendered within each other", RENDERS_MAX);
    ev->depth++;
    for (const char *at; rc == 0 && (at = strstr(text, "{{")) != NULL;) {
        rc = buf_add(out, text, length_before(text, at)) ? eval_too_large(ev) : 0;
        text = at + 2;
        if (rc == 0) rc = add_expression(ev, &text, insert, out);
    }
    if (rc == 0 && buf_adds(out, text)) rc = eval_too_large(ev);
    ev->depth--;
    return rc;
}

/* ---- one text -------------------------------------------------------------------------------- */

static int too_large(const struct buf *out, struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "with its values it is larger than %zu bytes", out->max);
}

/* Why it failed, with the expression in front, which is what a missing path says itself. */
static int tell(const struct eval *ev, int rc, const char *at, const char *end, struct err *e)
{
    char shown[STR_QUOTE_SIZE];
    if (rc == ERR_NOT_FOUND) return err_set(e, rc, "%s", ev->missing);
    size_t len = (size_t)(end - at);
    char *text = mem_strndup(at, len < 200 ? len : 200);
    rc = err_set(e, rc, "%s: %s", str_quote(shown, text), ev->err.msg);
    mem_free(text);
    return rc;
}

/* The next expression of a text, which begins at `at`; *s is what comes behind it. */
static int render_next(const char *at, const char **s, const struct expr_values *v, size_t *work,
                       struct buf *out, struct err *e)
{
    struct expr_tree t;
    struct eval ev;
    const struct json *value;
    bool full = false;
    *s = at + 2;
    eval_init(&ev, v);
    expr_tree_init(&t);
    int rc = 0;
    if (!expr_read(s, &t))
        rc = err_set(e, ERR_INVALID, "%s", t.sentence);
    else if ((rc = eval_node(&ev, t.root, true, &value)) != 0)
        rc = tell(&ev, rc, at, *s, e);
    else
        full = value_add_text(value, out) != 0;
    *work += ev.steps;
    if (rc == 0 && *work > EXPR_TEXT_WORK_MAX)
        rc = err_set(e, ERR_INVALID, "its expressions take more than %d steps", EXPR_TEXT_WORK_MAX);
    expr_tree_fini(&t);
    eval_fini(&ev);
    return full ? too_large(out, e) : rc;
}

int expr_render(const char *text, const struct expr_values *v, struct buf *out, struct err *e)
{
    size_t work = 0;
    for (const char *at; (at = strstr(text, "{{")) != NULL;) {
        if (buf_add(out, text, length_before(text, at))) return too_large(out, e);
        int rc = render_next(at, &text, v, &work, out, e);
        if (rc) return rc;
    }
    return buf_adds(out, text) ? too_large(out, e) : 0;
}

int expr_value(const char *text, const struct expr_values *v, struct json **out, struct err *e)
{
    struct expr_tree t;
    struct eval ev;
    struct buf room;
    const struct json *value;
    int rc;
    expr_tree_init(&t);
    eval_init(&ev, v);
    buf_init(&room, EXPR_VALUE_MAX);
    if (!read_whole(text, &t)) {
        rc = expr_render(text, v, &room, e);
        if (rc == 0) *out = json_new_str(room.len ? room.data : "");
    } else if ((rc = eval_node(&ev, t.root, true, &value)) != 0) {
        rc = tell(&ev, rc, text, text + strlen(text), e);
    } else if (value_add_text(value, &room)) {
        rc = too_large(&room, e);
    } else {
        *out = json_copy(value);
    }
    buf_fini(&room);
    eval_fini(&ev);
    expr_tree_fini(&t);
    return rc;
}

static bool is_true_text(const char *text)
{
    static const char *const words[] = {"", "false", "0", "-0"};
    bool holds = true;
    char *copy = mem_strdup(text);
    const char *trimmed = str_trim(copy);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(words[i], trimmed)) holds = false;
    mem_free(copy);
    return holds;
}

static bool is_true(const struct json *j)
{
    switch (json_type(j)) {
    case JSON_NULL:
        return false;
    case JSON_BOOL:
        return json_bool(j, false);
    case JSON_NUMBER:
        return json_num(j, 0) != 0;
    case JSON_STRING:
        return is_true_text(json_str(j, ""));
    default:
        return json_first(j) != NULL;
    }
}

int expr_truth(const char *text, const struct expr_values *v, bool *out, struct err *e)
{
    struct json *value = NULL;
    int rc = expr_value(text, v, &value, e);
    if (rc) return rc;
    *out = is_true(value);
    json_free(value);
    return 0;
}
