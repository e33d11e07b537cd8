/* Reading how much there is to do. Counts are kept by the store; nothing here walks a queue. */
#include "coordinator/store/reader_load.h"
#include "coordinator/store/sql_reader.h"

#include "base/str.h"

#include <stdint.h>

static const char *group_of(struct stmt *q)
{
    const char *text = column_str(q, 0);
    return str_empty(text) ? STR_DEFAULT_GROUP : text;
}

/* Of the class that the row of R_CLASSES is about. */
static int oldest_of(struct reader *r, struct stmt *row, int64_t *id, struct err *e)
{
    struct queue_key key = {column_str(row, 0), column_int(row, 1)};
    return queue_oldest(&r->queue, from_queue(r, R_QUEUE_FIRST), &key, id, e);
}

static int created_at(struct reader *r, int64_t id, int64_t *ms, struct err *e)
{
    struct stmt *q = from_queue(r, R_CREATED_AT);
    bind_int(q, 1, id);
    int rc = db_step(&r->queue, q, e);
    *ms = rc == 1 ? column_int(q, 0) : 0;
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int reader_class_loads(struct reader *r, int (*fn)(const struct class_load *c, void *user),
                       void *user, struct err *e)
{
    struct stmt *q = from_queue(r, R_CLASSES);
    int looked = 0, rc;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        struct class_load c = {.group = group_of(q)};
        for (int state = 0; state <= JOB_RETRYING; state++)
            c.jobs[state] = column_int(q, 2 + state);
        int64_t id = 0;
        if (c.jobs[JOB_CREATED] > 0 && looked++ < LOAD_CLASSES) rc = oldest_of(r, q, &id, e);
        if (rc >= 0 && id != 0) rc = created_at(r, id, &c.oldest_ms, e);
        if (rc < 0 || fn(&c, user)) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int reader_group_keys(struct reader *r, int (*fn)(const char *group, bool paused, void *user),
                      void *user, struct err *e)
{
    struct stmt *q = from_queue(r, R_GROUP_KEYS);
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1)
        if (fn(group_of(q), column_int(q, 1) != 0, user)) break;
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int reader_group_agents(struct reader *r, int (*fn)(const struct group_agents *a, void *user),
                        void *user, struct err *e)
{
    struct stmt *q = from_queue(r, R_GROUP_AGENTS);
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        struct group_agents a = {.group = group_of(q),
                                 .draining = column_int(q, 3),
                                 .unwell = column_int(q, 4),
                                 .slots = column_int(q, 5),
                                 .free_slots = column_int(q, 6)};
        int64_t connected = column_int(q, 2);
        a.offline = column_int(q, 1) - connected;
        a.online = connected - a.draining - a.unwell;
        if (fn(&a, user)) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}
