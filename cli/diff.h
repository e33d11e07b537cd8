/* What differs between two texts, as diff -u says it. Pure. */
#ifndef CADRE_CLI_DIFF_H
#define CADRE_CLI_DIFF_H

#include "base/buf.h"

struct diff_text {
    const char *name; /* for the head */
    const char *text;
};

/* Appends the hunks with their head ("--- NAME", "+++ NAME"; three lines of context); nothing when
 * the texts are the same. What the two have in common is found exactly up to 2,000 differing lines
 * on each side; beyond that they are shown as replaced. */
int diff_unified(const struct diff_text *from, const struct diff_text *to, struct buf *out);

#endif
