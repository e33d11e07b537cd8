/* What a ForEach or Loop runs its tasks for, as Kestra has it: values are texts, an object or a
 * number its JSON; a list has each of them once; the text of a list in JSON is a list, too. A
 * mapping, for a Loop alone, gives a key with each value. */
#include "coordinator/flow/flow.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static bool is_whole(const struct json *j)
{
    enum json_type type = json_type(j);
    return type == JSON_ARRAY || type == JSON_OBJECT;
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

static int collect(const struct json *from, struct json *list, struct err *e)
{
    struct map seen;
    long long number = 1;
    int rc = 0;
    map_init(&seen);
    for (const struct json *j = json_first(from); j && rc == 0; j = json_next(j), number++) {
        if (json_type(j) == JSON_NULL)
            rc = err_set(e, ERR_INVALID, "number %lld of them is null: leave it out", number);
        else
            push(list, &seen, j, json_type(from) == JSON_OBJECT ? json_key(j) : NULL);
    }
    map_fini(&seen);
    if (rc == 0 && json_count(list) > FLOW_EACH_MAX)
        rc = err_set(e, ERR_TOO_LARGE,
                     "there are %zu, the most there may be are %d: let each of them be several, as "
                     "the filter chunk does",
                     json_count(list), FLOW_EACH_MAX);
    return rc;
}

static int not_a_list(const struct json *said, struct err *e)
{
    char *made = json_type(said) == JSON_STRING ? NULL : json_text(said), shown[STR_QUOTE_SIZE];
    int rc = err_set(e, ERR_INVALID, "%s is not a list, such as [red, green]",
                     str_quote(shown, made ? made : json_str(said, "")));
    mem_free(made);
    return rc;
}

int flow_each_value(enum flow_kind kind, const struct json *said, struct json **out, struct err *e)
{
    const char *text = json_str(said, NULL);
    struct json *read = NULL;
    const struct json *from = said;
    if (text && json_parse(text, strlen(text), &read, NULL) == 0 && is_whole(read)) from = read;
    struct json *list = json_new(JSON_ARRAY);
    int rc;
    if (!is_whole(from))
        rc = not_a_list(said, e);
    else if (json_type(from) == JSON_OBJECT && kind != FLOW_LOOP)
        rc = err_set(e, ERR_INVALID,
                     "a mapping is not a list: io.kestra.plugin.core.flow.Loop takes one");
    else
        rc = collect(from, list, e);
    json_free(read);
    if (rc == 0)
        *out = list;
    else
        json_free(list);
    return rc;
}
