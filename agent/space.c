/* Room on a disk: see space.h. */
#include "agent/space.h"

#include "base/duration.h"
#include "base/str.h"
#include "platform/files.h"

#define MIB ((int64_t)1 << 20)

void space_init(struct space *s, const char *folder, int64_t reserve_bytes)
{
    *s = (struct space){.folder = folder, .reserve_bytes = reserve_bytes};
}

bool space_look(struct space *s)
{
    bool before = s->low;
    int64_t enough = before ? s->reserve_bytes + s->reserve_bytes / 4 : s->reserve_bytes;
    s->low = s->reserve_bytes > 0 && disk_free(s->folder, &s->free_bytes, NULL) == 0 &&
             s->free_bytes < enough;
    return s->low != before;
}

void space_sentence(const struct space *s, char *out, size_t size)
{
    char left[DURATION_TEXT_SIZE], reserve[DURATION_TEXT_SIZE];
    /* whole MiB: the rest is noise */
    size_format(s->free_bytes > MIB ? s->free_bytes / MIB * MIB : s->free_bytes, left);
    size_format(s->reserve_bytes, reserve);
    (void)str_format(out, size, "%s are left on the disk of %.600s, and diskReserve is %s", left,
                     s->folder, reserve);
}
