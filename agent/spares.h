/* Empty work folders that were made ahead, so that a job need not wait for one. A folder that its
 * job left exactly as it was is used again: untouched by the times that its file system keeps, the
 * same folder under the same name, and nothing of the job's processes is left. Each other folder is
 * removed.
 *
 * Only where the work folders lie on the file system of the state folder, to which the loop writes
 * its journal anyway, and only where times tell (dir_stamp). Else there are no spare folders. All
 * calls on the loop's thread; folders are made by file_work.h. */
#ifndef CADRE_AGENT_SPARES_H
#define CADRE_AGENT_SPARES_H

#include "agent/file_work.h"
#include "platform/file_facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPARES_LEAST 4 /* so many are kept ready */
#define SPARES_MOST 16
#define SPARES_RIPE_MS 100 /* many times the step of the clock that marks folders */

struct spares;

struct spare {
    char *path; /* NULL: none */
    struct dir_stamp stamp;
    bool ripe; /* whatever its job does to it will be seen in its times */
};

/* state and root: folders that are there. life: is in the names of all folders. */
struct spares *spares_new(struct file_work *w, const char *state, const char *root,
                          const char *life);
/* Removes the folders that are here. NULL is fine. */
void spares_free(struct spares *s);

/* false: there is none, and *out is empty. Else *out is the caller's, to be given back or
 * removed. */
bool spares_take(struct spares *s, struct spare *out);
/* Nothing of the job is left. true: the folder is kept, and *spare is empty. false: the caller
 * removes the folder. */
bool spares_give_back(struct spares *s, struct spare *spare);
size_t spares_count(const struct spares *s); /* ready */

#endif
