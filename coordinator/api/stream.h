/* Answers without a known end: the present output of a job or an execution (logs), and its further
 * output and events (follow). A piece is looked up only when the client has room for it: at most
 * API_PENDING_BYTES and one piece wait. Loop thread. */
#ifndef CADRE_COORDINATOR_API_STREAM_H
#define CADRE_COORDINATOR_API_STREAM_H

#include "coordinator/api/request.h"

/* Continues the stream as far as possible now; true: the stream is over. */
bool stream_pump(struct stream *st);
bool stream_has_begun(const struct stream *st); /* some of it was sent */
void stream_drained(struct stream *st);         /* the client has room again */
void stream_sweep(struct stream *st, int64_t now_ms);
void stream_free(struct stream *st); /* NULL is fine */
void stream_on_job(struct api *a, int64_t job, bool state);
void stream_on_execution(struct api *a, int64_t execution);
/* The next stream that was woken; NULL: no stream. */
struct stream *stream_take_woken(struct api *a);
struct request *stream_request(const struct stream *st);

#endif
