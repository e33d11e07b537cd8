/* Shares of what one turn of the loop reads. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "platform/read_budget.h"

#define STREAMS 2048 /* of 1,024 jobs */

/* Each of the first `count` streams reads all that it may, in pieces, in this order. */
static size_t read_all(struct read_budget *b, struct read_share *s, size_t count, size_t *least,
                       size_t *most)
{
    size_t all = 0;
    *least = SIZE_MAX;
    *most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t mine = 0, room;
        while ((room = read_budget_room(b, &s[i])) > 0) {
            size_t n = room > 1000 ? 1000 : room;
            read_budget_take(b, &s[i], n);
            mine += n;
        }
        all += mine;
        if (mine < *least) *least = mine;
        if (mine > *most) *most = mine;
    }
    return all;
}

static void one_alone__reads_its_bound_each_turn(void **state)
{
    struct read_budget b;
    struct read_share s = {0};
    size_t least, most;
    (void)state;
    read_budget_init(&b);
    for (int turn = 0; turn < 5; turn++) {
        assert_int_equal(read_all(&b, &s, 1, &least, &most), READ_BUDGET_STREAM);
        assert_int_equal(read_budget_room(&b, &s), 0);
        read_budget_turn(&b);
    }
}

static void many__read_the_common_bound_and_from_the_second_turn_on_alike(void **state)
{
    static const size_t counts[] = {2, 4, 5, 10, 100, 1000, STREAMS};
    static struct read_share s[STREAMS];
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct read_budget b;
        size_t least, most, count = counts[i];
        for (size_t k = 0; k < STREAMS; k++)
            s[k] = (struct read_share){0};
        read_budget_init(&b);
        assert_true(read_all(&b, s, count, &least, &most) <= READ_BUDGET_ALL);
        for (int turn = 0; turn < 3; turn++) {
            read_budget_turn(&b);
            assert_true(read_all(&b, s, count, &least, &most) <= READ_BUDGET_ALL);
            assert_true(most <= READ_BUDGET_STREAM);
            assert_true(least > 0 && least == most);
        }
    }
}

static void those_that_are_quiet__cost_the_others_nothing(void **state)
{
    static struct read_share s[STREAMS];
    struct read_budget b;
    size_t least, most;
    (void)state;
    read_budget_init(&b);
    for (int turn = 0; turn < 3; turn++) {
        read_all(&b, s, STREAMS, &least, &most);
        read_budget_turn(&b);
    }
    assert_true(most < READ_BUDGET_STREAM);
    read_all(&b, s, 2, &least, &most);
    read_budget_turn(&b);
    assert_int_equal(read_all(&b, s, 2, &least, &most), 2 * READ_BUDGET_STREAM);
}

static void more_than_last_time__the_last_of_them_wait_for_one_turn(void **state)
{
    struct read_share s[20] = {{0}};
    struct read_budget b;
    size_t least, most;
    (void)state;
    read_budget_init(&b);
    assert_int_equal(read_all(&b, s, 20, &least, &most), READ_BUDGET_ALL);
    assert_int_equal(least, 0);
    read_budget_turn(&b);
    read_all(&b, s, 20, &least, &most);
    assert_true(least > 0);
    /* a newcomer waits for its whole share, too, and does not get the few bytes that are left */
    struct read_share late = {0};
    assert_true(b.left > 0);
    assert_int_equal(read_budget_room(&b, &late), 0);
}

static void a_smaller_bound__holds_at_once_and_for_all_of_them(void **state)
{
    static struct read_share s[100];
    struct read_budget b;
    size_t least, most;
    (void)state;
    read_budget_init(&b);
    read_budget_limit(&b, 70000);
    assert_true(read_all(&b, s, 100, &least, &most) <= 70000);
    for (int turn = 0; turn < 3; turn++) {
        read_budget_turn(&b);
        assert_true(read_all(&b, s, 100, &least, &most) <= 70000);
        assert_true(least > 0);
    }
    read_budget_limit(&b, SIZE_MAX);
    read_budget_turn(&b);
    size_t all = read_all(&b, s, 100, &least, &most);
    assert_in_range(all, 70001, READ_BUDGET_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alone__reads_its_bound_each_turn),
        cmocka_unit_test(many__read_the_common_bound_and_from_the_second_turn_on_alike),
        cmocka_unit_test(those_that_are_quiet__cost_the_others_nothing),
        cmocka_unit_test(more_than_last_time__the_last_of_them_wait_for_one_turn),
        cmocka_unit_test(a_smaller_bound__holds_at_once_and_for_all_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
