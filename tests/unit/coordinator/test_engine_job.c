/* The life of a job, from submit to its end. */
#include "engine_world.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static uint64_t one_agent(struct world *w, int64_t slots)
{
    return world_connect(w, world_agent(w, "a", NULL), NULL, slots);
}

static void assert_end(struct world *w, int64_t id, enum job_state state, enum reason reason)
{
    struct job_row j = world_job(w, id);
    assert_string_equal(fsm_name(&job_fsm, (int)j.state), fsm_name(&job_fsm, (int)state));
    assert_int_equal(j.reason, reason);
    if (job_is_final(state)) assert_int_equal(j.ended_ms, w->now.wall_ms);
    job_row_fini(&j);
}

/* ---- submit ---- */

static void submit__agent_ready__handed_out_in_the_same_batch(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 2);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.ns = mem_strdup("company.team");
    c->u.submit.job.name = mem_strdup("say \"hi\"");
    c->u.submit.job.timeout_ms = 60000;
    assert_int_equal(world_do(w, c), 0);
    int64_t id = world_reply(w)->id;
    assert_true(id > 0);
    const struct effect *x = world_effect(w, EFFECT_JOB);
    assert_non_null(x);
    assert_int_equal(x->session, s);
    assert_int_equal(x->u.job.job, id);
    assert_int_equal(x->u.job.attempt, 1);
    assert_int_equal(x->u.job.lease_ms, 300000);
    assert_int_equal(x->u.job.timeout_ms, 60000);
    assert_int_equal(x->u.job.output_limit, 64 * 1024 * 1024);
    assert_string_equal(
        x->u.job.spec,
        "{\"namespace\":\"company.team\",\"name\":\"say \\\"hi\\\"\",\"command\":[\"true\"]}");
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    assert_non_null(world_effect_for(w, EFFECT_JOB_CHANGED, id));
}

/* Not read again for what is known of it. */
static void submit__of_an_encoded_spec__is_handed_out_with_its_names(void **state)
{
    struct world *w = *state;
    one_agent(w, 2);
    for (int named = 0; named < 2; named++) {
        struct command *c = cmd_submit(w, NULL, NULL);
        c->u.submit.encoded = true;
        if (named) c->u.submit.job.ns = mem_strdup("company.team");
        assert_int_equal(world_do(w, c), 0);
        assert_string_equal(world_effect(w, EFFECT_JOB)->u.job.spec,
                            named ? "{\"namespace\":\"company.team\",\"command\":[\"true\"]}"
                                  : "{\"command\":[\"true\"]}");
    }
}

