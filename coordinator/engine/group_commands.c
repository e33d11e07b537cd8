/* Making, changing and ending worker groups. */
#include "coordinator/engine/group_commands.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/agent.h"
#include "coordinator/engine/flow.h"
#include "coordinator/engine/namespace.h"
#include "coordinator/engine/news.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/sweep.h"

#include <string.h>

enum {
    MASK_DESCRIPTION = 1,
    MASK_REQUIRE = 2,
    MASK_NAMESPACES = 4,
    MASK_MAX_QUEUED = 8,
    MASK_TAGS = 16
};

#define DESCRIPTION_MAX 512
#define TAGS_MAX 64

/* The live group that the command names. NULL: answered. */
static struct group *named(const struct engine *g, const char *key, struct reply *r)
{
    struct group *group = key ? group_find(g, key) : NULL;
    if (group && !group->deleted) return group;
    const char *near = key ? group_nearest_key(g, key) : NULL;
    char hint[STR_SUGGEST_SIZE];
    reply_error(r, ERR_NOT_FOUND, NULL, str_hint(hint, near), "there is no worker group '%s'",
                key ? key : "");
    return NULL;
}

/* ---- checks; each brings its text into canonical form ---- */

static int check_require(struct group_row *row, struct err *e)
{
    if (!row->require) return 0;
    struct json *tree = NULL;
    struct requires *r = NULL;
    int rc = json_parse(row->require, strlen(row->require), &tree, e);
    if (rc == 0) rc = requires_parse(tree, REQUIRES_ASKED, &r, e);
    json_free(tree);
    if (rc) return rc;
    mem_free(row->require);
    row->require = r ? requires_text(r) : NULL;
    requires_free(r);
    return 0;
}

static int check_namespaces(struct group_row *row, struct err *e)
{
    if (!row->allowed_namespaces) return 0;
    struct json *list = NULL;
    int rc = json_parse(row->allowed_namespaces, strlen(row->allowed_namespaces), &list, e);
    if (rc == 0 && json_type(list) != JSON_ARRAY)
        rc = err_set(e, ERR_INVALID, "allowedNamespaces: must be a list of namespaces");
    for (const struct json *n = rc == 0 ? json_first(list) : NULL; n; n = json_next(n)) {
        if (!str_namespace_valid(json_str(n, ""))) {
            rc = err_set(e, ERR_INVALID, "allowedNamespaces: '%s' is not a namespace",
                         json_str(n, "(no text)"));
            break;
        }
    }
    if (rc == 0) {
        mem_free(row->allowed_namespaces);
        row->allowed_namespaces = json_count(list) > 0 ? json_text(list) : NULL;
    }
    json_free(list);
    return rc;
}

/* Without the key and in their order, each once. */
static int check_tags(struct group_row *row, struct err *e)
{
    struct json *list = NULL, *tags = NULL;
    if (!row->tags) return 0;
    int rc = json_parse(row->tags, strlen(row->tags), &list, e);
    if (rc == 0 && json_type(list) != JSON_ARRAY)
        rc = err_set(e, ERR_INVALID, "tags: must be a list of tags");
    if (rc == 0 && json_count(list) > TAGS_MAX)
        rc = err_set(e, ERR_INVALID, "tags: at most %d are allowed", TAGS_MAX);
    tags = json_new(JSON_ARRAY);
    for (const struct json *j = rc == 0 ? json_first(list) : NULL; j; j = json_next(j)) {
        const char *tag = json_str(j, "");
        bool again = str_eq(tag, row->key);
        if (!str_key_valid(tag)) {
            rc = err_set(e, ERR_INVALID,
                         "tags: '%.80s' is not a tag: 1 to 63 letters, digits, '_' and '-', the "
                         "first a letter or digit",
                         json_str(j, "(no text)"));
            break;
        }
        for (const struct json *k = json_first(tags); k; k = json_next(k))
            again = again || str_eq(json_str(k, ""), tag);
        if (!again) json_push(tags, json_new_str(tag));
    }
    if (rc == 0) {
        mem_free(row->tags);
        row->tags = json_count(tags) > 0 ? json_text(tags) : NULL;
    }
    json_free(tags);
    json_free(list);
    return rc;
}

