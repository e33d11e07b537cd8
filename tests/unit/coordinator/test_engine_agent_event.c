/* The history of an agent: what the engine writes of it, when, and in whose transaction. */
#include "engine_world.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader_agent_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static bool no_commit; /* what writes is not committed: the disk is full */

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e)
{
    if (!no_commit || !store_dirty(s)) return __real_store_commit(s, e);
    store_rollback(s);
    return err_set(e, ERR_FULL, "no space left (test)");
}

struct lines {
    char text[16000];
};

static int note(const struct agent_event_row *v, void *user)
{
    struct lines *l = user;
    size_t len = strlen(l->text);
    snprintf(l->text + len, sizeof l->text - len, "%s x%d%s%s%s%s\n", agent_event_names[v->kind],
             (int)v->times, v->by ? " by " : "", v->by ? v->by : "", v->text ? ": " : "",
             v->text ? v->text : "");
    return 0;
}

/* Oldest last, one a line: "connected x1 by NAME: TEXT". */
static void history_is(struct world *w, int64_t agent, const char *expected)
{
    struct agent_event_filter f = {.agent = agent, .limit = 500};
    struct lines l = {0};
    struct reader *r;
    struct err e = {0};
    bool more;
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_agent_events(r, &f, note, &l, &more, &e), 0);
    reader_close(r);
    if (!str_eq(l.text, expected)) fail_msg("is:\n%sshould be:\n%s", l.text, expected);
}

static struct command *gone(uint64_t session, const char *why)
{
    struct command *c = cmd_gone(session);
    c->text = mem_strdup(why);
    return c;
}

#define ENROLLED "enrolled x1: with the join token '"

/* All but the first event, which names a token. */
static void history_since_it_joined_is(struct world *w, int64_t agent, const char *expected)
{
    struct agent_row a;
    assert_int_equal(store_agent_find(w->store, agent, &a, NULL), 1);
    char *all = str_dupf("%s" ENROLLED "%s'\n", expected, a.created_by);
    history_is(w, agent, all);
    mem_free(all);
    agent_row_fini(&a);
}

static void life__of_an_agent__is_told_newest_first(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    history_since_it_joined_is(w, a, "");
    uint64_t s = world_connect(w, a, NULL, 1);
    struct command *c = cmd_id(w, CMD_AGENT_DRAIN, a);
    c->text = mem_strdup("new disk");
    world_do(w, c);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, a));
    world_do(w, gone(s, "connection reset by peer"));
    c = cmd_id(w, CMD_AGENT_REMOVE, a);
    c->text = mem_strdup("sold");
    world_do(w, c);
    history_since_it_joined_is(w, a,
                               "removed x1: sold\n"
                               "disconnected x1: connection reset by peer\n"
                               "resumed x1\n"
                               "drained x1: new disk\n"
                               "connected x1: version 1.0.0\n");
}

static void what_changes_nothing__is_no_event(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, a)); /* it is not drained */
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, a));
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, a)); /* again, with no reason */
    struct command *c = cmd_id(w, CMD_AGENT_DRAIN, a);
    c->text = mem_strdup("disk");
    world_do(w, c);
    world_do(w, cmd_gone(77)); /* of no agent */
    uint64_t s = world_connect(w, a, NULL, 1);
    world_do(w, cmd_ready(s));
    world_do(w, cmd_heard_on(w, s));
    history_since_it_joined_is(w, a,
                               "connected x1: version 1.0.0\n"
                               "drained x1: disk\n"
                               "drained x1\n");
}

static void drain_reason_is(struct world *w, int64_t agent, const char *reason)
{
    struct agent_row a;
    assert_int_equal(store_agent_find(w->store, agent, &a, NULL), 1);
    if (reason)
        assert_string_equal(a.drain_reason, reason);
    else
        assert_null(a.drain_reason);
    agent_row_fini(&a);
}

static struct command *rests(uint64_t session, const char *why)
{
    struct command *c = cmd_ready(session);
    c->u.ready.draining = why != NULL;
    c->u.ready.reason = mem_strdup(why);
    return c;
}

static void what_an_agent_says_of_itself__is_not_cleared_by_a_resume(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    world_do(w, rests(s, "3 MiB are left"));
    drain_reason_is(w, a, "3 MiB are left");
    struct command *c = cmd_id(w, CMD_AGENT_RESUME, a); /* it is not held */
    c->text = mem_strdup("");
    world_do(w, c);
    drain_reason_is(w, a, "3 MiB are left");
    c = cmd_id(w, CMD_AGENT_DRAIN, a);
    c->text = mem_strdup("new disk");
    world_do(w, c);
    drain_reason_is(w, a, "new disk");
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, a));
    drain_reason_is(w, a, NULL);
    world_do(w, rests(s, "3 MiB are left")); /* its answer to that */
    drain_reason_is(w, a, "3 MiB are left");
    world_do(w, rests(s, NULL));
    drain_reason_is(w, a, NULL);
    history_since_it_joined_is(w, a,
                               "resumed x1\n"
                               "drained x1: new disk\n"
                               "connected x1: version 1.0.0\n");
}

