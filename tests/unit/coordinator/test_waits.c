/* How long jobs of late waited, by group. */
#include "coordinator/metrics/waits.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define START (1000 * HOUR) /* of a window of an hour, and so of one of five minutes */

static int setup(void **state)
{
    *state = waits_new();
    return 0;
}

static int teardown(void **state)
{
    waits_free(*state);
    return 0;
}

static void note(struct waits *w, const char *group, unsigned jobs, int64_t now_ms)
{
    struct effect_times t = {0};
    t.counts[10] = jobs;
    t.sum_ms = 1000 * (int64_t)jobs;
    waits_note(w, group, &t, now_ms);
}

static void reads(const struct waits *w, const char *group, int64_t now_ms, unsigned hour,
                  unsigned day, bool shared)
{
    struct waits_read r;
    uint64_t hour_all = 0, day_all = 0;
    waits_read(w, group, now_ms, &r);
    for (int i = 0; i < HISTOGRAM_STEPS; i++) {
        hour_all += r.hour[i];
        day_all += r.day[i];
    }
    assert_int_equal(hour_all, hour);
    assert_int_equal(day_all, day);
    assert_int_equal(r.hour[10], hour);
    assert_int_equal(r.day[10], day);
    assert_int_equal(r.shared, shared);
}

static void job__counts_for_an_hour_and_a_day(void **state)
{
    struct waits *w = *state;
    note(w, "a", 3, START);
    reads(w, "a", START, 3, 3, false);
    reads(w, "a", START + 55 * MINUTE, 3, 3, false);
    reads(w, "a", START + HOUR - 1, 3, 3, false);
    reads(w, "a", START + HOUR, 0, 3, false);
    reads(w, "a", START + 24 * HOUR - 1, 0, 3, false);
    reads(w, "a", START + 24 * HOUR, 0, 0, false);
    reads(w, "a", START + 2400 * HOUR, 0, 0, false);
}

/* At the end of its window a job counts for less than the whole hour, and never longer. */
static void job__at_the_end_of_a_window__counts_as_its_window(void **state)
{
    struct waits *w = *state;
    note(w, "a", 1, START + 5 * MINUTE - 1);
    reads(w, "a", START + HOUR - 1, 1, 1, false);
    reads(w, "a", START + HOUR, 0, 1, false);
    note(w, "b", 1, START + HOUR - 1);
    reads(w, "b", START + 24 * HOUR - 1, 0, 1, false);
    reads(w, "b", START + 24 * HOUR, 0, 0, false);
}

static void windows__are_used_again_and_add_up(void **state)
{
    struct waits *w = *state;
    for (int i = 0; i < 600; i++) /* fifty hours */
        note(w, "a", 1, START + i * 5 * MINUTE);
    reads(w, "a", START + 599 * 5 * MINUTE, 12, 23 * 12 + 12, false);
    note(w, "a", 5, START + 599 * 5 * MINUTE + 1);
    reads(w, "a", START + 599 * 5 * MINUTE + 1, 17, 24 * 12 + 5, false);
    /* after a night without jobs */
    note(w, "a", 2, START + 612 * 5 * MINUTE);
    reads(w, "a", START + 612 * 5 * MINUTE, 2, 22 * 12 + 5 + 2, false);
}

static void groups__are_apart__and_what_had_no_job_has_none(void **state)
{
    struct waits *w = *state;
    struct effect_times none = {0};
    note(w, "a", 1, START);
    note(w, "b", 2, START);
    waits_note(w, "c", &none, START); /* no job was handed out */
    reads(w, "a", START, 1, 1, false);
    reads(w, "b", START, 2, 2, false);
    reads(w, "c", START, 0, 0, false);
    reads(w, "", START, 0, 0, false);
}

static void groups__above_the_limit__share(void **state)
{
    struct waits *w = *state;
    char key[16];
    for (int i = 0; i < METRICS_GROUPS + 2; i++) {
        (void)str_format(key, sizeof key, "g%d", i);
        note(w, key, 1, START);
    }
    reads(w, "g0", START, 1, 1, false);
    (void)str_format(key, sizeof key, "g%d", METRICS_GROUPS - 1);
    reads(w, key, START, 1, 1, false);
    (void)str_format(key, sizeof key, "g%d", METRICS_GROUPS);
    reads(w, key, START, 2, 2, true);
    (void)str_format(key, sizeof key, "g%d", METRICS_GROUPS + 1);
    reads(w, key, START, 2, 2, true);
    note(w, "g0", 1, START);
    reads(w, "g0", START, 2, 2, false);
}

