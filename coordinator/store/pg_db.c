/* The driver of PostgreSQL: what db.h asks of it.
 *
 * A writer's changes are sent with the next statement that needs an answer, the commit at the
 * latest, and questions can be asked ahead, together with others (pg_ahead.c). After an error in a
 * transaction everything but the rollback fails with the first one. A change whose row may be taken
 * stands behind a savepoint, so that the transaction goes on.
 *
 * A reader's lists (SELECTs in an order, without a LIMIT) are cursors, read in blocks: one that is
 * left early read little. They live in a transaction of the driver's own, which lasts while any of
 * them is read, and all that is read within sees the same moment, as with SQLite. */
#include "coordinator/store/pg_module.h"
#include "coordinator/store/pg_stmt.h"

#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"

#include <stdio.h>
#include <string.h>

/* What a struct db has: the connection, which two may share. */
struct pg_db {
    struct pg_conn *c;
    bool output;
};

static struct pg_db *of(const struct db *d)
{
    return (struct pg_db *)d->connection;
}

/* Whoever asks for the owner's row or the list has a coordinator wait that stops or takes over. */
static int64_t patience(const struct pg_conn *c)
{
    if (c->use == PG_OWNER || c->use == PG_LIST) return PG_COMMIT_MS;
    return c->use == PG_READER ? PG_READ_MS : PG_WRITE_MS;
}

static int first_error(const struct pg_conn *c, struct err *e)
{
    if (e) *e = c->error;
    return c->error.code;
}

/* Before each statement. */
static int ready(struct pg_conn *c, struct err *e)
{
    if (c->state == PG_FAILED) return first_error(c, e);
    return pg_ready(c, e);
}

/* What is being read is lost with the transaction. */
static void end_reads(struct pg_conn *c)
{
    c->cursors = 0;
    c->reading = false;
    c->reads++;
}

/* Ends the driver's own transaction, after an error too. Its answer is taken with the next. */
static int end_reading(struct pg_conn *c, const char *how, struct err *e)
{
    end_reads(c);
    int rc = pg_send_text(c, how, e);
    return rc == 0 ? pg_push(c, e) : rc;
}

/* An error ends the transaction for all that are being read. */
static void forget_reading(struct pg_conn *c)
{
    struct err why = c->error;
    (void)end_reading(c, "ROLLBACK", NULL);
    if (c->pg) c->error = why;
}

/* Takes all answers; an error of a statement is this one's. *result: PQclear. */
static int answers(struct pg_conn *c, int64_t wait_ms, PGresult **result, struct err *e)
{
    struct pg_answer a;
    int rc = pg_collect(c, wait_ms, &a, e);
    if (rc != 0) return rc;
    if (!a.failed && result) {
        *result = a.result;
        return 0;
    }
    PQclear(a.result);
    if (!a.failed) return 0;
    if (c->reading) forget_reading(c);
    return first_error(c, e);
}

/* ---- lists of a reader ---------------------------------------------------------------------- */

static int close_list(struct pg_stmt *q, struct err *e)
{
    struct pg_conn *c = q->c;
    bool there = q->open && c->reading && q->reads == c->reads;
    q->open = false;
    if (!there || !c->pg) return 0;
    if (--c->cursors == 0) return end_reading(c, "COMMIT", e);
    char text[40];
    snprintf(text, sizeof text, "CLOSE list%zu", q->cursor);
    int rc = pg_send_text(c, text, e);
    return rc == 0 ? pg_push(c, e) : rc;
}

static int fetch(struct pg_stmt *q, int most, struct err *e)
{
    char text[60];
    snprintf(text, sizeof text, "FETCH %d FROM list%zu", most, q->cursor);
    pg_rows_end(q);
    q->row = 0;
    int rc = pg_send_text(q->c, text, e);
    if (rc == 0) rc = answers(q->c, patience(q->c), &q->rows, e);
    /* the end was reached: let go of it early */
    if (rc == 0 && PQntuples(q->rows) < most) rc = close_list(q, e);
    return rc;
}

