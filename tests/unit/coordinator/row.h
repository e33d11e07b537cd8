/* An owner's row in memory, for several coordinators in one process, each with a seat of its own
 * that can be cut off. Any thread. */
#ifndef CADRE_TESTS_ROW_H
#define CADRE_TESTS_ROW_H

#include "coordinator/store/owner_place.h"

#include <stdatomic.h>
#include <uv.h>

struct row {
    uv_mutex_t lock;
    struct owner_row now;
    char addresses[256]; /* "": none */
};

struct seat {
    struct row *row;
    struct owner_place place; /* for the coordinator */
    atomic_bool cut;          /* there is no answer, and nothing is done */
    atomic_bool newer;        /* a look finds tables of a newer version */
    atomic_int lost_answers;  /* so many renewals are done, and not answered */
    atomic_int lost_asks;     /* ... and so many are not done, and not answered */
    atomic_int looks, takes, renewals, resolves, releases;
};

/* Nobody holds it. */
void row_init(struct row *r);
void row_fini(struct row *r);
struct owner_row row_read(struct row *r);
/* Somebody else takes over. */
void row_steal(struct row *r);
void seat_init(struct seat *s, struct row *r);

#endif
