/* Where attempts of a job failed. A next attempt prefers another agent. What is in memory is what
 * the rows of the attempts say: it is kept with a job that is retried while that is at hand, and
 * read again for one that is not, when the job is next to be handed out. A first attempt costs
 * nothing. */
#include "coordinator/engine/tried.h"

#include "base/mem.h"

#include <string.h>

void failures_add(struct attempt_agents *f, int64_t agent)
{
    if (f->count == ATTEMPT_AGENTS) memmove(f->ids, f->ids + 1, --f->count * sizeof *f->ids);
    f->ids[f->count++] = agent;
}

bool failures_have(const struct attempt_agents *f, int64_t agent)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->ids[i] == agent) return true;
    }
    return false;
}

struct attempt_agents *failures_read(struct engine *g, int64_t job, int64_t attempt)
{
    struct attempt_agents *f = mem_alloc(sizeof *f);
    int rc = store_attempt_agents(g->store, job, attempt - ATTEMPT_AGENTS, f, &g->err);
    if (store_ok(g, rc)) return f;
    mem_free(f);
    return NULL;
}
