/* Rounds of the store thread: a full disk, and commands and chores that trip a bug. The linker puts
 * the functions below in front of the store's (--wrap). */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/round.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static struct {
    int commit;             /* commits of a batch that wrote fail with this */
    int64_t output, finish; /* ERR_INTERNAL for this job */
    int64_t requeue;
    const char *name;  /* and for the insert of one that is called so */
    const char *heads; /* and for looking into the queues of groups that begin so */
    bool load;         /* and reading what is open */
    int begins, commits;
} faults;

int __real_store_begin(struct store *s, struct err *e);
int __wrap_store_begin(struct store *s, struct err *e);
int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __real_store_output_add(struct store *s, const struct chunk *c, struct err *e);
int __wrap_store_output_add(struct store *s, const struct chunk *c, struct err *e);
int __real_store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e);
int __wrap_store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e);
int __real_store_job_requeue(struct store *s, int64_t id, int64_t attempt, struct err *e);
int __wrap_store_job_requeue(struct store *s, int64_t id, int64_t attempt, struct err *e);
int __real_store_job_insert(struct store *s, const struct job_row *j, const char *spec,
                            struct err *e);
int __wrap_store_job_insert(struct store *s, const struct job_row *j, const char *spec,
                            struct err *e);
int __real_store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                             size_t most, size_t *count, struct err *e);
int __wrap_store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                             size_t most, size_t *count, struct err *e);

int __real_store_each_ns(struct store *s, int (*fn)(const struct namespace_row *n, void *user),
                         void *user, struct err *e);
int __wrap_store_each_ns(struct store *s, int (*fn)(const struct namespace_row *n, void *user),
                         void *user, struct err *e);

int __wrap_store_each_ns(struct store *s, int (*fn)(const struct namespace_row *n, void *user),
                         void *user, struct err *e)
{
    if (faults.load) return err_set(e, ERR_IO, "the disk does not answer (test)");
    return __real_store_each_ns(s, fn, user, e);
}

static int bug(struct err *e)
{
    return err_set(e, ERR_INTERNAL, "a bug (test)");
}

int __wrap_store_begin(struct store *s, struct err *e)
{
    faults.begins++;
    return __real_store_begin(s, e);
}

int __wrap_store_commit(struct store *s, struct err *e)
{
    if (faults.commit && store_dirty(s)) {
        store_rollback(s);
        return err_set(e, faults.commit, "no space left (test)");
    }
    faults.commits++;
    return __real_store_commit(s, e);
}

int __wrap_store_output_add(struct store *s, const struct chunk *c, struct err *e)
{
    return c->job == faults.output ? bug(e) : __real_store_output_add(s, c, e);
}

int __wrap_store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e)
{
    return id == faults.finish ? bug(e) : __real_store_job_finish(s, id, end, e);
}

int __wrap_store_job_requeue(struct store *s, int64_t id, int64_t attempt, struct err *e)
{
    return id == faults.requeue ? bug(e) : __real_store_job_requeue(s, id, attempt, e);
}

int __wrap_store_job_insert(struct store *s, const struct job_row *j, const char *spec,
                            struct err *e)
{
    if (faults.name && str_eq(j->name, faults.name)) return bug(e);
    return __real_store_job_insert(s, j, spec, e);
}

int __wrap_store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                             size_t most, size_t *count, struct err *e)
{
    if (faults.heads && k->group && str_starts(k->group, faults.heads)) return bug(e);
    return __real_store_queue_heads(s, k, out, most, count, e);
}

/* ---- rounds on a world ---- */

struct rig {
    struct world w;
    struct rounds *rounds;
    struct command *first, **last;
    size_t done;
    int64_t ahead_ms; /* of the engine's clock */
};

