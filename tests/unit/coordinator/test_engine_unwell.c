/* Agents that say that they cannot start jobs. */
#include "engine_world.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#define NO_INODES "cannot make a folder: No space left on device"
#define GRACE_MS 35000 /* three heartbeats and 5 s */

/* NULL: it is well. */
static void says(struct world *w, uint64_t session, const char *unwell)
{
    struct command *c = cmd_ready(session);
    c->u.ready.unwell = mem_strdup(unwell);
    assert_int_equal(world_do(w, c), 0);
}

static uint64_t connects(struct world *w, int64_t agent, const char *group, const char *unwell)
{
    uint64_t session = ++w->sessions;
    struct command *c = cmd_hello(w, session, agent, group, 1);
    c->u.hello.unwell = mem_strdup(unwell);
    assert_int_equal(world_do(w, c), 0);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    return session;
}

static struct agent_row stored(struct world *w, int64_t agent)
{
    struct agent_row row = {0};
    assert_int_equal(store_agent_find(w->store, agent, &row, NULL), 1);
    return row;
}

/* since_ms 0 and why NULL: it is well. */
static void assert_stored(struct world *w, int64_t agent, int64_t since_ms, const char *why)
{
    struct agent_row row = stored(w, agent);
    assert_int_equal(row.unwell_since_ms, since_ms);
    if (why)
        assert_string_equal(row.unwell_reason, why);
    else
        assert_null(row.unwell_reason);
    agent_row_fini(&row);
}

static int64_t submit_fallback(struct world *w, const char *group, enum fallback f)
{
    struct command *c = cmd_submit(w, group, NULL);
    c->u.submit.job.fallback = f;
    c->u.submit.fallback_given = true;
    assert_int_equal(world_do(w, c), 0);
    assert_int_equal(world_reply(w)->rc, 0);
    return world_reply(w)->id;
}

/* ---- ready ---- */

static void ready__unwell__gets_nothing_until_it_is_well(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 2);
    says(w, s, NO_INODES);
    int64_t since = w->now.wall_ms;
    assert_stored(w, a, since, NO_INODES);
    int64_t id = world_submit(w, NULL, NULL);
    world_pass(w, 1000);
    says(w, s, NO_INODES);
    world_do(w, cmd_heard_on(w, s));
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_do(w, cmd_ready(s));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    assert_stored(w, a, 0, NULL);
}

static void ready__unwell__what_runs_runs_on(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t id = world_running(w, s, NULL, 1);
    says(w, s, NO_INODES);
    world_live(w, 60000);
    world_do(w, cmd_heard_on(w, s));
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
    world_submit(w, NULL, NULL);
    assert_null(world_effect(w, EFFECT_JOB));
}

static void ready__unwell__others_get_it(void **state)
{
    struct world *w = *state;
    uint64_t bad = world_connect(w, world_agent(w, "bad", NULL), NULL, 20);
    uint64_t good = world_connect(w, world_agent(w, "good", NULL), NULL, 5);
    says(w, bad, NO_INODES);
    for (int i = 0; i < 8; i++) {
        world_submit(w, NULL, NULL);
        const struct effect *x = world_effect(w, EFFECT_JOB);
        assert_true(i < 5 ? x && x->session == good : !x);
    }
}

/* The time when it began stays, the reason is the last one, and the same thing is written once. */
static void ready__unwell_again__keeps_since_and_writes_what_changed(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    says(w, s, NO_INODES);
    assert_true(engine_wrote(w->engine));
    int64_t since = w->now.wall_ms;
    for (int i = 0; i < 3; i++) {
        world_pass(w, 2000);
        says(w, s, NO_INODES);
        assert_false(engine_wrote(w->engine));
    }
    says(w, s, "no processes are left");
    assert_stored(w, a, since, "no processes are left");
    says(w, s, NULL);
    assert_true(engine_wrote(w->engine));
    says(w, s, NULL);
    assert_false(engine_wrote(w->engine));
    world_pass(w, 1000);
    says(w, s, NO_INODES);
    assert_stored(w, a, since + 7000, NO_INODES);
}

static void ready__a_reason_without_words__is_unwell_too(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    says(w, s, "");
    int64_t id = world_submit(w, NULL, NULL);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    assert_stored(w, a, w->now.wall_ms, "");
    says(w, s, NULL);
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    assert_stored(w, a, 0, NULL);
}

static void ready__to_and_fro_in_one_batch__the_last_word_counts(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    const char *const words[] = {NO_INODES, NULL, NO_INODES};
    for (int n = 2; n <= 3; n++) {
        world_begin(w);
        for (int i = 0; i < n; i++) {
            struct command *c = cmd_ready(s);
            c->u.ready.unwell = mem_strdup(words[i]);
            world_apply(w, c);
        }
        world_apply(w, cmd_submit(w, NULL, NULL));
        assert_int_equal(world_commit(w), 0);
        assert_int_equal(world_effects(w, EFFECT_JOB), n == 2 ? 1 : 0);
        if (n == 2) {
            int64_t id = world_effect(w, EFFECT_JOB)->u.job.job;
            world_do(w, cmd_finished(s, 1, id, 1, JOB_SUCCESS, REASON_NONE));
        }
    }
}

