/* store/pg_days: tables of output by day, on a real server. */
#include "store_fixture.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sql_reader.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/store_day.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define DAY INT64_C(86400000)
#define WEEK (7 * DAY)

/* ---- short ways ------------------------------------------------------------------------------ */

static void add_text(struct fixture *f, int n, int64_t offset, const char *text, int64_t at_ms)
{
    struct chunk c = {.job = job_id(n),
                      .attempt = 1,
                      .stream = 1,
                      .offset = offset,
                      .at_ms = at_ms,
                      .data = text,
                      .len = strlen(text)};
    OK(store_output_add(f->store, &c, &e));
}

/* A job that says a text of its own. */
static void add_speaker(struct fixture *f, int n, int64_t at_ms)
{
    char text[20];
    snprintf(text, sizeof text, "job %d\n", n);
    add_plain(f, n, "g");
    add_text(f, n, 0, text, at_ms);
}

static void finish(struct fixture *f, int n, int64_t ended_ms)
{
    struct job_end end = {.state = JOB_SUCCESS, .ended_ms = ended_ms};
    OK(store_job_finish(f->store, job_id(n), &end, &e));
}

/* One step of the housekeeping, as the engine does it. */
static bool step(struct fixture *f, int64_t now_ms)
{
    bool jobs = false, more = false;
    begin(f);
    OK(store_purge(f->store, now_ms - WEEK, 100, &jobs, &e));
    OK(store_output_days(f->store, now_ms, WEEK, !jobs, &more, &e));
    commit(f);
    store_settle(f->store);
    return jobs || more;
}

static int steps(struct fixture *f, int64_t now_ms)
{
    int n = 1;
    while (step(f, now_ms))
        assert_true(++n < 1000);
    return n;
}

static int64_t number(const struct fixture *f, const char *sql)
{
    return sql_int(f, "output.db", sql);
}

#define TABLES                                                                                     \
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                \
    " WHERE n.nspname = 'cadre_output' AND c.relkind = 'r' AND c.relname LIKE 'chunks\\_%'"
#define ALL "SELECT count(*) FROM cadre_output.chunks"

static void again(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
    open_again(f);
}

struct text {
    char data[4000];
    size_t len;
    int64_t cursor;
};

static int on_chunk(const struct chunk *c, void *user)
{
    struct text *t = user;
    assert_true(c->cursor > t->cursor);
    assert_true(t->len + c->len < sizeof t->data);
    t->cursor = c->cursor;
    memcpy(t->data + t->len, c->data, c->len);
    t->len += c->len;
    t->data[t->len] = '\0';
    return 0;
}

/* What a reader finds of a job, in small pages. */
static void expect_text(struct fixture *f, int n, const char *wanted)
{
    struct text t = {0};
    struct output_filter filter = {.job = job_id(n), .max_bytes = 20};
    struct reader *r = open_reader(f);
    size_t before;
    do {
        before = t.len;
        OK(reader_output(r, &filter, on_chunk, &t, &filter.cursor, &e));
    } while (t.len > before);
    reader_close(r);
    assert_string_equal(t.data, wanted);
}

/* ---- days ------------------------------------------------------------------------------------ */

static void output_of_each_day_is_in_a_table_of_its_own(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_speaker(f, 1, T0); /* before there are any */
    commit(f);
    steps(f, T0);
    for (int day = 0; day < 3; day++) {
        begin(f);
        add_text(f, 1, 6 + 2 * day, "x\n", T0 + day * DAY);
        commit(f);
        assert_false(step(f, T0 + day * DAY + DAY / 2));
        steps(f, T0 + (day + 1) * DAY);
    }
    assert_int_equal(number(f, TABLES), 4);
    assert_int_equal(number(f, "SELECT count(*) FROM ONLY cadre_output.chunks"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM cadre_output.chunks_1"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM cadre_output.chunks_2"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM cadre_output.chunks_3"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM cadre_output.chunks_4"), 0);
    expect_text(f, 1, "job 1\nx\nx\nx\n");
}

static void store_that_is_opened_goes_on_with_the_newest_day(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    steps(f, T0 + DAY);
    again(f);
    begin(f);
    add_speaker(f, 1, T0 + DAY);
    commit(f);
    assert_int_equal(number(f, "SELECT count(*) FROM cadre_output.chunks_2"), 1);
}

