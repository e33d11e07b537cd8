/* Processes of an attempt that its agent could not end: they keep a slot, and the next attempt of
 * the job waits for their end. */
#include "flow_world.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define ALIVE "sleep (4711, root)"

/* An agent with an attempt that is over, and left a process. */
struct scene {
    int64_t agent, job;
    uint64_t session;
};

static struct command *cmd_retried(struct world *w, int64_t queue_timeout_ms)
{
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry =
        (struct retry){.type = RETRY_CONSTANT, .interval_ms = 1000, .max_attempts = 5};
    c->u.submit.job.queue_timeout_ms = queue_timeout_ms;
    return c;
}

static struct command *cmd_left(uint64_t session, int64_t seq, int64_t job, int64_t attempt,
                                enum job_state state)
{
    struct command *c = cmd_finished(session, seq, job, attempt, state,
                                     state == JOB_FAILED ? REASON_TIMEOUT : REASON_NONE);
    c->u.event.alive = mem_strdup(ALIVE);
    return c;
}

static struct command *cmd_cleared(uint64_t session, int64_t seq, int64_t job, int64_t attempt)
{
    struct command *c = cmd_started(session, seq, job, attempt);
    c->type = CMD_CLEARED;
    return c;
}

static struct scene begin(struct world *w, int64_t queue_timeout_ms)
{
    struct scene s = {.agent = world_agent(w, "build-07", NULL)};
    s.session = world_connect(w, s.agent, NULL, 2);
    world_do(w, cmd_retried(w, queue_timeout_ms));
    s.job = world_reply(w)->id;
    world_do(w, cmd_started(s.session, 1, s.job, 1));
    world_do(w, cmd_left(s.session, 2, s.job, 1, JOB_FAILED));
    assert_int_equal(world_state(w, s.job), JOB_RETRYING);
    return s;
}

static int64_t attempt_of(struct world *w, int64_t id)
{
    struct job_row row = world_job(w, id);
    int64_t attempt = row.attempt;
    job_row_fini(&row);
    return attempt;
}

static void assert_why(struct world *w, int64_t job, const char *code, const char *message)
{
    assert_int_equal(world_do(w, cmd_id(w, CMD_WHY, job)), 0);
    struct json *tree = NULL;
    const char *text = world_reply(w)->json;
    assert_int_equal(json_parse(text, strlen(text), &tree, NULL), 0);
    assert_string_equal(json_get_str(tree, "code", ""), code);
    assert_string_equal(json_get_str(tree, "message", ""), message);
    json_free(tree);
}

static void assert_waits(struct world *w, int64_t job)
{
    assert_int_equal(world_state(w, job), JOB_RETRYING);
    assert_why(w, job, "alive", ALIVE " of attempt 1 is still alive on build-07");
}

/* How many jobs the group's agents take now. */
static int free_slots(struct world *w)
{
    int64_t ids[9];
    int taken = 0;
    for (int i = 0; i < 9; i++)
        ids[i] = world_submit(w, NULL, NULL);
    for (int i = 0; i < 9; i++) {
        enum job_state state = world_state(w, ids[i]);
        taken += state == JOB_SUBMITTED;
        if (state == JOB_CREATED) world_do(w, cmd_id(w, CMD_CANCEL, ids[i]));
    }
    return taken;
}

static int note_remnant(const struct remnant_row *r, void *user)
{
    int *count = user;
    assert_string_equal(r->processes, ALIVE);
    ++*count;
    return 0;
}

static int stored(struct world *w)
{
    int count = 0;
    assert_int_equal(store_each_remnant(w->store, note_remnant, &count, NULL), 0);
    return count;
}

/* ---- the next attempt ---- */

static void next_attempt__waits_until_the_agent_says_that_all_is_gone(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_connect(w, world_agent(w, "other", NULL), NULL, 9); /* which could have it at once */
    assert_waits(w, s.job);
    world_live(w, 3600000);
    assert_waits(w, s.job);
    world_do(w, cmd_hello(w, ++w->sessions, s.agent, NULL, 2));
    s.session = w->sessions;
    world_do(w, cmd_cleared(s.session, 3, s.job, 1));
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 3);
    world_live(w, 1);
    assert_int_equal(world_state(w, s.job), JOB_SUBMITTED);
    assert_int_equal(attempt_of(w, s.job), 2);
    assert_int_equal(stored(w), 0);
}

