/* The rules of ownership, in virtual time. Most of these tests say what must not be. */
#include "coordinator/ownership.h"
#include "wire/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define T0 5000000 /* where the clock stands at the beginning */

static struct owner_row row_of(int64_t epoch, int64_t batch)
{
    return (struct owner_row){.epoch = epoch, .batch = batch, .held = true};
}

static void see(struct ownership *o, int64_t epoch, int64_t batch, int64_t now_ms)
{
    struct owner_row row = row_of(epoch, batch);
    ownership_saw(o, &row, now_ms);
}

/* A standby that saw the row at T0. */
static struct ownership standby(void)
{
    struct ownership o;
    ownership_init(&o);
    see(&o, 3, 40, T0);
    return o;
}

/* An owner since a take-over that was sent at T0. */
static struct ownership owner(void)
{
    struct ownership o;
    ownership_init(&o);
    see(&o, 3, 40, T0 - OWNER_TAKEOVER_MS);
    ownership_taking(&o, T0);
    ownership_taken(&o, true);
    assert_int_equal(o.state, OWNER_OWNS);
    return o;
}

/* ---- standby ---- */

static void standby__saw_no_row__takes_nothing_ever(void **state)
{
    struct ownership o;
    (void)state;
    ownership_init(&o);
    assert_false(ownership_wants_to_take(&o, INT64_MAX));
    assert_true(ownership_next_ms(&o) == INT64_MAX);
    ownership_taking(&o, T0);
    assert_int_equal(o.state, OWNER_STANDBY);
}

static void standby__row_stands_still__takes_over_after_its_time_and_not_before(void **state)
{
    struct ownership o = standby();
    (void)state;
    assert_false(ownership_wants_to_take(&o, T0));
    assert_false(ownership_wants_to_take(&o, T0 + OWNER_TAKEOVER_MS - 1));
    assert_true(ownership_wants_to_take(&o, T0 + OWNER_TAKEOVER_MS));
    assert_true(ownership_next_ms(&o) == T0 + OWNER_TAKEOVER_MS);
}

static void standby__same_row_is_seen_again__its_time_goes_on(void **state)
{
    struct ownership o = standby();
    (void)state;
    for (int64_t t = 1000; t < OWNER_TAKEOVER_MS; t += 1000)
        see(&o, 3, 40, T0 + t);
    assert_true(ownership_wants_to_take(&o, T0 + OWNER_TAKEOVER_MS));
}

static void standby__row_changes__time_begins_anew(void **state)
{
    static const struct {
        int64_t epoch, batch;
    } seen[] = {{3, 41}, {4, 40}, {4, 41}, {3, 39}, {2, 40}}; /* the last two: commits were lost */
    (void)state;
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        struct ownership o = standby();
        int64_t late = T0 + OWNER_TAKEOVER_MS - 1;
        see(&o, seen[i].epoch, seen[i].batch, late);
        assert_false(ownership_wants_to_take(&o, late + OWNER_TAKEOVER_MS - 1));
        assert_true(ownership_wants_to_take(&o, late + OWNER_TAKEOVER_MS));
        assert_int_equal(o.row.epoch, seen[i].epoch);
        assert_int_equal(o.row.batch, seen[i].batch);
    }
}

/* The look that finds the change comes after the time: it counts, not the clock. */
/* The database that answers then may be an older one, while the owner went on with the other. */
static void standby__could_not_look__time_begins_anew(void **state)
{
    (void)state;
    struct ownership o = standby();
    see(&o, 3, 7, 1000);
    ownership_unseen(&o);
    assert_false(ownership_wants_to_take(&o, 1000 + OWNER_TAKEOVER_MS));
    assert_int_equal(ownership_next_ms(&o), INT64_MAX);
    see(&o, 3, 7, 9000);
    assert_false(ownership_wants_to_take(&o, 9000 + OWNER_TAKEOVER_MS - 1));
    assert_true(ownership_wants_to_take(&o, 9000 + OWNER_TAKEOVER_MS));
}

static void standby__could_not_look_and_the_row_is_free__waits(void **state)
{
    (void)state;
    struct owner_row row = row_of(3, 7);
    struct ownership o = standby();
    row.held = false;
    ownership_unseen(&o);
    ownership_saw(&o, &row, 9000);
    assert_false(ownership_wants_to_take(&o, 9000 + OWNER_TAKEOVER_MS - 1));
    assert_int_equal(ownership_next_ms(&o), 9000 + OWNER_TAKEOVER_MS);
    assert_true(ownership_wants_to_take(&o, 9000 + OWNER_TAKEOVER_MS));
}

