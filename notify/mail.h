/* A message as it goes over SMTP (RFC 5322, MIME). Pure. */
#ifndef CADRE_NOTIFY_MAIL_H
#define CADRE_NOTIFY_MAIL_H

#include "base/buf.h"
#include "wire/order.h"

#include <stdint.h>

/* Appends the message of a mail order, with CRLF, in lines of at most 998 bytes; nothing in the
 * order's texts begins a header of its own. wall_ms is its date. The Message-ID is made of the
 * order's id: who gets the same order twice can see that. ERR_TOO_LARGE: over out's max. */
int mail_write(const struct order *o, int64_t wall_ms, struct buf *out);

#endif
