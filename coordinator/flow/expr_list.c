/* Functions of lists, mappings and numbers, and those that ask the execution. */
#include "coordinator/flow/expr_functions.h"

#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int not_of(struct eval *ev, const char *needs, const struct json *j)
{
    return eval_fail(ev, "needs %s, and not %s", needs, value_name(j));
}

/* ---- what there is --------------------------------------------------------------------------- */

int fn_defined(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return eval_give_bool(ev, args[0] != NULL, out);
}

int fn_is_null(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return eval_give_bool(ev, args[0] == NULL, out);
}

static bool is_blank_text(const char *s)
{
    while ((unsigned char)*s > 0 && (unsigned char)*s <= ' ')
        s++;
    return !*s;
}

static bool is_empty(const struct json *j)
{
    switch (json_type(j)) {
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return is_blank_text(json_str(j, ""));
    case JSON_ARRAY:
    case JSON_OBJECT:
        return !json_first(j);
    default:
        return false;
    }
}

int fn_empty(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return eval_give_bool(ev, is_empty(args[0]), out);
}

int fn_default(struct eval *ev, const struct json *const *args, const struct json **out)
{
    (void)ev;
    *out = is_empty(args[0]) ? args[1] : args[0];
    return 0;
}

int fn_iterable(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return eval_give_bool(ev, json_type(args[0]) == JSON_ARRAY, out);
}

int fn_is_map(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return eval_give_bool(ev, json_type(args[0]) == JSON_OBJECT, out);
}

int fn_is_json(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *text = json_str(args[0], NULL);
    struct json *j = NULL;
    if (!text) return not_of(ev, "a text", args[0]);
    bool good = json_parse(text, strlen(text), &j, NULL) == 0;
    json_free(j);
    return eval_give_bool(ev, good, out);
}

static int parity(struct eval *ev, const struct json *j, int64_t rest, const struct json **out)
{
    if (!value_is_int(j)) return not_of(ev, "an integer", j);
    return eval_give_bool(ev, (json_int(j, 0) % 2 != 0) == (rest != 0), out);
}

int fn_even(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return parity(ev, args[0], 0, out);
}

int fn_odd(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return parity(ev, args[0], 1, out);
}

/* ---- numbers --------------------------------------------------------------------------------- */

int fn_abs(struct eval *ev, const struct json *const *args, const struct json **out)
{
    if (json_type(args[0]) != JSON_NUMBER) return not_of(ev, "a number", args[0]);
    *out = args[0];
    if (json_num(args[0], 0) >= 0) return 0;
    const struct json *zero;
    int rc = eval_give_int(ev, 0, &zero);
    return rc ? rc : op_arithmetic(ev, OP_SUB, zero, args[0], out);
}

static int extreme(struct eval *ev, const struct json *const *args, int sign,
                   const struct json **out)
{
    for (int i = 0; i < EXPR_ARGS_MAX; i++) {
        if (!args[i]) continue;
        if (json_type(args[i]) != JSON_NUMBER) return not_of(ev, "numbers", args[i]);
        if (!*out || value_order(args[i], *out) == sign) *out = args[i];
    }
    return 0;
}

int fn_max(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return extreme(ev, args, 1, out);
}

int fn_min(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return extreme(ev, args, -1, out);
}

int fn_range(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return op_range(ev, args[0], args[1], args[2], out);
}

/* The kinds of numbers that Kestra has, and those that are whole. */
static int number_type(const char *name, bool *whole, struct err *e)
{
    static const char *const names[] = {"INT",   "LONG",   "BIGINTEGER",
                                        "FLOAT", "DOUBLE", "BIGDECIMAL"};
    char suggestion[STR_SUGGEST_SIZE], shown[STR_QUOTE_SIZE];
    for (int i = 0; i < 6; i++) {
        if (!str_eq(names[i], name)) continue;
        *whole = i < 3;
        return 0;
    }
    return err_set(e, ERR_INVALID, "there is no type %s%s", str_quote(shown, name),
                   str_suggest_nearest(suggestion, name, names, 6));
}

int check_number(const struct json *const *args, const struct expr_scope *scope, struct err *e)
{
    bool whole;
    (void)scope;
    if (!args[1]) return 0;
    if (json_type(args[1]) != JSON_STRING) return err_set(e, ERR_INVALID, "type must be a text");
    return number_type(json_str(args[1], ""), &whole, e);
}

