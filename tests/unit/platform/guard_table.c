/* What agent and guard share, without either: deadlines are made up. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "platform/guard_table.h"

#include <string.h>

#define CAPACITY 4u
#define LEASE_MS 3000

static int make_table(void **state)
{
    struct guard_table *t = mem_alloc(guard_table_size(CAPACITY));
    guard_table_init(t, CAPACITY);
    atomic_store(&t->base_ms, 1000);
    *state = t;
    return 0;
}

static int drop_table(void **state)
{
    mem_free(*state);
    return 0;
}

static uint64_t hold_kick(struct guard_table *t, uint32_t slot, const char *mark, int64_t lease_ms,
                          bool *kick)
{
    const struct guard_claim claim = {.mark = mark,
                                      .container = "",
                                      .lease_ms = lease_ms,
                                      .score = 500};
    return guard_table_hold(t, slot, &claim, kick);
}

static uint64_t hold(struct guard_table *t, uint32_t slot, const char *mark, int64_t lease_ms)
{
    bool kick;
    return hold_kick(t, slot, mark, lease_ms, &kick);
}

static enum guard_state state_of(struct guard_table *t, uint32_t slot)
{
    return guard_state_of(atomic_load(&t->slots[slot].state));
}

static void a_lease_that_is_over__expires_after_the_margin(void **state)
{
    struct guard_table *t = *state;
    hold(t, 0, "a-1", LEASE_MS);
    hold(t, 1, "b-1", LEASE_MS + 1);
    assert_int_equal(guard_table_expire(t, 1000 + LEASE_MS), 1000 + LEASE_MS + GUARD_MARGIN_MS);
    assert_int_equal(state_of(t, 0), GUARD_HELD);
    assert_int_equal(guard_table_expire(t, 1000 + LEASE_MS + GUARD_MARGIN_MS),
                     1001 + LEASE_MS + GUARD_MARGIN_MS);
    assert_int_equal(state_of(t, 0), GUARD_EXPIRED);
    assert_int_equal(state_of(t, 1), GUARD_HELD);
    assert_true(guard_table_free(t, 0));
    assert_false(guard_table_free(t, 1));
    assert_int_equal(guard_table_expire(t, 1000000), INT64_MAX);
}

static void an_acknowledged_heartbeat__moves_every_lease(void **state)
{
    struct guard_table *t = *state;
    hold(t, 0, "a-1", LEASE_MS);
    hold(t, 1, "b-1", 60000);
    atomic_store(&t->base_ms, 2000);
    assert_int_equal(guard_table_expire(t, 1000 + LEASE_MS + GUARD_MARGIN_MS),
                     2000 + LEASE_MS + GUARD_MARGIN_MS);
    assert_int_equal(state_of(t, 0), GUARD_HELD);
}

static void what_expired__is_not_brought_back_by_a_late_heartbeat(void **state)
{
    struct guard_table *t = *state;
    hold(t, 0, "a-1", LEASE_MS);
    guard_table_expire(t, 10000);
    atomic_store(&t->base_ms, 10000);
    assert_int_equal(guard_table_expire(t, 10001), INT64_MAX);
    assert_true(guard_table_free(t, 0));
}

static void a_slot_that_is_taken_again__has_another_state(void **state)
{
    struct guard_table *t = *state;
    struct guard_attempt a;
    uint64_t first = hold(t, 2, "a-1", LEASE_MS);
    assert_true(guard_table_read(t, 2, &a));
    assert_int_equal(a.state, first);
    assert_string_equal(a.mark, "a-1");
    guard_table_free(t, 2);
    assert_false(guard_table_read(t, 2, &a));
    uint64_t second = hold(t, 2, "b-1", LEASE_MS);
    assert_int_not_equal(first, second);
    assert_true(guard_table_read(t, 2, &a));
    assert_string_equal(a.mark, "b-1");
    assert_int_equal(a.pid, 0);
    assert_int_equal(a.score, 500);
}

static void the_guard_is_woken__only_for_what_ends_before_it_wakes_itself(void **state)
{
    struct guard_table *t = *state;
    bool kick;
    assert_true(guard_table_sleep(t, INT64_MAX));
    hold_kick(t, 0, "a-1", 60000, &kick);
    assert_true(kick);
    assert_true(guard_table_sleep(t, guard_table_expire(t, 1000)));
    for (int i = 0; i < 3; i++) {
        hold_kick(t, 1, "b-1", 60000, &kick);
        assert_false(kick);
        guard_table_free(t, 1);
        atomic_fetch_add(&t->base_ms, 1000);
    }
    hold_kick(t, 1, "c-1", 5000, &kick);
    assert_true(kick);
    /* taken after the guard looked and before it slept */
    assert_false(guard_table_sleep(t, 60000));
}

static void a_full_table__has_no_slot_left(void **state)
{
    (void)state;
    struct guard_free_slots f;
    guard_free_slots_init(&f, CAPACITY);
    for (uint32_t i = 0; i < CAPACITY; i++)
        assert_int_equal(f.items[--f.count], i);
    assert_int_equal(f.count, 0);
    guard_free_slots_fini(&f);
}

static void memory_that_is_not_a_table__is_refused(void **state)
{
    struct guard_table *t = *state;
    size_t bytes = guard_table_size(CAPACITY);
    assert_true(guard_table_fits(t, bytes));
    assert_true(guard_table_fits(t, bytes + 4096));
    assert_false(guard_table_fits(t, bytes - 1));
    assert_false(guard_table_fits(t, 8));
    t->capacity = CAPACITY + 1;
    assert_false(guard_table_fits(t, bytes));
    t->capacity = 0;
    assert_false(guard_table_fits(t, bytes));
    t->capacity = UINT32_MAX;
    assert_false(guard_table_fits(t, bytes));
    t->capacity = CAPACITY;
    t->magic++;
    assert_false(guard_table_fits(t, bytes));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_table, drop_table)
    const struct CMUnitTest tests[] = {
        CASE(a_lease_that_is_over__expires_after_the_margin),
        CASE(an_acknowledged_heartbeat__moves_every_lease),
        CASE(what_expired__is_not_brought_back_by_a_late_heartbeat),
        CASE(a_slot_that_is_taken_again__has_another_state),
        CASE(the_guard_is_woken__only_for_what_ends_before_it_wakes_itself),
        CASE(a_full_table__has_no_slot_left),
        CASE(memory_that_is_not_a_table__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
