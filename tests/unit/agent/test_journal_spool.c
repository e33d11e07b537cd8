/* agent/journal_spool: large events beside the journal's database. */
#include "agent/journal_spool.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE 65000

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    assert_int_equal(str_copy(folder, sizeof folder, "spool-XXXXXX"), 0);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return dir_remove_tree(folder, NULL);
}

static struct journal *open_it(void)
{
    struct journal *j = NULL;
    struct err e = {0};
    bool damaged = true;
    if (journal_open(folder, "boot-1", &j, &damaged, &e) != 0) fail_msg("%s", e.msg);
    assert_false(damaged);
    return j;
}

static char *part(int n)
{
    return str_dupf("%s/journal.db.output%d", folder, n);
}

static int64_t size_of(int n)
{
    struct stat st;
    char *path = part(n);
    assert_int_equal(stat(path, &st), 0);
    mem_free(path);
    return st.st_size;
}

/* An event of so many bytes that tells its number. */
static int64_t add(struct journal *j, int64_t job, size_t len)
{
    char *frame = mem_alloc(len);
    int64_t seq = journal_next_seq(j);
    memset(frame, (int)(seq % 251), len);
    struct journal_event event = {seq, job, 1, false, frame, len};
    assert_int_equal(journal_add_event(j, &event, NULL), 0);
    mem_free(frame);
    return seq;
}

static void commit(struct journal *j)
{
    assert_int_equal(journal_commit(j, NULL), 0);
}

struct seen {
    int count;
    int64_t first, last, bytes;
};

static int see(int64_t seq, const void *frame, size_t len, void *user)
{
    struct seen *s = user;
    const char *p = frame;
    assert_true(seq > s->last);
    assert_int_equal((unsigned char)p[0], seq % 251);
    assert_int_equal((unsigned char)p[len - 1], seq % 251);
    if (s->count++ == 0) s->first = seq;
    s->last = seq;
    s->bytes += (int64_t)len;
    return 0;
}

static struct seen all(struct journal *j)
{
    struct seen s = {0};
    assert_int_equal(journal_each_event(j, 0, see, &s, NULL), 0);
    assert_int_equal(journal_pending_bytes(j), s.bytes);
    return s;
}

static void large_and_small_events_come_back_in_their_order(void **state)
{
    (void)state;
    struct journal *j = open_it();
    for (int i = 0; i < 10; i++) {
        add(j, 1, i % 3 == 0 ? 100 : LARGE);
        assert_int_equal(all(j).count, i + 1); /* before the commit, too */
        if (i % 2) commit(j);
    }
    assert_true(size_of(1) > 0);
    journal_close(j);
    j = open_it();
    struct seen s = all(j);
    assert_int_equal(s.count, 10);
    assert_int_equal(s.last, 10);
    assert_int_equal(journal_seq(j), 10);
    assert_int_equal(journal_ack(j, 4, NULL), 0);
    assert_int_equal(all(j).count, 6);
    assert_int_equal(all(j).first, 5);
    journal_close(j);
}

static int stop_at_once(int64_t seq, const void *frame, size_t len, void *user)
{
    (void)frame;
    (void)len;
    *(int64_t *)user = seq;
    return 1;
}

static void who_wants_one_event_gets_one(void **state)
{
    (void)state;
    int64_t got = 0;
    struct journal *j = open_it();
    add(j, 1, LARGE);
    add(j, 1, 100);
    add(j, 1, LARGE);
    for (int64_t after = 0; after < 3; after++) {
        assert_int_equal(journal_each_event(j, after, stop_at_once, &got, NULL), 0);
        assert_int_equal(got, after + 1);
    }
    journal_close(j);
}

static void a_commit_writes_what_was_added(void **state)
{
    (void)state;
    struct journal *j = open_it();
    int64_t before = size_of(1);
    for (int i = 0; i < 4; i++)
        add(j, 1, LARGE);
    assert_int_equal(size_of(1), before); /* nothing is written before */
    commit(j);
    assert_true(size_of(1) >= 4 * LARGE);
    assert_true(size_of(1) < 4 * LARGE + 1000);
    journal_close(j);
}

