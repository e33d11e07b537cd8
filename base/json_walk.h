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

/* An object whose members were noted while its text was checked: the first ones. */
#define JSON_MEMBERS_MAX 24
struct json_members {
    struct json_value object;
    size_t count;
    struct json_member {
        struct json_value key, value;
    } list[JSON_MEMBERS_MAX];
};
/* json_check, and the members of the value, when the value is an object (else count is 0). */
int json_check_members(const char *text, size_t len, struct json_members *out, struct err *e);

/* The members of an object or the items of an array, in their order; of anything else none. */
struct json_walk {
    const char *at, *end;
    bool members;
    const struct json_member *noted;
    size_t left; /* of them */
};
void json_walk_init(struct json_walk *w, struct json_value container);
void json_walk_members(struct json_walk *w, const struct json_members *m);
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
/* False: not a string, or longer than size - 1. */
bool json_value_text(struct json_value v, char *dst, size_t size);
bool json_value_escaped(struct json_value v); /* a string that is not written as it is */

/* False, and *out as it was: not a number, a fraction, beyond 64 bits. */
bool json_value_int(struct json_value v, int64_t *out);
bool json_value_true(struct json_value v); /* it is `true` */

/* The value as text without the blanks between its parts. */
size_t json_value_compact_size(struct json_value v);
char *json_value_compact(struct json_value v); /* mem_free */

#endif
