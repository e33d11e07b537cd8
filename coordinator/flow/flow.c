/* A flow's life, and finding things in it. */
#include "coordinator/flow/flow.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/schedule.h"
#include "coordinator/schedule/zones.h"

const char *const flow_input_type_names[INPUT_TYPES] = {"STRING",   "INT",    "FLOAT",
                                                        "BOOLEAN",  "SELECT", "DATE",
                                                        "DATETIME", "TIME",   "DURATION",
                                                        "JSON",     "YAML",   "URI",
                                                        "EMAIL",    "ARRAY",  "MULTISELECT"};

static void group_ref_fini(struct flow_group_ref *g)
{
    mem_free(g->key);
}

static void env_fini(struct flow_env *env, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(env[i].name);
        mem_free(env[i].value);
    }
    mem_free(env);
}

static void work_fini(struct flow_work *w)
{
    for (size_t i = 0; i < w->argc; i++)
        mem_free(w->argv[i]);
    env_fini(w->env, w->env_count);
    mem_free(w->argv);
    mem_free(w->script);
    mem_free(w->condition);
    mem_free(w->workdir);
    group_ref_fini(&w->group);
    json_free(w->require);
}

static void input_fini(struct flow_input *i)
{
    for (size_t n = 0; n < i->value_count; n++)
        mem_free(i->values[n]);
    mem_free(i->values);
    mem_free(i->id);
    mem_free(i->description);
    json_free(i->defaults);
}

static void output_fini(struct flow_output *o)
{
    mem_free(o->id);
    mem_free(o->description);
    json_free(o->value);
}

static void control_free(struct flow_control *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->case_count; i++)
        mem_free(c->cases[i]);
    mem_free(c->cases);
    mem_free(c->value);
    mem_free(c->ns);
    mem_free(c->flow);
    json_free(c->values);
    json_free(c->inputs);
    for (size_t i = 0; i < c->output_count; i++)
        output_fini(&c->outputs[i]);
    mem_free(c->outputs);
    for (size_t i = 0; i < c->resume_count; i++)
        input_fini(&c->resume[i]);
    mem_free(c->resume);
    mem_free(c);
}

static void task_fini(struct flow_task *t)
{
    control_free(t->control);
    mem_free(t->run_if);
    mem_free(t->reads);
    mem_free(t->reads_all);
    mem_free(t->id);
    mem_free(t->description);
    work_fini(&t->work);
}

static void trigger_fini(struct flow_trigger *t)
{
    mem_free(t->id);
    mem_free(t->description);
    work_fini(&t->work);
    flow_schedule_free(t->schedule);
    json_free(t->inputs);
    env_fini(t->labels, t->label_count);
    mem_free(t->key);
    mem_free(t->after.ns);
    mem_free(t->after.flow);
}

void flow_free(struct flow *f)
{
    if (!f) return;
    for (size_t i = 0; i < f->output_count; i++)
        output_fini(&f->outputs[i]);
    mem_free(f->outputs);
    mem_free(f->output_reads);
    for (size_t i = 0; i < f->input_count; i++)
        input_fini(&f->inputs[i]);
    for (size_t i = 0; i < f->task_count; i++)
        task_fini(&f->tasks[i]);
    for (size_t i = 0; i < f->trigger_count; i++)
        trigger_fini(&f->triggers[i]);
    for (size_t i = 0; i < f->notify_count; i++)
        mem_free(f->notify[i].channel);
    mem_free(f->notify);
    mem_free(f->inputs);
    mem_free(f->tasks);
    mem_free(f->triggers);
    mem_free(f->ns);
    mem_free(f->id);
    mem_free(f->description);
    json_free(f->labels);
    json_free(f->vars);
    group_ref_fini(&f->group);
    mem_free(f);
}

const struct flow_task *flow_find_task(const struct flow *f, const char *id)
{
    for (size_t i = 0; i < f->task_count; i++)
        if (str_eq(f->tasks[i].id, id)) return &f->tasks[i];
    return NULL;
}

const struct flow_trigger *flow_find_trigger(const struct flow *f, const char *id)
{
    for (size_t i = 0; i < f->trigger_count; i++)
        if (str_eq(f->triggers[i].id, id)) return &f->triggers[i];
    return NULL;
}

const struct flow_input *flow_find_input(const struct flow *f, const char *id)
{
    for (size_t i = 0; i < f->input_count; i++)
        if (str_eq(f->inputs[i].id, id)) return &f->inputs[i];
    return NULL;
}

static void visit(const struct flow_group_ref *ref, const char *place, flow_group_fn *on_group,
                  void *user)
{
    bool known = ref->key && !expr_has(ref->key);
    if (known && (ref->selector || str_key_valid(ref->key))) on_group(ref, place, user);
}

void flow_each_group(const struct flow *f, flow_group_fn *on_group, void *user)
{
    visit(&f->group, "workerGroup", on_group, user);
    for (size_t i = 0; i < f->task_count; i++) {
        const char *id = f->tasks[i].id;
        char *place =
            id ? str_dupf("task %s: workerGroup", id) : str_dupf("tasks[%zu].workerGroup", i);
        visit(&f->tasks[i].work.group, place, on_group, user);
        mem_free(place);
    }
    for (size_t i = 0; i < f->trigger_count; i++) {
        const char *id = f->triggers[i].id;
        char *place =
            id ? str_dupf("trigger %s: workerGroup", id) : str_dupf("triggers[%zu].workerGroup", i);
        visit(&f->triggers[i].work.group, place, on_group, user);
        mem_free(place);
    }
}

const char *flow_trigger_zone(const struct flow_trigger *t)
{
    return t->schedule ? t->schedule->zone : NULL;
}

bool flow_zone_is_fixed(const char *zone)
{
    struct zones *none = zones_new(NULL);
    struct zone *z = NULL;
    bool fixed = zones_open(none, zone, &z, NULL) == 0;
    zone_free(z);
    zones_free(none);
    return fixed;
}

void flow_values(const struct flow *f, struct expr_values *v)
{
    v->vars = f->vars;
    v->flow_id = f->id;
    v->flow_namespace = f->ns;
}
