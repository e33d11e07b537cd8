/* Executions: tasks one after the other, what they hand on, how they end. */
#include "flow_world.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define HEAD "id: f\nnamespace: a.b\n"
#define TWO                                                                                        \
    HEAD "tasks:\n"                                                                                \
         "  - {id: one, command: [\"true\"]}\n"                                                    \
         "  - {id: two, command: [say, \"{{ outputs.one.file ?? 'none' }}\"]}\n"

static void assert_message(struct world *w, int64_t id, const char *part, enum reason reason)
{
    struct execution_row x = world_execution(w, id);
    if (!x.message || !strstr(x.message, part))
        fail_msg("'%s' is not in '%s'", part, x.message ? x.message : "(none)");
    assert_int_equal(x.reason, reason);
    execution_row_fini(&x);
}

/* ---- in order ---- */

static void tasks__run_one_after_the_other_and_hand_on_outputs(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, TWO);
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    assert_true(one > 0);
    world_assert_state(w, id, "RUNNING");
    assert_int_equal(world_effects(w, EFFECT_JOB), 1);
    hand_start(&h, one);
    hand_success(&h, one, "{\"file\":\"a.csv\"}");
    int64_t two = hand_job(&h); /* in the batch that ended the first one */
    assert_true(two > one);
    const struct effect *x = world_effect_for(w, EFFECT_JOB, two);
    char text[ID_TEXT_SIZE];
    id_format(id, text);
    char *wanted =
        str_dupf("{\"namespace\":\"a.b\",\"flow\":\"f\",\"task\":\"two\",\"execution\":\""
                 "%s\",\"command\":[\"say\",\"a.csv\"]}",
                 text);
    assert_string_equal(x->u.job.spec, wanted);
    mem_free(wanted);
    world_assert_state(w, id, "RUNNING");
    hand_start(&h, two);
    hand_success(&h, two, NULL);
    world_assert_state(w, id, "SUCCESS");
    const struct effect *c = world_effect(w, EFFECT_EXECUTION_CHANGED);
    assert_non_null(c);
    assert_true(c->u.changed.final && c->u.changed.id == id);
}

static void first_failed_task__ends_the_execution(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, TWO);
    int64_t id = world_start(w, "f", NULL);
    hand_exit(&h, hand_job(&h), 3);
    assert_int_equal(hand_job(&h), 0);
    world_assert_state(w, id, "FAILED");
    assert_message(w, id, "task one ended with exit code 3", REASON_EXIT_CODE);
}

static void allow_failure__makes_a_warning_and_goes_on(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, HEAD "tasks:\n"
                             "  - {id: one, command: [\"true\"], allowFailure: true}\n"
                             "  - {id: two, command: [\"true\"]}\n");
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    hand_exit(&h, one, 3);
    assert_int_equal(world_state(w, one), JOB_WARNING);
    assert_int_equal(world_reason(w, one), REASON_EXIT_CODE);
    int64_t two = hand_job(&h);
    assert_true(two > 0);
    hand_start(&h, two);
    hand_success(&h, two, NULL);
    world_assert_state(w, id, "WARNING");
}

static void retry__is_of_the_job_and_the_execution_waits(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(
        w, HEAD "tasks:\n"
                "  - {id: one, command: [echo, \"{{ taskrun.attempt }}\"], retry: {type: constant, "
                "interval: PT10S, maxAttempts: 2}}\n");
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    assert_non_null(strstr(world_effect_for(w, EFFECT_JOB, one)->u.job.spec, "[\"echo\",\"1\"]"));
    hand_exit(&h, one, 3);
    assert_int_equal(world_state(w, one), JOB_RETRYING);
    world_assert_state(w, id, "RUNNING");
    world_pass(w, 10000);
    world_tick(w);
    assert_int_equal(hand_job(&h), one);
    assert_non_null(strstr(world_effect_for(w, EFFECT_JOB, one)->u.job.spec, "[\"echo\",\"2\"]"));
    hand_start(&h, one);
    hand_success(&h, one, NULL);
    world_assert_state(w, id, "SUCCESS");
}

static void disabled_tasks__are_passed_by(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, HEAD "tasks:\n"
                             "  - {id: zero, command: [\"true\"], disabled: true}\n"
                             "  - {id: one, command: [\"true\"]}\n"
                             "  - {id: two, command: [\"true\"], disabled: true}\n");
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    struct job_row j = world_job(w, one);
    assert_string_equal(j.task, "one");
    job_row_fini(&j);
    hand_start(&h, one);
    hand_success(&h, one, NULL);
    world_assert_state(w, id, "SUCCESS");
}

