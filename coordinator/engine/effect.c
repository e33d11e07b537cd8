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

void effect_fini(struct effect *x)
{
    mem_free(x->hint);
    mem_free(x->json);
    mem_free(x->text);
    mem_free(x->text2);
    x->hint = x->json = x->text = x->text2 = NULL;
}
