/* See bench.h. */
#include "tests/bench/bench.h"

#include "base/mem.h"
#include "platform/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define CHILDREN 16
#define SYNCS 200
#define END_MS 20000

/* What has to be tidied up when the program ends, whichever way it does. */
static struct {
    int pid[CHILDREN];
    size_t count;
    int hasty; /* the process that is ended by SIGINT */
    char folder[512];
    int keep;
} owned;
static bool results_wanted;

int64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void bench_end_by_int(int pid)
{
    owned.hasty = pid;
}

static int end_signal(int pid)
{
    return pid == owned.hasty ? SIGINT : SIGTERM;
}

static void tidy_up(void)
{
    while (owned.count)
        bench_end(owned.pid[owned.count - 1]);
    if (owned.folder[0] && !owned.keep) (void)dir_remove_tree(owned.folder, NULL);
}

void bench_die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fflush(stdout);
    fputs("bench: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    if (owned.folder[0]) {
        owned.keep = 1;
        fprintf(stderr, "bench: logs are in %s\n", owned.folder);
    }
    exit(EXIT_FAILURE);
}

void bench_must(int rc, const struct err *e, const char *doing)
{
    if (rc < 0) bench_die("%s: %s", doing, err_text(e));
}

/* ---- samples ---- */

void samples_add(struct samples *s, int64_t ns)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1024;
        s->v = mem_resize(s->v, s->cap, sizeof *s->v);
    }
    s->v[s->count++] = ns;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double samples_ms(struct samples *s, double quantile)
{
    if (!s->count) return 0;
    qsort(s->v, s->count, sizeof *s->v, by_value);
    size_t i = (size_t)(quantile * (double)s->count);
    if (i >= s->count) i = s->count - 1;
    return (double)s->v[i] / 1e6;
}

void samples_fini(struct samples *s)
{
    mem_free(s->v);
    *s = (struct samples){0};
}

/* ---- figures for a table ---- */

void bench_results_on(void)
{
    results_wanted = true;
}

