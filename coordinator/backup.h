/* The command `backup`: where a copy may be written. */
#ifndef CADRE_COORDINATOR_BACKUP_H
#define CADRE_COORDINATOR_BACKUP_H

#include "base/err.h"
#include "coordinator/store/check.h"

#include <stdbool.h>

/* Writes the copies FILE and FILE.output of the coordinator in `state`, running or not. Both names
 * are looked at before anything is written. Never: in a state folder, over a file of one (under
 * whatever name), over a database in use, over what is not a regular file. Only with `force`: over
 * what is not a former backup. ERR_EXISTS, with the reason. The copies are checked before they take
 * their names (store/backup.h). */
int backup_make(const char *state, const char *file, bool force, struct store_check *c,
                struct err *e);

#endif
