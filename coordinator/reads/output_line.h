/* A chunk of output as a line of JSON: docs/api.md. */
#ifndef CADRE_COORDINATOR_READS_OUTPUT_LINE_H
#define CADRE_COORDINATOR_READS_OUTPUT_LINE_H

#include "base/buf.h"
#include "coordinator/store/model.h"

/* {"cursor", "job", "attempt", "stream", "offset", "at", "text"} or, where the bytes are not text,
 * "base64" instead of "text"; never more than 8/3 of the bytes and 300 bytes. */
int output_line_add(struct buf *out, const struct chunk *c);

#endif
