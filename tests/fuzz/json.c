/* JSON. What is accepted is written and read again, and must be the same; what is refused has a
 * reason. The input is copied to a block of its size, so that reading past it is seen. */
#include "base/json.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds) abort();
}

/* Every accessor on every node. */
static size_t walk(const struct json *j, int depth)
{
    size_t count = 1, children = 0;
    check(depth <= 65);
    check(json_is_int(j) == (json_int(j, -1) != -1 || json_num(j, 0) == -1));
    check((json_str(j, NULL) != NULL) == (json_type(j) == JSON_STRING));
    for (const struct json *c = json_first(j); c; c = json_next(c)) {
        children++;
        if (json_type(j) == JSON_OBJECT) check(json_get(j, json_key(c)) == c);
        count += walk(c, depth + 1);
    }
    check(children == json_count(j));
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = mem_dup(data, size);
    struct json *j = NULL, *again = NULL;
    struct err e = {0, ""};
    int rc = json_parse(copy, size, &j, &e);
    mem_free(copy);
    if (rc != 0) {
        check(rc == ERR_INVALID && e.msg[0] && !j);
        return 0;
    }
    char *text = json_text(j);
    check(json_parse(text, strlen(text), &again, &e) == 0);
    char *text_again = json_text(again);
    check(strcmp(text, text_again) == 0);
    check(walk(j, 1) == walk(again, 1));
    mem_free(text);
    mem_free(text_again);
    json_free(j);
    json_free(again);
    return 0;
}
