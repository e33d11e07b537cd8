/* The list of the coordinators that share the database (PostgreSQL alone): a row for each, which it
 * writes every 2 s or so. It is for people, and tells agents where else to look; nothing is decided
 * by it, and it is not fenced. One thread for each connection. */
#ifndef CADRE_COORDINATOR_STORE_PG_COORDINATORS_H
#define CADRE_COORDINATOR_STORE_PG_COORDINATORS_H

#include "coordinator/store/pg_module.h"

struct pg_coordinator {
    int64_t id;            /* made anew at each start */
    const char *name;      /* the owner's row has `holder` "NAME ID" */
    const char *addresses; /* JSON list */
    const char *version;   /* of Cadre */
    int64_t started_ms;    /* wall */
};

/* What the owner's row has as its holder; mem_free. */
char *pg_coordinator_holder(const struct pg_coordinator *c);
/* A connection of its own (PG_LIST); db_close, after any result. */
int pg_coordinators_open(const struct pg_place *place, struct db *out, struct err *e);

/* Says that it is alive; the first time makes its row. Those that have not been seen for a day are
 * deleted. */
int pg_coordinators_write(struct db *d, const struct pg_coordinator *c, struct err *e);
/* The addresses of all that are alive, 8 at most, c's own first: JSON list, mem_free. */
int pg_coordinators_addresses(struct db *d, const struct pg_coordinator *c, char **out,
                              struct err *e);
/* *name: of one that is alive, mem_free; NULL: none is. */
int pg_coordinators_alive(struct db *d, char **name, struct err *e);
/* It stops in order. */
int pg_coordinators_remove(struct db *d, int64_t id, struct err *e);

#endif
