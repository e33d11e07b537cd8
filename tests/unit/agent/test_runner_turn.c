/* What jobs can make one turn of the agent's loop do: counted in rows, bytes and turns, with real
 * processes that write as fast as they can. */
#include "agent/output.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/guard.h"
#include "platform/os.h"
#include "platform/read_budget.h"
#include "tests/unit/agent/runner_world.h"
#include "wire/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LOUD 10
#define KEYS 4000
#define TURNS 30

/* Lines that set all the keys, in a file; and one line that sets one of them again. */
static void write_lines(const struct world *w)
{
    struct buf text;
    struct err e = {0};
    char *path = str_dupf("%s/lines", w->folder);
    buf_init(&text, 1 << 20);
    for (int i = 0; i < KEYS; i++) {
        if (i % 500 == 0) buf_adds(&text, i ? "}}::\n::{\"outputs\":{" : "::{\"outputs\":{");
        buf_addf(&text, "%s\"k%d\":%d", i % 500 ? "," : "", i, i % 10);
    }
    buf_adds(&text, "}}::\n");
    if (file_write_plain(path, text.data, text.len, FILE_SECRET, &e) != 0) fail_msg("%s", e.msg);
    buf_fini(&text);
    mem_free(path);
}

static void take_loud_jobs(struct world *w, const char *line)
{
    char cwd[512];
    size_t len = sizeof cwd;
    write_lines(w);
    w->output_limit = 0;
    assert_int_equal(uv_cwd(cwd, &len), 0);
    char *script = str_dupf("cat %s/%s/lines; yes '%s'", cwd, w->folder, line);
    for (int i = 1; i <= LOUD; i++)
        take_job(w, i, script);
    mem_free(script);
}

/* One turn, and how many rows it made in the journal. */
static int64_t rows_of_turn(struct world *w)
{
    int64_t before = journal_seq(w->journal);
    turn(w);
    return journal_seq(w->journal) - before;
}

/* Rows of output: one for each stream that is not empty, and one for each full chunk. */
#define ROWS_MAX (2 * (LOUD + 1) + (int64_t)(READ_BUDGET_ALL / LIMIT_OUTPUT_CHUNK))

static void expect_echo_among(struct world *w, const char *line)
{
    take_loud_jobs(w, line);
    for (int i = 0; i < 20000 && times_said(w, "\"started\"") < LOUD; i++)
        turn(w);
    for (int i = 0; i < TURNS; i++)
        assert_true(rows_of_turn(w) <= ROWS_MAX);
    take_job(w, 99, "echo hello");
    until_said(w, "SUCCESS");
    assert_true(said(w, "hello"));
    assert_int_equal(runner_logic_count(w->logic), LOUD);
}

static void ten_jobs_that_repeat_an_outputs_line__leave_room_for_an_echo(void **state)
{
    expect_echo_among(*state, "::{\\\"outputs\\\":{\\\"k17\\\":1}}::");
}

static void ten_jobs_whose_outputs_lines_are_wrong__leave_room_for_an_echo(void **state)
{
    struct world *w = *state;
    take_loud_jobs(w, "::{x}::");
    int64_t rows = 0;
    for (int i = 0; i < TURNS; i++)
        rows += rows_of_turn(w);
    assert_true(rows <= TURNS * ROWS_MAX + LOUD * OUTPUTS_REMARKS_MAX * 3 + 2 * LOUD);
    take_job(w, 99, "echo hello");
    until_said(w, "SUCCESS");
    assert_int_equal(runner_logic_count(w->logic), LOUD);
}

static void ten_jobs_that_only_write__leave_room_for_an_echo(void **state)
{
    expect_echo_among(*state, "y");
}

/* One turn as the loop has it: what was read is in the journal at its end. (`turn` reads after
 * that, and leaves less than a chunk of each stream for the next turn.) */
static void whole_turn(struct world *w)
{
    struct err e;
    uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(runner_logic_turn(w->logic, os_mono_ms(), &e), 0);
}

/* As while the disk is nearly full: jobs that write, jobs whose end is passed on, all together. */
static void ten_loud_jobs__write_no_more_than_a_turn_may(void **state)
{
    struct world *w = *state;
    const size_t most = 65536;
    w->output_limit = 1024 * 1024;
    for (int i = 1; i <= LOUD; i++)
        take_job(w, i, i % 2 ? "yes" : "head -c 1200000 /dev/zero; echo last");
    runner_logic_limit_turn(w->logic, most);
    int64_t largest = 0;
    turn(w);
    for (int i = 0; i < 1000000 && runner_logic_count(w->logic) > LOUD - LOUD / 2; i++) {
        int64_t before = journal_pending_bytes(w->journal), rows = journal_seq(w->journal);
        whole_turn(w);
        int64_t bytes = journal_pending_bytes(w->journal) - before;
        bytes -= (journal_seq(w->journal) - rows) * 512; /* heads of frames, messages, notes */
        if (bytes > largest) largest = bytes;
    }
    assert_int_equal(times_said(w, "SUCCESS"), LOUD / 2);
    assert_int_equal(times_said(w, "last\n"), LOUD / 2);
    assert_true(largest > (int64_t)most / 2);
    assert_true(largest <= (int64_t)most * 5 / 4);
}

int main(int argc, char **argv)
{
    if (guard_is_asked_for(argc, argv)) return guard_main(argc, argv);
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)
    const struct CMUnitTest tests[] = {
        CASE(ten_jobs_that_repeat_an_outputs_line__leave_room_for_an_echo),
        CASE(ten_jobs_whose_outputs_lines_are_wrong__leave_room_for_an_echo),
        CASE(ten_jobs_that_only_write__leave_room_for_an_echo),
        CASE(ten_loud_jobs__write_no_more_than_a_turn_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
