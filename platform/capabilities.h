/* The capabilities of this machine (design 4.1), as JSON object members written into w: os, osName,
 * osVersion, kernel, arch, hostname, cpus, cpuModel, memory, disk, shell[], feature[], gpu{count,
 * model, memory, driver}, cuda, timezone. A capability that cannot be determined is left out
 * ("unknown"); it is never an error and never a guess. Blocking up to about a second (gathers from
 * files; runs no program except nvidia-smi, with a limit of 3 s, when the driver's own files do not
 * have the values). Twin files. */
#ifndef CADRE_PLATFORM_CAPABILITIES_H
#define CADRE_PLATFORM_CAPABILITIES_H

#include "base/json.h"

/* Writes into the open object of w. work_folder: the folder whose file system counts for `disk`
 * (rounded down to 64 MiB, so that the value does not change all the time). path: the PATH that
 * jobs get, where shells and features are looked for; NULL: that of the account. */
void capabilities_write(struct jw *w, const char *work_folder, const char *path);

/* The name of this host's zone in the time zone database ("Europe/Berlin"); NULL: unknown, and
 * always on Windows, which has names of its own. mem_free. */
char *capabilities_timezone(void);

#endif
