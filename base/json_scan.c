/* A recursive-descent check of RFC 8259 and of our limits. Builds nothing. */
#include "base/json_scan.h"

#include "base/err.h"
#include "base/json_walk.h"
#include "base/mem.h"
#include "base/str.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INT_DIGITS_MAX "9223372036854775807" /* 2^63 - 1 */
#define INT_DIGITS_MIN "9223372036854775808" /* of the least integer */
#define PLAIN_DIGITS 15                      /* integers of so many are exact as a double */
#define KEYS_INLINE 64
#define PAIRWISE_MAX 16 /* members up to which comparing all pairs beats sorting */

struct key {
    const char *text; /* decoded: without escapes */
    size_t len;
    size_t offset; /* of its opening quote */
    char *owned;   /* what `text` points to when there were escapes */
};

struct scan {
    const char *text;
    size_t len, at;
    int depth;
    struct key *keys; /* of all objects that are open, innermost last */
    size_t key_count, key_cap;
    struct key few[KEYS_INLINE];
    struct json_fault *fault;
    struct json_members *members; /* of the outermost object; NULL: nobody asks */
    bool odd;                     /* there was a number that is */
};

static bool value(struct scan *s);

static bool fail(struct scan *s, size_t offset, const char *fmt, ...) CADRE_PRINTF(3, 4);

static bool fail(struct scan *s, size_t offset, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(s->fault->reason, sizeof s->fault->reason, fmt, ap);
    va_end(ap);
    if (n < 0) s->fault->reason[0] = '\0';
    s->fault->offset = offset;
    return false;
}

static bool at_end(const struct scan *s)
{
    return s->at >= s->len;
}

static char peek(const struct scan *s)
{
    return at_end(s) ? '\0' : s->text[s->at];
}

static bool fail_char(struct scan *s, const char *expected)
{
    if (at_end(s)) return fail(s, s->at, "the text ends where %s is expected", expected);
    unsigned char c = (unsigned char)s->text[s->at];
    if (c > 0x20 && c < 0x7f) return fail(s, s->at, "'%c' where %s is expected", c, expected);
    return fail(s, s->at, "byte 0x%02x where %s is expected", (unsigned)c, expected);
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->len) {
        char c = s->text[s->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
        s->at++;
    }
}

/* ---- strings --------------------------------------------------------------------------------- */

/* Four hex digits; -1 when they are not. */
static long hex4(const char *s, size_t len)
{
    long value4 = 0;
    if (len < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value4 = value4 * 16 + digit;
    }
    return value4;
}

