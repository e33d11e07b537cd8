/* One attempt's output on its way out: raw bytes of two streams -> text -> chunks with offsets, the
 * limit, and the `::{"outputs":{...}}::` lines on stdout. No I/O: chunks leave by a callback.
 *
 * The limit counts the bytes that leave. Output within the limit leaves whole. Of more output, the
 * beginning leaves at once, and the end after the job has ended; a line says how many bytes between
 * them were left out, and the offsets of the end show the gap, too:
 *
 *   |-- beginning: stdout -----------------------|-- stderr ------|-- end --------|
 *   |                                            | 1/8 at least   | OUTPUT_END_*  |
 *
 * What stderr does not use of its share is used for the end.
 *
 * Memory: at most one chunk per stream, one line of OUTPUTS_LINE_MAX bytes, and the end
 * (output_tail.h). */
#ifndef CADRE_AGENT_OUTPUT_H
#define CADRE_AGENT_OUTPUT_H

#include "agent/output_tail.h"
#include "agent/outputs_line.h"
#include "base/buf.h"
#include "platform/text.h"
#include "wire/output_account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_STDERR_PART 8        /* this part of the limit is for stderr alone */
#define OUTPUT_END_PART 16          /* this part of the limit is for the end... */
#define OUTPUT_END_MIN (256 * 1024) /* ...at least so many bytes; half of a limit below 512 KiB */

/* 1 stdout, 2 stderr, 3 Cadre's own remarks (enum output_stream). */
typedef void output_emit_fn(int stream, int64_t offset, const void *data, size_t len, void *user);

struct output_side {
    struct text_state text;
    struct buf chunk;
    int64_t offset;  /* of the chunk's first byte */
    int64_t written; /* bytes so far, those that were left out included */
    int64_t kept;    /* of them, bytes of the beginning */
    bool full;       /* no more of the beginning is kept: all that comes belongs to the end */
};

struct output {
    struct output_side side[3];    /* by stream - 1 */
    int64_t limit_bytes;           /* 0: none */
    struct output_account account; /* of what has left, as the coordinator counts it */
    bool truncated;                /* something was left out; known after the end */
    bool told;                     /* the line about it has left */
    struct output_tail end;        /* of both streams */
    struct outputs_reader lines;   /* of stdout */
    output_emit_fn *emit;
    void *user;
};

/* The pool outlives the output. */
void output_init(struct output *o, int64_t limit_bytes, struct output_pool *pool,
                 output_emit_fn *emit, void *user);
void output_fini(struct output *o);
/* Bytes from the job: 1 stdout, 2 stderr. Whole chunks leave at once. */
void output_add(struct output *o, int stream, const void *data, size_t len);
/* Passes on the bytes that are held (end of a turn), except an incomplete character. */
void output_flush(struct output *o);
/* Passes on a line of Cadre's own about the job (stream 3), behind what the job wrote so far. Such
 * lines have a limit of their own, LIMIT_OUTPUT_REMARKS. */
void output_note(struct output *o, const char *line);
/* The job has ended: passes on everything of the beginning that is held. */
void output_end(struct output *o);
/* Something is left for output_pass_end to do. */
bool output_has_end(const struct output *o);
/* After output_end: passes on up to `most` bytes of the end, and before them the line that says how
 * much was left out. Returns whether the end has more. */
bool output_pass_end(struct output *o, size_t most);
/* After output_end: leaves the rest of the end out. */
void output_drop_end(struct output *o);

#endif
