/* The row that says who owns the queue. */
#include "coordinator/store/pg_owner.h"

#include "coordinator/store/pg_load.h"
#include "coordinator/store/pg_schema.h"
#include "coordinator/store/sql_store.h"

#include "base/mem.h"

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

struct change {
    const char *sql;
    bool any_batch; /* of the row that was seen the epoch alone has to be the same */
    const char *holder, *addresses; /* NULL: they stay */
    bool ends_others;               /* a transaction that holds the row for long is ended */
};

/* 1: the row was changed; 0: there is no such row. */
static int step_change(struct db *d, struct stmt *q, struct pg_reign *out, struct err *e)
{
    int rc = db_step(d, q, e);
    if (rc != 1) return rc;
    *out = (struct pg_reign){.epoch = column_int(q, 0), .batch = column_int(q, 1)};
    db_reset(q);
    return 1;
}

static int change_row(struct db *d, const struct change *c, const struct pg_reign *seen,
                      struct pg_reign *out, struct err *e)
{
    struct stmt *q = NULL;
    struct err why = {0};
    int64_t ended;
    int rc = db_prepare_one(d, c->sql, &q, &why);
    if (rc == 0) {
        bind_int(q, 1, seen->epoch);
        if (!c->any_batch) bind_int(q, 2, seen->batch);
        if (c->holder) bind_text(q, 3, c->holder);
        if (c->holder) bind_text(q, 4, c->addresses);
        rc = step_change(d, q, out, &why);
        /* either the row is held, or the database is gone, which the next call would say as well */
        if (c->ends_others && rc == ERR_UNAVAILABLE && db_int(d, END_HOLDERS, &ended, NULL) == 0)
            rc = step_change(d, q, out, &why);
        if (rc == 0)
            rc = err_set(&why, ERR_FENCED, "%s: another coordinator owns the queue", d->path);
    }
    stmt_finish(q);
    if (rc < 0 && e) *e = why;
    return rc < 0 ? rc : 0;
}

int pg_owner_take(struct db *d, const struct pg_reign *seen, const char *holder,
                  const char *addresses, struct pg_reign *out, struct err *e)
{
    const struct change c = {.sql = TAKE,
                             .holder = holder,
                             .addresses = addresses,
                             .ends_others = true};
    return change_row(d, &c, seen, out, e);
}

int pg_owner_write(struct db *d, struct pg_reign *mine, struct err *e)
{
    return change_row(d, &(struct change){.sql = RENEW}, mine, mine, e);
}

int pg_owner_release(struct db *d, struct pg_reign *mine, struct err *e)
{
    return change_row(d, &(struct change){.sql = RELEASE}, mine, mine, e);
}

int pg_owner_resolve(struct db *d, const struct pg_reign *mine, struct pg_reign *out, bool *landed,
                     struct err *e)
{
    const struct change c = {.sql = RAISE, .any_batch = true, .ends_others = true};
    struct pg_reign now;
    int rc = change_row(d, &c, mine, &now, e);
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
