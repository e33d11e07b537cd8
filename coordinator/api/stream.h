/* Answers without a known end. Loop thread. */
#ifndef CADRE_COORDINATOR_API_STREAM_H
#define CADRE_COORDINATOR_API_STREAM_H

#include "coordinator/api/request.h"

/* What the connection asks of a stream. */
struct stream_kind {
    bool (*pump)(struct stream *st);    /* goes on as far as possible now; true: it is over */
    void (*drained)(struct stream *st); /* the client has room again; NULL: nothing is to do */
    void (*sweep)(struct stream *st, int64_t now_ms); /* some four times a second */
    void (*free)(struct stream *st);
};

/* The first member of each kind. */
struct stream {
    const struct stream_kind *kind;
    struct request *r;
    bool begun; /* the head was sent: some of it is with the client */
};

/* Sends the head. */
void stream_begin(struct stream *st, const char *type);
/* A stream that cannot go on ends without the last chunk, so that the client sees that it is not
 * whole. */
void stream_break_off(struct stream *st, const struct err *why);
/* false: ERR_FULL and the like; *e is filled, and the stream has to break off. */
bool stream_send(struct stream *st, const void *data, size_t len, struct err *e);
void stream_end(struct stream *st);

#endif
