/* Reading what went wrong: by the index of jobs that did not end as SUCCESS. */
#include "coordinator/store/reader_failures.h"
#include "coordinator/store/sqlite_reader.h"

#include "base/str.h"

static const char *text(sqlite3_stmt *q, int column)
{
    return (const char *)sqlite3_column_text(q, column);
}

/* Columns: those of R_FAILURES. */
static void read_row(sqlite3_stmt *q, struct failure_row *out)
{
    enum job_kind kind = (enum job_kind)sqlite3_column_int(q, 5);
    bool alone = sqlite3_column_type(q, 6) == SQLITE_NULL;
    *out = (struct failure_row){
        .id = sqlite3_column_int64(q, 0),
        .state = (enum job_state)sqlite3_column_int(q, 1),
        .reason = (enum reason)sqlite3_column_int(q, 2),
        .exited = sqlite3_column_type(q, 3) != SQLITE_NULL,
        .exit_code = sqlite3_column_int64(q, 3),
        .ended_ms = sqlite3_column_int64(q, 4),
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
    sqlite3_stmt *q = from_queue(r, R_FAILURES);
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
