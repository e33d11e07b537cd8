/* agent/journal: what survives, what is forgotten. */
#include "agent/journal.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"

#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COPY_MAX (16u << 20)

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    assert_int_equal(str_copy(folder, sizeof folder, "journal-XXXXXX"), 0);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return dir_remove_tree(folder, NULL);
}

static struct journal *open_after_boot(const char *boot_id, bool *damaged)
{
    struct journal *j = NULL;
    struct err e = {0};
    if (journal_open(folder, boot_id, &j, damaged, &e) != 0) fail_msg("%s", e.msg);
    return j;
}

static struct journal *open_it(bool *damaged)
{
    bool scratch;
    return open_after_boot("boot-1", damaged ? damaged : &scratch);
}

static void put(struct journal *j, int64_t job, enum journal_state state)
{
    struct journal_attempt a = {.job = job, .attempt = 1, .state = state, .mark = "mark"};
    assert_int_equal(journal_put_attempt(j, &a, NULL), 0);
}

static int64_t add(struct journal *j, int64_t job, bool ends, const char *text)
{
    int64_t seq = journal_next_seq(j);
    struct journal_event event = {seq, job, 1, ends, text, strlen(text)};
    assert_int_equal(journal_add_event(j, &event, NULL), 0);
    return seq;
}

struct seen {
    int count;
    int64_t seq[64];
    char text[64][16];
};

static int see_event(int64_t seq, const void *frame, size_t len, void *user)
{
    struct seen *s = user;
    s->seq[s->count] = seq;
    memcpy(s->text[s->count], frame, len);
    s->text[s->count++][len] = 0;
    return 0;
}

static int see_attempt(const struct journal_attempt *a, void *user)
{
    struct seen *s = user;
    s->seq[s->count] = a->job;
    (void)str_format(s->text[s->count++], 16, "%d", (int)a->state);
    return 0;
}

static void events_and_attempts_are_there_after_reopening(void **state)
{
    (void)state;
    struct seen s = {0};
    struct journal *j = open_it(NULL);
    char *id = mem_strdup(journal_id(j));
    put(j, 7, JOURNAL_STARTING);
    add(j, 7, false, "one");
    add(j, 7, true, "two");
    journal_close(j);
    j = open_it(NULL);
    assert_string_equal(journal_id(j), id);
    assert_int_equal(journal_seq(j), 2);
    assert_int_equal(journal_pending_bytes(j), 6);
    assert_int_equal(journal_each_event(j, 0, see_event, &s, NULL), 0);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.text[1], "two");
    memset(&s, 0, sizeof s);
    assert_int_equal(journal_each_attempt(j, see_attempt, &s, NULL), 0);
    assert_int_equal(s.count, 1);
    assert_string_equal(s.text[0], "3");
    journal_close(j);
    mem_free(id);
}

static void an_acknowledgement_forgets_up_to_its_number_and_no_further(void **state)
{
    (void)state;
    struct seen s = {0};
    struct journal *j = open_it(NULL);
    put(j, 1, JOURNAL_RUNNING);
    put(j, 2, JOURNAL_RUNNING);
    add(j, 1, true, "a");
    add(j, 2, false, "b");
    add(j, 2, true, "c");
    assert_int_equal(journal_ack(j, 2, NULL), 0);
    assert_int_equal(journal_each_event(j, 0, see_event, &s, NULL), 0);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.seq[0], 3);
    memset(&s, 0, sizeof s);
    assert_int_equal(journal_each_attempt(j, see_attempt, &s, NULL), 0);
    assert_int_equal(s.count, 1); /* job 2's last event is not acknowledged */
    assert_int_equal(s.seq[0], 2);
    assert_int_equal(journal_ack(j, 3, NULL), 0);
    assert_int_equal(journal_pending_bytes(j), 0);
    journal_close(j);
}

static void sequence_numbers_never_go_back(void **state)
{
    (void)state;
    struct journal *j = open_it(NULL);
    put(j, 1, JOURNAL_RUNNING);
    add(j, 1, true, "a");
    assert_int_equal(journal_ack(j, 1, NULL), 0);
    journal_close(j);
    j = open_it(NULL);
    assert_int_equal(journal_raise_seq(j, 100, NULL), 0);
    assert_int_equal(journal_raise_seq(j, 50, NULL), 0);
    assert_int_equal(journal_next_seq(j), 101);
    assert_int_equal(journal_commit(j, NULL), 0);
    journal_close(j);
    j = open_it(NULL);
    assert_true(journal_seq(j) >= 100);
    assert_true(journal_next_seq(j) > 101);
    journal_close(j);
}

