/* Copying rows. */
#include "coordinator/store/move_tables.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

/* A transaction ends behind so many rows or bytes. */
#define ROWS_MOST 1000
#define BYTES_MOST (4u << 20)
#define SQL_BYTES 65536

/* ---- which there are ------------------------------------------------------------------------ */

#define COLUMNS                                                                                    \
    "SELECT m.name, c.name, c.type, c.pk FROM sqlite_schema m JOIN pragma_table_info(m.name) c"    \
    " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> 'parts'"                  \
    " ORDER BY m.name, c.cid"

static enum move_type type_of(const char *text)
{
    if (str_eq(text, "INTEGER")) return MOVE_INTEGER;
    if (str_eq(text, "REAL")) return MOVE_REAL;
    return str_eq(text, "BLOB") ? MOVE_BLOB : MOVE_TEXT;
}

static struct move_table *add_table(struct move_tables *t, const char *name, bool output)
{
    t->items = mem_resize(t->items, t->count + 1, sizeof *t->items);
    struct move_table *x = &t->items[t->count++];
    *x = (struct move_table){.output = output, .name = mem_strdup(name)};
    return x;
}

static int add_column(struct move_tables *t, struct stmt *q, bool output, struct err *e)
{
    const char *name = column_str(q, 0);
    struct move_table *x = t->count ? &t->items[t->count - 1] : NULL;
    int64_t key = column_int(q, 3);
    if (!x || x->output != output || !str_eq(x->name, name)) x = add_table(t, name, output);
    if (x->count == MOVE_COLUMNS_MOST || key > MOVE_KEY_MOST)
        return err_set(e, ERR_INTERNAL, "the table %s has too many columns", name);
    if (key > 0) {
        x->key[key - 1] = x->count;
        if (key > x->key_count) x->key_count = (int)key;
    }
    x->types[x->count] = type_of(column_str(q, 2));
    x->columns[x->count++] = column_text(q, 1);
    return 0;
}

static int add_tables(struct db *d, bool output, struct move_tables *out, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, COLUMNS, &q, e);
    while (rc == 0 && (rc = db_step(d, q, e)) == 1)
        rc = add_column(out, q, output, e);
    stmt_finish(q);
    return rc;
}

int move_tables_list(struct db *queue, struct db *output, struct move_tables *out, struct err *e)
{
    *out = (struct move_tables){0};
    int rc = add_tables(queue, false, out, e);
    if (rc == 0) rc = add_tables(output, true, out, e);
    for (size_t i = 0; rc == 0 && i < out->count; i++)
        if (out->items[i].key_count == 0)
            rc = err_set(e, ERR_INTERNAL, "the table %s has no key", out->items[i].name);
    return rc;
}

void move_tables_fini(struct move_tables *t)
{
    for (size_t i = 0; i < t->count; i++) {
        for (int k = 0; k < t->items[i].count; k++)
            mem_free(t->items[i].columns[k]);
        mem_free(t->items[i].name);
    }
    mem_free(t->items);
    *t = (struct move_tables){0};
}

/* ---- their statements ----------------------------------------------------------------------- */

static void add_name(struct buf *b, const struct move_table *t, const struct db *d)
{
    if (d->driver->dialect == DIALECT_POSTGRESQL)
        buf_adds(b, t->output ? "cadre_output." : "cadre.");
    buf_addf(b, "\"%s\"", t->name);
}

static void add_columns(struct buf *b, const struct move_table *t)
{
    for (int i = 0; i < t->count; i++)
        buf_addf(b, "%s\"%s\"", i ? ", " : "", t->columns[i]);
}

static void add_key(struct buf *b, const struct move_table *t, const char *order)
{
    for (int i = 0; i < t->key_count; i++)
        buf_addf(b, "%s\"%s\"%s", i ? ", " : "", t->columns[t->key[i]], order);
}

static int prepare(struct db *d, struct buf *sql, struct stmt **out, struct err *e)
{
    int rc = db_prepare_one(d, sql->data, out, e);
    buf_fini(sql);
    return rc;
}

/* The condition on rows begins here; true: there is one. */
static bool add_only(struct buf *b, const struct move_table *t, const struct db *d)
{
    if (!t->only || d->driver->dialect != DIALECT_POSTGRESQL) return false;
    buf_addf(b, " WHERE %s", t->only);
    return true;
}

/* Of all keys, or of the greatest. */
static int prepare_keys(const struct move_table *t, struct db *d, bool last, struct stmt **out,
                        struct err *e)
{
    struct buf b;
    buf_init(&b, SQL_BYTES);
    buf_adds(&b, "SELECT ");
    add_key(&b, t, "");
    buf_adds(&b, " FROM ");
    add_name(&b, t, d);
    add_only(&b, t, d);
    buf_adds(&b, " ORDER BY ");
    add_key(&b, t, last ? " DESC" : "");
    if (last) buf_adds(&b, " LIMIT 1");
    return prepare(d, &b, out, e);
}

/* behind: ?1, ?2... are a key. */
static int prepare_rows(const struct move_table *t, struct db *d, bool behind, struct stmt **out,
                        struct err *e)
{
    struct buf b;
    buf_init(&b, SQL_BYTES);
    buf_adds(&b, "SELECT ");
    add_columns(&b, t);
    buf_adds(&b, " FROM ");
    add_name(&b, t, d);
    bool only = add_only(&b, t, d);
    if (behind) {
        buf_adds(&b, only ? " AND (" : " WHERE (");
        add_key(&b, t, "");
        buf_adds(&b, ") > (");
        for (int i = 0; i < t->key_count; i++)
            buf_addf(&b, "%s?%d", i ? ", " : "", i + 1);
        buf_adds(&b, ")");
    }
    buf_adds(&b, " ORDER BY ");
    add_key(&b, t, "");
    return prepare(d, &b, out, e);
}

