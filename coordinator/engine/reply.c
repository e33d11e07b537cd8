/* Answers to requests, refusals to sessions. */
#include "coordinator/engine/reply.h"

#include "base/mem.h"

#include <stdio.h>

static struct effect *reply(struct engine *g, const struct command *c)
{
    if (!c->request) return NULL;
    struct effect *x = effects_add(g->out, EFFECT_REPLY);
    x->request = c->request;
    return x;
}

void reply_ok(struct engine *g, const struct command *c, int64_t id)
{
    struct effect *x = reply(g, c);
    if (x) x->id = id;
}

void reply_json(struct engine *g, const struct command *c, struct buf *json)
{
    struct effect *x = reply(g, c);
    char *text = buf_detach(json);
    if (x) {
        x->json = text;
    } else {
        mem_free(text);
    }
}

void reply_err(struct engine *g, const struct command *c, const struct err *e, const char *code,
               const char *hint)
{
    struct effect *x = reply(g, c);
    if (!x) return;
    x->rc = e->code;
    x->err = *e;
    x->code = code;
    x->hint = mem_strdup(hint);
}

void reply_error(struct engine *g, const struct command *c, int rc, const char *code,
                 const char *hint, const char *fmt, ...)
{
    struct err e;
    va_list args;
    va_start(args, fmt);
    char line[ERR_MSG_MAX];
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    err_set(&e, rc, "%s", line);
    reply_err(g, c, &e, code, hint);
}

void refuse(struct engine *g, uint64_t session, const char *code, int64_t retry_ms, const char *fmt,
            ...)
{
    struct effect *x = session_effect(g, EFFECT_REFUSED, session);
    char line[ERR_MSG_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    err_set(&x->err, ERR_DENIED, "%s", line);
    x->text = mem_strdup(code);
    x->ms = retry_ms;
}
