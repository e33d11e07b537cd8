/* The memory killer's counts: see oom.h. */
#include "platform/linux/oom.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define KEY "oom_kill "

int64_t oom_count(const char *path)
{
    FILE *f = fopen(path, "re");
    char line[256];
    int64_t count = -1;
    if (!f) return -1;
    while (count < 0 && fgets(line, sizeof line, f)) {
        int64_t value;
        if (str_starts(line, KEY) && str_int64(str_trim(line + strlen(KEY)), &value) == 0 &&
            value >= 0)
            count = value;
    }
    fclose(f);
    return count;
}
