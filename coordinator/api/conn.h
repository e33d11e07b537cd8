/* A client's connection. */
#ifndef CADRE_COORDINATOR_API_CONN_H
#define CADRE_COORDINATOR_API_CONN_H

#include "coordinator/api/context.h"

void conn_new(struct api *a, struct link *l);
struct conn *conn_next(const struct conn *c);
void conn_turn(struct conn *c); /* sends the finished answers, continues the waiting requests */
/* Gives a new share to the connections that have had theirs. */
void conn_share(struct api *a);
/* Every connection with a stream ends at once, without the end of the stream. */
void conn_break_streams(struct api *a);
void conn_settle(struct api *a); /* turns the connections whose streams were woken */
void conn_sweep(struct conn *c, int64_t now_ms);
void conn_close(struct conn *c, bool cut);
/* Ends the streams that this token opened, or, token 0, this session of the page, and refuses the
 * requests of it that are arriving. */
void conn_cut(struct api *a, int64_t token, int64_t session);

#endif
