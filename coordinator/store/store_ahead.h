/* Step 1 of a batch (store.h) with a database that is far away: whoever knows what the batch will
 * look for says so, all of it goes out together, and the functions that look for it find the answer
 * there. What was not said, or may have changed since, is asked when it is looked for: saying too
 * little costs a round trip, and saying too much one question. With a database that is near nothing
 * of this does anything.
 *
 * Between store_begin and store_look_up, which collects the answers. Texts are borrowed for the
 * call. Functions return 0, or the errors of store.h. */
#ifndef CADRE_COORDINATOR_STORE_STORE_AHEAD_H
#define CADRE_COORDINATOR_STORE_STORE_AHEAD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct queue_key;
struct queue_part;

/* Does each look-up cost a round trip? */
bool store_is_far(const struct store *s);
/* How often the database was waited for so far; 0 of one that is near. */
uint64_t store_trips(const struct store *s);

int store_ask_job(struct store *s, int64_t id, struct err *e);         /* store_job_find */
int store_ask_job_spec(struct store *s, int64_t id, struct err *e);    /* store_job_spec */
int store_ask_job_outputs(struct store *s, int64_t id, struct err *e); /* store_job_outputs */
/* store_jobs_read */
int store_ask_jobs(struct store *s, const int64_t *ids, size_t count, struct err *e);
/* store_queue_read */
int store_ask_queue(struct store *s, const struct queue_part *p, struct err *e);
/* store_queue_heads */
int store_ask_heads(struct store *s, const struct queue_key *k, size_t most, struct err *e);
/* store_output_add, and store_output_bytes */
int store_ask_output(struct store *s, int64_t job, int64_t attempt, struct err *e);
int store_ask_agent(struct store *s, int64_t id, struct err *e); /* store_agent_find */
/* store_agent_event_add, of one that counts others like it */
int store_ask_agent_event(struct store *s, int64_t agent, struct err *e);
int store_ask_agent_name(struct store *s, const char *name, struct err *e);
int store_ask_token(struct store *s, int64_t id, struct err *e);        /* store_token_find */
int store_ask_page_session(struct store *s, int64_t id, struct err *e); /* ..._session_find */
int store_ask_runs(struct store *s, int64_t execution, struct err *e);  /* store_each_run */
/* store_execution_find, and what its new jobs need of it */
int store_ask_execution(struct store *s, int64_t id, struct err *e);

#endif
