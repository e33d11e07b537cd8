/* What the two files know of each other, for the store itself. Only files sqlite_*.c of this folder
 * include this header. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_PARTS_H
#define CADRE_COORDINATOR_STORE_SQLITE_PARTS_H

#include "coordinator/store/parts.h"
#include "coordinator/store/sql_store.h"

/* ERR_CONFLICT: cadre.db belongs to another CA. */
int parts_check_ca(struct store *s, const struct store_parts *p, struct err *e);
/* After both files have the present version. new_output: output.db was made just now. */
int parts_join(struct store *s, const struct store_parts *p, bool new_output, struct err *e);
/* The new output.db stands for one that is gone. */
int parts_note_loss(struct store *s, int64_t now_ms, struct err *e);
/* Gives output.db and its log another name. */
int parts_move_aside(const char *path, struct err *e);

/* Within the commit of each file, before its COMMIT. */
int parts_commit_output(struct store *s, struct err *e);
int parts_commit_queue(struct store *s, struct err *e);
/* After the commit; after a rollback. */
void parts_settle(struct store *s, bool queue_changed);
void parts_forget(struct store *s);

#endif