/* ---- hello ---- */

static void hello__unwell__gets_nothing_before_a_ready_without(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), id = world_submit(w, NULL, NULL);
    uint64_t s = connects(w, a, NULL, NO_INODES);
    says(w, s, NO_INODES);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    says(w, s, NULL);
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
}

static void hello__well__after_it_was_unwell__gets_jobs(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), id = world_submit(w, NULL, NULL);
    uint64_t s = connects(w, a, NULL, NO_INODES);
    world_do(w, cmd_gone(s));
    s = connects(w, a, NULL, NULL);
    assert_stored(w, a, 0, NULL);
    world_do(w, cmd_ready(s));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
}

static void hello__refused_by_its_group__leaves_nothing_behind(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    struct command *c = cmd_hello(w, 77, a, "nowhere", 1);
    c->u.hello.unwell = mem_strdup(NO_INODES);
    world_do(w, c);
    assert_non_null(world_effect(w, EFFECT_REFUSED));
    assert_stored(w, a, 0, NULL);
}

/* Away it is neither well nor unwell; what it says when it comes back counts. */
static void restart__unwell_again__goes_on_since_then(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    says(w, s, NO_INODES);
    int64_t since = w->now.wall_ms;
    world_restart(w);
    world_tick(w);
    struct agent_row row = stored(w, a);
    assert_false(row.online);
    agent_row_fini(&row);
    world_pass(w, 5000);
    connects(w, a, NULL, NO_INODES);
    assert_stored(w, a, since, NO_INODES);
    world_restart(w);
    connects(w, a, NULL, NULL);
    assert_stored(w, a, 0, NULL);
}

/* ---- beside a drain, and when it is removed ---- */

static void unwell_and_held__both_have_to_end(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    says(w, s, NO_INODES);
    int64_t since = w->now.wall_ms;
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, a));
    assert_stored(w, a, since, NO_INODES);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, a));
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, a));
    says(w, s, NULL);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, a));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
}

static void removed_while_unwell__is_gone(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    says(w, s, NO_INODES);
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, a));
    assert_non_null(world_effect(w, EFFECT_CLOSE));
    world_do(w, cmd_ready(s)); /* was on its way */
    int64_t id = world_submit(w, NULL, NULL);
    assert_int_equal(world_state(w, id), JOB_CREATED);
}

/* ---- fallback ---- */

static void fallback__only_an_unwell_agent__is_nobody(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", "g"), "g", 1);
    says(w, s, NO_INODES);
    world_live(w, GRACE_MS);
    assert_int_equal(world_state(w, submit_fallback(w, "g", FALLBACK_FAIL)), JOB_FAILED);
    assert_int_equal(world_state(w, submit_fallback(w, "g", FALLBACK_CANCEL)), JOB_CANCELLED);
    assert_int_equal(world_state(w, submit_fallback(w, "g", FALLBACK_WAIT)), JOB_CREATED);
    uint64_t other = world_connect(w, world_agent(w, "b", NULL), NULL, 1);
    submit_fallback(w, "g", FALLBACK_IGNORE);
    assert_int_equal(world_effect(w, EFFECT_JOB)->session, other);
}

static void fallback__unwell_for_a_moment__costs_nothing(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", "g"), "g", 1);
    world_running(w, s, "g", 1);
    int64_t id = submit_fallback(w, "g", FALLBACK_FAIL);
    says(w, s, NO_INODES);
    world_live(w, GRACE_MS - 1000);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    says(w, s, NULL);
    world_live(w, 2 * GRACE_MS);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    says(w, s, NO_INODES);
    world_live(w, GRACE_MS + 1000);
    assert_int_equal(world_state(w, id), JOB_FAILED);
    assert_int_equal(world_reason(w, id), REASON_NO_AGENT);
}

static void fallback__one_of_two_is_unwell__waits_for_the_other(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", "g"), "g", 1);
    uint64_t t = world_connect(w, world_agent(w, "b", "g"), "g", 1);
    says(w, s, NO_INODES);
    world_running(w, t, "g", 1);
    int64_t id = submit_fallback(w, "g", FALLBACK_FAIL);
    world_do(w, cmd_heard_on(w, t));
    world_live(w, 2 * GRACE_MS);
    assert_int_equal(world_state(w, id), JOB_CREATED);
}

/* ---- why ---- */

static struct json *why(struct world *w, int64_t id, const char *code)
{
    struct json *tree = NULL;
    assert_int_equal(world_do(w, cmd_id(w, CMD_WHY, id)), 0);
    const char *text = world_reply(w)->json;
    assert_int_equal(json_parse(text, strlen(text), &tree, NULL), 0);
    assert_string_equal(json_get_str(tree, "code", "(none)"), code);
    return tree;
}

static void assert_why(struct world *w, int64_t id, const char *code, const char *message)
{
    struct json *j = why(w, id, code);
    assert_string_equal(json_get_str(j, "message", ""), message);
    json_free(j);
}

