/* What happened to agents. An agent's rows are numbered from 1 on, the newest has the greatest
 * number; a row that counts another time moves to the end. */
#include "coordinator/store/sql_store.h"
#include "coordinator/store/store_agent_event.h"

/* Among so many of the newest events the one that counts is looked for: those of a connection that
 * comes and goes, and of an agent that is unwell now and then, stand beside each other. */
#define LOOKED_AT 4
/* Once in so many numbers it is looked how many events the agent has. */
#define TRIM_EVERY 16
#define TRIM_TO (AGENT_EVENTS_MOST - TRIM_EVERY + 1)

struct place {
    int64_t newest; /* the greatest number; 0: the agent has no event */
    int64_t counts; /* the number of the one that counts this one; 0: none */
};

static bool counts(struct stmt *q, const struct agent_event_row *v)
{
    return column_int(q, 1) == (int)v->kind &&
           v->last_ms - column_int(q, 3) < AGENT_EVENT_AGAIN_MS &&
           v->last_ms - column_int(q, 2) < AGENT_EVENT_SPAN_MS;
}

struct stmt *agent_events_newest(struct store *s, int64_t agent, bool again)
{
    struct stmt *q = store_queue(s, Q_AGENT_EVENTS_NEWEST);
    bind_int(q, 1, agent);
    bind_int(q, 2, again ? LOOKED_AT : 1);
    return q;
}

static int find_place(struct store *s, const struct agent_event_row *v, bool again,
                      struct place *out, struct err *e)
{
    struct stmt *q = agent_events_newest(s, v->agent, again);
    int rc;
    *out = (struct place){0};
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        int64_t number = column_int(q, 0);
        if (out->newest == 0) out->newest = number;
        if (!again || !counts(q, v)) continue;
        out->counts = number;
        break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

static int insert(struct store *s, const struct agent_event_row *v, int64_t number, struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENT_EVENT_INSERT);
    bind_int(q, 1, v->agent);
    bind_int(q, 2, number);
    bind_int(q, 3, v->kind);
    bind_int(q, 4, v->last_ms);
    bind_text(q, 5, v->by);
    bind_text(q, 6, v->text);
    return db_run(&s->queue, q, e);
}

static int count(struct store *s, const struct agent_event_row *v, int64_t from, int64_t to,
                 struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENT_EVENT_AGAIN);
    bind_int(q, 1, v->agent);
    bind_int(q, 2, from);
    bind_int(q, 3, to);
    bind_int(q, 4, v->last_ms);
    bind_text(q, 5, v->by);
    bind_text(q, 6, v->text);
    return db_alter(&s->queue, q, e);
}

static int trim(struct store *s, int64_t agent, struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENT_EVENTS_TRIM);
    bind_int(q, 1, agent);
    bind_int(q, 2, TRIM_TO);
    return db_run(&s->queue, q, e);
}

int store_agent_event_add(struct store *s, const struct agent_event_row *v, bool again,
                          struct err *e)
{
    struct place p;
    int rc = store_write_queue(s, e);
    if (rc == 0) rc = find_place(s, v, again, &p, e);
    if (rc != 0) return rc;
    int64_t number = p.counts > 0 && p.counts == p.newest ? p.newest : p.newest + 1;
    rc = p.counts > 0 ? count(s, v, p.counts, number, e) : insert(s, v, number, e);
    if (rc == 0 && number > p.newest && number % TRIM_EVERY == 0) rc = trim(s, v->agent, e);
    return rc;
}

int store_agent_events_purge(struct store *s, int64_t before_ms, size_t most, bool *more,
                             struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENT_EVENT_OLD);
    bind_int(q, 1, before_ms);
    int rc = db_step(&s->queue, q, e);
    db_reset(q);
    *more = false;
    if (rc != 1) return rc; /* nothing is written for nothing */
    rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    q = store_queue(s, Q_AGENT_EVENTS_OLD);
    bind_int(q, 1, before_ms);
    bind_int(q, 2, (int64_t)most);
    int64_t rows = 0;
    rc = db_count(&s->queue, q, &rows, e);
    if (rc == 0) *more = (size_t)rows == most;
    return rc;
}