static bool is_high(long unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(long unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* s->at is at the backslash. */
static bool escape(struct scan *s)
{
    size_t start = s->at;
    const char *rest = s->text + s->at;
    size_t left = s->len - s->at;
    if (left < 2) return fail(s, s->len, "the string is not closed");
    if (rest[1] && strchr("\"\\/bfnrt", rest[1])) {
        s->at += 2;
        return true;
    }
    if (rest[1] != 'u') return fail(s, start, "unknown escape");
    long unit = hex4(rest + 2, left - 2);
    if (unit < 0) return fail(s, start, "\\u needs four hex digits");
    if (unit == 0) return fail(s, start, "a string must not contain U+0000");
    s->at += 6;
    if (!is_high(unit) && !is_low(unit)) return true;
    bool pair = is_high(unit) && left >= 12 && rest[6] == '\\' && rest[7] == 'u' &&
                is_low(hex4(rest + 8, left - 8));
    if (!pair) return fail(s, start, "half of a surrogate pair");
    s->at += 6;
    return true;
}

static bool multibyte(struct scan *s)
{
    unsigned char c = (unsigned char)s->text[s->at];
    size_t need = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (need > s->len - s->at || !str_utf8_valid(s->text + s->at, need)) {
        return fail(s, s->at, "invalid UTF-8");
    }
    s->at += need;
    return true;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static uint64_t four_bytes(const unsigned char *p)
{
    return p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
}

/* The first one in the lowest bits; compilers make one load of it where that is right. */
static uint64_t eight_bytes(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    return four_bytes(p) | four_bytes(p + 4) << 32;
}

/* 0 when all eight bytes are plain; else the lowest bit that is set belongs to the first byte that
 * is not. A subtraction borrows from the next byte only where it marks a byte below. */
static uint64_t not_plain(uint64_t x)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t control = x - each * 0x20;
    uint64_t quote = (x ^ each * '"') - each, backslash = (x ^ each * '\\') - each;
    return (x | control | quote | backslash) & each * 0x80;
}

size_t json_plain(const char *s, size_t len)
{
    size_t n = 0;
    for (; len - n >= 8; n += 8) {
        uint64_t marks = not_plain(eight_bytes(s + n));
        if (marks == 0) continue;
        for (; (marks & 0xff) == 0; marks >>= 8)
            n++;
        return n;
    }
    while (n < len && is_plain((unsigned char)s[n]))
        n++;
    return n;
}

/* s->at is at the opening quote; afterwards it is after the closing quote. */
static bool string(struct scan *s, bool *escaped)
{
    size_t start = s->at++;
    for (;;) {
        s->at += json_plain(s->text + s->at, s->len - s->at);
        if (at_end(s)) break;
        unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            *escaped = true;
            if (!escape(s)) return false;
        } else if (c >= 0x80) {
            if (!multibyte(s)) return false;
        } else {
            return fail(s, s->at, "control character 0x%02x in a string", (unsigned)c);
        }
    }
    return fail(s, start, "the string that begins here is not closed");
}

/* ---- keys ------------------------------------------------------------------------------------ */

static size_t put_utf8(char *out, long c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)((0xf00 >> len & 0xff) | c);
    return len;
}

size_t json_unescape(char *out, const char *in, size_t len)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        const char *next = memchr(in + i, '\\', len - i);
        size_t plain = next ? (size_t)(next - in) - i : len - i;
        memcpy(out + n, in + i, plain);
        n += plain;
        i += plain;
        if (!next) break;
        char c = in[++i];
        const char *control = strchr(from, c);
        if (c != 'u') {
            out[n++] = control ? to[control - from] : c;
            continue;
        }
        long unit = hex4(in + i + 1, len - i - 1);
        i += 4;
        if (is_high(unit)) {
            unit = 0x10000 + ((unit - 0xd800) << 10) + (hex4(in + i + 3, len - i - 3) - 0xdc00);
            i += 6;
        }
        n += put_utf8(out + n, unit);
    }
    return n;
}

static void remember_key(struct scan *s, size_t offset, bool escaped)
{
    if (s->key_count == s->key_cap) {
        bool moved = s->keys != s->few;
        struct key *keys = mem_resize(moved ? s->keys : NULL, 2 * s->key_cap, sizeof *keys);
        if (!moved) memcpy(keys, s->few, sizeof s->few);
        s->keys = keys;
        s->key_cap *= 2;
    }
    struct key *k = &s->keys[s->key_count++];
    *k = (struct key){s->text + offset + 1, s->at - offset - 2, offset, NULL};
    if (!escaped) return;
    k->owned = mem_resize(NULL, k->len, 1);
    k->len = json_unescape(k->owned, k->text, k->len);
    k->text = k->owned;
}

static void forget_keys(struct scan *s, size_t count)
{
    while (s->key_count > count)
        mem_free(s->keys[--s->key_count].owned);
}