static void log_tasks__need_no_agent(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, HEAD "inputs: [{id: day, type: STRING, defaults: today}]\n"
                             "tasks:\n"
                             "  - {id: say, type: io.kestra.plugin.core.log.Log, message: \"it is "
                             "{{ inputs.day }}\"}\n");
    int64_t id = world_start(w, "f", "{\"day\":\"monday\"}");
    world_assert_state(w, id, "SUCCESS");
    const struct effect *x = world_effect(w, EFFECT_OUTPUT);
    assert_non_null(x);
    assert_int_equal(world_state(w, x->u.output.job), JOB_SUCCESS);
    int64_t remarks, bytes = 0;
    assert_int_equal(store_output_bytes(w->store, x->u.output.job, 1, &bytes, &remarks, NULL), 0);
    assert_int_equal(bytes, strlen("it is monday\n"));
}

/* ---- what cannot be made ---- */

/* Many of them are written in one transaction, so that none may be as long as its author likes. */
static void log_task__with_a_message_beyond_64_KiB__fails(void **state)
{
    struct world *w = *state;
    struct buf inputs;
    world_apply_flow(w, HEAD "inputs: [{id: x, type: STRING}]\n"
                             "tasks:\n"
                             "  - {id: say, type: io.kestra.plugin.core.log.Log, message: \"{{ "
                             "inputs.x }}{{ inputs.x }}\"}\n");
    for (int n = 32767; n <= 32769; n += 2) {
        buf_init(&inputs, 65536);
        buf_addf(&inputs, "{\"x\":\"%0*d\"}", n, 0);
        int64_t id = world_start(w, "f", inputs.data);
        buf_fini(&inputs);
        world_assert_state(w, id, n < 32768 ? "SUCCESS" : "FAILED");
        if (n > 32768) assert_message(w, id, "larger than 65535 bytes", REASON_PAYLOAD_TOO_LARGE);
    }
}

static void missing_output__fails_the_task_with_the_sentence(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, HEAD "tasks:\n"
                             "  - {id: one, command: [\"true\"]}\n"
                             "  - {id: two, command: [say, \"{{ outputs.one.file }}\"]}\n");
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    hand_start(&h, one);
    hand_success(&h, one, NULL);
    assert_int_equal(hand_job(&h), 0);
    world_assert_state(w, id, "FAILED");
    assert_message(w, id, "outputs.one.file", REASON_NOT_STARTED);
}

static void expression_that_names_no_group__fails_at_once(void **state)
{
    struct world *w = *state;
    hand_open(w, "a", NULL, 4);
    world_group(w, "linux-db", NULL);
    world_apply_flow(w, HEAD "inputs: [{id: where, type: STRING}]\n"
                             "tasks:\n"
                             "  - {id: one, command: [\"true\"], workerGroup: {key: \"{{ "
                             "inputs.where }}\"}}\n");
    int64_t id = world_start(w, "f", "{\"where\":\"linux-dbb\"}");
    world_assert_state(w, id, "FAILED");
    assert_message(w, id, "there is no worker group 'linux-dbb', did you mean 'linux-db'?",
                   REASON_UNKNOWN_GROUP);
    id = world_start(w, "f", "{\"where\":\"linux-db\"}");
    struct job_row j = world_job(w, world_execution_job(w, id));
    assert_string_equal(j.group, "linux-db");
    assert_int_equal(j.state, JOB_CREATED);
    job_row_fini(&j);
}

static void fallback__ends_the_task_when_nobody_is_there(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *fallback, *extra, *state;
        enum reason reason;
    } cases[] = {{"FAIL", "", "FAILED", REASON_NO_AGENT},
                 {"CANCEL", "", "CANCELLED", REASON_NO_AGENT},
                 {"FAIL", ", allowFailure: true", "WARNING", REASON_NONE}};
    world_group(w, "g", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source =
            str_dupf(HEAD "tasks:\n  - {id: one, command: [\"true\"], workerGroup: {key: "
                          "g, fallback: %s}%s}\n",
                     cases[i].fallback, cases[i].extra);
        world_apply_flow(w, source);
        mem_free(source);
        int64_t id = world_start(w, "f", NULL);
        world_live(w, 120000);
        world_assert_state(w, id, cases[i].state);
        struct execution_row x = world_execution(w, id);
        assert_int_equal(x.reason, cases[i].reason);
        execution_row_fini(&x);
    }
}

