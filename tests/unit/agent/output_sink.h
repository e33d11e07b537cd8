/* Takes what agent/output.h passes on, and checks its order: whole chunks, offsets that only
 * grow. */
#ifndef CADRE_TESTS_UNIT_AGENT_OUTPUT_SINK_H
#define CADRE_TESTS_UNIT_AGENT_OUTPUT_SINK_H

#include "agent/output.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink {
    struct output_pool pool;
    struct buf text[4];   /* by stream, without what was left out */
    int64_t left_out[4];  /* bytes that the offsets passed over */
    int64_t gap_begin[4]; /* where they did: bytes of the text before it */
    size_t chunks, largest;
    bool split_character;
};

void sink_init(struct sink *s);
void sink_fini(struct sink *s);
/* An output_emit_fn. */
void sink_emit(int stream, int64_t offset, const void *data, size_t len, void *sink);
/* The job has ended: all that is held comes, the end of the output included. */
void sink_finish(struct output *o);

#define WITH_OUTPUT(limit)                                                                         \
    struct sink s;                                                                                 \
    struct output o;                                                                               \
    sink_init(&s);                                                                                 \
    output_init(&o, (limit), &s.pool, sink_emit, &s)
#define DONE()                                                                                     \
    output_fini(&o);                                                                               \
    sink_fini(&s)

#endif
