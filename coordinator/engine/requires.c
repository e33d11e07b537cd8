/* Demands: read, brought into one form, and compared with what an agent offers. What an agent
 * offers is in caps.c. */
#include "coordinator/engine/requires.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/caps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE };

static const char *const op_names[] = {"=", "!=", "<", "<=", ">", ">="};

struct choice {
    enum op op;
    char *text; /* the operand as people read it */
    bool glob;
    bool version;       /* 12.10 is above 12.9 */
    struct value value; /* what it is compared as */
};

struct clause {
    char *name;
    struct choice *choices;
    size_t count;
};

struct requires {
    struct clause *clauses; /* by name */
    size_t count;
};

/* ---- reading ---- */

static int fail(struct err *e, const char *name, const char *fmt, ...) CADRE_PRINTF(3, 4);

static int fail(struct err *e, const char *name, const char *fmt, ...)
{
    char text[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return err_set(e, ERR_INVALID, "requires.%.64s: %s", name, text);
}

/* The operator in front, and what is behind it without blanks. */
static enum op read_op(char **text)
{
    /* longer ones first */
    static const struct {
        const char *sign;
        enum op op;
    } signs[] = {{">=", OP_GE}, {"<=", OP_LE}, {"!=", OP_NE}, {"==", OP_EQ},
                 {">", OP_GT},  {"<", OP_LT},  {"=", OP_EQ}};
    char *s = str_trim(*text);
    *text = s;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (!str_starts(s, signs[i].sign)) continue;
        *text = str_trim(s + strlen(signs[i].sign));
        return signs[i].op;
    }
    return OP_EQ;
}

static bool is_order(enum op op)
{
    return op >= OP_LT;
}

/* What kind of value the operand has to be, and whether it is. */
static int read_operand(const char *name, enum cap_kind kind, struct choice *c, struct err *e)
{
    c->glob = !is_order(c->op) && strpbrk(c->text, "*?") != NULL;
    if (c->glob && kind != CAP_NUMBER && kind != CAP_SIZE) return 0;
    value_read(c->text, &c->value);
    c->version = kind == CAP_VERSION;
    switch (kind) {
    case CAP_NUMBER:
        if (c->value.kind == VALUE_NUMBER) return 0;
        return fail(e, name, "'%.64s' is not a number", c->text);
    case CAP_SIZE:
        if (c->value.kind == VALUE_NUMBER) return 0;
        return fail(e, name, "'%.64s' is not a size: write it as in '>= 16GiB'", c->text);
    case CAP_VERSION:
        if (value_as_version(&c->value)) return 0;
        if (!is_order(c->op)) return 0;
        return fail(e, name, "'%.64s' is not a dotted version: write it as in '>= 10.0.17763'",
                    c->text);
    case CAP_LABEL:
        if (!is_order(c->op) || c->value.kind != VALUE_TEXT) return 0;
        return fail(e, name, "'%.64s' has no order: a number, a size or a dotted version has",
                    c->text);
    default:
        if (!is_order(c->op)) return 0;
        return fail(e, name, "is a text: the operator %s needs a number, a size or a version",
                    op_names[c->op]);
    }
}

static int read_text(const char *name, enum cap_kind kind, const char *text, struct choice *c,
                     struct err *e)
{
    if (strlen(text) > REQUIRES_MAX_TEXT)
        return fail(e, name, "longer than %d bytes", REQUIRES_MAX_TEXT);
    char *copy = mem_strdup(text), *rest = copy;
    c->op = read_op(&rest);
    c->text = mem_strdup(rest);
    mem_free(copy);
    if (!*c->text) return fail(e, name, "there is no value");
    return read_operand(name, kind, c, e);
}

static int read_choice(const char *name, enum cap_kind kind, const struct json *j, struct choice *c,
                       struct err *e)
{
    char number[64];
    switch (json_type(j)) {
    case JSON_STRING:
        return read_text(name, kind, json_str(j, ""), c, e);
    case JSON_NUMBER:
        value_print_number(json_num(j, 0), number);
        return read_text(name, kind, number, c, e);
    case JSON_BOOL:
        return read_text(name, kind, json_bool(j, false) ? "true" : "false", c, e);
    default:
        return fail(e, name, "must be a string, a number or a list of these");
    }
}

