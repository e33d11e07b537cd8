/* Reads an expression: what stands between "{{" and "}}". The operators bind as in Pebble, loosest
 * first: or, and, (is, is not, contains, in), comparisons, (+ -), (* / %), |, ~, (.. ?? ???), and
 * then the unary ones: "not a == b" is "(not a) == b". */
#include "coordinator/flow/expr_tree.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reading {
    const char *s; /* what comes next */
    struct expr_tree *t;
    int depth; /* how many expressions are being read within each other */
};

static struct expr_node *read_expr(struct reading *r, int min);

bool expr_say(char out[EXPR_SENTENCE_SIZE], const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(out, EXPR_SENTENCE_SIZE, fmt, args);
    va_end(args);
    if (n >= EXPR_SENTENCE_SIZE) out[str_utf8_whole(out, strlen(out))] = '\0';
    return false;
}

#define FAIL(r, ...) (expr_say((r)->t->sentence, __VA_ARGS__), NULL)

/* ---- words ----------------------------------------------------------------------------------- */

bool expr_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c);
}

static void skip_blanks(struct reading *r)
{
    while (expr_is_blank(*r->s))
        r->s++;
}

/* A name behind a '.' may have '-' in it. */
static size_t name_length(const char *s, bool dashes)
{
    size_t len = 0;
    while (is_word(s[len]) || (dashes && s[len] == '-'))
        len++;
    if (len > 0 && str_starts(s + len - 1, "-}}")) len--;
    return len;
}

static char *keep(struct reading *r, const char *text, size_t len)
{
    char *copy = arena_alloc(&r->t->arena, len + 1);
    memcpy(copy, text, len);
    return copy;
}

static const char *take_name(struct reading *r, bool dashes)
{
    size_t len = name_length(r->s, dashes);
    if (len == 0) return FAIL(r, "a name is missing after the '.'");
    if (len > EXPR_NAME_MAX) return FAIL(r, "a name has at most %d bytes", EXPR_NAME_MAX);
    r->s += len;
    return keep(r, r->s - len, len);
}

/* Takes a sign, or a word that no letter follows, behind blanks. */
static bool take(struct reading *r, const char *sign)
{
    skip_blanks(r);
    size_t len = strlen(sign);
    if (!str_starts(r->s, sign) || (is_letter(*sign) && is_word(r->s[len]))) return false;
    r->s += len;
    return true;
}

static bool expect(struct reading *r, char sign)
{
    skip_blanks(r);
    if (*r->s != sign) return expr_say(r->t->sentence, "a '%c' is missing", sign);
    r->s++;
    return true;
}

static struct expr_node *new_node(struct reading *r, enum expr_kind kind)
{
    struct expr_node *n = arena_alloc(&r->t->arena, sizeof *n);
    n->kind = kind;
    n->depth = 1;
    return n;
}

/* Appends a child behind `last` (NULL: it is the first). NULL: too deep. */
static struct expr_node *adopt(struct reading *r, struct expr_node *parent, struct expr_node *last,
                               struct expr_node *child)
{
    if (!child) return NULL;
    if (child->depth >= parent->depth) parent->depth = child->depth + 1;
    if (parent->depth > EXPR_DEPTH_MAX)
        return FAIL(r, "its parts stand more than %d deep within each other", EXPR_DEPTH_MAX);
    if (last)
        last->next = child;
    else
        parent->child = child;
    return child;
}

/* ---- literals -------------------------------------------------------------------------------- */

static struct expr_node *literal(struct reading *r, struct json *value)
{
    struct expr_node *n = new_node(r, EXPR_LITERAL);
    json_push(r->t->literals, value);
    n->value = value;
    return n;
}

/* From the quote on. A backslash stands in front of a quote or another backslash; in front of
 * anything else it is one itself. */
