/* What happens, as opposed to what lasts: told at once, then with its count, and of many few. */
#include "alarm_world.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/namespace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

/* ---- leases ---------------------------------------------------------------------------------- */

/* An agent with so many jobs that is never heard again. */
static void loses(struct world *w, const char *name, const char *group, int jobs)
{
    int64_t a = world_agent(w, name, group);
    uint64_t session = world_connect(w, a, group, jobs);
    for (int i = 0; i < jobs; i++)
        world_running(w, session, group, i + 1);
    goes(w, session);
}

static void lost_attempts__are_one_message_of_their_group(void **state)
{
    struct world *w = *state;
    world_group(w, "win", NULL);
    with_rule(w, RULE_LEASE_LOST, 0, NULL);
    loses(w, "a", NULL, 3);
    loses(w, "b", "win", 1);
    tells(w, 10 * MIN, "raised group default lost 3 attempts", "raised group win lost 1 attempt");
    loses(w, "c", NULL, 2);
    loses(w, "d", NULL, 1);
    tells(w, NOTICE_PAUSE_MS + MIN, "again group default lost 3 attempts");
    tells(w, NOTICE_QUIET_MS, "over group win lost no further attempt for 1h",
          "over group default lost no further attempt for 1h");
    tells_nothing(w, NOTICE_FORGET_MS + MIN);
    loses(w, "e", NULL, 1);
    tells(w, 10 * MIN, "raised group default lost 1 attempt");
}

#define QUIET "over group default lost no further attempt for 1h"

static void losses_that_stop__are_over_after_a_quiet_time(void **state)
{
    struct world *w = *state;
    char at[TIME_TEXT_SIZE];
    with_rule(w, RULE_LEASE_LOST, 0, NULL);
    loses(w, "a", NULL, 2);
    tells(w, 10 * MIN, "raised group default lost 2 attempts");
    loses(w, "b", NULL, 1);
    tells(w, 40 * MIN, "again group default lost 1 attempt");
    loses(w, "c", NULL, 1);
    forget_told();
    while (told_count == 0 || !str_starts(told[0], "again")) {
        forget_told();
        live(w, S);
    }
    time_format(w->now.wall_ms, at);
    tells_nothing(w, NOTICE_QUIET_MS - MIN);
    tells(w, MIN, QUIET);
    char *expected = str_dupf("{\"title\":\"group default lost no further attempt for 1h\","
                              "\"text\":\"4 in all, the last at %.17s",
                              at);
    assert_true(str_starts(last_event, expected));
    assert_true(str_ends(last_event, "\"group\":\"default\",\"event\":\"lease-lost\","
                                     "\"state\":\"over\",\"count\":\"0\"}"));
    mem_free(expected);
    tells_nothing(w, 2 * HOUR);
    loses(w, "d", NULL, 1); /* which is the first again */
    tells(w, 10 * MIN, "raised group default lost 1 attempt");
}

static void quiet_time__outlives_crashes_and_a_clock_that_is_set_back(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_LEASE_LOST, 0, NULL);
    loses(w, "a", NULL, 1);
    tells(w, 10 * MIN, "raised group default lost 1 attempt");
    for (int i = 0; i < 4; i++) {
        tells_nothing(w, 10 * MIN);
        world_crash(w);
    }
    tells(w, 20 * MIN, QUIET);
    world_crash(w);
    tells_nothing(w, 2 * HOUR);
    loses(w, "b", NULL, 1);
    tells(w, 10 * MIN, "raised group default lost 1 attempt");
    w->now.wall_ms -= 2 * HOUR;
    tells(w, 4 * HOUR, QUIET);
}

static void quiet_time_of_a_rule_that_is_gone__ends_without_a_word(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_LEASE_LOST, 0, NULL);
    loses(w, "a", NULL, 1);
    tells(w, 10 * MIN, "raised group default lost 1 attempt");
    with_rules(w, 0);
    tells_nothing(w, 2 * HOUR);
    with_rules(w, 1);
    loses(w, "b", NULL, 1);
    tells(w, 10 * MIN, "raised group default lost 1 attempt");
}

static void lost_attempts__outlive_a_crash_and_are_told_once(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_LEASE_LOST, 0, NULL);
    loses(w, "a", NULL, 1);
    world_crash(w);
    tells(w, 10 * MIN, "raised group default lost 1 attempt");
    world_crash(w);
    tells_nothing(w, 10 * MIN);
}

