/* One log line: level, message, fields. Programs log; libraries (base, wire, platform) report
 * errors instead. The sink is the one file-scope variable in Cadre: set once by main before threads
 * start. */
#ifndef CADRE_BASE_LOG_H
#define CADRE_BASE_LOG_H

#include "base/err.h"

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Gets whole lines without newline; called from any thread, must not block for long. */
typedef void log_sink_fn(enum log_level level, const char *line, void *user);

void log_set_sink(log_sink_fn *sink, void *user); /* NULL: lines go nowhere (the default) */
void log_set_level(enum log_level level);         /* default LOG_INFO */
bool log_enabled(enum log_level level);

const char *log_level_name(enum log_level level); /* "error", "warn", "info", "debug" */
int log_level_parse(const char *name, enum log_level *out, struct err *e);
int log_level_check(const char *name, struct err *e); /* for an option's row */

/* The line reads "message key=value key=value". The message names the object first
 * ("job 06f3k9x2m1c7a: ..."). Control characters are written as \xNN, so that a line stays a
 * line. */
void log_write(enum log_level level, const char *fmt, ...) CADRE_PRINTF(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG)) log_write(LOG_DEBUG, __VA_ARGS__);                             \
    } while (0)

#endif
