/* The queue: CREATED jobs in the index job_queue (group, requires, priority, id), and the counts
 * beside it, so that nothing here costs more with a million jobs queued than with ten. */
#include "coordinator/store/sql_store.h"

#include "base/mem.h"

/* ---- requires ------------------------------------------------------------------------------- */

int store_requires_intern(struct store *s, const char *canonical_json, int64_t *id, struct err *e)
{
    struct stmt *q = store_queue(s, Q_REQUIRES_FIND);
    bind_text(q, 1, canonical_json);
    int rc = db_first_id(&s->queue, q, id, e);
    if (rc != 0) return rc < 0 ? rc : 0;
    rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    q = store_queue(s, Q_REQUIRES_INSERT);
    bind_text(q, 1, canonical_json);
    rc = db_first_id(&s->queue, q, id, e);
    return rc < 0 ? rc : 0;
}

int store_requires_text(struct store *s, int64_t id, char **json, struct err *e)
{
    struct stmt *q = store_queue(s, Q_REQUIRES_TEXT);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there are no such requires");
    if (rc < 0) return rc;
    *json = column_text(q, 0);
    db_reset(q);
    return 0;
}

/* ---- heads and counts ----------------------------------------------------------------------- */

static struct stmt *heads(struct store *s, const struct queue_key *k, size_t most)
{
    struct stmt *q = store_queue(s, Q_HEADS);
    bind_text(q, 1, group_text(k->group));
    bind_int(q, 2, k->requires_id);
    bind_int(q, 3, (int64_t)most);
    return q;
}

int store_ask_heads(struct store *s, const struct queue_key *k, size_t most, struct err *e)
{
    return store_is_far(s) ? db_ask(&s->queue, heads(s, k, most), e) : 0;
}

int store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                      size_t most, size_t *count, struct err *e)
{
    size_t n = 0;
    int rc = store_write_changes(s, e);
    if (rc != 0) return rc;
    struct stmt *q = heads(s, k, most);
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        out[n++] = (struct queue_head){
            .id = column_int(q, 0),
            .priority = column_int(q, 1),
            .attempt = column_int(q, 2),
        };
    }
    if (rc == 0) *count = n;
    return rc;
}

struct queue_reading {
    const struct queue_key *queue;
    size_t left;
    bool stop; /* fn wants no more */
    int (*fn)(struct job_row *j, const char *spec, void *user);
    void *user;
};

