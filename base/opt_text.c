/* Settings as text: the effective config, a sample file, the help. */
#include "base/opt_value.h"

#include "base/duration.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 100         /* columns of help and files */
#define COMMENT_COLUMN 40 /* where comments stand when there is room */
#define HELP_COLUMN_MAX 36
#define SIMPLE_KEY_MAX 1000 /* a longer key needs a "? " in front (YAML 1.2.2, 7.4.2: 1024) */
#define PREFIX_SIZE 256     /* of a section's dotted name */

/* ---- YAML scalars ---------------------------------------------------------------------------- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Reads back as a string without quotes? Quotes too many do no harm. */
static bool plain_is_fine(const char *s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    if (!is_alnum(*s) && *s != '/') return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t k = 0;
        while (words[i][k] && (s[k] | 0x20) == words[i][k])
            k++;
        if (!words[i][k] && !s[k]) return false;
    }
    size_t len = strlen(s);
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(s[i]) && !strchr("_-./:@+", s[i])) return false;
    }
    bool number_like = s[strspn(s, "0123456789.eExXoO_+-:")] == '\0' && *s >= '0' && *s <= '9';
    return !number_like && s[len - 1] != ':';
}

/* The code point of the character at s (valid UTF-8), its length in *len. */
static uint32_t code_point(const char *s, size_t *len)
{
    const unsigned char *u = (const unsigned char *)s;
    *len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    uint32_t c = u[0] & (0x7fu >> *len);
    for (size_t i = 1; i < *len; i++)
        c = c << 6 | (u[i] & 0x3fu);
    return c;
}

