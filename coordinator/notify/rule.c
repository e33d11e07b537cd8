/* What each event takes stands in one table. */
#include "coordinator/notify/rule.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

enum limit_type { LIMIT_TIME, LIMIT_NUMBER, LIMIT_SIZE };

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define DAY_MS (INT64_C(24) * 60 * MINUTE_MS)

/* Beside `event` and `channels`. */
static const struct event {
    const char *limit; /* the key; NULL: none */
    enum limit_type type;
    int64_t fallback, min, max;
    const char *example;
    bool group;
} events[RULE_EVENTS] = {
    [RULE_AGENT_OFFLINE] = {.limit = "after",
                            .type = LIMIT_TIME,
                            .fallback = 5 * MINUTE_MS,
                            .min = 10 * SECOND_MS,
                            .max = 30 * DAY_MS,
                            .example = "5m",
                            .group = true},
    [RULE_GROUP_SHORT] = {.limit = "fewer",
                          .type = LIMIT_NUMBER,
                          .fallback = 1,
                          .min = 1,
                          .max = 100000,
                          .example = "2",
                          .group = true},
    [RULE_QUEUE_OLD] = {.limit = "after",
                        .type = LIMIT_TIME,
                        .fallback = 60 * MINUTE_MS,
                        .min = MINUTE_MS,
                        .max = 30 * DAY_MS,
                        .example = "1h",
                        .group = true},
    [RULE_TOKEN_ENDS] = {.limit = "within",
                         .type = LIMIT_TIME,
                         .fallback = 7 * DAY_MS,
                         .min = 60 * MINUTE_MS,
                         .max = 365 * DAY_MS,
                         .example = "7d"},
    [RULE_DISK_LOW] = {.limit = "below",
                       .type = LIMIT_SIZE,
                       .fallback = INT64_C(1) << 30,
                       .min = INT64_C(1) << 20,
                       .max = INT64_C(1) << 50,
                       .example = "1GiB"},
    [RULE_CERTIFICATE_ENDS] = {.limit = "within",
                               .type = LIMIT_TIME,
                               .fallback = 14 * DAY_MS,
                               .min = 60 * MINUTE_MS,
                               .max = 365 * DAY_MS,
                               .example = "14d"},
    [RULE_LEASE_LOST] = {.group = true},
    [RULE_SCHEDULE_MISSED] = {0},
    [RULE_EXECUTION_FAILED] = {0},
};

/* Of states: more often, many hosts that are away for a day would be hundreds of messages. */
static const struct event repeats = {.limit = "repeat",
                                     .type = LIMIT_TIME,
                                     .min = 15 * MINUTE_MS,
                                     .max = 30 * DAY_MS,
                                     .example = "4h"};

/* RULE_EVENTS: there is none. */
static enum rule_event event_of(const struct json *rule)
{
    return rule_event_of(json_get_str(rule, "event", ""));
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void print_limit(enum limit_type type, int64_t value, char out[DURATION_TEXT_SIZE])
{
    if (type == LIMIT_TIME)
        duration_format(value, out);
    else if (type == LIMIT_SIZE)
        size_format(value, out);
    else
        (void)str_format(out, DURATION_TEXT_SIZE, "%lld", (long long)value);
}

/* false: it is not of the type, or out of bounds. */
static bool read_limit(const struct event *event, const struct json *node, int64_t *out)
{
    const char *text = json_type(node) == JSON_STRING ? json_str(node, "") : "";
    *out = event->fallback;
    if (!node) return true;
    bool good = event->type == LIMIT_TIME   ? duration_parse(text, out, NULL) == 0
                : event->type == LIMIT_SIZE ? size_parse(text, out, NULL) == 0
                                            : json_is_int(node);
    if (good && event->type == LIMIT_NUMBER) *out = json_int(node, 0);
    return good && *out >= event->min && *out <= event->max;
}

static int check_limit(const struct json *rule, const struct event *event,
                       const struct json **where, struct err *e)
{
    static const char *const kinds[] = {"a duration", "a whole number", "a size"};
    char min[DURATION_TEXT_SIZE], max[DURATION_TEXT_SIZE];
    const struct json *node = event->limit ? json_get(rule, event->limit) : NULL;
    int64_t value;
    if (!node || read_limit(event, node, &value)) return 0;
    *where = node;
    print_limit(event->type, event->min, min);
    print_limit(event->type, event->max, max);
    return err_set(e, ERR_INVALID, "rule '%s': '%s' is %s from %s to %s, such as %s",
                   json_key(rule), event->limit, kinds[event->type], min, max, event->example);
}

/* ---- the check ------------------------------------------------------------------------------- */

static int check_event(const struct json *rule, const struct json **where, struct err *e)
{
    const struct json *node = json_get(rule, "event");
    char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE] = "";
    struct buf names;
    if (event_of(rule) != RULE_EVENTS) return 0;
    if (node) *where = node;
    buf_init(&names, ERR_MSG_MAX);
    for (int i = 0; i < RULE_EVENTS; i++)
        buf_addf(&names, "%s%s", i > 0 ? ", " : "", rule_event_names[i]);
    const char *name = json_str(node, NULL);
    if (name) str_suggest_nearest(suggestion, name, rule_event_names, RULE_EVENTS);
    int rc = name ? err_set(e, ERR_INVALID, "rule '%s': there is no event %s%s; there are %s",
                            json_key(rule), str_quote(shown, name), suggestion, names.data)
                  : err_set(e, ERR_INVALID, "rule '%s': 'event' is one of %s", json_key(rule),
                            names.data);
    buf_fini(&names);
    return rc;
}

