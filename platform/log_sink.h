/* Where log lines go. Twin files. Linux: stderr, with <N> priorities when the journal listens (JOURNAL_STREAM), with a time
 * stamp otherwise. Windows: stderr in a console, else Event Log (warnings and errors) and a rotated file. Thread-safe. */
#ifndef CADRE_PLATFORM_LOG_SINK_H
#define CADRE_PLATFORM_LOG_SINK_H

#include "base/err.h"
#include "base/log.h"

/* `file`: NULL or a log file to write too (rotated at 10 MiB, 5 kept). Calls log_set_sink. */
int log_sink_open(const char *file, struct err *e);
void log_sink_close(void);

#endif
