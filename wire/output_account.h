/* The account of what an attempt's log holds. Agent and coordinator keep it by this one rule, so
 * that the coordinator stores all that an agent sends within the limit: what the job writes counts
 * against the job's output limit, Cadre's remarks count against a limit of their own. Pure. */
#ifndef CADRE_WIRE_OUTPUT_ACCOUNT_H
#define CADRE_WIRE_OUTPUT_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output_account {
    int64_t written; /* bytes of the job: stdout and stderr */
    int64_t remarks; /* bytes of Cadre's own */
};

/* Counts a chunk of so many bytes of a stream (enum output_stream). false: the chunk does not fit
 * and is not counted. limit_bytes 0: the job has no limit; the remarks have theirs. */
bool output_account_add(struct output_account *a, int64_t limit_bytes, int stream, size_t len);

#endif
