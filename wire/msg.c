/* The codec of wire/msg_list.h. For each message the list is unrolled three times: read_hello(),
 * write_hello(), drop_hello() and so on, each a sequence of calls of the same name by kind. */
#include "wire/msg.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"

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

static enum msg_type type_find(const char *name)
{
    for (unsigned n = MSG_NONE + 1; n < MSG_TYPES; n++) {
        if (strcmp(rows[n].name, name) == 0) return (enum msg_type)n;
    }
    return MSG_NONE;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct reader {
    const char *message; /* name, for errors */
    struct json *root;
    const struct json *next; /* the member behind the one taken last: mostly the one wanted next */
    size_t body_len;
    int rc; /* first error sticks */
    struct err *e;
};

static void fault(struct reader *r, const char *key, const char *what)
{
    r->rc = err_set(r->e, ERR_PROTOCOL, "message %s: '%s' %s", r->message, key, what);
}

/* The member, NULL when it is absent or null. A missing one that is needed is an error. */
static const struct json *take(struct reader *r, const char *key, bool need)
{
    if (r->rc != 0) return NULL;
    const struct json *j = r->next;
    if (j == NULL || strcmp(json_key(j), key) != 0) j = json_get(r->root, key);
    if (j != NULL) r->next = json_next(j);
    if (json_type(j) == JSON_NULL) {
        if (need) fault(r, key, "is missing");
        return NULL;
    }
    return j;
}

static void read_STR(struct reader *r, const char *key, int64_t max, int64_t unused, bool need,
                     char **out)
{
    (void)unused;
    const struct json *j = take(r, key, need);
    if (j == NULL) return;
    const char *s = json_str(j, NULL);
    if (s == NULL) {
        fault(r, key, "is not a string");
    } else if (strlen(s) > (size_t)max) {
        fault(r, key, "is too long");
    } else {
        *out = mem_strdup(s);
    }
}

static void read_INT(struct reader *r, const char *key, int64_t min, int64_t max, bool need,
                     int64_t *out)
{
    const struct json *j = take(r, key, need);
    if (j == NULL) return;
    int64_t n = json_int(j, 0);
    if (!json_is_int(j)) {
        fault(r, key, "is not a whole number");
    } else if (n < min || n > max) {
        fault(r, key, "is out of range");
    } else {
        *out = n;
    }
}

static void read_ID(struct reader *r, const char *key, int64_t unused_a, int64_t unused_b,
                    bool need, int64_t *out)
{
    (void)unused_a;
    (void)unused_b;
    const struct json *j = take(r, key, need);
    if (j == NULL) return;
    const char *s = json_str(j, "");
    int64_t id = 0;
    if (id_parse(s, &id) != 0) {
        fault(r, key, "is not an id");
    } else {
        *out = id;
    }
}

static void read_BOOL(struct reader *r, const char *key, int64_t unused_a, int64_t unused_b,
                      bool need, bool *out)
{
    (void)unused_a;
    (void)unused_b;
    const struct json *j = take(r, key, need);
    if (j == NULL) return;
    if (json_type(j) != JSON_BOOL) {
        fault(r, key, "is not true or false");
    } else {
        *out = json_bool(j, false);
    }
}

/* A tree within a body that is no longer than the tree's own limit needs no measuring. */
static bool tree_fits(const struct reader *r, const struct json *j, int64_t max)
{
    if (r->body_len <= (size_t)max) return true;
    char *text = json_text(j);
    bool fits = strlen(text) <= (size_t)max;
    mem_free(text);
    return fits;
}

static void read_tree(struct reader *r, const char *key, enum json_type type, int64_t max,
                      bool need, struct json **out)
{
    const struct json *j = take(r, key, need);
    if (j == NULL) return;
    if (json_type(j) != type) {
        fault(r, key, type == JSON_OBJECT ? "is not an object" : "is not a list");
    } else if (!tree_fits(r, j, max)) {
        fault(r, key, "is too long");
    } else {
        *out = json_detach(r->root, j);
    }
}

static void read_OBJ(struct reader *r, const char *key, int64_t max, int64_t unused, bool need,
                     struct json **out)
{
    (void)unused;
    read_tree(r, key, JSON_OBJECT, max, need, out);
}

static void read_ARR(struct reader *r, const char *key, int64_t max, int64_t unused, bool need,
                     struct json **out)
{
    (void)unused;
    read_tree(r, key, JSON_ARRAY, max, need, out);
}

#define READ(kind, name, key, a, b, need) read_##kind(r, key, a, b, (need) == 1, &m->name);
#define MSG(id, name, dir, known)                                                                  \
    static void read_##name(struct reader *r, struct msg_##name *m)                                \
    {                                                                                              \
        MSG_FIELDS_##id(READ)                                                                      \
    }
MSG_LIST(MSG)
#undef MSG

static void read_fields(struct reader *r, struct msg *m)
{
    switch (m->type) {
#define MSG(id, name, dir, known)                                                                  \
    case MSG_##id:                                                                                 \
        read_##name(r, &m->u.name);                                                                \
        break;
        MSG_LIST(MSG)
#undef MSG
    case MSG_NONE:
    case MSG_TYPES:
        break;
    }
}

static int unknown_type(const char *type, struct err *e)
{
    size_t len = strlen(type);
    len = str_utf8_whole(type, len < NAME_SHOWN ? len : NAME_SHOWN);
    return err_set(e, ERR_PROTOCOL, "a message of unknown type '%.*s'", (int)len, type);
}

static int decode_tree(struct json *root, size_t body_len, struct msg *out, struct err *e)
{
    const struct json *type = json_get(root, "type");
    if (json_type(root) != JSON_OBJECT)
        return err_set(e, ERR_PROTOCOL, "a message that is not a JSON object");
    if (json_type(type) != JSON_STRING) return err_set(e, ERR_PROTOCOL, "a message without 'type'");
    struct msg m = {.type = type_find(json_str(type, ""))};
    if (m.type == MSG_NONE) return unknown_type(json_str(type, ""), e);
    struct reader r = {.message = msg_name(m.type),
                       .root = root,
                       .next = json_next(type),
                       .body_len = body_len,
                       .e = e};
    read_fields(&r, &m);
    if (r.rc != 0) {
        msg_fini(&m);
        return r.rc;
    }
    *out = m;
    return 0;
}

int msg_decode(const void *body, size_t len, struct msg *out, struct err *e)
{
    struct json *root;
    struct err cause = {0};
    if (json_parse(body, len, &root, &cause) != 0)
        return err_set(e, ERR_PROTOCOL, "a message that is not JSON: %s", err_text(&cause));
    int rc = decode_tree(root, len, out, e);
    json_free(root);
    return rc;
}

/* ---- freeing ------------------------------------------------------------------------------- */

static void drop_STR(char **s)
{
    mem_free(*s);
}

static void drop_OBJ(struct json **j)
{
    json_free(*j);
}

static void drop_ARR(struct json **j)
{
    json_free(*j);
}

static void drop_INT(const int64_t *n)
{
    (void)n;
}

static void drop_ID(const int64_t *n)
{
    (void)n;
}

static void drop_BOOL(const bool *b)
{
    (void)b;
}

#define DROP(kind, name, key, a, b, need) drop_##kind(&m->name);
#define MSG(id, name, dir, known)                                                                  \
    static void drop_##name(struct msg_##name *m)                                                  \
    {                                                                                              \
        MSG_FIELDS_##id(DROP)                                                                      \
    }
MSG_LIST(MSG)
#undef MSG

void msg_fini(struct msg *m)
{
    switch (m->type) {
#define MSG(id, name, dir, known)                                                                  \
    case MSG_##id:                                                                                 \
        drop_##name(&m->u.name);                                                                   \
        break;
        MSG_LIST(MSG)
#undef MSG
    case MSG_NONE:
    case MSG_TYPES:
        break;
    }
    *m = (struct msg){.type = MSG_NONE};
}

/* ---- writing ------------------------------------------------------------------------------- */

/* What the peer would refuse is not sent: ERR_INVALID here shows the mistake where it was made. */
struct writer {
    struct jw jw;
    struct buf *b;
    const char *spec; /* stands for the tree of the field "spec"; NULL: the tree counts */
    int rc;           /* ERR_INVALID sticks */
};

static void write_STR(struct writer *w, const char *key, int64_t max, int64_t unused, bool need,
                      char *const *s)
{
    (void)unused;
    if (*s == NULL ? need : strlen(*s) > (size_t)max) w->rc = ERR_INVALID;
    if (*s != NULL) jw_str(&w->jw, key, *s);
}

static void write_INT(struct writer *w, const char *key, int64_t min, int64_t max, bool need,
                      const int64_t *n)
{
    if (*n == 0 && !need) return;
    if (*n < min || *n > max) w->rc = ERR_INVALID;
    jw_int(&w->jw, key, *n);
}

static void write_ID(struct writer *w, const char *key, int64_t unused_a, int64_t unused_b,
                     bool need, const int64_t *id)
{
    (void)unused_a;
    (void)unused_b;
    if (*id < 0 || (*id == 0 && need)) w->rc = ERR_INVALID;
    if (*id > 0) jw_id(&w->jw, key, *id);
}

static void write_BOOL(struct writer *w, const char *key, int64_t unused_a, int64_t unused_b,
                       bool need, const bool *b)
{
    (void)unused_a;
    (void)unused_b;
    if (*b || need) jw_bool(&w->jw, key, *b);
}

static void write_tree(struct writer *w, const char *key, enum json_type type, int64_t max,
                       bool need, const struct json *j)
{
    if (j == NULL) {
        if (need) w->rc = ERR_INVALID;
        return;
    }
    if (json_type(j) != type) w->rc = ERR_INVALID;
    size_t before = w->b->len;
    jw_tree(&w->jw, key, j);
    size_t around = strlen(key) + strlen(",\"\":");
    if (w->b->len - before > (size_t)max + around) w->rc = ERR_INVALID;
}

static void write_OBJ(struct writer *w, const char *key, int64_t max, int64_t unused, bool need,
                      struct json *const *j)
{
    (void)unused;
    if (w->spec == NULL || strcmp(key, "spec") != 0) {
        write_tree(w, key, JSON_OBJECT, max, need, *j);
        return;
    }
    if (strlen(w->spec) > (size_t)max) w->rc = ERR_INVALID;
    jw_raw(&w->jw, key, w->spec);
}

static void write_ARR(struct writer *w, const char *key, int64_t max, int64_t unused, bool need,
                      struct json *const *j)
{
    (void)unused;
    write_tree(w, key, JSON_ARRAY, max, need, *j);
}

#define WRITE(kind, name, key, a, b, need) write_##kind(w, key, a, b, (need) == 1, &m->name);
#define MSG(id, name, dir, known)                                                                  \
    static void write_##name(struct writer *w, const struct msg_##name *m)                         \
    {                                                                                              \
        MSG_FIELDS_##id(WRITE)                                                                     \
    }
MSG_LIST(MSG)
#undef MSG

static void write_fields(struct writer *w, const struct msg *m)
{
    switch (m->type) {
#define MSG(id, name, dir, known)                                                                  \
    case MSG_##id:                                                                                 \
        write_##name(w, &m->u.name);                                                               \
        break;
        MSG_LIST(MSG)
#undef MSG
    case MSG_NONE:
    case MSG_TYPES:
        w->rc = ERR_INVALID;
        break;
    }
}

static int write_frame(struct buf *b, const struct msg *m, const char *spec)
{
    struct writer w = {.b = b, .spec = spec};
    size_t mark;
    int rc = frame_start(b, FRAME_JSON, &mark);
    if (rc != 0) return rc;
    jw_init(&w.jw, b);
    jw_object(&w.jw, NULL);
    jw_str(&w.jw, "type", msg_name(m->type));
    write_fields(&w, m);
    jw_end(&w.jw);
    rc = jw_finish(&w.jw);
    if (rc == 0) rc = w.rc;
    if (rc == 0 && b->len - mark - FRAME_HEAD > LIMIT_FRAME_KNOWN) rc = ERR_TOO_LARGE;
    if (rc == 0)
        frame_end(b, mark);
    else
        buf_truncate(b, mark);
    return rc;
}

int msg_frame_add(struct buf *b, const struct msg *m)
{
    return write_frame(b, m, NULL);
}

int msg_job_frame_add(struct buf *b, const struct msg_job *job, const char *spec)
{
    struct msg m = {.type = MSG_JOB, .u.job = *job};
    return write_frame(b, &m, spec);
}
