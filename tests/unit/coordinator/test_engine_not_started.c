/* Jobs that an agent could not start, though it can start others. */
#include "fleet.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/group.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sql_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#define GRACE_MS 35000 /* three heartbeats and 5 s */
#define LINUX "{\"os\":\"linux\"}"

static struct command *could_not(struct fleet *f, int agent, int64_t job, int64_t attempt)
{
    struct command *c = cmd_declined(f->sessions[agent], ++f->seq, job, attempt);
    mem_free(c->u.event.decline);
    mem_free(c->u.event.message);
    c->u.event.decline = mem_strdup("could-not-start");
    c->u.event.message = mem_strdup("no such room");
    return c;
}

static void declines(struct fleet *f, int agent, int64_t job)
{
    assert_int_equal(world_do(f->w, could_not(f, agent, job, 1)), 0);
}

static void ends(struct fleet *f, int agent, int64_t job, int64_t attempt)
{
    world_do(f->w,
             cmd_finished(f->sessions[agent], ++f->seq, job, attempt, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(f->w, job), JOB_SUCCESS);
}

static void assert_failed(struct world *w, int64_t job, const char *message)
{
    struct job_row row = world_job(w, job);
    assert_int_equal(row.state, JOB_FAILED);
    assert_int_equal(row.reason, REASON_NOT_STARTED);
    assert_string_equal(row.message, message);
    job_row_fini(&row);
}

static int count_row(const struct tried_row *t, const struct job_row *j, void *user)
{
    (void)t;
    (void)j;
    ++*(int *)user;
    return 0;
}

static int rows(struct world *w)
{
    int n = 0;
    assert_int_equal(store_each_tried(w->store, count_row, &n, NULL), 0);
    assert_int_equal(w->engine->tried.count > 0, n > 0);
    return n;
}

/* Agents stay heard. */
static void live(struct fleet *f, int64_t ms)
{
    for (; ms > 0; ms -= 5000) {
        world_live(f->w, ms < 5000 ? ms : 5000);
        for (size_t i = 0; i < f->count; i++)
            world_do(f->w, cmd_heard_on(f->w, f->sessions[i]));
    }
}

/* ---- whose fault is it? ---- */

static void another_agent__gets_it_at_once_with_the_same_number(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = world_submit(w, NULL, NULL);
    assert_int_equal(fleet_got(&f, id), 0);
    declines(&f, 0, id);
    assert_int_equal(fleet_got(&f, id), 1);
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->u.job.attempt, 1);
    assert_int_equal(rows(w), 1);
    ends(&f, 1, id, 1);
    assert_int_equal(rows(w), 0);
}

static void all_that_fit__the_job_is_at_fault(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    fleet_add(&f, 3, "{\"os\":\"windows\"}");
    int64_t id = world_submit(w, NULL, LINUX);
    declines(&f, 0, id);
    declines(&f, 1, id);
    assert_failed(w, id, "could not be started on a0 and a1: no such room");
    assert_int_equal(rows(w), 0);
}

static void a_group_of_one__says_so_at_once(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4};
    struct fleet f;
    fleet_open(&f, w, slots, 1);
    int64_t id = world_submit(w, NULL, NULL);
    declines(&f, 0, id);
    assert_failed(w, id, "could not be started on a0: no such room");
    int64_t other = world_submit(w, NULL, NULL);
    assert_int_equal(fleet_got(&f, other), 0);
}

static void three_agents__are_enough(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9, 7, 5, 3};
    struct fleet f;
    fleet_open(&f, w, slots, 4);
    int64_t id = world_submit(w, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fleet_got(&f, id), i);
        declines(&f, i, id);
    }
    assert_failed(w, id, "could not be started on a0, a1 and a2: no such room");
    assert_int_equal(world_state(w, world_submit(w, NULL, NULL)), JOB_SUBMITTED);
}

