/* Who gets what, and in what order. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static int64_t submit_priority(struct world *w, const char *group, const char *requires,
                               int64_t priority)
{
    struct command *c = cmd_submit(w, group, requires);
    c->u.submit.job.priority = priority;
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, 0);
    return world_reply(w)->id;
}

static void order__priority_then_submission(void **state)
{
    struct world *w = *state;
    int64_t low = submit_priority(w, NULL, NULL, -1), a = submit_priority(w, NULL, NULL, 0),
            b = submit_priority(w, NULL, NULL, 0), high = submit_priority(w, NULL, NULL, 7);
    int64_t want[] = {high, a, b, low};
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, want[i]);
        world_do(w, cmd_finished(s, i + 1, want[i], 1, JOB_SUCCESS, REASON_NONE));
    }
    assert_null(world_effect(w, EFFECT_JOB));
}

static void order__over_classes_of_requires__is_one(void **state)
{
    struct world *w = *state;
    int64_t want[6];
    for (int i = 0; i < 6; i++)
        want[i] = submit_priority(w, NULL, i % 2 ? "{\"os\":\"linux\"}" : NULL, 0);
    world_connect(w, world_agent(w, "a", NULL), NULL, 6);
    int i = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        if (x->type == EFFECT_JOB) assert_int_equal(x->u.job.job, want[i++]);
    assert_int_equal(i, 6);
}

static void order__higher_priority_that_does_not_fit__does_not_hold_up_others(void **state)
{
    struct world *w = *state;
    int64_t windows = submit_priority(w, NULL, "{\"os\":\"windows\"}", 9);
    int64_t linux_job = submit_priority(w, NULL, "{\"os\":\"linux\"}", 0);
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    assert_int_equal(world_effects(w, EFFECT_JOB), 1);
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, linux_job);
    (void)s;
    world_connect_caps(w, world_agent(w, "b", NULL), NULL, 1, "{\"os\":\"windows\"}");
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, windows);
}

static void order__returned_job__stands_where_it_stood(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t first = world_submit(w, NULL, NULL), second = world_submit(w, NULL, NULL);
    world_submit(w, NULL, NULL);
    world_do(w, cmd_declined(s, 1, first, 1));
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, first);
    world_do(w, cmd_finished(s, 2, first, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, second);
}

static void says_no_slot(struct world *w, uint64_t session, int64_t seq, int64_t job)
{
    struct command *c = cmd_declined(session, seq, job, 1);
    c->u.event.decline = mem_strdup("no-slot");
    assert_int_equal(world_do(w, c), 0);
}

static void no_slot__the_agent_gets_nothing_for_a_second(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t id = world_submit(w, NULL, NULL);
    for (int64_t seq = 1; seq <= 3; seq++) {
        says_no_slot(w, s, seq, id);
        assert_null(world_effect(w, EFFECT_JOB));
        assert_int_equal(world_state(w, id), JOB_CREATED);
        world_live(w, 999);
        assert_int_equal(world_state(w, id), JOB_CREATED);
        world_live(w, 1);
        assert_non_null(world_effect_for(w, EFFECT_JOB, id));
    }
}

static void no_slot__another_agent_gets_the_job_at_once(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 3);
    uint64_t other = world_connect(w, world_agent(w, "b", NULL), NULL, 1);
    int64_t id = world_submit(w, NULL, NULL);
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->session, s);
    says_no_slot(w, s, 1, id);
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->session, other);
}

static void no_slot__ready_or_a_new_session_is_enough(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 2);
    int64_t id = world_submit(w, NULL, NULL);
    says_no_slot(w, s, 1, id);
    world_do(w, cmd_ready(s));
    assert_non_null(world_effect_for(w, EFFECT_JOB, id));
    says_no_slot(w, s, 2, id);
    world_do(w, cmd_gone(s));
    (void)world_connect(w, a, NULL, 2);
    assert_non_null(world_effect_for(w, EFFECT_JOB, id));
}

/* The job was on its way while the agent began to have fewer slots. */
static void no_slot__what_ends_leaves_a_slot_at_once(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t running = world_running(w, s, NULL, 1), id = world_submit(w, NULL, NULL);
    struct command *c = cmd_ready(s);
    c->u.ready.slots = 1;
    world_do(w, c);
    says_no_slot(w, s, 2, id);
    assert_null(world_effect(w, EFFECT_JOB));
    world_do(w, cmd_finished(s, 3, running, 1, JOB_SUCCESS, REASON_NONE));
    assert_non_null(world_effect_for(w, EFFECT_JOB, id));
}

