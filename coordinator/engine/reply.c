/* Answers to requests, refusals to sessions. */
#include "coordinator/engine/reply.h"

#include "base/mem.h"

#include <stdio.h>

void reply_json(struct reply *r, struct buf *json)
{
    mem_free(r->json);
    r->json = buf_detach(json);
}

void reply_err(struct reply *r, const struct err *e, const char *code, const char *hint)
{
    r->rc = e->code;
    r->err = *e;
    r->code = code;
    mem_free(r->hint);
    r->hint = mem_strdup(hint);
}

void reply_error(struct reply *r, int rc, const char *code, const char *hint, const char *fmt, ...)
{
    struct err e;
    va_list args;
    va_start(args, fmt);
    char line[ERR_MSG_MAX];
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    err_set(&e, rc, "%s", line);
    reply_err(r, &e, code, hint);
}

void refuse(struct engine *g, uint64_t session, const char *code, int64_t retry_ms, const char *fmt,
            ...)
{
    char line[ERR_MSG_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    session_effect(g, EFFECT_REFUSED, session)->u.refused =
        (struct effect_refused){.code = code, .sentence = mem_strdup(line), .retry_ms = retry_ms};
}
