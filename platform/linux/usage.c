/* From /proc/self and the process's own accounts. */
#include "platform/usage.h"

#include "base/err.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t us_of(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static int read_resident(int64_t *bytes)
{
    FILE *f = fopen("/proc/self/statm", "re");
    char line[256], *rest = NULL;
    if (!f) return ERR_IO;
    bool read = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    if (!read || strtoll(line, &rest, 10) <= 0) return ERR_IO; /* the size; behind it, resident */
    *bytes = strtoll(rest, NULL, 10) * sysconf(_SC_PAGESIZE);
    return 0;
}

static int count_files(int64_t *files)
{
    DIR *d = opendir("/proc/self/fd");
    int64_t n = 0;
    if (!d) return ERR_IO;
    while (readdir(d))
        n++;
    closedir(d);
    *files = n > 3 ? n - 3 : 0; /* without ".", "..", and the folder's own */
    return 0;
}

int os_usage(struct os_usage *out)
{
    struct os_usage u = {0};
    struct rusage cpu;
    struct rlimit most;
    if (getrusage(RUSAGE_SELF, &cpu) || getrlimit(RLIMIT_NOFILE, &most)) return ERR_IO;
    if (read_resident(&u.resident_bytes) || count_files(&u.open_files)) return ERR_IO;
    u.cpu_us = us_of(cpu.ru_utime) + us_of(cpu.ru_stime);
    u.most_files = most.rlim_cur == RLIM_INFINITY ? 0 : (int64_t)most.rlim_cur;
    *out = u;
    return 0;
}
