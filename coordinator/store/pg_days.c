#include "coordinator/store/pg_days.h"

#include "coordinator/store/sql_store.h"

#include "base/mem.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>

#define SPAN_LEAST_MS (INT64_C(10) * 60 * 1000)
#define SPANS 7       /* in the retention */
#define DAYS_MOST 100 /* of a clock that is set to and fro */
#define NAME_SIZE 48

#define COLUMNS "cursor, job, attempt, stream, \"offset\", data, at_ms, sum"

static void name_table(char name[NAME_SIZE], int64_t day)
{
    if (day == 0)
        snprintf(name, NAME_SIZE, "cadre_output.chunks");
    else
        snprintf(name, NAME_SIZE, "cadre_output.chunks_%" PRId64, day);
}

/* Runs a text that was made for this once. */
static int run_made(struct store *s, char *sql, struct err *e)
{
    int rc = db_run_text(&s->output, sql, e);
    mem_free(sql);
    return rc;
}

/* The same, of one that gives a number. */
static int number_made(struct store *s, char *sql, int64_t *out, struct err *e)
{
    int rc = db_int(&s->output, sql, out, e);
    mem_free(sql);
    return rc;
}

/* ---- where new output goes ------------------------------------------------------------------ */

int days_open(struct store *s, struct err *e)
{
    int64_t now = 0;
    int rc = db_int(&s->output, "SELECT coalesce(max(day), 0) FROM cadre_output.days", &now, e);
    if (rc == 0) s->days = (struct days){.now = now, .now_next = now, .old = -1, .tried = -1};
    return rc;
}

void days_close(struct store *s)
{
    stmt_finish(s->days.insert);
    s->days.insert = NULL;
}

