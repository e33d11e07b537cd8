/* One PostgreSQL for all that are measured on it, in a folder and on a port of its own. Its
 * settings are PostgreSQL's own (fsync, full_page_writes and synchronous_commit are on); only
 * connections may be more. As root it runs as the user postgres, whom its package makes. */
#ifndef CADRE_TESTS_BENCH_PG_SERVER_H
#define CADRE_TESTS_BENCH_PG_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct pg_server {
    char programs[512]; /* initdb, postgres and psql lie there */
    char folder[512];
    char log[512]; /* where its programs say what went wrong */
    int pid, port;
    char why[640]; /* it does not run: the reason */
};

/* Makes and starts it below `folder`, which others may enter afterwards. false: s->why has the
 * reason; nothing runs. */
bool pg_server_start(struct pg_server *s, const char *folder);
/* Makes an empty database. false: s->why. */
bool pg_server_database(struct pg_server *s, const char *name);
/* What a client connects with; `size` of 100 is enough for names of 40 bytes. */
void pg_server_uri(const struct pg_server *s, const char *database, char *out, size_t size);
/* Of all its processes so far. Those of each connection lead groups of their own. */
double pg_server_cpu_s(const struct pg_server *s);
void pg_server_stop(struct pg_server *s); /* does not wait for clients; also one that never ran */

#endif
