/* Reading a request's JSON object field by field. The first fault is kept; what is read after a
 * fault has harmless values. */
#ifndef CADRE_COORDINATOR_API_BODY_H
#define CADRE_COORDINATOR_API_BODY_H

#include "base/json.h"
#include "coordinator/answer.h"

#include <stdbool.h>

struct body {
    const struct json *object;
    struct problem *p;
    const char *at; /* "retry." in front of keys; "" */
};
void body_known(struct body *b, const char *const *keys, size_t count);
void body_fail(struct body *b, const char *key, const char *fmt, ...) CADRE_PRINTF(3, 4);
bool body_has(const struct body *b, const char *key);                    /* present and not null */
const char *body_str(struct body *b, const char *key, size_t max_bytes); /* NULL: absent */
int64_t body_int(struct body *b, const char *key, int64_t min, int64_t max, int64_t fallback);
double body_num(struct body *b, const char *key, double min, double max, double fallback);
bool body_bool(struct body *b, const char *key, bool fallback);
int64_t body_duration(struct body *b, const char *key, int64_t min_ms, int64_t max_ms,
                      int64_t fallback);
const struct json *body_object(struct body *b, const char *key); /* NULL: absent */
const struct json *body_array(struct body *b, const char *key);
/* Index in names; `fallback` when absent. */
int body_choice(struct body *b, const char *key, const char *const *names, size_t count,
                int fallback);
const char *body_group_key(struct body *b, const char *key);
const char *body_namespace(struct body *b, const char *key);
/* The name of a job or token: str_name_valid. */
const char *body_name(struct body *b, const char *key);

#endif
