/* The fields of messages, made from wire/msg_list.h: what is checked for one field is checked for
 * every field of every message. */
#include "msg_fixture.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/support/hidden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

/* ---- bad fields, read ---------------------------------------------------------------------- */

static struct json *good_tree(enum msg_type t)
{
    struct msg m;
    struct buf text;
    struct json *tree;
    message_fill(&m, t, SOME);
    message_encode(&m, &text);
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
    int rc = msg_decode(text, strlen(text), message_sender(t), &m, e);
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
        char *s = text_of_length((size_t)f->a + 1);
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
        char *s = text_of_length((size_t)f->a);
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
        char *rest = json_text(tree), *s = text_of_length((size_t)f->a - 8);
        buf_init(&b, ROOM);
        buf_addf(&b,
                 f->kind == OBJ ? "{\"%s\": { \"k\" : \"%s\" } ,%s"
                                : "{\"%s\":\n[ 111 , \"%s\" ] ,%s",
                 f->key, s, rest + 1);
        struct msg m = {.type = MSG_NONE};
        int rc = msg_decode(b.data, b.len, message_sender((enum msg_type)t), &m, &e);
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
            char *text = message_labels(f->b + more, 100);
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
    char *good = *f, *longer = text_of_length((size_t)max + 1);
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
    char *good = *f, *s = text_of_length((size_t)max - 7); /* one byte more than fits */
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
    char *good = *f, *s = text_of_length((size_t)max - 3);
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
    *f = message_labels(most + 1, 100);
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
    message_fill_attempts(f, (size_t)most + 1);
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
        message_fill(&m, MSG_##id, SOME);                                                          \
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
    message_fill(&m, MSG_WELCOME, SOME);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(what_the_peer_would_refuse__is_not_sent),
        cmocka_unit_test(full_buffer__takes_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
