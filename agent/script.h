/* Translates a job's spec (PROTOCOL.md section 7) into what the operating system starts: argument
 * list, environment, script file. */
#ifndef CADRE_AGENT_SCRIPT_H
#define CADRE_AGENT_SCRIPT_H

#include "base/err.h"
#include "base/opt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct launch {
    char **argv; /* NULL-terminated */
    char **env;  /* NULL-terminated "K=V" */
    char *cwd;
    char *stdin_path; /* NULL: none */
    char *work_folder;
    char *program; /* the file that argv[0] leads to; NULL: not looked for, or not found */
    bool at_hand;  /* argv[0] was found, and its search touched this program's file system alone */
    char **base;   /* the account's environment as it was read for env; NULL: it was given */
    const char *named_by; /* what named argv[0], for messages; NULL: nothing to be told */
};

struct launch_input {
    int64_t job, attempt;
    const char *spec; /* JSON text */
    const struct opt_map *agent_env;
    const char *agent_name;
    const char *const *base; /* of process_env_base, read before; NULL: it is read */
    const char *work_folder; /* made by launch_prepare; standard input is a file beside it */
};

/* Makes the work folder, writes script and stdin files. Any thread: it blocks. ERR_INVALID: the
 * spec (names the field); ERR_FULL, ERR_IO: the folder could not be made, and its parts are removed
 * again. */
int launch_prepare(const struct launch_input *in, struct launch *out, struct err *e);
/* The same without any work on files, in a folder that is there. false: the job wants more than a
 * command, or its spec is wrong: launch_prepare finds out. in->base is given. */
bool launch_prepare_plain(const struct launch_input *in, struct launch *out);
/* PATH of the job's environment; NULL: it has none. */
const char *launch_path(const struct launch *l);
/* Reads the state of the files that the start of the process needs, and fills l->program and
 * l->at_hand. On a file system that hangs, the caller's thread hangs here, and the loop's thread
 * does not hang later. */
void launch_look_up(struct launch *l);
/* Frees the texts. The files stay; launch_remove_files removes them. */
void launch_fini(struct launch *l);
/* has_input: there is a file for standard input as well. go_on as in dir_remove_tree_while. */
int launch_remove_files(const char *work_folder, bool has_input, bool (*go_on)(void *user),
                        void *user, struct err *e);

#endif
