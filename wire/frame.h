/* Frames of cadre/1 (PROTOCOL.md section 2): u32 big endian length of what follows it, u8 type,
 * body. The length counts type and body, so it is at least 1. Pure: bytes in, frames out. */
#ifndef CADRE_WIRE_FRAME_H
#define CADRE_WIRE_FRAME_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum frame_type { FRAME_JSON = 1, FRAME_OUTPUT = 2 };

#define FRAME_HEAD 5         /* bytes before a body */
#define FRAME_OUTPUT_HEAD 33 /* bytes before the output bytes, see struct frame_output */

/* A frame in a reader's buffer; `body` lives until the next call with that reader. */
struct frame {
    uint8_t type;
    const uint8_t *body;
    size_t len;
};

/* How many bytes a reader holds at most: take the frames out after each add. */
#define FRAME_READER_MAX (4u * 1024 * 1024)

/* Collects bytes until frames are complete. Memory grows with the bytes that arrived, not with the
 * length that a frame announces. */
struct frame_reader {
    struct buf b;
    size_t pos;      /* bytes of b already given out */
    size_t max_body; /* present limit */
};

void frame_reader_init(struct frame_reader *r, size_t max_body);
void frame_reader_fini(struct frame_reader *r);
void frame_reader_set_max(struct frame_reader *r, size_t max_body);
/* Appends received bytes (any cut). Takes no memory for a frame whose length is over the limit. */
int frame_reader_add(struct frame_reader *r, const void *data, size_t len, struct err *e);
/* 1: *out is the next frame. 0: more bytes are needed. Negative: ERR_TOO_LARGE (names length and
 * limit), ERR_PROTOCOL (length 0, unknown type); the connection is to be closed then. */
int frame_reader_next(struct frame_reader *r, struct frame *out, struct err *e);

/* Appends head and body to b. ERR_TOO_LARGE when b is at its ceiling. */
int frame_add(struct buf *b, uint8_t type, const void *body, size_t len);
/* For a body that is written in place: frame_start returns an offset; frame_end takes the offset
 * and fills in the length. */
int frame_start(struct buf *b, uint8_t type, size_t *mark);
void frame_end(struct buf *b, size_t mark);

enum output_stream {
    STREAM_STDOUT = 1,
    STREAM_STDERR = 2,
    STREAM_SYSTEM = 3 /* Cadre's own remarks */
};

/* The body of FRAME_OUTPUT: u64 seq, u64 job, u32 attempt, u8 stream, u64 offset, u32 reserved (0),
 * all big endian, then 1 .. LIMIT_OUTPUT_CHUNK bytes. On the API's follow stream seq is the
 * cursor. */
struct frame_output {
    int64_t seq; /* per agent (PROTOCOL.md section 6) */
    int64_t job;
    int32_t attempt;
    uint8_t stream; /* enum output_stream */
    int64_t offset; /* of the first byte within this attempt's stream */
    const uint8_t *data;
    size_t len;
};

/* ERR_INVALID: values that frame_output_decode would refuse. ERR_TOO_LARGE: b is at its ceiling. */
int frame_output_add(struct buf *b, const struct frame_output *o);
/* Points into body. ERR_PROTOCOL: short, empty, over LIMIT_OUTPUT_CHUNK, a field out of the range
 * that OUTPUT_HEAD_LIST (wire/msg_list.h) gives it. */
int frame_output_decode(const uint8_t *body, size_t len, struct frame_output *out, struct err *e);

#endif
