/* What a job is made of, whoever asks for it: the fields of a job spec (wire/PROTOCOL.md 7) with
 * their limits. The API's submit and the tasks of flows write specs here, and here only. */
#ifndef CADRE_COORDINATOR_FLOW_SPEC_H
#define CADRE_COORDINATOR_FLOW_SPEC_H

#include "base/buf.h"
#include "coordinator/store/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_COMMAND_MAX 4096 /* arguments */
#define SPEC_ENV_MAX 1024     /* variables */
#define SPEC_WORKDIR_MAX 4096 /* bytes */
#define SPEC_PRIORITY_MAX 1000000
#define SPEC_SHELLS 6

extern const char *const spec_shells[SPEC_SHELLS];
bool spec_env_name_valid(const char *name);

/* A text that may hold a NUL: it stands for the number of the attempt (flow_spec_for_attempt). */
struct spec_text {
    const char *s; /* NULL: absent */
    size_t len;
};
/* Words or a script. Borrows everything. */
struct spec {
    const struct spec_text *words;
    size_t word_count; /* 0: a script */
    struct spec_text script;
    const char *shell; /* NULL: the agent's default */
    const char *const *env_names;
    const struct spec_text *env_values;
    size_t env_count;
    struct spec_text workdir; /* absent: a fresh folder */
    const char *stdin_base64; /* NULL: nothing */
    int64_t kill_grace_ms;    /* 0: the agent's default */
};
/* The whole object as text. ERR_TOO_LARGE: over the buffer's max. */
int spec_write(const struct spec *s, struct buf *out);

#define RETRY_INTERVAL_MS 1000
#define RETRY_LEAST_MS 100 /* an exponential series that begins at nothing stays there */
#define RETRY_ATTEMPTS_MAX 1000000
#define RETRY_FACTOR_MAX 1000
extern const char *const retry_type_names[3]; /* from RETRY_CONSTANT on */
/* What does not fit together: the sentence, and the field in *field; NULL: good. */
const char *retry_problem(const struct retry *r, const char **field);

#endif
