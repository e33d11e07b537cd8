/* Messages to channels: the first at once, then with pauses and counts, and one at the end; until
 * they are delivered. */
#include "flow_world.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/facts.h"
#include "coordinator/engine/notice.h"
#include "coordinator/engine/rule.h"
#include "coordinator/engine/tell.h"
#include "coordinator/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#define FACTS "{\"title\":\"t\",\"text\":\"x\"}"
#define S 1000
#define MIN 60000
#define BAD "tasks: [{id: a, type: io.kestra.plugin.core.execution.Fail, errorMessage: oh}]\n"
#define GOOD "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: hello}]\n"

static bool no_commit; /* what writes is not committed: the disk is full */

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e)
{
    if (!no_commit || !store_dirty(s)) return __real_store_commit(s, e);
    store_rollback(s);
    return err_set(e, ERR_FULL, "no space left (test)");
}

static void raise(struct world *w, const char *channel, const char *subject)
{
    world_begin(w);
    notice_raise(w->engine, channel, "e", subject, FACTS);
    assert_int_equal(world_commit(w), 0);
}

static void over(struct world *w, const char *subject)
{
    world_begin(w);
    notice_over(w->engine, "e", subject, "{\"title\":\"over\"}");
    assert_int_equal(world_commit(w), 0);
}

/* The message that the last batch sent. state NULL: it sent none. Its id. */
static int64_t sent(struct world *w, const char *state, const char *count)
{
    const struct effect *x = world_effect(w, EFFECT_NOTICE);
    struct json *event = NULL;
    if (!state) {
        assert_null(x);
        return 0;
    }
    assert_non_null(x);
    assert_int_equal(world_effects(w, EFFECT_NOTICE), 1);
    assert_int_equal(json_parse(x->u.notice.event, strlen(x->u.notice.event), &event, NULL), 0);
    assert_string_equal(json_get_str(event, "state", ""), state);
    assert_string_equal(json_get_str(event, "count", ""), count);
    json_free(event);
    return x->u.notice.id;
}

static void noticed(struct world *w, int64_t id, bool delivered)
{
    struct command *c = command_new(CMD_NOTICED);
    c->u.id = id;
    c->flag = delivered;
    if (!delivered) c->text = mem_strdup("nobody is there");
    assert_int_equal(world_do(w, c), 0);
}

static int count_one(const struct notice_row *n, void *user)
{
    (void)n;
    ++*(size_t *)user;
    return 0;
}

static size_t live(struct world *w)
{
    size_t count = 0;
    assert_int_equal(store_each_notice(w->store, count_one, &count, NULL), 0);
    return count;
}

/* ---- when ------------------------------------------------------------------------------------ */

static void first__is_told_at_once_and_once(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    noticed(w, sent(w, "raised", "1"), true);
    sent(w, NULL, NULL);
    world_live(w, 20 * MIN);
    sent(w, NULL, NULL);
    assert_int_equal(live(w), 1);
}

static void again__is_told_after_the_pause_with_its_count(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    noticed(w, sent(w, "raised", "1"), true);
    for (int i = 0; i < 3; i++) {
        raise(w, "ops", "s");
        sent(w, NULL, NULL);
    }
    world_pass(w, NOTICE_PAUSE_MS - 1);
    world_tick(w);
    sent(w, NULL, NULL);
    world_pass(w, 1);
    world_tick(w);
    noticed(w, sent(w, "again", "3"), true);
    world_live(w, 20 * MIN);
    sent(w, NULL, NULL);
    raise(w, "ops", "s"); /* the pause is over long since */
    sent(w, "again", "1");
}

static void over__is_told_at_once_and_ends_it(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    noticed(w, sent(w, "raised", "1"), true);
    over(w, "s");
    noticed(w, sent(w, "over", "0"), true);
    assert_int_equal(live(w), 0);
    over(w, "s");
    sent(w, NULL, NULL);
}

