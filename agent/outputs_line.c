/* Outputs lines: see outputs_line.h. */
#include "agent/outputs_line.h"

#include "base/duration.h"
#include "base/json.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

#define PREFIX "::{"
#define SUFFIX "}::"

void outputs_reader_init(struct outputs_reader *r, outputs_remark_fn *remark, void *user)
{
    memset(r, 0, sizeof *r);
    outputs_init(&r->outputs);
    buf_init(&r->line, OUTPUTS_LINE_MAX);
    r->remark = remark;
    r->user = user;
}

void outputs_reader_fini(struct outputs_reader *r)
{
    outputs_fini(&r->outputs);
    buf_fini(&r->line);
}

/* ---- remarks ---- */

/* A job may be wrong in every line, and each remark costs more than the line. */
static void say(struct outputs_reader *r, enum outputs_remark kind, const char *text)
{
    char line[OUTPUTS_WHY_SIZE + 64];
    if (r->remarks[kind]++ > 0) return;
    (void)str_format(line, sizeof line, "%s\n", text);
    r->remark(line, r->user);
}

static void drop(struct outputs_reader *r, enum outputs_remark kind, const char *why)
{
    char text[OUTPUTS_WHY_SIZE + 32];
    if (r->dropped++ == 0) (void)str_copy(r->why, sizeof r->why, why);
    (void)str_format(text, sizeof text, "outputs were dropped: %s", why);
    say(r, kind, text);
}

static void drop_of_size(struct outputs_reader *r, enum outputs_remark kind, const char *before,
                         size_t limit)
{
    char size[DURATION_TEXT_SIZE], why[OUTPUTS_WHY_SIZE];
    size_format((int64_t)limit, size);
    (void)str_format(why, sizeof why, "%s %s", before, size);
    drop(r, kind, why);
}

static void say_counted(struct outputs_reader *r, enum outputs_remark kind)
{
    static const char *const what[] = {
        [OUTPUTS_NO_OBJECT] = "\"outputs\" of a line is not an object",
        [OUTPUTS_TOO_MUCH] = "they would be too large",
        [OUTPUTS_TOO_LONG] = "a line is too long",
        [OUTPUTS_NO_JSON] = "a line is not valid JSON",
        [OUTPUTS_OTHER_NO_JSON] = "a line is not valid JSON",
        [OUTPUTS_LARGE_NUMBERS] = "numbers of an outputs line are kept as text",
    };
    char line[OUTPUTS_WHY_SIZE], times[48] = "once more";
    bool dropped = kind != OUTPUTS_OTHER_NO_JSON && kind != OUTPUTS_LARGE_NUMBERS;
    int64_t more = r->remarks[kind] - 1;
    if (more < 1) return;
    if (more > 1) (void)str_format(times, sizeof times, "%" PRId64 " more times", more);
    (void)str_format(line, sizeof line, "%s%s: %s\n", dropped ? "outputs were dropped " : "", times,
                     what[kind]);
    r->remark(line, r->user);
}

/* ---- numbers ---- */

static bool is_of_number(char c)
{
    return (c >= '0' && c <= '9') || (c && strchr("+-.eE", c));
}

/* What JSON does not have and its writers write all the same, Python's for one; 0: none of it. */
static size_t no_number(const char *text, size_t len)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (n <= len && memcmp(words[i], text, n) == 0) return n;
    }
    return 0;
}

/* How many bytes of the JSON text belong together: a number, an escape, or one byte. */
static size_t take_piece(const char *text, size_t len, bool *in_string)
{
    size_t n = 1;
    if (*in_string) {
        *in_string = text[0] != '"';
        return text[0] == '\\' && len > 1 ? 2 : 1;
    }
    *in_string = text[0] == '"';
    if (no_number(text, len) > 0) return no_number(text, len);
    while (is_of_number(text[0]) && n < len && is_of_number(text[n]))
        n++;
    return n;
}

/* Copies JSON text; numbers that a reader does not take become strings. Returns how many. */
static int quote_numbers(const char *text, size_t len, struct buf *out)
{
    bool in_string = false;
    int count = 0;
    for (size_t i = 0, n; i < len; i += n) {
        bool may_be = !in_string;
        n = take_piece(text + i, len - i, &in_string);
        bool quoted = may_be && (json_is_too_large(text + i, n) || no_number(text + i, n) > 0);
        if (quoted) (void)buf_adds(out, "\"");
        (void)buf_add(out, text + i, n);
        if (quoted) (void)buf_adds(out, "\"");
        count += quoted;
    }
    return count;
}

