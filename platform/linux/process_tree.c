/* Which processes are a job's, and their end.
 *
 * The agent is the subreaper of all it starts (prctl(2), PR_SET_CHILD_SUBREAPER): when the parent
 * of a job's process dies, the agent becomes its parent. So whatever outlives a job's main process
 * is, or hangs below, a child of the agent that the agent did not start itself. To look for such
 * children costs one read; only when there are some is /proc gone through and each of them given to
 * the job that it came from. */
#include "platform/linux/process_impl.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/linux/cgroup.h"
#include "platform/os.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN_MAX_BYTES (64 * 1024)
#define LEFTOVER_ROUNDS 50
#define LEFTOVER_PAUSE_MS 10

/* The guard is a child of ours, too, but no job's. */
static bool is_guard(const struct process_host *h, pid_t pid)
{
    return pid == h->guard_pid || (h->guard && pid == guard_pid(h->guard));
}

static struct process *main_of(struct process_host *h, pid_t pid)
{
    for (struct process *p = h->processes; p; p = p->next) {
        if (p->pid == pid && !p->reaped) return p;
    }
    return NULL;
}

static struct process *by_session(struct process_host *h, pid_t session)
{
    struct process *ended = NULL;
    for (struct process *p = h->processes; p; p = p->next) {
        if (p->pid != session) continue;
        if (!p->reaped) return p;
        ended = p;
    }
    return ended;
}

static struct process *by_oom_tag(struct process_host *h, pid_t pid)
{
    int value;
    if (proc_oom_score_adj(pid, &value) != 0) return NULL;
    for (struct process *p = h->processes; p; p = p->next) {
        if (p->oom_tag >= 0 && h->oom_base + p->oom_tag == value) return p;
    }
    return NULL;
}

static struct process *by_mark(struct process_host *h, pid_t pid)
{
    for (struct process *p = h->processes; p; p = p->next) {
        if (proc_has_mark(pid, p->mark)) return p;
    }
    return NULL;
}

/* Does the process work in the job's folder, or below? */
static bool is_in_folder(pid_t pid, const struct process *p)
{
    char link[64], where[PATH_MAX], folder[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
    ssize_t n = readlink(link, where, sizeof where - 1);
    if (n <= 0 || !p->folder || !realpath(p->folder, folder)) return false;
    where[n] = '\0';
    size_t len = strlen(folder);
    return len > 1 && strncmp(where, folder, len) == 0 && (where[len] == '\0' || where[len] == '/');
}

/* Does the process hold the job's standard output or standard error? */
static bool has_pipe(pid_t pid, const struct process *p)
{
    for (int i = 0; i < 2; i++) {
        struct stat ours, theirs;
        if (!p->pipes[i].open || fstat(p->pipes[i].fd, &ours) != 0) continue;
        for (int k = 1; k < 3; k++) {
            char path[64];
            snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, k);
            if (stat(path, &theirs) == 0 && theirs.st_dev == ours.st_dev &&
                theirs.st_ino == ours.st_ino)
                return true;
        }
    }
    return false;
}

/* The one job that such a trace leads to; NULL: none does, or several. */
static struct process *by_trace(struct process_host *h, const struct proc *c,
                                bool (*leads_to)(pid_t pid, const struct process *p))
{
    struct process *found = NULL;
    for (struct process *p = h->processes; p; p = p->next) {
        if (c->start < process_start_time(p) || !leads_to(c->pid, p)) continue;
        if (found) return NULL;
        found = p;
    }
    return found;
}

uint64_t process_start_time(struct process *p)
{
    struct birth_clock *births = &p->host->births;
    struct proc now;
    if (p->start_read) return p->start;
    p->start_read = true;
    p->start = birth_ticks(births, p->birth);
    if (p->start == 0 && !p->reaped && proc_read(p->pid, &now) == 0) {
        p->start = now.start;
        birth_learn(births, p->birth, now.start);
    }
    return p->start;
}

/* An orphan that hides its origin (new session, cleared environment, changed score, nothing of the
 * job's output, another folder) goes with the last of the jobs that were there when it was born. */
