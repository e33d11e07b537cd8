/* What Kestra's types were called before. Private to coordinator/flow. */
#ifndef CADRE_COORDINATOR_FLOW_KESTRA_NAMES_H
#define CADRE_COORDINATOR_FLOW_KESTRA_NAMES_H

/* The present name of a type that has an old one; else `name` itself. */
const char *kestra_present_name(const char *name);

#endif
