/* What the commands print. Standard output and standard error are written here and nowhere else.
 *
 * Standard output is collected and written in large steps; the first write that fails is kept, and
 * nothing is written after it. Standard error is written at once; a failure changes nothing.
 *
 * Text of others (names, messages, descriptions) may hold what a terminal obeys. So every line that
 * is printed here is escaped as a whole (base/escape.h): what was formatted into it cannot begin
 * another line, colour the screen or turn the direction of writing. Bytes that are meant as they
 * are (a job's output, a flow's file) go through out_bytes. */
#ifndef CADRE_CLI_OUT_H
#define CADRE_CLI_OUT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct out_place {
    bool one;     /* both streams go to one file, as on a terminal */
    bool in_line; /* the last line on standard error (one: on both) has no end yet */
};

struct out {
    struct buf text;         /* of standard output, not yet written */
    struct err lost;         /* why standard output could not be written; code 0: it could so far */
    bool told;               /* the command has said it */
    struct out_place *place; /* where the streams stand; changes with every byte */
    bool json;               /* lines on standard error are JSON objects: {"note": "..."} */
    /* How bytes reach fd 1 or 2; NULL: they are written and waited for. */
    int (*write)(int fd, const void *data, size_t len, void *user, struct err *e);
    void *user;
};

void out_init(struct out *o);
void out_fini(struct out *o);

/* One line; the line break is added. */
void out_line(struct out *o, const char *fmt, ...) CADRE_PRINTF(2, 3);
/* Foreign text of several lines: line breaks and tabs stay, all else is escaped. */
void out_block(struct out *o, const char *text);
/* Cadre's own text, as it is. */
void out_text(struct out *o, const char *text);
void out_bytes(struct out *o, const void *data, size_t len);
/* One line of JSON; what escape_text escapes is written as \uNNNN. */
void out_json(struct out *o, const struct json *j);
/* Writes what is collected. Returns 0 or the code of o->lost. */
int out_flush(struct out *o);

/* The reader of standard output left, and nothing was written yet that would have told. */
void out_reader_left(struct out *o);
/* Forgets what is collected and what was lost: the command is being left. */
void out_drop(struct out *o);

/* A line on standard error, after what is collected for standard output. */
void out_note(struct out *o, const char *fmt, ...) CADRE_PRINTF(2, 3);
/* What has to stand in front of a line on standard error: a line break where a job's last line has
 * no end, else nothing. The line is written at once. */
const char *out_break(const struct out *o);
/* Bytes to standard error, as they are. */
void out_error_bytes(struct out *o, const void *data, size_t len);

/* Appends the line as it is printed, without line break. */
void out_format_line(struct buf *line, const char *fmt, va_list args);
/* JSON text as it is printed: what escape_text escapes becomes \uNNNN. */
void out_format_json(struct buf *out, const char *text);
/* A line for standard error; json: as {"note": "..."}, without the program's name in front. */
void out_format_note(struct buf *line, bool json, const char *fmt, va_list args);

#endif
