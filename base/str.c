/* Strings: comparing, copying, names, globs, near misses. Encodings are in str_code.c. */
#include "base/str.h"

#include "base/escape.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 128

bool str_eq(const char *a, const char *b)
{
    if (!a || !b) return a == b;
    return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t len = strlen(s), tail = strlen(suffix);
    return len >= tail && memcmp(s + len - tail, suffix, tail) == 0;
}

bool str_empty(const char *s)
{
    return !s || !*s;
}

int str_copy(char *dst, size_t dst_size, const char *src)
{
    size_t len = strlen(src);
    if (len >= dst_size) return ERR_TOO_LARGE;
    memmove(dst, src, len + 1);
    return 0;
}

int str_format(char *dst, size_t dst_size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(dst, dst_size, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < dst_size) return 0;
    if (dst_size > 0) dst[0] = '\0';
    return ERR_TOO_LARGE;
}

char *str_dupf(const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    size_t size = n > 0 ? (size_t)n + 1 : 1;
    char *s = mem_alloc(size);
    vsnprintf(s, size, fmt, again);
    va_end(again);
    return s;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

char *str_trim(char *s)
{
    while (is_blank(*s))
        s++;
    size_t len = strlen(s);
    while (len > 0 && is_blank(s[len - 1]))
        len--;
    if (s[len]) s[len] = '\0'; /* an empty text may be a constant */
    return s;
}

int str_int64(const char *s, int64_t *out)
{
    bool negative = *s == '-';
    if (negative) s++;
    if (!*s) return ERR_INVALID;
    /* counts downwards, because there is one more negative number than positive ones */
    int64_t value = 0;
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return ERR_INVALID;
        int digit = *s - '0';
        if (value < (INT64_MIN + digit) / 10) return ERR_INVALID;
        value = value * 10 - digit;
    }
    if (!negative && value == INT64_MIN) return ERR_INVALID;
    *out = negative ? value : -value;
    return 0;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_name(char c)
{
    return is_word(c) || c == '_' || c == '-';
}

bool str_key_valid(const char *s)
{
    if (!s || !is_word(*s)) return false;
    size_t len = 0;
    while (is_name(s[len]))
        len++;
    return !s[len] && len <= 63;
}

bool str_is_default_group(const char *key)
{
    return !key || str_eq(key, STR_DEFAULT_GROUP);
}

/* U+0020, and what Unicode has beside it in its category Zs. */
static bool is_space(uint32_t c)
{
    return c == 0x20 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool is_all_space(const char *s)
{
    uint32_t c;
    for (size_t n; *s; s += n)
        if ((n = escape_character(s, strlen(s), &c)) == 0 || !is_space(c)) return false;
    return true;
}

int str_name_check(const char *s, struct err *e)
{
    if (str_empty(s)) return err_set(e, ERR_INVALID, "is empty");
    if (strlen(s) > NAME_BYTES)
        return err_set(e, ERR_INVALID, "is longer than %d bytes", NAME_BYTES);
    if (is_all_space(s)) return err_set(e, ERR_INVALID, "has nothing but blanks");
    return escape_check(s, e);
}

bool str_name_valid(const char *s)
{
    return str_name_check(s, NULL) == 0;
}

bool str_namespace_valid(const char *s)
{
    size_t len = s ? strlen(s) : 0;
    if (len == 0 || len > 255) return false;
    for (size_t i = 0; i < len; i++) {
        bool at_start = i == 0 || s[i - 1] == '.';
        if (s[i] == '.' ? at_start || i == len - 1 : !is_name(s[i])) return false;
    }
    return true;
}

bool str_namespace_covers(const char *prefix, const char *ns)
{
    if (str_empty(prefix) || !ns || !str_starts(ns, prefix)) return false;
    char next = ns[strlen(prefix)];
    return next == '\0' || next == '.';
}

/* The next character of a string; a byte by itself where it is not UTF-8. */
static const char *next_char(const char *s)
{
    s++;
    while (((unsigned char)*s & 0xc0) == 0x80)
        s++;
    return s;
}

bool str_glob(const char *pattern, const char *s)
{
    const char *star = NULL,
               *from = NULL; /* after the last *, and the end of the text that it matches */
    while (*s) {
        if (*pattern == '*') {
            star = ++pattern;
            from = s;
        } else if (*pattern == '?') {
            pattern++;
            s = next_char(s);
        } else if (*pattern == *s) {
            pattern++;
            s++;
        } else if (star) {
            /* an earlier * need not be tried again: the last * can match the same text */
            pattern = star;
            s = from = next_char(from);
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z') return (char)(c - 'A' + 'a');
    return c == '_' ? '-' : c;
}

#define NEAREST_MAX 64 /* longer names are not compared */

/* Edit distance with neighbours swapped counting as one step (optimal string alignment). */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NEAREST_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = fold(a[i - 1]) == fold(b[j - 1]);
            size_t best = above[j - 1] + (same ? 0 : 1);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                           fold(a[i - 2]) == fold(b[j - 1]);
            if (swapped && above2[j - 2] + 1 < best) best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

const char *str_nearest(const char *s, const char *const *candidates, size_t count)
{
    size_t len = strlen(s);
    if (len == 0 || len > NEAREST_MAX) return NULL;
    size_t limit = len / 3 > 2 ? len / 3 : 2;
    const char *nearest = NULL;
    size_t best = limit + 1;
    for (size_t i = 0; i < count; i++) {
        size_t other = candidates[i] ? strlen(candidates[i]) : 0;
        if (other == 0 || other > NEAREST_MAX) continue;
        size_t d = distance(s, len, candidates[i], other);
        /* as many edits as characters: nothing in common */
        if (d >= best || d >= (len > other ? len : other)) continue;
        if (len < 4 && d > 1 && s[0] != candidates[i][0]) continue; /* "end" and "id" */
        nearest = candidates[i];
        best = d;
    }
    return nearest;
}

const char *str_hint(char out[STR_SUGGEST_SIZE], const char *near)
{
    if (!near) return NULL;
    int n = snprintf(out, STR_SUGGEST_SIZE - 4, "did you mean '%s", near);
    if (n >= STR_SUGGEST_SIZE - 4) out[str_utf8_whole(out, strlen(out))] = '\0';
    memcpy(out + strlen(out), "'?", 3);
    return out;
}

const char *str_suggest(char out[STR_SUGGEST_SIZE], const char *near)
{
    out[0] = '\0';
    if (!str_hint(out, near)) return out;
    memmove(out + 2, out, strlen(out) + 1);
    memcpy(out, ", ", 2);
    return out;
}

const char *str_suggest_nearest(char out[STR_SUGGEST_SIZE], const char *s,
                                const char *const *candidates, size_t count)
{
    return str_suggest(out, str_nearest(s, candidates, count));
}
