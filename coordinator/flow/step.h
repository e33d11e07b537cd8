/* Tasks that the coordinator does itself: Kestra's Log, Return, Labels, Fail and Sleep. Private to
 * coordinator/flow. */
#ifndef CADRE_COORDINATOR_FLOW_STEP_H
#define CADRE_COORDINATOR_FLOW_STEP_H

#include "coordinator/flow/read.h"

#define STEP_LABEL_MAX 256 /* bytes of a label's key or value */

/* Reads a task whose type is a step's; `type` is the present name. false: it is no step. */
bool read_step(const struct node *n, const char *type, struct flow_work *out,
               const struct expr_scope *scope);

const char *step_type(size_t index); /* the present names of all; NULL: no more */

/* Renders a step into out->spec and out->sleep_ms (flow_render). */
int step_render(const struct flow_work *w, const struct expr_values *v, size_t max_bytes,
                struct flow_job *out, struct err *e);

#endif