static void submit__empty_spec_without_names__is_an_empty_object(void **state)
{
    struct world *w = *state;
    one_agent(w, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    mem_free(c->u.submit.spec);
    c->u.submit.spec = mem_strdup("{ }");
    world_do(w, c);
    assert_string_equal(world_effect(w, EFFECT_JOB)->u.job.spec, "{}");
    c = cmd_submit(w, NULL, NULL);
    mem_free(c->u.submit.spec);
    c->u.submit.spec = mem_strdup("{ }");
    c->u.submit.job.ns = mem_strdup("a");
    world_do(w, c);
    int64_t first = world_reply(w)->id;
    assert_null(world_effect(w, EFFECT_JOB)); /* one slot */
    world_do(w, cmd_id(w, CMD_CANCEL, first));
    assert_int_equal(world_state(w, first), JOB_CANCELLED);
}

/* As an older release may have stored it. */
static void spec_that_cannot_be_read__is_sent_as_it_is(void **state)
{
    struct world *w = *state;
    static const char odd[] = "{\"command\":[\"true\"],\"killGraceMs\":0}";
    one_agent(w, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    mem_free(c->u.submit.spec);
    c->u.submit.spec = mem_strdup(odd);
    world_do(w, c);
    assert_string_equal(world_effect(w, EFFECT_JOB)->u.job.spec, odd);
}

static void spec_with_a_mark__is_sent_with_the_number_of_the_attempt(void **state)
{
    struct world *w = *state;
    one_agent(w, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    mem_free(c->u.submit.spec);
    c->u.submit.spec = mem_strdup("{\"script\":\"x \\u0000\"}");
    world_do(w, c);
    assert_string_equal(world_effect(w, EFFECT_JOB)->u.job.spec, "{\"script\":\"x 1\"}");
}

static void submit__no_agent__waits_and_survives_a_crash(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    int64_t id = world_submit(w, NULL, NULL);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_crash(w);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_connect(w, agent, NULL, 1);
    const struct effect *x = world_effect_for(w, EFFECT_JOB, id);
    assert_non_null(x);
    assert_string_equal(x->u.job.spec, "{\"command\":[\"true\"]}");
}

static void submit__same_key__is_the_same_job(void **state)
{
    struct world *w = *state;
    int64_t ids[3];
    for (int i = 0; i < 3; i++) {
        struct command *c = cmd_submit(w, NULL, NULL);
        c->u.submit.job.unique_key = mem_strdup("k");
        c->u.submit.job.submitter = 5;
        world_do(w, c);
        ids[i] = world_reply(w)->id;
        assert_int_equal(world_reply(w)->rc, 0);
        assert_int_equal(world_reply(w)->known, i > 0);
        if (i == 1) world_crash(w);
    }
    assert_int_equal(ids[0], ids[1]);
    assert_int_equal(ids[0], ids[2]);
}

static void submit__same_key_twice_in_one_batch__is_one_job(void **state)
{
    struct world *w = *state;
    world_begin(w);
    for (int i = 0; i < 2; i++) {
        struct command *c = cmd_submit(w, NULL, NULL);
        c->u.submit.job.unique_key = mem_strdup("k");
        world_apply(w, c);
    }
    world_commit(w);
    int64_t ids[2];
    size_t n = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        if (x->type == EFFECT_REPLY) ids[n++] = x->u.reply.reply.id;
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], ids[1]);
}

static void submit__same_key_of_another_token__is_another_job(void **state)
{
    struct world *w = *state;
    int64_t ids[2];
    for (int i = 0; i < 2; i++) {
        struct command *c = cmd_submit(w, NULL, NULL);
        c->u.submit.job.unique_key = mem_strdup("k");
        c->u.submit.job.submitter = 5 + i;
        world_do(w, c);
        ids[i] = world_reply(w)->id;
    }
    assert_int_not_equal(ids[0], ids[1]);
}

static void submit__same_key_when_it_would_be_refused_now__still_is_that_job(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    struct command *c = cmd_submit(w, "g", NULL);
    c->u.submit.job.unique_key = mem_strdup("k");
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    c = cmd_text(w, CMD_GROUP_DELETE, "g");
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, 0);
    c = cmd_submit(w, "g", NULL);
    c->u.submit.job.unique_key = mem_strdup("k");
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(world_reply(w)->id, id);
    assert_true(world_reply(w)->known);
    assert_null(world_reply(w)->hint);
}

static void submit__too_large__is_refused(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_submit(w, NULL, NULL);
    mem_free(c->u.submit.spec);
    c->u.submit.spec = mem_alloc(SPEC_STORED_MAX + 2);
    memset(c->u.submit.spec, ' ', SPEC_STORED_MAX + 1);
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, ERR_TOO_LARGE);
    assert_string_equal(world_reply(w)->code, "payload-too-large");
    assert_null(world_effect(w, EFFECT_JOB_CHANGED));
}

static void submit__bad_requires__names_the_place(void **state)
{
    struct world *w = *state;
    world_do(w, cmd_submit(w, NULL, "{\"gpu.cout\":1}"));
    const struct reply *x = world_reply(w);
    assert_int_equal(x->rc, ERR_INVALID);
    assert_non_null(strstr(x->err.msg, "requires.gpu.cout: "));
    assert_non_null(strstr(x->err.msg, "gpu.count"));
}

static void ids__grow_whatever_the_wall_clock_does(void **state)
{
    struct world *w = *state;
    int64_t last = 0;
    for (int i = 0; i < 50; i++) {
        int64_t id = world_submit(w, NULL, NULL);
        assert_true(id > last);
        last = id;
        if (i == 20) w->now.wall_ms -= 86400000;
        if (i == 30) world_crash(w);
    }
}

/* ---- results ---- */

