/* Answers that came ahead. A question that a batch will ask is sent before, together with others,
 * and its answer is kept under the statement and its values: a step of that statement with the same
 * values then costs no round trip. One that nobody sent ahead, or that a change may have made
 * untrue, is asked as ever.
 *
 * What is kept is true for one batch: it goes with the end of the transaction, with the connection,
 * and when the store says so. A change of a table takes the answers of the statements that name the
 * table: all of them, or those of the same first value where both statements are of one (db.h). */
#include "coordinator/store/pg_stmt.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
#define KEY_MOST 4096 /* bytes of values: what is looked for by more is not kept */

struct pg_ahead {
    struct pg_stmt *stmt;
    char *key; /* the values */
    size_t len;
    PGresult *rows;           /* NULL: not answered yet */
    struct pg_stmt *lent;     /* who reads them now */
    bool stale;               /* its rows were changed */
    struct pg_ahead *another; /* whose key has the same number */
    struct pg_ahead *sibling; /* in c->ahead_rows */
};

/* ---- keys ----------------------------------------------------------------------------------- */

/* buf_fini. false: the values are too long. */
static bool write_key(const struct pg_stmt *q, struct buf *key)
{
    int rc = 0;
    buf_init(key, KEY_MOST);
    for (int i = 0; rc == 0 && i < q->count; i++) {
        int len = q->data[i] ? q->lengths[i] : -1;
        rc = buf_add(key, &len, sizeof len);
        if (rc == 0 && len > 0) rc = buf_add(key, q->data[i], (size_t)len);
    }
    return rc == 0;
}

/* FNV-1a */
static uint64_t number_of(const struct pg_stmt *q, const struct buf *key)
{
    uint64_t n = FNV_START ^ q->name;
    for (size_t i = 0; i < key->len; i++)
        n = (n ^ (unsigned char)key->data[i]) * FNV_PRIME;
    return n;
}

static struct pg_ahead *find(const struct pg_stmt *q, const struct buf *key, uint64_t number)
{
    struct pg_ahead *x = map_find(&q->c->ahead, number);
    while (x && (x->stmt != q || x->len != key->len || memcmp(x->key, key->data, key->len) != 0))
        x = x->another;
    return x;
}

/* Of the rows of `asked` with the first value of q. */
static uint64_t row_number(const struct pg_stmt *asked, const struct pg_stmt *q)
{
    uint64_t n = FNV_START ^ asked->name;
    for (int i = 0; q->data[0] && i < q->lengths[0]; i++)
        n = (n ^ (unsigned char)q->data[0][i]) * FNV_PRIME;
    return n;
}

/* ---- asking --------------------------------------------------------------------------------- */

static void note_asked(struct pg_stmt *q)
{
    struct pg_conn *c = q->c;
    c->asked_round++;
    if (q->asked) return;
    q->asked = true;
    q->stale = false;
    q->next_asked = c->asked;
    c->asked = q;
}

/* Takes the key's memory. */
static struct pg_ahead *add(struct pg_stmt *q, struct buf *key, uint64_t number)
{
    struct pg_ahead *x = mem_alloc(sizeof *x);
    size_t len = key->len;
    *x = (struct pg_ahead){.stmt = q,
                           .key = buf_detach(key),
                           .len = len,
                           .another = map_find(&q->c->ahead, number)};
    map_put(&q->c->ahead, number, x);
    if (q->of_one) {
        uint64_t row = row_number(q, q);
        x->sibling = map_find(&q->c->ahead_rows, row);
        map_put(&q->c->ahead_rows, row, x);
    }
    note_asked(q);
    return x;
}

struct pg_ahead *pg_ahead_add(struct pg_stmt *q)
{
    struct buf key;
    struct pg_ahead *x = NULL;
    if (write_key(q, &key) && !q->stale) {
        uint64_t number = number_of(q, &key);
        if (!find(q, &key, number)) x = add(q, &key, number);
    }
    buf_fini(&key);
    return x;
}

void pg_ahead_answered(struct pg_ahead *x, PGresult *rows)
{
    PQclear(x->rows);
    x->rows = rows;
}

/* ---- reading -------------------------------------------------------------------------------- */

struct pg_ahead *pg_ahead_find(const struct pg_stmt *q)
{
    struct buf key;
    struct pg_ahead *x = NULL;
    if (!q->asked || q->stale) return NULL;
    if (write_key(q, &key)) x = find(q, &key, number_of(q, &key));
    buf_fini(&key);
    return x && !x->stale ? x : NULL;
}

