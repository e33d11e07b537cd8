/* Whether a PostgreSQL server keeps what it says that it committed. */
#include "coordinator/store/pg_check.h"

#include "base/str.h"

#define OLDEST 14

/* What the server has, not what this session has set. */
#define SETTINGS                                                                                   \
    "SELECT CAST(current_setting('server_version_num') AS bigint), current_setting('fsync'),"      \
    " current_setting('full_page_writes'),"                                                        \
    " (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit')"

static int refuse_off(const struct db *d, const char *name, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED,
                   "%s has the setting %s = off, and may lose what it committed: set it to on, and "
                   "start the coordinator again",
                   d->path, name);
}

static int check_settings(struct db *d, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, SETTINGS, &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    if (rc == 1) {
        rc = 0;
        int64_t version = column_int(q, 0) / 10000;
        if (version < OLDEST)
            rc = err_set(e, ERR_UNSUPPORTED, "%s is PostgreSQL %lld; it takes %d or later", d->path,
                         (long long)version, OLDEST);
        else if (str_eq(column_str(q, 1), "off"))
            rc = refuse_off(d, "fsync", e);
        else if (str_eq(column_str(q, 2), "off"))
            rc = refuse_off(d, "full_page_writes", e);
        else if (str_eq(column_str(q, 3), "off"))
            rc = refuse_off(d, "synchronous_commit", e);
    }
    stmt_finish(q);
    return rc;
}

/* Between two transactions such a pooler gives the connection to the server to another client; so
 * another client takes one here, and what the first one has set is gone. */
static int check_session(struct db *d, struct db *other, struct err *e)
{
    int64_t n = 0, same = 0;
    int rc = db_int(d, "SELECT length(set_config('cadre.session', 'own', false))", &n, e);
    struct stmt *begin = NULL;
    if (rc == 0) rc = db_prepare_one(other, "BEGIN", &begin, e);
    if (rc == 0) rc = db_run(other, begin, e);
    if (rc == 0) rc = db_int(other, "SELECT 1", &n, e);
    if (rc == 0)
        rc = db_int(d,
                    "SELECT CASE WHEN current_setting('cadre.session', true) = 'own' THEN 1"
                    " ELSE 0 END",
                    &same, e);
    stmt_finish(begin);
    if (rc == 0 && !same)
        return err_set(e, ERR_UNSUPPORTED,
                       "%s is behind a pooler that changes connections between transactions: name "
                       "the server itself, or have the pooler keep sessions (pool_mode = session)",
                       d->path);
    return rc;
}

int pg_check(struct db *d, const struct pg_module *m, const struct pg_place *place, struct err *e)
{
    int rc = check_settings(d, e);
    if (rc != 0) return rc;
    struct db other = {0};
    rc = m->open(&other, NULL, place, PG_OWNER, e);
    if (rc == 0) rc = check_session(d, &other, e);
    db_close(&other);
    return rc;
}
