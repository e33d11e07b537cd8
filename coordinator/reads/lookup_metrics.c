/* Looking up what metrics tell of the store. */
#include "coordinator/metrics/scrape.h"
#include "coordinator/reads/lookup.h"
#include "coordinator/store/reader_coordinator.h"
#include "coordinator/store/reader_load.h"
#include "coordinator/store/reader_notice.h"

static int on_key(const char *group, bool paused, void *user)
{
    struct scrape_group *g = scrape_group(user, group);
    g->paused = g->paused || paused;
    return 0;
}

static int on_class(const struct class_load *c, void *user)
{
    struct scrape_group *g = scrape_group(user, c->group);
    for (int i = 0; i <= JOB_RETRYING; i++)
        g->jobs[i] += c->jobs[i];
    if (c->oldest_ms > 0 && (g->oldest_ms == 0 || c->oldest_ms < g->oldest_ms))
        g->oldest_ms = c->oldest_ms;
    return 0;
}

static int on_agents(const struct group_agents *a, void *user)
{
    struct group_agents *to = &scrape_group(user, a->group)->agents;
    to->online += a->online;
    to->offline += a->offline;
    to->draining += a->draining;
    to->unwell += a->unwell;
    to->slots += a->slots;
    to->free_slots += a->free_slots;
    return 0;
}

int lookup_group_loads(struct scrape *s, struct reader *r, struct err *e)
{
    int rc = reader_group_keys(r, on_key, s, e);
    if (!rc) rc = reader_class_loads(r, on_class, s, e);
    return rc ? rc : reader_group_agents(r, on_agents, s, e);
}

int lookup_metrics(struct lookup *l, struct reader *r, struct err *e)
{
    struct scrape *s = l->scrape;
    int rc = lookup_group_loads(s, r, e);
    if (!rc) rc = reader_sizes(r, &s->database_bytes, &s->output_bytes, e);
    if (!rc) rc = reader_notices_due(r, &s->messages_waiting, e);
    if (!rc) rc = reader_coordinator_counts(r, &s->coordinators_alive, &s->coordinators_gone, e);
    return rc ? rc : scrape_write(s, e);
}