/* More than memory keeps at hand: order, cancels in the middle, and late high priorities over many
 * reads. */
static void long_queue__order_holds(void **state)
{
    struct world *w = *state;
    enum { N = 300 };
    int64_t ids[N];
    world_begin(w);
    for (int i = 0; i < N; i++)
        world_apply(w, cmd_submit(w, NULL, NULL));
    world_commit(w);
    int n = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        if (x->type == EFFECT_REPLY) ids[n++] = x->u.reply.reply.id;
    world_restart(w);
    for (int i = 0; i < N; i += 10)
        world_do(w, cmd_id(w, CMD_CANCEL, ids[i]));
    int64_t urgent = submit_priority(w, NULL, NULL, 5);
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 3);
    int64_t want[N + 1], seq = 0;
    n = 0;
    want[n++] = urgent;
    for (int i = 0; i < N; i++)
        if (i % 10) want[n++] = ids[i];
    int at = 0;
    while (at < n) {
        int64_t got[3];
        int count = 0;
        for (const struct effect *x = w->effects.first; x; x = x->next) {
            if (x->type != EFFECT_JOB) continue;
            assert_int_equal(x->u.job.job, want[at++]);
            got[count++] = x->u.job.job;
        }
        assert_true(count > 0);
        world_begin(w);
        for (int i = 0; i < count; i++)
            world_apply(w, cmd_finished(s, ++seq, got[i], 1, JOB_SUCCESS, REASON_NONE));
        world_commit(w);
    }
    assert_null(world_effect(w, EFFECT_JOB));
}

static void no_memory_for_queued_jobs__all_the_same(void **state)
{
    struct world *w = *state;
    world_teardown(state);
    w = mem_alloc(sizeof *w);
    *state = w;
    w->config = (struct engine_config){.lease_ms = 300000,
                                       .heartbeat_ms = 10000,
                                       .output_limit_bytes = 1000,
                                       .kill_time_ms = 15000,
                                       .cache_bytes = 1};
    world_open(w);
    long_queue__order_holds(state);
}

static void load__most_free_slots_first(void **state)
{
    struct world *w = *state;
    uint64_t small = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    uint64_t big = world_connect(w, world_agent(w, "b", NULL), NULL, 3);
    uint64_t want[] = {big, big, small, big};
    /* with one free slot each, the small one has been idle longer */
    for (int i = 0; i < 4; i++) {
        world_submit(w, NULL, NULL);
        assert_int_equal(world_effect(w, EFFECT_JOB)->session, want[i]);
    }
    world_submit(w, NULL, NULL);
    assert_null(world_effect(w, EFFECT_JOB)); /* no backlog */
}

static void load__then_the_one_idle_longest(void **state)
{
    struct world *w = *state;
    uint64_t s[3];
    int64_t seq[3] = {0};
    char name[16];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "a%d", i);
        s[i] = world_connect(w, world_agent(w, name, NULL), NULL, 1);
    }
    int last[3] = {-1, -1, -1};
    for (int i = 0; i < 12; i++) {
        int64_t id = world_submit(w, NULL, NULL);
        const struct effect *x = world_effect(w, EFFECT_JOB);
        int who = 0;
        while (s[who] != x->session)
            who++;
        for (int k = 0; k < 3; k++)
            assert_true(last[who] <= last[k]);
        world_do(w, cmd_finished(s[who], ++seq[who], id, 1, JOB_SUCCESS, REASON_NONE));
        last[who] = i;
    }
}

static void load__only_agents_that_fit_count(void **state)
{
    struct world *w = *state;
    world_connect(w, world_agent(w, "big", NULL), NULL, 50);
    uint64_t gpu =
        world_connect_caps(w, world_agent(w, "gpu", NULL), NULL, 1, "{\"gpu\":{\"count\":1}}");
    int64_t id = world_submit(w, NULL, "{\"gpu.count\":\">= 1\"}");
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->session, gpu);
    world_submit(w, NULL, "{\"gpu.count\":\">= 1\"}");
    assert_null(world_effect(w, EFFECT_JOB));
    world_submit(w, NULL, NULL);
    assert_non_null(world_effect(w, EFFECT_JOB));
}

