/* Agents that serve several groups: whose turn a free slot is, and who is let in. */
#include "engine_world.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* ---- steps ---- */

/* groups: JSON text. */
static struct command *hello_of(struct world *w, int64_t agent, const char *groups, int64_t slots)
{
    struct command *c = cmd_hello(w, ++w->sessions, agent, NULL, slots);
    const char *first = strchr(groups, '"') + 1;
    c->u.hello.group = mem_strndup(first, strcspn(first, "\""));
    c->u.hello.groups = mem_strdup(groups);
    return c;
}

static uint64_t connect(struct world *w, int64_t agent, const char *groups, int64_t slots)
{
    struct command *c = hello_of(w, agent, groups, slots);
    uint64_t session = c->session;
    assert_int_equal(world_do(w, c), 0);
    const struct effect *x = world_effect(w, EFFECT_REFUSED);
    if (x) fail_msg("refused: %s: %s", x->u.refused.code, x->u.refused.sentence);
    assert_int_equal(world_do(w, cmd_ready(session)), 0);
    return session;
}

static uint64_t connect_ab(struct world *w, const char *name, int64_t slots)
{
    return connect(w, world_agent(w, name, "a"), "[\"a\",\"b\"]", slots);
}

static void make_ab(struct world *w)
{
    world_group(w, "a", NULL);
    world_group(w, "b", NULL);
}

static void refused(struct world *w, struct command *c, const char *code, const char *part)
{
    assert_int_equal(world_do(w, c), 0);
    const struct effect *x = world_effect(w, EFFECT_REFUSED);
    if (!x) fail_msg("it was not refused (%s)", code);
    assert_string_equal(x->u.refused.code, code);
    if (!strstr(x->u.refused.sentence, part)) fail_msg("no '%s': %s", part, x->u.refused.sentence);
    assert_null(world_effect(w, EFFECT_WELCOME));
}

/* The group of the job that the last batch handed to the session; '-': none. */
static char got(struct world *w, uint64_t session)
{
    const struct effect *x = world_effect(w, EFFECT_JOB);
    if (!x) return '-';
    assert_int_equal(world_effects(w, EFFECT_JOB), 1);
    assert_int_equal(x->session, session);
    struct job_row row = world_job(w, x->u.job.job);
    char group = row.group[0];
    job_row_fini(&row);
    return group;
}

/* A slot's life: each job that it gets ends at once. The groups of the next `count`, as text. */
static void serve(struct world *w, uint64_t session, int64_t *seq, int count, char *out)
{
    for (int i = 0; i < count; i++) {
        int64_t job = world_effect(w, EFFECT_JOB) ? world_effect(w, EFFECT_JOB)->u.job.job : 0;
        out[i] = got(w, session);
        if (job) world_do(w, cmd_finished(session, ++*seq, job, 1, JOB_SUCCESS, REASON_NONE));
    }
    out[count] = '\0';
}

static void submit(struct world *w, const char *group, int count)
{
    for (int i = 0; i < count; i++)
        world_submit(w, group, NULL);
}

/* ---- turns ---- */

static void slot__goes_to_the_groups_in_turn(void **state)
{
    struct world *w = *state;
    char groups[16];
    int64_t seq = 0;
    make_ab(w);
    submit(w, "b", 3);
    submit(w, "a", 8);
    uint64_t s = connect_ab(w, "x", 1);
    serve(w, s, &seq, 11, groups);
    assert_string_equal(groups, "abababaaaaa");
    assert_null(world_effect(w, EFFECT_JOB));
}

static void priority__orders_a_group_and_not_the_groups(void **state)
{
    struct world *w = *state;
    char groups[16];
    int64_t seq = 0;
    make_ab(w);
    for (int i = 0; i < 3; i++) {
        struct command *c = cmd_submit(w, "b", NULL);
        c->u.submit.job.priority = 9;
        world_do(w, c);
    }
    submit(w, "a", 3);
    uint64_t s = connect_ab(w, "x", 1);
    serve(w, s, &seq, 6, groups);
    assert_string_equal(groups, "ababab");
}

static void three_groups__each_a_third(void **state)
{
    struct world *w = *state;
    char groups[16];
    int64_t seq = 0;
    make_ab(w);
    submit(w, "a", 3);
    submit(w, "b", 3);
    submit(w, NULL, 3);
    uint64_t s = connect(w, world_agent(w, "x", "b"), "[\"b\",\"default\",\"a\"]", 1);
    serve(w, s, &seq, 9, groups);
    assert_string_equal(groups, "bdabdabda");
}

