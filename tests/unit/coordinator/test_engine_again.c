/* A job that has ended is asked for again: a new one that is like it, or a refusal. */
#include "engine_world.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static struct command *again(struct world *w, int64_t job, const char *key)
{
    struct command *c = command_new(CMD_RETRY);
    c->request = ++w->requests;
    c->u.again.job = job;
    c->u.again.unique_key = mem_strdup(key);
    return c;
}

static const struct reply *ask(struct world *w, struct command *c)
{
    assert_int_equal(world_do(w, c), 0);
    return world_reply(w);
}

/* The new job. */
static int64_t retried(struct world *w, int64_t job, const char *key)
{
    const struct reply *r = ask(w, again(w, job, key));
    if (r->rc) fail_msg("%s", err_text(&r->err));
    assert_true(r->id > 0);
    return r->id;
}

static void refused(struct world *w, int64_t job, int rc, const char *code, const char *part)
{
    const struct reply *r = ask(w, again(w, job, NULL));
    assert_int_equal(r->rc, rc);
    assert_int_equal(r->id, 0);
    if (code) assert_string_equal(r->code, code);
    if (!strstr(err_text(&r->err), part)) fail_msg("'%s' is not in: %s", part, err_text(&r->err));
}

static void cancel(struct world *w, int64_t job)
{
    assert_int_equal(ask(w, cmd_id(w, CMD_CANCEL, job))->rc, 0);
}

/* A job that ended. */
static int64_t ended(struct world *w, const char *group, const char *requires)
{
    int64_t id = world_submit(w, group, requires);
    cancel(w, id);
    assert_int_equal(world_state(w, id), JOB_CANCELLED);
    return id;
}

static struct job_view view_of(struct world *w, int64_t id)
{
    struct reader *reader;
    struct job_view v;
    struct err e = {0};
    assert_int_equal(world_reader(w, &reader, &e), 0);
    assert_int_equal(reader_job(reader, id, &v, &e), 0);
    reader_close(reader);
    return v;
}

static void retry__is_a_new_job_with_all_that_was_asked_for(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    struct command *c = cmd_submit(w, "g", "{\"os\":\"linux\"}");
    struct job_row *asked = &c->u.submit.job;
    asked->ns = mem_strdup("company.team");
    asked->name = mem_strdup("nightly");
    asked->priority = 7;
    asked->timeout_ms = 1000;
    asked->queue_timeout_ms = 2000;
    asked->lease_ms = 3000;
    asked->kill_grace_ms = 4000;
    asked->output_limit = 5000;
    asked->retry = (struct retry){.type = RETRY_CONSTANT, .interval_ms = 6000, .max_attempts = 2};
    int64_t first = ask(w, c)->id;
    cancel(w, first);
    world_pass(w, 5000);
    int64_t second = retried(w, first, NULL);
    assert_true(second > first);
    struct job_view a = view_of(w, first), b = view_of(w, second);
    assert_int_equal(b.job.retry_of, first);
    assert_int_equal(a.job.retry_of, 0);
    assert_int_equal(b.job.state, JOB_CREATED);
    assert_int_equal(b.job.attempt, 1);
    assert_int_equal(b.job.ended_ms, 0);
    assert_int_equal(b.job.reason, REASON_NONE);
    assert_null(b.job.cancelled_by);
    assert_int_equal(b.job.created_ms, a.job.created_ms + 5000);
    assert_string_equal(b.job.group, "g");
    assert_string_equal(b.job.ns, "company.team");
    assert_string_equal(b.job.name, "nightly");
    assert_int_equal(b.job.priority, 7);
    assert_int_equal(b.job.timeout_ms, 1000);
    assert_int_equal(b.job.queue_timeout_ms, 2000);
    assert_int_equal(b.job.lease_ms, 3000);
    assert_int_equal(b.job.kill_grace_ms, 4000);
    assert_int_equal(b.job.output_limit, 5000);
    assert_memory_equal(&a.job.retry, &b.job.retry, sizeof a.job.retry);
    assert_string_equal(a.spec, b.spec);
    assert_string_equal(a.require, b.require);
    job_view_fini(&a);
    job_view_fini(&b);
}

