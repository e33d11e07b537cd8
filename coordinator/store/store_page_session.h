/* Sessions of the page: a part of store.h. */
#ifndef CADRE_COORDINATOR_STORE_STORE_PAGE_SESSION_H
#define CADRE_COORDINATOR_STORE_STORE_PAGE_SESSION_H

#include "base/err.h"
#include "coordinator/store/model_page_session.h"

#include <stdbool.h>
#include <stddef.h>

struct store;

/* ERR_EXISTS: id or hash is taken. */
int store_page_session_insert(struct store *s, const struct page_session_row *p, struct err *e);
int store_page_session_find(struct store *s, int64_t id, struct page_session_row *out,
                            struct err *e);
/* The newest of the token but for `newer` that are newer still; as a find. */
int store_page_session_behind(struct store *s, int64_t token, size_t newer, int64_t *id,
                              struct err *e);
int store_page_session_delete(struct store *s, int64_t id, struct err *e);
/* Housekeeping: at most `most` of those that have ended by now. *more: there may be others. */
int store_page_sessions_purge(struct store *s, int64_t now_ms, size_t most, bool *more,
                              struct err *e);

#endif