static void again_soon_after_it_was_told_over__waits_for_the_pause(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    noticed(w, sent(w, "raised", "1"), true);
    over(w, "s");
    noticed(w, sent(w, "over", "0"), true);
    for (int i = 0; i < 5; i++) { /* it comes and goes */
        world_pass(w, MIN);
        raise(w, "ops", "s");
        sent(w, NULL, NULL);
        world_pass(w, MIN);
        over(w, "s");
        sent(w, NULL, NULL);
        assert_int_equal(live(w), 0);
    }
    raise(w, "ops", "s2"); /* another one need not wait */
    noticed(w, sent(w, "raised", "1"), true);
    raise(w, "night", "s");
    noticed(w, sent(w, "raised", "1"), true);
    raise(w, "ops", "s");
    world_pass(w, NOTICE_PAUSE_MS - 10 * MIN - 1);
    world_tick(w);
    sent(w, NULL, NULL);
    world_pass(w, 1);
    world_tick(w);
    noticed(w, sent(w, "raised", "1"), true);
    over(w, "s");
    assert_int_equal(world_effects(w, EFFECT_NOTICE), 2); /* both channels heard of it */
}

static void over_before_the_first_was_delivered__is_one_message(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    noticed(w, sent(w, "raised", "1"), false);
    over(w, "s");
    noticed(w, sent(w, "over", "1"), true);
    assert_int_equal(live(w), 0);
}

static void over_while_the_first_is_on_its_way__is_the_second(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    int64_t id = sent(w, "raised", "1");
    over(w, "s");
    sent(w, NULL, NULL);
    noticed(w, id, true);
    sent(w, NULL, NULL); /* not before the answer is on disk */
    world_pass(w, 1);
    world_tick(w);
    noticed(w, sent(w, "over", "0"), true);
    assert_int_equal(live(w), 0);
}

static void again_before_it_was_told_over__goes_on(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    noticed(w, sent(w, "raised", "1"), true);
    over(w, "s");
    noticed(w, sent(w, "over", "0"), false);
    raise(w, "ops", "s");
    sent(w, NULL, NULL);
    world_live(w, NOTICE_PAUSE_MS);
    sent(w, "again", "1");
}

static void what_happens_no_more__is_forgotten(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    noticed(w, sent(w, "raised", "1"), true);
    world_live(w, NOTICE_FORGET_MS - MIN);
    assert_int_equal(live(w), 1);
    world_live(w, 2 * MIN);
    assert_int_equal(live(w), 0);
    raise(w, "ops", "s");
    sent(w, "raised", "1");
}

static void subjects_and_channels__are_apart(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    int64_t a = sent(w, "raised", "1");
    raise(w, "ops", "s2");
    int64_t b = sent(w, "raised", "1");
    raise(w, "night", "s");
    int64_t c = sent(w, "raised", "1");
    assert_true(a != b && b != c && a != c);
    noticed(w, a, true);
    noticed(w, b, true);
    noticed(w, c, true);
    over(w, "s");
    assert_int_equal(world_effects(w, EFFECT_NOTICE), 2);
    assert_int_equal(live(w), 3);
}

/* ---- delivery -------------------------------------------------------------------------------- */

static void failure__is_tried_again_ever_later(void **state)
{
    static const int64_t waits[] = {10 * S, 20 * S, 40 * S, 80 * S};
    struct world *w = *state;
    raise(w, "ops", "s");
    noticed(w, sent(w, "raised", "1"), false);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        world_pass(w, waits[i] - 1);
        world_tick(w);
        sent(w, NULL, NULL);
        world_pass(w, 1);
        world_tick(w);
        noticed(w, sent(w, "raised", "1"), false);
    }
}

static void message_that_never_gets_through__is_given_up(void **state)
{
    struct world *w = *state;
    int tries = 0;
    raise(w, "ops", "s");
    for (; world_effect(w, EFFECT_NOTICE); tries++) {
        noticed(w, world_effect(w, EFFECT_NOTICE)->u.notice.id, false);
        world_pass(w, NOTICE_RETRY_MOST_MS);
        world_tick(w);
    }
    assert_int_equal(tries, NOTICE_TRIES);
}

static void end_of_what_nobody_heard_of__is_not_told(void **state)
{
    struct world *w = *state;
    world_begin(w);
    notice_raise(w->engine, "ops", "lease-lost", "g", FACTS);
    assert_int_equal(world_commit(w), 0);
    while (world_effect(w, EFFECT_NOTICE)) {
        noticed(w, sent(w, "raised", "1"), false);
        world_pass(w, NOTICE_RETRY_MOST_MS);
        world_tick(w);
    }
    for (int i = 0; i < 3 * 60; i++) {
        world_pass(w, MIN);
        world_tick(w);
        sent(w, NULL, NULL);
    }
    assert_int_equal(live(w), 0);
}