static void life__submit_start_finish__success_and_acknowledged(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 1);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 1);
    struct command *c = cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE);
    c->u.event.outputs = mem_strdup("{\"k\":\"v\"}");
    c->u.event.truncated = true;
    assert_int_equal(world_do(w, c), 0);
    assert_int_equal(world_effects(w, EFFECT_ACK), 1);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 2);
    assert_true(world_effect_for(w, EFFECT_JOB_CHANGED, id)->u.changed.final);
    struct job_row j = world_job(w, id);
    assert_int_equal(j.state, JOB_SUCCESS);
    assert_true(j.exited);
    assert_true(j.truncated);
    assert_int_equal(j.exit_code, 0);
    job_row_fini(&j);
}

static void finished__without_started__counts(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 2);
    int64_t a = world_submit(w, NULL, NULL), b = world_submit(w, NULL, NULL);
    world_do(w, cmd_finished(s, 1, a, 1, JOB_SUCCESS, REASON_NONE));
    assert_end(w, a, JOB_SUCCESS, REASON_NONE);
    world_do(w, cmd_finished(s, 2, b, 1, JOB_FAILED, REASON_NOT_STARTED));
    assert_end(w, b, JOB_FAILED, REASON_NOT_STARTED);
}

static void failed__reasons_of_agents_are_kept_and_others_are_not_believed(void **state)
{
    static const struct {
        enum reason said, kept;
    } rows[] = {
        {REASON_EXIT_CODE, REASON_EXIT_CODE},
        {REASON_TIMEOUT, REASON_TIMEOUT},
        {REASON_NOT_STARTED, REASON_NOT_STARTED},
        {REASON_INTERRUPTED, REASON_INTERRUPTED},
        {REASON_DRAIN, REASON_DRAIN},
        {REASON_LOST, REASON_LOST},
        {REASON_CANCELLED, REASON_INTERRUPTED},
        {REASON_GROUP_DELETED, REASON_INTERRUPTED},
        {REASON_NONE, REASON_INTERRUPTED},
        {REASON_QUEUE_TIMEOUT, REASON_INTERRUPTED},
    };
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t seq = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t id = world_running(w, s, NULL, ++seq);
        world_do(w, cmd_finished(s, ++seq, id, 1, JOB_FAILED, rows[i].said));
        assert_end(w, id, JOB_FAILED, rows[i].kept);
    }
}

static void killed__though_nobody_asked__is_a_failure(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_KILLED, REASON_CANCELLED));
    assert_end(w, id, JOB_FAILED, REASON_INTERRUPTED);
}

static void final__is_final(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    world_do(w, cmd_finished(s, 3, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_FAILED);
    const struct effect *x = world_effect(w, EFFECT_DISCARD);
    assert_int_equal(x->u.discard.job, id);
    assert_int_equal(x->u.discard.attempt, 1);
    assert_null(world_effect(w, EFFECT_JOB_CHANGED));
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    assert_non_null(strstr(world_reply(w)->err.msg, "FAILED"));
}

/* ---- retry ---- */

static int64_t submit_retry(struct world *w, struct retry r)
{
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = r;
    world_do(w, c);
    return world_reply(w)->id;
}

static void retry__failed_attempt__runs_again_after_the_interval(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = submit_retry(w, (struct retry){.type = RETRY_CONSTANT,
                                                .interval_ms = 5000,
                                                .max_attempts = 2});
    world_do(w, cmd_started(s, 1, id, 1));
    world_do(w, cmd_finished(s, 2, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    assert_end(w, id, JOB_RETRYING, REASON_NONE);
    world_live(w, 4999);
    assert_int_equal(world_state(w, id), JOB_RETRYING);
    world_live(w, 1);
    const struct effect *x = world_effect_for(w, EFFECT_JOB, id);
    assert_non_null(x);
    assert_int_equal(x->u.job.attempt, 2);
    world_do(w, cmd_started(s, 3, id, 2));
    world_do(w, cmd_finished(s, 4, id, 2, JOB_FAILED, REASON_EXIT_CODE));
    assert_end(w, id, JOB_FAILED, REASON_EXIT_CODE);
}

static void retry__survives_a_crash_and_a_wall_clock_set_back(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, agent, NULL, 1);
    int64_t id = submit_retry(w, (struct retry){.type = RETRY_CONSTANT,
                                                .interval_ms = 60000,
                                                .max_attempts = 3});
    world_do(w, cmd_finished(s, 1, id, 1, JOB_FAILED, REASON_NOT_STARTED));
    world_pass(w, 20000);
    world_die(w);
    w->now.wall_ms -= 86400000;
    world_rise(w);
    world_connect(w, agent, NULL, 1);
    world_live(w, 59999);
    assert_int_equal(world_state(w, id), JOB_RETRYING);
    world_live(w, 1);
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->u.job.attempt, 2);
}

static void retry__old_attempts_result__is_refused(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = submit_retry(w, (struct retry){.type = RETRY_CONSTANT, .max_attempts = 3});
    world_do(w, cmd_finished(s, 1, id, 1, JOB_FAILED, REASON_NOT_STARTED));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED); /* no interval: at once */
    assert_int_equal(world_effect_for(w, EFFECT_JOB, id)->u.job.attempt, 2);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    assert_int_equal(world_effect(w, EFFECT_DISCARD)->u.discard.attempt, 1);
    world_do(w, cmd_finished(s, 3, id, 3, JOB_SUCCESS, REASON_NONE)); /* and one of the future */
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
}

