/* What handshakes get of a turn. */
#include "wire/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

struct rig {
    struct turn turn;
    int64_t now_ns, others_ns, steps_ns; /* in all */
    int waiting, steps;                  /* steps: of the last turn */
};

/* One turn in which others worked for so long, and each step takes step_ns. */
static void turn(struct rig *r, int64_t others_ns, int64_t step_ns)
{
    r->now_ns += others_ns;
    r->others_ns += others_ns;
    if (others_ns > 0) turn_worked(&r->turn);
    r->steps = 0;
    turn_begin(&r->turn, r->now_ns);
    while (r->waiting > 0 && turn_may_step(&r->turn)) {
        r->now_ns += step_ns;
        r->steps_ns += step_ns;
        r->waiting--;
        r->steps++;
        turn_stepped(&r->turn, r->now_ns);
    }
    turn_end(&r->turn, r->waiting > 0);
}

static struct rig rig_with(int waiting)
{
    return (struct rig){.now_ns = 1000 * MS, .waiting = waiting};
}

static void idle_turns__give_one_step_each(void **state)
{
    (void)state;
    struct rig r = rig_with(50);
    for (int i = 0; i < 50; i++) {
        turn(&r, 0, 2 * MS);
        assert_int_equal(r.steps, 1);
    }
    assert_int_equal(r.waiting, 0);
}

static void first_turn__after_a_long_sleep__gives_one_step(void **state)
{
    (void)state;
    struct rig r = rig_with(50);
    turn(&r, 60000 * MS, 2 * MS); /* nobody waited so long */
    assert_int_equal(r.steps, 1);
}

static void busy_turns__are_halved(void **state)
{
    static const int64_t others[] = {MS / 10, MS, 3 * MS, 15 * MS};
    (void)state;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        struct rig r = rig_with(100000);
        turn(&r, 0, 2 * MS);
        r.others_ns = r.steps_ns = 0;
        for (int i = 0; i < 2000; i++) {
            turn(&r, others[k], 2 * MS);
            /* at any moment at most half, but for the step that is on its way */
            assert_true(r.steps_ns <= r.others_ns + 2 * MS);
        }
        assert_true(r.steps_ns >= r.others_ns - 4 * MS); /* and not less */
    }
}

static void long_turn__gives_no_more_than_the_most(void **state)
{
    (void)state;
    struct rig r = rig_with(100000);
    turn(&r, 0, MS);
    turn(&r, 500 * MS, MS);
    assert_int_equal(r.steps, TURN_SHARE_MOST_NS / MS);
}

static void debt__of_a_long_step__is_forgotten_when_nobody_else_works(void **state)
{
    (void)state;
    struct rig r = rig_with(100);
    turn(&r, 0, 50 * MS);
    turn(&r, MS, MS);
    assert_int_equal(r.steps, 0);
    turn(&r, 0, MS);
    assert_int_equal(r.steps, 1);
}

static void nobody_waits__nothing_is_remembered(void **state)
{
    (void)state;
    struct rig r = rig_with(1);
    turn(&r, 0, 50 * MS);
    r.waiting = 5;
    turn(&r, MS, MS); /* the next crowd does not pay for the last one */
    assert_int_equal(r.steps, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_turns__give_one_step_each),
        cmocka_unit_test(first_turn__after_a_long_sleep__gives_one_step),
        cmocka_unit_test(busy_turns__are_halved),
        cmocka_unit_test(long_turn__gives_no_more_than_the_most),
        cmocka_unit_test(debt__of_a_long_step__is_forgotten_when_nobody_else_works),
        cmocka_unit_test(nobody_waits__nothing_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
