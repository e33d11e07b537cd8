/* The driver of PostgreSQL is a module that the coordinator loads when it is asked for: the
 * coordinator itself needs no libpq. It exports one symbol, PG_MODULE_SYMBOL, of struct pg_module.
 * Module and coordinator are of one version. */
#ifndef CADRE_COORDINATOR_STORE_PG_MODULE_H
#define CADRE_COORDINATOR_STORE_PG_MODULE_H

#include "base/err.h"
#include "coordinator/store/db.h"

/* Raised with each change of the structs below, or of struct db_driver. */
#define PG_MODULE_INTERFACE 3
#define PG_MODULE_SYMBOL "cadre_coordinator_postgresql"

/* Where a database is. Borrowed for the call. */
struct pg_place {
    const char *uri;      /* postgresql://..., as libpq has it */
    const char *password; /* NULL: the URI's, or that of libpq's files */
    const char *folder;   /* of the running program: the module is beside it, or in ../lib/cadre */
};

enum pg_use {
    PG_WRITER, /* changes are sent with what follows them */
    PG_READER, /* nothing can be changed; lists come in blocks */
    PG_OWNER,  /* of the owner's row alone: as PG_WRITER, and waits 1 s for a row at most */
    PG_LIST,   /* of the coordinators' list: as PG_OWNER, in 3 s, and a commit waits for nothing */
    PG_MOVE,   /* as PG_WRITER; a transaction may rest, and a lost connection is not made anew */
};

struct pg_module {
    int interface;       /* PG_MODULE_INTERFACE; looked at before anything else */
    const char *version; /* of Cadre */
    /* Connects: one connection for both, whose `path` names the host and the database. output NULL:
     * not asked for. Takes some seconds at most. ERR_UNAVAILABLE: the database cannot be reached,
     * or does not let us in; ERR_INVALID: the address is none. After any result db_close may be
     * called on both. */
    int (*open)(struct db *queue, struct db *output, const struct pg_place *p, enum pg_use use,
                struct err *e);
};

#endif
