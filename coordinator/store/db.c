/* What is the same with each database. */
#include "coordinator/store/db.h"

#include "base/mem.h"
#include "base/str.h"

int db_prepare_either(struct db *d, const char *const *sql, const char *const *pg, int count,
                      struct err *e)
{
    bool own = pg && d->driver->dialect == DIALECT_POSTGRESQL;
    d->statements = mem_array((size_t)count, sizeof *d->statements);
    d->count = count;
    for (int i = 0; i < count; i++) {
        const char *text = own && pg[i] ? pg[i] : sql[i];
        int rc = db_prepare_one(d, text, &d->statements[i], e);
        if (rc != 0) return rc;
    }
    return 0;
}

int db_prepare_one(struct db *d, const char *sql, struct stmt **out, struct err *e)
{
    return d->driver->prepare(d, sql, out, e);
}

void stmt_finish(struct stmt *q)
{
    if (q) q->driver->finish(q);
}

void db_close(struct db *d)
{
    for (int i = 0; i < d->count; i++)
        stmt_finish(d->statements[i]);
    mem_free(d->statements);
    if (d->driver) d->driver->close(d);
    mem_free(d->path);
    *d = (struct db){0};
}

int db_exec(struct db *d, const char *sql, struct err *e)
{
    return d->driver->exec(d, sql, e);
}

int db_run_text(struct db *d, const char *sql, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, sql, &q, e);
    if (rc == 0) rc = db_run(d, q, e);
    stmt_finish(q);
    return rc;
}

int db_int(struct db *d, const char *sql, int64_t *out, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, sql, &q, e);
    if (rc == 0) {
        rc = db_step(d, q, e);
        if (rc == 0) rc = err_set(e, ERR_INTERNAL, "%s: no answer to %s", d->path, sql);
    }
    if (rc == 1) *out = column_int(q, 0);
    stmt_finish(q);
    return rc < 0 ? rc : 0;
}

bool db_in_transaction(const struct db *d)
{
    return d->driver && d->driver->in_transaction(d);
}

bool db_may_be_committed(const struct db *d)
{
    return !d->driver->may_be_committed || d->driver->may_be_committed(d);
}

int db_size(struct db *d, int64_t *bytes, struct err *e)
{
    return d->driver->size(d, bytes, e);
}

int db_spec(struct db *d, int64_t job, size_t most, char *out, size_t *whole, struct err *e)
{
    return d->driver->spec(d, job, most, out, whole, e);
}

void db_spec_end(struct db *d)
{
    d->driver->spec_end(d);
}

void db_settle(struct db *d)
{
    d->driver->settle(d);
}

/* ---- statements ----------------------------------------------------------------------------- */

void bind_int(struct stmt *q, int at, int64_t n)
{
    q->driver->bind_int(q, at, n);
}

void bind_real(struct stmt *q, int at, double n)
{
    q->driver->bind_real(q, at, n);
}

void bind_exit(struct stmt *q, int at, bool exited, int64_t exit_code)
{
    if (exited)
        q->driver->bind_int(q, at, exit_code);
    else
        q->driver->bind_null(q, at);
}

void bind_text(struct stmt *q, int at, const char *s)
{
    if (s)
        q->driver->bind_text(q, at, s);
    else
        q->driver->bind_null(q, at);
}

void bind_blob(struct stmt *q, int at, const void *data, size_t len)
{
    q->driver->bind_blob(q, at, data, len);
}

bool db_is_far(const struct db *d)
{
    return d->driver->ask != NULL;
}

int db_ask(struct db *d, struct stmt *q, struct err *e)
{
    return d->driver->ask ? d->driver->ask(d, q, e) : 0;
}

void db_forget(struct db *d)
{
    if (d->driver->forget) d->driver->forget(d);
}

void db_of_one(struct stmt *q)
{
    if (q->driver->of_one) q->driver->of_one(q);
}

uint64_t db_trips(const struct db *d)
{
    return d->driver->trips ? d->driver->trips(d) : 0;
}

int db_step(struct db *d, struct stmt *q, struct err *e)
{
    return q->driver->step(d, q, e);
}

int db_first_id(struct db *d, struct stmt *q, int64_t *id, struct err *e)
{
    int rc = db_step(d, q, e);
    if (rc != 1) return rc;
    *id = column_int(q, 0);
    db_reset(q);
    return 1;
}

int db_run(struct db *d, struct stmt *q, struct err *e)
{
    return q->driver->run(d, q, e);
}

int db_count(struct db *d, struct stmt *q, int64_t *rows, struct err *e)
{
    return q->driver->change(d, q, rows, e);
}

int db_add(struct db *d, struct stmt *q, struct err *e)
{
    int64_t rows;
    return db_count(d, q, &rows, e);
}

int db_change(struct db *d, struct stmt *q, struct err *e)
{
    int64_t rows = 0;
    int rc = db_count(d, q, &rows, e);
    if (rc != 0) return rc;
    return rows > 0 ? 0 : err_set(e, ERR_NOT_FOUND, "there is no such row");
}

int db_alter(struct db *d, struct stmt *q, struct err *e)
{
    return q->driver->alter ? q->driver->alter(d, q, e) : db_change(d, q, e);
}

void db_reset(struct stmt *q)
{
    q->driver->reset(q);
}

/* ---- the present row ------------------------------------------------------------------------ */

int64_t column_int(struct stmt *q, int at)
{
    return q->driver->column_int(q, at);
}

double column_real(struct stmt *q, int at)
{
    return q->driver->column_real(q, at);
}

bool column_is_null(struct stmt *q, int at)
{
    return q->driver->column_is_null(q, at);
}

const char *column_str(struct stmt *q, int at)
{
    return q->driver->column_str(q, at);
}

const void *column_blob(struct stmt *q, int at)
{
    return q->driver->column_blob(q, at);
}

size_t column_bytes(struct stmt *q, int at)
{
    return q->driver->column_bytes(q, at);
}

char *column_text(struct stmt *q, int at)
{
    const char *text = column_str(q, at);
    return text ? mem_strndup(text, column_bytes(q, at)) : NULL;
}

char *column_group(struct stmt *q, int at)
{
    return column_bytes(q, at) == 0 ? mem_strdup(STR_DEFAULT_GROUP) : column_text(q, at);
}

const char *group_text(const char *group)
{
    return str_is_default_group(group) ? "" : group;
}
