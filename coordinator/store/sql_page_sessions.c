/* Sessions of the page: few and short rows, which go when they end. */
#include "coordinator/store/sql_store.h"
#include "coordinator/store/store_page_session.h"

int store_page_session_insert(struct store *s, const struct page_session_row *p, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_PAGE_SESSION_INSERT);
    bind_int(q, 1, p->id);
    bind_blob(q, 2, p->hash, sizeof p->hash);
    bind_int(q, 3, p->token);
    bind_int(q, 4, p->created_ms);
    bind_int(q, 5, p->ends_ms);
    return db_add(&s->queue, q, e);
}

int store_page_session_find(struct store *s, int64_t id, struct page_session_row *out,
                            struct err *e)
{
    struct stmt *q = store_queue(s, Q_PAGE_SESSION_GET);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    row_page_session(q, out);
    db_reset(q);
    return 1;
}

int store_page_session_behind(struct store *s, int64_t token, size_t newer, int64_t *id,
                              struct err *e)
{
    struct stmt *q = store_queue(s, Q_PAGE_SESSION_BEHIND);
    bind_int(q, 1, token);
    bind_int(q, 2, (int64_t)newer);
    return db_first_id(&s->queue, q, id, e);
}

int store_page_session_delete(struct store *s, int64_t id, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_PAGE_SESSION_DELETE);
    bind_int(q, 1, id);
    return db_change(&s->queue, q, e);
}

int store_page_sessions_purge(struct store *s, int64_t now_ms, size_t most, bool *more,
                              struct err *e)
{
    *more = false;
    for (size_t i = 0; i < most; i++) {
        int64_t id;
        struct stmt *q = store_queue(s, Q_PAGE_SESSION_ENDED);
        bind_int(q, 1, now_ms);
        int rc = db_first_id(&s->queue, q, &id, e);
        if (rc != 1) return rc;
        rc = store_page_session_delete(s, id, e);
        if (rc != 0) return rc;
    }
    *more = true;
    return 0;
}
