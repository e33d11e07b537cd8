#include "wire/turn.h"

void turn_worked(struct turn *t)
{
    t->busy = true;
}

void turn_begin(struct turn *t, int64_t now_ns)
{
    if (t->since_ns > 0) t->credit_ns += now_ns - t->since_ns;
    if (t->credit_ns > TURN_SHARE_MOST_NS) t->credit_ns = TURN_SHARE_MOST_NS;
    if (!t->busy || t->since_ns == 0) t->credit_ns = 1;
    t->busy = false;
    t->since_ns = now_ns;
}

bool turn_may_step(const struct turn *t)
{
    return t->credit_ns > 0;
}

void turn_stepped(struct turn *t, int64_t now_ns)
{
    t->credit_ns -= now_ns - t->since_ns;
    t->since_ns = now_ns;
}

void turn_end(struct turn *t, bool waits)
{
    if (!waits) *t = (struct turn){0};
}
