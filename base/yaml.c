/* The seam to libyaml: its events become a tree, everything that we do not support is refused. */
#include "base/yaml.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/encoding.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 64
#define CORE_TAG "tag:yaml.org,2002:"

struct line {
    const struct json *node;
    int line;
    char *text; /* of a scalar that did not become a string */
};

struct yaml_lines {
    struct line *items;        /* sorted by node when parsing is done */
    size_t count, cap, sorted; /* sorted: those at the front; the others came later */
};

/* An open mapping or sequence. */
struct frame {
    struct json *node;
    char *key; /* of the member whose value comes next; NULL: a key comes next */
    int key_line;
};

struct duplicate {
    int line;
    char *sentence;
};

struct reader {
    const char *name;
    const char *text;
    size_t len;
    struct json *root;
    struct yaml_lines *lines;
    struct frame frames[DEPTH_MAX];
    int depth;
    int documents;
    struct duplicate *duplicates; /* YAML_DUPLICATES_MAX */
    size_t duplicate_count;
    struct err *e;
};

static int fail(struct reader *r, size_t line, const char *fmt, ...) CADRE_PRINTF(3, 4);

static int fail(struct reader *r, size_t line, const char *fmt, ...)
{
    char reason[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(reason, sizeof reason, fmt, ap);
    va_end(ap);
    if (n < 0) reason[0] = '\0';
    if (line == 0) return err_set(r->e, ERR_INVALID, "%s: %s", r->name, reason);
    return err_set(r->e, ERR_INVALID, "%s:%zu: %s", r->name, line, reason);
}

static size_t line_of(yaml_mark_t mark)
{
    return mark.line + 1;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void remember(struct yaml_lines *l, const struct json *node, int line, const char *text)
{
    if (l->count == l->cap) {
        l->cap = l->cap > 0 ? 2 * l->cap : 32;
        l->items = mem_resize(l->items, l->cap, sizeof *l->items);
    }
    bool is_string = json_type(node) == JSON_STRING;
    l->items[l->count++] = (struct line){node, line, is_string ? NULL : mem_strdup(text)};
}

static int by_node(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct line *)a)->node;
    uintptr_t y = (uintptr_t)((const struct line *)b)->node;
    return x < y ? -1 : x > y;
}

static void sort_lines(struct yaml_lines *l)
{
    if (l->sorted == l->count) return;
    qsort(l->items, l->count, sizeof *l->items, by_node);
    l->sorted = l->count;
}

static const struct line *find_sorted(const struct yaml_lines *l, const struct json *node)
{
    struct line wanted = {node, 0, NULL};
    if (!l || !node || l->sorted == 0) return NULL;
    return bsearch(&wanted, l->items, l->sorted, sizeof wanted, by_node);
}

static const struct line *find_line(const struct yaml_doc *d, const struct json *node)
{
    if (d->lines) sort_lines(d->lines);
    return find_sorted(d->lines, node);
}

int yaml_line(const struct yaml_doc *d, const struct json *node)
{
    const struct line *found = find_line(d, node);
    return found ? found->line : 0;
}

const char *yaml_text(const struct yaml_doc *d, const struct json *node)
{
    const struct line *found = find_line(d, node);
    if (!found) return NULL;
    return found->text ? found->text : json_str(node, NULL);
}

void yaml_same_place(struct yaml_doc *d, const struct json *node, const struct json *from)
{
    const struct line *found = find_sorted(d->lines, from); /* what came later needs no sorting */
    if (found) remember(d->lines, node, found->line, found->text);
}

static void free_lines(struct yaml_lines *l)
{
    for (size_t i = 0; l && i < l->count; i++)
        mem_free(l->items[i].text);
    if (l) mem_free(l->items);
    mem_free(l);
}

void yaml_doc_fini(struct yaml_doc *d)
{
    json_free(d->root);
    free_lines(d->lines);
    *d = (struct yaml_doc){NULL, NULL};
}

/* ---- scalars --------------------------------------------------------------------------------- */

static size_t digits_at(const char *s)
{
    return strspn(s, "0123456789");
}

enum number { NOT_A_NUMBER, INTEGER, FLOAT };

/* JSON's numbers and what is commonly written besides (+1, .5, 1.); a leading zero makes it a
 * string. */