static void standby__could_not_look__holder_that_stops_later_is_believed(void **state)
{
    (void)state;
    struct owner_row row = row_of(3, 8);
    struct ownership o = standby();
    ownership_unseen(&o);
    see(&o, 3, 7, 9000);
    row.held = false;
    ownership_saw(&o, &row, 10000);
    assert_true(ownership_wants_to_take(&o, 10000));
}

static void owner__could_not_look__owns_it_still(void **state)
{
    (void)state;
    struct ownership o = owner();
    struct ownership before = o;
    ownership_unseen(&o);
    assert_memory_equal(&o, &before, sizeof o);
}

static void standby__change_is_seen_late__is_no_take_over(void **state)
{
    struct ownership o = standby();
    (void)state;
    see(&o, 3, 41, T0 + 10 * OWNER_TAKEOVER_MS);
    assert_false(ownership_wants_to_take(&o, T0 + 10 * OWNER_TAKEOVER_MS));
}

static void standby__holder_stopped_in_order__takes_over_at_once(void **state)
{
    struct ownership o = standby();
    struct owner_row free_row = {.epoch = 3, .batch = 41};
    (void)state;
    ownership_saw(&o, &free_row, T0 + 1);
    assert_true(ownership_wants_to_take(&o, T0 + 1));
    assert_true(ownership_next_ms(&o) == T0 + 1);
}

/* Nothing but `held` differs: somebody took the row and lost its numbers in a failover. */
static void standby__free_row_is_held_again__waits(void **state)
{
    struct ownership o;
    struct owner_row free_row = {.epoch = 3, .batch = 40};
    (void)state;
    ownership_init(&o);
    ownership_saw(&o, &free_row, T0);
    see(&o, 3, 40, T0 + 500);
    assert_false(ownership_wants_to_take(&o, T0 + 500));
    assert_false(ownership_wants_to_take(&o, T0 + 499 + OWNER_TAKEOVER_MS));
}

static void standby__may_send_nothing(void **state)
{
    struct ownership o = standby();
    (void)state;
    assert_false(ownership_may_send(&o, T0));
    assert_false(ownership_wants_renewal(&o, T0 + OWNER_RENEW_MS));
    ownership_sent(&o, T0);
    ownership_committed(&o);
    ownership_resolved(&o);
    assert_int_equal(o.state, OWNER_STANDBY);
    assert_false(ownership_may_send(&o, T0));
}

/* ---- taking ---- */

static void taking__before_its_time__is_not_begun(void **state)
{
    struct ownership o = standby();
    (void)state;
    ownership_taking(&o, T0 + OWNER_TAKEOVER_MS - 1);
    assert_int_equal(o.state, OWNER_STANDBY);
    ownership_taken(&o, true);
    assert_int_equal(o.state, OWNER_STANDBY);
}

static void taking__no_answer_yet__sends_nothing(void **state)
{
    struct ownership o = standby();
    (void)state;
    ownership_taking(&o, T0 + OWNER_TAKEOVER_MS);
    assert_int_equal(o.state, OWNER_TAKING);
    assert_false(ownership_may_send(&o, T0 + OWNER_TAKEOVER_MS));
    assert_false(ownership_wants_to_take(&o, T0 + OWNER_TAKEOVER_MS)); /* once */
    assert_true(ownership_next_ms(&o) == INT64_MAX);
}

/* A look that was under way says nothing about what is being done. */
static void taking__a_look_comes_in__changes_nothing(void **state)
{
    struct ownership o = standby();
    (void)state;
    ownership_taking(&o, T0 + OWNER_TAKEOVER_MS);
    see(&o, 3, 50, T0 + OWNER_TAKEOVER_MS + 1);
    assert_int_equal(o.state, OWNER_TAKING);
    assert_int_equal(o.row.batch, 40);
}

static void taking__fails_or_is_not_answered__watches_from_the_beginning(void **state)
{
    struct ownership o = standby();
    int64_t t = T0 + OWNER_TAKEOVER_MS;
    (void)state;
    ownership_taking(&o, t);
    ownership_taken(&o, false);
    assert_int_equal(o.state, OWNER_STANDBY);
    assert_false(ownership_may_send(&o, t));
    assert_false(ownership_wants_to_take(&o, t + 10 * OWNER_TAKEOVER_MS));
    see(&o, 3, 40, t + 5); /* the very same row: its time begins with this look */
    assert_false(ownership_wants_to_take(&o, t + 4 + OWNER_TAKEOVER_MS));
}

static void taken__expiry_counts_from_when_it_was_sent(void **state)
{
    struct ownership o = standby();
    int64_t sent = T0 + OWNER_TAKEOVER_MS;
    (void)state;
    ownership_taking(&o, sent);
    ownership_taken(&o, true); /* however late that is */
    assert_true(ownership_may_send(&o, sent + OWNER_EXPIRY_MS - 1));
    assert_false(ownership_may_send(&o, sent + OWNER_EXPIRY_MS));
}

