/* Files with promises, on every system. What only one system has: files_linux.c. */
#include "scratch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put(const char *path, const char *text)
{
    struct err e = {0};
    int rc = file_write_plain(path, text, strlen(text), FILE_PUBLIC, &e);
    if (rc != 0) print_error("%s\n", e.msg);
    assert_int_equal(rc, 0);
}

static void check_content(const char *path, const char *text)
{
    struct buf b;
    buf_init(&b, 65536);
    assert_int_equal(file_read(path, 65536, &b, NULL), 0);
    assert_string_equal(b.data, text);
    buf_fini(&b);
}

static int count_one(const char *name, void *user)
{
    (void)name;
    ++*(int *)user;
    return 0;
}

static int entries(const char *path)
{
    int n = 0;
    assert_int_equal(dir_list(path, count_one, &n, NULL), 0);
    return n;
}

static void atomic_write__replaces_and_leaves_nothing_beside(void **state)
{
    char *path = paths_join(*state, "file");
    assert_int_equal(file_write_atomic(path, "one", 3, FILE_PUBLIC, NULL), 0);
    check_content(path, "one");
    assert_int_equal(file_write_atomic(path, "second", 6, FILE_SECRET, NULL), 0);
    check_content(path, "second");
    assert_int_equal(file_write_atomic(path, "", 0, FILE_SECRET, NULL), 0);
    check_content(path, "");
    assert_int_equal(entries(*state), 1);
    mem_free(path);
}

static void atomic_write__without_its_folder_fails_and_names_it(void **state)
{
    struct err e = {0};
    char *folder = paths_join(*state, "missing");
    char *path = paths_join(folder, "file");
    assert_int_equal(file_write_atomic(path, "x", 1, FILE_PUBLIC, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "missing"));
    assert_false(file_exists(path));
    mem_free(path);
    mem_free(folder);
}

static void atomic_write__over_a_folder_fails_and_keeps_it(void **state)
{
    char *path = paths_join(*state, "folder");
    assert_int_equal(dir_make(path, FILE_PUBLIC, NULL), 0);
    assert_int_not_equal(file_write_atomic(path, "x", 1, FILE_PUBLIC, NULL), 0);
    assert_int_equal(entries(*state), 1);
    assert_int_equal(entries(path), 0);
    mem_free(path);
}

static void secrets__are_not_exposed(void **state)
{
    char *path = paths_join(*state, "key");
    assert_int_equal(file_write_atomic(path, "k", 1, FILE_SECRET, NULL), 0);
    assert_false(file_is_exposed(path));
    assert_int_equal(file_write_plain(path, "k", 1, FILE_SECRET, NULL), 0);
    assert_false(file_is_exposed(path));
    mem_free(path);
    path = paths_join(*state, "script");
    assert_int_equal(file_write_plain(path, "k", 1, FILE_SECRET, NULL), 0);
    assert_false(file_is_exposed(path));
    assert_false(file_is_exposed("/nonexistent/file"));
    mem_free(path);
}

static void reading__refuses_what_is_missing_or_too_large(void **state)
{
    struct buf b;
    struct err e = {0};
    char *path = paths_join(*state, "file");
    buf_init(&b, 100);
    assert_int_equal(file_read(path, 10, &b, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, path));
    put(path, "0123456789");
    assert_int_equal(buf_adds(&b, "before"), 0);
    assert_int_equal(file_read(path, 9, &b, &e), ERR_TOO_LARGE);
    assert_string_equal(b.data, "before");
    assert_int_equal(file_read(path, 10, &b, &e), 0);
    assert_string_equal(b.data, "before0123456789");
    assert_int_not_equal(file_read(*state, 10, &b, &e), 0);
    buf_fini(&b);
    mem_free(path);
}

static void binary_content__comes_back_as_it_was(void **state)
{
    static const char bytes[] = "a\r\nb\0c\x1a\xff\n";
    struct buf b;
    char *path = paths_join(*state, "file");
    buf_init(&b, 100);
    assert_int_equal(file_write_plain(path, bytes, sizeof bytes, FILE_PUBLIC, NULL), 0);
    assert_int_equal(file_read(path, 100, &b, NULL), 0);
    assert_int_equal(b.len, sizeof bytes);
    assert_memory_equal(b.data, bytes, sizeof bytes);
    buf_fini(&b);
    mem_free(path);
}

static void moving__replaces(void **state)
{
    char *a = paths_join(*state, "a"), *b = paths_join(*state, "b");
    put(a, "new");
    put(b, "old");
    assert_int_equal(file_move(a, b, NULL), 0);
    check_content(b, "new");
    assert_false(file_exists(a));
    assert_int_equal(file_move(a, b, NULL), ERR_NOT_FOUND);
    check_content(b, "new");
    mem_free(a);
    mem_free(b);
}

