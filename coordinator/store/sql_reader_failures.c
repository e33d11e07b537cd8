/* Reading what went wrong: by the index of jobs that did not end as SUCCESS. */
#include "coordinator/store/reader_failures.h"
#include "coordinator/store/sql_reader.h"

#include "base/str.h"

static const char *text(struct stmt *q, int column)
{
    return column_str(q, column);
}

/* Columns: those of R_FAILURES. */
static void read_row(struct stmt *q, struct failure_row *out)
{
    enum job_kind kind = (enum job_kind)column_int(q, 5);
    bool alone = column_is_null(q, 6);
    *out = (struct failure_row){
        .id = column_int(q, 0),
        .state = (enum job_state)column_int(q, 1),
        .reason = (enum reason)column_int(q, 2),
        .exited = !column_is_null(q, 3),
        .exit_code = column_int(q, 3),
        .ended_ms = column_int(q, 4),
        .kind = shown_kind(kind, alone),
        .ns = text(q, 7),
        .flow = text(q, 8),
        .task = text(q, 9),
        .name = text(q, 10),
        .message = text(q, 11),
        .group = text(q, 12),
    };
    if (str_empty(out->group)) out->group = STR_DEFAULT_GROUP;
}

static bool is_failure(const struct failure_filter *f, const struct failure_row *row)
{
    if (row->state == JOB_WARNING || row->reason == REASON_CANCELLED) return false;
    if (row->ended_ms < f->since_ms) return false;
    return !f->ns || (row->ns && str_namespace_covers(f->ns, row->ns));
}

int reader_failures(struct reader *r, const struct failure_filter *f,
                    int (*fn)(const struct failure_row *row, void *user), void *user,
                    struct failures_seen *seen, struct err *e)
{
    struct stmt *q = from_queue(r, R_FAILURES);
    size_t looked = 0;
    int rc = 0;
    while (looked < FAILURES_MOST && (rc = db_step(&r->queue, q, e)) == 1) {
        struct failure_row row;
        looked++;
        read_row(q, &row);
        if (is_failure(f, &row) && fn(&row, user)) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *seen = (struct failures_seen){looked, rc == 0};
    return 0;
}
