#include "fleet.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

int fleet_add(struct fleet *f, int64_t slots, const char *caps)
{
    char name[8];
    size_t i = f->count++;
    assert_true(i < FLEET_MOST);
    str_format(name, sizeof name, "a%d", (int)i);
    f->slots[i] = slots;
    f->ids[i] = world_agent(f->w, name, NULL);
    f->sessions[i] = world_connect_caps(f->w, f->ids[i], NULL, slots, caps);
    return (int)i;
}

void fleet_open(struct fleet *f, struct world *w, const int64_t *slots, size_t count)
{
    *f = (struct fleet){.w = w};
    for (size_t i = 0; i < count; i++)
        fleet_add(f, slots[i], "{\"os\":\"linux\"}");
}

void fleet_reconnect(struct fleet *f)
{
    for (size_t i = 0; i < f->count; i++)
        f->sessions[i] = world_connect(f->w, f->ids[i], NULL, f->slots[i]);
}

int fleet_got(const struct fleet *f, int64_t job)
{
    const struct effect *x = world_effect_for(f->w, EFFECT_JOB, job);
    for (size_t i = 0; x && i < f->count; i++) {
        if (f->sessions[i] == x->session) return (int)i;
    }
    return -1;
}

void fleet_unwell(struct fleet *f, int agent, const char *why)
{
    struct command *c = cmd_ready(f->sessions[agent]);
    c->u.ready.unwell = mem_strdup(why);
    assert_int_equal(world_do(f->w, c), 0);
}
