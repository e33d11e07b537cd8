/* Texts with expressions: finding them, and what they insert. */
#include "coordinator/flow/expr.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/expr_eval.h"
#include "coordinator/flow/expr_tree.h"

#include <string.h>

bool expr_has(const char *text)
{
    return strstr(text, "{{") != NULL;
}

bool expr_has_within(const struct json *j)
{
    if (expr_has(json_str(j, ""))) return true;
    for (const struct json *c = json_first(j); c; c = json_next(c))
        if (expr_has_within(c)) return true;
    return false;
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
        if (buf_add(out, text, expr_length_before(text, at))) return too_large(out, e);
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
