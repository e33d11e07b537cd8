/* Whose commands are in a batch, and how many. */
#include "coordinator/lanes.h"
#include "coordinator/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A chain of `count` commands of a session, numbered from `from`. */
static struct command *chain(uint64_t session, int64_t from, int64_t count)
{
    struct command *first = NULL, **last = &first;
    for (int64_t i = 0; i < count; i++) {
        struct command *c = command_new(CMD_STARTED);
        c->session = session;
        c->u.event.seq = from + i;
        *last = c;
        last = &c->next;
    }
    return first;
}

/* Those of a session in a batch, which has to have them from `from` on in order. The batch goes. */
static int64_t free_counting(struct command *batch, uint64_t session, int64_t from)
{
    struct command *next;
    int64_t count = 0;
    for (struct command *c = batch; c; c = next) {
        next = c->next;
        if (c->session == session) assert_int_equal(c->u.event.seq, from + count++);
        command_free(c);
    }
    return count;
}

static void quiet_session__is_in_the_next_batch_however_much_another_sent(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    lanes_add(l, chain(1, 0, 1000), 0);
    lanes_add(l, chain(2, 0, 1), 0);
    struct command *batch = lanes_take(l, 20, &weight);
    assert_true(weight >= 20 && weight < 21);
    assert_int_equal(free_counting(batch, 2, 0), 1);
    lanes_free(l);
}

static void order_of_a_session__stays_over_batches_and_nothing_is_lost(void **state)
{
    (void)state;
    double weight;
    int64_t first = 0, second = 0, batches = 0;
    struct lanes *l = lanes_new(0);
    lanes_add(l, chain(1, 0, 500), 0);
    lanes_add(l, chain(2, 0, 90), 0);
    while (!lanes_are_empty(l)) {
        struct command *batch = lanes_take(l, 10, &weight), *next;
        for (struct command *c = batch; c; c = next) {
            next = c->next;
            assert_int_equal(c->u.event.seq, c->session == 1 ? first++ : second++);
            command_free(c);
        }
        if (++batches == 1) lanes_add(l, chain(1, 500, 5), 0);
    }
    assert_int_equal(first, 505);
    assert_int_equal(second, 90);
    assert_true(batches >= 595 / 10);
    lanes_free(l);
}

static void requests_of_one_connection__share_a_lane(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    for (uint64_t i = 0; i < 100; i++) {
        struct command *c = chain(0, 0, 1);
        c->request = i + 1;
        c->source = 0x5500;
        lanes_add(l, c, 0);
    }
    lanes_add(l, chain(7, 0, 1), 0);
    assert_int_equal(free_counting(lanes_take(l, 10, &weight), 7, 0), 1);
    lanes_free(l);
}

static void command_without_a_source__goes_first(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    lanes_add(l, chain(1, 0, 50), 0);
    lanes_add(l, command_new(CMD_AWAKE), 0);
    struct command *batch = lanes_take(l, 1, &weight);
    assert_int_equal(batch->type, CMD_AWAKE);
    assert_null(batch->next);
    command_free(batch);
    lanes_free(l);
}

static void large_command__counts_for_many_and_is_taken_all_the_same(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    struct command *c = chain(1, 0, 3);
    c->bytes = 1 << 20;
    lanes_add(l, c, 0);
    assert_int_equal(free_counting(lanes_take(l, 100, &weight), 1, 0), 1);
    assert_true(weight > 1000);
    assert_int_equal(free_counting(lanes_take(l, 100, &weight), 1, 1), 2);
    assert_null(lanes_take(l, 100, &weight));
    lanes_free(l);
}

static void clock__is_held_back_until_the_oldest_is_taken(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(100);
    lanes_add(l, chain(1, 0, 6), 200);
    lanes_add(l, chain(2, 0, 4), 300);
    lanes_add(l, NULL, 400);
    assert_int_equal(lanes_heard_ms(l), 100); /* what came between 100 and 200 waits */
    free_counting(lanes_take(l, 5, &weight), 1, 0);
    assert_int_equal(lanes_heard_ms(l), 100); /* some of it still does */
    free_counting(lanes_take(l, 4, &weight), 2, 1);
    assert_int_equal(lanes_heard_ms(l), 200); /* of what came until 300 */
    free_counting(lanes_take(l, 100, &weight), 9, 0);
    assert_int_equal(lanes_heard_ms(l), 400);
    lanes_free(l);
}

