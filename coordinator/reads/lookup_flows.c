/* Looking up flows and their triggers. */
#include "coordinator/reads/lookup.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/flow.h"
#include "coordinator/reads/job_json.h"
#include "coordinator/reads/known.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_trigger.h"

#include <string.h>

/* ---- flows ---- */

static void put_row(struct jw *w, const struct flow_row *row)
{
    jw_str(w, "namespace", row->ns);
    jw_str(w, "id", row->id);
    jw_int(w, "revision", row->revision);
    jw_time(w, "createdAt", row->created_ms);
    jw_time(w, "updatedAt", row->updated_ms);
    jw_str(w, "updatedBy", row->updated_by);
}

static void put_input(struct jw *w, const struct flow_input *in)
{
    jw_object(w, NULL);
    jw_str(w, "id", in->id);
    jw_str(w, "type", flow_input_type_names[in->type]);
    jw_bool(w, "required", in->required);
    jw_tree(w, "defaults", in->defaults);
    jw_str(w, "description", in->description);
    if (in->type == INPUT_SELECT || in->type == INPUT_MULTISELECT) {
        jw_array(w, "values");
        for (size_t i = 0; i < in->value_count; i++)
            jw_str(w, NULL, in->values[i]);
        jw_end(w);
        jw_bool(w, "allowCustomValue", in->custom);
    }
    if (in->type == INPUT_ARRAY) jw_str(w, "itemType", flow_input_type_names[in->item]);
    if (in->has_min) jw_num(w, "min", in->min);
    if (in->has_max) jw_num(w, "max", in->max);
    jw_end(w);
}

static void put_flow(struct jw *w, const struct flow *f)
{
    jw_str(w, "description", f->description);
    jw_bool(w, "disabled", f->disabled);
    jw_tree(w, "labels", f->labels);
    jw_array(w, "inputs");
    for (size_t i = 0; i < f->input_count; i++)
        put_input(w, &f->inputs[i]);
    jw_end(w);
    jw_array(w, "tasks");
    for (size_t i = 0; i < f->task_count; i++)
        jw_str(w, NULL, f->tasks[i].id);
    jw_end(w);
    jw_array(w, "triggers");
    for (size_t i = 0; i < f->trigger_count; i++)
        jw_str(w, NULL, f->triggers[i].id);
    jw_end(w);
}

static int unknown_flow(struct lookup *l, int rc)
{
    if (rc == ERR_NOT_FOUND)
        problem_set(&l->problem, 404, "not-found", "'cadre flow list' shows them",
                    "there is no flow %.200s/%.100s%s", l->ns, l->flow,
                    l->number ? " of this revision" : "");
    return rc;
}

int lookup_flow(struct lookup *l, struct reader *r, struct err *e)
{
    struct flow_row row;
    struct flow_problems problems = {0};
    struct flow *f = NULL;
    int rc = reader_flow(r, l->ns, l->flow, l->number, &row, e);
    if (rc) return unknown_flow(l, rc);
    struct jw *w = &l->answer.w;
    put_row(w, &row);
    /* a flow that an older version accepted may be invalid now; its source is shown all the same */
    if (flow_parse("flow", row.source, strlen(row.source), &flow_stored, &problems, &f) == 0) {
        put_flow(w, f);
        flow_free(f);
    }
    flow_problems_fini(&problems);
    jw_str(w, "source", row.source);
    flow_row_fini(&row);
    return 0;
}

static int on_flow(const struct flow_row *row, int64_t triggers, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    put_row(&l->answer.w, row);
    jw_int(&l->answer.w, "triggers", triggers);
    list_row_end(&l->list, "%s/%s", row->ns, row->id);
    return 0;
}

int lookup_flows(struct lookup *l, struct reader *r, struct err *e)
{
    char *passed = NULL;
    struct flow_filter f = {.ns = l->ns,
                            .after_ns = l->list.after[0],
                            .after_id = l->list.after[1],
                            .limit = l->list.limit,
                            .passed = &passed};
    bool more = false;
    list_begin(&l->list, &l->answer);
    int rc = reader_flows(r, &f, on_flow, l, &more, e);
    list_passed(&l->list, passed);
    list_end(&l->list, more);
    return rc;
}

static int on_revision(const struct flow_row *row, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    jw_int(&l->answer.w, "revision", row->revision);
    jw_time(&l->answer.w, "createdAt", row->updated_ms);
    jw_str(&l->answer.w, "createdBy", row->updated_by);
    list_row_end(&l->list, "%lld", (long long)row->revision);
    return 0;
}

