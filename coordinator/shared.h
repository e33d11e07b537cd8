/* The database that several coordinators share (`store: postgresql://...`): where it is, and the
 * owner's row in it. Its functions are those of struct owner_place, which see; beside them any
 * thread may open stores and readers. */
#ifndef CADRE_COORDINATOR_SHARED_H
#define CADRE_COORDINATOR_SHARED_H

#include "base/err.h"
#include "coordinator/config.h"
#include "coordinator/store/owner_place.h"

struct reader;
struct shared;
struct store;
struct store_parts;

/* Reads the password's file; connects to nothing yet. *out NULL: the store is SQLite's, which
 * nobody shares. The configuration is borrowed until shared_free. */
int shared_new(const struct config *c, struct shared **out, struct err *e);
void shared_free(struct shared *s); /* NULL is fine */
/* This coordinator, for the row and for the list of coordinators. Borrowed until shared_free. */
struct shared_self {
    int64_t id;            /* made anew at each start */
    const char *name;      /* the first of its addresses */
    const char *addresses; /* JSON list */
    int64_t started_ms;    /* wall */
};
void shared_name(struct shared *s, const struct shared_self *self);
/* The list does not name it any more. No other thread uses the place. Blocks; NULL is fine. */
void shared_leave(struct shared *s);
/* Until shared_free. */
const struct owner_place *shared_owner_place(const struct shared *s);

int shared_check(const struct shared *s, const char *ca, struct err *e); /* as store_check_pg */
/* As store_open_pg. own: what `take` gave; NULL: for `init`, which has the database alone. */
int shared_open_store(const struct shared *s, const struct owner_row *own, struct store_parts *p,
                      struct store **out, struct err *e);
int shared_open_reader(const struct shared *s, struct reader **out, struct err *e);
/* For a command on a host where no coordinator is to run: takes the queue of one that stopped, or
 * has not moved for OWNER_TAKEOVER_MS, for which it waits. ERR_CONFLICT: one runs somewhere. */
int shared_seize(struct shared *s, struct owner_row *own, struct err *e);
/* Before anything reads there: of tables of an older version takes the queue, as shared_seize does,
 * upgrades them and gives it back. ERR_CONFLICT: an owner runs; ERR_UNSUPPORTED: they are newer. */
int shared_upgrade(struct shared *s, struct err *e);
/* Waits, some 10 s at most, until the list of coordinators has none that is alive. ERR_CONFLICT:
 * one runs. */
int shared_alone(struct shared *s, struct err *e);
struct pg_place;
/* Its texts are borrowed until shared_free. */
struct pg_place shared_place(const struct shared *s);
/* Nobody holds the row any more, after the last commit of the store that was opened with it. */
int shared_give_back(struct shared *s, const struct store *store, struct err *e);

#endif
