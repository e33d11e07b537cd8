/* Answers to requests, refusals to sessions. */
#ifndef CADRE_COORDINATOR_ENGINE_REPLY_H
#define CADRE_COORDINATOR_ENGINE_REPLY_H

#include "base/buf.h"
#include "coordinator/engine/core.h"

void reply_json(struct reply *r, struct buf *json); /* takes the content */
/* code and hint as in struct reply; the hint is copied. */
void reply_error(struct reply *r, int rc, const char *code, const char *hint, const char *fmt, ...)
    CADRE_PRINTF(5, 6);
void reply_err(struct reply *r, const struct err *e, const char *code, const char *hint);
void refuse(struct engine *g, uint64_t session, const char *code, int64_t retry_ms, const char *fmt,
            ...) CADRE_PRINTF(5, 6);

#endif