int lookup_revisions(struct lookup *l, struct reader *r, struct err *e)
{
    struct revision_filter f = {.ns = l->ns,
                                .flow = l->flow,
                                .before = l->list.place,
                                .limit = l->list.limit};
    struct name_asked asked = {.of = NAME_FLOW, .name = l->flow, .ns = l->ns, .exact = true};
    char *nearest = NULL;
    bool more = false;
    int rc = reader_knows(r, &asked, &nearest, e);
    mem_free(nearest);
    if (rc <= 0) return unknown_flow(l, rc ? rc : ERR_NOT_FOUND);
    list_begin(&l->list, &l->answer);
    rc = reader_flow_revisions(r, &f, on_revision, l, &more, e);
    list_end(&l->list, more);
    return unknown_flow(l, rc);
}

/* ---- triggers ---- */

/* The execution that holds it back; 0: none does. */
static int64_t held_by(struct reader *r, const struct trigger_row *t, enum execution_state *state)
{
    struct execution_row x;
    if (t->kind != TRIGGER_POLLING || t->disabled || t->job || t->concurrent || !t->execution)
        return 0;
    if (reader_execution(r, t->execution, &x, NULL) != 0) return 0;
    *state = x.state;
    execution_row_fini(&x);
    return execution_is_final(*state) ? 0 : t->execution;
}

/* nextAt stands for a time that is to come: while it is evaluated or held back, nobody knows it. */
static void put_trigger(struct jw *w, struct reader *r, const struct trigger_row *t)
{
    enum execution_state state;
    bool now = t->job != 0 || held_by(r, t, &state) != 0;
    char interval[DURATION_TEXT_SIZE];
    duration_format(t->interval_ms, interval);
    bool polls = t->kind == TRIGGER_POLLING;
    jw_str(w, "namespace", t->ns);
    jw_str(w, "flow", t->flow);
    jw_str(w, "id", t->name);
    jw_str(w, "kind", trigger_kind_names[t->kind]);
    jw_bool(w, "disabled", t->disabled);
    jw_str(w, "reason", t->why);
    jw_str(w, "disabledBy", t->disabled_by);
    jw_bool(w, "allowConcurrent", t->concurrent);
    jw_str(w, "interval", polls ? interval : NULL);
    jw_str(w, "cron", t->cron);
    jw_str(w, "timezone", t->zone);
    jw_time(w, "nextAt", t->disabled || now ? 0 : t->next_ms);
    jw_id(w, "job", t->job);
    jw_str(w, "result", evaluation_names[t->result]);
    jw_str(w, "message", t->message);
    jw_time(w, "evaluatedAt", t->ended_ms);
    jw_id(w, "execution", t->execution);
    jw_int(w, "evaluations", t->evaluations);
    jw_int(w, "fired", t->fired);
    jw_int(w, "errors", t->errors);
    jw_int(w, "skipped", t->skipped);
    if (t->kind == TRIGGER_SCHEDULE) {
        jw_int(w, "missed", t->missed);
        jw_int(w, "backlog", t->backlog);
    } else {
        jw_null(w, "missed");
        jw_null(w, "backlog");
    }
}

static int on_evaluation(const struct evaluation_row *v, void *user)
{
    struct jw *w = user;
    jw_object(w, NULL);
    jw_int(w, "number", v->number);
    jw_str(w, "result", evaluation_names[v->result]);
    if (v->exited)
        jw_int(w, "exitCode", v->exit_code);
    else
        jw_null(w, "exitCode");
    jw_str(w, "message", v->message);
    jw_time(w, "plannedAt", v->planned_ms);
    jw_int(w, "moments", v->moments);
    jw_id(w, "job", v->job);
    jw_id(w, "execution", v->execution);
    jw_time(w, "startedAt", v->started_ms);
    jw_time(w, "endedAt", v->ended_ms);
    jw_end(w);
    return 0;
}

static void put_waiting(struct lookup *l, struct reader *r, const struct trigger_row *t)
{
    struct jw *w = &l->answer.w;
    enum execution_state state;
    char id[ID_TEXT_SIZE], message[128];
    int64_t execution = held_by(r, t, &state);
    if (!execution) {
        jw_raw(w, "waiting", t->job ? l->waiting : NULL);
        return;
    }
    id_format(execution, id);
    (void)str_format(message, sizeof message, "the execution %s that it started is %s", id,
                     fsm_name(&execution_fsm, (int)state));
    jw_object(w, "waiting");
    jw_str(w, "code", "execution");
    jw_str(w, "message", message);
    jw_end(w);
}

