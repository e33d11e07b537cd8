/* Every function here relies on json_scan having taken the text: brackets are balanced, strings are
 * closed, escapes are whole. */
#include "base/json_walk.h"

#include "base/json_scan.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INT_MAX_EXACT 9007199254740992.0 /* 2^53 */
#define INT_CHARS_MAX 20                 /* characters of an integer of 64 bits, with its sign */

static bool blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && blank(*at))
        at++;
    return at;
}

/* Stands on the opening quote; returns the place behind the closing one: the first quote that has
 * an even number of backslashes in front of it. Strings are most of a large text, and memchr reads
 * them many bytes at a time. */
static const char *skip_string(const char *at, const char *end)
{
    const char *quote = at;
    for (;;) {
        const char *from = quote + 1, *before = NULL;
        quote = memchr(from, '"', (size_t)(end - from));
        before = quote;
        while (before > at + 1 && before[-1] == '\\')
            before--;
        if ((quote - before) % 2 == 0) return quote + 1;
    }
}

static const char *skip_container(const char *at, const char *end)
{
    int depth = 0;
    for (;;) {
        switch (*at) {
        case '"':
            at = skip_string(at, end);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0) return at + 1;
            break;
        default:
            break;
        }
        at++;
    }
}

static const char *skip_value(const char *at, const char *end)
{
    if (*at == '"') return skip_string(at, end);
    if (*at == '{' || *at == '[') return skip_container(at, end);
    while (at < end && !blank(*at) && *at != ',' && *at != '}' && *at != ']')
        at++;
    return at;
}

static struct json_value value_at(const char *at, const char *end)
{
    return (struct json_value){at, (size_t)(skip_value(at, end) - at)};
}

static struct json_value trimmed(const char *text, size_t len)
{
    const char *at = skip_blanks(text, text + len);
    while (blank(text[len - 1]))
        len--;
    return (struct json_value){at, (size_t)(text + len - at)};
}

int json_check(const char *text, size_t len, struct json_value *out, struct err *e)
{
    struct json_fault fault;
    if (json_scan(text, len, &fault) != 0) return json_fault_say(&fault, text, e);
    *out = trimmed(text, len);
    return 0;
}

int json_check_members(const char *text, size_t len, struct json_members *out, struct err *e)
{
    struct json_fault fault;
    if (json_scan_members(text, len, out, &fault) != 0) return json_fault_say(&fault, text, e);
    out->object = trimmed(text, len);
    return 0;
}

