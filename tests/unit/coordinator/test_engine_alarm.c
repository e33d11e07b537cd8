/* States that rules ask for: told when they begin and when they are over, and not twice. */
#include "alarm_world.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static size_t queue_looks;

int __real_store_queue_oldest(struct store *s, const struct queue_key *k, int64_t *id,
                              struct err *e);
int __wrap_store_queue_oldest(struct store *s, const struct queue_key *k, int64_t *id,
                              struct err *e);
int __wrap_store_queue_oldest(struct store *s, const struct queue_key *k, int64_t *id,
                              struct err *e)
{
    queue_looks++;
    return __real_store_queue_oldest(s, k, id, e);
}

/* ---- agents ---------------------------------------------------------------------------------- */

static void agent_that_stays_away__is_told_once_and_when_it_is_back(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    int64_t a = world_agent(w, "a", NULL);
    uint64_t session = world_connect(w, a, NULL, 1);
    tells_nothing(w, 60 * MIN);
    goes(w, session);
    tells_nothing(w, AFTER - 1);
    tells(w, ALARM_EVERY_MS, "raised agent a is offline");
    tells_nothing(w, 48 * 60 * MIN);
    world_connect(w, a, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over agent a is online");
    tells_nothing(w, 60 * MIN);
}

static void agent_that_is_back_in_time__is_not_told(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    int64_t a = world_agent(w, "a", NULL);
    for (int i = 0; i < 5; i++) {
        uint64_t session = world_connect(w, a, NULL, 1);
        live(w, MIN);
        goes(w, session);
        tells_nothing(w, AFTER - 2 * ALARM_EVERY_MS);
    }
}

static void agent_that_never_came__counts_from_when_it_joined(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    int64_t a = world_agent(w, "a", NULL);
    tells_nothing(w, AFTER - 1);
    tells(w, ALARM_EVERY_MS, "raised agent a is offline");
    world_connect(w, a, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over agent a is online"); /* not "again" */
}

static void restart__tells_nothing_again(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    world_connect(w, b, NULL, 1);
    tells(w, 2 * AFTER, "raised agent a is offline");
    world_die(w);
    world_pass(w, 3 * AFTER);
    world_rise(w);
    tells_nothing(w, AFTER - ALARM_EVERY_MS);
    world_connect(w, b, NULL, 1);
    tells_nothing(w, 3 * AFTER);
    world_restart(w);
    world_connect(w, b, NULL, 1);
    world_connect(w, a, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over agent a is online");
}

static void agent_that_does_not_come_back_after_a_restart__counts_from_there(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    live(w, MIN);
    world_die(w);
    world_pass(w, 3 * AFTER);
    world_rise(w);
    tells_nothing(w, AFTER - 1);
    tells(w, ALARM_EVERY_MS, "raised agent a is offline");
}

static void agent_that_was_removed__ends_quietly(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    tells(w, 2 * AFTER, "raised agent a is offline", "raised agent b is offline");
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, a));
    tells_nothing(w, 2 * AFTER);
    world_connect(w, b, NULL, 1);
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, b)); /* while it is connected */
    tells_nothing(w, 2 * AFTER);
}

static void agent_that_comes_for_a_moment__is_still_away(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    int64_t a = world_agent(w, "a", NULL);
    tells(w, 2 * AFTER, "raised agent a is offline");
    goes(w, world_connect(w, a, NULL, 1));
    tells_nothing(w, 3 * AFTER);
    world_connect(w, a, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over agent a is online");
}

static void rule_of_a_group__looks_at_its_agents_alone(void **state)
{
    struct world *w = *state;
    world_group(w, "win", NULL);
    int64_t a = world_agent(w, "a", "win");
    int64_t b = world_agent(w, "b", NULL);
    uint64_t s = world_connect(w, a, "win", 1), t = world_connect(w, b, NULL, 1);
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, "win");
    s = world_connect(w, a, "win", 1);
    t = world_connect(w, b, NULL, 1);
    goes(w, s);
    goes(w, t);
    tells(w, 2 * AFTER, "raised agent a is offline");
}

