/* Which rules, and in whose name. */
#include "coordinator/engine/tell.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/flow.h"
#include "coordinator/engine/namespace.h"
#include "coordinator/engine/notice.h"

static bool asks(const struct rule *r, enum rule_event event, const struct facts *f)
{
    if (r->event != event) return false;
    if (r->group && !str_eq(r->group, f->group)) return false;
    return !r->ns || (f->ns && str_namespace_covers(r->ns, f->ns));
}

/* NULL: no namespace does. */
static struct namespace *asking(const struct engine *g, enum rule_event event,
                                const struct facts *f)
{
    struct namespace *n = namespace_telling(g, f->ns);
    return namespace_next_channel(n, NULL, event) ? n : NULL;
}

/* One more new subject: may it have messages of its own? */
static bool is_own(const struct engine *g, struct burst *b)
{
    if (b->batch != g->batch) {
        b->batch = g->batch;
        b->from_before_ms = b->from_ms;
        b->count_before = b->count;
    }
    if (b->from_ms == 0 || g->now.mono_ms - b->from_ms >= NOTICE_PAUSE_MS) {
        b->from_ms = g->now.mono_ms;
        b->count = 0;
    }
    return b->count++ < TELL_OWN;
}

void tell_undo(struct engine *g)
{
    for (size_t i = 0; i < g->config.rule_count; i++) {
        struct burst *b = &g->bursts[i];
        if (b->batch != g->batch) continue;
        b->from_ms = b->from_before_ms;
        b->count = b->count_before;
    }
}

/* The channels that are told, each once. */
struct channels {
    struct told {
        const char *channel;
        bool own;               /* its message is of the subject alone */
        const char *kind, *who; /* ... or is shared: RULE_SHARED or NAMESPACE_SHARED, and whose */
    } * items;
    size_t count;
};

static bool is_among(const char *const *list, size_t count, const char *channel)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(list[i], channel)) return true;
    return false;
}

static void add(struct channels *l, const struct occasion *o, const struct told *one)
{
    if (is_among(o->told, o->told_count, one->channel)) return;
    for (size_t i = 0; i < l->count; i++) {
        if (!str_eq(l->items[i].channel, one->channel)) continue;
        l->items[i].own |= one->own;
        return;
    }
    l->items = mem_resize(l->items, l->count + 1, sizeof *l->items);
    l->items[l->count++] = *one;
}

static struct channels channels_of(struct engine *g, const struct occasion *o,
                                   const struct facts *f)
{
    struct channels l = {0};
    bool known = notice_any(g, rule_event_names[o->event], o->subject);
    for (size_t i = 0; i < g->config.rule_count; i++) {
        const struct rule *r = &g->config.rules[i];
        if (!asks(r, o->event, f)) continue;
        bool own = known || is_own(g, &g->bursts[i]);
        for (size_t k = 0; k < r->channel_count; k++)
            add(&l, o, &(struct told){r->channels[k], own, RULE_SHARED, r->name});
    }
    struct namespace *n = asking(g, o->event, f);
    bool own = n && (known || is_own(g, &n->burst));
    const struct json *j = NULL;
    while ((j = namespace_next_channel(n, j, o->event)) != NULL)
        add(&l, o, &(struct told){namespace_channel(j), own, NAMESPACE_SHARED, n->row.ns});
    return l;
}

void tell(struct engine *g, const struct occasion *o, struct facts *f)
{
    struct channels l = channels_of(g, o, f);
    if (l.count == 0) {
        facts_free(f);
        return;
    }
    struct facts more = *f;
    more.title = str_dupf("%s, and others", f->title);
    more.text = mem_strdup(f->text);
    char *facts_shared = facts_make(&more), *facts = facts_make(f);
    for (size_t i = 0; i < l.count && g->rc == 0; i++) {
        const struct told *t = &l.items[i];
        char shared[FLOW_NAME_SIZE];
        (void)str_format(shared, sizeof shared, "%s%s)", t->kind, t->who);
        notice_raise_times(g, t->channel, rule_event_names[o->event], t->own ? o->subject : shared,
                           t->own ? facts : facts_shared, o->times);
    }
    mem_free(facts);
    mem_free(facts_shared);
    mem_free(l.items);
}
