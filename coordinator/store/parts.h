/* The files of a state folder know each other: cadre.db and output.db have one id, cadre.db the CA
 * that its agents trust, and each says how much output there was. */
#ifndef CADRE_COORDINATOR_STORE_PARTS_H
#define CADRE_COORDINATOR_STORE_PARTS_H

#include "base/err.h"
#include "coordinator/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Of migrate-store alone (move.h). */
enum store_move_end {
    MOVE_NOT,    /* refused: what was moved away, and the beginning of a copy */
    MOVE_SOURCE, /* neither is */
    MOVE_TARGET, /* the same; and nothing is written but tables */
};

struct store_parts {
    /* Names the CA, as hex of its pin. A database that has none yet belongs to this one from now
     * on. NULL: any. */
    const char *ca;
    bool make; /* a file that is missing or empty is made: for `init` alone */
    /* An output.db that is missing or does not belong to cadre.db is moved aside (output.db.aside),
     * and a new one is begun, which says so for each job that began before now_ms. */
    bool without_output;
    int64_t now_ms;
    bool began_output; /* result: that was done */
    enum store_move_end end;
};

/* As store_open. ERR_NOT_FOUND: a file is missing. ERR_CORRUPT: it is empty, damaged, or another
 * program's. ERR_CONFLICT: the two do not belong together, or not to this CA, or output.db is older
 * than cadre.db. Each with the way out. */
int store_open_parts(const char *state_folder, struct store_parts *p, struct store **out,
                     struct err *e);

/* Which of its files are there and have content. */
void store_look(const char *state_folder, bool *queue, bool *output);

#endif
