/* The queue: CREATED jobs in the index job_queue (group, requires, priority, id), and the counts
 * beside it, so that nothing here costs more with a million jobs queued than with ten. */
#include "coordinator/store/sqlite_store.h"

#include "base/mem.h"

/* ---- requires ------------------------------------------------------------------------------- */

static int find_requires(struct store *s, const char *text, int64_t *id, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_REQUIRES_FIND);
    bind_text(q, 1, text);
    int rc = db_step(&s->queue, q, e);
    if (rc == 0) return ERR_NOT_FOUND;
    if (rc < 0) return rc;
    *id = sqlite3_column_int64(q, 0);
    db_reset(q);
    return 0;
}

int store_requires_intern(struct store *s, const char *canonical_json, int64_t *id, struct err *e)
{
    int rc = find_requires(s, canonical_json, id, e);
    if (rc != ERR_NOT_FOUND) return rc;
    rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_REQUIRES_INSERT);
    bind_text(q, 1, canonical_json);
    rc = db_run(&s->queue, q, e);
    if (rc == 0) *id = sqlite3_last_insert_rowid(s->queue.handle);
    return rc;
}

int store_requires_text(struct store *s, int64_t id, char **json, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_REQUIRES_TEXT);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there are no such requires");
    if (rc < 0) return rc;
    *json = column_text(q, 0);
    db_reset(q);
    return 0;
}

/* ---- head and classes ----------------------------------------------------------------------- */

int store_queue_head(struct store *s, const char *group, int64_t requires_id,
                     struct queue_head *out, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_HEAD);
    bind_text(q, 1, group_text(group));
    bind_int(q, 2, requires_id);
    int rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "nothing is queued there");
    if (rc < 0) return rc;
    *out = (struct queue_head){
        .id = sqlite3_column_int64(q, 0),
        .priority = sqlite3_column_int64(q, 1),
        .attempt = sqlite3_column_int64(q, 2),
    };
    db_reset(q);
    return 0;
}

int store_queue_heads(struct store *s, const char *group, int64_t requires_id,
                      struct queue_head *out, size_t most, size_t *count, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_HEADS);
    bind_text(q, 1, group_text(group));
    bind_int(q, 2, requires_id);
    bind_int(q, 3, (int64_t)most);
    size_t n = 0;
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        out[n++] = (struct queue_head){
            .id = sqlite3_column_int64(q, 0),
            .priority = sqlite3_column_int64(q, 1),
            .attempt = sqlite3_column_int64(q, 2),
        };
    }
    if (rc == 0) *count = n;
    return rc;
}

/* The counts that are written at commit have to be seen before it, too. */
static int settle(struct store *s, struct err *e)
{
    return s->tally_count ? tally_flush(s, e) : 0;
}

int store_queue_classes(struct store *s,
                        int (*fn)(const char *group, int64_t requires_id, int64_t count,
                                  void *user),
                        void *user, struct err *e)
{
    int rc = settle(s, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_CLASSES);
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        char *group = column_group(q, 0);
        int stop = fn(group, sqlite3_column_int64(q, 1), sqlite3_column_int64(q, 2), user);
        mem_free(group);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}

/* ---- position ------------------------------------------------------------------------------- */

/* Adds the rows that q counts. */
static int add_count(struct store *s, sqlite3_stmt *q, int64_t *sum, struct err *e)
{
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    *sum += sqlite3_column_int64(q, 0);
    db_reset(q);
    return 0;
}

static int count_before(struct store *s, const char *group, int64_t requires_id, int64_t priority,
                        int64_t id, int64_t most, int64_t *sum, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_BEFORE_HIGHER);
    bind_text(q, 1, group);
    bind_int(q, 2, requires_id);
    bind_int(q, 3, priority);
    bind_int(q, 4, most - *sum);
    int rc = add_count(s, q, sum, e);
    if (rc != 0 || *sum >= most) return rc;
    q = store_queue(s, Q_BEFORE_EQUAL);
    bind_text(q, 1, group);
    bind_int(q, 2, requires_id);
    bind_int(q, 3, priority);
    bind_int(q, 4, id);
    bind_int(q, 5, most - *sum);
    return add_count(s, q, sum, e);
}

int store_queue_position(struct store *s, const char *group, int64_t priority, int64_t id,
                         int64_t most, int64_t *before, struct err *e)
{
    int rc = settle(s, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_CLASSES_OF);
    bind_text(q, 1, group_text(group));
    int64_t sum = 0;
    while (sum < most && (rc = db_step(&s->queue, q, e)) == 1) {
        int64_t requires_id = sqlite3_column_int64(q, 0);
        rc = count_before(s, group_text(group), requires_id, priority, id, most, &sum, e);
        if (rc != 0) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *before = sum;
    return 0;
}

/* ---- list ----------------------------------------------------------------------------------- */

static int take_ids(struct store *s, sqlite3_stmt *q, int64_t *ids, size_t *count, struct err *e)
{
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1)
        ids[(*count)++] = sqlite3_column_int64(q, 0);
    return rc;
}

/* What follows `after_id` in the order of the index, in the three ranges that it is made of. */
static int list_after(struct store *s, const char *group, int64_t after_id, int64_t *ids,
                      size_t most, size_t *count, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_LIST_FROM);
    bind_int(q, 1, after_id);
    int rc = db_step(&s->queue, q, e);
    if (rc <= 0) return rc;
    int64_t requires_id = sqlite3_column_int64(q, 0), priority = sqlite3_column_int64(q, 1);
    db_reset(q);

    q = store_queue(s, Q_LIST_EQUAL);
    bind_text(q, 1, group);
    bind_int(q, 2, requires_id);
    bind_int(q, 3, priority);
    bind_int(q, 4, after_id);
    bind_int(q, 5, (int64_t)(most - *count));
    rc = take_ids(s, q, ids, count, e);
    if (rc != 0) return rc;

    q = store_queue(s, Q_LIST_LOWER);
    bind_text(q, 1, group);
    bind_int(q, 2, requires_id);
    bind_int(q, 3, priority);
    bind_int(q, 4, (int64_t)(most - *count));
    rc = take_ids(s, q, ids, count, e);
    if (rc != 0) return rc;

    q = store_queue(s, Q_LIST_NEXT);
    bind_text(q, 1, group);
    bind_int(q, 2, requires_id);
    bind_int(q, 3, (int64_t)(most - *count));
    return take_ids(s, q, ids, count, e);
}

int store_queue_list(struct store *s, const char *group, int64_t after_id, int64_t *ids,
                     size_t most, size_t *count, struct err *e)
{
    size_t n = 0;
    int rc;
    if (after_id != 0) {
        rc = list_after(s, group_text(group), after_id, ids, most, &n, e);
    } else {
        sqlite3_stmt *q = store_queue(s, Q_LIST_ALL);
        bind_text(q, 1, group_text(group));
        bind_int(q, 2, (int64_t)most);
        rc = take_ids(s, q, ids, &n, e);
    }
    if (rc == 0) *count = n;
    return rc;
}
