/* A job's output on the two streams of the command line, for all commands that print it: the job's
 * standard output goes to standard output and its standard error to standard error, byte for byte.
 * Cadre's remarks and the marks that tell attempts apart go to standard error, each a line of its
 * own behind "cadre: ". What is asked for besides: times before lines, lines of JSON. */
#ifndef CADRE_CLI_LOG_PRINT_H
#define CADRE_CLI_LOG_PRINT_H

#include "cli/out.h"

#include <stdint.h>

struct log_print {
    struct out *out;
    bool timestamps;        /* each line begins with the time at which it came */
    bool json;              /* the chunks as they are, one JSON object a line */
    bool mark_first;        /* the first attempt gets a mark as well */
    const struct json *job; /* where the agents of its attempts stand; NULL: not known */
    /* set while it prints */
    char *agent; /* of the attempt agent_attempt, as an event told; mem_free */
    int64_t attempt, agent_attempt;
    bool in_line[4]; /* the stream's last line has no end yet */
};

struct log_piece {
    int64_t attempt;
    int stream;     /* STREAM_STDOUT ... */
    const char *at; /* RFC 3339; NULL: not known */
    const char *data;
    size_t len;
};

void log_print_fini(struct log_print *p);
/* The job of the pieces to come: of an execution, the next one. */
void log_print_begin(struct log_print *p);
/* An event of the job tells where its attempt runs. */
void log_print_event(struct log_print *p, const struct json *event);
/* Returns out_flush's result. */
int log_print_piece(struct log_print *p, const struct log_piece *piece);
/* The same of a line of JSON (docs/api.md). */
int log_print_line(struct log_print *p, const struct json *line);

#endif
