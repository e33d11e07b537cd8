/* Effects: a list that grows at its end. */
#include "coordinator/engine/effect.h"

#include "base/mem.h"

#include <stddef.h>

void effects_init(struct effects *l)
{
    *l = (struct effects){0};
    l->last = &l->first;
}

static size_t size_of(enum effect_type type)
{
    const size_t head = offsetof(struct effect, u);
    switch (type) {
    case EFFECT_REPLY:
        return head + sizeof(struct effect_reply);
    case EFFECT_ENROLLED:
        return head + sizeof(struct effect_enrolled);
    case EFFECT_WELCOME:
        return head + sizeof(struct effect_welcome);
    case EFFECT_REFUSED:
        return head + sizeof(struct effect_refused);
    case EFFECT_JOB:
        return head + sizeof(struct effect_job);
    case EFFECT_KILL:
        return head + sizeof(struct effect_kill);
    case EFFECT_ACK:
        return head + sizeof(struct effect_ack);
    case EFFECT_DISCARD:
        return head + sizeof(struct effect_discard);
    case EFFECT_DRAIN:
        return head + sizeof(struct effect_drain);
    case EFFECT_CLOSE:
        return head;
    case EFFECT_JOB_CHANGED:
    case EFFECT_EXECUTION_CHANGED:
        return head + sizeof(struct effect_changed);
    case EFFECT_OUTPUT:
        return head + sizeof(struct effect_output);
    case EFFECT_PUT_OFF:
        return head + sizeof(struct effect_put_off);
    case EFFECT_NOTICE:
    case EFFECT_NOTICE_DROPPED:
        return head + sizeof(struct effect_notice);
    case EFFECT_NEWS:
        return head + sizeof(uint32_t);
    case EFFECT_PROGRESS:
        return head + sizeof(struct effect_progress);
    case EFFECT_TOKEN_REVOKED:
        return head + sizeof(struct effect_revoked);
    case EFFECT_SIGNED_OUT:
        return head + sizeof(struct effect_signed_out);
    }
    return sizeof(struct effect);
}

struct effect *effects_add(struct effects *l, enum effect_type type)
{
    struct effect *x = arena_alloc(&l->memory, size_of(type));
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
    arena_join(&to->memory, &from->memory);
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
    case EFFECT_NOTICE:
    case EFFECT_NOTICE_DROPPED:
        mem_free(x->u.notice.channel);
        mem_free(x->u.notice.event);
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
    for (struct effect *x = l->first; x; x = x->next)
        effect_fini(x);
    arena_fini(&l->memory);
    effects_init(l);
}
