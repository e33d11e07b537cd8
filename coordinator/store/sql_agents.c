/* Agents: a narrow row that changes all the time, and the facts beside it. */
#include "coordinator/store/sql_store.h"

#include "base/mem.h"
#include "base/str.h"

static void bind_agent(struct stmt *q, const struct agent_row *a)
{
    bind_int(q, 1, a->id);
    bind_text(q, 2, a->name);
    bind_text(q, 3, group_text(a->group));
    bind_int(q, 4, a->online);
    bind_int(q, 5, a->draining);
    bind_int(q, 6, a->held);
    bind_int(q, 7, a->slots);
    bind_int(q, 8, a->last_seen_ms);
    bind_int(q, 9, a->removed_ms);
    bind_int(q, 10, a->unwell_since_ms);
    bind_text(q, 11, a->groups);
}

static int put_facts(struct store *s, const struct agent_row *a, struct err *e)
{
    struct stmt *q = store_queue(s, Q_FACTS_PUT);
    bind_int(q, 1, a->id);
    bind_int(q, 2, a->created_ms);
    bind_int(q, 3, a->token);
    bind_text(q, 4, a->token_group);
    bind_text(q, 5, a->version);
    bind_text(q, 6, a->host_id);
    bind_text(q, 7, a->boot_id);
    bind_text(q, 8, a->journal_id);
    bind_text(q, 9, a->spki);
    bind_text(q, 10, a->drain_reason);
    bind_text(q, 11, a->capabilities ? a->capabilities : "{}");
    bind_text(q, 12, a->unwell_reason);
    bind_text(q, 13, a->created_by);
    bind_text(q, 14, a->drained_by);
    bind_text(q, 15, a->removed_by);
    bind_text(q, 16, a->removed_reason);
    return db_run(&s->queue, q, e);
}

int store_agent_insert(struct store *s, const struct agent_row *a, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_AGENT_INSERT);
    bind_agent(q, a);
    bind_int(q, 12, a->last_seq);
    rc = db_add(&s->queue, q, e);
    return rc == 0 ? put_facts(s, a, e) : rc;
}

int store_agent_update(struct store *s, const struct agent_row *a, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_AGENT_UPDATE);
    bind_agent(q, a);
    rc = db_alter(&s->queue, q, e);
    return rc == 0 ? put_facts(s, a, e) : rc;
}

int store_agent_seq(struct store *s, int64_t id, int64_t last_seq, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_AGENT_SEQ);
    bind_int(q, 1, id);
    bind_int(q, 2, last_seq);
    return db_alter(&s->queue, q, e);
}

/* The one row of q. 1: there is one. */
static int find_agent(struct store *s, struct stmt *q, struct agent_row *out, struct err *e)
{
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    row_agent(q, out);
    db_reset(q);
    return 1;
}

int store_agent_find(struct store *s, int64_t id, struct agent_row *out, struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENT_GET);
    bind_int(q, 1, id);
    return find_agent(s, q, out, e);
}

int store_agent_find_name(struct store *s, const char *name, struct agent_row *out, struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENT_NAMED);
    bind_text(q, 1, name);
    return find_agent(s, q, out, e);
}

int store_each_agent_online(struct store *s,
                            int (*fn)(int64_t id, const char *group, const char *groups,
                                      void *user),
                            void *user, struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENTS_ONLINE);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        char *group = column_group(q, 1), *groups = column_text(q, 2);
        int stop = fn(column_int(q, 0), group, groups, user);
        mem_free(group);
        mem_free(groups);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}

int store_each_agent(struct store *s, int (*fn)(const struct agent_row *a, void *user), void *user,
                     struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENTS);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct agent_row a = {.id = column_int(q, 0),
                              .name = column_text(q, 1),
                              .group = column_group(q, 2),
                              .groups = column_text(q, 3)};
        int stop = fn(&a, user);
        agent_row_fini(&a);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}

int store_agents_all_offline(struct store *s, struct err *e)
{
    int rc = store_write_queue(s, e);
    return rc == 0 ? db_run(&s->queue, store_queue(s, Q_AGENTS_OFFLINE), e) : rc;
}

int store_agent_seen(struct store *s, int64_t id, bool online, int64_t now_ms, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_AGENT_SEEN);
    bind_int(q, 1, id);
    bind_int(q, 2, online);
    bind_int(q, 3, now_ms);
    return db_alter(&s->queue, q, e);
}

int store_agent_count(struct store *s, int64_t *known, struct err *e)
{
    struct stmt *q = store_queue(s, Q_AGENT_COUNT);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    *known = column_int(q, 0);
    db_reset(q);
    return 0;
}

/* ---- remnants ---- */

static void bind_remnant(struct stmt *q, const struct remnant_row *r)
{
    bind_int(q, 1, r->agent);
    bind_int(q, 2, r->job);
    bind_int(q, 3, r->attempt);
}

int store_remnant_put(struct store *s, const struct remnant_row *r, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_REMNANT_PUT);
    bind_remnant(q, r);
    bind_int(q, 4, r->since_ms);
    bind_text(q, 5, r->processes);
    return db_run(&s->queue, q, e);
}

int store_remnant_delete(struct store *s, const struct remnant_row *r, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_REMNANT_DELETE);
    bind_remnant(q, r);
    return db_run(&s->queue, q, e);
}

int store_each_remnant(struct store *s, int (*fn)(const struct remnant_row *r, void *user),
                       void *user, struct err *e)
{
    struct stmt *q = store_queue(s, Q_REMNANTS);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct remnant_row r;
        row_remnant(q, &r);
        int stop = fn(&r, user);
        remnant_row_fini(&r);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}

/* ---- refusals ---- */

int store_refusal_put(struct store *s, const struct refusal_row *r, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_REFUSAL_PUT);
    bind_int(q, 1, r->agent);
    bind_text(q, 2, group_text(r->group));
    bind_text(q, 3, r->reason);
    bind_text(q, 4, r->message);
    bind_int(q, 5, r->at_ms);
    bind_text(q, 6, r->groups);
    return db_run(&s->queue, q, e);
}

int store_refusal_delete(struct store *s, int64_t agent, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_REFUSAL_DELETE);
    bind_int(q, 1, agent);
    return db_run(&s->queue, q, e);
}

int store_each_refusal(struct store *s, const char *group, size_t limit,
                       int (*fn)(const struct refusal_row *r, void *user), void *user,
                       struct err *e)
{
    struct stmt *q = store_queue(s, Q_REFUSALS_OF);
    int rc;
    bind_text(q, 1, group_text(group));
    bind_int(q, 2, (int64_t)limit);
    bind_text(q, 3, group ? group : STR_DEFAULT_GROUP);
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct refusal_row r;
        row_refusal(q, &r);
        int stop = fn(&r, user);
        refusal_row_fini(&r);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}
