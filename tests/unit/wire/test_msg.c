/* The codec. Most of these tests are made from wire/msg_list.h: what is checked for one field is
 * checked for every field of every message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"
#include "tests/support/hidden.h"
#include "wire/msg.h"

#include <stdio.h>
#include <string.h>

#define ROOM (2u * LIMIT_FRAME_KNOWN)

/* ---- the list as data ---------------------------------------------------------------------- */

enum kind { STR, INT, ID, BOOL, OBJ, ARR, CAPS, ATTEMPTS };

struct entry {
    enum kind kind;
    const char *key;
    int64_t a, b;
    bool need;
};

#define FIELD(kind, name, key, a, b, need) {kind, key, a, b, (need) == 1},
#define MSG(id, name, dir, known)                                                                  \
    static const struct entry fields_##name[] = {MSG_FIELDS_##id(FIELD)};
MSG_LIST(MSG)
#undef MSG

static const struct {
    const struct entry *fields;
    size_t count;
} messages[MSG_TYPES] = {
#define MSG(id, name, dir, known)                                                                  \
    [MSG_##id] = {fields_##name, sizeof fields_##name / sizeof(struct entry)},
    MSG_LIST(MSG)
#undef MSG
};

/* ---- filling ------------------------------------------------------------------------------- */

/* Only what is needed, at its lower end; all of it; all of it at the upper end. */
enum fill { LEAST, SOME, MOST };

static char *text_of(size_t len)
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
    if (how == MOST) *f = text_of((size_t)max);
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
        char *s = text_of((size_t)max - 8);
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
        char *s = text_of((size_t)max - 4);
        *f = str_dupf("[\"%s\"]", s);
        mem_free(s);
    }
}

/* An object of so many labels, and as long as said. */
static char *labels(int64_t count, size_t len)
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
    *f = labels(most_labels, (size_t)max);
}

static void fill_ATTEMPTS(struct msg_attempts *f, int64_t max, int64_t most, bool need,
                          enum fill how)
{
    (void)max;
    (void)need;
    f->count = how == LEAST ? 0 : how == SOME ? 2 : (size_t)most;
    f->items = mem_array(f->count, sizeof *f->items);
    for (size_t i = 0; i < f->count; i++)
        f->items[i] = (struct msg_attempt){.job = INT64_MAX - (int64_t)i,
                                           .attempt = i % 2 == 0 ? 1 : ATTEMPT_MAX,
                                           .ended = i % 2 == 0};
}

#define FILL(kind, name, key, a, b, need) fill_##kind(&p->name, a, b, (need) == 1, how);
static void fill(struct msg *m, enum msg_type type, enum fill how)
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
static void same(const struct msg *x, const struct msg *y)
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

/* ---- round trips --------------------------------------------------------------------------- */

/* As whom the receiver of this message hears its sender, when all is well. */
static struct msg_peer sender_of(enum msg_type type)
{
    return (struct msg_peer){.agent = msg_from_agent(type), .known = true};
}

/* Of a text whose type is not known: either side may have sent it. */
static int decode_any(const char *text, size_t len, struct msg *m, struct err *e)
{
    int rc = msg_decode(text, len, (struct msg_peer){.agent = true, .known = true}, m, e);
    if (rc == 0) return 0;
    return msg_decode(text, len, (struct msg_peer){.agent = false, .known = true}, m, e);
}

/* The message as the text of its frame's body. */
static void encode(const struct msg *m, struct buf *text)
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

static void round_trip(enum fill how)
{
    for (int t = MSG_NONE + 1; t < MSG_TYPES; t++) {
        struct msg m, got;
        struct buf text;
        struct err e = {0};
        fill(&m, (enum msg_type)t, how);
        encode(&m, &text);
        if (msg_decode(text.data, text.len, sender_of(m.type), &got, &e) != 0)
            fail_msg("%s", e.msg);
        same(&m, &got);
        msg_fini(&got);
        msg_fini(&m);
        buf_fini(&text);
    }
}

