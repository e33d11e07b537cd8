/* Messages to channels that are to be sent, or were. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_NOTICE_H
#define CADRE_COORDINATOR_STORE_MODEL_NOTICE_H

#include <stdint.h>

enum notice_state {
    NOTICE_OPEN, /* it lasts, or may happen again */
    NOTICE_OVER, /* that it is over is still to be told */
    NOTICE_DONE, /* nothing is to be sent any more: history */
    NOTICE_STATES
};
extern const char *const notice_state_names[NOTICE_STATES];

/* What a channel is told of one subject. Times: wall, ms. */
struct notice_row {
    int64_t id;
    char *channel, *event, *subject; /* of each three at most one that is not DONE */
    enum notice_state state;
    int64_t first_ms, last_ms;
    int64_t count;        /* how often it happened since the last message that was delivered */
    int64_t total;        /* ... since first_ms */
    int64_t messages;     /* that were delivered */
    int64_t due_ms;       /* of the next message; 0: none is to be sent */
    int64_t tries;        /* of that message, in vain */
    int64_t delivered_ms; /* the last one that was; 0: none */
    char *reason;         /* why the last try failed; NULL: it did not */
    char *facts;          /* JSON object: what is said of it, as it was last */
};
void notice_row_fini(struct notice_row *n);

#endif