static void message_of_a_state__is_tried_for_as_long_as_it_lasts(void **state)
{
    struct world *w = *state;
    world_begin(w);
    notice_raise(w->engine, "ops", "group-short", "g", FACTS);
    assert_int_equal(world_commit(w), 0);
    for (int tries = 0; tries < 2 * NOTICE_TRIES; tries++) {
        noticed(w, sent(w, "raised", "1"), false);
        world_pass(w, NOTICE_RETRY_MOST_MS);
        world_tick(w);
    }
    noticed(w, sent(w, "raised", "1"), false);
    world_begin(w);
    notice_over(w->engine, "group-short", "g", "{\"title\":\"over\"}");
    assert_int_equal(world_commit(w), 0);
    int tries = 0;
    for (; world_effect(w, EFFECT_NOTICE); tries++) { /* its end is given up as others are */
        noticed(w, world_effect(w, EFFECT_NOTICE)->u.notice.id, false);
        world_pass(w, NOTICE_RETRY_MOST_MS);
        world_tick(w);
    }
    assert_in_range(tries, NOTICE_TRIES, NOTICE_TRIES + 1);
    assert_int_equal(live(w), 0);
}

static void crash__sends_again_what_was_not_said_to_be_delivered(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    int64_t id = sent(w, "raised", "1");
    world_crash(w);
    world_tick(w);
    assert_int_equal(sent(w, "raised", "1"), id);
    noticed(w, id, true);
    world_crash(w);
    world_tick(w);
    sent(w, NULL, NULL);
    raise(w, "ops", "s");
    world_crash(w);
    world_live(w, NOTICE_PAUSE_MS);
    sent(w, "again", "1");
}

static void answer_that_is_late__changes_nothing(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    int64_t id = sent(w, "raised", "1");
    noticed(w, id, true);
    noticed(w, id, false);
    noticed(w, id + 1, true);
    world_live(w, 20 * MIN);
    sent(w, NULL, NULL);
}

static void clock_that_is_set_back__delays_no_more_than_a_pause(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "s");
    noticed(w, sent(w, "raised", "1"), true);
    raise(w, "ops", "s");
    w->now.wall_ms -= 48 * 60 * MIN;
    world_live(w, NOTICE_PAUSE_MS + MIN);
    sent(w, "again", "1");
}

static void too_many__the_oldest_makes_room(void **state)
{
    struct world *w = *state;
    char subject[32];
    world_begin(w);
    world_apply(w, command_new(CMD_TICK));
    for (int i = 0; i <= NOTICES_MOST; i++) {
        (void)str_format(subject, sizeof subject, "s%d", i);
        notice_raise(w->engine, "ops", "e", subject, FACTS);
    }
    assert_int_equal(world_commit(w), 0);
    assert_int_equal(live(w), NOTICES_MOST);
    assert_int_equal(world_effects(w, EFFECT_NOTICE_DROPPED), 1);
    const struct effect_notice *x = &world_effect(w, EFFECT_NOTICE_DROPPED)->u.notice;
    assert_string_equal(x->channel, "ops");
    assert_true(x->id != 0);
    assert_null(x->event);
    world_begin(w);
    assert_false(notice_any(w->engine, "e", "s0"));
    assert_true(notice_any(w->engine, "e", "s1"));
    assert_int_equal(world_commit(w), 0);
}

static void raise_many(struct world *w, int from, int to)
{
    char subject[32];
    world_begin(w);
    world_apply(w, command_new(CMD_TICK));
    for (int i = from; i < to; i++) {
        (void)str_format(subject, sizeof subject, "s%d", i);
        notice_raise(w->engine, "ops", "e", subject, FACTS);
    }
    assert_int_equal(world_commit(w), 0);
}

static bool is_kept(struct world *w, const char *event, const char *subject)
{
    world_begin(w);
    bool kept = notice_any(w->engine, event, subject);
    assert_int_equal(world_commit(w), 0);
    return kept;
}