/* ---- groups ---- */

static void group__task_then_flow_then_namespace_then_default(void **state)
{
    struct world *w = *state;
    static const char *const keys[] = {"of-task", "of-flow", "of-ns"};
    for (int i = 0; i < 3; i++)
        world_group(w, keys[i], NULL);
    hand_open(w, "busy", "of-ns", 1); /* so that nothing falls back */
    static const struct {
        const char *flow, *task, *group;
    } cases[] = {{"", "", "default"},
                 {"", "", "of-ns"},
                 {"workerGroup: {key: of-flow}\n", "", "of-flow"},
                 {"workerGroup: {key: of-flow}\n", ", workerGroup: {key: of-task}", "of-task"},
                 {"", ", workerGroup: {key: default}", "default"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i == 1) {
            struct command *c = command_new(CMD_NS_SET);
            c->u.ns = (struct namespace_row){.ns = mem_strdup("a"),
                                             .group = mem_strdup("of-ns"),
                                             .fallback = FALLBACK_CANCEL};
            world_do(w, c);
        }
        char *source = str_dupf(HEAD "%stasks:\n  - {id: one, command: [\"true\"]%s}\n",
                                cases[i].flow, cases[i].task);
        world_apply_flow(w, source);
        mem_free(source);
        struct job_row j = world_job(w, world_execution_job(w, world_start(w, "f", NULL)));
        assert_string_equal(j.group, cases[i].group);
        assert_int_equal(j.fallback, i == 1 ? FALLBACK_CANCEL : FALLBACK_WAIT);
        job_row_fini(&j);
    }
}

/* ---- cancel ---- */

static void cancel__kills_the_task_and_runs_nothing_more(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, TWO);
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    hand_start(&h, one);
    world_cancel(w, id);
    assert_non_null(world_effect_for(w, EFFECT_KILL, one));
    world_assert_state(w, id, "KILLING");
    world_cancel(w, id); /* again: nothing new */
    hand_killed(&h, one);
    world_assert_state(w, id, "KILLED");
    assert_int_equal(hand_job(&h), 0);
    world_do(w, cmd_id(w, CMD_EXECUTION_CANCEL, id));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
}

static void cancel__task_that_ends_well_meanwhile__is_the_last_one(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, TWO);
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    hand_start(&h, one);
    world_cancel(w, id);
    hand_success(&h, one, NULL);
    assert_int_equal(world_state(w, one), JOB_SUCCESS);
    world_assert_state(w, id, "KILLED");
    assert_int_equal(hand_job(&h), 0);
}

static void cancel__in_the_batch_in_which_a_task_ends__runs_nothing_more(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, TWO);
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    hand_start(&h, one);
    world_begin(w);
    world_apply(w, cmd_finished(h.session, ++h.seq, one, 1, JOB_SUCCESS, REASON_NONE));
    world_apply(w, cmd_id(w, CMD_EXECUTION_CANCEL, id));
    world_commit(w);
    assert_int_equal(hand_job(&h), 0);
    world_assert_state(w, id, "KILLED");
}

static void cancel__queued_task__is_over_at_once(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, TWO);
    int64_t id = world_start(w, "f", NULL), job = world_execution_job(w, id);
    world_cancel(w, id);
    world_assert_state(w, id, "KILLED");
    assert_int_equal(world_state(w, job), JOB_CANCELLED);
}

static void cancelled_job__takes_its_execution_along(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, TWO);
    int64_t id = world_start(w, "f", NULL);
    world_do(w, cmd_id(w, CMD_CANCEL, world_execution_job(w, id)));
    world_assert_state(w, id, "CANCELLED");
}

/* The failure was on its way when the job was cancelled. */
static void cancelled_job__that_fails_though_it_may__takes_its_execution_along(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, HEAD "tasks:\n"
                             "  - {id: one, command: [\"true\"], allowFailure: true}\n"
                             "  - {id: two, command: [\"true\"]}\n");
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    hand_start(&h, one);
    world_do(w, cmd_id(w, CMD_CANCEL, one));
    assert_int_equal(world_state(w, one), JOB_KILLING);
    world_do(w, cmd_finished(h.session, ++h.seq, one, 1, JOB_FAILED, REASON_EXIT_CODE));
    assert_int_equal(world_state(w, one), JOB_FAILED);
    world_assert_state(w, id, "FAILED");
    assert_int_equal(hand_job(&h), 0);
}

/* ---- concurrency ---- */

