/* Free space on the disk of the state folder: bytes, and inodes where the file system counts them.
 * Below the reserve the agent takes no jobs and leaves output in the jobs' pipes, so that the
 * journal still has room for the results of running jobs. */
#ifndef CADRE_AGENT_SPACE_H
#define CADRE_AGENT_SPACE_H

#include "platform/files.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPACE_INODES 16 /* a job takes a folder and a few files */

struct space {
    const char *folder; /* not ours */
    int64_t reserve_bytes;
    struct disk_room room; /* at the last look */
    bool low;
};

/* reserve_bytes 0: never low. */
void space_init(struct space *s, const char *folder, int64_t reserve_bytes);
/* Checks the disk, and returns whether `low` changed. `low` ends when a quarter more than the
 * reserve is free, so that it does not change back and forth. A disk whose free space is unknown
 * counts as not low. */
bool space_look(struct space *s);
#define SPACE_TURN_BYTES ((size_t)256 << 10)  /* of output that one turn passes on, at most */
#define SPACE_PAUSE_BYTES ((int64_t)32 << 20) /* the coordinator takes output too slowly... */
#define SPACE_RESUME_BYTES ((int64_t)16 << 20)
#define SPACE_LOW_BYTES ((int64_t)256 << 10) /* ...and while space is low: at most so many wait */
#define SPACE_LOW_LEAST ((size_t)64 << 10)   /* for less than this no output is read */
/* How many bytes of output the next turn may pass on to the journal, where `waiting` bytes wait for
 * the coordinator; 0: output has to wait in the jobs' pipes. `before`: the last answer. */
size_t space_room(const struct space *s, int64_t waiting, bool connected, size_t before);
/* "3MiB are left on the disk of /var/lib/cadre/agent, and diskReserve is 64MiB" */
void space_sentence(const struct space *s, char *out, size_t size);

#endif