/* Pieces of output of 64 KiB. */
static struct command *loud_log(uint64_t session, int64_t count)
{
    struct command *first = NULL, **last = &first;
    for (int64_t i = 0; i < count; i++) {
        struct command *c = command_new(CMD_OUTPUT);
        c->session = session;
        c->bytes = 64u << 10;
        *last = c;
        last = &c->next;
    }
    return first;
}

/* Bytes of output of the session (0: of all) in a batch, which goes. */
static size_t free_adding(struct command *batch, uint64_t session)
{
    struct command *next;
    size_t bytes = 0;
    for (struct command *c = batch; c; c = next) {
        next = c->next;
        if (c->type == CMD_OUTPUT && (session == 0 || c->session == session)) bytes += c->bytes;
        command_free(c);
    }
    return bytes;
}

static size_t take_adding(struct lanes *l, double most)
{
    double weight;
    return free_adding(lanes_take(l, most, &weight), 0);
}

/* Its commit takes the disk longer than theirs. */
static void loud_log__has_the_batch_behind_all_others_to_a_bound(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    lanes_add(l, loud_log(1, 64), 0);
    for (uint64_t session = 2; session < 100; session++)
        lanes_add(l, chain(session, 0, 1), 0);
    struct command *batch = lanes_take(l, 8192, &weight), *c = batch;
    for (int i = 0; i < 98; i++, c = c->next)
        assert_int_equal(c->type, CMD_STARTED);
    assert_null(c);
    (void)free_adding(batch, 0);
    assert_int_equal(take_adding(l, 8192), LANES_BULK_BYTES);
    assert_int_equal(take_adding(l, 8192), LANES_BULK_BYTES);
    lanes_free(l);
}

/* What comes while it is its turn waits for the end of that batch, and for no more. */
static void loud_log__has_its_batch_alone_and_then_it_is_the_turn_of_others(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    lanes_add(l, loud_log(1, 64), 0);
    for (int64_t i = 0; i < 8; i++) {
        lanes_add(l, chain(2, 2 * i, 2), 0);
        assert_int_equal(free_counting(lanes_take(l, 8192, &weight), 2, 2 * i), 2);
        lanes_add(l, chain(3, 0, 1), 0);
        struct command *batch = lanes_take(l, 8192, &weight);
        for (struct command *c = batch; c; c = c->next)
            assert_int_equal(c->session, 1);
        assert_int_equal(free_adding(batch, 1), LANES_BULK_BYTES);
        assert_int_equal(free_counting(lanes_take(l, 8192, &weight), 3, 0), 1);
        (void)take_adding(l, 8192);
    }
    lanes_free(l);
}

static void loud_log__comes_on_though_others_fill_every_batch(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    lanes_add(l, loud_log(1, 64), 0);
    for (int i = 0; i < 20; i++) {
        for (uint64_t session = 2; session < 50; session++)
            lanes_add(l, chain(session, 0, 4), 0);
        size_t bytes = free_adding(lanes_take(l, 20, &weight), 1);
        assert_int_equal(bytes, i % 2 ? LANES_BULK_LEAST : 0);
    }
    lanes_free(l);
}

static void loud_log__comes_on_beside_commands_without_a_source(void **state)
{
    (void)state;
    size_t bytes = 0;
    struct lanes *l = lanes_new(0);
    lanes_add(l, loud_log(1, 64), 0);
    for (int i = 0; i < 8; i++) {
        lanes_add(l, command_new(CMD_TICK), 0);
        bytes += take_adding(l, 8192);
    }
    assert_int_equal(bytes, 4 * LANES_BULK_BYTES);
    lanes_free(l);
}

/* On a slow disk a commit is worth more bytes. */
static void bound__is_a_part_of_what_a_batch_is_to_take(void **state)
{
    (void)state;
    struct lanes *l = lanes_new(0);
    lanes_add(l, loud_log(1, 64), 0);
    assert_int_equal(take_adding(l, 1), LANES_BULK_LEAST);
    assert_int_equal(take_adding(l, 1024), 128u << 10);
    assert_int_equal(take_adding(l, 1e9), LANES_BULK_BYTES);
    lanes_free(l);
}

