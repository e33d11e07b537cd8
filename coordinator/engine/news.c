/* See news.h. */
#include "coordinator/engine/news.h"

void news_add(struct engine *g, enum news what)
{
    if (g->news_in != g->batch) {
        g->news_in = g->batch;
        g->news = effects_add(g->out, EFFECT_NEWS);
    }
    g->news->u.news |= UINT32_C(1) << what;
}

bool news_agent(struct engine *g, const struct agent_row *row)
{
    if (!store_ok(g, store_agent_update(g->store, row, &g->err))) return false;
    news_add(g, NEWS_AGENTS);
    return true;
}

bool news_group(struct engine *g, const struct group_row *row)
{
    if (!store_ok(g, store_group_put(g->store, row, &g->err))) return false;
    news_add(g, NEWS_GROUPS);
    return true;
}

bool news_trigger(struct engine *g, const struct trigger_row *row)
{
    if (!store_ok(g, store_trigger_update(g->store, row, &g->err))) return false;
    news_add(g, NEWS_TRIGGERS);
    return true;
}
