/* PostgreSQL's tables: those that the steps of sqlite_schema.c make of SQLite's, with columns of
 * the same names in the same order, in the schemas cadre (cadre.db) and cadre_output (output.db).
 * Here are the texts alone; the driver runs them. Any thread. */
#ifndef CADRE_COORDINATOR_STORE_PG_SCHEMA_H
#define CADRE_COORDINATOR_STORE_PG_SCHEMA_H

#include "base/err.h"
#include "coordinator/store/sql_schema.h"

#include <stdint.h>

/* Where every connection finds the tables (SET search_path). `parts` is in both, and is named with
 * its schema. */
#define PG_SEARCH_PATH "cadre, cadre_output"

/* 1 when the database has Cadre's tables, else 0. */
#define PG_SCHEMA_LOOK "SELECT CASE WHEN to_regclass('cadre.owner') IS NULL THEN 0 ELSE 1 END"
/* Of a database that has none. */
#define PG_NO_TABLES                                                                               \
    "%s has no tables of Cadre: 'init' makes them, with a new state folder, and 'migrate-store' "  \
    "moves the queue of one with files there"
/* The version of a database that has them. */
#define PG_SCHEMA_VERSION "SELECT schema FROM cadre.owner WHERE part = 0"

/* What takes a database of version `from` (0: one without Cadre's tables) a step further, to
 * *next. To be run whole in one transaction (which an owner begins as any that writes): its end
 * notes the version in cadre.owner. From 0: of two who do it at once, the second fails with
 * SQLSTATE 23505 or 42P06, and finds the tables when it looks again. mem_free; NULL: there is no
 * step from there, *next is as it was. */
char *pg_schema_step(int from, int *next);
/* The same, of any step, to `version`. */
char *pg_schema_text(const struct schema_step *step, int version);

/* ERR_UNSUPPORTED unless it is the version of this program: with any other nothing is served. */
int pg_schema_check(int64_t version, struct err *e);

#endif
