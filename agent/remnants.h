/* Attempts that have ended though a process of theirs could not be ended: a process of another
 * account, or one that hangs in the kernel. Each attempt keeps its slot, is looked at again after
 * 1 s, 2 s ... 10 s, and becomes the event `cleared` when nothing of it is left. The journal knows
 * of them, so that a later life of the agent goes on. No clock and no process: the caller has
 * both. */
#ifndef CADRE_AGENT_REMNANTS_H
#define CADRE_AGENT_REMNANTS_H

#include "agent/journal.h"
#include "agent/runner_say.h"
#include "base/err.h"
#include "platform/process_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REMNANT_LOOK_MIN_MS 1000
#define REMNANT_LOOK_MAX_MS 10000

struct remnant;

struct remnants {
    struct remnant *first;
    struct journal *journal;
    struct runner_voice *voice;
};

/* Tries to end what is left and tells what was alive before (process_watch_remnant). */
typedef void remnant_look_fn(const struct journal_remnant *r, struct process_list *left,
                             void *user);

void remnants_init(struct remnants *r, struct journal *journal, struct runner_voice *voice);
void remnants_fini(struct remnants *r);
/* Those of earlier lives. */
int remnants_load(struct remnants *r, struct err *e);
/* It is due at once. silent: there will be no event, and the journal does not keep it. */
int remnants_add(struct remnants *r, const struct journal_remnant *what, bool silent,
                 struct err *e);
/* Looks at those that are due. Returns 0 or what the journal says. */
int remnants_look(struct remnants *r, int64_t now_ms, remnant_look_fn *look, void *user,
                  struct err *e);
/* The coordinator does not want to hear of the attempt: there will be no event. */
int remnants_discard(struct remnants *r, int64_t job, int64_t attempt, struct err *e);
int64_t remnants_due_ms(const struct remnants *r); /* of the next look; INT64_MAX: none */
size_t remnants_count(const struct remnants *r);   /* but for those that were discarded */

#endif
