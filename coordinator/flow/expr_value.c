/* Values of expressions, the bounds of what is made on the way, and what operators do with them. */
#include "coordinator/flow/expr_eval.h"

#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_A_STEP 1024

void eval_init(struct eval *ev, const struct expr_values *v)
{
    *ev = (struct eval){.v = v, .made = json_new(JSON_ARRAY)};
}

void eval_fini(struct eval *ev)
{
    json_free(ev->made);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

int eval_charge(struct eval *ev, size_t steps)
{
    if (steps <= EXPR_WORK_MAX - ev->steps) {
        ev->steps += steps;
        return 0;
    }
    ev->steps = EXPR_WORK_MAX;
    ev->bound = true;
    return eval_fail(ev, "it takes more than %d steps", EXPR_WORK_MAX);
}

int eval_may(struct eval *ev, size_t steps)
{
    return steps <= EXPR_WORK_MAX - ev->steps ? 0 : eval_charge(ev, steps);
}

int eval_fail(struct eval *ev, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= (int)sizeof text) text[str_utf8_whole(text, strlen(text))] = '\0';
    return err_set(&ev->err, ERR_INVALID, "%s", text);
}

int eval_too_large(struct eval *ev)
{
    return err_set(&ev->err, ERR_TOO_LARGE, "it comes to more than %u bytes", EXPR_RESULT_MAX);
}

/* Steps for the nodes of a value, and adds its bytes to *bytes. */
static int measure(struct eval *ev, const struct json *j, int depth, size_t *bytes)
{
    if (depth > EXPR_DEPTH_MAX)
        return eval_fail(ev, "the value is more than %d deep", EXPR_DEPTH_MAX);
    const char *key = json_key(j), *number = json_num_text(j);
    *bytes += strlen(json_str(j, "")) + (key ? strlen(key) + 3 : 0) + 2;
    if (number) *bytes += strlen(number);
    if (*bytes > EXPR_RESULT_MAX) return eval_too_large(ev);
    int rc = eval_charge(ev, 1);
    for (const struct json *c = json_first(j); c && rc == 0; c = json_next(c))
        rc = measure(ev, c, depth + 1, bytes);
    return rc;
}

static int charge_value(struct eval *ev, const struct json *j)
{
    size_t bytes = 0;
    if (json_type(j) == JSON_STRING && strlen(json_str(j, "")) > EXPR_RESULT_MAX)
        return eval_too_large(ev);
    if (json_type(j) != JSON_STRING) {
        int rc = measure(ev, j, 1, &bytes);
        if (rc) return rc;
    } else {
        bytes = strlen(json_str(j, ""));
    }
    return eval_charge(ev, bytes / BYTES_A_STEP);
}

int eval_give(struct eval *ev, struct json *j, const struct json **out)
{
    int rc = charge_value(ev, j);
    if (rc) {
        json_free(j);
        return rc;
    }
    json_push(ev->made, j);
    *out = j;
    return 0;
}

int eval_give_text(struct eval *ev, const char *text, const struct json **out)
{
    if (strlen(text) > EXPR_RESULT_MAX) return eval_too_large(ev);
    return eval_give(ev, json_new_str(text), out);
}

int eval_give_buf(struct eval *ev, struct buf *b, const struct json **out)
{
    int rc = eval_give_text(ev, b->len ? b->data : "", out);
    buf_fini(b);
    return rc;
}

int eval_give_int(struct eval *ev, int64_t n, const struct json **out)
{
    return eval_give(ev, json_new_int(n), out);
}

/* A fraction stays one: 2.0, and not 2. */
int eval_give_num(struct eval *ev, double n, const struct json **out)
{
    char text[40];
    if (!isfinite(n)) return eval_fail(ev, "the number is too large");
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, n);
        if (strtod(text, NULL) == n) break;
    }
    size_t len = strlen(text);
    if (!strpbrk(text, ".e")) (void)str_copy(text + len, sizeof text - len, ".0");
    struct json *j = json_new_num_text(text);
    return j ? eval_give(ev, j, out) : eval_fail(ev, "the number is too large");
}

int eval_give_bool(struct eval *ev, bool b, const struct json **out)
{
    return eval_give(ev, json_new_bool(b), out);
}

int eval_copy(struct eval *ev, const struct json *j, struct json **out)
{
    int rc = charge_value(ev, j);
    *out = rc ? NULL : json_copy(j);
    return rc;
}

/* ---- values ---------------------------------------------------------------------------------- */

