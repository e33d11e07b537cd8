/* How a job is queued and tried again, whoever asks for it: the limits that the API and flows
 * share. */
#ifndef CADRE_COORDINATOR_FLOW_RETRY_RULES_H
#define CADRE_COORDINATOR_FLOW_RETRY_RULES_H

#include "coordinator/store/model.h"

#define PRIORITY_MAX 1000000
#define RETRY_INTERVAL_MS 1000
#define RETRY_LEAST_MS 100 /* an exponential series that begins at 0 stays at 0 */
#define RETRY_ATTEMPTS_MAX 1000000
#define RETRY_FACTOR_MAX 1000
extern const char *const retry_type_names[3]; /* from RETRY_CONSTANT on */
/* The rule that is broken, as a sentence, with the field in *field; NULL: all rules hold. */
const char *retry_problem(const struct retry *r, const char **field);

#endif
