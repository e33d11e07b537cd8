/* JSON (RFC 8259). The only file that sees cJSON is json.c.
 *
 * Reading: json_parse() gives a tree; accessors return NULL/defaults for what is absent, so that a
 * reader can be written top to bottom.
 * Numbers keep the text with which they were read, and are written with it again: 1.0 stays 1.0.
 * Integers are exact within 64 bits and refused beyond; all else is a double.
 * Limits: depth 64, size by the caller; duplicate keys, a NUL inside a string and invalid UTF-8 are
 * refused. Writing: struct jw appends to a buf, with commas and escapes right by construction. */
#ifndef CADRE_BASE_JSON_H
#define CADRE_BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json; /* a node of a tree; the root is the caller's */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* One value, followed by nothing but blanks. *out: json_free. ERR_INVALID names line, column and
 * reason. */
int json_parse(const char *text, size_t len, struct json **out, struct err *e);
void json_free(struct json *root);
void json_free_secret(struct json *root); /* the same, and overwrites its texts; NULL is fine */
/* A number and nothing else, which json_parse refuses for its size alone: an integer beyond 64
 * bits, a number of too many characters, or out of the range of a double. */
bool json_is_too_large(const char *text, size_t len);

enum json_type json_type(const struct json *j); /* NULL counts as JSON_NULL */
const char *json_key(const struct json *j);     /* the key of a member, NULL for others */
const struct json *json_get(const struct json *object,
                            const char *key);           /* NULL when absent; NULL in = NULL out */
size_t json_count(const struct json *j);                /* of an array or object */
const struct json *json_first(const struct json *j);    /* first child */
const struct json *json_next(const struct json *child); /* its sibling */

/* Value of a node (or default when NULL or another type). */
const char *json_str(const struct json *j, const char *fallback);
int64_t json_int(const struct json *j,
                 int64_t fallback); /* fallback also for fractions and beyond 64 bits */
double json_num(const struct json *j, double fallback);
bool json_bool(const struct json *j, bool fallback);
bool json_is_int(const struct json *j); /* also 1.0 and 1e3, up to 2^53 */
/* A number as it was written; NULL: not a number, or one that jw_num writes in the same way. */
const char *json_num_text(const struct json *j);

/* Member of an object, shorthand for the two steps. */
const char *json_get_str(const struct json *object, const char *key, const char *fallback);
int64_t json_get_int(const struct json *object, const char *key, int64_t fallback);
bool json_get_bool(const struct json *object, const char *key, bool fallback);

/* Building trees (for YAML and tests). Added children belong to the parent. */
struct json *json_new(enum json_type type);
struct json *json_new_str(const char *s);
struct json *json_new_num(double n);
struct json *json_new_int(int64_t n);
struct json *json_new_num_text(const char *text); /* NULL: json_parse would not take the number */
struct json *json_new_bool(bool b);
int json_add(struct json *object, const char *key,
             struct json *child); /* ERR_EXISTS: duplicate; child stays the caller's */
void json_put(struct json *object, const char *key,
              struct json *child); /* the same for a key known to be new */
void json_push(struct json *array, struct json *child);
struct json *json_copy(const struct json *j);
void json_remove(struct json *object, const char *key); /* fine when absent */
/* Takes a child out of its parent; it is the caller's from now on (json_free), without a key. */
struct json *json_detach(struct json *parent, const struct json *child);

/* Serialises compactly; mem_free. */
char *json_text(const struct json *j);

/* ---- writer -------------------------------------------------------------------------------- */

struct jw {
    struct buf *b;
    uint64_t is_array[2]; /* bit per level: closes with ]. Twice a reader's depth, so that what was
                             read can be wrapped */
    bool comma;           /* one is due before the next value */
    int depth;            /* at most 128 */
    bool strict;          /* invalid UTF-8 and NUL are ERR_INVALID instead of U+FFFD */
    int rc;               /* first error sticks: ERR_TOO_LARGE, ERR_INTERNAL for unbalanced calls,
                             ERR_INVALID when strict */
};

void jw_init(struct jw *w, struct buf *b); /* appends to b */
/* The same for what a user wrote, which is refused and never changed. */
void jw_init_strict(struct jw *w, struct buf *b);
void jw_object(struct jw *w, const char *key); /* key NULL inside arrays and at the root */
void jw_array(struct jw *w, const char *key);
void jw_end(struct jw *w); /* of the innermost object or array: the writer remembers which */
void jw_str(struct jw *w, const char *key,
            const char *s); /* NULL writes null; NUL and invalid UTF-8: see strict */
void jw_strn(struct jw *w, const char *key, const char *s, size_t len);
void jw_int(struct jw *w, const char *key, int64_t n);
void jw_num(struct jw *w, const char *key, double n);
void jw_bool(struct jw *w, const char *key, bool b);
void jw_null(struct jw *w, const char *key);
void jw_raw(struct jw *w, const char *key,
            const char *json_text); /* known to be valid JSON; NULL writes null */
void jw_tree(struct jw *w, const char *key, const struct json *j); /* NULL writes null */
void jw_time(struct jw *w, const char *key, int64_t wall_ms);      /* RFC 3339; <= 0 writes null */
void jw_id(struct jw *w, const char *key, int64_t id); /* base/id.h text; 0 writes null */
int jw_finish(struct jw *w);                           /* 0 or the first error */

/* A JSON list of texts for people, "a, b"; what is no such list comes back as it is. mem_free. */
char *json_texts(const char *list);

#endif