const char *value_name(const struct json *j)
{
    static const char *const names[] = {"null",   "true or false", "a number",
                                        "a text", "a list",        "a mapping"};
    return names[json_type(j)];
}

bool value_is_int(const struct json *j)
{
    const char *text = json_num_text(j);
    if (json_type(j) != JSON_NUMBER) return false;
    if (text) return strspn(text, "-0123456789") == strlen(text);
    return json_is_int(j);
}

int value_add_text(const struct json *j, struct buf *out)
{
    if (json_type(j) == JSON_NULL) return 0;
    if (json_type(j) == JSON_STRING) return buf_adds(out, json_str(j, ""));
    char *text = json_text(j);
    int rc = buf_adds(out, text);
    mem_free(text);
    return rc;
}

int value_text(struct eval *ev, const struct json *j, const char **out)
{
    const struct json *made = j;
    struct buf text;
    if (json_type(j) != JSON_STRING) {
        buf_init(&text, EXPR_RESULT_MAX);
        if (value_add_text(j, &text)) {
            buf_fini(&text);
            return eval_too_large(ev);
        }
        int rc = eval_give_buf(ev, &text, &made);
        if (rc) return rc;
    }
    *out = json_str(made, "");
    return 0;
}

int value_order(const struct json *a, const struct json *b)
{
    if (value_is_int(a) && value_is_int(b)) {
        int64_t x = json_int(a, 0), y = json_int(b, 0);
        return (x > y) - (x < y);
    }
    double x = json_num(a, 0), y = json_num(b, 0);
    return (x > y) - (x < y);
}

static int children_equal(struct eval *ev, const struct json *a, const struct json *b, bool *out)
{
    const struct json *y = json_first(b);
    int rc = 0;
    *out = json_count(a) == json_count(b);
    for (const struct json *x = json_first(a); x && *out && rc == 0; x = json_next(x)) {
        if (json_type(a) == JSON_OBJECT) y = json_get(b, json_key(x));
        if (y)
            rc = value_equal(ev, x, y, out);
        else
            *out = false;
        if (json_type(a) == JSON_ARRAY) y = json_next(y);
    }
    return rc;
}

int value_equal(struct eval *ev, const struct json *a, const struct json *b, bool *out)
{
    int rc = eval_charge(ev, 1);
    if (rc) return rc;
    *out = json_type(a) == json_type(b);
    if (!*out) return 0;
    switch (json_type(a)) {
    case JSON_NULL:
        return 0;
    case JSON_BOOL:
        *out = json_bool(a, false) == json_bool(b, false);
        return 0;
    case JSON_NUMBER:
        *out = value_order(a, b) == 0;
        return 0;
    case JSON_STRING:
        *out = str_eq(json_str(a, ""), json_str(b, ""));
        return 0;
    default:
        return children_equal(ev, a, b, out);
    }
}

int value_truth(struct eval *ev, const struct json *j, const char *what, bool null_ok, bool *out)
{
    switch (json_type(j)) {
    case JSON_NULL:
        *out = false;
        return null_ok ? 0 : eval_fail(ev, "%s needs true or false, and not null", what);
    case JSON_BOOL:
        *out = json_bool(j, false);
        return 0;
    case JSON_NUMBER:
        *out = json_num(j, 0) != 0;
        return 0;
    case JSON_STRING:
        *out = !str_empty(json_str(j, ""));
        return 0;
    default:
        return eval_fail(ev, "%s needs true or false, and not %s: write is empty", what,
                         value_name(j));
    }
}

/* "2" is the third of a list, as in Pebble. */
static const struct json *item_at(const struct json *list, const struct expr_step *step)
{
    int64_t left = step->index;
    if (!step->is_index && str_int64(step->name, &left)) return NULL;
    if (left < 0) return NULL;
    const struct json *j = json_first(list);
    for (; j && left > 0; left--)
        j = json_next(j);
    return j;
}

const struct json *value_at(const struct json *j, const struct expr_step *step)
{
    if (json_type(j) == JSON_ARRAY) return item_at(j, step);
    return json_type(j) == JSON_OBJECT ? json_get(j, step->name) : NULL;
}

/* ---- operators ------------------------------------------------------------------------------- */

/* Of a number, or of a text that is one. */
struct number {
    bool is_int;
    int64_t i;
    double d;
};

