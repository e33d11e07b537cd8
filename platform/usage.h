/* What this process takes of the machine. Twin files: linux/usage.c, windows/usage.c. */
#ifndef CADRE_PLATFORM_USAGE_H
#define CADRE_PLATFORM_USAGE_H

#include <stdint.h>

struct os_usage {
    int64_t cpu_us; /* processor time of all threads, user's and system's */
    int64_t resident_bytes;
    int64_t open_files; /* descriptors; Windows: handles */
    int64_t most_files; /* the limit of them; 0: there is none, as on Windows */
};

/* 0, or ERR_IO: the system does not tell. Any thread; costs a look at each open descriptor. */
int os_usage(struct os_usage *out);

#endif
