/* The model's tables: states, successions, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/model.h"

static const char *const names[JOB_STATES] = {"CREATED",  "SUBMITTED", "RUNNING", "KILLING",
                                              "RETRYING", "SUCCESS",   "WARNING", "FAILED",
                                              "KILLED",   "CANCELLED"};

static void states_have_their_names(void **state)
{
    (void)state;
    for (int i = 0; i < JOB_STATES; i++) {
        assert_string_equal(fsm_name(&job_fsm, i), names[i]);
        assert_int_equal(fsm_find(&job_fsm, names[i]), i);
    }
    assert_int_equal(job_fsm.count, JOB_STATES);
}

static void the_last_five_states_are_final_and_nothing_leaves_them(void **state)
{
    (void)state;
    for (int from = 0; from < JOB_STATES; from++) {
        assert_int_equal(job_is_final((enum job_state)from), from >= JOB_SUCCESS);
        assert_int_equal(fsm_final(&job_fsm, from), from >= JOB_SUCCESS);
        int ways = 0;
        for (int to = 0; to < JOB_STATES; to++)
            ways += fsm_may(&job_fsm, from, to);
        assert_int_equal(ways > 0, from < JOB_SUCCESS);
    }
    assert_false(job_is_final((enum job_state)JOB_STATES));
}

static void only_submitted_running_and_killing_are_assigned(void **state)
{
    (void)state;
    for (int i = 0; i < JOB_STATES; i++) {
        assert_int_equal(job_is_assigned((enum job_state)i), i >= 1 && i <= 3);
    }
}

static void no_step_skips_the_queue_or_comes_back_from_running(void **state)
{
    (void)state;
    static const enum job_state refused[][2] = {
        {JOB_CREATED, JOB_RUNNING},    {JOB_CREATED, JOB_SUCCESS},
        {JOB_CREATED, JOB_KILLING},    {JOB_RUNNING, JOB_CREATED},
        {JOB_RUNNING, JOB_SUBMITTED},  {JOB_KILLING, JOB_RUNNING},
        {JOB_KILLING, JOB_CREATED},    {JOB_RETRYING, JOB_SUBMITTED},
        {JOB_RETRYING, JOB_SUCCESS},   {JOB_SUCCESS, JOB_FAILED},
        {JOB_FAILED, JOB_RETRYING},    {JOB_CANCELLED, JOB_CREATED},
        {JOB_SUBMITTED, JOB_SUCCESS},  {JOB_KILLED, JOB_KILLING},
        {JOB_SUBMITTED, JOB_CANCELLED}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_false(fsm_may(&job_fsm, (int)refused[i][0], (int)refused[i][1]));
    }
    static const enum job_state allowed[][2] = {
        {JOB_CREATED, JOB_SUBMITTED},  {JOB_SUBMITTED, JOB_RUNNING}, {JOB_SUBMITTED, JOB_CREATED},
        {JOB_RUNNING, JOB_SUCCESS},    {JOB_RUNNING, JOB_RETRYING},  {JOB_RETRYING, JOB_CREATED},
        {JOB_RETRYING, JOB_CANCELLED}, {JOB_CREATED, JOB_CANCELLED}, {JOB_KILLING, JOB_KILLED}};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        assert_true(fsm_may(&job_fsm, (int)allowed[i][0], (int)allowed[i][1]));
    }
}

static void every_reason_has_a_name_that_finds_it(void **state)
{
    (void)state;
    for (int i = REASON_NONE + 1; i < REASONS; i++) {
        const char *name = reason_name((enum reason)i);
        assert_non_null(name);
        assert_int_equal(reason_find(name), i);
    }
    assert_string_equal(reason_name(REASON_QUEUE_TIMEOUT), "queue-timeout");
    assert_string_equal(reason_name(REASON_PAYLOAD_TOO_LARGE), "payload-too-large");
}

static void unknown_reasons_are_not_found(void **state)
{
    (void)state;
    assert_null(reason_name(REASON_NONE));
    assert_null(reason_name(REASONS));
    assert_null(reason_name((enum reason) - 1));
    assert_int_equal(reason_find(NULL), -1);
    assert_int_equal(reason_find(""), -1);
    assert_int_equal(reason_find("Exit-Code"), -1);
    assert_int_equal(reason_find("exit-codes"), -1);
}

static void fini_frees_everything_and_may_be_repeated(void **state)
{
    (void)state;
    struct job_row j = {.ns = mem_strdup("a"),
                        .name = mem_strdup("b"),
                        .flow = mem_strdup("c"),
                        .execution = mem_strdup("d"),
                        .task = mem_strdup("e"),
                        .group = mem_strdup("f"),
                        .message = mem_strdup("g"),
                        .unique_key = mem_strdup("h")};
    job_row_fini(&j);
    assert_null(j.unique_key);
    job_row_fini(&j);
    struct token_row t = {.name = mem_strdup("a"), .secret_hash = {1, 2, 3}};
    token_row_fini(&t);
    uint8_t zero[32] = {0};
    assert_memory_equal(t.secret_hash, zero, sizeof zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_have_their_names),
        cmocka_unit_test(the_last_five_states_are_final_and_nothing_leaves_them),
        cmocka_unit_test(only_submitted_running_and_killing_are_assigned),
        cmocka_unit_test(no_step_skips_the_queue_or_comes_back_from_running),
        cmocka_unit_test(every_reason_has_a_name_that_finds_it),
        cmocka_unit_test(unknown_reasons_are_not_found),
        cmocka_unit_test(fini_frees_everything_and_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
