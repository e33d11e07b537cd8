/* The codec: messages as they go and come back, who may send them, bodies that are none. The fields
 * are in test_msg_fields.c. */
#include "msg_fixture.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- round trips --------------------------------------------------------------------------- */

/* Of a text whose type is not known: either side may have sent it. */
static int decode_any(const char *text, size_t len, struct msg *m, struct err *e)
{
    int rc = msg_decode(text, len, (struct msg_peer){.agent = true, .known = true}, m, e);
    if (rc == 0) return 0;
    return msg_decode(text, len, (struct msg_peer){.agent = false, .known = true}, m, e);
}

static void round_trip(enum fill how)
{
    for (int t = MSG_NONE + 1; t < MSG_TYPES; t++) {
        struct msg m, got;
        struct buf text;
        struct err e = {0};
        message_fill(&m, (enum msg_type)t, how);
        message_encode(&m, &text);
        if (msg_decode(text.data, text.len, message_sender(m.type), &got, &e) != 0)
            fail_msg("%s", e.msg);
        message_same(&m, &got);
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
    message_fill(&m, MSG_JOB, SOME);
    message_encode(&m, &text);
    assert_int_equal(msg_decode(text.data, text.len, message_sender(MSG_JOB), &got, NULL), 0);
    buf_fini(&text);
    message_same(&m, &got);
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
    message_encode(&m, &text);
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
        message_fill(&m, (enum msg_type)t, SOME);
        message_encode(&m, &text);
        int rc = msg_decode(text.data, text.len, from, &got, NULL);
        assert_int_equal(rc, msg_needs_identity((enum msg_type)t) ? ERR_DENIED : 0);
        if (rc == 0) msg_fini(&got);
        msg_fini(&m);
        buf_fini(&text);
    }
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
    char *name = text_of_length(100000);
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
    struct msg m, most, got;
    struct buf text;
    message_fill(&m, MSG_HELLO, SOME);
    message_fill(&most, MSG_HELLO, MOST);
    struct msg_attempts few = m.u.hello.attempts;
    m.u.hello.attempts = most.u.hello.attempts;
    most.u.hello.attempts = few;
    char *least = m.u.hello.capabilities;
    m.u.hello.capabilities = most.u.hello.capabilities;
    most.u.hello.capabilities = least;
    message_encode(&m, &text);
    assert_int_equal(decode_any(text.data, text.len, &got, NULL), 0);
    message_same(&m, &got);
    msg_fini(&got);
    msg_fini(&most);
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
        message_fill(&m, (enum msg_type)(1 + (int)rng_below(&r, MSG_TYPES - 1)), SOME);
        message_encode(&m, &text);
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
            message_encode(&got, &text);
            assert_int_equal(decode_any(text.data, text.len, &again, NULL), 0);
            message_same(&got, &again);
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
        cmocka_unit_test(message_of_a_peer_that_may_not_send_it__is_refused_unread),
        cmocka_unit_test(message_of_a_stranger__is_taken_when_it_needs_no_identity),
        cmocka_unit_test(what_is_no_message__is_refused),
        cmocka_unit_test(unknown_type__is_named_and_cut),
        cmocka_unit_test(deep_json__is_refused),
        cmocka_unit_test(unknown_fields_and_any_order__are_fine),
        cmocka_unit_test(tree_within_its_limit__is_taken_from_a_longer_body),
        cmocka_unit_test(random_changes__never_upset_the_codec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