static void removing__is_fine_when_absent(void **state)
{
    char *path = paths_join(*state, "file");
    assert_int_equal(file_remove(path, NULL), 0);
    put(path, "x");
    assert_int_equal(file_remove(path, NULL), 0);
    assert_false(file_exists(path));
    assert_int_not_equal(file_remove(*state, NULL), 0);
    mem_free(path);
}

static void unicode_names__are_kept(void **state)
{
    char *folder = paths_join(*state, "gr\xc3\xb6\xc3\x9f"
                                      "e \xe6\x97\xa5\xe6\x9c\xac");
    char *path = paths_join(folder, "\xf0\x9f\x98\x80.txt");
    assert_int_equal(dir_make(folder, FILE_PUBLIC, NULL), 0);
    put(path, "x");
    assert_true(file_exists(path));
    check_content(path, "x");
    assert_int_equal(entries(folder), 1);
    mem_free(path);
    mem_free(folder);
}

/* A path of about `chars` characters below folder; the folders of it are made. */
static char *long_folder(const char *folder, size_t chars)
{
    char *path = mem_strdup(folder);
    while (strlen(path) < chars) {
        char *deeper = paths_join(path, "a-folder-with-quite-a-long-name-of-its-own-0123456789");
        mem_free(path);
        path = deeper;
    }
    assert_int_equal(dir_make(path, FILE_PUBLIC, NULL), 0);
    return path;
}

static void long_paths__work_everywhere(void **state)
{
    char *folder = long_folder(*state, 1200);
    char *path = paths_join(folder, "file");
    struct disk_room room;
    assert_int_equal(file_write_atomic(path, "x", 1, FILE_SECRET, NULL), 0);
    check_content(path, "x");
    assert_true(file_exists(path));
    assert_int_equal(entries(folder), 1);
    assert_int_equal(disk_free(folder, &room, NULL), 0);
    mem_free(path);
    mem_free(folder);
    path = paths_join(*state, "a-folder-with-quite-a-long-name-of-its-own-0123456789");
    assert_int_equal(dir_remove_tree(path, NULL), 0);
    assert_false(file_exists(path));
    mem_free(path);
}

static void folders__are_made_with_their_parents(void **state)
{
    char *a = paths_join(*state, "a");
    char *b = paths_join(a, "b");
    assert_int_equal(dir_make(b, FILE_SECRET, NULL), 0);
    assert_int_equal(dir_make(b, FILE_SECRET, NULL), 0);
    assert_true(file_exists(b));
    char *file = paths_join(a, "file"), *below = paths_join(file, "c");
    put(file, "x");
    assert_int_not_equal(dir_make(file, FILE_PUBLIC, NULL), 0);
    assert_int_not_equal(dir_make(below, FILE_PUBLIC, NULL), 0);
    mem_free(below);
    mem_free(file);
    mem_free(b);
    mem_free(a);
}

static void trees__are_removed_whole(void **state)
{
    char *tree = paths_join(*state, "tree");
    char *sub = paths_join(tree, "sub");
    assert_int_equal(dir_make(sub, FILE_PUBLIC, NULL), 0);
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof name, "file-%d", i);
        char *path = paths_join(i % 2 ? tree : sub, name);
        put(path, "x");
        mem_free(path);
    }
    assert_int_equal(dir_remove_tree(tree, NULL), 0);
    assert_int_equal(dir_remove_tree(tree, NULL), 0);
    assert_int_equal(entries(*state), 0);
    put(tree, "a file");
    assert_int_equal(dir_remove_tree(tree, NULL), ERR_INVALID);
    assert_true(file_exists(tree));
    mem_free(sub);
    mem_free(tree);
}

static bool go_on_for(void *user)
{
    return --*(int *)user >= 0;
}

static void removal__asks_before_each_entry_and_leaves_the_rest(void **state)
{
    char *tree = paths_join(*state, "tree");
    struct err e = {0};
    int steps = 10, all = 1000;
    assert_int_equal(dir_make(tree, FILE_PUBLIC, NULL), 0);
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "file-%d", i);
        char *path = paths_join(tree, name);
        put(path, "x");
        mem_free(path);
    }
    assert_int_equal(dir_remove_tree_while(tree, go_on_for, &steps, &e), ERR_UNAVAILABLE);
    assert_int_equal(steps, -1);
    assert_true(entries(tree) >= 40 && entries(tree) < 50);
    assert_int_equal(entries(*state), 1); /* under its own name: the next try finds it */
    assert_int_equal(dir_remove_tree_while(tree, go_on_for, &all, &e), 0);
    assert_int_equal(entries(*state), 0);
    mem_free(tree);
}

static int stop_at_two(const char *name, void *user)
{
    (void)name;
    return ++*(int *)user == 2 ? 77 : 0;
}

static void listing__ends_when_told_to(void **state)
{
    struct err e = {0};
    int n = 0;
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        char *path = paths_join(*state, name);
        put(path, "");
        mem_free(path);
    }
    assert_int_equal(dir_list(*state, stop_at_two, &n, NULL), 77);
    assert_int_equal(n, 2);
    assert_int_equal(entries(*state), 5);
    char *missing = paths_join(*state, "missing");
    assert_int_equal(dir_list(missing, count_one, &n, &e), ERR_NOT_FOUND);
    mem_free(missing);
}

