/* What a batch will look for, asked together: see store_ahead.h. */
#include "coordinator/store/sql_store.h"

/* Their first value is the id of a job, an agent, an execution, a token or a session, and so it is
 * in every row of what they read or change. A statement that is not here is about any row. */
static const enum queue_statement of_one[] = {
    Q_JOB_GET,
    Q_JOB_WHOLE,
    Q_JOB_SPEC,
    Q_JOB_OUTPUTS,
    Q_KEY_OF,
    Q_JOB_INSERT,
    Q_STATE_INSERT,
    Q_KEY_INSERT,
    Q_KEY_DELETE,
    Q_JOB_SUBMITTED,
    Q_JOB_RUNNING,
    Q_JOB_SUCCESS,
    Q_JOB_CHANGE,
    Q_AGENT_GET,
    Q_AGENT_INSERT,
    Q_AGENT_UPDATE,
    Q_FACTS_PUT,
    Q_AGENT_SEQ,
    Q_AGENT_SEEN,
    Q_AGENT_EVENTS_NEWEST,
    Q_AGENT_EVENT_INSERT,
    Q_AGENT_EVENT_AGAIN,
    Q_AGENT_EVENTS_TRIM,
    Q_EXECUTION_GET,
    Q_EXECUTION_LABELS,
    Q_EXECUTION_INSERT,
    Q_EXECUTION_UPDATE,
    Q_TOKEN_GET,
    Q_TOKEN_INSERT,
    Q_TOKEN_USE,
    Q_TOKEN_REVOKE,
    Q_PAGE_SESSION_GET,
    Q_PAGE_SESSION_INSERT,
    Q_PAGE_SESSION_DELETE,
};

void store_prepare_ahead(struct store *s)
{
    for (size_t i = 0; i < sizeof of_one / sizeof *of_one; i++)
        db_of_one(store_queue(s, of_one[i]));
}

bool store_is_far(const struct store *s)
{
    return db_is_far(&s->queue);
}

uint64_t store_trips(const struct store *s)
{
    return db_trips(&s->queue); /* it is one connection */
}

static int ask_by_id(struct store *s, enum queue_statement which, int64_t id, struct err *e)
{
    if (!store_is_far(s)) return 0;
    struct stmt *q = store_queue(s, which);
    bind_int(q, 1, id);
    return db_ask(&s->queue, q, e);
}

int store_ask_job(struct store *s, int64_t id, struct err *e)
{
    int rc = ask_by_id(s, Q_JOB_GET, id, e);
    return rc == 0 ? ask_by_id(s, Q_KEY_OF, id, e) : rc;
}

int store_ask_job_spec(struct store *s, int64_t id, struct err *e)
{
    return ask_by_id(s, Q_JOB_SPEC, id, e);
}

int store_ask_job_outputs(struct store *s, int64_t id, struct err *e)
{
    return ask_by_id(s, Q_JOB_OUTPUTS, id, e);
}

int store_ask_jobs(struct store *s, const int64_t *ids, size_t count, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = ask_by_id(s, Q_JOB_WHOLE, ids[i], e);
    return rc;
}

int store_ask_agent(struct store *s, int64_t id, struct err *e)
{
    return ask_by_id(s, Q_AGENT_GET, id, e);
}

int store_ask_agent_name(struct store *s, const char *name, struct err *e)
{
    if (!store_is_far(s)) return 0;
    struct stmt *q = store_queue(s, Q_AGENT_NAMED);
    bind_text(q, 1, name);
    return db_ask(&s->queue, q, e);
}

int store_ask_agent_event(struct store *s, int64_t agent, struct err *e)
{
    return store_is_far(s) ? db_ask(&s->queue, agent_events_newest(s, agent, true), e) : 0;
}

int store_ask_token(struct store *s, int64_t id, struct err *e)
{
    return ask_by_id(s, Q_TOKEN_GET, id, e);
}

int store_ask_page_session(struct store *s, int64_t id, struct err *e)
{
    return ask_by_id(s, Q_PAGE_SESSION_GET, id, e);
}

int store_ask_runs(struct store *s, int64_t execution, struct err *e)
{
    return ask_by_id(s, Q_RUNS, execution, e);
}

int store_ask_execution(struct store *s, int64_t id, struct err *e)
{
    int rc = ask_by_id(s, Q_EXECUTION_GET, id, e);
    return rc == 0 ? ask_by_id(s, Q_EXECUTION_LABELS, id, e) : rc; /* for its new jobs */
}
