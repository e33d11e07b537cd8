/* Changes of triggers by operators and by new revisions of a flow. */
#include "coordinator/engine/trigger_follow.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/backfill.h"
#include "coordinator/engine/listener.h"
#include "coordinator/engine/news.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/engine/trigger.h"

#include <string.h>

#define WHY_FILE "disabled in the flow"

/* ---- a new revision ---- */

/* What an evaluation would be made of, as text. mem_free; NULL: it cannot be rendered. */
static char *check_text(const struct engine *g, const struct flow *f, const struct flow_trigger *t)
{
    struct expr_values v = {.now_ms = 1, .zones = g->zones}; /* the same for both */
    struct flow_job job = {0};
    flow_values(f, &v);
    if (flow_render(f, &t->work, &v, SIZE_MAX / 4, &job, NULL)) return NULL;
    const struct job_row *row = &job.row;
    char *require = t->work.require ? json_text(t->work.require) : NULL;
    char *text = str_dupf("%s|%s|%d|%s|%lld|%lld|%lld|%lld|%lld", row->group ? row->group : "",
                          job.fallback_given ? fallback_names[row->fallback] : "",
                          (int)row->retry.type, require ? require : "", (long long)row->timeout_ms,
                          (long long)row->queue_timeout_ms, (long long)row->lease_ms,
                          (long long)row->kill_grace_ms, (long long)row->priority);
    char *all =
        str_dupf("%s|%d|%lld|%d|%s", text, t->by_code, (long long)t->fire_code, t->edge, job.spec);
    mem_free(require);
    mem_free(text);
    mem_free(job.spec);
    job_row_fini(&job.row);
    return all;
}

static bool same_check(const struct engine *g, const struct flow *before, const struct flow *now,
                       const struct flow_trigger *t)
{
    const struct flow_trigger *old = before ? flow_find_trigger(before, t->id) : NULL;
    char *a = old ? check_text(g, before, old) : NULL, *b = check_text(g, now, t);
    bool same = a && b && str_eq(a, b);
    mem_free(a);
    mem_free(b);
    return same;
}

static void forget_trigger(struct trigger *t, const struct execution_list *l)
{
    for (struct execution *x = l->first; x; x = x->next) {
        if (x->trigger == t) x->trigger = NULL;
    }
}

static void remove_trigger(struct engine *g, struct flow_entry *f, struct trigger *t)
{
    trigger_abandon(g, t, "the trigger was removed meanwhile");
    if (g->rc == 0) backfills_end(g, t, "the trigger was removed meanwhile");
    if (g->rc || !store_ok(g, store_trigger_delete(g->store, t->row.id, &g->err))) return;
    news_add(g, NEWS_TRIGGERS);
    struct trigger **at = &f->triggers;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    forget_trigger(t, &f->running);
    forget_trigger(t, &f->queued);
    trigger_free(g, t);
}

void triggers_remove(struct engine *g, struct flow_entry *f)
{
    while (f->triggers && g->rc == 0)
        remove_trigger(g, f, f->triggers);
}

/* Whoever spoke last decides: the flow when it says something new, else an operator or stopAfter.
 * But none of a flow that is disabled as a whole is left on. */
static void follow_disabled(struct trigger_row *row, bool disabled, bool whole_flow)
{
    if (row->file_disabled == disabled && (row->disabled || !whole_flow)) return;
    row->file_disabled = row->disabled = disabled;
    mem_free(row->why);
    row->why = disabled ? mem_strdup(WHY_FILE) : NULL;
    text_set(&row->disabled_by, NULL);
}

/* The name of the zone stays, should the coordinator's default become another. */
static void take_schedule(struct engine *g, struct trigger_row *row, const struct flow_schedule *s)
{
    text_set(&row->cron, s->text);
    text_set(&row->zone, s->zone ? s->zone : g->timezone);
}

/* Whose key stands in the flow has that one. Else its key stays, but not one that stood there. */
static void follow_key(const struct engine *g, struct trigger_row *row, const struct flow *before,
                       const struct flow_trigger *def)
{
    const struct flow_trigger *old = before ? flow_find_trigger(before, def->id) : NULL;
    char hash[65];
    if (def->kind != TRIGGER_WEBHOOK) return;
    if (def->key && g->config.key_hash) {
        g->config.key_hash(def->key, hash);
        text_set(&row->key_hash, hash);
    } else if (def->key || !old || old->key) {
        text_set(&row->key_hash, NULL);
    }
}