static void several_processes__are_told_as_such(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "b", NULL), NULL, 1);
    world_do(w, cmd_retried(w, 5000));
    int64_t job = world_reply(w)->id;
    struct command *c = cmd_left(s, 1, job, 1, JOB_FAILED);
    mem_free(c->u.event.alive);
    c->u.event.alive = mem_strdup("a (1, root) and b (2, root)");
    world_do(w, c);
    assert_why(w, job, "alive", "a (1, root) and b (2, root) of attempt 1 are still alive on b");
    world_live(w, 6000);
    struct job_row row = world_job(w, job);
    assert_string_equal(row.message, "not tried again within 5s: a (1, root) and b (2, root) of "
                                     "attempt 1 are still alive");
    job_row_fini(&row);
}

static void next_attempt__is_not_due_sooner_than_its_interval(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_do(w, cmd_cleared(s.session, 3, s.job, 1));
    assert_int_equal(world_state(w, s.job), JOB_RETRYING);
    world_live(w, 999);
    assert_int_equal(world_state(w, s.job), JOB_RETRYING);
    world_live(w, 1);
    assert_int_equal(world_state(w, s.job), JOB_SUBMITTED);
}

static void next_attempt__waits_no_longer_than_the_queue_timeout(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 60000);
    world_live(w, 60999);
    assert_waits(w, s.job);
    world_live(w, 1);
    assert_int_equal(world_state(w, s.job), JOB_FAILED);
    struct job_row row = world_job(w, s.job);
    assert_int_equal(row.reason, REASON_QUEUE_TIMEOUT);
    assert_string_equal(row.message,
                        "not tried again within 1m: " ALIVE " of attempt 1 is still alive");
    job_row_fini(&row);
    assert_int_equal(stored(w), 1); /* the slot stays taken */
    assert_int_equal(free_slots(w), 1);
}

static void next_attempt__queue_timeout_goes_on_after_the_wait(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 60000);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, s.agent));
    world_live(w, 41000);
    world_do(w, cmd_cleared(s.session, 3, s.job, 1));
    world_live(w, 1);
    assert_int_equal(world_state(w, s.job), JOB_CREATED);
    world_live(w, 19998);
    assert_int_equal(world_state(w, s.job), JOB_CREATED);
    world_live(w, 1);
    assert_int_equal(world_state(w, s.job), JOB_FAILED);
    assert_int_equal(world_reason(w, s.job), REASON_QUEUE_TIMEOUT);
}

static void cancelled_while_it_waits__ends_at_once_and_the_slot_stays_taken(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_do(w, cmd_id(w, CMD_CANCEL, s.job));
    assert_int_equal(world_state(w, s.job), JOB_CANCELLED);
    assert_int_equal(free_slots(w), 1);
    world_do(w, cmd_cleared(s.session, 3, s.job, 1));
    assert_int_equal(world_state(w, s.job), JOB_CANCELLED);
    assert_int_equal(free_slots(w), 1); /* the one that was taken */
}

static void group_deleted_while_it_waits__ends_at_once(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t a = world_agent(w, "a", "g");
    uint64_t s = world_connect(w, a, "g", 1);
    struct command *c = cmd_retried(w, 0);
    c->u.submit.job.group = mem_strdup("g");
    world_do(w, c);
    int64_t job = world_reply(w)->id;
    world_do(w, cmd_left(s, 1, job, 1, JOB_FAILED));
    c = cmd_text(w, CMD_GROUP_DELETE, "g");
    c->flag = true;
    world_do(w, c);
    assert_int_equal(world_state(w, job), JOB_FAILED);
    assert_int_equal(world_reason(w, job), REASON_GROUP_DELETED);
    assert_int_equal(stored(w), 1);
}

/* ---- the slot ---- */

static void slot__of_a_job_that_is_over__stays_taken_until_cleared(void **state)
{
    struct world *w = *state;
    static const enum job_state ends[] = {JOB_SUCCESS, JOB_FAILED, JOB_KILLED};
    for (size_t i = 0; i < 3; i++) {
        char name[] = "a";
        name[0] += (char)i;
        uint64_t s = world_connect(w, world_agent(w, name, NULL), NULL, 3);
        int64_t job = world_running(w, s, NULL, 1);
        if (ends[i] == JOB_KILLED) world_do(w, cmd_id(w, CMD_CANCEL, job));
        world_do(w, cmd_left(s, 2, job, 1, ends[i]));
        assert_int_equal(world_state(w, job), ends[i]);
        assert_int_equal(free_slots(w), 2);
        world_do(w, cmd_cleared(s, 3, job, 1));
        assert_int_equal(free_slots(w), 1);
    }
}

