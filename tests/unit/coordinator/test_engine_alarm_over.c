/* What the message says that ends another: title, text and members, of each event. And states that
 * are told again while they last. */
#include "alarm_world.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#define DAY (INT64_C(24) * HOUR)
#define MIB INT64_C(1048576)

#define OVER(event) "\"event\":\"" event "\",\"state\":\"over\",\"count\":\"0\"}"

/* The one message within ms says so. */
static void ends_with(struct world *w, int64_t ms, const char *members)
{
    forget_told();
    live(w, ms);
    assert_int_equal(told_count, 1);
    last_says(members);
}

static void offline__says_which_agent_and_for_how_long(void **state)
{
    struct world *w = *state;
    world_group(w, "win", NULL);
    int64_t a = world_agent(w, "a", "win");
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    uint64_t session = world_connect(w, a, "win", 1);
    goes(w, session);
    tells(w, 2 * HOUR, "raised agent a is offline");
    world_connect(w, a, "win", 1);
    ends_with(w, ALARM_EVERY_MS,
              "{\"title\":\"agent a is online\",\"text\":\"it was away for 2h5s\","
              "\"group\":\"win\",\"agent\":\"a\"," OVER("agent-offline"));
}

static void offline__counts_from_when_it_went_though_a_rule_came_later(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, DAY, NULL);
    int64_t a = world_agent(w, "a", NULL);
    tells(w, DAY + MIN, "raised agent a is offline");
    world_crash(w); /* which does not begin it anew */
    live(w, HOUR);
    world_connect(w, a, NULL, 1);
    ends_with(w, ALARM_EVERY_MS,
              "{\"title\":\"agent a is online\",\"text\":\"it was away for 1d1h1m5s\","
              "\"group\":\"default\",\"agent\":\"a\"," OVER("agent-offline"));
}

static void many__say_for_how_long_and_of_which_group(void **state)
{
    struct world *w = *state;
    int64_t agents[ALARM_OWN + 1];
    char name[16];
    world_group(w, "win", NULL);
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, "win");
    for (int i = 0; i <= ALARM_OWN; i++) {
        (void)str_format(name, sizeof name, "a%02d", i);
        agents[i] = world_agent(w, name, "win");
    }
    tells(w, AFTER + HOUR, "raised 11 agents are offline");
    for (int i = 0; i <= ALARM_OWN; i++)
        world_connect(w, agents[i], "win", 1);
    ends_with(w, ALARM_EVERY_MS,
              "{\"title\":\"all of them are online\",\"text\":\"it lasted for 1h5s\","
              "\"group\":\"win\"," OVER("agent-offline"));
}

static void short_group__says_how_many_there_are_and_for_how_long(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    with_rule(w, RULE_GROUP_SHORT, 1, NULL);
    tells(w, HOUR, "raised group default has too few agents");
    world_connect(w, a, NULL, 1);
    forget_told();
    live(w, ALARM_EVERY_MS);
    assert_int_equal(told_count, 1);
    last_says("{\"title\":\"group default has enough agents again\","
              "\"text\":\"1 takes jobs; it had too few for 59m30s\","
              "\"group\":\"default\"," OVER("group-short"));
}

static void old_queue__says_how_many_wait_and_for_how_long_it_lasted(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_QUEUE_OLD, HOUR, NULL);
    int64_t id = world_submit(w, NULL, NULL);
    live(w, HOUR - MIN);
    world_submit(w, NULL, NULL);
    live(w, HOUR / 2);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    ends_with(w, 30 * S,
              "{\"title\":\"no job of group default has waited for long any more\","
              "\"text\":\"1 job waits; it lasted for 29m\","
              "\"group\":\"default\"," OVER("queue-old"));
}

static void token__says_which(void **state)
{
    struct world *w = *state;
    char *expected;
    char id[ID_TEXT_SIZE];
    struct command *c = command_new(CMD_TOKEN_CREATE);
    with_rule(w, RULE_TOKEN_ENDS, 7 * DAY, NULL);
    c->request = ++w->requests;
    c->u.token.role = ROLE_READ;
    c->u.token.name = mem_strdup("ci");
    c->u.token.uses_left = -1;
    c->u.token.expires_ms = w->now.wall_ms + 8 * DAY;
    world_do(w, c);
    id_format(world_reply(w)->id, id);
    tells(w, DAY + HOUR, "raised token ci (read) ends soon");
    expected =
        str_dupf("{\"title\":\"token ci has ended\",\"text\":\"it is %s\"," OVER("token-ends"), id);
    ends_with(w, 7 * DAY, expected);
    mem_free(expected);
}

/* Certificates that end so soon. */
static void stands(struct world *w, int64_t free_bytes, int64_t left_ms)
{
    struct command *c = command_new(CMD_STANDING);
    int64_t until_ms = w->now.wall_ms + left_ms;
    c->u.standing =
        (struct standing){.disk_free = free_bytes, .ca = {until_ms - 100 * DAY, until_ms}};
    c->text = mem_strdup("/state");
    assert_int_equal(world_do(w, c), 0);
}