int days_insert(struct store *s, struct stmt **out, struct err *e)
{
    struct days *d = &s->days;
    if (d->now == 0) {
        *out = store_output(s, O_CHUNK_INSERT);
        return 0;
    }
    if (!d->insert || d->insert_day != d->now) {
        char table[NAME_SIZE];
        name_table(table, d->now);
        stmt_finish(d->insert);
        d->insert = NULL;
        char *sql = str_dupf("INSERT INTO %s (job, attempt, stream, \"offset\", data, at_ms,"
                             " cursor, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                             table);
        int rc = db_prepare_one(&s->output, sql, &d->insert, e);
        mem_free(sql);
        if (rc != 0) return rc;
        d->insert_day = d->now;
    }
    *out = d->insert;
    return 0;
}

void days_settle(struct store *s)
{
    s->days.now = s->days.now_next;
    s->days.place = s->days.place_next;
}

void days_forget(struct store *s)
{
    s->days.now_next = s->days.now;
    s->days.place_next = s->days.place;
    s->days.drop = false;
}

/* ---- a new day ------------------------------------------------------------------------------ */

/* The lock on the parent is one that neither reading nor writing waits for; somebody's vacuum may
 * have it, and then the old day goes on. */
#define BEGIN_DAY                                                                                  \
    "DO $$DECLARE was text := current_setting('lock_timeout'); BEGIN"                              \
    " PERFORM set_config('lock_timeout', '100', true);"                                            \
    " CREATE TABLE cadre_output.chunks_%" PRId64 " (LIKE cadre_output.chunks INCLUDING ALL)"       \
    " INHERITS (cadre_output.chunks);"                                                             \
    " INSERT INTO cadre_output.days VALUES (%" PRId64 ", %" PRId64 ", 0);"                         \
    " PERFORM set_config('lock_timeout', was, true);"                                              \
    " EXCEPTION WHEN lock_not_available THEN NULL; END$$"

static int begin_day(struct store *s, int64_t day, int64_t now_ms, struct err *e)
{
    int64_t there = 0;
    int rc = store_write_output(s, e);
    if (rc == 0) rc = run_made(s, str_dupf(BEGIN_DAY, day, day, now_ms), e);
    if (rc == 0)
        rc = number_made(s,
                         str_dupf("SELECT count(*) FROM cadre_output.days WHERE day = %" PRId64,
                                  day),
                         &there, e);
    if (rc == 0 && there) s->days.now_next = day;
    return rc;
}

/* Also when the newest one is of a time to come: the clock was put back. */
static bool is_due(int64_t day, int64_t since_ms, int64_t now_ms, int64_t retention_ms)
{
    int64_t span = retention_ms / SPANS;
    if (span < SPAN_LEAST_MS) span = SPAN_LEAST_MS;
    return day == 0 || now_ms - since_ms >= span || since_ms - now_ms > span;
}

/* ---- an old day ----------------------------------------------------------------------------- */

/* No day ended after one that came behind it began, whatever the clock said. */
#define OLD_DAY                                                                                    \
    "SELECT d.day, d.emptied FROM cadre_output.days d WHERE (SELECT min(k.since_ms)"               \
    " FROM cadre_output.days k WHERE k.day > d.day) <= ?1 ORDER BY d.day LIMIT 1"

/* The jobs that are kept are those of `streams`. Of these the next few are looked at, and their
 * rows are moved, as far as a step goes. %s: from, from, to. */
#define MOVE_ROWS                                                                                  \
    "WITH kept AS MATERIALIZED (SELECT DISTINCT job FROM (SELECT job FROM cadre_output.streams"    \
    " WHERE job > ?1 AND job <= ?2 ORDER BY job LIMIT %d) x),"                                     \
    " found AS MATERIALIZED (SELECT c.cursor, c.bytes FROM kept k, LATERAL"                        \
    " (SELECT o.cursor, length(o.data) AS bytes FROM ONLY %s o WHERE o.job = k.job"                \
    " ORDER BY o.cursor LIMIT %d) c LIMIT %d),"                                                    \
    " sized AS MATERIALIZED (SELECT cursor, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) - bytes"    \
    " AS before FROM found),"                                                                      \
    " moved AS (DELETE FROM ONLY %s o USING sized z WHERE o.cursor = z.cursor AND z.before < %d"   \
    " RETURNING o.*),"                                                                             \
    " added AS (INSERT INTO %s (" COLUMNS ") SELECT " COLUMNS " FROM moved)"                       \
    " SELECT (SELECT max(job) FROM kept), (SELECT count(*) FROM found),"                           \
    " (SELECT count(*) FROM moved)"

static int look_for_old(struct store *s, int64_t before_ms, int64_t *day, bool *emptied,
                        struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(&s->output, OLD_DAY, &q, e);
    if (rc == 0) bind_int(q, 1, before_ms);
    if (rc == 0) rc = db_step(&s->output, q, e);
    if (rc == 1) {
        *day = column_int(q, 0);
        *emptied = column_int(q, 1) != 0;
    }
    stmt_finish(q);
    return rc;
}

/* Begins with a day: no later row goes there. */
static int begin_to_empty(struct store *s, int64_t day, struct err *e)
{
    char table[NAME_SIZE];
    int64_t last = 0;
    name_table(table, day);
    int rc = number_made(s, str_dupf("SELECT coalesce(max(job), 0) FROM ONLY %s", table), &last, e);
    if (rc != 0) return rc;
    s->days.old = day;
    s->days.last = last;
    s->days.place = s->days.place_next = 0;
    return 0;
}

/* 1: there may be more. */
static int move_rows(struct store *s, struct err *e)
{
    struct days *d = &s->days;
    struct stmt *q = NULL;
    char from[NAME_SIZE], to[NAME_SIZE];
    name_table(from, d->old);
    name_table(to, d->now);
    char *sql = str_dupf(MOVE_ROWS, DAY_ROWS_MOST, from, DAY_ROWS_MOST, DAY_ROWS_MOST, from,
                         DAY_BYTES_MOST, to);
    int rc = db_prepare_one(&s->output, sql, &q, e);
    if (rc == 0) {
        bind_int(q, 1, d->place_next);
        bind_int(q, 2, d->last);
        rc = db_step(&s->output, q, e);
    }
    if (rc == 1) {
        int64_t found = column_int(q, 1);
        bool all = found < DAY_ROWS_MOST && column_int(q, 2) == found;
        if (column_is_null(q, 0))
            rc = 0;
        else if (all)
            d->place_next = column_int(q, 0);
    }
    stmt_finish(q);
    mem_free(sql);
    return rc;
}

/* The mark: its cursors are gone soon, and none of them may be given again. */
static int note_emptied(struct store *s, struct err *e)
{
    s->output_cut = true;
    return run_made(s,
                    str_dupf("UPDATE cadre_output.days SET emptied = 1 WHERE day = %" PRId64,
                             s->days.old),
                    e);
}

static int empty_day(struct store *s, int64_t day, struct err *e)
{
    int rc = s->days.old == day ? 0 : begin_to_empty(s, day, e);
    if (rc == 0) rc = store_write_output(s, e);
    if (rc == 0) rc = move_rows(s, e);
    if (rc == 0) rc = note_emptied(s, e);
    return rc < 0 ? rc : 0;
}

/* ---- dropping ------------------------------------------------------------------------------- */

/* Not within the transaction of a batch, whose commit may wait for a synchronous standby while
 * nobody can read. No owner's row is needed: it does what the row of the day says, and what that
 * says holds for good. %s: how. */
#define DROP_DAY                                                                                   \
    "DO $$BEGIN"                                                                                   \
    " PERFORM set_config('lock_timeout', '100', true);"                                            \
    " PERFORM set_config('synchronous_commit', 'local', true);"                                    \
    " IF EXISTS (SELECT 1 FROM cadre_output.days WHERE day = %" PRId64 " AND emptied = 1) THEN"    \
    " %s %s; DELETE FROM cadre_output.days WHERE day = %" PRId64 "; END IF;"                       \
    " EXCEPTION WHEN lock_not_available OR undefined_table OR deadlock_detected THEN NULL; END$$"

void days_drop(struct store *s)
{
    if (!s->days.drop || s->begun) return;
    char table[NAME_SIZE];
    int64_t day = s->days.tried;
    name_table(table, day);
    char *sql = str_dupf(DROP_DAY, day, day == 0 ? "TRUNCATE ONLY" : "DROP TABLE", table, day);
    (void)db_exec(&s->output, sql, NULL);
    mem_free(sql);
    s->days.drop = false;
}

/* ---- a step --------------------------------------------------------------------------------- */

#define NEWEST_DAY                                                                                 \
    "SELECT day, since_ms, (SELECT count(*) FROM cadre_output.days) FROM cadre_output.days"        \
    " ORDER BY day DESC LIMIT 1"

/* Is it time for a new day, of that number? */
static int look_for_new(struct store *s, int64_t now_ms, int64_t retention_ms, int64_t *day,
                        bool *due, struct err *e)
{
    struct stmt *q = NULL;
    int64_t since_ms = 0, count = 0;
    int rc = db_prepare_one(&s->output, NEWEST_DAY, &q, e);
    *day = 0;
    if (rc == 0) rc = db_step(&s->output, q, e);
    if (rc == 1) {
        *day = column_int(q, 0);
        since_ms = column_int(q, 1);
        count = column_int(q, 2);
    }
    stmt_finish(q);
    *due = *day == s->days.now && count < DAYS_MOST && is_due(*day, since_ms, now_ms, retention_ms);
    ++*day;
    return rc < 0 ? rc : 0;
}

/* A table that was emptied goes in a step of its own: whoever began to read before it was emptied
 * is done by then. One that could not be dropped waits for the next round of the housekeeping. */
static int end_old(struct store *s, int64_t before_ms, bool *more, struct err *e)
{
    int64_t day = 0;
    bool emptied = false;
    int rc = look_for_old(s, before_ms, &day, &emptied, e);
    *more = false;
    if (rc != 1) return rc;
    if (!emptied) {
        *more = true;
        return empty_day(s, day, e);
    }
    s->days.drop = true;
    *more = day != s->days.tried;
    s->days.tried = day;
    return 0;
}

int store_output_days(struct store *s, int64_t now_ms, int64_t retention_ms, bool purged,
                      bool *more, struct err *e)
{
    *more = false;
    if (!s->together || retention_ms <= 0) return 0;
    int64_t day;
    bool due;
    int rc = look_for_new(s, now_ms, retention_ms, &day, &due, e);
    if (rc == 0 && due) rc = begin_day(s, day, now_ms, e);
    *more = rc == 0 && s->days.now_next != s->days.now;
    return rc != 0 || *more || !purged ? rc : end_old(s, now_ms - retention_ms, more, e);
}
