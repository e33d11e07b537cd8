/* One rule for the filters of all lists: a name that there is not, and was not, is a problem of
 * whoever asks (422, with the nearest name), not an empty list. */
#ifndef CADRE_COORDINATOR_READS_KNOWN_H
#define CADRE_COORDINATOR_READS_KNOWN_H

#include "coordinator/reads/lookup.h"
#include "coordinator/store/reader_names.h"

/* 0: it is known. Otherwise l->problem or the result tells. */
int known_name(struct lookup *l, struct reader *r, const struct name_asked *a, struct err *e);
/* The same, with the agent's id; ids and names of removed agents are known while jobs name them. */
int known_agent(struct lookup *l, struct reader *r, const char *id_or_name, int64_t *id,
                struct err *e);

#endif