/* ---- owner ---- */

static void owner__commits_nothing__wants_to_renew_and_loses_it_at_last(void **state)
{
    struct ownership o = owner();
    (void)state;
    assert_false(ownership_wants_renewal(&o, T0 + OWNER_RENEW_MS - 1));
    assert_true(ownership_wants_renewal(&o, T0 + OWNER_RENEW_MS));
    assert_true(ownership_next_ms(&o) == T0 + OWNER_RENEW_MS);
    ownership_tick(&o, T0 + OWNER_EXPIRY_MS - 1);
    assert_int_equal(o.state, OWNER_OWNS);
    ownership_tick(&o, T0 + OWNER_EXPIRY_MS);
    assert_int_equal(o.state, OWNER_LOST);
}

static void owner__any_commit__is_a_renewal(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + 900);
    ownership_committed(&o);
    assert_false(ownership_wants_renewal(&o, T0 + 900 + OWNER_RENEW_MS - 1));
    assert_true(ownership_may_send(&o, T0 + 900 + OWNER_EXPIRY_MS - 1));
    assert_false(ownership_may_send(&o, T0 + 900 + OWNER_EXPIRY_MS));
}

/* That it was sent is worth nothing. */
static void owner__commit_is_under_way__expiry_stays(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + OWNER_EXPIRY_MS - 1);
    assert_false(ownership_may_send(&o, T0 + OWNER_EXPIRY_MS));
    assert_false(ownership_wants_renewal(&o, T0 + OWNER_EXPIRY_MS - 1));
    assert_true(ownership_next_ms(&o) == T0 + OWNER_EXPIRY_MS);
}

static void owner__commit_is_rolled_back__expiry_stays(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + 3000);
    ownership_rolled_back(&o);
    ownership_committed(&o); /* nothing is under way */
    assert_false(ownership_may_send(&o, T0 + OWNER_EXPIRY_MS));
    assert_true(ownership_wants_renewal(&o, T0 + 3000));
}

/* A stopped process: the answer had come long before it was read. */
static void owner__answer_is_read_after_the_time__sends_nothing(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + 100);
    ownership_committed(&o); /* at T0 + 60000 */
    assert_false(ownership_may_send(&o, T0 + 60000));
    ownership_tick(&o, T0 + 60000);
    assert_int_equal(o.state, OWNER_LOST);
}

/* A commit that succeeds later does not bring back what was thrown away. */
static void lost__commit_succeeds__stays_lost(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + OWNER_EXPIRY_MS - 1);
    ownership_tick(&o, T0 + OWNER_EXPIRY_MS);
    ownership_committed(&o);
    ownership_resolved(&o);
    ownership_taken(&o, true);
    see(&o, 9, 9, T0 + OWNER_EXPIRY_MS);
    assert_int_equal(o.state, OWNER_LOST);
    assert_false(ownership_may_send(&o, T0));
    assert_false(ownership_wants_renewal(&o, T0 + OWNER_EXPIRY_MS));
    assert_false(ownership_wants_to_take(&o, INT64_MAX));
    assert_true(ownership_next_ms(&o) == INT64_MAX);
}

static void owner__fenced__sends_nothing_from_then_on(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + 10);
    ownership_fenced(&o);
    assert_int_equal(o.state, OWNER_LOST);
    assert_false(ownership_may_send(&o, T0 + 10));
    ownership_committed(&o);
    assert_int_equal(o.state, OWNER_LOST);
}

static void lost__begins_anew__has_to_see_the_row_first(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_fenced(&o);
    ownership_init(&o);
    assert_false(ownership_wants_to_take(&o, INT64_MAX));
    see(&o, 4, 41, T0);
    assert_false(ownership_wants_to_take(&o, T0 + OWNER_TAKEOVER_MS - 1));
}

/* ---- a lost answer ---- */

static void resolving__old_expiry_holds__and_no_renewal_goes_out(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + 2000);
    ownership_unanswered(&o);
    assert_int_equal(o.state, OWNER_RESOLVING);
    assert_true(ownership_may_send(&o, T0 + OWNER_EXPIRY_MS - 1));
    assert_false(ownership_may_send(&o, T0 + OWNER_EXPIRY_MS));
    assert_false(ownership_wants_renewal(&o, T0 + 4000));
    assert_true(ownership_next_ms(&o) == T0 + OWNER_EXPIRY_MS);
}