static enum number number_kind(const char *s)
{
    if (*s == '+' || *s == '-') s++;
    size_t whole = digits_at(s);
    if (whole > 1 && s[0] == '0') return NOT_A_NUMBER;
    s += whole;
    if (!*s) return whole > 0 ? INTEGER : NOT_A_NUMBER;
    size_t part = 0;
    if (*s == '.') {
        part = digits_at(++s);
        s += part;
    }
    if (whole == 0 && part == 0) return NOT_A_NUMBER;
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '+' || *s == '-') s++;
        size_t exponent = digits_at(s);
        if (exponent == 0) return NOT_A_NUMBER;
        s += exponent;
    }
    return *s ? NOT_A_NUMBER : FLOAT;
}

static bool is_null(const char *s)
{
    return !*s || str_eq(s, "~") || str_eq(s, "null") || str_eq(s, "Null") || str_eq(s, "NULL");
}

/* A plain scalar. NULL: a number that is too large. */
static struct json *plain_value(const char *text)
{
    if (is_null(text)) return json_new(JSON_NULL);
    if (str_eq(text, "true") || str_eq(text, "True") || str_eq(text, "TRUE")) {
        return json_new_bool(true);
    }
    if (str_eq(text, "false") || str_eq(text, "False") || str_eq(text, "FALSE")) {
        return json_new_bool(false);
    }
    enum number kind = number_kind(text);
    if (kind == NOT_A_NUMBER) return json_new_str(text);
    const char *unsigned_text = *text == '+' ? text + 1 : text;
    struct json *as_written = json_new_num_text(unsigned_text);
    if (as_written || kind == INTEGER) return as_written;
    double n = strtod(text, NULL);
    return fabs(n) <= DBL_MAX ? json_new_num(n) : NULL;
}

static int fail_tag(struct reader *r, size_t line, const char *tag)
{
    bool core = str_starts(tag, CORE_TAG);
    const char *name = core ? tag + strlen(CORE_TAG) : tag;
    char shown[STR_QUOTE_SIZE];
    str_quote(shown, name);
    shown[strlen(shown) - 1] = '\0'; /* without the quotes */
    return fail(r, line, "the tag %s%s is not supported", core ? "!!" : "", shown + 1);
}

/* *out: NULL when the tag asks for something that the text is not. ERR_INVALID: unknown tag. */
static int tagged_value(const char *tag, const char *text, struct json **out)
{
    *out = NULL;
    if (str_eq(tag, "!") || str_eq(tag, CORE_TAG "str")) {
        *out = json_new_str(text);
        return 0;
    }
    const char *kind = str_starts(tag, CORE_TAG) ? tag + strlen(CORE_TAG) : "";
    bool is_float = str_eq(kind, "float");
    enum json_type type = JSON_NUMBER;
    if (str_eq(kind, "null")) {
        type = JSON_NULL;
    } else if (str_eq(kind, "bool")) {
        type = JSON_BOOL;
    } else if (!str_eq(kind, "int") && !is_float) {
        return ERR_INVALID;
    }
    struct json *value = plain_value(text);
    if (!value || json_type(value) != type ||
        (type == JSON_NUMBER && !is_float && !json_is_int(value))) {
        json_free(value);
        return 0;
    }
    *out = value;
    return 0;
}

