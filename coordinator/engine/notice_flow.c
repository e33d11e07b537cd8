/* Facts of executions, in the words of docs/notify.md. */
#include "coordinator/engine/notice_flow.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/facts.h"
#include "coordinator/engine/notice.h"

/* JSON text; mem_free. */
static char *facts_of(const struct flow_entry *entry, const struct execution_row *row, bool failed)
{
    char id[ID_TEXT_SIZE];
    id_format(row->id, id);
    struct facts f = {.title = str_dupf("flow %s/%s %s", entry->ns, entry->id,
                                        failed ? "failed" : "ended well again"),
                      .text = str_dupf("execution %s%s%s", id, row->message ? ": " : "",
                                       row->message ? row->message : ""),
                      .ns = entry->ns,
                      .flow = entry->id,
                      .execution = id,
                      .trigger = row->trigger};
    return facts_make(&f);
}

/* The channels that are told of a failure, each once: those of the flow and those of the rules for
 * its namespace. */
struct channels {
    const char **items;
    size_t count;
};

static void add(struct channels *l, const char *channel)
{
    for (size_t i = 0; i < l->count; i++)
        if (str_eq(l->items[i], channel)) return;
    l->items = mem_resize(l->items, l->count + 1, sizeof *l->items);
    l->items[l->count++] = channel;
}

static struct channels channels_of(const struct engine *g, const struct flow_entry *entry,
                                   const struct flow *f)
{
    struct channels l = {0};
    for (size_t i = 0; f && i < f->notify_count; i++)
        if (f->notify[i].events & 1u << FLOW_NOTIFY_FAILED) add(&l, f->notify[i].channel);
    for (size_t i = 0; i < g->config.rule_count; i++) {
        const struct rule *r = &g->config.rules[i];
        if (r->event != RULE_EXECUTION_FAILED) continue;
        if (r->ns && !str_namespace_covers(r->ns, entry->ns)) continue;
        for (size_t k = 0; k < r->channel_count; k++)
            add(&l, r->channels[k]);
    }
    return l;
}

static void raise_all(struct engine *g, const struct flow_entry *entry, const struct flow *f,
                      const struct execution_row *row, const char *subject)
{
    struct channels l = channels_of(g, entry, f);
    char *facts = l.count > 0 ? facts_of(entry, row, true) : NULL;
    for (size_t i = 0; i < l.count && g->rc == 0; i++)
        notice_raise(g, l.items[i], rule_event_names[RULE_EXECUTION_FAILED], subject, facts);
    mem_free(facts);
    mem_free(l.items);
}

void notice_execution(struct engine *g, const struct flow_entry *entry, const struct flow *f,
                      const struct execution_row *row)
{
    char subject[FLOW_NAME_SIZE];
    const char *event = rule_event_names[RULE_EXECUTION_FAILED];
    bool good = row->state == EXECUTION_SUCCESS || row->state == EXECUTION_WARNING;
    if (row->state == EXECUTION_FAILED) {
        raise_all(g, entry, f, row, flow_name(entry, subject));
    } else if (good && notice_any(g, event, flow_name(entry, subject))) {
        char *facts = facts_of(entry, row, false);
        notice_over(g, event, subject, facts);
        mem_free(facts);
    }
}
