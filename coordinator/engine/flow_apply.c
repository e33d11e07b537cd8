/* Applying and deleting flows: all files of a command, or none. */
#include "coordinator/engine/flow_apply.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/audit.h"
#include "coordinator/engine/execution.h"
#include "coordinator/engine/namespace.h"
#include "coordinator/engine/news.h"
#include "coordinator/engine/notice.h"
#include "coordinator/engine/notice_flow.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/selector.h"
#include "coordinator/engine/trigger_follow.h"
#include "coordinator/schedule/zones.h"

#include <string.h>

/* ---- checking ---- */

static int check_require(const struct json *object, struct err *e)
{
    struct requires *r = NULL;
    int rc = requires_parse(object, REQUIRES_ASKED, &r, e);
    requires_free(r);
    return rc;
}

/* What is looked at, and what was found. */
struct review {
    const struct engine *g;
    const struct flow *flow;
    const char *file;
    struct flow_problems problems;
    bool groups_only; /* nothing but groups is wrong */
};

static void check_group(const struct flow_group_ref *ref, const char *place, void *user)
{
    struct review *r = user;
    struct err e;
    if (ref->selector) {
        if (!selector_pick(r->g, ref->key, r->flow ? r->flow->ns : NULL, &e))
            flow_problems_add(&r->problems, r->file, ref->line, "%.*sworkerSelector.tags: %s",
                              (int)(strlen(place) - strlen("workerGroup")), place, err_text(&e));
        return;
    }
    const struct group *group = group_find(r->g, ref->key);
    char name[96];
    if (!group || group->deleted) {
        char suggestion[STR_SUGGEST_SIZE];
        const char *near = group_nearest_key(r->g, ref->key);
        flow_problems_add(&r->problems, r->file, ref->line, "%s: there is no worker group '%s'%s",
                          place, ref->key, str_suggest(suggestion, near));
    } else if (r->flow && !group_allows(group, r->flow->ns)) {
        r->groups_only = false;
        flow_problems_add(&r->problems, r->file, ref->line,
                          "%s: %s does not take jobs of namespace %s", place,
                          group_name(group, name), r->flow->ns);
    }
}

static int check_zone(const char *name, void *user, struct err *e)
{
    const struct review *r = user;
    struct zone *z = NULL;
    int rc = zones_open(r->g->zones, name, &z, e);
    zone_free(z);
    return rc;
}

static void check_schedule(struct review *r, const struct flow_trigger *t)
{
    struct err e;
    if (!t->schedule || !t->schedule->zone || check_zone(t->schedule->zone, r, &e) == 0) return;
    r->groups_only = false;
    flow_problems_add(&r->problems, r->file, t->schedule->zone_line, "trigger %s: timezone: %s",
                      t->id, err_text(&e));
}

/* What the parser looks at when it is the engine that has it parse. */
static void check_requires(struct review *r, const struct flow_work *w)
{
    struct err e;
    if (!w->require || check_require(w->require, &e) == 0) return;
    r->groups_only = false;
    flow_problems_add(&r->problems, r->file, w->require_line, "%s", err_text(&e));
}

static void check_twice(struct review *r, const struct cmd_apply *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct flow *f = a->files[i].flow;
        if (!f || !str_eq(f->ns, r->flow->ns) || !str_eq(f->id, r->flow->id)) continue;
        r->groups_only = false;
        flow_problems_add(&r->problems, r->file, r->flow->line, "the flow %s/%s is in %s, too",
                          f->ns, f->id, a->files[i].name ? a->files[i].name : "another file");
    }
}

/* What waited when it was deleted is cancelled in steps, and must not begin with the new one. */
static void check_deleted(struct review *r)
{
    const struct flow_entry *f = flow_get(r->g, r->flow->ns, r->flow->id);
    if (!f || !f->deleted || f->queued.count == 0) return;
    r->groups_only = false;
    flow_problems_add(&r->problems, r->file, r->flow->line,
                      "the flow %s/%s is being deleted, %lld executions are still to be cancelled: "
                      "try again in a moment",
                      f->ns, f->id, (long long)f->queued.count);
}

