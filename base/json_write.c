/* The JSON writer: appends, and keeps just enough to know when a comma is due. */
#include "base/duration.h"
#include "base/id.h"
#include "base/json.h"
#include "base/json_scan.h"
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

/* Room for exactly `len` bytes, which done() adds; NULL: an error. */
static char *place(struct jw *w, size_t len)
{
    char *at = buf_reserve(w->b, len);
    if (!at) fail(w, ERR_TOO_LARGE);
    return at;
}

/* What was written since place() ends here. */
static void done(struct jw *w, const char *end)
{
    buf_commit(w->b, (size_t)(end - w->b->data) - w->b->len);
}

static char *put(char *at, const char *s, size_t len)
{
    if (len > 0) memcpy(at, s, len);
    return at + len;
}

static char *put_quoted(char *at, const char *s, size_t len)
{
    *at = '"';
    at = put(at + 1, s, len);
    *at = '"';
    return at + 1;
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

static void add_with_escapes(struct jw *w, const char *s, size_t len)
{
    add(w, "\"", 1);
    for (size_t at = 0; at < len && w->rc == 0;) {
        size_t run = json_plain(s + at, len - at);
        add(w, s + at, run);
        at += run;
        if (at < len) at += add_special(w, s + at, len - at);
    }
    add(w, "\"", 1);
}

static bool in_array(const struct jw *w)
{
    int level = w->depth - 1;
    return (w->is_array[level / 64] >> (level % 64) & 1) != 0;
}

/* Writes the comma and the key, and makes room for exactly `room` bytes of the value, which done()
 * adds. NULL: an error; nothing more is to be written. */
static char *begin(struct jw *w, const char *key, size_t room)
{
    if (w->rc != 0) return NULL;
    bool wants_key = w->depth > 0 && !in_array(w);
    if (wants_key != (key != NULL) || (w->depth == 0 && w->comma)) {
        fail(w, ERR_INTERNAL);
        return NULL;
    }
    size_t len = key ? strlen(key) : 0;
    if (key && json_plain(key, len) < len) {
        if (w->comma) add(w, ",", 1);
        w->comma = false;
        add_with_escapes(w, key, len);
        add(w, ":", 1);
        key = NULL;
        len = 0;
    }
    char *at = w->rc == 0 ? place(w, w->comma + (key ? len + 3 : 0) + room) : NULL;
    if (!at) return NULL;
    if (w->comma) *at++ = ',';
    w->comma = true;
    if (key) {
        at = put_quoted(at, key, len);
        *at++ = ':';
    }
    return at;
}

/* The whole of a value that is known to be JSON. */
static void value(struct jw *w, const char *key, const char *text, size_t len)
{
    char *at = begin(w, key, len);
    if (at) done(w, put(at, text, len));
}

static void open(struct jw *w, const char *key, bool is_array)
{
    char *at = begin(w, key, 1);
    if (!at) return;
    if (w->depth == DEPTH_MAX) {
        fail(w, ERR_TOO_LARGE);
        return;
    }
    uint64_t bit = UINT64_C(1) << (w->depth % 64);
    uint64_t *bits = &w->is_array[w->depth / 64];
    *bits = is_array ? *bits | bit : *bits & ~bit;
    w->depth++;
    w->comma = false;
    *at = is_array ? '[' : '{';
    done(w, at + 1);
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
    if (json_plain(s, len) == len) {
        char *at = begin(w, key, len + 2);
        if (at) done(w, put_quoted(at, s, len));
        return;
    }
    char *at = begin(w, key, 0);
    if (!at) return;
    done(w, at);
    add_with_escapes(w, s, len);
}

void jw_int(struct jw *w, const char *key, int64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0) digits[--at] = '-';
    value(w, key, digits + at, sizeof digits - at);
}

void jw_num(struct jw *w, const char *key, double n)
{
    if (!(fabs(n) <= DBL_MAX)) { /* infinite, or not a number */
        jw_null(w, key);
    } else if (fabs(n) <= INT_MAX_EXACT && (double)(int64_t)n == n) {
        jw_int(w, key, (int64_t)n);
    } else {
        /* the shortest of these that reads back as the same number */
        char text[32];
        for (int precision = 15; precision <= 17; precision++) {
            snprintf(text, sizeof text, "%.*g", precision, n);
            double back = strtod(text, NULL);
            if (memcmp(&back, &n, sizeof n) == 0) break;
        }
        /* as digits alone the number would be an integer, and be taken for exact */
        char *end = text + strlen(text);
        if (!strpbrk(text, ".e")) end = put(end, ".0", 2);
        value(w, key, text, (size_t)(end - text));
    }
}

void jw_bool(struct jw *w, const char *key, bool b)
{
    if (b)
        value(w, key, "true", 4);
    else
        value(w, key, "false", 5);
}

void jw_null(struct jw *w, const char *key)
{
    value(w, key, "null", 4);
}

void jw_raw(struct jw *w, const char *key, const char *json_text)
{
    if (!json_text) {
        jw_null(w, key);
        return;
    }
    value(w, key, json_text, strlen(json_text));
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
        if (json_num_text(j))
            jw_raw(w, key, json_num_text(j));
        else
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
    jw_strn(w, key, text, TIME_TEXT_SIZE - 1);
}

void jw_id(struct jw *w, const char *key, int64_t id)
{
    if (id == 0) {
        jw_null(w, key);
        return;
    }
    char text[ID_TEXT_SIZE];
    id_format(id, text);
    jw_strn(w, key, text, ID_TEXT_SIZE - 1);
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
