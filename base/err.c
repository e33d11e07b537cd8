/* The sentences of error codes, and the message of an error. */
#include "base/err.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

const char *err_sentence(int code)
{
    switch (code) {
    case ERR_OK:
        return "no error";
#define X(id, number, sentence)                                                                    \
    case id:                                                                                       \
        return sentence;
        ERR_LIST(X)
#undef X
    default:
        return "unknown error";
    }
}

/* Formats into msg; a longer message is cut between two characters. */
static void format_msg(char msg[ERR_MSG_MAX], const char *fmt, va_list ap)
{
    int n = vsnprintf(msg, ERR_MSG_MAX, fmt, ap);
    if (n < 0) msg[0] = '\0';
    if (n >= ERR_MSG_MAX) msg[str_utf8_whole(msg, ERR_MSG_MAX - 1)] = '\0';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    if (!e) return code;
    /* by way of a copy: the arguments may point into e->msg */
    char msg[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    format_msg(msg, fmt, ap);
    va_end(ap);
    e->code = code;
    memcpy(e->msg, msg, strlen(msg) + 1);
    return code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e) return ERR_INTERNAL;
    char context[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    format_msg(context, fmt, ap);
    va_end(ap);
    int code = e->code != 0 ? e->code : ERR_INTERNAL;
    return err_set(e, code, "%s: %s", context, err_text(e));
}

const char *err_text(const struct err *e)
{
    if (!e) return err_sentence(ERR_INTERNAL);
    return e->msg[0] ? e->msg : err_sentence(e->code);
}
