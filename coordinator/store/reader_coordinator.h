/* The coordinators that share the database, as they are listed. Reader thread. */
#ifndef CADRE_COORDINATOR_STORE_READER_COORDINATOR_H
#define CADRE_COORDINATOR_STORE_READER_COORDINATOR_H

#include "coordinator/store/reader.h"

/* Texts are borrowed for the call. */
struct coordinator_row {
    int64_t id;
    const char *name, *addresses, *version; /* addresses: a JSON list */
    int64_t started_ms, seen_ms;            /* its own clock; the database's */
    bool alive;                             /* seen in the last 10 s */
    bool owner;                             /* and owns the queue */
};

/* By when they started: those above f->after. None where the store is not shared. */
int reader_coordinators(struct reader *r, const struct id_filter *f,
                        int (*fn)(const struct coordinator_row *c, void *user), void *user,
                        bool *more, struct err *e);
/* Where the store is not shared one is alive. */
int reader_coordinator_counts(struct reader *r, int64_t *alive, int64_t *gone, struct err *e);

#endif
