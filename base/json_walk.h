/* Reading JSON field by field, without a tree and almost without memory: the text is checked once,
 * then a value is a place in it. For messages and job specs; bodies of the API, YAML and
 * expressions have trees (base/json.h), and both readers take and refuse the same texts. */
#ifndef CADRE_BASE_JSON_WALK_H
#define CADRE_BASE_JSON_WALK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value within a text that json_check has taken; as good as the text is. {NULL, 0}: absent. */
struct json_value {
    const char *text;
    size_t len;
};

/* One value and nothing behind it but blanks, with the limits of json_parse. ERR_INVALID names
 * line, column and reason. */
int json_check(const char *text, size_t len, struct json_value *out, struct err *e);

enum json_type json_value_type(struct json_value v); /* absent counts as JSON_NULL */

/* The members of an object or the items of an array, in their order; of anything else none. */
struct json_walk {
    const char *at, *end;
    bool members;
};
void json_walk_init(struct json_walk *w, struct json_value container);
/* *key: as a string value; absent for an item of an array. False: there are no more. */
bool json_walk_next(struct json_walk *w, struct json_value *key, struct json_value *value);

/* The member of that key; absent when there is none or v is not an object. */
struct json_value json_value_get(struct json_value object, const char *key);
size_t json_value_count(struct json_value v); /* of members or items */

/* Strings. The size is that of the text without escapes. */
bool json_value_is(struct json_value v, const char *text);
bool json_value_starts(struct json_value v, const char *text);
size_t json_value_str_size(struct json_value v);
char *json_value_str(struct json_value v); /* mem_free; NULL: not a string */

/* False, and *out as it was: not a number, a fraction, beyond 2^53. */
bool json_value_int(struct json_value v, int64_t *out);
bool json_value_true(struct json_value v); /* it is `true` */

/* The value as text without the blanks between its parts. */
size_t json_value_compact_size(struct json_value v);
char *json_value_compact(struct json_value v); /* mem_free */

#endif