static void retry__success__is_not_repeated(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = submit_retry(w, (struct retry){.type = RETRY_CONSTANT, .max_attempts = 3});
    world_do(w, cmd_finished(s, 1, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_end(w, id, JOB_SUCCESS, REASON_NONE);
}

static void retry__max_duration__counts_from_the_first_start(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = submit_retry(w, (struct retry){.type = RETRY_CONSTANT,
                                                .interval_ms = 1000,
                                                .max_duration_ms = 10000});
    world_do(w, cmd_started(s, 1, id, 1));
    world_pass(w, 5000);
    w->now.wall_ms += 86400000; /* of no account */
    world_do(w, cmd_finished(s, 2, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    world_live(w, 1000);
    world_do(w, cmd_started(s, 3, id, 2));
    world_pass(w, 3500);
    world_do(w, cmd_finished(s, 4, id, 2, JOB_FAILED, REASON_EXIT_CODE));
    assert_end(w, id, JOB_FAILED, REASON_EXIT_CODE);
}

/* ---- times ---- */

static void queue_timeout__nobody_takes_it__failed(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.queue_timeout_ms = 30000;
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_live(w, 29999);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    w->now.wall_ms -= 86400000;
    world_live(w, 1);
    assert_end(w, id, JOB_FAILED, REASON_QUEUE_TIMEOUT);
}

static void queue_timeout__over_a_restart__counts_on(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.queue_timeout_ms = 30000;
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_pass(w, 20000);
    world_die(w);
    world_pass(w, 5000);
    world_rise(w);
    world_live(w, 4999);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_live(w, 1);
    assert_end(w, id, JOB_FAILED, REASON_QUEUE_TIMEOUT);
}

static void queue_timeout__handed_out_in_time__says_nothing_more(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.queue_timeout_ms = 30000;
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_started(s, 1, id, 1));
    world_live(w, 40000);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
}

static void timeout__agent_says_nothing__backstop_kills_and_retry_follows(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.timeout_ms = 60000;
    c->u.submit.job.kill_grace_ms = 2000;
    c->u.submit.job.retry =
        (struct retry){.type = RETRY_CONSTANT, .interval_ms = 1, .max_attempts = 2};
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_started(s, 1, id, 1));
    world_live(w, 91999);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_live(w, 1);
    const struct effect *x = world_effect_for(w, EFFECT_KILL, id);
    assert_non_null(x);
    assert_string_equal(x->u.kill.reason, "timeout");
    assert_int_equal(x->u.kill.grace_ms, 2000);
    assert_end(w, id, JOB_KILLING, REASON_TIMEOUT);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_KILLED, REASON_CANCELLED));
    assert_int_equal(world_state(w, id), JOB_RETRYING);
}

static void timeout__agent_heard_but_never_ends_it__ends_without_retry(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.timeout_ms = 1000;
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .max_attempts = 5};
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_started(s, 1, id, 1));
    for (int64_t n = 1; n <= 40; n++) {
        world_live(w, 10000);
        if (job_is_final(world_state(w, id))) break;
        world_do(w, cmd_heard_on(w, s));
    }
    assert_int_equal(world_state(w, id),
                     JOB_FAILED); /* what it runs may be alive: no other attempt */
    assert_int_equal(world_reason(w, id), REASON_TIMEOUT);
    int64_t next = world_submit(w, NULL, NULL);
    assert_non_null(world_effect_for(w, EFFECT_JOB, next)); /* the slot is free again */
}