static void lost_attempts_of_another_group__are_not_told(void **state)
{
    struct world *w = *state;
    world_group(w, "win", NULL);
    with_rule(w, RULE_LEASE_LOST, 0, "win");
    loses(w, "a", NULL, 3);
    tells_nothing(w, 30 * MIN);
}

static void losses_that_two_rules_ask_for__are_counted_once(void **state)
{
    struct world *w = *state;
    world_group(w, "win", NULL);
    rules[0] = rules[1] =
        (struct rule){.name = "r", .event = RULE_LEASE_LOST, .channels = ops, .channel_count = 1};
    rules[1].name = "s";
    rules[1].group = "win";
    with_rules(w, 2);
    loses(w, "a", "win", 3);
    tells(w, 10 * MIN, "raised group win lost 3 attempts");
    assert_string_equal(last_count, "3");
}

static void losses_of_many_groups__are_few_messages(void **state)
{
    struct world *w = *state;
    char key[16];
    with_rule(w, RULE_LEASE_LOST, 0, NULL);
    for (int i = 0; i < 20; i++) {
        (void)str_format(key, sizeof key, "g%02d", i);
        world_group(w, key, NULL);
        loses(w, key, key, 1);
    }
    forget_told();
    live(w, 10 * MIN);
    assert_int_equal(told_count, 11);
    size_t shared = 0;
    for (size_t i = 0; i < told_count; i++)
        if (str_ends(told[i], " lost 1 attempt, and others")) shared++;
    assert_int_equal(shared, 1);
    forget_told();
    live(w, 2 * NOTICE_QUIET_MS);
    shared = 0;
    for (size_t i = 0; i < told_count; i++)
        if (str_eq(told[i], "over none of the other groups lost an attempt for 1h")) shared++;
    assert_int_equal(shared, 1);
}

/* ---- schedules ------------------------------------------------------------------------------- */

#define QUICK "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: hello}]\n"

static void apply_telling(struct world *w, const char *id, const char *recover, const char *notify)
{
    char *source = str_dupf("id: %s\nnamespace: a.b\n%s" QUICK
                            "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Schedule,"
                            " cron: '* * * * *', recoverMissedSchedules: %s}]\n",
                            id, notify, recover);
    world_apply_flow(w, source);
    mem_free(source);
    live(w, 0);
}

static void apply_schedule(struct world *w, const char *id, const char *recover)
{
    apply_telling(w, id, recover, "");
}

/* The coordinator is down. */
static void sleeps(struct world *w, int64_t ms)
{
    world_die(w);
    world_pass(w, ms);
    world_rise(w);
}

static void missed_moments__are_one_message_of_their_schedule(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_SCHEDULE_MISSED, 0, NULL);
    apply_schedule(w, "f", "NONE");
    tells_nothing(w, 10 * MIN);
    sleeps(w, HOUR);
    tells(w, MIN, "raised schedule t of flow a.b/f was missed");
    tells_nothing(w, HOUR - 2 * MIN);
    sleeps(w, MIN);
    tells(w, MIN, "again schedule t of flow a.b/f was missed");
    tells(w, HOUR, "over schedule t of flow a.b/f was not missed again for 1h");
    assert_true(str_ends(last_event, "\"namespace\":\"a.b\",\"flow\":\"f\",\"trigger\":\"t\","
                                     "\"event\":\"schedule-missed\",\"state\":\"over\","
                                     "\"count\":\"0\"}"));
    assert_non_null(strstr(last_event, "\"text\":\"61 in all, the last at "));
}

static void missed_moments_that_are_made_up_for__are_not_told(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_SCHEDULE_MISSED, 0, NULL);
    apply_schedule(w, "f", "ALL");
    live(w, 10 * MIN);
    sleeps(w, HOUR);
    tells_nothing(w, HOUR);
}

static void missed_moments_of_another_namespace__are_not_told(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_SCHEDULE_MISSED, 0, NULL);
    rules[0].ns = "a.c";
    rules[1] = rules[0];
    rules[1].ns = "a";
    rules[1].channels = both + 1;
    with_rules(w, 2);
    apply_schedule(w, "f", "NONE");
    live(w, 10 * MIN);
    sleeps(w, HOUR);
    tells(w, MIN, "raised schedule t of flow a.b/f was missed");
}

