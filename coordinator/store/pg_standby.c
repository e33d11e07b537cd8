/* What the database says of its standbys. Of other roles' connections it shows who asks for little:
 * a count of those with a state that is hidden tells so. A commit of ours that hangs is visible
 * always. */
#include "coordinator/store/sql_reader.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/standby.h"

#define STANDBYS                                                                                   \
    "SELECT CASE WHEN current_setting('synchronous_standby_names') = '' THEN 0 ELSE 1 END,"        \
    " (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"                         \
    " AND sync_state IN ('sync', 'quorum')),"                                                      \
    " (SELECT count(*) FROM pg_stat_replication WHERE sync_state IS NULL),"                        \
    " (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"                         \
    " AND usename = current_user AND clock_timestamp() - query_start > interval '2 s')"

const char *const standby_names[] = {NULL, "none", "synchronous", "gone", "unknown"};

static int look(struct db *d, enum standby *out, struct err *e)
{
    struct stmt *q = NULL;
    *out = STANDBY_ALONE;
    if (d->driver->dialect != DIALECT_POSTGRESQL) return 0;
    int rc = db_prepare_one(d, STANDBYS, &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    if (rc == 1) {
        bool wanted = column_int(q, 0) != 0, hangs = column_int(q, 3) != 0;
        bool there = column_int(q, 1) != 0, hidden = column_int(q, 2) != 0;
        *out = !wanted  ? STANDBY_NONE
               : hangs  ? STANDBY_GONE
               : there  ? STANDBY_THERE
               : hidden ? STANDBY_UNKNOWN
                        : STANDBY_GONE;
    }
    stmt_finish(q);
    return rc < 0 ? rc : 0;
}

int reader_standby(struct reader *r, enum standby *out, struct err *e)
{
    return look(&r->queue, out, e);
}

int store_standby(struct store *s, enum standby *out, struct err *e)
{
    return look(&s->queue, out, e);
}