static char *take_quoted(struct reading *r)
{
    char quote = *r->s;
    const char *at = r->s + 1;
    while (*at && *at != quote)
        at += at[0] == '\\' && (at[1] == quote || at[1] == '\\') ? 2 : 1;
    if (!*at) return FAIL(r, "the text that begins with %c is never closed", quote);
    char *out = arena_alloc(&r->t->arena, (size_t)(at - r->s));
    size_t len = 0;
    for (const char *s = r->s + 1; s < at; s++) {
        if (quote == '"' && s[0] == '#' && s[1] == '{')
            return FAIL(r, "#{...} within a text is not supported: join texts with ~");
        if (s[0] == '\\' && (s[1] == quote || s[1] == '\\')) s++;
        out[len++] = *s;
    }
    r->s = at + 1;
    return out;
}

static struct expr_node *read_number(struct reading *r)
{
    char text[64];
    size_t len = strspn(r->s, "0123456789");
    if (r->s[len] == '.' && r->s[len + 1] != '.') {
        size_t part = strspn(r->s + len + 1, "0123456789");
        if (part == 0) return FAIL(r, "a digit is missing after the '.'");
        len += 1 + part;
    }
    if (is_word(r->s[len]) || len >= sizeof text) return FAIL(r, "this is no number");
    memcpy(text, r->s, len);
    text[len] = '\0';
    if (text[0] == '0' && is_digit(text[1])) return FAIL(r, "a number does not begin with 0");
    struct json *value = json_new_num_text(text);
    if (!value) return FAIL(r, "the number is too large: integers have at most 64 bits");
    r->s += len;
    return literal(r, value);
}

static struct expr_node *read_list(struct reading *r)
{
    struct expr_node *n = new_node(r, EXPR_LIST), *last = NULL;
    r->s++;
    if (take(r, "]")) return n;
    do {
        last = adopt(r, n, last, read_expr(r, 0));
        if (!last) return NULL;
    } while (take(r, ","));
    return expect(r, ']') ? n : NULL;
}

static struct expr_node *read_map(struct reading *r)
{
    struct expr_node *n = new_node(r, EXPR_MAP), *last = NULL;
    r->s++;
    if (take(r, "}")) return n;
    do {
        last = adopt(r, n, last, read_expr(r, 0));
        if (!last || !expect(r, ':')) return NULL;
        last = adopt(r, n, last, read_expr(r, 0));
        if (!last) return NULL;
    } while (take(r, ","));
    return expect(r, '}') ? n : NULL;
}

/* ---- paths and calls ------------------------------------------------------------------------- */

/* Behind "[". */
static bool read_subscript(struct reading *r, struct expr_step *out)
{
    struct expr_node *n = read_expr(r, 0);
    if (!n || !expect(r, ']')) return false;
    if (n->kind == EXPR_LITERAL && json_type(n->value) == JSON_STRING) {
        out->name = json_str(n->value, "");
        size_t len = strlen(out->name);
        if (len == 0 || len > EXPR_NAME_MAX)
            return expr_say(r->t->sentence, "a name of 1 to %d bytes must stand between [ and ]",
                            EXPR_NAME_MAX);
    } else if (n->kind == EXPR_LITERAL && json_is_int(n->value)) {
        out->is_index = true;
        out->index = json_int(n->value, -1);
        char *text = json_text(n->value);
        out->name = arena_text(&r->t->arena, text);
        mem_free(text);
    } else if (n->kind == EXPR_LITERAL) {
        return expr_say(r->t->sentence, "a name in quotes or a number must stand between [ and ]");
    } else {
        out->dynamic = n;
        out->name = "...";
    }
    return true;
}

