/* What an expression comes to: its values, its bounds, its functions. Inside of expr*.c.
 *
 * Values are nodes of base/json.h; NULL is null. A value belongs to the flow's values, to the tree
 * of the expression, or to the evaluation, which keeps all that was made on the way until its end.
 * Functions return 0, ERR_NOT_FOUND (a value is missing; ?? and default catch it, and missing says
 * which), or another code with its sentence in err. */
#ifndef CADRE_COORDINATOR_FLOW_EXPR_EVAL_H
#define CADRE_COORDINATOR_FLOW_EXPR_EVAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "coordinator/flow/expr.h"
#include "coordinator/flow/expr_tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct eval {
    const struct expr_values *v;
    struct json *made; /* an array: all values of this evaluation */
    size_t steps;      /* that were taken */
    int depth;         /* how many texts are rendered within each other */
    bool bound;        /* err is that of a bound */
    bool noted;        /* missing says which value is */
    char missing[EXPR_SENTENCE_SIZE];
    struct err err;
};

void eval_init(struct eval *ev, const struct expr_values *v);
void eval_fini(struct eval *ev);

/* `insert`: the value goes into the text as it is, so that the attempt's mark may be in it. */
int eval_node(struct eval *ev, const struct expr_node *n, bool insert, const struct json **out);

/* ---- what is made on the way ---- */

/* Takes so many steps. ERR_INVALID: more than EXPR_WORK_MAX. */
int eval_charge(struct eval *ev, size_t steps);
int eval_may(struct eval *ev, size_t steps); /* could it? Nothing is taken */
int eval_fail(struct eval *ev, const char *fmt, ...) CADRE_PRINTF(2, 3); /* ERR_INVALID */
int eval_too_large(struct eval *ev); /* of a text: more than EXPR_RESULT_MAX bytes */
/* The value is the evaluation's from now on. ERR_TOO_LARGE: more than EXPR_RESULT_MAX bytes. */
int eval_give(struct eval *ev, struct json *j, const struct json **out);
int eval_give_text(struct eval *ev, const char *text, const struct json **out);
int eval_give_buf(struct eval *ev, struct buf *b, const struct json **out); /* frees b */
int eval_give_int(struct eval *ev, int64_t n, const struct json **out);
int eval_give_num(struct eval *ev, double n, const struct json **out);
int eval_give_bool(struct eval *ev, bool b, const struct json **out);
/* A copy to be put into a list or a map: NULL in *out unless 0. json_free. */
int eval_copy(struct eval *ev, const struct json *j, struct json **out);

/* ---- values ---- */

const char *value_name(const struct json *j); /* "a text", "a list" ... */
bool value_is_int(const struct json *j);      /* written without a fraction, within 64 bits */
/* As it is inserted: null is nothing. ERR_TOO_LARGE. */
int value_add_text(const struct json *j, struct buf *out);
/* The same as a text; the value's own where it is one. */
int value_text(struct eval *ev, const struct json *j, const char **out);
int value_equal(struct eval *ev, const struct json *a, const struct json *b, bool *out);
/* -1, 0, 1 of two numbers. */
int value_order(const struct json *a, const struct json *b);
/* Pebble's idea of true: true, numbers but 0, texts but "". `what` names the place; null_ok: null
 * is false, else an error. */
int value_truth(struct eval *ev, const struct json *j, const char *what, bool null_ok, bool *out);
const struct json *value_at(const struct json *j, const struct expr_step *step); /* NULL: absent */

/* ---- operators ---- */

int op_arithmetic(struct eval *ev, enum expr_op op, const struct json *a, const struct json *b,
                  const struct json **out);
int op_compare(struct eval *ev, enum expr_op op, const struct json *a, const struct json *b,
               const struct json **out);
int op_contains(struct eval *ev, const struct json *a, const struct json *b,
                const struct json **out);
int op_range(struct eval *ev, const struct json *from, const struct json *to, const struct json *by,
             const struct json **out);

/* ---- functions, filters and tests ---- */

enum expr_callable { EXPR_IS_FUNCTION = 1, EXPR_IS_FILTER = 2, EXPR_IS_TEST = 4 };

/* args: as params has them, those of filters and tests behind the value; NULL: not given, or
 * null. */
typedef int expr_fn(struct eval *ev, const struct json *const *args, const struct json **out);
/* What can be said before anything runs; args that are no literals are NULL. */
typedef int expr_args_fn(const struct json *const *args, const struct expr_scope *scope,
                         struct err *e);

struct expr_function {
    const char *name;
    unsigned kinds;      /* bits of enum expr_callable */
    const char *params;  /* "amount unit format"; without a filter's value */
    size_t needed;       /* the first ones have to be given */
    expr_fn *fn;         /* NULL: of render(), which eval_node does */
    expr_args_fn *check; /* NULL: nothing to say */
    bool takes_null;     /* as its value; other filters give null for null */
    bool takes_missing;  /* the same of a value that is missing */
    bool takes_many;     /* arguments: min(1, 2, 3) */
};

/* All of them, by name; NULL behind the last. */
const struct expr_function *expr_function_at(size_t index);
const struct expr_function *expr_function_find(const char *name, enum expr_callable kind);
/* The place of each child of a call among the parameters (args[0] is a filter's value). false: the
 * sentence says what is wrong. args: EXPR_ARGS_MAX. */
bool expr_match_args(const struct expr_node *call, const struct expr_function *f,
                     const struct expr_node *args[EXPR_ARGS_MAX],
                     char sentence[EXPR_SENTENCE_SIZE]);

#endif