static void two_rules_for_one_channel__are_one_message(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    rules[1] = (struct rule){.name = "late",
                             .event = RULE_AGENT_OFFLINE,
                             .limit = 3 * AFTER,
                             .channels = both,
                             .channel_count = 2};
    with_rules(w, 2);
    int64_t a = world_agent(w, "a", NULL);
    tells(w, 2 * AFTER, "raised agent a is offline");
    tells(w, 2 * AFTER, "raised agent a is offline"); /* night */
    world_connect(w, a, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over agent a is online", "over agent a is online");
}

static void rule_that_is_gone__ends_its_messages_quietly(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    world_agent(w, "a", NULL);
    tells(w, 2 * AFTER, "raised agent a is offline");
    with_rules(w, 0);
    tells_nothing(w, 2 * AFTER);
    with_rules(w, 1);
    tells(w, 2 * AFTER, "raised agent a is offline");
}

/* ---- many ------------------------------------------------------------------------------------ */

#define MANY 37
static int64_t agents[MANY];

static void make_many(struct world *w)
{
    char name[16];
    for (int i = 0; i < MANY; i++) {
        (void)str_format(name, sizeof name, "a%02d", i);
        agents[i] = world_agent(w, name, NULL);
    }
}

static void many_at_once__are_one_message(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    make_many(w);
    tells(w, 2 * AFTER, "raised 37 agents are offline");
    for (int i = 1; i < MANY; i++)
        world_connect(w, agents[i], NULL, 1);
    tells_nothing(w, 2 * AFTER);
    world_connect(w, agents[0], NULL, 1);
    tells(w, ALARM_EVERY_MS, "over all of them are online");
}

static void many_that_come_for_a_moment__are_still_away(void **state)
{
    struct world *w = *state;
    uint64_t sessions[MANY];
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    make_many(w);
    tells(w, 2 * AFTER, "raised 37 agents are offline");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            sessions[i] = world_connect(w, agents[i], NULL, 1);
        for (int i = 0; i < MANY; i++)
            goes(w, sessions[i]);
        tells_nothing(w, 2 * MIN);
    }
    tells_nothing(w, 2 * AFTER);
    for (int i = 0; i < MANY; i++)
        sessions[i] = world_connect(w, agents[i], NULL, 1);
    tells(w, ALARM_EVERY_MS, "over all of them are online");
    live(w, AFTER);
    goes(w, sessions[0]); /* which is another matter */
    tells(w, 2 * AFTER, "raised agent a00 is offline");
}

static void as_many_as_may__have_messages_of_their_own(void **state)
{
    struct world *w = *state;
    uint64_t sessions[MANY];
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    make_many(w);
    for (int i = 0; i < MANY; i++)
        sessions[i] = world_connect(w, agents[i], NULL, 1);
    for (int i = 0; i < ALARM_OWN; i++)
        goes(w, sessions[i]);
    forget_told();
    live(w, 2 * AFTER);
    assert_int_equal(told_count, ALARM_OWN);
    goes(w, sessions[ALARM_OWN]);
    tells(w, 2 * AFTER, "raised one more agent is offline");
    goes(w, sessions[ALARM_OWN + 1]);
    tells(w, NOTICE_PAUSE_MS + AFTER, "again 2 more agents are offline");
    world_connect(w, agents[0], NULL, 1);
    tells(w, ALARM_EVERY_MS, "over agent a00 is online");
    tells_nothing(w, 2 * AFTER);
    for (int i = ALARM_OWN; i < ALARM_OWN + 2; i++)
        world_connect(w, agents[i], NULL, 1);
    tells(w, ALARM_EVERY_MS, "over the other agents are online"); /* nine are not */
}

static void restart__tells_nothing_again_of_many(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_AGENT_OFFLINE, AFTER, NULL);
    make_many(w);
    tells(w, 2 * AFTER, "raised 37 agents are offline");
    world_crash(w);
    tells_nothing(w, 3 * AFTER + NOTICE_PAUSE_MS);
    world_crash(w);
    for (int i = 0; i < MANY; i++)
        world_connect(w, agents[i], NULL, 1);
    tells(w, ALARM_EVERY_MS, "over all of them are online");
}

