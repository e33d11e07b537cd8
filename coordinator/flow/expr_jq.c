/* The filter jq: paths, and nothing else of jq's language.
 *
 *   path = step { step | "|" step }
 *   step = "." | ".name" | "."text"" | [ "." ] "[" ( "]" | index "]" | "text"]" | from ":" to "]" )
 *          each with "?" behind it, which leaves out what it does not fit
 *
 * As in jq: the result is a list of all values that the path leads to, a name or an index that is
 * not there gives null, and a negative index counts from the end. */
#include "coordinator/flow/expr_functions.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define JQ_NAME_MAX 256 /* bytes */

enum jq_kind { JQ_SAME, JQ_NAME, JQ_INDEX, JQ_SLICE, JQ_EACH };

struct jq_step {
    enum jq_kind kind;
    char name[JQ_NAME_MAX + 1];
    int64_t from, to; /* of INDEX and SLICE */
    bool has_from, has_to, optional;
};

/* ---- reading --------------------------------------------------------------------------------- */

static int beyond(const char *s, struct err *e)
{
    char shown[STR_QUOTE_SIZE];
    if (!*s) return err_set(e, ERR_INVALID, "the path ends too early");
    return err_set(e, ERR_INVALID,
                   "paths such as .a[0].b and .a[].b are supported, and not %s: let a script work "
                   "it out",
                   str_quote(shown, s));
}

static const char *skip(const char *s)
{
    return s + strspn(s, " \t\r\n");
}

/* "text", with JSON's escapes. */
static int take_text(const char **s, struct jq_step *out, struct err *e)
{
    const char *end = *s + 1;
    struct json *j = NULL;
    while (*end && *end != '"')
        end += end[0] == '\\' && end[1] ? 2 : 1;
    if (!*end) return beyond(*s, e);
    int rc = json_parse(*s, (size_t)(end + 1 - *s), &j, e);
    if (rc == 0 && str_copy(out->name, sizeof out->name, json_str(j, "")))
        rc = err_set(e, ERR_INVALID, "a name has at most %d bytes", JQ_NAME_MAX);
    json_free(j);
    *s = end + 1;
    out->kind = JQ_NAME;
    return rc;
}

static bool take_int(const char **s, int64_t *out)
{
    char text[24];
    size_t len = **s == '-' ? 1 : 0;
    len += strspn(*s + len, "0123456789");
    if (len == 0 || len >= sizeof text) return false;
    memcpy(text, *s, len);
    text[len] = '\0';
    *s += len;
    return str_int64(text, out) == 0;
}

/* Behind "[". */
static int take_bracket(const char **s, struct jq_step *out, struct err *e)
{
    const char *from = *s;
    *s = skip(*s);
    if (**s == '"') {
        int rc = take_text(s, out, e);
        if (rc) return rc;
    } else if (**s == ']') {
        out->kind = JQ_EACH;
    } else {
        out->kind = JQ_INDEX;
        out->has_from = take_int(s, &out->from);
        *s = skip(*s);
        if (**s == ':') {
            out->kind = JQ_SLICE;
            *s = skip(*s + 1);
            out->has_to = take_int(s, &out->to);
        }
        if (!out->has_from && !out->has_to) return beyond(from, e);
    }
    *s = skip(*s);
    if (**s != ']') return beyond(from, e);
    ++*s;
    return 0;
}

static size_t name_length(const char *s)
{
    size_t len = 0;
    while ((s[len] >= 'a' && s[len] <= 'z') || (s[len] >= 'A' && s[len] <= 'Z') || s[len] == '_' ||
           (len > 0 && s[len] >= '0' && s[len] <= '9'))
        len++;
    return len;
}

/* Takes the next step; there is one. `first`: of the path, or behind "|". */
static int take_step(const char **s, bool first, struct jq_step *out, struct err *e)
{
    int rc = 0;
    *out = (struct jq_step){.kind = JQ_SAME};
    if (**s == '[' && !first) {
        ++*s;
        rc = take_bracket(s, out, e);
    } else if (**s != '.') {
        return beyond(*s, e);
    } else if ((*s)[1] == '"') {
        ++*s;
        rc = take_text(s, out, e);
    } else if ((*s)[1] == '[') {
        *s += 2;
        rc = take_bracket(s, out, e);
    } else {
        size_t len = name_length(++*s);
        if (len > JQ_NAME_MAX || (len == 0 && (!first || **s == '.'))) return beyond(*s - 1, e);
        memcpy(out->name, *s, len);
        *s += len;
        if (len > 0) out->kind = JQ_NAME;
    }
    if (rc == 0 && **s == '?') {
        out->optional = true;
        ++*s;
    }
    return rc;
}

/* To the next step: behind a "|", or where the path goes on. *first as take_step has it. false: it
 * is over, or goes on with something else. */
static bool next_step(const char **s, bool *first)
{
    *s = skip(*s);
    *first = **s == '|';
    if (*first) *s = skip(*s + 1);
    return *first || **s;
}

