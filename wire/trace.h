/* The W3C's Trace Context (https://www.w3.org/TR/trace-context/): the header `traceparent`, by
 * which a job belongs to the trace of whoever submitted it. Cadre passes it on and makes no spans
 * of its own. Pure. */
#ifndef CADRE_WIRE_TRACE_H
#define CADRE_WIRE_TRACE_H

#include <stdbool.h>

#define TRACE_PARENT_LEN 55
#define TRACE_PARENT_SIZE (TRACE_PARENT_LEN + 1)

/* Reads a header's value, blanks around it left out. Of version 00 it comes out as it is, of a
 * later one what version 00 knows of it. False: there is none (NULL), or it is not valid, and then
 * the standard wants it to be ignored. */
bool trace_parent_read(const char *value, char out[TRACE_PARENT_SIZE]);

#endif
