/* cli/follow: the exit code that stands for a job's end (design section 8). */
#include "base/json.h"
#include "base/str.h"
#include "cli/follow.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int code_of(const char *text)
{
    struct json *job = NULL;
    struct err e = {0};
    if (json_parse(text, strlen(text), &job, &e) != 0) fail_msg("%s", e.msg);
    int code = job_exit_code(job);
    json_free(job);
    return code;
}

static void success_is_0_and_a_failure_the_jobs_own_code(void **state)
{
    (void)state;
    assert_int_equal(code_of("{\"state\":\"SUCCESS\",\"exitCode\":0}"), 0);
    assert_int_equal(code_of("{\"state\":\"SUCCESS\"}"), 0);
    assert_int_equal(code_of("{\"state\":\"FAILED\",\"reason\":\"exit-code\",\"exitCode\":7}"), 7);
    assert_int_equal(code_of("{\"state\":\"FAILED\",\"reason\":\"exit-code\",\"exitCode\":255}"),
                     255);
}

static void a_code_beyond_8_bits_never_looks_like_success(void **state)
{
    (void)state;
    assert_int_equal(code_of("{\"state\":\"FAILED\",\"reason\":\"exit-code\",\"exitCode\":256}"),
                     1);
    assert_int_equal(code_of(
                         "{\"state\":\"FAILED\",\"reason\":\"exit-code\",\"exitCode\":3221225472}"),
                     1);
    assert_int_equal(code_of(
                         "{\"state\":\"FAILED\",\"reason\":\"exit-code\",\"exitCode\":3221225477}"),
                     5);
}

static void what_could_not_be_started_is_126_or_127(void **state)
{
    (void)state;
    assert_int_equal(code_of("{\"state\":\"FAILED\",\"reason\":\"not-started\",\"exitCode\":126}"),
                     126);
    assert_int_equal(code_of("{\"state\":\"FAILED\",\"reason\":\"not-started\",\"exitCode\":127}"),
                     127);
    assert_int_equal(code_of("{\"state\":\"FAILED\",\"reason\":\"not-started\"}"), 125);
}

static void a_timeout_is_124_whatever_the_process_said(void **state)
{
    (void)state;
    assert_int_equal(code_of("{\"state\":\"FAILED\",\"reason\":\"timeout\",\"exitCode\":143}"),
                     124);
    assert_int_equal(code_of("{\"state\":\"FAILED\",\"reason\":\"timeout\",\"exitCode\":0}"), 124);
}

static void a_cancelled_job_is_137(void **state)
{
    (void)state;
    assert_int_equal(code_of("{\"state\":\"KILLED\",\"reason\":\"cancelled\",\"exitCode\":0}"),
                     137);
    assert_int_equal(code_of("{\"state\":\"CANCELLED\",\"reason\":\"cancelled\"}"), 137);
}

static void whatever_cadre_could_not_do_is_125(void **state)
{
    static const char *const reasons[] = {"lost",         "interrupted",   "drain",
                                          "no-agent",     "queue-timeout", "unknown-group",
                                          "group-deleted"};
    char text[128];
    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        /* A process that was ended has a code; it is not the job's own. */
        assert_int_equal(str_format(text, sizeof text,
                                    "{\"state\":\"FAILED\",\"reason\":\"%s\",\"exitCode\":137}",
                                    reasons[i]),
                         0);
        assert_int_equal(code_of(text), 125);
    }
    assert_int_equal(code_of("{\"state\":\"CANCELLED\",\"reason\":\"no-agent\"}"), 125);
    assert_int_equal(code_of("{\"state\":\"FAILED\"}"), 125);
    assert_int_equal(code_of("{}"), 125);
}

static int64_t failed_of(const char *text, const char **reason)
{
    static char kept[32];
    struct json *job = NULL;
    struct err e = {0};
    if (json_parse(text, strlen(text), &job, &e) != 0) fail_msg("%s", e.msg);
    *reason = "?";
    int64_t number = job_failed_attempt(job, reason);
    assert_int_equal(str_copy(kept, sizeof kept, *reason), 0);
    *reason = kept;
    json_free(job);
    return number;
}

static void the_last_failed_attempt_is_told_from_all_attempts_and_from_the_last_alone(void **state)
{
    (void)state;
    const char *reason;
    assert_int_equal(failed_of("{\"attempts\":[{\"attempt\":1,\"reason\":\"lost\"},"
                               "{\"attempt\":2,\"reason\":\"exit-code\"}]}",
                               &reason),
                     2);
    assert_string_equal(reason, "exit-code");
    assert_int_equal(failed_of("{\"attemptCount\":4301,"
                               "\"attempts\":[{\"attempt\":4301,\"reason\":\"timeout\"}]}",
                               &reason),
                     4301);
    assert_string_equal(reason, "timeout");
    assert_int_equal(failed_of("{\"attempts\":[{\"attempt\":1,\"reason\":\"lost\"},"
                               "{\"attempt\":2,\"state\":\"RUNNING\"}]}",
                               &reason),
                     1);
}

static void no_attempt_failed_where_none_has_a_reason(void **state)
{
    (void)state;
    const char *reason;
    assert_int_equal(failed_of("{}", &reason), 0);
    assert_int_equal(failed_of("{\"attempts\":[]}", &reason), 0);
    assert_int_equal(failed_of("{\"attempts\":[{\"attempt\":1}],\"attemptCount\":1}", &reason), 0);
    assert_int_equal(failed_of("{\"attempts\":\"many\",\"attemptCount\":-1}", &reason), 0);
    assert_string_equal(reason, "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_0_and_a_failure_the_jobs_own_code),
        cmocka_unit_test(a_code_beyond_8_bits_never_looks_like_success),
        cmocka_unit_test(what_could_not_be_started_is_126_or_127),
        cmocka_unit_test(a_timeout_is_124_whatever_the_process_said),
        cmocka_unit_test(a_cancelled_job_is_137),
        cmocka_unit_test(whatever_cadre_could_not_do_is_125),
        cmocka_unit_test(the_last_failed_attempt_is_told_from_all_attempts_and_from_the_last_alone),
        cmocka_unit_test(no_attempt_failed_where_none_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
