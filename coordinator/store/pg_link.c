/* What goes over a connection, and what comes back.
 *
 * Statements are sent in libpq's pipeline mode. Those that need no answer gather in libpq's buffer
 * and go with the next one that does: a batch costs few round trips. c->sent holds what was sent
 * and has no answer yet, in order; a sync ends each part of it. After an error the server passes
 * over the rest up to the sync. Nothing here waits without an end. */
#include "coordinator/store/pg_flat.h"
#include "coordinator/store/pg_stmt.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

int64_t pg_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void pg_drop(struct pg_conn *c)
{
    if (c->pg) PQfinish(c->pg);
    c->pg = NULL;
    c->state = PG_IDLE;
    pg_ahead_forget(c);
    c->first = c->count = 0;
    c->cursors = 0;
    c->reading = false;
    c->reads++;
}

void pg_free(struct pg_conn *c)
{
    pg_drop(c);
    mem_free_secret(c->uri);
    mem_free_secret(c->password);
    mem_free(c->name);
    map_fini(&c->ahead);
    map_fini(&c->ahead_rows);
    mem_free(c->sent);
    mem_free(c->names);
    mem_free(c->used);
    mem_free(c);
}

/* What belongs to a transaction that is lost is not to run in the next one. */
static void drop_within(struct pg_conn *c)
{
    bool open = c->state != PG_IDLE;
    pg_drop(c);
    if (open) c->state = PG_FAILED;
}

/* The connection is of no use any more. */
static int lose(struct pg_conn *c, const char *what, struct err *e)
{
    int rc = pg_error_lost(c, what, &c->error);
    drop_within(c);
    if (e) *e = c->error;
    return rc;
}

static int lose_by_libpq(struct pg_conn *c, struct err *e)
{
    char what[300];
    pg_flat(what, sizeof what, PQerrorMessage(c->pg));
    return lose(c, what, e);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void note(struct pg_conn *c, enum pg_what what, struct pg_stmt *q)
{
    if (c->count == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 64;
        struct pg_sent *sent = mem_array(cap, sizeof *sent);
        for (size_t i = 0; i < c->count; i++)
            sent[i] = c->sent[(c->first + i) % c->cap];
        mem_free(c->sent);
        c->sent = sent;
        c->cap = cap;
        c->first = 0;
    }
    c->sent[(c->first + c->count++) % c->cap] = (struct pg_sent){.what = what, .stmt = q};
}

static struct pg_sent take(struct pg_conn *c)
{
    struct pg_sent s = c->sent[c->first];
    c->first = (c->first + 1) % c->cap;
    c->count--;
    return s;
}

int pg_sent(struct pg_conn *c, enum pg_what what, struct pg_stmt *q, int done, struct err *e)
{
    if (!done) return lose_by_libpq(c, e);
    note(c, what, q);
    return 0;
}

int pg_send_text(struct pg_conn *c, const char *sql, struct err *e)
{
    int done = PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 1);
    return pg_sent(c, PG_SENT_RUN, NULL, done, e);
}

