/* The row that says who owns the queue. */
#include "coordinator/store/pg_owner.h"

#include "coordinator/store/pg_load.h"
#include "coordinator/store/pg_schema.h"
#include "coordinator/store/sql_store.h"

#include "base/mem.h"

#include <string.h>

#define LOOK "SELECT epoch, batch, holder, addresses, schema FROM cadre.owner WHERE part = 0"
#define TAKE                                                                                       \
    "UPDATE cadre.owner SET epoch = epoch + 1, holder = ?3, addresses = ?4"                        \
    " WHERE part = 0 AND epoch = ?1 AND batch = ?2 RETURNING epoch, batch"
#define RAISE                                                                                      \
    "UPDATE cadre.owner SET epoch = epoch + 1 WHERE part = 0 AND epoch = ?1"                       \
    " RETURNING epoch, batch"
#define RENEW                                                                                      \
    "UPDATE cadre.owner SET batch = batch + 1 WHERE part = 0 AND epoch = ?1 AND batch = ?2"        \
    " RETURNING epoch, batch"
#define RELEASE                                                                                    \
    "UPDATE cadre.owner SET batch = batch + 1, holder = ''"                                        \
    " WHERE part = 0 AND epoch = ?1 AND batch = ?2 RETURNING epoch, batch"
/* Whoever has written the row and waits for nobody keeps it. */
#define END_HOLDERS                                                                                \
    "SELECT count(*) FROM (SELECT pg_terminate_backend(l.pid, 2000) FROM pg_locks l"               \
    " WHERE l.locktype = 'relation' AND l.relation = to_regclass('cadre.owner')"                   \
    " AND l.mode = 'RowExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid()"                 \
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"           \
    " AND NOT EXISTS (SELECT 1 FROM pg_locks w WHERE w.pid = l.pid AND NOT w.granted)) x"

void pg_owner_fini(struct pg_owner *o)
{
    mem_free(o->holder);
    mem_free(o->addresses);
    *o = (struct pg_owner){0};
}

int pg_owner_open(const struct pg_place *place, struct db *out, struct err *e)
{
    const struct pg_module *m;
    *out = (struct db){0};
    int rc = pg_load(place->folder, &m, e);
    return rc == 0 ? m->open(out, NULL, place, PG_OWNER, e) : rc;
}

int pg_owner_look(struct db *d, struct pg_owner *out, struct err *e)
{
    int64_t there = 0;
    int rc = db_int(d, PG_SCHEMA_LOOK, &there, e);
    if (rc == 0 && !there) rc = err_set(e, ERR_NOT_FOUND, PG_NO_TABLES, d->path);
    if (rc != 0) return rc;
    struct stmt *q = NULL;
    rc = db_prepare_one(d, LOOK, &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    if (rc == 1)
        *out = (struct pg_owner){.reign = {.epoch = column_int(q, 0), .batch = column_int(q, 1)},
                                 .holder = column_text(q, 2),
                                 .addresses = column_text(q, 3),
                                 .schema = column_int(q, 4)};
    stmt_finish(q);
    if (rc == 0) return err_set(e, ERR_CORRUPT, "%s: the row of its owner is gone", d->path);
    return rc < 0 ? rc : 0;
}

/* 1: the row was raised; 0: there is no such row. */
static int try_raise(struct db *d, struct stmt *q, struct pg_reign *out, struct err *e)
{
    int rc = db_step(d, q, e);
    if (rc != 1) return rc;
    *out = (struct pg_reign){.epoch = column_int(q, 0), .batch = column_int(q, 1)};
    db_reset(q);
    return 1;
}

static int raise_row(struct db *d, struct stmt *q, struct pg_reign *out, struct err *e)
{
    struct err why = {0};
    int64_t ended;
    int rc = try_raise(d, q, out, &why);
    /* either the row is held, or the database is gone, which the next call would say as well */
    if (rc == ERR_UNAVAILABLE && db_int(d, END_HOLDERS, &ended, NULL) == 0)
        rc = try_raise(d, q, out, &why);
    if (rc < 0 && e) *e = why;
    if (rc == 0) return err_set(e, ERR_FENCED, "%s: another coordinator owns the queue", d->path);
    return rc < 0 ? rc : 0;
}

int pg_owner_take(struct db *d, const struct pg_reign *seen, const char *holder,
                  const char *addresses, struct pg_reign *out, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, TAKE, &q, e);
    if (rc == 0) {
        bind_int(q, 1, seen->epoch);
        bind_int(q, 2, seen->batch);
        bind_text(q, 3, holder);
        bind_text(q, 4, addresses);
        rc = raise_row(d, q, out, e);
    }
    stmt_finish(q);
    return rc;
}

static int write_row(struct db *d, const char *sql, struct pg_reign *mine, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, sql, &q, e);
    if (rc == 0) {
        bind_int(q, 1, mine->epoch);
        bind_int(q, 2, mine->batch);
        rc = try_raise(d, q, mine, e);
    }
    stmt_finish(q);
    if (rc == 0) return err_set(e, ERR_FENCED, "%s: another coordinator owns the queue", d->path);
    return rc < 0 ? rc : 0;
}

int pg_owner_write(struct db *d, struct pg_reign *mine, struct err *e)
{
    return write_row(d, RENEW, mine, e);
}

int pg_owner_release(struct db *d, struct pg_reign *mine, struct err *e)
{
    return write_row(d, RELEASE, mine, e);
}

int pg_owner_resolve(struct db *d, const struct pg_reign *mine, struct pg_reign *out, bool *landed,
                     struct err *e)
{
    struct stmt *q = NULL;
    struct pg_reign now;
    int rc = db_prepare_one(d, RAISE, &q, e);
    if (rc == 0) {
        bind_int(q, 1, mine->epoch);
        rc = raise_row(d, q, &now, e);
    }
    stmt_finish(q);
    if (rc != 0) return rc;
    *landed = now.batch > mine->batch;
    *out = now;
    return 0;
}

/* ---- of a store ----------------------------------------------------------------------------- */

struct pg_reign store_reign(const struct store *s)
{
    return (struct pg_reign){.epoch = s->epoch, .batch = s->batch};
}