static void disk__says_which_and_for_how_long(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_DISK_LOW, 100 * MIB, NULL);
    stands(w, MIB, 99 * DAY);
    tells(w, HOUR, "raised the coordinator's disk has 1MiB left");
    stands(w, 200 * MIB, 99 * DAY);
    ends_with(w, MIN,
              "{\"title\":\"the coordinator's disk has 200MiB left again\","
              "\"text\":\"in /state; it had too little for 1h\"," OVER("disk-low"));
}

static void certificate__says_when_the_new_one_ends(void **state)
{
    struct world *w = *state;
    char at[TIME_TEXT_SIZE];
    with_rule(w, RULE_CERTIFICATE_ENDS, 14 * DAY, NULL);
    stands(w, MIB, DAY);
    tells(w, HOUR, "raised the coordinator's CA certificate ends soon");
    stands(w, MIB, 99 * DAY);
    time_format(w->now.wall_ms + 99 * DAY, at);
    char *expected = str_dupf("{\"title\":\"the coordinator's CA certificate was renewed\","
                              "\"text\":\"it ends at %s\"," OVER("certificate-ends"),
                              at);
    ends_with(w, MIN, expected);
    mem_free(expected);
}

static void flow__says_which_and_what_went_well(void **state)
{
    struct world *w = *state;
    const char *source = "id: f\nnamespace: a.b\n";
    const char *bad = "tasks: [{id: a, type: io.kestra.plugin.core.execution.Fail}]\n";
    const char *good = "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: hi}]\n";
    with_rule(w, RULE_EXECUTION_FAILED, 0, NULL);
    char *text = str_dupf("%s%s", source, bad);
    world_apply_flow(w, text);
    mem_free(text);
    world_start(w, "f", NULL);
    tells(w, MIN, "raised flow a.b/f failed");
    text = str_dupf("%s%s", source, good);
    world_apply_flow(w, text);
    mem_free(text);
    world_start(w, "f", NULL);
    forget_told();
    live(w, MIN);
    assert_int_equal(told_count, 1);
    const char *id = strstr(last_event, "\"execution\":\"");
    assert_non_null(id);
    char *expected = str_dupf("{\"title\":\"flow a.b/f ended well again\","
                              "\"text\":\"execution %.*s\",\"namespace\":\"a.b\",\"flow\":\"f\","
                              "\"execution\":\"%.*s\"," OVER("execution-failed"),
                              ID_TEXT_SIZE - 1, id + 13, ID_TEXT_SIZE - 1, id + 13);
    last_says(expected);
    mem_free(expected);
}

/* ---- states that are told again -------------------------------------------------------------- */

static void repeats(struct world *w, enum rule_event event, int64_t limit, int64_t repeat)
{
    with_rule(w, event, limit, NULL);
    rules[0].repeat = repeat;
    with_rules(w, 1);
}

