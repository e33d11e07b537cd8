/* Functions of texts. */
#include "coordinator/flow/expr_case.h"
#include "coordinator/flow/expr_functions.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* The value as a text: as Kestra, what is no text is one as it is inserted. */
static int text_of(struct eval *ev, const struct json *j, const char **out)
{
    return value_text(ev, j, out);
}

/* A filter of texts alone. */
static int only_text(struct eval *ev, const struct json *j, const char **out)
{
    *out = json_str(j, NULL);
    return *out ? 0 : eval_fail(ev, "needs a text, and not %s", value_name(j));
}

static int give_part(struct eval *ev, const char *text, size_t len, const struct json **out)
{
    if (len > EXPR_RESULT_MAX) return eval_too_large(ev);
    char *part = mem_strndup(text, len);
    int rc = eval_give_text(ev, part, out);
    mem_free(part);
    return rc;
}

/* Gives what is in the buffer, unless it became too large. */
static int give_all(struct eval *ev, bool full, struct buf *b, const struct json **out)
{
    if (!full) return eval_give_buf(ev, b, out);
    buf_fini(b);
    return eval_too_large(ev);
}

int fn_string(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *text;
    int rc = text_of(ev, args[0], &text);
    return rc ? rc : eval_give_text(ev, text, out);
}

/* ---- letters --------------------------------------------------------------------------------- */

enum change { ALL_UPPER, ALL_LOWER, FIRST_UPPER, WORDS_UPPER };

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int change_case(struct eval *ev, const struct json *j, enum change change,
                       const struct json **out)
{
    const char *s;
    struct buf text;
    bool begins = true, full = false;
    int rc = only_text(ev, j, &s);
    if (rc) return rc;
    buf_init(&text, EXPR_RESULT_MAX);
    while (*s && !full) {
        uint32_t c = case_next(&s);
        bool upper = change == ALL_UPPER || (change != ALL_LOWER && begins && !is_space(c));
        if (!is_space(c)) begins = false;
        if (is_space(c) && change == WORDS_UPPER) begins = true;
        full = upper ? case_add_upper(c, change == ALL_UPPER, &text)
                     : case_add(change == ALL_LOWER ? case_lower(c) : c, &text);
    }
    return give_all(ev, full, &text, out);
}

int fn_upper(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return change_case(ev, args[0], ALL_UPPER, out);
}

int fn_lower(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return change_case(ev, args[0], ALL_LOWER, out);
}

int fn_capitalize(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return change_case(ev, args[0], FIRST_UPPER, out);
}

int fn_title(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return change_case(ev, args[0], WORDS_UPPER, out);
}

int fn_slugify(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *s;
    struct buf text;
    bool full = false, dash = false;
    int rc = text_of(ev, args[0], &s);
    if (rc) return rc;
    buf_init(&text, EXPR_RESULT_MAX);
    for (; *s && !full; s++) {
        char c = *s >= 'A' && *s <= 'Z' ? (char)(*s | 0x20) : *s;
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (!word && (is_space((unsigned char)c) || c == '-')) dash = true;
        if (!word) continue;
        if (dash && text.len > 0) full = buf_addc(&text, '-') != 0;
        dash = false;
        full = full || buf_addc(&text, c);
    }
    return give_all(ev, full, &text, out);
}

/* ---- parts ----------------------------------------------------------------------------------- */

int fn_trim(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *s;
    int rc = only_text(ev, args[0], &s);
    if (rc) return rc;
    while (*s && (unsigned char)*s <= ' ')
        s++;
    size_t len = strlen(s);
    while (len > 0 && (unsigned char)s[len - 1] <= ' ')
        len--;
    return give_part(ev, s, len, out);
}

int fn_abbreviate(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *s;
    size_t n = 0, keep = 0;
    int64_t most = value_is_int(args[1]) ? json_int(args[1], -1) : -1;
    int rc = only_text(ev, args[0], &s);
    if (rc) return rc;
    if (most < 0) return eval_fail(ev, "length is an integer from 0 on");
    int64_t kept = most <= 3 ? most : most - 3;
    for (const char *at = s; *at; n++) {
        if ((int64_t)n == kept) keep = (size_t)(at - s);
        (void)case_next(&at);
    }
    if ((int64_t)n < most || n <= 3) return eval_give_text(ev, s, out);
    char *part = mem_strndup(s, keep), *text = str_dupf("%s%s", part, most <= 3 ? "" : "...");
    rc = eval_give_text(ev, text, out);
    mem_free(part);
    mem_free(text);
    return rc;
}

static const char *find_last(const char *s, const char *what)
{
    const char *found = NULL;
    for (const char *at = s; *what && (at = strstr(at, what)) != NULL; at++)
        found = at;
    return *what ? found : s + strlen(s);
}

