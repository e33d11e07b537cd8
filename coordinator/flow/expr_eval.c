/* Evaluates the tree of an expression. Every node costs a step, and what is made on the way costs
 * more of them, so that no text keeps the coordinator busy. */
#include "coordinator/flow/expr_eval.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* ---- lists and maps -------------------------------------------------------------------------- */

static int eval_list(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    struct json *list = json_new(JSON_ARRAY), *item;
    const struct json *value;
    int rc = 0;
    for (const struct expr_node *c = n->child; c && rc == 0; c = c->next) {
        rc = eval_node(ev, c, false, &value);
        if (rc == 0) rc = eval_copy(ev, value, &item);
        if (rc == 0) json_push(list, item);
    }
    if (rc == 0) return eval_give(ev, list, out);
    json_free(list);
    return rc;
}

/* The last of two that have the same key counts. */
static int eval_member(struct eval *ev, const struct expr_node *n, struct json *map)
{
    const struct json *key, *value;
    struct json *copy;
    const char *name;
    int rc = eval_node(ev, n, false, &key);
    if (rc == 0) rc = eval_node(ev, n->next, false, &value);
    if (rc == 0) rc = value_text(ev, key, &name);
    if (rc == 0) rc = eval_copy(ev, value, &copy);
    if (rc) return rc;
    json_remove(map, name);
    json_put(map, name, copy);
    return 0;
}

static int eval_map(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    struct json *map = json_new(JSON_OBJECT);
    int rc = 0;
    for (const struct expr_node *c = n->child; c && rc == 0; c = c->next->next)
        rc = eval_member(ev, c, map);
    if (rc == 0) return eval_give(ev, map, out);
    json_free(map);
    return rc;
}

/* ---- operators ------------------------------------------------------------------------------- */

/* ?? and ???: the right side when the left one is missing (or, of ??, null). Who reads that both
 * are missing is told of the first one. */
static int eval_otherwise(struct eval *ev, const struct expr_node *n, bool insert,
                          const struct json **out)
{
    bool noted = ev->noted;
    int rc = eval_node(ev, n->child, insert, out);
    if (rc && rc != ERR_NOT_FOUND) return rc;
    if (rc == 0 && (n->op == OP_UNDEFINED || json_type(*out) != JSON_NULL)) return 0;
    eval_note_missing(ev, n->child);
    rc = eval_node(ev, n->child->next, insert, out);
    if (rc == 0) ev->noted = noted;
    return rc;
}

static int eval_logic(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    const char *what = n->op == OP_AND ? "and" : "or";
    const struct json *value;
    bool holds;
    int rc = eval_node(ev, n->child, false, &value);
    if (rc == 0) rc = value_truth(ev, value, what, false, &holds);
    if (rc) return rc;
    if (holds == (n->op == OP_OR)) return eval_give_bool(ev, holds, out);
    rc = eval_node(ev, n->child->next, false, &value);
    if (rc == 0) rc = value_truth(ev, value, what, false, &holds);
    return rc ? rc : eval_give_bool(ev, holds, out);
}

static int eval_concat(struct eval *ev, const struct expr_node *n, bool insert,
                       const struct json **out)
{
    const struct json *sides[2];
    struct buf text;
    int rc = eval_node(ev, n->child, insert, &sides[0]);
    if (rc == 0) rc = eval_node(ev, n->child->next, insert, &sides[1]);
    if (rc) return rc;
    buf_init(&text, EXPR_RESULT_MAX);
    if (value_add_text(sides[0], &text) || value_add_text(sides[1], &text)) {
        buf_fini(&text);
        return eval_too_large(ev);
    }
    return eval_give_buf(ev, &text, out);
}

static int eval_binary(struct eval *ev, const struct expr_node *n, bool insert,
                       const struct json **out)
{
    const struct json *a, *b;
    if (n->op == OP_NULL || n->op == OP_UNDEFINED) return eval_otherwise(ev, n, insert, out);
    if (n->op == OP_AND || n->op == OP_OR) return eval_logic(ev, n, out);
    if (n->op == OP_CONCAT) return eval_concat(ev, n, insert, out);
    int rc = eval_node(ev, n->child, false, &a);
    if (rc == 0) rc = eval_node(ev, n->child->next, false, &b);
    if (rc) return rc;
    switch (n->op) {
    case OP_CONTAINS:
        return op_contains(ev, a, b, out);
    case OP_IN:
        return op_contains(ev, b, a, out);
    case OP_RANGE:
        return op_range(ev, a, b, NULL, out);
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
    case OP_MOD:
        return op_arithmetic(ev, n->op, a, b, out);
    default:
        return op_compare(ev, n->op, a, b, out);
    }
}