static void json__has_the_shares_as_durations__and_null_for_none(void **state)
{
    struct waits_read r = {.shared = true};
    (void)state;
    r.hour[0] = 98;
    r.hour[11] = 2;
    char *text = waits_json(&r, INT64_C(1700000000000));
    assert_string_equal(text, "{\"since\":\"2023-11-14T22:13:20.000Z\",\"shared\":true,"
                              "\"hour\":{\"jobs\":100,\"p50\":\"1ms\",\"p95\":\"1ms\","
                              "\"p99\":\"1.536s\"},"
                              "\"day\":{\"jobs\":0,\"p50\":null,\"p95\":null,\"p99\":null}}");
    mem_free(text);
}

static void lists(const struct waits *w, const char *group, int64_t now_ms, const char *expected)
{
    char *text = waits_list_json(w, group, now_ms);
    assert_string_equal(text, expected);
    mem_free(text);
}

#define TIMES(jobs) "{\"jobs\":" #jobs ",\"p50\":\"768ms\",\"p95\":\"998ms\",\"p99\":\"1.019s\"}"
#define NONE "{\"jobs\":0,\"p50\":null,\"p95\":null,\"p99\":null}"
#define ROW(group, shared, hour, day)                                                              \
    "{\"group\":\"" group "\",\"shared\":" shared ",\"hour\":" hour ",\"day\":" day "}"

static void list__has_groups_by_key__and_leaves_out_who_had_no_job_in_the_day(void **state)
{
    struct waits *w = *state;
    lists(w, NULL, START, "[]");
    lists(w, "a", START, "[]");
    note(w, "old", 1, START - 24 * HOUR);
    note(w, "b", 100, START);
    note(w, "a", 100, START - 2 * HOUR);
    const char *both =
        "[" ROW("a", "false", NONE, TIMES(100)) "," ROW("b", "false", TIMES(100), TIMES(100)) "]";
    lists(w, NULL, START, both);
    lists(w, "b", START, "[" ROW("b", "false", TIMES(100), TIMES(100)) "]");
    lists(w, "old", START, "[]");
    lists(w, "c", START, "[]");
    lists(w, NULL, START + 24 * HOUR, "[]");
}

static void list__has_those_above_the_limit_last__also_beside_a_group_of_that_name(void **state)
{
    struct waits *w = *state;
    char key[16];
    note(w, "other", 1, START);
    for (int i = 1; i < METRICS_GROUPS; i++) {
        (void)str_format(key, sizeof key, "z%d", i);
        note(w, key, 1, START);
    }
    note(w, "one", 60, START);
    note(w, "two", 40, START);
    const char *rest = ROW("other", "true", TIMES(100), TIMES(100));
    char *text = waits_list_json(w, NULL, START);
    assert_true(str_starts(text, "[{\"group\":\"other\",\"shared\":false,"));
    size_t len = strlen(text), rows = 0;
    assert_memory_equal(text + len - strlen(rest) - 1, rest, strlen(rest));
    for (const char *at = text; (at = strstr(at, "\"group\"")) != NULL; at++)
        rows++;
    assert_int_equal(rows, METRICS_GROUPS + 1);
    mem_free(text);
    lists(w, "one", START, "[" ROW("other", "true", TIMES(100), TIMES(100)) "]");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(job__counts_for_an_hour_and_a_day),
        TEST(job__at_the_end_of_a_window__counts_as_its_window),
        TEST(windows__are_used_again_and_add_up),
        TEST(groups__are_apart__and_what_had_no_job_has_none),
        TEST(groups__above_the_limit__share),
        TEST(list__has_groups_by_key__and_leaves_out_who_had_no_job_in_the_day),
        TEST(list__has_those_above_the_limit_last__also_beside_a_group_of_that_name),
        cmocka_unit_test(json__has_the_shares_as_durations__and_null_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
