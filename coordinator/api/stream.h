/* A streamed answer: what stream.c (of a job) and stream_execution.c (of an execution, whose task
 * runs come one after the other) share. */
#ifndef CADRE_COORDINATOR_API_STREAM_H
#define CADRE_COORDINATOR_API_STREAM_H

#include "coordinator/api/handlers.h"
#include "coordinator/api/jobs.h"
#include "coordinator/api/request.h"

#include "wire/limits.h"

#define READ_BYTES (256u * 1024) /* of output per look at the store */
#define PIECE_BYTES (2 * READ_BYTES + 2 * LIMIT_OUTPUT_CHUNK + ANSWER_BYTES)
#define KEEP_BYTES (16u * 1024) /* of memory, between two pieces */
#define PING_MS 15000
#define WHY_MS 2000
#define FOLLOW_TYPE "application/vnd.cadre.follow"
#define OUTPUT_TYPE "application/octet-stream"

struct stream {
    struct request *r;
    bool follow;
    int64_t job, attempt; /* of an execution: of the task run at hand, 0: none yet */
    uint32_t streams;
    int64_t cursor;
    bool begun;       /* the head was sent */
    bool woken;       /* there may be something to send */
    bool full;        /* the client had no room at the last look */
    bool state_news;  /* the job changed since it was last read */
    bool final;       /* it is over; what remains is its output */
    struct buf piece; /* being put together */
    /* what the follower knows */
    bool told;
    enum job_state state;
    int64_t told_attempt;
    char *waiting; /* JSON text or NULL */
    char *told_waiting;
    int64_t sent_ms, asked_ms;
    bool asking;
    struct stream *job_next;   /* of the same job */
    struct stream *woken_next; /* api->woken */
    bool in_woken;
    /* of an execution */
    int64_t execution;             /* 0: this is a job's */
    struct stream *execution_next; /* of the same execution */
    bool job_done;                 /* all of the task run at hand was sent */
    bool execution_final;
    char *told_execution; /* state and message; NULL: nothing yet */
};

struct stream *stream_new(struct request *r, int64_t job);
void stream_begin(struct stream *st, const char *type);
enum progress { PROGRESS_ALL, PROGRESS_FULL, PROGRESS_BROKEN };
/* Sends output of st->job until the store has no more or the client no room. */
enum progress stream_output(struct stream *st);
/* Reads the job again and tells what is new, but the end, which waits for the last output. */
bool stream_state(struct stream *st);
bool stream_job_end(struct stream *st);                    /* tells the job's end */
bool stream_add_json(struct stream *st, struct buf *text); /* one event; true: sent */
bool stream_send(struct stream *st);                       /* the piece; false: broken off */
bool stream_end(struct stream *st);                        /* true, so that it can be returned */
void stream_break_off(struct stream *st, const char *what, const struct err *e);
void stream_follow_job(struct stream *st, int64_t job); /* instead of the one before */
void stream_ask_why(struct stream *st);
void stream_wake_later(struct stream *st);

/* ---- for the connection ---- */
/* Sends what there is; true: it is over. */
bool stream_pump(struct stream *st);
void stream_drained(struct stream *st); /* the client has room again */
void stream_sweep(struct stream *st, int64_t now_ms);
void stream_free(struct stream *st); /* NULL is fine */
void stream_on_job(struct api *a, int64_t job, bool state);
void stream_on_execution(struct api *a, int64_t execution);
/* The next stream that was woken; NULL: none. */
struct stream *stream_take_woken(struct api *a);
struct request *stream_request(const struct stream *st);

bool stream_pump_execution(struct stream *st);
void stream_execution_free(struct stream *st);

#endif