int fn_number(struct eval *ev, const struct json *const *args, const struct json **out)
{
    char shown[STR_QUOTE_SIZE];
    bool whole = false;
    const char *type = args[1] ? json_str(args[1], "") : NULL;
    struct err e = {0};
    if (type && number_type(type, &whole, &e)) return eval_fail(ev, "%s", err_text(&e));
    *out = args[0];
    if (json_type(args[0]) == JSON_STRING) {
        const char *text = json_str(args[0], "");
        struct json *j = json_new_num_text(*text == '+' ? text + 1 : text);
        if (!j) return eval_fail(ev, "%s is no number", str_quote(shown, text));
        int rc = eval_give(ev, j, out);
        if (rc) return rc;
    }
    if (json_type(*out) != JSON_NUMBER) return not_of(ev, "a text or a number", args[0]);
    if (whole && !value_is_int(*out)) return eval_fail(ev, "the number is no integer");
    if (type && !whole && value_is_int(*out)) return eval_give_num(ev, json_num(*out, 0), out);
    return 0;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* The bytes of the first n characters. */
static size_t bytes_of(const char *s, size_t n)
{
    size_t at = 0;
    for (; s[at] && n > 0; n--) {
        at++;
        while (((unsigned char)s[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static int give_part(struct eval *ev, const char *text, size_t from, size_t len,
                     const struct json **out)
{
    if (len > EXPR_RESULT_MAX) return eval_too_large(ev);
    char *part = mem_strndup(text + from, len);
    int rc = eval_give_text(ev, part, out);
    mem_free(part);
    return rc;
}

static int one_of(struct eval *ev, const struct json *j, bool last, const struct json **out)
{
    const char *text = json_str(j, "");
    if (json_type(j) == JSON_ARRAY) {
        *out = json_first(j);
        for (const struct json *c = *out; c && last; c = json_next(c))
            *out = c;
        return eval_charge(ev, last ? json_count(j) / 100 : 0);
    }
    if (json_type(j) != JSON_STRING) return not_of(ev, "a list or a text", j);
    if (!*text) return eval_fail(ev, "the text is empty");
    size_t from = last ? bytes_of(text, characters(text) - 1) : 0;
    return give_part(ev, text, from, bytes_of(text + from, 1), out);
}

int fn_first(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return one_of(ev, args[0], false, out);
}

int fn_last(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return one_of(ev, args[0], true, out);
}

int fn_length(struct eval *ev, const struct json *const *args, const struct json **out)
{
    size_t n =
        json_type(args[0]) == JSON_STRING ? characters(json_str(args[0], "")) : json_count(args[0]);
    int rc = eval_charge(ev, n / 100);
    if (rc) return rc;
    if (json_type(args[0]) == JSON_NUMBER || json_type(args[0]) == JSON_BOOL)
        return not_of(ev, "a text, a list or a mapping", args[0]);
    return eval_give_int(ev, (int64_t)n, out);
}

int fn_join(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *glue = "";
    struct buf text;
    if (json_type(args[0]) != JSON_ARRAY) return not_of(ev, "a list", args[0]);
    int rc = args[1] ? value_text(ev, args[1], &glue) : 0;
    buf_init(&text, EXPR_RESULT_MAX);
    for (const struct json *j = json_first(args[0]); j && rc == 0; j = json_next(j)) {
        rc = eval_charge(ev, 1);
        if (rc) break;
        bool full =
            (j != json_first(args[0]) && buf_adds(&text, glue)) ||
            (json_type(j) == JSON_NULL ? buf_adds(&text, "null") : value_add_text(j, &text));
        if (full) rc = eval_too_large(ev);
    }
    if (rc == 0) return eval_give_buf(ev, &text, out);
    buf_fini(&text);
    return rc;
}

/* Copies an item into a list. */
static int push_copy(struct eval *ev, struct json *list, const struct json *item)
{
    struct json *copy;
    int rc = eval_copy(ev, item, &copy);
    if (rc == 0) json_push(list, copy);
    return rc;
}

static int give_list(struct eval *ev, int rc, struct json *list, const struct json **out)
{
    if (rc == 0) return eval_give(ev, list, out);
    json_free(list);
    return rc;
}

int fn_reverse(struct eval *ev, const struct json *const *args, const struct json **out)
{
    if (json_type(args[0]) != JSON_ARRAY) return not_of(ev, "a list", args[0]);
    size_t n = json_count(args[0]), i = n;
    int rc = eval_may(ev, n);
    if (rc) return rc;
    const struct json **items = mem_array(n + 1, sizeof *items);
    for (const struct json *j = json_first(args[0]); j; j = json_next(j))
        items[--i] = j;
    struct json *list = json_new(JSON_ARRAY);
    for (i = 0; i < n && rc == 0; i++)
        rc = push_copy(ev, list, items[i]);
    mem_free(items);
    return give_list(ev, rc, list, out);
}

static int by_order(const void *a, const void *b)
{
    const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
    if (json_type(x) == JSON_NUMBER) return value_order(x, y);
    return strcmp(json_str(x, ""), json_str(y, ""));
}

static int sorted(struct eval *ev, const struct json *from, bool down, const struct json **out)
{
    if (json_type(from) != JSON_ARRAY) return not_of(ev, "a list", from);
    size_t n = json_count(from), i = 0;
    enum json_type type = json_type(json_first(from));
    int rc = eval_may(ev, n);
    for (const struct json *j = json_first(from); j && rc == 0; j = json_next(j))
        if (json_type(j) != type || (type != JSON_NUMBER && type != JSON_STRING))
            rc = eval_fail(ev, "sorts numbers or texts, and not %s", value_name(j));
    if (rc) return rc;
    const struct json **items = mem_array(n + 1, sizeof *items);
    for (const struct json *j = json_first(from); j; j = json_next(j))
        items[i++] = j;
    qsort(items, n, sizeof *items, by_order);
    struct json *list = json_new(JSON_ARRAY);
    for (i = 0; i < n && rc == 0; i++)
        rc = push_copy(ev, list, items[down ? n - 1 - i : i]);
    mem_free(items);
    return give_list(ev, rc, list, out);
}

int fn_sort(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return sorted(ev, args[0], false, out);
}

int fn_rsort(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return sorted(ev, args[0], true, out);
}

static int part_of_list(struct eval *ev, const struct json *from, int64_t first, int64_t end,
                        const struct json **out)
{
    struct json *list = json_new(JSON_ARRAY);
    int64_t at = 0;
    int rc = 0;
    for (const struct json *j = json_first(from); j && at < end && rc == 0; j = json_next(j), at++)
        if (at >= first) rc = push_copy(ev, list, j);
    return give_list(ev, rc, list, out);
}

int fn_slice(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *text = json_str(args[0], "");
    bool list = json_type(args[0]) == JSON_ARRAY;
    if (!list && json_type(args[0]) != JSON_STRING) return not_of(ev, "a list or a text", args[0]);
    if ((args[1] && !value_is_int(args[1])) || (args[2] && !value_is_int(args[2])))
        return eval_fail(ev, "fromIndex and toIndex are integers");
    int64_t length = (int64_t)(list ? json_count(args[0]) : characters(text));
    int64_t first = json_int(args[1], 0), end = json_int(args[2], length);
    if (first < 0 || first > length) return eval_fail(ev, "fromIndex is not within the value");
    if (end > length) return eval_fail(ev, "toIndex is beyond the end of the value");
    if (args[2] && end <= first) return eval_fail(ev, "toIndex is not behind fromIndex");
    if (list) return part_of_list(ev, args[0], first, end, out);
    size_t from = bytes_of(text, (size_t)first);
    return give_part(ev, text, from, bytes_of(text + from, (size_t)(end - first)), out);
}

int fn_chunk(struct eval *ev, const struct json *const *args, const struct json **out)
{
    struct json *list = json_new(JSON_ARRAY), *part = NULL;
    int64_t size = value_is_int(args[1]) ? json_int(args[1], 0) : 0, at = 0;
    int rc = 0;
    if (json_type(args[0]) != JSON_ARRAY) rc = not_of(ev, "a list", args[0]);
    if (size < 1) rc = eval_fail(ev, "size is an integer from 1 on");
    for (const struct json *j = json_first(args[0]); j && rc == 0; j = json_next(j)) {
        if (at++ % size == 0) {
            part = json_new(JSON_ARRAY);
            json_push(list, part);
        }
        rc = push_copy(ev, part, j);
    }
    return give_list(ev, rc, list, out);
}

int fn_flatten(struct eval *ev, const struct json *const *args, const struct json **out)
{
    struct json *list = json_new(JSON_ARRAY);
    int rc = json_type(args[0]) == JSON_ARRAY ? 0 : not_of(ev, "a list", args[0]);
    for (const struct json *j = json_first(args[0]); j && rc == 0; j = json_next(j)) {
        if (json_type(j) != JSON_ARRAY) rc = push_copy(ev, list, j);
        for (const struct json *c = json_type(j) == JSON_ARRAY ? json_first(j) : NULL; c && rc == 0;
             c = json_next(c))
            rc = push_copy(ev, list, c);
    }
    return give_list(ev, rc, list, out);
}

/* ---- mappings -------------------------------------------------------------------------------- */

int fn_keys(struct eval *ev, const struct json *const *args, const struct json **out)
{
    bool map = json_type(args[0]) == JSON_OBJECT;
    struct json *list = json_new(JSON_ARRAY);
    int64_t n = 0;
    int rc =
        map || json_type(args[0]) == JSON_ARRAY ? 0 : not_of(ev, "a mapping or a list", args[0]);
    for (const struct json *j = json_first(args[0]); j && rc == 0; j = json_next(j), n++) {
        rc = eval_may(ev, (size_t)n);
        if (rc == 0) json_push(list, map ? json_new_str(json_key(j)) : json_new_int(n));
    }
    return give_list(ev, rc, list, out);
}

int fn_values(struct eval *ev, const struct json *const *args, const struct json **out)
{
    struct json *list = json_new(JSON_ARRAY);
    int rc = json_type(args[0]) == JSON_OBJECT ? 0 : not_of(ev, "a mapping", args[0]);
    for (const struct json *j = json_first(args[0]); j && rc == 0; j = json_next(j))
        rc = push_copy(ev, list, j);
    return give_list(ev, rc, list, out);
}

static int merge_maps(struct eval *ev, const struct json *a, const struct json *b,
                      const struct json **out)
{
    struct json *all, *copy;
    int rc = eval_copy(ev, a, &all);
    for (const struct json *j = json_first(b); j && rc == 0; j = json_next(j)) {
        rc = eval_copy(ev, j, &copy);
        if (rc) break;
        json_remove(all, json_key(j));
        json_put(all, json_key(j), copy);
    }
    return give_list(ev, rc, all, out);
}

int fn_merge(struct eval *ev, const struct json *const *args, const struct json **out)
{
    *out = args[0] ? args[0] : args[1];
    if (!args[0] || !args[1]) return *out ? 0 : eval_fail(ev, "both values are null");
    if (json_type(args[0]) != json_type(args[1]))
        return eval_fail(ev, "needs two lists or two mappings, and not %s and %s",
                         value_name(args[0]), value_name(args[1]));
    if (json_type(args[0]) == JSON_OBJECT) return merge_maps(ev, args[0], args[1], out);
    if (json_type(args[0]) == JSON_ARRAY) return op_arithmetic(ev, OP_ADD, args[0], args[1], out);
    return not_of(ev, "a list or a mapping", args[0]);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

int fn_to_json(struct eval *ev, const struct json *const *args, const struct json **out)
{
    struct json *null = args[0] ? NULL : json_new(JSON_NULL);
    char *text = json_text(args[0] ? args[0] : null);
    int rc = eval_give_text(ev, text, out);
    mem_free(text);
    json_free(null);
    return rc;
}

int fn_from_json(struct eval *ev, const struct json *const *args, const struct json **out)
{
    struct json *j = NULL;
    struct err e = {0};
    const char *text = json_str(args[0], NULL);
    if (!args[0]) return 0;
    if (!text) return not_of(ev, "a text", args[0]);
    int rc = eval_charge(ev, strlen(text) / 1024);
    if (rc) return rc;
    if (json_parse(text, strlen(text), &j, &e)) return eval_fail(ev, "%s", err_text(&e));
    return eval_give(ev, j, out);
}

/* ---- of the execution ------------------------------------------------------------------------ */

int fn_error_logs(struct eval *ev, const struct json *const *args, const struct json **out)
{
    (void)args;
    *out = ev->v->error_logs;
    return *out ? 0 : eval_give(ev, json_new(JSON_ARRAY), out);
}

/* outputs.TASK of a task within loops: of this iteration, through all loops that stand around. */
int fn_each_output(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const struct json *value = json_get(ev->v->taskrun, "value"), *at = args[0];
    const struct json *known = json_get(ev->v->taskrun, "loops"), *loops[EXPR_DEPTH_MAX];
    size_t count = 0;
    for (const struct json *l = json_first(known); l && json_type(at) == JSON_OBJECT;
         l = json_next(l))
        at = json_get(at, json_str(l, ""));
    if (known) {
        *out = at;
        return at ? 0 : eval_fail(ev, "the task has no outputs in this iteration");
    }
    if (json_type(value) != JSON_STRING)
        return eval_fail(ev, "there is no taskrun.value outside of loops");
    loops[count++] = value;
    for (const struct json *p = json_first(json_get(ev->v->taskrun, "parents"));
         p && count < EXPR_DEPTH_MAX; p = json_next(p)) {
        const struct json *outer = json_get(json_get(p, "taskrun"), "value");
        if (json_type(outer) == JSON_STRING) loops[count++] = outer;
    }
    while (count > 0 && json_type(at) == JSON_OBJECT)
        at = json_get(at, json_str(loops[--count], ""));
    *out = at;
    return at ? 0 : eval_fail(ev, "the task has no outputs in this iteration");
}
