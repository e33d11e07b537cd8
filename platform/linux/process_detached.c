/* Programs that live on after the program that started them. */
#include "platform/process.h"

#include "base/mem.h"
#include "platform/linux/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int start_with(int null_fd, int log_fd, const char *file, const char *const *argv,
                      int64_t *pid, struct err *e)
{
    struct spawn_stack stack;
    struct spawn s = {.path = file,
                      .argv = argv,
                      .env = (const char *const *)environ,
                      .cgroup = -1,
                      .fds = {null_fd, log_fd, log_fd}};
    int rc = spawn_stack_init(&stack);
    if (rc != 0) return err_set(e, ERR_IO, "cannot start %s: %s", file, strerror(-rc));
    pid_t child = spawn_process(&s, &stack);
    spawn_stack_fini(&stack);
    if (child > 0) {
        *pid = child;
        return 0;
    }
    int code = s.error == ENOENT ? ERR_NOT_FOUND : s.error == EACCES ? ERR_DENIED : ERR_IO;
    return err_set(e, code, "cannot start %s: %s", file, strerror(s.error));
}

static int open_above(const char *path, int flags)
{
    return spawn_above_standard(open(path, flags | O_CLOEXEC | O_NOCTTY, 0640));
}

int process_start_detached(const char *const *argv, const char *log_path, int64_t *pid,
                           struct err *e)
{
    char *file = process_find_program(argv[0], getenv("PATH"));
    if (!file) return err_set(e, ERR_NOT_FOUND, "command not found: %s", argv[0]);
    int null_fd = open_above("/dev/null", O_RDONLY);
    int log_fd = open_above(log_path, O_WRONLY | O_CREAT | O_APPEND);
    int rc;
    if (null_fd < 0 || log_fd < 0) {
        rc = err_set(e, ERR_IO, "cannot open %s: %s", log_fd < 0 ? log_path : "/dev/null",
                     strerror(errno));
    } else {
        rc = start_with(null_fd, log_fd, file, argv, pid, e);
    }
    if (null_fd >= 0) close(null_fd);
    if (log_fd >= 0) close(log_fd);
    mem_free(file);
    return rc;
}

bool process_is_alive(int64_t pid)
{
    if (pid <= 1 || pid > INT32_MAX) return false;
    /* an ended child that was not reaped must not look alive */
    if (waitpid((pid_t)pid, NULL, WNOHANG) == (pid_t)pid) return false;
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

int process_end_detached(int64_t pid, bool force, struct err *e)
{
    if (pid <= 1 || pid > INT32_MAX) return err_set(e, ERR_INVALID, "there is no such process");
    if (kill((pid_t)pid, force ? SIGKILL : SIGTERM) == 0) return 0;
    int code = errno == ESRCH ? ERR_NOT_FOUND : errno == EPERM ? ERR_DENIED : ERR_IO;
    return err_set(e, code, "cannot end process %d: %s", (int)pid, strerror(errno));
}