static void check_channels(struct review *r)
{
    const struct engine_config *c = &r->g->config;
    for (size_t i = 0; i < r->flow->notify_count; i++) {
        const struct flow_notify *n = &r->flow->notify[i];
        char suggestion[STR_SUGGEST_SIZE];
        if (engine_has_channel(r->g, n->channel)) continue;
        str_suggest_nearest(suggestion, n->channel, c->channels, c->channel_count);
        r->groups_only = false;
        flow_problems_add(
            &r->problems, r->file, n->line,
            "notify: there is no channel '%s'%s; 'cadre notify channels' shows those of "
            "coordinator.yaml",
            n->channel, suggestion);
    }
}

static void check_file(struct review *r, const struct cmd_apply *a, size_t n)
{
    struct flow_file *file = &a->files[n];
    bool parsed = file->flow != NULL;
    const struct flow_checks checks = {.require = check_require,
                                       .group = check_group,
                                       .zone = check_zone,
                                       .user = r};
    r->file = file->name;
    r->flow = NULL;
    if (!parsed && flow_parse(file->name, file->source, strlen(file->source), &checks, &r->problems,
                              &file->flow)) {
        r->groups_only = false;
        return;
    }
    r->flow = file->flow;
    check_twice(r, a, n);
    check_deleted(r);
    check_channels(r);
    flow_each_group(r->flow, check_group, r);
    for (size_t i = 0; parsed && i < r->flow->task_count; i++)
        check_requires(r, &r->flow->tasks[i].work);
    for (size_t i = 0; parsed && i < r->flow->trigger_count; i++)
        check_requires(r, &r->flow->triggers[i].work);
    for (size_t i = 0; parsed && i < r->flow->trigger_count; i++)
        check_schedule(r, &r->flow->triggers[i]);
}

static void reply_problems(const struct review *found, struct reply *r)
{
    struct buf text;
    struct jw w;
    buf_init(&text, 4 * 1024 * 1024);
    jw_init(&w, &text);
    jw_array(&w, NULL);
    for (size_t i = 0; i < found->problems.count; i++) {
        const struct flow_problem *p = &found->problems.items[i];
        jw_object(&w, NULL);
        jw_str(&w, "file", p->file);
        jw_int(&w, "line", p->line);
        jw_str(&w, "message", p->sentence);
        jw_end(&w);
    }
    jw_end(&w);
    jw_finish(&w);
    const struct flow_problem *first = &found->problems.items[0];
    const char *file = first->file ? first->file : "flow";
    reply_error(r, ERR_INVALID, found->groups_only ? "unknown-group" : "invalid-flow", NULL,
                "%s:%d: %s", file, first->line, first->sentence);
    reply_json(r, &text);
    buf_fini(&text);
}

/* ---- applying ---- */

enum change { CREATED, CHANGED, UNCHANGED };

static const char *const change_names[] = {"created", "changed", "unchanged"};

static bool is_same(struct engine *g, const struct flow_entry *f, const char *source)
{
    char *present;
    if (f->deleted ||
        !store_ok(g, store_flow_source(g->store, f->ns, f->id, f->revision, &present, &g->err)))
        return false;
    bool same = str_eq(present, source);
    mem_free(present);
    return same;
}

/* The new revision takes the place of the one before; executions keep theirs. */
static void take_revision(struct engine *g, struct flow_entry *f, int64_t number,
                          struct flow_file *file)
{
    struct revision *before = f->revision < number ? revision_get(f, f->revision) : NULL;
    const struct flow *old = before && !f->deleted ? revision_parsed(g, before) : NULL;
    struct revision *r = revision_get(f, number);
    r->parsed = file->flow;
    file->flow = NULL;
    f->revision = number;
    f->deleted = false;
    if (g->rc == 0) triggers_follow(g, f, old, r->parsed);
    if (before) revision_release(before);
    if (g->rc == 0 && f->queued.count > 0) timer_set(g, &f->timer, g->now.mono_ms);
}

