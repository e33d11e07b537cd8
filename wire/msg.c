/* The codec of wire/msg_list.h: for each message a table of its fields. */
#include "wire/msg.h"

#include "base/json_walk.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"

#include <stddef.h>
#include <string.h>

#define NAME_SHOWN 40 /* bytes of a peer's word that an error repeats */

struct row {
    const char *name;
    bool from_agent;
    bool known;
};

#define FROM_A true
#define FROM_C false
static const struct row rows[MSG_TYPES] = {
#define MSG(id, name, dir, known) [MSG_##id] = {#name, FROM_##dir, (known) == 1},
    MSG_LIST(MSG)
#undef MSG
        [MSG_NONE] = {"?", false, true},
};

static const struct row *row_of(enum msg_type type)
{
    unsigned n = (unsigned)type;
    return &rows[n < MSG_TYPES ? n : MSG_NONE];
}

const char *msg_name(enum msg_type type)
{
    return row_of(type)->name;
}

bool msg_from_agent(enum msg_type type)
{
    return row_of(type)->from_agent;
}

bool msg_needs_identity(enum msg_type type)
{
    return row_of(type)->known;
}

#define FIELD(kind, name, key, a, b, need)                                                         \
    {key, sizeof(key) - 1, FIELD_##kind, offsetof(here, name), a, b, (need) == 1},
#define MSG(id, name, dir, known)                                                                  \
    static const struct fields *fields_of_##name(void)                                             \
    {                                                                                              \
        typedef struct msg_##name here;                                                            \
        static const struct field list[] = {MSG_FIELDS_##id(FIELD)};                               \
        static const struct fields fields = {"message " #name, ERR_PROTOCOL, list,                 \
                                             sizeof list / sizeof *list};                          \
        return &fields;                                                                            \
    }
MSG_LIST(MSG)
#undef MSG

/* NULL: no message. */
static const struct fields *fields_of(enum msg_type type)
{
    switch (type) {
#define MSG(id, name, dir, known)                                                                  \
    case MSG_##id:                                                                                 \
        return fields_of_##name();
        MSG_LIST(MSG)
#undef MSG
    case MSG_NONE:
    case MSG_TYPES:
        break;
    }
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* *out: the value of 'type'. Absent when there is none. */
static void find_type(const struct json_members *m, struct json_value *out)
{
    struct json_walk w;
    struct json_value key;
    json_walk_members(&w, m);
    while (json_walk_next(&w, &key, out))
        if (json_value_is(key, "type")) return;
    *out = (struct json_value){NULL, 0};
}

static int unknown_type(struct json_value type, struct err *e)
{
    char *name = json_value_str(type);
    size_t len = strlen(name);
    len = str_utf8_whole(name, len < NAME_SHOWN ? len : NAME_SHOWN);
    int rc = err_set(e, ERR_PROTOCOL, "a message of unknown type '%.*s'", (int)len, name);
    mem_free(name);
    return rc;
}

static enum msg_type type_of(struct json_value type)
{
    char name[NAME_SHOWN];
    if (!json_value_text(type, name, sizeof name)) return MSG_NONE;
    for (unsigned n = MSG_NONE + 1; n < MSG_TYPES; n++) {
        if (strcmp(name, rows[n].name) == 0) return (enum msg_type)n;
    }
    return MSG_NONE;
}

/* May this peer say that? */
static int check_peer(enum msg_type type, struct msg_peer from, struct err *e)
{
    const struct row *r = row_of(type);
    if (r->from_agent != from.agent)
        return err_set(e, ERR_PROTOCOL, "message %s: comes from %s only", r->name,
                       r->from_agent ? "agents" : "the coordinator");
    if (from.known || !r->known) return 0;
    return err_set(e, ERR_DENIED,
                   from.agent
                       ? "%s needs a client certificate: join this machine with a token first"
                       : "message %s: is for agents only, and this machine is not an agent yet",
                   r->name);
}

int msg_decode(const void *body, size_t len, struct msg_peer from, struct msg *out, struct err *e)
{
    struct json_members members;
    struct json_value type;
    struct err cause;
    if (json_check_members(body, len, &members, &cause) != 0)
        return err_set(e, ERR_PROTOCOL, "a message that is not JSON: %s", err_text(&cause));
    if (json_value_type(members.object) != JSON_OBJECT)
        return err_set(e, ERR_PROTOCOL, "a message that is not a JSON object");
    find_type(&members, &type);
    if (json_value_type(type) != JSON_STRING)
        return err_set(e, ERR_PROTOCOL, "a message without 'type'");
    struct msg m = {.type = type_of(type)};
    if (m.type == MSG_NONE) return unknown_type(type, e);
    int rc = check_peer(m.type, from, e);
    if (rc == 0) rc = fields_decode(fields_of(m.type), &members, &m.u, e);
    if (rc == 0) *out = m;
    return rc;
}

void msg_fini(struct msg *m)
{
    const struct fields *f = fields_of(m->type);
    if (f != NULL) fields_fini(f, &m->u);
    *m = (struct msg){.type = MSG_NONE};
}

/* ---- writing ------------------------------------------------------------------------------- */

/* A message that the peer would refuse is not sent: ERR_INVALID shows the mistake at the sender. */
int msg_frame_add(struct buf *b, const struct msg *m)
{
    const struct fields *f = fields_of(m->type);
    struct jw w;
    size_t mark;
    if (f == NULL) return ERR_INVALID;
    int rc = frame_start(b, FRAME_JSON, &mark);
    if (rc != 0) return rc;
    jw_init(&w, b);
    jw_object(&w, NULL);
    jw_str(&w, "type", msg_name(m->type));
    bool good = fields_encode(f, &m->u, &w);
    jw_end(&w);
    rc = jw_finish(&w);
    if (rc == 0 && !good) rc = ERR_INVALID;
    if (rc == 0 && b->len - mark - FRAME_HEAD > LIMIT_FRAME_KNOWN) rc = ERR_TOO_LARGE;
    if (rc == 0)
        frame_end(b, mark);
    else
        buf_truncate(b, mark);
    return rc;
}