static void state_that_lasts__is_told_again_as_its_rule_asks(void **state)
{
    struct world *w = *state;
    repeats(w, RULE_AGENT_OFFLINE, AFTER, HOUR);
    int64_t a = world_agent(w, "a", NULL);
    tells(w, AFTER + ALARM_EVERY_MS, "raised agent a is offline");
    tells_nothing(w, HOUR - 2 * ALARM_EVERY_MS);
    tells(w, 3 * ALARM_EVERY_MS, "again agent a is offline");
    last_says("{\"title\":\"agent a is offline\","
              "\"text\":\"it has lasted for 1h5m and was told 1 time before\","
              "\"group\":\"default\",\"agent\":\"a\",\"event\":\"agent-offline\","
              "\"state\":\"again\",\"count\":\"2\"}");
    tells(w, 2 * HOUR, "again agent a is offline", "again agent a is offline");
    last_says("{\"title\":\"agent a is offline\","
              "\"text\":\"it has lasted for 3h5m and was told 3 times before\","
              "\"group\":\"default\",\"agent\":\"a\",\"event\":\"agent-offline\","
              "\"state\":\"again\",\"count\":\"4\"}");
    world_connect(w, a, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over agent a is online");
    tells_nothing(w, 3 * HOUR);
}

static void repetition__outlives_crashes(void **state)
{
    struct world *w = *state;
    repeats(w, RULE_AGENT_OFFLINE, AFTER, HOUR);
    int64_t a = world_agent(w, "a", NULL);
    tells(w, 2 * AFTER, "raised agent a is offline");
    world_crash(w);
    tells_nothing(w, HOUR - 2 * AFTER);
    world_crash(w); /* whether it is away is not known again at once */
    tells_nothing(w, AFTER - ALARM_EVERY_MS);
    tells(w, 2 * AFTER, "again agent a is offline");
    assert_non_null(strstr(last_event, "it has lasted for 1h5m"));
    assert_non_null(strstr(last_event, "was told 1 time before"));
    world_crash(w);
    tells(w, HOUR + AFTER, "again agent a is offline");
    assert_non_null(strstr(last_event, "it has lasted for 2h5m"));
    assert_non_null(strstr(last_event, "was told 2 times before"));
    world_connect(w, a, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over agent a is online");
    assert_non_null(strstr(last_event, "it was away for 2h"));
}

static void many__are_told_again_as_one(void **state)
{
    struct world *w = *state;
    int64_t agents[ALARM_OWN + 1];
    char name[16];
    repeats(w, RULE_AGENT_OFFLINE, AFTER, 4 * HOUR);
    for (int i = 0; i <= ALARM_OWN; i++) {
        (void)str_format(name, sizeof name, "a%02d", i);
        agents[i] = world_agent(w, name, NULL);
    }
    tells(w, 2 * AFTER, "raised 11 agents are offline");
    world_connect(w, agents[0], NULL, 1);
    tells(w, 4 * HOUR, "again 10 agents are offline");
    last_says("{\"title\":\"10 agents are offline\",\"text\":\"a01, a02, a03, a04, a05 and 5 more; "
              "it has lasted for 4h and was told 1 time before\",\"number\":\"10\","
              "\"event\":\"agent-offline\",\"state\":\"again\",\"count\":\"2\"}");
    for (int i = 1; i <= ALARM_OWN; i++)
        world_connect(w, agents[i], NULL, 1);
    tells(w, ALARM_EVERY_MS, "over all of them are online");
    tells_nothing(w, DAY);
}

static void group__is_told_again_with_what_is_so_now(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    repeats(w, RULE_GROUP_SHORT, 2, HOUR);
    tells(w, 10 * MIN, "raised group default has too few agents");
    world_connect(w, a, NULL, 1);
    tells(w, HOUR, "again group default has too few agents");
    last_says(
        "{\"title\":\"group default has too few agents\",\"text\":\"1 of at least 2 takes jobs; "
        "it has lasted for 1h and was told 1 time before\",\"group\":\"default\","
        "\"event\":\"group-short\",\"state\":\"again\",\"count\":\"2\"}");
}

static void old_queue__says_how_many_wait_in_good_words(void **state)
{
    struct world *w = *state;
    char id[ID_TEXT_SIZE], one[100], two[100];
    repeats(w, RULE_QUEUE_OLD, HOUR, HOUR);
    int64_t first = world_submit(w, NULL, NULL);
    id_format(first, id);
    (void)str_format(one, sizeof one, "\"1 job waits, it is %s; 'cadre job why %s'", id, id);
    (void)str_format(two, sizeof two, "\"2 jobs wait, the oldest is %s; 'cadre", id);
    live(w, HOUR + MIN);
    assert_non_null(strstr(last_event, one));
    int64_t second = world_submit(w, NULL, NULL);
    live(w, HOUR);
    assert_non_null(strstr(last_event, two));
    world_do(w, cmd_id(w, CMD_CANCEL, first));
    world_do(w, cmd_id(w, CMD_CANCEL, second));
    live(w, MIN);
    assert_non_null(strstr(last_event, "\"none waits; it lasted for "));
}

static void short_group__says_how_many_there_are_in_good_words(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    with_rule(w, RULE_GROUP_SHORT, 2, NULL);
    live(w, HOUR);
    assert_non_null(strstr(last_event, "\"0 of at least 2 take jobs\""));
    world_connect(w, a, NULL, 1);
    world_connect(w, b, NULL, 1);
    live(w, ALARM_EVERY_MS);
    assert_non_null(strstr(last_event, "\"2 take jobs; it had too few for "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALARM_TEST(offline__says_which_agent_and_for_how_long),
        ALARM_TEST(offline__counts_from_when_it_went_though_a_rule_came_later),
        ALARM_TEST(many__say_for_how_long_and_of_which_group),
        ALARM_TEST(short_group__says_how_many_there_are_and_for_how_long),
        ALARM_TEST(short_group__says_how_many_there_are_in_good_words),
        ALARM_TEST(old_queue__says_how_many_wait_in_good_words),
        ALARM_TEST(old_queue__says_how_many_wait_and_for_how_long_it_lasted),
        ALARM_TEST(token__says_which),
        ALARM_TEST(disk__says_which_and_for_how_long),
        ALARM_TEST(certificate__says_when_the_new_one_ends),
        ALARM_TEST(flow__says_which_and_what_went_well),
        ALARM_TEST(state_that_lasts__is_told_again_as_its_rule_asks),
        ALARM_TEST(repetition__outlives_crashes),
        ALARM_TEST(many__are_told_again_as_one),
        ALARM_TEST(group__is_told_again_with_what_is_so_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