static void slot__why_counts_it_as_busy(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t job = world_running(w, s, NULL, 1);
    world_do(w, cmd_left(s, 2, job, 1, JOB_SUCCESS));
    int64_t waits = world_submit(w, NULL, NULL);
    assert_why(w, waits, "all-busy",
               "all 1 fitting agents in the default group are busy (1 of 1 slots)");
    world_do(w, cmd_cleared(s, 3, job, 1));
    assert_int_equal(world_state(w, waits), JOB_SUBMITTED);
}

static void slot__more_remnants_than_slots__none_is_free(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t one = world_running(w, s, NULL, 1), two = world_running(w, s, NULL, 2);
    world_do(w, cmd_left(s, 3, one, 1, JOB_SUCCESS));
    world_do(w, cmd_left(s, 4, two, 1, JOB_SUCCESS));
    struct command *c = cmd_ready(s);
    c->u.ready.slots = 1;
    world_do(w, c);
    world_do(w, cmd_cleared(s, 5, one, 1));
    assert_int_equal(free_slots(w), 0);
    world_do(w, cmd_cleared(s, 6, two, 1));
    assert_int_equal(free_slots(w), 1);
}

/* ---- what is said twice, or of nothing ---- */

static void cleared__of_something_unknown__is_acknowledged_and_ignored(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    int64_t seq = 3;
    world_do(w, cmd_cleared(s.session, seq++, 4711, 1));
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 3);
    assert_null(world_effect(w, EFFECT_DISCARD));
    world_do(w, cmd_cleared(s.session, seq++, s.job, 2)); /* of another attempt */
    uint64_t other = world_connect(w, world_agent(w, "other", NULL), NULL, 0);
    world_do(w, cmd_cleared(other, 1, s.job, 1)); /* by another agent */
    world_do(w, cmd_cleared(99, 9, s.job, 1));    /* by nobody */
    world_live(w, 5000);
    assert_waits(w, s.job);
    world_do(w, cmd_cleared(s.session, seq, s.job, 1));
    world_do(w, cmd_cleared(s.session, seq, s.job, 1)); /* sent again */
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, seq);
    world_live(w, 1);
    assert_int_equal(attempt_of(w, s.job), 2);
    assert_int_equal(world_state(w, s.job), JOB_SUBMITTED);
}

/* The answer to its end was lost with the connection: the agent lists the attempt again. */
static void ended__listed_again__is_watched_until_cleared(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    struct command *c = cmd_hello(w, ++w->sessions, s.agent, NULL, 2);
    c->u.hello.seq = 2;
    cmd_hello_attempt(c, s.job, 1, true);
    world_do(w, c);
    assert_null(world_effect(w, EFFECT_DISCARD)); /* which would hush up its `cleared` */
    world_do(w, cmd_left(w->sessions, 2, s.job, 1, JOB_FAILED));
    assert_int_equal(stored(w), 1);
    world_do(w, cmd_ready(w->sessions));
    world_live(w, 5000);
    assert_waits(w, s.job);
    world_do(w, cmd_cleared(w->sessions, 3, s.job, 1));
    world_live(w, 1);
    assert_int_equal(world_state(w, s.job), JOB_SUBMITTED);
    assert_int_equal(stored(w), 0);
}

/* Its journal has lost the end: it kills what it has, and neither side counts the slot. */
static void ended__listed_as_running__is_discarded_and_counts_no_more(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    struct command *c = cmd_hello(w, ++w->sessions, s.agent, NULL, 2);
    cmd_hello_attempt(c, s.job, 1, false);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_DISCARD)->u.discard.attempt, 1);
    assert_int_equal(stored(w), 0);
}

static void finished__sent_again__leaves_one_remnant(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_do(w, cmd_left(s.session, 2, s.job, 1, JOB_FAILED));
    assert_int_equal(stored(w), 1);
    /* of an attempt that is over: it is to be forgotten, and nothing waits for it */
    world_do(w, cmd_left(s.session, 3, s.job, 9, JOB_FAILED));
    assert_non_null(world_effect(w, EFFECT_DISCARD));
    assert_int_equal(stored(w), 1);
}

/* ---- restarts ---- */

static void restart_of_the_coordinator__job_waits_on_and_the_slot_stays_taken(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 60000);
    world_live(w, 30000);
    world_crash(w);
    assert_waits(w, s.job); /* its agent has not said a word yet */
    s.session = world_connect(w, s.agent, NULL, 2);
    assert_int_equal(free_slots(w), 1);
    world_live(w, 50000); /* the wait begins afresh: the agent had no way to speak */
    assert_waits(w, s.job);
    world_do(w, cmd_cleared(s.session, 3, s.job, 1));
    world_live(w, 1);
    assert_int_equal(world_state(w, s.job), JOB_SUBMITTED);
}