static void a_dropped_attempt_takes_its_events_along(void **state)
{
    (void)state;
    struct seen s = {0};
    struct journal *j = open_it(NULL);
    put(j, 1, JOURNAL_RUNNING);
    put(j, 2, JOURNAL_RUNNING);
    add(j, 1, false, "gone");
    add(j, 2, false, "kept");
    assert_int_equal(journal_drop_attempt(j, 1, 1, NULL), 0);
    assert_int_equal(journal_each_event(j, 0, see_event, &s, NULL), 0);
    assert_int_equal(s.count, 1);
    assert_string_equal(s.text[0], "kept");
    assert_int_equal(journal_pending_bytes(j), 4);
    journal_close(j);
}

static int count_event(int64_t seq, const void *frame, size_t len, void *user)
{
    (void)seq;
    (void)frame;
    (void)len;
    ++*(int *)user;
    return 0;
}

static int count_events(struct journal *j)
{
    int count = 0;
    assert_int_equal(journal_each_event(j, 0, count_event, &count, NULL), 0);
    return count;
}

static void dropped_attempts_go_by_a_bounded_number_of_rows(void **state)
{
    (void)state;
    enum { EVENTS = 3 * JOURNAL_DROP_ROWS + 10 };
    struct journal *j = open_it(NULL);
    for (int job = 1; job <= 3; job++)
        put(j, job, JOURNAL_RUNNING);
    for (int i = 0; i < EVENTS; i++)
        for (int job = 1; job <= 3; job++)
            add(j, job, false, "said");
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_drop_attempt(j, 1, 1, NULL), 0);
    assert_int_equal(journal_drop_attempt(j, 2, 1, NULL), 0);
    assert_int_equal(journal_drop_attempt(j, 2, 1, NULL), 0); /* told for each event that comes */
    /* the same attempt once more, with something to say */
    put(j, 1, JOURNAL_STARTING);
    add(j, 1, false, "anew");
    int before = 3 * EVENTS + 1, transactions = 0;
    do {
        assert_int_equal(journal_commit(j, NULL), 0);
        int now = count_events(j);
        assert_true(before - now <= JOURNAL_DROP_ROWS);
        before = now;
        transactions++;
    } while (journal_drops(j) && transactions < 100);
    assert_true(transactions >= 2 * EVENTS / JOURNAL_DROP_ROWS);
    assert_int_equal(before, EVENTS + 1);
    assert_int_equal(journal_pending_bytes(j), 4 * (EVENTS + 1));
    assert_int_equal(journal_drop_attempt(j, 3, 1, NULL), 0);
    journal_close(j); /* with some of them left */
}

/* Others' events lie between, more than one transaction looks at. */
static void a_dropped_attempt_is_looked_for_by_a_bounded_number_of_rows(void **state)
{
    (void)state;
    enum { BETWEEN = 20000 };
    struct journal *j = open_it(NULL);
    put(j, 1, JOURNAL_RUNNING);
    put(j, 2, JOURNAL_RUNNING);
    add(j, 1, false, "gone");
    for (int i = 0; i < BETWEEN; i++)
        add(j, 2, false, "kept");
    add(j, 1, false, "gone");
    add(j, 2, false, "kept");
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_drop_attempt(j, 1, 1, NULL), 0);
    int transactions = 0;
    do {
        assert_int_equal(journal_commit(j, NULL), 0);
        transactions++;
    } while (journal_drops(j) && transactions < 100);
    assert_in_range(transactions, 2, 99);
    assert_int_equal(count_events(j), BETWEEN + 1);
    assert_int_equal(journal_pending_bytes(j), 4 * (BETWEEN + 1));
    journal_close(j);
}

