/* What each group had of late. */
#include "coordinator/metrics/history.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/metrics/scrape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define START (1000 * HOUR)         /* mono */
#define WALL INT64_C(1700000000000) /* ... at which the clock says this */

static int setup(void **state)
{
    *state = history_new();
    return 0;
}

static int teardown(void **state)
{
    history_free(*state);
    return 0;
}

static void fill(struct scrape *s, const char *group, int64_t queued)
{
    struct scrape_group *g = scrape_group(s, group);
    g->jobs[JOB_CREATED] += queued;
    g->jobs[JOB_SUBMITTED] = 1;
    g->jobs[JOB_RUNNING] = 20;
    g->jobs[JOB_KILLING] = 300;
    g->jobs[JOB_RETRYING] = 4000; /* is neither */
    g->agents.online = 1;
    g->agents.draining = 20;
    g->agents.unwell = 300;
    g->agents.offline = 4000;
}

static void note(struct history *h, const char *group, int64_t queued, int64_t after_ms)
{
    struct scrape *s = scrape_new();
    fill(s, group, queued);
    history_note(h, s, START + after_ms);
    scrape_free(s);
}

static struct json *read_at(const struct history *h, const char *group, enum history_span span,
                            int64_t after_ms, int64_t clock_set_ms, bool shared)
{
    struct moment now = {.mono_ms = START + after_ms, .wall_ms = WALL + after_ms + clock_set_ms};
    struct json *j;
    bool is_shared = !shared;
    char *text = history_json(h, group, span, &now, &is_shared);
    assert_int_equal(json_parse(text, strlen(text), &j, NULL), 0);
    assert_int_equal(is_shared, shared);
    mem_free(text);
    return j;
}

/* The points' queued jobs, each with its minutes since the start: "0:5 1:7" */
static void reads(const struct history *h, const char *group, enum history_span span,
                  int64_t after_ms, bool shared, const char *expected)
{
    struct buf b;
    struct json *j = read_at(h, group, span, after_ms, 0, shared);
    buf_init(&b, 65536);
    for (const struct json *p = json_first(j); p; p = json_next(p)) {
        int64_t at = 0;
        assert_int_equal(time_parse(json_get_str(p, "at", ""), &at), 0);
        (void)buf_addf(&b, "%s%lld:%lld", b.len ? " " : "", (long long)((at - WALL) / MINUTE),
                       (long long)json_get_int(p, "queued", -1));
    }
    assert_string_equal(b.len ? b.data : "", expected);
    buf_fini(&b);
    json_free(j);
}

static void point__has_the_agents_and_jobs(void **state)
{
    struct history *h = *state;
    note(h, "a", 7, 0);
    struct json *j = read_at(h, "a", HISTORY_HOUR, 0, 0, false);
    char *text = json_text(j);
    assert_string_equal(text,
                        "[{\"at\":\"2023-11-14T22:13:20.000Z\",\"agents\":4321,\"online\":321,"
                        "\"running\":321,\"queued\":7}]");
    mem_free(text);
    json_free(j);
}

static void nothing__is_an_empty_list(void **state)
{
    struct history *h = *state;
    struct scrape *s = scrape_new();
    reads(h, "a", HISTORY_HOUR, 0, false, "");
    reads(h, "a", HISTORY_DAY, 0, false, "");
    history_note(h, s, START);
    reads(h, "a", HISTORY_HOUR, 0, false, "");
    note(h, "a", 1, 0);
    reads(h, "b", HISTORY_HOUR, 0, false, "");
    reads(h, "", HISTORY_HOUR, 0, false, "");
    scrape_free(s);
    /* a machine that has just started */
    struct moment now = {.mono_ms = 5, .wall_ms = WALL};
    bool shared;
    struct history *fresh = history_new();
    char *text = history_json(fresh, "a", HISTORY_DAY, &now, &shared);
    assert_string_equal(text, "[]");
    mem_free(text);
    history_free(fresh);
}

