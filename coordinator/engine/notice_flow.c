/* Facts of executions, in the words of docs/notify.md. */
#include "coordinator/engine/notice_flow.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/notice.h"

#define EVENT "execution-failed"

/* JSON text; mem_free. */
static char *facts_of(const struct flow_entry *entry, const struct execution_row *row, bool failed)
{
    char id[ID_TEXT_SIZE];
    struct buf b;
    struct jw w;
    id_format(row->id, id);
    char *title =
        str_dupf("flow %s/%s %s", entry->ns, entry->id, failed ? "failed" : "ended well again");
    char *text = str_dupf("execution %s%s%s", id, row->message ? ": " : "",
                          row->message ? row->message : "");
    buf_init(&b, SIZE_MAX);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_str(&w, "title", title);
    jw_str(&w, "text", text);
    jw_str(&w, "namespace", entry->ns);
    jw_str(&w, "flow", entry->id);
    jw_str(&w, "execution", id);
    if (row->trigger) jw_str(&w, "trigger", row->trigger);
    jw_end(&w);
    (void)jw_finish(&w);
    mem_free(title);
    mem_free(text);
    char *facts = mem_strndup(b.data, b.len);
    buf_fini(&b);
    return facts;
}

static void raise_all(struct engine *g, const struct flow_entry *entry, const struct flow *f,
                      const struct execution_row *row, const char *subject)
{
    char *facts = NULL;
    for (size_t i = 0; f && i < f->notify_count && g->rc == 0; i++) {
        if (!(f->notify[i].events & 1u << FLOW_NOTIFY_FAILED)) continue;
        if (!facts) facts = facts_of(entry, row, true);
        notice_raise(g, f->notify[i].channel, EVENT, subject, facts);
    }
    mem_free(facts);
}

void notice_execution(struct engine *g, const struct flow_entry *entry, const struct flow *f,
                      const struct execution_row *row)
{
    char subject[FLOW_NAME_SIZE];
    bool good = row->state == EXECUTION_SUCCESS || row->state == EXECUTION_WARNING;
    if (row->state == EXECUTION_FAILED) {
        raise_all(g, entry, f, row, flow_name(entry, subject));
    } else if (good && notice_any(g, EVENT, flow_name(entry, subject))) {
        char *facts = facts_of(entry, row, false);
        notice_over(g, EVENT, subject, facts);
        mem_free(facts);
    }
}