static void retry__is_handed_out_and_ends_by_itself(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t first = world_running(w, s, NULL, 1);
    assert_int_equal(world_do(w, cmd_finished(s, 2, first, 1, JOB_FAILED, REASON_EXIT_CODE)), 0);
    int64_t second = retried(w, first, NULL);
    assert_non_null(world_effect_for(w, EFFECT_JOB, second));
    assert_int_equal(world_do(w, cmd_started(s, 3, second, 1)), 0);
    assert_int_equal(world_do(w, cmd_finished(s, 4, second, 1, JOB_SUCCESS, REASON_NONE)), 0);
    assert_int_equal(world_state(w, second), JOB_SUCCESS);
    assert_int_equal(world_state(w, first), JOB_FAILED);
}

static void retry__of_what_ended_in_the_same_batch__is_taken(void **state)
{
    struct world *w = *state;
    int64_t first = world_submit(w, NULL, "{\"os\":\"linux\"}");
    world_begin(w);
    world_apply(w, cmd_id(w, CMD_CANCEL, first));
    world_apply(w, again(w, first, NULL));
    assert_int_equal(world_commit(w), 0);
    const struct reply *r = world_reply(w);
    assert_int_equal(r->rc, 0);
    assert_int_equal(world_state(w, r->id), JOB_CREATED);
}

static void retry__with_its_key_again__is_the_same_job(void **state)
{
    struct world *w = *state;
    int64_t first = ended(w, NULL, NULL);
    int64_t made = retried(w, first, "k");
    world_crash(w);
    const struct reply *r = ask(w, again(w, first, "k"));
    assert_int_equal(r->rc, 0);
    assert_true(r->known);
    assert_int_equal(r->id, made);
    assert_true(retried(w, first, "l") > made);
    assert_true(retried(w, first, NULL) > made);
}

static void retry__with_its_key_twice_in_a_batch__is_one_job(void **state)
{
    struct world *w = *state;
    int64_t first = ended(w, NULL, NULL);
    world_begin(w);
    struct command *both[] = {again(w, first, "k"), again(w, first, "k")};
    world_apply(w, both[0]);
    world_apply(w, both[1]);
    assert_int_equal(world_commit(w), 0);
    assert_true(world_reply(w)->known);
    assert_int_equal(world_effects(w, EFFECT_JOB_CHANGED), 1);
}

/* Its key finds the job although the first one would be refused today. */
static void retry__with_its_key__whose_group_is_full__is_known(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_group(w, "g", NULL);
    c->u.group.max_queued = 1;
    assert_int_equal(ask(w, c)->rc, 0);
    int64_t first = ended(w, "g", NULL), made = retried(w, first, "k");
    refused(w, first, ERR_UNAVAILABLE, "queue-full", "as many as it may");
    assert_int_equal(retried(w, first, "k"), made);
}

static void retry__of_a_job_that_has_not_ended__is_refused(void **state)
{
    struct world *w = *state;
    int64_t waits = world_submit(w, NULL, "{\"os\":\"windows\"}");
    refused(w, waits, ERR_CONFLICT, NULL, "it is CREATED");
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t runs = world_running(w, s, NULL, 1);
    refused(w, runs, ERR_CONFLICT, NULL, "it is RUNNING");
    cancel(w, runs);
    refused(w, runs, ERR_CONFLICT, NULL, "it is KILLING");
    world_crash(w);
    refused(w, waits, ERR_CONFLICT, NULL, "it is CREATED");
    refused(w, runs, ERR_CONFLICT, NULL, "it is KILLING");
}

static void retry__of_a_job_that_is_not_there__is_refused(void **state)
{
    struct world *w = *state;
    char id[ID_TEXT_SIZE], *text;
    id_format(77, id);
    text = str_dupf("there is no job %s", id);
    refused(w, 77, ERR_NOT_FOUND, NULL, text);
    mem_free(text);
}