static int scalar_value(struct reader *r, const yaml_event_t *event, struct json **out)
{
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    size_t line = line_of(event->start_mark);
    if (strlen(text) != event->data.scalar.length) {
        return fail(r, line, "a string must not contain NUL (\\0)");
    }
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct json *value = NULL;
    char shown[STR_QUOTE_SIZE];
    if (tag && plain && str_eq(tag, "!")) { /* "! test -e x", which would lose its "!" */
        return fail(r, line, "'!' means a tag, which is not supported; put the text in quotes");
    } else if (tag) {
        if (tagged_value(tag, text, &value) != 0) return fail_tag(r, line, tag);
        if (!value) return fail(r, line, "%s does not fit its tag", str_quote(shown, text));
    } else if (plain) {
        value = plain_value(text);
        if (!value) {
            return fail(r, line, "the number %s is too large to be exact; put it in quotes",
                        str_quote(shown, text));
        }
    } else {
        value = json_new_str(text);
    }
    *out = value;
    return 0;
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* Adds a new node at its place in the tree; the tree owns the node from then on. */
static void attach(struct reader *r, struct json *node, size_t line, const char *text)
{
    int at = (int)line;
    if (r->depth == 0) {
        r->root = node;
    } else {
        struct frame *f = &r->frames[r->depth - 1];
        if (f->key) {
            /* duplicates are looked for when the mapping ends */
            json_put(f->node, f->key, node);
            at = f->key_line;
            mem_free(f->key);
            f->key = NULL;
        } else {
            json_push(f->node, node);
        }
    }
    remember(r->lines, node, at, text);
}

static bool wants_key(const struct reader *r)
{
    if (r->depth == 0) return false;
    const struct frame *f = &r->frames[r->depth - 1];
    return json_type(f->node) == JSON_OBJECT && !f->key;
}

static int on_key(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t line = line_of(event->start_mark);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (strlen(text) != event->data.scalar.length) {
        return fail(r, line, "a string must not contain NUL (\\0)");
    }
    if (plain && !*text) return fail(r, line, "a key is missing before ':'");
    if (plain && str_eq(text, "<<")) return fail(r, line, "merge keys (<<) are not supported");
    if (event->data.scalar.tag && !str_eq((const char *)event->data.scalar.tag, CORE_TAG "str")) {
        return fail(r, line, "a key must not have a tag");
    }
    struct frame *f = &r->frames[r->depth - 1];
    f->key = mem_strdup(text);
    f->key_line = (int)line;
    return 0;
}

static int on_scalar(struct reader *r, const yaml_event_t *event)
{
    if (event->data.scalar.anchor) {
        return fail(r, line_of(event->start_mark),
                    "anchors are not supported: write the value out");
    }
    if (wants_key(r)) return on_key(r, event);
    struct json *value = NULL;
    int rc = scalar_value(r, event, &value);
    if (rc != 0) return rc;
    attach(r, value, line_of(event->start_mark), (const char *)event->data.scalar.value);
    return 0;
}

/* x: {{ inputs.x }} is a mapping with a mapping for its key. */
static int fail_key(struct reader *r, size_t line, bool is_map)
{
    const char *text = r->text, *end = r->text + r->len;
    for (size_t i = 1; i < line && text; i++) {
        text = memchr(text, '\n', (size_t)(end - text));
        if (text) text++;
    }
    for (; is_map && text && text + 1 < end && *text != '\n'; text++)
        if (text[0] == '{' && text[1] == '{')
            return fail(r, line,
                        "a text that begins with '{{' is a mapping to YAML; put it in quotes");
    return fail(r, line, "a key must be a string, not a mapping or a list");
}

static int on_open(struct reader *r, const yaml_event_t *event)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *anchor =
        is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const char *tag =
        (const char *)(is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    size_t line = line_of(event->start_mark);
    if (anchor) return fail(r, line, "anchors are not supported: write the value out");
    if (tag && !str_eq(tag, is_map ? CORE_TAG "map" : CORE_TAG "seq")) {
        return fail_tag(r, line, tag);
    }
    if (wants_key(r)) return fail_key(r, line, is_map);
    if (r->depth == DEPTH_MAX) return fail(r, line, "nested deeper than %d levels", DEPTH_MAX);
    struct json *node = json_new(is_map ? JSON_OBJECT : JSON_ARRAY);
    attach(r, node, line, NULL);
    r->frames[r->depth++] = (struct frame){node, NULL, 0};
    return 0;
}

struct member {
    const char *key;
    const struct json *node;
    size_t place;
};

static int by_key(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    if (order != 0) return order;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Lines are not sorted yet; only a failure comes here. */
static int line_by_search(const struct reader *r, const struct json *node)
{
    for (size_t i = 0; i < r->lines->count; i++) {
        if (r->lines->items[i].node == node) return r->lines->items[i].line;
    }
    return 0;
}

static void note_duplicate(struct reader *r, const struct member *first, const struct member *again)
{
    char shown[STR_QUOTE_SIZE];
    if (r->duplicate_count == YAML_DUPLICATES_MAX) return;
    struct duplicate *d = &r->duplicates[r->duplicate_count++];
    d->line = line_by_search(r, again->node);
    d->sentence = str_dupf("duplicate key %s (the first is in line %d)",
                           str_quote(shown, first->key), line_by_search(r, first->node));
}

/* Sorting finds duplicates also among a hundred thousand keys. */
static void check_keys(struct reader *r, const struct json *object)
{
    size_t count = json_count(object), n = 0, first = 0;
    if (count < 2) return;
    struct member *members = mem_array(count, sizeof *members);
    for (const struct json *c = json_first(object); c; c = json_next(c)) {
        members[n] = (struct member){json_key(c), c, n};
        n++;
    }
    qsort(members, count, sizeof *members, by_key);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(members[i].key, members[first].key) == 0)
            note_duplicate(r, &members[first], &members[i]);
        else
            first = i;
    }
    mem_free(members);
}