/* ---- groups ---------------------------------------------------------------------------------- */

#define GRACE (5 * MIN) /* more than an agent may be silent */

static void group_with_too_few_agents__is_told_once_and_when_it_has_enough(void **state)
{
    struct world *w = *state;
    uint64_t sessions[2];
    world_group(w, "win", NULL);
    int64_t a = world_agent(w, "a", "win"), b = world_agent(w, "b", "win");
    with_rule(w, RULE_GROUP_SHORT, 2, "win");
    sessions[0] = world_connect(w, a, "win", 1);
    sessions[1] = world_connect(w, b, "win", 1);
    tells_nothing(w, 2 * GRACE);
    goes(w, sessions[1]);
    tells_nothing(w, ALARM_EVERY_MS); /* it may come back */
    tells(w, GRACE, "raised group win has too few agents");
    goes(w, sessions[0]);
    tells_nothing(w, 24 * 60 * MIN);
    world_connect(w, a, "win", 1);
    tells_nothing(w, GRACE);
    world_connect(w, b, "win", 1);
    tells(w, ALARM_EVERY_MS, "over group win has enough agents again");
}

static void agent_that_comes_and_goes__does_not_hold_up_the_loss_of_others(void **state)
{
    struct world *w = *state;
    uint64_t sessions[2];
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    with_rule(w, RULE_GROUP_SHORT, 2, NULL);
    sessions[0] = world_connect(w, a, NULL, 1);
    sessions[1] = world_connect(w, b, NULL, 1);
    tells_nothing(w, 2 * GRACE);
    goes(w, sessions[0]);
    forget_told();
    int64_t from_ms = w->now.mono_ms;
    while (told_count == 0 && w->now.mono_ms - from_ms < 10 * GRACE) {
        goes(w, sessions[1]);
        live(w, 8 * S);
        sessions[1] = world_connect(w, b, NULL, 1);
        live(w, 8 * S);
    }
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0], "raised group default has too few agents");
    assert_in_range(w->now.mono_ms - from_ms, 25 * S, GRACE + MIN);
    world_connect(w, a, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over group default has enough agents again");
    tells_nothing(w, GRACE);
}

static void agent_that_is_drained__is_missing_in_its_group(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    with_rule(w, RULE_GROUP_SHORT, 1, NULL);
    world_connect(w, a, NULL, 1);
    live(w, GRACE);
    struct command *c = cmd_id(w, CMD_AGENT_DRAIN, a);
    c->text = mem_strdup("disk");
    world_do(w, c);
    tells(w, GRACE, "raised group default has too few agents");
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, a));
    tells(w, ALARM_EVERY_MS, "over group default has enough agents again");
}

static void restart__gives_the_agents_of_a_group_time(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    with_rule(w, RULE_GROUP_SHORT, 1, NULL);
    uint64_t session = world_connect(w, a, NULL, 1);
    live(w, GRACE);
    goes(w, session); /* as in a stop in order */
    world_restart(w);
    tells_nothing(w, 10 * S);
    world_connect(w, a, NULL, 1);
    tells_nothing(w, GRACE);
}

static void restart__tells_nothing_again_of_a_group(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    with_rule(w, RULE_GROUP_SHORT, 1, NULL);
    tells(w, GRACE, "raised group default has too few agents");
    world_crash(w);
    tells_nothing(w, 2 * GRACE);
    world_crash(w);
    world_connect(w, a, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over group default has enough agents again");
}

static void group_that_is_deleted__ends_quietly(void **state)
{
    struct world *w = *state;
    world_group(w, "win", NULL);
    with_rule(w, RULE_GROUP_SHORT, 1, NULL);
    world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    tells(w, GRACE, "raised group win has too few agents");
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "win"));
    assert_int_equal(world_reply(w)->rc, 0);
    tells_nothing(w, GRACE);
}