static int setup(void **state)
{
    struct rig *r = mem_alloc(sizeof *r);
    memset(&faults, 0, sizeof faults);
    world_open(&r->w);
    r->rounds = rounds_new(r->w.engine);
    r->last = &r->first;
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    rounds_free(r->rounds);
    world_close(&r->w);
    mem_free(r);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void push(struct rig *r, struct command *c)
{
    c->next = NULL;
    c->bytes = 1;
    *r->last = c;
    r->last = &c->next;
}

/* All that was pushed; its effects are the world's. */
static void round_of(struct rig *r)
{
    effects_clear(&r->w.effects);
    r->done =
        rounds_run(r->rounds, &r->w.now, r->w.now.mono_ms + r->ahead_ms, r->first, &r->w.effects);
    r->first = NULL;
    r->last = &r->first;
}

static const struct reply *reply_to(const struct rig *r, uint64_t request)
{
    const struct reply *found = NULL;
    for (const struct effect *x = r->w.effects.first; x; x = x->next) {
        if (x->type != EFFECT_REPLY || x->u.reply.request != request) continue;
        assert_null(found); /* once */
        found = &x->u.reply.reply;
    }
    assert_non_null(found);
    return found;
}

static struct command *named(struct world *w, const char *name)
{
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.name = mem_strdup(name);
    return c;
}

/* Runs rounds until the given time, as the store thread would. */
static void live(struct rig *r, int64_t until_ms)
{
    struct world *w = &r->w;
    for (int64_t next; (next = rounds_next_ms(r->rounds)) <= until_ms;) {
        if (next > w->now.mono_ms) w->now.mono_ms = next;
        round_of(r);
    }
    w->now.mono_ms = until_ms;
}

static int64_t retrying(struct world *w, uint64_t session, int64_t seq, int64_t interval_ms)
{
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .interval_ms = interval_ms};
    assert_int_equal(world_do(w, c), 0);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_started(session, seq, id, 1));
    world_do(w, cmd_finished(session, seq + 1, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    assert_int_equal(world_state(w, id), JOB_RETRYING);
    return id;
}

/* ---- the disk ---- */

static void full_disk__a_submit_is_told_and_an_event_waits(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    faults.commit = ERR_FULL;
    struct command *submit = cmd_submit(w, NULL, NULL);
    uint64_t request = submit->request;
    push(r, submit);
    push(r, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    round_of(r);
    assert_int_equal(reply_to(r, request)->rc, ERR_FULL);
    assert_string_equal(reply_to(r, request)->code, "disk-full");
    assert_int_equal(world_effects(w, EFFECT_CLOSE), 0);
    assert_int_equal(r->done, 1); /* the other one waits */
    assert_true(rounds_are_stuck(r->rounds));
    faults.commit = 0;
    w->now.mono_ms = rounds_next_ms(r->rounds);
    round_of(r);
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 2);
    assert_int_equal(r->done, 1);
    assert_false(rounds_are_stuck(r->rounds));
}

/* What comes while nothing can be written neither loads the engine anew nor tries the disk. */
/* Another coordinator owns the queue: for good, whatever the store says later. */
static void fenced__nobody_is_told_anything_and_nothing_is_tried(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    faults.commit = ERR_FENCED;
    push(r, cmd_submit(w, NULL, NULL));
    push(r, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    round_of(r);
    assert_true(rounds_are_fenced(r->rounds));
    assert_false(rounds_are_stuck(r->rounds));
    assert_int_equal(r->done, 0);
    assert_int_equal(world_effects(w, EFFECT_REPLY), 0);
    assert_int_equal(world_effects(w, EFFECT_ACK), 0);
    assert_int_equal(world_effects(w, EFFECT_CLOSE), 0);
    faults.commit = 0;
    int begins = faults.begins;
    push(r, cmd_submit(w, NULL, NULL));
    round_of(r);
    rounds_renew(r->rounds);
    assert_int_equal(faults.begins, begins);
    assert_int_equal(world_effects(w, EFFECT_REPLY), 0);
    assert_true(rounds_are_fenced(r->rounds));
}

static void full_disk__commands_do_not_shorten_the_pause(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    faults.commit = ERR_FULL;
    push(r, cmd_submit(w, NULL, NULL));
    round_of(r);
    int begins = faults.begins;
    int64_t until = rounds_next_ms(r->rounds);
    for (int i = 0; i < 100; i++) {
        push(r, cmd_submit(w, NULL, NULL));
        push(r, cmd_hello(w, ++w->sessions, 4711, NULL, 1));
        round_of(r);
        assert_int_equal(world_effects(w, EFFECT_REPLY), 1);
        assert_int_equal(world_reply(w)->rc, ERR_FULL);
        assert_int_equal(world_effects(w, EFFECT_CLOSE), 1);
    }
    assert_int_equal(faults.begins, begins);
    assert_int_equal(rounds_next_ms(r->rounds), until);
}

static void full_disk__the_pause_doubles_up_to_four_seconds(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    static const int64_t pauses[] = {500, 1000, 2000, 4000, 4000};
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    faults.commit = ERR_IO;
    push(r, cmd_output(s, 2, id, 1, 0, "x"));
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        round_of(r);
        assert_int_equal(rounds_next_ms(r->rounds), w->now.mono_ms + pauses[i]);
        w->now.mono_ms = rounds_next_ms(r->rounds);
    }
    faults.commit = 0;
    round_of(r);
    assert_non_null(world_effect(w, EFFECT_OUTPUT));
    faults.commit = ERR_IO; /* and begins small again */
    push(r, cmd_output(s, 3, id, 1, 1, "x"));
    round_of(r);
    assert_int_equal(rounds_next_ms(r->rounds), w->now.mono_ms + 500);
}

/* The engine's clock stands while agents are not heard. The next try must not wait for them: it is
 * the failing store that keeps them unheard. */
static void full_disk__is_tried_again_while_the_engine_s_clock_stands(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    faults.commit = ERR_FULL;
    push(r, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    round_of(r);
    assert_true(rounds_are_stuck(r->rounds));
    faults.commit = 0;
    r->ahead_ms = rounds_next_ms(r->rounds) - w->now.mono_ms;
    round_of(r);
    assert_false(rounds_are_stuck(r->rounds));
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
}

/* What is open is due some time, also when it could not be read and no command comes. */
static void store_that_cannot_be_read__is_tried_again_without_a_command(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = retrying(w, s, 1, 1000);
    world_do(w, cmd_gone(s));
    faults.commit = ERR_IO;
    faults.load = true;
    push(r, cmd_submit(w, NULL, NULL));
    round_of(r);
    faults.commit = 0;
    faults.load = false;
    live(r, w->now.mono_ms + 10000);
    assert_int_equal(world_state(w, id), JOB_CREATED);
}

static void full_disk__reads_go_on(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    int64_t id = world_submit(w, NULL, NULL);
    faults.commit = ERR_FULL;
    push(r, cmd_submit(w, NULL, NULL));
    round_of(r);
    push(r, cmd_id(w, CMD_WHY, id));
    round_of(r);
    assert_int_equal(world_reply(w)->rc, 0);
    assert_non_null(strstr(world_reply(w)->json, "no-agent-online"));
}

/* An agent that is there keeps its jobs, however long the disk is full. */
static void full_disk__who_is_heard_keeps_its_jobs(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1), lease = w->config.lease_ms;
    int64_t end = w->now.mono_ms + 3 * lease;
    faults.commit = ERR_FULL;
    push(r, cmd_output(s, 2, id, 1, 0, "x"));
    while (w->now.mono_ms < end) {
        round_of(r);
        world_pass(w, 1000);
        push(r, cmd_heard_on(w, s));
        round_of(r);
        assert_null(w->effects.first);
    }
    faults.commit = 0;
    w->now.mono_ms = rounds_next_ms(r->rounds);
    round_of(r);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 2);
    assert_null(world_effect(w, EFFECT_CLOSE));
    /* and then it counts again */
    for (int i = 0; i < 200 && world_state(w, id) == JOB_RUNNING; i++) {
        w->now.mono_ms = rounds_next_ms(r->rounds);
        round_of(r);
    }
    assert_int_equal(world_reason(w, id), REASON_LOST);
}

