/* See birth.h. */
#include "platform/linux/birth.h"

#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000
#define MARGIN_NS 1000 /* the kernel's reading and ours may differ by some ns */

void birth_clock_init(struct birth_clock *c)
{
    long per_s = sysconf(_SC_CLK_TCK);
    *c = (struct birth_clock){0};
    if (per_s > 0 && NS_PER_S % per_s == 0) c->tick_ns = NS_PER_S / per_s;
}

int64_t birth_now_ns(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_BOOTTIME, &t) != 0) return 0;
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* 0: the two readings lie in different ticks. */
static uint64_t tick_of(const struct birth_clock *c, struct birth b)
{
    if (c->tick_ns == 0 || b.before_ns <= MARGIN_NS || b.after_ns < b.before_ns) return 0;
    int64_t first = (b.before_ns - MARGIN_NS) / c->tick_ns;
    int64_t last = (b.after_ns + MARGIN_NS) / c->tick_ns;
    return first == last ? (uint64_t)first : 0;
}

uint64_t birth_ticks(const struct birth_clock *c, struct birth b)
{
    return c->differs || c->lessons < BIRTH_LESSONS ? 0 : tick_of(c, b);
}

void birth_learn(struct birth_clock *c, struct birth b, uint64_t ticks)
{
    uint64_t ours = tick_of(c, b);
    if (ours == 0) return;
    if (ours == ticks)
        c->lessons++;
    else
        c->differs = true;
}
