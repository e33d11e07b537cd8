/* When a child was born, in the unit in which /proc tells it (proc(5), field 22 of stat), by the
 * clock: to read it there takes an eighth of what a short job costs the agent. The kernel notes
 * CLOCK_BOOTTIME while it makes the process, between two readings of ours. Where both lie in one
 * tick, that is the tick. Whether /proc sees the same clock (sandboxes need not) is learned from
 * the first children, of which both are asked. */
#ifndef CADRE_PLATFORM_LINUX_BIRTH_H
#define CADRE_PLATFORM_LINUX_BIRTH_H

#include <stdbool.h>
#include <stdint.h>

#define BIRTH_LESSONS 4 /* children whose births agreed, before the clock alone is asked */

struct birth_clock {
    int64_t tick_ns; /* 0: this machine's ticks are no whole ns */
    int lessons;
    bool differs; /* once is enough */
};

struct birth {
    int64_t before_ns, after_ns; /* readings around it */
};

void birth_clock_init(struct birth_clock *c);
int64_t birth_now_ns(void);
/* Clock ticks after boot; 0: the clock does not tell, /proc has to be read. */
uint64_t birth_ticks(const struct birth_clock *c, struct birth b);
/* What /proc says of such a child. */
void birth_learn(struct birth_clock *c, struct birth b, uint64_t ticks);

#endif