static void no_message__names_the_agents_alone(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4};
    struct fleet f;
    fleet_open(&f, w, slots, 1);
    int64_t id = world_submit(w, NULL, NULL);
    struct command *c = could_not(&f, 0, id, 1);
    mem_free(c->u.event.message);
    c->u.event.message = NULL;
    world_do(w, c);
    assert_failed(w, id, "could not be started on a0");
}

/* It has not tried: it is waited for, as long as it takes. */
static void a_busy_agent__is_waited_for(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[0]));
    int64_t runs = world_running(w, f.sessions[1], NULL, ++f.seq);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[0]));
    int64_t id = world_submit(w, NULL, NULL);
    declines(&f, 0, id);
    live(&f, 3600000);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_do(w, cmd_finished(f.sessions[1], ++f.seq, runs, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(fleet_got(&f, id), 1);
    declines(&f, 1, id);
    assert_failed(w, id, "could not be started on a0 and a1: no such room");
}

/* Who was there a moment ago has the time to come back, and no more. */
static void the_other_is_unwell_draining_or_away__is_waited_for_a_moment(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    for (int way = 0; way < 6; way++) {
        bool comes_back = way % 2;
        live(&f, 2 * GRACE_MS);
        if (way / 2 == 0)
            fleet_unwell(&f, 1, "no inodes");
        else if (way / 2 == 1)
            world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[1]));
        else
            world_do(w, cmd_gone(f.sessions[1]));
        int64_t id = world_submit(w, NULL, NULL);
        declines(&f, 0, id);
        assert_int_equal(world_state(w, id), JOB_CREATED);
        live(&f, comes_back ? GRACE_MS - 10000 : 2 * GRACE_MS);
        assert_int_equal(world_state(w, id), comes_back ? JOB_CREATED : JOB_FAILED);
        if (way / 2 == 0)
            fleet_unwell(&f, 1, NULL);
        else if (way / 2 == 1)
            world_do(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[1]));
        else
            f.sessions[1] = world_connect(w, f.ids[1], NULL, 1);
        assert_int_equal(fleet_got(&f, id), comes_back ? 1 : -1);
        if (comes_back) ends(&f, 1, id, 1);
    }
}

static void the_other_is_away_for_long__is_not_waited_for(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    fleet_unwell(&f, 1, "no inodes");
    live(&f, 2 * GRACE_MS);
    int64_t id = world_submit(w, NULL, NULL);
    declines(&f, 0, id);
    assert_failed(w, id, "could not be started on a0: no such room");
}

/* Nobody can say whose fault it is. */
static void nobody_is_online__waits_for_whoever_comes(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_gone(f.sessions[1]));
    declines(&f, 0, id);
    world_do(w, cmd_gone(f.sessions[0]));
    world_live(w, 10 * GRACE_MS);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    f.sessions[0] = world_connect(w, f.ids[0], NULL, 4);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    int newcomer = fleet_add(&f, 1, "{\"os\":\"linux\"}");
    assert_int_equal(fleet_got(&f, id), newcomer);
}

static void unwell_declines__are_not_held_against_the_job(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4};
    struct fleet f;
    fleet_open(&f, w, slots, 1);
    int64_t id = world_submit(w, NULL, NULL);
    for (int i = 0; i < 5; i++) {
        world_begin(w);
        struct command *c = could_not(&f, 0, id, 1);
        mem_free(c->u.event.decline);
        c->u.event.decline = mem_strdup(i % 2 ? "unwell" : "draining");
        world_apply(w, c);
        c = cmd_ready(f.sessions[0]);
        c->u.ready.unwell = mem_strdup("no inodes");
        world_apply(w, c);
        assert_int_equal(world_commit(w), 0);
        assert_int_equal(world_state(w, id), JOB_CREATED);
        assert_int_equal(rows(w), 0);
        fleet_unwell(&f, 0, NULL);
        assert_int_equal(fleet_got(&f, id), 0);
    }
}

/* ---- retries ---- */

