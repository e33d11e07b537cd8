/* Batches that fail. The linker puts the functions below in front of the store's (--wrap). */
#include "engine_world.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static struct {
    int commit, begin, insert; /* the next ones fail with this */
    int from_now;              /* counts store calls down; the one at 0 fails */
    bool counting;
} faults;

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __real_store_begin(struct store *s, struct err *e);
int __wrap_store_begin(struct store *s, struct err *e);
int __real_store_job_insert(struct store *s, const struct job_row *j, const char *spec,
                            struct err *e);
int __wrap_store_job_insert(struct store *s, const struct job_row *j, const char *spec,
                            struct err *e);
int __real_store_job_submitted(struct store *s, int64_t id, int64_t agent, int64_t attempt,
                               int64_t now_ms, struct err *e);
int __wrap_store_job_submitted(struct store *s, int64_t id, int64_t agent, int64_t attempt,
                               int64_t now_ms, struct err *e);
int __real_store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e);
int __wrap_store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e);
int __real_store_agent_update(struct store *s, const struct agent_row *a, struct err *e);
int __wrap_store_agent_update(struct store *s, const struct agent_row *a, struct err *e);
int __real_store_agent_seq(struct store *s, int64_t id, int64_t seq, struct err *e);
int __wrap_store_agent_seq(struct store *s, int64_t id, int64_t seq, struct err *e);
int __real_store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                             size_t most, size_t *count, struct err *e);
int __wrap_store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                             size_t most, size_t *count, struct err *e);

static bool its_turn(struct err *e)
{
    if (!faults.counting || faults.from_now-- != 0) return false;
    err_set(e, ERR_IO, "the disk is broken (test)");
    return true;
}

int __wrap_store_commit(struct store *s, struct err *e)
{
    if (its_turn(e) || faults.commit) {
        store_rollback(s);
        return err_set(e, faults.commit ? faults.commit : ERR_IO, "no space left (test)");
    }
    return __real_store_commit(s, e);
}

int __wrap_store_begin(struct store *s, struct err *e)
{
    if (faults.begin) return err_set(e, faults.begin, "cannot begin (test)");
    return __real_store_begin(s, e);
}

int __wrap_store_job_insert(struct store *s, const struct job_row *j, const char *spec,
                            struct err *e)
{
    if (faults.insert) return err_set(e, faults.insert, "cannot insert (test)");
    return its_turn(e) ? ERR_IO : __real_store_job_insert(s, j, spec, e);
}

int __wrap_store_job_submitted(struct store *s, int64_t id, int64_t agent, int64_t attempt,
                               int64_t now_ms, struct err *e)
{
    return its_turn(e) ? ERR_IO : __real_store_job_submitted(s, id, agent, attempt, now_ms, e);
}

int __wrap_store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e)
{
    return its_turn(e) ? ERR_IO : __real_store_job_finish(s, id, end, e);
}

int __wrap_store_agent_update(struct store *s, const struct agent_row *a, struct err *e)
{
    return its_turn(e) ? ERR_IO : __real_store_agent_update(s, a, e);
}

int __wrap_store_agent_seq(struct store *s, int64_t id, int64_t seq, struct err *e)
{
    return its_turn(e) ? ERR_IO : __real_store_agent_seq(s, id, seq, e);
}

int __wrap_store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                             size_t most, size_t *count, struct err *e)
{
    return its_turn(e) ? ERR_IO : __real_store_queue_heads(s, k, out, most, count, e);
}

static int setup(void **state)
{
    memset(&faults, 0, sizeof faults);
    return world_setup(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

/* Nothing but what a failed batch may say. */
static void assert_failure_effects(const struct world *w, int rc)
{
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type == EFFECT_REPLY)
            assert_int_equal(x->u.reply.reply.rc, rc);
        else
            assert_int_equal(x->type, EFFECT_CLOSE);
    }
}

