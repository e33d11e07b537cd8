/* Tells the engine once a minute how the coordinator's disk and certificates are (CMD_STANDING). */
#ifndef CADRE_COORDINATOR_STANDING_H
#define CADRE_COORDINATOR_STANDING_H

#include <stdint.h>

#define STANDING_EVERY_MS 60000

struct authority;
struct spine;
struct standing_clock;
struct uv_loop_s;
struct web;

/* What is told of, and to whom. All are borrowed until standing_stop. */
struct standing_of {
    const char *state; /* the folder */
    const struct authority *authority;
    struct web *const *web; /* *web NULL: there is no `web:`, or it is closed */
    struct spine *spine;
};

/* The first time is now. Loop thread. */
struct standing_clock *standing_start(struct uv_loop_s *loop, const struct standing_of *of);
/* Nothing is pushed any more; the memory goes when the loop has run. NULL is fine. */
void standing_stop(struct standing_clock *s);

#endif
