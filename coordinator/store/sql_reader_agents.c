/* Reading what happened to agents. */
#include "coordinator/store/reader_agent_event.h"
#include "coordinator/store/sql_reader.h"

/* Columns: those of R_AGENT_EVENTS. */
static void read_row(struct stmt *q, struct agent_event_row *v)
{
    *v = (struct agent_event_row){
        .agent = column_int(q, 0),
        .number = column_int(q, 1),
        .kind = (enum agent_event_kind)column_int(q, 2),
        .first_ms = column_int(q, 3),
        .last_ms = column_int(q, 4),
        .times = column_int(q, 5),
        .by = column_text(q, 6),
        .text = column_text(q, 7),
    };
}

int reader_agent_events(struct reader *r, const struct agent_event_filter *f,
                        int (*fn)(const struct agent_event_row *v, void *user), void *user,
                        bool *more, struct err *e)
{
    struct stmt *q = from_queue(r, R_AGENT_EVENTS);
    size_t found = 0;
    int rc;
    bind_int(q, 1, f->agent);
    bind_int(q, 2, f->before > 0 ? f->before : INT64_MAX);
    while ((rc = db_step(&r->queue, q, e)) == 1 && found++ < f->limit) {
        struct agent_event_row v;
        read_row(q, &v);
        int stop = fn(&v, user);
        agent_event_row_fini(&v);
        if (stop) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}
