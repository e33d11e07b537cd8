/* Effects: a list that grows at its end. */
#include "coordinator/engine/effect.h"

#include "base/mem.h"

void effects_init(struct effects *l)
{
    *l = (struct effects){0};
    l->last = &l->first;
}

struct effect *effects_add(struct effects *l, enum effect_type type)
{
    struct effect *x = mem_alloc(sizeof *x);
    x->type = type;
    *l->last = x;
    l->last = &x->next;
    l->count++;
    return x;
}

void effects_move(struct effects *to, struct effects *from)
{
    if (!from->first) return;
    *to->last = from->first;
    to->last = from->last;
    to->count += from->count;
    effects_init(from);
}

static void reply_job_free(struct reply_job *j)
{
    if (!j) return;
    job_row_fini(&j->row);
    mem_free(j->spec);
    mem_free(j->require);
    mem_free(j);
}

void reply_fini(struct reply *r)
{
    for (size_t i = 0; i < r->item_count; i++) {
        if (r->items[i].refused) reply_fini(r->items[i].refused);
        mem_free(r->items[i].refused);
    }
    mem_free(r->items);
    reply_job_free(r->job);
    mem_free(r->hint);
    mem_free(r->json);
    *r = (struct reply){0};
}

static void effect_fini(struct effect *x)
{
    switch (x->type) {
    case EFFECT_REPLY:
        reply_fini(&x->u.reply.reply);
        break;
    case EFFECT_ENROLLED:
        mem_free(x->u.enrolled.name);
        mem_free(x->u.enrolled.group);
        break;
    case EFFECT_REFUSED:
        mem_free(x->u.refused.sentence);
        break;
    case EFFECT_JOB:
        mem_free(x->u.job.spec);
        break;
    case EFFECT_DISCARD:
        mem_free(x->u.discard.reason);
        break;
    case EFFECT_PUT_OFF:
        mem_free(x->u.put_off.json);
        break;
    case EFFECT_DRAIN:
        mem_free(x->u.drain.reason);
        break;
    default:
        break;
    }
}

void effects_clear(struct effects *l)
{
    struct effect *next;
    for (struct effect *x = l->first; x; x = next) {
        next = x->next;
        effect_fini(x);
        mem_free(x);
    }
    effects_init(l);
}
