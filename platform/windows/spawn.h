/* Starting one process: command line, environment block, and nothing inherited but its three streams. */
#ifndef CADRE_PLATFORM_WINDOWS_SPAWN_H
#define CADRE_PLATFORM_WINDOWS_SPAWN_H

#include "base/err.h"

#include <windows.h>

struct spawn {
    const char *file;        /* full path; a batch file is given to cmd.exe */
    const char *const *argv; /* argv[0] is what the program is told of its name */
    const char *const *env;  /* NULL: ours */
    const char *cwd;         /* NULL: ours */
    HANDLE stdio[3];         /* inheritable */
    HANDLE job;              /* joined before the first instruction; NULL: none */
    DWORD flags;             /* creation flags */
};

/* ERR_NOT_FOUND, ERR_DENIED, ERR_INVALID (arguments that a batch file cannot be given), ERR_IO; e tells which.
 * *process: CloseHandle. */
int spawn_process(const struct spawn *s, HANDLE *process, DWORD *pid, struct err *e);
/* The value of `name` in a "K=V" list, whatever its case; NULL: not there. */
const char *spawn_env_get(const char *const *env, const char *name);

#endif