static void restart_of_the_coordinator__job_is_over__slot_stays_taken(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 2);
    int64_t job = world_running(w, s, NULL, 1);
    world_do(w, cmd_left(s, 2, job, 1, JOB_SUCCESS));
    world_restart(w);
    world_connect(w, a, NULL, 2);
    assert_int_equal(free_slots(w), 1);
}

static void agent_away_and_back__job_waits_on(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_do(w, cmd_gone(s.session));
    world_live(w, 600000);
    assert_waits(w, s.job); /* its lease says nothing of what cannot be ended */
    s.session = world_connect(w, s.agent, NULL, 2);
    world_live(w, 1000);
    assert_waits(w, s.job);
    assert_int_equal(free_slots(w), 1);
}

static void hello_as(struct world *w, struct scene *s, const char *host, const char *boot,
                     const char *journal)
{
    struct command *c = cmd_hello(w, ++w->sessions, s->agent, NULL, 2);
    s->session = w->sessions;
    if (host) {
        mem_free(c->u.hello.host_id);
        c->u.hello.host_id = mem_strdup(host);
    }
    mem_free(c->u.hello.boot_id);
    c->u.hello.boot_id = mem_strdup(boot);
    mem_free(c->u.hello.journal_id);
    c->u.hello.journal_id = mem_strdup(journal);
    world_do(w, c);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    world_do(w, cmd_ready(s->session));
}

static void machine_restarted__all_of_it_is_gone(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_do(w, cmd_gone(s.session));
    world_live(w, 60000);
    hello_as(w, &s, NULL, "boot-2", "journal-1");
    world_live(w, 1);
    assert_int_equal(world_state(w, s.job), JOB_SUBMITTED);
    assert_int_equal(stored(w), 0);
}

static void journal_lost__nobody_could_tell_any_more(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_do(w, cmd_gone(s.session));
    hello_as(w, &s, NULL, "boot-1", "journal-2");
    assert_int_equal(stored(w), 0);
    world_live(w, 1000);
    assert_int_equal(world_state(w, s.job), JOB_SUBMITTED);
}

static void agent_moved_while_it_held_jobs__gone_when_their_leases_are_over(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_running(w, s.session, NULL, 3);
    world_do(w, cmd_gone(s.session));
    hello_as(w, &s, "host-new", "boot-9", "journal-9");
    world_do(w, cmd_cleared(s.session, 4, s.job, 1)); /* hearsay */
    world_live(w, 10000);
    assert_waits(w, s.job);
    world_live(w, 310000);
    assert_int_equal(stored(w), 0);
    assert_int_equal(attempt_of(w, s.job), 2);
    assert_int_not_equal(world_state(w, s.job), JOB_RETRYING);
}

static void agent_moved_without_jobs__all_of_it_is_gone(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_do(w, cmd_gone(s.session));
    hello_as(w, &s, "host-new", "boot-9", "journal-1");
    assert_int_equal(stored(w), 0);
}

/* ---- removed, replaced ---- */

static void agent_removed__the_next_attempt_is_free(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_live(w, 60000);
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, s.agent)); /* no job runs: it need not be forced */
    assert_int_equal(world_reply(w)->rc, 0);
    world_connect(w, world_agent(w, "other", NULL), NULL, 2);
    world_live(w, 1);
    assert_int_equal(world_state(w, s.job), JOB_SUBMITTED);
    assert_int_equal(stored(w), 0);
}

static void agent_removed_while_away__the_next_attempt_is_free(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    world_do(w, cmd_gone(s.session));
    world_crash(w);
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, s.agent));
    assert_int_equal(world_reply(w)->rc, 0);
    world_live(w, 1001);
    assert_int_equal(world_state(w, s.job), JOB_CREATED);
    assert_int_equal(stored(w), 0);
}

static void agent_replaced__the_next_attempt_is_free(void **state)
{
    struct world *w = *state;
    struct scene s = begin(w, 0);
    struct command *c = cmd_enrol(w, w->token, "build-07", NULL, "another key");
    c->u.enrol.replace = true;
    world_do(w, c);
    assert_non_null(world_effect(w, EFFECT_ENROLLED));
    assert_int_equal(stored(w), 0);
    world_live(w, 1001);
    assert_int_equal(world_state(w, s.job), JOB_CREATED);
}

