/* Skips frames that are larger than the follower's limit; the stream goes on after them, so that
 * one large event does not end the following of a job. Pure: bytes in, bytes out. */
#ifndef CADRE_CLI_FRAME_FILTER_H
#define CADRE_CLI_FRAME_FILTER_H

#include "base/err.h"
#include "wire/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_LENGTH_BYTES 4

struct frame_filter {
    size_t max_body;
    uint8_t head[FRAME_LENGTH_BYTES]; /* of the frame that begins */
    size_t head_len;
    uint32_t left; /* bytes of the present frame that have not arrived */
    bool dropping;
    size_t dropped; /* frames left out so far */
};

void frame_filter_init(struct frame_filter *f, size_t max_body);
/* Passes the bytes on to the reader, without the frames that are over the limit. Returns the
 * reader's errors. *used: how many bytes were consumed; call again with the rest once the reader's
 * frames are taken out. */
int frame_filter_add(struct frame_filter *f, struct frame_reader *to, const void *data, size_t len,
                     size_t *used, struct err *e);

#endif