static void chunk_sent_again_the_next_day_is_not_stored_twice(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    begin(f);
    add_plain(f, 1, "g");
    add_text(f, 1, 0, "abcd", T0);
    commit(f);
    steps(f, T0 + DAY);
    again(f);
    begin(f);
    add_text(f, 1, 0, "abcd", T0 + DAY);
    assert_int_equal(store_output_added(f->store), 0);
    add_text(f, 1, 2, "cdef", T0 + DAY); /* and what overlaps adds its end alone */
    assert_int_equal(store_output_added(f->store), 2);
    commit(f);
    assert_int_equal(number(f, ALL), 2);
    expect_text(f, 1, "abcdef");
}

/* Nor when the first one was moved, or its table dropped. */
static void chunk_sent_again_after_its_table_is_not_stored_twice(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    begin(f);
    add_plain(f, 1, "g");
    add_text(f, 1, 0, "abcd", T0);
    commit(f);
    steps(f, T0 + DAY);
    steps(f, T0 + 2 * WEEK);
    steps(f, T0 + 2 * WEEK);
    assert_int_equal(number(f, "SELECT count(to_regclass('cadre_output.chunks_1'))"), 0);
    begin(f);
    add_text(f, 1, 0, "abcd", T0 + 2 * WEEK);
    commit(f);
    assert_int_equal(number(f, ALL), 1);
    expect_text(f, 1, "abcd");
}

static void day_that_is_rolled_back_never_was(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    bool more = false;
    begin(f);
    OK(store_output_days(f->store, T0 + DAY, WEEK, true, &more, &e));
    assert_true(more);
    add_speaker(f, 1, T0 + DAY);
    store_rollback(f->store);
    assert_int_equal(number(f, TABLES), 1);
    begin(f);
    add_speaker(f, 1, T0 + DAY);
    commit(f);
    assert_int_equal(number(f, "SELECT count(*) FROM cadre_output.chunks_1"), 1);
    steps(f, T0 + DAY);
    assert_int_equal(number(f, TABLES), 2);
}

static void without_a_retention_there_are_no_days(void **state)
{
    struct fixture *f = *state;
    bool more = true;
    begin(f);
    OK(store_output_days(f->store, T0, 0, true, &more, &e));
    assert_false(more);
    assert_false(store_dirty(f->store));
    commit(f);
    assert_int_equal(number(f, TABLES), 0);
}

static void step_with_nothing_to_do_changes_nothing(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    bool more = true;
    begin(f);
    OK(store_output_days(f->store, T0 + DAY - 1, WEEK, true, &more, &e));
    assert_false(more);
    assert_false(store_dirty(f->store));
    commit(f);
}

/* A long retention has longer days, a short one shorter. */
static void days_follow_the_retention(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int64_t after_ms, retention_ms;
        int tables;
    } steps[] = {
        {0, 70 * DAY, 1},        {10 * DAY - 1, 70 * DAY, 1},  {10 * DAY, 70 * DAY, 2},
        {10 * DAY, 1000, 2},     {10 * DAY + 599999, 1000, 2}, {10 * DAY + 600000, 1000, 3},
        {11 * DAY, 70 * DAY, 3},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        bool more = false;
        begin(f);
        OK(store_output_days(f->store, T0 + steps[i].after_ms, steps[i].retention_ms, false, &more,
                             &e));
        commit(f);
        assert_int_equal(number(f, TABLES), steps[i].tables);
    }
}

/* ---- the end of a day ------------------------------------------------------------------------ */

static void table_goes_with_its_day__and_no_row_before(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    begin(f);
    for (int n = 1; n <= 5; n++) {
        add_speaker(f, n, T0);
        finish(f, n, T0 + n);
    }
    commit(f);
    steps(f, T0 + DAY);
    begin(f);
    add_speaker(f, 6, T0 + DAY);
    finish(f, 6, T0 + DAY + 1);
    commit(f);
    steps(f, T0 + WEEK + 100); /* the jobs are gone, their table is not over for so long */
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM streams"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM cadre_output.chunks_1"), 5);
    steps(f, T0 + WEEK + DAY);
    assert_int_equal(number(f, "SELECT count(to_regclass('cadre_output.chunks_1'))"), 0);
    assert_int_equal(number(f, ALL), 1);
    expect_text(f, 6, "job 6\n");
}