static bool may_be_anothers(struct process_host *h, const struct process *asking,
                            const struct proc *c)
{
    for (struct process *p = h->processes; p; p = p->next) {
        if (p == asking || p->remnant) continue;
        uint64_t start = process_start_time(p);
        if (start == 0 || start <= c->start) return true;
    }
    return false;
}

/* What was told of before, as alive or as a stray that is being ended: a process on its way out has
 * neither environment nor files nor folder any more. */
static struct process *by_list(struct process_host *h, const struct proc *c)
{
    const struct process_id id = {c->pid, c->start};
    for (struct process *p = h->processes; p; p = p->next) {
        if (p->alive && process_list_has(p->alive, id)) return p;
        if (p->strays && process_list_has(p->strays, id)) return p;
    }
    return NULL;
}

/* Does this child of ours belong to p? */
static bool is_of(struct process *p, const struct proc *c)
{
    struct process_host *h = p->host;
    struct process *owner = main_of(h, c->pid);
    if (owner) return owner == p;
    owner = by_list(h, c);
    if (owner) return owner == p;
    if (is_guard(h, c->pid)) return false;
    if (c->session == h->session) return false; /* a job cannot come back into our session */
    owner = by_session(h, c->session);
    if (!owner) owner = by_mark(h, c->pid);
    if (!owner) owner = by_trace(h, c, has_pipe);
    if (!owner) owner = by_trace(h, c, is_in_folder);
    if (!owner) owner = by_oom_tag(h, c->pid); /* last: another job's can be taken on */
    if (owner) return owner == p;
    /* what was there before the job is not the job's */
    return c->start >= process_start_time(p) && !may_be_anothers(h, p, c);
}

/* Zombies count as found: they go away only when they are reaped. */
static int scan_for(struct process *p)
{
    struct proc_table *t = &p->host->table;
    int found = 0;
    if (proc_table_scan(t) != 0) return 0;
    for (size_t i = 0; i < t->count; i++) {
        struct proc *c = &t->items[i];
        if (c->parent == p->host->pid && is_of(p, c)) c->marked = true;
    }
    proc_table_mark_below(t);
    for (size_t i = 0; i < t->count; i++)
        found += t->items[i].marked;
    return found;
}

/* *refused: processes that are not ours to kill; they do not count as hit. */
static int kill_marked(struct process_host *h, int *refused)
{
    struct proc_table *t = &h->table;
    int hit = 0;
    *refused = 0;
    /* groups first: the kernel signals a whole group at once, and no process is born in it
     * meanwhile */
    for (size_t i = 0; i < t->count; i++) {
        const struct proc *c = &t->items[i];
        if (!c->marked || c->dead || c->session == h->session || c->group <= 1) continue;
        if (i > 0 && t->items[i - 1].marked && t->items[i - 1].group == c->group) continue;
        struct proc now;
        if (proc_read(c->pid, &now) != 0 || now.start != c->start || now.group != c->group)
            continue;
        kill(-c->group, SIGKILL);
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct proc *c = &t->items[i];
        if (!c->marked || c->dead) continue;
        if (proc_kill(c) == ERR_DENIED)
            ++*refused;
        else
            hit++;
    }
    return hit;
}

static void add_to(struct process_list *list, const struct proc *c)
{
    char user[PROCESS_NAME_SIZE] = "";
    if (list->count < PROCESS_LIST_NAMED) proc_user(c->pid, user, sizeof user);
    process_list_add(list, (struct process_id){c->pid, c->start}, c->name, user);
}

void process_tree_list(struct process *p, bool exiting, struct process_list *out)
{
    struct proc_table *t = &p->host->table;
    size_t count = scan_for(p) > 0 ? t->count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct proc *c = &t->items[i];
        if (!c->marked || c->dead || (c->exiting && !exiting)) continue;
        add_to(out, c);
    }
}

bool process_tree_is_at_work(struct process *p)
{
    const struct proc_table *t = &p->host->table;
    size_t count = scan_for(p) > 0 ? t->count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct proc *c = &t->items[i];
        if (c->marked && !c->dead && !c->exiting && !c->runs) return false;
    }
    return true;
}