static void group_of_a_rule_that_is_deleted__is_short_until_it_is_back(void **state)
{
    struct world *w = *state;
    world_group(w, "win", NULL);
    int64_t a = world_agent(w, "a", NULL);
    with_rule(w, RULE_GROUP_SHORT, 1, "win");
    uint64_t session = world_connect(w, a, "win", 1);
    tells_nothing(w, GRACE);
    goes(w, session);
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "win"));
    assert_int_equal(world_reply(w)->rc, 0);
    tells(w, GRACE, "raised group win has too few agents");
    world_crash(w);
    tells_nothing(w, 24 * HOUR);
    world_group(w, "win", NULL);
    tells_nothing(w, HOUR);
    world_connect(w, a, "win", 1);
    tells(w, ALARM_EVERY_MS, "over group win has enough agents again");
}

/* ---- the log ---- */

static char *logged; /* the last warning */

static void hear(enum log_level level, const char *line, void *user)
{
    (void)user;
    if (level != LOG_WARN || !strstr(line, "notify: ")) return;
    mem_free(logged);
    logged = mem_strdup(strstr(line, "notify: "));
}

static void logs(const char *line)
{
    if (line) assert_non_null(logged);
    if (!line) assert_null(logged);
    if (line) assert_string_equal(logged, line);
    mem_free(logged);
    logged = NULL;
}

static void group_that_there_is_not__is_short_and_logged_with_the_nearest(void **state)
{
    struct world *w = *state;
    world_group(w, "windows", NULL);
    log_set_sink(hear, NULL);
    with_rule(w, RULE_GROUP_SHORT, 1, "window");
    logs("notify: rule 'r': there is no group 'window', did you mean 'windows'?");
    tells_nothing(w, ALARM_EVERY_MS); /* as of others after a start */
    tells(w, GRACE, "raised group window has too few agents");
    last_says(
        "{\"title\":\"group window has too few agents\",\"text\":\"there is no such group\","
        "\"group\":\"window\",\"event\":\"group-short\",\"state\":\"raised\",\"count\":\"1\"}");
    logs(NULL); /* once */
    with_rule(w, RULE_LEASE_LOST, 0, "nosuch");
    logs("notify: rule 'r': there is no group 'nosuch'");
    with_rule(w, RULE_QUEUE_OLD, HOUR, "windows");
    logs(NULL);
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "windows"));
    logs("notify: rule 'r' (queue-old) is about the group 'windows', which was deleted");
    world_group(w, "other", NULL);
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "other"));
    logs(NULL); /* nor is the first told of again */
    log_set_sink(NULL, NULL);
}

static void many_groups__are_one_message(void **state)
{
    struct world *w = *state;
    char key[16];
    for (int i = 0; i < 20; i++) {
        (void)str_format(key, sizeof key, "g%02d", i);
        world_group(w, key, NULL);
    }
    with_rule(w, RULE_GROUP_SHORT, 1, NULL);
    tells(w, GRACE, "raised 21 groups have too few agents");
    tells_nothing(w, 24 * 60 * MIN);
}

/* ---- queues ---------------------------------------------------------------------------------- */

#define OLD_EVERY (6 * ALARM_EVERY_MS)
#define IS_OLD "a job of group default has waited longer than 1h"
#define IS_YOUNG "over no job of group default has waited for long any more"

static void job_that_waits_for_long__is_told_once_and_when_it_is_gone(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_QUEUE_OLD, HOUR, NULL);
    int64_t id = world_submit(w, NULL, NULL);
    live(w, HOUR / 2);
    int64_t other = world_submit(w, NULL, "{\"label.x\":\"y\"}");
    tells_nothing(w, HOUR / 2 - S);
    tells(w, OLD_EVERY, "raised " IS_OLD);
    tells_nothing(w, 24 * HOUR);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    tells_nothing(w, HOUR); /* the other one is old by now */
    world_do(w, cmd_id(w, CMD_CANCEL, other));
    tells(w, OLD_EVERY, IS_YOUNG);
}

