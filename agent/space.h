/* Room on the disk of the state folder. Below the reserve the agent takes no jobs and lets output
 * wait in the jobs' pipes, so that what runs can still be journalled to its end. */
#ifndef CADRE_AGENT_SPACE_H
#define CADRE_AGENT_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct space {
    const char *folder; /* not ours */
    int64_t reserve_bytes;
    int64_t free_bytes; /* at the last look */
    bool low;
};

/* reserve_bytes 0: never low. */
void space_init(struct space *s, const char *folder, int64_t reserve_bytes);
/* Looks, and tells whether `low` changed. It ends a quarter above the reserve, so that it does not
 * flicker. A disk that does not say what is free counts as one with room. */
bool space_look(struct space *s);
/* "3MiB are left on the disk of /var/lib/cadre/agent, and diskReserve is 64MiB" */
void space_sentence(const struct space *s, char *out, size_t size);

#endif
