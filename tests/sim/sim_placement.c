/* Where jobs go that failed before, or could not be started. */
#include "tests/sim/sim.h"

#include "coordinator/engine/job.h"

struct try_search {
    int64_t job, agent;
    bool found;
};

static int find_try(const struct tried_row *t, const struct job_row *j, void *user)
{
    struct try_search *f = user;
    (void)j;
    f->found = f->found || (t->job == f->job && t->agent == f->agent);
    return 0;
}

bool placement_tried(struct sim *s, int64_t job, int64_t agent)
{
    struct try_search f = {.job = job, .agent = agent};
    store_each_tried(s->world.store, find_try, &f, NULL);
    return f.found;
}
