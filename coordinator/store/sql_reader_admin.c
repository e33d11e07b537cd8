/* Reading agents, groups, namespaces and tokens. */
#include "coordinator/store/reader_groups.h"
#include "coordinator/store/reader_names.h"
#include "coordinator/store/reader_page_session.h"
#include "coordinator/store/sql_reader.h"

#include "base/id.h"

static int hand_agent(struct stmt *q,
                      int (*fn)(const struct agent_row *a, int64_t busy, void *user), void *user)
{
    struct agent_row a;
    row_agent(q, &a);
    int stop = fn(&a, column_int(q, AGENT_COLUMN_COUNT), user);
    agent_row_fini(&a);
    return stop;
}

int reader_agents(struct reader *r, const struct agent_filter *f,
                  int (*fn)(const struct agent_row *a, int64_t busy, void *user), void *user,
                  bool *more, struct err *e)
{
    struct stmt *q = from_queue(r, R_AGENTS);
    bind_text(q, 1, f->after ? f->after : "");
    bind_text(q, 2, f->group ? group_text(f->group) : NULL);
    bind_text(q, 3, f->group);
    bind_int(q, 4, f->states);
    size_t found = 0, seen = 0;
    int rc;
    if (f->passed) *f->passed = NULL;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        bool wanted = !column_is_null(q, AGENT_COLUMN_COUNT);
        if (wanted && found == f->limit) break;
        found += wanted;
        if (wanted && hand_agent(q, fn, user)) break;
        if (++seen < SCAN_MOST) continue;
        if (f->passed) *f->passed = column_text(q, 1);
        break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

/* 1: found. */
static int find_agent(struct reader *r, struct stmt *q, struct agent_row *out, int64_t *busy,
                      struct err *e)
{
    int rc = db_step(&r->queue, q, e);
    if (rc != 1) return rc;
    row_agent(q, out);
    *busy = column_int(q, AGENT_COLUMN_COUNT);
    db_reset(q);
    return 1;
}

int reader_agent(struct reader *r, const char *id_or_name, struct agent_row *out, int64_t *busy,
                 struct err *e)
{
    int64_t id;
    int rc = 0;
    if (id_parse(id_or_name, &id) == 0) {
        struct stmt *q = from_queue(r, R_AGENT);
        bind_int(q, 1, id);
        rc = find_agent(r, q, out, busy, e);
    }
    if (rc == 0) { /* a name may look like an id */
        struct stmt *q = from_queue(r, R_AGENT_NAMED);
        bind_text(q, 1, id_or_name);
        rc = find_agent(r, q, out, busy, e);
    }
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no agent %s", id_or_name);
    return rc < 0 ? rc : 0;
}

int reader_removed_agent(struct reader *r, const char *id_or_name, struct agent_row *out,
                         int64_t *busy, struct err *e)
{
    int64_t id;
    int rc = reader_agent_id(r, id_or_name, &id, e);
    if (rc == 1) {
        struct stmt *q = from_queue(r, R_AGENT_REMOVED);
        bind_int(q, 1, id);
        rc = find_agent(r, q, out, busy, e);
    }
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there was no agent %s", id_or_name);
    return rc < 0 ? rc : 0;
}

int reader_refusal(struct reader *r, int64_t agent, struct refusal_row *out, struct err *e)
{
    struct stmt *q = from_queue(r, R_REFUSAL);
    bind_int(q, 1, agent);
    int rc = db_step(&r->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "the agent was not refused");
    if (rc < 0) return rc;
    row_refusal(q, out);
    db_reset(q);
    return 0;
}

int reader_remnants(struct reader *r, int64_t agent,
                    int (*fn)(const struct remnant_row *m, void *user), void *user, struct err *e)
{
    struct stmt *q = from_queue(r, R_REMNANTS);
    int rc;
    bind_int(q, 1, agent);
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        struct remnant_row m;
        row_remnant(q, &m);
        int stop = fn(&m, user);
        remnant_row_fini(&m);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

/* Columns: GROUP_COLUMNS and the counts. */
static void row_counted_group(struct stmt *q, struct group_row *g, struct group_counts *n)
{
    row_group(q, g);
    n->agents = column_int(q, GROUP_COLUMN_COUNT);
    n->online = column_int(q, GROUP_COLUMN_COUNT + 1);
    n->unwell = column_int(q, GROUP_COLUMN_COUNT + 2);
    n->queued = column_int(q, GROUP_COLUMN_COUNT + 3);
    n->running = column_int(q, GROUP_COLUMN_COUNT + 4);
}

static int hand_group(struct stmt *q,
                      int (*fn)(const struct group_row *g, const struct group_counts *n,
                                void *user),
                      void *user)
{
    struct group_row g;
    struct group_counts n;
    row_counted_group(q, &g, &n);
    int stop = fn(&g, &n, user);
    group_row_fini(&g);
    return stop;
}

int reader_groups(struct reader *r, const struct name_filter *f,
                  int (*fn)(const struct group_row *g, const struct group_counts *n, void *user),
                  void *user, bool *more, struct err *e)
{
    struct stmt *q = from_queue(r, R_GROUPS);
    bind_text(q, 1, f->after ? group_text(f->after) : NULL);
    size_t found = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1 && found++ < f->limit)
        if (hand_group(q, fn, user)) break;
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

int reader_groups_busy(struct reader *r, size_t limit,
                       int (*fn)(const struct group_row *g, const struct group_counts *n,
                                 void *user),
                       void *user, struct busy_seen *seen, struct err *e)
{
    struct stmt *q = from_queue(r, R_GROUPS_BUSY);
    if (limit > READER_BUSY_MOST) limit = READER_BUSY_MOST;
    /* one more tells whether there is one; to reach those that do nothing, busy ones are passed */
    int64_t asked = (int64_t)limit + 1, counts = SCAN_MOST - 2 * asked, looked = 0;
    size_t found = 0;
    int rc;
    bind_int(q, 1, asked);
    bind_int(q, 2, counts);
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        looked = column_int(q, GROUP_COLUMN_COUNT + 5);
        if (found++ == limit || hand_group(q, fn, user)) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *seen = (struct busy_seen){.more = rc == 1, .complete = looked < counts};
    return 0;
}

int reader_group(struct reader *r, const char *key, struct group_row *out,
                 struct group_counts *counts, struct err *e)
{
    struct stmt *q = from_queue(r, R_GROUP);
    bind_text(q, 1, group_text(key));
    int rc = db_step(&r->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no worker group %s", key);
    if (rc < 0) return rc;
    row_counted_group(q, out, counts);
    db_reset(q);
    return 0;
}

int reader_namespaces(struct reader *r, const struct name_filter *f,
                      int (*fn)(const struct namespace_row *n, void *user), void *user, bool *more,
                      struct err *e)
{
    struct stmt *q = from_queue(r, R_NAMESPACES);
    bind_text(q, 1, f->after ? f->after : "");
    bind_text(q, 2, f->ns);
    size_t found = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1 && found++ < f->limit) {
        struct namespace_row n;
        row_ns(q, &n);
        int stop = fn(&n, user);
        namespace_row_fini(&n);
        if (stop) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

int reader_tokens(struct reader *r, const struct id_filter *f,
                  int (*fn)(const struct token_row *t, void *user), void *user, bool *more,
                  struct err *e)
{
    struct stmt *q = from_queue(r, R_TOKENS);
    bind_int(q, 1, f->after);
    size_t found = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1 && found++ < f->limit) {
        struct token_row t;
        row_token(q, &t);
        int stop = fn(&t, user);
        token_row_fini(&t);
        if (stop) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

int reader_page_session(struct reader *r, const uint8_t *hash, int64_t id,
                        struct page_session_row *out, struct err *e)
{
    struct stmt *q = from_queue(r, hash ? R_PAGE_SESSION_OF : R_PAGE_SESSION);
    if (hash)
        bind_blob(q, 1, hash, sizeof out->hash);
    else
        bind_int(q, 1, id);
    int rc = db_step(&r->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such session");
    if (rc < 0) return rc;
    row_page_session(q, out);
    db_reset(q);
    return 0;
}

int reader_token(struct reader *r, int64_t id, struct token_row *out, struct err *e)
{
    struct stmt *q = from_queue(r, R_TOKEN);
    bind_int(q, 1, id);
    int rc = db_step(&r->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such token");
    if (rc < 0) return rc;
    row_token(q, out);
    db_reset(q);
    return 0;
}