static bool to_number(const struct json *j, struct number *out)
{
    struct json *read = NULL;
    if (json_type(j) == JSON_STRING) j = read = json_new_num_text(json_str(j, ""));
    bool good = json_type(j) == JSON_NUMBER;
    if (good) *out = (struct number){value_is_int(j), json_int(j, 0), json_num(j, 0)};
    json_free(read);
    return good;
}

static int too_large_int(struct eval *ev)
{
    return eval_fail(ev, "the number is too large: integers have at most 64 bits");
}

static int add_ints(struct eval *ev, int64_t a, int64_t b, const struct json **out)
{
    if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b)) return too_large_int(ev);
    return eval_give_int(ev, a + b, out);
}

static bool product_fits(int64_t a, int64_t b)
{
    if (a == 0 || b == 0) return true;
    if ((a == -1 && b == INT64_MIN) || (b == -1 && a == INT64_MIN)) return false;
    if (a == -1 || b == -1) return true;
    return (a > 0) == (b > 0) ? (a > 0 ? a <= INT64_MAX / b : a >= INT64_MAX / b)
                              : (a > 0 ? b >= INT64_MIN / a : a >= INT64_MIN / b);
}

static int ints(struct eval *ev, enum expr_op op, int64_t a, int64_t b, const struct json **out)
{
    switch (op) {
    case OP_ADD:
        return add_ints(ev, a, b, out);
    case OP_SUB:
        if (b == INT64_MIN) return a < 0 ? eval_give_int(ev, a - b, out) : too_large_int(ev);
        return add_ints(ev, a, -b, out);
    case OP_MUL:
        return product_fits(a, b) ? eval_give_int(ev, a * b, out) : too_large_int(ev);
    default:
        if (b == 0) return eval_fail(ev, "a number is divided by 0");
        if (b == -1 && a == INT64_MIN)
            return op == OP_MOD ? eval_give_int(ev, 0, out) : too_large_int(ev);
        return eval_give_int(ev, op == OP_DIV ? a / b : a % b, out);
    }
}

static int fractions(struct eval *ev, enum expr_op op, double a, double b, const struct json **out)
{
    if ((op == OP_DIV || op == OP_MOD) && b == 0) return eval_fail(ev, "a number is divided by 0");
    return eval_give_num(ev,
                         op == OP_ADD   ? a + b
                         : op == OP_SUB ? a - b
                         : op == OP_MUL ? a * b
                         : op == OP_DIV ? a / b
                                        : fmod(a, b),
                         out);
}

/* With +, null is a word, as in Pebble. */
static int join_texts(struct eval *ev, const struct json *a, const struct json *b,
                      const struct json **out)
{
    const struct json *sides[] = {a, b};
    struct buf text;
    int rc = 0;
    buf_init(&text, EXPR_RESULT_MAX);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = json_type(sides[i]) == JSON_NULL ? buf_adds(&text, "null")
                                              : value_add_text(sides[i], &text);
    if (rc == 0) return eval_give_buf(ev, &text, out);
    buf_fini(&text);
    return eval_too_large(ev);
}

/* A list, and another or one more item. */
static int join_lists(struct eval *ev, const struct json *a, const struct json *b,
                      const struct json **out)
{
    struct json *list, *item;
    int rc = eval_copy(ev, a, &list);
    bool many = json_type(b) == JSON_ARRAY;
    const struct json *from = many ? json_first(b) : b;
    for (bool more = !many || from; more && rc == 0; more = many && from) {
        rc = eval_copy(ev, from, &item);
        if (rc == 0) json_push(list, item);
        if (many) from = json_next(from);
    }
    if (rc == 0) return eval_give(ev, list, out);
    json_free(list);
    return rc;
}

int op_arithmetic(struct eval *ev, enum expr_op op, const struct json *a, const struct json *b,
                  const struct json **out)
{
    static const char *const signs[] = {"+", "-", "*", "/", "%"};
    struct number x, y;
    if (op == OP_ADD && (json_type(a) == JSON_STRING || json_type(b) == JSON_STRING))
        return join_texts(ev, a, b, out);
    if (op == OP_ADD && json_type(a) == JSON_ARRAY) return join_lists(ev, a, b, out);
    if (!to_number(a, &x) || !to_number(b, &y))
        return eval_fail(ev, "%s needs numbers, and not %s", signs[op - OP_ADD],
                         value_name(to_number(a, &x) ? b : a));
    return x.is_int && y.is_int ? ints(ev, op, x.i, y.i, out) : fractions(ev, op, x.d, y.d, out);
}

