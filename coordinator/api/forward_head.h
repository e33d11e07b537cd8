/* The heads of a request that is passed on to the owner of the queue, and of its answer: what they
 * say is kept as it is, but for what is of one connection only (RFC 9110 section 7.6.1) and how the
 * body is cut into pieces. Pure. */
#ifndef CADRE_COORDINATOR_API_FORWARD_HEAD_H
#define CADRE_COORDINATOR_API_FORWARD_HEAD_H

#include "base/buf.h"
#include "wire/http.h"

#include <stdbool.h>
#include <stddef.h>

/* Whoever gets a request with it, and does not own the queue, does not pass it on once more. */
#define FORWARD_MARK "cadre-forwarded"
/* What the owner says when it has judged the head of a request, and wants its body. */
#define FORWARD_GO_ON "HTTP/1.1 100 Continue\r\n\r\n"

/* Appends the head for the owner: of a request with a body it asks whether to send it. Names of
 * headers are in lower case, as the parser has them. ERR_TOO_LARGE: out is at its ceiling. */
int forward_head_ask(const struct http_message *m, struct buf *out);
/* Appends an answer's head, as its bytes came. last: the connection to the client ends with it.
 * ERR_TOO_LARGE; ERR_PROTOCOL: these bytes are no head. */
int forward_head_answer(const char *head, size_t len, bool last, struct buf *out);

#endif