static void oldest_job__counts_though_others_have_more_priority(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_QUEUE_OLD, HOUR, NULL);
    world_submit(w, NULL, NULL);
    live(w, HOUR - MIN);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.priority = 7;
    world_do(w, c);
    tells(w, 2 * MIN, "raised " IS_OLD);
}

static void group_that_is_paused__is_left_as_it_is(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_QUEUE_OLD, HOUR, NULL);
    world_do(w, cmd_text(w, CMD_GROUP_PAUSE, "default"));
    int64_t id = world_submit(w, NULL, NULL);
    tells_nothing(w, 24 * HOUR);
    world_do(w, cmd_text(w, CMD_GROUP_RESUME, "default"));
    tells(w, OLD_EVERY, "raised " IS_OLD);
    world_do(w, cmd_text(w, CMD_GROUP_PAUSE, "default"));
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    tells_nothing(w, HOUR);
    world_do(w, cmd_text(w, CMD_GROUP_RESUME, "default"));
    tells(w, OLD_EVERY, IS_YOUNG);
}

static void restart__tells_nothing_again_of_a_queue(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_QUEUE_OLD, HOUR, NULL);
    int64_t id = world_submit(w, NULL, NULL);
    tells(w, HOUR + OLD_EVERY, "raised " IS_OLD);
    world_crash(w);
    tells_nothing(w, HOUR);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    world_crash(w);
    tells(w, OLD_EVERY, IS_YOUNG);
}

static void many_rules__look_at_a_queue_once(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_QUEUE_OLD, HOUR, NULL);
    for (size_t i = 1; i < 4; i++)
        rules[i] = rules[0];
    with_rules(w, 4);
    world_submit(w, NULL, NULL);
    queue_looks = 0;
    tells_nothing(w, 10 * OLD_EVERY);
    assert_in_range(queue_looks, 9, 11);
    live(w, HOUR - 10 * OLD_EVERY - MIN);
    queue_looks = 0;
    tells(w, 2 * MIN, "raised " IS_OLD); /* not once more for its words */
    assert_in_range(queue_looks, 3, 5);
}

static void rule_of_another_group__says_nothing_of_a_queue(void **state)
{
    struct world *w = *state;
    world_group(w, "win", NULL);
    with_rule(w, RULE_QUEUE_OLD, HOUR, "win");
    world_submit(w, NULL, NULL);
    tells_nothing(w, 2 * HOUR);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

#define DAY (INT64_C(24) * HOUR)
#define TOKEN_EVERY (12 * ALARM_EVERY_MS)

static int64_t make_token(struct world *w, const char *name, enum token_role role, int64_t life_ms)
{
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = ++w->requests;
    c->u.token.role = role;
    c->u.token.name = mem_strdup(name);
    c->u.token.uses_left = -1;
    c->u.token.expires_ms = life_ms ? w->now.wall_ms + life_ms : 0;
    assert_int_equal(world_do(w, c), 0);
    return world_reply(w)->id;
}

static void token_near_its_end__is_told_and_that_it_was_revoked(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_TOKEN_ENDS, 7 * DAY, NULL);
    int64_t id = make_token(w, "ci", ROLE_SUBMIT, 10 * DAY);
    tells_nothing(w, 3 * DAY - MIN);
    tells(w, MIN + TOKEN_EVERY, "raised token ci (submit) ends soon");
    world_crash(w);
    tells_nothing(w, DAY);
    world_do(w, cmd_id(w, CMD_TOKEN_REVOKE, id));
    tells(w, TOKEN_EVERY, "over token ci was revoked");
}

static void token_that_ends__is_told_so(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_TOKEN_ENDS, HOUR, NULL);
    make_token(w, "ci", ROLE_READ, 2 * HOUR);
    live(w, HOUR + MIN);
    tells(w, HOUR + MIN, "over token ci has ended");
}

