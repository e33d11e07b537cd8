/* A job as a line for a POSIX shell that submits the same again. Pure. */
#ifndef CADRE_CLI_AGAIN_H
#define CADRE_CLI_AGAIN_H

#include "base/buf.h"
#include "base/json.h"

#include <stdbool.h>

#define LINE_OF_JOB_MAX (8u * 1024 * 1024)

/* Of a job as the API shows it. What `cadre run` has no option for stands in comments in front of
 * the line, and so does an input of more than a few lines, unless `whole`. Nothing in it is obeyed
 * by a terminal, and no text of the job begins a line. */
void again_line(const struct json *job, bool whole, struct buf *out);

#endif
