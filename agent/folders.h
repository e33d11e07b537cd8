/* The work folders of attempts: made, removed, and cleaned up after earlier lives of the agent, all
 * by file_work.h and never on the loop.
 *
 * Each folder has a name of its own, MARK.LIFE-N: one that is still being removed is in nobody's
 * way, and what earlier lives left is told by its name. All calls on the loop's thread; callbacks
 * never from inside the call that caused them. */
#ifndef CADRE_AGENT_FOLDERS_H
#define CADRE_AGENT_FOLDERS_H

#include "agent/file_work.h"
#include "agent/script.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct uv_loop_s;
struct folders;
struct preparation;

/* Makes STATE/work. What earlier lives left in it is removed in the background. */
int folders_new(struct uv_loop_s *loop, const char *state_folder, struct folders **out,
                struct err *e);
/* After the last preparation was abandoned or came back. Removals go on for at most 5 s: see
 * file_work_free. NULL is fine. */
void folders_free(struct folders *f);
/* How file work fares, for whoever must know that operations hang. */
void folders_look(struct folders *f, struct file_work_state *out);

struct prepared {
    int rc; /* of launch_prepare */
    const struct err *e;
    struct launch *launch; /* with rc 0: to be taken over, and set to zeroes */
    bool late;             /* it took FILE_WORK_HUNG_MS or longer */
};
typedef void prepared_fn(const struct prepared *p, void *user);

/* Makes the attempt's work folder and writes its files. `in` is copied, but for the spec, which is
 * taken over; in->work_folder is chosen here. */
struct preparation *folders_prepare(struct folders *f, const struct launch_input *in, char *spec,
                                    const char *mark, prepared_fn *fn, void *user);
/* Nobody waits for it any more: fn is not called, and what was made is removed. */
void folders_abandon(struct preparation *p);
/* Removes an attempt's files in the background. */
void folders_remove(struct folders *f, const char *work_folder);

#endif
