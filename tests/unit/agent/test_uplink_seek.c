/* agent/uplink_logic: the owner of the queue is sought, where there are several coordinators. */
#include "tests/unit/agent/logic_world.h"

#include "base/log.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void take_job_by_link(struct world *w, int64_t job, int64_t attempt)
{
    char spec[] = "{\"command\":[\"true\"]}";
    hear(w,
         (struct msg){
             .type = MSG_JOB,
             .u.job = {.job = job, .attempt = attempt, .spec = spec, .lease_ms = WORLD_LEASE_MS}});
}

static void wake(struct world *w)
{
    assert_true(w->uplink_wake_ms < INT64_MAX);
    if (w->uplink_wake_ms > w->now.mono_ms) world_pass(w, w->uplink_wake_ms - w->now.mono_ms);
    w->uplink_wake_ms = INT64_MAX;
    uplink_logic_wake(w->uplink, &w->now);
}

static void refuse_not_owner(struct world *w, const char *addresses, int64_t retry_ms)
{
    char code[] = "not-owner", sentence[] = "no";
    hear(w, (struct msg){.type = MSG_REFUSED,
                         .u.refused = {.code = code,
                                       .message = sentence,
                                       .retry_ms = retry_ms,
                                       .addresses = (char *)(uintptr_t)addresses}});
}

/* Opens the connection that is wanted, and meets one that does not own the queue. How long the
 * agent waits then, from when the try began. */
static int64_t meet_not_owner(struct world *w, const char *addresses, int64_t retry_ms)
{
    int64_t began = w->now.mono_ms;
    world_pass(w, 10);
    uplink_logic_opened(w->uplink, &w->now);
    refuse_not_owner(w, addresses, retry_ms);
    uplink_logic_closed(w->uplink, &w->now, &(struct err){0});
    w->linked = false;
    return w->uplink_wake_ms - began;
}

struct lines {
    int infos, worse;
    char last[512];
};

static void count_lines(enum log_level level, const char *line, void *user)
{
    struct lines *n = user;
    if (level == LOG_INFO) n->infos++;
    if (level == LOG_INFO) (void)str_copy(n->last, sizeof n->last, line);
    if (level == LOG_WARN || level == LOG_ERROR) n->worse++;
}

static void owner_that_was_told__is_tried_at_once(void **state)
{
    struct world *w = *state;
    struct lines lines = {0};
    log_set_sink(count_lines, &lines);
    uplink_logic_start(w->uplink, &w->now);
    w->owner_is_fresh = true;
    assert_int_equal(meet_not_owner(w, "[\"b:1\"]", 250), 10);
    did(w, "connect, hello seq 0, 0 attempts, owner [\"b:1\"], close");
    wake(w);
    did(w, "connect");
    uplink_logic_opened(w->uplink, &w->now);
    welcome(w, 0);
    assert_true(uplink_logic_is_live(w->uplink));
    log_set_sink(NULL, NULL);
    assert_int_equal(lines.worse, 0);
    assert_int_equal(lines.infos, 1);
    assert_non_null(strstr(lines.last, "b:1"));
}

static void owners_that_send_to_each_other__are_not_asked_without_end(void **state)
{
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    w->owner_is_fresh = true;
    int64_t began = w->now.mono_ms;
    for (int i = 0; i < 40; i++) {
        (void)meet_not_owner(w, i % 2 ? "[\"a:1\"]" : "[\"b:1\"]", 250);
        wake(w);
        w->did[0] = '\0';
    }
    assert_true(w->now.mono_ms - began >= 40 / 2 * 250);
}

static void no_owner__is_looked_for_every_quarter_of_a_second(void **state)
{
    struct world *w = *state;
    struct lines lines = {0};
    log_set_sink(count_lines, &lines);
    uplink_logic_start(w->uplink, &w->now);
    for (int i = 0; i < 200; i++) {
        assert_in_range(meet_not_owner(w, i % 2 ? "[]" : NULL, i % 3 ? 250 : 0), 250, 250 * 5 / 4);
        wake(w);
        w->did[0] = '\0';
    }
    assert_in_range(meet_not_owner(w, NULL, 2000), 2000, 2500); /* many wait */
    wake(w);
    assert_in_range(meet_not_owner(w, NULL, 3600000), 5000, 6250); /* and no longer */
    log_set_sink(NULL, NULL);
    assert_int_equal(lines.worse, 0);
    assert_int_equal(lines.infos, 1);
}

