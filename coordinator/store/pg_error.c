/* What PostgreSQL's errors mean for us (store.h). */
#include "coordinator/store/pg_flat.h"
#include "coordinator/store/pg_stmt.h"

#include "base/str.h"

/* Its code, by SQLSTATE or the first two characters of it. */
struct meaning {
    const char *state;
    int code;
};

static const struct meaning meanings[] = {
    {"08", ERR_UNAVAILABLE},    /* connection */
    {"57", ERR_UNAVAILABLE},    /* shut down, cancelled, starting up */
    {"40", ERR_UNAVAILABLE},    /* serialisation, deadlock */
    {"25P03", ERR_UNAVAILABLE}, /* the session was idle in a transaction */
    {"25006", ERR_UNAVAILABLE}, /* it is a standby, or became one */
    {"55P03", ERR_UNAVAILABLE}, /* a lock was not to be had in time */
    {"53100", ERR_FULL},
    {"53", ERR_UNAVAILABLE},
    {"42501", ERR_DENIED},
    /* names of prepared statements are not those of this session */
    {"42P05", ERR_UNSUPPORTED},
    {"26000", ERR_UNSUPPORTED},
    {"23505", ERR_EXISTS},
    {"23P01", ERR_EXISTS},
    {"XX001", ERR_CORRUPT},
    {"XX002", ERR_CORRUPT},
    {"58", ERR_IO},
};

static int code_of(const char *state)
{
    for (size_t i = 0; state && i < sizeof meanings / sizeof *meanings; i++) {
        if (str_starts(state, meanings[i].state)) return meanings[i].code;
    }
    return ERR_INTERNAL;
}

static int set_internal(const struct pg_conn *c, const struct pg_stmt *q, const char *what,
                        struct err *e)
{
    char text[120];
    pg_flat(text, sizeof text, q ? q->sql : "");
    return err_set(e, ERR_INTERNAL, "%s: %s%s%s", c->name, what, *text ? ": " : "", text);
}

int pg_error_of(const struct pg_conn *c, const PGresult *r, const struct pg_stmt *q, struct err *e)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    char what[300];
    pg_flat(what, sizeof what, message ? message : PQresultErrorMessage(r));
    if (q && q->fence && str_eq(state, "22012"))
        return err_set(e, ERR_FENCED, "%s: another coordinator owns the queue", c->name);
    if (q && q->alters && str_eq(state, "22012"))
        return err_set(e, ERR_NOT_FOUND, "there is no such row");
    int code = code_of(state);
    if (code == ERR_FULL)
        return err_set(e, code, "%s: no space is left on its disk (%s)", c->name, what);
    if (code == ERR_UNSUPPORTED)
        return err_set(e, code,
                       "%s is behind a pooler that changes connections between transactions: name "
                       "the server itself, or have the pooler keep sessions (pool_mode = session)",
                       c->name);
    if (code == ERR_INTERNAL) return set_internal(c, q, what, e);
    return err_set(e, code, "%s: %s", c->name, what);
}

int pg_error_lost(const struct pg_conn *c, const char *what, struct err *e)
{
    char text[300];
    pg_flat(text, sizeof text, what);
    return err_set(e, ERR_UNAVAILABLE, "%s cannot be reached: %s", c->name,
                   *text ? text : "the connection broke");
}
