/* The functions, filters and tests, by name, and how their arguments are matched.
 * docs/expressions.md has the same table; a test compares the two. */
#include "coordinator/flow/expr_functions.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/expr_eval.h"

#include <string.h>

#define FUNCTION EXPR_IS_FUNCTION
#define FILTER EXPR_IS_FILTER
#define TEST EXPR_IS_TEST
#define ZONED "timeZone existingFormat"
#define DATE "format timeZone existingFormat locale"

static const struct expr_function functions[] = {
    {.name = "abbreviate", .kinds = FILTER, .params = "length", .needed = 1, .fn = fn_abbreviate},
    {.name = "abs", .kinds = FILTER, .fn = fn_abs},
    {.name = "base64decode", .kinds = FILTER, .fn = fn_base64decode},
    {.name = "base64encode", .kinds = FILTER, .fn = fn_base64encode},
    {.name = "capitalize", .kinds = FILTER, .fn = fn_capitalize},
    {.name = "chunk", .kinds = FILTER, .params = "size", .needed = 1, .fn = fn_chunk},
    {.name = "currentEachOutput",
     .kinds = FUNCTION,
     .params = "outputs",
     .needed = 1,
     .fn = fn_each_output},
    {.name = "date", .kinds = FILTER, .params = DATE, .fn = fn_date, .check = check_date},
    {.name = "dateAdd",
     .kinds = FILTER,
     .params = "amount unit " DATE,
     .needed = 2,
     .fn = fn_date_add,
     .check = check_date_add},
    {.name = "default",
     .kinds = FILTER,
     .params = "default",
     .needed = 1,
     .fn = fn_default,
     .takes_null = true,
     .takes_missing = true},
    {.name = "defined", .kinds = TEST, .fn = fn_defined, .takes_missing = true},
    {.name = "empty", .kinds = TEST, .fn = fn_empty},
    {.name = "endsWith", .kinds = FILTER, .params = "value", .needed = 1, .fn = fn_ends_with},
    {.name = "errorLogs", .kinds = FUNCTION, .fn = fn_error_logs},
    {.name = "escapeChar",
     .kinds = FILTER,
     .params = "type",
     .needed = 1,
     .fn = fn_escape_char,
     .check = check_escape_char},
    {.name = "even", .kinds = TEST, .fn = fn_even},
    {.name = "first", .kinds = FILTER, .fn = fn_first},
    {.name = "flatten", .kinds = FILTER, .fn = fn_flatten},
    {.name = "fromJson", .kinds = FUNCTION, .params = "json", .needed = 1, .fn = fn_from_json},
    {.name = "indent", .kinds = FILTER, .params = "amount prefix", .needed = 1, .fn = fn_indent},
    {.name = "iterable", .kinds = TEST, .fn = fn_iterable},
    {.name = "join", .kinds = FILTER, .params = "separator", .fn = fn_join},
    {.name = "jq",
     .kinds = FILTER,
     .params = "expression",
     .needed = 1,
     .fn = fn_jq,
     .check = check_jq},
    {.name = "json", .kinds = FILTER, .fn = fn_to_json, .takes_null = true},
    {.name = "json", .kinds = FUNCTION, .params = "json", .needed = 1, .fn = fn_from_json},
    {.name = "json", .kinds = TEST, .fn = fn_is_json},
    {.name = "keys", .kinds = FILTER, .fn = fn_keys},
    {.name = "last", .kinds = FILTER, .fn = fn_last},
    {.name = "length", .kinds = FILTER, .fn = fn_length, .takes_null = true},
    {.name = "lower", .kinds = FILTER, .fn = fn_lower},
    {.name = "map", .kinds = TEST, .fn = fn_is_map},
    {.name = "max", .kinds = FUNCTION, .needed = 1, .fn = fn_max, .takes_many = true},
    {.name = "merge",
     .kinds = FILTER,
     .params = "items",
     .needed = 1,
     .fn = fn_merge,
     .takes_null = true},
    {.name = "min", .kinds = FUNCTION, .needed = 1, .fn = fn_min, .takes_many = true},
    {.name = "nindent", .kinds = FILTER, .params = "amount prefix", .needed = 1, .fn = fn_nindent},
    {.name = "now", .kinds = FUNCTION, .params = DATE, .fn = fn_now, .check = check_now},
    {.name = "null", .kinds = TEST, .fn = fn_is_null},
    {.name = "number", .kinds = FILTER, .params = "type", .fn = fn_number, .check = check_number},
    {.name = "odd", .kinds = TEST, .fn = fn_odd},
    {.name = "range",
     .kinds = FUNCTION,
     .params = "start end increment",
     .needed = 2,
     .fn = fn_range},
    {.name = "render", .kinds = FUNCTION, .params = "toRender recursive", .needed = 1},
    {.name = "renderOnce", .kinds = FUNCTION, .params = "toRender", .needed = 1},
    {.name = "replace",
     .kinds = FILTER,
     .params = "replace_pairs regexp",
     .needed = 1,
     .fn = fn_replace,
     .check = check_replace},
    {.name = "reverse", .kinds = FILTER, .fn = fn_reverse},
    {.name = "rsort", .kinds = FILTER, .fn = fn_rsort},
    {.name = "slice", .kinds = FILTER, .params = "fromIndex toIndex", .fn = fn_slice},
    {.name = "slugify", .kinds = FILTER, .fn = fn_slugify},
    {.name = "sort", .kinds = FILTER, .fn = fn_sort},
    {.name = "split",
     .kinds = FILTER,
     .params = "delimiter limit",
     .needed = 1,
     .fn = fn_split,
     .check = check_split},
    {.name = "startsWith", .kinds = FILTER, .params = "value", .needed = 1, .fn = fn_starts_with},
    {.name = "string", .kinds = FILTER, .fn = fn_string},
    {.name = "substringAfter", .kinds = FILTER, .params = "separator", .needed = 1, .fn = fn_after},
    {.name = "substringAfterLast",
     .kinds = FILTER,
     .params = "separator",
     .needed = 1,
     .fn = fn_after_last},
    {.name = "substringBefore",
     .kinds = FILTER,
     .params = "separator",
     .needed = 1,
     .fn = fn_before},
    {.name = "substringBeforeLast",
     .kinds = FILTER,
     .params = "separator",
     .needed = 1,
     .fn = fn_before_last},
    {.name = "timestamp",
     .kinds = FILTER,
     .params = ZONED,
     .fn = fn_timestamp,
     .check = check_timestamp},
    {.name = "timestampMilli",
     .kinds = FILTER,
     .params = ZONED,
     .fn = fn_timestamp_milli,
     .check = check_timestamp},
    {.name = "title", .kinds = FILTER, .fn = fn_title},
    {.name = "toJson", .kinds = FILTER, .fn = fn_to_json, .takes_null = true},
    {.name = "trim", .kinds = FILTER, .fn = fn_trim},
    {.name = "upper", .kinds = FILTER, .fn = fn_upper},
    {.name = "urldecode", .kinds = FILTER, .fn = fn_urldecode},
    {.name = "urlencode", .kinds = FILTER, .fn = fn_urlencode},
    {.name = "values", .kinds = FILTER, .fn = fn_values},
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

const struct expr_function *expr_function_at(size_t index)
{
    return index < FUNCTIONS ? &functions[index] : NULL;
}

const struct expr_function *expr_function_find(const char *name, enum expr_callable kind)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (functions[i].kinds & kind && str_eq(functions[i].name, name)) return &functions[i];
    return NULL;
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* The place of a parameter; -1: there is none of that name. */
static int param_find(const char *params, const char *name)
{
    size_t len = strlen(name);
    int at = 0;
    for (const char *p = params ? params : ""; *p; at++) {
        size_t word = strcspn(p, " ");
        if (word == len && memcmp(p, name, len) == 0) return at;
        p += word + (p[word] == ' ');
    }
    return -1;
}

static size_t param_count(const char *params)
{
    size_t count = params && *params ? 1 : 0;
    for (const char *p = params ? params : ""; *p; p++)
        count += *p == ' ';
    return count;
}

/* The word at that place. */
static void param_name(const char *params, size_t at, char out[EXPR_NAME_MAX + 1])
{
    const char *p = params;
    for (; at > 0; at--)
        p += strcspn(p, " ") + 1;
    size_t len = strcspn(p, " ");
    memcpy(out, p, len);
    out[len] = '\0';
}

static bool place_arg(const struct expr_node *c, const struct expr_function *f, size_t front,
                      size_t *next, size_t *at, char sentence[EXPR_SENTENCE_SIZE])
{
    int named = c->arg ? param_find(f->params, c->arg) : -1;
    if (c->arg && named < 0)
        return expr_say(sentence, "%s has no argument '%.40s'%s%s", f->name, c->arg,
                        f->params ? ", only " : "", f->params ? f->params : "");
    *at = front + (c->arg ? (size_t)named : (*next)++);
    size_t most = f->takes_many ? EXPR_ARGS_MAX : front + param_count(f->params);
    if (*at < most) return true;
    if (most == front) return expr_say(sentence, "%s takes no arguments", f->name);
    return expr_say(sentence, "%s takes at most %zu argument%s", f->name, most - front,
                    most - front == 1 ? "" : "s");
}

bool expr_match_args(const struct expr_node *call, const struct expr_function *f,
                     const struct expr_node *args[EXPR_ARGS_MAX], char sentence[EXPR_SENTENCE_SIZE])
{
    size_t front = call->kind == EXPR_CALL ? 0 : 1, next = 0, at;
    char name[EXPR_NAME_MAX + 1];
    memset(args, 0, EXPR_ARGS_MAX * sizeof *args);
    const struct expr_node *c = call->child;
    if (front) {
        args[0] = c;
        c = c->next;
    }
    for (; c; c = c->next) {
        if (!place_arg(c, f, front, &next, &at, sentence)) return false;
        if (args[at]) return expr_say(sentence, "%s is given an argument twice", f->name);
        args[at] = c;
    }
    for (size_t i = 0; i < f->needed; i++) {
        if (args[front + i]) continue;
        if (!f->params) return expr_say(sentence, "%s needs an argument", f->name);
        param_name(f->params, i, name);
        return expr_say(sentence, "%s needs the argument %s", f->name, name);
    }
    return true;
}
