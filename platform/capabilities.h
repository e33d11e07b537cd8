/* What this machine can do (design 4.1), as JSON object members written into w: os, osName,
 * osVersion, kernel, arch, hostname, cpus, cpuModel, memory, disk, shell[], feature[], gpu{count,
 * model, memory, driver}, cuda, timezone. What cannot be found out is left out ("unknown"), never
 * an error and never a guess. Blocking up to about a second (gathers from files; runs no program
 * except nvidia-smi when the driver's own files do not tell, with a 3 s limit). Twin files. */
#ifndef CADRE_PLATFORM_CAPABILITIES_H
#define CADRE_PLATFORM_CAPABILITIES_H

#include "base/json.h"

/* Inside an open object of w. work_folder: whose file system counts for `disk` (rounded down to 64
 * MiB so that it does not change all the time). */
void capabilities_write(struct jw *w, const char *work_folder);

#endif