static void what_an_agent_says_of_itself__is_not_the_reason_of_a_drain(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    world_do(w, rests(s, "3 MiB are left"));
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, a));
    drain_reason_is(w, a, NULL);
    assert_null(world_effect(w, EFFECT_DRAIN)->u.drain.reason);
    world_do(w, rests(s, NULL));
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, a));
    drain_reason_is(w, a, NULL);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, a));
    history_since_it_joined_is(w, a,
                               "resumed x1\n"
                               "drained x1\n"
                               "connected x1: version 1.0.0\n");
}

static void connection__that_comes_and_goes__is_counted(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    for (int i = 0; i < 99; i++) {
        world_pass(w, 15000);
        world_do(w, gone(s, i < 98 ? "reset" : "timed out"));
        world_pass(w, 15000);
        s = world_connect(w, a, NULL, 1);
    }
    history_since_it_joined_is(w, a,
                               "connected x100: version 1.0.0\n"
                               "disconnected x99: timed out\n");
    world_pass(w, 4000000); /* it stays for an hour */
    world_do(w, gone(s, "reset"));
    history_since_it_joined_is(w, a,
                               "disconnected x1: reset\n"
                               "connected x100: version 1.0.0\n"
                               "disconnected x99: timed out\n");
}

static void connection__that_comes_and_goes_all_day__has_a_pair_of_events_an_hour(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    for (int i = 0; i < 24 * 60; i++) {
        uint64_t s = world_connect(w, a, NULL, 1);
        world_pass(w, 30000);
        world_do(w, gone(s, "reset"));
        world_pass(w, 30000);
    }
    struct agent_event_filter f = {.agent = a, .limit = 500};
    struct lines l = {0};
    struct reader *r;
    struct err e = {0};
    bool more;
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_agent_events(r, &f, note, &l, &more, &e), 0);
    reader_close(r);
    int count = 0;
    for (const char *at = l.text; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    assert_in_range(count, 2 * 24, 2 * 25 + 1);
}

static void agent__that_connects_anew_or_from_elsewhere__is_told_so(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_connect(w, a, NULL, 1);
    world_pass(w, 600000);
    world_do(w, cmd_hello(w, ++w->sessions, a, NULL, 1)); /* the former one is still open */
    world_pass(w, 600000);
    world_do(w, gone(w->sessions, NULL));
    struct command *c = cmd_hello(w, ++w->sessions, a, NULL, 1);
    mem_free(c->u.hello.boot_id);
    c->u.hello.boot_id = mem_strdup("another boot");
    world_do(w, c);
    world_pass(w, 600000);
    world_do(w, gone(w->sessions, NULL));
    world_pass(w, 600000);
    c = cmd_hello(w, ++w->sessions, a, NULL, 1);
    mem_free(c->u.hello.host_id);
    c->u.hello.host_id = mem_strdup("another host");
    world_do(w, c);
    history_since_it_joined_is(w, a,
                               "connected x1: version 1.0.0, on another machine\n"
                               "disconnected x1\n"
                               "connected x1: version 1.0.0, after a restart of its machine\n"
                               "disconnected x1\n"
                               "connected x1: version 1.0.0\n"
                               "disconnected x1: it connected anew\n"
                               "connected x1: version 1.0.0\n");
}

static void agent__that_is_unwell__is_told_with_the_reason(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    struct command *c = cmd_ready(s);
    c->u.ready.unwell = mem_strdup("no inodes");
    world_do(w, c);
    c = cmd_ready(s);
    c->u.ready.unwell = mem_strdup("no processes"); /* it is so already */
    world_do(w, c);
    world_do(w, cmd_ready(s));
    history_since_it_joined_is(w, a,
                               "well x1\n"
                               "unwell x1: no inodes\n"
                               "connected x1: version 1.0.0\n");
}

static void agent__that_has_to_leave__is_told_why(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t a = world_agent(w, "a", "g");
    world_connect(w, a, "g", 1);
    struct command *c = cmd_text(w, CMD_GROUP_DELETE, "g");
    c->flag = true;
    world_do(w, c);
    history_since_it_joined_is(w, a,
                               "disconnected x1: there is no worker group 'g': create it, or name "
                               "another in the agent's config\n"
                               "connected x1: version 1.0.0\n");
}

static void coordinator__started_anew__all_that_were_connected_are_away(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    world_connect(w, a, NULL, 1);
    world_crash(w);
    world_tick(w);
    history_since_it_joined_is(w, a,
                               "disconnected x1: the coordinator was started anew\n"
                               "connected x1: version 1.0.0\n");
    history_since_it_joined_is(w, b, ""); /* it was away before */
    world_crash(w);
    world_tick(w);
    world_connect(w, a, NULL, 1);
    history_since_it_joined_is(w, a,
                               "connected x2: version 1.0.0\n"
                               "disconnected x1: the coordinator was started anew\n");
}

