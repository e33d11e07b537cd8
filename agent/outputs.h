/* The values that a job set with `::{"outputs":{...}}::` lines: an object of at most LIMIT_OUTPUTS
 * bytes as JSON text. A later value of a key wins, as it does in Kestra.
 *
 * The cost of a line depends on the line's length alone, not on the values set before: keys are
 * found by a hash that a job cannot predict, and the size is kept, not counted anew. No I/O. */
#ifndef CADRE_AGENT_OUTPUTS_H
#define CADRE_AGENT_OUTPUTS_H

#include "base/json.h"
#include "base/map.h"

#include <stddef.h>
#include <stdint.h>

struct outputs {
    struct json *tree;   /* NULL: nothing was set */
    struct map members;  /* by the hash of their keys */
    size_t count, bytes; /* of the members as text, without commas and braces */
    uint64_t point;      /* of the hash: a secret */
    uint64_t compared;   /* how many keys were compared so far, for tests */
    uint64_t written;    /* how many bytes of text were made so far, for tests */
};

void outputs_init(struct outputs *o);
void outputs_fini(struct outputs *o);
/* Takes the members out of `values`, an object. ERR_TOO_LARGE: with some of them the outputs would
 * exceed the limit; these stay in `values`, and what was set before of their keys stays set. */
int outputs_merge(struct outputs *o, struct json *values);

#endif
