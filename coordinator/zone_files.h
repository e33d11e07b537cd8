/* The zone files of this machine, read for the engine: once before it starts, then every hour and
 * when somebody asks (SIGHUP). What changed is handed over with CMD_ZONES. */
#ifndef CADRE_COORDINATOR_ZONE_FILES_H
#define CADRE_COORDINATOR_ZONE_FILES_H

#include "base/err.h"
#include "coordinator/config.h"
#include "coordinator/schedule/zones.h"

#include <stdint.h>

#define ZONE_FILES_EVERY_MS 3600000

/* Reads every zone below `zoneinfo:`, else the system's folder. Blocks for some ten milliseconds.
 * Links are followed; the folders right (with leap seconds) and posix, and what is no zone, are
 * passed over; a zone that is damaged is left out with a line in the log. ERR_NOT_FOUND:
 * `zoneinfo:` names a folder without zones, or `timezone:` is none of those that are known. *sum:
 * of all names and bytes, in any order. */
int zone_files_read(const struct config *c, struct zones **out, uint64_t *sum, struct err *e);

/* The same question to who only asks it. */
int zone_files_check(const struct config *c, struct err *e);

/* Reads them again, on a thread of libuv's, and pushes what is new to the spine. The loop's. The
 * first table is borrowed. */
struct zone_files;
struct spine;
struct uv_loop_s;
struct zone_files *zone_files_start(struct uv_loop_s *loop, const struct config *c,
                                    struct spine *spine, struct zones *first, uint64_t sum);
void zone_files_again(struct zone_files *f);
/* Nothing is pushed any more; the memory goes when the loop has run. NULL is fine. */
void zone_files_stop(struct zone_files *f);

#endif
