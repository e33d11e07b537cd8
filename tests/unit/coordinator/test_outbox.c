/* Messages on their way to the courier: those of a channel wait for its places, and what cannot be
 * an order has failed. The courier and the spine are this test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/notify/courier.h"
#include "coordinator/notify/outbox.h"
#include "coordinator/spine.h"
#include "wire/order.h"

#include <string.h>

#define CHANNELS                                                                                   \
    "{\"ops\":{\"kind\":\"webhook\",\"url\":\"https://a.example\"},"                               \
    "\"night\":{\"kind\":\"webhook\",\"url\":\"https://b.example\"}}"

struct order_given {
    char lane[COURIER_LANE_SIZE];
    courier_end_fn *on_end;
    void *user;
};

static struct order_given given[64];
static size_t given_count;
static struct command *answers[64];
static size_t answer_count;

void __wrap_courier_send(struct courier *c, const char *lane, const struct buf *line,
                         courier_end_fn *on_end, void *user);
void __wrap_courier_send(struct courier *c, const char *lane, const struct buf *line,
                         courier_end_fn *on_end, void *user)
{
    (void)c;
    assert_true(line->len > 0 && given_count < 64);
    struct order_given *o = &given[given_count++];
    (void)str_copy(o->lane, sizeof o->lane, lane);
    o->on_end = on_end;
    o->user = user;
}

void __wrap_courier_id(const struct courier *c, char out[COURIER_ID_SIZE]);
void __wrap_courier_id(const struct courier *c, char out[COURIER_ID_SIZE])
{
    (void)c;
    (void)str_copy(out, COURIER_ID_SIZE, "id");
}

void __wrap_spine_push(struct spine *s, struct command *c);
void __wrap_spine_push(struct spine *s, struct command *c)
{
    (void)s;
    assert_true(answer_count < 64);
    answers[answer_count++] = c;
}

static const void *has; /* the user of the order that the child has */

bool __wrap_courier_take_back(struct courier *c, const void *user);
bool __wrap_courier_take_back(struct courier *c, const void *user)
{
    (void)c;
    return user != has;
}

struct scene {
    struct json *channels;
    struct outbox *outbox;
};

static int setup(void **state)
{
    struct scene *s = mem_alloc(sizeof *s);
    assert_int_equal(json_parse(CHANNELS, strlen(CHANNELS), &s->channels, NULL), 0);
    s->outbox = outbox_new(s->channels, "here", NULL, NULL);
    given_count = 0;
    has = NULL;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    outbox_free(s->outbox);
    json_free(s->channels);
    mem_free(s);
    while (answer_count > 0)
        command_free(answers[--answer_count]);
    return 0;
}

static void notice(struct scene *s, int64_t id, const char *channel, const char *event)
{
    char *name = mem_strdup(channel), *text = mem_strdup(event);
    struct effect_notice x = {.id = id, .channel = name, .event = text};
    outbox_on_notice(s->outbox, &x);
    mem_free(name);
    mem_free(text);
}

static void ends(size_t place, bool delivered)
{
    given[place].on_end(delivered, "nobody is there", given[place].user);
}

#define EVENT "{\"title\":\"t\",\"text\":\"x\"}"

static void channel__has_two_at_once_and_the_next_in_their_order(void **state)
{
    struct scene *s = *state;
    for (int i = 1; i <= 9; i++)
        notice(s, i, "ops", EVENT);
    notice(s, 10, "night", EVENT);
    assert_int_equal(given_count, 3);
    assert_string_equal(given[1].lane, "ops");
    assert_string_equal(given[2].lane, "night");
    ends(1, true);
    assert_int_equal(given_count, 4);
    assert_string_equal(given[3].lane, "ops");
    assert_int_equal(answers[0]->u.id, 2);
    assert_true(answers[0]->flag);
    ends(0, false);
    assert_int_equal(answers[1]->u.id, 1);
    assert_false(answers[1]->flag);
    assert_string_equal(answers[1]->text, "nobody is there");
    for (size_t i = 2; i < 10; i++)
        ends(i, true);
    assert_int_equal(given_count, 10);
    assert_int_equal(answer_count, 10);
    assert_int_equal(answers[9]->u.id, 9);
}

static void stopped__tells_nothing_and_sends_nothing(void **state)
{
    struct scene *s = *state;
    for (int i = 1; i <= 4; i++)
        notice(s, i, "ops", EVENT);
    outbox_stop(s->outbox);
    ends(0, false);
    ends(1, false);
    notice(s, 5, "night", EVENT);
    assert_int_equal(given_count, 2);
    assert_int_equal(answer_count, 0);
}

static void channel_that_is_gone__has_failed(void **state)
{
    struct scene *s = *state;
    notice(s, 1, "opss", EVENT);
    assert_int_equal(given_count, 0);
    assert_int_equal(answer_count, 1);
    assert_string_equal(answers[0]->text, "there is no channel 'opss' in coordinator.yaml");
}