static void is_online(struct world *w, int64_t agent, bool online)
{
    struct agent_row a;
    assert_int_equal(store_agent_find(w->store, agent, &a, NULL), 1);
    assert_int_equal(a.online, online);
    agent_row_fini(&a);
}

static void batch_that_fails__an_agent_whose_session_it_costs_is_away(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    world_connect(w, b, NULL, 1);
    no_commit = true;
    assert_int_not_equal(world_do(w, cmd_hello(w, ++w->sessions, a, NULL, 1)), 0);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s); /* it had two */
    world_tick(w);                                               /* nor can that be saved */
    history_since_it_joined_is(w, a, "connected x1: version 1.0.0\n");
    no_commit = false;
    for (int i = 0; i < 2; i++) {
        world_tick(w);
        history_since_it_joined_is(w, a,
                                   "disconnected x1: the coordinator could not save what it had "
                                   "heard\n"
                                   "connected x1: version 1.0.0\n");
    }
    is_online(w, a, false);
    history_since_it_joined_is(w, b, "connected x1: version 1.0.0\n"); /* it goes on */
    is_online(w, b, true);
}

static void agent__whose_name_another_one_takes__is_removed(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    struct command *c = cmd_enrol(w, w->token, "a", NULL, "another key");
    c->u.enrol.replace = true;
    world_do(w, c);
    history_since_it_joined_is(w, a, "removed x1: another one joined under its name\n");
    history_since_it_joined_is(w, world_effect(w, EFFECT_ENROLLED)->u.enrolled.agent, "");
}

/* A removal by force of an agent that runs a job: its session is no news any more. */
static void agent__removed_while_it_runs__is_not_told_to_have_left(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    world_running(w, s, NULL, 1);
    struct command *c = cmd_id(w, CMD_AGENT_REMOVE, a);
    c->flag = true;
    c->text = mem_strdup("sold");
    world_do(w, c);
    c = cmd_ready(s); /* it has not heard of it yet */
    c->u.ready.draining = true;
    c->u.ready.unwell = mem_strdup("the disk is full");
    world_do(w, c);
    world_do(w, gone(s, "reset"));
    history_since_it_joined_is(w, a, "removed x1: sold\nconnected x1: version 1.0.0\n");
    struct agent_row row;
    assert_int_equal(store_agent_find(w->store, a, &row, NULL), 1);
    assert_string_equal(row.removed_reason, "sold");
    assert_false(row.draining);
    agent_row_fini(&row);
}

/* Their events are part of the transaction that their hellos are. */
static void many__that_come_back_together__are_one_commit(void **state)
{
    struct world *w = *state;
    int64_t agents[40];
    for (size_t i = 0; i < 40; i++) {
        char name[16];
        assert_int_equal(str_format(name, sizeof name, "a%d", (int)i), 0);
        agents[i] = world_agent(w, name, NULL);
    }
    world_tick(w);
    assert_false(engine_wrote(w->engine)); /* nothing is left to be written */
    world_begin(w);
    for (size_t i = 0; i < 40; i++)
        world_apply(w, cmd_hello(w, ++w->sessions, agents[i], NULL, 1));
    history_since_it_joined_is(w, agents[7], ""); /* nothing is there before the commit */
    assert_int_equal(world_commit(w), 0);
    for (size_t i = 0; i < 40; i++)
        history_since_it_joined_is(w, agents[i], "connected x1: version 1.0.0\n");
    world_tick(w);
    assert_false(engine_wrote(w->engine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(life__of_an_agent__is_told_newest_first),
        WORLD_TEST(what_changes_nothing__is_no_event),
        WORLD_TEST(what_an_agent_says_of_itself__is_not_cleared_by_a_resume),
        WORLD_TEST(what_an_agent_says_of_itself__is_not_the_reason_of_a_drain),
        WORLD_TEST(connection__that_comes_and_goes__is_counted),
        WORLD_TEST(connection__that_comes_and_goes_all_day__has_a_pair_of_events_an_hour),
        WORLD_TEST(agent__that_connects_anew_or_from_elsewhere__is_told_so),
        WORLD_TEST(agent__that_is_unwell__is_told_with_the_reason),
        WORLD_TEST(agent__that_has_to_leave__is_told_why),
        WORLD_TEST(coordinator__started_anew__all_that_were_connected_are_away),
        WORLD_TEST(batch_that_fails__an_agent_whose_session_it_costs_is_away),
        WORLD_TEST(agent__whose_name_another_one_takes__is_removed),
        WORLD_TEST(agent__removed_while_it_runs__is_not_told_to_have_left),
        WORLD_TEST(many__that_come_back_together__are_one_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