static void too_many__what_was_delivered_makes_room_first(void **state)
{
    struct world *w = *state;
    raise_many(w, 0, 3);
    world_tick(w);
    raise(w, "ops", "told");
    noticed(w, sent(w, "raised", "1"), true);
    raise_many(w, 3, NOTICES_MOST - 1);
    assert_int_equal(live(w), NOTICES_MOST);
    raise_many(w, NOTICES_MOST, NOTICES_MOST + 1);
    assert_int_equal(world_effects(w, EFFECT_NOTICE_DROPPED), 0);
    assert_int_equal(live(w), NOTICES_MOST);
    assert_false(is_kept(w, "e", "told"));
    assert_true(is_kept(w, "e", "s0"));
    raise_many(w, NOTICES_MOST + 1, NOTICES_MOST + 2);
    assert_int_equal(world_effects(w, EFFECT_NOTICE_DROPPED), 1);
    assert_false(is_kept(w, "e", "s0"));
}

static void too_many__a_state_that_lasts_is_kept(void **state)
{
    struct world *w = *state;
    world_begin(w);
    notice_raise(w->engine, "ops", "group-short", "g", FACTS);
    assert_int_equal(world_commit(w), 0);
    noticed(w, sent(w, "raised", "1"), true);
    raise_many(w, 0, NOTICES_MOST);
    assert_int_equal(world_effects(w, EFFECT_NOTICE_DROPPED), 1);
    assert_true(is_kept(w, "group-short", "g"));
    assert_false(is_kept(w, "e", "s0"));
    world_crash(w);
    raise_many(w, NOTICES_MOST, NOTICES_MOST + 1);
    assert_true(is_kept(w, "group-short", "g"));
    /* its end is a message like others */
    world_begin(w);
    notice_over(w->engine, "group-short", "g", FACTS);
    assert_int_equal(world_commit(w), 0);
    raise_many(w, NOTICES_MOST + 1, NOTICES_MOST + 2);
    assert_false(is_kept(w, "group-short", "g"));
}

static void facts__have_what_people_are_told_and_no_more(void **state)
{
    (void)state;
    char *facts = facts_make(&(struct facts){.title = str_dupf("t"), .number = 3, .limit = 7});
    char *told = facts_told(facts);
    assert_int_equal(facts_limit(facts), 7);
    assert_int_equal(facts_limit(told), 0);
    assert_int_equal(facts_number(told), 3);
    mem_free(told);
    mem_free(facts);
    told = facts_told("nothing that is JSON");
    assert_string_equal(told, "{}");
    mem_free(told);
}

/* ---- flows ----------------------------------------------------------------------------------- */

static void flow_applied(struct world *w, const char *source)
{
    static const char *const channels[] = {"ops", "night"};
    w->engine->config.channels = channels;
    w->engine->config.channel_count = 2;
    world_apply_flow(w, source);
}

static void start_flow(struct world *w, const char *flow)
{
    world_start(w, flow, NULL);
    if (!world_effect(w, EFFECT_NOTICE)) world_tick(w);
}

static void failed_execution__is_told_to_whom_its_flow_names(void **state)
{
    struct world *w = *state;
    flow_applied(w, "id: f\nnamespace: a.b\nnotify: [ops]\n" BAD);
    start_flow(w, "f");
    noticed(w, sent(w, "raised", "1"), true);
    start_flow(w, "f");
    sent(w, NULL, NULL);
    flow_applied(w, "id: f\nnamespace: a.b\nnotify: [ops]\n" GOOD);
    start_flow(w, "f");
    sent(w, "over", "1");
}

/* A rule for each namespace of the list. */
static void with_rules(struct world *w, const char *const *namespaces, size_t count)
{
    static const char *const channels[] = {"ops", "night"};
    static const char *ops[] = {"ops"};
    static struct rule rules[4];
    for (size_t i = 0; i < count; i++)
        rules[i] = (struct rule){.name = "r",
                                 .event = RULE_EXECUTION_FAILED,
                                 .ns = namespaces[i],
                                 .channels = ops,
                                 .channel_count = 1};
    w->config.channels = channels;
    w->config.channel_count = 2;
    w->config.rules = rules;
    w->config.rule_count = count;
    world_restart(w);
}

static void namespace_with_a_rule__tells_of_its_flows(void **state)
{
    static const char *const covers[] = {"a"};
    struct world *w = *state;
    with_rules(w, covers, 1);
    flow_applied(w, "id: f\nnamespace: a.b\n" BAD);
    start_flow(w, "f");
    noticed(w, sent(w, "raised", "1"), true);
    flow_applied(w, "id: f\nnamespace: a.b\n" GOOD);
    start_flow(w, "f");
    sent(w, "over", "0");
}

