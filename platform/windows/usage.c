/* From the process's own accounts. */
#include "platform/usage.h"

#include "base/err.h"

#include <windows.h>

#include <psapi.h>

/* In steps of 100 ns. */
static int64_t us_of(FILETIME t)
{
    return (int64_t)((uint64_t)t.dwHighDateTime << 32 | t.dwLowDateTime) / 10;
}

int os_usage(struct os_usage *out)
{
    HANDLE self = GetCurrentProcess();
    FILETIME begun, ended, kernel, user;
    PROCESS_MEMORY_COUNTERS memory;
    DWORD handles;
    if (!GetProcessTimes(self, &begun, &ended, &kernel, &user)) return ERR_IO;
    if (!K32GetProcessMemoryInfo(self, &memory, sizeof memory)) return ERR_IO;
    if (!GetProcessHandleCount(self, &handles)) return ERR_IO;
    *out = (struct os_usage){.cpu_us = us_of(kernel) + us_of(user),
                             .resident_bytes = (int64_t)memory.WorkingSetSize,
                             .open_files = (int64_t)handles};
    return 0;
}
