/* Whom a flow tells of what: the list "notify". */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/read.h"

const char *const flow_notify_names[FLOW_NOTIFY_EVENTS] = {"FAILED", "MISSED"};

/* Of a channel that names none. */
#define EVERY_EVENT ((1u << FLOW_NOTIFY_EVENTS) - 1)

static unsigned read_events(const struct node *n)
{
    unsigned events = 0;
    if (!node_has(n, "events")) return EVERY_EVENT;
    const struct json *list = node_list(n, "events", FLOW_NOTIFY_EVENTS);
    if (list && json_count(list) == 0 && !n->r->stored)
        node_fail(n, "events", "names no event: leave it out for all");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
        char *other = json_type(j) == JSON_STRING ? NULL : json_text(j);
        const char *name = json_str(j, other);
        int found = -1;
        for (int i = 0; i < FLOW_NOTIFY_EVENTS; i++)
            if (str_eq(flow_notify_names[i], name)) found = i;
        if (found >= 0) {
            events |= 1u << found;
        } else {
            str_suggest_nearest(suggestion, name, flow_notify_names, FLOW_NOTIFY_EVENTS);
            node_fail(n, "events", "%s is no event: there are FAILED and MISSED%s",
                      str_quote(shown, name), suggestion);
        }
        mem_free(other);
    }
    return events;
}

/* A text is the channel of a mapping. */
static void read_one(const struct node *list, const struct json *j, size_t index,
                     struct flow_notify *out)
{
    static const char *const names[] = {"channel", "events"};
    struct node n = {.r = list->r, .j = j};
    (void)str_format(n.at, sizeof n.at, "notify[%zu].", index);
    out->line = yaml_line(&list->r->doc, j);
    if (json_type(j) == JSON_STRING) {
        out->channel = mem_strdup(json_str(j, ""));
        out->events = EVERY_EVENT;
    } else if (json_type(j) == JSON_OBJECT) {
        node_known(&n, (struct key_list){names, sizeof names / sizeof *names}, NULL);
        out->channel = node_text(&n, "channel", FLOW_ID_MAX);
        out->events = read_events(&n);
        if (!out->channel && !node_has(&n, "channel")) node_fail(&n, "channel", "is missing");
    } else {
        node_say(&n, j, "must be a channel, or a mapping such as {channel: ops, events: [FAILED]}");
    }
    if (!out->channel) return;
    if (!str_key_valid(out->channel))
        node_say(&n, j, "'%.70s' is no name of a channel", out->channel);
    for (size_t i = 0; i < index; i++)
        if (str_eq(list->r->flow->notify[i].channel, out->channel))
            node_say(&n, j, "the channel '%.70s' is named twice", out->channel);
}

void read_notify(const struct node *n)
{
    struct flow *f = n->r->flow;
    const struct json *list = node_list(n, "notify", FLOW_NOTIFY_MAX);
    if (!list) return;
    f->notify = mem_array(json_count(list) + 1, sizeof *f->notify);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        read_one(n, j, f->notify_count, &f->notify[f->notify_count]);
        f->notify_count++;
    }
}
