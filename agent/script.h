/* From a job's spec (PROTOCOL.md section 7) to what the operating system is asked to start:
 * argument list, environment, script file. */
#ifndef CADRE_AGENT_SCRIPT_H
#define CADRE_AGENT_SCRIPT_H

#include "base/err.h"
#include "base/json.h"
#include "base/opt.h"

#include <stddef.h>
#include <stdint.h>

struct launch {
    char **argv; /* NULL-terminated */
    char **env;  /* NULL-terminated "K=V" */
    char *cwd;
    char *stdin_path; /* NULL: none */
    char *work_folder;
};

struct launch_input {
    int64_t job, attempt;
    const struct json *spec;
    const struct opt_map *agent_env;
    const char *agent_name;
    const char *work_root; /* the attempt's folder is made below it */
    const char *mark;
};

/* Makes the work folder, writes script and stdin files. ERR_INVALID: the spec (names the field);
 * ERR_NOT_FOUND: the working directory does not exist; ERR_FULL, ERR_IO: the folder could not be
 * made. */
int launch_prepare(const struct launch_input *in, struct launch *out, struct err *e);
/* Frees the texts; the folder stays: launch_remove_files. */
void launch_fini(struct launch *l);
int launch_remove_files(const char *work_root, const char *mark, struct err *e);

#endif
