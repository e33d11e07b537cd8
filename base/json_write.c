/* The JSON writer: appends, and keeps just enough to know when a comma is due. */
#include "base/duration.h"
#include "base/id.h"
#include "base/json.h"
#include "base/str.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX ((int)(sizeof((struct jw *)0)->is_array * 8))
#define INT_MAX_EXACT 9007199254740992.0 /* 2^53 */

void jw_init(struct jw *w, struct buf *b)
{
    *w = (struct jw){.b = b};
}

void jw_init_strict(struct jw *w, struct buf *b)
{
    *w = (struct jw){.b = b, .strict = true};
}

static void fail(struct jw *w, int code)
{
    if (w->rc == 0) w->rc = code;
}

static void add(struct jw *w, const char *s, size_t len)
{
    int rc = buf_add(w->b, s, len);
    if (rc != 0) fail(w, rc);
}

/* Bytes that need no escape inside quotes. */
static bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Writes one character that needs an escape; returns how many bytes of s it has. */
static size_t add_special(struct jw *w, const char *s, size_t len)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    unsigned char c = (unsigned char)s[0];
    if (c >= 0x80) {
        size_t need = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (need <= len && str_utf8_valid(s, need)) {
            add(w, s, need);
            return need;
        }
    }
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        char escape[2] = {'\\', to[at - from]};
        add(w, escape, 2);
    } else if (c == 0 || c >= 0x80) {
        if (w->strict) fail(w, ERR_INVALID);
        add(w, "\xef\xbf\xbd", 3);
    } else {
        static const char hex[] = "0123456789abcdef";
        char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        add(w, escape, 6);
    }
    return 1;
}

static void add_quoted(struct jw *w, const char *s, size_t len)
{
    size_t run = 0;
    while (run < len && plain((unsigned char)s[run]))
        run++;
    if (run == len) {
        char *place = buf_reserve(w->b, len + 2);
        if (!place) {
            fail(w, ERR_TOO_LARGE);
            return;
        }
        place[0] = '"';
        if (len > 0) memcpy(place + 1, s, len);
        place[len + 1] = '"';
        buf_commit(w->b, len + 2);
        return;
    }
    add(w, "\"", 1);
    size_t at = 0;
    while (at < len && w->rc == 0) {
        run = at;
        while (run < len && plain((unsigned char)s[run]))
            run++;
        add(w, s + at, run - at);
        at = run;
        if (at < len) at += add_special(w, s + at, len - at);
    }
    add(w, "\"", 1);
}

static bool in_array(const struct jw *w)
{
    int level = w->depth - 1;
    return (w->is_array[level / 64] >> (level % 64) & 1) != 0;
}

/* Writes the comma, key or indentation before a value. False: an error; write nothing more. */
static bool begin(struct jw *w, const char *key)
{
    if (w->rc != 0) return false;
    bool wants_key = w->depth > 0 && !in_array(w);
    if (wants_key != (key != NULL) || (w->depth == 0 && w->comma)) {
        fail(w, ERR_INTERNAL);
        return false;
    }
    if (w->comma) add(w, ",", 1);
    w->comma = true;
    if (key) {
        add_quoted(w, key, strlen(key));
        add(w, ":", 1);
    }
    return w->rc == 0;
}

static void open(struct jw *w, const char *key, bool is_array)
{
    if (!begin(w, key)) return;
    if (w->depth == DEPTH_MAX) {
        fail(w, ERR_TOO_LARGE);
        return;
    }
    uint64_t bit = UINT64_C(1) << (w->depth % 64);
    uint64_t *bits = &w->is_array[w->depth / 64];
    *bits = is_array ? *bits | bit : *bits & ~bit;
    w->depth++;
    w->comma = false;
    add(w, is_array ? "[" : "{", 1);
}

void jw_object(struct jw *w, const char *key)
{
    open(w, key, false);
}

void jw_array(struct jw *w, const char *key)
{
    open(w, key, true);
}

