/* cli/follow: the exit code that stands for a job's end (design section 8). */
#include "base/escape.h"
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

static void an_evaluation_ends_with_the_code_of_its_check(void **state)
{
    (void)state;
    assert_int_equal(code_of("{\"state\":\"FIRED\",\"exitCode\":0}"), 0);
    assert_int_equal(code_of("{\"state\":\"NO\",\"exitCode\":1}"), 1);
    assert_true(state_is("FIRED", final));
    assert_true(state_is("NO", final));
    assert_false(state_is("RUNNING", final));
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

/* ---- remarks on standard error ---- */

static int to_buf(int fd, const void *data, size_t len, void *user, struct err *e)
{
    (void)e;
    assert_int_equal(fd, 2);
    return buf_add(user, data, len);
}

/* ESC, C1, DEL, a line of its own, the direction of writing. */
#define HOSTILE "a\\u001b[31m\\u009b\\u007f\\r\\nb\\u202e\\u2066"

static void remarks_of(const char *pattern, int (*on)(const struct json *event, void *user),
                       struct buf *said)
{
    static const struct follow_options options = {.id = "1"};
    struct cli cli = {0};
    struct json *event = NULL;
    char text[1024];
    size_t n = 0;
    for (const char *p = pattern; *p; p++) {
        size_t len = *p == '%' ? sizeof HOSTILE - 1 : 1;
        memcpy(text + n, *p == '%' ? HOSTILE : p, len);
        n += len;
    }
    assert_int_equal(json_parse(text, n, &event, NULL), 0);
    out_init(&cli.out);
    cli.out.place->one = false;
    cli.out.write = to_buf;
    cli.out.user = said;
    struct watch w = {.cli = &cli, .o = &options, .what = "job", .collection = "jobs"};
    (void)on(event, &w);
    log_print_fini(&w.print);
    mem_free(w.said);
    mem_free(w.job);
    json_free(event);
    out_fini(&cli.out);
}

static void foreign_text_in_remarks_stays_on_its_line(void **state)
{
    static const struct {
        const char *event;
        int (*on)(const struct json *event, void *user);
    } cases[] = {
        {"{\"event\":\"state\",\"state\":\"FAILED\",\"id\":\"%\",\"reason\":\"%\",\"message\":\"%"
         "\"}",
         on_event},
        {"{\"event\":\"state\",\"state\":\"CREATED\",\"waiting\":{\"message\":\"%\"}}", on_event},
        {"{\"event\":\"state\",\"state\":\"RETRYING\",\"attempts\":[{\"attempt\":1,\"reason\":\"%"
         "\"}]}",
         on_event},
        {"{\"event\":\"state\",\"state\":\"RUNNING\",\"id\":\"1\",\"task\":\"%\",\"agentName\":\"%"
         "\"}",
         on_execution_event},
        {"{\"event\":\"state\",\"state\":\"%\",\"id\":\"1\",\"waiting\":{\"message\":\"%\"}}",
         on_execution_event},
        {"{\"event\":\"state\",\"state\":\"FAILED\",\"id\":\"1\",\"task\":\"%\",\"reason\":\"%\","
         "\"message\":\"%\"}",
         on_execution_event},
        {"{\"event\":\"execution\",\"state\":\"FAILED\",\"message\":\"%\"}", on_execution_event},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf said;
        buf_init(&said, 65536);
        remarks_of(cases[i].event, cases[i].on, &said);
        assert_non_null(strstr(said.data, "a\\x1b[31m\\xc2\\x9b\\x7f\\x0d\\x0ab\\xe2\\x80\\xae"));
        for (size_t at = 0; at + 1 < said.len; at++)
            if (!escape_printable(said.data + at, said.len - at)) fail_msg("%s", said.data);
        buf_fini(&said);
    }
}

static void remarks_of_an_agent_are_told_line_by_line(void **state)
{
    (void)state;
    struct cli cli = {0};
    struct follow_options options = {.id = "1"};
    struct watch w = {.cli = &cli, .o = &options, .print = {.out = &cli.out}};
    struct buf said;
    buf_init(&said, 65536);
    out_init(&cli.out);
    cli.out.place->one = false;
    cli.out.write = to_buf;
    cli.out.user = &said;
    static const char text[] = "one\x1b[2J\ntwo\nthree";
    const struct frame_output o = {.stream = STREAM_SYSTEM,
                                   .data = (const uint8_t *)text,
                                   .len = sizeof text - 1};
    assert_int_equal(on_output(&o, &w), 0);
    assert_string_equal(said.data, "cadre: one\\x1b[2J\ncadre: two\ncadre: three\n");
    buf_fini(&said);
    out_fini(&cli.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_0_and_a_failure_the_jobs_own_code),
        cmocka_unit_test(an_evaluation_ends_with_the_code_of_its_check),
        cmocka_unit_test(a_code_beyond_8_bits_never_looks_like_success),
        cmocka_unit_test(what_could_not_be_started_is_126_or_127),
        cmocka_unit_test(a_timeout_is_124_whatever_the_process_said),
        cmocka_unit_test(a_cancelled_job_is_137),
        cmocka_unit_test(whatever_cadre_could_not_do_is_125),
        cmocka_unit_test(the_last_failed_attempt_is_told_from_all_attempts_and_from_the_last_alone),
        cmocka_unit_test(no_attempt_failed_where_none_has_a_reason),
        cmocka_unit_test(foreign_text_in_remarks_stays_on_its_line),
        cmocka_unit_test(remarks_of_an_agent_are_told_line_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
