/* Transactions.
 *
 * Group commit. A commit costs one fsync, whatever it holds, and an fsync costs more than all the
 * statements of a hundred jobs. So nothing here commits by itself: the store thread takes all
 * commands that have queued up, has the engine apply them between store_begin and store_commit, and
 * answers none of them before the commit has returned. While the disk is busy the next batch
 * gathers by itself, so that the batch grows with the load and an idle coordinator answers at once.
 * A transaction of SQLite begins with the first change, hence a batch that changes nothing costs no
 * fsync; output.db has a transaction of its own, committed first, because a result that is durable
 * promises the output before it.
 *
 * On PostgreSQL both are in one database, on one connection: one transaction writes both. */
#include "coordinator/store/sql_store.h"
#include "coordinator/store/pg_statements.h"
#include "coordinator/store/sqlite_parts.h"

#include "base/mem.h"

#define X(number, sql) sql,
static const char *const queue_sql[] = {QUEUE_STATEMENTS(X)};
static const char *const output_sql[] = {OUTPUT_STATEMENTS(X)};
#undef X

/* NULL: the same words do. */
#define X(number, sql) [number] = sql,
static const char *const pg_queue_sql[QUEUE_STATEMENT_COUNT] = {PG_QUEUE_STATEMENTS(X)};
static const char *const pg_output_sql[OUTPUT_STATEMENT_COUNT] = {PG_OUTPUT_STATEMENTS(X)};
#undef X

int store_prepare(struct store *s, struct err *e)
{
    int rc = db_prepare_either(&s->queue, queue_sql, pg_queue_sql, QUEUE_STATEMENT_COUNT, e);
    if (rc != 0) return rc;
    store_prepare_ahead(s);
    return db_prepare_either(&s->output, output_sql, pg_output_sql, OUTPUT_STATEMENT_COUNT, e);
}

void store_close(struct store *s)
{
    if (!s) return;
    store_rollback(s);
    stmt_finish(s->own);
    days_close(s);
    db_close(&s->queue);
    db_close(&s->output);
    changes_fini(&s->changes);
    blocks_fini(&s->blocks);
    mem_free(s->tallies);
    mem_free(s);
}

int store_begin(struct store *s, struct err *e)
{
    if (s->begun) return err_set(e, ERR_INTERNAL, "store_begin within a transaction");
    db_forget(&s->queue); /* of a batch that had no transaction */
    s->begun = true;
    return 0;
}

bool store_dirty(const struct store *s)
{
    return changes_any(&s->changes) || db_in_transaction(&s->queue) ||
           db_in_transaction(&s->output);
}

int store_probe(struct store *s, struct err *e)
{
    int rc = store_write_output(s, e);
    if (rc == 0) rc = db_run(&s->output, store_output(s, O_PROBE), e);
    if (rc == 0) rc = db_run(&s->output, store_output(s, O_PROBE_END), e);
    if (rc == 0) rc = store_write_queue(s, e);
    if (rc == 0) rc = db_run(&s->queue, store_queue(s, Q_PROBE), e);
    return rc == 0 ? db_run(&s->queue, store_queue(s, Q_PROBE_END), e) : rc;
}

/* ---- the owner's row ---- */

void store_set_owner(struct store *s, const struct store_owner *o)
{
    s->owner = o ? *o : (struct store_owner){0};
}

/* The time counts from here on, which is before the COMMIT. */
static int owner_sends(struct store *s, struct err *e)
{
    const struct store_owner *o = &s->owner;
    o->on_send(o->user);
    int rc = o->take_row ? o->take_row(o->user, o->mine, e) : 0;
    return rc == ERR_UNAVAILABLE ? o->ask(o->user, e) : rc;
}

/* A row that is apart says nothing of the transaction. Nor is there a question when the COMMIT was
 * not come to: its row is as it was. */
