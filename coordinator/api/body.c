/* See body.h. */
#include "coordinator/api/body.h"

#include "base/duration.h"
#include "base/str.h"
#include "wire/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void body_fail(struct body *b, const char *key, const char *fmt, ...)
{
    char text[400], field[128];
    if (b->p->status) return;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= (int)sizeof text) text[str_utf8_whole(text, strlen(text))] = '\0';
    if (str_format(field, sizeof field, "%s%s", b->at, key)) field[0] = '\0';
    problem_field(b->p, field, "%s%s: %s", b->at, key, text);
}

void body_known(struct body *b, const char *const *keys, size_t count)
{
    for (const struct json *j = json_first(b->object); j; j = json_next(j)) {
        const char *key = json_key(j);
        size_t k = 0;
        while (k < count && !str_eq(keys[k], key))
            k++;
        if (k < count) continue;
        char shown[100], suggestion[STR_SUGGEST_SIZE];
        (void)snprintf(shown, sizeof shown, "%.90s", key);
        shown[str_utf8_whole(shown, strlen(shown))] = '\0';
        body_fail(b, shown, "unknown field%s", str_suggest_nearest(suggestion, key, keys, count));
        return;
    }
}

static const struct json *member(const struct body *b, const char *key)
{
    const struct json *j = json_get(b->object, key);
    return json_type(j) == JSON_NULL ? NULL : j;
}

bool body_has(const struct body *b, const char *key)
{
    return member(b, key) != NULL;
}

static const struct json *typed(struct body *b, const char *key, enum json_type type,
                                const char *what)
{
    const struct json *j = member(b, key);
    if (!j || json_type(j) == type) return j;
    body_fail(b, key, "must be %s", what);
    return NULL;
}

const char *body_str(struct body *b, const char *key, size_t max_bytes)
{
    const char *s = json_str(typed(b, key, JSON_STRING, "a string"), NULL);
    if (!s) return NULL;
    if (strlen(s) > max_bytes) {
        body_fail(b, key, "has %zu bytes, at most %zu are allowed", strlen(s), max_bytes);
        return NULL;
    }
    return s;
}

int64_t body_int(struct body *b, const char *key, int64_t min, int64_t max, int64_t fallback)
{
    const struct json *j = member(b, key);
    if (!j) return fallback;
    if (json_is_int(j) && json_int(j, 0) >= min && json_int(j, 0) <= max) return json_int(j, 0);
    body_fail(b, key, "must be a whole number from %lld to %lld", (long long)min, (long long)max);
    return fallback;
}

double body_num(struct body *b, const char *key, double min, double max, double fallback)
{
    const struct json *j = member(b, key);
    if (!j) return fallback;
    if (json_type(j) == JSON_NUMBER && json_num(j, 0) >= min && json_num(j, 0) <= max)
        return json_num(j, 0);
    body_fail(b, key, "must be a number from %g to %g", min, max);
    return fallback;
}

bool body_bool(struct body *b, const char *key, bool fallback)
{
    return json_bool(typed(b, key, JSON_BOOL, "true or false"), fallback);
}

int64_t body_duration(struct body *b, const char *key, int64_t min_ms, int64_t max_ms,
                      int64_t fallback)
{
    const char *s =
        json_str(typed(b, key, JSON_STRING, "a duration as text, such as \"30s\" or \"PT30S\""),
                 NULL);
    struct err e = {0};
    int64_t ms;
    if (!s) return fallback;
    if (duration_parse(s, &ms, &e)) {
        body_fail(b, key, "%s", err_text(&e));
        return fallback;
    }
    if (ms >= min_ms && ms <= max_ms) return ms;
    char least[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];
    duration_format(min_ms, least);
    duration_format(max_ms, most);
    body_fail(b, key, "must be from %s to %s", least, most);
    return fallback;
}

const struct json *body_object(struct body *b, const char *key)
{
    return typed(b, key, JSON_OBJECT, "an object");
}

const struct json *body_array(struct body *b, const char *key)
{
    return typed(b, key, JSON_ARRAY, "a list");
}

int body_choice(struct body *b, const char *key, const char *const *names, size_t count,
                int fallback)
{
    const char *s = json_str(typed(b, key, JSON_STRING, "a string"), NULL);
    char all[160] = "";
    if (!s) return fallback;
    for (size_t i = 0; i < count; i++) {
        if (str_eq(names[i], s)) return (int)i;
        size_t len = strlen(all);
        (void)str_format(all + len, sizeof all - len, "%s%s", i ? ", " : "", names[i]);
    }
    body_fail(b, key, "'%.60s' is not one of %s", s, all);
    return fallback;
}

const char *body_group_key(struct body *b, const char *key)
{
    const char *s = body_str(b, key, 4 * LIMIT_GROUP_KEY);
    if (!s || str_key_valid(s)) return s;
    body_fail(b, key,
              "'%.63s' is not a group's key: 1 to 63 letters, digits, '_' and '-', the first a "
              "letter or digit",
              s);
    return NULL;
}

const char *body_name(struct body *b, const char *key)
{
    const char *s = body_str(b, key, LIMIT_NAME);
    struct err why;
    if (!s || str_name_check(s, &why) == 0) return s;
    body_fail(b, key, "%s", err_text(&why));
    return NULL;
}

const char *body_namespace(struct body *b, const char *key)
{
    const char *s = body_str(b, key, LIMIT_NAMESPACE);
    if (!s || str_namespace_valid(s)) return s;
    body_fail(b, key,
              "'%.80s' is not a namespace: words of letters, digits, '_' and '-' joined by dots",
              s);
    return NULL;
}