int op_compare(struct eval *ev, enum expr_op op, const struct json *a, const struct json *b,
               const struct json **out)
{
    static const char *const signs[] = {"<", "<=", ">", ">="};
    bool holds = false;
    if (op == OP_EQ || op == OP_NE) {
        int rc = value_equal(ev, a, b, &holds);
        return rc ? rc : eval_give_bool(ev, holds == (op == OP_EQ), out);
    }
    if (json_type(a) != JSON_NULL && json_type(b) != JSON_NULL) {
        if (json_type(a) != JSON_NUMBER || json_type(b) != JSON_NUMBER)
            return eval_fail(ev, "%s compares numbers, and not %s: write | number",
                             signs[op - OP_LT], value_name(json_type(a) == JSON_NUMBER ? b : a));
        int order = value_order(a, b);
        holds = op == OP_LT   ? order < 0
                : op == OP_LE ? order <= 0
                : op == OP_GT ? order > 0
                              : order >= 0;
    }
    return eval_give_bool(ev, holds, out);
}

static int list_has(struct eval *ev, const struct json *list, const struct json *item, bool *out)
{
    int rc = 0;
    *out = false;
    for (const struct json *j = json_first(list); j && !*out && rc == 0; j = json_next(j))
        rc = value_equal(ev, j, item, out);
    return rc;
}

static int list_has_all(struct eval *ev, const struct json *list, const struct json *items,
                        bool *out)
{
    int rc = 0;
    *out = true;
    for (const struct json *j = json_first(items); j && *out && rc == 0; j = json_next(j))
        rc = list_has(ev, list, j, out);
    return rc;
}

int op_contains(struct eval *ev, const struct json *a, const struct json *b,
                const struct json **out)
{
    bool has = false;
    const char *text;
    int rc = 0;
    switch (json_type(a)) {
    case JSON_NULL:
        break;
    case JSON_ARRAY:
        rc = json_type(b) == JSON_ARRAY ? list_has_all(ev, a, b, &has) : list_has(ev, a, b, &has);
        break;
    case JSON_OBJECT:
        has = json_type(b) == JSON_STRING && json_get(a, json_str(b, ""));
        break;
    case JSON_STRING:
        rc = value_text(ev, b, &text);
        if (rc == 0) rc = eval_charge(ev, strlen(json_str(a, "")) / BYTES_A_STEP);
        if (rc == 0) has = strstr(json_str(a, ""), text) != NULL;
        break;
    default:
        return eval_fail(ev, "contains needs a text, a list or a mapping, and not %s",
                         value_name(a));
    }
    return rc ? rc : eval_give_bool(ev, has, out);
}

static int range_of_letters(struct eval *ev, const char *from, const char *to, int64_t by,
                            const struct json **out)
{
    if (strlen(from) != 1 || strlen(to) != 1)
        return eval_fail(ev, "a range goes from one number or letter to another");
    struct json *list = json_new(JSON_ARRAY);
    for (int64_t c = (unsigned char)*from;
         c > 0 && c < 128 && (by > 0 ? c <= (unsigned char)*to : c >= (unsigned char)*to);
         c += by) {
        const char text[2] = {(char)c, '\0'};
        json_push(list, json_new_str(text));
        if (by > 128 || by < -128) break;
    }
    return eval_give(ev, list, out);
}

int op_range(struct eval *ev, const struct json *from, const struct json *to, const struct json *by,
             const struct json **out)
{
    int64_t step = by ? json_int(by, 0) : 1;
    if (step == 0) return eval_fail(ev, "a range goes on by an integer other than 0");
    if (json_type(from) == JSON_STRING && json_type(to) == JSON_STRING)
        return range_of_letters(ev, json_str(from, ""), json_str(to, ""), step, out);
    if (!value_is_int(from) || !value_is_int(to))
        return eval_fail(ev, "a range goes from one integer or letter to another, and not %s",
                         value_name(value_is_int(from) ? to : from));
    int64_t first = json_int(from, 0), last = json_int(to, 0);
    struct json *list = json_new(JSON_ARRAY);
    size_t count = 0;
    int rc = 0;
    for (int64_t n = first; rc == 0 && (step > 0 ? n <= last : n >= last); n += step) {
        rc = eval_may(ev, ++count);
        if (rc == 0) json_push(list, json_new_int(n));
        if (step > 0 ? n > INT64_MAX - step : n < INT64_MIN - step) break;
    }
    if (rc == 0) return eval_give(ev, list, out);
    json_free(list);
    return rc;
}
