/* Facts of executions, in the words of docs/notify.md. */
#include "coordinator/engine/notice_flow.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/facts.h"
#include "coordinator/engine/notice.h"
#include "coordinator/engine/tell.h"

/* *id is where the id's text is kept. */
static struct facts facts_of(const struct flow_entry *entry, const struct execution_row *row,
                             bool failed, char id[ID_TEXT_SIZE])
{
    id_format(row->id, id);
    return (struct facts){.title = str_dupf("flow %s/%s %s", entry->ns, entry->id,
                                            failed ? "failed" : "ended well again"),
                          .text = str_dupf("execution %s%s%s", id, row->message ? ": " : "",
                                           row->message ? row->message : ""),
                          .ns = entry->ns,
                          .flow = entry->id,
                          .execution = id,
                          .trigger = row->trigger};
}

/* The channels that the flow names are told always; those of rules are spared the crowd. */
static void raise_all(struct engine *g, const struct flow_entry *entry, const struct flow *f,
                      const struct execution_row *row, const char *subject)
{
    char id[ID_TEXT_SIZE];
    const char **own = mem_array((f ? f->notify_count : 0) + 1, sizeof *own);
    struct occasion o = {.event = RULE_EXECUTION_FAILED, .subject = subject, .times = 1};
    for (size_t i = 0; f && i < f->notify_count; i++)
        if (f->notify[i].events & 1u << FLOW_NOTIFY_FAILED)
            own[o.told_count++] = f->notify[i].channel;
    o.told = own;
    struct facts facts = facts_of(entry, row, true, id);
    tell(g, &o, &facts);
    facts = facts_of(entry, row, true, id);
    char *text = facts_make(&facts);
    for (size_t i = 0; i < o.told_count && g->rc == 0; i++)
        notice_raise(g, own[i], rule_event_names[o.event], subject, text);
    mem_free(text);
    mem_free(own);
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
        char id[ID_TEXT_SIZE];
        struct facts facts = facts_of(entry, row, false, id);
        char *text = facts_make(&facts);
        notice_over(g, event, subject, text);
        mem_free(text);
    }
}