static void add_new(struct engine *g, struct flow_entry *f, const struct flow_trigger *def,
                    bool disabled)
{
    struct trigger_row row = {.ns = mem_strdup(f->ns),
                              .flow = mem_strdup(f->id),
                              .name = mem_strdup(def->id),
                              .kind = def->kind,
                              .file_disabled = disabled,
                              .disabled = disabled,
                              .why = disabled ? mem_strdup(WHY_FILE) : NULL,
                              .concurrent = def->allow_concurrent,
                              .interval_ms = def->interval_ms,
                              .next_ms = def->kind == TRIGGER_POLLING ? g->now.wall_ms : 0};
    if (def->schedule) take_schedule(g, &row, def->schedule);
    if (def->schedule) row.planned_ms = g->now.wall_ms;
    follow_key(g, &row, NULL, def);
    if (!store_ok(g, store_trigger_insert(g->store, &row, &row.id, &g->err))) {
        trigger_row_fini(&row);
        return;
    }
    news_add(g, NEWS_TRIGGERS);
    trigger_arm(g, trigger_add(g, f, &row));
}

static bool same_schedule(const struct flow *before, const struct flow_trigger *now)
{
    const struct flow_trigger *old = before ? flow_find_trigger(before, now->id) : NULL;
    return old && old->schedule && str_eq(old->schedule->plan, now->schedule->plan);
}

/* A schedule that says the same as before goes on as it was. */
static void change_schedule(struct engine *g, struct trigger *t, const struct flow *now,
                            const struct flow_trigger *def, bool same)
{
    bool was_disabled = t->row.disabled;
    follow_disabled(&t->row, def->disabled || now->disabled, now->disabled);
    t->row.concurrent = def->allow_concurrent;
    if (t->row.disabled || !same)
        schedule_drop_backlog(g, t,
                              t->row.disabled ? "missed: the trigger was disabled meanwhile"
                                              : "missed: the schedule was changed meanwhile");
    if (g->rc) return;
    if (!same) take_schedule(g, &t->row, def->schedule);
    if (!same || was_disabled) schedule_begin(g, t);
    t->planned = false; /* its jitter may be another */
    if (news_trigger(g, &t->row)) trigger_arm(g, t);
}

static void change(struct engine *g, struct trigger *t, const struct flow *now,
                   const struct flow_trigger *def, bool same)
{
    follow_disabled(&t->row, def->disabled || now->disabled, now->disabled);
    if (t->row.disabled)
        trigger_abandon(g, t, "the trigger was disabled meanwhile");
    else if (!same)
        trigger_abandon(g, t, "the flow was changed meanwhile");
    if (g->rc) return;
    t->row.concurrent = def->allow_concurrent;
    t->row.interval_ms = def->interval_ms;
    if (!same) t->row.holds = false;
    if (!same)
        trigger_set_due(g, t, 0);
    else if (t->due_ms > g->now.mono_ms + def->interval_ms)
        trigger_set_due(g, t, def->interval_ms);
    if (news_trigger(g, &t->row)) trigger_arm(g, t);
}

void triggers_follow(struct engine *g, struct flow_entry *f, const struct flow *before,
                     const struct flow *now)
{
    struct trigger *next;
    for (struct trigger *t = f->triggers; t && g->rc == 0; t = next) {
        const struct flow_trigger *def = flow_find_trigger(now, t->row.name);
        next = t->next;
        if (!def || def->kind != t->row.kind) remove_trigger(g, f, t);
    }
    bool any_new = false;
    for (size_t i = 0; i < now->trigger_count && g->rc == 0; i++) {
        const struct flow_trigger *def = &now->triggers[i];
        struct trigger *t = trigger_find(f, def->id);
        any_new = any_new || !t;
        if (t) follow_key(g, &t->row, before, def);
        if (t && def->kind == TRIGGER_FLOW) listener_add(g, t);
        if (t && def->schedule)
            change_schedule(g, t, now, def, same_schedule(before, def));
        else if (t)
            change(g, t, now, def, same_check(g, before, now, def));
        else
            add_new(g, f, def, def->disabled || now->disabled);
    }
    /* one of the same name may have been taken out a moment ago */
    if (any_new && g->rc == 0) triggers_find_ending(g, f);
}

/* ---- commands ---- */