static int owner_hears(struct store *s, int rc, struct err *e)
{
    const struct store_owner *o = &s->owner;
    if (rc == ERR_UNAVAILABLE && !o->take_row && s->in_doubt) return o->ask(o->user, e);
    o->on_answer(o->user, rc);
    return rc;
}

int store_renew(struct store *s, struct err *e)
{
    if (!s->owner.mine) return 0;
    if (s->begun) return err_set(e, ERR_INTERNAL, "store_renew within a transaction");
    if (s->owner.take_row) return owner_hears(s, owner_sends(s, e), e);
    if (s->epoch == 0) return err_set(e, ERR_UNSUPPORTED, "this store has no owner's row");
    int rc = store_begin(s, e);
    if (rc == 0) rc = store_write_queue(s, e);
    if (rc == 0) return store_commit(s, e);
    store_rollback(s);
    return rc;
}

/* ---- the end of a transaction ---- */

/* Where opening failed, nothing is prepared yet: the connection's end is that of its
 * transaction. */
static void roll_back(struct store *s)
{
    if (!s->queue.statements || !s->output.statements) return;
    if (db_in_transaction(&s->queue)) db_run(&s->queue, store_queue(s, Q_ROLLBACK), NULL);
    if (db_in_transaction(&s->output)) db_run(&s->output, store_output(s, O_ROLLBACK), NULL);
}

/* Output first: what a committed result follows has to be there. */
static int commit_output(struct store *s, struct err *e)
{
    int rc = parts_commit_output(s, e);
    if (rc == 0) rc = db_run(&s->output, store_output(s, O_COMMIT), e);
    if (rc == 0) parts_settle(s, false);
    return rc;
}

static int commit_queue(struct store *s, struct err *e)
{
    int rc = tally_flush(s, e);
    if (rc == 0) rc = blocks_flush(s, e);
    if (rc == 0) rc = parts_commit_queue(s, e);
    if (rc != 0) return rc;
    rc = db_run(&s->queue, store_queue(s, Q_COMMIT), e);
    s->in_doubt = rc != 0 && db_may_be_committed(&s->queue);
    return rc;
}

/* *queue: cadre.db was changed. */
static int write_all(struct store *s, bool *queue, struct err *e)
{
    int rc = store_write_changes(s, e);
    bool output = db_in_transaction(&s->output);
    *queue = db_in_transaction(&s->queue);
    if (s->together) {
        if (rc == 0 && output) rc = parts_commit_output(s, e);
    } else if (rc == 0 && output) {
        rc = commit_output(s, e);
    }
    return rc == 0 && *queue ? commit_queue(s, e) : rc;
}

/* The transaction has raised the row. */
static void count_batch(struct store *s)
{
    if (s->epoch == 0) return;
    s->batch++;
    if (s->owner.mine) s->owner.mine->batch = s->batch;
}

int store_commit(struct store *s, struct err *e)
{
    bool queue = false, owned = s->owner.mine && store_dirty(s);
    if (!s->begun) return err_set(e, ERR_INTERNAL, "store_commit without store_begin");
    s->in_doubt = false;
    int rc = owned ? owner_sends(s, e) : 0;
    if (rc == 0) rc = write_all(s, &queue, e);
    if (rc == 0 && queue) count_batch(s);
    if (owned) rc = owner_hears(s, rc, e);
    if (rc == 0) {
        parts_settle(s, queue);
        days_settle(s);
        changes_clear(&s->changes);
        s->begun = false;
        roll_back(s); /* of a connection that was lost after the COMMIT */
    } else {
        store_rollback(s);
    }
    return rc;
}

void store_settle(struct store *s)
{
    db_settle(&s->queue);
    db_settle(&s->output);
    days_drop(s);
}

/* After some errors SQLite has rolled back by itself. */
void store_rollback(struct store *s)
{
    roll_back(s);
    changes_clear(&s->changes);
    tally_clear(s);
    blocks_forget(&s->blocks);
    parts_forget(s);
    days_forget(s);
    s->begun = false;
}
