/* A struct that is a JSON object on the wire, described by a list of its fields: the list gives the
 * reader, the writer, the destructor and every limit. Messages (wire/msg.h) and job specs
 * (wire/spec.h) are such structs.
 *
 * The kinds of fields: the C type of each kind, and the meaning of its numbers a and b.
 *
 *   STR       char *                a: bytes
 *   INT       int64_t               a..b: range
 *   ID        int64_t               a job's id, as text; 0: absent
 *   BOOL      bool
 *   OBJ, ARR  char *                object or list, kept as compact JSON text; a: bytes of it
 *   CAPS      char *                an OBJ of capabilities; b: members whose key begins "label."
 *   ATTEMPTS  struct msg_attempts   [{"job", "attempt", "state"}]; a: bytes of text, b: items
 *   WORDS     struct text_list      list of strings; b: items
 *   PAIRS     struct pair_list      object of strings; b: members
 *
 * Unknown members are ignored and null counts as absent. An optional field that is absent is NULL,
 * 0, false, or empty. */
#ifndef CADRE_WIRE_FIELDS_H
#define CADRE_WIRE_FIELDS_H

#include "base/err.h"
#include "base/json.h"
#include "base/json_walk.h"
#include "wire/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct msg_attempt {
    int64_t job, attempt;
    bool ended;
};

struct msg_attempts {
    struct msg_attempt *items;
    size_t count;
};

struct text_list {
    char **items;
    size_t count;
};

struct pair_list {
    char **names, **values;
    size_t count;
};

enum field_kind {
    FIELD_STR,
    FIELD_INT,
    FIELD_ID,
    FIELD_BOOL,
    FIELD_OBJ,
    FIELD_ARR,
    FIELD_CAPS,
    FIELD_ATTEMPTS,
    FIELD_WORDS,
    FIELD_PAIRS,
};

struct field {
    const char *key;
    size_t key_len;
    enum field_kind kind;
    size_t at; /* in the struct */
    int64_t a, b;
    bool need;
};

#define FIELDS_MAX 64

struct fields {
    const char *what; /* the first words of each error: "message hello" */
    int code;         /* of each error */
    const struct field *list;
    size_t count; /* at most FIELDS_MAX */
};

/* `object` is a JSON object. `out` is zeroed first, and then belongs to the caller (fields_fini);
 * on failure it is zeroed again. The error names the field and its rule. */
int fields_decode(const struct fields *f, const struct json_members *object, void *out,
                  struct err *e);
void fields_fini(const struct fields *f, void *in); /* fine on a zeroed struct; zeroes it */
/* Writes the members into the open object; leaves out optional fields that are absent. False:
 * fields_decode would refuse the result. The caller guarantees that the texts of OBJ, ARR and CAPS
 * are JSON. */
bool fields_encode(const struct fields *f, const void *in, struct jw *w);

#endif