#define LIMITED(behavior)                                                                          \
    HEAD "concurrency: {limit: 2, behavior: " behavior "}\n"                                       \
         "tasks:\n  - {id: one, command: [\"true\"]}\n"

static void concurrency_queue__waits_for_a_place_in_order(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 8);
    world_apply_flow(w, LIMITED("QUEUE"));
    int64_t id[4], job[4];
    for (int i = 0; i < 4; i++) {
        id[i] = world_start(w, "f", NULL);
        job[i] = hand_job(&h);
    }
    world_assert_state(w, id[1], "RUNNING");
    world_assert_state(w, id[2], "QUEUED");
    assert_int_equal(job[2], 0);
    world_crash(w); /* the places are where they were */
    hand_reopen(&h);
    world_assert_state(w, id[3], "QUEUED");
    job[0] = world_execution_job(w, id[0]);
    /* an agent that knows nothing of them: they are given back, and handed out again */
    assert_int_equal(world_state(w, job[0]), JOB_SUBMITTED);
    hand_start(&h, job[0]);
    hand_success(&h, job[0], NULL);
    world_live(w, 10);
    world_assert_state(w, id[2], "RUNNING");
    world_assert_state(w, id[3], "QUEUED");
    world_cancel(w, id[3]);
    world_assert_state(w, id[3], "CANCELLED");
}

static void concurrency_cancel_and_fail__end_what_is_too_much(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 8);
    world_apply_flow(w, LIMITED("CANCEL"));
    int64_t first = world_start(w, "f", NULL);
    (void)first;
    int64_t job = hand_job(&h);
    world_start(w, "f", NULL);
    int64_t third = world_start(w, "f", NULL);
    world_assert_state(w, third, "CANCELLED");
    assert_message(w, third, "as many as its concurrency limit", REASON_NONE);
    world_apply_flow(w, LIMITED("FAIL"));
    world_assert_state(w, world_start(w, "f", NULL), "FAILED");
    hand_start(&h, job);
    hand_success(&h, job, NULL);
    world_assert_state(w, world_start(w, "f", NULL), "RUNNING");
}

static void concurrency__greater_limit__lets_the_queued_go(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, LIMITED("QUEUE"));
    int64_t id[5];
    for (int i = 0; i < 5; i++)
        id[i] = world_start(w, "f", NULL);
    world_assert_state(w, id[4], "QUEUED");
    world_apply_flow(w, HEAD "tasks:\n  - {id: one, command: [\"true\"]}\n");
    world_live(w, 10);
    for (int i = 0; i < 5; i++)
        world_assert_state(w, id[i], "RUNNING");
}

static void concurrency__one_at_a_time__takes_them_in_order(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 1);
    world_apply_flow(w, HEAD "concurrency: {limit: 1}\n"
                             "tasks:\n  - {id: one, command: [\"true\"]}\n");
    enum { COUNT = 250 };
    int64_t ids[COUNT];
    for (int i = 0; i < COUNT; i++)
        ids[i] = world_start(w, "f", NULL);
    /* each is of the revision that it was started with */
    world_apply_flow(w, HEAD "tasks:\n  - {id: one, command: [\"false\"]}\n"
                             "concurrency: {limit: 1}\n");
    for (int i = 0; i < COUNT; i++) {
        world_assert_state(w, ids[i], "RUNNING");
        if (i + 1 < COUNT) world_assert_state(w, ids[i + 1], "QUEUED");
        int64_t job = world_execution_job(w, ids[i]);
        hand_start(&h, job);
        hand_success(&h, job, NULL);
        world_assert_state(w, ids[i], "SUCCESS");
        world_live(w, 10);
    }
}

static void concurrency__many_that_end_as_they_begin__are_taken_in_steps(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 1);
    world_apply_flow(w, HEAD "concurrency: {limit: 1}\n"
                             "inputs: [{id: file, type: STRING}]\n"
                             "tasks:\n"
                             "  - {id: one, command: [\"true\"], disabled: true}\n"
                             "  - {id: two, command: [\"{{ inputs.file }}\"]}\n");
    enum { COUNT = 350 };
    int64_t ids[COUNT];
    for (int i = 0; i < COUNT; i++)
        ids[i] = world_start(w, "f", i == 0 ? "{\"file\":\"true\"}" : "{\"file\":\"\"}");
    int64_t job = world_execution_job(w, ids[0]);
    hand_start(&h, job);
    hand_success(&h, job, NULL);
    int batches = 0;
    for (; world_execution_state(w, ids[COUNT - 1])[0] == 'Q'; batches++) {
        assert_true(batches < COUNT);
        world_live(w, 1);
    }
    assert_true(batches > 2);
    world_assert_state(w, ids[COUNT - 1], "FAILED");
}

