/* Writes one string into one field, with the checks of its row. */
#include "base/opt_value.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int opt_complain(struct err *e, const char *label, const char *fmt, ...)
{
    char what[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (n < 0) what[0] = '\0';
    return err_set(e, ERR_INVALID, "%s: %s", label, what);
}

void *opt_field(const struct opt_set *s, size_t row)
{
    return (char *)s->config + s->table[row].offset;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* A number of the row's kind as text for messages. */
static void format_number(const struct opt *o, int64_t n, char out[DURATION_TEXT_SIZE])
{
    if (o->type == OPT_DURATION) {
        duration_format(n, out);
    } else if (o->type == OPT_SIZE) {
        size_format(n, out);
    } else {
        snprintf(out, DURATION_TEXT_SIZE, "%" PRId64, n);
    }
}

static int check_range(const struct opt *o, int64_t n, const char *label, struct err *e)
{
    if ((o->min == 0 && o->max == 0) || (n >= o->min && n <= o->max)) return 0;
    char is[DURATION_TEXT_SIZE], min[DURATION_TEXT_SIZE], max[DURATION_TEXT_SIZE];
    format_number(o, n, is);
    format_number(o, o->min, min);
    format_number(o, o->max, max);
    if (o->max == INT64_MAX) return opt_complain(e, label, "must be at least %s, not %s", min, is);
    bool from_zero = o->min == 0 && o->type != OPT_INT; /* no less can be written */
    if (o->min == INT64_MIN || from_zero)
        return opt_complain(e, label, "must be at most %s, not %s", max, is);
    return opt_complain(e, label, "must be between %s and %s, not %s", min, max, is);
}

static int parse_int(const char *text, int64_t *n, const char *label, struct err *e)
{
    if (str_int64(text, n) == 0) return 0;
    char shown[STR_QUOTE_SIZE];
    str_quote(shown, text);
    const char *digits = *text == '-' ? text + 1 : text;
    size_t whole = strspn(digits, "0123456789");
    if (whole > 0 && !digits[whole]) return opt_complain(e, label, "%s is too large", shown);
    size_t point = strspn(digits, "0123456789.");
    if (whole > 0 && !digits[point])
        return opt_complain(e, label, "%s is not a whole number", shown);
    return opt_complain(e, label, "%s is not a number", shown);
}

static int parse_number(const struct opt *o, const char *text, int64_t *n, const char *label,
                        struct err *e)
{
    struct err why = {0, ""};
    int rc;
    if (o->type == OPT_INT) return parse_int(text, n, label, e);
    if (o->type == OPT_DURATION) {
        rc = duration_parse(text, n, &why);
    } else {
        rc = size_parse(text, n, &why);
    }
    return rc == 0 ? 0 : opt_complain(e, label, "%s", err_text(&why));
}

static int parse_bool(const char *text, bool *b, const char *label, struct err *e)
{
    bool yes = str_eq(text, "true") || str_eq(text, "1");
    if (!yes && !str_eq(text, "false") && !str_eq(text, "0")) {
        char shown[STR_QUOTE_SIZE];
        return opt_complain(e, label, "%s is neither true nor false", str_quote(shown, text));
    }
    *b = yes;
    return 0;
}

/* ---- storing --------------------------------------------------------------------------------- */

static void clear_list(struct opt_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        mem_free(l->items[i]);
    mem_free(l->items);
    *l = (struct opt_list){NULL, 0};
}

static void clear_map(struct opt_map *m)
{
    for (size_t i = 0; i < m->count; i++) {
        mem_free(m->items[i].key);
        mem_free(m->items[i].value);
    }
    mem_free(m->items);
    *m = (struct opt_map){NULL, 0};
}

static void clear_string(char **s)
{
    mem_free(*s);
    *s = NULL;
}

static void list_add(struct opt_list *l, const char *item)
{
    l->items = mem_resize(l->items, l->count + 1, sizeof *l->items);
    l->items[l->count++] = mem_strdup(item);
}

/* A key that is there gets the new value. */
static void map_set(struct opt_map *m, const char *key, const char *value)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!str_eq(m->items[i].key, key)) continue;
        mem_free(m->items[i].value);
        m->items[i].value = mem_strdup(value);
        return;
    }
    m->items = mem_resize(m->items, m->count + 1, sizeof *m->items);
    m->items[m->count++] = (struct opt_pair){mem_strdup(key), mem_strdup(value)};
}

/* "a, b or c" of "a|b|c". */
static void list_choices(const char *choices, struct buf *out)
{
    while (*choices) {
        size_t n = strcspn(choices, "|");
        bool last = !choices[n] || !strchr(choices + n + 1, '|');
        (void)buf_add(out, choices, n);
        choices += n + (choices[n] == '|');
        if (*choices) (void)buf_adds(out, last ? " or " : ", ");
    }
}

static int check_choice(const struct opt *o, const char *text, const char *label, struct err *e)
{
    size_t len = strlen(text);
    for (const char *c = o->choices; *c;) {
        size_t n = strcspn(c, "|");
        if (n == len && memcmp(c, text, n) == 0) return 0;
        c += n + (c[n] == '|');
    }
    char shown[STR_QUOTE_SIZE];
    struct buf choices;
    buf_init(&choices, ERR_MSG_MAX);
    list_choices(o->choices, &choices);
    int rc = opt_complain(e, label, "%s is not one of %s", str_quote(shown, text), choices.data);
    buf_fini(&choices);
    return rc;
}

/* A value in quotes, without its secrets. */
static const char *quote(const struct opt *o, char out[STR_QUOTE_SIZE], const char *text)
{
    char *shown = o->shown ? o->shown(text) : NULL;
    str_quote(out, shown ? shown : text);
    mem_free(shown);
    return out;
}