/* ---- cancel, in each state ---- */

static void cancel__created(void **state)
{
    struct world *w = *state;
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(world_reply(w)->id, id);
    assert_end(w, id, JOB_CANCELLED, REASON_CANCELLED);
    one_agent(w, 1);
    assert_null(world_effect(w, EFFECT_JOB));
}

static void cancel__created_and_not_at_hand__after_a_restart(void **state)
{
    struct world *w = *state;
    int64_t a = world_submit(w, NULL, NULL), b = world_submit(w, NULL, NULL);
    world_restart(w);
    world_do(w, cmd_id(w, CMD_CANCEL, a));
    assert_end(w, a, JOB_CANCELLED, REASON_CANCELLED);
    one_agent(w, 2);
    assert_int_equal(world_effects(w, EFFECT_JOB), 1);
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, b);
}

static void cancel__retrying(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = submit_retry(w, (struct retry){.type = RETRY_CONSTANT,
                                                .interval_ms = 5000,
                                                .max_attempts = 2});
    world_do(w, cmd_finished(s, 1, id, 1, JOB_FAILED, REASON_NOT_STARTED));
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    assert_end(w, id, JOB_CANCELLED, REASON_CANCELLED);
    world_live(w, 10000);
    assert_null(world_effect(w, EFFECT_JOB));
}

static void cancel__submitted__kill_goes_out_and_agent_says_killed(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    const struct effect *x = world_effect(w, EFFECT_KILL);
    assert_int_equal(x->session, s);
    assert_int_equal(x->u.kill.job, id);
    assert_int_equal(x->u.kill.attempt, 1);
    assert_int_equal(x->u.kill.grace_ms, 10000);
    assert_string_equal(x->u.kill.reason, "cancelled");
    assert_end(w, id, JOB_KILLING, REASON_CANCELLED);
    world_do(w, cmd_finished(s, 1, id, 1, JOB_KILLED, REASON_CANCELLED));
    assert_end(w, id, JOB_KILLED, REASON_CANCELLED);
}

static void cancel__running_twice__kill_goes_out_once(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    assert_int_equal(world_effects(w, EFFECT_KILL), 1);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(world_effects(w, EFFECT_KILL), 0);
}

static void cancel__handed_out_in_the_same_batch__kill_follows_the_job(void **state)
{
    struct world *w = *state;
    one_agent(w, 1);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    assert_non_null(world_effect(w, EFFECT_KILL));
}

static void cancel__its_own_result_was_first__counts(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 2);
    int64_t a = world_running(w, s, NULL, 1), b = world_running(w, s, NULL, 2);
    world_do(w, cmd_id(w, CMD_CANCEL, a));
    world_do(w, cmd_finished(s, 3, a, 1, JOB_SUCCESS, REASON_NONE));
    assert_end(w, a, JOB_SUCCESS, REASON_NONE);
    world_do(w, cmd_id(w, CMD_CANCEL, b));
    world_do(w, cmd_finished(s, 4, b, 1, JOB_FAILED, REASON_EXIT_CODE));
    assert_end(w, b, JOB_FAILED, REASON_EXIT_CODE);
}

static void cancel__with_retry__does_not_run_again(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = submit_retry(w, (struct retry){.type = RETRY_CONSTANT, .max_attempts = 5});
    world_do(w, cmd_started(s, 1, id, 1));
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    world_do(w, cmd_finished(s, 2, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    assert_end(w, id, JOB_FAILED, REASON_EXIT_CODE);
}

static void cancel__during_the_backstops_kill__is_no_retry(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.timeout_ms = 1000;
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .max_attempts = 5};
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_started(s, 1, id, 1));
    world_live(w, 50000);
    assert_end(w, id, JOB_KILLING, REASON_TIMEOUT);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    assert_end(w, id, JOB_KILLING, REASON_CANCELLED);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_KILLED, REASON_CANCELLED));
    assert_end(w, id, JOB_KILLED, REASON_CANCELLED);
}

static void cancel__declined_instead__killed(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    world_do(w, cmd_declined(s, 1, id, 1));
    assert_end(w, id, JOB_KILLED, REASON_CANCELLED);
}

