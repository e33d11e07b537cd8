/* Errors: one list of codes, and the sentence that the layer that knows has to add.
 *
 * Functions return 0 or a negative `enum err_code`. Where a human will read the failure they also
 * take a `struct err *` (may be NULL) and describe it: what failed, where, and the way out.
 * Nothing here allocates; there is no hidden "last error". */
#ifndef CADRE_BASE_ERR_H
#define CADRE_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* gnu_printf: C99's conversions also where the C library's own printf has others (MinGW). */
#if defined(__clang__)
#define CADRE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#elif defined(__GNUC__)
#define CADRE_PRINTF(fmt, args) __attribute__((format(gnu_printf, fmt, args)))
#else
#define CADRE_PRINTF(fmt, args)
#endif

/* code, number (never reused), sentence */
#define ERR_LIST(X)                                                                                \
    X(ERR_INVALID, -1, "the value is not valid")                                                   \
    X(ERR_NOT_FOUND, -2, "not found")                                                              \
    X(ERR_EXISTS, -3, "it exists already")                                                         \
    X(ERR_TOO_LARGE, -4, "it is larger than the limit")                                            \
    X(ERR_IO, -5, "reading or writing failed")                                                     \
    X(ERR_DENIED, -6, "not allowed")                                                               \
    X(ERR_TIMEOUT, -7, "it took too long")                                                         \
    X(ERR_CLOSED, -8, "the connection is closed")                                                  \
    X(ERR_PROTOCOL, -9, "the peer does not speak the protocol")                                    \
    X(ERR_TLS, -10, "TLS failed")                                                                  \
    X(ERR_UNAVAILABLE, -11, "not available now")                                                   \
    X(ERR_CONFLICT, -12, "the present state does not allow this")                                  \
    X(ERR_CORRUPT, -13, "the stored data are damaged")                                             \
    X(ERR_UNSUPPORTED, -14, "not supported here")                                                  \
    X(ERR_FULL, -15, "no space left")                                                              \
    X(ERR_INTERNAL, -16, "a bug in Cadre")                                                         \
    X(ERR_MACHINE, -17, "this machine cannot do it now")                                           \
    X(ERR_FENCED, -18, "another coordinator owns the queue")

enum err_code {
    ERR_OK = 0,
#define X(code, number, sentence) code = number,
    ERR_LIST(X)
#undef X
};

#define ERR_MSG_MAX 512 /* bytes with the NUL; a longer message is cut at a character */

struct err {
    int code;              /* an enum err_code */
    char msg[ERR_MSG_MAX]; /* a sentence without full stop, "" = only the code is known */
};

/* Never NULL; an unknown code gives "unknown error". */
const char *err_sentence(int code);

/* Fills *e (when not NULL) and returns `code`, so that `return err_set(e, ERR_IO, "...")` reads
 * well. */
int err_set(struct err *e, int code, const char *fmt, ...) CADRE_PRINTF(3, 4);
/* Puts "context: " before the message of *e; keeps and returns its code. ERR_INTERNAL when there is
 * no code (e is NULL, or its code is 0). */
int err_wrap(struct err *e, const char *fmt, ...) CADRE_PRINTF(2, 3);
/* The message, or the code's sentence when there is none. Never NULL. */
const char *err_text(const struct err *e);

#endif