/* Nothing is saved up: it is one group of two from the moment on that it has work. */
static void group_without_work_for_long__gets_its_share_and_no_more(void **state)
{
    struct world *w = *state;
    char groups[32];
    int64_t seq = 0;
    make_ab(w);
    submit(w, "a", 40);
    uint64_t s = connect_ab(w, "x", 1);
    serve(w, s, &seq, 20, groups);
    assert_string_equal(groups, "aaaaaaaaaaaaaaaaaaaa");
    int64_t running = world_effect(w, EFFECT_JOB)->u.job.job;
    submit(w, "b", 4);
    world_do(w, cmd_finished(s, ++seq, running, 1, JOB_SUCCESS, REASON_NONE));
    serve(w, s, &seq, 10, groups);
    assert_string_equal(groups, "babababaaa");
}

static void jobs_that_do_not_fit__hold_no_turn(void **state)
{
    struct world *w = *state;
    char groups[16];
    int64_t seq = 0;
    make_ab(w);
    int64_t windows = world_submit(w, "b", "{\"os\":\"windows\"}");
    submit(w, "a", 3);
    uint64_t s = connect_ab(w, "x", 1);
    serve(w, s, &seq, 4, groups);
    assert_string_equal(groups, "aaa-");
    assert_int_equal(world_state(w, windows), JOB_CREATED);
    submit(w, "b", 1);
    assert_int_equal(got(w, s), 'b');
}

static void paused_group__holds_no_turn_and_stops_no_other(void **state)
{
    struct world *w = *state;
    char groups[16];
    int64_t seq = 0;
    make_ab(w);
    submit(w, "a", 4);
    submit(w, "b", 4);
    world_do(w, cmd_text(w, CMD_GROUP_PAUSE, "b"));
    uint64_t s = connect_ab(w, "x", 1);
    serve(w, s, &seq, 3, groups);
    assert_string_equal(groups, "aaa");
    int64_t running = world_effect(w, EFFECT_JOB)->u.job.job;
    world_do(w, cmd_text(w, CMD_GROUP_RESUME, "b"));
    assert_null(world_effect(w, EFFECT_JOB)); /* no slot is free */
    world_do(w, cmd_finished(s, ++seq, running, 1, JOB_SUCCESS, REASON_NONE));
    serve(w, s, &seq, 4, groups);
    assert_string_equal(groups, "bbbb"); /* a's queue is empty */
}

/* The slots of one batch, too: four and four, whichever group is looked at first. */
static void many_slots_at_once__are_shared(void **state)
{
    struct world *w = *state;
    int a = 0, b = 0;
    make_ab(w);
    submit(w, "a", 20);
    submit(w, "b", 20);
    connect_ab(w, "x", 8);
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type != EFFECT_JOB) continue;
        struct job_row row = world_job(w, x->u.job.job);
        a += str_eq(row.group, "a");
        b += str_eq(row.group, "b");
        job_row_fini(&row);
    }
    assert_int_equal(a, 4);
    assert_int_equal(b, 4);
}

/* Of several agents the one with the most free slots gets a job, whatever else they serve. */
static void agent_that_stands_before__gets_the_job(void **state)
{
    struct world *w = *state;
    make_ab(w);
    uint64_t both = connect(w, world_agent(w, "x", "a"), "[\"b\",\"a\"]", 2);
    uint64_t only_b = world_connect(w, world_agent(w, "y", "b"), "b", 3);
    world_begin(w);
    world_apply(w, cmd_submit(w, "b", NULL));
    world_apply(w, cmd_submit(w, "a", NULL)); /* looked at first */
    world_commit(w);
    assert_int_equal(world_effects(w, EFFECT_JOB), 2);
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type != EFFECT_JOB) continue;
        struct job_row row = world_job(w, x->u.job.job);
        assert_int_equal(x->session, str_eq(row.group, "a") ? both : only_b);
        job_row_fini(&row);
    }
}

/* b's turn is the agent's own, and the other agent does b's work: nobody idles. */
static void no_slot_idles__while_a_group_has_work_for_it(void **state)
{
    struct world *w = *state;
    make_ab(w);
    submit(w, "a", 3);
    submit(w, "b", 4);
    int64_t x = world_agent(w, "x", "a"), y = world_agent(w, "y", "b");
    world_begin(w);
    struct command *hello = hello_of(w, x, "[\"a\",\"b\"]", 3);
    uint64_t sx = hello->session, sy = ++w->sessions;
    world_apply(w, hello);
    world_apply(w, cmd_ready(sx));
    world_apply(w, cmd_hello(w, sy, y, "b", 2));
    world_apply(w, cmd_ready(sy));
    world_commit(w);
    assert_int_equal(world_effects(w, EFFECT_JOB), 5);
}

