/* The simplest queue on PostgreSQL that is right: an insert, a claim of several rows with FOR
 * UPDATE SKIP LOCKED, an update when they are done. On the tables and indexes of Cadre's jobs, in a
 * database of its own, over libpq. It keeps no idempotency keys, counts or attempts, has no owner,
 * and a claim never ends by itself. Built where libpq-dev is. */
#include "tests/bench/load.h"
#include "tests/bench/peer.h"
#include "tests/bench/pg_server.h"

#include "base/mem.h"
#include "base/str.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPTY_MS 2 /* a worker that found nothing looks again */
#define CLOSE_S 30

/* Prepared on each connection. $1: how many; the payload; the ids as an array */
static const char *const put_sql =
    "WITH one AS (INSERT INTO cadre.jobs (id, kind, fallback, submitter, created_ms,"
    " queue_timeout_ms, timeout_ms, lease_ms, kill_grace_ms, output_limit, retry_type,"
    " retry_interval_ms, retry_max_interval_ms, retry_delay_factor, retry_max_attempts,"
    " retry_max_duration_ms, spec) SELECT nextval('bench_job'), 0, 0, 0,"
    " CAST(extract(epoch FROM now()) * 1000 AS bigint), 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, $2"
    " FROM generate_series(1, CAST($1 AS bigint)) RETURNING id)"
    " INSERT INTO cadre.job_states (id, state, queued, open, bad, watched, reason, truncated,"
    " group_key, requires_id, priority, attempt, agent, submitted_ms, started_ms, ended_ms,"
    " first_started_ms, retry_at_ms)"
    " SELECT id, 0, 1, 0, 0, 0, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM one";
static const char *const claim_sql =
    "WITH c AS (UPDATE cadre.job_states SET state = 2, queued = 0, open = 2, agent = 1,"
    " attempt = 1, submitted_ms = CAST(extract(epoch FROM now()) * 1000 AS bigint)"
    " WHERE id IN (SELECT id FROM cadre.job_states WHERE queued = 1 AND group_key = ''"
    " AND requires_id = 0 ORDER BY priority DESC, id LIMIT CAST($1 AS bigint)"
    " FOR UPDATE SKIP LOCKED) RETURNING id)"
    " SELECT c.id, j.spec FROM c JOIN cadre.jobs j ON j.id = c.id";
static const char *const done_sql =
    "UPDATE cadre.job_states SET state = 5, open = 0, exit_code = 0,"
    " ended_ms = CAST(extract(epoch FROM now()) * 1000 AS bigint)"
    " WHERE id = ANY (CAST($1 AS bigint[]))";

struct claim;
struct line { /* a connection */
    struct claim *claim;
    PGconn *pg;
    uv_poll_t poll;
    bool worker, polling, busy, empty;
    size_t held; /* a worker's: jobs that it has claimed and is ending */
};

struct claim {
    struct peer *peer;
    uv_timer_t again;
    struct line *lines;
    size_t count, handles;
    char *payload;
};

static void broke(struct line *l)
{
    const char *why = PQerrorMessage(l->pg);
    peer_fail(l->claim->peer, "%.*s", (int)strcspn(why, "\n"), why);
}

static void ask(struct line *l, const char *name, int params, const char *const *values)
{
    if (!PQsendQueryPrepared(l->pg, name, params, values, NULL, NULL, 0)) broke(l);
    while (PQflush(l->pg) == 1) {
    }
    l->busy = true;
}

/* ---- producers ---- */

static void put(struct line *l)
{
    struct peer *p = l->claim->peer;
    char count[24];
    size_t n = p->load.wide ? p->load.window : 1;
    snprintf(count, sizeof count, "%zu", n);
    p->begun += n;
    ask(l, "put", 2, (const char *const[]){count, l->claim->payload});
}

static void more(struct peer *p)
{
    struct claim *c = p->own;
    for (size_t i = 0; i < c->count && peer_may_put(p); i++)
        if (!c->lines[i].worker && !c->lines[i].busy) put(&c->lines[i]);
}

/* ---- workers ---- */

static void claim(struct line *l)
{
    char count[24];
    if (l->claim->peer->resting && peer_is_drained(l->claim->peer)) return;
    snprintf(count, sizeof count, "%zu", l->claim->peer->load.prefetch);
    l->empty = false;
    ask(l, "claim", 1, (const char *const[]){count});
}

static void on_claimed(struct line *l, const PGresult *r)
{
    struct buf ids;
    int n = PQntuples(r);
    l->empty = n == 0;
    if (l->empty) return; /* until on_again */
    buf_init(&ids, (size_t)n * 24 + 16);
    for (int i = 0; i < n; i++)
        buf_addf(&ids, "%c%s", i ? ',' : '{', PQgetvalue(r, i, 0));
    buf_add(&ids, "}", 2);
    l->held = (size_t)n;
    ask(l, "done", 1, (const char *const[]){ids.data});
    buf_fini(&ids);
}

static void on_again(uv_timer_t *timer)
{
    struct claim *c = timer->data;
    for (size_t i = 0; i < c->count && !c->peer->why[0]; i++)
        if (c->lines[i].empty && !c->lines[i].busy) claim(&c->lines[i]);
}

