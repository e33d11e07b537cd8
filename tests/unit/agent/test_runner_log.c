/* agent/runner_logic: what the log says of attempts. */
#include "tests/unit/agent/logic_world.h"

#include "base/log.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EVALUATION "{\"flow\":\"f\",\"task\":\"t\",\"command\":[\"c\"]}"
#define TASK "{\"flow\":\"f\",\"task\":\"t\",\"execution\":\"x\",\"command\":[\"c\"]}"
#define AD_HOC "{\"command\":[\"c\"]}"

struct lines {
    char text[256]; /* "info started pid " */
};

static void take_line(enum log_level level, const char *line, void *user)
{
    static const char *const words[] = {" started pid", " ended state", " not started"};
    struct lines *l = user;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t at = strlen(l->text);
        if (strstr(line, words[i]))
            (void)str_format(l->text + at, sizeof l->text - at, "%s%s ", log_level_name(level),
                             words[i]);
    }
}

static void logs(struct world *w, int64_t job, const char *spec, uint32_t exit_code,
                 const char *expected)
{
    struct lines l = {""};
    struct msg_job m = {.job = job,
                        .attempt = 1,
                        .lease_ms = WORLD_LEASE_MS,
                        .spec = (char *)(uintptr_t)spec};
    log_set_sink(take_line, &l);
    log_set_level(LOG_DEBUG);
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job_of(w, &m);
    world_turn(w);
    prepared(w, job, 0);
    world_turn(w);
    ended(w, job, exit_code);
    log_set_level(LOG_INFO);
    log_set_sink(NULL, NULL);
    assert_string_equal(l.text, expected);
}

static void jobs_are_told_of_whatever_they_end_in(void **state)
{
    logs(*state, 1, AD_HOC, 0, "info started pid info ended state ");
    logs(*state, 2, AD_HOC, 1, "info started pid info ended state ");
    logs(*state, 3, TASK, 0, "info started pid info ended state ");
    logs(*state, 4, TASK, 1, "info started pid info ended state ");
}

static void evaluations_that_said_yes_or_no_are_not_told_of(void **state)
{
    logs(*state, 1, EVALUATION, 0, "debug started pid debug ended state ");
    logs(*state, 2, EVALUATION, 1, "debug started pid debug ended state ");
}

static void evaluations_that_went_wrong_are_warned_of(void **state)
{
    logs(*state, 1, EVALUATION, 2, "debug started pid warn ended state ");
    struct world *w = *state;
    w->start_rc = ERR_NOT_FOUND;
    struct lines l = {""};
    struct msg_job m = {.job = 2,
                        .attempt = 1,
                        .lease_ms = WORLD_LEASE_MS,
                        .spec = (char *)(uintptr_t)EVALUATION};
    log_set_sink(take_line, &l);
    take_job_of(w, &m);
    world_turn(w);
    prepared(w, 2, 0);
    world_turn(w);
    log_set_sink(NULL, NULL);
    assert_string_equal(l.text, "warn not started ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(jobs_are_told_of_whatever_they_end_in),
        WORLD_CASE(evaluations_that_said_yes_or_no_are_not_told_of),
        WORLD_CASE(evaluations_that_went_wrong_are_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
