/* Modes, owners, links and locks as Linux has them. */
#include "scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static void modes__are_exact_whatever_the_umask(void **state)
{
    char *path = paths_join(*state, "file"), *folder = paths_join(*state, "folder");
    static const mode_t masks[] = {0, 077, 0777};
    for (size_t i = 0; i < 3; i++) {
        mode_t before = umask(masks[i]);
        int a = file_write_atomic(path, "x", 1, FILE_PUBLIC, NULL);
        mode_t public = mode_of(path);
        int b = file_write_atomic(path, "x", 1, FILE_SECRET, NULL);
        umask(before);
        assert_int_equal(a, 0);
        assert_int_equal(b, 0);
        assert_int_equal(public, 0644);
        assert_int_equal(mode_of(path), 0600);
    }
    assert_int_equal(dir_make(folder, FILE_SECRET, NULL), 0);
    assert_int_equal(mode_of(folder), 0700);
    mem_free(folder);
    mem_free(path);
}

static void exposure__is_told(void **state)
{
    char *path = paths_join(*state, "file");
    assert_int_equal(file_write_atomic(path, "x", 1, FILE_PUBLIC, NULL), 0);
    assert_true(file_is_exposed(path));
    assert_int_equal(chmod(path, 0640), 0);
    assert_true(file_is_exposed(path));
    assert_int_equal(chmod(path, 0400), 0);
    assert_false(file_is_exposed(path));
    mem_free(path);
}

