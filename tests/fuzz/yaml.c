/* YAML, and settings read from it. A document that is accepted is valid JSON when written; settings
 * that are accepted are the same after they were printed and read. What is refused names the
 * file. */
#include "base/json.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/str.h"
#include "base/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct config {
    char *group;
    int64_t slots, drain_ms, output_bytes;
    bool color;
    struct opt_list agents;
    struct opt_map labels;
};

#define AT(field) offsetof(struct config, field)

static const struct opt table[] = {
    {.key = "group", .type = OPT_STRING, .offset = AT(group), .fallback = "g"},
    {.key = "slots", .type = OPT_INT, .offset = AT(slots)},
    {.key = "drainTimeout", .type = OPT_DURATION, .offset = AT(drain_ms), .fallback = "5m"},
    {.key = "limits.output", .type = OPT_SIZE, .offset = AT(output_bytes), .fallback = "1MiB"},
    {.key = "color", .type = OPT_BOOL, .offset = AT(color)},
    {.key = "limits.agents", .type = OPT_LIST, .offset = AT(agents), .fallback = "a,b"},
    {.key = "labels", .type = OPT_MAP, .offset = AT(labels)},
};
#define ROWS (sizeof table / sizeof *table)

static void check(int holds)
{
    if (!holds) abort();
}

static void check_lines(const struct yaml_doc *d, const struct json *j)
{
    enum json_type type = json_type(j);
    check(yaml_line(d, j) > 0);
    check((yaml_text(d, j) != NULL) == (type != JSON_ARRAY && type != JSON_OBJECT));
    for (const struct json *c = json_first(j); c; c = json_next(c))
        check_lines(d, c);
}

static void check_json(const struct yaml_doc *d)
{
    struct json *j = NULL;
    struct err e = {0, ""};
    char *text = json_text(d->root);
    check(json_parse(text, strlen(text), &j, &e) == 0);
    char *again = json_text(j);
    check(strcmp(text, again) == 0);
    mem_free(text);
    mem_free(again);
    json_free(j);
}

static char *print(const struct opt_set *s)
{
    struct buf out;
    buf_init(&out, SIZE_MAX);
    opt_print(s, &out);
    return buf_detach(&out);
}

/* The values, without the comments that tell their origin: those differ. */
static void check_same(const struct config *a, const struct config *b)
{
    check(str_eq(a->group, b->group) && a->slots == b->slots && a->drain_ms == b->drain_ms);
    check(a->output_bytes == b->output_bytes && a->color == b->color);
    check(a->agents.count == b->agents.count && a->labels.count == b->labels.count);
    for (size_t i = 0; i < a->agents.count; i++) {
        check(str_eq(a->agents.items[i], b->agents.items[i]));
    }
    for (size_t i = 0; i < a->labels.count; i++) {
        check(str_eq(a->labels.items[i].key, b->labels.items[i].key));
        check(str_eq(a->labels.items[i].value, b->labels.items[i].value));
    }
}

static void check_settings(const struct yaml_doc *d)
{
    struct config config, back;
    struct opt_set set, set_back;
    struct err e = {0, ""};
    opt_init(&set, table, ROWS, &config);
    int rc = opt_parse_file(&set, "f", d, &e);
    if (rc == 0) {
        char *text = print(&set);
        struct yaml_doc printed;
        check(yaml_parse("p", text, strlen(text), &printed, &e) == 0);
        opt_init(&set_back, table, ROWS, &back);
        check(opt_parse_file(&set_back, "p", &printed, &e) == 0);
        check_same(&config, &back);
        opt_fini(&set_back);
        yaml_doc_fini(&printed);
        mem_free(text);
    } else {
        check(rc == ERR_INVALID && str_starts(e.msg, "f:"));
        check(str_utf8_valid(e.msg, strlen(e.msg)));
    }
    opt_fini(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = mem_dup(data, size);
    struct yaml_doc d = {NULL, NULL};
    struct err e = {0, ""};
    int rc = yaml_parse("f", copy, size, &d, &e);
    mem_free(copy);
    if (rc != 0) {
        check(rc == ERR_INVALID && str_starts(e.msg, "f:") && !d.root);
        check(str_utf8_valid(e.msg, strlen(e.msg)));
        return 0;
    }
    check_lines(&d, d.root);
    check_json(&d);
    check_settings(&d);
    yaml_doc_fini(&d);
    return 0;
}