/* ---- bugs ---- */

static void bug_in_a_request__is_its_own(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    faults.name = "bad";
    struct command *before = named(w, "one"), *bad = named(w, "bad"), *after = named(w, "two");
    uint64_t one = before->request, two = bad->request, three = after->request;
    push(r, before);
    push(r, bad);
    push(r, after);
    round_of(r);
    assert_int_equal(reply_to(r, one)->rc, 0);
    assert_int_equal(reply_to(r, three)->rc, 0);
    assert_int_equal(reply_to(r, two)->rc, ERR_INTERNAL);
    assert_non_null(strstr(reply_to(r, two)->err.msg, "incident "));
    assert_int_equal(world_state(w, reply_to(r, one)->id), JOB_CREATED);
    assert_int_equal(world_state(w, reply_to(r, three)->id), JOB_CREATED);
    assert_int_equal(r->done, 3);
    assert_false(rounds_are_stuck(r->rounds));
    assert_true(reply_to(r, one)->id < reply_to(r, three)->id);
}

static void bug_in_an_event__ends_its_attempt_and_is_acknowledged(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t bad = world_running(w, s, NULL, 1), good = world_running(w, s, NULL, 2);
    faults.output = bad;
    push(r, cmd_output(s, 3, bad, 1, 0, "x"));
    push(r, cmd_output(s, 4, good, 1, 0, "x"));
    push(r, cmd_finished(s, 5, good, 1, JOB_SUCCESS, REASON_NONE));
    round_of(r);
    struct job_row row = world_job(w, bad);
    assert_int_equal(row.state, JOB_FAILED);
    assert_int_equal(row.reason, REASON_LOST);
    assert_non_null(strstr(row.message, "incident "));
    job_row_fini(&row);
    assert_int_equal(world_effect_for(w, EFFECT_DISCARD, bad)->u.discard.attempt, 1);
    assert_int_equal(world_state(w, good), JOB_SUCCESS);
    assert_null(world_effect(w, EFFECT_CLOSE));
    int64_t seq = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type == EFFECT_ACK) seq = x->u.ack.seq;
    }
    assert_int_equal(seq, 5);
}