void bench_result(double value, const char *unit, const char *name, ...)
{
    char text[128];
    va_list args;
    if (!results_wanted) return;
    va_start(args, name);
    int len = vsnprintf(text, sizeof text, name, args);
    va_end(args);
    if (len <= 0 || text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-")])
        bench_die("'%s' is no name of a result", text);
    printf("RESULT %s=%.6g %s\n", text, value, unit);
}

/* ---- the folder ---- */

/* Waits for the leader without taking its status, so that its number stays its own until what is
 * left of its group has been killed. */
static bool end_group(pid_t pid, int ms)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    siginfo_t i;
    for (int waited = 0; waited < ms; waited += 10) {
        i.si_pid = 0;
        if (waitid(P_PID, (id_t)pid, &i, WEXITED | WNOHANG | WNOWAIT) != 0) return true;
        if (i.si_pid == pid) {
            kill(-pid, SIGKILL);
            waitpid(pid, NULL, 0);
            return true;
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

static void end_groups(int ms)
{
    for (size_t i = 0; i < owned.count; i++)
        if (owned.pid[i] && end_group(owned.pid[i], ms)) owned.pid[i] = 0;
}

/* Only what a signal handler may call. Nothing that was started may outlive us. */
static void on_signal(int number)
{
    char program[] = "/bin/rm", flag[] = "-rf";
    char *argv[] = {program, flag, owned.folder, NULL};
    for (size_t i = 0; i < owned.count; i++)
        kill(owned.pid[i], end_signal(owned.pid[i]));
    end_groups(END_MS);
    for (size_t i = 0; i < owned.count; i++)
        if (owned.pid[i]) kill(-owned.pid[i], SIGKILL);
    end_groups(END_MS);
    if (owned.folder[0] && !owned.keep) {
        pid_t pid = fork();
        if (pid == 0) {
            execv(program, argv);
            _exit(127);
        }
        if (pid > 0) waitpid(pid, NULL, 0);
    }
    _exit(128 + number);
}

void bench_bound(unsigned seconds)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
    struct sigaction a = {.sa_handler = on_signal};
    sigfillset(&a.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &a, NULL);
    alarm(seconds);
}

const char *bench_folder(const char *parent, int keep)
{
    struct err e = {0};
    bench_must(dir_make(parent, FILE_PUBLIC, &e), &e, "making the folder");
    char *whole = realpath(parent, NULL); /* programs that run elsewhere are told of it */
    if (!whole) bench_die("no folder %s: %s", parent, strerror(errno));
    snprintf(owned.folder, sizeof owned.folder, "%s/cadre-bench.XXXXXX", whole);
    free(whole);
    if (!mkdtemp(owned.folder)) bench_die("no folder in %s: %s", parent, strerror(errno));
    owned.keep = keep;
    atexit(tidy_up);
    return owned.folder;
}

double bench_sync_ms(const char *folder)
{
    char path[600], block[512] = {0};
    struct samples s = {0};
    snprintf(path, sizeof path, "%s/sync", folder);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    for (int i = 0; fd >= 0 && i < SYNCS; i++) {
        int64_t from = bench_now_ns();
        if (write(fd, block, sizeof block) != sizeof block || fdatasync(fd) != 0) break;
        samples_add(&s, bench_now_ns() - from);
    }
    if (fd >= 0) close(fd);
    unlink(path);
    double ms = samples_ms(&s, 0.5);
    samples_fini(&s);
    return ms;
}

/* ---- processes ---- */

static double cpu_seconds(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static int start(const char *folder, const char *name, char *const argv[], int out_fd)
{
    char log[600];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    snprintf(log, sizeof log, "%s/%s.log", folder, name);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, out_fd < 0 ? 2 : out_fd, 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawnp(&pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) bench_die("%s cannot be started: %s", argv[0], strerror(rc));
    return (int)pid;
}

int bench_spawn(const char *folder, const char *name, char *const argv[], int *out)
{
    int ends[2] = {-1, -1};
    if (owned.count == CHILDREN) bench_die("too many processes");
    if (out && pipe2(ends, O_CLOEXEC) != 0) bench_die("no pipe: %s", strerror(errno));
    int pid = start(folder, name, argv, ends[1]);
    owned.pid[owned.count++] = pid;
    if (out) {
        close(ends[1]);
        *out = ends[0];
    }
    return pid;
}

void bench_run(const char *folder, const char *name, char *const argv[])
{
    int status;
    int pid = start(folder, name, argv, -1);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_die("%s %s failed", argv[0], argv[1] ? argv[1] : "");
}

static void forget(int pid)
{
    for (size_t i = 0; i < owned.count; i++) {
        if (owned.pid[i] != pid) continue;
        memmove(&owned.pid[i], &owned.pid[i + 1], (--owned.count - i) * sizeof pid);
        break;
    }
}

int bench_wait(int pid, double *cpu_s)
{
    struct rusage u;
    int status;
    if (wait4(pid, &status, 0, &u) != pid) bench_die("wait: %s", strerror(errno));
    forget(pid);
    *cpu_s = cpu_seconds(&u);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool bench_has_ended(int pid)
{
    siginfo_t i = {0};
    return waitid(P_PID, (id_t)pid, &i, WEXITED | WNOHANG | WNOWAIT) != 0 || i.si_pid == pid;
}

void bench_end(int pid)
{
    if (pid <= 0) return;
    kill(pid, end_signal(pid));
    if (!end_group(pid, END_MS)) {
        kill(-pid, SIGKILL);
        (void)end_group(pid, END_MS);
    }
    for (size_t i = 0; i < owned.count; i++) {
        if (owned.pid[i] != pid) continue;
        memmove(&owned.pid[i], &owned.pid[i + 1], (--owned.count - i) * sizeof pid);
        break;
    }
}

struct stat_cpu {
    double own_s, children_s;
};

/* CPU time from a stat file; of other process groups than `group` nothing, unless that is 0. */
static struct stat_cpu read_stat_cpu(const char *path, int group)
{
    char line[1024];
    unsigned long own = 0, children = 0;
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    FILE *f = fopen(path, "r");
    if (!f) return (struct stat_cpu){0, 0};
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = 0;
    const char *p = strrchr(line, ')'); /* the name may hold anything */
    /* proc(5): the state, then numbers; the group is the 5th field, user and system time are the
     * 14th and 15th, those of children that were waited for the 16th and 17th */
    char *end = p ? (char *)(uintptr_t)p + 3 : NULL;
    for (int i = 4; end && i <= 17; i++) {
        unsigned long n_ticks = strtoul(end, &end, 10);
        if (i == 5 && group && n_ticks != (unsigned long)group) return (struct stat_cpu){0, 0};
        if (i == 14 || i == 15) own += n_ticks;
        if (i == 16 || i == 17) children += n_ticks;
    }
    return (struct stat_cpu){(double)own / ticks, (double)children / ticks};
}

static long read_status(const char *path, const char *key)
{
    char line[256];
    long value = 0;
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) value = strtol(line + strlen(key), NULL, 10);
    if (f) fclose(f);
    return value;
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

void bench_usage(int pid, struct usage *out)
{
    char path[128];
    int thread[64], count = 0;
    *out = (struct usage){0};
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    struct stat_cpu cpu = read_stat_cpu(path, 0);
    out->cpu_s = cpu.own_s;
    out->children_cpu_s = cpu.children_s;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    out->rss_kib = read_status(path, "VmRSS:");
    out->anon_kib = read_status(path, "RssAnon:");
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    for (struct dirent *entry; d && (entry = readdir(d)) && count < 64;)
        if (entry->d_name[0] != '.') thread[count++] = (int)strtol(entry->d_name, NULL, 10);
    if (d) closedir(d);
    qsort(thread, (size_t)count, sizeof *thread, by_number);
    out->threads = count;
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, thread[i]);
        out->switches += read_status(path, "voluntary_ctxt_switches:");
        snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, thread[i]);
        if (i < 8) out->thread_cpu_s[i] = read_stat_cpu(path, 0).own_s;
    }
}

double bench_own_cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return cpu_seconds(&u);
}

double bench_group_cpu_s(int pid)
{
    char path[300];
    double sum = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        sum += read_stat_cpu(path, pid).own_s;
    }
    if (d) closedir(d);
    return sum;
}