static void on_close(struct reader *r)
{
    const struct frame *f = &r->frames[--r->depth];
    if (json_type(f->node) == JSON_OBJECT) check_keys(r, f->node);
}

static int on_event(struct reader *r, const yaml_event_t *event)
{
    char shown[STR_QUOTE_SIZE];
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++r->documents == 1) return 0;
        return fail(r, line_of(event->start_mark), "a second document begins here; one is allowed");
    case YAML_ALIAS_EVENT:
        str_quote(shown, (const char *)event->data.alias.anchor);
        return fail(r, line_of(event->start_mark),
                    "anchors are not supported: write the value of %s out", shown);
    case YAML_SCALAR_EVENT:
        return on_scalar(r, event);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return on_open(r, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        on_close(r);
        return 0;
    default:
        return 0;
    }
}

/* ---- what libyaml complains about
 * -------------------------------------------------------------- */

/* The line (0-based) of the text; *len without its end. */
static const char *text_line(const struct reader *r, size_t line, size_t *len)
{
    const char *at = r->text, *end = r->text + r->len;
    for (; line > 0 && at < end; line--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    *len = (size_t)((newline ? newline : end) - at);
    return at;
}

static bool has_tab_in_indentation(const struct reader *r, size_t line)
{
    size_t len;
    const char *at = text_line(r, line, &len);
    for (size_t i = 0; i < len && (at[i] == ' ' || at[i] == '\t'); i++) {
        if (at[i] == '\t') return true;
    }
    return false;
}

static bool says(const char *message, const char *part)
{
    return message && strstr(message, part);
}

/* libyaml's errors, in words for users who edit a config file. */
struct saying {
    const char *context, *problem; /* parts of its messages; NULL: any */
    bool at_context;               /* its line is where the construct began */
    const char *sentence;
};

static const struct saying sayings[] = {
    {"quoted scalar", "end of stream", true, "the quoted text that begins here is never closed"},
    {"quoted scalar", "document indicator", true,
     "the quoted text that begins here is never closed"},
    {"quoted scalar", "unknown escape", false,
     "unknown escape in double quotes; write \\\\ for a backslash, or use single quotes"},
    {"quoted scalar", "hexdecimal", false,
     "an escape in double quotes needs hex digits; write \\\\ for a backslash, or use single "
     "quotes"},
    {"quoted scalar", "Unicode", false, "an escape in double quotes names no character"},
    {"flow sequence", NULL, true, "the list that begins here with '[' is not closed properly"},
    {"flow mapping", NULL, true, "the mapping that begins here with '{' is not closed properly"},
    {NULL, "mapping values are not allowed", false,
     "a ':' that is not expected here; check the indentation and the quotes"},
    {"simple key", "could not find expected ':'", true, "a ':' is missing after this key"},
    {"block mapping", "did not find expected key", false,
     "a key is expected here; check the indentation and the quotes"},
    {"block collection", "did not find expected '-'", false,
     "a '-' is expected here; check the indentation and the quotes"},
    {NULL, "did not find expected node content", false, "a value is missing before this"},
    {NULL, "block sequence entries are not allowed", false, "a '-' that is not expected here"},
    {NULL, "mapping keys are not allowed", false, "a '?' that is not expected here"},
    {"anchor", NULL, false,
     "'&' and '*' mean anchors, which are not supported; put the text in quotes"},
    {"alias", NULL, false,
     "'&' and '*' mean anchors, which are not supported; put the text in quotes"},
    {NULL, "undefined tag handle", false, "a tag that is not supported"},
    {"tag", NULL, false, "'!' means a tag, which is not supported; put the text in quotes"},
    {"block scalar", NULL, false,
     "after '|' or '>' only '+', '-', an indentation and a comment are allowed"},
    {NULL, "cannot start any token", false,
     "a string must not begin with this character; put it in quotes"},
    {NULL, "expected <document start>", false, "this does not fit the lines above"},
};

static int explain(struct reader *r, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) mem_exhausted();
    size_t line = parser->problem_mark.line;
    if (parser->error == YAML_READER_ERROR) {
        /* it gives a byte offset; ours were checked, so these are control characters */
        size_t offset = parser->problem_offset < r->len ? parser->problem_offset : r->len;
        line = 0;
        for (size_t i = 0; i < offset; i++)
            line += r->text[i] == '\n';
        return fail(r, line + 1, "a control character, or another that YAML does not allow");
    }
    if (has_tab_in_indentation(r, line)) {
        return fail(r, line + 1, "a tab in the indentation; use spaces");
    }
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
        const struct saying *s = &sayings[i];
        if ((s->context && !says(parser->context, s->context)) ||
            (s->problem && !says(parser->problem, s->problem))) {
            continue;
        }
        if (s->at_context) line = parser->context_mark.line;
        return fail(r, line + 1, "%s", s->sentence);
    }
    return fail(r, line + 1, "%s%s%s", parser->context ? parser->context : "",
                parser->context ? ", " : "", parser->problem ? parser->problem : "not YAML");
}