/* When the attempt cannot be ended either, the agent has to come back. */
static void bug_in_the_end_of_an_attempt__closes_the_session(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t good = world_running(w, s, NULL, 1), bad = world_running(w, s, NULL, 2);
    faults.finish = bad;
    push(r, cmd_finished(s, 3, bad, 1, JOB_SUCCESS, REASON_NONE));
    push(r, cmd_submit(w, NULL, NULL));
    push(r, cmd_output(s, 4, good, 1, 0, "x")); /* an ack of it would be one of the end, too */
    round_of(r);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(world_state(w, bad), JOB_RUNNING);
    assert_null(world_effect(w, EFFECT_ACK));
}

/* A full disk while commands are done one by one: the rest waits. */
static void disk_fails_among_the_single_ones__the_rest_waits(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t id = world_running(w, s, NULL, 1);
    faults.name = "bad";
    faults.commit = ERR_FULL;
    push(r, named(w, "bad"));
    push(r, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    round_of(r);
    assert_int_equal(world_effects(w, EFFECT_REPLY), 1);
    assert_int_equal(world_reply(w)->rc, ERR_INTERNAL);
    assert_true(rounds_are_stuck(r->rounds));
    faults.commit = 0;
    w->now.mono_ms = rounds_next_ms(r->rounds);
    round_of(r);
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
}

/* ---- chores ---- */

static void bug_in_a_timer__is_put_off_by_a_minute_and_doubling(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t bad = retrying(w, s, 1, 1000), good = retrying(w, s, 3, 1000);
    world_do(w, cmd_gone(s));
    faults.requeue = bad;
    world_pass(w, 1000);
    round_of(r);
    const struct effect *x = world_effect(w, EFFECT_PUT_OFF);
    assert_non_null(strstr(x->u.put_off.json, "the timer of job "));
    assert_non_null(strstr(x->u.put_off.json, "\"incident\""));
    assert_int_equal(world_state(w, good), JOB_CREATED);
    assert_int_equal(world_state(w, bad), JOB_RETRYING);
    int64_t start = w->now.mono_ms;
    push(r, cmd_submit(w, NULL, NULL)); /* all else goes on, in whole batches */
    int commits = faults.commits;
    round_of(r);
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(faults.commits, commits + 1);
    live(r, start + 59999);
    assert_int_equal(world_state(w, bad), JOB_RETRYING);
    commits = faults.commits;
    live(r, start + 60000); /* fails again */
    live(r, start + 60000 + 119999);
    faults.requeue = 0;
    assert_int_equal(world_state(w, bad), JOB_RETRYING);
    live(r, start + 60000 + 120000);
    assert_int_equal(world_state(w, bad), JOB_CREATED);
    assert_null(world_effect(w, EFFECT_PUT_OFF)->u.put_off.json); /* nothing is any more */
}

/* The job was cancelled meanwhile: nothing of it is left that could be put off. */
static void what_is_put_off__is_forgotten_with_what_it_is_about(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t bad = retrying(w, s, 1, 1000);
    faults.requeue = bad;
    world_pass(w, 1000);
    round_of(r);
    assert_non_null(world_effect(w, EFFECT_PUT_OFF)->u.put_off.json);
    push(r, cmd_id(w, CMD_CANCEL, bad));
    round_of(r);
    assert_int_equal(world_state(w, bad), JOB_CANCELLED);
    live(r, w->now.mono_ms + 120000);
    push(r, cmd_submit(w, NULL, NULL));
    round_of(r);
    assert_null(world_effect(w, EFFECT_PUT_OFF)->u.put_off.json);
}

/* Each of several groups is matched again when its own time has come. */
static void bug_in_matching__of_two_groups__each_has_its_time(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    world_group(w, "bad-1", NULL);
    world_group(w, "bad-2", NULL);
    int64_t one = world_submit(w, "bad-1", NULL), two = world_submit(w, "bad-2", NULL);
    w->outlives_bugs = true;
    world_restart(w);
    rounds_free(r->rounds);
    r->rounds = rounds_new(w->engine);
    int64_t a = world_agent(w, "a", "bad-1"), b = world_agent(w, "b", "bad-2");
    int64_t start = w->now.mono_ms;
    faults.heads = "bad-";
    push(r, cmd_hello(w, 90, a, "bad-1", 1));
    push(r, cmd_ready(90));
    round_of(r);
    live(r, start + 30000);
    push(r, cmd_hello(w, 91, b, "bad-2", 1));
    push(r, cmd_ready(91));
    round_of(r);
    faults.heads = NULL;
    live(r, start + 60000);
    assert_int_equal(world_state(w, one), JOB_SUBMITTED);
    assert_int_equal(world_state(w, two), JOB_CREATED);
    live(r, start + 90000);
    assert_int_equal(world_state(w, two), JOB_SUBMITTED);
}

static void bug_in_matching__puts_off_that_group_alone(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    world_group(w, "bad", NULL);
    int64_t there = world_submit(w, "bad", NULL);
    w->outlives_bugs = true;
    /* a window that is not in memory any more has to be read */
    world_restart(w);
    rounds_free(r->rounds);
    r->rounds = rounds_new(w->engine);
    uint64_t a = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t b = world_agent(w, "b", "bad");
    faults.heads = "bad";
    push(r, cmd_hello(w, 90, b, "bad", 1));
    push(r, cmd_ready(90));
    struct command *c = cmd_submit(w, NULL, NULL);
    push(r, c);
    round_of(r);
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->session, 90);
    assert_int_equal(world_effect(w, EFFECT_JOB)->session, a);
    assert_non_null(strstr(world_effect(w, EFFECT_PUT_OFF)->u.put_off.json, "group bad"));
    assert_int_equal(world_state(w, there), JOB_CREATED);
    faults.heads = NULL;
    for (int i = 0; i < 100 && world_state(w, there) == JOB_CREATED; i++) {
        world_pass(w, 1000);
        push(r, cmd_heard_on(w, 90));
        round_of(r);
    }
    assert_int_equal(world_state(w, there), JOB_SUBMITTED);
}