static int run_check(const struct opt *o, const char *text, const char *label, struct err *e)
{
    struct err why = {0, ""};
    bool clears = o->may_clear && !*text;
    if (o->choices && !clears && check_choice(o, text, label, e) != 0) return ERR_INVALID;
    if (!o->check || o->check(text, &why) == 0) return 0;
    char shown[STR_QUOTE_SIZE];
    quote(o, shown, text);
    if (str_empty(why.msg)) return opt_complain(e, label, "%s is not valid", shown);
    /* a check may have named the value itself */
    if (strstr(why.msg, shown)) return opt_complain(e, label, "%s", why.msg);
    /* "'x' is not ...", "'x' must be ..."; else the reason is a sentence of its own */
    bool goes_on = str_starts(why.msg, "is ") || str_starts(why.msg, "must ");
    return opt_complain(e, label, "%s%s %s", shown, goes_on ? "" : ":", why.msg);
}

int opt_put_pair(const struct opt *o, void *field, const char *key, const char *value,
                 const char *label, struct err *e)
{
    char shown[STR_QUOTE_SIZE];
    str_quote(shown, key);
    if (!*key) return opt_complain(e, label, "the key is missing");
    if (strchr(key, '=')) return opt_complain(e, label, "%s: a key has no '='", shown);
    char *pair = str_dupf("%s=%s", key, value);
    int rc = run_check(o, pair, label, e);
    mem_free(pair);
    if (rc == 0 && field) map_set(field, key, value);
    return rc;
}

static int put_map_text(const struct opt *o, void *field, const char *text, const char *label,
                        struct err *e)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        char shown[STR_QUOTE_SIZE];
        return opt_complain(e, label, "%s is not %s", str_quote(shown, text),
                            equals || !o->value_name ? "KEY=VALUE" : o->value_name);
    }
    char *key = mem_strndup(text, (size_t)(equals - text));
    int rc = opt_put_pair(o, field, key, equals + 1, label, e);
    mem_free(key);
    return rc;
}

static int put_number(const struct opt *o, int64_t *field, const char *text, const char *label,
                      struct err *e)
{
    int64_t n = 0;
    int rc = parse_number(o, text, &n, label, e);
    if (rc == 0) rc = check_range(o, n, label, e);
    if (rc == 0) rc = run_check(o, text, label, e);
    if (rc == 0 && field) *field = n;
    return rc;
}

static int put_bool(const struct opt *o, bool *field, const char *text, const char *label,
                    struct err *e)
{
    bool b = false;
    int rc = parse_bool(text, &b, label, e);
    if (rc == 0) rc = run_check(o, text, label, e);
    if (rc == 0 && field) *field = b;
    return rc;
}

int opt_check_utf8(const char *label, const char *what, struct err *e)
{
    char shown[STR_QUOTE_SIZE];
    size_t len = strlen(what), bad = str_utf8_bad(what, len);
    if (bad == len) return 0;
    return opt_complain(e, label, "%s: not UTF-8 at byte %zu", str_quote(shown, what), bad + 1);
}

static int put_item(const struct opt *o, struct opt_list *field, const char *text,
                    const char *label, struct err *e)
{
    int rc = run_check(o, text, label, e);
    if (rc == 0 && field) list_add(field, text);
    return rc;
}

int opt_put(const struct opt *o, void *field, const char *text, const char *label, struct err *e)
{
    bool bad = !o->is_path && !str_utf8_valid(text, strlen(text));
    if (bad && o->shown) return opt_complain(e, label, "is not UTF-8");
    if (bad) return opt_check_utf8(label, text, e);
    if (o->is_path && !*text) return opt_complain(e, label, "is empty; a path is expected");
    switch (o->type) {
    case OPT_INT:
    case OPT_DURATION:
    case OPT_SIZE:
        return put_number(o, field, text, label, e);
    case OPT_BOOL:
        return put_bool(o, field, text, label, e);
    case OPT_MAP:
        return put_map_text(o, field, text, label, e);
    case OPT_LIST:
        if (!*text && !o->may_clear) return opt_complain(e, label, "an item is empty");
        return put_item(o, field, text, label, e);
    case OPT_TREE:
        return opt_complain(e, label, "can be set in the file alone");
    case OPT_STRING:
        break;
    }
    int rc = run_check(o, text, label, e);
    if (rc == 0 && field) {
        clear_string(field);
        *(char **)field = mem_strdup(text);
    }
    return rc;
}

static void clear(const struct opt *o, void *field)
{
    if (o->type == OPT_STRING) clear_string(field);
    if (o->type == OPT_LIST) clear_list(field);
    if (o->type == OPT_MAP) clear_map(field);
    if (o->type == OPT_TREE) {
        json_free(*(struct json **)field);
        *(struct json **)field = NULL;
    }
}

bool opt_take(struct opt_set *s, size_t row, enum opt_source source)
{
    if (s->sources[row] > source) return false;
    bool repeated = source == OPT_FROM_FLAG && s->sources[row] == source;
    const struct opt *o = &s->table[row];
    bool grows = o->type == OPT_LIST || o->type == OPT_MAP || o->type == OPT_TREE;
    if (!repeated && grows) clear(o, opt_field(s, row));
    s->sources[row] = source;
    return true;
}

void opt_fini(struct opt_set *s)
{
    for (size_t row = 0; row < s->count; row++)
        clear(&s->table[row], opt_field(s, row));
    mem_free(s->sources);
    s->sources = NULL;
    s->count = 0;
}