static void retry__prefers_another_agent_in_its_group(void **state)
{
    struct world *w = *state;
    make_ab(w);
    uint64_t first = connect_ab(w, "x", 2);
    struct command *c = cmd_submit(w, "b", NULL);
    c->u.submit.job.retry =
        (struct retry){.type = RETRY_CONSTANT, .interval_ms = 1000, .max_attempts = 3};
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->session, first);
    world_do(w, cmd_finished(first, 1, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    world_connect(w, world_agent(w, "only-a", "a"), "a", 9);
    uint64_t other = connect_ab(w, "y", 1);
    world_pass(w, 1000);
    world_tick(w);
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->session, other);
}

static void drain__stops_all_its_groups(void **state)
{
    struct world *w = *state;
    make_ab(w);
    uint64_t s = connect_ab(w, "x", 4);
    struct command *c = cmd_ready(s);
    c->u.ready.draining = true;
    world_do(w, c);
    submit(w, "a", 1);
    submit(w, "b", 1);
    assert_null(world_effect(w, EFFECT_JOB));
    world_do(w, cmd_ready(s));
    assert_int_equal(world_effects(w, EFFECT_JOB), 2);
}

/* ---- its groups count it ---- */

static void online_in_each_group(void **state)
{
    struct world *w = *state;
    make_ab(w);
    uint64_t s = connect_ab(w, "x", 1);
    int64_t ids[4];
    for (int i = 0; i < 4; i++) {
        struct command *c = cmd_submit(w, i % 2 ? "b" : "a", NULL);
        c->u.submit.job.fallback = FALLBACK_FAIL;
        c->u.submit.fallback_given = true;
        world_do(w, c);
        ids[i] = world_reply(w)->id;
    }
    world_live(w, 60000);
    assert_int_equal(world_state(w, ids[0]), JOB_SUBMITTED);
    for (int i = 1; i < 4; i++)
        assert_int_equal(world_state(w, ids[i]), JOB_CREATED);
    world_do(w, cmd_gone(s));
    world_live(w, 60000);
    for (int i = 1; i < 4; i++)
        assert_int_equal(world_reason(w, ids[i]), REASON_NO_AGENT);
}

/* After a start its agents are on their way back, whichever of their groups a job is of. */
static void restart__each_group_expects_its_agents(void **state)
{
    struct world *w = *state;
    make_ab(w);
    connect_ab(w, "x", 1);
    world_crash(w);
    struct command *c = cmd_submit(w, "b", NULL);
    c->u.submit.job.fallback = FALLBACK_FAIL;
    c->u.submit.fallback_given = true;
    world_do(w, c);
    assert_int_equal(world_state(w, world_reply(w)->id), JOB_CREATED);
}

static void hello_with_fewer_groups__leaves_the_others(void **state)
{
    struct world *w = *state;
    make_ab(w);
    int64_t agent = world_agent(w, "x", "a");
    connect(w, agent, "[\"a\",\"b\"]", 2);
    uint64_t s = world_connect(w, agent, "a", 2);
    int64_t b = world_submit(w, "b", NULL);
    assert_null(world_effect(w, EFFECT_JOB));
    submit(w, "a", 1);
    assert_int_equal(got(w, s), 'a');
    struct agent_row row;
    assert_int_equal(store_agent_find(w->store, agent, &row, NULL), 1);
    assert_string_equal(row.group, "a");
    assert_null(row.groups);
    agent_row_fini(&row);
    connect(w, agent, "[\"a\",\"b\"]", 2);
    assert_int_equal(world_state(w, b), JOB_SUBMITTED);
    assert_int_equal(store_agent_find(w->store, agent, &row, NULL), 1);
    assert_string_equal(row.groups, "[\"a\",\"b\"]");
    agent_row_fini(&row);
}

/* ---- who is let in ---- */

static void unknown_group_among_them__is_refused_and_named(void **state)
{
    struct world *w = *state;
    make_ab(w);
    int64_t agent = world_agent(w, "x", "a");
    refused(w, hello_of(w, agent, "[\"a\",\"nowhere\"]", 1), "unknown-group", "'nowhere'");
    submit(w, "a", 1);
    assert_null(world_effect(w, EFFECT_JOB));
    world_group(w, "nowhere", NULL);
    connect(w, agent, "[\"a\",\"nowhere\"]", 1);
    assert_non_null(world_effect(w, EFFECT_JOB));
}