static int give_rows(struct store *s, struct stmt *q, struct queue_reading *r, struct err *e)
{
    int rc = 0;
    while (r->left > 0 && (rc = db_step(&s->queue, q, e)) == 1) {
        struct job_row j;
        row_queued(q, r->queue, &j);
        r->left--;
        r->stop = r->fn(&j, column_str(q, QUEUED_COLUMN_COUNT), r->user);
        job_row_fini(&j);
        if (r->stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

/* Those behind p->after of the same priority. */
static struct stmt *next_equal(struct store *s, const struct queue_part *p)
{
    struct stmt *q = store_queue(s, Q_NEXT_EQUAL);
    bind_text(q, 1, group_text(p->queue.group));
    bind_int(q, 2, p->queue.requires_id);
    bind_int(q, 3, p->after->priority);
    bind_int(q, 4, p->after->id);
    bind_int(q, 5, (int64_t)p->most);
    return q;
}

static struct stmt *next_lower(struct store *s, const struct queue_part *p, size_t most)
{
    struct stmt *q = store_queue(s, Q_NEXT_LOWER);
    bind_text(q, 1, group_text(p->queue.group));
    bind_int(q, 2, p->queue.requires_id);
    bind_int(q, 3, p->after ? p->after->priority : INT64_MAX);
    bind_int(q, 4, (int64_t)most);
    return q;
}

int store_ask_queue(struct store *s, const struct queue_part *p, struct err *e)
{
    if (!store_is_far(s)) return 0;
    int rc = p->after ? db_ask(&s->queue, next_equal(s, p), e) : 0;
    return rc == 0 ? db_ask(&s->queue, next_lower(s, p, p->most), e) : rc;
}

int store_queue_read(struct store *s, const struct queue_part *p,
                     int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                     struct err *e)
{
    struct queue_reading r = {.queue = &p->queue, .left = p->most, .fn = fn, .user = user};
    int rc = store_write_changes(s, e);
    if (rc == 0 && s->begun) rc = store_write_queue(s, e);
    if (rc == 0 && p->after) rc = give_rows(s, next_equal(s, p), &r, e);
    if (rc != 0 || r.stop || r.left == 0) return rc;
    /* who asks ahead does not know yet how many are left */
    return give_rows(s, next_lower(s, p, store_is_far(s) ? p->most : r.left), &r, e);
}

/* The counts that are written at commit have to be seen before it, too. */
static int settle(struct store *s, struct err *e)
{
    int rc = store_write_changes(s, e);
    return rc == 0 && s->tally_count ? tally_flush(s, e) : rc;
}

int store_each_queue(struct store *s,
                     int (*fn)(const struct queue_key *k, int64_t count, void *user), void *user,
                     struct err *e)
{
    int rc = settle(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_QUEUES);
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        char *group = column_group(q, 0);
        struct queue_key k = {.group = group, .requires_id = column_int(q, 1)};
        int stop = fn(&k, column_int(q, 2), user);
        mem_free(group);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}

int store_queue_oldest(struct store *s, const struct queue_key *k, int64_t *id, struct err *e)
{
    int rc = store_write_changes(s, e);
    return rc ? rc : queue_oldest(&s->queue, store_queue(s, Q_QUEUE_FIRST), k, id, e);
}

/* ---- position ------------------------------------------------------------------------------- */

/* Adds the rows that q counts. */
static int add_count(struct store *s, struct stmt *q, int64_t *sum, struct err *e)
{
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    *sum += column_int(q, 0);
    db_reset(q);
    return 0;
}

/* Of those with one requires, until *sum is `most`. */
static int count_before(struct store *s, const struct job_row *j, int64_t requires_id, int64_t most,
                        int64_t *sum, struct err *e)
{
    struct stmt *q = store_queue(s, Q_BEFORE_HIGHER);
    bind_text(q, 1, group_text(j->group));
    bind_int(q, 2, requires_id);
    bind_int(q, 3, j->priority);
    bind_int(q, 4, most - *sum);
    int rc = add_count(s, q, sum, e);
    if (rc != 0 || *sum >= most) return rc;
    q = store_queue(s, Q_BEFORE_EQUAL);
    bind_text(q, 1, group_text(j->group));
    bind_int(q, 2, requires_id);
    bind_int(q, 3, j->priority);
    bind_int(q, 4, j->id);
    bind_int(q, 5, most - *sum);
    return add_count(s, q, sum, e);
}

int store_queue_position(struct store *s, const struct job_row *j, int64_t most, int64_t *before,
                         struct err *e)
{
    int rc = settle(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_QUEUES_OF);
    bind_text(q, 1, group_text(j->group));
    int64_t sum = 0;
    while (sum < most && (rc = db_step(&s->queue, q, e)) == 1) {
        rc = count_before(s, j, column_int(q, 0), most, &sum, e);
        if (rc != 0) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *before = sum;
    return 0;
}

/* ---- list ----------------------------------------------------------------------------------- */

int store_queue_list(struct store *s, const char *group, int64_t *ids, size_t most, size_t *count,
                     struct err *e)
{
    size_t n = 0;
    int rc = store_write_changes(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_LIST);
    bind_text(q, 1, group_text(group));
    bind_int(q, 2, (int64_t)most);
    while ((rc = db_step(&s->queue, q, e)) == 1)
        ids[n++] = column_int(q, 0);
    if (rc == 0) *count = n;
    return rc;
}