static void tokens_whose_end_is_no_surprise__are_not_told(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_TOKEN_ENDS, 7 * DAY, NULL);
    make_token(w, "short", ROLE_READ, 7 * DAY);
    make_token(w, "join", ROLE_JOIN, 8 * DAY);
    make_token(w, "for ever", ROLE_ADMIN, 0);
    world_do(w, cmd_id(w, CMD_TOKEN_REVOKE, make_token(w, "gone", ROLE_ADMIN, 8 * DAY)));
    tells_nothing(w, 9 * DAY);
}

/* ---- the coordinator's disk and certificates ------------------------------------------------- */

#define MIB INT64_C(1048576)

static void stands(struct world *w, const struct standing *s)
{
    struct command *c = command_new(CMD_STANDING);
    c->u.standing = *s;
    c->text = mem_strdup("/state");
    assert_int_equal(world_do(w, c), 0);
}

static void has_room(struct world *w, int64_t bytes)
{
    stands(w, &(struct standing){.disk_free = bytes});
}

static void disk_with_little_room__is_told_once_and_when_it_has_more(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_DISK_LOW, 100 * MIB, NULL);
    has_room(w, 100 * MIB);
    tells_nothing(w, MIN);
    has_room(w, 99 * MIB);
    tells(w, ALARM_EVERY_MS, "raised the coordinator's disk has 99MiB left");
    has_room(w, 50 * MIB);
    tells_nothing(w, DAY);
    has_room(w, 105 * MIB); /* not for good yet */
    tells_nothing(w, DAY);
    has_room(w, 110 * MIB);
    tells(w, ALARM_EVERY_MS, "over the coordinator's disk has 110MiB left again");
}

static void restart__tells_nothing_again_of_a_disk(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_DISK_LOW, 100 * MIB, NULL);
    has_room(w, 9 * MIB);
    tells(w, ALARM_EVERY_MS, "raised the coordinator's disk has 9MiB left");
    world_crash(w);
    tells_nothing(w, MIN); /* nobody said how it is */
    has_room(w, -1);
    tells_nothing(w, MIN);
    has_room(w, 8 * MIB);
    tells_nothing(w, MIN);
    world_crash(w);
    has_room(w, 1000 * MIB);
    tells(w, ALARM_EVERY_MS, "over the coordinator's disk has 1000MiB left again");
}

/* Certificates with so much of their lives of 100 days left. */
static void certificates_last(struct world *w, int64_t ca_ms, int64_t server_ms)
{
    int64_t now_ms = w->now.wall_ms;
    stands(w, &(struct standing){.ca = {now_ms + ca_ms - 100 * DAY, now_ms + ca_ms},
                                 .server = {now_ms + server_ms - 100 * DAY, now_ms + server_ms}});
}

static void certificate_near_its_end__is_told_and_that_it_was_renewed(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_CERTIFICATE_ENDS, 14 * DAY, NULL);
    certificates_last(w, 50 * DAY, 14 * DAY);
    tells_nothing(w, 0);
    tells(w, MIN, "raised the coordinator's server certificate ends soon");
    tells_nothing(w, DAY);
    world_crash(w);
    tells_nothing(w, MIN);
    certificates_last(w, 14 * DAY - MIN, 13 * DAY);
    tells(w, MIN, "raised the coordinator's CA certificate ends soon");
    certificates_last(w, 13 * DAY, 99 * DAY);
    tells(w, MIN, "over the coordinator's server certificate was renewed");
}

static void certificate_of_a_short_life__is_told_at_its_last_quarter(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_CERTIFICATE_ENDS, 60 * DAY, NULL);
    certificates_last(w, 26 * DAY, 26 * DAY);
    tells_nothing(w, MIN);
    certificates_last(w, 26 * DAY, 24 * DAY);
    tells(w, MIN, "raised the coordinator's server certificate ends soon");
}