static int check_fields(struct group_row *row, struct err *e)
{
    if (row->description && strlen(row->description) > DESCRIPTION_MAX)
        return err_set(e, ERR_INVALID, "description: at most %d bytes", DESCRIPTION_MAX);
    if (row->max_queued < 0) return err_set(e, ERR_INVALID, "maxQueued: 0 (no limit) or more");
    int rc = check_require(row, e);
    if (rc == 0) rc = check_namespaces(row, e);
    return rc ? rc : check_tags(row, e);
}

/* ---- commands ---- */

static struct group_row copy_row(const struct group_row *row)
{
    struct group_row copy = *row;
    copy.key = mem_strdup(row->key);
    copy.description = mem_strdup(row->description);
    copy.require = mem_strdup(row->require);
    copy.allowed_namespaces = mem_strdup(row->allowed_namespaces);
    copy.tags = mem_strdup(row->tags);
    copy.created_by = mem_strdup(row->created_by);
    copy.updated_by = mem_strdup(row->updated_by);
    copy.paused_by = mem_strdup(row->paused_by);
    return copy;
}

static void review_agents(struct engine *g, struct group *group)
{
    struct member *next;
    for (struct member *m = group->first; m && g->rc == 0; m = next) {
        next = m->next;
        agent_review(g, m->agent);
    }
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_but_case(const char *a, const char *b)
{
    for (; *a && lower(*a) == lower(*b); a++)
        b++;
    return !*a && !*b;
}

/* The live group whose key people would take for this one. NULL: there is none. */
static const struct group *look_alike(const struct engine *g, const char *key)
{
    size_t place = 0;
    for (const struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = group->next_same) {
            const char *other = group->row.key;
            if (!group->deleted && !str_eq(other, key) && same_but_case(other, key)) return group;
        }
    }
    return NULL;
}

/* May a new group have the key? false: answered. */
static bool check_key(const struct engine *g, const char *key, struct reply *r)
{
    if (!str_key_valid(key)) {
        reply_error(r, ERR_INVALID, NULL,
                    "letters, digits, _ and -, at most 63, the first a letter or digit",
                    "key: '%s' is not a worker group's key", key ? key : "");
        return false;
    }
    if (same_but_case(key, STR_DEFAULT_GROUP)) {
        reply_error(r, ERR_INVALID, NULL,
                    "agents and jobs that name no group are in the default group; give this group "
                    "another key",
                    "key: '%s' is reserved for the default group, which is always there", key);
        return false;
    }
    const struct group *other = look_alike(g, key);
    if (other) {
        reply_error(r, ERR_EXISTS, NULL, "use that group, or choose a key that cannot be mistaken",
                    "there is a worker group '%s' already: keys may not differ in case alone",
                    other->row.key);
        return false;
    }
    return true;
}

static void create(struct engine *g, struct group_row *row, struct reply *r)
{
    struct err e;
    if (!check_key(g, row->key, r)) return;
    struct group *group = group_find(g, row->key);
    if (group && !group->deleted) {
        reply_error(r, ERR_EXISTS, NULL, NULL, "there is a worker group '%s' already", row->key);
        return;
    }
    if (group && group->queued > 0) {
        reply_error(r, ERR_CONFLICT, NULL, "try again in a moment",
                    "the worker group '%s' is being deleted: %lld jobs are still to be ended",
                    row->key, (long long)group->queued);
        return;
    }
    if (check_fields(row, &e)) {
        reply_err(r, &e, NULL, NULL);
        return;
    }
    row->created_ms = g->now.wall_ms;
    text_set(&row->created_by, g->by);
    text_set(&row->paused_by, row->paused ? g->by : NULL);
    if (!news_group(g, row)) return;
    group = group_add(g, row);
    if (!store_ok(g, group_read_rules(group, &g->err))) return;
    review_agents(g, group); /* those that stayed to end their attempts */
}

void apply_group_create(struct engine *g, const struct command *c, struct reply *r)
{
    struct group_row row = copy_row(&c->u.group);
    create(g, &row, r);
    group_row_fini(&row);
}