/* With the database down: the standby names the former owner, which says that there is none. */
static void coordinators_that_do_not_agree__fill_no_log(void **state)
{
    struct world *w = *state;
    struct lines lines = {0};
    log_set_sink(count_lines, &lines);
    uplink_logic_start(w->uplink, &w->now);
    for (int i = 0; i < 40; i++) {
        (void)meet_not_owner(w, i % 2 ? "[]" : "[\"a:1\"]", 250);
        wake(w);
        w->did[0] = '\0';
    }
    assert_int_equal(lines.infos, 2);
    (void)meet_not_owner(w, "[\"b:1\"]", 250);
    log_set_sink(NULL, NULL);
    assert_int_equal(lines.worse, 0);
    assert_int_equal(lines.infos, 3);
    assert_non_null(strstr(lines.last, "b:1"));
}

static void owner_that_was_tried_just_now__is_waited_for(void **state)
{
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    assert_in_range(meet_not_owner(w, "[\"b:1\"]", 250), 250, 250 * 5 / 4);
}

static void addresses_where_nobody_is__are_passed_over_and_after_many_the_back_off_begins(
    void **state)
{
    struct world *w = *state;
    struct lines lines = {0};
    log_set_sink(count_lines, &lines);
    uplink_logic_start(w->uplink, &w->now);
    (void)meet_not_owner(w, NULL, 250);
    for (int i = 0; i < 15; i++) {
        wake(w);
        int64_t began = w->now.mono_ms;
        lose_link(w);
        assert_in_range(w->uplink_wake_ms - began, 250, 250 * 5 / 4);
    }
    assert_int_equal(lines.worse, 0);
    for (int64_t most = 500; most < 30000; most *= 2) {
        wake(w);
        lose_link(w);
        assert_in_range(w->uplink_wake_ms - w->now.mono_ms, most / 2, most);
    }
    log_set_sink(NULL, NULL);
    assert_int_equal(lines.worse, 6); /* as ever, a line for each */
}

static void owner_that_gives_up__is_left_and_the_job_it_still_sends_is_not_begun(void **state)
{
    struct world *w = *state;
    struct err order = {0};
    be_live(w);
    w->did[0] = '\0';
    w->owner_is_fresh = true;
    refuse_not_owner(w, "[\"b:1\"]", 250);
    did(w, "owner [\"b:1\"], close");
    take_job_by_link(w, 1, 1); /* behind it on the same connection */
    world_turn(w);
    did(w, "");
    uplink_logic_closed(w->uplink, &w->now, &order);
    take_job_by_link(w, 1, 1); /* and when that is over */
    assert_int_equal(w->uplink_wake_ms, w->now.mono_ms);
    wake(w);
    did(w, "connect");
    uplink_logic_opened(w->uplink, &w->now);
    welcome(w, 0);
    w->did[0] = '\0';
    world_turn(w);
    did(w, "");
    assert_int_equal(runner_logic_count(w->runner), 0);
    take_job_by_link(w, 1, 1); /* the newest may */
    assert_int_equal(runner_logic_count(w->runner), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(owner_that_was_told__is_tried_at_once),
        WORLD_CASE(owners_that_send_to_each_other__are_not_asked_without_end),
        WORLD_CASE(no_owner__is_looked_for_every_quarter_of_a_second),
        WORLD_CASE(coordinators_that_do_not_agree__fill_no_log),
        WORLD_CASE(owner_that_was_tried_just_now__is_waited_for),
        WORLD_CASE(addresses_where_nobody_is__are_passed_over_and_after_many_the_back_off_begins),
        WORLD_CASE(owner_that_gives_up__is_left_and_the_job_it_still_sends_is_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
