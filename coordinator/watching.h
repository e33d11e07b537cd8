/* The watch of a standby, one of several coordinators: a thread looks at the owner's row once a
 * second and takes the queue over when it may (ownership.h). The loop decides, the thread asks,
 * one question at a time. After a take-over the thread renews until somebody else does. Beside it,
 * it keeps this coordinator in the list of all of them. Loop thread. */
#ifndef CADRE_COORDINATOR_WATCHING_H
#define CADRE_COORDINATOR_WATCHING_H

#include "base/err.h"
#include "coordinator/store/owner_place.h"

#include <stdint.h>

struct tenure;
struct uv_loop_s;
struct watching;

struct watching_handler {
    /* This coordinator owns the queue, and is to load it. The tenure is the receiver's from now on,
     * but the watch renews it until on_given. */
    void (*on_taken)(struct tenure *t, void *user);
    /* After watching_give: the thread is done with the tenure. */
    void (*on_given)(void *user);
    /* Where all coordinators are that are alive, this one first: JSON list of 8 addresses at most,
     * for the call. When it changes. NULL: nobody wants to know. */
    void (*on_all)(const char *addresses, void *user);
    /* The tables are of a version that this program does not know: nothing is to be served, and
     * the queue is not taken over. why: a sentence, for the call; NULL: they are known again. May
     * be NULL. */
    void (*on_unfit)(const char *why, void *user);
    void *user;
};

/* addresses: this coordinator's, for the row; a JSON list, or NULL. Place and addresses are
 * borrowed until watching_stop. */
int watching_start(struct uv_loop_s *loop, const struct owner_place *place, const char *addresses,
                   const struct watching_handler *handler, struct watching **out, struct err *e);
/* The addresses of the owner that was seen last, a JSON list, until the loop goes on. NULL: nobody
 * owns the queue, or has said where it is. */
const char *watching_owner(const struct watching *w);
int64_t watching_epoch(const struct watching *w); /* of the row that was seen last */
/* The queue is loaded, or could not be: whoever comes next renews. on_given comes from the loop. */
void watching_give(struct watching *w);
/* After on_given: the tenure is over, and the row is looked at again, not before pause_ms. */
void watching_again(struct watching *w, int64_t pause_ms);
/* Waits for the question that is under way, some seconds at most. The memory goes when the loop has
 * run. NULL is fine. */
void watching_stop(struct watching *w);

#endif