static void left_by_a_removed_agent__counts_for_nothing(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    world_do(w, cmd_retried(w, 0));
    int64_t job = world_reply(w)->id;
    struct command *c = cmd_id(w, CMD_AGENT_REMOVE, a);
    c->flag = true;
    world_do(w, c);
    world_do(w, cmd_left(s, 1, job, 1, JOB_KILLED));
    assert_int_equal(stored(w), 0);
    world_live(w, 1000);
    assert_int_equal(world_state(w, job), JOB_CREATED);
}

/* ---- flows ---- */

static void flow__execution_waits_with_its_task(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, "id: f\nnamespace: a.b\ntasks:\n"
                        "  - {id: one, command: [x], retry: {type: constant, interval: PT1S,"
                        " maxAttempts: 3}}\n  - {id: two, command: [x]}\n");
    struct hand h = hand_open(w, "build-07", NULL, 2);
    int64_t x = world_start(w, "f", NULL), job = world_execution_job(w, x);
    hand_start(&h, job);
    world_do(w, cmd_left(h.session, ++h.seq, job, 1, JOB_FAILED));
    world_live(w, 60000);
    assert_waits(w, job);
    assert_string_equal(world_execution_state(w, x), "RUNNING");
    world_do(w, cmd_cleared(h.session, ++h.seq, job, 1));
    world_live(w, 1);
    assert_int_equal(hand_job(&h), job);
    hand_start(&h, job);
    world_do(w, cmd_finished(h.session, ++h.seq, job, 2, JOB_SUCCESS, REASON_NONE));
    assert_int_not_equal(world_execution_job(w, x), job); /* the next task */
}

static void flow__cancelled_while_its_task_waits__ends_at_once(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, "id: f\nnamespace: a.b\ntasks:\n"
                        "  - {id: one, command: [x], retry: {type: constant, interval: PT1S}}\n");
    struct hand h = hand_open(w, "build-07", NULL, 2);
    int64_t x = world_start(w, "f", NULL), job = world_execution_job(w, x);
    hand_start(&h, job);
    world_do(w, cmd_left(h.session, ++h.seq, job, 1, JOB_FAILED));
    world_cancel(w, x);
    assert_int_equal(world_state(w, job), JOB_CANCELLED);
    assert_int_equal(stored(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(next_attempt__waits_until_the_agent_says_that_all_is_gone),
        WORLD_TEST(several_processes__are_told_as_such),
        WORLD_TEST(next_attempt__is_not_due_sooner_than_its_interval),
        WORLD_TEST(next_attempt__waits_no_longer_than_the_queue_timeout),
        WORLD_TEST(next_attempt__queue_timeout_goes_on_after_the_wait),
        WORLD_TEST(cancelled_while_it_waits__ends_at_once_and_the_slot_stays_taken),
        WORLD_TEST(group_deleted_while_it_waits__ends_at_once),
        WORLD_TEST(slot__of_a_job_that_is_over__stays_taken_until_cleared),
        WORLD_TEST(slot__why_counts_it_as_busy),
        WORLD_TEST(slot__more_remnants_than_slots__none_is_free),
        WORLD_TEST(cleared__of_something_unknown__is_acknowledged_and_ignored),
        WORLD_TEST(ended__listed_again__is_watched_until_cleared),
        WORLD_TEST(ended__listed_as_running__is_discarded_and_counts_no_more),
        WORLD_TEST(finished__sent_again__leaves_one_remnant),
        WORLD_TEST(restart_of_the_coordinator__job_waits_on_and_the_slot_stays_taken),
        WORLD_TEST(restart_of_the_coordinator__job_is_over__slot_stays_taken),
        WORLD_TEST(agent_away_and_back__job_waits_on),
        WORLD_TEST(machine_restarted__all_of_it_is_gone),
        WORLD_TEST(journal_lost__nobody_could_tell_any_more),
        WORLD_TEST(agent_moved_while_it_held_jobs__gone_when_their_leases_are_over),
        WORLD_TEST(agent_moved_without_jobs__all_of_it_is_gone),
        WORLD_TEST(agent_removed__the_next_attempt_is_free),
        WORLD_TEST(agent_removed_while_away__the_next_attempt_is_free),
        WORLD_TEST(agent_replaced__the_next_attempt_is_free),
        WORLD_TEST(left_by_a_removed_agent__counts_for_nothing),
        WORLD_TEST(flow__execution_waits_with_its_task),
        WORLD_TEST(flow__cancelled_while_its_task_waits__ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