static void what_root_makes_for_an_account__is_the_accounts(void **state)
{
    struct stat st;
    if (geteuid() != 0) skip();
    char *folder = paths_join(*state, "state");
    char *path = paths_join(folder, "agent.key"), *below = paths_join(folder, "work");
    assert_int_equal(dir_make(folder, FILE_SECRET, NULL), 0);
    assert_int_equal(chown(folder, 12345, 12346), 0);
    assert_int_equal(file_write_atomic(path, "x", 1, FILE_SECRET, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, 12345);
    assert_int_equal(st.st_gid, 12346);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(dir_make(below, FILE_SECRET, NULL), 0);
    assert_int_equal(stat(below, &st), 0);
    assert_int_equal(st.st_uid, 12345);
    mem_free(below);
    mem_free(path);
    mem_free(folder);
}

static void a_write_through_a_link__leaves_its_target(void **state)
{
    char *target = paths_join(*state, "target"), *link = paths_join(*state, "link");
    assert_int_equal(file_write_atomic(target, "t", 1, FILE_PUBLIC, NULL), 0);
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(file_write_plain(link, "x", 1, FILE_PUBLIC, NULL), ERR_IO);
    assert_int_equal(file_write_atomic(link, "new", 3, FILE_SECRET, NULL), 0);
    struct buf b;
    buf_init(&b, 16);
    assert_int_equal(file_read(target, 16, &b, NULL), 0);
    assert_string_equal(b.data, "t");
    buf_fini(&b);
    mem_free(link);
    mem_free(target);
}

static void a_read_without_links__takes_files_alone(void **state)
{
    char *target = paths_join(*state, "target"), *link = paths_join(*state, "link"),
         *pipe = paths_join(*state, "pipe");
    struct err e = {0};
    struct buf b;
    buf_init(&b, 16);
    assert_int_equal(file_write_atomic(target, "t", 1, FILE_PUBLIC, NULL), 0);
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(file_read_no_link(link, 16, &b, NULL), ERR_IO);
    assert_int_equal(file_read_no_link(pipe, 16, &b, &e), ERR_IO);
    assert_non_null(strstr(e.msg, "not a regular file"));
    assert_int_equal(file_read_no_link(*state, 16, &b, NULL), ERR_IO);
    assert_int_equal(b.len, 0);
    assert_int_equal(file_read_no_link(target, 16, &b, NULL), 0);
    assert_string_equal(b.data, "t");
    buf_fini(&b);
    mem_free(pipe);
    mem_free(link);
    mem_free(target);
}

static void a_full_disk__is_told_as_such(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat st;
    if (stat("/dev/full", &st) != 0 || !S_ISCHR(st.st_mode)) skip(); /* a container without it */
    assert_int_equal(file_write_plain("/dev/full", "x", 1, FILE_PUBLIC, &e), ERR_FULL);
    assert_true(file_exists("/dev/full")); /* half a file is removed, a device is not */
}

static void trees_without_rights__are_removed(void **state)
{
    char *tree = paths_join(*state, "tree"), *shut = paths_join(tree, "shut"),
         *file = paths_join(shut, "file");
    assert_int_equal(dir_make(shut, FILE_PUBLIC, NULL), 0);
    assert_int_equal(file_write_plain(file, "x", 1, FILE_PUBLIC, NULL), 0);
    assert_int_equal(chmod(file, 0), 0);
    assert_int_equal(chmod(shut, 0), 0);
    assert_int_equal(chmod(tree, 0500), 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* root may do everything anyway: an ordinary account has to show it */
        if (geteuid() == 0) {
            if (chown(*state, 12345, 12345) || chown(tree, 12345, 12345) ||
                chown(shut, 12345, 12345))
                _exit(2);
            /* the folders above may be closed to that account: go in first */
            if (chdir(*state) != 0 || setgid(12345) != 0 || setuid(12345) != 0) _exit(3);
            _exit(dir_remove_tree("tree", NULL) == 0 ? 0 : 1);
        }
        _exit(dir_remove_tree(tree, NULL) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_false(file_exists(tree));
    mem_free(file);
    mem_free(shut);
    mem_free(tree);
}

static void links_in_trees__are_not_followed(void **state)
{
    char *tree = paths_join(*state, "tree"), *outside = paths_join(*state, "outside");
    char *kept = paths_join(outside, "kept"), *to_folder = paths_join(tree, "to-folder");
    char *to_file = paths_join(tree, "to-file"), *dangling = paths_join(tree, "dangling");
    assert_int_equal(dir_make(tree, FILE_PUBLIC, NULL), 0);
    assert_int_equal(dir_make(outside, FILE_PUBLIC, NULL), 0);
    assert_int_equal(file_write_plain(kept, "x", 1, FILE_PUBLIC, NULL), 0);
    assert_int_equal(chmod(outside, 0500), 0);
    assert_int_equal(symlink(outside, to_folder), 0);
    assert_int_equal(symlink(kept, to_file), 0);
    assert_int_equal(symlink("/nonexistent", dangling), 0);
    assert_int_equal(dir_remove_tree(tree, NULL), 0);
    assert_true(file_exists(kept));
    assert_int_equal(mode_of(outside), 0500);
    /* a link as the tree itself is no folder */
    assert_int_equal(symlink(outside, tree), 0);
    assert_int_equal(dir_remove_tree(tree, NULL), ERR_INVALID);
    assert_true(file_exists(kept));
    mem_free(dangling);
    mem_free(to_file);
    mem_free(to_folder);
    mem_free(kept);
    mem_free(outside);
    mem_free(tree);
}

static void trees_deeper_than_any_path__are_removed(void **state)
{
    char *tree = paths_join(*state, "tree");
    assert_int_equal(dir_make(tree, FILE_PUBLIC, NULL), 0);
    int at = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(at, "a-folder-below-the-one-before", 0755), 0);
        int next = openat(at, "a-folder-below-the-one-before", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int file = openat(next, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(next >= 0 && file >= 0);
        close(file);
        close(at);
        at = next;
    }
    close(at);
    struct rlimit before, few;
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = 128;
    setrlimit(RLIMIT_NOFILE, &few);
    struct err e = {0};
    int rc = dir_remove_tree(tree, &e);
    setrlimit(RLIMIT_NOFILE, &before);
    if (rc != 0) print_error("%s\n", e.msg);
    assert_int_equal(rc, 0);
    assert_false(file_exists(tree));
    mem_free(tree);
}

static void what_cannot_be_removed__is_put_aside(void **state)
{
    /* an entry of another account in a folder with the sticky bit: only its owner may remove it */
    if (geteuid() != 0) skip();
    char *tree = paths_join(*state, "tree"), *sub = paths_join(tree, "sub"),
         *file = paths_join(sub, "stuck");
    assert_int_equal(dir_make(sub, FILE_PUBLIC, NULL), 0);
    assert_int_equal(file_write_plain(file, "x", 1, FILE_PUBLIC, NULL), 0);
    assert_int_equal(chown(*state, 12345, 12345), 0);
    assert_int_equal(chown(tree, 12345, 12345), 0);
    assert_int_equal(chmod(sub, 0755), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = {0};
        if (chdir(*state) != 0 || setgid(12345) != 0 || setuid(12345) != 0) _exit(3);
        int rc = dir_remove_tree("tree", &e);
        if (rc != ERR_IO || !strstr(e.msg, "stuck") || !strstr(e.msg, ".old-")) _exit(1);
        _exit(file_exists("tree") ? 2 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    mem_free(file);
    mem_free(sub);
    mem_free(tree);
}

static void a_lock__keeps_another_process_out_until_it_dies(void **state)
{
    struct file_lock *l = NULL;
    struct err e = {0};
    char *path = paths_join(*state, "lock"), pid_text[32], c;
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (file_lock_take(path, &l, NULL) != 0) _exit(1);
        if (write(ready[1], "r", 1) != 1) _exit(2);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(file_lock_take(path, &l, &e), ERR_CONFLICT);
    assert_null(l);
    snprintf(pid_text, sizeof pid_text, "process %d", (int)pid);
    assert_non_null(strstr(e.msg, pid_text));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(file_lock_take(path, &l, NULL), 0);
    file_lock_release(l);
    close(ready[0]);
    close(ready[1]);
    mem_free(path);
}

/* The heir of a holder that was killed: the heir has the lock until somebody has tried to get it
 * twice. */
static void be_an_heir(const char *path, int ready, int test)
{
    char events[4096];
    struct pollfd on[2] = {{.fd = inotify_init1(IN_CLOEXEC), .events = POLLIN},
                           {.fd = test, .events = POLLIN}};
    if (inotify_add_watch(on[0].fd, path, IN_OPEN) < 0 || write(ready, "r", 1) != 1) _exit(1);
    for (int opened = 0; opened < 2;) {
        if (poll(on, 2, -1) < 1 || on[1].revents) _exit(2);
        ssize_t n = read(on[0].fd, events, sizeof(struct inotify_event)); /* a file has no name */
        if (n == (ssize_t)sizeof(struct inotify_event)) opened++;
    }
    _exit(0);
}

static void a_lock__is_waited_for_when_its_holder_is_dead(void **state)
{
    struct file_lock *l = NULL;
    struct err e = {0};
    char *path = paths_join(*state, "inherited"), c;
    int ready[2], test[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(test, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(test[1]);
        if (file_lock_take(path, &l, NULL) != 0) _exit(1);
        if (fork() == 0) be_an_heir(path, ready[1], test[0]);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(file_lock_take(path, &l, &e), 0);
    file_lock_release(l);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(test[i]);
    }
    mem_free(path);
}

static void standard_input__is_read_up_to_its_limit(void **state)
{
    char *path = paths_join(*state, "input");
    struct buf b;
    struct err e = {0};
    assert_int_equal(file_write_plain(path, "a\0b\n", 4, FILE_PUBLIC, NULL), 0);
    int saved = dup(0), fd = open(path, O_RDONLY | O_CLOEXEC);
    dup2(fd, 0);
    buf_init(&b, 100);
    assert_int_equal(stdin_read(3, &b, &e), ERR_TOO_LARGE);
    lseek(0, 0, SEEK_SET);
    buf_clear(&b);
    assert_int_equal(stdin_read(4, &b, &e), 0);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "a\0b\n", 4);
    dup2(saved, 0);
    close(saved);
    close(fd);
    buf_fini(&b);
    mem_free(path);
}

/* A job of root may leave a mount behind: on its work folder, too. */
static void what_is_mounted_on_a_folder__stays_whole(void **state)
{
    char *data = paths_join(*state, "data"), *file = paths_join(data, "file");
    char *tree = paths_join(*state, "tree"), *own = paths_join(tree, "own");
    assert_int_equal(dir_make(data, FILE_PUBLIC, NULL), 0);
    assert_int_equal(file_write_plain(file, "x", 1, FILE_PUBLIC, NULL), 0);
    assert_int_equal(dir_make(own, FILE_PUBLIC, NULL), 0);
    bool mounted = mount(data, tree, NULL, MS_BIND, NULL) == 0;
    int rc = mounted ? dir_remove_tree(tree, NULL) : 0;
    if (mounted) {
        bool exists = access(file, F_OK) == 0;
        assert_int_equal(umount(tree), 0);
        assert_int_equal(rc, ERR_IO);
        assert_true(exists);
        assert_int_equal(access(own, F_OK), 0);
        assert_int_equal(dir_remove_tree(tree, NULL), 0);
    }
    mem_free(own);
    mem_free(tree);
    mem_free(file);
    mem_free(data);
    if (!mounted) skip(); /* not root */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_CASE(modes__are_exact_whatever_the_umask),
        SCRATCH_CASE(exposure__is_told),
        SCRATCH_CASE(what_root_makes_for_an_account__is_the_accounts),
        SCRATCH_CASE(a_write_through_a_link__leaves_its_target),
        SCRATCH_CASE(a_read_without_links__takes_files_alone),
        SCRATCH_CASE(a_full_disk__is_told_as_such),
        SCRATCH_CASE(trees_without_rights__are_removed),
        SCRATCH_CASE(links_in_trees__are_not_followed),
        SCRATCH_CASE(trees_deeper_than_any_path__are_removed),
        SCRATCH_CASE(what_cannot_be_removed__is_put_aside),
        SCRATCH_CASE(what_is_mounted_on_a_folder__stays_whole),
        SCRATCH_CASE(a_lock__keeps_another_process_out_until_it_dies),
        SCRATCH_CASE(a_lock__is_waited_for_when_its_holder_is_dead),
        SCRATCH_CASE(standard_input__is_read_up_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