static void commit_fails__requests_are_told_and_only_new_sessions_closed(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    faults.commit = ERR_FULL;
    world_begin(w);
    world_apply(w, cmd_submit(w, NULL, NULL));
    world_apply(w, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    world_apply(w, cmd_hello(w, 70, b, NULL, 1));
    world_apply(w, cmd_id(w, CMD_WHY, id));
    world_apply(w, cmd_enrol(w, w->token, "c", NULL, "k"));
    world_commit(w);
    assert_int_equal(w->rc, ERR_FULL);
    assert_failure_effects(w, ERR_FULL);
    assert_int_equal(world_effects(w, EFFECT_REPLY), 2);
    assert_string_equal(world_reply(w)->code, "disk-full");
    assert_int_equal(world_effects(w, EFFECT_CLOSE), 2);
    faults.commit = 0;
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_do(w, cmd_gone(70));
    /* and all is as it was before: what the agent said is applied again, in its session */
    world_do(w, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 2);
    world_submit(w, NULL, NULL);
    assert_int_equal(world_effect(w, EFFECT_JOB)->session, s);
    world_connect(w, b, NULL, 1);
}

/* What memory alone knows of a session is lost with it: the agent has to say it again. */
static void commit_fails__a_session_that_stays_speaks_as_before(void **state)
{
    struct world *w = *state;
    uint64_t s = ++w->sessions;
    struct command *c = cmd_hello(w, s, world_agent(w, "a", NULL), NULL, 1);
    c->u.hello.protocol = 2;
    world_do(w, c);
    world_do(w, cmd_ready(s));
    faults.commit = ERR_FULL;
    world_do(w, cmd_submit(w, NULL, NULL));
    faults.commit = 0;
    c = cmd_submit(w, NULL, NULL);
    c->u.submit.needs.minor = 2;
    world_do(w, c);
    assert_non_null(world_effect_for(w, EFFECT_JOB, world_reply(w)->id));
}

static void commit_fails__what_could_not_be_ended_still_holds(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .max_attempts = 2};
    world_do(w, c);
    int64_t job = world_reply(w)->id;
    c = cmd_finished(s, 1, job, 1, JOB_FAILED, REASON_TIMEOUT);
    c->u.event.alive = mem_strdup("sleep (4711, root)");
    world_do(w, c);
    for (int i = 0; i < 2; i++) {
        faults.commit = ERR_FULL;
        c = cmd_started(s, 2, job, 1);
        c->type = CMD_CLEARED;
        if (i == 0) {
            world_do(w, cmd_submit(w, NULL, NULL));
            command_free(c);
        } else {
            world_do(w, c); /* it is gone, but nobody has heard of that */
        }
        faults.commit = 0;
        world_live(w, 60000);
        assert_int_equal(world_state(w, job), JOB_RETRYING);
        int64_t other = world_submit(w, NULL, NULL);
        assert_int_equal(world_state(w, other), JOB_CREATED); /* the slot is taken */
        world_do(w, cmd_id(w, CMD_CANCEL, other));
    }
    c = cmd_started(s, 2, job, 1);
    c->type = CMD_CLEARED;
    world_do(w, c); /* sent again */
    world_live(w, 1);
    assert_int_equal(world_state(w, job), JOB_SUBMITTED);
}

static void commit_fails__an_agent_that_owes_an_end_has_to_come_back(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    struct command *c = cmd_hello(w, 80, a, NULL, 1);
    cmd_hello_attempt(c, id, 1, true);
    c->u.hello.seq = 2;
    world_do(w, c);
    faults.commit = ERR_IO;
    world_do(w, cmd_submit(w, NULL, NULL));
    faults.commit = 0;
    assert_int_equal(world_effects(w, EFFECT_CLOSE), 1);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, 80);
    world_do(w, cmd_finished(80, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_RUNNING);
}

/* The event after which nothing is due any more was in the batch that failed. */
static void commit_fails__an_agent_that_owed_an_end_before_has_to_come_back(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 3);
    int64_t other = world_running(w, s, NULL, 1), ended = world_running(w, s, NULL, 2);
    int64_t unheard = world_submit(w, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        struct command *c = cmd_hello(w, 80 + (uint64_t)i, a, NULL, 3);
        cmd_hello_attempt(c, other, 1, false);
        cmd_hello_attempt(c, ended, 1, true);
        cmd_hello_attempt(c, unheard, 1, true);
        c->u.hello.seq = 3;
        world_do(w, c);
        faults.commit = i < 2 ? ERR_IO : 0;
        if (i == 0)
            world_do(w, cmd_output(80, 3, other, 1, 0, "x"));
        else
            world_do(w, cmd_finished(80 + (uint64_t)i, 3, other, 1, JOB_SUCCESS, REASON_NONE));
        if (i == 2) break;
        faults.commit = 0;
        assert_int_equal(world_effects(w, EFFECT_CLOSE), 1);
        assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, 80 + i);
        assert_int_equal(world_state(w, ended), JOB_RUNNING);
        assert_int_equal(world_state(w, unheard), JOB_SUBMITTED);
    }
    assert_int_equal(world_state(w, other), JOB_SUCCESS);
    assert_int_equal(world_reason(w, ended), REASON_INTERRUPTED);
    assert_int_equal(world_state(w, unheard), JOB_CREATED);
}

static uint64_t hello_from_another_machine(struct world *w, int64_t agent)
{
    struct command *c = cmd_hello(w, ++w->sessions, agent, NULL, 1);
    mem_free(c->u.hello.host_id);
    c->u.hello.host_id = mem_strdup("another");
    world_do(w, c);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    world_do(w, cmd_ready(w->sessions));
    return w->sessions;
}