/* In front of the separator, or behind it. Where there is none: all, or nothing. */
static int around(struct eval *ev, const struct json *const *args, bool last, bool behind,
                  const struct json **out)
{
    const char *s, *what;
    int rc = text_of(ev, args[0], &s);
    if (rc == 0) rc = args[1] ? text_of(ev, args[1], &what) : eval_fail(ev, "separator is null");
    if (rc) return rc;
    const char *at = last ? find_last(s, what) : strstr(s, what);
    if (behind) return eval_give_text(ev, at ? at + strlen(what) : "", out);
    return give_part(ev, s, at ? (size_t)(at - s) : strlen(s), out);
}

int fn_before(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return around(ev, args, false, false, out);
}

int fn_before_last(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return around(ev, args, true, false, out);
}

int fn_after(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return around(ev, args, false, true, out);
}

int fn_after_last(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return around(ev, args, true, true, out);
}

static int begins_or_ends(struct eval *ev, const struct json *const *args, bool ends,
                          const struct json **out)
{
    const char *s, *what;
    int rc = text_of(ev, args[0], &s);
    if (rc == 0) rc = text_of(ev, args[1], &what);
    if (rc) return rc;
    return eval_give_bool(ev, ends ? str_ends(s, what) : str_starts(s, what), out);
}

int fn_starts_with(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return begins_or_ends(ev, args, false, out);
}

int fn_ends_with(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return begins_or_ends(ev, args, true, out);
}

/* ---- split ----------------------------------------------------------------------------------- */

/* The delimiter is a regular expression to Kestra: one that is a plain text, or \s+ for blanks. */
struct delimiter {
    char text[128];
    size_t len;
    bool blanks;
};

static int read_delimiter(const char *s, struct delimiter *out, struct err *e)
{
    static const char names[] = "ntr", controls[] = "\n\t\r";
    char shown[STR_QUOTE_SIZE];
    *out = (struct delimiter){.blanks = str_eq(s, "\\s+")};
    for (const char *at = s; *at && !out->blanks; at++) {
        char c = *at;
        if (c == '\\') {
            c = *++at;
            const char *control = c ? strchr(names, c) : NULL;
            if (control) c = controls[control - names];
            if (!control && (!c || !strchr("\\^$.|?*+()[]{}-/", c)))
                return err_set(e, ERR_INVALID,
                               "%s is a regular expression: texts and \\s+ are supported",
                               str_quote(shown, s));
        } else if (strchr("^$.|?*+()[{", c)) {
            return err_set(e, ERR_INVALID,
                           "'%c' is a sign of regular expressions: the letter itself is \\%c", c,
                           c);
        }
        if (out->len == sizeof out->text - 1)
            return err_set(e, ERR_INVALID, "the delimiter has more than 127 bytes");
        out->text[out->len++] = c;
    }
    return 0;
}

int check_split(const struct json *const *args, const struct expr_scope *scope, struct err *e)
{
    struct delimiter d;
    (void)scope;
    if (!args[1]) return 0;
    if (json_type(args[1]) != JSON_STRING)
        return err_set(e, ERR_INVALID, "delimiter must be a text");
    return read_delimiter(json_str(args[1], ""), &d, e);
}

/* The end of the next part; *next is where the one behind it begins, NULL: there is none. */
static const char *part_end(const char *s, const struct delimiter *d, const char **next)
{
    const char *at;
    if (d->blanks) {
        at = s + strcspn(s, " \t\n\r\v\f");
        *next = *at ? at + strspn(at, " \t\n\r\v\f") : NULL;
    } else if (d->len == 0) {
        at = s;
        if (*at) (void)case_next(&at);
        *next = *at ? at : NULL;
    } else {
        at = strstr(s, d->text);
        *next = at ? at + d->len : NULL;
        if (!at) at = s + strlen(s);
    }
    return at;
}

/* As Java has it: without a limit empty parts at the end are left out. */
static int split(struct eval *ev, const char *s, const struct delimiter *d, int64_t limit,
                 const struct json **out)
{
    struct json *list = json_new(JSON_ARRAY);
    size_t count = 0, filled = 0;
    int rc = 0;
    while (s && rc == 0) {
        const char *next, *end = part_end(s, d, &next);
        if (limit > 0 && (int64_t)count + 1 == limit) {
            end = s + strlen(s);
            next = NULL;
        }
        rc = eval_may(ev, ++count);
        if (rc) break;
        if (end > s) filled = count;
        char *part = mem_strndup(s, (size_t)(end - s));
        json_push(list, json_new_str(part));
        mem_free(part);
        s = next;
    }
    while (limit == 0 && count > filled && count > 1) {
        const struct json *last = json_first(list);
        struct json *kept = json_new(JSON_ARRAY);
        for (size_t i = 0; i < filled; i++, last = json_next(last))
            json_push(kept, json_copy(last));
        json_free(list);
        list = kept;
        count = filled;
    }
    if (rc == 0) return eval_give(ev, list, out);
    json_free(list);
    return rc;
}

