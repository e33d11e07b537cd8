/* What migrate-store leaves behind (move.h), so that no coordinator begins on it by mistake: at the
 * source where the queue is by now, at the target that it is not all of it yet. With SQLite these
 * are files of the state folder, one line for each text; with PostgreSQL rows of cadre.moves. */
#ifndef CADRE_COORDINATOR_STORE_MARKS_H
#define CADRE_COORDINATOR_STORE_MARKS_H

#include "coordinator/store/db.h"

#define MARK_MOVED "moved-to"   /* where it is: one text */
#define MARK_COPY "moving-from" /* of what, and the id of that one's parts: two texts */
#define MARK_BYTES_MOST 8192

/* Of a database whose tables were made just now, before anything is known of the copy. */
#define PG_MARK_UNKNOWN                                                                            \
    "INSERT INTO cadre.moves (mark, place, source) VALUES ('" MARK_COPY "', '', '');"

struct marks {
    char *moved_to; /* NULL: it was not */
    char *copy_of;  /* NULL: it is none that is under way */
    char *copy_id;  /* the same; "": not known */
};
void marks_fini(struct marks *m);

int marks_read_files(const char *folder, struct marks *out, struct err *e);
int marks_read_pg(struct db *d, struct marks *out, struct err *e);

/* ERR_CONFLICT, with the way out, where there is one. */
int marks_check_files(const char *folder, struct err *e);
int marks_check_pg(struct db *d, struct err *e);

#endif
