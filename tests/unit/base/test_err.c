/* Error codes and messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

static void every_code__has_its_own_number_and_a_sentence(void **state)
{
    (void)state;
    static const int codes[] = {
#define X(code, number, sentence) code,
        ERR_LIST(X)
#undef X
    };
    size_t count = sizeof codes / sizeof *codes;
    for (size_t i = 0; i < count; i++) {
        assert_true(codes[i] < 0);
        assert_true(strlen(err_sentence(codes[i])) > 0);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(codes[i], codes[j]);
    }
}

static void unknown_code__has_a_sentence_all_the_same(void **state)
{
    (void)state;
    assert_string_equal(err_sentence(-9999), "unknown error");
    assert_string_equal(err_sentence(7), "unknown error");
    assert_string_equal(err_sentence(ERR_OK), "no error");
}

static void set__returns_the_code_and_keeps_the_message(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(err_set(&e, ERR_IO, "open %s: %d", "x", 7), ERR_IO);
    assert_int_equal(e.code, ERR_IO);
    assert_string_equal(e.msg, "open x: 7");
    assert_string_equal(err_text(&e), "open x: 7");
}

static void set__without_a_place__returns_the_code(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_DENIED, "nobody reads this"), ERR_DENIED);
}

static void wrap__puts_the_context_in_front(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, ERR_NOT_FOUND, "no such file");
    assert_int_equal(err_wrap(&e, "reading %s", "a.yaml"), ERR_NOT_FOUND);
    assert_string_equal(e.msg, "reading a.yaml: no such file");
}

static void wrap__of_a_bare_code__uses_its_sentence(void **state)
{
    (void)state;
    struct err e = {ERR_TIMEOUT, ""};
    err_wrap(&e, "connect");
    assert_string_equal(e.msg, "connect: it took too long");
}

static void wrap__never_turns_a_failure_into_success(void **state)
{
    (void)state;
    struct err e = {0, ""};
    assert_int_equal(err_wrap(&e, "x"), ERR_INTERNAL);
    assert_int_equal(err_wrap(NULL, "x"), ERR_INTERNAL);
}

static void set__with_its_own_message_as_argument__works(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, ERR_IO, "inner");
    err_set(&e, ERR_CLOSED, "outer (%s)", e.msg);
    assert_string_equal(e.msg, "outer (inner)");
}

static void long_message__is_cut_between_characters(void **state)
{
    (void)state;
    char text[ERR_MSG_MAX + 100];
    for (int shift = 0; shift < 3; shift++) {
        memset(text, 'a', sizeof text);
        for (size_t i = (size_t)shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        text[sizeof text - 1] = '\0';
        struct err e;
        err_set(&e, ERR_IO, "%s", text);
        size_t len = strlen(e.msg);
        assert_true(len >= ERR_MSG_MAX - 4 && len < ERR_MSG_MAX);
        assert_true(str_utf8_valid(e.msg, len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code__has_its_own_number_and_a_sentence),
        cmocka_unit_test(unknown_code__has_a_sentence_all_the_same),
        cmocka_unit_test(set__returns_the_code_and_keeps_the_message),
        cmocka_unit_test(set__without_a_place__returns_the_code),
        cmocka_unit_test(wrap__puts_the_context_in_front),
        cmocka_unit_test(wrap__of_a_bare_code__uses_its_sentence),
        cmocka_unit_test(wrap__never_turns_a_failure_into_success),
        cmocka_unit_test(set__with_its_own_message_as_argument__works),
        cmocka_unit_test(long_message__is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
