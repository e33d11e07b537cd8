/* Allocation that does not fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

#include <signal.h>
#include <string.h>

static void alloc__is_zeroed_also_when_empty(void **state)
{
    (void)state;
    unsigned char *p = mem_alloc(64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
    mem_free(p);
    p = mem_alloc(0);
    assert_non_null(p);
    mem_free(p);
    p = mem_array(0, 8);
    assert_non_null(p);
    mem_free(p);
}

static void resize__keeps_the_content(void **state)
{
    (void)state;
    char *p = mem_resize(NULL, 3, 1);
    memcpy(p, "ab", 3);
    p = mem_resize(p, 4000, 2);
    assert_string_equal(p, "ab");
    p = mem_resize(p, 0, 8);
    assert_non_null(p);
    mem_free(p);
}

static void copies__end_where_they_should(void **state)
{
    (void)state;
    char *s = mem_strdup("text");
    assert_string_equal(s, "text");
    mem_free(s);
    assert_null(mem_strdup(NULL));
    s = mem_strndup("text", 2);
    assert_string_equal(s, "te");
    mem_free(s);
    s = mem_strndup("text", 99);
    assert_string_equal(s, "text");
    mem_free(s);
    s = mem_dup("a\0b", 3);
    assert_memory_equal(s, "a\0b", 3);
    mem_free(s);
    mem_free(mem_dup(NULL, 0));
    mem_free(NULL);
}

static void wipe__leaves_nothing(void **state)
{
    (void)state;
    char secret[] = "secret";
    mem_wipe(secret, sizeof secret - 1);
    for (size_t i = 0; i < sizeof secret; i++)
        assert_int_equal(secret[i], 0);
}

static jmp_buf back;

static void on_abort(int signal_number)
{
    (void)signal_number;
    longjmp(back, 1);
}

/* Does this end the process? The abort is caught. */
#define ENDS(call)                                                                                 \
    do {                                                                                           \
        void (*before)(int) = signal(SIGABRT, on_abort);                                           \
        if (setjmp(back) == 0) {                                                                   \
            (void)(call);                                                                          \
            signal(SIGABRT, before);                                                               \
            fail_msg("%s came back", #call);                                                       \
        }                                                                                          \
        signal(SIGABRT, before);                                                                   \
    } while (0)

static void size_overflow__ends_the_process(void **state)
{
    (void)state;
    ENDS(mem_array(SIZE_MAX, 2));
    ENDS(mem_array(2, SIZE_MAX));
    ENDS(mem_resize(NULL, SIZE_MAX / 2 + 1, 2));
    ENDS(mem_array((size_t)1 << (sizeof(size_t) * 4), (size_t)1 << (sizeof(size_t) * 4)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc__is_zeroed_also_when_empty),
        cmocka_unit_test(resize__keeps_the_content),
        cmocka_unit_test(copies__end_where_they_should),
        cmocka_unit_test(wipe__leaves_nothing),
        cmocka_unit_test(size_overflow__ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