int process_tree_kill(struct process *p)
{
    int hit = 0;
    if (p->cgroup) hit = cgroup_kill(p->cgroup);
    /* the main process is not reaped: its number is still its own */
    if (!p->reaped) kill(-p->pid, SIGKILL);
    int refused = 0, found = scan_for(p) > 0 ? kill_marked(p->host, &refused) : 0;
    p->refused = found == 0 && refused > 0;
    return hit > found ? hit : found;
}

/* A group in which the signals of one pass have not been yet, and which is still as it was seen. */
static bool is_new_group(const struct process_host *h, size_t at)
{
    const struct proc_table *t = &h->table;
    const struct proc *c = &t->items[at];
    if (!c->marked || c->dead || c->session == h->session || c->group <= 1) return false;
    for (size_t i = 0; i < at; i++) {
        const struct proc *before = &t->items[i];
        if (before->marked && !before->dead && before->group == c->group) return false;
    }
    struct proc now;
    return proc_read(c->pid, &now) == 0 && now.start == c->start && now.group == c->group;
}

void process_tree_signal(struct process *p, int number)
{
    struct process_host *h = p->host;
    bool main_done = false;
    size_t count = scan_for(p) > 0 ? h->table.count : 0;
    for (size_t i = 0; i < count; i++) {
        pid_t group = h->table.items[i].group;
        if (!is_new_group(h, i)) continue;
        kill(-group, number);
        main_done = main_done || group == p->pid;
    }
    if (!main_done && !p->reaped) kill(-p->pid, number);
}

/* A child that is not a main process and may belong to a job. */
static bool is_suspect(struct process *p, pid_t child)
{
    struct process_host *h = p->host;
    if (is_guard(h, child) || main_of(h, child)) return false;
    pid_t session = getsid(child);
    if (session < 0 || session == h->session) return false;
    struct process *owner = by_session(h, session);
    return !owner || owner == p;
}

static bool children_are_clean(struct process *p, int fd)
{
    char text[CHILDREN_MAX_BYTES];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n < 0 || n == (ssize_t)sizeof text - 1) return false;
    text[n] = '\0';
    for (char *at = text, *end; *at; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at) break;
        if (is_suspect(p, (pid_t)pid)) return false;
    }
    return true;
}

static bool has_no_child_left(struct process *p)
{
    struct process_host *h = p->host;
    if (h->children_fd[0] < 0) {
        /* a kernel without the list of children */
        siginfo_t info;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD)
            return true;
        return scan_for(p) == 0;
    }
    for (int i = 0; i < 2; i++) {
        if (h->children_fd[i] >= 0 && !children_are_clean(p, h->children_fd[i])) {
            return scan_for(p) == 0;
        }
    }
    return true;
}

bool process_tree_is_clean(struct process *p)
{
    return (!p->cgroup || cgroup_remove(p->cgroup)) && has_no_child_left(p);
}

bool process_tree_is_empty(struct process *p)
{
    return (!p->cgroup || cgroup_count(p->cgroup) == 0) && has_no_child_left(p);
}

/* "PID START BOOT SCORE", and of a remnant (process_remnant) "PID:START" of what was alive. */
struct identity {
    pid_t pid;
    uint64_t start;
    int oom_score_adj;
    struct process_list more;
};

/* false: of another boot, or no identity at all */
static bool parse_identity(const char *text, struct identity *out)
{
    char boot[64];
    char *end;
    if (os_boot_id(boot, sizeof boot) != 0) return false;
    long pid = strtol(text, &end, 10);
    if (end == text || *end != ' ' || pid <= 0) return false;
    char *begin = end + 1;
    uint64_t start = strtoull(begin, &end, 10);
    if (end == begin || *end != ' ' || !str_starts(end + 1, boot)) return false;
    begin = end + 1 + strlen(boot);
    long oom = *begin == ' ' ? strtol(begin + 1, &end, 10) : 0;
    if (*begin != ' ' || end == begin + 1) return false;
    out->pid = (pid_t)pid;
    out->start = start;
    out->oom_score_adj = (int)oom;
    while (*end == ' ') {
        struct process_id id;
        begin = end + 1;
        id.pid = strtol(begin, &end, 10);
        if (end == begin || *end != ':') break;
        begin = end + 1;
        id.start = strtoull(begin, &end, 10);
        if (end == begin) break;
        process_list_add(&out->more, id, "", "");
    }
    return true;
}

