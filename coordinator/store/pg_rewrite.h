/* From the SQL that both databases understand to what PostgreSQL takes. */
#ifndef CADRE_COORDINATOR_STORE_PG_REWRITE_H
#define CADRE_COORDINATOR_STORE_PG_REWRITE_H

/* The statement with $1 for ?1, without "INDEXED BY name", with JOIN for CROSS JOIN (each of ours
 * has its ON) and BEGIN for BEGIN IMMEDIATE. Keywords are in capitals. What stands in quotes, of
 * texts or names, stays as it is, and so does all else, also what PostgreSQL will refuse.
 * mem_free. Any thread. */
char *pg_rewrite(const char *sql);

#endif