static bool add_step(struct reading *r, struct expr_node *n, const struct expr_step *step)
{
    if (n->step_count == EXPR_STEPS_MAX - 1)
        return expr_say(r->t->sentence, "a path has at most %d steps", EXPR_STEPS_MAX);
    if (!n->steps) n->steps = arena_alloc(&r->t->arena, EXPR_STEPS_MAX * sizeof *n->steps);
    n->steps[n->step_count++] = *step;
    if (step->dynamic && step->dynamic->depth >= n->depth) n->depth = step->dynamic->depth + 1;
    return n->depth <= EXPR_DEPTH_MAX ||
           expr_say(r->t->sentence, "its parts stand more than %d deep within each other",
                    EXPR_DEPTH_MAX);
}

/* What follows a value: ".name" and "[...]". */
static struct expr_node *read_steps(struct reading *r, struct expr_node *of)
{
    struct expr_node *n = of;
    while ((*r->s == '.' && r->s[1] != '.') || *r->s == '[') {
        struct expr_step step = {.name = NULL};
        if (n->kind != EXPR_PATH) {
            n = new_node(r, EXPR_PATH);
            if (!adopt(r, n, NULL, of)) return NULL;
        }
        bool subscript = *r->s++ == '[';
        if (subscript ? !read_subscript(r, &step) : !(step.name = take_name(r, true))) return NULL;
        if (!subscript && *r->s == '(')
            return FAIL(r, "methods such as .%.40s() are not supported: write a filter, | length",
                        step.name);
        if (!add_step(r, n, &step)) return NULL;
    }
    return n;
}

/* From "(" on; `last` is what the first one stands behind. */
static bool read_arguments(struct reading *r, struct expr_node *call, struct expr_node *last)
{
    size_t count = last != NULL;
    r->s++;
    if (take(r, ")")) return true;
    do {
        const char *name = NULL;
        skip_blanks(r);
        size_t len = is_letter(*r->s) ? name_length(r->s, false) : 0;
        size_t blanks = strspn(r->s + len, " \t\r\n");
        if (len > 0 && r->s[len + blanks] == '=' && r->s[len + blanks + 1] != '=') {
            name = keep(r, r->s, len);
            r->s += len + blanks + 1;
        }
        if (count++ == EXPR_ARGS_MAX)
            return expr_say(r->t->sentence, "%.40s has too many arguments", call->text);
        last = adopt(r, call, last, read_expr(r, 0));
        if (!last) return false;
        last->arg = name;
    } while (take(r, ","));
    return expect(r, ')');
}

static struct expr_node *read_call(struct reading *r, const char *name)
{
    struct expr_node *n = new_node(r, EXPR_CALL);
    n->text = name;
    return read_arguments(r, n, NULL) ? read_steps(r, n) : NULL;
}

static struct expr_node *read_name(struct reading *r)
{
    static const char *const words[][3] = {{"true", "TRUE", NULL},
                                           {"false", "FALSE", NULL},
                                           {"null", "NULL", "none"}};
    const char *name = take_name(r, false);
    if (!name) return NULL;
    for (int i = 0; i < 3; i++)
        if (str_eq(words[i][0], name) || str_eq(words[i][1], name) ||
            (words[i][2] && str_eq(words[i][2], name)))
            return literal(r, i < 2 ? json_new_bool(i == 0) : json_new(JSON_NULL));
    const char *behind = r->s;
    skip_blanks(r);
    if (*r->s == '(') return read_call(r, name);
    r->s = behind;
    struct expr_node *n = new_node(r, EXPR_PATH);
    n->text = name;
    return read_steps(r, n);
}

static struct expr_node *read_value(struct reading *r)
{
    if (*r->s == '(') {
        r->s++;
        struct expr_node *n = read_expr(r, 0);
        return n && expect(r, ')') ? read_steps(r, n) : NULL;
    }
    if (*r->s == '\'' || *r->s == '"') {
        const char *text = take_quoted(r);
        return text ? literal(r, json_new_str(text)) : NULL;
    }
    if (*r->s == '[') return read_list(r);
    if (*r->s == '{') return read_map(r);
    if (is_digit(*r->s)) return read_number(r);
    if (is_letter(*r->s)) return read_name(r);
    if (*r->s == '}' || !*r->s || str_starts(r->s, "-}}"))
        return FAIL(r, "an expression is missing");
    return FAIL(r, "this is not an expression; to write two braces as text use {{ '{{' }}");
}

