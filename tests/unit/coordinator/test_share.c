/* Who is quiet beside others. */
#include "coordinator/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LOUD 16

/* So many commands of each loud source, then one of the source 99. */
static void rounds(struct share *s, int count, int each)
{
    for (int i = 0; i < count; i++) {
        for (uint64_t source = 1; source <= LOUD; source++)
            share_note(s, source, each);
        share_note(s, 99, 1);
    }
}

static void source_with_little__is_quiet_beside_loud_ones(void **state)
{
    (void)state;
    struct share s = {0};
    rounds(&s, 1000, 20);
    assert_true(share_is_quiet(&s, 99));
    assert_true(share_is_quiet(&s, 12345)); /* a new one */
    for (uint64_t source = 1; source <= LOUD; source++)
        assert_false(share_is_quiet(&s, source));
}

static void nobody__is_quiet_among_equals(void **state)
{
    (void)state;
    struct share s = {0};
    rounds(&s, 1000, 1);
    for (uint64_t source = 1; source <= LOUD; source++)
        assert_false(share_is_quiet(&s, source));
    assert_false(share_is_quiet(&s, 99));
}

static void nobody__is_quiet_while_there_is_little_to_do(void **state)
{
    (void)state;
    struct share s = {0};
    assert_false(share_is_quiet(&s, 1));
    share_note(&s, 1, SHARE_BUSY - 1);
    assert_false(share_is_quiet(&s, 2));
    share_note(&s, 1, 1);
    assert_true(share_is_quiet(&s, 2));
}

static void loud_source__is_quiet_some_time_after_it_stopped(void **state)
{
    (void)state;
    struct share s = {0};
    share_note(&s, 99, 1e9); /* an array of a thousand jobs */
    assert_false(share_is_quiet(&s, 99));
    for (int i = 0; i < 10 * SHARE_FULL; i++)
        share_note(&s, (uint64_t)(i % LOUD + 1), 1);
    assert_true(share_is_quiet(&s, 99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_with_little__is_quiet_beside_loud_ones),
        cmocka_unit_test(nobody__is_quiet_among_equals),
        cmocka_unit_test(nobody__is_quiet_while_there_is_little_to_do),
        cmocka_unit_test(loud_source__is_quiet_some_time_after_it_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
