/* agent/space: how much output a turn may pass on to the journal. */
#include "agent/space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MIB ((int64_t)1 << 20)

static void with_room__a_slow_coordinator_holds_output_back(void **state)
{
    (void)state;
    struct space s = {.low = false};
    assert_int_equal(space_room(&s, 0, true, SPACE_TURN_BYTES), SPACE_TURN_BYTES);
    assert_int_equal(space_room(&s, 32 * MIB, true, SPACE_TURN_BYTES), SPACE_TURN_BYTES);
    assert_int_equal(space_room(&s, 32 * MIB + 1, true, SPACE_TURN_BYTES), 0);
    assert_int_equal(space_room(&s, 16 * MIB, true, 0), 0);
    assert_int_equal(space_room(&s, 16 * MIB - 1, true, 0), SPACE_TURN_BYTES);
    /* one that is away does not: the journal takes it */
    assert_int_equal(space_room(&s, 900 * MIB, false, 0), SPACE_TURN_BYTES);
}

static void a_disk_that_is_nearly_full__holds_output_back_earlier(void **state)
{
    (void)state;
    struct space s = {.low = true};
    for (int live = 0; live < 2; live++) {
        assert_int_equal(space_room(&s, 0, live, SPACE_TURN_BYTES), SPACE_LOW_BYTES);
        assert_int_equal(space_room(&s, 100000, live, 1), SPACE_LOW_BYTES - 100000);
        assert_int_equal(space_room(&s, SPACE_LOW_BYTES - 65536, live, 1), 65536);
        assert_int_equal(space_room(&s, SPACE_LOW_BYTES - 65535, live, 1), 0);
        assert_int_equal(space_room(&s, SPACE_LOW_BYTES, live, 1), 0);
        assert_int_equal(space_room(&s, 900 * MIB, live, SPACE_TURN_BYTES), 0);
        assert_int_equal(space_room(&s, 65536, live, 0), 0);
        assert_int_equal(space_room(&s, 65535, live, 0), SPACE_LOW_BYTES - 65535);
    }
}

/* However much the jobs have, and whatever the coordinator takes of it. */
static void what_waits_on_a_full_disk__stays_within_its_bound(void **state)
{
    (void)state;
    struct space s = {.low = true};
    uint32_t seed = 1;
    int64_t waiting = 0, passed = 0;
    size_t room = SPACE_TURN_BYTES;
    for (int turn = 0; turn < 100000; turn++) {
        room = space_room(&s, waiting, true, room);
        waiting += (int64_t)room; /* all that it may */
        passed += (int64_t)room;
        assert_true(waiting <= SPACE_LOW_BYTES);
        seed = seed * 1103515245u + 12345u;
        int64_t taken = (int64_t)(seed >> 16) % 20000;
        waiting -= taken < waiting ? taken : waiting;
    }
    assert_true(passed > 100 * MIB); /* and output flows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_room__a_slow_coordinator_holds_output_back),
        cmocka_unit_test(a_disk_that_is_nearly_full__holds_output_back_earlier),
        cmocka_unit_test(what_waits_on_a_full_disk__stays_within_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