enum json_type json_value_type(struct json_value v)
{
    switch (v.len > 0 ? v.text[0] : 'n') {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* ---- objects and arrays ---------------------------------------------------------------------- */

void json_walk_init(struct json_walk *w, struct json_value container)
{
    enum json_type type = json_value_type(container);
    w->members = type == JSON_OBJECT;
    w->at = w->end = container.text;
    w->noted = NULL;
    w->left = 0;
    if (type != JSON_OBJECT && type != JSON_ARRAY) return;
    w->end = container.text + container.len - 1;
    w->at = skip_blanks(container.text + 1, w->end);
}

/* Behind a value: on the next one, or at the end. */
static const char *skip_comma(const char *at, const char *end)
{
    at = skip_blanks(at, end);
    return at < end ? skip_blanks(at + 1, end) : at;
}

void json_walk_members(struct json_walk *w, const struct json_members *m)
{
    json_walk_init(w, m->object);
    if (m->count == 0) return;
    const struct json_value *last = &m->list[m->count - 1].value;
    w->noted = m->list;
    w->left = m->count;
    w->at = skip_comma(last->text + last->len, w->end);
}

bool json_walk_next(struct json_walk *w, struct json_value *key, struct json_value *value)
{
    if (w->left > 0) {
        *key = w->noted->key;
        *value = w->noted->value;
        w->noted++;
        w->left--;
        return true;
    }
    if (w->at == w->end) return false;
    *key = (struct json_value){NULL, 0};
    if (w->members) {
        *key = value_at(w->at, w->end);
        w->at = skip_blanks(key->text + key->len, w->end);
        w->at = skip_blanks(w->at + 1, w->end); /* the colon */
    }
    *value = value_at(w->at, w->end);
    w->at = skip_comma(value->text + value->len, w->end);
    return true;
}

struct json_value json_value_get(struct json_value object, const char *key)
{
    struct json_walk w;
    struct json_value k, v;
    if (json_value_type(object) == JSON_OBJECT) {
        json_walk_init(&w, object);
        while (json_walk_next(&w, &k, &v)) {
            if (json_value_is(k, key)) return v;
        }
    }
    return (struct json_value){NULL, 0};
}

size_t json_value_count(struct json_value v)
{
    struct json_walk w;
    struct json_value key, one;
    size_t n = 0;
    json_walk_init(&w, v);
    while (json_walk_next(&w, &key, &one))
        n++;
    return n;
}

/* ---- strings --------------------------------------------------------------------------------- */

char *json_value_str(struct json_value v)
{
    if (json_value_type(v) != JSON_STRING) return NULL;
    char *s = mem_resize(NULL, v.len - 1, 1); /* without the two quotes, with one NUL */
    s[json_unescape(s, v.text + 1, v.len - 2)] = '\0';
    return s;
}

bool json_value_escaped(struct json_value v)
{
    return json_value_type(v) == JSON_STRING && memchr(v.text, '\\', v.len) != NULL;
}

bool json_value_text(struct json_value v, char *dst, size_t size)
{
    if (json_value_type(v) != JSON_STRING) return false;
    if (!json_value_escaped(v)) {
        if (v.len - 2 >= size) return false;
        memcpy(dst, v.text + 1, v.len - 2);
        dst[v.len - 2] = '\0';
        return true;
    }
    char *s = json_value_str(v);
    bool fits = str_copy(dst, size, s) == 0;
    mem_free(s);
    return fits;
}

size_t json_value_str_size(struct json_value v)
{
    if (json_value_type(v) != JSON_STRING) return 0;
    if (!json_value_escaped(v)) return v.len - 2;
    char *s = json_value_str(v);
    size_t len = strlen(s);
    mem_free(s);
    return len;
}

static bool begins_with(struct json_value v, const char *text, bool whole)
{
    size_t len = strlen(text);
    if (json_value_type(v) != JSON_STRING) return false;
    if (!json_value_escaped(v)) {
        size_t have = v.len - 2;
        return (whole ? have == len : have >= len) && memcmp(v.text + 1, text, len) == 0;
    }
    char *s = json_value_str(v);
    bool is = whole ? strcmp(s, text) == 0 : strncmp(s, text, len) == 0;
    mem_free(s);
    return is;
}

bool json_value_is(struct json_value v, const char *text)
{
    return begins_with(v, text, true);
}

bool json_value_starts(struct json_value v, const char *text)
{
    return begins_with(v, text, false);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool digits_alone(struct json_value v, int64_t *out)
{
    bool minus = v.text[0] == '-';
    uint64_t n = 0; /* that of the least integer does not fit into another */
    if (v.len > INT_CHARS_MAX) return false;
    for (size_t i = minus; i < v.len; i++) {
        if (v.text[i] < '0' || v.text[i] > '9') return false;
        n = n * 10 + (uint64_t)(v.text[i] - '0');
    }
    *out = minus ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

bool json_value_int(struct json_value v, int64_t *out)
{
    char text[JSON_NUMBER_CHARS_MAX + 1];
    if (json_value_type(v) != JSON_NUMBER) return false;
    if (digits_alone(v, out)) return true;
    if (v.len > JSON_NUMBER_CHARS_MAX) return false;
    memcpy(text, v.text, v.len);
    text[v.len] = '\0';
    double n = strtod(text, NULL);
    if (fabs(n) > INT_MAX_EXACT || n != floor(n)) return false;
    *out = (int64_t)n;
    return true;
}

bool json_value_true(struct json_value v)
{
    return v.len > 0 && v.text[0] == 't';
}

/* ---- texts of values ------------------------------------------------------------------------- */

/* Writes to `out` unless it is NULL. */
static size_t compact(struct json_value v, char *out)
{
    size_t n = 0;
    for (const char *at = v.text, *end = v.text + v.len; at < end;) {
        if (blank(*at)) {
            at++;
            continue;
        }
        const char *next = *at == '"' ? skip_string(at, end) : at + 1;
        if (out) memcpy(out + n, at, (size_t)(next - at));
        n += (size_t)(next - at);
        at = next;
    }
    return n;
}

size_t json_value_compact_size(struct json_value v)
{
    return compact(v, NULL);
}

char *json_value_compact(struct json_value v)
{
    char *text = mem_resize(NULL, v.len + 1, 1);
    text[compact(v, text)] = '\0';
    return text;
}
