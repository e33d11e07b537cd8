/* What a job runs, in a few words for lists. Pure. */
#ifndef CADRE_COORDINATOR_READS_WHAT_H
#define CADRE_COORDINATOR_READS_WHAT_H

#include "coordinator/store/model.h"

#define WHAT_BYTES 60 /* of command or script; beyond them stands "…" */

/* The job's name; or FLOW/TASK; or the first words of its command, or the first line of its script
 * that is neither empty nor a comment. spec: the stored text, or the beginning of it; NULL: not
 * known. mem_free; NULL: there is nothing to tell. */
char *what_text(const struct job_row *j, const char *spec);

#endif
