/* How an attempt ended that had a process, in words for people. Pure. */
#ifndef CADRE_AGENT_RUNNER_END_H
#define CADRE_AGENT_RUNNER_END_H

#include "platform/process.h"
#include "wire/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct output;

struct runner_end {
    const char *why; /* of the agent's own end: timeout, cancelled, drain, lost; NULL: none */
    int64_t lease_ms, timeout_ms;
    const struct process_end *process;
    const struct output *output;
};

/* For the job's own log: what was ended behind the main process, what could not be ended, and whom
 * the kernel's memory killer ended. Whole lines; "": there is nothing to tell. Returns out. */
const char *runner_end_notes(const struct runner_end *end, char out[LIMIT_MESSAGE]);
/* For `finished`: why the attempt ended as it did, and the notes. "": there is nothing to tell.
 * Returns out. */
const char *runner_end_message(const struct runner_end *end, char out[LIMIT_MESSAGE]);

/* Adds to a message what could not be ended. */
void runner_end_add_alive(const struct process_list *alive, char message[LIMIT_MESSAGE]);

#endif