/* ---- operators ------------------------------------------------------------------------------- */

/* The longest sign first. */
static const struct sign {
    const char *text;
    enum expr_op op;
    int binds;
} signs[] = {
    {"???", OP_UNDEFINED, 120}, {"?\?", OP_NULL, 120}, {"==", OP_EQ, 30},
    {"!=", OP_NE, 30},          {"<=", OP_LE, 30},     {">=", OP_GE, 30},
    {"..", OP_RANGE, 120},      {"<", OP_LT, 30},      {">", OP_GT, 30},
    {"+", OP_ADD, 40},          {"-", OP_SUB, 40},     {"*", OP_MUL, 60},
    {"/", OP_DIV, 60},          {"%", OP_MOD, 60},     {"|", OP_FILTER, 100},
    {"~", OP_CONCAT, 110},      {"or", OP_OR, 10},     {"and", OP_AND, 15},
    {"is", OP_IS, 20},          {"in", OP_IN, 20},     {"contains", OP_CONTAINS, 20},
    {"equals", OP_EQ, 30},
};

/* The operator that comes next; NULL: none that binds as tightly. Nothing is taken. */
static const struct sign *next_operator(struct reading *r, int min)
{
    skip_blanks(r);
    if (str_starts(r->s, "-}}")) return NULL;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        const struct sign *s = &signs[i];
        size_t len = strlen(s->text);
        if (!str_starts(r->s, s->text) || (is_letter(*s->text) && is_word(r->s[len]))) continue;
        return s->binds >= min ? s : NULL;
    }
    return NULL;
}

/* Behind "|", or behind "is". */
static struct expr_node *read_applied(struct reading *r, enum expr_kind kind,
                                      struct expr_node *value)
{
    struct expr_node *n = new_node(r, kind);
    skip_blanks(r);
    size_t len = is_letter(*r->s) ? name_length(r->s, false) : 0;
    if (len == 0 || len > EXPR_NAME_MAX)
        return FAIL(r, kind == EXPR_TEST ? "the name of a test is missing behind 'is'"
                                         : "the name of a filter is missing behind the '|'");
    n->text = keep(r, r->s, len);
    r->s += len;
    if (!adopt(r, n, NULL, value)) return NULL;
    const char *behind = r->s;
    skip_blanks(r);
    if (*r->s == '(') return read_arguments(r, n, value) ? n : NULL;
    r->s = behind;
    return n;
}

static struct expr_node *read_binary(struct reading *r, const struct sign *sign,
                                     struct expr_node *left)
{
    if (sign->op == OP_FILTER) return read_applied(r, EXPR_FILTER, left);
    if (sign->op == OP_IS) {
        bool negative = take(r, "not");
        struct expr_node *test = read_applied(r, EXPR_TEST, left);
        if (!test || !negative) return test;
        struct expr_node *n = new_node(r, EXPR_UNARY);
        n->op = OP_NOT;
        return adopt(r, n, NULL, test) ? n : NULL;
    }
    struct expr_node *n = new_node(r, EXPR_BINARY);
    n->op = sign->op;
    if (!adopt(r, n, NULL, left)) return NULL;
    return adopt(r, n, left, read_expr(r, sign->binds + 1)) ? n : NULL;
}

/* -1.50 is a number that is inserted as it was written. */
static struct expr_node *negative(struct reading *r, const struct expr_node *of)
{
    char *digits = json_text(of->value), *text = str_dupf("-%s", digits);
    struct json *value = json_new_num_text(text);
    mem_free(digits);
    mem_free(text);
    return value ? literal(r, value) : FAIL(r, "this is no number");
}

