/* Jobs and executions as the API shows them (design 8). Reader thread. */
#ifndef CADRE_COORDINATOR_READS_JOB_JSON_H
#define CADRE_COORDINATOR_READS_JOB_JSON_H

#include "base/json.h"
#include "coordinator/store/reader.h"

#include <stdbool.h>

#define JOB_JSON_ATTEMPTS_MAX 20 /* how many attempts are shown with a job */
#define JOB_JSON_BYTES 1500      /* about what a new job has as JSON, but for its spec */

struct job_json_parts {
    bool spec;
    size_t attempts; /* of the last ones: so many at most; 0: neither these nor their number */
    bool with_waiting;
    const char *waiting; /* JSON text; NULL: null */
};

/* Members of an open object. */
int job_json(struct jw *w, struct reader *r, const struct job_view *v,
             const struct job_json_parts *parts, struct err *e);
/* The members of a job that nothing has become of yet: as lookup_job gives them. Any thread. */
void job_json_new(struct jw *w, const struct job_view *v);
void execution_json(struct jw *w, const struct execution_row *x);
/* "job", "task" or "evaluation". */
const char *job_json_kind(const struct job_row *j);
/* "CREATED"...: evaluations end in FIRED or NO. */
const char *job_json_state(const struct job_row *j);
/* Members of one attempt of a job of this kind. agent_name NULL: unknown. */
void attempt_json(struct jw *w, const struct attempt_row *a, enum job_kind kind,
                  const char *agent_name);
/* The attempt that the job's own row tells of. false: it was not handed out yet. *out borrows. */
bool job_json_last_attempt(const struct job_row *j, struct attempt_row *out);
/* Does the job wait for an agent, or for its next attempt? */
bool job_json_waits(enum job_state s);

#endif
