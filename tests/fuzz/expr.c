/* Expressions by themselves: what a text comes to, within its bounds. Whatever the text, checking
 * and rendering end, say why they fail in UTF-8, and say the same when they are asked again; the
 * value of a text that is one expression is what is inserted; it is JSON. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/expr.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RENDERED_MAX 1000000

static const char values_text[] =
    "{\"a\":{\"x\":\"1\",\"vars\":{\"y\":2},\"list\":[1,2.5,\"c\",null,true]},\"b\":[1,\"{{ "
    "inputs.a "
    "}}\",null],\"c\":\"\",\"day\":\"2026-03-29T02:30:00+02:00\",\"n\":3,\"value\":\"x\","
    "\"text\":\"{{ inputs.n }}{{ vars.c }}\",\"loop\":\"{{ render(vars.loop) }}\","
    "\"startDate\":\"2026-03-01T10:00:00.123Z\",\"parent\":{\"taskrun\":{\"value\":\"p\"}},"
    "\"json\":\"{\\\"k\\\":[1,2]}\"}";

static void check(int holds)
{
    if (!holds) abort();
}

struct bad {
    const char *text;
    size_t len, count;
};

static bool on_problem(const char *at, size_t len, const char *sentence, void *user)
{
    struct bad *b = user;
    b->count++;
    check(at >= b->text && (size_t)(at - b->text) + len <= b->len);
    check(sentence[0] != '\0');
    if (str_utf8_valid(b->text, b->len)) check(str_utf8_valid(sentence, strlen(sentence)));
    return true;
}

static void check_names(const char *text, const struct json *tree)
{
    static const char *const names[] = {"a", "b", "c", "day", "n", "text", "json"};
    bool named[7] = {false}, logs = false;
    const struct expr_scope scope = {.roots = (1u << EXPR_ROOTS) - 1,
                                     .vars = tree,
                                     .inputs = names,
                                     .input_count = 7,
                                     .tasks = names,
                                     .task_count = 7,
                                     .earlier_count = 5,
                                     .event_keys = names,
                                     .event_key_count = 7,
                                     .named = named,
                                     .error_logs = &logs};
    struct bad b = {text, strlen(text), 0};
    expr_check(text, &scope, on_problem, &b, NULL);
    check(!named[5] && !named[6]);
    if (!expr_has(text)) check(b.count == 0);
}

/* *out: buf_fini. */
static int render(const char *text, const struct expr_values *v, struct buf *out)
{
    struct err e = {0, ""};
    buf_init(out, RENDERED_MAX);
    int rc = expr_render(text, v, out, &e);
    check(rc == 0 || rc == ERR_NOT_FOUND || rc == ERR_TOO_LARGE || rc == ERR_INVALID);
    check((rc == 0) == (e.msg[0] == '\0'));
    if (str_utf8_valid(text, strlen(text))) check(str_utf8_valid(e.msg, strlen(e.msg)));
    return rc;
}

/* What stands around one expression are blanks. */
static void check_value(const char *text, const struct expr_values *v, const char *rendered)
{
    struct json *value = NULL, *again = NULL;
    struct err e = {0, ""};
    int rc = expr_value(text, v, &value, &e);
    check(rc == 0 || rc == ERR_TOO_LARGE);
    if (rc) return;
    char *json = json_text(value);
    if (str_utf8_valid(json, strlen(json))) check(json_parse(json, strlen(json), &again, &e) == 0);
    if (!expr_is_whole(text)) check(str_eq(json_str(value, NULL), rendered));
    if (expr_is_whole(text) && json_type(value) != JSON_STRING && json_type(value) != JSON_NULL)
        check(strstr(rendered, json) != NULL);
    mem_free(json);
    json_free(value);
    json_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *tree = NULL;
    struct buf first, second;
    bool holds = false;
    check(json_parse(values_text, strlen(values_text), &tree, NULL) == 0);
    const struct expr_values v = {.inputs = tree,
                                  .outputs = tree,
                                  .vars = tree,
                                  .trigger = tree,
                                  .taskrun = tree,
                                  .execution = tree,
                                  .event = tree,
                                  .error_logs = json_get(tree, "b"),
                                  .execution_id = "id",
                                  .flow_id = "flow",
                                  .task_id = "task",
                                  .attempt = "7",
                                  .now_ms = INT64_C(1774740615250)};
    char *text = mem_strndup((const char *)data, size);
    check_names(text, tree);
    int rc = render(text, &v, &first);
    check(rc == render(text, &v, &second));
    if (rc == 0) {
        check(str_eq(first.data, second.data));
        check_value(text, &v, first.data);
    }
    if (expr_truth(text, &v, &holds, NULL) == 0) check(rc == 0 || rc == ERR_TOO_LARGE);
    buf_fini(&first);
    buf_fini(&second);
    json_free(tree);
    mem_free(text);
    return 0;
}