static struct expr_node *read_unary(struct reading *r)
{
    skip_blanks(r);
    if (str_starts(r->s, "-}}")) return FAIL(r, "an expression is missing");
    enum expr_op op = take(r, "not") ? OP_NOT : take(r, "-") ? OP_MINUS : OP_PLUS;
    if (op == OP_PLUS && !take(r, "+")) return read_value(r);
    struct expr_node *n = new_node(r, EXPR_UNARY), *of = read_expr(r, 500);
    if (of && op == OP_MINUS && of->kind == EXPR_LITERAL && json_type(of->value) == JSON_NUMBER)
        return negative(r, of);
    n->op = op;
    return adopt(r, n, NULL, of) ? n : NULL;
}

static struct expr_node *read_choice(struct reading *r, struct expr_node *condition)
{
    struct expr_node *n = new_node(r, EXPR_CHOICE);
    if (!adopt(r, n, NULL, condition)) return NULL;
    struct expr_node *yes = adopt(r, n, condition, read_expr(r, 0));
    if (!yes || !expect(r, ':')) return NULL;
    return adopt(r, n, yes, read_expr(r, 0)) ? n : NULL;
}

/* All that binds at least as tightly as `min`. */
static struct expr_node *read_expr(struct reading *r, int min)
{
    if (++r->depth > EXPR_DEPTH_MAX)
        return FAIL(r, "its parts stand more than %d deep within each other", EXPR_DEPTH_MAX);
    struct expr_node *n = read_unary(r);
    const struct sign *sign;
    while (n && (sign = next_operator(r, min)) != NULL) {
        r->s += strlen(sign->text);
        n = read_binary(r, sign, n);
    }
    if (n && min == 0 && take(r, "?")) n = read_choice(r, n);
    r->depth--;
    return n;
}

/* ---- the whole ------------------------------------------------------------------------------- */

bool expr_trims(const char *s)
{
    return s[0] == '-' && !is_digit(s[1]);
}

/* Behind the expression. */
static bool read_end(struct reading *r)
{
    char *out = r->t->sentence;
    skip_blanks(r);
    if (str_starts(r->s, "}}")) {
        r->s += 2;
        return true;
    }
    if (str_starts(r->s, "-}}")) {
        r->s += 3;
        skip_blanks(r);
        return true;
    }
    if (!*r->s) return expr_say(out, "it is never closed with '}}'");
    if (*r->s == '(') return expr_say(out, "only a name can be called");
    if (*r->s == '=') return expr_say(out, "one '=' compares nothing: write ==");
    if (str_starts(r->s, "&&") || str_starts(r->s, "||"))
        return expr_say(out, "%.2s is no operator: write %s", r->s, *r->s == '&' ? "and" : "or");
    size_t shown = strcspn(r->s, " \t\r\n");
    char quoted[STR_QUOTE_SIZE], *found = mem_strndup(r->s, shown < 40 ? shown : 40);
    str_quote(quoted, found);
    mem_free(found);
    return expr_say(out, "an operator or the end was expected, and not %s", quoted);
}

bool expr_read(const char **s, struct expr_tree *t)
{
    struct reading r = {.s = *s, .t = t};
    if (expr_trims(r.s)) r.s++;
    t->root = read_expr(&r, 0);
    bool good = t->root && read_end(&r);
    *s = r.s;
    return good;
}

void expr_tree_init(struct expr_tree *t)
{
    *t = (struct expr_tree){.literals = json_new(JSON_ARRAY)};
    arena_init(&t->arena);
}

void expr_tree_fini(struct expr_tree *t)
{
    arena_fini(&t->arena);
    json_free(t->literals);
}

/* What stands in front of the expression at `at`, less the blanks that it takes away. */
size_t expr_length_before(const char *s, const char *at)
{
    size_t before = (size_t)(at - s);
    while (expr_trims(at + 2) && before > 0 && expr_is_blank(s[before - 1]))
        before--;
    return before;
}
