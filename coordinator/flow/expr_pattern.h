/* The parts of a date's pattern. Inside of expr_moment*.c. */
#ifndef CADRE_COORDINATOR_FLOW_EXPR_PATTERN_H
#define CADRE_COORDINATOR_FLOW_EXPR_PATTERN_H

#include "base/err.h"

#include <stddef.h>

extern const char *const moment_months[12], *const moment_days[7]; /* Sunday first */

struct pattern_part {
    char letter; /* count times; 0: text */
    size_t count;
    const char *text;
    size_t len;
};

/* Takes the next part; there is one. ERR_INVALID. */
int pattern_next(const char **s, struct pattern_part *out, struct err *e);
/* The pattern that has this name; else the name is one itself. */
const char *moment_pattern(const char *name);

#endif