static void what_is_acknowledged_is_no_longer_dropped(void **state)
{
    (void)state;
    struct journal *j = open_it(NULL);
    put(j, 1, JOURNAL_RUNNING);
    for (int i = 0; i < 3 * JOURNAL_DROP_ROWS; i++)
        add(j, 1, false, "said");
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_drop_attempt(j, 1, 1, NULL), 0);
    assert_true(journal_drops(j));
    assert_int_equal(journal_ack(j, journal_seq(j), NULL), 0);
    for (int i = 0; i < 2; i++) /* the first one has dropped as many as it may */
        assert_int_equal(journal_commit(j, NULL), 0);
    assert_false(journal_drops(j));
    assert_int_equal(journal_pending_bytes(j), 0);
    assert_int_equal(count_events(j), 0);
    journal_close(j);
}

/* The last of them is kept: an acknowledgement may be of some only. */
static void acknowledged_messages_are_remembered__and_output_is_not(void **state)
{
    (void)state;
    static const char message[] = "head\1m", output[] = "head\2o";
    struct journal *j = open_it(NULL);
    assert_int_equal(journal_acked(j), 0);
    int64_t first = add(j, 7, false, message);
    assert_int_equal(journal_ack(j, add(j, 7, false, output), NULL), 0);
    assert_int_equal(journal_acked(j), first);
    journal_close(j);
    j = open_it(NULL);
    assert_int_equal(journal_acked(j), first);
    int64_t second = add(j, 7, false, message), between = add(j, 7, false, output);
    int64_t last = add(j, 7, true, message);
    journal_close(j);
    j = open_it(NULL);
    assert_int_equal(journal_ack(j, between, NULL), 0);
    assert_int_equal(journal_acked(j), second);
    assert_int_equal(journal_ack(j, last, NULL), 0);
    assert_int_equal(journal_acked(j), last);
    assert_int_equal(journal_ack(j, first, NULL), 0); /* it never goes back */
    assert_int_equal(journal_acked(j), last);
    journal_close(j);
}

static void an_acknowledgement_of_some_keeps_the_others(void **state)
{
    (void)state;
    struct seen s = {0};
    struct journal *j = open_it(NULL);
    put(j, 1, JOURNAL_RUNNING);
    add(j, 1, false, "one");
    int64_t two = add(j, 1, false, "two");
    int64_t three = add(j, 1, false, "three");
    assert_int_equal(journal_ack(j, two, NULL), 0);
    assert_int_equal(journal_pending_bytes(j), 5);
    assert_int_equal(journal_each_event(j, 0, see_event, &s, NULL), 0);
    assert_int_equal(s.count, 1);
    assert_string_equal(s.text[0], "three");
    assert_int_equal(journal_ack(j, three, NULL), 0);
    assert_int_equal(journal_pending_bytes(j), 0);
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
        struct journal_attempt a = {.job = 9, .attempt = 1, .state = JOURNAL_STARTING};
        (void)journal_put_attempt(j, &a, NULL);
        (void)journal_ack(j, add(j, 9, false, "head\1m"), NULL);
        (void)add(j, 9, false, "kept");
        (void)journal_commit(j, NULL);
        (void)add(j, 9, false, "lost");
        if (write(ready[1], "x", 1) != 1) _exit(1);
        pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    struct seen s = {0};
    bool damaged = true;
    struct journal *j = open_it(&damaged);
    assert_false(damaged);
    assert_int_equal(journal_each_event(j, 0, see_event, &s, NULL), 0);
    assert_int_equal(s.count, 1);
    assert_string_equal(s.text[0], "kept");
    assert_int_equal(journal_acked(j), s.seq[0] - 1);
    journal_close(j);
}

static void a_damaged_file_is_moved_aside_and_a_new_id_begins(void **state)
{
    (void)state;
    struct journal *j = open_it(NULL);
    char *id = mem_strdup(journal_id(j));
    journal_close(j);
    char *path = str_dupf("%s/journal.db", folder);
    char garbage[4096];
    memset(garbage, 0x5a, sizeof garbage);
    assert_int_equal(file_write_atomic(path, garbage, sizeof garbage, FILE_SECRET, NULL), 0);
    bool damaged = false;
    j = open_it(&damaged);
    assert_true(damaged);
    assert_string_not_equal(journal_id(j), id);
    journal_close(j);
    char *aside = str_dupf("%s/journal.db.damaged", folder);
    assert_true(file_exists(aside));
    mem_free(aside);
    mem_free(path);
    mem_free(id);
}

