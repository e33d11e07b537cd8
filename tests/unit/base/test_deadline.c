/* The deadline queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/deadline.h"

static void empty_queue__has_nothing_due(void **state)
{
    (void)state;
    struct deadline_queue q;
    deadline_queue_init(&q);
    assert_null(deadline_first(&q));
    assert_null(deadline_pop(&q, INT64_MAX));
    struct deadline d = {0, 0};
    deadline_clear(&q, &d);
    assert_false(deadline_is_set(&d));
    deadline_queue_fini(&q);
}

static void deadline__is_due_at_its_time_not_before(void **state)
{
    (void)state;
    struct deadline_queue q;
    struct deadline d = {0, 0};
    deadline_queue_init(&q);
    deadline_set(&q, &d, 100);
    assert_true(deadline_is_set(&d));
    assert_null(deadline_pop(&q, 99));
    assert_ptr_equal(deadline_pop(&q, 100), &d);
    assert_false(deadline_is_set(&d));
    assert_null(deadline_pop(&q, 100));
    deadline_queue_fini(&q);
}

static void setting_again__moves_both_ways(void **state)
{
    (void)state;
    struct deadline_queue q;
    struct deadline a = {0, 0}, b = {0, 0};
    deadline_queue_init(&q);
    deadline_set(&q, &a, 10);
    deadline_set(&q, &b, 20);
    deadline_set(&q, &a, 30);
    assert_ptr_equal(deadline_first(&q), &b);
    deadline_set(&q, &a, INT64_MIN);
    assert_ptr_equal(deadline_first(&q), &a);
    assert_int_equal(q.count, 2);
    deadline_clear(&q, &a);
    deadline_clear(&q, &a);
    assert_ptr_equal(deadline_first(&q), &b);
    assert_int_equal(q.count, 1);
    deadline_queue_fini(&q);
}

/* Against the simplest model: look at all of them. */
static void random_use__matches_a_plain_search(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static struct deadline d[COUNT];
    static int64_t model[COUNT];
    struct deadline_queue q;
    struct rng r;
    rng_init(&r, 21);
    deadline_queue_init(&q);
    size_t set = 0;
    for (int i = 0; i < COUNT; i++) {
        d[i] = (struct deadline){0, 0};
        model[i] = -1;
    }
    for (int step = 0; step < 50000; step++) {
        size_t i = (size_t)rng_below(&r, COUNT);
        switch (rng_below(&r, 4)) {
        case 0:
            deadline_clear(&q, &d[i]);
            set -= model[i] >= 0;
            model[i] = -1;
            break;
        case 1: {
            int64_t now = (int64_t)rng_below(&r, 1000), least = INT64_MAX;
            for (int k = 0; k < COUNT; k++) {
                if (model[k] >= 0 && model[k] < least) least = model[k];
            }
            struct deadline *due = deadline_pop(&q, now);
            assert_int_equal(due != NULL, least <= now);
            if (due) {
                assert_true(due->at_ms == least);
                model[due - d] = -1;
                set--;
            }
            break;
        }
        default:
            set += model[i] < 0;
            model[i] = (int64_t)rng_below(&r, 1000);
            deadline_set(&q, &d[i], model[i]);
        }
        assert_int_equal(q.count, set);
        assert_int_equal(deadline_is_set(&d[i]), model[i] >= 0);
    }
    int64_t last = INT64_MIN;
    for (struct deadline *due; (due = deadline_pop(&q, INT64_MAX)) != NULL; set--) {
        assert_true(due->at_ms >= last);
        last = due->at_ms;
    }
    assert_int_equal(set, 0);
    deadline_queue_fini(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_queue__has_nothing_due),
        cmocka_unit_test(deadline__is_due_at_its_time_not_before),
        cmocka_unit_test(setting_again__moves_both_ways),
        cmocka_unit_test(random_use__matches_a_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