static void every_message__reads_back_with_what_is_needed(void **state)
{
    (void)state;
    round_trip(LEAST);
}

static void every_message__reads_back_with_all_fields(void **state)
{
    (void)state;
    round_trip(SOME);
}

static void every_message__reads_back_with_all_fields_at_their_limits(void **state)
{
    (void)state;
    round_trip(MOST);
}

static void texts__outlive_the_body(void **state)
{
    (void)state;
    struct msg m, got;
    struct buf text;
    fill(&m, MSG_JOB, SOME);
    encode(&m, &text);
    assert_int_equal(msg_decode(text.data, text.len, sender_of(MSG_JOB), &got, NULL), 0);
    buf_fini(&text);
    same(&m, &got);
    msg_fini(&got);
    assert_int_equal(got.type, MSG_NONE);
    msg_fini(&got);
    msg_fini(&m);
}

static void message__has_the_documented_text(void **state)
{
    (void)state;
    struct buf text;
    struct msg m = {.type = MSG_FINISHED};
    m.u.finished.seq = 7;
    m.u.finished.job = 32;
    m.u.finished.attempt = 1;
    m.u.finished.state = "FAILED";
    m.u.finished.exited = true;
    m.u.finished.exit_code = 3;
    encode(&m, &text);
    assert_string_equal(text.data,
                        "{\"type\":\"finished\",\"seq\":7,\"job\":\"0000000000010\",\"attempt\":1,"
                        "\"state\":\"FAILED\",\"exited\":true,\"exitCode\":3}");
    buf_fini(&text);
}

static void names__are_those_of_the_list(void **state)
{
    (void)state;
    assert_string_equal(msg_name(MSG_HELLO), "hello");
    assert_string_equal(msg_name(MSG_CERTIFICATE), "certificate");
    assert_string_equal(msg_name(MSG_NONE), "?");
    assert_string_equal(msg_name(MSG_TYPES), "?");
    assert_string_equal(msg_name((enum msg_type) - 1), "?");
    assert_true(msg_from_agent(MSG_ENROL));
    assert_false(msg_from_agent(MSG_WELCOME));
    assert_false(msg_from_agent(MSG_TYPES));
    assert_false(msg_needs_identity(MSG_ENROL));
    assert_false(msg_needs_identity(MSG_REFUSED));
    assert_true(msg_needs_identity(MSG_HELLO));
    assert_true(msg_needs_identity(MSG_TYPES));
}

/* ---- bad fields, read ---------------------------------------------------------------------- */

static struct json *good_tree(enum msg_type t)
{
    struct msg m;
    struct buf text;
    struct json *tree;
    fill(&m, t, SOME);
    encode(&m, &text);
    assert_int_equal(json_parse(text.data, text.len, &tree, NULL), 0);
    buf_fini(&text);
    msg_fini(&m);
    return tree;
}

/* Decodes the good message with one field replaced (NULL: left out). */
static int decode_with(enum msg_type t, const char *key, struct json *value, struct err *e)
{
    struct json *tree = good_tree(t);
    struct msg m = {.type = MSG_NONE};
    json_remove(tree, key);
    if (value != NULL) json_add(tree, key, value);
    char *text = json_text(tree);
    e->msg[0] = '\0';
    int rc = msg_decode(text, strlen(text), sender_of(t), &m, e);
    if (rc == 0) assert_int_equal(m.type, t);
    msg_fini(&m);
    mem_free(text);
    json_free(tree);
    return rc;
}

static void refused_with(enum msg_type t, const char *key, struct json *value)
{
    struct err e;
    char quoted[64];
    int rc = decode_with(t, key, value, &e);
    if (rc != ERR_PROTOCOL) fail_msg("%s: a bad '%s' gave %d", msg_name(t), key, rc);
    str_format(quoted, sizeof quoted, "message %s: '%s'", msg_name(t), key);
    if (strstr(e.msg, quoted) == NULL) fail_msg("'%s' does not name %s", e.msg, quoted);
}