/* After the failure the attempts of the former machine are open again: they are not this machine's,
 * and its signs of life do not renew their leases. */
static void move_ends_in_a_batch_that_fails__the_agent_has_to_come_back(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_gone(s));
    for (int i = 0; i < 3; i++) {
        s = hello_from_another_machine(w, a);
        for (int64_t n = 1; n <= 31; n++) {
            world_live(w, 10000);
            world_do(w, cmd_heard_on(w, s));
        }
        assert_int_equal(world_state(w, id), JOB_RUNNING);
        world_pass(w, 5000); /* the former machine's lease and kill time */
        faults.commit = i == 0 ? ERR_FULL : 0;
        faults.counting = i == 1; /* the job's end is written, where the agent lives is not */
        faults.from_now = 1;
        world_tick(w);
        faults.counting = false;
        faults.commit = 0;
        assert_int_equal(world_effects(w, EFFECT_CLOSE), i < 2 ? 1 : 0);
        if (i < 2) assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
    }
    assert_int_equal(world_reason(w, id), REASON_LOST);
    assert_non_null(world_effect_for(w, EFFECT_JOB, world_submit(w, NULL, NULL)));
}

/* What it said before is in the store; what it said in the batch that failed comes again. */
static void commit_fails__an_unwell_agent_is_what_it_last_said(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    struct command *c = cmd_ready(s);
    c->u.ready.unwell = mem_strdup("no inodes");
    world_do(w, c);
    faults.commit = ERR_IO;
    world_do(w, cmd_ready(s));
    faults.commit = 0;
    int64_t id = world_submit(w, NULL, NULL);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_do(w, cmd_ready(s));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
}

/* What was tried in the batch that failed was not; what was tried before stays so. */
static void commit_fails__who_could_not_start_a_job_is_what_is_stored(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    int64_t d = world_agent(w, "d", NULL);
    uint64_t s = world_connect(w, a, NULL, 3), t = world_connect(w, b, NULL, 2);
    uint64_t u = world_connect(w, d, NULL, 1);
    int64_t id = world_submit(w, NULL, NULL);
    struct command *c = cmd_declined(s, 1, id, 1);
    mem_free(c->u.event.decline);
    c->u.event.decline = mem_strdup("could-not-start");
    world_do(w, c);
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->session, t);
    for (int i = 0; i < 2; i++) {
        c = cmd_declined(t, 1, id, 1);
        mem_free(c->u.event.decline);
        c->u.event.decline = mem_strdup("could-not-start");
        faults.commit = i == 0 ? ERR_IO : 0;
        world_do(w, c);
    }
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->session, u);
    assert_int_equal(w->engine->tried.count, 1);
    world_do(w, cmd_declined(u, 1, id, 1));
    faults.commit = ERR_IO;
    world_do(w, cmd_submit(w, NULL, NULL));
    faults.commit = 0;
    assert_int_equal(w->engine->tried.count, 1);
    world_do(w, cmd_finished(u, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
    assert_int_equal(w->engine->tried.count, 0);
}

/* The link is gone, though the batch that said so failed: so it is in the store, too. */
static void commit_fails__who_left_meanwhile_is_offline_afterwards(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    world_connect(w, b, NULL, 1);
    faults.commit = ERR_IO;
    world_do(w, cmd_gone(s));
    faults.commit = 0;
    world_tick(w);
    struct agent_row row;
    assert_int_equal(store_agent_find(w->store, a, &row, NULL), 1);
    assert_false(row.online);
    agent_row_fini(&row);
    assert_int_equal(store_agent_find(w->store, b, &row, NULL), 1);
    assert_true(row.online);
    agent_row_fini(&row);
}

static void begin_fails__the_commands_are_told_all_the_same(void **state)
{
    struct world *w = *state;
    faults.begin = ERR_IO;
    world_begin(w);
    world_apply(w, cmd_submit(w, NULL, NULL));
    world_commit(w);
    assert_int_equal(w->rc, ERR_IO);
    assert_int_equal(world_reply(w)->rc, ERR_IO);
    assert_string_equal(world_reply(w)->code, "unavailable");
    faults.begin = 0;
    world_submit(w, NULL, NULL);
}

static void insert_fails__the_rest_of_the_batch_does_not_count(void **state)
{
    struct world *w = *state;
    faults.insert = ERR_FULL;
    world_begin(w);
    world_apply(w, cmd_group(w, "g", NULL));
    world_apply(w, cmd_submit(w, NULL, NULL));
    world_apply(w, cmd_group(w, "h", NULL));
    world_commit(w);
    assert_int_equal(world_effects(w, EFFECT_REPLY), 3);
    assert_failure_effects(w, ERR_FULL);
    faults.insert = 0;
    world_group(w, "g", NULL); /* was rolled back */
    world_group(w, "h", NULL);
}

static void disk_full_for_a_while__recovers_by_itself(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    int64_t before = world_submit(w, NULL, NULL);
    faults.commit = ERR_FULL;
    for (int i = 0; i < 5; i++) {
        world_do(w, cmd_hello(w, ++w->sessions, a, NULL, 1));
        assert_failure_effects(w, ERR_FULL);
        world_do(w, cmd_submit(w, NULL, NULL));
        assert_int_equal(world_reply(w)->rc, ERR_FULL);
        world_live(w, 1000);
    }
    faults.commit = 0;
    world_connect(w, a, NULL, 1);
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, before);
}

