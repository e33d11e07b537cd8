/* What a job's environment begins with, where programs are found, and programs that live on their
 * own. */
#include "platform/process.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/linux/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_FIXED "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define BASE_MAX 8 /* variables and the NULL */

extern char **environ;

char **process_env_base(void)
{
    char text[4096];
    struct passwd entry, *who = NULL;
    if (getpwuid_r(geteuid(), &entry, text, sizeof text, &who) != 0) who = NULL;
    const char *name = who ? who->pw_name : NULL;
    const char *home = who && !str_empty(who->pw_dir) ? who->pw_dir : "/";
    const char *shell = who && !str_empty(who->pw_shell) ? who->pw_shell : "/bin/sh";
    const char *lang = getenv("LANG"), *tz = getenv("TZ");
    char **env = mem_array(BASE_MAX, sizeof *env);
    size_t n = 0;
    env[n++] = mem_strdup("PATH=" PATH_FIXED);
    env[n++] = str_dupf("HOME=%s", home);
    env[n++] = str_dupf("SHELL=%s", shell);
    env[n++] = str_dupf("LANG=%s", str_empty(lang) ? "C.UTF-8" : lang);
    if (name) {
        env[n++] = str_dupf("USER=%s", name);
        env[n++] = str_dupf("LOGNAME=%s", name);
    }
    if (!str_empty(tz)) env[n++] = str_dupf("TZ=%s", tz);
    return env;
}

void process_env_free(char **env)
{
    if (!env) return;
    for (char **v = env; *v; v++)
        mem_free(*v);
    mem_free(env);
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

char *process_find_program(const char *name, const char *path)
{
    if (str_empty(name)) return NULL;
    if (strchr(name, '/')) return is_program(name) ? mem_strdup(name) : NULL;
    for (const char *at = path ? path : ""; *at;) {
        size_t len = strcspn(at, ":");
        /* an empty or relative entry would mean another folder for every job */
        if (at[0] == '/') {
            char *full = str_dupf("%.*s/%s", (int)len, at, name);
            if (is_program(full)) return full;
            mem_free(full);
        }
        at += len;
        if (*at == ':') at++;
    }
    return NULL;
}

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
    int low = open(path, flags | O_CLOEXEC | O_NOCTTY, 0640);
    if (low < 0 || low > 2) return low;
    int fd = fcntl(low, F_DUPFD_CLOEXEC, 3);
    close(low);
    return fd;
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
    /* one of our own that ended must not look alive for want of a wait */
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