static void cancel__agent_heard_but_never_ends_it__killed_in_the_end(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    bool discarded = false;
    for (int64_t n = 1; n <= 60 && !discarded; n++) {
        world_live(w, 10000);
        discarded = world_effect_for(w, EFFECT_DISCARD, id) != NULL;
        if (!discarded) world_do(w, cmd_heard_on(w, s));
    }
    assert_true(discarded);
    assert_int_equal(world_state(w, id), JOB_KILLED);
}

static void cancel__no_such_job(void **state)
{
    struct world *w = *state;
    world_do(w, cmd_id(w, CMD_CANCEL, 12345));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
}

/* ---- declined ---- */

static void declined__goes_back_to_its_old_place_with_the_same_attempt(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    uint64_t sa = world_connect(w, a, NULL, 1);
    int64_t first = world_submit(w, NULL, NULL);
    int64_t second = world_submit(w, NULL, NULL);
    (void)second;
    struct command *r = cmd_ready(sa);
    r->u.ready.draining = true;
    world_begin(w);
    world_apply(w, r);
    world_apply(w, cmd_declined(sa, 1, first, 1));
    world_commit(w);
    assert_end(w, first, JOB_CREATED, REASON_NONE);
    assert_null(world_effect(w, EFFECT_JOB));
    world_connect(w, b, NULL, 1);
    const struct effect *x = world_effect(w, EFFECT_JOB);
    assert_int_equal(x->u.job.job, first);
    assert_int_equal(x->u.job.attempt, 1);
}

static void declined__same_agent_again__acknowledged_before(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_declined(s, 1, id, 1));
    bool acked = false;
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type == EFFECT_ACK) acked = true;
        if (x->type == EFFECT_JOB) assert_true(acked);
    }
    assert_non_null(world_effect_for(w, EFFECT_JOB, id));
}

static void declined__though_running__is_an_interruption(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_declined(s, 2, id, 1));
    assert_end(w, id, JOB_FAILED, REASON_INTERRUPTED);
}

/* ---- output ---- */

static int64_t stored_bytes(struct world *w, int64_t id)
{
    int64_t remarks, bytes = -1;
    assert_int_equal(store_output_bytes(w->store, id, 1, &bytes, &remarks, NULL), 0);
    return bytes;
}

static void output__is_stored_once_and_acknowledged(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_begin(w);
    world_apply(w, cmd_output(s, 2, id, 1, 0, "hello "));
    world_apply(w, cmd_output(s, 3, id, 1, 6, "world"));
    world_apply(w, cmd_output(s, 3, id, 1, 6, "world"));
    world_apply(w, cmd_output(s, 4, id, 1, 6, "world"));
    world_commit(w);
    assert_int_equal(world_effects(w, EFFECT_OUTPUT), 1);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 4);
    assert_int_equal(stored_bytes(w, id), 11);
}

static void output__of_an_ended_job_or_old_attempt__is_discarded_once(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_output(s, 2, id, 2, 0, "future"));
    assert_int_equal(world_effects(w, EFFECT_DISCARD), 1);
    world_do(w, cmd_finished(s, 3, id, 1, JOB_SUCCESS, REASON_NONE));
    world_begin(w);
    world_apply(w, cmd_output(s, 4, id, 1, 0, "late"));
    world_apply(w, cmd_output(s, 5, id, 1, 4, "later"));
    world_commit(w);
    assert_int_equal(world_effects(w, EFFECT_DISCARD), 1);
    assert_int_equal(world_effects(w, EFFECT_OUTPUT), 0);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 5);
    assert_int_equal(stored_bytes(w, id), 0);
}

/* ---- stale, duplicate, gap ---- */

