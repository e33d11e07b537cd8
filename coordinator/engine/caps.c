/* Capabilities: names, kinds, values. */
#include "coordinator/engine/caps.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/requires.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CAPS 512   /* of one agent; the message that brings them is bounded anyway */
#define MAX_VALUES 256 /* in one list */

/* Design 4.1. */
static const struct known {
    const char *name;
    enum cap_kind kind;
} known[] = {
    {"os", CAP_TEXT},
    {"osName", CAP_TEXT},
    {"osVersion", CAP_VERSION},
    {"kernel", CAP_VERSION},
    {"arch", CAP_TEXT},
    {"hostname", CAP_TEXT},
    {"cpus", CAP_NUMBER},
    {"cpuModel", CAP_TEXT},
    {"memory", CAP_SIZE},
    {"disk", CAP_SIZE},
    {"shell", CAP_TEXT},
    {"feature", CAP_TEXT},
    {"gpu.count", CAP_NUMBER},
    {"gpu.model", CAP_TEXT},
    {"gpu.memory", CAP_SIZE},
    {"gpu.driver", CAP_VERSION},
    {"cuda", CAP_VERSION},
    {"timezone", CAP_TEXT},
    {"agentVersion", CAP_VERSION},
};
#define KNOWN (sizeof known / sizeof *known)

int cap_kind_of(const char *name, enum cap_kind *kind, struct err *e)
{
    const char *names[KNOWN];
    for (size_t i = 0; i < KNOWN; i++) {
        names[i] = known[i].name;
        if (!str_eq(name, known[i].name)) continue;
        *kind = known[i].kind;
        return 0;
    }
    if (str_starts(name, "label.") && name[6] && strlen(name) <= 128) {
        *kind = CAP_LABEL;
        return 0;
    }
    char suggestion[STR_SUGGEST_SIZE];
    str_suggest_nearest(suggestion, name, names, KNOWN);
    if (*suggestion)
        return err_set(e, ERR_INVALID, "requires.%.64s: there is no such capability%s", name,
                       suggestion);
    return err_set(
        e, ERR_INVALID,
        "requires.%.64s: there is no such capability; labels of your own are written label.NAME",
        name);
}

/* ---- values ---- */