static void what_is_no_order__has_failed_and_holds_up_nothing(void **state)
{
    struct scene *s = *state;
    char *large = mem_alloc(ORDER_LINE_MAX + 100);
    memset(large, 'x', ORDER_LINE_MAX);
    char *event = str_dupf("{\"title\":\"%s\"}", large);
    notice(s, 1, "ops", EVENT);
    notice(s, 2, "ops", EVENT);
    notice(s, 3, "ops", event);
    notice(s, 4, "ops", "[");
    notice(s, 5, "ops", EVENT);
    assert_int_equal(answer_count, 0);
    ends(0, true);
    assert_int_equal(given_count, 3);
    assert_int_equal(answer_count, 3);
    for (size_t i = 1; i < 3; i++)
        assert_false(answers[i]->flag);
    assert_int_equal(answers[1]->u.id, 3);
    assert_int_equal(answers[2]->u.id, 4);
    ends(1, true);
    ends(2, true);
    assert_int_equal(answers[4]->u.id, 5);
    struct outbox_counters n;
    outbox_counters(s->outbox, &n);
    assert_int_equal(n.delivered, 3);
    assert_int_equal(n.failed, 2);
    mem_free(large);
    mem_free(event);
}

static void dropped(struct scene *s, int64_t id, const char *channel)
{
    char *name = mem_strdup(channel);
    outbox_on_dropped(s->outbox, &(struct effect_notice){.id = id, .channel = name});
    mem_free(name);
}

static void dropped__while_it_waits__is_not_delivered(void **state)
{
    struct scene *s = *state;
    for (int i = 1; i <= 6; i++)
        notice(s, i, "ops", EVENT);
    assert_int_equal(given_count, 2);
    dropped(s, 4, "ops"); /* in the middle, the last, the first of those that wait */
    dropped(s, 6, "ops");
    dropped(s, 3, "ops");
    assert_int_equal(given_count, 2);
    assert_int_equal(answer_count, 3); /* the engine hears that they are not on their way */
    assert_int_equal(answers[0]->u.id, 4);
    assert_false(answers[0]->flag);
    notice(s, 7, "ops", EVENT);
    for (size_t i = 0; i < given_count; i++)
        ends(i, true);
    assert_int_equal(given_count, 4); /* 1, 2, 5, 7 */
    assert_int_equal(answers[5]->u.id, 5);
    assert_int_equal(answers[6]->u.id, 7);
    assert_int_equal(answer_count, 7);
    struct outbox_counters n;
    outbox_counters(s->outbox, &n);
    assert_int_equal(n.dropped, 3);
    assert_int_equal(n.delivered, 4);
    assert_int_equal(n.failed, 0);
}

static void dropped__with_the_courier__is_taken_back_unless_the_child_has_it(void **state)
{
    struct scene *s = *state;
    for (int i = 1; i <= 3; i++)
        notice(s, i, "ops", EVENT);
    has = given[0].user;
    dropped(s, 1, "ops");
    assert_int_equal(given_count, 2);
    assert_int_equal(answer_count, 0);
    dropped(s, 2, "ops");
    assert_int_equal(answer_count, 1);
    assert_int_equal(answers[0]->u.id, 2);
    assert_int_equal(given_count, 3); /* its place is the next one's */
    ends(0, true);
    ends(2, true);
    assert_int_equal(answers[1]->u.id, 1);
    assert_int_equal(answers[2]->u.id, 3);
}

static void dropped__unknown__is_counted_alone(void **state)
{
    struct scene *s = *state;
    notice(s, 1, "ops", EVENT);
    dropped(s, 2, "ops");
    dropped(s, 1, "night");
    dropped(s, 1, "nobody");
    outbox_stop(s->outbox);
    dropped(s, 1, "ops");
    assert_int_equal(answer_count, 0);
    struct outbox_counters n;
    outbox_counters(s->outbox, &n);
    assert_int_equal(n.dropped, 4);
    ends(0, true);
}

static void lane__that_is_full__takes_no_more(void **state)
{
    struct scene *s = *state;
    for (int i = 1; i <= OUTBOX_OF_LANE + COURIER_OF_LANE; i++)
        notice(s, i, "ops", EVENT);
    assert_int_equal(answer_count, 0);
    notice(s, 20000, "ops", EVENT);
    assert_int_equal(answer_count, 1);
    assert_int_equal(answers[0]->u.id, 20000);
    assert_false(answers[0]->flag);
    assert_string_equal(answers[0]->text, "10000 messages wait for the channel 'ops' already");
    notice(s, 20001, "night", EVENT); /* the others are not full */
    assert_int_equal(answer_count, 1);
    assert_int_equal(given_count, 3);
    ends(0, true);
    notice(s, 20002, "ops", EVENT); /* there is room again */
    assert_int_equal(answer_count, 2);
    ends(1, true);
    ends(2, true);
    outbox_stop(s->outbox);
    ends(3, true);
    ends(4, true);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(channel__has_two_at_once_and_the_next_in_their_order),
        T(stopped__tells_nothing_and_sends_nothing),
        T(channel_that_is_gone__has_failed),
        T(what_is_no_order__has_failed_and_holds_up_nothing),
        T(dropped__while_it_waits__is_not_delivered),
        T(dropped__with_the_courier__is_taken_back_unless_the_child_has_it),
        T(dropped__unknown__is_counted_alone),
        T(lane__that_is_full__takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
