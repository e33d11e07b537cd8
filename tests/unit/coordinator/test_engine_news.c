/* Who shows agents, groups, flows and triggers is told when they changed, once for a batch, and not
 * otherwise. */
#include "flow_world.h"

#include "base/mem.h"
#include "coordinator/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define AGENTS (1u << NEWS_AGENTS)
#define GROUPS (1u << NEWS_GROUPS)
#define FLOWS (1u << NEWS_FLOWS)
#define TRIGGERS (1u << NEWS_TRIGGERS)

static bool no_commit; /* commits fail: the disk is full */

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e)
{
    if (!no_commit) return __real_store_commit(s, e);
    store_rollback(s);
    return err_set(e, ERR_FULL, "no space left (test)");
}

/* Of the last batch. */
static uint32_t news(const struct world *w)
{
    uint32_t found = 0;
    assert_true(world_effects(w, EFFECT_NEWS) <= 1);
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type != EFFECT_NEWS) continue;
        assert_int_equal(x->session, 0);
        assert_int_not_equal(x->u.news, 0);
        found = x->u.news;
    }
    return found;
}

static uint32_t news_of(struct world *w, struct command *c)
{
    assert_int_equal(world_do(w, c), 0);
    return news(w);
}

static void agent__comes_is_drained_and_goes__is_told(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    uint64_t s = ++w->sessions;
    assert_int_equal(news_of(w, cmd_hello(w, s, agent, NULL, 2)), AGENTS);
    assert_int_equal(news_of(w, cmd_ready(s)), 0);
    assert_int_equal(news_of(w, cmd_id(w, CMD_AGENT_DRAIN, agent)), AGENTS);
    assert_int_equal(news_of(w, cmd_id(w, CMD_AGENT_RESUME, agent)), AGENTS);
    struct command *c = cmd_ready(s);
    c->u.ready.slots = 3;
    assert_int_equal(news_of(w, c), AGENTS);
    assert_int_equal(news_of(w, cmd_gone(s)), AGENTS);
    assert_int_equal(news_of(w, cmd_gone(s)), 0); /* it had gone */
    assert_int_equal(news_of(w, cmd_id(w, CMD_AGENT_REMOVE, agent)), AGENTS);
    assert_int_equal(news_of(w, cmd_id(w, CMD_AGENT_REMOVE, agent)), 0); /* refused */
}

static void agent__silent_until_its_lease_is_over__is_told(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, agent, NULL, 1);
    (void)world_running(w, s, NULL, 1);
    uint32_t seen = 0;
    for (int i = 0; i < 600 && !seen; i++) {
        world_pass(w, 1000);
        world_tick(w);
        seen = news(w);
    }
    assert_int_equal(seen, AGENTS);
    assert_non_null(world_effect(w, EFFECT_CLOSE));
}

static void heartbeats_and_jobs__are_no_news(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, agent, NULL, 1);
    for (int i = 0; i < 3; i++) {
        world_pass(w, 61000);
        assert_int_equal(news_of(w, cmd_heard(agent)), 0);
    }
    assert_int_equal(news_of(w, cmd_submit(w, NULL, NULL)), 0);
    const struct effect *x = world_effect(w, EFFECT_JOB);
    assert_non_null(x);
    int64_t job = x->u.job.job;
    assert_int_equal(news_of(w, cmd_started(s, 1, job, 1)), 0);
    assert_int_equal(news_of(w, cmd_finished(s, 2, job, 1, JOB_SUCCESS, REASON_NONE)), 0);
}

static void group__each_change__is_told_and_a_refused_one_is_not(void **state)
{
    struct world *w = *state;
    assert_int_equal(news_of(w, cmd_group(w, "gpu", NULL)), GROUPS);
    assert_int_equal(news_of(w, cmd_group(w, "gpu", NULL)), 0); /* there is one */
    assert_int_equal(news_of(w, cmd_text(w, CMD_GROUP_PAUSE, "gpu")), GROUPS);
    assert_int_equal(news_of(w, cmd_text(w, CMD_GROUP_PAUSE, "gpu")), 0); /* it is */
    assert_int_equal(news_of(w, cmd_text(w, CMD_GROUP_RESUME, "gpu")), GROUPS);
    assert_int_equal(news_of(w, cmd_text(w, CMD_GROUP_PAUSE, "gpx")), 0);
    assert_int_equal(news_of(w, cmd_text(w, CMD_GROUP_DELETE, "gpu")), GROUPS);
}

static void flow_and_trigger__each_change__is_told(void **state)
{
    static const char source[] = "id: f\nnamespace: a.b\n"
                                 "tasks: [{id: a, command: [x]}]\n"
                                 "triggers: [{id: t, cron: '@hourly'}]\n";
    static const char wrong[] = "id: f\nnamespace: a.b\ntasks: []\n";
    struct world *w = *state;
    assert_int_equal(news_of(w, cmd_apply(w, source)), FLOWS | TRIGGERS);
    assert_int_equal(news_of(w, cmd_apply(w, source)) & FLOWS, 0); /* the same text */
    assert_int_equal(news_of(w, cmd_apply(w, wrong)), 0);
    assert_int_equal(news_of(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t")), TRIGGERS);
    assert_int_equal(news_of(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t")), TRIGGERS);
    uint32_t seen = 0;
    for (int m = 0; m < 61 && !seen; m++) {
        world_pass(w, 60000);
        world_tick(w);
        seen = news(w);
    }
    assert_int_equal(seen, TRIGGERS); /* it fired: it fires next at another moment */
    assert_non_null(world_effect(w, EFFECT_EXECUTION_CHANGED));
    assert_int_equal(news_of(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL)), FLOWS | TRIGGERS);
}

static void batch_that_fails__tells_nothing(void **state)
{
    struct world *w = *state;
    no_commit = true;
    world_begin(w);
    world_apply(w, cmd_group(w, "gpu", NULL));
    assert_int_not_equal(world_commit(w), 0);
    assert_int_equal(news(w), 0);
    no_commit = false;
    assert_int_equal(news_of(w, cmd_group(w, "gpu", NULL)), GROUPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(agent__comes_is_drained_and_goes__is_told),
        WORLD_TEST(agent__silent_until_its_lease_is_over__is_told),
        WORLD_TEST(heartbeats_and_jobs__are_no_news),
        WORLD_TEST(group__each_change__is_told_and_a_refused_one_is_not),
        WORLD_TEST(flow_and_trigger__each_change__is_told),
        WORLD_TEST(batch_that_fails__tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