void jw_end(struct jw *w)
{
    if (w->rc != 0) return;
    if (w->depth == 0) {
        fail(w, ERR_INTERNAL);
        return;
    }
    add(w, in_array(w) ? "]" : "}", 1);
    w->depth--;
    w->comma = true;
}

void jw_str(struct jw *w, const char *key, const char *s)
{
    if (s) {
        jw_strn(w, key, s, strlen(s));
    } else {
        jw_null(w, key);
    }
}

void jw_strn(struct jw *w, const char *key, const char *s, size_t len)
{
    if (begin(w, key)) add_quoted(w, s, len);
}

void jw_int(struct jw *w, const char *key, int64_t n)
{
    if (!begin(w, key)) return;
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0) digits[--at] = '-';
    add(w, digits + at, sizeof digits - at);
}

void jw_num(struct jw *w, const char *key, double n)
{
    if (!(fabs(n) <= DBL_MAX)) { /* infinite, or not a number */
        jw_null(w, key);
    } else if (fabs(n) <= INT_MAX_EXACT && (double)(int64_t)n == n) {
        jw_int(w, key, (int64_t)n);
    } else if (begin(w, key)) {
        /* the shortest of these that reads back as the same number */
        char text[32];
        for (int precision = 15; precision <= 17; precision++) {
            snprintf(text, sizeof text, "%.*g", precision, n);
            double back = strtod(text, NULL);
            if (memcmp(&back, &n, sizeof n) == 0) break;
        }
        add(w, text, strlen(text));
        /* as digits alone the number would be an integer beyond 2^53, which readers refuse */
        if (!strpbrk(text, ".e")) add(w, ".0", 2);
    }
}

void jw_bool(struct jw *w, const char *key, bool b)
{
    jw_raw(w, key, b ? "true" : "false");
}

void jw_null(struct jw *w, const char *key)
{
    jw_raw(w, key, "null");
}

void jw_raw(struct jw *w, const char *key, const char *json_text)
{
    if (!json_text) {
        jw_null(w, key);
        return;
    }
    if (begin(w, key)) add(w, json_text, strlen(json_text));
}

void jw_tree(struct jw *w, const char *key, const struct json *j)
{
    switch (json_type(j)) {
    case JSON_NULL:
        jw_null(w, key);
        return;
    case JSON_BOOL:
        jw_bool(w, key, json_bool(j, false));
        return;
    case JSON_NUMBER:
        jw_num(w, key, json_num(j, 0));
        return;
    case JSON_STRING:
        jw_str(w, key, json_str(j, ""));
        return;
    case JSON_ARRAY:
        jw_array(w, key);
        break;
    case JSON_OBJECT:
        jw_object(w, key);
        break;
    }
    /* a failed opening ends the descent here: the tree may be deeper than the writer */
    for (const struct json *c = json_first(j); c && w->rc == 0; c = json_next(c)) {
        jw_tree(w, json_key(c), c);
    }
    jw_end(w);
}

void jw_time(struct jw *w, const char *key, int64_t wall_ms)
{
    if (wall_ms <= 0) {
        jw_null(w, key);
        return;
    }
    char text[TIME_TEXT_SIZE];
    time_format(wall_ms, text);
    jw_str(w, key, text);
}

void jw_id(struct jw *w, const char *key, int64_t id)
{
    if (id == 0) {
        jw_null(w, key);
        return;
    }
    char text[ID_TEXT_SIZE];
    id_format(id, text);
    jw_str(w, key, text);
}

int jw_finish(struct jw *w)
{
    /* left open, or nothing written */
    if (w->rc == 0 && (w->depth != 0 || !w->comma)) fail(w, ERR_INTERNAL);
    return w->rc;
}

char *json_text(const struct json *j)
{
    struct buf text;
    struct jw w;
    buf_init(&text, SIZE_MAX);
    jw_init(&w, &text);
    jw_tree(&w, NULL, j);
    int rc = jw_finish(&w);
    assert(rc == 0);
    (void)rc;
    return buf_detach(&text);
}
