/* See selector.h. */
#include "coordinator/engine/selector.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define KIND 4 /* bytes of "all:" */

bool selector_is(const char *key)
{
    return key && (str_starts(key, "all:") || str_starts(key, "any:"));
}

/* The next tag without the blanks around; NULL: there are no more. */
static const char *next_tag(const char **at, size_t *len)
{
    const char *s = *at;
    if (!s) return NULL;
    size_t n = strcspn(s, ",");
    *at = s[n] ? s + n + 1 : NULL;
    while (n > 0 && *s == ' ') {
        s++;
        n--;
    }
    while (n > 0 && s[n - 1] == ' ')
        n--;
    *len = n;
    return s;
}

static bool fits(const struct group *group, const char *selector)
{
    bool all = str_starts(selector, "all:");
    const char *at = selector + KIND;
    size_t len = 0;
    for (const char *tag; (tag = next_tag(&at, &len)) != NULL;)
        if (group_has_tag(group, tag, len) != all) return !all;
    return all;
}

static const char *key_of(const struct group *group)
{
    return group->row.key ? group->row.key : STR_DEFAULT_GROUP;
}

static bool is_better(const struct group *a, const struct group *b)
{
    if (!b) return true;
    if ((a->online > 0) != (b->online > 0)) return a->online > 0;
    if (a->queued != b->queued) return a->queued < b->queued;
    return strcmp(key_of(a), key_of(b)) < 0;
}

typedef void visit_fn(const struct group *group, void *user);

static void each_group(const struct engine *g, visit_fn *visit, void *user)
{
    size_t place = 0;
    bool seen = false;
    for (const struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = group->next_same) {
            seen = seen || group == g->default_group;
            if (!group->deleted) visit(group, user);
        }
    }
    if (!seen) visit(g->default_group, user);
}

struct search {
    const char *selector, *ns;
    const struct group *best, *denied;
    const char *tag; /* looked for */
    size_t len;
    bool there;
    const char **tags; /* of all groups */
    size_t count;
};

static void consider(const struct group *group, void *user)
{
    struct search *s = user;
    if (!fits(group, s->selector)) return;
    if (!group_allows(group, s->ns))
        s->denied = group;
    else if (is_better(group, s->best))
        s->best = group;
}

static void look_for_tag(const struct group *group, void *user)
{
    struct search *s = user;
    s->there = s->there || group_has_tag(group, s->tag, s->len);
    s->tags = mem_resize(s->tags, s->count + 1 + json_count(group->tags), sizeof *s->tags);
    s->tags[s->count++] = key_of(group);
    for (const struct json *j = json_first(group->tags); j; j = json_next(j))
        s->tags[s->count++] = json_str(j, "");
}

static void say_none(const struct engine *g, struct search *s, struct err *e)
{
    char suggestion[STR_SUGGEST_SIZE];
    const char *at = s->selector + KIND;
    bool any = str_starts(s->selector, "any:");
    while ((s->tag = next_tag(&at, &s->len)) != NULL) {
        s->there = false;
        s->count = 0;
        each_group(g, look_for_tag, s);
        if (s->there) continue;
        char *tag = mem_strndup(s->tag, s->len);
        err_set(e, ERR_NOT_FOUND, "there is no worker group with the tag '%.63s'%s", tag,
                str_suggest(suggestion, str_nearest(tag, s->tags, s->count)));
        mem_free(tag);
        break;
    }
    mem_free(s->tags);
    if (!s->tag)
        err_set(e, ERR_NOT_FOUND, "there is no worker group with %s of the tags %.200s",
                any ? "one" : "all", s->selector + KIND);
}

const struct group *selector_pick(const struct engine *g, const char *selector, const char *ns,
                                  struct err *e)
{
    struct search s = {.selector = selector, .ns = ns};
    char name[96];
    each_group(g, consider, &s);
    if (s.best) return s.best;
    if (s.denied)
        err_set(e, ERR_DENIED, "%s does not take jobs of namespace %s", group_name(s.denied, name),
                ns ? ns : "");
    else
        say_none(g, &s, e);
    return NULL;
}
