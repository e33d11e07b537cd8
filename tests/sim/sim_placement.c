/* Where jobs go that failed before, or could not be started; and that an agent which says that it
 * cannot start any gets none. */
#include "tests/sim/sim_placement.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/job.h"
#include "tests/sim/sim.h"

#include <string.h>

#define NOT_STARTED "could not be started on "

/* ---- what is broken on purpose ---- */

bool __real_tried_by(const struct tried *t, int64_t agent);
bool __wrap_tried_by(const struct tried *t, int64_t agent);
bool __real_failures_have(const struct attempt_agents *f, int64_t agent);
bool __wrap_failures_have(const struct attempt_agents *f, int64_t agent);

bool __wrap_tried_by(const struct tried *t, int64_t agent)
{
    return !store_faults.forget_tried && __real_tried_by(t, agent);
}

bool __wrap_failures_have(const struct attempt_agents *f, int64_t agent)
{
    return !store_faults.forget_failures && __real_failures_have(f, agent);
}

/* ---- what agents say ---- */

void placement_hear(struct sim *s, struct command *c)
{
    struct link *l = map_find(&s->links, c->session);
    char **unwell = c->type == CMD_HELLO   ? &c->u.hello.unwell
                    : c->type == CMD_READY ? &c->u.ready.unwell
                                           : NULL;
    if (!unwell || !l) return;
    l->unwell = *unwell != NULL;
    if (s->sabotage != SABOTAGE_UNWELL) return;
    mem_free(*unwell);
    *unwell = NULL;
}

void placement_note(struct sim *s)
{
    for (int i = 0; i < s->agent_count; i++) {
        const struct agent *a = agent_find(s->world.engine, s->agents[i].id);
        s->agents[i].took_jobs = a && a->counted;
    }
}

/* ---- hand-outs ---- */

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

/* An agent with a slot that is still free, which would have done, too. */
static void check_retry_elsewhere(struct sim *s, const struct effect *x, int64_t agent)
{
    char id[ID_TEXT_SIZE];
    struct engine *g = s->world.engine;
    struct attempt_agents f = {0};
    const struct job *j = job_find(g, x->u.job.job);
    const struct agent *a = agent_find(g, agent);
    store_attempt_agents(s->world.store, x->u.job.job, x->u.job.attempt - ATTEMPT_AGENTS, &f, NULL);
    const struct group *group = j ? group_find(g, j->row.group) : NULL;
    if (!group || !a || !__real_failures_have(&f, agent)) return;
    for (const struct member *m = group->first; m; m = m->next) {
        struct agent *b = m->agent;
        if (b->free <= 0 || __real_failures_have(&f, b->id) ||
            !agent_fits(g, b, queue_get(g, m->group, j->row.requires_id)) ||
            placement_tried(s, j->row.id, b->id))
            continue;
        id_format(j->row.id, id);
        sim_violation(s, "elsewhere: job %s failed on %s and goes there again, while %s is free",
                      id, a->row.name, b->row.name);
    }
}

void placement_check_hand_out(struct sim *s, const struct effect *x, const struct link *l)
{
    char id[ID_TEXT_SIZE];
    id_format(x->u.job.job, id);
    if (l->unwell)
        sim_violation(s, "%s gets job %s, but said that it is unwell", l->agent->name, id);
    if (placement_tried(s, x->u.job.job, l->agent->id))
        sim_violation(s, "%s gets job %s, which it could not start", l->agent->name, id);
    if (x->u.job.attempt > 1) check_retry_elsewhere(s, x, l->agent->id);
}

/* ---- failures ---- */

/* Is the name among those at the beginning of the text? */
static bool is_named(const char *list, size_t len, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i + n <= len; i++) {
        bool begins = i == 0 || list[i - 1] == ' ';
        bool ends = i + n == len || list[i + n] == ',' || list[i + n] == ' ';
        if (begins && ends && strncmp(list + i, name, n) == 0) return true;
    }
    return false;
}

void placement_check_failure(struct sim *s, const struct job_row *row)
{
    char id[ID_TEXT_SIZE];
    struct engine *g = s->world.engine;
    struct group *group = group_find(g, row->group);
    if (!group || !row->message || !str_starts(row->message, NOT_STARTED) || s->starting) return;
    const char *list = row->message + strlen(NOT_STARTED), *end = strchr(list, ':');
    size_t len = end ? (size_t)(end - list) : strlen(list), names = 1;
    for (size_t i = 0; i < len; i++)
        names += list[i] == ',' || strncmp(list + i, " and ", 5) == 0;
    id_format(row->id, id);
    if (names > TRIED_MOST) sim_violation(s, "job %s was tried on too many: %s", id, row->message);
    for (const struct member *k = group->first; k && names < TRIED_MOST; k = k->next) {
        struct agent *a = k->agent;
        const struct agent_model *m = map_find(&s->agents_by_id, (uint64_t)a->id);
        if (!m || !m->took_jobs || !a->counted || is_named(list, len, a->row.name) ||
            !agent_fits(g, a, queue_get(g, group, row->requires_id)))
            continue;
        sim_violation(s, "not-started: job %s failed, and %s has not tried: %s", id, a->row.name,
                      row->message);
    }
}
