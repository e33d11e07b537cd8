/* The version of the tables, one number for both databases. Up to SCHEMA_BASE SQLite's came about
 * in steps (sqlite_schema.c), and PostgreSQL's are made at once (pg_schema.c). Every step behind it
 * stands in sql_schema.c, for both side by side.
 *
 * The number is that of cadre.db. output.db counts its own steps in sqlite_schema.c; one of these
 * is a step here, too, whose SQLite part does nothing ("SELECT 1;"), and whose PostgreSQL part
 * changes cadre_output. */
#ifndef CADRE_COORDINATOR_STORE_SQL_SCHEMA_H
#define CADRE_COORDINATOR_STORE_SQL_SCHEMA_H

#define SCHEMA_BASE 29

/* Statements, each ended by a semicolon, without a transaction of their own. PostgreSQL's name
 * their schema: cadre.jobs, cadre_output.chunks; its columns are bigint, double precision, bytea
 * and text COLLATE "C". pg NULL: the same text does for both. */
struct schema_step {
    const char *sqlite, *pg;
};

/* SCHEMA_BASE and a number for each step. */
int schema_newest(void);
/* From a version on, which is at least SCHEMA_BASE, to the next; NULL: it is the newest. */
const struct schema_step *schema_step_from(int version);

#endif
