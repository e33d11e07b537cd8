/* What the sources of settings share: one text into one field. Private to base/opt*.c. */
#ifndef CADRE_BASE_OPT_VALUE_H
#define CADRE_BASE_OPT_VALUE_H

#include "base/opt.h"

/* "LABEL: what"; returns ERR_INVALID. LABEL is "--slots", "CADRE_SLOTS", "agent.yaml:3: slots". */
int opt_complain(struct err *e, const char *label, const char *fmt, ...) CADRE_PRINTF(3, 4);

void *opt_field(const struct opt_set *s, size_t row);
/* May this source set the row? If so the row is its own from now on; a list or map is emptied
 * first, unless it is another flag of the same name. */
bool opt_take(struct opt_set *s, size_t row, enum opt_source source);
/* Checks one text and stores it: a scalar is replaced, a list or map ("KEY=VALUE") grows by one.
 * field NULL: only checks. */
int opt_put(const struct opt *o, void *field, const char *text, const char *label, struct err *e);
int opt_put_pair(const struct opt *o, void *field, const char *key, const char *value,
                 const char *label, struct err *e);

#endif
