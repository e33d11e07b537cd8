/* How a script is run: which files it becomes, and which program is started with them, so that the
 * script's exit code is the job's. The script's text stays as it is, but for line ends where a
 * shell cannot read others. Pure. */
#ifndef CADRE_AGENT_SHELLS_H
#define CADRE_AGENT_SHELLS_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/spec.h"

#include <stdbool.h>
#include <stddef.h>

#define SHELLS_FILES 2

struct shells_file {
    const char *name; /* in the work folder */
    struct buf text;
    bool program; /* may be executed */
};

struct shells_layout {
    struct shells_file files[SHELLS_FILES];
    size_t file_count;
    char **argv; /* NULL-terminated */
    /* What named argv[0], to be put before the message when it cannot be started; NULL: nothing
     * that needs to be told. */
    const char *named_by;
};

/* `s` has a script. Without a shell, the script's first line decides where the platform has such
 * lines ("#!/usr/bin/env python3"), else the platform's shell is used. ERR_INVALID: no such shell.
 * *out becomes the caller's: shells_layout_fini. */
int shells_lay_out(const struct spec *s, const char *work_folder, struct shells_layout *out,
                   struct err *e);
void shells_layout_fini(struct shells_layout *l); /* fine on a zeroed struct */

#endif
