/* A cgroup v2 per job, where the service manager delegated one to us (cgroups(7), systemd's
 * Delegate=). */
#ifndef CADRE_PLATFORM_LINUX_CGROUP_H
#define CADRE_PLATFORM_LINUX_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* The folder below which we may make cgroups: our own cgroup's (or its parent's, when we moved into
 * its leaf "agent" already), if it is delegated to us. NULL: none; mem_free. */
char *cgroup_find_base(void);
/* Moves this process into the leaf "agent", since a cgroup that has processes of its own cannot
 * share resources out. 0 or an ERR_ code. */
int cgroup_enter_leaf(const char *base);

/* The folder of a job's cgroup; mem_free. */
char *cgroup_path(const char *base, const char *mark);
/* Makes it and opens it (CLOEXEC): a descriptor, or -1. */
int cgroup_make(const char *path);
/* Removes it with those that the job made in it; false: processes live there. True when it is not
 * there. */
bool cgroup_remove(const char *path);
/* Of its processes, by the kernel's memory killer; -1: not counted here. */
int64_t cgroup_oom_kills(const char *path);
/* Processes in it and below. */
int cgroup_count(const char *path);
/* SIGKILL to all in it. Returns how many were there. */
int cgroup_kill(const char *path);

#endif