static bool same_key(const struct key *a, const struct key *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static int by_text(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->len != y->len) return x->len < y->len ? -1 : 1;
    int order = memcmp(x->text, y->text, x->len);
    if (order != 0) return order;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* The keys of the object that closes now are all different? */
static bool check_keys(struct scan *s, size_t first)
{
    struct key *keys = s->keys + first;
    size_t count = s->key_count - first;
    const struct key *twice = NULL;
    if (count <= PAIRWISE_MAX) {
        for (size_t i = 1; i < count; i++) {
            for (size_t j = 0; j < i && !twice; j++) {
                if (same_key(&keys[i], &keys[j])) twice = &keys[i];
            }
        }
    } else {
        qsort(keys, count, sizeof *keys, by_text);
        for (size_t i = 1; i < count && !twice; i++) {
            if (same_key(&keys[i], &keys[i - 1])) twice = &keys[i];
        }
    }
    if (!twice) return true;
    char *name = mem_strndup(twice->text, twice->len), shown[STR_QUOTE_SIZE];
    str_quote(shown, name);
    mem_free(name);
    return fail(s, twice->offset, "duplicate key %s", shown);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static bool digits(struct scan *s)
{
    size_t start = s->at;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at > start || fail_char(s, "a digit");
}

static bool check_size(struct scan *s, size_t start, size_t first_digit, bool integer)
{
    size_t len = s->at - start, count = s->at - first_digit;
    const char *text = s->text + first_digit;
    if (integer) {
        size_t most = sizeof INT_DIGITS_MAX - 1;
        const char *last = first_digit > start ? INT_DIGITS_MIN : INT_DIGITS_MAX;
        if (count < most || (count == most && memcmp(text, last, most) <= 0)) return true;
        return fail(s, start, "the integer is beyond 64 bits; send it as a string");
    }
    if (len > JSON_NUMBER_CHARS_MAX) {
        return fail(s, start, "the number has more than %d characters", JSON_NUMBER_CHARS_MAX);
    }
    char copy[JSON_NUMBER_CHARS_MAX + 1];
    memcpy(copy, s->text + start, len);
    copy[len] = '\0';
    return fabs(strtod(copy, NULL)) <= DBL_MAX || fail(s, start, "the number is out of range");
}

/* The characters of a number, however large it is. */
static bool number_form(struct scan *s, size_t *first_digit, bool *integer)
{
    size_t start = s->at;
    *integer = true;
    if (peek(s) == '-') s->at++;
    *first_digit = s->at;
    if (!digits(s)) return false;
    if (s->text[*first_digit] == '0' && s->at > *first_digit + 1) {
        return fail(s, start, "a number must not begin with 0");
    }
    if (peek(s) == '.') {
        *integer = false;
        s->at++;
        if (!digits(s)) return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        *integer = false;
        s->at++;
        if (peek(s) == '+' || peek(s) == '-') s->at++;
        if (!digits(s)) return false;
    }
    return true;
}

static bool number(struct scan *s)
{
    size_t start = s->at, first_digit;
    bool integer;
    if (!number_form(s, &first_digit, &integer)) return false;
    s->odd = s->odd || json_number_is_odd(s->text + start, s->at - start);
    return check_size(s, start, first_digit, integer);
}

bool json_number_is_odd(const char *text, size_t len)
{
    if (len > PLAIN_DIGITS) return true;
    for (size_t i = *text == '-'; i < len; i++)
        if (text[i] < '0' || text[i] > '9') return true;
    return false;
}

bool json_scan_too_large(const char *text, size_t len)
{
    struct json_fault fault;
    struct scan s = {.text = text, .len = len, .fault = &fault};
    size_t first_digit;
    bool integer;
    return number_form(&s, &first_digit, &integer) && at_end(&s) &&
           !check_size(&s, 0, first_digit, integer);
}

static bool literal(struct scan *s, const char *word)
{
    size_t len = strlen(word);
    if (len > s->len - s->at || memcmp(s->text + s->at, word, len) != 0) {
        return fail_char(s, "a value");
    }
    s->at += len;
    return true;
}

static bool enter(struct scan *s)
{
    if (++s->depth > JSON_DEPTH_MAX) {
        return fail(s, s->at, "nested deeper than %d levels", JSON_DEPTH_MAX);
    }
    s->at++;
    skip_blanks(s);
    return true;
}

static bool leave(struct scan *s)
{
    s->depth--;
    s->at++;
    return true;
}

static bool array(struct scan *s)
{
    if (!enter(s)) return false;
    if (peek(s) == ']') return leave(s);
    for (;;) {
        if (!value(s)) return false;
        skip_blanks(s);
        if (peek(s) == ']') return leave(s);
        if (peek(s) != ',') return fail_char(s, "',' or ']'");
        s->at++;
        skip_blanks(s);
    }
}

static void note_member(struct scan *s, struct json_value key, size_t value_at)
{
    struct json_members *m = s->members;
    if (s->depth > 1 || !m || m->count == JSON_MEMBERS_MAX) return;
    m->list[m->count++] = (struct json_member){key, {s->text + value_at, s->at - value_at}};
}

static bool member(struct scan *s)
{
    if (peek(s) != '"') return fail_char(s, "a key in double quotes");
    size_t offset = s->at;
    bool escaped = false;
    if (!string(s, &escaped)) return false;
    remember_key(s, offset, escaped);
    struct json_value key = {s->text + offset, s->at - offset};
    skip_blanks(s);
    if (peek(s) != ':') return fail_char(s, "':'");
    s->at++;
    skip_blanks(s);
    size_t value_at = s->at;
    if (!value(s)) return false;
    note_member(s, key, value_at);
    return true;
}

static bool object(struct scan *s)
{
    size_t first = s->key_count;
    if (!enter(s)) return false;
    if (peek(s) == '}') return leave(s);
    for (;;) {
        if (!member(s)) return false;
        skip_blanks(s);
        if (peek(s) == '}') break;
        if (peek(s) != ',') return fail_char(s, "',' or '}'");
        s->at++;
        skip_blanks(s);
    }
    if (!check_keys(s, first)) return false;
    forget_keys(s, first);
    return leave(s);
}

static bool value(struct scan *s)
{
    bool escaped = false;
    switch (peek(s)) {
    case '{':
        return object(s);
    case '[':
        return array(s);
    case '"':
        return string(s, &escaped);
    case 't':
        return literal(s, "true");
    case 'f':
        return literal(s, "false");
    case 'n':
        return literal(s, "null");
    default:
        break;
    }
    char c = peek(s);
    if (c == '-' || (c >= '0' && c <= '9')) return number(s);
    return fail_char(s, "a value");
}

static int scan(const char *text, size_t len, struct json_members *out, bool *odd,
                struct json_fault *fault)
{
    struct scan s;
    s.text = text;
    s.len = len;
    s.at = 0;
    s.depth = 0;
    s.keys = s.few;
    s.key_count = 0;
    s.key_cap = KEYS_INLINE;
    s.fault = fault;
    s.members = out;
    s.odd = false;
    if (out) out->count = 0;
    skip_blanks(&s);
    bool fine = value(&s);
    if (fine) {
        skip_blanks(&s);
        if (!at_end(&s)) fine = fail_char(&s, "the end");
    }
    forget_keys(&s, 0);
    if (s.keys != s.few) mem_free(s.keys);
    *odd = s.odd;
    return fine ? 0 : ERR_INVALID;
}

int json_scan_members(const char *text, size_t len, struct json_members *out,
                      struct json_fault *fault)
{
    bool odd;
    return scan(text, len, out, &odd, fault);
}

int json_scan_numbers(const char *text, size_t len, bool *odd, struct json_fault *fault)
{
    return scan(text, len, NULL, odd, fault);
}

int json_scan(const char *text, size_t len, struct json_fault *fault)
{
    return json_scan_members(text, len, NULL, fault);
}

int json_fault_say(const struct json_fault *fault, const char *text, struct err *e)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < fault->offset; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n') {
            line++;
            column = 1;
        } else if ((c & 0xc0) != 0x80) {
            column++;
        }
    }
    return err_set(e, ERR_INVALID, "line %zu, column %zu: %s", line, column, fault->reason);
}