static int64_t submit_retried(struct world *w, const char *requires)
{
    struct command *c = cmd_submit(w, NULL, requires);
    c->u.submit.job.retry =
        (struct retry){.type = RETRY_CONSTANT, .interval_ms = 1000, .max_attempts = 2};
    assert_int_equal(world_do(w, c), 0);
    return world_reply(w)->id;
}

static void retry__begins_anew(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = submit_retried(w, NULL);
    declines(&f, 0, id);
    declines(&f, 1, id);
    assert_int_equal(world_state(w, id), JOB_RETRYING);
    assert_int_equal(rows(w), 0);
    world_live(w, 1000);
    assert_int_equal(fleet_got(&f, id), 0); /* the last attempt failed on a1 */
    world_do(w, could_not(&f, 0, id, 2));
    assert_int_equal(fleet_got(&f, id), 1);
    world_do(w, could_not(&f, 1, id, 2));
    assert_failed(w, id, "could not be started on a0 and a1: no such room");
}

static void retry__of_a_job_that_waited(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = submit_retried(w, NULL);
    world_do(w, cmd_gone(f.sessions[1]));
    declines(&f, 0, id);
    for (int i = 0; i < 100 && world_state(w, id) == JOB_CREATED; i++) {
        world_live(w, 1000);
        world_do(w, cmd_heard_on(w, f.sessions[0]));
    }
    assert_int_equal(world_state(w, id), JOB_RETRYING);
    struct attempt_agents agents = {0};
    assert_int_equal(store_attempt_agents(w->store, id, 1, &agents, NULL), 0);
    assert_int_equal(agents.count, 1);
    assert_int_equal(agents.ids[0], f.ids[0]);
    world_live(w, 1000);
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->u.job.attempt, 2);
    ends(&f, 0, id, 2);
}

static void started_elsewhere_and_lost__begins_anew(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = submit_retried(w, NULL);
    declines(&f, 0, id);
    world_do(w, cmd_started(f.sessions[1], ++f.seq, id, 1));
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_do(w, cmd_gone(f.sessions[1]));
    f.sessions[1] = world_connect(w, f.ids[1], NULL, 1); /* without it */
    assert_int_equal(rows(w), 0);
    world_live(w, 1000);
    assert_int_equal(fleet_got(&f, id), 0);
}

/* ---- beside the queue ---- */

/* More jobs than a window has: those behind them go on, and they come first where they may. */
static void many_set_aside__hold_up_nobody(void **state)
{
    struct world *w = *state;
    enum { BAD = 100 };
    static const int64_t slots[] = {2 * BAD, BAD};
    struct fleet f;
    int64_t ids[BAD];
    fleet_open(&f, w, slots, 2);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[1]));
    for (int i = 0; i < BAD; i++)
        ids[i] = world_submit(w, NULL, NULL);
    for (int i = BAD - 1; i >= 0; i--)
        declines(&f, 0, ids[i]);
    assert_int_equal(rows(w), BAD);
    assert_int_equal(world_state(w, ids[BAD - 1]), JOB_CREATED);
    for (int i = 0; i < 40; i++) {
        int64_t id = world_submit(w, NULL, NULL);
        assert_int_equal(fleet_got(&f, id), 0);
        ends(&f, 0, id, 1);
        assert_int_equal(world_effects(w, EFFECT_JOB), 0);
    }
    assert_int_equal(group_find(w->engine, NULL)->queued, BAD);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[1]));
    assert_int_equal(world_effects(w, EFFECT_JOB), BAD);
    for (int i = 0; i < BAD; i++)
        assert_int_equal(fleet_got(&f, ids[i]), 1);
}

static int64_t submit_priority(struct world *w, int64_t priority)
{
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.priority = priority;
    assert_int_equal(world_do(w, c), 0);
    return world_reply(w)->id;
}