static void namespace_and_flow_that_name_the_same__are_one_message(void **state)
{
    static const char *const covers[] = {"a.b", NULL, "a"};
    struct world *w = *state;
    with_rules(w, covers, 3);
    flow_applied(w, "id: f\nnamespace: a.b\nnotify: [ops]\n" BAD);
    start_flow(w, "f");
    sent(w, "raised", "1");
}

static void namespace_with_a_rule__tells_of_no_other(void **state)
{
    static const char *const covers[] = {"a.c", "a.b.c", "b"};
    struct world *w = *state;
    with_rules(w, covers, 3);
    flow_applied(w, "id: f\nnamespace: a.b\n" BAD);
    start_flow(w, "f");
    sent(w, NULL, NULL);
}

static void flow_that_names_nobody__tells_nobody(void **state)
{
    struct world *w = *state;
    flow_applied(w, "id: f\nnamespace: a.b\n" BAD);
    start_flow(w, "f");
    sent(w, NULL, NULL);
    flow_applied(w, "id: g\nnamespace: a.b\nnotify: []\n" BAD);
    start_flow(w, "g");
    sent(w, NULL, NULL);
}

static void channel_that_there_is_not__is_refused_with_the_nearest(void **state)
{
    struct world *w = *state;
    flow_applied(w, "id: f\nnamespace: a.b\n" GOOD);
    world_do(w, cmd_apply(w, "id: f\nnamespace: a.b\nnotify: [night, nihgt]\n" GOOD));
    assert_int_equal(world_reply(w)->rc, ERR_INVALID);
    assert_non_null(strstr(world_reply(w)->err.msg, "no channel 'nihgt', did you mean 'night'"));
}

static void execution_that_went_well__tells_nobody(void **state)
{
    struct world *w = *state;
    flow_applied(w, "id: f\nnamespace: a.b\nnotify: [ops]\n" GOOD);
    start_flow(w, "f");
    sent(w, NULL, NULL);
}

/* ---- commits that fail ----------------------------------------------------------------------- */

/* It happened. */
static void told_of(struct world *w, const char *subject)
{
    struct occasion o = {.event = RULE_EXECUTION_FAILED, .subject = subject, .times = 1};
    struct facts f = {.title = mem_strdup("t"), .text = mem_strdup("x"), .ns = "a.b"};
    tell(w->engine, &o, &f);
}

static void batch_that_is_tried_again__counts_its_subjects_once(void **state)
{
    static const char *const covers[] = {"a"};
    struct world *w = *state;
    with_rules(w, covers, 1);
    no_commit = true;
    for (int i = 0; i < 2 * TELL_OWN; i++) { /* the disk is full */
        world_begin(w);
        told_of(w, "first");
        told_of(w, "second");
        assert_int_not_equal(world_commit(w), 0);
    }
    no_commit = false;
    for (int i = 0; i < TELL_OWN; i++) {
        char subject[16];
        (void)str_format(subject, sizeof subject, "s%d", i);
        world_begin(w);
        told_of(w, subject);
        assert_true(notice_any(w->engine, "execution-failed", subject));
        assert_int_equal(world_commit(w), 0);
    }
    world_begin(w);
    told_of(w, "one too many");
    assert_false(notice_any(w->engine, "execution-failed", "one too many"));
    assert_int_equal(world_commit(w), 0);
}

static struct command *answer_to(int64_t id, bool delivered)
{
    struct command *c = command_new(CMD_NOTICED);
    c->u.id = id;
    c->flag = delivered;
    if (!delivered) c->text = mem_strdup("nobody is there");
    return c;
}

/* While the disk is full: time passes, and the coordinator tries. */
static void nothing_is_sent(struct world *w, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += S) {
        world_pass(w, S);
        world_tick(w);
        sent(w, NULL, NULL);
    }
}

static void answer_that_cannot_be_written__sends_nothing_twice(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "a");
    int64_t id = sent(w, "raised", "1");
    no_commit = true;
    for (int i = 0; i < 3; i++) { /* the answer is tried again, as the rounds do */
        world_begin(w);
        world_apply(w, answer_to(id, true));
        assert_int_not_equal(world_commit(w), 0);
        sent(w, NULL, NULL);
        nothing_is_sent(w, 10 * S);
    }
    no_commit = false;
    nothing_is_sent(w, MIN);
    noticed(w, id, true);
    nothing_is_sent(w, 20 * MIN);
    raise(w, "ops", "a");
    sent(w, "again", "1"); /* what was delivered is not counted anew */
}

