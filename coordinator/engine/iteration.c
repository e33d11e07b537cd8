/* As Kestra has it: values are texts, an object or a number its JSON; a list has each of them once;
 * the text of a list in JSON is a list, too. A mapping, for a Loop alone, gives a key with each
 * value. They stand in the row of the run from its beginning on, so that each iteration comes once
 * whatever they would come to later. */
#include "coordinator/engine/iteration.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static bool say(struct flaw *flaw, enum reason reason, enum err_code code, const char *text)
{
    flaw->reason = reason;
    err_set(&flaw->err, code, "values: %s", text);
    return false;
}

static bool is_whole(const struct json *j)
{
    enum json_type type = json_type(j);
    return type == JSON_ARRAY || type == JSON_OBJECT;
}

/* A text that is a list in JSON becomes that. Takes j, gives its place's. */
static struct json *read_text(struct json *j)
{
    const char *text = json_str(j, NULL);
    struct json *tree = NULL;
    if (!text || json_parse(text, strlen(text), &tree, NULL)) return j;
    if (!is_whole(tree)) {
        json_free(tree);
        return j;
    }
    json_free(j);
    return tree;
}

/* Adds a value as a text. Takes nothing. */
static void push(struct json *list, struct map *seen, const struct json *value, const char *key)
{
    char *made = json_type(value) == JSON_STRING ? NULL : json_text(value);
    const char *text = made ? made : json_str(value, "");
    struct json *one = json_new_str(text);
    uint64_t number = map_text_key(text);
    const struct json *known = key ? NULL : map_find(seen, number);
    if (key) {
        struct json *pair = json_new(JSON_OBJECT);
        json_put(pair, "key", json_new_str(key));
        json_put(pair, "value", one);
        json_push(list, pair);
    } else if (known && str_eq(json_str(known, ""), text)) {
        json_free(one);
    } else {
        json_push(list, one);
        map_put(seen, number, one);
    }
    mem_free(made);
}

static bool collect(const struct json *from, struct json *list, struct flaw *flaw)
{
    struct map seen;
    char text[200];
    long long at = 0;
    bool good = true;
    map_init(&seen);
    for (const struct json *j = json_first(from); j && good; j = json_next(j), at++) {
        if (json_type(j) != JSON_NULL) {
            push(list, &seen, j, json_type(from) == JSON_OBJECT ? json_key(j) : NULL);
            continue;
        }
        (void)str_format(text, sizeof text, "number %lld of them is null", at + 1);
        good = say(flaw, REASON_NOT_STARTED, ERR_INVALID, text);
    }
    map_fini(&seen);
    return good;
}

/* What the task says, its texts with their values. json_free; NULL: as iteration_begin. */
static struct json *given(struct engine *g, struct run *r, const struct flow_task *t,
                          struct task_context *c, struct flaw *flaw)
{
    const struct json *values = t->control->values;
    struct json *said = task_value(g, r, values, c, flaw);
    if (!said) {
        if (g->rc == 0) (void)err_wrap(&flaw->err, "values");
        return NULL;
    }
    said = read_text(said);
    if (!is_whole(said)) {
        char *text = json_text(said), shown[STR_QUOTE_SIZE], all[STR_QUOTE_SIZE + 60];
        (void)str_format(all, sizeof all, "%s is not a list", str_quote(shown, text));
        (void)say(flaw, REASON_NOT_STARTED, ERR_INVALID, all);
        mem_free(text);
    } else if (json_type(said) == JSON_OBJECT && t->work.kind != FLOW_LOOP) {
        (void)say(flaw, REASON_NOT_STARTED, ERR_INVALID,
                  "a mapping is not a list: io.kestra.plugin.core.flow.Loop takes one");
    } else {
        return said;
    }
    json_free(said);
    return NULL;
}

bool iteration_begin(struct engine *g, struct run *r, struct task_context *c, struct flaw *flaw)
{
    const struct flow_task *t = &r->x->revision->parsed->tasks[r->task];
    struct json *said = given(g, r, t, c, flaw);
    char text[100];
    if (!said) return false;
    struct json *list = json_new(JSON_ARRAY);
    bool good = collect(said, list, flaw);
    json_free(said);
    if (good && json_count(list) > RUN_BRANCHES) {
        (void)str_format(text, sizeof text, "there are %zu, the most there may be are %d",
                         json_count(list), RUN_BRANCHES);
        good = say(flaw, REASON_LIMIT, ERR_TOO_LARGE, text);
    }
    char *stored = good ? json_text(list) : NULL;
    if (good && strlen(stored) > EXPR_VALUE_MAX)
        good = say(flaw, REASON_PAYLOAD_TOO_LARGE, ERR_TOO_LARGE,
                   "they have more than 256 KiB together");
    if (!good) {
        json_free(list);
        mem_free(stored);
        return false;
    }
    mem_free(r->row.value);
    r->row.value = stored;
    r->values = list;
    r->next_value = json_first(list);
    return true;
}

/* After a start: behind those that have begun. */
static void load(struct run *r)
{
    if (r->values || !r->row.value) return;
    if (json_parse(r->row.value, strlen(r->row.value), &r->values, NULL)) return;
    text_set(&r->row.value, NULL); /* the store has it */
    r->next_value = json_first(r->values);
    for (int64_t i = 0; i < r->has.iterations && r->next_value; i++)
        r->next_value = json_next(r->next_value);
}

bool iteration_is_left(struct run *r)
{
    load(r);
    return r->next_value != NULL;
}

char *iteration_take(struct run *r)
{
    char *text = json_text(r->next_value);
    r->next_value = json_next(r->next_value);
    return text;
}