static void note_audit(struct engine *g, const struct flow_row *row)
{
    char *what = str_dupf("%s/%s revision %lld", row->ns, row->id, (long long)row->revision);
    audit_about(g, what);
    mem_free(what);
}

/* *revision: the one that is, or would be. */
static enum change apply_file(struct engine *g, struct flow_file *file, bool check_only,
                              int64_t *revision)
{
    struct flow_entry *f = flow_get(g, file->flow->ns, file->flow->id);
    enum change what = !f || f->deleted ? CREATED : CHANGED;
    if (f && is_same(g, f, file->source)) what = UNCHANGED;
    *revision = !f ? 1 : what == UNCHANGED ? f->revision : f->revision + 1;
    if (what == UNCHANGED || check_only || g->rc) return what;
    struct flow_row row = {.ns = file->flow->ns,
                           .id = file->flow->id,
                           .revision = *revision,
                           .source = file->source,
                           .created_ms = f ? f->created_ms : g->now.wall_ms,
                           .updated_ms = g->now.wall_ms,
                           .updated_by = (char *)(uintptr_t)g->by};
    if (!store_ok(g, store_flow_put(g->store, &row, &g->err))) return what;
    news_add(g, NEWS_FLOWS);
    flow_note_groups(g, &row, file->flow);
    if (g->rc) return what;
    note_audit(g, &row);
    if (!f) f = flow_add(g, &row);
    take_revision(g, f, *revision, file);
    return what;
}

static void apply_all(struct engine *g, const struct cmd_apply *a, struct reply *r)
{
    struct buf text;
    struct jw w;
    buf_init(&text, 4 * 1024 * 1024);
    jw_init(&w, &text);
    jw_array(&w, NULL);
    for (size_t i = 0; i < a->count && g->rc == 0; i++) {
        int64_t revision = 0;
        jw_object(&w, NULL);
        jw_str(&w, "namespace", a->files[i].flow->ns);
        jw_str(&w, "id", a->files[i].flow->id);
        enum change what = apply_file(g, &a->files[i], a->check_only, &revision);
        jw_int(&w, "revision", revision);
        jw_str(&w, "change", change_names[what]);
        jw_end(&w);
    }
    if (g->rc == 0) {
        jw_end(&w);
        jw_finish(&w);
        reply_json(r, &text);
    }
    buf_fini(&text);
}

void apply_flow_apply(struct engine *g, const struct command *c, struct reply *r)
{
    const struct cmd_apply *a = &c->u.apply;
    struct review found = {.g = g, .groups_only = true};
    for (size_t i = 0; i < a->count; i++)
        check_file(&found, a, i);
    flow_problems_sort(&found.problems);
    if (found.problems.count > 0)
        reply_problems(&found, r);
    else
        apply_all(g, a, r);
    flow_problems_fini(&found.problems);
}

/* ---- deleting ---- */

void apply_flow_delete(struct engine *g, const struct command *c, struct reply *r)
{
    const struct cmd_place *p = &c->u.place;
    struct flow_entry *f = flow_get(g, p->ns, p->flow);
    if (!f || f->deleted) {
        flow_reply_unknown(g, p->ns, p->flow, r);
        return;
    }
    if (!store_ok(g, store_flow_deleted(g->store, f->ns, f->id, g->now.wall_ms, g->by, &g->err)))
        return;
    news_add(g, NEWS_FLOWS);
    triggers_remove(g, f);
    if (g->rc == 0) notice_flow_deleted(g, f);
    if (g->rc) return;
    f->deleted = true;
    revision_release(revision_get(f, f->revision));
    flow_pump(g, f);
}