static void disk__has_room_and_is_known(void **state)
{
    struct disk_room room = {-1, -1};
    struct err e = {0};
    assert_int_equal(disk_free(*state, &room, NULL), 0);
    assert_true(room.bytes > 0 && room.inodes > 0);
    char *missing = paths_join(*state, "missing");
    room = (struct disk_room){-1, -1};
    assert_int_not_equal(disk_free(missing, &room, &e), 0);
    assert_true(room.bytes == -1 && room.inodes == -1);
    mem_free(missing);
}

static void a_lock__is_held_once_and_let_go(void **state)
{
    struct file_lock *a = NULL, *b = NULL;
    struct err e = {0};
    char *path = paths_join(*state, "lock"), pid[32];
    assert_int_equal(file_lock_take(path, &a, NULL), 0);
    assert_int_equal(file_lock_take(path, &b, &e), ERR_CONFLICT);
    assert_null(b);
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    assert_non_null(strstr(e.msg, pid));
    file_lock_release(a);
    assert_int_equal(file_lock_take(path, &b, NULL), 0);
    file_lock_release(b);
    file_lock_release(NULL);
    assert_true(file_exists(path));
    mem_free(path);
}

static void paths__join_and_come_apart(void **state)
{
    (void)state;
    char *joined = paths_join("folder", "name");
    char *dir = paths_dir(joined);
    assert_string_equal(dir, "folder");
    mem_free(dir);
    mem_free(joined);
    joined = paths_join("folder//", "name");
    dir = paths_dir(joined);
    assert_string_equal(dir, "folder");
    mem_free(dir);
    mem_free(joined);
    joined = paths_join("", "name");
    assert_string_equal(joined, "name");
    mem_free(joined);
    dir = paths_dir("name");
    assert_string_equal(dir, ".");
    mem_free(dir);
    dir = paths_dir("/name");
    assert_string_equal(dir, "/");
    mem_free(dir);
    dir = paths_dir("a/b///");
    assert_string_equal(dir, "a");
    mem_free(dir);
    char *self = paths_self();
    assert_true(file_exists(self));
    mem_free(self);
}

static void default_places__are_under_cadre(void **state)
{
    (void)state;
    char *places[] = {paths_agent_config(), paths_agent_state(), paths_coordinator_config(),
                      paths_coordinator_state()};
    for (size_t i = 0; i < 4; i++) {
        assert_true(strstr(places[i], "cadre") || strstr(places[i], "Cadre"));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(places[i], places[k]);
    }
    for (size_t i = 0; i < 4; i++)
        mem_free(places[i]);
}

static void an_empty_folder__is_removed_and_a_full_one_is_not(void **state)
{
    char *folder = paths_join(*state, "empty"), *file = paths_join(folder, "file");
    struct err e = {0};
    assert_int_equal(dir_remove_empty(folder, &e), 0); /* fine when absent */
    assert_int_equal(dir_make(folder, FILE_SECRET, NULL), 0);
    assert_int_equal(file_write_plain(file, "x", 1, FILE_SECRET, NULL), 0);
    assert_int_not_equal(dir_remove_empty(folder, &e), 0);
    assert_non_null(strstr(e.msg, folder));
    assert_true(file_exists(file));
    assert_int_equal(file_remove(file, NULL), 0);
    assert_int_equal(dir_remove_empty(folder, &e), 0);
    assert_false(file_exists(folder));
    mem_free(file);
    mem_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_CASE(atomic_write__replaces_and_leaves_nothing_beside),
        SCRATCH_CASE(atomic_write__without_its_folder_fails_and_names_it),
        SCRATCH_CASE(atomic_write__over_a_folder_fails_and_keeps_it),
        SCRATCH_CASE(secrets__are_not_exposed),
        SCRATCH_CASE(reading__refuses_what_is_missing_or_too_large),
        SCRATCH_CASE(binary_content__comes_back_as_it_was),
        SCRATCH_CASE(moving__replaces),
        SCRATCH_CASE(removing__is_fine_when_absent),
        SCRATCH_CASE(an_empty_folder__is_removed_and_a_full_one_is_not),
        SCRATCH_CASE(unicode_names__are_kept),
        SCRATCH_CASE(long_paths__work_everywhere),
        SCRATCH_CASE(folders__are_made_with_their_parents),
        SCRATCH_CASE(trees__are_removed_whole),
        SCRATCH_CASE(removal__asks_before_each_entry_and_leaves_the_rest),
        SCRATCH_CASE(listing__ends_when_told_to),
        SCRATCH_CASE(disk__has_room_and_is_known),
        SCRATCH_CASE(a_lock__is_held_once_and_let_go),
        SCRATCH_CASE(paths__join_and_come_apart),
        SCRATCH_CASE(default_places__are_under_cadre),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
