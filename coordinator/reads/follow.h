/* The next piece for a client that reads or follows a job or an execution: the output after a
 * cursor and the events. Cursors are those of chunks, which count over all jobs: a follower that
 * comes back continues after the last chunk that it saw.
 *
 * The loop pushes the query, sends the piece that it brings, and pushes it again when there is more
 * or news of the thing followed. */
#ifndef CADRE_COORDINATOR_READS_FOLLOW_H
#define CADRE_COORDINATOR_READS_FOLLOW_H

#include "base/buf.h"
#include "base/err.h"
#include "coordinator/reads/reads.h"
#include "coordinator/store/model.h"
#include "coordinator/store/reader.h"

#include <stdbool.h>
#include <stdint.h>

enum follow_end {
    FOLLOW_MORE,  /* there is more to be had at once */
    FOLLOW_ALL,   /* ... when something happens */
    FOLLOW_OVER,  /* this was the last piece */
    FOLLOW_BROKEN /* err says why */
};

struct follow {
    struct query query; /* first */
    /* The job or execution that is followed. */
    bool events;             /* frames of output and events; false: bare output, as it is now */
    int64_t execution;       /* 0: a job */
    int64_t job;             /* of an execution: the present task run; 0: no task run yet */
    int64_t attempt;         /* 0: all */
    uint32_t streams;        /* bit 1<<stream, 0: all */
    int64_t cursor;          /* the piece begins after this chunk */
    int64_t from;            /* of an execution: the cursor that was asked for, ... */
    int64_t from_job;        /* ... and the job that this chunk is of; later ones begin anew */
    bool lines;              /* as lines of JSON, not as frames or bare output */
    bool sse;                /* each of these lines as a server-sent event */
    int64_t since_ms;        /* only output that was received then or later */
    int64_t tail;            /* only so many lines at the end of what is there at first; 0: all */
    size_t skip;             /* bytes of the next chunk that are before these lines */
    struct output_tail seek; /* where they begin, as far as is known */
    /* The last values that the client got about the present job. */
    bool told;
    enum job_state state;
    int64_t told_attempt;
    char *told_waiting;
    char *waiting;   /* JSON text or NULL: what the job waits for, as far as the loop knows */
    bool state_news; /* the job changed since it was last looked up */
    bool final;      /* ... and then had ended: what remains is its output */
    /* The same of an execution. */
    bool job_done; /* all of the task run at hand was sent */
    bool execution_final;
    char *told_execution; /* its state; NULL: nothing yet */
    /* The result of the lookup. */
    struct buf piece;
    enum follow_end end;
    const char *what; /* static: the part that could not be read */
    struct err err;
    void *owner; /* the loop thread's; NULL: the requester has gone */
};

/* The caller fills in the followed job or execution, and query.done. */
struct follow *follow_new(void);
void follow_free(struct follow *f);
void follow_clear(struct follow *f); /* the piece was sent */
/* Does the present job wait for the reason that the client knows? */
bool follow_waits(const struct follow *f);

#endif
