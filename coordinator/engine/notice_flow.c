/* Facts of executions, in the words of docs/notify.md. */
#include "coordinator/engine/notice_flow.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/notice.h"

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

/* The channels that the flow names for the event; `out` has room for FLOW_NOTIFY_MAX. */
static size_t named(const struct flow *f, enum flow_notify_event event, const char **out)
{
    size_t count = 0;
    for (size_t i = 0; f && i < f->notify_count; i++)
        if (f->notify[i].events & 1u << event) out[count++] = f->notify[i].channel;
    return count;
}

void notice_of_flow(struct engine *g, const struct flow *f, const struct occasion *o,
                    struct facts *facts)
{
    const char *own[FLOW_NOTIFY_MAX];
    struct occasion of_others = *o;
    struct facts same = *facts;
    same.title = mem_strdup(facts->title);
    same.text = mem_strdup(facts->text);
    of_others.told = own;
    of_others.told_count =
        named(f, o->event == RULE_EXECUTION_FAILED ? FLOW_NOTIFY_FAILED : FLOW_NOTIFY_MISSED, own);
    tell(g, &of_others, facts);
    char *text = facts_make(&same);
    for (size_t i = 0; i < of_others.told_count && g->rc == 0; i++)
        notice_raise_times(g, own[i], rule_event_names[o->event], o->subject, text, o->times);
    mem_free(text);
}

void notice_execution(struct engine *g, const struct flow_entry *entry, const struct flow *f,
                      const struct execution_row *row)
{
    char subject[FLOW_NAME_SIZE];
    const char *event = rule_event_names[RULE_EXECUTION_FAILED];
    bool good = row->state == EXECUTION_SUCCESS || row->state == EXECUTION_WARNING;
    if (entry->deleted) return; /* nothing would end the message */
    if (row->state == EXECUTION_FAILED) {
        char id[ID_TEXT_SIZE];
        struct facts facts = facts_of(entry, row, true, id);
        struct occasion o = {.event = RULE_EXECUTION_FAILED,
                             .subject = flow_name(entry, subject),
                             .times = 1};
        notice_of_flow(g, f, &o, &facts);
    } else if (good && notice_any(g, event, flow_name(entry, subject))) {
        char id[ID_TEXT_SIZE];
        struct facts facts = facts_of(entry, row, false, id);
        char *text = facts_make(&facts);
        notice_over(g, event, subject, text);
        mem_free(text);
    }
}

void notice_flow_deleted(struct engine *g, const struct flow_entry *entry)
{
    char subject[FLOW_NAME_SIZE];
    const char *event = rule_event_names[RULE_EXECUTION_FAILED];
    if (!notice_any(g, event, flow_name(entry, subject))) return;
    struct facts facts = {.title = str_dupf("flow %s was deleted", subject),
                          .text = mem_strdup("it had failed, and nobody can start it any more"),
                          .ns = entry->ns,
                          .flow = entry->id};
    char *text = facts_make(&facts);
    notice_over(g, event, subject, text);
    mem_free(text);
}
