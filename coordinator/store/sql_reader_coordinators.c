/* Reading who else is there. */
#include "coordinator/store/reader_coordinator.h"
#include "coordinator/store/sql_reader.h"

int reader_coordinators(struct reader *r, const struct id_filter *f,
                        int (*fn)(const struct coordinator_row *c, void *user), void *user,
                        bool *more, struct err *e)
{
    struct stmt *q = from_queue(r, R_COORDINATORS);
    bind_int(q, 1, f->after);
    size_t found = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1 && found++ < f->limit) {
        struct coordinator_row c = {.id = column_int(q, 0),
                                    .name = column_str(q, 1),
                                    .addresses = column_str(q, 2),
                                    .version = column_str(q, 3),
                                    .started_ms = column_int(q, 4),
                                    .seen_ms = column_int(q, 5),
                                    .alive = column_int(q, 6) != 0,
                                    .owner = column_int(q, 7) != 0};
        if (fn(&c, user)) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

int reader_coordinator_counts(struct reader *r, int64_t *alive, int64_t *gone, struct err *e)
{
    struct stmt *q = from_queue(r, R_COORDINATOR_COUNTS);
    int rc = db_step(&r->queue, q, e);
    *alive = rc == 1 ? column_int(q, 0) : 0;
    *gone = rc == 1 ? column_int(q, 1) : 0;
    db_reset(q);
    return rc < 0 ? rc : 0;
}