static void retry__into_a_group_that_is_gone_or_closed__is_refused(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t first = ended(w, "g", NULL);
    struct command *c = cmd_group(w, "g", NULL);
    c->type = CMD_GROUP_UPDATE;
    c->mask = 1u << 2;
    c->u.group.allowed_namespaces = mem_strdup("[\"other\"]");
    assert_int_equal(ask(w, c)->rc, 0);
    refused(w, first, ERR_DENIED, "namespace-not-allowed", "does not take jobs of no namespace");
    assert_int_equal(ask(w, cmd_text(w, CMD_GROUP_DELETE, "g"))->rc, 0);
    refused(w, first, ERR_INVALID, "unknown-group", "no worker group 'g'");
}

static void retry__of_a_payload_that_became_too_large__is_refused(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_submit(w, NULL, NULL);
    mem_free(c->u.submit.spec);
    c->u.submit.spec = mem_strdup("{\"command\":[\"echo\",\"0123456789\"]}");
    int64_t first = ask(w, c)->id;
    cancel(w, first);
    w->config.payload_limit_bytes = 10;
    world_restart(w);
    refused(w, first, ERR_TOO_LARGE, "payload-too-large", "at most 10");
    w->config.payload_limit_bytes = 14;
    world_restart(w);
    assert_true(retried(w, first, NULL) > first);
}

static void retry__of_a_spec_of_another_release__is_refused(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_submit(w, NULL, NULL);
    mem_free(c->u.submit.spec);
    c->u.submit.spec = mem_strdup("{\"command\":\"of the future\"}");
    int64_t first = ask(w, c)->id;
    cancel(w, first);
    refused(w, first, ERR_INVALID, NULL, "stored by another release");
}

static int64_t job_of_flow(struct world *w, enum job_kind kind)
{
    struct command *c = cmd_submit(w, NULL, "{\"os\":\"windows\"}");
    struct job_row *j = &c->u.submit.job;
    j->kind = kind;
    j->ns = mem_strdup("a.b");
    j->flow = mem_strdup("f");
    j->task = mem_strdup("t");
    return ask(w, c)->id;
}

static void retry__of_a_job_of_a_flow__is_refused_with_the_way_out(void **state)
{
    struct world *w = *state;
    int64_t task = job_of_flow(w, JOB_TASK), check = job_of_flow(w, JOB_TRIGGER);
    const struct reply *r = ask(w, again(w, task, NULL));
    assert_int_equal(r->rc, ERR_CONFLICT);
    assert_non_null(strstr(err_text(&r->err), "task of an execution"));
    assert_string_equal(r->hint, "cadre flow run a.b/f");
    r = ask(w, again(w, check, NULL));
    assert_int_equal(r->rc, ERR_CONFLICT);
    assert_non_null(strstr(err_text(&r->err), "evaluation"));
    assert_string_equal(r->hint, "cadre trigger run a.b/f/t");
}

static void retry__that_falls_back_at_once__has_ended_by_then(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.fallback = FALLBACK_FAIL;
    c->u.submit.fallback_given = true;
    int64_t first = ask(w, c)->id;
    world_live(w, 600000);
    assert_int_equal(world_state(w, first), JOB_FAILED);
    int64_t second = retried(w, first, NULL);
    assert_int_equal(world_state(w, second), JOB_FAILED);
    assert_int_equal(world_reason(w, second), REASON_NO_AGENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(retry__is_a_new_job_with_all_that_was_asked_for),
        WORLD_TEST(retry__is_handed_out_and_ends_by_itself),
        WORLD_TEST(retry__of_what_ended_in_the_same_batch__is_taken),
        WORLD_TEST(retry__with_its_key_again__is_the_same_job),
        WORLD_TEST(retry__with_its_key_twice_in_a_batch__is_one_job),
        WORLD_TEST(retry__with_its_key__whose_group_is_full__is_known),
        WORLD_TEST(retry__of_a_job_that_has_not_ended__is_refused),
        WORLD_TEST(retry__of_a_job_that_is_not_there__is_refused),
        WORLD_TEST(retry__into_a_group_that_is_gone_or_closed__is_refused),
        WORLD_TEST(retry__of_a_payload_that_became_too_large__is_refused),
        WORLD_TEST(retry__of_a_spec_of_another_release__is_refused),
        WORLD_TEST(retry__of_a_job_of_a_flow__is_refused_with_the_way_out),
        WORLD_TEST(retry__that_falls_back_at_once__has_ended_by_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
