/* Opening a connection, and what a session of ours has. */
#include "coordinator/store/pg_flat.h"
#include "coordinator/store/pg_link.h"
#include "coordinator/store/pg_schema.h"

#include "base/mem.h"
#include "base/str.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* A host that does not answer is given up after CONNECT_SECONDS, each address by itself. */
#define CONNECT_SECONDS "3"
#define TCP_MS "2000"

/* The client's end of a connection that is gone is noticed by the server, too: else the row of the
 * owner would stay locked. */
#define SESSION                                                                                    \
    "SET search_path = " PG_SEARCH_PATH "; SET client_min_messages = warning;"                     \
    "SET default_transaction_isolation = 'read committed'; SET jit = off;"                         \
    "SET standard_conforming_strings = on; SET tcp_user_timeout = " TCP_MS ";"

/* The statements are made for nested loops over their indexes, in their order, which is what SQLite
 * does with them. Left to itself PostgreSQL takes what it counted last: of a table that was empty
 * then it reads all, for each job, until it counts again, a minute later at best. */
#define PLANS                                                                                      \
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;"            \
    "SET enable_mergejoin = off; SET enable_material = off;"                                       \
    "SET max_parallel_workers_per_gather = 0;"

#define WRITER                                                                                     \
    "SET idle_in_transaction_session_timeout = 2000; SET statement_timeout = 15000;"               \
    "SELECT set_config('synchronous_commit', 'on', false)"                                         \
    " WHERE current_setting('synchronous_commit') <> 'remote_apply';"
#define READER                                                                                     \
    "SET default_transaction_read_only = on; SET statement_timeout = 30000;"                       \
    "SET idle_in_transaction_session_timeout = 30000;"
#define OWNER "SET lock_timeout = 1000;"
/* Whoever looks at the owner's row does not wait for a list: neither for a synchronous standby nor
 * long. */
#define LIST OWNER "SET synchronous_commit = off; SET statement_timeout = 3000;"

#define MOVE "SET idle_in_transaction_session_timeout = 0;" /* the other end may take its time */

/* Of what the server says unasked one thing counts: pg_cancel_backend ends a commit's wait for its
 * synchronous standby, and the commit then says that it was done. */
static void heed_notice(void *user, const PGresult *r)
{
    struct pg_conn *c = user;
    if (str_eq(PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION), "SyncRepWaitForLSN"))
        c->unconfirmed = true;
}

static const char *option(const PQconninfoOption *all, const char *name, const char *or_else)
{
    for (const PQconninfoOption *o = all; o && o->keyword; o++) {
        if (strcmp(o->keyword, name) == 0 && !str_empty(o->val)) return o->val;
    }
    return or_else;
}

/* "database NAME on HOST": nothing that is secret. libpq's own words on a URI that it cannot read
 * would quote it. */
static int name_place(struct pg_conn *c, const struct pg_place *p, struct err *e)
{
    PQconninfoOption *all = PQconninfoParse(p->uri, NULL);
    if (!all)
        return err_set(e, ERR_INVALID,
                       "the address of the database is not valid: "
                       "postgresql://USER@HOST:PORT/DATABASE is meant");
    PQconninfoOption *defaults = PQconndefaults();
    const char *user = option(all, "user", option(defaults, "user", ""));
    const char *host = option(all, "host", option(all, "hostaddr", NULL));
    if (!host) host = option(defaults, "host", "this machine");
    mem_free(c->name);
    c->name = str_dupf("database %s on %s", option(all, "dbname", option(defaults, "dbname", user)),
                       host);
    PQconninfoFree(all);
    PQconninfoFree(defaults);
    return 0;
}

static PGconn *connect_now(const struct pg_place *p)
{
    /* the URI decides over what stands before it */
    const char *keys[] = {"connect_timeout",
                          "tcp_user_timeout",
                          "keepalives_idle",
                          "keepalives_interval",
                          "keepalives_count",
                          "target_session_attrs",
                          "dbname",
                          "application_name",
                          "client_encoding",
                          p->password ? "password" : NULL,
                          NULL};
    const char *values[] = {
        CONNECT_SECONDS,     TCP_MS, "5",         "2", "2", "read-write", p->uri,
        "cadre-coordinator", "UTF8", p->password, NULL};
    return PQconnectdbParams(keys, values, 1);
}

static int cannot_connect(struct pg_conn *c, struct err *e)
{
    char what[300];
    pg_flat(what, sizeof what, PQerrorMessage(c->pg));
    int rc = pg_error_lost(c, what, &c->error);
    pg_drop(c);
    if (e) *e = c->error;
    return rc;
}

static int set_session(struct pg_conn *c, struct err *e)
{
    const char *encoding = PQparameterStatus(c->pg, "server_encoding");
    if (!str_eq(encoding, "UTF8"))
        return err_set(e, ERR_UNSUPPORTED,
                       "%s has the encoding %s: make one with 'CREATE DATABASE ... ENCODING UTF8 "
                       "TEMPLATE template0'",
                       c->name, encoding ? encoding : "that it does not tell");
    static const char *const sessions[] = {
        [PG_WRITER] = SESSION PLANS WRITER,      [PG_READER] = SESSION PLANS READER,
        [PG_OWNER] = SESSION PLANS WRITER OWNER, [PG_LIST] = SESSION PLANS WRITER LIST,
        [PG_MOVE] = SESSION PLANS WRITER MOVE, /* with the lock of sqlite_move.c: pg_ready */
    };
    return pg_exec_all(c, sessions[c->use], e);
}

int pg_connect(struct pg_conn *c, const struct pg_place *p, struct err *e)
{
    int rc = name_place(c, p, e);
    if (rc != 0) return rc;
    pg_drop(c);
    c->generation++;
    for (size_t i = 0; i < c->name_count; i++)
        c->names[i] = false;
    c->pg = connect_now(p);
    if (!c->pg) mem_exhausted();
    c->tried_ms = pg_now_ms();
    if (PQstatus(c->pg) != CONNECTION_OK) return cannot_connect(c, e);
    PQsetNoticeReceiver(c->pg, heed_notice, c);
    if (PQsetnonblocking(c->pg, 1) != 0 || !PQenterPipelineMode(c->pg)) return cannot_connect(c, e);
    struct err why = {0};
    rc = set_session(c, &why);
    if (rc != 0 && c->pg) {
        c->error = why;
        pg_drop(c);
    }
    if (rc != 0 && e) *e = why;
    return rc;
}

/* Was a connection closed while nothing was asked? Then a statement of ours need not fail to find
 * that out. */
static bool is_closed(struct pg_conn *c)
{
    if (c->state != PG_IDLE || c->reading || c->count > 0) return false;
    struct pollfd p = {.fd = PQsocket(c->pg), .events = POLLIN};
    while (poll(&p, 1, 0) > 0) { /* what the server says of itself may come before the end */
        if (!PQconsumeInput(c->pg) || PQstatus(c->pg) == CONNECTION_BAD) return true;
        (void)PQisBusy(c->pg);
    }
    return false;
}

int pg_ready(struct pg_conn *c, struct err *e)
{
    if (c->pg && !is_closed(c)) return 0;
    if (c->pg) {
        (void)pg_error_lost(c, PQerrorMessage(c->pg), &c->error);
        pg_drop(c);
    }
    if (c->use != PG_MOVE && pg_now_ms() - c->tried_ms >= PG_AGAIN_MS) {
        struct pg_place p = {.uri = c->uri, .password = c->password};
        return pg_connect(c, &p, e);
    }
    if (e) *e = c->error;
    return c->error.code;
}