/* ---- starting ---- */

static void start__same_key__is_the_same_execution(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, TWO);
    int64_t ids[3];
    for (int i = 0; i < 3; i++) {
        struct command *c = cmd_start(w, "f", NULL);
        c->u.start.unique_key = mem_strdup("k");
        c->u.start.submitter = 5;
        world_do(w, c);
        assert_int_equal(world_reply(w)->rc, 0);
        assert_int_equal(world_reply(w)->known, i > 0);
        ids[i] = world_reply(w)->id;
        if (i == 1) world_crash(w);
    }
    assert_int_equal(ids[0], ids[1]);
    assert_int_equal(ids[0], ids[2]);
    assert_int_equal(world_executions(w, "f", NULL), 1);
}

static void start__key_of_another_flow__is_refused(void **state)
{
    struct world *w = *state;
    static const char *const flows[] = {"f", "other", "f"};
    world_apply_flow(w, TWO);
    world_apply_flow(w, "id: other\nnamespace: a.b\ntasks: [{id: a, command: [\"true\"]}]\n");
    for (int i = 0; i < 3; i++) {
        struct command *c = cmd_start(w, flows[i], NULL);
        c->u.start.unique_key = mem_strdup("k");
        world_do(w, c);
        assert_int_equal(world_reply(w)->rc, i == 1 ? ERR_CONFLICT : 0);
        if (i == 1) assert_non_null(strstr(world_reply(w)->err.msg, "/f, not of "));
    }
    assert_int_equal(world_executions(w, "f", NULL), 1);
    assert_int_equal(world_executions(w, "other", NULL), 0);
}

static void start__unknown_flow_or_input__is_refused_with_the_nearest(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, TWO);
    world_do(w, cmd_start(w, "ff", NULL));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
    world_do(w, cmd_start(w, "f", "{\"day\":1}"));
    assert_int_equal(world_reply(w)->rc, ERR_INVALID);
    world_apply_flow(w, TWO "disabled: true\n");
    world_do(w, cmd_start(w, "f", NULL));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
}

/* ---- revisions ---- */

static void running_execution__keeps_its_revision(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, TWO);
    int64_t id = world_start(w, "f", NULL);
    int64_t one = hand_job(&h);
    hand_start(&h, one);
    world_apply_flow(w, HEAD "tasks:\n  - {id: other, command: [\"false\"]}\n");
    world_restart(w);
    h.session = ++w->sessions;
    struct command *c = cmd_hello(w, h.session, h.agent, NULL, 4);
    cmd_hello_attempt(c, one, 1, false);
    c->u.hello.seq = h.seq;
    world_do(w, c);
    world_do(w, cmd_ready(h.session));
    hand_success(&h, one, NULL);
    struct job_row j = world_job(w, world_execution_job(w, id));
    assert_string_equal(j.task, "two");
    job_row_fini(&j);
}

static void deleted_flow__lets_the_running_end_and_cancels_the_queued(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, HEAD "concurrency: {limit: 1}\n"
                             "tasks:\n"
                             "  - {id: one, command: [\"true\"]}\n"
                             "  - {id: two, command: [\"true\"]}\n");
    int64_t running = world_start(w, "f", NULL), one = hand_job(&h);
    int64_t queued = world_start(w, "f", NULL);
    world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL));
    assert_int_equal(world_reply(w)->rc, 0);
    world_assert_state(w, queued, "CANCELLED");
    assert_message(w, queued, "its flow was deleted", REASON_CANCELLED);
    world_do(w, cmd_start(w, "f", NULL));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
    world_crash(w);
    hand_reopen(&h);
    one = world_execution_job(w, running);
    hand_start(&h, one);
    hand_success(&h, one, NULL);
    int64_t two = hand_job(&h);
    assert_true(two > 0);
    hand_start(&h, two);
    hand_success(&h, two, NULL);
    world_assert_state(w, running, "SUCCESS");
}

static int cancelled_in_batch(const struct world *w)
{
    int n = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        n += x->type == EFFECT_EXECUTION_CHANGED && x->u.changed.final;
    return n;
}