static void loud_logs__share_the_bound(void **state)
{
    (void)state;
    double weight;
    size_t bytes[8] = {0};
    struct lanes *l = lanes_new(0);
    for (uint64_t session = 1; session < 8; session++)
        lanes_add(l, loud_log(session, 64), 0);
    for (int i = 0; i < 14; i++) {
        struct command *next;
        for (struct command *c = lanes_take(l, 8192, &weight); c; c = next) {
            next = c->next;
            bytes[c->session] += c->bytes;
            command_free(c);
        }
    }
    for (int session = 1; session < 8; session++)
        assert_int_equal(bytes[session], 2 * LANES_BULK_BYTES);
    lanes_free(l);
}

static void what_a_loud_job_says_behind_its_log__stays_behind(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    lanes_add(l, chain(1, 0, 1), 0);
    lanes_add(l, loud_log(1, 9), 0);
    lanes_add(l, chain(1, 1, 1), 0);
    int pieces = 0;
    for (int64_t said = 0; !lanes_are_empty(l);) {
        struct command *next;
        for (struct command *c = lanes_take(l, 8192, &weight); c; c = next) {
            next = c->next;
            if (c->type == CMD_OUTPUT) pieces++;
            if (c->type == CMD_STARTED) {
                assert_int_equal(c->u.event.seq, said++);
                assert_int_equal(pieces, said == 1 ? 0 : 9);
            }
            command_free(c);
        }
    }
    assert_int_equal(pieces, 9);
    lanes_free(l);
}

static void line_of_output__is_no_bulk(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    lanes_add(l, loud_log(1, 64), 0);
    struct command *line = loud_log(2, 1);
    line->bytes = 200;
    lanes_add(l, line, 0);
    assert_int_equal(free_adding(lanes_take(l, 8192, &weight), 2), 200);
    lanes_free(l);
}

static void bound__is_wider_after_a_time_with_nothing_else(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    lanes_add(l, loud_log(1, 6 * LANES_CALM), 0);
    for (int i = 0; i < LANES_CALM; i++)
        assert_int_equal(free_adding(lanes_take(l, 8192, &weight), 0), LANES_BULK_BYTES);
    assert_int_equal(free_adding(lanes_take(l, 8192, &weight), 0), LANES_BULK_CALM_BYTES);
    lanes_add(l, chain(2, 0, 1), 0);
    (void)free_adding(lanes_take(l, 8192, &weight), 0);
    assert_int_equal(free_adding(lanes_take(l, 8192, &weight), 0), LANES_BULK_BYTES);
    lanes_free(l);
}

static double most_after(double fixed_us, double each_us, bool brief)
{
    struct pace p = {0};
    for (int i = 0; i < 1000; i++) {
        double weight = 20 + i % 17;
        pace_note(&p, weight, fixed_us + weight * each_us);
    }
    return pace_most(&p, brief);
}

static void batch__spends_on_commands_a_multiple_of_what_its_commit_costs(void **state)
{
    (void)state;
    struct pace none = {0};
    assert_true(pace_most(&none, false) == PACE_MOST);
    double slow_disk = most_after(10000, 20, false), fast_disk = most_after(100, 20, false);
    assert_true(slow_disk > 1499 && slow_disk < 1501); /* 3 * 10000 / 20 */
    assert_true(fast_disk == PACE_LEAST);
    assert_true(most_after(1000, 0, false) == PACE_MOST);
    assert_true(most_after(0, 20, false) == PACE_LEAST);
    assert_true(most_after(0, 20, true) == PACE_BRIEF_LEAST);
    slow_disk = most_after(10000, 20, true);
    assert_true(slow_disk > 499 && slow_disk < 501);
}

