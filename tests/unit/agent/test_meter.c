/* The agent's metrics: their text, docs/metrics.md, and the file that they are written to. */
#include "agent/meter_file.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

/* ---- the text ---- */

static char *text_of(const struct meter_reading *r)
{
    struct buf b;
    buf_init(&b, METER_BYTES);
    assert_int_equal(meter_write(r, &b), 0);
    return buf_detach(&b);
}

static void has_line(const char *text, const char *line)
{
    char *whole = str_dupf("\n%s\n", line);
    if (!strstr(text, whole)) fail_msg("'%s' is not in:\n%s", line, text);
    mem_free(whole);
}

static void text__has_every_number_under_its_name(void **state)
{
    struct meter_reading r = {.agent = "a",
                              .connected = true,
                              .acknowledged_ms = 1700000000123,
                              .started_ms = 1600000000456,
                              .slots = 2,
                              .slots_taken = 3,
                              .jobs = 4,
                              .results = 5,
                              .ended = {6, 7, 8},
                              .pending_bytes = 9,
                              .journal_bytes = 10,
                              .has_usage = true,
                              .usage = {.cpu_us = 11000012,
                                        .resident_bytes = 13,
                                        .open_files = 14}};
    (void)state;
    char *text = text_of(&r);
    has_line(text, "cadre_agent_connected{agent=\"a\"} 1");
    has_line(text, "cadre_agent_heartbeat_acknowledged_timestamp_seconds{agent=\"a\"} "
                   "1700000000.123000");
    has_line(text, "cadre_agent_takes_jobs{agent=\"a\"} 0");
    has_line(text, "cadre_agent_slots{agent=\"a\"} 2");
    has_line(text, "cadre_agent_slots_taken{agent=\"a\"} 3");
    has_line(text, "cadre_agent_jobs{agent=\"a\"} 4");
    has_line(text, "cadre_agent_unacknowledged_results{agent=\"a\"} 5");
    has_line(text, "cadre_agent_jobs_ended_total{agent=\"a\",state=\"SUCCESS\"} 6");
    has_line(text, "cadre_agent_jobs_ended_total{agent=\"a\",state=\"FAILED\"} 7");
    has_line(text, "cadre_agent_jobs_ended_total{agent=\"a\",state=\"KILLED\"} 8");
    has_line(text, "cadre_agent_unacknowledged_bytes{agent=\"a\"} 9");
    has_line(text, "cadre_agent_journal_bytes{agent=\"a\"} 10");
    has_line(text, "cadre_agent_cpu_seconds_total{agent=\"a\"} 11.000012");
    has_line(text, "cadre_agent_resident_memory_bytes{agent=\"a\"} 13");
    has_line(text, "cadre_agent_open_fds{agent=\"a\"} 14");
    has_line(text, "cadre_agent_start_time_seconds{agent=\"a\"} 1600000000.456000");
    for (int m = 0; m < METER_COUNT; m++) {
        char *head = str_dupf("# TYPE %s %s", meter_families[m].name, meter_families[m].type);
        has_line(text, head);
        mem_free(head);
    }
    mem_free(text);
}

static void text__of_a_name_with_quotes__ends_no_value(void **state)
{
    struct meter_reading r = {.agent = "a\"b\\c"};
    (void)state;
    char *text = text_of(&r);
    has_line(text, "cadre_agent_slots{agent=\"a\\\"b\\\\c\"} 0");
    assert_null(strstr(text, "cadre_agent_open_fds")); /* nothing is known of the process */
    mem_free(text);
}

static void text__that_is_too_long__is_refused(void **state)
{
    struct meter_reading r = {.agent = "a"};
    struct buf b;
    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(meter_write(&r, &b), ERR_TOO_LARGE);
    buf_fini(&b);
}

static void document__has_a_row_for_each_metric_in_order(void **state)
{
    struct buf doc;
    struct err e = {0};
    (void)state;
    buf_init(&doc, 1u << 20);
    if (file_read(CADRE_SOURCE_DIR "/docs/metrics.md", 1u << 20, &doc, &e)) fail_msg("%s", e.msg);
    const char *at = strstr(doc.data, "\n## The agent's metrics\n");
    assert_non_null(at);
    for (int m = 0; m < METER_COUNT; m++) {
        const struct meter_family *f = &meter_families[m];
        char row[300];
        (void)str_format(row, sizeof row, "| `%s` | %s | %s%s%s| ", f->name, f->type,
                         f->label[0] ? "`" : "", f->label, f->label[0] ? "` " : "");
        at = strstr(at + 1, "\n| `");
        if (!at || !str_starts(at + 1, row)) fail_msg("docs/metrics.md has no row '%s' there", row);
    }
    assert_null(strstr(at + 1, "\n| `"));
    buf_fini(&doc);
}

/* ---- the file ---- */

struct rig {
    uv_loop_t loop;
    char *folder, *path, *fresh;
    int64_t reads, at_ms; /* the last one */
    int64_t shortest_ms;  /* between two */
};