static void requires_of_each__is_to_be_met(void **state)
{
    struct world *w = *state;
    make_ab(w);
    world_group(w, "win", "{\"os\":\"windows\"}");
    int64_t agent = world_agent(w, "x", "a");
    static const char *const all[] = {"[\"win\",\"a\"]", "[\"a\",\"win\"]",
                                      "[\"a\",\"b\",\"win\"]"};
    for (size_t i = 0; i < 3; i++)
        refused(w, hello_of(w, agent, all[i], 1), "requires-not-met",
                "group win requires os = windows, this agent has linux");
    connect(w, agent, "[\"a\",\"b\"]", 1);
}

static void token_of_a_group__allows_no_other(void **state)
{
    struct world *w = *state;
    make_ab(w);
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = ++w->requests;
    c->u.token.role = ROLE_JOIN;
    c->u.token.uses_left = -1;
    memset(c->u.token.secret_hash, 7, sizeof c->u.token.secret_hash);
    c->u.token.group = mem_strdup("a");
    world_do(w, c);
    int64_t token = world_reply(w)->id;
    assert_int_equal(world_reply(w)->rc, 0);
    c = cmd_enrol(w, token, "x", "a", "k");
    c->u.enrol.groups = mem_strdup("[\"a\",\"b\"]");
    refused(w, c, "wrong-group", "the join token is for group a alone, not for b");
    c = cmd_enrol(w, token, "x", "b", "k");
    c->u.enrol.groups = mem_strdup("[\"b\",\"a\"]");
    refused(w, c, "wrong-group", "the join token is for group a alone, not for b");
    world_do(w, cmd_enrol(w, token, "x", "a", "k"));
    int64_t agent = world_effect(w, EFFECT_ENROLLED)->u.enrolled.agent;
    refused(w, hello_of(w, agent, "[\"a\",\"b\"]", 1), "wrong-group",
            "a token for group a, which allows no other, but its config says a and b");
    submit(w, "a", 1);
    world_connect(w, agent, "a", 1);
    assert_non_null(world_effect(w, EFFECT_JOB));
}

static void enrol__names_several_groups(void **state)
{
    struct world *w = *state;
    make_ab(w);
    struct command *c = cmd_enrol(w, w->token, "x", "a", "k");
    c->u.enrol.groups = mem_strdup("[\"a\",\"nowhere\"]");
    refused(w, c, "unknown-group", "'nowhere'");
    c = cmd_enrol(w, w->token, "x", "a", "k");
    c->u.enrol.groups = mem_strdup("[\"a\",\"b\"]");
    world_do(w, c);
    struct agent_row row;
    assert_int_equal(store_agent_find(w->store, world_effect(w, EFFECT_ENROLLED)->u.enrolled.agent,
                                      &row, NULL),
                     1);
    assert_string_equal(row.groups, "[\"a\",\"b\"]");
    agent_row_fini(&row);
}

/* It is refused as a whole, so it comes back and hears why. */
static void group_that_changes__lets_the_agent_out(void **state)
{
    struct world *w = *state;
    make_ab(w);
    int64_t agent = world_agent(w, "x", "a");
    uint64_t s = connect(w, agent, "[\"a\",\"b\"]", 2);
    int64_t id = world_running(w, s, "a", 1);
    struct command *c = cmd_group(w, "b", "{\"os\":\"windows\"}");
    c->type = CMD_GROUP_UPDATE;
    c->mask = 2;
    world_do(w, c);
    assert_null(world_effect(w, EFFECT_CLOSE));
    int64_t waits = world_submit(w, "a", NULL);
    assert_int_equal(world_state(w, waits), JOB_CREATED);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
    refused(w, hello_of(w, agent, "[\"a\",\"b\"]", 2), "requires-not-met", "group b requires");
}