/* Of `web:`, with so much of its life of 90 days left; the others are young. */
static void web_lasts(struct world *w, int64_t ms)
{
    int64_t now_ms = w->now.wall_ms;
    stands(w, &(struct standing){.ca = {now_ms - DAY, now_ms + 99 * DAY},
                                 .server = {now_ms - DAY, now_ms + 99 * DAY},
                                 .web = {now_ms + ms - 90 * DAY, now_ms + ms}});
}

static void certificate_of_web__is_told_until_a_new_one_is_read(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_CERTIFICATE_ENDS, 14 * DAY, NULL);
    web_lasts(w, 14 * DAY + MIN);
    tells_nothing(w, 0);
    web_lasts(w, 14 * DAY - MIN);
    tells(w, MIN, "raised the coordinator's web certificate ends soon");
    web_lasts(w, 13 * DAY);
    tells_nothing(w, DAY);
    web_lasts(w, -MIN);
    tells_nothing(w, DAY); /* it is the same that goes on */
    web_lasts(w, 89 * DAY);
    tells(w, MIN, "over the coordinator's web certificate was renewed");
}

static void certificate_of_web_that_is_no_more__ends_its_message_quietly(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_CERTIFICATE_ENDS, 14 * DAY, NULL);
    web_lasts(w, -DAY);
    tells(w, MIN, "raised the coordinator's web certificate has ended");
    certificates_last(w, 99 * DAY, 99 * DAY); /* web: is gone from the configuration */
    tells_nothing(w, DAY);
}

/* ---- rules that are changed ------------------------------------------------------------------ */

static void rule_that_asks_for_less__ends_its_messages_quietly(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    with_rule(w, RULE_GROUP_SHORT, 2, NULL);
    world_connect(w, a, NULL, 1);
    tells(w, GRACE, "raised group default has too few agents");
    with_rule(w, RULE_GROUP_SHORT, 1, NULL);
    world_connect(w, a, NULL, 1);
    tells_nothing(w, GRACE);
    with_rule(w, RULE_GROUP_SHORT, 2, NULL);
    world_connect(w, a, NULL, 1);
    tells(w, GRACE + NOTICE_PAUSE_MS, "raised group default has too few agents");
    with_rule(w, RULE_GROUP_SHORT, 1, NULL); /* and it is over */
    world_connect(w, a, NULL, 1);
    world_connect(w, b, NULL, 1);
    tells(w, ALARM_EVERY_MS, "over group default has enough agents again");
}

static void rule_of_another_group_than_before__ends_its_messages_quietly(void **state)
{
    struct world *w = *state;
    world_group(w, "win", NULL);
    world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    with_rule(w, RULE_GROUP_SHORT, 1, "win");
    tells(w, GRACE, "raised group win has too few agents");
    world_group(w, "linux", NULL);
    with_rule(w, RULE_GROUP_SHORT, 1, "linux");
    tells(w, GRACE, "raised group linux has too few agents");
}

static void rule_that_waits_for_longer__ends_its_messages_quietly(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_QUEUE_OLD, HOUR, NULL);
    int64_t id = world_submit(w, NULL, NULL);
    tells(w, HOUR + OLD_EVERY, "raised " IS_OLD);
    with_rule(w, RULE_QUEUE_OLD, 2 * HOUR, NULL);
    tells_nothing(w, HOUR / 2);
    tells(w, HOUR, "raised a job of group default has waited longer than 2h");
    with_rule(w, RULE_QUEUE_OLD, 4 * HOUR, NULL);
    world_do(w, cmd_id(w, CMD_CANCEL, id)); /* and it is over */
    tells(w, OLD_EVERY, IS_YOUNG);
}

static void disk_that_may_be_fuller__ends_its_message_quietly(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_DISK_LOW, 100 * MIB, NULL);
    has_room(w, 50 * MIB);
    tells(w, MIN, "raised the coordinator's disk has 50MiB left");
    with_rule(w, RULE_DISK_LOW, 10 * MIB, NULL);
    has_room(w, 50 * MIB);
    tells_nothing(w, HOUR);
}