static int compare_choices(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (x->op != y->op) return x->op < y->op ? -1 : 1;
    return strcmp(x->text, y->text);
}

static void choice_fini(struct choice *c)
{
    mem_free(c->text);
    value_fini(&c->value);
}

static void sort_choices(struct clause *c)
{
    qsort(c->choices, c->count, sizeof *c->choices, compare_choices);
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (kept > 0 && compare_choices(&c->choices[kept - 1], &c->choices[i]) == 0) {
            choice_fini(&c->choices[i]);
        } else {
            c->choices[kept++] = c->choices[i];
        }
    }
    c->count = kept;
}

static int read_clause(const char *name, enum cap_kind kind, const struct json *j, struct clause *c,
                       struct err *e)
{
    c->name = mem_strdup(name);
    bool list = json_type(j) == JSON_ARRAY;
    size_t count = list ? json_count(j) : 1;
    if (count == 0) return fail(e, name, "the list is empty: no agent would meet it");
    if (count > REQUIRES_MAX_CHOICES)
        return fail(e, name, "more than %d in the list", REQUIRES_MAX_CHOICES);
    c->choices = mem_array(count, sizeof *c->choices);
    for (const struct json *v = list ? json_first(j) : j; v; v = list ? json_next(v) : NULL) {
        int rc = read_choice(name, kind, v, &c->choices[c->count++], e);
        if (rc) return rc;
    }
    sort_choices(c);
    return 0;
}

static struct clause *new_clause(struct requires *r)
{
    r->clauses = mem_resize(r->clauses, r->count + 1, sizeof *r->clauses);
    struct clause *c = &r->clauses[r->count++];
    *c = (struct clause){0};
    return c;
}

/* What is required of one capability: one clause, or of a kept text several. */
static int read_member(struct requires *r, const struct json *j, enum requires_origin origin,
                       struct err *e)
{
    const char *name = json_key(j);
    const struct json *all = NULL;
    enum cap_kind kind = CAP_NUMBER;
    bool own = origin == REQUIRES_KEPT && str_eq(name, CAP_PROTOCOL);
    int rc = own ? 0 : cap_kind_of(name, &kind, e);
    if (rc) return rc;
    if (origin == REQUIRES_KEPT && json_type(j) == JSON_OBJECT) all = json_get(j, "all");
    if (json_type(all) != JSON_ARRAY) return read_clause(name, kind, j, new_clause(r), e);
    for (j = json_first(all); j && rc == 0; j = json_next(j))
        rc = read_clause(name, kind, j, new_clause(r), e);
    return rc;
}

/* By name; of one name by their choices, so that equal demands have one order. */
static int compare_clauses(const void *a, const void *b)
{
    const struct clause *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    for (size_t i = 0; order == 0 && i < x->count && i < y->count; i++)
        order = compare_choices(&x->choices[i], &y->choices[i]);
    if (order == 0 && x->count != y->count) order = x->count < y->count ? -1 : 1;
    return order;
}

static void sort_clauses(struct requires *r)
{
    qsort(r->clauses, r->count, sizeof *r->clauses, compare_clauses);
}

static bool has_unit(const char *text)
{
    return text[strspn(text, "+-0123456789.eE")] != '\0';
}

/* What the number probably means: few bytes are a slip, many a size in bytes. Sizes are whole
 * numbers, so 16.5 is told in MiB. */
static void guess_size(double n, char out[DURATION_TEXT_SIZE])
{
    bool slip = n >= 1.0 / 1024 && n < 1048576;
    if (n >= 1048576 && n < 1e18)
        size_format((int64_t)n, out);
    else if (slip && n == (double)(int64_t)n)
        (void)str_format(out, DURATION_TEXT_SIZE, "%.0fGiB", n);
    else if (slip)
        (void)str_format(out, DURATION_TEXT_SIZE, "%.0fMiB", n * 1024);
    else
        (void)str_copy(out, DURATION_TEXT_SIZE, "16GiB");
    if (!has_unit(out)) (void)str_copy(out + strlen(out), DURATION_TEXT_SIZE - strlen(out), "B");
}