#define EACH_FIELD(t, f)                                                                           \
    for (int t = MSG_NONE + 1; t < MSG_TYPES; t++)                                                 \
        for (const struct entry *f = messages[t].fields;                                           \
             f < messages[t].fields + messages[t].count; f++)

static void absent_or_null_field__is_refused_only_when_it_is_needed(void **state)
{
    (void)state;
    EACH_FIELD(t, f)
    {
        struct err e;
        if (f->need) {
            refused_with((enum msg_type)t, f->key, NULL);
            refused_with((enum msg_type)t, f->key, json_new(JSON_NULL));
        } else {
            assert_int_equal(decode_with((enum msg_type)t, f->key, NULL, &e), 0);
            assert_int_equal(decode_with((enum msg_type)t, f->key, json_new(JSON_NULL), &e), 0);
        }
    }
}

static void field_of_another_type__is_refused(void **state)
{
    (void)state;
    static const enum json_type right[] = {
        [STR] = JSON_STRING, [INT] = JSON_NUMBER, [ID] = JSON_STRING,   [BOOL] = JSON_BOOL,
        [OBJ] = JSON_OBJECT, [ARR] = JSON_ARRAY,  [CAPS] = JSON_OBJECT, [ATTEMPTS] = JSON_ARRAY};
    EACH_FIELD(t, f)
    {
        for (int type = JSON_BOOL; type <= JSON_OBJECT; type++) {
            if (type != (int)right[f->kind])
                refused_with((enum msg_type)t, f->key, json_new((enum json_type)type));
        }
    }
}

static void over_long_text__is_refused(void **state)
{
    (void)state;
    EACH_FIELD(t, f)
    {
        if (f->kind != STR) continue;
        char *s = text_of((size_t)f->a + 1);
        refused_with((enum msg_type)t, f->key, json_new_str(s));
        mem_free(s);
    }
}

static void over_long_tree__is_refused(void **state)
{
    (void)state;
    EACH_FIELD(t, f)
    {
        struct json *tree;
        if (f->kind < OBJ) continue;
        char *s = text_of((size_t)f->a);
        if (f->kind == OBJ || f->kind == CAPS) {
            tree = json_new(JSON_OBJECT);
            json_add(tree, "k", json_new_str(s));
        } else {
            tree = json_new(JSON_ARRAY);
            json_push(tree, json_new_str(s));
        }
        refused_with((enum msg_type)t, f->key, tree);
        mem_free(s);
    }
}

static void number_out_of_range__is_refused(void **state)
{
    (void)state;
    EACH_FIELD(t, f)
    {
        if (f->kind != INT) continue;
        struct err e;
        assert_int_equal(decode_with((enum msg_type)t, f->key, json_new_num((double)f->a), &e), 0);
        assert_int_equal(decode_with((enum msg_type)t, f->key, json_new_num((double)f->b), &e), 0);
        refused_with((enum msg_type)t, f->key, json_new_num((double)f->a - 1));
        refused_with((enum msg_type)t, f->key, json_new_num((double)f->b + 1));
        refused_with((enum msg_type)t, f->key, json_new_num(1e300));
        refused_with((enum msg_type)t, f->key, json_new_num(-1e300));
        refused_with((enum msg_type)t, f->key, json_new_num(1.5));
        refused_with((enum msg_type)t, f->key, json_new_str("1"));
    }
}

static void bad_id__is_refused(void **state)
{
    (void)state;
    static const char *const ids[] = {"",
                                      "0",
                                      "0000000000000",
                                      "000000000001",
                                      "00000000000100",
                                      "000000000001u",
                                      "zzzzzzzzzzzzz",
                                      "-000000000001",
                                      " 00000000001",
                                      "000000000001\n"};
    EACH_FIELD(t, f)
    {
        if (f->kind != ID) continue;
        for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
            refused_with((enum msg_type)t, f->key, json_new_str(ids[i]));
    }
}

