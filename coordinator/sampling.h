/* Asks the store once a minute what each group has, for its history (metrics/history.h). */
#ifndef CADRE_COORDINATOR_SAMPLING_H
#define CADRE_COORDINATOR_SAMPLING_H

#include <stdint.h>

#define SAMPLING_EVERY_MS 60000

struct history;
struct reads;
struct sampling;
struct uv_loop_s;

/* every_ms 0: SAMPLING_EVERY_MS. The first time is now. The others are borrowed until
 * sampling_stop, reads and history until reads_stop. Loop thread. */
struct sampling *sampling_start(struct uv_loop_s *loop, struct reads *reads,
                                struct history *history, int64_t every_ms);
/* Asks no more; an answer that is still to come is taken until reads_stop. The memory goes when the
 * loop has run. NULL is fine. */
void sampling_stop(struct sampling *s);

#endif