static void points__are_kept_for_an_hour_and_a_day__one_for_each_step(void **state)
{
    struct history *h = *state;
    char expected[64];
    for (int i = 0; i < 3000; i++)
        note(h, "a", i, i * MINUTE);
    struct json *j = read_at(h, "a", HISTORY_HOUR, 2999 * MINUTE, 0, false);
    assert_int_equal(json_count(j), 60);
    assert_int_equal(json_get_int(json_first(j), "queued", 0), 2940);
    json_free(j);
    j = read_at(h, "a", HISTORY_DAY, 2999 * MINUTE, 0, false);
    assert_int_equal(json_count(j), 288);
    assert_int_equal(json_get_int(json_first(j), "queued", 0), 1564); /* the last of its step */
    json_free(j);
    /* nothing came for most of an hour, and then one */
    (void)str_format(expected, sizeof expected, "2999:2999");
    reads(h, "a", HISTORY_HOUR, 3058 * MINUTE, false, expected);
    note(h, "a", 5, 3058 * MINUTE);
    reads(h, "a", HISTORY_HOUR, 3058 * MINUTE, false, "2999:2999 3058:5");
    reads(h, "a", HISTORY_HOUR, 3118 * MINUTE, false, "");
    reads(h, "a", HISTORY_DAY, 3058 * MINUTE + 24 * HOUR - 10 * MINUTE, false, "3058:5");
    reads(h, "a", HISTORY_DAY, 3058 * MINUTE + 24 * HOUR, false, "");
}

static void points__of_one_step__the_last_stays(void **state)
{
    struct history *h = *state;
    note(h, "a", 1, 0);
    note(h, "a", 2, MINUTE - 1);
    note(h, "a", 3, MINUTE);
    reads(h, "a", HISTORY_HOUR, MINUTE, false, "0:2 1:3");
    reads(h, "a", HISTORY_DAY, MINUTE, false, "1:3");
}

/* The clock was set an hour ahead, or back: the points keep their distance, none is in the
 * future. */
static void clock__that_is_set__moves_all_points(void **state)
{
    struct history *h = *state;
    note(h, "a", 1, 0);
    note(h, "a", 2, MINUTE);
    for (int64_t set = -HOUR; set <= HOUR; set += HOUR) {
        int64_t first, last;
        struct json *j = read_at(h, "a", HISTORY_HOUR, MINUTE, set, false);
        assert_int_equal(json_count(j), 2);
        assert_int_equal(time_parse(json_get_str(json_first(j), "at", ""), &first), 0);
        assert_int_equal(time_parse(json_get_str(json_next(json_first(j)), "at", ""), &last), 0);
        assert_int_equal(first, WALL + set);
        assert_int_equal(last, WALL + set + MINUTE);
        json_free(j);
    }
}

static void groups__above_the_limit__share(void **state)
{
    struct history *h = *state;
    struct scrape *s = scrape_new();
    char key[16];
    for (int i = 0; i < SCRAPE_GROUPS + 2; i++) {
        (void)str_format(key, sizeof key, "g%d", i);
        fill(s, key, i);
    }
    history_note(h, s, START);
    reads(h, "g0", HISTORY_HOUR, 0, false, "0:0");
    reads(h, "g499", HISTORY_HOUR, 0, false, "0:499");
    reads(h, "g500", HISTORY_HOUR, 0, true, "0:1001"); /* 500 and 501 */
    reads(h, "g501", HISTORY_DAY, 0, true, "0:1001");
    scrape_free(s);
}

/* Groups come and go for ever, in a memory that does not grow. */
static void ring__of_a_group_that_is_gone__is_given_to_another(void **state)
{
    struct history *h = *state;
    char key[16];
    for (int round = 0; round < 3; round++) {
        struct scrape *s = scrape_new();
        fill(s, "stays", round);
        for (int i = 1; i < SCRAPE_GROUPS; i++) {
            (void)str_format(key, sizeof key, "r%d-%d", round, i);
            fill(s, key, i);
        }
        history_note(h, s, START + round * MINUTE);
        scrape_free(s);
    }
    reads(h, "stays", HISTORY_HOUR, 2 * MINUTE, false, "0:0 1:1 2:2");
    reads(h, "r2-1", HISTORY_HOUR, 2 * MINUTE, false, "2:1");
    reads(h, "r2-499", HISTORY_HOUR, 2 * MINUTE, false, "2:499");
    reads(h, "r0-1", HISTORY_HOUR, 2 * MINUTE, false, "");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(point__has_the_agents_and_jobs),
        TEST(nothing__is_an_empty_list),
        TEST(points__are_kept_for_an_hour_and_a_day__one_for_each_step),
        TEST(points__of_one_step__the_last_stays),
        TEST(clock__that_is_set__moves_all_points),
        TEST(groups__above_the_limit__share),
        TEST(ring__of_a_group_that_is_gone__is_given_to_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
