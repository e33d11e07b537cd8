/* The row that says who owns the queue (PostgreSQL alone; docs/decisions.md, tests/model). Every
 * transaction of the owner takes the row by writing it; a successor raises its epoch, and nothing
 * of the former owner lands any more. One thread for each connection. */
#ifndef CADRE_COORDINATOR_STORE_PG_OWNER_H
#define CADRE_COORDINATOR_STORE_PG_OWNER_H

#include "coordinator/store/pg_module.h"
#include "coordinator/store/store.h"

/* What the first statement of each of the owner's transactions looks for. */
struct pg_reign {
    int64_t epoch; /* 0: nobody's, of a database that was made just now */
    int64_t batch; /* transactions that the row has seen */
};

struct pg_owner {
    struct pg_reign reign;
    char *holder;    /* the owner's name; "": nobody */
    char *addresses; /* where agents and clients find it */
    int64_t schema;  /* version of the tables */
};
void pg_owner_fini(struct pg_owner *o);

/* A connection of its own for the functions below; db_close, after any result. */
int pg_owner_open(const struct pg_place *place, struct db *out, struct err *e);

/* ERR_NOT_FOUND: the database has no tables of Cadre. */
int pg_owner_look(struct db *d, struct pg_owner *out, struct err *e);

/* Takes the queue over from the owner that was seen: raises the epoch of exactly that row, and is
 * committed when it returns. A transaction that holds the row for 1 s more is ended, and its
 * connection with it: some 10 s at most. ERR_FENCED: the row is another by now. ERR_UNAVAILABLE:
 * whether it was done is not known; look again. */
int pg_owner_take(struct db *d, const struct pg_reign *seen, const char *holder,
                  const char *addresses, struct pg_reign *out, struct err *e);

/* After a commit whose answer was lost, on a new connection: raises the owner's own epoch, for
 * which it waits for a transaction that is still open, as above. `mine`: the store's (store_reign),
 * before that commit. *landed: that commit is there. ERR_FENCED: another coordinator owns the
 * queue, or this was done before. */
int pg_owner_resolve(struct db *d, const struct pg_reign *mine, struct pg_reign *out, bool *landed,
                     struct err *e);

/* Raises the batch number of exactly that row, and is committed when it returns; the second one
 * says that nobody holds the row. *mine is as the row is then. Errors as of pg_owner_take. */
int pg_owner_write(struct db *d, struct pg_reign *mine, struct err *e);
int pg_owner_release(struct db *d, struct pg_reign *mine, struct err *e);

/* ---- of an open store (pg_store.h) ---- */
/* What the next transaction looks for. */
struct pg_reign store_reign(const struct store *s);

#endif