static void events__seen_before__are_acknowledged_and_ignored(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 5);
    world_do(w, cmd_finished(s, 5, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 5);
    world_do(w, cmd_finished(s, 3, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_do(w, cmd_finished(s, 900, id, 1, JOB_SUCCESS, REASON_NONE)); /* gaps are fine */
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 900);
}

static void events__of_another_agents_job__are_discarded(void **state)
{
    struct world *w = *state;
    uint64_t a = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    uint64_t b = world_connect(w, world_agent(w, "b", NULL), NULL, 1);
    int64_t id = world_submit(w, NULL, NULL);
    uint64_t other = world_effect(w, EFFECT_JOB)->session == a ? b : a;
    world_do(w, cmd_finished(other, 1, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    assert_int_equal(world_effect(w, EFFECT_DISCARD)->session, other);
}

static void events__of_an_unknown_session__are_nothing(void **state)
{
    struct world *w = *state;
    uint64_t s = one_agent(w, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_begin(w);
    world_apply(w, cmd_finished(s + 77, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    world_apply(w, cmd_heard_on(w, s + 77));
    world_apply(w, cmd_ready(s + 77));
    world_apply(w, cmd_gone(s + 77));
    world_commit(w);
    assert_int_equal(w->effects.count, 0);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(submit__agent_ready__handed_out_in_the_same_batch),
        WORLD_TEST(spec_that_cannot_be_read__is_sent_as_it_is),
        WORLD_TEST(spec_with_a_mark__is_sent_with_the_number_of_the_attempt),
        WORLD_TEST(submit__of_an_encoded_spec__is_handed_out_with_its_names),
        WORLD_TEST(submit__empty_spec_without_names__is_an_empty_object),
        WORLD_TEST(submit__no_agent__waits_and_survives_a_crash),
        WORLD_TEST(submit__same_key__is_the_same_job),
        WORLD_TEST(submit__same_key_twice_in_one_batch__is_one_job),
        WORLD_TEST(submit__same_key_of_another_token__is_another_job),
        WORLD_TEST(submit__same_key_when_it_would_be_refused_now__still_is_that_job),
        WORLD_TEST(submit__too_large__is_refused),
        WORLD_TEST(submit__bad_requires__names_the_place),
        WORLD_TEST(ids__grow_whatever_the_wall_clock_does),
        WORLD_TEST(life__submit_start_finish__success_and_acknowledged),
        WORLD_TEST(finished__without_started__counts),
        WORLD_TEST(failed__reasons_of_agents_are_kept_and_others_are_not_believed),
        WORLD_TEST(killed__though_nobody_asked__is_a_failure),
        WORLD_TEST(final__is_final),
        WORLD_TEST(retry__failed_attempt__runs_again_after_the_interval),
        WORLD_TEST(retry__survives_a_crash_and_a_wall_clock_set_back),
        WORLD_TEST(retry__old_attempts_result__is_refused),
        WORLD_TEST(retry__success__is_not_repeated),
        WORLD_TEST(retry__max_duration__counts_from_the_first_start),
        WORLD_TEST(queue_timeout__nobody_takes_it__failed),
        WORLD_TEST(queue_timeout__over_a_restart__counts_on),
        WORLD_TEST(queue_timeout__handed_out_in_time__says_nothing_more),
        WORLD_TEST(timeout__agent_says_nothing__backstop_kills_and_retry_follows),
        WORLD_TEST(timeout__agent_heard_but_never_ends_it__ends_without_retry),
        WORLD_TEST(cancel__created),
        WORLD_TEST(cancel__created_and_not_at_hand__after_a_restart),
        WORLD_TEST(cancel__retrying),
        WORLD_TEST(cancel__submitted__kill_goes_out_and_agent_says_killed),
        WORLD_TEST(cancel__running_twice__kill_goes_out_once),
        WORLD_TEST(cancel__handed_out_in_the_same_batch__kill_follows_the_job),
        WORLD_TEST(cancel__its_own_result_was_first__counts),
        WORLD_TEST(cancel__with_retry__does_not_run_again),
        WORLD_TEST(cancel__during_the_backstops_kill__is_no_retry),
        WORLD_TEST(cancel__declined_instead__killed),
        WORLD_TEST(cancel__agent_heard_but_never_ends_it__killed_in_the_end),
        WORLD_TEST(cancel__no_such_job),
        WORLD_TEST(declined__goes_back_to_its_old_place_with_the_same_attempt),
        WORLD_TEST(declined__same_agent_again__acknowledged_before),
        WORLD_TEST(declined__though_running__is_an_interruption),
        WORLD_TEST(output__is_stored_once_and_acknowledged),
        WORLD_TEST(output__of_an_ended_job_or_old_attempt__is_discarded_once),
        WORLD_TEST(events__seen_before__are_acknowledged_and_ignored),
        WORLD_TEST(events__of_another_agents_job__are_discarded),
        WORLD_TEST(events__of_an_unknown_session__are_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
