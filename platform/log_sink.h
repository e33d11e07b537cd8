/* Where log lines go. Twin files. Linux: when the journal has our stderr (JOURNAL_STREAM), to the
 * journal, with the fields CADRE_JOB, CADRE_ATTEMPT and CADRE_AGENT, or through stderr with <N>
 * priorities where its socket is not to be had; with a time stamp to stderr otherwise. Windows:
 * stderr in a console, else Event Log (warnings and errors) and a rotated file. Thread-safe. */
#ifndef CADRE_PLATFORM_LOG_SINK_H
#define CADRE_PLATFORM_LOG_SINK_H

#include "base/err.h"
#include "base/log.h"

/* `file`: NULL or a log file to write too (rotated at 10 MiB, 5 kept). Calls log_set_sink. */
int log_sink_open(const char *file, struct err *e);
void log_sink_close(void);
/* What stands before an error that is printed to stderr before or without the sink: "<3>" when the
 * journal has it, so that it is an error there, too; else "". */
const char *log_sink_error_prefix(void);
/* The agent that this process is, for lines in a log that knows fields. NULL: none. */
void log_sink_set_agent(const char *name);

#endif
