/* See msg_fixture.h. */
#include "msg_fixture.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---- filling ------------------------------------------------------------------------------- */

char *text_of_length(size_t len)
{
    char *s = mem_alloc(len + 1);
    memset(s, 'x', len);
    return s;
}

static void fill_STR(char **f, int64_t max, int64_t unused, bool need, enum fill how)
{
    (void)unused;
    if (how == LEAST) *f = need ? mem_strdup("") : NULL;
    if (how == SOME) *f = mem_strdup("a \"b\"\n\xc3\xa4");
    if (how == MOST) *f = text_of_length((size_t)max);
}

static void fill_INT(int64_t *f, int64_t min, int64_t max, bool need, enum fill how)
{
    if (how == LEAST) *f = need ? min : 0;
    if (how == SOME) *f = min + (max - min) / 2;
    if (how == MOST) *f = max;
}

static void fill_ID(int64_t *f, int64_t a, int64_t b, bool need, enum fill how)
{
    (void)a;
    (void)b;
    (void)need;
    *f = how == LEAST ? 1 : how == SOME ? 123456789 : INT64_MAX;
}

static void fill_BOOL(bool *f, int64_t a, int64_t b, bool need, enum fill how)
{
    (void)a;
    (void)b;
    (void)need;
    *f = how != LEAST;
}

static void fill_OBJ(char **f, int64_t max, int64_t unused, bool need, enum fill how)
{
    (void)unused;
    *f = NULL;
    if (how == LEAST && need) *f = mem_strdup("{}");
    if (how == SOME) *f = mem_strdup("{\"k\":1.5}");
    if (how == MOST) {
        char *s = text_of_length((size_t)max - 8);
        *f = str_dupf("{\"k\":\"%s\"}", s);
        mem_free(s);
    }
}

static void fill_ARR(char **f, int64_t max, int64_t unused, bool need, enum fill how)
{
    (void)unused;
    *f = NULL;
    if (how == LEAST && need) *f = mem_strdup("[]");
    if (how == SOME) *f = mem_strdup("[true]");
    if (how == MOST) {
        char *s = text_of_length((size_t)max - 4);
        *f = str_dupf("[\"%s\"]", s);
        mem_free(s);
    }
}

char *message_labels(int64_t count, size_t len)
{
    struct buf b;
    buf_init(&b, ROOM);
    buf_adds(&b, "{");
    for (int64_t i = 0; i < count; i++)
        buf_addf(&b, "\"label.%lld\":\"\",", (long long)i);
    buf_adds(&b, "\"label\":\"");
    while (b.len + 2 < len)
        buf_addc(&b, 'x');
    buf_adds(&b, "\"}");
    return buf_detach(&b);
}

static void fill_CAPS(char **f, int64_t max, int64_t most_labels, bool need, enum fill how)
{
    fill_OBJ(f, max, 0, need, how);
    if (how != MOST) return;
    mem_free(*f);
    *f = message_labels(most_labels, (size_t)max);
}

void message_fill_attempts(struct msg_attempts *f, size_t count)
{
    f->count = count;
    f->items = mem_array(count, sizeof *f->items);
    for (size_t i = 0; i < count; i++)
        f->items[i] = (struct msg_attempt){.job = INT64_MAX - (int64_t)i,
                                           .attempt = i % 2 == 0 ? 1 : ATTEMPT_MAX,
                                           .ended = i % 2 == 0};
}

static void fill_ATTEMPTS(struct msg_attempts *f, int64_t max, int64_t most, bool need,
                          enum fill how)
{
    (void)max;
    (void)need;
    message_fill_attempts(f, how == LEAST ? 0 : how == SOME ? 2 : (size_t)most);
}

#define FILL(kind, name, key, a, b, need) fill_##kind(&p->name, a, b, (need) == 1, how);
void message_fill(struct msg *m, enum msg_type type, enum fill how)
{
    memset(m, 0, sizeof *m);
    m->type = type;
    switch (type) {
#define MSG(id, name, dir, known)                                                                  \
    case MSG_##id: {                                                                               \
        struct msg_##name *p = &m->u.name;                                                         \
        MSG_FIELDS_##id(FILL) break;                                                               \
    }
        MSG_LIST(MSG)
#undef MSG
    case MSG_NONE:
    case MSG_TYPES:
        break;
    }
}

/* ---- comparing ----------------------------------------------------------------------------- */

static void same_STR(const char *key, char *x, char *y)
{
    if (!str_eq(x, y)) fail_msg("%s differs", key);
}

static void same_INT(const char *key, int64_t x, int64_t y)
{
    if (x != y) fail_msg("%s differs: %lld and %lld", key, (long long)x, (long long)y);
}

static void same_ID(const char *key, int64_t x, int64_t y)
{
    same_INT(key, x, y);
}

static void same_BOOL(const char *key, bool x, bool y)
{
    if (x != y) fail_msg("%s differs", key);
}

static void same_OBJ(const char *key, char *x, char *y)
{
    same_STR(key, x, y);
}

static void same_ARR(const char *key, char *x, char *y)
{
    same_STR(key, x, y);
}

static void same_CAPS(const char *key, char *x, char *y)
{
    same_STR(key, x, y);
}

static void same_ATTEMPTS(const char *key, struct msg_attempts x, struct msg_attempts y)
{
    same_INT(key, (int64_t)x.count, (int64_t)y.count);
    for (size_t i = 0; i < x.count; i++) {
        same_INT(key, x.items[i].job, y.items[i].job);
        same_INT(key, x.items[i].attempt, y.items[i].attempt);
        same_BOOL(key, x.items[i].ended, y.items[i].ended);
    }
}

#define SAME(kind, name, key, a, b, need) same_##kind(key, p->name, q->name);
void message_same(const struct msg *x, const struct msg *y)
{
    assert_int_equal(x->type, y->type);
    switch (x->type) {
#define MSG(id, name, dir, known)                                                                  \
    case MSG_##id: {                                                                               \
        const struct msg_##name *p = &x->u.name, *q = &y->u.name;                                  \
        MSG_FIELDS_##id(SAME) break;                                                               \
    }
        MSG_LIST(MSG)
#undef MSG
    case MSG_NONE:
    case MSG_TYPES:
        break;
    }
}

/* ---- as text ------------------------------------------------------------------------------- */

struct msg_peer message_sender(enum msg_type type)
{
    return (struct msg_peer){.agent = msg_from_agent(type), .known = true};
}

void message_encode(const struct msg *m, struct buf *text)
{
    struct buf b;
    struct frame_reader r;
    struct frame f;
    buf_init(&b, ROOM);
    buf_init(text, ROOM);
    assert_int_equal(msg_frame_add(&b, m), 0);
    frame_reader_init(&r, LIMIT_FRAME_KNOWN);
    assert_int_equal(frame_reader_add(&r, b.data, b.len, NULL), 0);
    assert_int_equal(frame_reader_next(&r, &f, NULL), 1);
    assert_int_equal(f.type, FRAME_JSON);
    buf_add(text, f.body, f.len);
    assert_int_equal(frame_reader_next(&r, &f, NULL), 0);
    frame_reader_fini(&r);
    buf_fini(&b);
}
