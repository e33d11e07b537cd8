/* A disk in memory, under the real store: SQLite's own code with its log, its checkpoints and its
 * recovery, but no system call. Faster than any file, and it knows what a file cannot tell: what
 * was written and not yet synced. A power loss keeps any part of that; a kill -9 keeps all of
 * it. */
#ifndef CADRE_TESTS_SIM_DISK_H
#define CADRE_TESTS_SIM_DISK_H

#include "tests/unit/coordinator/engine_world.h"

#include <stdbool.h>
#include <stdint.h>

struct disk;

/* Until it is freed, whatever SQLite opens in this process is on it. */
struct disk *disk_begin(uint64_t seed);
/* One on which SQLite opens files only between enter and leave. */
struct disk *disk_begin_aside(uint64_t seed);
void disk_enter(struct disk *d);
void disk_leave(struct disk *d);
void disk_end(struct disk *d);
/* For world.disk. */
struct world_disk disk_of_world(struct disk *d);

/* After `count` more writes and syncs the machine dies: what is on the disk at that moment is what
 * world_die leaves. Nothing else stops there, so the caller looks with disk_has_died, and throws
 * away what came of it. */
void disk_die_after(struct disk *d, int64_t count, bool power_loss);
/* The same at this moment. */
void disk_die_now(struct disk *d, bool power_loss);
bool disk_has_died(const struct disk *d);
/* The next world_die is a power loss, not a kill. */
void disk_lose_power(struct disk *d, bool power_loss);
/* A disk that says it has synced, and has not. */
void disk_lie(struct disk *d, bool lies);

/* ---- what world_disk does, for whoever has no world; texts are for mem_free ---- */
/* The folder whose files are kept when the machine dies. */
char *disk_make_folder(struct disk *d);
/* What a death that happened, or that happens now, leaves of it, in a new one. */
char *disk_keep_folder(struct disk *d, const char *folder);
void disk_remove_folder(struct disk *d, const char *folder);
bool disk_has_file(struct disk *d, const char *path);
void disk_add_file(struct disk *d, const char *path); /* empty; nothing when it is there */
void disk_move_file(struct disk *d, const char *from, const char *to);

#endif
