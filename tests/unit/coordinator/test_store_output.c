/* Output, and what housekeeping takes away. */
#include "store_fixture.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static void add_chunk(struct fixture *f, int64_t job, int64_t attempt, int stream, int64_t offset,
                      const char *text)
{
    struct chunk c = {.job = job,
                      .attempt = attempt,
                      .stream = stream,
                      .offset = offset,
                      .data = text,
                      .len = strlen(text)};
    OK(store_output_add(f->store, &c, &e));
}

static int64_t bytes_of(struct fixture *f, int64_t job, int64_t attempt)
{
    int64_t remarks, bytes;
    OK(store_output_bytes(f->store, job, attempt, &bytes, &remarks, &e));
    return bytes;
}

static int append(const struct chunk *c, void *user)
{
    char *end = (char *)user + strlen(user);
    memcpy(end, c->data, c->len);
    end[c->len] = '\0';
    return 0;
}

/* What a reader gets of a stream. */
static void read_all(struct fixture *f, int64_t job, int stream, char *all)
{
    struct reader *r;
    int64_t next;
    all[0] = '\0';
    r = open_reader(f);
    struct output_filter page = {.job = job, .streams = 1u << stream, .max_bytes = 1000000};
    OK(reader_output(r, &page, append, all, &next, &e));
    reader_close(r);
}

/* ---- output ---------------------------------------------------------------------------------- */

static void bytes_are_counted_per_attempt_over_all_streams(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_chunk(f, 1, 1, 1, 0, "abc");
    add_chunk(f, 1, 1, 2, 0, "de");
    add_chunk(f, 1, 2, 1, 0, "fghi");
    assert_int_equal(bytes_of(f, 1, 1), 5);
    commit(f);
    assert_int_equal(bytes_of(f, 1, 1), 5);
    assert_int_equal(bytes_of(f, 1, 2), 4);
    assert_int_equal(bytes_of(f, 1, 3), 0);
    assert_int_equal(bytes_of(f, 2, 1), 0);
}

static void chunk_sent_again_is_ignored(void **state)
{
    struct fixture *f = *state;
    char all[100];
    for (int round = 0; round < 2; round++) {
        begin(f);
        add_chunk(f, 1, 1, 1, 0, "abc");
        add_chunk(f, 1, 1, 1, 3, "def");
        add_chunk(f, 1, 1, 1, 3, "def");
        add_chunk(f, 1, 1, 2, 0, "x");
        commit(f);
    }
    assert_int_equal(bytes_of(f, 1, 1), 7);
    read_all(f, 1, 1, all);
    assert_string_equal(all, "abcdef");
}

static void chunk_that_overlaps_adds_its_new_end_only(void **state)
{
    struct fixture *f = *state;
    char all[100];
    begin(f);
    add_chunk(f, 1, 1, 1, 0, "abcd");
    add_chunk(f, 1, 1, 1, 2, "cdef");
    commit(f);
    read_all(f, 1, 1, all);
    assert_string_equal(all, "abcdef");
    assert_int_equal(bytes_of(f, 1, 1), 6);
}

static void gap_stays_a_gap(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_chunk(f, 1, 1, 1, 0, "abc");
    add_chunk(f, 1, 1, 1, 10, "xyz");
    commit(f);
    assert_int_equal(bytes_of(f, 1, 1), 6);
    assert_int_equal(sql_int(f, "output.db", "SELECT max(\"offset\") FROM chunks"), 10);
}

static void empty_chunk_is_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_chunk(f, 1, 1, 1, 0, "");
    assert_false(store_dirty(f->store));
    commit(f);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 0);
}

static void stream_must_be_known(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct chunk c = {.job = 1, .attempt = 1, .stream = 4, .data = "x", .len = 1};
    if (fixture_is_pg()) { /* which answers later */
        OK(store_output_add(f->store, &c, &e));
        FAILS(ERR_INTERNAL, store_commit(f->store, &e));
        return;
    }
    FAILS(ERR_INTERNAL, store_output_add(f->store, &c, &e));
    store_rollback(f->store);
}

static void bytes_with_nul_come_back_whole(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct chunk c = {.job = 1, .attempt = 1, .stream = 1, .data = "a\0b", .len = 3};
    OK(store_output_add(f->store, &c, &e));
    commit(f);
    assert_int_equal(sql_int(f, "output.db",
                             fixture_is_pg()
                                 ? "SELECT CASE WHEN data = '\\x610062' THEN 1 END FROM chunks"
                                 : "SELECT data = x'610062' FROM chunks"),
                     1);
}

/* ---- housekeeping ---------------------------------------------------------------------------- */

static void finish(struct fixture *f, int n, int64_t ended_ms)
{
    struct job_end end = {.state = JOB_FAILED, .ended_ms = ended_ms};
    OK(store_job_finish(f->store, job_id(n), &end, &e));
}