/* A group that shares its agent with the bad one is not put off with it, and the agent's slot,
 * whose turn is the bad one's, does not wait. */
static void bug_in_matching__of_a_shared_agent__is_that_group_s(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    world_group(w, "bad", NULL);
    int64_t there = world_submit(w, "bad", NULL);
    w->outlives_bugs = true;
    world_restart(w);
    rounds_free(r->rounds);
    r->rounds = rounds_new(w->engine);
    int64_t agent = world_agent(w, "a", NULL);
    faults.heads = "bad";
    struct command *hello = cmd_hello(w, 90, agent, "bad", 2);
    hello->u.hello.groups = mem_strdup("[\"bad\",\"default\"]");
    push(r, hello);
    push(r, cmd_ready(90));
    push(r, cmd_submit(w, NULL, NULL));
    round_of(r);
    int64_t good = world_reply(w)->id;
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, good);
    const char *put_off = world_effect(w, EFFECT_PUT_OFF)->u.put_off.json;
    assert_non_null(strstr(put_off, "group bad"));
    assert_null(strstr(put_off, "default"));
    assert_int_equal(world_state(w, there), JOB_CREATED);
    /* in a whole batch, too */
    int commits = faults.commits;
    push(r, cmd_submit(w, NULL, NULL));
    push(r, cmd_finished(90, 1, good, 1, JOB_SUCCESS, REASON_NONE));
    round_of(r);
    assert_int_equal(faults.commits, commits + 1);
    assert_non_null(world_effect(w, EFFECT_JOB));
    push(r,
         cmd_finished(90, 2, world_effect(w, EFFECT_JOB)->u.job.job, 1, JOB_SUCCESS, REASON_NONE));
    round_of(r);
    faults.heads = NULL;
    live(r, w->now.mono_ms + 60000);
    assert_int_equal(world_state(w, there), JOB_SUBMITTED);
}