static void on_result(struct line *l, const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK) {
        on_claimed(l, r);
    } else if (status != PGRES_COMMAND_OK) {
        broke(l);
    } else if (l->worker) {
        l->claim->peer->ended += l->held;
        l->held = 0;
        claim(l);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct line *l = poll->data;
    PGresult *last = NULL, *r;
    (void)events;
    if (status || !PQconsumeInput(l->pg)) broke(l);
    while (!l->claim->peer->why[0] && l->busy && !PQisBusy(l->pg)) {
        if ((r = PQgetResult(l->pg))) {
            PQclear(last);
            last = r;
            continue;
        }
        l->busy = false; /* all of one statement is there */
        r = last;
        last = NULL;
        if (r) on_result(l, r);
        PQclear(r);
    }
    PQclear(last);
    more(l->claim->peer);
}

/* ---- the database and connections ---- */

static bool succeeds(struct line *l, PGresult *r)
{
    bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    if (!good) broke(l);
    return good;
}

static bool connect_one(struct line *l)
{
    char uri[128];
    pg_server_uri(l->claim->peer->pg, l->claim->peer->kind->name, uri, sizeof uri);
    l->pg = PQconnectdb(uri);
    if (PQstatus(l->pg) != CONNECTION_OK) {
        broke(l);
        return false;
    }
    return succeeds(l, PQprepare(l->pg, "put", put_sql, 0, NULL)) &&
           succeeds(l, PQprepare(l->pg, "claim", claim_sql, 0, NULL)) &&
           succeeds(l, PQprepare(l->pg, "done", done_sql, 0, NULL));
}

/* Cadre makes its tables in the database, and goes. */
static bool start(struct peer *p)
{
    char program[600], state[600], uri[128], init[] = "init", state_flag[] = "--state";
    char store_flag[] = "--store";
    struct claim *c = p->own = mem_alloc(sizeof *c);
    struct line one = {.claim = c};
    c->peer = p;
    pg_server_uri(p->pg, p->kind->name, uri, sizeof uri);
    snprintf(state, sizeof state, "%s/state", p->folder);
    target_program("cadre-coordinator", program, sizeof program);
    char *argv[] = {program, init, state_flag, state, store_flag, uri, NULL};
    double cpu_s;
    if (bench_wait(bench_spawn(p->folder, "init", argv, NULL), &cpu_s) != 0) {
        peer_fail(p, "Cadre's tables cannot be made; the log is %.150s/init.log", p->folder);
        return false;
    }
    one.pg = PQconnectdb(uri);
    bool made = succeeds(&one, PQexec(one.pg, "CREATE SEQUENCE bench_job CACHE 100"));
    PQfinish(one.pg);
    return made;
}

static bool open_all(struct peer *p)
{
    struct claim *c = p->own;
    c->count = p->load.producers + p->load.workers;
    c->lines = mem_array(c->count, sizeof *c->lines);
    c->payload = load_job(p->load.bytes);
    uv_timer_init(p->loop, &c->again);
    c->again.data = c;
    c->handles = 1;
    uv_timer_start(&c->again, on_again, EMPTY_MS, EMPTY_MS);
    for (size_t i = 0; i < c->count; i++) {
        struct line *l = &c->lines[i];
        l->claim = c;
        l->worker = i >= p->load.producers;
        l->empty = l->worker;
        if (!connect_one(l)) return false;
        PQsetnonblocking(l->pg, 1);
        uv_poll_init(p->loop, &l->poll, PQsocket(l->pg));
        l->poll.data = l;
        l->polling = true;
        c->handles++;
        uv_poll_start(&l->poll, UV_READABLE, on_readable);
    }
    more(p);
    return true;
}

static bool is_quiet(void *user)
{
    struct claim *c = user;
    for (size_t i = 0; i < c->count; i++)
        if (c->lines[i].busy && !c->peer->why[0]) return false;
    return true;
}

static void on_closed(uv_handle_t *h)
{
    struct claim *c = h->type == UV_TIMER ? h->data : ((struct line *)h->data)->claim;
    c->handles--;
}

static void close_all(struct peer *p)
{
    struct claim *c = p->own;
    if (!c->lines) return;
    uv_timer_stop(&c->again);
    load_run(p->loop, CLOSE_S, is_quiet, c);
    uv_close((uv_handle_t *)&c->again, on_closed);
    for (size_t i = 0; i < c->count; i++)
        if (c->lines[i].polling) uv_close((uv_handle_t *)&c->lines[i].poll, on_closed);
    while (c->handles)
        uv_run(p->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < c->count; i++)
        PQfinish(c->lines[i].pg);
    mem_free(c->lines);
    mem_free(c->payload);
    c->lines = NULL;
    c->count = 0;
}

static void stop(struct peer *p)
{
    mem_free(p->own);
}

const struct peer_kind peer_claim = {.name = "skip-locked",
                                     .title = "SKIP LOCKED in C",
                                     .start = start,
                                     .open = open_all,
                                     .more = more,
                                     .close = close_all,
                                     .stop = stop};