static void text_at_its_limit__is_taken_whatever_stands_around_it(void **state)
{
    (void)state;
    EACH_FIELD(t, f)
    {
        struct err e;
        struct buf b;
        if (f->kind != OBJ && f->kind != ARR) continue;
        /* blanks do not count, so that the text is longer than its limit */
        struct json *tree = good_tree((enum msg_type)t);
        json_remove(tree, f->key);
        char *rest = json_text(tree), *s = text_of((size_t)f->a - 8);
        buf_init(&b, ROOM);
        buf_addf(&b,
                 f->kind == OBJ ? "{\"%s\": { \"k\" : \"%s\" } ,%s"
                                : "{\"%s\":\n[ 111 , \"%s\" ] ,%s",
                 f->key, s, rest + 1);
        struct msg m = {.type = MSG_NONE};
        int rc = msg_decode(b.data, b.len, sender_of((enum msg_type)t), &m, &e);
        if (rc != 0) fail_msg("%s: %s", f->key, e.msg);
        msg_fini(&m);
        buf_fini(&b);
        mem_free(s);
        mem_free(rest);
        json_free(tree);
    }
}

static void capabilities_with_too_many_labels__are_refused(void **state)
{
    (void)state;
    EACH_FIELD(t, f)
    {
        struct err e;
        if (f->kind != CAPS) continue;
        for (int64_t more = 0; more < 2; more++) {
            struct json *tree;
            char *text = labels(f->b + more, 100);
            assert_int_equal(json_parse(text, strlen(text), &tree, NULL), 0);
            if (more > 0)
                refused_with((enum msg_type)t, f->key, tree);
            else
                assert_int_equal(decode_with((enum msg_type)t, f->key, tree, &e), 0);
            mem_free(text);
        }
    }
}

static void labels_that_cannot_be_seen__are_refused(void **state)
{
    (void)state;
    EACH_FIELD(t, f)
    for (size_t i = 0; f->kind == CAPS && i < 2 * HIDDEN_CHARACTERS; i++) {
        struct json *tree = json_new(JSON_OBJECT);
        char *text = str_dupf("label.a%s", hidden_characters[i / 2].text);
        json_put(tree, i % 2 ? text : "label.a", json_new_str(i % 2 ? "b" : text));
        mem_free(text);
        refused_with((enum msg_type)t, f->key, tree);
    }
}

static struct json *list_of(size_t count, const char *item)
{
    struct json *list = json_new(JSON_ARRAY), *one;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(json_parse(item, strlen(item), &one, NULL), 0);
        json_push(list, one);
    }
    return list;
}

static void bad_attempts__are_refused(void **state)
{
    (void)state;
    static const char good[] =
        "{\"job\":\"0000000000001\",\"attempt\":1000000,\"state\":\"ended\"}";
    static const char *const bad[] = {
        "1",
        "[]",
        "null",
        "{}",
        "{\"job\":\"0000000000001\",\"attempt\":1}",
        "{\"job\":\"0000000000001\",\"state\":\"ended\"}",
        "{\"attempt\":1,\"state\":\"ended\"}",
        "{\"job\":\"0000000000000\",\"attempt\":1,\"state\":\"ended\"}",
        "{\"job\":1,\"attempt\":1,\"state\":\"ended\"}",
        "{\"job\":\"0000000000001\",\"attempt\":0,\"state\":\"ended\"}",
        "{\"job\":\"0000000000001\",\"attempt\":-1,\"state\":\"ended\"}",
        "{\"job\":\"0000000000001\",\"attempt\":1.5,\"state\":\"ended\"}",
        "{\"job\":\"0000000000001\",\"attempt\":\"1\",\"state\":\"ended\"}",
        "{\"job\":\"0000000000001\",\"attempt\":1000001,\"state\":\"ended\"}",
        "{\"job\":\"0000000000001\",\"attempt\":1,\"state\":\"lost\"}",
        "{\"job\":\"0000000000001\",\"attempt\":1,\"state\":null}",
    };
    struct err e;
    size_t most = LIMIT_ATTEMPTS_IN_HELLO;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused_with(MSG_HELLO, "attempts", list_of(1, bad[i]));
    assert_int_equal(decode_with(MSG_HELLO, "attempts", list_of(0, good), &e), 0);
    assert_int_equal(decode_with(MSG_HELLO, "attempts", list_of(3, good), &e), 0);
    refused_with(MSG_HELLO, "attempts", list_of(most + 1, good));
}