static void what_is_kept_is_copied_first(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    begin(f);
    for (int n = 1; n <= 6; n++)
        add_speaker(f, n, T0);
    for (int n = 1; n <= 3; n++)
        finish(f, n, T0 + 1);
    finish(f, 4, T0 + 3 * DAY); /* kept longer */
    commit(f);
    steps(f, T0 + DAY);
    begin(f);
    add_text(f, 5, 6, "and more\n", T0 + DAY);
    commit(f);
    int64_t high = number(f, "SELECT max(cursor) FROM chunks");
    int seen = 0;
    bool more;
    do { /* readers find the same in each step */
        more = step(f, T0 + WEEK + DAY);
        expect_text(f, 4, "job 4\n");
        expect_text(f, 5, "job 5\nand more\n");
        expect_text(f, 6, "job 6\n");
        assert_true(++seen < 20);
    } while (more);
    assert_int_equal(number(f, "SELECT count(to_regclass('cadre_output.chunks_1'))"), 0);
    assert_int_equal(number(f, ALL), 4);
    assert_int_equal(number(f, "SELECT max(cursor) FROM chunks"), high);
    assert_int_equal(number(f, "SELECT count(*) FROM cadre_output.chunks_3"), 3);
    steps(f, T0 + 4 * WEEK);
    steps(f, T0 + 8 * WEEK);
    expect_text(f, 5, "job 5\nand more\n");
    expect_text(f, 6, "job 6\n");
    assert_int_equal(number(f, ALL), 3);
}

/* Of many jobs, and of one with much. */
static void steps_are_bounded(void **state)
{
    struct fixture *f = *state;
    static char big[64 << 10];
    memset(big, 'x', sizeof big - 1);
    steps(f, T0);
    begin(f);
    for (int n = 1; n <= 700; n++)
        add_speaker(f, n, T0);
    for (int i = 0; i < 700; i++)
        add_text(f, 1, 100 + i, "y", T0);
    for (int i = 0; i < 100; i++)
        add_text(f, 700, 100 + i * (int)sizeof big, big, T0);
    commit(f);
    steps(f, T0 + DAY);
    int64_t moved = 0, bytes = 0;
    step(f, T0 + 2 * WEEK); /* a new day */
    while (step(f, T0 + 2 * WEEK)) {
        int64_t now = number(f, "SELECT count(*) FROM cadre_output.chunks_3");
        int64_t sum = number(
            f, "SELECT CAST(coalesce(sum(length(data)), 0) AS bigint) FROM cadre_output.chunks_3");
        assert_in_range(now - moved, 0, DAY_ROWS_MOST);
        assert_in_range(sum - bytes, 0, DAY_BYTES_MOST + (int)sizeof big);
        assert_int_equal(number(f, ALL), 1500);
        moved = now;
        bytes = sum;
    }
    assert_int_equal(moved, 1500);
    assert_int_equal(number(f, TABLES), 2);
}

static void step_that_is_rolled_back_is_done_again(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    begin(f);
    for (int n = 1; n <= 10; n++)
        add_speaker(f, n, T0);
    commit(f);
    steps(f, T0 + DAY);
    while (number(f, "SELECT count(*) FROM cadre_output.days WHERE day = 0"))
        assert_true(step(f, T0 + 2 * WEEK));
    bool more = false;
    for (int i = 0; i < 3; i++) {
        begin(f);
        OK(store_output_days(f->store, T0 + 2 * WEEK, WEEK, true, &more, &e));
        assert_true(more && store_dirty(f->store));
        store_rollback(f->store);
        store_settle(f->store);
        assert_int_equal(number(f, "SELECT count(*) FROM cadre_output.chunks_1"), 10);
    }
    steps(f, T0 + 2 * WEEK);
    assert_int_equal(number(f, ALL), 10);
    for (int n = 1; n <= 10; n++) {
        char text[20];
        snprintf(text, sizeof text, "job %d\n", n);
        expect_text(f, n, text);
    }
}

/* Only what says that it is emptied is dropped, whoever asks. */
static void table_that_was_not_emptied_is_not_dropped(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    begin(f);
    add_speaker(f, 1, T0);
    commit(f);
    steps(f, T0 + DAY);
    f->store->days.tried = 1;
    f->store->days.drop = true;
    store_settle(f->store);
    assert_int_equal(number(f, TABLES), 2);
    expect_text(f, 1, "job 1\n");
}

