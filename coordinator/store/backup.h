/* SQLite alone: copies of the store's files. Any thread or process. */
#ifndef CADRE_COORDINATOR_STORE_BACKUP_H
#define CADRE_COORDINATOR_STORE_BACKUP_H

#include "base/err.h"
#include "coordinator/store/check.h"

/* A consistent copy of cadre.db and output.db while running, into one file `path` and its
 * neighbour path.output. Connections of its own. Both copies are whole before the first takes its
 * name; the output's goes first, so that a death in between leaves an older queue beside output
 * that has all that it speaks of. Files of these names are replaced. */
int store_backup(const char *state_folder, const char *path, struct err *e);
/* The same, with a look at the copies before they take their names. ERR_CORRUPT: they are damaged
 * (c->faults), and the former files stay. Damaged pieces of output and a wrong index of jobs are
 * counted, and copied. */
int store_backup_checked(const char *state_folder, const char *path, struct store_check *c,
                         struct err *e);

enum store_file { STORE_FILE_OTHER, STORE_FILE_QUEUE, STORE_FILE_OUTPUT };

/* What a regular file is, by its head alone: a copy of cadre.db, one of output.db, or neither. */
int store_file_kind(const char *path, enum store_file *out, struct err *e);

#endif
