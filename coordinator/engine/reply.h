/* Answers to requests, refusals to sessions. */
#ifndef CADRE_COORDINATOR_ENGINE_REPLY_H
#define CADRE_COORDINATOR_ENGINE_REPLY_H

#include "base/buf.h"
#include "coordinator/engine/core.h"

void reply_ok(struct engine *g, const struct command *c, int64_t id);

void reply_json(struct engine *g, const struct command *c,
                struct buf *json); /* takes the content */
/* code and hint as in struct effect; the hint is copied. */
void reply_error(struct engine *g, const struct command *c, int rc, const char *code,
                 const char *hint, const char *fmt, ...) CADRE_PRINTF(6, 7);
void reply_err(struct engine *g, const struct command *c, const struct err *e, const char *code,
               const char *hint);
void refuse(struct engine *g, uint64_t session, const char *code, int64_t retry_ms, const char *fmt,
            ...) CADRE_PRINTF(5, 6);

#endif
