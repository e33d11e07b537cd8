/* Has the database a standby that each commit waits for? Without one, a failover loses what was
 * committed last. */
#ifndef CADRE_COORDINATOR_STORE_STANDBY_H
#define CADRE_COORDINATOR_STORE_STANDBY_H

#include "base/err.h"

struct reader;
struct store;

enum standby {
    STANDBY_ALONE,   /* SQLite: there is no failover */
    STANDBY_NONE,    /* commits wait for none */
    STANDBY_THERE,   /* one answers */
    STANDBY_GONE,    /* commits wait, and none answers */
    STANDBY_UNKNOWN, /* our role may not see it; commits do not hang */
};
extern const char *const standby_names[]; /* "none"...; of STANDBY_ALONE NULL */

/* Errors as in store.h. The reader's: on its thread; the store's: outside of store_begin. */
int reader_standby(struct reader *r, enum standby *out, struct err *e);
int store_standby(struct store *s, enum standby *out, struct err *e);

#endif
