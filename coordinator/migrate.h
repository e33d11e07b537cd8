/* migrate-store: the queue from the files of the state folder to PostgreSQL, or back. */
#ifndef CADRE_COORDINATOR_MIGRATE_H
#define CADRE_COORDINATOR_MIGRATE_H

#include "coordinator/config.h"

#include <stdbool.h>
#include <stdint.h>

struct migrate_done {
    bool to_pg;
    int64_t rows;
};

/* To c->to. Blocks as long as it takes; `say` is called with what was done, a line each. Needs
 * pki_init. ERR_EXISTS: it was done before; ERR_CONFLICT: a coordinator runs, or as of store_move;
 * ERR_NOT_FOUND: the folder is not initialised. */
int migrate_store(const struct config *c, void (*say)(void *user, const char *line),
                  struct migrate_done *out, struct err *e);

#endif
