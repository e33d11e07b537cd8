/* What an agent and its guard share: one slot for each attempt that is held. The memory is mapped
 * by both; the agent takes, fills and frees slots, the guard only ever turns one from held to
 * expired. No lock: whichever of the two is stopped, the other goes on. Times are os_now()'s
 * mono_ms. The agent uses it in guard.c, the guard in
 * linux/guard_main.c and windows/guard_main.c. */
#ifndef CADRE_PLATFORM_GUARD_TABLE_H
#define CADRE_PLATFORM_GUARD_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_MAGIC UINT64_C(0x3164726175476443)
#define GUARD_CAPACITY_MAX 65536u
#define GUARD_MARK_SIZE 64
#define GUARD_CONTAINER_SIZE 120
/* An agent that is alive ends its attempts itself, on time; the guard comes after it. The
 * coordinator waits for the kill grace and 5 s more (PROTOCOL.md 4.5). */
#define GUARD_MARGIN_MS 500

enum guard_state { GUARD_FREE, GUARD_HELD, GUARD_EXPIRED };

/* state: how often the slot was taken, and an enum guard_state in the two lowest bits; so an
 * attempt's value never comes back for another one. The rest is written before the state says held
 * and holds while it does not change, but for pid and start. */
struct guard_slot {
    _Atomic uint64_t state;
    _Atomic int64_t lease_ms;
    _Atomic int32_t pid;   /* 0: nothing was started yet */
    _Atomic int32_t score; /* Linux: its oom_score_adj */
    _Atomic uint64_t
        start; /* Linux: start time of pid in clock ticks, 0: not known yet, pid is not reaped */
    char mark[GUARD_MARK_SIZE];
    char container[GUARD_CONTAINER_SIZE]; /* Windows: name of the Job Object */
};

struct guard_table {
    uint64_t magic;
    uint32_t capacity;
    _Atomic uint32_t top;     /* slots from here on were never taken */
    _Atomic uint32_t closing; /* the agent ends in good order */
    /* the leases count from here: the sending of what the coordinator is known to have heard
     * last */
    _Atomic int64_t base_ms;
    /* until then the guard may sleep; 0: it does not watch yet */
    _Atomic int64_t sleeps_until_ms;
    /* Linux: what the guard has to know of the agent; written before the first slot is taken */
    int32_t agent_pid, agent_session, oom_base;
    char boot_id[64];
    char cgroup_base[512]; /* "": none */
    struct guard_slot slots[];
};

size_t guard_table_size(uint32_t capacity); /* bytes to map */
/* In zeroed memory of that size. */
void guard_table_init(struct guard_table *t, uint32_t capacity);
/* Is this one, and does it fit? */
bool guard_table_fits(const struct guard_table *t, size_t bytes);

enum guard_state guard_state_of(uint64_t state);

/* The slots that the agent may take. Its own business. */
struct guard_free_slots {
    uint32_t *items; /* the last one is taken first: few pages are ever touched */
    uint32_t count;
};

void guard_free_slots_init(struct guard_free_slots *f, uint32_t capacity);
void guard_free_slots_fini(struct guard_free_slots *f);

/* What an attempt asks of the guard. mark and container have to fit. */
struct guard_claim {
    const char *mark;
    const char *container; /* Windows: name of the Job Object, else "" */
    int64_t lease_ms;
    int32_t score; /* Linux: its oom_score_adj */
};

/* The agent's side. Nothing is started before a call of guard_table_hold. Returns the state that
 * the slot has now. *kick: the guard sleeps for longer than this attempt has: wake it. */
uint64_t guard_table_hold(struct guard_table *t, uint32_t slot, const struct guard_claim *claim,
                          bool *kick);
/* true: the guard had ended it. */
bool guard_table_free(struct guard_table *t, uint32_t slot);

/* The guard's side. What is over at now_ms becomes expired; returns when the next one is over,
 * INT64_MAX: none is held. */
int64_t guard_table_expire(struct guard_table *t, int64_t now_ms);
/* Says until when the guard sleeps. False: a slot was taken meanwhile that is over before: do
 * not. */
bool guard_table_sleep(struct guard_table *t, int64_t until_ms);

/* A slot as it was at one moment. False: it is free. */
struct guard_attempt {
    uint64_t state;
    int32_t pid, score;
    uint64_t start;
    char mark[GUARD_MARK_SIZE], container[GUARD_CONTAINER_SIZE];
};
bool guard_table_read(struct guard_table *t, uint32_t slot, struct guard_attempt *out);

#endif