static void certificate_that_may_be_older__ends_its_message_quietly(void **state)
{
    struct world *w = *state;
    with_rule(w, RULE_CERTIFICATE_ENDS, 20 * DAY, NULL);
    certificates_last(w, 18 * DAY, 18 * DAY);
    tells(w, MIN, "raised the coordinator's CA certificate ends soon",
          "raised the coordinator's server certificate ends soon");
    with_rule(w, RULE_CERTIFICATE_ENDS, 14 * DAY, NULL);
    certificates_last(w, 17 * DAY, 99 * DAY);
    tells(w, MIN, "over the coordinator's server certificate was renewed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALARM_TEST(agent_that_stays_away__is_told_once_and_when_it_is_back),
        ALARM_TEST(agent_that_is_back_in_time__is_not_told),
        ALARM_TEST(agent_that_never_came__counts_from_when_it_joined),
        ALARM_TEST(restart__tells_nothing_again),
        ALARM_TEST(agent_that_does_not_come_back_after_a_restart__counts_from_there),
        ALARM_TEST(agent_that_was_removed__ends_quietly),
        ALARM_TEST(agent_that_comes_for_a_moment__is_still_away),
        ALARM_TEST(rule_of_a_group__looks_at_its_agents_alone),
        ALARM_TEST(two_rules_for_one_channel__are_one_message),
        ALARM_TEST(rule_that_is_gone__ends_its_messages_quietly),
        ALARM_TEST(many_at_once__are_one_message),
        ALARM_TEST(many_that_come_for_a_moment__are_still_away),
        ALARM_TEST(as_many_as_may__have_messages_of_their_own),
        ALARM_TEST(restart__tells_nothing_again_of_many),
        ALARM_TEST(group_with_too_few_agents__is_told_once_and_when_it_has_enough),
        ALARM_TEST(agent_that_comes_and_goes__does_not_hold_up_the_loss_of_others),
        ALARM_TEST(agent_that_is_drained__is_missing_in_its_group),
        ALARM_TEST(restart__gives_the_agents_of_a_group_time),
        ALARM_TEST(restart__tells_nothing_again_of_a_group),
        ALARM_TEST(group_that_is_deleted__ends_quietly),
        ALARM_TEST(group_of_a_rule_that_is_deleted__is_short_until_it_is_back),
        ALARM_TEST(group_that_there_is_not__is_short_and_logged_with_the_nearest),
        ALARM_TEST(many_groups__are_one_message),
        ALARM_TEST(job_that_waits_for_long__is_told_once_and_when_it_is_gone),
        ALARM_TEST(oldest_job__counts_though_others_have_more_priority),
        ALARM_TEST(group_that_is_paused__is_left_as_it_is),
        ALARM_TEST(restart__tells_nothing_again_of_a_queue),
        ALARM_TEST(many_rules__look_at_a_queue_once),
        ALARM_TEST(rule_of_another_group__says_nothing_of_a_queue),
        ALARM_TEST(token_near_its_end__is_told_and_that_it_was_revoked),
        ALARM_TEST(token_that_ends__is_told_so),
        ALARM_TEST(tokens_whose_end_is_no_surprise__are_not_told),
        ALARM_TEST(disk_with_little_room__is_told_once_and_when_it_has_more),
        ALARM_TEST(restart__tells_nothing_again_of_a_disk),
        ALARM_TEST(certificate_near_its_end__is_told_and_that_it_was_renewed),
        ALARM_TEST(certificate_of_a_short_life__is_told_at_its_last_quarter),
        ALARM_TEST(certificate_of_web__is_told_until_a_new_one_is_read),
        ALARM_TEST(certificate_of_web_that_is_no_more__ends_its_message_quietly),
        ALARM_TEST(rule_that_asks_for_less__ends_its_messages_quietly),
        ALARM_TEST(rule_of_another_group_than_before__ends_its_messages_quietly),
        ALARM_TEST(rule_that_waits_for_longer__ends_its_messages_quietly),
        ALARM_TEST(disk_that_may_be_fuller__ends_its_message_quietly),
        ALARM_TEST(certificate_that_may_be_older__ends_its_message_quietly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
