/* A PostgreSQL server in a temporary folder: reached by a Unix socket there and by nothing else,
 * with the settings that Cadre's promises need (fsync stays on). As root it runs as the user
 * postgres, which PostgreSQL demands; else as whoever runs the test. */
#ifndef CADRE_TESTS_PG_FIXTURE_H
#define CADRE_TESTS_PG_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pg_server {
    char folder[200]; /* of the socket, of the cluster ("data") and of the log ("log") */
    char uri[400];    /* of the database postgres, as its superuser */
    char bin[200];    /* folder of PostgreSQL's programs */
    pid_t pid;        /* of the postmaster, a child of the test; ends with it. 0: none runs */
};

/* Makes a cluster and starts it: some 2 s. Waits until it takes connections. False: PostgreSQL 14
 * or later is not installed, which a line on stdout says; the test then calls skip(). Anything else
 * that goes wrong fails the test. */
bool pg_server_start(struct pg_server *s);

/* Starts the postmaster of the same cluster again, after pg_server_end. */
void pg_server_again(struct pg_server *s);
/* Ends the postmaster by a signal, by its pid, and waits: SIGINT in order, SIGQUIT or SIGKILL at
 * once. Nothing when none runs. */
void pg_server_end(struct pg_server *s, int signal);

/* Ends it and removes the folder. Fine on a zeroed struct. */
void pg_server_stop(struct pg_server *s);

/* Runs a file of SQL by psql, each statement by itself, also after one that failed. What psql wrote
 * (both streams; rows unaligned, columns apart by '|', no heads): mem_free. */
char *pg_server_psql(const struct pg_server *s, const char *sql);

#endif
