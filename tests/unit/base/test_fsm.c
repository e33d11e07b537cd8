/* State tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fsm.h"

enum { NEW, RUNNING, DONE, COUNT };

static const struct fsm_state states[COUNT] = {
    [NEW] = {"NEW", 1u << RUNNING | 1u << DONE, false},
    [RUNNING] = {"RUNNING", 1u << RUNNING | 1u << DONE, false},
    [DONE] = {"DONE", 1u << NEW, true}, /* final: the mask does not count */
};
static const struct fsm machine = {"test", states, COUNT};

static void successors__are_those_of_the_table(void **state)
{
    (void)state;
    assert_true(fsm_may(&machine, NEW, RUNNING));
    assert_true(fsm_may(&machine, NEW, DONE));
    assert_true(fsm_may(&machine, RUNNING, RUNNING));
    assert_false(fsm_may(&machine, NEW, NEW));
    assert_false(fsm_may(&machine, RUNNING, NEW));
}

static void final_state__is_never_left(void **state)
{
    (void)state;
    for (int to = -1; to <= COUNT; to++)
        assert_false(fsm_may(&machine, DONE, to));
    assert_true(fsm_final(&machine, DONE));
    assert_false(fsm_final(&machine, NEW));
}

static void states_that_do_not_exist__have_no_successors(void **state)
{
    (void)state;
    static const int strange[] = {-1, COUNT, 31, 32, 64, 1000000, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        assert_false(fsm_may(&machine, strange[i], DONE));
        assert_false(fsm_may(&machine, NEW, strange[i]));
        assert_false(fsm_final(&machine, strange[i]));
        assert_string_equal(fsm_name(&machine, strange[i]), "?");
    }
}

static void names__go_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(fsm_find(&machine, fsm_name(&machine, i)), i);
    assert_int_equal(fsm_find(&machine, "running"), -1);
    assert_int_equal(fsm_find(&machine, ""), -1);
    assert_int_equal(fsm_find(&machine, "?"), -1);
    assert_int_equal(fsm_find(&machine, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(successors__are_those_of_the_table),
        cmocka_unit_test(final_state__is_never_left),
        cmocka_unit_test(states_that_do_not_exist__have_no_successors),
        cmocka_unit_test(names__go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
