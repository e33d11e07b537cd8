/* Whom the kernel's memory killer ended, by its counts. */
#ifndef CADRE_PLATFORM_LINUX_OOM_H
#define CADRE_PLATFORM_LINUX_OOM_H

#include <stdint.h>

/* The number of a line "oom_kill NUMBER": in memory.events of a cgroup v2 (for all that lived in it
 * or below, whoever's limit was reached), in /proc/vmstat (for the whole machine). -1: none. */
int64_t oom_count(const char *path);

#endif