static void answer_that_was_not_written__is_taken_later(void **state)
{
    struct world *w = *state;
    raise(w, "ops", "a");
    int64_t id = sent(w, "raised", "1");
    no_commit = true;
    world_begin(w);
    world_apply(w, answer_to(id, false));
    assert_int_not_equal(world_commit(w), 0);
    no_commit = false;
    noticed(w, id, false);
    world_pass(w, NOTICE_RETRY_FIRST_MS);
    world_tick(w);
    assert_int_equal(sent(w, "raised", "1"), id);
    noticed(w, id, true);
    nothing_is_sent(w, MIN);
    noticed(w, id, true); /* said twice */
    nothing_is_sent(w, MIN);
}

static void message_of_a_batch_that_failed__is_sent_by_a_later_one(void **state)
{
    struct world *w = *state;
    no_commit = true;
    world_begin(w);
    notice_raise(w->engine, "ops", "e", "a", FACTS);
    assert_int_not_equal(world_commit(w), 0);
    sent(w, NULL, NULL);
    no_commit = false;
    nothing_is_sent(w, MIN); /* nothing of it happened */
    raise(w, "ops", "a");
    int64_t id = sent(w, "raised", "1");
    /* its answer, and something that fails the batch in which the next message would leave */
    raise(w, "ops", "a");
    sent(w, NULL, NULL);
    noticed(w, id, true);
    nothing_is_sent(w, NOTICE_PAUSE_MS - 2 * S);
    no_commit = true;
    world_begin(w);
    world_pass(w, 4 * S);
    notice_raise(w->engine, "ops", "e", "b", FACTS);
    assert_int_not_equal(world_commit(w), 0);
    sent(w, NULL, NULL);
    no_commit = false;
    world_tick(w);
    assert_int_equal(sent(w, "again", "1"), id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(answer_that_cannot_be_written__sends_nothing_twice),
        WORLD_TEST(batch_that_is_tried_again__counts_its_subjects_once),
        WORLD_TEST(answer_that_was_not_written__is_taken_later),
        WORLD_TEST(message_of_a_batch_that_failed__is_sent_by_a_later_one),
        WORLD_TEST(first__is_told_at_once_and_once),
        WORLD_TEST(again__is_told_after_the_pause_with_its_count),
        WORLD_TEST(over__is_told_at_once_and_ends_it),
        WORLD_TEST(again_soon_after_it_was_told_over__waits_for_the_pause),
        WORLD_TEST(over_before_the_first_was_delivered__is_one_message),
        WORLD_TEST(over_while_the_first_is_on_its_way__is_the_second),
        WORLD_TEST(again_before_it_was_told_over__goes_on),
        WORLD_TEST(what_happens_no_more__is_forgotten),
        WORLD_TEST(subjects_and_channels__are_apart),
        WORLD_TEST(failure__is_tried_again_ever_later),
        WORLD_TEST(message_that_never_gets_through__is_given_up),
        WORLD_TEST(end_of_what_nobody_heard_of__is_not_told),
        WORLD_TEST(message_of_a_state__is_tried_for_as_long_as_it_lasts),
        WORLD_TEST(crash__sends_again_what_was_not_said_to_be_delivered),
        WORLD_TEST(answer_that_is_late__changes_nothing),
        WORLD_TEST(clock_that_is_set_back__delays_no_more_than_a_pause),
        WORLD_TEST(too_many__the_oldest_makes_room),
        WORLD_TEST(too_many__what_was_delivered_makes_room_first),
        WORLD_TEST(too_many__a_state_that_lasts_is_kept),
        WORLD_TEST(facts__have_what_people_are_told_and_no_more),
        WORLD_TEST(failed_execution__is_told_to_whom_its_flow_names),
        WORLD_TEST(namespace_with_a_rule__tells_of_its_flows),
        WORLD_TEST(namespace_and_flow_that_name_the_same__are_one_message),
        WORLD_TEST(namespace_with_a_rule__tells_of_no_other),
        WORLD_TEST(flow_that_names_nobody__tells_nobody),
        WORLD_TEST(channel_that_there_is_not__is_refused_with_the_nearest),
        WORLD_TEST(execution_that_went_well__tells_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