static int show_trigger(struct lookup *l, struct reader *r, const struct trigger_row *t,
                        struct err *e)
{
    put_trigger(&l->answer.w, r, t);
    put_waiting(l, r, t);
    jw_array(&l->answer.w, "history");
    int rc = reader_evaluations(r, t->id, on_evaluation, &l->answer.w, e);
    jw_end(&l->answer.w);
    return rc;
}

int lookup_trigger(struct lookup *l, struct reader *r, struct err *e)
{
    struct trigger_row t;
    int rc = reader_trigger(r, l->ns, l->flow, l->name, &t, e);
    if (rc == ERR_NOT_FOUND)
        problem_set(&l->problem, 404, "not-found", "'cadre trigger list' shows them",
                    "there is no trigger %.100s/%.100s/%.100s", l->ns, l->flow, l->name);
    if (rc) return rc;
    struct job_view v;
    if (l->may_wait && t.job && reader_job(r, t.job, &v, NULL) == 0) {
        l->waits = job_json_waits(v.job.state);
        l->found = t.job;
        job_view_fini(&v);
    }
    if (!l->waits) rc = show_trigger(l, r, &t, e);
    trigger_row_fini(&t);
    return rc;
}

static int on_webhook(int64_t trigger, const char *key_hash, void *user)
{
    struct lookup *l = user;
    size_t len = strlen(l->name);
    if (strlen(key_hash) == len && str_secret_eq(key_hash, l->name, len)) l->found = trigger;
    return 0;
}

int lookup_webhook(struct lookup *l, struct reader *r, struct err *e)
{
    return reader_each_webhook(r, l->ns, l->flow, on_webhook, l, e);
}

struct trigger_page {
    struct lookup *l;
    struct reader *r;
};

static int on_trigger(const struct trigger_row *t, void *user)
{
    const struct trigger_page *p = user;
    struct list *list = &p->l->list;
    if (!list_row(list)) return 1;
    put_trigger(&p->l->answer.w, p->r, t);
    list_row_end(list, "%s/%s/%s", t->ns, t->flow, t->name);
    return 0;
}

static int on_upcoming(const struct trigger_row *t, void *user)
{
    const struct trigger_page *p = user;
    if (!list_row(&p->l->list)) return 1;
    put_trigger(&p->l->answer.w, p->r, t);
    list_row_end(&p->l->list, "%lld/%lld", (long long)t->next_ms, (long long)t->id);
    return 0;
}

/* *out: what the part of the cursor says; 0: there is none. */
static bool read_part(const struct list *list, size_t part, int64_t *out)
{
    *out = 0;
    return !list->after[part] || (str_int64(list->after[part], out) == 0 && *out > 0);
}

int lookup_upcoming(struct lookup *l, struct reader *r, struct err *e)
{
    struct upcoming_filter f = {.ns = l->ns, .flow = l->flow, .limit = l->list.limit};
    struct trigger_page p = {l, r};
    struct name_asked flow = {.of = NAME_FLOW, .name = l->flow, .ns = l->ns};
    struct upcoming_place next = {0};
    int rc = l->flow ? known_name(l, r, &flow, e) : 0;
    if (rc) return rc;
    if (!read_part(&l->list, 0, &f.after.ms) || !read_part(&l->list, 1, &f.after.id)) {
        (void)problem_field(&l->problem, "cursor", "the cursor is not one of this list");
        return ERR_INVALID;
    }
    list_begin(&l->list, &l->answer);
    rc = reader_upcoming(r, &f, on_upcoming, &p, &next, e);
    if (next.ms) list_skip(&l->list, "%lld/%lld", (long long)next.ms, (long long)next.id);
    list_end(&l->list, next.ms != 0);
    return rc;
}

int lookup_triggers(struct lookup *l, struct reader *r, struct err *e)
{
    char *passed = NULL;
    struct trigger_filter f = {.ns = l->ns,
                               .flow = l->flow,
                               .after_ns = l->list.after[0],
                               .after_flow = l->list.after[1],
                               .after_name = l->list.after[2],
                               .limit = l->list.limit,
                               .passed = &passed};
    bool more = false;
    struct name_asked flow = {.of = NAME_FLOW, .name = l->flow, .ns = l->ns};
    int rc = l->flow ? known_name(l, r, &flow, e) : 0;
    if (rc) return rc;
    list_begin(&l->list, &l->answer);
    struct trigger_page p = {l, r};
    rc = reader_triggers(r, &f, on_trigger, &p, &more, e);
    list_passed(&l->list, passed);
    list_end(&l->list, more);
    return rc;
}
