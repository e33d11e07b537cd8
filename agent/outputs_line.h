/* Looks for outputs lines in what a job writes to stdout, and takes the values out of them:
 *
 *   ::{"outputs":{"file":"/out/a.csv","rows":3}}::
 *
 * Lines of which values were dropped are remarked upon, and counted. A number that base/json.h does
 * not take (beyond 64 bits or a double, NaN, Infinity) is kept as text, and all else of its line as
 * it is. No I/O, no clock; one line of OUTPUTS_LINE_MAX bytes is held. */
#ifndef CADRE_AGENT_OUTPUTS_LINE_H
#define CADRE_AGENT_OUTPUTS_LINE_H

#include "agent/outputs.h"
#include "base/buf.h"
#include "wire/limits.h"

#include <stdbool.h>
#include <stddef.h>

#define OUTPUTS_LINE_MAX (2 * LIMIT_OUTPUTS) /* blanks and escapes included */
#define OUTPUTS_REMARKS_MAX 12               /* two of each kind */
#define OUTPUTS_WHY_SIZE 256

/* What is remarked upon. Of each kind the first line is told with its reason; the others are
 * counted, and told at the end. */
enum outputs_remark {
    OUTPUTS_NO_OBJECT,
    OUTPUTS_TOO_MUCH,
    OUTPUTS_TOO_LONG,
    OUTPUTS_NO_JSON, /* names outputs */
    OUTPUTS_OTHER_NO_JSON,
    OUTPUTS_LARGE_NUMBERS,
    OUTPUTS_REMARK_KINDS
};

/* A line of text with its "\n", for the job's log. Must only take note. */
typedef void outputs_remark_fn(const char *line, void *user);

struct outputs_reader {
    struct outputs outputs; /* what the job set so far */
    struct buf line;        /* while it may still be an outputs line */
    bool passes;            /* the present line cannot be one */
    bool overlong;          /* the line is longer than is held */
    char last[4];           /* its newest bytes */
    size_t last_len;
    int64_t remarks[OUTPUTS_REMARK_KINDS]; /* lines that were told or counted */
    int dropped;                           /* outputs lines of which something was dropped */
    char why[OUTPUTS_WHY_SIZE];            /* the reason of the first of them */
    outputs_remark_fn *remark;
    void *user;
};

void outputs_reader_init(struct outputs_reader *r, outputs_remark_fn *remark, void *user);
void outputs_reader_fini(struct outputs_reader *r);
/* More of stdout, cut anywhere. */
void outputs_reader_add(struct outputs_reader *r, const char *data, size_t len);
/* The job has ended: the last line may have no end. Tells what was only counted so far. */
void outputs_reader_end(struct outputs_reader *r);

#endif
