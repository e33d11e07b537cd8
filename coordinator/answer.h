/* What an answer of the API is made of: JSON, or a problem. Pure, for any thread. */
#ifndef CADRE_COORDINATOR_ANSWER_H
#define CADRE_COORDINATOR_ANSWER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

#define ANSWER_BYTES (6u << 20) /* the largest answer */

/* An answer that is not success. status 0: none. */
struct problem {
    int status;
    const char *code; /* static */
    char message[512];
    char hint[256];
    char field[128];
    int retry_s; /* when to try again; 0: not told */
};
/* Fills p unless it has something already; true: it did. hint NULL: none. */
bool problem_set(struct problem *p, int status, const char *code, const char *hint, const char *fmt,
                 ...) CADRE_PRINTF(5, 6);
/* The same for a field (or a query value) that is wrong: 422, "invalid". */
bool problem_field(struct problem *p, const char *field, const char *fmt, ...) CADRE_PRINTF(3, 4);
/* From a library's failure. */
void problem_from(struct problem *p, int rc, const struct err *e);
/* The HTTP status and the API's code for an enum err_code, and the usual way out; *hint NULL: there
 * is none. */
void problem_face(int rc, int *status, const char **code, const char **hint);

/* The members of an open object: code, message, hint, field. */
void problem_json(struct jw *w, const struct problem *p);

/* A JSON object that is being written. */
struct json_answer {
    struct buf b;
    struct jw w; /* inside the open object */
};
void json_answer_init(struct json_answer *a);
void json_answer_fini(struct json_answer *a);
/* Closes the object and ends the line. */
int json_answer_end(struct json_answer *a, struct err *e);

#endif