static void purge_takes_old_final_jobs_and_all_of_theirs(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 4; i++) {
        struct job_row j = plain_job(i, "g");
        char key[20];
        snprintf(key, sizeof key, "k%d", i);
        j.unique_key = key;
        add_job(f, &j);
        struct attempt_row a = {.job = j.id, .attempt = 1, .state = JOB_FAILED};
        OK(store_attempt_add(f->store, &a, &e));
        add_chunk(f, j.id, 1, 1, 0, "abc");
    }
    finish(f, 1, T0 + 100);
    finish(f, 2, T0 + 200);
    finish(f, 3, T0 + 300);
    commit(f);
    bool more = true;
    begin(f);
    OK(store_purge(f->store, T0 + 300, 1000, &more, &e));
    commit(f);
    assert_false(more);
    struct job_row k;
    FAILS(ERR_NOT_FOUND, store_job_get(f->store, job_id(1), &k, &e));
    FAILS(ERR_NOT_FOUND, store_job_get(f->store, job_id(2), &k, &e));
    assert_int_equal(state_of(f, job_id(3)), JOB_FAILED);
    assert_int_equal(state_of(f, job_id(4)), JOB_CREATED);
    assert_int_equal(bytes_of(f, job_id(1), 1), 0);
    assert_int_equal(bytes_of(f, job_id(3), 1), 3);
    static const char *const tables[] = {"jobs", "job_states", "job_keys", "attempts"};
    for (int i = 0; i < 4; i++) {
        char sql[60];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        assert_int_equal(sql_int(f, "cadre.db", sql), 2);
    }
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 2);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM streams"), 2);
}

static void purge_does_no_more_than_asked_at_a_time(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 5; i++) {
        add_plain(f, i, "g");
        finish(f, i, T0 + i);
        for (int n = 0; n < 25; n++)
            add_chunk(f, job_id(i), 1, 1, n, "x");
    }
    commit(f);
    bool more = true;
    int64_t things = 5 + 5 * 25;
    int steps = 0;
    while (more) {
        begin(f);
        OK(store_purge(f->store, T0 + 1000, 10, &more, &e));
        commit(f);
        int64_t left = sql_int(f, "cadre.db", "SELECT count(*) FROM jobs") +
                       sql_int(f, "output.db", "SELECT count(*) FROM chunks");
        assert_in_range(things - left, 0, 10);
        /* no job goes before its output */
        assert_true(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs") * 25 >=
                    sql_int(f, "output.db", "SELECT count(*) FROM chunks"));
        things = left;
        assert_true(++steps < 100);
    }
    assert_int_equal(things, 0);
}

static void purge_of_nothing_changes_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_plain(f, 1, "g");
    commit(f);
    bool more = true;
    begin(f);
    OK(store_purge(f->store, T0 * 2, 10, &more, &e));
    assert_false(more);
    assert_false(store_dirty(f->store));
    commit(f);
}

static void purged_output_is_given_back_to_the_disk(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    size_t len = 1 << 20;
    char *big = mem_alloc(len);
    begin(f);
    for (int i = 1; i <= 40; i++) {
        add_plain(f, i, "g");
        finish(f, i, T0);
        struct chunk c = {.job = job_id(i), .attempt = 1, .stream = 1, .data = big, .len = len};
        OK(store_output_add(f->store, &c, &e));
    }
    commit(f);
    mem_free(big);
    int64_t before = sql_int(f, "output.db", "PRAGMA page_count");
    assert_true(before > 40 * 256);
    bool more = true;
    int steps = 0;
    while (more || steps < 60) {
        begin(f);
        OK(store_purge(f->store, T0 + 1, 2, &more, &e));
        commit(f);
        steps++;
        /* something to purge each time, as in a coordinator that lives on */
        begin(f);
        add_plain(f, 100 + steps, "g");
        finish(f, 100 + steps, T0);
        commit(f);
        if (steps > 200) break;
    }
    int64_t after = sql_int(f, "output.db", "PRAGMA page_count");
    assert_true(after < before / 2);
}

static void keys_are_forgotten_by_age_in_steps(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 10; i++) {
        struct job_row j = plain_job(i, "g");
        char key[20];
        snprintf(key, sizeof key, "k%d", i);
        j.unique_key = key;
        add_job(f, &j);
    }
    bool more = false;
    OK(store_forget_keys(f->store, T0 + 8, 4, &more, &e));
    assert_true(more);
    int64_t id;
    assert_int_equal(store_job_find_key(f->store, "k4", &id, NULL), 0);
    assert_int_equal(store_job_find_key(f->store, "k5", &id, NULL), 1);
    OK(store_forget_keys(f->store, T0 + 8, 4, &more, &e));
    assert_false(more);
    assert_int_equal(store_job_find_key(f->store, "k7", &id, NULL), 0);
    assert_int_equal(store_job_find_key(f->store, "k8", &id, NULL), 1);
    /* a forgotten key may be used again, by another job */
    struct job_row j = plain_job(11, "g");
    j.unique_key = "k1";
    add_job(f, &j);
    assert_int_equal(store_job_find_key(f->store, "k1", &id, NULL), 1);
    assert_int_equal(id, job_id(11));
    commit(f);
    assert_int_equal(state_of(f, job_id(1)), JOB_CREATED);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bytes_are_counted_per_attempt_over_all_streams),
        CASE(chunk_sent_again_is_ignored),
        CASE(chunk_that_overlaps_adds_its_new_end_only),
        CASE(gap_stays_a_gap),
        CASE(empty_chunk_is_nothing),
        CASE(stream_must_be_known),
        CASE(bytes_with_nul_come_back_whole),
        CASE(purge_takes_old_final_jobs_and_all_of_theirs),
        CASE(purge_does_no_more_than_asked_at_a_time),
        CASE(purge_of_nothing_changes_nothing),
        CASE(purged_output_is_given_back_to_the_disk),
        CASE(keys_are_forgotten_by_age_in_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
