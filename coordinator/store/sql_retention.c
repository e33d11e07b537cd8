/* What else goes when nothing needs it any more: requires, tokens, agents, revisions of flows.
 *
 * None of it is looked for by reading all that there is. Requires count the jobs that have them.
 * Tokens and agents that are done with stand in small indexes, by when that was. A revision that is
 * not the present one any more is noted in old_revisions; when its time has come and executions of
 * it are still kept, it is noted anew, a day later. */
#include "coordinator/store/sql_store.h"

#include "base/id.h"
#include "base/mem.h"

#define LOOK_AGAIN_MS INT64_C(86400000)
/* So many jobs from before its removal are looked at for an agent's name. When there are more, the
 * agent stays. */
#define OLD_JOBS_MOST 1000

static int run(struct store *s, struct stmt *q, struct err *e)
{
    int rc = store_write_queue(s, e);
    return rc != 0 ? rc : db_run(&s->queue, q, e);
}

/* ---- requires ------------------------------------------------------------------------------- */

int purge_requires(struct store *s, size_t *budget, const struct store_gone *gone, struct err *e)
{
    int rc = tally_flush(s, e);
    while (rc == 0 && *budget > 0) {
        struct stmt *q = store_queue(s, Q_REQUIRES_UNUSED);
        int64_t id;
        rc = db_first_id(&s->queue, q, &id, e);
        if (rc <= 0) return rc;
        q = store_queue(s, Q_REQUIRES_DELETE);
        bind_int(q, 1, id);
        rc = run(s, q, e);
        if (rc == 0 && gone) gone->on_requires(id, gone->user);
        (*budget)--;
    }
    return rc;
}

/* ---- tokens --------------------------------------------------------------------------------- */

static int purge_tokens(struct store *s, int64_t before_ms, size_t *budget, struct err *e)
{
    static const enum queue_statement statements[] = {Q_TOKENS_REVOKED, Q_TOKENS_EXPIRED,
                                                      Q_TOKENS_USED_UP};
    for (size_t i = 0; *budget > 0 && i < sizeof statements / sizeof *statements; i++) {
        int64_t id;
        int rc;
        do {
            struct stmt *q = store_queue(s, statements[i]);
            bind_int(q, 1, before_ms);
            rc = db_first_id(&s->queue, q, &id, e);
            if (rc != 1) break;
            q = store_queue(s, Q_TOKEN_DELETE);
            bind_int(q, 1, id);
            rc = run(s, q, e);
            (*budget)--;
        } while (rc == 0 && *budget > 0);
        if (rc < 0) return rc;
    }
    return 0;
}

/* ---- agents --------------------------------------------------------------------------------- */

/* May a job that is kept name the agent? A removed one gets none, so it is about jobs from before
 * its removal. *looked: how many rows that took. */
static int is_named(struct store *s, int64_t agent, int64_t removed_ms, size_t *looked,
                    struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENT_NAMES);
    bind_int(q, 1, agent);
    bind_int(q, 2, id_floor(removed_ms + 1));
    bind_int(q, 3, OLD_JOBS_MOST);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    int64_t jobs = column_int(q, 0);
    bool named = column_int(q, 1) > 0;
    db_reset(q);
    *looked = (size_t)jobs + 1;
    return named || jobs == OLD_JOBS_MOST;
}

static int delete_agent(struct store *s, int64_t agent, struct err *e)
{
    static const enum queue_statement statements[] = {Q_AGENT_DELETE, Q_FACTS_DELETE,
                                                      Q_AGENT_EVENTS_DELETE};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof statements / sizeof *statements; i++) {
        struct stmt *q = store_queue(s, statements[i]);
        bind_int(q, 1, agent);
        rc = run(s, q, e);
    }
    return rc;
}