static void a_page_damaged_in_the_midst_is_noticed_at_the_start(void **state)
{
    (void)state;
    char big[16384];
    struct journal *j = open_it(NULL);
    memset(big, 'x', sizeof big);
    for (int i = 0; i < 8; i++) {
        struct journal_event event = {journal_next_seq(j), 1, 1, false, big, sizeof big};
        assert_int_equal(journal_add_event(j, &event, NULL), 0);
    }
    journal_close(j);
    char *path = str_dupf("%s/journal.db", folder);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    /* The tables' own pages: all behind the first, which still reads well. */
    assert_int_equal(fseek(f, 4096, SEEK_SET), 0);
    memset(big, 0x5a, sizeof big);
    assert_int_equal(fwrite(big, 1, sizeof big, f), sizeof big);
    fclose(f);
    mem_free(path);
    bool damaged = false;
    j = open_it(&damaged);
    assert_true(damaged);
    journal_close(j);
}

/* The state of attempt 1 after the journal was opened under a boot id and under another one. */
static int state_after(const char *boot_id, const char *later_boot_id, enum journal_state state)
{
    struct seen s = {0};
    bool damaged;
    struct journal *j = open_after_boot(boot_id, &damaged);
    put(j, 1, state);
    journal_close(j);
    j = open_after_boot(later_boot_id, &damaged);
    journal_close(j);
    j = open_after_boot(later_boot_id, &damaged); /* once more: a doubt is not forgotten */
    assert_int_equal(journal_each_attempt(j, see_attempt, &s, NULL), 0);
    assert_int_equal(s.count, 1);
    journal_close(j);
    return s.text[0][0] - '0';
}

static void after_another_boot__what_was_accepted_may_have_been_started(void **state)
{
    (void)state;
    assert_int_equal(state_after("b1", "b1", JOURNAL_ACCEPTED), JOURNAL_ACCEPTED);
    assert_int_equal(state_after("b1", "b2", JOURNAL_ACCEPTED), JOURNAL_STARTING);
    assert_int_equal(state_after("b1", "", JOURNAL_ACCEPTED), JOURNAL_STARTING);
    assert_int_equal(state_after("", "", JOURNAL_ACCEPTED), JOURNAL_STARTING);
    assert_int_equal(state_after("b1", "b2", JOURNAL_RUNNING), JOURNAL_RUNNING);
    assert_int_equal(state_after("b1", "b2", JOURNAL_ENDED), JOURNAL_ENDED);
}

static void an_attempt_that_comes_again_outlives_the_acknowledgement_of_its_first_end(void **state)
{
    (void)state;
    struct seen s = {0};
    struct journal *j = open_it(NULL);
    put(j, 7, JOURNAL_ACCEPTED);
    int64_t declined = add(j, 7, true, "declined");
    put(j, 7, JOURNAL_STARTING); /* handed out anew before the acknowledgement came */
    assert_int_equal(journal_ack(j, declined, NULL), 0);
    assert_int_equal(journal_each_attempt(j, see_attempt, &s, NULL), 0);
    assert_int_equal(s.count, 1);
    journal_close(j);
}

/* As an agent of 0.1 left it that was killed in the midst of its very first start. */
static void a_journal_that_was_half_made__is_made_whole(void **state)
{
    (void)state;
    static const char *const halves[] = {
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE events(seq INTEGER PRIMARY KEY, job INTEGER NOT NULL,"
        " attempt INTEGER NOT NULL, frame BLOB NOT NULL);"
        "CREATE INDEX events_of_attempt ON events(job, attempt);",
    };
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        sqlite3 *db;
        char path[96];
        bool damaged = true;
        assert_int_equal(str_format(path, sizeof path, "%s/journal.db", folder), 0);
        unlink(path);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, halves[i], NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        struct journal *j = open_it(&damaged);
        assert_false(damaged);
        assert_int_equal(strlen(journal_id(j)), 32);
        put(j, 1, JOURNAL_STARTING);
        add(j, 1, false, "one");
        assert_int_equal(journal_commit(j, NULL), 0);
        journal_close(j);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_not_equal(sqlite3_exec(db, "DROP INDEX events_of_attempt", NULL, NULL, NULL),
                             SQLITE_OK);
        sqlite3_close(db);
    }
}