/* Every store call of a busy batch fails once: nothing is lost, nothing is doubled, and the next
 * batch works. */
static void each_step_fails_once__as_if_the_batch_had_never_been(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    int failed = 0;
    for (int step = 0;; step++) {
        uint64_t s = world_connect(w, a, NULL, 2);
        struct agent_row row;
        store_agent_find(w->store, a, &row, NULL);
        int64_t seq = row.last_seq;
        agent_row_fini(&row);
        int64_t one = world_submit(w, NULL, NULL), two = world_submit(w, NULL, NULL),
                three = world_submit(w, NULL, NULL);
        faults.from_now = step;
        faults.counting = true;
        world_begin(w);
        world_apply(w, cmd_started(s, seq + 1, one, 1));
        world_apply(w, cmd_finished(s, seq + 2, one, 1, JOB_SUCCESS, REASON_NONE));
        world_apply(w, cmd_declined(s, seq + 3, two, 1));
        world_apply(w, cmd_submit(w, NULL, NULL));
        world_apply(w, cmd_ready(s));
        world_commit(w);
        faults.counting = false;
        bool good = w->rc == 0;
        if (!good) {
            failed++;
            assert_failure_effects(w, ERR_IO);
            assert_int_equal(world_state(w, one), JOB_SUBMITTED);
            assert_int_equal(world_state(w, two), JOB_SUBMITTED);
            assert_int_equal(world_state(w, three), JOB_CREATED);
        } else {
            assert_int_equal(world_state(w, one), JOB_SUCCESS);
            assert_int_equal(world_state(w, three), JOB_SUBMITTED);
        }
        world_do(w, cmd_gone(s));
        /* all to their end, so that the next round begins with nothing */
        struct command *c = cmd_hello(w, ++w->sessions, a, NULL, 1);
        mem_free(c->u.hello.journal_id);
        c->u.hello.journal_id = mem_strdup("another");
        world_do(w, c);
        world_do(w, cmd_gone(w->sessions));
        int64_t ids[8];
        size_t count = 0;
        store_queue_list(w->store, NULL, ids, 8, &count, NULL);
        for (size_t i = 0; i < count; i++)
            world_do(w, cmd_id(w, CMD_CANCEL, ids[i]));
        if (good) break;
    }
    assert_true(failed >= 5);
}

static void mail_for_a_session_that_the_failure_closed__is_nothing(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_gone(s));
    struct command *c = cmd_hello(w, ++w->sessions, a, NULL, 1);
    cmd_hello_attempt(c, id, 1, false);
    faults.commit = ERR_IO;
    world_do(w, c);
    faults.commit = 0;
    assert_int_equal(world_effects(w, EFFECT_CLOSE), 1);
    /* it was under way already */
    world_do(w, cmd_finished(w->sessions, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(w->effects.count, 0);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commit_fails__requests_are_told_and_only_new_sessions_closed),
        TEST(commit_fails__a_session_that_stays_speaks_as_before),
        TEST(commit_fails__what_could_not_be_ended_still_holds),
        TEST(commit_fails__an_agent_that_owes_an_end_has_to_come_back),
        TEST(commit_fails__an_agent_that_owed_an_end_before_has_to_come_back),
        TEST(move_ends_in_a_batch_that_fails__the_agent_has_to_come_back),
        TEST(commit_fails__an_unwell_agent_is_what_it_last_said),
        TEST(commit_fails__who_could_not_start_a_job_is_what_is_stored),
        TEST(commit_fails__who_left_meanwhile_is_offline_afterwards),
        TEST(begin_fails__the_commands_are_told_all_the_same),
        TEST(insert_fails__the_rest_of_the_batch_does_not_count),
        TEST(disk_full_for_a_while__recovers_by_itself),
        TEST(each_step_fails_once__as_if_the_batch_had_never_been),
        TEST(mail_for_a_session_that_the_failure_closed__is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