/* Reads the JSON of a line. A line with large numbers is read in a second go. */
static int parse(struct outputs_reader *r, const char *text, size_t len, struct json **out,
                 struct err *e)
{
    int rc = json_parse(text, len, out, e);
    if (rc == 0) return 0;
    struct buf quoted;
    struct err ignored;
    buf_init(&quoted, 2 * OUTPUTS_LINE_MAX);
    int count = quote_numbers(text, len, &quoted);
    if (count > 0 && json_parse(quoted.data, quoted.len, out, &ignored) == 0) {
        char said[128];
        (void)str_format(said, sizeof said,
                         "numbers of an outputs line that are beyond 64 bits, or none, are kept "
                         "as text (%d of them)",
                         count);
        say(r, OUTPUTS_LARGE_NUMBERS, said);
        rc = 0;
    }
    buf_fini(&quoted);
    return rc;
}

/* ---- lines ---- */

static void drop_too_much(struct outputs_reader *r, const char *key)
{
    char shown[STR_QUOTE_SIZE], before[STR_QUOTE_SIZE + 40];
    (void)str_format(before, sizeof before, "with %s they would be larger than",
                     str_quote(shown, key));
    drop_of_size(r, OUTPUTS_TOO_MUCH, before, LIMIT_OUTPUTS);
}

static void take_outputs(struct outputs_reader *r, const struct json *values)
{
    if (json_type(values) == JSON_NULL) return; /* a line of another kind */
    if (json_type(values) != JSON_OBJECT)
        drop(r, OUTPUTS_NO_OBJECT, "\"outputs\" of a line is not an object");
    else if (outputs_merge(&r->outputs, (struct json *)(uintptr_t)values) != 0)
        drop_too_much(r, json_key(json_first(values)));
}

/* Does a line that cannot be read name outputs? */
static bool names_outputs(const struct outputs_reader *r)
{
    static const char name[] = "outputs";
    const char *p = r->line.data, *end = p + r->line.len;
    while ((p = memchr(p, name[0], (size_t)(end - p))) != NULL) {
        if ((size_t)(end - p) >= sizeof name - 1 && memcmp(p, name, sizeof name - 1) == 0)
            return true;
        p++;
    }
    return false;
}

static void say_invalid(struct outputs_reader *r, const struct err *e)
{
    char why[OUTPUTS_WHY_SIZE];
    (void)str_format(why, sizeof why, "a line is not valid JSON: %.200s", err_text(e));
    if (names_outputs(r))
        drop(r, OUTPUTS_NO_JSON, why);
    else
        say(r, OUTPUTS_OTHER_NO_JSON, why);
}

static bool ends_like_one(const struct outputs_reader *r)
{
    size_t len = r->last_len;
    if (len > 0 && r->last[len - 1] == '\r') len--;
    return len >= 3 && memcmp(r->last + len - 3, SUFFIX, 3) == 0;
}

static void read_line(struct outputs_reader *r)
{
    struct json *root = NULL;
    struct err e;
    size_t len = r->line.len;
    if (r->line.data[len - 1] == '\r') len--;
    if (len < sizeof PREFIX SUFFIX - 1) return;
    if (parse(r, r->line.data + 2, len - 4, &root, &e) == 0)
        take_outputs(r, json_get(root, "outputs"));
    else
        say_invalid(r, &e);
    json_free(root);
}

static void line_ended(struct outputs_reader *r)
{
    if (!r->passes && ends_like_one(r)) {
        if (!r->overlong)
            read_line(r);
        else if (names_outputs(r))
            drop_of_size(r, OUTPUTS_TOO_LONG, "a line is longer than", OUTPUTS_LINE_MAX);
    }
    buf_clear(&r->line);
    r->passes = r->overlong = false;
    r->last_len = 0;
}

static void remember_last(struct outputs_reader *r, const char *data, size_t len)
{
    size_t most = sizeof r->last;
    if (len >= most) {
        memcpy(r->last, data + len - most, most);
        r->last_len = most;
        return;
    }
    size_t stay = r->last_len + len > most ? most - len : r->last_len;
    memmove(r->last, r->last + r->last_len - stay, stay);
    memcpy(r->last + stay, data, len);
    r->last_len = stay + len;
}

static void line_goes_on(struct outputs_reader *r, const char *data, size_t len)
{
    if (!r->overlong && buf_add(&r->line, data, len) != 0) {
        (void)buf_add(&r->line, data, OUTPUTS_LINE_MAX - r->line.len);
        r->overlong = true;
    }
    size_t have = r->line.len < 3 ? r->line.len : 3;
    r->passes = memcmp(r->line.data, PREFIX, have) != 0;
    if (r->passes)
        buf_clear(&r->line);
    else
        remember_last(r, data, len);
}

void outputs_reader_add(struct outputs_reader *r, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) : len;
        if (!r->passes && n > 0) line_goes_on(r, data, n);
        if (!end) return;
        line_ended(r);
        data += n + 1;
        len -= n + 1;
    }
}

void outputs_reader_end(struct outputs_reader *r)
{
    if (r->line.len > 0) line_ended(r);
    for (enum outputs_remark kind = 0; kind < OUTPUTS_REMARK_KINDS; kind++)
        say_counted(r, kind);
}
