#include "pg_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#define ROOT "/usr/lib/postgresql/"
#define OLDEST 14
#define START_SECONDS 60
#define MEMORY "/dev/shm"
#define MEMORY_BYTES ((uint64_t)1 << 30)

/* The newest that is installed. */
static bool find_programs(struct pg_server *s)
{
    glob_t found;
    int newest = 0;
    if (glob(ROOT "*/bin/initdb", 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            int version = (int)strtol(found.gl_pathv[i] + strlen(ROOT), NULL, 10);
            if (version > newest) newest = version;
        }
    }
    globfree(&found);
    if (newest >= OLDEST) snprintf(s->bin, sizeof s->bin, ROOT "%d/bin", newest);
    return newest >= OLDEST;
}

static const struct passwd *server_user(void)
{
    return geteuid() == 0 ? getpwnam("postgres") : getpwuid(geteuid());
}

/* In a child: becomes the server's user, and writes to the file. */
static void become(const struct passwd *user, const char *output, pid_t parent)
{
    int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) _exit(126);
    if (geteuid() == 0 && user->pw_uid != 0) {
        if (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
            _exit(126);
        }
    }
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* after the user: a change of it takes this back */
    if (getppid() != parent) _exit(126);
#else
    (void)parent;
#endif
    if (chdir("/") != 0) _exit(126);
    setenv("LC_ALL", "C", 1);
}

static pid_t start(const struct pg_server *s, const char *output, char *const *argv)
{
    const struct passwd *user = server_user();
    char *program = str_dupf("%s/%s", s->bin, argv[0]);
    char *file = str_dupf("%s/%s", s->folder, output);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(user, file, parent);
        execv(program, argv);
        _exit(127);
    }
    assert_true(pid > 0);
    mem_free(program);
    mem_free(file);
    return pid;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return status;
}

static char *read_file(const struct pg_server *s, const char *name)
{
    struct buf b;
    buf_init(&b, (size_t)64 << 20);
    char *path = str_dupf("%s/%s", s->folder, name);
    FILE *f = fopen(path, "rb");
    char part[4096];
    for (size_t n = 0; f && (n = fread(part, 1, sizeof part, f)) > 0;)
        buf_add(&b, part, n);
    if (f) fclose(f);
    mem_free(path);
    return buf_detach(&b);
}

static void make_cluster(struct pg_server *s)
{
    char *data = str_dupf("%s/data", s->folder);
    char *argv[] = {"initdb", "-D",        data,         "-U", "postgres", "-A", "trust",
                    "-k",     "--no-sync", "--locale=C", "-E", "UTF8",     NULL};
    if (wait_for(start(s, "log", argv)) != 0) fail_msg("initdb: %s", read_file(s, "log"));
    mem_free(data);
}

/* The postmaster writes in its pid file how far it is. */
static bool is_ready(const struct pg_server *s)
{
    char *text = read_file(s, "data/postmaster.pid");
    bool ready = strtol(text, NULL, 10) == s->pid && strstr(text, "\nready");
    mem_free(text);
    return ready;
}

void pg_server_again(struct pg_server *s)
{
    char *data = str_dupf("%s/data", s->folder);
    /* mmap: a server that is killed leaves nothing in /dev/shm but its folder */
    char *dsm = (char[]){"dynamic_shared_memory_type=mmap"};
    char *argv[] = {"postgres", "-D", data,   "-k", s->folder, "-h",
                    "",         "-p", "5432", "-c", dsm,       NULL};
    s->pid = start(s, "log", argv);
    mem_free(data);
    for (int i = 0; !is_ready(s); i++) {
        int status;
        bool ended = waitpid(s->pid, &status, WNOHANG) == s->pid;
        if (ended) s->pid = 0;
        if (ended || i > START_SECONDS * 100) {
            fail_msg("postgres does not start: %s", read_file(s, "log"));
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

/* Memory, where there is enough of it: initdb, and each of the many databases, waits for the disk
 * else, longer than for all the rest. What survives the death of processes is the same. */
static const char *parent_folder(void)
{
    struct statvfs v;
    if (access(MEMORY, W_OK | X_OK) == 0 && statvfs(MEMORY, &v) == 0 &&
        (uint64_t)v.f_bavail * v.f_frsize >= MEMORY_BYTES)
        return MEMORY;
    /* Another user's server may not see into the folder of ours. */
    const char *tmp = geteuid() == 0 ? NULL : getenv("TMPDIR");
    return tmp ? tmp : "/tmp";
}

bool pg_server_start(struct pg_server *s)
{
    *s = (struct pg_server){0};
    const struct passwd *user = server_user();
    if (!find_programs(s) || !user) {
        printf("skipped: no PostgreSQL %d or later in " ROOT " (package postgresql)\n", OLDEST);
        return false;
    }
    snprintf(s->folder, sizeof s->folder, "%s/pg.XXXXXX", parent_folder());
    assert_non_null(mkdtemp(s->folder));
    assert_int_equal(chown(s->folder, user->pw_uid, user->pw_gid), 0);
    snprintf(s->uri, sizeof s->uri, "postgresql:///postgres?host=%s&port=5432&user=postgres",
             s->folder);
    make_cluster(s);
    pg_server_again(s);
    return true;
}

void pg_server_end(struct pg_server *s, int signal)
{
    if (s->pid == 0) return;
    assert_int_equal(kill(s->pid, signal), 0);
    wait_for(s->pid);
    s->pid = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void pg_server_stop(struct pg_server *s)
{
    pg_server_end(s, SIGQUIT);
    if (s->folder[0]) nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *s = (struct pg_server){0};
}

char *pg_server_psql(const struct pg_server *s, const char *sql)
{
    char *input = str_dupf("%s/input.sql", s->folder);
    char *output = str_dupf("%s/output", s->folder);
    remove(output);
    FILE *f = fopen(input, "wb");
    assert_non_null(f);
    assert_true(fputs(sql, f) >= 0);
    assert_int_equal(fclose(f), 0);
    char *argv[] = {"psql", "-X", "-q", "-A", "-t", "-d", (char *)s->uri, "-f", input, NULL};
    int status = wait_for(start(s, "output", argv));
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
        fail_msg("psql: %d: %s", status, read_file(s, "output"));
    }
    mem_free(input);
    mem_free(output);
    return read_file(s, "output");
}
