/* Takes orders on standard input, a line each, has them delivered, and answers each with a line on
 * standard output:
 *
 *   {"id":"7","delivered":true}
 *   {"id":"7","delivered":false,"reason":"answered with the status 404"}
 *
 * in the order in which they end. */
#ifndef CADRE_NOTIFY_DESK_H
#define CADRE_NOTIFY_DESK_H

#include "base/err.h"

#define DESK_AT_ONCE 32 /* orders under way; further lines wait in the pipe */

/* Until standard input ends; what is under way then is given up. ERR_IO: standard input is no pipe,
 * or the answers cannot be written; ERR_TOO_LARGE: a line is longer than ORDER_LINE_MAX. */
int desk_run(struct err *e);

#endif