/* An agent that may take both gets them in the order of priority and age. */
static void order__is_that_of_the_queue(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[1]));
    int64_t low = submit_priority(w, 0), aside = submit_priority(w, 3);
    int64_t aside_low = submit_priority(w, 0);
    declines(&f, 0, aside_low);
    declines(&f, 0, aside);
    declines(&f, 0, low);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[0]));
    int64_t high = submit_priority(w, 5), newest = submit_priority(w, 0);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[1]));
    const int64_t order[] = {high, aside, low, aside_low, newest};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(fleet_got(&f, order[i]), 1);
        ends(&f, 1, order[i], 1);
    }
}

static void set_aside__ends_as_any_queued_job(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[0]));
    world_running(w, f.sessions[1], NULL, ++f.seq);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[0]));
    int64_t cancelled = world_submit(w, NULL, NULL);
    declines(&f, 0, cancelled);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.queue_timeout_ms = 60000;
    world_do(w, c);
    int64_t late = world_reply(w)->id;
    declines(&f, 0, late);
    assert_int_equal(rows(w), 2);
    world_do(w, cmd_id(w, CMD_CANCEL, cancelled));
    assert_int_equal(world_state(w, cancelled), JOB_CANCELLED);
    live(&f, 60000);
    assert_int_equal(world_reason(w, late), REASON_QUEUE_TIMEOUT);
    assert_int_equal(rows(w), 0);
    assert_int_equal(group_find(w->engine, NULL)->queued, 0);
}

static void its_group_is_deleted__ends_with_the_rest(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t a = world_agent(w, "a", "g"), b = world_agent(w, "b", "g");
    struct fleet f = {.w = w,
                      .sessions = {world_connect(w, a, "g", 4), world_connect(w, b, "g", 1)}};
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, b));
    int64_t id = world_submit(w, "g", NULL);
    declines(&f, 0, id);
    struct command *c = cmd_text(w, CMD_GROUP_DELETE, "g");
    c->flag = true;
    world_do(w, c);
    world_tick(w);
    assert_int_equal(world_reason(w, id), REASON_GROUP_DELETED);
    assert_int_equal(rows(w), 0);
}

static void its_fallback__counts_when_nobody_is_left(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t a = world_agent(w, "a", "g"), b = world_agent(w, "b", "g");
    struct fleet f = {.w = w,
                      .sessions = {world_connect(w, a, "g", 4), world_connect(w, b, "g", 1)}};
    int64_t d = world_agent(w, "d", NULL);
    uint64_t there = world_connect(w, d, NULL, 1);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, b));
    struct command *c = cmd_submit(w, "g", NULL);
    c->u.submit.job.fallback = FALLBACK_IGNORE;
    c->u.submit.fallback_given = true;
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    declines(&f, 0, id);
    world_do(w, cmd_gone(f.sessions[0]));
    for (int i = 0; i < 100 && world_state(w, id) == JOB_CREATED; i++) {
        world_live(w, 1000);
        if (world_effect_for(w, EFFECT_JOB, id)) break;
        world_do(w, cmd_heard_on(w, there));
    }
    struct job_row row = world_job(w, id);
    assert_int_equal(row.state, JOB_SUBMITTED);
    assert_int_equal(row.agent, d);
    assert_string_equal(row.group, "default");
    job_row_fini(&row);
}

static void cancelled_while_it_is_declined__is_over(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    declines(&f, 0, id);
    assert_int_equal(world_state(w, id), JOB_KILLED);
    assert_int_equal(rows(w), 0);
}

static void the_same_event_again__counts_once(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = world_submit(w, NULL, NULL);
    declines(&f, 0, id);
    for (int i = 0; i < 3; i++) {
        f.seq--;
        declines(&f, 0, id);
    }
    declines(&f, 0, id); /* a new number, of an attempt that is another agent's */
    assert_int_equal(rows(w), 1);
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
}

/* ---- what is kept ---- */