static void blocked_jobs__are_looked_at_again_when_a_fitting_agent_gets_free(void **state)
{
    struct world *w = *state;
    world_connect(w, world_agent(w, "linux", NULL), NULL, 50);
    uint64_t win =
        world_connect_caps(w, world_agent(w, "win", NULL), NULL, 1, "{\"os\":\"windows\"}");
    int64_t first = world_submit(w, NULL, "{\"os\":\"windows\"}"),
            second = world_submit(w, NULL, "{\"os\":\"windows\"}");
    assert_int_equal(world_state(w, second), JOB_CREATED);
    world_do(w, cmd_finished(win, 1, first, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, second);
    int64_t third = world_submit(w, NULL, "{\"os\":\"windows\"}");
    world_do(w, cmd_gone(win));
    uint64_t other =
        world_connect_caps(w, world_agent(w, "win2", NULL), NULL, 1, "{\"os\":\"windows\"}");
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, third);
    assert_int_equal(world_effect(w, EFFECT_JOB)->session, other);
}

static void groups__each_its_own_queue_and_agents(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    uint64_t d = world_connect(w, world_agent(w, "d", NULL), NULL, 5);
    int64_t in_group = world_submit(w, "g", NULL);
    assert_null(world_effect(w, EFFECT_JOB));
    uint64_t s = world_connect(w, world_agent(w, "g1", "g"), "g", 5);
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, in_group);
    assert_int_equal(world_effect(w, EFFECT_JOB)->session, s);
    world_submit(w, NULL, NULL);
    assert_int_equal(world_effect(w, EFFECT_JOB)->session, d);
}

static void never_more_than_slots__whatever_comes_in_one_batch(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 4);
    world_begin(w);
    for (int i = 0; i < 20; i++)
        world_apply(w, cmd_submit(w, NULL, NULL));
    world_commit(w);
    assert_int_equal(world_effects(w, EFFECT_JOB), 4);
    int64_t ids[4];
    int n = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        if (x->type == EFFECT_JOB) ids[n++] = x->u.job.job;
    world_begin(w);
    for (int i = 0; i < 4; i++)
        world_apply(w, cmd_finished(s, i + 1, ids[i], 1, JOB_SUCCESS, REASON_NONE));
    world_apply(w, cmd_ready(s));
    world_apply(w, cmd_ready(s));
    world_commit(w);
    assert_int_equal(world_effects(w, EFFECT_JOB), 4);
}

static void many_different_requires__each_finds_its_agent(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    int64_t ids[400];
    for (int i = 0; i < 400; i++) {
        char *requires = str_dupf("{\"cpus\":\">= %d\"}", i);
        ids[i] = world_submit(w, NULL, requires);
        mem_free(requires);
    }
    world_connect_caps(w, agent, NULL, 1000, "{\"cpus\":199}");
    assert_int_equal(world_effects(w, EFFECT_JOB), 200);
    assert_int_equal(world_state(w, ids[199]), JOB_SUBMITTED);
    assert_int_equal(world_state(w, ids[200]), JOB_CREATED);
    world_crash(w);
    world_connect_caps(w, world_agent(w, "b", NULL), NULL, 1000, "{\"cpus\":1000}");
    assert_int_equal(world_effects(w, EFFECT_JOB), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(order__priority_then_submission),
        WORLD_TEST(order__over_classes_of_requires__is_one),
        WORLD_TEST(order__higher_priority_that_does_not_fit__does_not_hold_up_others),
        WORLD_TEST(order__returned_job__stands_where_it_stood),
        WORLD_TEST(no_slot__the_agent_gets_nothing_for_a_second),
        WORLD_TEST(no_slot__another_agent_gets_the_job_at_once),
        WORLD_TEST(no_slot__ready_or_a_new_session_is_enough),
        WORLD_TEST(no_slot__what_ends_leaves_a_slot_at_once),
        WORLD_TEST(long_queue__order_holds),
        WORLD_TEST(no_memory_for_queued_jobs__all_the_same),
        WORLD_TEST(load__most_free_slots_first),
        WORLD_TEST(load__then_the_one_idle_longest),
        WORLD_TEST(load__only_agents_that_fit_count),
        WORLD_TEST(blocked_jobs__are_looked_at_again_when_a_fitting_agent_gets_free),
        WORLD_TEST(groups__each_its_own_queue_and_agents),
        WORLD_TEST(never_more_than_slots__whatever_comes_in_one_batch),
        WORLD_TEST(many_different_requires__each_finds_its_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