/* Neither the lost commit nor one that was sent before it ends the question. */
static void resolving__only_a_raised_epoch_ends_it(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + 2000);
    ownership_unanswered(&o);
    ownership_committed(&o);
    ownership_rolled_back(&o);
    ownership_resolved(&o); /* nothing was sent since */
    assert_int_equal(o.state, OWNER_RESOLVING);
    ownership_sent(&o, T0 + 3000);
    ownership_committed(&o);
    assert_int_equal(o.state, OWNER_RESOLVING);
    ownership_resolved(&o);
    assert_int_equal(o.state, OWNER_OWNS);
    assert_true(ownership_may_send(&o, T0 + 3000 + OWNER_EXPIRY_MS - 1));
    assert_false(ownership_may_send(&o, T0 + 3000 + OWNER_EXPIRY_MS));
}

static void resolving__fenced__is_lost(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + 2000);
    ownership_unanswered(&o);
    ownership_fenced(&o);
    assert_int_equal(o.state, OWNER_LOST);
    ownership_resolved(&o);
    assert_int_equal(o.state, OWNER_LOST);
}

static void resolving__takes_too_long__is_lost_though_it_succeeds(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_sent(&o, T0 + 2000);
    ownership_unanswered(&o);
    ownership_sent(&o, T0 + 3000);
    ownership_tick(&o, T0 + OWNER_EXPIRY_MS);
    ownership_resolved(&o);
    assert_int_equal(o.state, OWNER_LOST);
}

static void unanswered__nothing_was_sent__is_ignored(void **state)
{
    struct ownership o = owner();
    (void)state;
    ownership_unanswered(&o);
    assert_int_equal(o.state, OWNER_OWNS);
}

/* ---- two of them ---- */

/* The slowest clock that is allowed at the owner, the fastest at the successor, which reads the row
 * in the very moment in which it was sent. */
static void two__clocks_are_as_wrong_as_they_may_be__never_own_both(void **state)
{
    (void)state;
    for (int64_t t = 0; t <= 2 * OWNER_TAKEOVER_MS; t += 10) {
        struct ownership former = owner(), next = standby();
        int64_t wrong = t < OWNER_DRIFT_MS ? t : OWNER_DRIFT_MS;
        bool sends = ownership_may_send(&former, T0 + t - wrong);
        bool takes = ownership_wants_to_take(&next, T0 + t + wrong);
        assert_false(sends && takes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standby__saw_no_row__takes_nothing_ever),
        cmocka_unit_test(standby__row_stands_still__takes_over_after_its_time_and_not_before),
        cmocka_unit_test(standby__same_row_is_seen_again__its_time_goes_on),
        cmocka_unit_test(standby__row_changes__time_begins_anew),
        cmocka_unit_test(standby__could_not_look__time_begins_anew),
        cmocka_unit_test(standby__could_not_look_and_the_row_is_free__waits),
        cmocka_unit_test(standby__could_not_look__holder_that_stops_later_is_believed),
        cmocka_unit_test(owner__could_not_look__owns_it_still),
        cmocka_unit_test(standby__change_is_seen_late__is_no_take_over),
        cmocka_unit_test(standby__holder_stopped_in_order__takes_over_at_once),
        cmocka_unit_test(standby__free_row_is_held_again__waits),
        cmocka_unit_test(standby__may_send_nothing),
        cmocka_unit_test(taking__before_its_time__is_not_begun),
        cmocka_unit_test(taking__no_answer_yet__sends_nothing),
        cmocka_unit_test(taking__a_look_comes_in__changes_nothing),
        cmocka_unit_test(taking__fails_or_is_not_answered__watches_from_the_beginning),
        cmocka_unit_test(taken__expiry_counts_from_when_it_was_sent),
        cmocka_unit_test(owner__commits_nothing__wants_to_renew_and_loses_it_at_last),
        cmocka_unit_test(owner__any_commit__is_a_renewal),
        cmocka_unit_test(owner__commit_is_under_way__expiry_stays),
        cmocka_unit_test(owner__commit_is_rolled_back__expiry_stays),
        cmocka_unit_test(owner__answer_is_read_after_the_time__sends_nothing),
        cmocka_unit_test(lost__commit_succeeds__stays_lost),
        cmocka_unit_test(owner__fenced__sends_nothing_from_then_on),
        cmocka_unit_test(lost__begins_anew__has_to_see_the_row_first),
        cmocka_unit_test(resolving__old_expiry_holds__and_no_renewal_goes_out),
        cmocka_unit_test(resolving__only_a_raised_epoch_ends_it),
        cmocka_unit_test(resolving__fenced__is_lost),
        cmocka_unit_test(resolving__takes_too_long__is_lost_though_it_succeeds),
        cmocka_unit_test(unanswered__nothing_was_sent__is_ignored),
        cmocka_unit_test(two__clocks_are_as_wrong_as_they_may_be__never_own_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