static void deleted_flow__with_a_long_queue__cancels_it_in_steps(void **state)
{
    struct world *w = *state;
    const char *flow = HEAD "concurrency: {limit: 1}\ntasks:\n  - {id: one, command: [\"true\"]}\n";
    world_apply_flow(w, flow);
    enum { COUNT = 251 };
    int64_t ids[COUNT];
    for (int i = 0; i < COUNT; i++)
        ids[i] = world_start(w, "f", NULL);
    world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL));
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(cancelled_in_batch(w), 100);
    world_do(w, cmd_apply(w, flow));
    assert_int_equal(world_reply(w)->rc, ERR_INVALID);
    assert_non_null(strstr(world_reply(w)->err.msg, "being deleted"));
    world_crash(w);
    world_live(w, 10);
    for (int i = 1; i < COUNT; i++)
        world_assert_state(w, ids[i], "CANCELLED");
    world_assert_state(w, ids[0], "RUNNING");
    world_apply_flow(w, flow);
}

/* ---- much at once ---- */

static void apply_logs(struct world *w, int count)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_adds(&b, "id: logs\nnamespace: a.b\ntasks:\n");
    for (int i = 0; i < count; i++)
        buf_addf(&b, "  - {id: t%d, type: io.kestra.core.tasks.log.Log, message: hello %d}\n", i,
                 i);
    world_apply_flow(w, b.data);
    buf_fini(&b);
}

static void log_tasks__a_bounded_number_in_one_batch(void **state)
{
    struct world *w = *state;
    apply_logs(w, 90);
    int64_t id = world_start(w, "logs", NULL);
    assert_int_equal(world_run_count(w, id), 20);
    world_pass(w, 1);
    world_tick(w);
    assert_int_equal(world_run_count(w, id), 40);
    world_crash(w); /* and it goes on after a start */
    world_live(w, 100);
    assert_string_equal(world_execution_state(w, id), "SUCCESS");
    assert_int_equal(world_run_count(w, id), 90);
}

static void log_tasks__a_cancel_between_two_batches_ends_it(void **state)
{
    struct world *w = *state;
    apply_logs(w, 90);
    int64_t id = world_start(w, "logs", NULL);
    world_cancel(w, id);
    assert_string_equal(world_execution_state(w, id), "KILLED");
    world_live(w, 100);
    assert_int_equal(world_run_count(w, id), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(log_tasks__a_bounded_number_in_one_batch),
        WORLD_TEST(log_tasks__a_cancel_between_two_batches_ends_it),
        WORLD_TEST(tasks__run_one_after_the_other_and_hand_on_outputs),
        WORLD_TEST(first_failed_task__ends_the_execution),
        WORLD_TEST(allow_failure__makes_a_warning_and_goes_on),
        WORLD_TEST(retry__is_of_the_job_and_the_execution_waits),
        WORLD_TEST(disabled_tasks__are_passed_by),
        WORLD_TEST(log_tasks__need_no_agent),
        WORLD_TEST(log_task__with_a_message_beyond_64_KiB__fails),
        WORLD_TEST(missing_output__fails_the_task_with_the_sentence),
        WORLD_TEST(expression_that_names_no_group__fails_at_once),
        WORLD_TEST(fallback__ends_the_task_when_nobody_is_there),
        WORLD_TEST(group__task_then_flow_then_namespace_then_default),
        WORLD_TEST(cancel__kills_the_task_and_runs_nothing_more),
        WORLD_TEST(cancel__task_that_ends_well_meanwhile__is_the_last_one),
        WORLD_TEST(cancel__in_the_batch_in_which_a_task_ends__runs_nothing_more),
        WORLD_TEST(cancel__queued_task__is_over_at_once),
        WORLD_TEST(cancelled_job__takes_its_execution_along),
        WORLD_TEST(cancelled_job__that_fails_though_it_may__takes_its_execution_along),
        WORLD_TEST(concurrency_queue__waits_for_a_place_in_order),
        WORLD_TEST(concurrency_cancel_and_fail__end_what_is_too_much),
        WORLD_TEST(concurrency__greater_limit__lets_the_queued_go),
        WORLD_TEST(concurrency__one_at_a_time__takes_them_in_order),
        WORLD_TEST(concurrency__many_that_end_as_they_begin__are_taken_in_steps),
        WORLD_TEST(start__same_key__is_the_same_execution),
        WORLD_TEST(start__key_of_another_flow__is_refused),
        WORLD_TEST(start__unknown_flow_or_input__is_refused_with_the_nearest),
        WORLD_TEST(running_execution__keeps_its_revision),
        WORLD_TEST(deleted_flow__lets_the_running_end_and_cancels_the_queued),
        WORLD_TEST(deleted_flow__with_a_long_queue__cancels_it_in_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
