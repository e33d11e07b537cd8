/* Opening the store and the reader on PostgreSQL, as store_open_parts and reader_open do on the
 * files of a state folder. What is opened is used and closed by store.h and reader.h. */
#ifndef CADRE_COORDINATOR_STORE_PG_STORE_H
#define CADRE_COORDINATOR_STORE_PG_STORE_H

#include "coordinator/store/parts.h"
#include "coordinator/store/pg_owner.h"
#include "coordinator/store/reader.h"

/* Before a coordinator becomes one of several: whether a store could be opened here, as far as the
 * server's settings (pg_check.h), the marks of a move and the CA go. ca as in struct store_parts.
 * Changes nothing. */
int store_check_pg(const struct pg_place *place, const char *ca, struct err *e);

/* Queue and output are in one database, and one transaction writes both. Looks at the server's
 * settings and joins the CA. own: what pg_owner_take gave; NULL: without the owner's row, for
 * `init`, the target of a move, and tests. Tables that are not there are made (p->make), all at
 * once; older ones are upgraded with `own` alone, since nobody else may be at work on them then.
 * ERR_NOT_FOUND: there are no tables; ERR_UNSUPPORTED: the server is too old, its settings may lose
 * what was committed, a pooler changes connections between transactions, or the tables are newer,
 * or older without `own`; ERR_CONFLICT: they are another CA's, or, with `own`, `init` was cut off;
 * ERR_FENCED; ERR_UNAVAILABLE. Each with the way out. */
int store_open_pg(const struct pg_place *place, const struct pg_reign *own, struct store_parts *p,
                  struct store **out, struct err *e);
/* Of tables that are there. It connects again by itself when a call finds the connection lost;
 * calls fail with ERR_UNAVAILABLE meanwhile. */
int reader_open_pg(const struct pg_place *place, struct reader **out, struct err *e);

/* A transaction of whoever opens the store, of statements that are run on s->queue; rc: of
 * these. */
int pg_opening_begin(struct store *s, struct err *e);
int pg_opening_end(struct store *s, int rc, struct err *e);

#endif
