/* As Kestra has it: taskrun.value is that of the iteration at hand, and `parents` are the values of
 * those runs around that have one themselves: the tasks that stand right in an iteration. Beyond
 * that taskrun.value is there at any depth below an iteration. */
#include "coordinator/engine/taskrun.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

bool run_is_iteration(const struct run *r)
{
    return r->row.iteration != RUN_NO_ITERATION && r->up;
}

/* json_free */
static struct json *value_of(const struct run *iteration)
{
    const char *text = iteration->row.value;
    struct json *value = NULL;
    if (!text || json_parse(text, strlen(text), &value, NULL)) return json_new(JSON_NULL);
    if (json_type(value) != JSON_OBJECT) return value;
    struct json *inner = json_copy(json_get(value, "value"));
    json_free(value);
    return inner;
}

static void put_id(struct json *to, const char *key, const struct run *r)
{
    char id[ID_TEXT_SIZE];
    id_format(r->x->row.id, id);
    char *text = str_dupf("%s-%lld", id, (long long)r->row.number);
    json_put(to, key, json_new_str(text));
    mem_free(text);
}

static struct json *parent_value(const struct run *iteration)
{
    struct json *taskrun = json_new(JSON_OBJECT), *parent = json_new(JSON_OBJECT);
    json_put(taskrun, "value", value_of(iteration));
    json_put(parent, "taskrun", taskrun);
    return parent;
}

static void put_parents(struct json *to, const struct run *r)
{
    struct json *parents = json_new(JSON_ARRAY);
    for (const struct run *p = r->up; p && p->up; p = p->up)
        if (!run_is_iteration(p) && run_is_iteration(p->up))
            json_push(parents, parent_value(p->up));
    if (json_count(parents) > 0) json_put(to, "parent", json_copy(json_first(parents)));
    json_put(to, "parents", parents);
}

/* The values that stand in front of the keys of outputs, the outermost first. */
static void put_loops(struct json *to, const struct run *r)
{
    const struct flow *f = r->x->revision->parsed;
    const struct run *found[RUN_DEPTH_MOST + 1];
    size_t count = 0;
    struct json *loops = json_new(JSON_ARRAY);
    for (const struct run *p = r; p && p->up && count <= RUN_DEPTH_MOST; p = p->up) {
        if (!run_is_iteration(p)) continue;
        if (f->tasks[p->task].work.kind == FLOW_LOOP) break;
        found[count++] = p;
    }
    while (count > 0)
        json_push(loops, value_of(found[--count]));
    json_put(to, "loops", loops);
}

struct json *run_taskrun(const struct run *r)
{
    struct json *j = json_new(JSON_OBJECT);
    char text[TIME_TEXT_SIZE];
    const struct run *at = r;
    put_id(j, "id", r);
    time_format(r->row.started_ms, text);
    json_put(j, "startDate", json_new_str(text));
    if (r->up && r->up->up) put_id(j, "parentId", r->up);
    while (at && !run_is_iteration(at))
        at = at->up;
    if (!at) return j;
    json_put(j, "value", value_of(at));
    json_put(j, "iteration", json_new_int(at->row.iteration));
    put_parents(j, r);
    put_loops(j, r);
    return j;
}
