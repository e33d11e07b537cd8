/* Idempotency keys: what a batch asked for once is known until its end. */
#include "coordinator/store/sql_store.h"

static int find_key_now(struct store *s, enum queue_statement which, struct map *keys,
                        const char *key, struct err *e)
{
    int64_t id = 0;
    if (changes_key(keys, key)) return 0;
    struct stmt *q = store_queue(s, which);
    bind_text(q, 1, key);
    int rc = db_first_id(&s->queue, q, &id, e);
    if (rc < 0) return rc;
    changes_know_key(&s->changes, keys, key, id);
    return 0;
}

static int ask_keys(struct store *s, enum queue_statement which, const char *const *keys,
                    size_t count, struct err *e)
{
    struct stmt *q = store_queue(s, which);
    int rc = 0;
    for (size_t i = 0; rc == 0 && db_is_far(&s->queue) && i < count; i++) {
        bind_text(q, 1, keys[i]);
        rc = db_ask(&s->queue, q, e);
    }
    return rc;
}

int store_look_up(struct store *s, const struct store_wanted *w, struct err *e)
{
    struct changes *c = &s->changes;
    /* Who brings a key wants to write. A question outside of a transaction locks the file for
     * itself and lets it go again. */
    int rc = w->job_key_count + w->execution_key_count > 0 ? store_write_queue(s, e) : 0;
    if (rc == 0) rc = ask_keys(s, Q_KEY_FIND, w->job_keys, w->job_key_count, e);
    if (rc == 0)
        rc = ask_keys(s, Q_EXECUTION_KEY_FIND, w->execution_keys, w->execution_key_count, e);
    if (rc == 0) rc = outputs_read(s, e);
    for (size_t i = 0; rc == 0 && i < w->job_key_count; i++)
        rc = find_key_now(s, Q_KEY_FIND, &c->job_keys, w->job_keys[i], e);
    for (size_t i = 0; rc == 0 && i < w->execution_key_count; i++)
        rc = find_key_now(s, Q_EXECUTION_KEY_FIND, &c->execution_keys, w->execution_keys[i], e);
    return rc;
}

/* Within a batch nobody is asked twice. */
static int find_by_key(struct store *s, enum queue_statement which, struct map *keys,
                       const char *key, int64_t *id, struct err *e)
{
    if (!s->begun) {
        struct stmt *q = store_queue(s, which);
        bind_text(q, 1, key);
        return db_first_id(&s->queue, q, id, e);
    }
    int rc = find_key_now(s, which, keys, key, e);
    if (rc != 0) return rc;
    const struct key_known *k = changes_key(keys, key);
    if (k->id == 0) return 0;
    *id = k->id;
    return 1;
}

int store_job_find_key(struct store *s, const char *unique_key, int64_t *id, struct err *e)
{
    return find_by_key(s, Q_KEY_FIND, &s->changes.job_keys, unique_key, id, e);
}

int store_execution_find_key(struct store *s, const char *unique_key, int64_t *id, struct err *e)
{
    return find_by_key(s, Q_EXECUTION_KEY_FIND, &s->changes.execution_keys, unique_key, id, e);
}