static void restart__is_remembered(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[1]));
    int64_t first = world_submit(w, NULL, NULL), second = world_submit(w, NULL, LINUX);
    int64_t third = world_submit(w, NULL, NULL);
    declines(&f, 0, second);
    declines(&f, 0, first);
    for (int crash = 0; crash < 2; crash++) {
        if (crash)
            world_crash(w);
        else
            world_restart(w);
        assert_int_equal(rows(w), 2);
        assert_int_equal(group_find(w->engine, NULL)->queued, 2);
        struct command *c = cmd_hello(w, ++w->sessions, f.ids[0], NULL, 9);
        cmd_hello_attempt(c, third, 1, false);
        f.sessions[0] = w->sessions;
        world_do(w, c);
        world_do(w, cmd_ready(f.sessions[0]));
        assert_int_equal(world_effects(w, EFFECT_JOB), 0);
    }
    f.sessions[1] = world_connect(w, f.ids[1], NULL, 1);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[1]));
    assert_int_equal(fleet_got(&f, first), 1);
    declines(&f, 1, first);
    assert_int_equal(fleet_got(&f, second), 1);
    ends(&f, 1, second, 1);
    assert_int_equal(world_state(w, first), JOB_CREATED); /* others may be on their way back */
    live(&f, 2 * GRACE_MS);
    assert_failed(w, first, "could not be started on a0 and a1: no such room");
    assert_int_equal(rows(w), 0);
}

/* After a start agents come back one by one: the first that failed is not all there are. */
static void restart__those_on_their_way_back_are_waited_for(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    world_restart(w);
    world_tick(w);
    f.sessions[0] = world_connect(w, f.ids[0], NULL, 9);
    int64_t id = world_submit(w, NULL, NULL);
    declines(&f, 0, id);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    f.sessions[1] = world_connect(w, f.ids[1], NULL, 1);
    assert_int_equal(fleet_got(&f, id), 1);
}

static void removed_in_between__has_tried_all_the_same(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9, 7, 5, 3};
    struct fleet f;
    fleet_open(&f, w, slots, 4);
    int64_t id = world_submit(w, NULL, NULL);
    declines(&f, 0, id);
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, f.ids[0]));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    declines(&f, 1, id);
    declines(&f, 2, id);
    assert_failed(w, id, "could not be started on a0, a1 and a2: no such room");
}

/* ---- many ---- */

/* A poisonous batch of jobs: each is handed out three times at most, and the jobs behind run. */
static void burst__three_hand_outs_and_few_rows_each(void **state)
{
    struct world *w = *state;
    enum { BAD = 300, GOOD = 50 };
    static const int64_t slots[] = {8, 8, 8, 8, 8};
    struct fleet f;
    int64_t bad[BAD], good[GOOD];
    size_t hand_outs = 0;
    fleet_open(&f, w, slots, 5);
    for (int i = 0; i < 5; i++)
        world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[i]));
    for (int i = 0; i < BAD; i++)
        bad[i] = world_submit(w, NULL, NULL);
    for (int i = 0; i < GOOD; i++)
        good[i] = world_submit(w, NULL, NULL);
    int64_t before = sqlite3_total_changes(sqlite_handle(&w->store->queue));
    for (int i = 0; i < 5; i++)
        world_do(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[i]));
    for (int round = 0; round < 200 && world_state(w, bad[BAD - 1]) != JOB_FAILED; round++) {
        world_begin(w);
        for (int i = 0; i < BAD; i++) {
            struct job_row row = world_job(w, bad[i]);
            for (int k = 0; k < 5 && row.state == JOB_SUBMITTED; k++) {
                if (row.agent == f.ids[k]) world_apply(w, could_not(&f, k, bad[i], 1));
            }
            job_row_fini(&row);
        }
        assert_int_equal(world_commit(w), 0);
        hand_outs += world_effects(w, EFFECT_JOB);
    }
    int64_t written = sqlite3_total_changes(sqlite_handle(&w->store->queue)) - before;
    for (int i = 0; i < BAD; i++)
        assert_int_equal(world_reason(w, bad[i]), REASON_NOT_STARTED);
    for (int i = 0; i < 40; i++)
        assert_int_equal(world_state(w, good[i]), JOB_SUBMITTED);
    assert_true(hand_outs <= 3 * BAD + 40);
    /* a hand-out and its return are two steps and a row; then an end */
    assert_true(written <= 14 * BAD + 500);
    assert_int_equal(rows(w), 0);
}

