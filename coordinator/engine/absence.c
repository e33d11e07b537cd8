/* A map by agent, which outlives a reload: from it the next one takes the moments. */
#include "coordinator/engine/absence.h"

#include "base/mem.h"

static void free_one(struct absence *a)
{
    if (!a) return;
    mem_free(a->name);
    mem_free(a->group);
    mem_free(a->groups);
    mem_free(a);
}

static void free_all(struct map *m)
{
    size_t place = 0;
    for (struct absence *a; (a = map_next(m, &place)) != NULL;)
        free_one(a);
    map_fini(m);
}

static bool asked_for(const struct engine *g)
{
    for (size_t i = 0; i < g->config.rule_count; i++)
        if (g->config.rules[i].event == RULE_AGENT_OFFLINE) return true;
    return false;
}

void absence_begin(struct engine *g, const struct agent_row *row, int64_t stayed_ms)
{
    if (row->removed_ms > 0 || !asked_for(g)) return;
    struct absence *a = mem_alloc(sizeof *a);
    *a = (struct absence){.agent = row->id,
                          .since_ms = g->now.mono_ms,
                          .from_start = !g->loaded,
                          .stayed_ms = stayed_ms,
                          .name = mem_strdup(row->name),
                          .group = mem_strdup(row->group),
                          .groups = mem_strdup(row->groups)};
    absence_end(g, row->id);
    map_put(&g->absences, (uint64_t)row->id, a);
}

void absence_end(struct engine *g, int64_t agent)
{
    free_one(map_remove(&g->absences, (uint64_t)agent));
}

const struct absence *absence_find(const struct engine *g, int64_t agent)
{
    return map_find(&g->absences, (uint64_t)agent);
}

const struct absence *absence_next(const struct engine *g, size_t *place)
{
    return map_next(&g->absences, place);
}

struct loading {
    struct engine *g;
    const struct map *before;
};

static int load(const struct agent_row *row, void *user)
{
    const struct loading *l = user;
    absence_begin(l->g, row, NEVER);
    struct absence *a = map_find(&l->g->absences, (uint64_t)row->id);
    const struct absence *before = map_find(l->before, (uint64_t)row->id);
    if (!before) return 0;
    a->since_ms = before->since_ms;
    a->from_start = before->from_start;
    a->stayed_ms = before->stayed_ms;
    return 0;
}

int absences_load(struct engine *g, struct err *e)
{
    struct map before = g->absences;
    struct loading l = {g, &before};
    if (!asked_for(g)) return 0;
    map_init(&g->absences);
    int rc = store_each_agent(g->store, load, &l, e);
    free_all(&before);
    return rc;
}

void absences_free(struct engine *g)
{
    free_all(&g->absences);
}