int pg_push(struct pg_conn *c, struct err *e)
{
    size_t last = (c->first + c->count - 1) % (c->cap ? c->cap : 1);
    if (c->count == 0 || c->sent[last].what == PG_SENT_SYNC) return 0;
    int rc = pg_sent(c, PG_SENT_SYNC, NULL, PQpipelineSync(c->pg), e);
    if (rc == 0 && PQflush(c->pg) < 0) rc = lose_by_libpq(c, e);
    return rc;
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Until a result can be taken, or `until`. */
static int wait_result(struct pg_conn *c, int64_t until, struct err *e)
{
    while (PQisBusy(c->pg)) {
        int unsent = PQflush(c->pg);
        if (unsent < 0) return lose_by_libpq(c, e);
        struct pollfd p = {.fd = PQsocket(c->pg), .events = POLLIN};
        if (unsent) p.events |= POLLOUT;
        int64_t left = until - pg_now_ms();
        int n = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (n == 0) return lose(c, "it did not answer in time, and what it did is not known", e);
        if (n < 0 && errno != EINTR) return lose(c, strerror(errno), e);
        if (n > 0 && !PQconsumeInput(c->pg)) return lose_by_libpq(c, e);
    }
    return 0;
}

static bool is_good(const PGresult *r)
{
    ExecStatusType s = PQresultStatus(r);
    return s == PGRES_TUPLES_OK || s == PGRES_COMMAND_OK || s == PGRES_EMPTY_QUERY;
}

static void note_failure(struct pg_conn *c, const struct pg_sent *s, const PGresult *r,
                         struct pg_answer *a)
{
    if (a->failed) return;
    a->failed = true;
    a->which = s->stmt;
    a->last = c->count == 2; /* it, and the sync */
    int code = pg_error_of(c, r, s->stmt, &c->error);
    a->taken = code == ERR_EXISTS;
    if (code == ERR_FENCED) c->fenced = c->error;
}

/* The result of one thing that was sent. */
static void heed(struct pg_conn *c, const struct pg_sent *s, PGresult *r, struct pg_answer *a)
{
    bool good = is_good(r);
    if (!good && s->what == PG_SENT_PREPARE) c->unprepared(s->stmt);
    bool matters = s->what != PG_SENT_AHEAD_ALONE; /* who needs the answer asks again */
    if (!good && matters && PQresultStatus(r) != PGRES_PIPELINE_ABORTED) note_failure(c, s, r, a);
    if (good && s->ahead) {
        pg_ahead_answered(s->ahead, r);
    } else if (good && s->what == PG_SENT_RUN) {
        PQclear(a->result);
        a->result = r;
    } else {
        PQclear(r);
    }
}

/* The server may have said why before it closed the connection. */
static int lose_behind(struct pg_conn *c, PGresult *r, const struct pg_answer *a, struct err *e)
{
    char what[300];
    bool said = a->failed && c->error.code == ERR_UNAVAILABLE;
    pg_flat(what, sizeof what, r ? PQresultErrorMessage(r) : PQerrorMessage(c->pg));
    PQclear(r);
    if (!said) return lose(c, what, e);
    drop_within(c);
    if (e) *e = c->error;
    return c->error.code;
}

/* All results of what was sent first. */
static int take_one(struct pg_conn *c, int64_t until, struct pg_answer *a, struct err *e)
{
    struct pg_sent s = c->sent[c->first];
    bool any = false;
    for (;;) {
        int rc = wait_result(c, until, e);
        if (rc != 0) return rc;
        PGresult *r = PQgetResult(c->pg);
        if (PQstatus(c->pg) == CONNECTION_BAD) return lose_behind(c, r, a, e);
        if (!r) break;
        if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            any = true;
            break; /* nothing follows it */
        }
        any = true;
        heed(c, &s, r, a);
    }
    if (!any) return lose(c, "its answers are not in order", e);
    take(c);
    return 0;
}

static void look_at_state(struct pg_conn *c)
{
    PGTransactionStatusType now = PQtransactionStatus(c->pg);
    if (c->reading) return;
    if (now == PQTRANS_IDLE) c->state = PG_IDLE;
    if (now == PQTRANS_INERROR) c->state = PG_FAILED;
}

int pg_collect(struct pg_conn *c, int64_t wait_ms, struct pg_answer *a, struct err *e)
{
    *a = (struct pg_answer){0};
    c->unconfirmed = false;
    int64_t until = pg_now_ms() + wait_ms;
    if (c->count > 0) c->trips++;
    int rc = pg_push(c, e);
    while (rc == 0 && c->count > 0)
        rc = take_one(c, until, a, e);
    if (rc == 0 && c->unconfirmed)
        rc = lose(c, "the wait of a commit for its synchronous standby was ended", e);
    if (rc == 0) {
        look_at_state(c);
    } else {
        PQclear(a->result);
        a->result = NULL;
    }
    return rc;
}

/* ---- several statements in one text --------------------------------------------------------- */

int pg_exec_all(struct pg_conn *c, const char *sql, struct err *e)
{
    struct pg_answer a;
    int rc = pg_collect(c, PG_WRITE_MS, &a, e);
    if (rc != 0) return rc;
    PQclear(a.result);
    if (a.failed) {
        if (e) *e = c->error;
        return c->error.code;
    }
    pg_ahead_forget(c); /* it may change anything */
    c->trips++;
    if (!PQexitPipelineMode(c->pg) || !PQsendQuery(c->pg, sql)) return lose_by_libpq(c, e);
    int64_t until = pg_now_ms() + PG_EXEC_MS;
    struct err first = {0};
    for (;;) {
        rc = wait_result(c, until, e);
        if (rc != 0) return rc;
        PGresult *r = PQgetResult(c->pg);
        if (PQstatus(c->pg) == CONNECTION_BAD) {
            PQclear(r);
            return lose_by_libpq(c, e);
        }
        if (!r) break;
        if (!is_good(r) && first.code == 0) pg_error_of(c, r, NULL, &first);
        PQclear(r);
    }
    if (!PQenterPipelineMode(c->pg)) return lose_by_libpq(c, e);
    if (PQtransactionStatus(c->pg) == PQTRANS_INERROR) c->error = first;
    if (PQtransactionStatus(c->pg) == PQTRANS_INTRANS) c->state = PG_OPEN;
    look_at_state(c);
    if (first.code && e) *e = first;
    return first.code;
}