static int open_list(struct pg_stmt *q, struct err *e)
{
    struct pg_conn *c = q->c;
    int rc = 0;
    if (!c->reading) {
        rc = pg_push(c, e); /* what was sent before is of no transaction */
        if (rc == 0) rc = pg_send_text(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", e);
        c->reading = rc == 0;
    }
    if (rc == 0) rc = pg_stmt_send(q, e);
    if (rc != 0) return rc;
    c->cursors++;
    q->open = true;
    q->reads = c->reads;
    return fetch(q, PG_FIRST_BLOCK, e);
}

static int more_of_list(struct pg_stmt *q, struct err *e)
{
    if (!q->open) return 0;
    if (!q->c->reading || q->reads != q->c->reads)
        return err_set(e, ERR_UNAVAILABLE, "%s: a list was lost while it was read", q->c->name);
    return fetch(q, PG_NEXT_BLOCK, e);
}

/* ---- running -------------------------------------------------------------------------------- */

static int begin(struct pg_stmt *q, struct err *e)
{
    struct pg_conn *c = q->c;
    if (c->fenced.code) {
        if (e) *e = c->fenced;
        return c->fenced.code;
    }
    if (c->state == PG_OPEN) return err_set(e, ERR_INTERNAL, "%s: BEGIN twice", c->name);
    int rc = pg_push(c, e); /* what was sent before is of no transaction */
    if (rc == 0) rc = pg_stmt_send(q, e);
    if (rc == 0) c->state = PG_OPEN;
    return rc;
}

static int commit(struct pg_stmt *q, struct err *e)
{
    struct pg_conn *c = q->c;
    PGresult *r = NULL;
    int rc = pg_stmt_send(q, e);
    if (rc == 0) rc = answers(c, PG_COMMIT_MS, &r, e);
    pg_ahead_forget(c);
    /* of a transaction that had failed it answers ROLLBACK */
    if (rc == 0 && !str_eq(PQcmdStatus(r), "COMMIT"))
        rc = err_set(e, ERR_INTERNAL, "%s: COMMIT: %s", c->name, PQcmdStatus(r));
    PQclear(r);
    /* it did nothing where the transaction is still there, with the error of a statement before */
    c->in_doubt = rc != 0 && !(c->pg && c->state == PG_FAILED);
    return rc;
}

/* Nothing is left of a transaction whose rollback fails: its connection goes. As a text: behind an
 * error the server prepares nothing. */
static int rollback(struct pg_conn *c, struct err *e)
{
    if (!c->pg) {
        c->state = PG_IDLE;
        return 0;
    }
    struct pg_answer a = {0};
    int rc = pg_push(c, e); /* errors of before do not keep it from being done */
    if (rc == 0) rc = pg_send_text(c, "ROLLBACK", e);
    if (rc == 0) rc = pg_collect(c, PG_COMMIT_MS, &a, e);
    pg_ahead_forget(c);
    PQclear(a.result);
    if (rc == 0 && c->state != PG_IDLE) {
        rc = first_error(c, e);
        pg_drop(c);
    }
    c->state = PG_IDLE;
    return rc;
}

static int run(struct db *d, struct stmt *stmt, struct err *e)
{
    (void)d;
    struct pg_stmt *q = pg_stmt_of(stmt);
    struct pg_conn *c = q->c;
    if (q->kind == PG_ROLLBACK) return rollback(c, e);
    if (q->kind == PG_COMMIT) c->in_doubt = false;
    int rc = ready(c, e);
    if (rc != 0) return rc;
    if (q->kind == PG_BEGIN) return begin(q, e);
    if (q->kind == PG_COMMIT) return commit(q, e);
    rc = pg_stmt_send(q, e);
    if (rc == 0 && (c->state == PG_IDLE || c->count > PG_PENDING_MOST))
        rc = answers(c, patience(c), NULL, e);
    return rc;
}

/* The server itself has to find that no row was changed: the commit may be sent already. */
static int alter(struct db *d, struct stmt *stmt, struct err *e)
{
    pg_stmt_alters(pg_stmt_of(stmt));
    return run(d, stmt, e);
}

static int64_t rows_of(const PGresult *r)
{
    int64_t n = 0;
    return r && str_int64(PQcmdTuples((PGresult *)r), &n) == 0 ? n : 0;
}

/* The row is taken: the transaction goes on behind the savepoint. */
static int step_back(struct pg_conn *c, struct err *e)
{
    struct err why = c->error;
    int rc = pg_send_text(c, "ROLLBACK TO cadre_change", e);
    c->state = PG_OPEN;
    if (rc == 0) rc = answers(c, patience(c), NULL, e);
    if (rc != 0) return rc;
    if (e) *e = why;
    return why.code;
}

static bool may_be_taken(const struct pg_stmt *q)
{
    return q->kind == PG_CHANGE && !str_starts(q->sql, "DELETE");
}

/* One execution that a row may be in the way of; *result: PQclear. */
static int run_guarded(struct pg_stmt *q, PGresult **result, struct err *e)
{
    struct pg_conn *c = q->c;
    struct pg_answer a;
    int rc = pg_send_text(c, "SAVEPOINT cadre_change", e);
    if (rc == 0) rc = pg_stmt_send(q, e);
    if (rc == 0) rc = pg_collect(c, patience(c), &a, e);
    if (rc != 0) return rc;
    if (!a.failed) {
        *result = a.result;
        return pg_send_text(c, "RELEASE cadre_change", e); /* answered with what follows */
    }
    PQclear(a.result);
    /* else it is an error of what was sent before, or no way to go on */
    return a.taken && a.which == q && a.last ? step_back(c, e) : first_error(c, e);
}

/* One execution, and its answer; *result: PQclear, after an error, too. */
static int run_now(struct pg_stmt *q, PGresult **result, struct err *e)
{
    if (q->c->state == PG_OPEN && may_be_taken(q)) return run_guarded(q, result, e);
    int rc = pg_stmt_send(q, e);
    return rc == 0 ? answers(q->c, patience(q->c), result, e) : rc;
}

static int change(struct db *d, struct stmt *stmt, int64_t *rows, struct err *e)
{
    (void)d;
    struct pg_stmt *q = pg_stmt_of(stmt);
    PGresult *r = NULL;
    int rc = ready(q->c, e);
    if (rc == 0) rc = run_now(q, &r, e);
    if (rc == 0) *rows = rows_of(r);
    PQclear(r);
    return rc;
}

static void reset(struct stmt *stmt)
{
    struct pg_stmt *q = pg_stmt_of(stmt);
    pg_rows_end(q);
    if (q->open) (void)close_list(q, NULL);
}

/* Sends a question ahead. */
static int ask(struct db *d, struct stmt *stmt, struct err *e)
{
    (void)d;
    struct pg_conn *c = pg_stmt_of(stmt)->c;
    int rc = ready(c, e);
    if (rc == 0) rc = pg_stmt_ask(pg_stmt_of(stmt), e);
    return rc == 0 && c->count > PG_PENDING_MOST ? answers(c, patience(c), NULL, e) : rc;
}

static void forget(struct db *d)
{
    pg_ahead_forget(of(d)->c);
}

static void of_one(struct stmt *q)
{
    pg_stmt_of(q)->of_one = true;
}

/* 1: q->rows are an answer that came ahead; 0: there is none. */
static int start_ahead(struct pg_stmt *q, struct err *e)
{
    struct pg_ahead *x = pg_ahead_find(q);
    if (!x) return 0;
    if (pg_ahead_lend(x, q)) return 1;
    int rc = q->c->count > 0 ? answers(q->c, patience(q->c), NULL, e) : 0;
    if (rc != 0) return rc;
    return pg_ahead_lend(x, q);
}

static int start(struct pg_stmt *q, struct err *e)
{
    int rc = ready(q->c, e);
    if (rc != 0) return rc;
    q->row = 0;
    if (q->list) return open_list(q, e);
    rc = start_ahead(q, e);
    if (rc != 0) return rc < 0 ? rc : 0;
    return run_now(q, &q->rows, e);
}

static int step(struct db *d, struct stmt *stmt, struct err *e)
{
    (void)d;
    struct pg_stmt *q = pg_stmt_of(stmt);
    int rc = 0;
    if (!q->rows)
        rc = start(q, e);
    else if (++q->row == PQntuples(q->rows))
        rc = more_of_list(q, e);
    if (rc == 0 && q->rows && q->row < PQntuples(q->rows)) return 1;
    reset(stmt);
    return rc;
}

/* ---- the connection ------------------------------------------------------------------------- */

static int prepare(struct db *d, const char *sql, struct stmt **out, struct err *e)
{
    struct pg_conn *c = of(d)->c;
    struct pg_stmt *q = pg_stmt_new(c, sql);
    q->stmt.driver = d->driver;
    *out = &q->stmt;
    if (q->kind == PG_ROLLBACK) return 0;
    int rc = ready(c, e);
    return rc == 0 ? pg_stmt_prepare(q, e) : rc;
}

static void finish(struct stmt *stmt)
{
    if (!stmt) return;
    struct pg_stmt *q = pg_stmt_of(stmt);
    reset(stmt);
    /* what was sent of it names it */
    if (q->c->pg && q->c->count > 0) {
        struct pg_answer a;
        if (pg_collect(q->c, patience(q->c), &a, NULL) == 0) {
            PQclear(a.result);
            if (a.failed && q->c->state == PG_OPEN) q->c->state = PG_FAILED;
        }
    }
    pg_stmt_free(q);
}

static void close_connection(struct db *d)
{
    struct pg_db *p = of(d);
    if (!p) return;
    if (--p->c->users == 0) {
        finish(p->c->spec);
        pg_free(p->c);
    }
    mem_free(p);
}

static int exec(struct db *d, const char *sql, struct err *e)
{
    int rc = ready(of(d)->c, e);
    return rc == 0 ? pg_exec_all(of(d)->c, sql, e) : rc;
}

static bool in_transaction(const struct db *d)
{
    return d->connection && of(d)->c->state != PG_IDLE;
}

static bool may_be_committed(const struct db *d)
{
    return of(d)->c->in_doubt;
}

static uint64_t trips(const struct db *d)
{
    return of(d)->c->trips;
}

static void settle(struct db *d)
{
    (void)d;
}

/* ---- texts and sizes ------------------------------------------------------------------------ */

/* Characters are no fewer bytes than there are of them. */
#define SPEC                                                                                       \
    "SELECT octet_length(spec), substr(spec, 1, CAST(?2 AS integer)) FROM jobs WHERE id = ?1"

static int read_spec(struct stmt *q, size_t most, char *out, size_t *whole, struct err *e)
{
    int rc = step(NULL, q, e);
    if (rc < 0) return rc;
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such job");
    *whole = (size_t)pg_column_int(q, 0);
    size_t len = pg_column_bytes(q, 1);
    memcpy(out, pg_column_str(q, 1), len < most ? len : most);
    reset(q);
    return 0;
}

static int spec(struct db *d, int64_t job, size_t most, char *out, size_t *whole, struct err *e)
{
    struct pg_conn *c = of(d)->c;
    int rc = c->spec ? 0 : prepare(d, SPEC, &c->spec, e);
    if (rc != 0) return rc;
    pg_bind_int(c->spec, 1, job);
    pg_bind_int(c->spec, 2, (int64_t)most);
    return read_spec(c->spec, most, out, whole, e);
}

/* The statement stays for the next. */
static void spec_end(struct db *d)
{
    (void)d;
}

#define SIZE_OF(schema)                                                                            \
    "SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS bigint) FROM pg_class c"       \
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '" schema                    \
    "' AND c.relkind = 'r'"

static int size(struct db *d, int64_t *bytes, struct err *e)
{
    struct stmt *q = NULL;
    int rc = prepare(d, of(d)->output ? SIZE_OF("cadre_output") : SIZE_OF("cadre"), &q, e);
    if (rc == 0) rc = step(d, q, e);
    if (rc == 1) *bytes = pg_column_int(q, 0);
    finish(q);
    return rc < 0 ? rc : 0;
}

static const struct db_driver pg_driver = {
    .dialect = DIALECT_POSTGRESQL,
    .close = close_connection,
    .prepare = prepare,
    .finish = finish,
    .exec = exec,
    .in_transaction = in_transaction,
    .may_be_committed = may_be_committed,
    .ask = ask,
    .forget = forget,
    .of_one = of_one,
    .trips = trips,
    .step = step,
    .run = run,
    .change = change,
    .alter = alter,
    .reset = reset,
    .bind_int = pg_bind_int,
    .bind_real = pg_bind_real,
    .bind_text = pg_bind_text,
    .bind_blob = pg_bind_blob,
    .bind_null = pg_bind_null,
    .column_int = pg_column_int,
    .column_real = pg_column_real,
    .column_str = pg_column_str,
    .column_blob = pg_column_blob,
    .column_bytes = pg_column_bytes,
    .column_is_null = pg_column_is_null,
    .spec = spec,
    .spec_end = spec_end,
    .settle = settle,
    .size = size,
};

/* ---- the module ----------------------------------------------------------------------------- */

static void join(struct db *d, struct pg_conn *c, bool output)
{
    struct pg_db *p = mem_alloc(sizeof *p);
    *p = (struct pg_db){.c = c, .output = output};
    *d = (struct db){.driver = &pg_driver,
                     .connection = (struct db_connection *)p,
                     .path = mem_strdup(c->name ? c->name : "the database")};
    c->users++;
}

static int open_both(struct db *queue, struct db *output, const struct pg_place *p, enum pg_use use,
                     struct err *e)
{
    struct pg_conn *c = mem_alloc(sizeof *c);
    c->use = use;
    c->uri = mem_strdup(p->uri);
    c->password = mem_strdup(p->password);
    int rc = pg_connect(c, p, e);
    join(queue, c, false);
    if (output) join(output, c, true);
    return rc;
}

extern const struct pg_module cadre_coordinator_postgresql;
__attribute__((visibility("default"))) const struct pg_module cadre_coordinator_postgresql = {
    .interface = PG_MODULE_INTERFACE,
    .version = CADRE_VERSION,
    .open = open_both,
};