int fn_split(struct eval *ev, const struct json *const *args, const struct json **out)
{
    struct delimiter d;
    struct err e = {0};
    const char *s, *delimiter = NULL;
    int rc = only_text(ev, args[0], &s);
    if (rc == 0)
        rc = args[1] ? only_text(ev, args[1], &delimiter) : eval_fail(ev, "delimiter is null");
    if (rc) return rc;
    if (args[2] && !value_is_int(args[2])) return eval_fail(ev, "limit is an integer");
    if (read_delimiter(delimiter, &d, &e)) return eval_fail(ev, "%s", err_text(&e));
    if (!*s) { /* one empty part */
        struct json *list = json_new(JSON_ARRAY);
        json_push(list, json_new_str(""));
        return eval_give(ev, list, out);
    }
    return split(ev, s, &d, json_int(args[2], 0), out);
}

/* ---- replace and escapes --------------------------------------------------------------------- */

/* false: out is full. */
static bool add_replaced(const char *s, const char *what, const char *with, struct buf *out)
{
    size_t len = strlen(what);
    while (*s) {
        const char *at = len > 0 ? strstr(s, what) : s;
        size_t before = len > 0 ? (at ? (size_t)(at - s) : strlen(s)) : 0;
        if (len > 0 && !at) return buf_adds(out, s) == 0;
        if (buf_add(out, s, before) || buf_adds(out, with)) return false;
        s = at + len;
        if (len > 0) continue;
        const char *next = s;
        (void)case_next(&next);
        if (buf_add(out, s, (size_t)(next - s))) return false;
        s = next;
    }
    return len > 0 || buf_adds(out, with) == 0;
}

static int replaced(struct eval *ev, const char *s, const char *what, const char *with,
                    const char **out)
{
    struct buf text;
    const struct json *made;
    int rc = eval_charge(ev, 1);
    if (rc) return rc;
    buf_init(&text, EXPR_RESULT_MAX);
    rc = give_all(ev, !add_replaced(s, what, with, &text), &text, &made);
    if (rc == 0) *out = json_str(made, "");
    return rc;
}

int check_replace(const struct json *const *args, const struct expr_scope *scope, struct err *e)
{
    (void)scope;
    if (args[1]) return err_set(e, ERR_INVALID, "replace_pairs is a mapping, {'old': 'new'}");
    if (json_bool(args[2], false))
        return err_set(e, ERR_INVALID, "regular expressions are not supported: let a script do it");
    return 0;
}

int fn_replace(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *s, *with;
    int rc = text_of(ev, args[0], &s);
    if (rc) return rc;
    if (json_type(args[1]) != JSON_OBJECT)
        return eval_fail(ev, "replace_pairs is a mapping, {'old': 'new'}, and not %s",
                         value_name(args[1]));
    if (json_bool(args[2], false)) return eval_fail(ev, "regular expressions are not supported");
    for (const struct json *j = json_first(args[1]); j && rc == 0; j = json_next(j)) {
        rc = text_of(ev, j, &with);
        if (rc == 0) rc = replaced(ev, s, json_key(j), with, &s);
    }
    return rc ? rc : eval_give_text(ev, s, out);
}

/* How a quote is written within quotes of that kind; NULL: there is no such kind. */
static const char *const *escape_of(const char *type)
{
    static const char *const kinds[][3] = {{"single", "'", "\\'"},
                                           {"double", "\"", "\\\""},
                                           {"shell", "'", "'\\''"}};
    char lower[16];
    if (str_copy(lower, sizeof lower, type)) return NULL;
    for (char *s = lower; *s; s++)
        if (*s >= 'A' && *s <= 'Z') *s = (char)(*s | 0x20);
    for (int i = 0; i < 3; i++)
        if (str_eq(kinds[i][0], lower)) return kinds[i];
    return NULL;
}

int check_escape_char(const struct json *const *args, const struct expr_scope *scope, struct err *e)
{
    (void)scope;
    if (!args[1] || escape_of(json_str(args[1], ""))) return 0;
    return err_set(e, ERR_INVALID, "type is one of 'single', 'double' and 'shell'");
}

