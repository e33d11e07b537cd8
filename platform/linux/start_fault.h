/* Why a process cannot be started, and whose fault that is: of the job, which named a command or a
 * folder that is not there, or of this machine. The codes are those of process_start. */
#ifndef CADRE_PLATFORM_LINUX_START_FAULT_H
#define CADRE_PLATFORM_LINUX_START_FAULT_H

#include "base/err.h"
#include "platform/linux/spawn.h"
#include "platform/process.h"

/* The file to execute; mem_free. */
int start_find_command(const struct process_options *o, char **out, struct err *e);
/* Of a spawn_process that failed. own_folder as in process_options. */
int start_failed(const struct spawn *s, const char *own_folder, struct err *e);

#endif
