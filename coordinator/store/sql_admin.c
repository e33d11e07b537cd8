/* What operators set up: groups, namespaces, tokens. */
#include "coordinator/store/sql_store.h"

#include "base/str.h"

/* ---- groups --------------------------------------------------------------------------------- */

int store_group_put(struct store *s, const struct group_row *g, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_GROUP_PUT);
    bind_text(q, 1, group_text(g->key));
    bind_text(q, 2, g->description);
    bind_text(q, 3, g->require);
    bind_text(q, 4, g->allowed_namespaces);
    bind_int(q, 5, g->paused);
    bind_int(q, 6, g->max_queued);
    bind_int(q, 7, g->created_ms);
    bind_text(q, 8, g->created_by);
    bind_text(q, 9, g->updated_by);
    bind_text(q, 10, g->paused_by);
    bind_text(q, 11, g->tags);
    return db_run(&s->queue, q, e);
}

int store_group_delete(struct store *s, const char *key, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_GROUP_DELETE);
    bind_text(q, 1, group_text(key));
    return db_change(&s->queue, q, e);
}

int store_each_group(struct store *s, int (*fn)(const struct group_row *g, void *user), void *user,
                     struct err *e)
{
    struct stmt *q = store_queue(s, Q_GROUPS);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct group_row g;
        row_group(q, &g);
        int stop = fn(&g, user);
        group_row_fini(&g);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}

/* ---- namespaces ----------------------------------------------------------------------------- */

int store_ns_put(struct store *s, const struct namespace_row *n, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_NS_PUT);
    bind_text(q, 1, n->ns);
    bind_text(q, 2, str_is_default_group(n->group) ? NULL : n->group);
    bind_int(q, 3, n->fallback);
    bind_text(q, 4, n->updated_by);
    bind_int(q, 5, n->groupless);
    bind_text(q, 6, n->notify);
    return db_run(&s->queue, q, e);
}

int store_ns_delete(struct store *s, const char *ns, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_NS_DELETE);
    bind_text(q, 1, ns);
    return db_change(&s->queue, q, e);
}

int store_each_ns(struct store *s, int (*fn)(const struct namespace_row *n, void *user), void *user,
                  struct err *e)
{
    struct stmt *q = store_queue(s, Q_NAMESPACES);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct namespace_row n;
        row_ns(q, &n);
        int stop = fn(&n, user);
        namespace_row_fini(&n);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}

/* ---- tokens --------------------------------------------------------------------------------- */

int store_token_insert(struct store *s, const struct token_row *t, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_TOKEN_INSERT);
    bind_int(q, 1, t->id);
    bind_int(q, 2, t->role);
    bind_blob(q, 3, t->secret_hash, sizeof t->secret_hash);
    bind_text(q, 4, t->name);
    bind_text(q, 5, t->group);
    bind_text(q, 6, t->ns);
    bind_int(q, 7, t->created_ms);
    bind_int(q, 8, t->expires_ms);
    bind_int(q, 9, t->revoked_ms);
    bind_int(q, 10, t->last_used_ms);
    bind_int(q, 11, t->uses_left);
    bind_text(q, 12, t->created_by);
    bind_text(q, 13, t->revoked_by);
    return db_add(&s->queue, q, e);
}

int store_token_find(struct store *s, int64_t id, struct token_row *out, struct err *e)
{
    struct stmt *q = store_queue(s, Q_TOKEN_GET);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    row_token(q, out);
    db_reset(q);
    return 1;
}

int store_token_use(struct store *s, int64_t id, int64_t now_ms, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_TOKEN_USE);
    bind_int(q, 1, id);
    bind_int(q, 2, now_ms);
    return db_run(&s->queue, q, e);
}

int store_token_revoke(struct store *s, int64_t id, int64_t now_ms, const char *by, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_TOKEN_REVOKE);
    bind_int(q, 1, id);
    bind_int(q, 2, now_ms);
    bind_text(q, 3, by);
    return db_change(&s->queue, q, e);
}

int store_each_token_ending(struct store *s, int64_t from_ms, int64_t until_ms,
                            int (*fn)(const struct token_row *t, void *user), void *user,
                            struct err *e)
{
    struct stmt *q = store_queue(s, Q_TOKENS_ENDING);
    int rc;
    bind_int(q, 1, from_ms);
    bind_int(q, 2, until_ms);
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct token_row t;
        row_token(q, &t);
        int stop = fn(&t, user);
        token_row_fini(&t);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}

int store_token_other_admins(struct store *s, int64_t id, int64_t now_ms, int64_t *others,
                             struct err *e)
{
    struct stmt *q = store_queue(s, Q_TOKEN_ADMINS);
    bind_int(q, 1, id);
    bind_int(q, 2, now_ms);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    *others = column_int(q, 0);
    db_reset(q);
    return 0;
}
