/* The guard's own program on Windows. It opens a Job Object when its time is over and at no other
 * time: a handle kept here would keep the job alive when the agent dies, which is what
 * kill-on-close is for. */
#include "platform/guard.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "platform/os.h"
#include "platform/windows/event_log.h"
#include "platform/windows/process_impl.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>

#define PAUSE_MS 20
/* A wait does not count the time that the machine sleeps, but the leases do. */
#define WAIT_MAX_MS 1000
#define ROUNDS_DEAD 250

struct watch {
    struct guard_table *table;
    HANDLE agent, wake;
    uint64_t *seen, *ended; /* per slot: the state last logged, the state without processes */
};

/* true: no process is left in the Job Object */
static bool end_job(const char *name)
{
    wchar_t *wide = wide_from(name);
    HANDLE job = OpenJobObjectW(JOB_OBJECT_TERMINATE | JOB_OBJECT_QUERY, FALSE, wide);
    mem_free(wide);
    if (!job) return GetLastError() == ERROR_FILE_NOT_FOUND;
    TerminateJobObject(job, EXIT_CODE_KILLED);
    bool empty = process_job_active(job) == 0;
    CloseHandle(job);
    return empty;
}

static void report(const struct guard_attempt *a)
{
    char *line = str_dupf(
        "job %s: the lease has ended and the agent has not ended the job; the guard ends it",
        a->mark);
    event_log_write(false, line);
    mem_free(line);
}

/* One pass over the expired slots; with `all`, over all slots. True: some of their processes may be
 * left. */
static bool end_expired(struct watch *w, bool all)
{
    struct guard_attempt a;
    bool left = false;
    for (uint32_t i = 0; i < atomic_load(&w->table->top); i++) {
        if (!guard_table_read(w->table, i, &a) || w->ended[i] == a.state) continue;
        if (!all && guard_state_of(a.state) != GUARD_EXPIRED) continue;
        if (end_job(a.container))
            w->ended[i] = a.state;
        else
            left = true;
        if (!all && w->seen[i] != a.state) report(&a);
        w->seen[i] = a.state;
    }
    return left;
}

/* False: the agent has ended. */
static bool wait_for(const struct watch *w, int64_t ms)
{
    HANDLE handles[2] = {w->agent, w->wake};
    DWORD got = WaitForMultipleObjects(2, handles, FALSE, ms < 0 ? INFINITE : (DWORD)ms);
    return got != WAIT_OBJECT_0 && atomic_load(&w->table->closing) == 0;
}

static void watch_agent(struct watch *w)
{
    for (bool lives = true; lives;) {
        int64_t now_ms = os_mono_ms();
        int64_t until = guard_table_expire(w->table, now_ms);
        if (end_expired(w, false) && now_ms + PAUSE_MS < until) until = now_ms + PAUSE_MS;
        if (!guard_table_sleep(w->table, until)) continue;
        /* the slot was freed during this check */
        int64_t ms = until == INT64_MAX ? -1 : until > now_ms ? until - now_ms : 0;
        if (ms > WAIT_MAX_MS) ms = WAIT_MAX_MS;
        lives = wait_for(w, ms);
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

bool guard_is_asked_for(int argc, char *const *argv)
{
    return argc == 5 && str_eq(argv[1], "guard");
}

static HANDLE take_handle(const char *text)
{
    return (HANDLE)(uintptr_t)strtoull(text, NULL, 16);
}

static struct guard_table *map_table(HANDLE memory)
{
    MEMORY_BASIC_INFORMATION info;
    struct guard_table *t = MapViewOfFile(memory, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
    if (!t) return NULL;
    if (VirtualQuery(t, &info, sizeof info) == sizeof info && guard_table_fits(t, info.RegionSize))
        return t;
    UnmapViewOfFile(t);
    return NULL;
}

int guard_main(int argc, char *const *argv)
{
    struct watch w = {.table = NULL};
    if (argc != 5 || !(w.table = map_table(take_handle(argv[2])))) {
        fputs("cadre-agent: guard is started by 'cadre-agent run', not by hand\n", stderr);
        return 1;
    }
    w.agent = take_handle(argv[3]);
    w.wake = take_handle(argv[4]);
    w.seen = mem_array(w.table->capacity, sizeof *w.seen);
    w.ended = mem_array(w.table->capacity, sizeof *w.ended);
    watch_agent(&w);
    /* A Job Object ends with the agent's handles; this is for a Job Object of which another process
     * has a handle. */
    for (int i = 0; i < ROUNDS_DEAD && end_expired(&w, true); i++)
        Sleep(PAUSE_MS);
    mem_free(w.seen);
    mem_free(w.ended);
    UnmapViewOfFile(w.table);
    return 0;
}
