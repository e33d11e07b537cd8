/* Reading messages to channels. */
#include "coordinator/store/reader_notice.h"
#include "coordinator/store/sql_reader.h"

int reader_notices(struct reader *r, const struct id_filter *f,
                   int (*fn)(const struct notice_row *n, void *user), void *user, bool *more,
                   struct err *e)
{
    struct stmt *q = from_queue(r, R_NOTICES);
    bind_int(q, 1, f->after > 0 ? f->after : INT64_MAX);
    size_t found = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1 && found++ < f->limit) {
        struct notice_row n;
        row_notice(q, &n);
        int stop = fn(&n, user);
        notice_row_fini(&n);
        if (stop) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

int reader_notices_due(struct reader *r, int64_t *count, struct err *e)
{
    struct stmt *q = from_queue(r, R_NOTICES_DUE);
    int rc = db_step(&r->queue, q, e);
    *count = rc == 1 ? column_int(q, 0) : 0;
    db_reset(q);
    return rc < 0 ? rc : 0;
}