static void why__names_who_is_unwell_since_when_and_of_what(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    w->now.wall_ms = INT64_C(1790000000000);
    int64_t held = world_agent(w, "held", "g");
    uint64_t s = world_connect(w, world_agent(w, "bad", "g"), "g", 1);
    world_connect(w, held, "g", 1);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, held));
    says(w, s, NO_INODES);
    int64_t id = world_submit(w, "g", NULL);
    struct json *j = why(w, id, "unwell");
    assert_string_equal(json_get_str(j, "message", ""),
                        "1 of 2 agents in group g is unwell: bad since 2026-09-21T14:13:20.000Z: "
                        "cannot make a folder: No space left on device; 1 is draining");
    assert_int_equal(json_get_int(j, "unwell", -1), 1);
    assert_int_equal(json_get_int(j, "draining", -1), 1);
    json_free(j);
}

static void why__many_are_unwell__names_three(void **state)
{
    struct world *w = *state;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < 5; i++)
        says(w, world_connect(w, world_agent(w, names[i], NULL), NULL, 1), "x");
    struct json *j = why(w, world_submit(w, NULL, NULL), "unwell");
    const char *message = json_get_str(j, "message", "");
    assert_true(str_starts(message, "5 of 5 agents in the default group are unwell: "));
    assert_non_null(strstr(message, "; …"));
    size_t named = 0;
    for (const char *at = message; (at = strstr(at, " since ")) != NULL; at++)
        named++;
    assert_int_equal(named, 3);
    assert_int_equal(json_get_int(j, "unwell", -1), 5);
    json_free(j);
}

static void why__others_may_take_it__tells_of_them_first(void **state)
{
    struct world *w = *state;
    uint64_t bad = world_connect(w, world_agent(w, "bad", NULL), NULL, 1);
    says(w, bad, NO_INODES);
    world_connect(w, world_agent(w, "good", NULL), NULL, 1);
    world_submit(w, NULL, NULL);
    assert_why(w, world_submit(w, NULL, NULL), "all-busy",
               "all 1 fitting agents in the default group are busy (1 of 1 slots); 1 more is "
               "unwell");
}

/* An unwell agent that would not do either way is not the reason. */
static void why__unwell_agents_that_do_not_fit__are_not_named(void **state)
{
    struct world *w = *state;
    uint64_t bad = world_connect(w, world_agent(w, "bad", NULL), NULL, 1);
    world_connect(w, world_agent(w, "good", NULL), NULL, 1);
    says(w, bad, NO_INODES);
    int64_t id = world_submit(w, NULL, "{\"os\":\"windows\"}");
    json_free(why(w, id, "none-satisfies"));
    world_connect_caps(w, world_agent(w, "win", NULL), NULL, 1, "{\"os\":\"windows\"}");
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    assert_why(w, world_submit(w, NULL, "{\"os\":\"windows\"}"), "all-busy",
               "all 1 fitting agents in the default group are busy (1 of 1 slots)");
}

/* The only one that fits is unwell, while others, which do not fit, are there. */
static void why__the_one_that_fits_is_unwell(void **state)
{
    struct world *w = *state;
    uint64_t win =
        world_connect_caps(w, world_agent(w, "win", NULL), NULL, 1, "{\"os\":\"windows\"}");
    world_connect(w, world_agent(w, "good", NULL), NULL, 1);
    says(w, win, "no");
    struct json *j = why(w, world_submit(w, NULL, "{\"os\":\"windows\"}"), "unwell");
    assert_true(str_starts(json_get_str(j, "message", ""),
                           "1 of 2 agents in the default group is unwell: win since "));
    json_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(ready__unwell__gets_nothing_until_it_is_well),
        WORLD_TEST(ready__unwell__what_runs_runs_on),
        WORLD_TEST(ready__unwell__others_get_it),
        WORLD_TEST(ready__unwell_again__keeps_since_and_writes_what_changed),
        WORLD_TEST(ready__a_reason_without_words__is_unwell_too),
        WORLD_TEST(ready__to_and_fro_in_one_batch__the_last_word_counts),
        WORLD_TEST(hello__unwell__gets_nothing_before_a_ready_without),
        WORLD_TEST(hello__well__after_it_was_unwell__gets_jobs),
        WORLD_TEST(hello__refused_by_its_group__leaves_nothing_behind),
        WORLD_TEST(restart__unwell_again__goes_on_since_then),
        WORLD_TEST(unwell_and_held__both_have_to_end),
        WORLD_TEST(removed_while_unwell__is_gone),
        WORLD_TEST(fallback__only_an_unwell_agent__is_nobody),
        WORLD_TEST(fallback__unwell_for_a_moment__costs_nothing),
        WORLD_TEST(fallback__one_of_two_is_unwell__waits_for_the_other),
        WORLD_TEST(why__names_who_is_unwell_since_when_and_of_what),
        WORLD_TEST(why__many_are_unwell__names_three),
        WORLD_TEST(why__others_may_take_it__tells_of_them_first),
        WORLD_TEST(why__unwell_agents_that_do_not_fit__are_not_named),
        WORLD_TEST(why__the_one_that_fits_is_unwell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