static void many_missed_schedules__are_few_messages(void **state)
{
    struct world *w = *state;
    char id[16];
    with_rule(w, RULE_SCHEDULE_MISSED, 0, NULL);
    for (int i = 0; i < 30; i++) {
        (void)str_format(id, sizeof id, "f%02d", i);
        apply_schedule(w, id, "NONE");
    }
    live(w, 10 * MIN);
    sleeps(w, HOUR);
    forget_told();
    live(w, MIN);
    assert_int_equal(told_count, 11);
}

static void missed_moments__are_told_to_whom_the_flow_names(void **state)
{
    struct world *w = *state;
    with_rules(w, 0);
    apply_telling(w, "all", "NONE", "notify: [ops]\n");
    apply_telling(w, "missed", "NONE", "notify: [{channel: night, events: [MISSED]}]\n");
    apply_telling(w, "failed", "NONE", "notify: [{channel: ops, events: [FAILED]}]\n");
    live(w, 10 * MIN);
    sleeps(w, HOUR);
    tells(w, MIN, "raised schedule t of flow a.b/all was missed",
          "raised schedule t of flow a.b/missed was missed");
    assert_string_equal(last_count, "60");
    world_crash(w);
    tells(w, HOUR, "over schedule t of flow a.b/missed was not missed again for 1h",
          "over schedule t of flow a.b/all was not missed again for 1h");
}

static void missed_moments__are_told_once_where_rule_and_flow_name_a_channel(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_SCHEDULE_MISSED, 0, NULL);
    apply_telling(w, "f", "NONE", "notify: [ops, {channel: night, events: [FAILED, MISSED]}]\n");
    live(w, 10 * MIN);
    sleeps(w, HOUR);
    tells(w, MIN, "raised schedule t of flow a.b/f was missed",
          "raised schedule t of flow a.b/f was missed");
    assert_string_equal(last_count, "60");
}

/* Moments wait, since the execution of the first one does. */
#define WAITING(channel, more)                                                                     \
    "id: f\nnamespace: a.b\nnotify: [" channel "]\ntasks: [{id: a, command: [x]}]\n"               \
    "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '* * * * *', "         \
    "recoverMissedSchedules: ALL" more "}]\n"

static void missed_moments_of_a_schedule_that_is_disabled__are_told(void **state)
{
    struct world *w = *state;
    with_rules(w, 0);
    world_apply_flow(w, WAITING("ops", ""));
    live(w, 10 * MIN);
    sleeps(w, HOUR);
    tells_nothing(w, MIN);
    world_apply_flow(w, WAITING("night", ", disabled: true"));
    tells(w, 0, "raised schedule t of flow a.b/f was missed");
    assert_non_null(strstr(last_event, "the trigger was disabled meanwhile"));
}

/* ---- executions ------------------------------------------------------------------------------ */

#define BAD "tasks: [{id: a, type: io.kestra.plugin.core.execution.Fail, errorMessage: oh}]\n"

static void fails(struct world *w, const char *id, const char *notify)
{
    char *source = str_dupf("id: %s\nnamespace: a.b\n%s" BAD, id, notify);
    world_apply_flow(w, source);
    mem_free(source);
    live(w, 0);
    world_start(w, id, NULL);
    live(w, 0);
}

static void flows_that_fail_together__are_few_messages_of_a_rule(void **state)
{
    struct world *w = *state;
    char id[16];
    with_rule(w, RULE_EXECUTION_FAILED, 0, NULL);
    forget_told();
    for (int i = 0; i < 30; i++) {
        (void)str_format(id, sizeof id, "f%02d", i);
        fails(w, id, "");
    }
    assert_int_equal(told_count, 11);
    assert_true(str_ends(told[10], " failed, and others"));
    tells(w, 24 * HOUR - MIN, "again flow a.b/f29 failed, and others",
          "over none of the other flows failed for 1h"); /* each ends by an execution */
    forget_told();
    fails(w, "own", "notify: [ops, night]\n"); /* it says itself who is told */
    assert_int_equal(told_count, 2);
    assert_string_equal(told[0], "raised flow a.b/own failed");
    assert_string_equal(told[1], "raised flow a.b/own failed");
}

static void flow_that_names_a_channel_for_missed_schedules__tells_of_no_failure(void **state)
{
    struct world *w = *state;
    with_rules(w, 0);
    forget_told();
    fails(w, "f", "notify: [{channel: night, events: [MISSED]}]\n");
    assert_int_equal(told_count, 0);
    fails(w, "g", "notify: [{channel: night, events: [FAILED]}]\n");
    assert_int_equal(told_count, 1);
}

