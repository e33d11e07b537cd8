/* Messages that are made from wire/msg_list.h: filled, compared, written as text. */
#ifndef CADRE_TESTS_MSG_FIXTURE_H
#define CADRE_TESTS_MSG_FIXTURE_H

#include "base/buf.h"
#include "wire/frame.h"
#include "wire/msg.h"

#include <stddef.h>
#include <stdint.h>

#define ROOM (2u * LIMIT_FRAME_KNOWN)

/* Only what is needed, at its lower end; all of it; all of it at the upper end. */
enum fill { LEAST, SOME, MOST };

void message_fill(struct msg *m, enum msg_type type, enum fill how); /* msg_fini */
void message_fill_attempts(struct msg_attempts *f, size_t count);    /* mem_free its items */
void message_same(const struct msg *x, const struct msg *y);         /* or the test fails */
/* The message as the text of its frame's body; buf_fini. */
void message_encode(const struct msg *m, struct buf *text);
/* As whom the receiver of this message hears its sender, when all is well. */
struct msg_peer message_sender(enum msg_type type);

char *text_of_length(size_t len);                /* mem_free */
char *message_labels(int64_t count, size_t len); /* an object of so many, and as long; mem_free */

#endif