/* ---- who may say what ---------------------------------------------------------------------- */

static void message_of_a_peer_that_may_not_send_it__is_refused_unread(void **state)
{
    (void)state;
    for (int t = MSG_NONE + 1; t < MSG_TYPES; t++) {
        /* a field that would be refused when it was read */
        char *body = str_dupf("{\"type\":\"%s\",\"seq\":-1,\"csr\":1,\"code\":1,\"agent\":1}",
                              msg_name((enum msg_type)t));
        for (int side = 0; side < 4; side++) {
            struct msg_peer from = {.agent = side % 2 == 0, .known = side / 2 == 0};
            struct msg m = {.type = MSG_NONE};
            struct err e = {0};
            bool own = from.agent == msg_from_agent((enum msg_type)t);
            bool stranger = own && !from.known && msg_needs_identity((enum msg_type)t);
            int rc = msg_decode(body, strlen(body), from, &m, &e);
            if (stranger) {
                assert_int_equal(rc, ERR_DENIED);
            } else if (!own) {
                assert_int_equal(rc, ERR_PROTOCOL);
                assert_non_null(strstr(e.msg, " only"));
            }
            if (!own || stranger) assert_null(strchr(e.msg, '\''));
            msg_fini(&m);
        }
        mem_free(body);
    }
}

static void message_of_a_stranger__is_taken_when_it_needs_no_identity(void **state)
{
    (void)state;
    for (int t = MSG_NONE + 1; t < MSG_TYPES; t++) {
        struct msg m, got;
        struct buf text;
        struct msg_peer from = {.agent = msg_from_agent((enum msg_type)t), .known = false};
        fill(&m, (enum msg_type)t, SOME);
        encode(&m, &text);
        int rc = msg_decode(text.data, text.len, from, &got, NULL);
        assert_int_equal(rc, msg_needs_identity((enum msg_type)t) ? ERR_DENIED : 0);
        if (rc == 0) msg_fini(&got);
        msg_fini(&m);
        buf_fini(&text);
    }
}

/* ---- bad fields, written ------------------------------------------------------------------- */

static void not_sent(const struct msg *m, const char *key)
{
    struct buf b;
    buf_init(&b, ROOM);
    buf_adds(&b, "before");
    int rc = msg_frame_add(&b, m);
    if (rc != ERR_INVALID) fail_msg("%s: a bad '%s' gave %d", msg_name(m->type), key, rc);
    assert_string_equal(b.data, "before");
    assert_int_equal(b.len, 6);
    buf_fini(&b);
}

static void spoil_STR(const struct msg *m, const char *key, char **f, int64_t max, int64_t unused,
                      bool need)
{
    (void)unused;
    char *good = *f, *longer = text_of((size_t)max + 1);
    *f = longer;
    not_sent(m, key);
    *f = NULL;
    if (need) not_sent(m, key);
    *f = good;
    mem_free(longer);
}

static void spoil_INT(const struct msg *m, const char *key, int64_t *f, int64_t min, int64_t max,
                      bool need)
{
    int64_t good = *f;
    if (min != 1 || need) {
        *f = min - 1;
        not_sent(m, key);
    }
    *f = -1;
    not_sent(m, key);
    *f = max + 1;
    not_sent(m, key);
    *f = good;
}