/* Goes on behind the one that it looked at last, so that those that stay are not in the way. */
static int purge_agents(struct store *s, int64_t before_ms, size_t *budget, struct err *e)
{
    while (*budget > 0) {
        struct stmt *q = store_queue(s, Q_AGENT_REMOVED);
        bind_int(q, 1, before_ms);
        bind_int(q, 2, s->agent_place.removed_ms);
        bind_int(q, 3, s->agent_place.id);
        int rc = db_step(&s->queue, q, e);
        if (rc == 0) s->agent_place = (struct agent_place){0};
        if (rc != 1) return rc;
        s->agent_place =
            (struct agent_place){.id = column_int(q, 0), .removed_ms = column_int(q, 1)};
        db_reset(q);
        size_t looked = 1;
        rc = is_named(s, s->agent_place.id, s->agent_place.removed_ms, &looked, e);
        if (rc == 0) rc = delete_agent(s, s->agent_place.id, e);
        if (rc < 0) return rc;
        *budget -= looked < *budget ? looked : *budget;
    }
    return 0;
}

/* ---- revisions and flows -------------------------------------------------------------------- */

struct old_revision {
    int64_t since_ms, revision;
    char *ns, *flow;
    bool used;    /* executions of it are kept */
    bool present; /* brought back */
};

static int run_for_revision(struct store *s, enum queue_statement which,
                            const struct old_revision *r, struct err *e)
{
    struct stmt *q = store_queue(s, which);
    bind_text(q, 1, r->ns);
    bind_text(q, 2, r->flow);
    bind_int(q, 3, r->revision);
    return run(s, q, e);
}

/* The flow, when it was deleted and no revision of it is left. */
static int delete_flow(struct store *s, const struct old_revision *r, const struct store_gone *gone,
                       struct err *e)
{
    struct stmt *q = store_queue(s, Q_FLOW_DELETE);
    bind_text(q, 1, r->ns);
    bind_text(q, 2, r->flow);
    int64_t rows = 0;
    int rc = store_write_queue(s, e);
    if (rc == 0) rc = db_count(&s->queue, q, &rows, e);
    if (rc == 0 && rows > 0 && gone) gone->on_flow(r->ns, r->flow, gone->user);
    return rc;
}

static int purge_revision(struct store *s, const struct old_revision *r, int64_t before_ms,
                          const struct store_gone *gone, struct err *e)
{
    struct stmt *q = store_queue(s, Q_OLD_DELETE);
    bind_text(q, 1, r->ns);
    bind_text(q, 2, r->flow);
    bind_int(q, 3, r->revision);
    bind_int(q, 4, r->since_ms);
    int rc = run(s, q, e);
    if (rc != 0 || r->present) return rc;
    if (r->used) {
        q = store_queue(s, Q_OLD_ADD);
        bind_text(q, 1, r->ns);
        bind_text(q, 2, r->flow);
        bind_int(q, 3, r->revision);
        bind_int(q, 4, before_ms + LOOK_AGAIN_MS);
        return run(s, q, e);
    }
    rc = run_for_revision(s, Q_REVISION_DELETE, r, e);
    return rc != 0 ? rc : delete_flow(s, r, gone, e);
}

static int purge_revisions(struct store *s, int64_t before_ms, size_t *budget,
                           const struct store_gone *gone, struct err *e)
{
    while (*budget > 0) {
        struct stmt *q = store_queue(s, Q_OLD_FIRST);
        bind_int(q, 1, before_ms);
        int rc = db_step(&s->queue, q, e);
        if (rc != 1) return rc;
        struct old_revision r = {.since_ms = column_int(q, 0),
                                 .ns = column_text(q, 1),
                                 .flow = column_text(q, 2),
                                 .revision = column_int(q, 3),
                                 .used = column_int(q, 4) != 0,
                                 .present = column_int(q, 5) != 0};
        db_reset(q);
        rc = purge_revision(s, &r, before_ms, gone, e);
        mem_free(r.ns);
        mem_free(r.flow);
        if (rc != 0) return rc;
        (*budget)--;
    }
    return 0;
}

int store_purge_setup(struct store *s, int64_t before_ms, size_t most,
                      const struct store_gone *gone, bool *more, struct err *e)
{
    size_t budget = most;
    int rc = store_write_changes(s, e);
    if (rc == 0) rc = purge_tokens(s, before_ms, &budget, e);
    if (rc == 0) rc = purge_revisions(s, before_ms, &budget, gone, e);
    if (rc == 0) rc = purge_agents(s, before_ms, &budget, e);
    if (rc == 0) *more = budget == 0;
    return rc;
}