static void group_that_is_deleted__lets_the_agent_out(void **state)
{
    struct world *w = *state;
    make_ab(w);
    int64_t agent = world_agent(w, "x", "a");
    uint64_t s = connect(w, agent, "[\"a\",\"b\"]", 2);
    int64_t id = world_running(w, s, "b", 1);
    struct command *c = cmd_text(w, CMD_GROUP_DELETE, "b");
    c->flag = true;
    world_do(w, c);
    submit(w, "a", 1);
    assert_null(world_effect(w, EFFECT_JOB));
    /* away and back: it holds an attempt of the group that is gone, and may end it */
    world_do(w, cmd_gone(s));
    c = hello_of(w, agent, "[\"a\",\"b\"]", 2);
    s = c->session;
    cmd_hello_attempt(c, id, 1, false);
    world_do(w, c);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    world_do(w, cmd_ready(s));
    assert_null(world_effect(w, EFFECT_JOB));
    world_do(w, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
    refused(w, hello_of(w, agent, "[\"a\",\"b\"]", 2), "unknown-group", "'b'");
}

/* ---- why a job waits ---- */

static void assert_why(struct world *w, int64_t id, const char *code, const char *part)
{
    struct json *tree = NULL;
    world_do(w, cmd_id(w, CMD_WHY, id));
    const char *text = world_reply(w)->json;
    assert_int_equal(json_parse(text, strlen(text), &tree, NULL), 0);
    assert_string_equal(json_get_str(tree, "code", "(none)"), code);
    if (!strstr(json_get_str(tree, "message", ""), part)) fail_msg("no '%s': %s", part, text);
    json_free(tree);
}

static void why__tells_of_what_agents_serve_beside(void **state)
{
    struct world *w = *state;
    make_ab(w);
    uint64_t s = connect_ab(w, "x", 1);
    world_running(w, s, "a", 1);
    int64_t id = world_submit(w, "b", NULL), next = world_submit(w, "b", NULL);
    assert_why(w, id, "all-busy",
               "all 1 fitting agents in group b are busy (1 of 1 slots); 1 of its fitting agents "
               "serves other groups, too");
    assert_why(w, next, "queued", "number 2 in the queue of group b; 1 of its fitting");
}

static void why__names_the_agents_that_another_group_keeps_out(void **state)
{
    struct world *w = *state;
    make_ab(w);
    world_group(w, "win", "{\"os\":\"windows\"}");
    int64_t agent = world_agent(w, "x", "a");
    world_do(w, hello_of(w, agent, "[\"a\",\"win\"]", 1));
    static const char *const groups[] = {"a", "win"};
    for (int i = 0; i < 2; i++)
        assert_why(w, world_submit(w, groups[i], NULL), "no-agent-online",
                   "Z: group win requires os = windows");
    assert_why(w, world_submit(w, "b", NULL), "no-agent-online", "group b has no agent online");
    /* one that is still there for the sake of its attempt */
    uint64_t s = connect(w, agent, "[\"b\",\"a\"]", 1);
    assert_non_null(world_effect(w, EFFECT_JOB));
    struct command *c = cmd_group(w, "a", "{\"os\":\"windows\"}");
    c->type = CMD_GROUP_UPDATE;
    c->mask = 2;
    world_do(w, c);
    assert_why(w, world_submit(w, "b", NULL), "no-agent-online",
               "1 of 1 may not be in another of their groups any more");
    assert_why(w, world_submit(w, "a", NULL), "no-agent-online",
               "1 of 1 do not meet what it requires any more");
    (void)s;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(slot__goes_to_the_groups_in_turn),
        WORLD_TEST(priority__orders_a_group_and_not_the_groups),
        WORLD_TEST(three_groups__each_a_third),
        WORLD_TEST(group_without_work_for_long__gets_its_share_and_no_more),
        WORLD_TEST(jobs_that_do_not_fit__hold_no_turn),
        WORLD_TEST(paused_group__holds_no_turn_and_stops_no_other),
        WORLD_TEST(many_slots_at_once__are_shared),
        WORLD_TEST(agent_that_stands_before__gets_the_job),
        WORLD_TEST(no_slot_idles__while_a_group_has_work_for_it),
        WORLD_TEST(retry__prefers_another_agent_in_its_group),
        WORLD_TEST(drain__stops_all_its_groups),
        WORLD_TEST(online_in_each_group),
        WORLD_TEST(restart__each_group_expects_its_agents),
        WORLD_TEST(hello_with_fewer_groups__leaves_the_others),
        WORLD_TEST(unknown_group_among_them__is_refused_and_named),
        WORLD_TEST(requires_of_each__is_to_be_met),
        WORLD_TEST(token_of_a_group__allows_no_other),
        WORLD_TEST(enrol__names_several_groups),
        WORLD_TEST(group_that_changes__lets_the_agent_out),
        WORLD_TEST(group_that_is_deleted__lets_the_agent_out),
        WORLD_TEST(why__tells_of_what_agents_serve_beside),
        WORLD_TEST(why__names_the_agents_that_another_group_keeps_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
