/* What libpq says, as part of a sentence of ours. */
#ifndef CADRE_COORDINATOR_STORE_PG_FLAT_H
#define CADRE_COORDINATOR_STORE_PG_FLAT_H

#include <stddef.h>

/* The message on one line: blanks and line breaks become one space, and what ends it (spaces, full
 * stops) goes, so that another sentence may follow. Cut at whole characters to size - 1 bytes.
 * message may be NULL. Any thread. */
void pg_flat(char *out, size_t size, const char *message);

#endif
