/* Where a backup may be written, and what stays as it is when it may not. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/backup.h"
#include "coordinator/store/marks.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/state_folder.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    struct house house;
    char *state, *out; /* the coordinator's folder; a folder beside it */
};

static int setup(void **state)
{
    struct place *p = mem_alloc(sizeof *p);
    house_open(&p->house, "", NULL);
    p->state = p->house.config.state;
    p->out = paths_join(p->house.folder, "out");
    *state = p;
    return dir_make(p->out, FILE_SECRET, NULL);
}

static int teardown(void **state)
{
    struct place *p = *state;
    house_close(&p->house);
    mem_free(p->out);
    mem_free(p);
    return 0;
}

static void put(const char *folder, const char *name, const char *text)
{
    char *path = paths_join(folder, name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), FILE_SECRET, NULL), 0);
    mem_free(path);
}

static int make(const char *state, const char *file, bool force, struct err *e)
{
    struct store_check check = {.say = NULL};
    return backup_make(state, file, force, &check, e);
}

static uint64_t inode(const char *folder, const char *name)
{
    struct stat st;
    char *path = paths_join(folder, name);
    assert_int_equal(lstat(path, &st), 0);
    mem_free(path);
    return (uint64_t)st.st_ino;
}

static int count_one(const char *name, void *user)
{
    (void)name;
    ++*(size_t *)user;
    return 0;
}

static size_t count_in(const char *folder)
{
    size_t n = 0;
    assert_int_equal(dir_list(folder, count_one, &n, NULL), 0);
    return n;
}

/* Refused, also with `force` unless force_helps; the databases are the same files, and nothing was
 * made. */
static void refused(struct place *p, const char *file, const char *word, bool force_helps)
{
    size_t in_state = count_in(p->state), in_out = count_in(p->out);
    uint64_t queue = inode(p->state, "cadre.db"), output = inode(p->state, "output.db");
    for (int force = 0; force < (force_helps ? 1 : 2); force++) {
        struct err e = {0};
        int rc = make(p->state, file, force, &e);
        if (rc == 0) fail_msg("%s was written (force %d)", file, force);
        if (!strstr(e.msg, word)) fail_msg("%s: no '%s' in: %s", file, word, e.msg);
    }
    assert_int_equal(inode(p->state, "cadre.db"), queue);
    assert_int_equal(inode(p->state, "output.db"), output);
    assert_int_equal(count_in(p->state), in_state);
    assert_int_equal(count_in(p->out), in_out);
}

static void written(struct place *p, const char *file, bool force)
{
    struct err e = {0};
    char *output = str_dupf("%s.output", file);
    if (make(p->state, file, force, &e)) fail_msg("%s: %s", file, e.msg);
    assert_true(file_exists(file) && file_exists(output));
    mem_free(output);
}

static void backup__into_the_state_folder__is_refused(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"cadre.db",     "output.db",      "ca.key", "new.db",
                                        "cadre.db-wal", "deep/../new.db", "."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = paths_join(p->state, names[i]);
        if (strstr(names[i], "deep")) {
            char *deep = paths_join(p->state, "deep");
            assert_int_equal(dir_make(deep, FILE_SECRET, NULL), 0);
            mem_free(deep);
        }
        refused(p, path, "state folder", false);
        mem_free(path);
    }
    char *below = paths_join(p->state, "deep/new.db"), *link = paths_join(p->out, "link");
    refused(p, below, "state folder", false);
    assert_int_equal(symlink(p->state, link), 0);
    char *through = paths_join(link, "new.db");
    refused(p, through, "state folder", false);
    mem_free(through);
    mem_free(link);
    mem_free(below);
}

static void backup__over_a_source_by_another_name__is_refused(void **state)
{
    struct place *p = *state;
    static const char *const sources[] = {"cadre.db", "output.db", "ca.key"};
    char *hard = paths_join(p->out, "hard"), *soft = paths_join(p->out, "soft");
    char *hard_output = str_dupf("%s.output", hard);
    for (size_t i = 0; i < 3; i++) {
        char *source = paths_join(p->state, sources[i]);
        assert_int_equal(link(source, hard) | symlink(source, soft), 0);
        refused(p, hard, "same file", false);
        refused(p, soft, "same file", false);
        assert_int_equal(unlink(hard) | unlink(soft), 0);
        assert_int_equal(link(source, hard_output), 0); /* the neighbour is looked at as well */
        refused(p, hard, "hard.output is the same file", false);
        assert_int_equal(unlink(hard_output), 0);
        mem_free(source);
    }
    mem_free(hard_output);
    mem_free(hard);
    mem_free(soft);
}