/* A coordinator in a process of its own. It says each step by a byte. */
static void work_until_killed(const struct fixture *f, int pipe)
{
    struct fixture mine = *f;
    mine.store = NULL;
    open_again(&mine);
    while (step(&mine, T0 + 2 * WEEK))
        if (write(pipe, "x", 1) != 1) _exit(1);
    _exit(0);
}

static void kill_between_steps_loses_nothing(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    begin(f);
    for (int n = 1; n <= 2100; n++)
        add_speaker(f, n, T0);
    for (int n = 1; n <= 100; n++)
        finish(f, n, T0 + 1);
    commit(f);
    steps(f, T0 + DAY);
    store_close(f->store);
    f->store = NULL;
    int killed = 0, status = 0;
    for (int round = 0; round < 40; round++) {
        int ends[2];
        char byte;
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(ends[0]);
            work_until_killed(f, ends[1]);
        }
        close(ends[1]);
        /* at the step, or some time behind it */
        if (read(ends[0], &byte, 1) == 1) {
            for (volatile int wait = 0; wait < round * 300000; wait++) {
            }
            kill(pid, SIGKILL);
        }
        close(ends[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(number(f, "SELECT count(*) FROM chunks c WHERE EXISTS"
                                   " (SELECT 1 FROM streams s WHERE s.job = c.job)"),
                         number(f, "SELECT count(*) FROM streams"));
        if (WIFEXITED(status)) break;
        killed++;
    }
    assert_true(killed >= 3);
    open_again(f);
    steps(f, T0 + 2 * WEEK);
    assert_int_equal(number(f, "SELECT count(to_regclass('cadre_output.chunks_1'))"), 0);
    assert_int_equal(number(f, ALL), 2000);
    expect_text(f, 101, "job 101\n");
    expect_text(f, 2100, "job 2100\n");
}

/* Whatever went with its table: no cursor is given twice. */
static void cursors_go_on_behind_those_that_are_gone(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    begin(f);
    for (int n = 1; n <= 9; n++) {
        add_speaker(f, n, T0);
        finish(f, n, T0 + 1);
    }
    commit(f);
    steps(f, T0 + 3 * WEEK);
    steps(f, T0 + 4 * WEEK);
    begin(f);
    add_speaker(f, 10, T0 + 4 * WEEK);
    commit(f);
    sql_exec(f, "output.db", "DELETE FROM streams"); /* none of it is of a job that is known */
    steps(f, T0 + 5 * WEEK);
    steps(f, T0 + 6 * WEEK);
    assert_int_equal(number(f, "SELECT output_mark FROM cadre_output.parts"), 10);
    again(f);
    begin(f);
    add_speaker(f, 11, T0 + 6 * WEEK);
    commit(f);
    assert_int_equal(number(f, "SELECT min(cursor) FROM chunks"), 11);
}

/* What is deleted job by job, in whichever table it is. */
static void purge_of_one_job_takes_its_output_of_all_days(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_speaker(f, 1, T0);
    add_speaker(f, 2, T0);
    commit(f);
    for (int day = 0; day < 3; day++) {
        steps(f, T0 + day * DAY);
        begin(f);
        add_text(f, 1, 6 + day, "x", T0 + day * DAY);
        commit(f);
    }
    begin(f);
    finish(f, 1, T0 + 2 * DAY);
    size_t budget = 3;
    OK(purge_output(f->store, job_id(1), &budget, &e));
    commit(f);
    assert_int_equal(budget, 0);
    assert_int_equal(number(f, ALL), 2);
    begin(f);
    OK(purge_whole_job(f->store, job_id(1), &e));
    commit(f);
    assert_int_equal(number(f, ALL), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM streams"), 1);
    expect_text(f, 2, "job 2\n");
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static void clock_that_jumps_loses_nothing(void **state)
{
    struct fixture *f = *state;
    static const int64_t years[] = {0, 10, 0, -56, 0, 1, -1, 30, 0};
    struct buf wanted;
    int64_t offset = 6;
    buf_init(&wanted, 4000);
    buf_adds(&wanted, "job 1\n");
    begin(f);
    add_speaker(f, 1, T0);
    commit(f);
    for (size_t i = 0; i < sizeof years / sizeof *years; i++) {
        int64_t now = T0 + years[i] * 365 * DAY;
        for (int day = 0; day < 12; day += 3) {
            steps(f, now + day * DAY);
            begin(f);
            add_text(f, 1, offset, "line\n", now + day * DAY);
            commit(f);
            offset += 5;
            buf_adds(&wanted, "line\n");
            expect_text(f, 1, wanted.data);
        }
    }
    for (int day = 12; day < 40; day++)
        steps(f, T0 + day * DAY);
    expect_text(f, 1, wanted.data);
    buf_fini(&wanted);
    assert_in_range(number(f, TABLES), 1, 10); /* none is left for ever */
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM cadre_output.days WHERE since_ms > %lld",
             (long long)(T0 + 40 * DAY));
    assert_int_equal(number(f, sql), 0);
}

/* ---- others at the tables -------------------------------------------------------------------- */

static void drop_waits_for_readers_and_nobody_for_the_drop(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    begin(f);
    add_speaker(f, 1, T0);
    finish(f, 1, T0 + 1);
    commit(f);
    steps(f, T0 + DAY);
    step(f, T0 + 2 * WEEK); /* a new day */
    while (number(f, "SELECT count(*) FROM cadre_output.days WHERE emptied = 1 AND day = 1") == 0)
        assert_true(step(f, T0 + 2 * WEEK));
    struct reader *r = open_reader(f);
    OK(db_run_text(&r->output, "BEGIN", &e));
    int64_t n;
    OK(db_int(&r->output, "SELECT count(*) FROM cadre_output.chunks", &n, &e));
    uint64_t began = uv_hrtime();
    steps(f, T0 + 2 * WEEK);
    assert_in_range((uv_hrtime() - began) / 1000000, 0, 5000);
    assert_int_equal(number(f, "SELECT count(to_regclass('cadre_output.chunks_1'))"), 1);
    begin(f);
    add_speaker(f, 2, T0 + 2 * WEEK);
    commit(f);
    expect_text(f, 2, "job 2\n");
    reader_close(r);
    steps(f, T0 + 2 * WEEK);
    assert_int_equal(number(f, "SELECT count(to_regclass('cadre_output.chunks_1'))"), 0);
}

/* As a vacuum of the parent has it. */
static void day_that_cannot_begin_begins_later(void **state)
{
    struct fixture *f = *state;
    steps(f, T0);
    struct fixture mine = *f;
    open_again(&mine);
    OK(store_begin(mine.store, &e));
    OK(store_write_output(mine.store, &e));
    OK(db_run_text(&mine.store->output,
                   "LOCK TABLE ONLY cadre_output.chunks IN SHARE UPDATE EXCLUSIVE MODE", &e));
    int64_t one;
    OK(db_int(&mine.store->output, "SELECT 1", &one, &e));
    assert_false(step(f, T0 + DAY));
    begin(f);
    add_speaker(f, 1, T0 + DAY);
    commit(f);
    assert_int_equal(number(f, TABLES), 1);
    store_rollback(mine.store);
    store_close(mine.store);
    steps(f, T0 + DAY);
    assert_int_equal(number(f, TABLES), 2);
    expect_text(f, 1, "job 1\n");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(output_of_each_day_is_in_a_table_of_its_own),
        CASE(store_that_is_opened_goes_on_with_the_newest_day),
        CASE(chunk_sent_again_the_next_day_is_not_stored_twice),
        CASE(chunk_sent_again_after_its_table_is_not_stored_twice),
        CASE(day_that_is_rolled_back_never_was),
        CASE(without_a_retention_there_are_no_days),
        CASE(step_with_nothing_to_do_changes_nothing),
        CASE(days_follow_the_retention),
        CASE(table_goes_with_its_day__and_no_row_before),
        CASE(what_is_kept_is_copied_first),
        CASE(steps_are_bounded),
        CASE(step_that_is_rolled_back_is_done_again),
        CASE(table_that_was_not_emptied_is_not_dropped),
        CASE(kill_between_steps_loses_nothing),
        CASE(cursors_go_on_behind_those_that_are_gone),
        CASE(purge_of_one_job_takes_its_output_of_all_days),
        CASE(clock_that_jumps_loses_nothing),
        CASE(drop_waits_for_readers_and_nobody_for_the_drop),
        CASE(day_that_cannot_begin_begins_later),
    };
    setenv("CADRE_TEST_STORE", "postgresql", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
