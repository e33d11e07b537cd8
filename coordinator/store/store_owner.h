/* The store of the one coordinator of several that owns the queue: each commit takes the owner's
 * row by writing it. Store thread. */
#ifndef CADRE_COORDINATOR_STORE_STORE_OWNER_H
#define CADRE_COORDINATOR_STORE_STORE_OWNER_H

#include "coordinator/store/owner_place.h"

struct store;

struct store_owner {
    /* What the next transaction looks for. It is another one's memory, which nobody else touches
     * while the store has it; each commit raises its batch number. */
    struct owner_row *mine;
    /* Raises it in the row, before the COMMIT, where the row is not in the store's own database.
     * NULL: the store's own transaction does. As owner_place.renew. */
    int (*take_row)(void *user, struct owner_row *mine, struct err *e);
    /* A transaction with the row is about to be sent. */
    void (*on_send)(void *user);
    /* ... and has its answer: 0, or the error; also when its COMMIT was not come to. Not when the
     * COMMIT has no answer: then `ask` is called. */
    void (*on_answer)(void *user, int rc);
    /* The answer was lost: what became of it? 0: it was committed. ERR_UNAVAILABLE: it was not, and
     * never will be. ERR_FENCED: nobody can say, or the row is another one's. */
    int (*ask)(void *user, struct err *e);
    void *user;
};

/* Copied. NULL: one coordinator alone, as it is from the start. Between two transactions. */
void store_set_owner(struct store *s, const struct store_owner *o);
/* A transaction that changes the owner's row and nothing else; without store_set_owner it does
 * nothing. Outside of store_begin. ERR_FENCED, ERR_UNAVAILABLE (it was not committed), and what a
 * commit may say. */
int store_renew(struct store *s, struct err *e);

#endif
