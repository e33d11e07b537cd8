/* Passes one line at a time to the program's sink. */
#include "base/log.h"

#include "base/buf.h"
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

/* The length of the printable character at s, 0 when its first byte has to be escaped: control
 * characters (C1 too: terminals obey them) and what is not UTF-8. */
static size_t printable(const char *s)
{
    unsigned char c = (unsigned char)s[0];
    if (c >= 0x20 && c < 0x7f) return 1;
    if (c < 0xc2 || c > 0xf4) return 0;
    if (c == 0xc2 && (unsigned char)s[1] < 0xa0) return 0;
    size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < len; i++) {
        if (!s[i]) return 0;
    }
    return str_utf8_valid(s, len) ? len : 0;
}

static void escape(struct buf *out, const char *s)
{
    while (*s) {
        size_t plain = 0, len;
        while ((len = printable(s + plain)) > 0)
            plain += len;
        buf_add(out, s, plain);
        s += plain;
        if (*s) buf_addf(out, "\\x%02x", (unsigned)(unsigned char)*s++);
    }
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
    escape(&line, text);
    target.sink(level, line.data, target.user);
    buf_fini(&line);
    mem_free(big);
}
