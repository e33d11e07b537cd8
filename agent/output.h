/* One attempt's output on its way out: raw bytes of two streams -> text -> chunks with offsets, the
 * limit, and the `::{"outputs":{...}}::` lines on stdout. No I/O: chunks leave by a callback. Flat
 * memory: at most one chunk per stream and one line of OUTPUT_LINE_MAX bytes are held. */
#ifndef CADRE_AGENT_OUTPUT_H
#define CADRE_AGENT_OUTPUT_H

#include "agent/outputs.h"
#include "base/buf.h"
#include "platform/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_LINE_MAX (64u * 1024) /* a longer line is not an outputs line */
#define OUTPUT_REMARKS_MAX 20        /* about outputs lines; not counted against the limit */

/* 1 stdout, 2 stderr, 3 Cadre's own remarks (enum output_stream). */
typedef void output_emit_fn(int stream, int64_t offset, const void *data, size_t len, void *user);

struct output_side {
    struct text_state text;
    struct buf chunk;
    int64_t offset; /* of the chunk's first byte */
};

struct output {
    struct output_side side[3]; /* by stream - 1 */
    int64_t limit_bytes, total_bytes;
    bool truncated;
    struct buf line;        /* of stdout, while it may still be an outputs line */
    bool line_passes;       /* the present line cannot be an outputs line */
    struct outputs outputs; /* what the job set so far */
    int remarks;            /* on outputs lines */
    output_emit_fn *emit;
    void *user;
};

void output_init(struct output *o, int64_t limit_bytes, output_emit_fn *emit, void *user);
void output_fini(struct output *o);
/* Bytes from the job: 1 stdout, 2 stderr. Whole chunks leave at once. */
void output_add(struct output *o, int stream, const void *data, size_t len);
/* Passes on the bytes that are held (end of a turn), except an incomplete character. */
void output_flush(struct output *o);
/* The job has ended: passes on everything that is held. */
void output_end(struct output *o);

#endif