static void backup__over_another_file__wants_force(void **state)
{
    struct place *p = *state;
    static const char *const contents[] = {"my notes\n", "", "SQLite format 3",
                                           "SQLite format 3\n"};
    char *file = paths_join(p->out, "notes.txt");
    for (size_t i = 0; i < 4; i++) {
        put(p->out, "notes.txt", contents[i]);
        refused(p, file, "--force", true);
    }
    written(p, file, true);
    written(p, file, false); /* a backup now */
    put(p->out, "notes.txt.output", "more notes");
    refused(p, file, "notes.txt.output is there", true);
    mem_free(file);
}

static void backup__output_where_the_queue_belongs__wants_force(void **state)
{
    struct place *p = *state;
    char *a = paths_join(p->out, "a"), *a_output = paths_join(p->out, "a.output");
    written(p, a, false);
    refused(p, a_output, "not a backup", true);
    mem_free(a_output);
    mem_free(a);
}

static void backup__over_what_is_no_file__is_refused(void **state)
{
    struct place *p = *state;
    char *dir = paths_join(p->out, "dir"), *fifo = paths_join(p->out, "fifo");
    char *lost = paths_join(p->out, "lost"), *far = paths_join(p->out, "no/such/b");
    assert_int_equal(mkdir(dir, 0700) | mkfifo(fifo, 0600) | symlink("nowhere", lost), 0);
    refused(p, dir, "not a file", false);
    refused(p, fifo, "not a file", false);
    refused(p, lost, "leads nowhere", false);
    refused(p, far, "no/such", false);
    refused(p, "/dev/null", "not a file", false);
    mem_free(far);
    mem_free(lost);
    mem_free(fifo);
    mem_free(dir);
}

static void backup__over_the_database_of_another_folder__is_refused(void **state)
{
    struct place *p = *state;
    char *other = paths_join(p->house.folder, "other"), *file = paths_join(other, "cadre.db");
    struct file_lock *lock;
    struct err e = {0};
    assert_int_equal(state_folder_enter(other, STATE_OF_COORDINATOR, &lock, &e), 0);
    file_lock_release(lock);
    refused(p, file, "state folder", false);
    char *marker = paths_join(other, STATE_MARKER); /* of a version without one */
    assert_int_equal(unlink(marker), 0);
    put(other, "ca.key", "x");
    refused(p, file, "state folder", false);
    /* a copy that somebody has open */
    char *copy = paths_join(p->out, "copy");
    written(p, copy, false);
    put(p->out, "copy-wal", "x");
    refused(p, copy, "in use", false);
    mem_free(copy);
    mem_free(marker);
    mem_free(file);
    mem_free(other);
}

static void backup__of_what_is_no_coordinators__is_refused(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    char *file = paths_join(p->out, "b"), *empty = paths_join(p->house.folder, "empty");
    assert_int_equal(make(empty, file, false, &e), ERR_NOT_FOUND);
    assert_false(file_exists(empty));
    assert_int_equal(dir_make(empty, FILE_SECRET, NULL), 0);
    assert_int_equal(make(empty, file, false, &e), ERR_NOT_FOUND);
    put(empty, "identity.json", "{}");
    assert_int_equal(make(empty, file, false, &e), ERR_DENIED);
    mem_free(empty);
    mem_free(file);
}

/* Beside a former one, with the keys that the guide says to keep. */
static void backup__of_a_queue_that_was_moved__is_refused(void **state)
{
    struct place *p = *state;
    char *file = paths_join(p->out, "b");
    put(p->state, MARK_MOVED, "postgresql://cadre@db1/cadre");
    refused(p, file, "postgresql://cadre@db1/cadre", false);
    refused(p, file, "pg_dump", false);
    mem_free(file);
}

static void backup__beside_kept_keys__is_written(void **state)
{
    struct place *p = *state;
    char *file = paths_join(p->out, "cadre.db");
    put(p->out, "ca.key", "x");
    put(p->out, "ca.pem", "x");
    put(p->out, "cadre.db.part", "not ours");
    written(p, file, false);
    written(p, file, false);
    assert_int_equal(count_in(p->out), 5);
    mem_free(file);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(backup__into_the_state_folder__is_refused),
        CASE(backup__over_a_source_by_another_name__is_refused),
        CASE(backup__over_another_file__wants_force),
        CASE(backup__output_where_the_queue_belongs__wants_force),
        CASE(backup__over_what_is_no_file__is_refused),
        CASE(backup__over_the_database_of_another_folder__is_refused),
        CASE(backup__of_what_is_no_coordinators__is_refused),
        CASE(backup__of_a_queue_that_was_moved__is_refused),
        CASE(backup__beside_kept_keys__is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
