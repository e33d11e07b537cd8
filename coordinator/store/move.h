/* migrate-store: all that is in the files of a state folder goes to PostgreSQL, or the other way
 * round, with its ids. Nobody else has either of them open. Interrupted at any point, it goes on
 * from there when it is called again; until it is done no coordinator begins on the target, and
 * from its first row on none on the source (marks.h). */
#ifndef CADRE_COORDINATOR_STORE_MOVE_H
#define CADRE_COORDINATOR_STORE_MOVE_H

#include "coordinator/store/pg_owner.h"

struct store_move {
    bool to_pg;
    const char *folder;           /* of the files */
    const struct pg_place *place; /* of PostgreSQL */
    const char *pg_name;          /* the same for people, without a password */
    const char *ca;               /* as in struct store_parts */
    struct pg_reign reign;        /* of PostgreSQL as the source; raised by what is written there */
    /* Writes a file of the folder, `text` NULL: removes it. Durable when it returns. */
    int (*mark)(void *user, const char *name, const char *text, struct err *e);
    void (*say)(void *user, const char *line); /* what is done, without a line end */
    void *user;
    /* results */
    bool resumed;
    int64_t rows; /* that there are in the target */
};

/* ERR_EXISTS: it was done before. ERR_CONFLICT: the target is not empty, or another's copy; the
 * source was moved elsewhere, or is a copy itself; or another process does the same. Each with the
 * way out. */
int store_move(struct store_move *m, struct err *e);

#endif