static void deletes(struct world *w, const char *id)
{
    assert_int_equal(world_do(w, cmd_place(w, CMD_FLOW_DELETE, id, NULL)), 0);
}

static void flow_that_is_deleted__ends_its_failures(void **state)
{
    struct world *w = *state;
    with_rules(w, 0);
    forget_told();
    fails(w, "f", "notify: [ops, night]\n");
    fails(w, "g", "notify: [ops]\n");
    forget_told();
    deletes(w, "f");
    tells(w, MIN, "over flow a.b/f was deleted", "over flow a.b/f was deleted");
    last_says("{\"title\":\"flow a.b/f was deleted\","
              "\"text\":\"it had failed, and nobody can start it any more\","
              "\"namespace\":\"a.b\",\"flow\":\"f\","
              "\"event\":\"execution-failed\",\"state\":\"over\",\"count\":\"0\"}");
    tells_nothing(w, NOTICE_FORGET_MS + MIN);
}

static void flow_that_is_deleted__its_last_execution_tells_no_failure(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_EXECUTION_FAILED, 0, NULL);
    struct hand h = hand_open(w, "h", NULL, 1);
    world_apply_flow(w, "id: f\nnamespace: a.b\nnotify: [night]\n"
                        "tasks: [{id: a, command: [a]}]\n");
    int64_t execution = world_start(w, "f", NULL), job = hand_job(&h);
    hand_start(&h, job);
    forget_told();
    deletes(w, "f");
    hand_exit(&h, job, 7);
    assert_string_equal(world_execution_state(w, execution), "FAILED");
    tells_nothing(w, HOUR);
}

static void flow_that_is_deleted_and_did_not_fail__tells_nothing(void **state)
{
    struct world *w = *state;
    with_rules(w, 0);
    world_apply_flow(w, "id: f\nnamespace: a.b\nnotify: [ops]\n" BAD);
    forget_told();
    deletes(w, "f");
    tells_nothing(w, HOUR);
    fails(w, "f", "notify: [ops]\n"); /* one that is made anew under its name begins anew */
    deletes(w, "f");
    tells(w, MIN, "over flow a.b/f was deleted");
}

/* ---- namespaces ------------------------------------------------------------------------------ */

#define FAILED_TO(channel) "{\"channel\":\"" channel "\",\"events\":[\"execution-failed\"]}"
#define MISSED_TO(channel) "{\"channel\":\"" channel "\",\"events\":[\"schedule-missed\"]}"

static void names(struct world *w, const char *ns, const char *notify)
{
    struct command *c = command_new(CMD_NS_SET);
    c->request = ++w->requests;
    c->mask = NS_KEEPS_GROUP | NS_SETS_NOTIFY;
    c->u.ns.ns = mem_strdup(ns);
    c->u.ns.notify = mem_strdup(notify);
    assert_int_equal(world_do(w, c), 0);
    const struct reply *x = world_reply(w);
    if (x->rc) fail_msg("%s", err_text(&x->err));
}

static void executions__of_a_namespace_and_below__are_told(void **state)
{
    struct world *w = *state;
    with_rules(w, 0);
    names(w, "a", "[" FAILED_TO("ops") "]");
    names(w, "a.c", "[" FAILED_TO("night") "]");
    forget_told();
    fails(w, "f", "");
    world_crash(w);
    fails(w, "f", "");
    tells(w, NOTICE_PAUSE_MS + MIN, "again flow a.b/f failed");
    assert_string_equal(last_count, "1");
    world_apply_flow(w, "id: f\nnamespace: a.b\n" QUICK);
    world_start(w, "f", NULL);
    tells(w, MIN, "over flow a.b/f ended well again");
    tells_nothing(w, HOUR);
}

static void executions__of_a_namespace_that_says_nothing_more__are_not_told(void **state)
{
    struct world *w = *state;
    with_rules(w, 0);
    names(w, "a.c", "[" FAILED_TO("ops") "]");
    names(w, "a.b", "[" MISSED_TO("ops") "]");
    names(w, "a.b.c", "[" FAILED_TO("ops") "]");
    forget_told();
    fails(w, "f", "");
    assert_int_equal(told_count, 0);
    names(w, "a", "[" FAILED_TO("ops") "]");
    fails(w, "f", ""); /* the nearest one that says something counts */
    assert_int_equal(told_count, 0);
    names(w, "a.b", "[]");
    fails(w, "f", ""); /* nobody */
    assert_int_equal(told_count, 0);
    names(w, "a.b", NULL);
    fails(w, "f", ""); /* that of its parent counts again */
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0], "raised flow a.b/f failed");
}