/* 16 sessions have more to say than a batch holds; one command of another comes. */
static void quiet_session__goes_before_all_others_and_batches_are_brief(void **state)
{
    (void)state;
    double weight;
    int64_t said = 0;
    struct lanes *l = lanes_new(0);
    for (int i = 0; i < 100; i++) {
        for (uint64_t session = 1; session <= 16; session++)
            lanes_add(l, chain(session, 0, 20), 0);
        assert_false(lanes_want_brief(l));
        (void)free_counting(lanes_take(l, 256, &weight), 99, 0);
    }
    lanes_add(l, chain(99, 0, 1), 0);
    assert_true(lanes_want_brief(l));
    struct command *batch = lanes_take(l, PACE_BRIEF_LEAST, &weight);
    assert_int_equal(batch->session, 99);
    assert_true(weight < PACE_BRIEF_LEAST + 1);
    said = free_counting(batch, 99, 0);
    assert_int_equal(said, 1);
    for (int i = 1; i < LANES_BRIEF; i++) {
        assert_true(lanes_want_brief(l));
        (void)free_counting(lanes_take(l, 64, &weight), 99, 0);
    }
    assert_false(lanes_want_brief(l));
    lanes_free(l);
}

/* Those that come in a crowd, each with one command, do not keep out who is there. */
static void many_quiet_sessions__leave_room_for_others(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(0);
    lanes_add(l, chain(1, 0, 4000), 0);
    for (int i = 0; i < 10; i++)
        (void)free_counting(lanes_take(l, 256, &weight), 99, 0);
    int64_t from = 0;
    for (struct command *c = lanes_take(l, 1, &weight), *next; c; c = next) {
        next = c->next;
        from = c->u.event.seq + 1;
        command_free(c);
    }
    for (uint64_t session = 2; session < 1000; session++)
        lanes_add(l, chain(session, 0, 1), 0);
    assert_int_equal(free_counting(lanes_take(l, 64, &weight), 1, from), LANES_AT_ONCE);
    lanes_free(l);
}

/* The engine's clock is held back for what waits, and leases begin by it. */
static void what_waits_for_long__ends_the_turns(void **state)
{
    (void)state;
    double weight;
    struct lanes *l = lanes_new(1000);
    lanes_add(l, loud_log(1, 40), 1000);
    lanes_add(l, chain(1, 0, 3), 1000); /* behind the log */
    lanes_add(l, chain(2, 0, 500), 1000 + LANES_LAG_MS);
    size_t bytes = take_adding(l, 20);
    bytes += take_adding(l, 20);
    assert_in_range(bytes, 64u << 10, LANES_BULK_BYTES); /* not yet */
    assert_int_equal(lanes_heard_ms(l), 1000);
    lanes_add(l, chain(3, 0, 1), 1000 + LANES_LAG_MS + 1);
    bytes += free_adding(lanes_take(l, 20, &weight), 1);
    assert_int_equal(bytes, 40 * (64u << 10));
    assert_true(lanes_are_empty(l));
    assert_int_equal(lanes_heard_ms(l), 1000 + LANES_LAG_MS + 1);
    lanes_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_session__is_in_the_next_batch_however_much_another_sent),
        cmocka_unit_test(order_of_a_session__stays_over_batches_and_nothing_is_lost),
        cmocka_unit_test(requests_of_one_connection__share_a_lane),
        cmocka_unit_test(command_without_a_source__goes_first),
        cmocka_unit_test(large_command__counts_for_many_and_is_taken_all_the_same),
        cmocka_unit_test(clock__is_held_back_until_the_oldest_is_taken),
        cmocka_unit_test(loud_log__has_the_batch_behind_all_others_to_a_bound),
        cmocka_unit_test(loud_log__has_its_batch_alone_and_then_it_is_the_turn_of_others),
        cmocka_unit_test(loud_log__comes_on_though_others_fill_every_batch),
        cmocka_unit_test(loud_log__comes_on_beside_commands_without_a_source),
        cmocka_unit_test(bound__is_a_part_of_what_a_batch_is_to_take),
        cmocka_unit_test(loud_logs__share_the_bound),
        cmocka_unit_test(what_a_loud_job_says_behind_its_log__stays_behind),
        cmocka_unit_test(line_of_output__is_no_bulk),
        cmocka_unit_test(bound__is_wider_after_a_time_with_nothing_else),
        cmocka_unit_test(quiet_session__goes_before_all_others_and_batches_are_brief),
        cmocka_unit_test(many_quiet_sessions__leave_room_for_others),
        cmocka_unit_test(what_waits_for_long__ends_the_turns),
        cmocka_unit_test(batch__spends_on_commands_a_multiple_of_what_its_commit_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