static void what_was_committed_survives_kill_9(void **state)
{
    (void)state;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        bool damaged;
        struct journal *j = NULL;
        if (journal_open(folder, "boot-1", &j, &damaged, NULL) != 0) _exit(1);
        for (int i = 0; i < 3; i++)
            (void)add(j, 9, LARGE);
        (void)journal_commit(j, NULL);
        (void)add(j, 9, LARGE);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    struct journal *j = open_it();
    assert_int_equal(all(j).count, 3);
    assert_true(journal_next_seq(j) > 3);
    journal_close(j);
}

static void the_files_take_turns_and_stay_small_while_acknowledgements_come(void **state)
{
    (void)state;
    struct journal *j = open_it();
    int64_t most = 0;
    for (int i = 0; i < 400; i++) { /* 26 MB */
        int64_t seq = add(j, 1, LARGE);
        commit(j);
        if (seq > 16) assert_int_equal(journal_ack(j, seq - 16, NULL), 0);
        for (int n = 1; n <= 2; n++)
            if (size_of(n) > most) most = size_of(n);
    }
    assert_true(size_of(2) > 0);
    assert_true(most < SPOOL_PART_BYTES + 32 * LARGE);
    assert_int_equal(all(j).count, 16);
    journal_close(j);
    j = open_it();
    struct seen s = all(j); /* the last acknowledgement was not written down */
    assert_true(s.count >= 16 && s.count <= 18);
    assert_int_equal(s.last, 400);
    journal_close(j);
}

static void what_older_records_leave_behind_newer_ones_is_not_believed(void **state)
{
    (void)state;
    struct journal *j = open_it();
    for (int i = 0; i < 10; i++)
        add(j, 1, LARGE);
    commit(j);
    assert_int_equal(journal_ack(j, 10, NULL), 0);
    add(j, 1, LARGE); /* over the first of them, and as long */
    commit(j);
    assert_true(size_of(1) > 9 * LARGE);
    journal_close(j);
    j = open_it();
    struct seen s = all(j);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.first, 11);
    journal_close(j);
}

static void sequence_numbers_do_not_go_back_when_nothing_else_was_written(void **state)
{
    (void)state;
    struct journal *j = open_it();
    for (int i = 0; i < 3; i++)
        add(j, 1, LARGE);
    commit(j);
    assert_int_equal(journal_ack(j, 3, NULL), 0);
    journal_close(j);
    j = open_it();
    assert_true(journal_next_seq(j) > 3);
    journal_close(j);
}

/* Overwrites bytes of the first file. */
static void spoil(long at, size_t len)
{
    char *path = part(1), garbage[64];
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    memset(garbage, 0x5a, sizeof garbage);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite(garbage, 1, len, f), len);
    fclose(f);
    mem_free(path);
}

/* One byte of the fourth of six records, at this place or before its end, is another one. */
static void tear(long place)
{
    struct journal *j = open_it();
    for (int i = 0; i < 6; i++)
        add(j, 1, LARGE);
    commit(j);
    long record = (long)(size_of(1) / 6);
    journal_close(j);
    spoil(3 * record + (place < 0 ? record + place : place), 1);
    j = open_it();
    struct seen s = all(j);
    assert_int_equal(s.count, 3);
    assert_int_equal(s.last, 3);
    add(j, 2, LARGE); /* and it goes on, right before what is left of the fifth */
    commit(j);
    assert_int_equal(all(j).count, 4);
    journal_close(j);
    j = open_it();
    assert_int_equal(all(j).count, 4);
    journal_close(j);
}

static void a_record_with_a_torn_head_and_those_behind_it_are_left_out(void **state)
{
    (void)state;
    tear(0);
}

static void a_record_with_a_torn_frame_and_those_behind_it_are_left_out(void **state)
{
    (void)state;
    tear(1000);
}

static void a_record_without_its_last_byte_and_those_behind_it_are_left_out(void **state)
{
    (void)state;
    tear(-1);
}

static void a_file_that_ends_early_is_read_up_to_there(void **state)
{
    (void)state;
    struct journal *j = open_it();
    for (int i = 0; i < 4; i++)
        add(j, 1, LARGE);
    journal_close(j);
    char *path = part(1);
    assert_int_equal(truncate(path, size_of(1) - 1), 0);
    mem_free(path);
    j = open_it();
    assert_int_equal(all(j).count, 3);
    journal_close(j);
}

