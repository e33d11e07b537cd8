/* Messages of cadre/1: the structs and the codec made from wire/msg_list.h. Pure. */
#ifndef CADRE_WIRE_MSG_H
#define CADRE_WIRE_MSG_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/fields.h"
#include "wire/lease.h"
#include "wire/limits.h"
#include "wire/msg_list.h"

#include <stdbool.h>
#include <stdint.h>

#define PROTOCOL_MINOR 3        /* what this build speaks: cadre/1, minor 3 */
#define PROTOCOL_MINOR_MIN 1    /* and the oldest it still serves */
#define PROTOCOL_MINOR_GROUPS 3 /* the first that has hello.groups */

enum msg_type {
    MSG_NONE,
#define MSG(id, name, dir, known) MSG_##id,
    MSG_LIST(MSG)
#undef MSG
        MSG_TYPES
};

#define MSG_C_STR(n) char *n;
#define MSG_C_INT(n) int64_t n;
#define MSG_C_ID(n) int64_t n;
#define MSG_C_BOOL(n) bool n;
#define MSG_C_OBJ(n) char *n;
#define MSG_C_ARR(n) char *n;
#define MSG_C_CAPS(n) char *n;
#define MSG_C_ATTEMPTS(n) struct msg_attempts n;
#define MSG_FIELD(kind, name, wire, a, b, need) MSG_C_##kind(name)

/* struct msg_hello { int64_t protocol; ... }: what is absent is NULL, 0, false or empty. */
#define MSG(id, name, dir, known)                                                                  \
    struct msg_##name {                                                                            \
        MSG_FIELDS_##id(MSG_FIELD)                                                                 \
    };
MSG_LIST(MSG)
#undef MSG

struct msg {
    enum msg_type type;
    union {
#define MSG(id, name, dir, known) struct msg_##name name;
        MSG_LIST(MSG)
#undef MSG
    } u;
};

const char *msg_name(enum msg_type type); /* "hello"; "?" when out of range */
bool msg_from_agent(enum msg_type type);  /* direction */
bool msg_needs_identity(enum msg_type type);

/* Who sent what is to be decoded. */
struct msg_peer {
    bool agent; /* or a machine that enrols; false: the coordinator */
    bool known; /* the connection has an agent whose certificate was checked */
};

/* The JSON text {"type":"hello",...}. A message that this peer may not send is refused before any
 * of its fields is read: ERR_PROTOCOL when it belongs to the other side, ERR_DENIED when it needs
 * an agent that is known. Unknown fields are ignored (that is how minors differ); a missing or
 * ill-typed or over-long field, an unknown type: ERR_PROTOCOL, naming message and field. A field
 * that is null counts as absent. On success *out owns its strings: msg_fini. */
int msg_decode(const void *body, size_t len, struct msg_peer from, struct msg *out, struct err *e);
void msg_fini(struct msg *m); /* fine on a zeroed struct */

/* Appends one whole JSON frame. Leaves out NULL strings, empty lists, false, and zero integers that
 * are not needed. ERR_TOO_LARGE: over LIMIT_FRAME_KNOWN or the buffer's ceiling; ERR_INVALID: a
 * field that msg_decode would refuse (missing, over-long, out of range). b is as before then. */
int msg_frame_add(struct buf *b, const struct msg *m);

#endif