static void channel_of_rule_namespace_and_flow__is_told_once(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_EXECUTION_FAILED, 0, NULL);
    names(w, "a.b", "[" FAILED_TO("ops") "," FAILED_TO("night") "]");
    forget_told();
    fails(w, "f", "");
    assert_int_equal(told_count, 2);
    assert_string_equal(last_count, "1");
    forget_told();
    fails(w, "own", "notify: [ops, night]\n");
    assert_int_equal(told_count, 2);
    assert_string_equal(last_count, "1");
}

static void flows_that_fail_together__are_few_messages_of_a_namespace(void **state)
{
    struct world *w = *state;
    char id[16];
    with_rules(w, 0);
    names(w, "a", "[" FAILED_TO("ops") "]");
    forget_told();
    for (int i = 0; i < 30; i++) {
        (void)str_format(id, sizeof id, "f%02d", i);
        fails(w, id, "");
        if (i == 5) names(w, "a", "[" FAILED_TO("ops") "," FAILED_TO("night") "]");
    }
    assert_int_equal(told_count, 16); /* six of ops, four of both, the shared one of both */
    assert_true(str_ends(told[15], " failed, and others"));
    int over = 0;
    forget_told();
    live(w, 2 * HOUR);
    for (size_t i = 0; i < told_count; i++)
        over += str_eq(told[i], "over none of the other flows failed for 1h");
    assert_int_equal(over, 2); /* of each channel the shared one */
}

static void missed_moments__of_a_namespace__are_told(void **state)
{
    struct world *w = *state;
    with_rules(w, 0);
    names(w, "a", "[" MISSED_TO("ops") "," FAILED_TO("night") "]");
    apply_schedule(w, "f", "NONE");
    live(w, 10 * MIN);
    sleeps(w, HOUR);
    tells(w, MIN, "raised schedule t of flow a.b/f was missed");
    tells(w, HOUR, "over schedule t of flow a.b/f was not missed again for 1h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALARM_TEST(lost_attempts__are_one_message_of_their_group),
        ALARM_TEST(losses_that_stop__are_over_after_a_quiet_time),
        ALARM_TEST(quiet_time__outlives_crashes_and_a_clock_that_is_set_back),
        ALARM_TEST(quiet_time_of_a_rule_that_is_gone__ends_without_a_word),
        ALARM_TEST(lost_attempts__outlive_a_crash_and_are_told_once),
        ALARM_TEST(lost_attempts_of_another_group__are_not_told),
        ALARM_TEST(losses_that_two_rules_ask_for__are_counted_once),
        ALARM_TEST(losses_of_many_groups__are_few_messages),
        ALARM_TEST(flows_that_fail_together__are_few_messages_of_a_rule),
        ALARM_TEST(flow_that_names_a_channel_for_missed_schedules__tells_of_no_failure),
        ALARM_TEST(flow_that_is_deleted__ends_its_failures),
        ALARM_TEST(flow_that_is_deleted__its_last_execution_tells_no_failure),
        ALARM_TEST(flow_that_is_deleted_and_did_not_fail__tells_nothing),
        ALARM_TEST(missed_moments__are_one_message_of_their_schedule),
        ALARM_TEST(missed_moments_that_are_made_up_for__are_not_told),
        ALARM_TEST(missed_moments_of_another_namespace__are_not_told),
        ALARM_TEST(many_missed_schedules__are_few_messages),
        ALARM_TEST(missed_moments__are_told_to_whom_the_flow_names),
        ALARM_TEST(missed_moments__are_told_once_where_rule_and_flow_name_a_channel),
        ALARM_TEST(missed_moments_of_a_schedule_that_is_disabled__are_told),
        ALARM_TEST(executions__of_a_namespace_and_below__are_told),
        ALARM_TEST(executions__of_a_namespace_that_says_nothing_more__are_not_told),
        ALARM_TEST(channel_of_rule_namespace_and_flow__is_told_once),
        ALARM_TEST(flows_that_fail_together__are_few_messages_of_a_namespace),
        ALARM_TEST(missed_moments__of_a_namespace__are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