static void read_rig(struct meter_reading *out, void *user)
{
    struct rig *r = user;
    int64_t now = (int64_t)uv_now(&r->loop); /* the timers' time, however late they are run */
    if (r->reads > 0 && now - r->at_ms < r->shortest_ms) r->shortest_ms = now - r->at_ms;
    r->at_ms = now;
    out->agent = "a";
    out->slots = ++r->reads;
}

static int setup(void **state)
{
    struct rig *r = mem_alloc(sizeof *r);
    char *temp = paths_temp();
    struct err e = {0};
    r->folder = str_dupf("%s/cadre-meter-%llx", temp, (unsigned long long)os_seed());
    mem_free(temp);
    if (dir_make(r->folder, FILE_SECRET, &e)) fail_msg("%s", e.msg);
    r->path = paths_join(r->folder, "a.prom");
    r->fresh = paths_join(r->folder, "a.prom.new");
    r->shortest_ms = INT64_MAX;
    uv_loop_init(&r->loop);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    struct err e;
    assert_int_equal(uv_loop_close(&r->loop), 0);
    assert_int_equal(dir_remove_tree(r->folder, &e), 0);
    mem_free(r->folder);
    mem_free(r->path);
    mem_free(r->fresh);
    mem_free(r);
    return 0;
}

static void on_wait(uv_timer_t *t)
{
    uv_stop(t->loop);
}

/* Turns the loop until the file tells of that many reads. */
static void run_until(struct rig *r, int64_t slots)
{
    uv_timer_t wait;
    uv_timer_init(&r->loop, &wait);
    uv_timer_start(&wait, on_wait, 10, 10);
    char *line = str_dupf("\ncadre_agent_slots{agent=\"a\"} %lld\n", (long long)slots);
    for (int64_t from = os_mono_ms();;) {
        struct buf text;
        struct err e;
        buf_init(&text, METER_BYTES);
        bool there = file_read(r->path, METER_BYTES, &text, &e) == 0;
        if (there)
            assert_non_null(strstr(text.data, "\ncadre_agent_start_time_seconds")); /* whole */
        there = there && strstr(text.data, line);
        buf_fini(&text);
        if (there) break;
        assert_true(os_mono_ms() - from < 20000);
        uv_run(&r->loop, UV_RUN_DEFAULT);
    }
    mem_free(line);
    uv_close((uv_handle_t *)&wait, NULL);
    uv_run(&r->loop, UV_RUN_NOWAIT);
}

static struct meter_file *start(struct rig *r, const char *path)
{
    struct meter_file_options o = {
        .loop = &r->loop, .path = path, .state_folder = r->folder, .read = read_rig, .user = r};
    return meter_file_start(&o);
}

static void file__is_there_at_once__follows_changes__and_goes(void **state)
{
    struct rig *r = *state;
    struct meter_file *m = start(r, r->path);
    run_until(r, 1);
    assert_false(file_exists(r->fresh));
    for (int i = 0; i < 100; i++)
        meter_file_note(m); /* is one change */
    run_until(r, 2);
    meter_file_note(m);
    run_until(r, 3);
    /* a timer may be a millisecond early, and a clock of Windows goes in steps of 16 */
    assert_true(r->shortest_ms >= METER_CHANGE_MS - 17);
    meter_file_stop(m);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_false(file_exists(r->path));
    assert_int_equal(r->reads, 3);
}

static void file__that_is_being_written_at_the_end__goes_too(void **state)
{
    struct rig *r = *state;
    struct meter_file *m = start(r, r->path);
    while (r->reads == 0)
        uv_run(&r->loop, UV_RUN_ONCE);
    meter_file_note(m);
    meter_file_stop(m);
    meter_file_note(m); /* says nothing any more */
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_false(file_exists(r->path));
    assert_int_equal(r->reads, 1);
}

static void file__that_never_was__needs_no_end(void **state)
{
    struct rig *r = *state;
    meter_file_stop(start(r, r->path));
    meter_file_stop(NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(r->reads, 0);
    assert_false(file_exists(r->path));
}

static void folder_that_is_not_there__is_tried_again(void **state)
{
    struct rig *r = *state;
    struct err e;
    char *below = paths_join(r->folder, "below");
    char *path = paths_join(below, "a.prom");
    struct meter_file *m = start(r, path);
    while (r->reads == 0)
        uv_run(&r->loop, UV_RUN_ONCE);
    assert_false(file_exists(path));
    assert_int_equal(dir_make(below, FILE_SECRET, &e), 0);
    mem_free(r->path);
    r->path = path;
    meter_file_note(m);
    run_until(r, 2);
    meter_file_stop(m);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    mem_free(below);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text__has_every_number_under_its_name),
        cmocka_unit_test(text__of_a_name_with_quotes__ends_no_value),
        cmocka_unit_test(text__that_is_too_long__is_refused),
        cmocka_unit_test(document__has_a_row_for_each_metric_in_order),
        TEST(file__is_there_at_once__follows_changes__and_goes),
        TEST(file__that_is_being_written_at_the_end__goes_too),
        TEST(file__that_never_was__needs_no_end),
        TEST(folder_that_is_not_there__is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
