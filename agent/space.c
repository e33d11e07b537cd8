/* Room on a disk: see space.h. */
#include "agent/space.h"

#include "base/duration.h"
#include "base/str.h"

#include <inttypes.h>

#define MIB ((int64_t)1 << 20)

void space_init(struct space *s, const char *folder, int64_t reserve_bytes)
{
    *s = (struct space){.folder = folder, .reserve_bytes = reserve_bytes};
}

static int64_t enough(const struct space *s, int64_t reserve)
{
    return s->low ? reserve + reserve / 4 : reserve;
}

bool space_look(struct space *s)
{
    bool before = s->low;
    int64_t bytes = enough(s, s->reserve_bytes), inodes = enough(s, SPACE_INODES);
    s->low = s->reserve_bytes > 0 && disk_free(s->folder, &s->room, NULL) == 0 &&
             (s->room.bytes < bytes || s->room.inodes < inodes);
    return s->low != before;
}

void space_sentence(const struct space *s, char *out, size_t size)
{
    char left[DURATION_TEXT_SIZE], reserve[DURATION_TEXT_SIZE];
    int64_t bytes = s->room.bytes;
    if (bytes >= enough(s, s->reserve_bytes)) {
        (void)str_format(out, size,
                         "%" PRId64 " inodes are left on the disk of %.600s, and %d are reserved",
                         s->room.inodes, s->folder, SPACE_INODES);
        return;
    }
    /* whole MiB: the rest is noise */
    size_format(bytes > MIB ? bytes / MIB * MIB : bytes, left);
    size_format(s->reserve_bytes, reserve);
    (void)str_format(out, size, "%s are left on the disk of %.600s, and diskReserve is %s", left,
                     s->folder, reserve);
}