int check_jq(const struct json *const *args, const struct expr_scope *scope, struct err *e)
{
    struct jq_step step;
    bool first = true;
    (void)scope;
    if (!args[1]) return 0;
    if (json_type(args[1]) != JSON_STRING) return err_set(e, ERR_INVALID, "the path is a text");
    const char *s = skip(json_str(args[1], ""));
    int rc;
    do
        rc = take_step(&s, first, &step, e);
    while (rc == 0 && next_step(&s, &first));
    return rc;
}

/* ---- evaluation ------------------------------------------------------------------------------ */

struct stream {
    const struct json **items; /* NULL: null */
    size_t count, room;
};

static int push(struct eval *ev, struct stream *out, const struct json *j)
{
    int rc = eval_charge(ev, 1);
    if (rc) return rc;
    if (out->count == out->room) {
        out->room = out->room ? 2 * out->room : 8;
        out->items = mem_resize(out->items, out->room, sizeof *out->items);
    }
    out->items[out->count++] = j;
    return 0;
}

static int64_t within(int64_t at, int64_t length)
{
    if (at < 0) at += length;
    return at < 0 ? 0 : at > length ? length : at;
}

static int slice(struct eval *ev, const struct jq_step *step, const struct json *j,
                 struct stream *out)
{
    struct json *list = json_new(JSON_ARRAY), *copy;
    const struct json *made;
    int64_t length = (int64_t)json_count(j), at = 0;
    int64_t from = step->has_from ? within(step->from, length) : 0;
    int64_t to = step->has_to ? within(step->to, length) : length;
    int rc = 0;
    for (const struct json *c = json_first(j); c && at < to && rc == 0; c = json_next(c), at++) {
        if (at < from) continue;
        rc = eval_copy(ev, c, &copy);
        if (rc == 0) json_push(list, copy);
    }
    if (rc) {
        json_free(list);
        return rc;
    }
    rc = eval_give(ev, list, &made);
    return rc ? rc : push(ev, out, made);
}

static const struct json *item(const struct json *list, int64_t at)
{
    if (at < 0) at += (int64_t)json_count(list);
    const struct json *j = at < 0 ? NULL : json_first(list);
    for (; j && at > 0; at--)
        j = json_next(j);
    return j;
}

static int misfit(struct eval *ev, const struct jq_step *step, const struct json *j)
{
    if (step->optional) return 0;
    if (step->kind == JQ_NAME)
        return eval_fail(ev, "there is no .%.40s in %s", step->name, value_name(j));
    return eval_fail(ev, "%s is no list", value_name(j));
}

static int apply(struct eval *ev, const struct jq_step *step, const struct json *j,
                 struct stream *out)
{
    enum json_type type = json_type(j);
    int rc = 0;
    if (step->kind == JQ_SAME) return push(ev, out, j);
    if (type == JSON_NULL && step->kind != JQ_EACH) return push(ev, out, NULL);
    if (step->kind == JQ_NAME && type == JSON_OBJECT) return push(ev, out, json_get(j, step->name));
    if (step->kind == JQ_INDEX && type == JSON_ARRAY) return push(ev, out, item(j, step->from));
    if (step->kind == JQ_SLICE && type == JSON_ARRAY) return slice(ev, step, j, out);
    if (step->kind != JQ_EACH || (type != JSON_ARRAY && type != JSON_OBJECT))
        return misfit(ev, step, j);
    for (const struct json *c = json_first(j); c && rc == 0; c = json_next(c))
        rc = push(ev, out, c);
    return rc;
}

/* All steps, one after the other, each on all values that the one before led to. */
static int follow(struct eval *ev, const char *s, struct stream *values)
{
    struct jq_step step;
    struct err e = {0};
    bool first = true;
    int rc = 0;
    s = skip(s);
    do {
        struct stream next = {0};
        if (take_step(&s, first, &step, &e)) return eval_fail(ev, "%s", err_text(&e));
        for (size_t i = 0; i < values->count && rc == 0; i++)
            rc = apply(ev, &step, values->items[i], &next);
        mem_free(values->items);
        *values = next;
    } while (rc == 0 && next_step(&s, &first));
    return rc;
}

static int give_stream(struct eval *ev, const struct stream *values, const struct json **out)
{
    struct json *list = json_new(JSON_ARRAY), *copy;
    int rc = 0;
    for (size_t i = 0; i < values->count && rc == 0; i++) {
        rc = eval_copy(ev, values->items[i], &copy);
        if (rc == 0) json_push(list, copy);
    }
    if (rc == 0) return eval_give(ev, list, out);
    json_free(list);
    return rc;
}

int fn_jq(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const struct json *input = args[0];
    struct stream values = {0};
    struct err e = {0};
    struct json *read = NULL;
    int rc = 0;
    if (json_type(args[1]) != JSON_STRING) return eval_fail(ev, "the path is a text");
    if (json_type(input) == JSON_STRING) {
        const char *text = json_str(input, "");
        if (json_parse(text, strlen(text), &read, &e)) return eval_fail(ev, "%s", err_text(&e));
        rc = eval_give(ev, read, &input);
    }
    if (rc == 0) rc = push(ev, &values, input);
    if (rc == 0) rc = follow(ev, json_str(args[1], ""), &values);
    if (rc == 0) rc = give_stream(ev, &values, out);
    mem_free(values.items);
    return rc;
}