static void spoil_ID(const struct msg *m, const char *key, int64_t *f, int64_t a, int64_t b,
                     bool need)
{
    (void)a;
    (void)b;
    int64_t good = *f;
    *f = -1;
    not_sent(m, key);
    *f = 0;
    if (need) not_sent(m, key);
    *f = good;
}

static void spoil_BOOL(const struct msg *m, const char *key, const bool *f, int64_t a, int64_t b,
                       bool need)
{
    (void)m;
    (void)key;
    (void)f;
    (void)a;
    (void)b;
    (void)need;
}

static void spoil_OBJ(const struct msg *m, const char *key, char **f, int64_t max, int64_t unused,
                      bool need)
{
    (void)unused;
    char *good = *f, *s = text_of((size_t)max - 7); /* one byte more than fits */
    *f = str_dupf("{\"k\":\"%s\"}", s);
    not_sent(m, key);
    mem_free(*f);
    *f = str_dupf("[\"k\"]");
    not_sent(m, key);
    mem_free(*f);
    *f = NULL;
    if (need) not_sent(m, key);
    mem_free(s);
    *f = good;
}

static void spoil_ARR(const struct msg *m, const char *key, char **f, int64_t max, int64_t unused,
                      bool need)
{
    (void)unused;
    char *good = *f, *s = text_of((size_t)max - 3);
    *f = str_dupf("[\"%s\"]", s);
    not_sent(m, key);
    mem_free(*f);
    *f = str_dupf("{}");
    not_sent(m, key);
    mem_free(*f);
    *f = NULL;
    if (need) not_sent(m, key);
    mem_free(s);
    *f = good;
}

static void spoil_CAPS(const struct msg *m, const char *key, char **f, int64_t max, int64_t most,
                       bool need)
{
    char *good = *f;
    spoil_OBJ(m, key, f, max, 0, need);
    *f = labels(most + 1, 100);
    not_sent(m, key);
    mem_free(*f);
    *f = good;
}

static void spoil_ATTEMPTS(const struct msg *m, const char *key, struct msg_attempts *f,
                           int64_t max, int64_t most, bool need)
{
    static const struct msg_attempt bad[] = {
        {0, 1, false}, {-1, 1, false}, {1, 0, false}, {1, -1, false}, {1, ATTEMPT_MAX + 1, false}};
    (void)max;
    (void)need;
    struct msg_attempts good = *f;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct msg_attempt one = bad[i];
        *f = (struct msg_attempts){&one, 1};
        not_sent(m, key);
    }
    fill_ATTEMPTS(f, 0, most + 1, true, MOST);
    not_sent(m, key);
    mem_free(f->items);
    *f = good;
}