struct trigger *trigger_named(const struct engine *g, const struct command *c, struct reply *r)
{
    const struct cmd_place *p = &c->u.place;
    struct flow_entry *f = flow_get(g, p->ns, p->flow);
    if (!f || f->deleted) {
        flow_reply_unknown(g, p->ns, p->flow, r);
        return NULL;
    }
    struct trigger *t = trigger_find(f, p->trigger);
    if (t) return t;
    const char *names[FLOW_TRIGGERS_MAX];
    size_t count = 0;
    for (t = f->triggers; t && count < FLOW_TRIGGERS_MAX; t = t->next)
        names[count++] = t->row.name;
    const char *near = str_nearest(p->trigger, names, count);
    char hint[STR_SUGGEST_SIZE];
    reply_error(r, ERR_NOT_FOUND, NULL, str_hint(hint, near), "the flow %s/%s has no trigger '%s'",
                f->ns, f->id, p->trigger);
    return NULL;
}

void apply_trigger_enable(struct engine *g, const struct command *c, struct reply *r)
{
    struct trigger *t = trigger_named(g, c, r);
    char name[FLOW_NAME_SIZE];
    if (!t) return;
    const struct flow *present = flow_present(g, t->flow);
    if (g->rc) return;
    if (present && present->disabled) {
        reply_error(r, ERR_CONFLICT, NULL, "apply it without 'disabled'",
                    "the flow %s is disabled, and with it the trigger %s", flow_name(t->flow, name),
                    t->row.name);
        return;
    }
    if (t->row.disabled) trigger_enable(g, t);
    r->id = t->row.id;
}

void apply_trigger_disable(struct engine *g, const struct command *c, struct reply *r)
{
    struct trigger *t = trigger_named(g, c, r);
    if (!t) return;
    if (!t->row.disabled) trigger_disable(g, t, "disabled by an operator");
    r->id = t->row.id;
}

void apply_trigger_key(struct engine *g, const struct command *c, struct reply *r)
{
    struct trigger *t = trigger_named(g, c, r);
    char name[FLOW_NAME_SIZE];
    if (!t) return;
    const struct flow *f = flow_present(g, t->flow);
    const struct flow_trigger *def = f ? flow_find_trigger(f, t->row.name) : NULL;
    if (g->rc) return;
    if (t->row.kind != TRIGGER_WEBHOOK) {
        reply_error(r, ERR_CONFLICT, NULL, "a webhook has 'webhook: {}'",
                    "the trigger %s of %s is no webhook", t->row.name, flow_name(t->flow, name));
    } else if (!def || def->key) {
        reply_error(r, ERR_CONFLICT, NULL, "write 'webhook: {}' in the place of type and key",
                    "the key of the trigger %s stands in the flow %s", t->row.name,
                    flow_name(t->flow, name));
    } else {
        text_set(&t->row.key_hash, c->text);
        if (news_trigger(g, &t->row)) r->id = t->row.id;
    }
}

void apply_trigger_run(struct engine *g, const struct command *c, struct reply *r)
{
    struct trigger *t = trigger_named(g, c, r);
    char name[FLOW_NAME_SIZE];
    if (!t) return;
    if (t->row.kind == TRIGGER_SCHEDULE) {
        reply_error(r, ERR_CONFLICT, NULL, "cadre flow run starts the flow now",
                    "the trigger %s of %s is a schedule: it fires at its own times", t->row.name,
                    flow_name(t->flow, name));
        return;
    }
    if (t->row.kind == TRIGGER_WEBHOOK || t->row.kind == TRIGGER_FLOW) {
        reply_error(r, ERR_CONFLICT, NULL, "cadre flow run starts the flow now",
                    "the trigger %s of %s is no polling trigger: there is nothing to evaluate",
                    t->row.name, flow_name(t->flow, name));
        return;
    }
    if (t->row.disabled) {
        reply_error(r, ERR_CONFLICT, NULL, "cadre trigger enable turns it on again",
                    "the trigger %s of %s is disabled: %s", t->row.name, flow_name(t->flow, name),
                    t->row.why ? t->row.why : "");
        return;
    }
    if (!t->row.concurrent && t->executions > 0) {
        reply_error(r, ERR_CONFLICT, NULL,
                    "wait for it, cancel it, or set allowConcurrent in the flow",
                    "an execution that the trigger %s of %s started is still under way",
                    t->row.name, flow_name(t->flow, name));
        return;
    }
    if (t->ending) {
        reply_error(r, ERR_CONFLICT, NULL, "try again in a moment",
                    "an evaluation of the trigger %s of %s that was given up is still being ended",
                    t->row.name, flow_name(t->flow, name));
        return;
    }
    if (t->row.job == 0) trigger_evaluate(g, t);
    if (g->rc) return;
    if (t->row.job) {
        r->id = t->row.job;
    } else {
        reply_error(r, ERR_CONFLICT, NULL, NULL, "it could not be evaluated: %s",
                    t->row.message ? t->row.message : "");
    }
}
