/* When a child was born, by the clock, as /proc has it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "platform/linux/birth.h"
#include "platform/linux/proc_table.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_NS 10000000

static const struct birth in_tick_7 = {7 * TICK_NS + 5000, 7 * TICK_NS + 900000};

static struct birth_clock taught(void)
{
    struct birth_clock c = {.tick_ns = TICK_NS};
    for (int i = 0; i < BIRTH_LESSONS; i++)
        birth_learn(&c, in_tick_7, 7);
    return c;
}

static void a_birth_within_a_tick__has_that_tick(void **state)
{
    (void)state;
    struct birth_clock c = taught();
    assert_int_equal(birth_ticks(&c, in_tick_7), 7);
    assert_int_equal(birth_ticks(&c, (struct birth){8 * TICK_NS + 1000, 8 * TICK_NS + 1000}), 8);
}

static void a_birth_about_the_end_of_a_tick__is_not_told(void **state)
{
    (void)state;
    struct birth_clock c = taught();
    assert_int_equal(birth_ticks(&c, (struct birth){8 * TICK_NS - 9000, 8 * TICK_NS + 9000}), 0);
    assert_int_equal(birth_ticks(&c, (struct birth){8 * TICK_NS + 10, 8 * TICK_NS + 9000}), 0);
    assert_int_equal(birth_ticks(&c, (struct birth){7 * TICK_NS + 9000, 8 * TICK_NS - 10}), 0);
    assert_int_equal(birth_ticks(&c, (struct birth){7 * TICK_NS + 9000, 7 * TICK_NS}), 0);
    assert_int_equal(birth_ticks(&c, (struct birth){0, 0}), 0);
}

static void before_enough_births_agreed__none_is_told(void **state)
{
    (void)state;
    struct birth_clock c = {.tick_ns = TICK_NS};
    for (int i = 0; i < BIRTH_LESSONS; i++) {
        assert_int_equal(birth_ticks(&c, in_tick_7), 0);
        birth_learn(&c, in_tick_7, 7);
    }
    assert_int_equal(birth_ticks(&c, in_tick_7), 7);
}

static void where_proc_has_another_clock__none_is_told(void **state)
{
    (void)state;
    struct birth_clock c = taught();
    birth_learn(&c, in_tick_7, 8);
    for (int i = 0; i < 2 * BIRTH_LESSONS; i++)
        birth_learn(&c, in_tick_7, 7);
    assert_int_equal(birth_ticks(&c, in_tick_7), 0);
}

static void what_is_not_certain__teaches_nothing(void **state)
{
    (void)state;
    struct birth_clock c = taught();
    birth_learn(&c, (struct birth){8 * TICK_NS - 9000, 8 * TICK_NS + 9000}, 8);
    assert_int_equal(birth_ticks(&c, in_tick_7), 7);
    c = (struct birth_clock){0}; /* the ticks are no whole ns */
    for (int i = 0; i < BIRTH_LESSONS; i++)
        birth_learn(&c, in_tick_7, 7);
    assert_int_equal(birth_ticks(&c, in_tick_7), 0);
}

static void the_clock__agrees_with_proc(void **state)
{
    (void)state;
    struct birth_clock c;
    birth_clock_init(&c);
    for (int i = 0; i < 50; i++) {
        struct birth b = {.before_ns = birth_now_ns()};
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        b.after_ns = birth_now_ns();
        struct proc now;
        assert_int_equal(proc_read(pid, &now), 0);
        uint64_t told = birth_ticks(&c, b);
        if (told != 0) assert_int_equal(told, now.start);
        birth_learn(&c, b, now.start);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    assert_false(c.differs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_birth_within_a_tick__has_that_tick),
        cmocka_unit_test(a_birth_about_the_end_of_a_tick__is_not_told),
        cmocka_unit_test(before_enough_births_agreed__none_is_told),
        cmocka_unit_test(where_proc_has_another_clock__none_is_told),
        cmocka_unit_test(what_is_not_certain__teaches_nothing),
        cmocka_unit_test(the_clock__agrees_with_proc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