static int refuse_no_unit(const char *name, const struct choice *x, struct err *e)
{
    char guess[DURATION_TEXT_SIZE];
    guess_size(x->value.number, guess);
    size_t digits = strspn(x->text, "0123456789");
    bool bytes = strncmp(guess, x->text, digits) == 0 && str_eq(guess + digits, "B");
    if (x->text[digits] || bytes)
        return fail(e, name, "'%.64s' has no unit: write %s %s", x->text, op_names[x->op], guess);
    return fail(e, name, "'%.64s' has no unit: write %s %s, or %s %.64sB for bytes", x->text,
                op_names[x->op], guess, op_names[x->op], x->text);
}

/* 16 would be 16 bytes, which every machine has. */
static int check_units(const struct requires *r, struct err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct clause *c = &r->clauses[i];
        enum cap_kind kind = CAP_TEXT;
        (void)cap_kind_of(c->name, &kind, NULL);
        for (size_t k = 0; kind == CAP_SIZE && k < c->count; k++) {
            const struct choice *x = &c->choices[k];
            if (!has_unit(x->text) && x->value.number != 0) return refuse_no_unit(c->name, x, e);
        }
    }
    return 0;
}

int requires_parse(const struct json *object, enum requires_origin origin, struct requires **out,
                   struct err *e)
{
    if (json_type(object) != JSON_NULL && json_type(object) != JSON_OBJECT)
        return err_set(e, ERR_INVALID,
                       "requires: must be an object of capabilities and conditions");
    size_t count = json_count(object);
    if (count == 0) {
        *out = NULL;
        return 0;
    }
    /* a kept text also has what its job implies */
    if (count > REQUIRES_MAX_CLAUSES + (origin == REQUIRES_KEPT ? REQUIRES_MAX_IMPLIED : 0))
        return err_set(e, ERR_INVALID, "requires: more than %d capabilities", REQUIRES_MAX_CLAUSES);
    struct requires *r = mem_alloc(sizeof *r);
    int rc = 0;
    for (const struct json *j = json_first(object); j && rc == 0; j = json_next(j))
        rc = read_member(r, j, origin, e);
    if (rc == 0 && origin == REQUIRES_ASKED) rc = check_units(r, e);
    if (rc) {
        requires_free(r);
        return rc;
    }
    sort_clauses(r);
    *out = r;
    return 0;
}

static void clause_fini(struct clause *c)
{
    for (size_t k = 0; k < c->count; k++)
        choice_fini(&c->choices[k]);
    mem_free(c->choices);
    mem_free(c->name);
}

void requires_free(struct requires *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->count; i++)
        clause_fini(&r->clauses[i]);
    mem_free(r->clauses);
    mem_free(r);
}

/* ---- printing ---- */

static void add_choice(struct jw *w, const char *key, const struct choice *c)
{
    char *text = c->op == OP_EQ ? mem_strdup(c->text) : str_dupf("%s %s", op_names[c->op], c->text);
    jw_str(w, key, text);
    mem_free(text);
}

static void add_clause(struct jw *w, const char *key, const struct clause *c)
{
    if (c->count == 1) {
        add_choice(w, key, &c->choices[0]);
        return;
    }
    jw_array(w, key);
    for (size_t k = 0; k < c->count; k++)
        add_choice(w, NULL, &c->choices[k]);
    jw_end(w);
}

char *requires_text(const struct requires *r)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 4u * 1024 * 1024); /* above what the limits allow */
    jw_init(&w, &b);
    jw_object(&w, NULL);
    size_t same;
    for (size_t i = 0; r && i < r->count; i += same) {
        const struct clause *c = &r->clauses[i];
        for (same = 1; i + same < r->count && str_eq(c[same].name, c->name);)
            same++;
        if (same == 1) {
            add_clause(&w, c->name, c);
            continue;
        }
        jw_object(&w, c->name);
        jw_array(&w, "all");
        for (size_t k = 0; k < same; k++)
            add_clause(&w, NULL, &c[k]);
        jw_end(&w);
        jw_end(&w);
    }
    jw_end(&w);
    jw_finish(&w);
    return buf_detach(&b);
}

size_t requires_count(const struct requires *r)
{
    return r ? r->count : 0;
}

