/* The values (flow_each_value) stand in the row of the run from its beginning on, so that each
 * iteration comes once whatever they would come to later. */
#include "coordinator/engine/iteration.h"

#include "base/mem.h"

#include <string.h>

_Static_assert(FLOW_EACH_MAX <= RUN_BRANCHES, "each value has a task run");

bool iteration_begin(struct engine *g, struct run *r, struct task_context *c, struct flaw *flaw)
{
    const struct flow_task *t = &r->x->revision->parsed->tasks[r->task];
    struct json *said = task_value(g, r, t->control->values, c, flaw), *list = NULL;
    if (!said) {
        if (g->rc == 0) (void)err_wrap(&flaw->err, "values");
        return false;
    }
    int rc = flow_each_value(t->work.kind, said, &list, &flaw->err);
    json_free(said);
    if (rc) {
        flaw->reason = rc == ERR_TOO_LARGE ? REASON_LIMIT : REASON_NOT_STARTED;
        (void)err_wrap(&flaw->err, "values");
        return false;
    }
    char *stored = json_text(list);
    if (strlen(stored) > EXPR_VALUE_MAX) {
        flaw->reason = REASON_PAYLOAD_TOO_LARGE;
        (void)err_set(&flaw->err, ERR_TOO_LARGE, "values: they have more than 256 KiB together");
        json_free(list);
        mem_free(stored);
        return false;
    }
    mem_free(r->row.value);
    r->row.value = stored;
    r->values = list;
    r->next_value = json_first(list);
    return true;
}

/* After a start: behind those that have begun. */
static void load(struct run *r)
{
    if (r->values || !r->row.value) return;
    if (json_parse(r->row.value, strlen(r->row.value), &r->values, NULL)) return;
    text_set(&r->row.value, NULL); /* the store has it */
    r->next_value = json_first(r->values);
    for (int64_t i = 0; i < r->has.iterations && r->next_value; i++)
        r->next_value = json_next(r->next_value);
}

bool iteration_is_left(struct run *r)
{
    load(r);
    return r->next_value != NULL;
}

char *iteration_take(struct run *r)
{
    char *text = json_text(r->next_value);
    r->next_value = json_next(r->next_value);
    return text;
}