int fn_escape_char(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *s;
    const char *const *kind = escape_of(json_str(args[1], ""));
    int rc = text_of(ev, args[0], &s);
    if (rc) return rc;
    if (!kind) return eval_fail(ev, "type is one of 'single', 'double' and 'shell'");
    rc = replaced(ev, s, kind[1], kind[2], &s);
    return rc ? rc : eval_give_text(ev, s, out);
}

static int indent(struct eval *ev, const struct json *const *args, bool first,
                  const struct json **out)
{
    const char *s, *prefix = " ";
    struct buf line;
    int64_t amount = value_is_int(args[1]) ? json_int(args[1], -1) : -1;
    int rc = text_of(ev, args[0], &s);
    if (rc == 0 && args[2]) rc = text_of(ev, args[2], &prefix);
    if (rc) return rc;
    if (amount < 0 || amount > 1000) return eval_fail(ev, "amount is an integer from 0 to 1000");
    if (!*s) return eval_give_text(ev, "", out);
    bool windows = strstr(s, "\r\n") != NULL, full = false;
    buf_init(&line, EXPR_RESULT_MAX);
    full = buf_adds(&line, windows ? "\r\n" : "\n") != 0;
    for (; amount > 0 && !full; amount--)
        full = buf_adds(&line, prefix) != 0;
    if (!full) rc = replaced(ev, s, windows ? "\r\n" : "\n", line.data, &s);
    struct buf all;
    buf_init(&all, EXPR_RESULT_MAX);
    if (rc == 0 && !full) full = (first && buf_adds(&all, line.data)) || buf_adds(&all, s);
    buf_fini(&line);
    if (rc == 0) return give_all(ev, full, &all, out);
    buf_fini(&all);
    return rc;
}

int fn_indent(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return indent(ev, args, false, out);
}

int fn_nindent(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return indent(ev, args, true, out);
}

/* ---- encodings ------------------------------------------------------------------------------- */

int fn_urlencode(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *s;
    struct buf text;
    bool full = false;
    int rc = text_of(ev, args[0], &s);
    if (rc) return rc;
    buf_init(&text, EXPR_RESULT_MAX);
    for (; *s && !full; s++) {
        char c = *s;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr(".-*_", c);
        full = plain      ? buf_addc(&text, c) != 0
               : c == ' ' ? buf_addc(&text, '+') != 0
                          : buf_addf(&text, "%%%02X", (unsigned char)c) != 0;
    }
    return give_all(ev, full, &text, out);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What was decoded has to be text. */
static int give_decoded(struct eval *ev, struct buf *b, const struct json **out)
{
    if (str_utf8_valid(b->data, b->len) && !memchr(b->data, '\0', b->len))
        return eval_give_buf(ev, b, out);
    buf_fini(b);
    return eval_fail(ev, "what comes out is no text in UTF-8");
}

int fn_urldecode(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *s;
    struct buf text;
    int rc = only_text(ev, args[0], &s);
    if (rc) return rc;
    if (strlen(s) > EXPR_RESULT_MAX) return eval_too_large(ev);
    buf_init(&text, EXPR_RESULT_MAX);
    for (; *s && rc == 0; s++) {
        int high = *s == '%' ? hex_digit(s[1]) : 0, low = *s == '%' && s[1] ? hex_digit(s[2]) : 0;
        if (high < 0 || low < 0 || (*s == '%' && !s[1]))
            rc = eval_fail(ev, "two digits are missing behind a '%%'");
        else if (*s == '%')
            rc = buf_addc(&text, (char)(high * 16 + low));
        else
            rc = buf_addc(&text, (char)(*s == '+' ? ' ' : *s));
        if (rc == 0 && *s == '%') s += 2;
    }
    if (rc == 0) return give_decoded(ev, &text, out);
    buf_fini(&text);
    return rc;
}

int fn_base64encode(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *s;
    int rc = text_of(ev, args[0], &s);
    if (rc) return rc;
    size_t len = strlen(s);
    if (len > EXPR_RESULT_MAX / 4 * 3) return eval_too_large(ev);
    char *text = mem_alloc(4 * ((len + 2) / 3) + 1);
    str_base64(text, s, len);
    rc = eval_give_text(ev, text, out);
    mem_free(text);
    return rc;
}

int fn_base64decode(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const char *s;
    struct buf text;
    size_t len = 0;
    int rc = only_text(ev, args[0], &s);
    if (rc) return rc;
    if (strlen(s) > EXPR_RESULT_MAX) return eval_too_large(ev);
    buf_init(&text, EXPR_RESULT_MAX);
    size_t room = strlen(s) + 1;
    char *place = buf_reserve(&text, room);
    if (!place || str_unbase64(place, room, s, &len)) {
        buf_fini(&text);
        return eval_fail(ev, "the text is no base64");
    }
    buf_commit(&text, len);
    return give_decoded(ev, &text, out);
}