static void the_file_is_private(void **state)
{
    (void)state;
    struct stat st;
    struct journal *j = open_it(NULL);
    put(j, 1, JOURNAL_STARTING);
    assert_int_equal(journal_commit(j, NULL), 0);
    static const char *const names[] = {"journal.db", "journal.db-wal"};
    for (int i = 0; i < 2; i++) {
        char *path = str_dupf("%s/%s", folder, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        mem_free(path);
    }
    journal_close(j);
}

static void what_may_wait__waits_for_the_commit_of_something_else(void **state)
{
    (void)state;
    struct journal *j = open_it(NULL);
    int64_t before = journal_commits(j);
    put(j, 1, JOURNAL_ACCEPTED);
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_commits(j), before);
    assert_true(journal_waits(j));
    put(j, 1, JOURNAL_STARTING);
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_commits(j), before + 1);
    assert_false(journal_waits(j));
    int64_t end = add(j, 1, true, "end");
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_ack(j, end, NULL), 0);
    assert_int_equal(journal_pending_bytes(j), 0);
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_commits(j), before + 2);
    journal_hurry(j);
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_commits(j), before + 3);
    journal_close(j);
}

/* A copy of the file and its log, as a kill at this moment would leave them. */
static struct journal *open_copy(void)
{
    static const char *const names[] = {"journal.db", "journal.db-wal"};
    struct journal *j = NULL;
    struct err e = {0};
    bool damaged;
    char copy[80];
    assert_int_equal(str_format(copy, sizeof copy, "%s/copy", folder), 0);
    assert_int_equal(dir_make(copy, FILE_SECRET, NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct buf text;
        char *from = str_dupf("%s/%s", folder, names[i]), *to = str_dupf("%s/%s", copy, names[i]);
        buf_init(&text, COPY_MAX);
        assert_int_equal(file_read(from, COPY_MAX, &text, NULL), 0);
        assert_int_equal(file_write_plain(to, text.data, text.len, FILE_SECRET, NULL), 0);
        buf_fini(&text);
        mem_free(from);
        mem_free(to);
    }
    if (journal_open(copy, "boot-1", &j, &damaged, &e) != 0) fail_msg("%s", e.msg);
    return j;
}

static void after_a_kill__acknowledged_events_may_be_back_and_no_number_comes_twice(void **state)
{
    (void)state;
    struct seen s = {0};
    struct journal *j = open_it(NULL);
    put(j, 1, JOURNAL_STARTING);
    add(j, 1, false, "a");
    int64_t end = add(j, 1, true, "b");
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_ack(j, end, NULL), 0);
    assert_int_equal(journal_commit(j, NULL), 0);
    struct journal *copy = open_copy();
    assert_int_equal(journal_each_event(copy, 0, see_event, &s, NULL), 0);
    assert_int_equal(s.count, 2);
    assert_int_equal(journal_seq(copy), end);
    journal_close(copy);
    journal_close(j);
}

/* An agent that starts again while the coordinator is away has things to tell before it hears which
 * number the coordinator has. */
static void after_a_kill__an_event_takes_no_number_that_was_acknowledged_before(void **state)
{
    (void)state;
    struct journal *j = open_it(NULL);
    put(j, 1, JOURNAL_STARTING);
    int64_t end = 0;
    for (int i = 0; i < 3; i++)
        end = add(j, 1, i == 2, "a");
    assert_int_equal(journal_commit(j, NULL), 0);
    assert_int_equal(journal_ack(j, end, NULL), 0);
    journal_hurry(j);
    assert_int_equal(journal_commit(j, NULL), 0);
    struct journal *copy = open_copy();
    assert_true(journal_next_seq(copy) > end);
    journal_close(copy);
    copy = open_copy();
    assert_int_equal(journal_raise_seq(copy, end, NULL), 0); /* the coordinator told */
    assert_int_equal(journal_next_seq(copy), end + 1);
    journal_close(copy);
    journal_close(j);
}

/* What the file says of the highest number given is right, or lower: never higher, because the
 * coordinator waits for the events up to it. */
static void after_a_kill__the_number_is_at_most_the_one_given(void **state)
{
    (void)state;
    struct journal *j = open_it(NULL);
    for (int i = 0; i < 3000; i++) {
        put(j, i, JOURNAL_STARTING);
        int64_t end = add(j, i, true, "b");
        assert_int_equal(journal_commit(j, NULL), 0);
        assert_int_equal(journal_ack(j, end, NULL), 0);
    }
    journal_hurry(j);
    assert_int_equal(journal_commit(j, NULL), 0);
    struct journal *copy = open_copy();
    assert_true(journal_seq(copy) <= 3000);
    assert_true(journal_seq(copy) > 1500);
    journal_close(copy);
    journal_close(j);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, make_folder, remove_folder)

