/* The Event Log, source "CadreAgent". */
#ifndef CADRE_PLATFORM_WINDOWS_EVENT_LOG_H
#define CADRE_PLATFORM_WINDOWS_EVENT_LOG_H

#include <stdbool.h>

/* The number of the message resource that is nothing but the text ("%1"). */
#define EVENT_ID_TEXT 1

/* error: else a warning. Silent when there is no Event Log. */
void event_log_write(bool error, const char *text);

/* Tells Windows that the texts of our entries are in this program; unregister takes it back. For
 * administrators. */
bool event_log_register(const char *program);
void event_log_unregister(void);

#endif