/* ---- what is told of commits ---- */

static void commits_are(const struct rig *r, uint64_t good, uint64_t commands, uint64_t failed)
{
    const struct round_commits *n = rounds_commits(r->rounds);
    uint64_t sizes = 0;
    for (int i = 0; i < HISTOGRAM_STEPS; i++)
        sizes += n->sizes[i];
    assert_int_equal(n->times[histogram_step(100)], good); /* as the world's clock has it */
    assert_int_equal(n->sum_us, 100 * good);
    assert_int_equal(sizes, good);
    assert_int_equal(n->commands, commands);
    assert_int_equal(n->failed, failed);
}

static void commits__are_counted_with_their_time_and_their_commands(void **state)
{
    struct rig *r = *state;
    struct world *w = &r->w;
    commits_are(r, 0, 0, 0);
    for (int i = 0; i < 3; i++)
        push(r, cmd_submit(w, NULL, NULL));
    round_of(r);
    commits_are(r, 1, 3, 0);
    assert_int_equal(rounds_commits(r->rounds)->sizes[histogram_step(3)], 1);
    push(r, cmd_id(w, CMD_WHY, world_reply(w)->id)); /* changes nothing */
    round_of(r);
    round_of(r);
    commits_are(r, 1, 3, 0);
    faults.name = "bad"; /* the batch fails, and then this one of its two commands */
    push(r, named(w, "good"));
    push(r, named(w, "bad"));
    round_of(r);
    commits_are(r, 2, 4, 2);
    faults.commit = ERR_FULL;
    push(r, named(w, "another"));
    push(r, named(w, "one more"));
    round_of(r);
    commits_are(r, 2, 4, 3);
    push(r, named(w, "refused without a try"));
    round_of(r);
    commits_are(r, 2, 4, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(full_disk__a_submit_is_told_and_an_event_waits),
        TEST(fenced__nobody_is_told_anything_and_nothing_is_tried),
        TEST(full_disk__commands_do_not_shorten_the_pause),
        TEST(full_disk__the_pause_doubles_up_to_four_seconds),
        TEST(full_disk__is_tried_again_while_the_engine_s_clock_stands),
        TEST(store_that_cannot_be_read__is_tried_again_without_a_command),
        TEST(full_disk__reads_go_on),
        TEST(full_disk__who_is_heard_keeps_its_jobs),
        TEST(bug_in_a_request__is_its_own),
        TEST(bug_in_an_event__ends_its_attempt_and_is_acknowledged),
        TEST(bug_in_the_end_of_an_attempt__closes_the_session),
        TEST(disk_fails_among_the_single_ones__the_rest_waits),
        TEST(bug_in_a_timer__is_put_off_by_a_minute_and_doubling),
        TEST(what_is_put_off__is_forgotten_with_what_it_is_about),
        TEST(bug_in_matching__of_two_groups__each_has_its_time),
        TEST(bug_in_matching__puts_off_that_group_alone),
        TEST(bug_in_matching__of_a_shared_agent__is_that_group_s),
        TEST(commits__are_counted_with_their_time_and_their_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
