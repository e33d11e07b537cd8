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

size_t space_room(const struct space *s, int64_t waiting, bool connected, size_t before)
{
    if (!s->low) {
        int64_t most = before > 0 ? SPACE_PAUSE_BYTES + 1 : SPACE_RESUME_BYTES;
        return !connected || waiting < most ? SPACE_TURN_BYTES : 0;
    }
    int64_t left = SPACE_LOW_BYTES - waiting;
    int64_t least = (int64_t)SPACE_LOW_LEAST;
    if (before == 0) least = SPACE_LOW_BYTES - least + 1; /* not for every line */
    if (left < least) return 0;
    return left < (int64_t)SPACE_TURN_BYTES ? (size_t)left : SPACE_TURN_BYTES;
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
