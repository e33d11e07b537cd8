/* Where the owner's row is (wire/lease.h, coordinator/ownership.h): in the database that several
 * coordinators share, or in a test's memory. The functions may block for some seconds and are
 * called from one thread after the other, never from two at once; each failure is one of
 *
 *   ERR_FENCED       the row is not as the caller says: another one was there
 *   ERR_UNAVAILABLE  there is no answer: it may have been done, or may yet be
 *   anything else    it was not done, and will not be
 *
 * All write durably before they return 0. */
#ifndef CADRE_COORDINATOR_STORE_OWNER_PLACE_H
#define CADRE_COORDINATOR_STORE_OWNER_PLACE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* What is looked for in the owner's row. Two looks that saw the same saw no commit in between. */
struct owner_row {
    int64_t epoch, batch;
    bool held; /* false: its holder stopped in order, or there was none yet */
};

struct owner_place {
    /* Reads it. *addresses: the holder's, a JSON list for agents and for other coordinators,
     * mem_free; NULL: there is none, or it has said none. ERR_UNSUPPORTED: the tables are of a
     * version that this program does not know, and nothing else is so. */
    int (*look)(void *user, struct owner_row *row, char **addresses, struct err *e);
    /* Takes over where the row has *row's epoch and batch: raises the epoch and writes the
     * addresses (a JSON list, or NULL). *row is as it is then. */
    int (*take)(void *user, struct owner_row *row, const char *addresses, struct err *e);
    /* Raises the batch number where the row is *mine. */
    int (*renew)(void *user, struct owner_row *mine, struct err *e);
    /* An answer was lost: raises the epoch where it is mine's, whatever the batch number is, which
     * waits for the transaction that is still open, or ends it. *there: mine's next batch number
     * was committed before. *mine is as it is then. The batch number comes with the raise, in one
     * transaction; one that is neither mine's nor its next is ERR_FENCED. */
    int (*resolve)(void *user, struct owner_row *mine, bool *there, struct err *e);
    /* Where the row is *mine: says that nobody holds it. */
    int (*release)(void *user, struct owner_row *mine, struct err *e);
    /* Says in the list of coordinators that this one is alive. *all: where all that are so are,
     * this one first, 8 addresses at most: a JSON list, mem_free; NULL: not known. From one thread,
     * while another one may be in a function above. NULL: there is no list. */
    int (*note)(void *user, char **all, struct err *e);
    bool apart; /* the row is not in the store's database: its transactions leave it alone */
    void *user;
};

#endif