/* A job that starts well costs nothing of all that. */
static void usual_job__reads_and_writes_nothing_of_it(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9};
    struct fleet f;
    fleet_open(&f, w, slots, 1);
    static const enum queue_statement all[] = {Q_TRIED_INSERT, Q_TRIED_DELETE, Q_TRIED,
                                               Q_ATTEMPT_AGENTS};
    for (size_t i = 0; i < 4; i++)
        sqlite3_stmt_status(sqlite_statement(store_queue(w->store, all[i])), SQLITE_STMTSTATUS_RUN,
                            1);
    for (int i = 0; i < 20; i++)
        ends(&f, 0, world_running(w, f.sessions[0], NULL, ++f.seq), 1);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sqlite3_stmt_status(sqlite_statement(store_queue(w->store, all[i])),
                                             SQLITE_STMTSTATUS_RUN, 1),
                         0);
}

/* ---- why ---- */

static void assert_why(struct world *w, int64_t id, const char *code, const char *message)
{
    struct json *tree = NULL;
    assert_int_equal(world_do(w, cmd_id(w, CMD_WHY, id)), 0);
    const char *text = world_reply(w)->json;
    assert_int_equal(json_parse(text, strlen(text), &tree, NULL), 0);
    assert_string_equal(json_get_str(tree, "code", "(none)"), code);
    assert_string_equal(json_get_str(tree, "message", ""), message);
    json_free(tree);
}

static void why__names_who_could_not_start_it(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {9, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[0]));
    world_running(w, f.sessions[1], NULL, ++f.seq);
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[0]));
    int64_t id = world_submit(w, NULL, NULL);
    declines(&f, 0, id);
    assert_why(w, id, "all-busy",
               "all 1 fitting agents in the default group are busy (1 of 1 slots); could not be "
               "started on a0");
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[1]));
    assert_why(w, id, "no-agent-online",
               "the default group has no other fitting agent online; could not be started on a0: "
               "no such room");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(another_agent__gets_it_at_once_with_the_same_number),
        WORLD_TEST(all_that_fit__the_job_is_at_fault),
        WORLD_TEST(a_group_of_one__says_so_at_once),
        WORLD_TEST(three_agents__are_enough),
        WORLD_TEST(no_message__names_the_agents_alone),
        WORLD_TEST(a_busy_agent__is_waited_for),
        WORLD_TEST(the_other_is_unwell_draining_or_away__is_waited_for_a_moment),
        WORLD_TEST(the_other_is_away_for_long__is_not_waited_for),
        WORLD_TEST(nobody_is_online__waits_for_whoever_comes),
        WORLD_TEST(unwell_declines__are_not_held_against_the_job),
        WORLD_TEST(retry__begins_anew),
        WORLD_TEST(retry__of_a_job_that_waited),
        WORLD_TEST(started_elsewhere_and_lost__begins_anew),
        WORLD_TEST(many_set_aside__hold_up_nobody),
        WORLD_TEST(order__is_that_of_the_queue),
        WORLD_TEST(set_aside__ends_as_any_queued_job),
        WORLD_TEST(its_group_is_deleted__ends_with_the_rest),
        WORLD_TEST(its_fallback__counts_when_nobody_is_left),
        WORLD_TEST(cancelled_while_it_is_declined__is_over),
        WORLD_TEST(the_same_event_again__counts_once),
        WORLD_TEST(restart__is_remembered),
        WORLD_TEST(restart__those_on_their_way_back_are_waited_for),
        WORLD_TEST(removed_in_between__has_tried_all_the_same),
        WORLD_TEST(burst__three_hand_outs_and_few_rows_each),
        WORLD_TEST(usual_job__reads_and_writes_nothing_of_it),
        WORLD_TEST(why__names_who_could_not_start_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