static void a_length_from_the_disk_takes_no_memory_before_it_is_checked(void **state)
{
    (void)state;
    struct journal *j = open_it();
    add(j, 1, LARGE);
    journal_close(j);
    spoil(5 * 8, 8); /* the length, now some 6 * 10^18 */
    j = open_it();
    assert_int_equal(all(j).count, 0);
    journal_close(j);
}

static void records_of_another_journal_are_none(void **state)
{
    (void)state;
    struct journal *j = open_it();
    for (int i = 0; i < 4; i++)
        add(j, 1, LARGE);
    journal_close(j);
    char *path = str_dupf("%s/journal.db", folder);
    assert_int_equal(file_remove(path, NULL), 0);
    mem_free(path);
    j = open_it();
    assert_int_equal(all(j).count, 0);
    assert_int_equal(journal_seq(j), 0);
    journal_close(j);
}

static void a_dropped_attempt_takes_its_large_events_along(void **state)
{
    (void)state;
    struct journal *j = open_it();
    for (int i = 0; i < 6; i++)
        add(j, i % 2 + 1, LARGE);
    commit(j);
    assert_int_equal(journal_drop_attempt(j, 1, 1, NULL), 0);
    assert_int_equal(all(j).count, 3);
    add(j, 1, LARGE); /* of the same attempt, later: it came again */
    commit(j);
    assert_int_equal(all(j).count, 4);
    assert_int_equal(journal_ack(j, 7, NULL), 0);
    assert_int_equal(journal_pending_bytes(j), 0);
    journal_close(j);
}

static void more_than_the_files_may_hold_goes_into_the_database(void **state)
{
    (void)state;
    struct journal *j = open_it();
    const int events = (int)(SPOOL_MOST_BYTES / LARGE) + 20;
    for (int i = 0; i < events; i++) {
        add(j, 1, LARGE);
        commit(j);
    }
    assert_true(size_of(1) <= SPOOL_MOST_BYTES);
    assert_int_equal(all(j).count, events);
    journal_close(j);
    j = open_it();
    assert_int_equal(all(j).count, events);
    assert_int_equal(journal_ack(j, events, NULL), 0);
    assert_int_equal(all(j).count, 0);
    journal_close(j);
}

static void without_files_the_database_takes_all(void **state)
{
    (void)state;
    char *path = part(2);
    assert_int_equal(dir_make(path, FILE_SECRET, NULL), 0);
    mem_free(path);
    struct journal *j = open_it();
    for (int i = 0; i < 4; i++)
        add(j, 1, LARGE);
    commit(j);
    assert_int_equal(size_of(1), 0);
    assert_int_equal(all(j).count, 4);
    journal_close(j);
}

static void the_files_are_private(void **state)
{
    (void)state;
    struct journal *j = open_it();
    for (int n = 1; n <= 2; n++) {
        struct stat st;
        char *path = part(n);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        mem_free(path);
    }
    journal_close(j);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(large_and_small_events_come_back_in_their_order),
        CASE(who_wants_one_event_gets_one),
        CASE(a_commit_writes_what_was_added),
        CASE(what_was_committed_survives_kill_9),
        CASE(the_files_take_turns_and_stay_small_while_acknowledgements_come),
        CASE(what_older_records_leave_behind_newer_ones_is_not_believed),
        CASE(sequence_numbers_do_not_go_back_when_nothing_else_was_written),
        CASE(a_record_with_a_torn_head_and_those_behind_it_are_left_out),
        CASE(a_record_with_a_torn_frame_and_those_behind_it_are_left_out),
        CASE(a_record_without_its_last_byte_and_those_behind_it_are_left_out),
        CASE(a_file_that_ends_early_is_read_up_to_there),
        CASE(a_length_from_the_disk_takes_no_memory_before_it_is_checked),
        CASE(records_of_another_journal_are_none),
        CASE(a_dropped_attempt_takes_its_large_events_along),
        CASE(more_than_the_files_may_hold_goes_into_the_database),
        CASE(without_files_the_database_takes_all),
        CASE(the_files_are_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
