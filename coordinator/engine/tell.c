/* Which rules, and in whose name. */
#include "coordinator/engine/tell.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/notice.h"

static bool asks(const struct rule *r, enum rule_event event, const struct facts *f)
{
    if (r->event != event) return false;
    if (r->group && !str_eq(r->group, f->group)) return false;
    return !r->ns || (f->ns && str_namespace_covers(r->ns, f->ns));
}

static bool any_asks(const struct engine *g, enum rule_event event, const struct facts *f)
{
    for (size_t i = 0; i < g->config.rule_count; i++)
        if (asks(&g->config.rules[i], event, f)) return true;
    return false;
}

/* One more new subject: may it have messages of its own? */
static bool is_own(const struct engine *g, struct burst *b)
{
    if (b->from_ms == 0 || g->now.mono_ms - b->from_ms >= NOTICE_PAUSE_MS)
        *b = (struct burst){.from_ms = g->now.mono_ms};
    return b->count++ < TELL_OWN;
}

void tell(struct engine *g, enum rule_event event, const char *subject, struct facts *f,
          int64_t times)
{
    char shared[96];
    const char *name = rule_event_names[event];
    if (!any_asks(g, event, f)) {
        facts_free(f);
        return;
    }
    bool known = notice_any(g, name, subject);
    struct facts more = *f;
    more.title = str_dupf("%s, and more such", f->title);
    more.text = mem_strdup(f->text);
    char *facts_shared = facts_make(&more), *facts = facts_make(f);
    for (size_t i = 0; i < g->config.rule_count && g->rc == 0; i++) {
        const struct rule *r = &g->config.rules[i];
        if (!asks(r, event, f)) continue;
        bool own = known || is_own(g, &g->bursts[i]);
        (void)str_format(shared, sizeof shared, "(rule %s)", r->name);
        for (size_t k = 0; k < r->channel_count && g->rc == 0; k++)
            notice_raise_times(g, r->channels[k], name, own ? subject : shared,
                               own ? facts : facts_shared, times);
    }
    mem_free(facts);
    mem_free(facts_shared);
}