static bool read_number(const char *text, double *out)
{
    /* strtod takes more than people mean by a number: hex, inf, nan */
    if (text[strspn(text, "+-0123456789.eE")] || !strpbrk(text, "0123456789")) return false;
    char *end;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static bool is_dotted(const char *s)
{
    for (;;) {
        size_t digits = strspn(s, "0123456789");
        if (digits == 0 || digits > 18) return false;
        s += digits;
        if (!*s) return true;
        if (*s++ != '.') return false;
    }
}

void value_read(const char *text, struct value *out)
{
    struct value v = {.kind = VALUE_TEXT, .text = mem_strdup(text)};
    int64_t bytes;
    if (read_number(text, &v.number)) {
        v.kind = VALUE_NUMBER;
    } else if (size_parse(text, &bytes, NULL) == 0) {
        v.kind = VALUE_NUMBER;
        v.number = (double)bytes;
    } else if (is_dotted(text)) {
        v.kind = VALUE_VERSION;
    }
    *out = v;
}

void value_fini(struct value *v)
{
    mem_free(v->text);
    *v = (struct value){0};
}

bool value_as_version(const struct value *v)
{
    return v->kind == VALUE_VERSION || (v->kind == VALUE_NUMBER && is_dotted(v->text));
}

bool value_begins_as_version(const struct value *v)
{
    return v->text[0] >= '0' && v->text[0] <= '9';
}

/* The next part of a version, 0 behind its end; what is behind the dotted numbers (-18-amd64)
 * counts for nothing. */
static unsigned long long next_part(const char **at)
{
    char *end;
    if (**at < '0' || **at > '9') return 0;
    unsigned long long part = strtoull(*at, &end, 10);
    *at = *end == '.' ? end + 1 : "";
    return part;
}

int value_compare_versions(const struct value *a, const struct value *b)
{
    const char *x = a->text, *y = b->text;
    while (*x || *y) {
        unsigned long long p = next_part(&x), q = next_part(&y);
        if (p != q) return p < q ? -1 : 1;
        if (p == 0 && q == 0 && (*x < '0' || *x > '9') && (*y < '0' || *y > '9')) break;
    }
    return 0;
}

void value_print_number(double n, char out[64])
{
    bool whole = n == floor(n) && fabs(n) < 1e15;
    if (str_format(out, 64, whole ? "%.0f" : "%.15g", n) != 0) out[0] = '\0';
}

/* ---- an agent's ---- */

struct caps {
    struct cap *items; /* by name */
    size_t count;
};

static void add_value(struct cap *c, const struct json *j)
{
    char number[64];
    const char *text = NULL;
    if (json_type(j) == JSON_STRING) text = json_str(j, "");
    if (json_type(j) == JSON_BOOL) text = json_bool(j, false) ? "true" : "false";
    if (json_type(j) == JSON_NUMBER) {
        value_print_number(json_num(j, 0), number);
        text = number;
    }
    if (!text) return;
    value_read(text, &c->values[c->count]);
    /* a number stays one, whatever a text of the same look would be */
    if (json_type(j) == JSON_NUMBER) {
        c->values[c->count].kind = VALUE_NUMBER;
        c->values[c->count].number = json_num(j, 0);
    }
    c->count++;
}

/* Nested objects are named with dots: {"gpu":{"count":2}} is gpu.count. */
static void add_members(struct caps *c, const char *prefix, const struct json *object, int depth)
{
    for (const struct json *j = json_first(object); j && c->count < MAX_CAPS; j = json_next(j)) {
        char *name = *prefix ? str_dupf("%s.%s", prefix, json_key(j)) : mem_strdup(json_key(j));
        if (json_type(j) == JSON_OBJECT) {
            if (depth > 0) add_members(c, name, j, depth - 1);
            mem_free(name);
            continue;
        }
        if (*name == '.') { /* the engine's own names */
            mem_free(name);
            continue;
        }
        bool list = json_type(j) == JSON_ARRAY;
        size_t count = list ? json_count(j) : 1;
        struct cap *cap = &c->items[c->count++];
        cap->name = name;
        cap->values = mem_array(count < MAX_VALUES ? count : MAX_VALUES, sizeof *cap->values);
        for (const struct json *v = list ? json_first(j) : j; v && cap->count < MAX_VALUES;
             v = list ? json_next(v) : NULL)
            add_value(cap, v);
    }
}

static int compare_caps(const void *a, const void *b)
{
    return strcmp(((const struct cap *)a)->name, ((const struct cap *)b)->name);
}

static void sort_caps(struct caps *c)
{
    qsort(c->items, c->count, sizeof *c->items, compare_caps);
}

static void add_cap(struct caps *c, const char *name, const char *text)
{
    struct cap *cap = &c->items[c->count++];
    *cap = (struct cap){.name = mem_strdup(name),
                        .values = mem_array(1, sizeof *cap->values),
                        .count = 1};
    value_read(text, &cap->values[0]);
    sort_caps(c);
}

void caps_set_protocol(struct caps *c, int64_t minor)
{
    char text[64];
    value_print_number((double)minor, text);
    c->items = mem_resize(c->items, c->count + 1, sizeof *c->items);
    add_cap(c, CAP_PROTOCOL, text);
}

const char *protocol_release(int64_t minor)
{
    return minor <= 1 ? "0.1" : "0.2";
}

struct caps *caps_parse(const char *json, const char *version)
{
    struct caps *c = mem_alloc(sizeof *c);
    struct json *tree = NULL;
    c->items = mem_array(MAX_CAPS + 1, sizeof *c->items);
    if (json && json_parse(json, strlen(json), &tree, NULL) == 0 && json_type(tree) == JSON_OBJECT)
        add_members(c, "", tree, 3);
    sort_caps(c);
    if (version && !caps_find(c, "agentVersion")) add_cap(c, "agentVersion", version);
    c->items = mem_resize(c->items, c->count, sizeof *c->items);
    json_free(tree);
    return c;
}

void caps_free(struct caps *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; k < c->items[i].count; k++)
            value_fini(&c->items[i].values[k]);
        mem_free(c->items[i].values);
        mem_free(c->items[i].name);
    }
    mem_free(c->items);
    mem_free(c);
}

const struct cap *caps_find(const struct caps *c, const char *name)
{
    size_t low = 0, high = c ? c->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, c->items[middle].name);
        if (order == 0) return &c->items[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void caps_print(const struct caps *c, const char *name, struct buf *out)
{
    /* of use to people is what the agent's release is called */
    if (str_eq(name, CAP_PROTOCOL)) name = "agentVersion";
    const struct cap *cap = caps_find(c, name);
    enum cap_kind kind = CAP_TEXT;
    cap_kind_of(name, &kind, NULL);
    if (!cap || cap->count == 0) {
        buf_adds(out, "unknown");
        return;
    }
    for (size_t i = 0; i < cap->count; i++) {
        char size[DURATION_TEXT_SIZE];
        if (i > 0) buf_adds(out, ", ");
        if (kind == CAP_SIZE && cap->values[i].kind == VALUE_NUMBER) {
            size_round((int64_t)cap->values[i].number, size);
            buf_adds(out, size);
        } else {
            buf_adds(out, cap->values[i].text);
        }
    }
}