/* Characters that libyaml refuses, or reads as line breaks, when they are not escaped. */
static bool needs_escape(uint32_t c)
{
    return c < 0xa0 || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

static void add_quoted(struct buf *out, const char *s)
{
    buf_addc(out, '"');
    while (*s) {
        unsigned char c = (unsigned char)*s;
        size_t len = 1, left = strlen(s);
        size_t need = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (c == '"' || c == '\\') {
            buf_addf(out, "\\%c", c);
        } else if (c == '\n') {
            buf_adds(out, "\\n");
        } else if (c == '\t') {
            buf_adds(out, "\\t");
        } else if (c >= 0x20 && c < 0x7f) {
            buf_addc(out, (char)c);
        } else if (c < 0x80) {
            buf_addf(out, "\\x%02x", (unsigned)c);
        } else if (need > left || !str_utf8_valid(s, need)) {
            buf_adds(out, "\\uFFFD");
        } else if (needs_escape(code_point(s, &len))) {
            buf_addf(out, "\\u%04x", (unsigned)code_point(s, &len));
        } else {
            buf_add(out, s, len);
        }
        s += len;
    }
    buf_addc(out, '"');
}

static void add_text(struct buf *out, const char *s)
{
    if (plain_is_fine(s)) {
        buf_adds(out, s);
    } else {
        add_quoted(out, s);
    }
}

/* ---- sections -------------------------------------------------------------------------------- */

/* Called for each key of the tree that the dotted keys make. row is the setting, or s->count for a
 * section that begins. */
typedef void visit_fn(void *user, size_t row, const char *name, size_t name_len, int depth);

struct walk {
    const struct opt *table;
    size_t count;
    visit_fn *visit;
    void *user;
};

static bool in_section(const struct opt *o, const char *prefix, size_t prefix_len)
{
    return o->key && strncmp(o->key, prefix, prefix_len) == 0;
}

/* In the table's order, but all settings of a section follow its first setting. */
static void walk_section(const struct walk *w, const char *prefix, size_t prefix_len, int depth)
{
    for (size_t row = 0; row < w->count; row++) {
        if (!in_section(&w->table[row], prefix, prefix_len)) continue;
        const char *key = w->table[row].key, *name = key + prefix_len;
        size_t name_len = strcspn(name, ".");
        if (!name[name_len]) {
            w->visit(w->user, row, name, name_len, depth);
            continue;
        }
        size_t inner_len = prefix_len + name_len + 1;
        bool seen = false;
        for (size_t i = 0; i < row && !seen; i++)
            seen = in_section(&w->table[i], key, inner_len);
        if (seen) continue;
        w->visit(w->user, w->count, name, name_len, depth);
        walk_section(w, key, inner_len, depth + 1);
    }
}

/* ---- effective config ------------------------------------------------------------------------ */

struct printer {
    const struct opt_set *s;
    struct buf *out;
};

static void add_indent(struct buf *out, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_adds(out, "  ");
}

static void add_source(const struct printer *p, size_t row, size_t line_start, bool set)
{
    const struct opt *o = &p->s->table[row];
    do
        buf_addc(p->out, ' ');
    while (p->out->len - line_start < COMMENT_COLUMN);
    switch (p->s->sources[row]) {
    case OPT_FROM_DEFAULT:
        buf_adds(p->out, set ? "# default" : "# not set");
        break;
    case OPT_FROM_FILE:
        buf_adds(p->out, "# from the file");
        break;
    case OPT_FROM_ENV:
        buf_addf(p->out, "# from %s", o->env);
        break;
    case OPT_FROM_FLAG:
        if (o->flag) buf_addf(p->out, "# from --%s", o->flag);
        if (!o->flag) buf_addf(p->out, "# from -%c", o->short_flag);
        break;
    }
    buf_addc(p->out, '\n');
}

static void add_list(const struct printer *p, const struct opt_list *l, int depth)
{
    for (size_t i = 0; i < l->count; i++) {
        add_indent(p->out, depth + 1);
        buf_adds(p->out, "- ");
        add_text(p->out, l->items[i]);
        buf_addc(p->out, '\n');
    }
}

static void add_map(const struct printer *p, const struct opt_map *m, int depth)
{
    struct buf key;
    buf_init(&key, SIZE_MAX);
    for (size_t i = 0; i < m->count; i++) {
        buf_clear(&key);
        add_text(&key, m->items[i].key);
        bool is_long = key.len > SIMPLE_KEY_MAX;
        add_indent(p->out, depth + 1);
        if (is_long) buf_adds(p->out, "? ");
        buf_add(p->out, key.data, key.len);
        if (is_long) {
            buf_addc(p->out, '\n');
            add_indent(p->out, depth + 1);
        }
        buf_adds(p->out, ": ");
        add_text(p->out, m->items[i].value);
        buf_addc(p->out, '\n');
    }
    buf_fini(&key);
}

/* Each member as JSON, which is YAML, too. */
static void add_tree(const struct printer *p, const struct json *tree, int depth)
{
    for (const struct json *m = json_first(tree); m; m = json_next(m)) {
        char *text = json_text(m);
        add_indent(p->out, depth + 1);
        add_text(p->out, json_key(m));
        buf_addf(p->out, ": %s\n", text);
        mem_free(text);
    }
}

#define INT_MAX_EXACT (INT64_C(1) << 53) /* a plain number beyond is refused by the reader */

static void add_number(struct buf *out, const struct opt *o, int64_t n)
{
    char text[DURATION_TEXT_SIZE];
    snprintf(text, sizeof text, "%" PRId64, n);
    if (o->type == OPT_DURATION) duration_format(n, text);
    if (o->type == OPT_SIZE) size_format(n, text);
    const char *quote = n > INT_MAX_EXACT || n < -INT_MAX_EXACT ? "\"" : "";
    buf_addf(out, " %s%s%s", quote, text, quote);
}

/* The text after "key:" in its line; false when the setting has no value. */
static bool add_value(struct buf *out, const struct opt *o, const void *field)
{
    switch (o->type) {
    case OPT_STRING: {
        const char *s = *(char *const *)field;
        char *shown = o->shown ? o->shown(s) : NULL;
        if (shown) s = shown;
        buf_addc(out, ' ');
        if (s) add_text(out, s);
        if (!s) buf_adds(out, "null");
        mem_free(shown);
        return s != NULL;
    }
    case OPT_BOOL:
        buf_adds(out, *(const bool *)field ? " true" : " false");
        return true;
    case OPT_INT:
    case OPT_DURATION:
    case OPT_SIZE:
        add_number(out, o, *(const int64_t *)field);
        return true;
    case OPT_LIST:
        if (((const struct opt_list *)field)->count == 0) buf_adds(out, " []");
        return true;
    case OPT_MAP:
        if (((const struct opt_map *)field)->count == 0) buf_adds(out, " {}");
        return true;
    case OPT_TREE:
        if (json_count(*(struct json *const *)field) == 0) buf_adds(out, " {}");
        return true;
    }
    return true;
}

/* A number that nobody set and whose default the program works out later ("slots") may lie outside
 * of its own range: such a line would not read back. */
static bool is_unset_number(const struct opt_set *s, size_t row, const void *field)
{
    const struct opt *o = &s->table[row];
    bool is_number = o->type == OPT_INT || o->type == OPT_DURATION || o->type == OPT_SIZE;
    return is_number && !o->fallback && s->sources[row] == OPT_FROM_DEFAULT &&
           *(const int64_t *)field == o->absent;
}

static void print_setting(void *user, size_t row, const char *name, size_t name_len, int depth)
{
    const struct printer *p = user;
    size_t start = p->out->len;
    add_indent(p->out, depth);
    buf_add(p->out, name, name_len);
    buf_addc(p->out, ':');
    if (row == p->s->count) {
        buf_addc(p->out, '\n');
        return;
    }
    const struct opt *o = &p->s->table[row];
    const void *field = opt_field(p->s, row);
    bool set = false;
    if (is_unset_number(p->s, row, field)) {
        buf_adds(p->out, " null");
    } else {
        set = add_value(p->out, o, field);
    }
    add_source(p, row, start, set);
    if (o->type == OPT_LIST) add_list(p, field, depth);
    if (o->type == OPT_MAP) add_map(p, field, depth);
    if (o->type == OPT_TREE) add_tree(p, *(struct json *const *)field, depth);
}

/* The file itself, the state folder: no key can name them, so they stand as comments. */
static void print_paths(const struct printer *p)
{
    for (size_t row = 0; row < p->s->count; row++) {
        const struct opt *o = &p->s->table[row];
        if (o->key || !o->flag || !o->is_path || o->type != OPT_STRING) continue;
        const char *path = *(char *const *)opt_field(p->s, row);
        if (!path) continue;
        size_t start = p->out->len;
        buf_addf(p->out, "# %s: ", o->flag);
        escape_text(p->out, path, strlen(path)); /* in one line, whatever bytes it has */
        add_source(p, row, start, true);
    }
}

void opt_print(const struct opt_set *s, struct buf *out)
{
    struct printer p = {s, out};
    print_paths(&p);
    struct walk w = {s->table, s->count, print_setting, &p};
    walk_section(&w, "", 0, 0);
}

/* ---- wrapped text ---------------------------------------------------------------------------- */

/* Adds the words of `text`; lines after the first begin with `prefix`. `column` is where we
 * stand. */
static void add_wrapped(struct buf *out, const char *text, const char *prefix, size_t column)
{
    size_t prefix_len = strlen(prefix);
    bool first = true;
    while (*text) {
        size_t len = strcspn(text, " ");
        bool fits = column + 1 + len <= WIDTH;
        if (!first && fits) {
            buf_addc(out, ' ');
            column++;
        } else if (!first) {
            buf_addf(out, "\n%s", prefix);
            column = prefix_len;
        }
        buf_add(out, text, len);
        column += len;
        text += len;
        while (*text == ' ')
            text++;
        first = false;
    }
    buf_addc(out, '\n');
}

/* ---- help ------------------------------------------------------------------------------------ */

static const char *value_name(const struct opt *o)
{
    if (o->value_name) return o->value_name;
    if (o->choices) return o->choices;
    switch (o->type) {
    case OPT_INT:
        return "N";
    case OPT_DURATION:
        return "DURATION";
    case OPT_SIZE:
        return "SIZE";
    case OPT_MAP:
        return "KEY=VALUE";
    default:
        return "TEXT";
    }
}

static void add_flag(struct buf *out, const struct opt *o)
{
    if (o->short_flag) {
        buf_addf(out, "  -%c, ", o->short_flag);
    } else {
        buf_adds(out, "      ");
    }
    bool on_already = o->type == OPT_BOOL && str_eq(o->fallback, "true");
    buf_addf(out, "--%s%s", on_already ? "[no-]" : "", o->flag);
    if (o->type != OPT_BOOL) buf_addf(out, " %s", value_name(o));
}

static void add_remark(struct buf *out, size_t *count, const char *separator, const char *what,
                       const char *value)
{
    if (*count == 0) buf_adds(out, out->len > 0 ? " (" : "(");
    if ((*count)++ > 0) buf_adds(out, separator);
    buf_addf(out, "%s%s", what, value);
}

/* "help (default: x; also CADRE_X, key x)" */
static void add_description(struct buf *out, const struct opt *o)
{
    size_t remarks = 0, also = 0;
    buf_adds(out, o->help ? o->help : "");
    if (!str_empty(o->fallback) && o->type != OPT_BOOL) {
        add_remark(out, &remarks, "; ", "default: ", o->fallback);
    }
    if (o->type == OPT_LIST || o->type == OPT_MAP) {
        add_remark(out, &remarks, "; ", "may be repeated", "");
    }
    if (o->env) {
        add_remark(out, &remarks, "; ", "also ", o->env);
        also++;
    }
    if (o->key) add_remark(out, &remarks, also ? ", " : "; ", also ? "key " : "also key ", o->key);
    if (remarks > 0) buf_addc(out, ')');
}

static void add_help_line(struct buf *out, const char *left, const char *right, size_t column)
{
    char prefix[HELP_COLUMN_MAX + 1];
    memset(prefix, ' ', column);
    prefix[column] = '\0';
    size_t len = strlen(left);
    buf_adds(out, left);
    /* a long flag has its line for itself */
    if (len + 2 > column) {
        buf_addf(out, "\n%s", prefix);
    } else {
        buf_add(out, prefix, column - len);
    }
    add_wrapped(out, right, prefix, column);
}

static const char help_flag[] = "  -h, --help";

static void print_rows(const struct opt *table, size_t count, bool with_help, struct buf *out)
{
    struct buf left, right;
    buf_init(&left, SIZE_MAX);
    buf_init(&right, SIZE_MAX);
    size_t column = sizeof help_flag - 1 + 2;
    bool has_help = false;
    for (size_t row = 0; row < count; row++) {
        if (!table[row].flag) continue;
        buf_clear(&left);
        add_flag(&left, &table[row]);
        if (left.len + 2 > column && left.len + 2 <= HELP_COLUMN_MAX) column = left.len + 2;
        has_help = has_help || str_eq(table[row].flag, "help");
    }
    for (size_t row = 0; row < count; row++) {
        if (!table[row].flag) continue;
        buf_clear(&left);
        buf_clear(&right);
        add_flag(&left, &table[row]);
        add_description(&right, &table[row]);
        add_help_line(out, left.data, right.data, column);
    }
    if (!has_help && with_help) add_help_line(out, help_flag, "show this help", column);
    buf_fini(&left);
    buf_fini(&right);
}

void opt_help(const struct opt *table, size_t count, struct buf *out)
{
    print_rows(table, count, true, out);
}

void opt_help_rows(const struct opt *table, size_t count, struct buf *out)
{
    print_rows(table, count, false, out);
}

void opt_help_row(const struct opt *o, struct buf *left, struct buf *right)
{
    struct buf flag;
    buf_init(&flag, SIZE_MAX);
    add_flag(&flag, o);
    (void)buf_adds(left, flag.data + strspn(flag.data, " "));
    add_description(right, o);
    buf_fini(&flag);
}
