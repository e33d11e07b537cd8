/* What the state machine of attempts tells of itself: see runner_logic.h. */
#include "agent/runner_impl.h"

#include <string.h>

bool runner_logic_draining(const struct runner_logic *r)
{
    return r->draining;
}

const char *runner_logic_unwell(const struct runner_logic *r)
{
    return r->health.state == HEALTH_UNWELL ? err_text(&r->health.reason) : NULL;
}

size_t runner_logic_count(const struct runner_logic *r)
{
    size_t n = 0;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        n++;
    return n;
}

size_t runner_logic_slots_taken(const struct runner_logic *r)
{
    size_t n = remnants_count(&r->remnants);
    /* The coordinator hands out again at once what is declined for one that it does not count. */
    for (const struct attempt *a = r->attempts; a; a = a->next)
        n += !a->silent;
    return n;
}

void runner_logic_read(const struct runner_logic *r, struct meter_reading *out)
{
    out->jobs = runner_logic_count(r);
    out->slots_taken = runner_logic_slots_taken(r);
    memcpy(out->ended, r->voice.ended, sizeof out->ended);
}

int64_t runner_logic_longest_grace_ms(const struct runner_logic *r)
{
    int64_t longest = 0;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->grace_ms > longest) longest = a->grace_ms;
    return longest;
}

bool runner_logic_only_killed(const struct runner_logic *r)
{
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->phase != PHASE_KILLED) return false;
    return r->attempts != NULL;
}

int64_t runner_logic_shortest_lease(const struct runner_logic *r)
{
    int64_t shortest = INT64_MAX;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->face.lease_ms < shortest && a->phase != PHASE_KILLED) shortest = a->face.lease_ms;
    return shortest;
}

int64_t runner_logic_running_lease(const struct runner_logic *r)
{
    int64_t shortest = INT64_MAX;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->face.lease_ms < shortest && !is_unstarted(a) && a->phase != PHASE_KILLED)
            shortest = a->face.lease_ms;
    return shortest;
}
