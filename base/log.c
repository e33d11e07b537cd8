/* Passes one line at a time to the program's sink. */
#include "base/log.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (16u * 1024)

/* The one piece of file-scope state in Cadre: main sets it before threads start. */
static struct {
    log_sink_fn *sink;
    void *user;
    enum log_level level;
} target = {NULL, NULL, LOG_INFO};

void log_set_sink(log_sink_fn *sink, void *user)
{
    target.sink = sink;
    target.user = user;
}

void log_set_level(enum log_level level)
{
    target.level = level;
}

static const char *const level_names[] = {"error", "warn", "info", "debug"};
#define LEVELS (sizeof level_names / sizeof *level_names)

const char *log_level_name(enum log_level level)
{
    return (size_t)level < LEVELS ? level_names[level] : "debug";
}

int log_level_parse(const char *name, enum log_level *out, struct err *e)
{
    for (size_t i = 0; i < LEVELS; i++) {
        if (!str_eq(name, level_names[i])) continue;
        *out = (enum log_level)i;
        return 0;
    }
    char shown[STR_QUOTE_SIZE];
    return err_set(e, ERR_INVALID, "%s is not one of error, warn, info, debug",
                   str_quote(shown, name));
}

int log_level_check(const char *name, struct err *e)
{
    enum log_level level;
    return log_level_parse(name, &level, e);
}

bool log_enabled(enum log_level level)
{
    return target.sink && level <= target.level;
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if (!log_enabled(level)) return;
    char small[1024];
    char *big = NULL, *text = small;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) small[0] = '\0';
    if (n >= (int)sizeof small) {
        size_t size = (size_t)n < LINE_MAX_BYTES ? (size_t)n + 1 : LINE_MAX_BYTES;
        text = big = mem_alloc(size);
        vsnprintf(big, size, fmt, again);
        big[str_utf8_whole(big, strlen(big))] = '\0';
    }
    va_end(again);
    struct buf line;
    buf_init(&line, 4 * (size_t)LINE_MAX_BYTES); /* an escape is four bytes */
    escape_text(&line, text, strlen(text));
    target.sink(level, line.data, target.user);
    buf_fini(&line);
    mem_free(big);
}
