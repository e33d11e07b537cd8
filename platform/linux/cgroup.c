/* cgroup v2 by its files. */
#include "platform/linux/cgroup.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/linux/oom.h"
#include "platform/paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <linux/magic.h>
#include <unistd.h>

#define LEAF "agent"
#define NESTED_MAX 32 /* cgroups in cgroups that we follow */

/* The v2 path of this process: "0::/system.slice/cadre-agent.service" -> "/system.slice/...".
 * mem_free. */
static char *own_path(void)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f) return NULL;
    char line[4096], *path = NULL;
    while (!path && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (str_starts(line, "0::/")) path = mem_strdup(line + 3);
    }
    fclose(f);
    return path;
}

static bool is_cgroup2(const char *folder)
{
    struct statfs fs;
    return statfs(folder, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* systemd marks what it delegates with an attribute and gives it to the service's account. A folder
 * of root without that attribute may be anybody's: a session's, say. */
static bool is_delegated(const char *folder)
{
    static const char *const marks[] = {"user.delegate", "trusted.delegate"};
    struct stat st;
    char value[4];
    if (stat(folder, &st) != 0) return false;
    for (int i = 0; i < 2; i++) {
        ssize_t n = getxattr(folder, marks[i], value, sizeof value);
        if (n > 0) return value[0] == '1' && faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) == 0;
    }
    return st.st_uid != 0 && st.st_uid == geteuid();
}

char *cgroup_find_base(void)
{
    char *own = own_path();
    if (!own || str_eq(own, "/")) {
        mem_free(own);
        return NULL;
    }
    const char *mount = is_cgroup2("/sys/fs/cgroup") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
    char *folder = str_dupf("%s%s", mount, own);
    mem_free(own);
    if (str_ends(folder, "/" LEAF)) {
        char *parent = paths_dir(folder);
        if (is_cgroup2(parent) && is_delegated(parent)) {
            mem_free(folder);
            return parent;
        }
        mem_free(parent);
    }
    if (is_cgroup2(folder) && is_delegated(folder)) return folder;
    mem_free(folder);
    return NULL;
}

static int write_text(const char *folder, const char *name, const char *text)
{
    char *path = paths_join(folder, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    mem_free(path);
    if (fd < 0) return ERR_IO;
    ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n < 0 ? ERR_IO : 0;
}

int cgroup_enter_leaf(const char *base)
{
    char *leaf = paths_join(base, LEAF);
    int rc = mkdir(leaf, 0755) == 0 || errno == EEXIST ? 0 : ERR_IO;
    if (rc == 0) rc = write_text(leaf, "cgroup.procs", "0");
    mem_free(leaf);
    /* so that each job's cgroup counts whom the memory killer ended in it; where that cannot be had
     * nothing is lost but the count */
    if (rc == 0) (void)write_text(base, "cgroup.subtree_control", "+memory");
    return rc;
}

char *cgroup_path(const char *base, const char *mark)
{
    return str_dupf("%s/job-%s", base, mark);
}

int cgroup_make(const char *path)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool remove_nested(const char *path, int depth)
{
    if (rmdir(path) == 0 || errno == ENOENT) return true;
    if (errno != EBUSY || depth >= NESTED_MAX) return false;
    /* busy: with processes, or only with cgroups of its own */
    DIR *dir = opendir(path);
    if (!dir) return false;
    bool removed = true;
    struct dirent *entry;
    while (removed && (entry = readdir(dir))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        char *below = paths_join(path, entry->d_name);
        removed = remove_nested(below, depth + 1);
        mem_free(below);
    }
    closedir(dir);
    return removed && rmdir(path) == 0;
}

bool cgroup_remove(const char *path)
{
    return remove_nested(path, 0);
}

/* Each process once, here and below; before kernel 5.14 there is no cgroup.kill, and this does
 * it. */
static int kill_each(const char *path, bool really, int depth)
{
    char *list = paths_join(path, "cgroup.procs");
    FILE *f = fopen(list, "re");
    mem_free(list);
    int count = 0;
    char line[32];
    while (f && fgets(line, sizeof line, f)) {
        int64_t pid;
        if (str_int64(str_trim(line), &pid) != 0) continue;
        count++;
        if (really && pid > 0) kill((pid_t)pid, SIGKILL);
    }
    if (f) fclose(f);
    DIR *dir = depth < NESTED_MAX ? opendir(path) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        char *below = paths_join(path, entry->d_name);
        count += kill_each(below, really, depth + 1);
        mem_free(below);
    }
    if (dir) closedir(dir);
    return count;
}

int64_t cgroup_oom_kills(const char *path)
{
    char *events = paths_join(path, "memory.events");
    int64_t count = oom_count(events);
    mem_free(events);
    return count;
}

int cgroup_count(const char *path)
{
    return kill_each(path, false, 0);
}

int cgroup_kill(const char *path)
{
    int count = cgroup_count(path);
    if (count > 0 && write_text(path, "cgroup.kill", "1") != 0) kill_each(path, true, 0);
    return count;
}