const char *requires_clause_name(const struct requires *r, size_t clause)
{
    return r->clauses[clause].name;
}

void requires_clause_print(const struct requires *r, size_t clause, struct buf *out)
{
    const struct clause *c = &r->clauses[clause];
    if (str_eq(c->name, CAP_PROTOCOL)) {
        const char *release = protocol_release((int64_t)c->choices[0].value.number);
        buf_addf(out, "an agent of version %s or later", release);
        return;
    }
    buf_adds(out, c->name);
    for (size_t k = 0; k < c->count; k++) {
        const struct choice *x = &c->choices[k];
        buf_addf(out, "%s %s %s", k > 0 ? " or" : "", op_names[x->op], x->text);
    }
}

/* ---- meeting ---- */

static bool in_order(enum op op, int order)
{
    switch (op) {
    case OP_EQ:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_LT:
        return order < 0;
    case OP_LE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

/* Is one value of the agent as the choice wants it? OP_NE is asked as OP_EQ by the caller. */
static bool value_meets(const struct choice *c, enum op op, const struct value *v)
{
    if (c->glob) return str_glob(c->text, v->text);
    if (!c->version && c->value.kind == VALUE_NUMBER && v->kind == VALUE_NUMBER)
        return in_order(op, v->number < c->value.number ? -1 : v->number > c->value.number);
    if (c->version && is_order(op) && value_begins_as_version(v))
        return in_order(op, value_compare_versions(v, &c->value));
    if (value_as_version(&c->value) && value_as_version(v))
        return in_order(op, value_compare_versions(v, &c->value));
    return op == OP_EQ && str_eq(c->text, v->text);
}

static bool choice_meets(const struct choice *c, const struct cap *cap)
{
    bool not_equal = c->op == OP_NE;
    for (size_t i = 0; i < cap->count; i++) {
        bool meets = value_meets(c, not_equal ? OP_EQ : c->op, &cap->values[i]);
        if (meets) return !not_equal;
    }
    return not_equal;
}

bool requires_clause_met(const struct requires *r, size_t clause, const struct caps *caps)
{
    const struct clause *c = &r->clauses[clause];
    const struct cap *cap = caps_find(caps, c->name);
    if (!cap || cap->count == 0) return false;
    for (size_t k = 0; k < c->count; k++) {
        if (choice_meets(&c->choices[k], cap)) return true;
    }
    return false;
}

bool requires_met(const struct requires *r, const struct caps *c)
{
    for (size_t i = 0; r && i < r->count; i++) {
        if (!requires_clause_met(r, i, c)) return false;
    }
    return true;
}

/* ---- adding ---- */

static struct requires *or_new(struct requires **r)
{
    if (!*r) *r = mem_alloc(sizeof **r);
    return *r;
}

static void add_single(struct requires *r, const char *name, enum op op, const char *text)
{
    struct clause *c = new_clause(r);
    c->name = mem_strdup(name);
    c->choices = mem_array(1, sizeof *c->choices);
    c->count = 1;
    c->choices[0].op = op;
    c->choices[0].text = mem_strdup(text);
    value_read(text, &c->choices[0].value);
    sort_clauses(r);
}

/* Does every agent that has the value meet the clause? */
static bool is_wider(const struct clause *c, const struct value *value)
{
    for (size_t k = 0; k < c->count; k++) {
        if (c->choices[k].op == OP_EQ && value_meets(&c->choices[k], OP_EQ, value)) return true;
    }
    return false;
}

void requires_add_text(struct requires **to, const char *name, const char *text)
{
    struct requires *r = or_new(to);
    struct value value;
    size_t kept = 0;
    value_read(text, &value);
    for (size_t i = 0; i < r->count; i++) {
        struct clause *c = &r->clauses[i];
        if (str_eq(c->name, name) && is_wider(c, &value))
            clause_fini(c);
        else
            r->clauses[kept++] = *c;
    }
    r->count = kept;
    value_fini(&value);
    add_single(r, name, OP_EQ, text);
}

void requires_add_protocol(struct requires **to, int64_t minor)
{
    char text[64];
    value_print_number((double)minor, text);
    add_single(or_new(to), CAP_PROTOCOL, OP_GE, text);
}
