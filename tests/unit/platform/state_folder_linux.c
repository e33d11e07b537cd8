/* Modes, links and rights of state folders, as Linux has them. */
#include "scratch.h"

#include "platform/file_facts.h"
#include "platform/state_folder.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void put(const char *folder, const char *name, mode_t mode)
{
    char *path = paths_join(folder, name);
    assert_int_equal(file_write_atomic(path, "x", 1, FILE_SECRET, NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
    mem_free(path);
}

static void look__through_links__sees_the_folder(void **state)
{
    struct state_look look;
    struct file_lock *lock = NULL;
    struct err e = {0};
    char *folder = paths_join(*state, "state"), *link = paths_join(*state, "link");
    char *nowhere = paths_join(*state, "nowhere");
    assert_int_equal(symlink(folder, link) | symlink("gone/far", nowhere), 0);
    assert_int_equal(state_folder_enter(folder, STATE_OF_COORDINATOR, &lock, &e), 0);
    file_lock_release(lock);
    assert_int_equal(state_folder_look(link, STATE_OF_AGENT, &look, &e), ERR_DENIED);
    assert_int_equal(state_folder_look(link, STATE_OF_COORDINATOR, &look, &e), 0);
    assert_true(look.known);
    assert_int_not_equal(state_folder_enter(nowhere, STATE_OF_AGENT, &lock, &e), 0);
    assert_non_null(strstr(e.msg, nowhere));
    mem_free(nowhere);
    mem_free(link);
    mem_free(folder);
}

static void marker__that_is_no_file__is_refused(void **state)
{
    struct state_look look;
    struct err e = {0};
    char *marker = paths_join(*state, STATE_MARKER);
    assert_int_equal(mkfifo(marker, 0600), 0);
    assert_int_not_equal(state_folder_look(*state, STATE_OF_AGENT, &look, &e), 0);
    assert_non_null(strstr(e.msg, marker));
    assert_int_equal(unlink(marker) | mkdir(marker, 0700), 0);
    assert_int_not_equal(state_folder_look(*state, STATE_OF_AGENT, &look, &e), 0);
    assert_non_null(strstr(e.msg, marker));
    mem_free(marker);
}

static void enter__empty_folder__is_closed_to_others(void **state)
{
    static const mode_t modes[] = {0777, 0775, 01777, 0722};
    struct err e = {0};
    for (size_t i = 0; i < 4; i++) {
        struct file_lock *lock = NULL;
        struct stat st;
        char *name = str_dupf("%zu", i), *folder = paths_join(*state, name);
        assert_int_equal(mkdir(folder, 0700) | chmod(folder, modes[i]), 0);
        assert_int_equal(state_folder_enter(folder, STATE_OF_AGENT, &lock, &e), 0);
        assert_int_equal(stat(folder, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        file_lock_release(lock);
        /* but what was opened later on is told, not mended */
        assert_int_equal(chmod(folder, modes[i]), 0);
        assert_int_equal(state_folder_enter(folder, STATE_OF_AGENT, &lock, &e), ERR_DENIED);
        assert_non_null(strstr(e.msg, "chmod 700"));
        assert_non_null(strstr(e.msg, folder));
        mem_free(folder);
        mem_free(name);
    }
}

static void access__secrets_open_to_others__are_named(void **state)
{
    static const char *const secrets[] = {"ca.key", "admin.token", "absent"};
    static const mode_t good[] = {0600, 0400, 0700}, bad[] = {0640, 0604, 0644, 0602, 0620, 0666};
    struct err e = {0};
    put(*state, "ca.key", 0600);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        put(*state, "admin.token", good[i]);
        assert_int_equal(state_folder_check_access(*state, secrets, 3, &e), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put(*state, "admin.token", bad[i]);
        assert_int_equal(state_folder_check_access(*state, secrets, 3, &e), ERR_DENIED);
        assert_non_null(strstr(e.msg, "admin.token"));
        assert_non_null(strstr(e.msg, "chmod 600"));
    }
    put(*state, "admin.token", 0600);
    assert_int_equal(chmod(*state, 0755), 0); /* may be looked into: what lies there is closed */
    assert_int_equal(state_folder_check_access(*state, secrets, 3, &e), 0);
    assert_int_equal(chmod(*state, 0770), 0);
    assert_int_equal(state_folder_check_access(*state, secrets, 3, &e), ERR_DENIED);
}

/* As an account that has no rights; its exit code. */
static int as_nobody(const char *folder, const char *word)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct state_look look;
        struct err e = {0};
        if (setgid(65534) != 0 || setuid(65534) != 0) _exit(9);
        int rc = state_folder_look(folder, STATE_OF_COORDINATOR, &look, &e);
        _exit(rc == ERR_DENIED && strstr(e.msg, "Permission denied") && strstr(e.msg, word) ? 0
                                                                                            : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void look__without_the_right__tells_the_path_and_the_reason(void **state)
{
    if (geteuid() != 0) skip();
    char *folder = paths_join(*state, "state"), *below = paths_join(folder, "below");
    struct file_lock *lock = NULL;
    struct err e = {0};
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(state_folder_enter(folder, STATE_OF_COORDINATOR, &lock, &e), 0);
    file_lock_release(lock);
    assert_int_equal(as_nobody(folder, folder), 0);
    assert_int_equal(as_nobody(below, below), 0); /* in a folder that it may not enter */
    mem_free(below);
    mem_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_CASE(look__through_links__sees_the_folder),
        SCRATCH_CASE(marker__that_is_no_file__is_refused),
        SCRATCH_CASE(enter__empty_folder__is_closed_to_others),
        SCRATCH_CASE(access__secrets_open_to_others__are_named),
        SCRATCH_CASE(look__without_the_right__tells_the_path_and_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
