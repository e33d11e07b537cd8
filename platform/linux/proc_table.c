/* Reading /proc. */
#include "platform/linux/proc_table.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAT_BYTES 1024
#define STATUS_BYTES 2048
#define ENVIRON_STEP_BYTES 4096
#define PF_EXITING 0x4   /* of the kernel's flags of a process: include/linux/sched.h */
#define VARIABLE_MAX 160 /* longer ones are not ours */

/* Fills text with the beginning of the file and a NUL; its length, or -1. */
static ssize_t read_small(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    if (n < 0) return -1;
    text[n] = '\0';
    return n;
}

int proc_read(pid_t pid, struct proc *out)
{
    char text[STAT_BYTES];
    if (read_small(pid, "stat", text, sizeof text) <= 0) return ERR_NOT_FOUND;
    /* the name stands in parentheses and may hold anything, parentheses too */
    const char *rest = strrchr(text, ')');
    const char *name = strchr(text, '(');
    /* proc(5): behind it come the state (3rd field), then numbers: parent (4th) ... flags (9th) ...
     * start time (22nd) */
    uint64_t fields[19];
    if (!rest || !name || name > rest || rest[1] != ' ' || !rest[2]) return ERR_NOT_FOUND;
    char state = rest[2];
    char *p = (char *)(uintptr_t)rest + 3;
    for (int i = 0; i < 19; i++) {
        char *begin = p;
        fields[i] = strtoull(begin, &p, 10);
        if (p == begin) return ERR_NOT_FOUND;
    }
    *out = (struct proc){.pid = pid,
                         .parent = (pid_t)fields[0],
                         .group = (pid_t)fields[1],
                         .session = (pid_t)fields[2],
                         .start = fields[18],
                         .runs = state == 'R',
                         .dead = state == 'Z' || state == 'X',
                         .exiting = (fields[5] & PF_EXITING) != 0};
    (void)str_format(out->name, sizeof out->name, "%.*s", (int)(rest - name - 1), name + 1);
    return 0;
}

static int by_pid(const void *a, const void *b)
{
    pid_t x = ((const struct proc *)a)->pid, y = ((const struct proc *)b)->pid;
    return (x > y) - (x < y);
}

int proc_table_scan(struct proc_table *t)
{
    DIR *dir = opendir("/proc");
    if (!dir) return ERR_IO;
    t->count = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        int64_t pid;
        if (str_int64(entry->d_name, &pid) != 0 || pid <= 0) continue;
        if (t->count == t->cap) {
            t->cap = t->cap > 0 ? 2 * t->cap : 256;
            t->items = mem_resize(t->items, t->cap, sizeof *t->items);
        }
        if (proc_read((pid_t)pid, &t->items[t->count]) == 0) t->count++;
    }
    closedir(dir);
    if (t->count > 0) qsort(t->items, t->count, sizeof *t->items, by_pid);
    return 0;
}

void proc_table_fini(struct proc_table *t)
{
    mem_free(t->items);
    *t = (struct proc_table){.items = NULL};
}

struct proc *proc_table_find(const struct proc_table *t, pid_t pid)
{
    struct proc key = {.pid = pid};
    if (t->count == 0) return NULL;
    return bsearch(&key, t->items, t->count, sizeof *t->items, by_pid);
}

void proc_table_mark_below(struct proc_table *t)
{
    /* children mostly have greater pids than their parents, so that one pass is nearly always
     * enough */
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < t->count; i++) {
            struct proc *p = &t->items[i];
            if (p->marked) continue;
            const struct proc *parent = proc_table_find(t, p->parent);
            if (parent && parent->marked) more = p->marked = true;
        }
    }
}

int proc_oom_score_adj(pid_t pid, int *out)
{
    char text[32];
    int64_t value;
    if (read_small(pid, "oom_score_adj", text, sizeof text) <= 0) return ERR_NOT_FOUND;
    if (str_int64(str_trim(text), &value) != 0) return ERR_NOT_FOUND;
    *out = (int)value;
    return 0;
}

/* The NUL-separated variables of an environment that comes in pieces. */
struct search {
    char wanted[2][VARIABLE_MAX];
    bool found[2];
    char line[VARIABLE_MAX];
    size_t len;
    bool too_long;
};

static void search_piece(struct search *s, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\0') {
            if (s->len < sizeof s->line - 1) {
                s->line[s->len++] = text[i];
            } else {
                s->too_long = true;
            }
            continue;
        }
        s->line[s->len] = '\0';
        for (int k = 0; k < 2 && !s->too_long; k++) {
            if (str_eq(s->line, s->wanted[k])) s->found[k] = true;
        }
        s->len = 0;
        s->too_long = false;
    }
}

bool proc_has_mark(pid_t pid, const char *mark)
{
    struct search s = {.len = 0};
    const char *dash = strrchr(mark, '-');
    if (!dash || dash == mark || !dash[1]) return false;
    if (str_format(s.wanted[0], VARIABLE_MAX, "CADRE_JOB_ID=%.*s", (int)(dash - mark), mark) != 0 ||
        str_format(s.wanted[1], VARIABLE_MAX, "CADRE_ATTEMPT=%s", dash + 1) != 0) {
        return false;
    }
    char path[64], piece[ENVIRON_STEP_BYTES];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n;
    while (!(s.found[0] && s.found[1]) && (n = read(fd, piece, sizeof piece)) > 0) {
        search_piece(&s, piece, (size_t)n);
    }
    close(fd);
    return s.found[0] && s.found[1];
}

void proc_user(pid_t pid, char *out, size_t size)
{
    char text[STATUS_BYTES], names[4096];
    struct passwd entry, *who = NULL;
    out[0] = '\0';
    if (read_small(pid, "status", text, sizeof text) <= 0) return;
    const char *line = strstr(text, "\nUid:");
    if (!line) return;
    char *end = (char *)(uintptr_t)line + strlen("\nUid:");
    (void)strtoul(end, &end, 10); /* the real one stands before it */
    unsigned long acts = strtoul(end, NULL, 10);
    if (getpwuid_r((uid_t)acts, &entry, names, sizeof names, &who) == 0 && who)
        (void)str_copy(out, size, who->pw_name);
    if (!out[0]) (void)str_format(out, size, "%lu", acts);
}

int proc_kill(const struct proc *p)
{
    int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (fd < 0 && errno == ESRCH) return ERR_NOT_FOUND;
    struct proc now;
    int rc = proc_read(p->pid, &now) == 0 && now.start == p->start && !now.dead ? 0 : ERR_NOT_FOUND;
    if (rc == 0 && (fd >= 0 ? (int)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0)
                            : kill(p->pid, SIGKILL)) != 0)
        rc = errno == EPERM ? ERR_DENIED : ERR_NOT_FOUND;
    if (fd >= 0) close(fd);
    return rc;
}
