/* What the ended task runs of an execution left, as later texts ask for it: by task, and within
 * loops by the values of these. The outputs themselves stay in the store. Nothing is known until a
 * text asks for the first time, or is about to; then the rows of the execution are read, once, and
 * what ends is noted. */
#ifndef CADRE_COORDINATOR_ENGINE_OUTCOME_H
#define CADRE_COORDINATOR_ENGINE_OUTCOME_H

#include "coordinator/engine/task.h"

/* Outputs that one text asks for, of all iterations together. */
#define OUTCOME_BYTES_MAX (4 * 1024 * 1024)
#define OUTCOME_FAILED_MOST 100

void outcomes_free(struct execution *x);
/* The run has ended; before it is removed. */
void outcome_note(const struct run *r);
/* What is asked for. */
struct outcome_query {
    struct execution *x;
    const struct run *r; /* whose texts ask; NULL: those of the flow */
    size_t task;
    bool all; /* not only of the values at hand (flow_task.reads_all) */
};
/* Brings the outputs of the task into c. false: flaw tells why, or a failure was noted. */
bool outcome_read(struct engine *g, const struct outcome_query *q, struct task_context *c,
                  struct flaw *flaw);
/* What the iterations of a run of a Loop left, in their order: adds them to list. */
bool outcome_read_iterations(struct engine *g, const struct run *loop, struct json *list);
/* What failed so far, as errorLogs() gives it: of all runs that did not end well the ones in which
 * no other did. *list: json_free; at most OUTCOME_FAILED_MOST, the first. */
bool outcome_read_failed(struct engine *g, const struct execution *x, struct json **list);
/* With a store that is far, what the texts behind the runs that these commands end will ask for: it
 * is asked ahead (ahead.h), and read before anything changes. Around store_look_up. */
void outcomes_ask(struct engine *g, const struct command *first);
void outcomes_ahead(struct engine *g, const struct command *first);

#endif
