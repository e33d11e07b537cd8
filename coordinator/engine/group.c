/* Worker groups in memory. */
#include "coordinator/engine/queue.h"
#include "coordinator/engine/group.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

struct group *group_find(const struct engine *g, const char *key)
{
    if (str_is_default_group(key)) return g->default_group;
    struct group *group = map_find(&g->groups, map_text_key(key));
    while (group && !str_eq(group->row.key, key))
        group = group->next_same;
    return group;
}

struct group *group_add(struct engine *g, struct group_row *row)
{
    struct group *group = group_find(g, row->key);
    if (group) {
        group_row_fini(&group->row);
        group->deleted = false;
    } else {
        uint64_t key = map_text_key(row->key);
        group = mem_alloc(sizeof *group);
        group->next_same = map_find(&g->groups, key);
        map_put(&g->groups, key, group);
        timer_init(&group->timer, TIMER_GROUP, group);
        timer_init(&group->aside.timer, TIMER_ASIDE, group);
    }
    group->row = *row;
    *row = (struct group_row){0};
    return group;
}

void group_free(struct engine *g, struct group *group)
{
    size_t place = 0;
    for (struct queue *q; (q = map_next(&group->queues, &place)) != NULL;)
        queue_free(g, q);
    map_fini(&group->queues);
    timer_clear(g, &group->timer);
    timer_clear(g, &group->aside.timer);
    requires_free(group->requires);
    json_free(group->allowed);
    json_free(group->tags);
    mem_free(group->pending);
    watch_fini(&group->fallbacks);
    mem_free(group->heap);
    mem_free(group->lost_why);
    group_row_fini(&group->row);
    mem_free(group);
}

void group_keys_read(struct group_keys *k, const char *group, const char *groups)
{
    *k = (struct group_keys){0};
    if (groups && json_parse(groups, strlen(groups), &k->list, NULL) != 0) k->list = NULL;
    for (const struct json *j = json_first(k->list); j && k->count < LIMIT_GROUPS; j = json_next(j))
        k->items[k->count++] = json_str(j, "");
    if (k->count == 0) k->items[k->count++] = group ? group : STR_DEFAULT_GROUP;
}

void group_keys_fini(struct group_keys *k)
{
    json_free(k->list);
    *k = (struct group_keys){0};
}

void group_keys_print(const struct group_keys *k, struct buf *out)
{
    for (size_t i = 0; i < k->count; i++)
        buf_addf(out, "%s%s", i == 0 ? "" : i + 1 == k->count ? " and " : ", ", k->items[i]);
}

struct group *group_of_job(struct engine *g, const struct job_row *row)
{
    struct group *group = group_find(g, row->group);
    if (group) return group;
    struct group_row gone = {.key = mem_strdup(row->group)};
    group = group_add(g, &gone);
    group->deleted = true;
    return group;
}

int group_read_rules(struct group *group, struct err *e)
{
    struct json *tree = NULL, *allowed = NULL, *tags = NULL;
    struct requires *r = NULL;
    int rc = 0;
    if (group->row.require)
        rc = json_parse(group->row.require, strlen(group->row.require), &tree, e);
    if (rc == 0) rc = requires_parse(tree, REQUIRES_KEPT, &r, e);
    json_free(tree);
    if (rc == 0 && group->row.allowed_namespaces)
        rc = json_parse(group->row.allowed_namespaces, strlen(group->row.allowed_namespaces),
                        &allowed, e);
    if (rc == 0 && group->row.tags)
        rc = json_parse(group->row.tags, strlen(group->row.tags), &tags, e);
    if (rc) {
        json_free(allowed);
        requires_free(r);
        return rc;
    }
    requires_free(group->requires);
    json_free(group->allowed);
    json_free(group->tags);
    group->requires = r;
    group->allowed = allowed;
    group->tags = tags;
    return 0;
}

const char *group_name(const struct group *group, char out[96])
{
    if (str_is_default_group(group->row.key))
        str_copy(out, 96, "the default group");
    else
        str_format(out, 96, "group %s", group->row.key);
    return out;
}

const char *group_nearest_key(const struct engine *g, const char *key)
{
    const char **keys = mem_array(g->groups.count + 1, sizeof *keys);
    size_t count = 0, place = 0;
    for (const struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        if (!group->deleted) keys[count++] = group->row.key;
    }
    const char *nearest = str_nearest(key, keys, count);
    mem_free(keys);
    return nearest;
}

static bool is_text(const char *text, const char *part, size_t len)
{
    return text && strlen(text) == len && memcmp(text, part, len) == 0;
}

bool group_has_tag(const struct group *group, const char *tag, size_t len)
{
    const char *key = group->row.key ? group->row.key : STR_DEFAULT_GROUP;
    if (is_text(key, tag, len)) return true;
    for (const struct json *j = json_first(group->tags); j; j = json_next(j))
        if (is_text(json_str(j, NULL), tag, len)) return true;
    return false;
}

bool group_allows(const struct group *group, const char *ns)
{
    if (!group->allowed || json_count(group->allowed) == 0) return true;
    for (const struct json *a = json_first(group->allowed); a && ns; a = json_next(a)) {
        if (str_namespace_covers(json_str(a, ""), ns)) return true;
    }
    return false;
}

void group_set_dirty(struct engine *g, struct group *group)
{
    if (group->dirty) return;
    group->dirty = true;
    group->next_dirty = g->dirty;
    g->dirty = group;
}

void group_watch(struct engine *g, struct group *group)
{
    if (group->deleted) {
        timer_set(g, &group->timer, group->queued > 0 ? g->now.mono_ms : NEVER);
    } else if (group->fallbacks.count == 0 || group->online > 0) {
        timer_clear(g, &group->timer);
    } else if (!deadline_is_set(&group->timer.deadline)) {
        int64_t at = g->now.mono_ms + g->fallback_grace_ms;
        timer_set(g, &group->timer, at > group->expect_until_ms ? at : group->expect_until_ms);
    }
}