/* To the last byte. */
static void fill_disk(void)
{
    static const char zeros[4096];
    char path[96];
    assert_int_equal(str_format(path, sizeof path, "%s/ballast", folder), 0);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    setvbuf(f, NULL, _IONBF, 0);
    while (fwrite(zeros, sizeof zeros, 1, f) == 1)
        ;
    fclose(f);
}

static void room_that_was_set_aside_is_there_on_a_full_disk(void **state)
{
    (void)state;
    static char frame[64000];
    if (mount("tmpfs", folder, "tmpfs", 0, "size=24m") != 0) {
        printf("no small disk can be mounted here (not root)\n");
        skip();
    }
    struct journal *j = open_it(NULL);
    assert_int_equal(journal_reserve(j, NULL), 0);
    assert_int_equal(journal_reserve(j, NULL), 0); /* has it already */
    fill_disk();
    memset(frame, 'x', sizeof frame);
    for (int round = 0; round < 20; round++) {
        struct err e = {0};
        int64_t seq = 0;
        put(j, round + 1, JOURNAL_STARTING);
        for (int i = 0; i < 40; i++) { /* 2.5 MB */
            seq = journal_next_seq(j);
            struct journal_event event = {seq, round + 1, 1, i == 39, frame, sizeof frame};
            if (journal_add_event(j, &event, &e) != 0)
                fail_msg("round %d, event %d: %s", round, i, e.msg);
        }
        if (journal_commit(j, &e) != 0) fail_msg("round %d: %s", round, e.msg);
        assert_int_equal(journal_pending_bytes(j), 40 * (int64_t)sizeof frame);
        assert_int_equal(journal_ack(j, seq, &e), 0);
        assert_int_equal(journal_commit(j, &e), 0);
    }
    journal_close(j);
    assert_int_equal(umount(folder), 0);
}

static void no_room_to_set_aside__is_said_and_the_journal_goes_on(void **state)
{
    (void)state;
    if (mount("tmpfs", folder, "tmpfs", 0, "size=2m") != 0) skip();
    struct journal *j = open_it(NULL);
    struct err e = {0};
    assert_int_equal(journal_reserve(j, &e), ERR_FULL);
    assert_non_null(strstr(e.msg, "no room can be set aside"));
    put(j, 1, JOURNAL_STARTING);
    assert_int_equal(journal_commit(j, &e), 0);
    journal_close(j);
    assert_int_equal(umount(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(events_and_attempts_are_there_after_reopening),
        CASE(an_acknowledgement_forgets_up_to_its_number_and_no_further),
        CASE(after_another_boot__what_was_accepted_may_have_been_started),
        CASE(sequence_numbers_never_go_back),
        CASE(a_dropped_attempt_takes_its_events_along),
        CASE(dropped_attempts_go_by_a_bounded_number_of_rows),
        CASE(a_dropped_attempt_is_looked_for_by_a_bounded_number_of_rows),
        CASE(what_is_acknowledged_is_no_longer_dropped),
        CASE(acknowledged_messages_are_remembered__and_output_is_not),
        CASE(an_acknowledgement_of_some_keeps_the_others),
        CASE(what_was_committed_survives_kill_9),
        CASE(a_damaged_file_is_moved_aside_and_a_new_id_begins),
        CASE(a_page_damaged_in_the_midst_is_noticed_at_the_start),
        CASE(an_attempt_that_comes_again_outlives_the_acknowledgement_of_its_first_end),
        CASE(a_journal_that_was_half_made__is_made_whole),
        CASE(the_file_is_private),
        CASE(what_may_wait__waits_for_the_commit_of_something_else),
        CASE(after_a_kill__acknowledged_events_may_be_back_and_no_number_comes_twice),
        CASE(after_a_kill__an_event_takes_no_number_that_was_acknowledged_before),
        CASE(after_a_kill__the_number_is_at_most_the_one_given),
        CASE(room_that_was_set_aside_is_there_on_a_full_disk),
        CASE(no_room_to_set_aside__is_said_and_the_journal_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
