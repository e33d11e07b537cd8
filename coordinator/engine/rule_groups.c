/* See rule_groups.h. */
#include "coordinator/engine/rule_groups.h"

#include "base/log.h"
#include "base/str.h"
#include "coordinator/engine/group.h"

bool rules_group_is_there(const struct engine *g, const char *key)
{
    const struct group *group = group_find(g, key);
    return group && !group->deleted;
}

void rules_check_groups(const struct engine *g)
{
    for (size_t i = 0; i < g->config.rule_count; i++) {
        const struct rule *r = &g->config.rules[i];
        char suggestion[STR_SUGGEST_SIZE];
        if (!r->group || rules_group_is_there(g, r->group)) continue;
        const char *nearest = group_nearest_key(g, r->group);
        str_suggest_nearest(suggestion, r->group, &nearest, nearest ? 1 : 0);
        log_warn("notify: rule '%s': there is no group '%s'%s", r->name, r->group, suggestion);
    }
}

void rules_tell_deleted(const struct engine *g)
{
    if (g->groups_went_in != g->batch) return; /* each batch comes here */
    for (size_t i = 0; i < g->config.rule_count; i++) {
        const struct rule *r = &g->config.rules[i];
        const struct group *group = r->group ? group_find(g, r->group) : NULL;
        if (group && group->deleted && group->deleted_in == g->batch)
            log_warn("notify: rule '%s' (%s) is about the group '%s', which was deleted", r->name,
                     rule_event_names[r->event], r->group);
    }
}