static int check_keys(const struct json *rule, const struct event *event, const struct json **where,
                      struct err *e)
{
    const char *known[6] = {"event", "channels"};
    size_t count = 2;
    if (event->limit) known[count++] = event->limit;
    if (event->group) known[count++] = "group";
    if (event - events >= RULE_FIRST_OF_NAMESPACE) known[count++] = "namespace";
    if (event - events <= RULE_LAST_LASTING) known[count++] = repeats.limit;
    for (const struct json *m = json_first(rule); m; m = json_next(m)) {
        char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
        bool is_known = false;
        for (size_t i = 0; i < count && !is_known; i++)
            is_known = str_eq(known[i], json_key(m));
        if (is_known) continue;
        *where = m;
        str_suggest_nearest(suggestion, json_key(m), known, count);
        return err_set(e, ERR_INVALID, "rule '%s': %s takes no %s%s", json_key(rule),
                       rule_event_names[event - events], str_quote(shown, json_key(m)), suggestion);
    }
    return 0;
}

static int check_place(const struct json *rule, const struct json **where, struct err *e)
{
    const struct json *group = json_get(rule, "group"), *ns = json_get(rule, "namespace");
    if (ns && !str_namespace_valid(json_str(ns, ""))) {
        *where = ns;
        return err_set(e, ERR_INVALID,
                       "rule '%s': 'namespace' is a namespace such as company.team, for itself and "
                       "those below it",
                       json_key(rule));
    }
    if (!group || str_key_valid(json_str(group, ""))) return 0;
    *where = group;
    return err_set(e, ERR_INVALID,
                   "rule '%s': 'group' is a group's key: 1 to 63 letters, digits, '_' and '-', "
                   "which begins with a letter or digit",
                   json_key(rule));
}

static bool is_before(const struct json *list, const struct json *item)
{
    const struct json *at = json_first(list);
    while (at != item && !str_eq(json_str(at, ""), json_str(item, "")))
        at = json_next(at);
    return at != item;
}

static int check_list(const struct json *rule, const struct json **where, struct err *e)
{
    const struct json *list = json_get(rule, "channels");
    if (list) *where = list;
    size_t count = json_type(list) == JSON_ARRAY ? json_count(list) : 0;
    if (count < 1 || count > RULE_CHANNELS_MAX)
        return err_set(e, ERR_INVALID,
                       "rule '%s': 'channels' is a list of 1 to %d channels, such as [ops]",
                       json_key(rule), RULE_CHANNELS_MAX);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        char shown[STR_QUOTE_SIZE];
        *where = j;
        if (json_type(j) != JSON_STRING)
            return err_set(e, ERR_INVALID, "rule '%s': a channel is named by a text",
                           json_key(rule));
        if (is_before(list, j))
            return err_set(e, ERR_INVALID, "rule '%s': the channel %s is named twice",
                           json_key(rule), str_quote(shown, json_str(j, "")));
    }
    return 0;
}

int rule_check(const struct json *rule, const struct json **where, struct err *e)
{
    const char *name = json_key(rule);
    *where = rule;
    if (!str_key_valid(name))
        return err_set(e, ERR_INVALID,
                       "'%s': a rule's name has 1 to 63 letters, digits, '_' and '-' and begins "
                       "with a letter or digit",
                       name);
    if (json_type(rule) != JSON_OBJECT)
        return err_set(e, ERR_INVALID,
                       "rule '%s': must be a mapping such as {event: %s, channels: [ops]}", name,
                       rule_event_names[0]);
    int rc = check_event(rule, where, e);
    if (rc) return rc;
    const struct event *event = &events[event_of(rule)];
    rc = check_keys(rule, event, where, e);
    if (!rc) rc = check_limit(rule, event, where, e);
    if (!rc) rc = check_limit(rule, &repeats, where, e);
    if (!rc) rc = check_place(rule, where, e);
    return rc ? rc : check_list(rule, where, e);
}

int rule_check_channels(const struct json *rule, const struct json *channels,
                        const struct json **where, struct err *e)
{
    const char *names[RULES_MAX];
    size_t count = 0;
    for (const struct json *c = json_first(channels); c && count < RULES_MAX; c = json_next(c))
        names[count++] = json_key(c);
    for (const struct json *j = json_first(json_get(rule, "channels")); j; j = json_next(j)) {
        char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
        if (json_get(channels, json_str(j, ""))) continue;
        *where = j;
        str_suggest_nearest(suggestion, json_str(j, ""), names, count);
        return err_set(e, ERR_INVALID, "rule '%s': there is no channel %s%s", json_key(rule),
                       str_quote(shown, json_str(j, "")), suggestion);
    }
    return 0;
}

/* ---- for the engine -------------------------------------------------------------------------- */

struct rule *rules_read(const struct json *rules)
{
    struct rule *list = mem_array(json_count(rules) + 1, sizeof *list), *r = list;
    for (const struct json *j = json_first(rules); j; j = json_next(j), r++) {
        const struct json *channels = json_get(j, "channels");
        r->name = json_key(j);
        r->event = event_of(j);
        r->group = json_get_str(j, "group", NULL);
        r->ns = json_get_str(j, "namespace", NULL);
        const struct event *event = &events[r->event];
        (void)read_limit(event, event->limit ? json_get(j, event->limit) : NULL, &r->limit);
        (void)read_limit(&repeats, json_get(j, repeats.limit), &r->repeat);
        r->channels = mem_array(json_count(channels), sizeof *r->channels);
        for (const struct json *c = json_first(channels); c; c = json_next(c))
            r->channels[r->channel_count++] = json_str(c, "");
    }
    return list;
}

void rules_free(struct rule *rules, size_t count)
{
    for (size_t i = 0; rules && i < count; i++)
        mem_free(rules[i].channels);
    mem_free(rules);
}
