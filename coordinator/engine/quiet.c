/* What happens has no end of its own: it is over when it happened no more for a time. */
#include "coordinator/engine/quiet.h"

#include "base/duration.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/facts.h"

#include <string.h>

static bool is_shared(const char *subject)
{
    return str_starts(subject, RULE_SHARED) || str_starts(subject, NAMESPACE_SHARED);
}

bool quiet_ends(const struct notice_row *row)
{
    enum rule_event event = rule_event_of(row->event);
    if (event == RULE_LEASE_LOST || event == RULE_SCHEDULE_MISSED) return true;
    return event == RULE_EXECUTION_FAILED && is_shared(row->subject);
}

/* By a rule; what happens in a namespace may be told for that, and its end is told at any rate. */
static bool is_asked_for(const struct engine *g, enum rule_event event, const char *channel)
{
    if (!engine_has_channel(g, channel)) return false;
    if (event >= RULE_FIRST_OF_NAMESPACE) return true;
    for (size_t i = 0; i < g->config.rule_count; i++) {
        const struct rule *r = &g->config.rules[i];
        for (size_t k = 0; r->event == event && k < r->channel_count; k++)
            if (str_eq(r->channels[k], channel)) return true;
    }
    return false;
}

/* Of many subjects that share a message. */
static const char *const quiet_rest[RULE_EVENTS] = {
    [RULE_LEASE_LOST] = "none of the other groups lost an attempt",
    [RULE_SCHEDULE_MISSED] = "none of the other schedules was missed",
    [RULE_EXECUTION_FAILED] = "none of the other flows failed",
};

char *quiet_facts(const struct engine *g, const struct notice_row *row)
{
    enum rule_event event = rule_event_of(row->event);
    char quiet[DURATION_TEXT_SIZE], at[TIME_TEXT_SIZE];
    struct json *said = NULL;
    if (!quiet_ends(row) || !is_asked_for(g, event, row->channel)) return NULL;
    if (json_parse(row->facts, strlen(row->facts), &said, NULL)) said = json_new(JSON_OBJECT);
    duration_format(NOTICE_QUIET_MS, quiet);
    time_format(row->last_ms, at);
    struct facts f = {.text = str_dupf("%lld in all, the last at %s", (long long)row->total, at)};
    if (is_shared(row->subject)) {
        f.title = str_dupf("%s for %s", quiet_rest[event], quiet);
    } else {
        f.ns = json_get_str(said, "namespace", NULL);
        f.flow = json_get_str(said, "flow", NULL);
        f.trigger = json_get_str(said, "trigger", NULL);
        f.group = json_get_str(said, "group", NULL);
        f.title = event == RULE_LEASE_LOST
                      ? str_dupf("group %s lost no further attempt for %s", row->subject, quiet)
                      : str_dupf("schedule %s of flow %s/%s was not missed again for %s",
                                 f.trigger ? f.trigger : "", f.ns ? f.ns : "", f.flow ? f.flow : "",
                                 quiet);
    }
    char *facts = facts_make(&f);
    json_free(said);
    return facts;
}
