/* Statements: their texts, and their names on the server. A name is a number that is used again
 * when its statement is gone. */
#include "coordinator/store/pg_stmt.h"

#include "coordinator/store/pg_rewrite.h"

#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 32

/* ---- texts ---------------------------------------------------------------------------------- */

static int count_parameters(const char *sql)
{
    int most = 0;
    bool quoted = false;
    for (const char *c = sql; *c; c++) {
        if (*c == '\'') quoted = !quoted;
        if (quoted || *c != '$' || !isdigit((unsigned char)c[1])) continue;
        int n = 0;
        for (c++; isdigit((unsigned char)*c); c++)
            n = 10 * n + (*c - '0');
        if (n > most) most = n;
        c--;
    }
    return most;
}

static enum pg_kind kind_of(const char *sql)
{
    if (str_starts(sql, "BEGIN")) return PG_BEGIN;
    if (str_starts(sql, "COMMIT")) return PG_COMMIT;
    if (str_starts(sql, "ROLLBACK")) return PG_ROLLBACK;
    bool rows = str_starts(sql, "SELECT") || str_starts(sql, "WITH") || str_starts(sql, "VALUES") ||
                str_starts(sql, "SHOW");
    return rows ? PG_ROWS : PG_CHANGE;
}

/* A list that may be left before its end: read in an order, and without a bound of its own. */
static bool is_list(const struct pg_conn *c, const char *sql)
{
    if (c->use != PG_READER || !str_starts(sql, "SELECT")) return false;
    int depth = 0;
    bool ordered = false, bounded = false;
    for (const char *s = sql; *s; s++) {
        if (*s == '(') depth++;
        if (*s == ')') depth--;
        if (depth == 0 && str_starts(s, " ORDER BY ")) ordered = true;
        if (depth == 0 && str_starts(s, " LIMIT ")) bounded = true;
    }
    return ordered && !bounded;
}

static size_t free_name(struct pg_conn *c)
{
    for (size_t i = 0; i < c->name_count; i++) {
        if (!c->used[i]) return i;
    }
    size_t count = c->name_count ? 2 * c->name_count : 64;
    c->names = mem_resize(c->names, count, sizeof *c->names);
    c->used = mem_resize(c->used, count, sizeof *c->used);
    for (size_t i = c->name_count; i < count; i++)
        c->names[i] = c->used[i] = false;
    size_t name = c->name_count;
    c->name_count = count;
    return name;
}

/* Behind an error the server passes over what follows, and so may still have the statement whose
 * name this one was to get: the name is not used again. */
static void unprepared(struct pg_stmt *q)
{
    q->generation = 0;
    q->name = free_name(q->c);
    q->c->used[q->name] = true;
}

struct pg_stmt *pg_stmt_new(struct pg_conn *c, const char *sql)
{
    struct pg_stmt *q = mem_alloc(sizeof *q);
    char *text = pg_rewrite(sql);
    q->c = c;
    c->unprepared = unprepared;
    q->kind = kind_of(text);
    q->fence = strstr(text, "UPDATE cadre.owner") && strstr(text, "/ count(");
    q->list = is_list(c, text);
    q->name = free_name(c);
    c->used[q->name] = true;
    q->count = count_parameters(text);
    q->values = mem_array((size_t)q->count, sizeof *q->values);
    q->data = mem_array((size_t)q->count, sizeof *q->data);
    q->lengths = mem_array((size_t)q->count, sizeof *q->lengths);
    q->formats = mem_array((size_t)q->count, sizeof *q->formats);
    q->cursor = q->name;
    if (q->list) {
        q->sql = str_dupf("DECLARE list%zu NO SCROLL CURSOR FOR %s", q->cursor, text);
        mem_free(text);
    } else {
        q->sql = text;
    }
    pg_ahead_find_table(q);
    return q;
}

void pg_stmt_alters(struct pg_stmt *q)
{
    if (q->alters) return;
    char *text =
        str_dupf("WITH altered AS (%s RETURNING 1) SELECT 1 / count(*) FROM altered", q->sql);
    mem_free(q->sql);
    q->sql = text;
    q->kind = PG_ROWS;
    q->alters = true;
    q->generation = 0; /* what the server has is another text */
}

void pg_stmt_free(struct pg_stmt *q)
{
    if (q->asked) pg_ahead_forget(q->c);
    q->c->used[q->name] = false;
    pg_rows_end(q);
    for (int i = 0; i < q->count; i++)
        mem_free(q->values[i].mended);
    mem_free(q->values);
    mem_free(q->data);
    mem_free(q->lengths);
    mem_free(q->formats);
    mem_free(q->sql);
    mem_free(q);
}

/* ---- on the server -------------------------------------------------------------------------- */

static void write_name(char name[NAME_SIZE], size_t number)
{
    snprintf(name, NAME_SIZE, "cadre%zu", number);
}

int pg_stmt_prepare(struct pg_stmt *q, struct err *e)
{
    struct pg_conn *c = q->c;
    if (q->generation == c->generation) return 0;
    char name[NAME_SIZE], drop[NAME_SIZE + 16];
    write_name(name, q->name);
    if (c->names[q->name]) { /* of a statement that is gone */
        snprintf(drop, sizeof drop, "DEALLOCATE %s", name);
        int rc = pg_send_text(c, drop, e);
        if (rc != 0) return rc;
    }
    q->generation = c->generation;
    c->names[q->name] = true;
    int done = PQsendPrepare(c->pg, name, q->sql, 0, NULL);
    return pg_sent(c, PG_SENT_PREPARE, q, done, e);
}

static int send_as(struct pg_stmt *q, enum pg_what what, struct err *e)
{
    int rc = pg_stmt_prepare(q, e);
    if (rc != 0) return rc;
    char name[NAME_SIZE];
    write_name(name, q->name);
    int done = PQsendQueryPrepared(q->c->pg, name, q->count, q->data, q->lengths, q->formats, 1);
    return pg_sent(q->c, what, q, done, e);
}

int pg_stmt_send(struct pg_stmt *q, struct err *e)
{
    pg_ahead_changed(q);
    return send_as(q, PG_SENT_RUN, e);
}

int pg_stmt_ask(struct pg_stmt *q, struct err *e)
{
    struct pg_conn *c = q->c;
    struct pg_ahead *x = pg_ahead_add(q);
    if (!x) return 0;
    int rc = send_as(q, c->state == PG_IDLE ? PG_SENT_AHEAD_ALONE : PG_SENT_AHEAD, e);
    if (rc == 0) c->sent[(c->first + c->count - 1) % c->cap].ahead = x;
    return rc;
}