static int eval_unary(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    const struct json *value;
    bool holds;
    int rc = eval_node(ev, n->child, false, &value);
    if (rc) return rc;
    if (n->op == OP_NOT) {
        rc = value_truth(ev, value, "not", false, &holds);
        return rc ? rc : eval_give_bool(ev, !holds, out);
    }
    const struct json *one;
    rc = eval_give_int(ev, n->op == OP_MINUS ? -1 : 1, &one);
    return rc ? rc : op_arithmetic(ev, OP_MUL, one, value, out);
}

static int eval_choice(struct eval *ev, const struct expr_node *n, bool insert,
                       const struct json **out)
{
    const struct json *value;
    bool holds;
    int rc = eval_node(ev, n->child, false, &value);
    if (rc == 0) rc = value_truth(ev, value, "?", true, &holds);
    if (rc) return rc;
    const struct expr_node *yes = n->child->next;
    return eval_node(ev, holds ? yes : yes->next, insert, out);
}

/* ---- functions, filters and tests ------------------------------------------------------------ */

/* The value of what may be missing, for "is defined" and default. */
static int eval_maybe(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    bool noted = ev->noted;
    int rc = eval_node(ev, n, false, out);
    if (rc != ERR_NOT_FOUND) return rc;
    ev->noted = noted;
    *out = NULL;
    return 0;
}

static enum expr_callable callable_of(const struct expr_node *n)
{
    return n->kind == EXPR_CALL     ? EXPR_IS_FUNCTION
           : n->kind == EXPR_FILTER ? EXPR_IS_FILTER
                                    : EXPR_IS_TEST;
}

static int eval_call(struct eval *ev, const struct expr_node *n, bool insert,
                     const struct json **out)
{
    const struct expr_node *nodes[EXPR_ARGS_MAX];
    const struct json *args[EXPR_ARGS_MAX] = {NULL};
    char sentence[EXPR_SENTENCE_SIZE];
    enum expr_callable kind = callable_of(n);
    const struct expr_function *f = expr_function_find(n->text, kind);
    int rc = 0;
    if (!f) return eval_fail(ev, "%.60s is not known", n->text);
    if (!expr_match_args(n, f, nodes, sentence)) return eval_fail(ev, "%s", sentence);
    for (int i = 0; i < EXPR_ARGS_MAX && rc == 0; i++) {
        if (!nodes[i]) continue;
        bool maybe = i == 0 && kind != EXPR_IS_FUNCTION && f->takes_missing;
        rc = maybe ? eval_maybe(ev, nodes[i], &args[i]) : eval_node(ev, nodes[i], false, &args[i]);
        if (json_type(args[i]) == JSON_NULL) args[i] = NULL;
    }
    if (rc) return rc;
    *out = NULL;
    if (kind == EXPR_IS_FILTER && !args[0] && !f->takes_null) return 0;
    ev->insert = insert;
    rc = f->fn(ev, args, out);
    return rc == ERR_INVALID && !ev->bound ? err_wrap(&ev->err, "%s", n->text) : rc;
}

int eval_node(struct eval *ev, const struct expr_node *n, bool insert, const struct json **out)
{
    int rc = eval_charge(ev, 1);
    if (rc) return rc;
    switch (n->kind) {
    case EXPR_LITERAL:
        *out = n->value;
        return 0;
    case EXPR_LIST:
        return eval_list(ev, n, out);
    case EXPR_MAP:
        return eval_map(ev, n, out);
    case EXPR_PATH:
        return eval_path(ev, n, insert, out);
    case EXPR_UNARY:
        return eval_unary(ev, n, out);
    case EXPR_BINARY:
        return eval_binary(ev, n, insert, out);
    case EXPR_CHOICE:
        return eval_choice(ev, n, insert, out);
    default:
        return eval_call(ev, n, insert, out);
    }
}