/* ---- reading --------------------------------------------------------------------------------- */

static int check_bytes(struct reader *r)
{
    if (r->len > YAML_MAX_BYTES) {
        return fail(r, 0, "larger than %uMiB", YAML_MAX_BYTES / 1024 / 1024);
    }
    size_t line = 1, start = 0;
    while (start < r->len) {
        const char *at = r->text + start;
        const char *newline = memchr(at, '\n', r->len - start);
        size_t len = newline ? (size_t)(newline - at) + 1 : r->len - start;
        if (memchr(at, '\0', len)) {
            return fail(r, line, "a NUL byte; is this a text file in UTF-8?");
        }
        if (!str_utf8_valid(at, len)) return fail(r, line, "invalid UTF-8");
        /* libyaml compares each %TAG with all before it */
        if (at[0] == '%' && (len < 6 || memcmp(at, "%YAML ", 6) != 0)) {
            return fail(r, line, "'%%' in front means a directive; put the text in quotes");
        }
        start += len;
        line++;
    }
    return 0;
}

static int read_events(struct reader *r)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) mem_exhausted();
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)r->text, r->len);
    int rc = 0;
    bool done = false;
    while (rc == 0 && !done) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            rc = explain(r, &parser);
            break;
        }
        done = event.type == YAML_STREAM_END_EVENT;
        rc = on_event(r, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

static int by_line(const void *a, const void *b)
{
    const struct duplicate *x = a, *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

/* told NULL: a duplicate key is an error. */
static int tell_duplicates(struct reader *r, const struct yaml_duplicates *told)
{
    struct buf all;
    qsort(r->duplicates, r->duplicate_count, sizeof *r->duplicates, by_line);
    if (told) {
        for (size_t i = 0; i < r->duplicate_count; i++)
            told->fn(r->duplicates[i].line, r->duplicates[i].sentence, told->user);
        return 0;
    }
    if (r->duplicate_count == 0) return 0;
    buf_init(&all, 2 * ERR_MSG_MAX);
    for (size_t i = 0; i < r->duplicate_count; i++) {
        if (i > 0) (void)buf_addf(&all, "; line %d: ", r->duplicates[i].line);
        (void)buf_adds(&all, r->duplicates[i].sentence);
    }
    int rc = fail(r, (size_t)r->duplicates[0].line, "%s", all.data);
    buf_fini(&all);
    return rc;
}

static void free_duplicates(struct reader *r)
{
    for (size_t i = 0; i < r->duplicate_count; i++)
        mem_free(r->duplicates[i].sentence);
    mem_free(r->duplicates);
}

static int read_document(struct reader *r, const struct yaml_duplicates *told)
{
    r->lines = mem_alloc(sizeof *r->lines);
    r->duplicates = mem_array(YAML_DUPLICATES_MAX, sizeof *r->duplicates);
    int rc = read_events(r);
    while (r->depth > 0)
        mem_free(r->frames[--r->depth].key);
    if (rc == 0 || told) {
        int duplicates_rc = tell_duplicates(r, told);
        if (rc == 0) rc = duplicates_rc;
    }
    free_duplicates(r);
    if (rc != 0) {
        json_free(r->root);
        free_lines(r->lines);
        return rc;
    }
    if (!r->root) {
        r->root = json_new(JSON_OBJECT);
        remember(r->lines, r->root, 1, NULL);
    }
    sort_lines(r->lines);
    return 0;
}

int yaml_parse_all(const char *name, const char *text, size_t len, const struct yaml_duplicates *d,
                   struct yaml_doc *out, struct err *e)
{
    size_t mark = encoding_mark(text, len);
    struct reader r = {.name = name, .text = text + mark, .len = len - mark, .e = e};
    int rc = check_bytes(&r);
    if (rc == 0) rc = read_document(&r, d);
    if (rc == 0) *out = (struct yaml_doc){r.root, r.lines};
    return rc;
}

int yaml_parse(const char *name, const char *text, size_t len, struct yaml_doc *out, struct err *e)
{
    return yaml_parse_all(name, text, len, NULL, out, e);
}
