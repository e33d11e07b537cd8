/* What a job requires of an agent: what its `requires` says, and what its spec implies. Here alone
 * a field of a spec becomes a requirement; spec_needs_of (wire/spec.h) says which fields do. */
#ifndef CADRE_COORDINATOR_ENGINE_IMPLIED_H
#define CADRE_COORDINATOR_ENGINE_IMPLIED_H

#include "coordinator/engine/requires.h"
#include "wire/spec.h"

/* As requires_parse, for a new job whose spec has these needs. */
int job_requires(const struct json *object, enum requires_origin origin,
                 const struct spec_needs *needs, struct requires **out, struct err *e);

#endif