static void update(struct engine *g, struct group_row *row, uint32_t mask, struct reply *r)
{
    struct err e;
    struct group *group = named(g, row->key, r);
    if (!group) return;
    if (check_fields(row, &e)) {
        reply_err(r, &e, NULL, NULL);
        return;
    }
    if (mask & MASK_DESCRIPTION) text_take(&group->row.description, &row->description);
    if (mask & MASK_REQUIRE) text_take(&group->row.require, &row->require);
    if (mask & MASK_NAMESPACES) text_take(&group->row.allowed_namespaces, &row->allowed_namespaces);
    if (mask & MASK_TAGS) text_take(&group->row.tags, &row->tags);
    if (mask & MASK_MAX_QUEUED) group->row.max_queued = row->max_queued;
    text_set(&group->row.updated_by, g->by);
    if (!news_group(g, &group->row)) return;
    if (!store_ok(g, group_read_rules(group, &g->err))) return;
    if (mask & MASK_REQUIRE) review_agents(g, group);
}

void apply_group_update(struct engine *g, const struct command *c, struct reply *r)
{
    struct group_row row = copy_row(&c->u.group);
    update(g, &row, c->mask, r);
    group_row_fini(&row);
}

static void set_paused(struct engine *g, const struct command *c, bool paused, struct reply *r)
{
    struct group *group = named(g, c->text, r);
    if (!group) return;
    if (group->row.paused != paused) {
        group->row.paused = paused;
        text_set(&group->row.paused_by, paused ? g->by : NULL);
        if (!news_group(g, &group->row)) return;
        if (!paused) group_set_dirty(g, group);
    }
}

void apply_group_pause(struct engine *g, const struct command *c, struct reply *r)
{
    set_paused(g, c, true, r);
}

void apply_group_resume(struct engine *g, const struct command *c, struct reply *r)
{
    set_paused(g, c, false, r);
}

/* ---- delete ---- */

/* false: answered that a flow sends jobs there. */
static bool no_flow_names_it(struct engine *g, const struct group *group, struct reply *r)
{
    struct flow_row f;
    int rc = store_flow_find_naming(g->store, group->row.key, &f, &g->err);
    if (!store_ok(g, rc)) return false;
    if (rc == 1) {
        reply_error(r, ERR_CONFLICT, NULL,
                    "apply the flow with another group; with --force its tasks fail from now on",
                    "the flow %s/%s sends jobs to the worker group '%s'", f.ns, f.id,
                    group->row.key);
        flow_row_fini(&f);
        return false;
    }
    if (g->flows_unread) {
        reply_error(r, ERR_UNAVAILABLE, NULL, "try again in a moment",
                    "after the upgrade the coordinator still reads which worker groups the flows "
                    "name");
        return false;
    }
    return true;
}

static bool may_delete(struct engine *g, const struct group *group, bool force, struct reply *r)
{
    if (force) return true;
    int64_t running = group->assigned, waiting = group->queued + group->retrying;
    if (running + waiting > 0) {
        reply_error(r, ERR_CONFLICT, NULL,
                    "with --force the queued ones end as FAILED (group-deleted), the running "
                    "ones run on",
                    "the worker group '%s' has %lld queued and %lld running jobs", group->row.key,
                    (long long)waiting, (long long)running);
        return false;
    }
    size_t place = 0;
    for (const struct namespace *n; (n = map_next(&g->namespaces, &place)) != NULL;) {
        for (; n; n = n->next_same) {
            if (n->row.groupless || !str_eq(n->row.group, group->row.key)) continue;
            reply_error(r, ERR_CONFLICT, NULL, "cadre namespace set gives it another group",
                        "the namespace %s sends its jobs to the worker group '%s'", n->row.ns,
                        group->row.key);
            return false;
        }
    }
    return no_flow_names_it(g, group, r);
}

void apply_group_delete(struct engine *g, const struct command *c, struct reply *r)
{
    struct group *group = named(g, c->text, r);
    if (group && group == g->default_group) {
        reply_error(r, ERR_INVALID, NULL, "it can be paused and limited",
                    "key: the default group cannot be deleted: jobs and agents that name no group "
                    "are in it");
        return;
    }
    if (!group || !may_delete(g, group, c->flag, r)) return;
    if (!store_ok(g, store_group_delete(g->store, group->row.key, &g->err))) return;
    news_add(g, NEWS_GROUPS);
    group->deleted = true;
    group->deleted_in = g->groups_went_in = g->batch;
    group_end_retrying(g, group);
    review_agents(g, group);
    if (g->rc) return;
    group_watch(g, group);
}