static int prepare_add(const struct move_table *t, struct db *d, struct stmt **out, struct err *e)
{
    struct buf b;
    buf_init(&b, SQL_BYTES);
    buf_adds(&b, "INSERT INTO ");
    add_name(&b, t, d);
    buf_adds(&b, " (");
    add_columns(&b, t);
    buf_adds(&b, ") VALUES (");
    for (int i = 0; i < t->count; i++)
        buf_addf(&b, "%s?%d", i ? ", " : "", i + 1);
    buf_adds(&b, ")");
    return prepare(d, &b, out, e);
}

/* ---- copying -------------------------------------------------------------------------------- */

struct copying {
    const struct move_table *t;
    struct db *from, *to;
    struct stmt *last, *rows, *add;
    char *key[MOVE_KEY_MOST]; /* of texts, for `rows` */
    int in_batch;
    size_t batch_bytes;
    int64_t copied;
};

/* The target's greatest key becomes the parameters of `rows`. */
static int begin_behind(struct copying *c, struct err *e)
{
    const struct move_table *t = c->t;
    int rc = prepare_keys(t, c->to, true, &c->last, e);
    if (rc == 0) rc = db_step(c->to, c->last, e);
    if (rc < 0) return rc;
    bool behind = rc == 1;
    rc = prepare_rows(t, c->from, behind, &c->rows, e);
    for (int i = 0; rc == 0 && behind && i < t->key_count; i++) {
        if (t->types[t->key[i]] == MOVE_INTEGER) {
            bind_int(c->rows, i + 1, column_int(c->last, i));
        } else {
            c->key[i] = column_text(c->last, i);
            bind_text(c->rows, i + 1, c->key[i]);
        }
    }
    db_reset(c->last);
    return rc;
}

static void bind_column(struct copying *c, int at)
{
    struct stmt *row = c->rows, *to = c->add;
    if (column_is_null(row, at))
        bind_text(to, at + 1, NULL);
    else if (c->t->types[at] == MOVE_INTEGER)
        bind_int(to, at + 1, column_int(row, at));
    else if (c->t->types[at] == MOVE_REAL)
        bind_real(to, at + 1, column_real(row, at));
    else if (c->t->types[at] == MOVE_BLOB)
        bind_blob(to, at + 1, column_blob(row, at), column_bytes(row, at));
    else
        bind_text(to, at + 1, column_str(row, at));
    if (c->t->types[at] >= MOVE_TEXT) c->batch_bytes += column_bytes(row, at);
}

static int end_batch(struct copying *c, struct err *e)
{
    int64_t one;
    int rc =
        db_int(c->to, "SELECT 1", &one, e); /* all rows are there: a COMMIT is waited for less */
    if (rc == 0) rc = db_run_text(c->to, "COMMIT", e);
    if (rc) return rc;
    db_settle(c->to);
    c->copied += c->in_batch;
    c->in_batch = 0;
    c->batch_bytes = 0;
    return 0;
}

static int copy_row(struct copying *c, struct err *e)
{
    int rc = c->in_batch ? 0 : db_run_text(c->to, "BEGIN", e);
    if (rc) return rc;
    for (int i = 0; i < c->t->count; i++)
        bind_column(c, i);
    rc = db_run(c->to, c->add, e);
    c->in_batch++;
    bool full = c->in_batch == ROWS_MOST || c->batch_bytes > BYTES_MOST;
    return rc == 0 && full ? end_batch(c, e) : rc;
}

int move_table_copy(const struct move_table *t, struct db *from, struct db *to, int64_t *rows,
                    struct err *e)
{
    struct copying c = {.t = t, .from = from, .to = to};
    int rc = begin_behind(&c, e);
    if (rc == 0) rc = prepare_add(t, to, &c.add, e);
    while (rc == 0 && (rc = db_step(from, c.rows, e)) == 1)
        rc = copy_row(&c, e);
    if (rc == 0 && c.in_batch) rc = end_batch(&c, e);
    if (rc != 0 && db_in_transaction(to)) (void)db_run_text(to, "ROLLBACK", NULL);
    stmt_finish(c.last);
    stmt_finish(c.rows);
    stmt_finish(c.add);
    for (int i = 0; i < MOVE_KEY_MOST; i++)
        mem_free(c.key[i]);
    *rows = c.copied;
    return rc;
}

/* ---- the rest ------------------------------------------------------------------------------- */

/* By the list of its keys: no statement takes long. */
int move_table_count(const struct move_table *t, struct db *d, int64_t *rows, struct err *e)
{
    struct stmt *q = NULL;
    int rc = prepare_keys(t, d, false, &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    for (*rows = 0; rc == 1; rc = db_step(d, q, e))
        ++*rows;
    stmt_finish(q);
    return rc;
}

int move_table_any(const struct move_table *t, struct db *d, bool *any, struct err *e)
{
    struct stmt *q = NULL;
    int rc = prepare_keys(t, d, true, &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    *any = rc == 1;
    stmt_finish(q);
    return rc < 0 ? rc : 0;
}

int move_table_clear(const struct move_table *t, struct db *d, struct err *e)
{
    struct buf b;
    buf_init(&b, SQL_BYTES);
    buf_adds(&b, d->driver->dialect == DIALECT_POSTGRESQL ? "TRUNCATE " : "DELETE FROM ");
    add_name(&b, t, d);
    int rc = db_run_text(d, b.data, e);
    buf_fini(&b);
    return rc;
}