bool pg_ahead_lend(struct pg_ahead *x, struct pg_stmt *q)
{
    if (!x->rows || x->lent) return false;
    x->lent = q;
    q->ahead = x;
    q->rows = x->rows;
    return true;
}

void pg_rows_end(struct pg_stmt *q)
{
    if (q->ahead)
        q->ahead->lent = NULL;
    else
        PQclear(q->rows);
    q->ahead = NULL;
    q->rows = NULL;
}

/* ---- forgetting ----------------------------------------------------------------------------- */

static void free_chain(struct pg_ahead *x)
{
    for (struct pg_ahead *next; x; x = next) {
        next = x->another;
        if (x->lent)
            x->lent->ahead = NULL; /* whose rows they are now */
        else
            PQclear(x->rows);
        mem_free(x->key);
        mem_free(x);
    }
}

void pg_ahead_forget(struct pg_conn *c)
{
    size_t place = 0;
    if (!c->asked) return;
    for (size_t i = 0; i < c->count; i++)
        c->sent[(c->first + i) % c->cap].ahead = NULL;
    for (struct pg_ahead *x; (x = map_next(&c->ahead, &place)) != NULL;)
        free_chain(x);
    map_clear(&c->ahead);
    map_clear(&c->ahead_rows);
    for (struct pg_stmt *q = c->asked; q; q = q->next_asked)
        q->asked = q->stale = false;
    c->asked = NULL;
    c->asked_round++;
}

static bool is_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool names(const char *sql, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = sql; (at = strstr(at, word)) != NULL; at += len) {
        if ((at == sql || !is_of_word(at[-1])) && !is_of_word(at[len])) return true;
    }
    return false;
}

/* Which answers a statement may make untrue: it looks once, until more is asked. */
static void look(struct pg_stmt *q)
{
    q->looked_round = q->c->asked_round;
    q->touched_count = 0;
    for (struct pg_stmt *x = q->c->asked; x; x = x->next_asked) {
        if (x->stale || (q->table[0] && !names(x->sql, q->table))) continue;
        if (q->of_one && x->of_one && q->touched_count < PG_TOUCHED)
            q->touched[q->touched_count++] = x;
        else
            x->stale = true;
    }
}

void pg_ahead_changed(struct pg_stmt *q)
{
    struct pg_conn *c = q->c;
    if (!c->asked || !q->changes) return;
    if (q->looked_round != c->asked_round) look(q);
    for (size_t i = 0; i < q->touched_count; i++) {
        struct pg_ahead *x = map_find(&c->ahead_rows, row_number(q->touched[i], q));
        for (; x; x = x->sibling)
            x->stale = true;
    }
}

/* ---- what a statement changes --------------------------------------------------------------- */

/* Behind the words that name the table next; NULL: s does not begin with such. */
static const char *skip_change(const char *s)
{
    static const char *const heads[] = {"INSERT INTO ", "DELETE FROM ", "UPDATE "};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (str_starts(s, heads[i])) {
            s += strlen(heads[i]);
            return str_starts(s, "ONLY ") ? s + strlen("ONLY ") : s;
        }
    return NULL;
}

/* "UPDATE SET" of ON CONFLICT goes on with the table that was named before. A name that is too
 * long, and a second table, stand for any. So does a program (DO), which may make texts of its own.
 * A day of output (pg_days.h) is not its parent here: nobody asks ahead what is in `chunks`. */
void pg_ahead_find_table(struct pg_stmt *q)
{
    bool quoted = false;
    int found = 0;
    for (const char *s = q->sql; *s; s++) {
        if (*s == '\'') quoted = !quoted;
        const char *name = quoted ? NULL : skip_change(s);
        if (!name || str_starts(name, "SET ") || (s > q->sql && is_of_word(s[-1]))) continue;
        size_t len = strcspn(name, " (;"), schema = strcspn(name, ".");
        if (schema < len) {
            name += schema + 1;
            len -= schema + 1;
        }
        bool fits = found++ == 0 && len < sizeof q->table;
        memcpy(q->table, name, fits ? len : 0);
        q->table[fits ? len : 0] = '\0';
    }
    if (str_starts(q->sql, "DO ")) q->table[0] = '\0';
    q->changes = found > 0 || q->kind == PG_CHANGE;
}
