/* platform/linux/start_fault: each error of a start, as the job's fault or the machine's. */
#include "platform/linux/start_fault.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define OWN "/nonexistent/work/1"

struct row {
    enum spawn_step step;
    int error;
    const char *path, *cwd;
    int code;
};

static void look(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct spawn s = {.path = rows[i].path,
                          .cwd = rows[i].cwd,
                          .step = rows[i].step,
                          .error = rows[i].error};
        struct err e = {0};
        int rc = start_failed(&s, OWN, &e);
        if (rc != rows[i].code)
            fail_msg("row %zu: step %d, error %d: %d instead of %d (%s)", i, (int)rows[i].step,
                     rows[i].error, rc, rows[i].code, e.msg);
        assert_int_equal(e.code, rc);
        if (rc != ERR_TIMEOUT && rc != ERR_NOT_FOUND && rows[i].error != ENOEXEC &&
            rows[i].error != E2BIG)
            assert_non_null(strstr(e.msg, strerror(rows[i].error)));
    }
}

static void what_the_job_named__is_its_own_fault(void **state)
{
    static const struct row rows[] = {
        {SPAWN_EXEC, ENOENT, "/nonexistent/x", "/", ERR_NOT_FOUND},
        {SPAWN_EXEC, ENOTDIR, "/dev/null/x", "/", ERR_NOT_FOUND},
        {SPAWN_EXEC, EACCES, "/nonexistent/x", "/", ERR_DENIED},
        {SPAWN_EXEC, EPERM, "/nonexistent/x", "/", ERR_DENIED},
        {SPAWN_EXEC, ENOEXEC, "/nonexistent/x", "/", ERR_DENIED},
        {SPAWN_EXEC, E2BIG, "/nonexistent/x", "/", ERR_IO},
        {SPAWN_EXEC, ELOOP, "/nonexistent/x", "/", ERR_IO},
        {SPAWN_EXEC, ENAMETOOLONG, "/nonexistent/x", "/", ERR_IO},
        {SPAWN_EXEC, ETXTBSY, "/nonexistent/x", "/", ERR_IO},
        {SPAWN_EXEC, ELIBBAD, "/nonexistent/x", "/", ERR_IO},
        {SPAWN_CWD, ENOENT, "/bin/true", "/nonexistent/there", ERR_NOT_FOUND},
        {SPAWN_CWD, ENOTDIR, "/bin/true", "/dev/null", ERR_NOT_FOUND},
        {SPAWN_CWD, EACCES, "/bin/true", "/root", ERR_DENIED},
        {SPAWN_CWD, ENAMETOOLONG, "/bin/true", "/nonexistent/there", ERR_IO},
        /* a neighbour of the caller's own folder is not in it */
        {SPAWN_CWD, ENOENT, "/bin/true", OWN "0", ERR_NOT_FOUND},
        {SPAWN_EXEC, ENOENT, OWN ".sh", "/", ERR_NOT_FOUND},
    };
    (void)state;
    look(rows, sizeof rows / sizeof *rows);
}

static void what_is_scarce_or_broken__is_the_machines_fault_at_every_step(void **state)
{
    static const int errors[] = {EAGAIN, ENOMEM, EMFILE,   ENFILE,  EIO,       ENOSPC,  EDQUOT,
                                 EROFS,  ESTALE, ENOTCONN, ENOBUFS, ETIMEDOUT, EUCLEAN, ENODEV};
    static const enum spawn_step steps[] = {SPAWN_CLONE, SPAWN_SETUP, SPAWN_CWD, SPAWN_EXEC};
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            struct row row = {steps[k], errors[i], "/nonexistent/x", "/nonexistent", ERR_MACHINE};
            look(&row, 1);
        }
    }
}

static void what_is_the_callers_own__is_the_machines_fault(void **state)
{
    static const struct row rows[] = {
        {SPAWN_CWD, ENOENT, "/bin/true", OWN, ERR_MACHINE},
        {SPAWN_CWD, EACCES, "/bin/true", OWN, ERR_MACHINE},
        {SPAWN_CWD, ENOENT, "/bin/true", OWN "/below", ERR_MACHINE},
        {SPAWN_EXEC, ENOENT, OWN "/script", "/", ERR_MACHINE},
        {SPAWN_EXEC, EACCES, OWN "/script", "/", ERR_MACHINE}, /* mounted noexec */
        {SPAWN_EXEC, ENOENT, "./script", OWN, ERR_MACHINE},
        {SPAWN_CLONE, EPERM, "/bin/true", "/", ERR_MACHINE},
        {SPAWN_SETUP, EINVAL, "/bin/true", "/", ERR_MACHINE},
    };
    (void)state;
    look(rows, sizeof rows / sizeof *rows);
}

static void a_lease_that_is_over__is_nobodys_fault(void **state)
{
    static const struct row row = {SPAWN_REVOKED, ECANCELED, "/bin/true", "/", ERR_TIMEOUT};
    (void)state;
    look(&row, 1);
}

static void without_an_own_folder__a_folder_is_the_jobs(void **state)
{
    struct spawn s = {.path = "/bin/true", .cwd = OWN, .step = SPAWN_CWD, .error = ENOENT};
    (void)state;
    assert_int_equal(start_failed(&s, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(start_failed(&s, "", NULL), ERR_NOT_FOUND);
}

static void a_command_that_is_nowhere__is_the_jobs_fault(void **state)
{
    static const char *const paths[] = {"PATH=/nonexistent:/dev/null:relative", "PATH=", "A=b"};
    static const char *const argv[] = {"cadre-no-such-command", NULL};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const char *const env[] = {paths[i], NULL};
        struct process_options o = {.argv = argv, .env = env};
        struct err e = {0};
        char *file = NULL;
        assert_int_equal(start_find_command(&o, &file, &e), ERR_NOT_FOUND);
        assert_null(file);
        assert_non_null(strstr(e.msg, argv[0]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_job_named__is_its_own_fault),
        cmocka_unit_test(what_is_scarce_or_broken__is_the_machines_fault_at_every_step),
        cmocka_unit_test(what_is_the_callers_own__is_the_machines_fault),
        cmocka_unit_test(a_lease_that_is_over__is_nobodys_fault),
        cmocka_unit_test(without_an_own_folder__a_folder_is_the_jobs),
        cmocka_unit_test(a_command_that_is_nowhere__is_the_jobs_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
