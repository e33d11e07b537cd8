/* Tables of output by day of arrival: a part of store.h. */
#ifndef CADRE_COORDINATOR_STORE_STORE_DAY_H
#define CADRE_COORDINATOR_STORE_STORE_DAY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* Housekeeping of output on PostgreSQL (pg_days.h); with SQLite it does nothing. A step does one of
 * these: it begins a new table when the newest is as old as a seventh of the retention (7 days: a
 * table a day), ten minutes at least; it moves what is kept in one that is over since before the
 * retention; it has store_settle drop one. purged: store_purge had nothing left to do; else nothing
 * is moved or dropped. retention_ms 0: nothing at all. *more: there is more to do. */
int store_output_days(struct store *s, int64_t now_ms, int64_t retention_ms, bool purged,
                      bool *more, struct err *e);

#endif
