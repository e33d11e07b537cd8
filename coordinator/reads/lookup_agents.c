/* Looking up agents. */
#include "coordinator/reads/known.h"
#include "coordinator/reads/lookup.h"

#include "base/json.h"
#include "base/str.h"
#include "coordinator/store/reader_agent_event.h"

#include <string.h>

#define LABEL "label."

/* Labels travel among the capabilities as "label.x"; people see them apart. */
static void put_capabilities(struct jw *w, const char *text)
{
    struct json *all = NULL;
    if (!text || json_parse(text, strlen(text), &all, NULL)) all = json_new(JSON_OBJECT);
    jw_object(w, "capabilities");
    for (const struct json *j = json_first(all); j; j = json_next(j))
        if (!str_starts(json_key(j), LABEL)) jw_tree(w, json_key(j), j);
    jw_end(w);
    jw_object(w, "labels");
    for (const struct json *j = json_first(all); j; j = json_next(j))
        if (str_starts(json_key(j), LABEL)) jw_tree(w, json_key(j) + strlen(LABEL), j);
    jw_end(w);
    json_free(all);
}

static void put_refusal(struct jw *w, struct reader *r, int64_t agent)
{
    struct refusal_row refusal;
    if (reader_refusal(r, agent, &refusal, NULL) != 0) {
        jw_null(w, "lastRefusal");
        return;
    }
    jw_object(w, "lastRefusal");
    jw_str(w, "reason", refusal.reason);
    jw_str(w, "message", refusal.message);
    jw_time(w, "at", refusal.at_ms);
    jw_end(w);
    refusal_row_fini(&refusal);
}

/* All of them; `group` is the first. */
static void put_groups(struct jw *w, const struct agent_row *a)
{
    if (a->groups) {
        jw_raw(w, "groups", a->groups); /* as it was checked when the agent connected */
        return;
    }
    jw_array(w, "groups");
    jw_str(w, NULL, a->group);
    jw_end(w);
}

static void put_agent(struct jw *w, struct reader *r, const struct agent_row *a, int64_t busy)
{
    enum agent_state state = agent_state_of(a);
    int64_t free_slots = state == AGENT_ONLINE && a->slots > busy ? a->slots - busy : 0;
    jw_id(w, "id", a->id);
    jw_str(w, "name", a->name);
    jw_str(w, "group", a->group);
    put_groups(w, a);
    jw_str(w, "state", a->removed_ms > 0 ? "REMOVED" : agent_state_names[state]);
    jw_int(w, "slots", a->slots);
    jw_int(w, "freeSlots", free_slots);
    jw_int(w, "busySlots", busy);
    put_capabilities(w, a->capabilities);
    jw_str(w, "version", a->version);
    jw_time(w, "createdAt", a->created_ms);
    jw_str(w, "createdBy", a->created_by);
    jw_time(w, "lastSeenAt", a->last_seen_ms);
    jw_bool(w, "held", a->held);
    jw_str(w, "drainReason", a->drain_reason);
    jw_str(w, "drainedBy", a->drained_by);
    jw_str(w, "unwellReason", a->unwell_reason);
    jw_time(w, "unwellSince", a->unwell_since_ms);
    put_refusal(w, r, a->id);
}

/* removed: one that was removed is found as well, where no other has its name. */
static int find(struct lookup *l, struct reader *r, bool removed, struct agent_row *a,
                int64_t *busy, struct err *e)
{
    int rc = reader_agent(r, l->name, a, busy, e);
    if (rc == ERR_NOT_FOUND && removed) rc = reader_removed_agent(r, l->name, a, busy, e);
    if (rc == ERR_NOT_FOUND)
        problem_set(&l->problem, 404, "not-found", "'cadre agent list' shows them",
                    "there is no agent '%.130s'", l->name);
    if (!rc) l->found = a->id;
    return rc;
}

static int on_remnant(const struct remnant_row *m, void *user)
{
    struct jw *w = user;
    jw_object(w, NULL);
    jw_id(w, "job", m->job);
    jw_int(w, "attempt", m->attempt);
    jw_str(w, "processes", m->processes);
    jw_time(w, "since", m->since_ms);
    jw_end(w);
    return 0;
}

int lookup_agent(struct lookup *l, struct reader *r, struct err *e)
{
    struct agent_row a;
    int64_t busy;
    int rc = find(l, r, true, &a, &busy, e);
    if (rc) return rc;
    put_agent(&l->answer.w, r, &a, busy);
    jw_time(&l->answer.w, "removedAt", a.removed_ms);
    jw_str(&l->answer.w, "removedBy", a.removed_by);
    jw_str(&l->answer.w, "removedReason", a.removed_reason);
    jw_array(&l->answer.w, "remnants");
    rc = reader_remnants(r, a.id, on_remnant, &l->answer.w, e);
    jw_end(&l->answer.w);
    agent_row_fini(&a);
    return rc;
}

int lookup_agent_exists(struct lookup *l, struct reader *r, struct err *e)
{
    struct agent_row a;
    int64_t busy;
    int rc = find(l, r, false, &a, &busy, e);
    if (!rc) agent_row_fini(&a);
    return rc;
}

/* One of a kind that is not known was written by a newer Cadre. */
static const char *event_name(enum agent_event_kind kind)
{
    return (unsigned)kind < AGENT_EVENT_KINDS && agent_event_names[kind] ? agent_event_names[kind]
                                                                         : "unknown";
}

static int on_event(const struct agent_event_row *v, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    struct jw *w = &l->answer.w;
    jw_int(w, "number", v->number);
    jw_str(w, "event", event_name(v->kind));
    jw_int(w, "times", v->times);
    jw_time(w, "firstAt", v->first_ms);
    jw_time(w, "lastAt", v->last_ms);
    jw_str(w, "by", v->by);
    jw_str(w, "message", v->text);
    list_row_end(&l->list, "%lld", (long long)v->number);
    return 0;
}

int lookup_agent_events(struct lookup *l, struct reader *r, struct err *e)
{
    struct agent_row a;
    int64_t busy;
    bool more = false;
    int rc = find(l, r, true, &a, &busy, e);
    if (rc) return rc;
    agent_row_fini(&a);
    struct agent_event_filter f = {.agent = l->found,
                                   .before = l->list.place,
                                   .limit = l->list.limit};
    list_begin(&l->list, &l->answer);
    rc = reader_agent_events(r, &f, on_event, l, &more, e);
    list_end(&l->list, more);
    return rc;
}

struct page {
    struct lookup *l;
    struct reader *r;
};

static int on_agent(const struct agent_row *a, int64_t busy, void *user)
{
    const struct page *p = user;
    struct list *list = &p->l->list;
    if (!list_row(list)) return 1;
    put_agent(&p->l->answer.w, p->r, a, busy);
    list_row_end(list, "%s", a->name);
    return 0;
}

int lookup_agents(struct lookup *l, struct reader *r, struct err *e)
{
    char *passed = NULL;
    struct agent_filter f = {.group = l->group,
                             .states = l->states,
                             .after = l->list.after[0],
                             .limit = l->list.limit,
                             .passed = &passed};
    struct name_asked group = {.of = NAME_GROUP, .name = l->group};
    bool more = false;
    int known = l->group ? known_name(l, r, &group, e) : 0;
    if (known) return known;
    list_begin(&l->list, &l->answer);
    struct page p = {l, r};
    int rc = reader_agents(r, &f, on_agent, &p, &more, e);
    list_passed(&l->list, passed);
    list_end(&l->list, more);
    return rc;
}