#define SPOIL(kind, name, key, a, b, need) spoil_##kind(&m, key, &p->name, a, b, (need) == 1);
static void what_the_peer_would_refuse__is_not_sent(void **state)
{
    (void)state;
    struct msg m;
#define MSG(id, name, dir, known)                                                                  \
    {                                                                                              \
        struct msg_##name *p = &m.u.name;                                                          \
        fill(&m, MSG_##id, SOME);                                                                  \
        MSG_FIELDS_##id(SPOIL) msg_fini(&m);                                                       \
    }
    MSG_LIST(MSG)
#undef MSG
    struct msg none = {.type = MSG_NONE};
    not_sent(&none, "type");
    none.type = MSG_TYPES;
    not_sent(&none, "type");
}

static void full_buffer__takes_all_or_nothing(void **state)
{
    (void)state;
    struct msg m;
    fill(&m, MSG_WELCOME, SOME);
    int sent = 0;
    for (size_t max = 0; max < 400; max++) {
        struct buf b;
        buf_init(&b, max);
        buf_adds(&b, "be");
        size_t before = b.len;
        int rc = msg_frame_add(&b, &m);
        assert_true(rc == 0 || rc == ERR_TOO_LARGE);
        if (rc == 0) sent++;
        if (rc != 0) assert_int_equal(b.len, before);
        assert_int_equal(b.data[b.len], 0);
        buf_fini(&b);
    }
    assert_in_range(sent, 1, 399);
    msg_fini(&m);
}

/* ---- bad bodies ---------------------------------------------------------------------------- */

static void refused_body(const char *body, size_t len, const char *word)
{
    struct msg m = {.type = MSG_BYE};
    struct err e = {0};
    char *copy = mem_dup(body, len);
    if (decode_any(copy, len, &m, &e) != ERR_PROTOCOL) fail_msg("'%s' was taken", body);
    assert_int_equal(m.type, MSG_BYE);
    if (strstr(e.msg, word) == NULL) fail_msg("'%s' does not say '%s'", e.msg, word);
    mem_free(copy);
}

static void refused_text(const char *body, const char *word)
{
    refused_body(body, strlen(body), word);
}

static void what_is_no_message__is_refused(void **state)
{
    (void)state;
    refused_text("", "not JSON");
    refused_text("   ", "not JSON");
    refused_text("hello", "not JSON");
    refused_text("{\"type\":\"bye\"", "not JSON");
    refused_text("{\"type\":\"bye\"}x", "not JSON");
    refused_text("{\"type\":\"bye\"}{\"type\":\"bye\"}", "not JSON");
    refused_text("{\"type\":\"bye\",}", "not JSON");
    refused_text("{'type':'bye'}", "not JSON");
    refused_text("\xef\xbb\xbf{\"type\":\"bye\"}", "not JSON");
    refused_text("{\"type\":\"bye\",\"reason\":\"\xff\"}", "not JSON");
    refused_text("{\"type\":\"bye\",\"reason\":\"a\\u0000b\"}", "not JSON");
    refused_text("{\"type\":\"bye\",\"type\":\"bye\"}", "not JSON");
    refused_body("{\"type\":\"bye\"}\0", 15, "not JSON");
    refused_text("[]", "not a JSON object");
    refused_text("\"bye\"", "not a JSON object");
    refused_text("null", "not a JSON object");
    refused_text("{}", "without 'type'");
    refused_text("{\"type\":1}", "without 'type'");
    refused_text("{\"type\":null}", "without 'type'");
    refused_text("{\"Type\":\"bye\"}", "without 'type'");
}

static void unknown_type__is_named_and_cut(void **state)
{
    (void)state;
    refused_text("{\"type\":\"goodbye\"}", "unknown type 'goodbye'");
    refused_text("{\"type\":\"\"}", "unknown type");
    refused_text("{\"type\":\"?\"}", "unknown type");
    refused_text("{\"type\":\"Bye\"}", "unknown type");
    char *name = text_of(100000);
    char *body = str_dupf("{\"type\":\"%s\"}", name);
    struct msg m;
    struct err e = {0};
    assert_int_equal(decode_any(body, strlen(body), &m, &e), ERR_PROTOCOL);
    assert_true(strlen(e.msg) < 100);
    mem_free(body);
    mem_free(name);
}

static void deep_json__is_refused(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_adds(&b, "{\"type\":\"bye\",\"x\":");
    for (int i = 0; i < 100000; i++)
        buf_addc(&b, '[');
    refused_text(b.data, "not JSON");
    buf_fini(&b);
}

static void unknown_fields_and_any_order__are_fine(void **state)
{
    (void)state;
    static const char body[] =
        " {\"attempt\":2,\"new\":{\"a\":[1,{}]},\"job\":\"0000000000001\",\"pid\":null,"
        "\"SEQ\":\"x\",\"type\":\"started\",\"seq\":3}\n";
    struct msg m;
    assert_int_equal(decode_any(body, strlen(body), &m, NULL), 0);
    assert_int_equal(m.type, MSG_STARTED);
    assert_int_equal(m.u.started.seq, 3);
    assert_int_equal(m.u.started.job, 1);
    assert_int_equal(m.u.started.attempt, 2);
    assert_int_equal(m.u.started.pid, 0);
    msg_fini(&m);
}

static void tree_within_its_limit__is_taken_from_a_longer_body(void **state)
{
    (void)state;
    struct msg m, got;
    struct buf text;
    fill(&m, MSG_HELLO, SOME);
    mem_free(m.u.hello.attempts.items);
    fill_ATTEMPTS(&m.u.hello.attempts, 0, LIMIT_ATTEMPTS_IN_HELLO, true, MOST);
    mem_free(m.u.hello.capabilities);
    fill_CAPS(&m.u.hello.capabilities, LIMIT_CAPABILITIES, LIMIT_LABELS, true, MOST);
    encode(&m, &text);
    assert_int_equal(decode_any(text.data, text.len, &got, NULL), 0);
    same(&m, &got);
    msg_fini(&got);
    msg_fini(&m);
    buf_fini(&text);
}

static void random_changes__never_upset_the_codec(void **state)
{
    (void)state;
    struct rng r;
    int taken = 0;
    rng_init(&r, 5);
    for (int i = 0; i < 30000; i++) {
        struct msg m, got = {.type = MSG_NONE};
        struct buf text;
        fill(&m, (enum msg_type)(1 + (int)rng_below(&r, MSG_TYPES - 1)), SOME);
        encode(&m, &text);
        for (uint64_t n = 1 + rng_below(&r, 3); n > 0; n--)
            text.data[rng_below(&r, text.len)] = (char)rng_below(&r, 128);
        char *copy = mem_dup(text.data, text.len);
        int rc = decode_any(copy, text.len, &got, NULL);
        assert_true(rc == 0 || rc == ERR_PROTOCOL);
        mem_free(copy);
        buf_fini(&text);
        if (rc == 0) { /* what was taken can be sent, and comes back the same */
            struct msg again;
            taken++;
            encode(&got, &text);
            assert_int_equal(decode_any(text.data, text.len, &again, NULL), 0);
            same(&got, &again);
            msg_fini(&again);
            buf_fini(&text);
        }
        msg_fini(&got);
        msg_fini(&m);
    }
    assert_true(taken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message__reads_back_with_what_is_needed),
        cmocka_unit_test(every_message__reads_back_with_all_fields),
        cmocka_unit_test(every_message__reads_back_with_all_fields_at_their_limits),
        cmocka_unit_test(texts__outlive_the_body),
        cmocka_unit_test(message__has_the_documented_text),
        cmocka_unit_test(names__are_those_of_the_list),
        cmocka_unit_test(absent_or_null_field__is_refused_only_when_it_is_needed),
        cmocka_unit_test(field_of_another_type__is_refused),
        cmocka_unit_test(over_long_text__is_refused),
        cmocka_unit_test(over_long_tree__is_refused),
        cmocka_unit_test(number_out_of_range__is_refused),
        cmocka_unit_test(bad_id__is_refused),
        cmocka_unit_test(text_at_its_limit__is_taken_whatever_stands_around_it),
        cmocka_unit_test(capabilities_with_too_many_labels__are_refused),
        cmocka_unit_test(labels_that_cannot_be_seen__are_refused),
        cmocka_unit_test(bad_attempts__are_refused),
        cmocka_unit_test(message_of_a_peer_that_may_not_send_it__is_refused_unread),
        cmocka_unit_test(message_of_a_stranger__is_taken_when_it_needs_no_identity),
        cmocka_unit_test(what_the_peer_would_refuse__is_not_sent),
        cmocka_unit_test(full_buffer__takes_all_or_nothing),
        cmocka_unit_test(what_is_no_message__is_refused),
        cmocka_unit_test(unknown_type__is_named_and_cut),
        cmocka_unit_test(deep_json__is_refused),
        cmocka_unit_test(unknown_fields_and_any_order__are_fine),
        cmocka_unit_test(tree_within_its_limit__is_taken_from_a_longer_body),
        cmocka_unit_test(random_changes__never_upset_the_codec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
