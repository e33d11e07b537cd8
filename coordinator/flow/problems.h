/* What is wrong with the files of flows, collected. Any thread; pure. */
#ifndef CADRE_COORDINATOR_FLOW_PROBLEMS_H
#define CADRE_COORDINATOR_FLOW_PROBLEMS_H

#include "base/err.h"

#include <stddef.h>

#define FLOW_PROBLEMS_MAX 100 /* kept */

struct flow_problem {
    char *file;
    int line;       /* 1-based; 0: the file as a whole */
    char *sentence; /* "tasks[2].timeout: ..." */
};
struct flow_problems {
    struct flow_problem *items;
    size_t count; /* of items */
    size_t more;  /* how many further problems there are, at least */
};
void flow_problems_add(struct flow_problems *p, const char *file, int line, const char *fmt, ...)
    CADRE_PRINTF(4, 5);
void flow_problems_remove(struct flow_problems *p, size_t index); /* of items */
void flow_problems_sort(struct flow_problems *p); /* by file as they came, then by line */
void flow_problems_fini(struct flow_problems *p); /* fine on a zeroed struct */

#endif