static bool is_leftover(const struct proc_table *t, const struct identity *id, const char *mark,
                        const struct proc *c)
{
    if (c->dead || c->pid == getpid() || c->pid == 1 || c->start < id->start) return false;
    if (process_list_has(&id->more, (struct process_id){c->pid, c->start})) return true;
    if (id->pid > 0 && c->session == id->pid) {
        const struct proc *leader = proc_table_find(t, id->pid);
        if (leader && id->start != 0 && leader->start == id->start) return true;
        /* the leader is gone: its number may have served a stranger since, but then not with our
         * score */
        int oom;
        if (!leader && id->oom_score_adj > 0 && proc_oom_score_adj(c->pid, &oom) == 0 &&
            oom == id->oom_score_adj) {
            return true;
        }
    }
    return proc_has_mark(c->pid, mark);
}

/* Returns how many are alive. */
static int mark_leftover(struct proc_table *t, const struct identity *id, const char *mark)
{
    int alive = 0;
    for (size_t i = 0; i < t->count; i++) {
        t->items[i].marked = is_leftover(t, id, mark, &t->items[i]);
    }
    proc_table_mark_below(t);
    for (size_t i = 0; i < t->count; i++) {
        struct proc *c = &t->items[i];
        if (c->dead || c->pid == getpid()) c->marked = false;
        alive += c->marked;
    }
    return alive;
}

static int kill_leftover_cgroup(const char *mark)
{
    char *base = cgroup_find_base();
    if (!base) return 0;
    char *path = cgroup_path(base, mark);
    int hit = cgroup_kill(path);
    cgroup_remove(path);
    mem_free(path);
    mem_free(base);
    return hit;
}

/* SIGKILL to all that is marked; the number of those that were not hit the round before: a process
 * may take a while to go. */
static int kill_leftover_round(const struct proc_table *t, const struct proc_table *before)
{
    int hit = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct proc *c = &t->items[i];
        if (!c->marked || proc_kill(c) != 0) continue;
        const struct proc *same = proc_table_find(before, c->pid);
        if (!same || !same->marked || same->start != c->start) hit++;
    }
    return hit;
}

int process_kill_leftover(const char *identity, const char *mark, int *killed, struct err *e)
{
    static const struct identity none;
    struct identity id = none;
    struct proc_table t = {.items = NULL}, before = {.items = NULL};
    /* Without an identity (the agent died while it started the process) the mark alone has to
     * do. */
    if (*identity && !parse_identity(identity, &id)) {
        *killed = 0;
        return 0;
    }
    int hit = kill_leftover_cgroup(mark), alive = 0;
    for (int round = 0; round < LEFTOVER_ROUNDS; round++) {
        if (proc_table_scan(&t) != 0) break;
        alive = mark_leftover(&t, &id, mark);
        if (alive == 0) break;
        hit += kill_leftover_round(&t, &before);
        struct proc_table swap = before;
        before = t;
        t = swap;
        struct timespec pause = {.tv_nsec = LEFTOVER_PAUSE_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
    proc_table_fini(&t);
    proc_table_fini(&before);
    if (alive > 0) {
        return err_set(e, ERR_IO, "%d processes of %s cannot be ended", alive, mark);
    }
    *killed = hit;
    return 0;
}

void process_tree_leftover(const char *identity, const char *mark, struct process_list *left)
{
    static const struct identity none;
    struct identity id = none;
    struct proc_table t = {.items = NULL};
    if (*identity && !parse_identity(identity, &id)) return;
    kill_leftover_cgroup(mark);
    if (proc_table_scan(&t) == 0 && mark_leftover(&t, &id, mark) > 0) {
        for (size_t i = 0; i < t.count; i++) {
            if (!t.items[i].marked) continue;
            add_to(left, &t.items[i]);
            (void)proc_kill(&t.items[i]);
        }
    }
    proc_table_fini(&t);
}
