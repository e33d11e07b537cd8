/* The guard on Windows: the agent's side. The guard's own program is guard_main.c. */
#include "platform/guard.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "platform/os.h"
#include "platform/windows/wide.h"

#include <uv.h>
#include <windows.h>
#include <string.h>

#define RISE_POLL_MS 5  /* while one starts */
#define RESTART_MS 1000 /* after one that did not last */
#define GOODBYE_MS 1000
#define LASTS_MS 2000
#define LINE_CHARS 1024
#define PATH_CHARS 32768

struct guard {
    struct guard_options o;
    struct guard_table *table;
    struct guard_free_slots slots;
    HANDLE memory, self, wake; /* what it inherits: the table, our process to wait for, a bell */
    HANDLE process, wait;      /* NULL: no guard is running */
    DWORD pid;
    volatile LONG ended; /* set by a thread of the system */
    uv_async_t async;
    uv_timer_t timer; /* looks whether one is up, or starts another one */
    int open_handles;
    int64_t started_ms;
};

static bool is_full(const struct guard *g)
{
    return g->slots.count == 0;
}

bool guard_ready(const struct guard *g)
{
    return g->process && !is_full(g) && atomic_load(&g->table->sleeps_until_ms) != 0;
}

int64_t guard_pid(const struct guard *g)
{
    return g->process ? (int64_t)g->pid : 0;
}

struct guard_table *guard_table_of(const struct guard *g)
{
    return g->table;
}

/* ---- starting it --------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

/* On a thread of the system. */
static void CALLBACK on_ended(void *context, BOOLEAN timed_out)
{
    struct guard *g = context;
    (void)timed_out;
    InterlockedExchange(&g->ended, 1);
    uv_async_send(&g->async);
}

/* Waits for a callback that is under way. */
static void drop_process(struct guard *g)
{
    if (g->wait) UnregisterWaitEx(g->wait, INVALID_HANDLE_VALUE);
    CloseHandle(g->process);
    g->wait = g->process = NULL;
    g->ended = 0;
}

static void on_async(uv_async_t *async)
{
    struct guard *g = async->data;
    if (!g->ended || !g->process) return;
    bool lasted = os_mono_ms() - g->started_ms > LASTS_MS;
    log_error("guard: its process %lu has ended; no job is started until another one watches",
              g->pid);
    drop_process(g);
    atomic_store(&g->table->sleeps_until_ms, 0);
    uv_timer_start(&g->timer, on_timer, lasted ? 0 : RESTART_MS, 0);
    g->o.on_change(g->o.user);
}

/* 0 or the error of the system. Three handles are inherited, and told by their numbers. */
static DWORD create(const struct guard *g, PROCESS_INFORMATION *info)
{
    HANDLE handles[3] = {g->memory, g->self, g->wake};
    wchar_t *file = mem_array(PATH_CHARS, sizeof *file), line[LINE_CHARS], env[2] = {0};
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST list = mem_alloc(size);
    STARTUPINFOEXW start;
    memset(&start, 0, sizeof start);
    start.StartupInfo.cb = sizeof start;
    start.StartupInfo.dwFlags = STARTF_USESTDHANDLES; /* none */
    start.lpAttributeList = list;
    swprintf(line, LINE_CHARS, L"cadre-agent guard %llx %llx %llx",
             (unsigned long long)(uintptr_t)handles[0], (unsigned long long)(uintptr_t)handles[1],
             (unsigned long long)(uintptr_t)handles[2]);
    DWORD error = 0;
    DWORD n = GetModuleFileNameW(NULL, file, PATH_CHARS);
    if (n == 0 || n == PATH_CHARS || !InitializeProcThreadAttributeList(list, 1, 0, &size)) {
        error = n == PATH_CHARS ? ERROR_INSUFFICIENT_BUFFER : GetLastError();
    } else {
        /* no console: Ctrl-C and its like are not for it */
        DWORD flags = CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT | DETACHED_PROCESS |
                      CREATE_NEW_PROCESS_GROUP;
        if (!UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                       sizeof handles, NULL, NULL) ||
            !CreateProcessW(file, line, NULL, NULL, TRUE, flags, env, NULL, &start.StartupInfo,
                            info))
            error = GetLastError();
        DeleteProcThreadAttributeList(list);
    }
    mem_free(list);
    mem_free(file);
    return error;
}

static int start(struct guard *g, struct err *e)
{
    PROCESS_INFORMATION info;
    DWORD error = create(g, &info);
    if (error != 0) return wide_fail(e, error, "start", "the guard");
    CloseHandle(info.hThread);
    g->process = info.hProcess;
    g->pid = info.dwProcessId;
    g->started_ms = os_mono_ms();
    g->ended = 0;
    if (!RegisterWaitForSingleObject(&g->wait, g->process, on_ended, g, INFINITE,
                                     WT_EXECUTEONLYONCE)) {
        /* one whose end nobody sees is none */
        error = GetLastError();
        g->wait = NULL;
        TerminateProcess(g->process, 1);
        drop_process(g);
        return wide_fail(e, error, "watch", "the guard");
    }
    uv_timer_start(&g->timer, on_timer, RISE_POLL_MS, RISE_POLL_MS);
    return 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct guard *g = timer->data;
    struct err e;
    if (!g->process) {
        if (start(g, &e) != 0) {
            log_error("guard: %s", err_text(&e));
            uv_timer_start(&g->timer, on_timer, RESTART_MS, 0);
        }
        return;
    }
    if (atomic_load(&g->table->sleeps_until_ms) == 0) return;
    uv_timer_stop(timer);
    log_info("guard: process %lu watches", g->pid);
    g->o.on_change(g->o.user);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int make_shared(struct guard *g, uint32_t capacity, struct err *e)
{
    SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
    size_t bytes = guard_table_size(capacity);
    HANDLE self = GetCurrentProcess();
    g->memory = CreateFileMappingW(INVALID_HANDLE_VALUE, &inherit, PAGE_READWRITE,
                                   (DWORD)((uint64_t)bytes >> 32), (DWORD)bytes, NULL);
    g->wake = CreateEventW(&inherit, FALSE, FALSE, NULL);
    if (!g->memory || !g->wake ||
        !DuplicateHandle(self, self, self, &g->self, SYNCHRONIZE, TRUE, 0)) {
        return wide_fail(e, GetLastError(), "prepare", "the guard");
    }
    g->table = MapViewOfFile(g->memory, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, bytes);
    if (!g->table) return wide_fail(e, GetLastError(), "map memory for", "the guard");
    guard_table_init(g->table, capacity);
    return 0;
}

static void release(struct guard *g)
{
    if (g->table) UnmapViewOfFile(g->table);
    if (g->memory) CloseHandle(g->memory);
    if (g->wake) CloseHandle(g->wake);
    if (g->self) CloseHandle(g->self);
    guard_free_slots_fini(&g->slots);
    mem_free(g);
}

static void on_closed(uv_handle_t *handle)
{
    struct guard *g = handle->data;
    if (--g->open_handles == 0) release(g);
}

static void close_handles(struct guard *g)
{
    uv_close((uv_handle_t *)&g->timer, on_closed);
    uv_close((uv_handle_t *)&g->async, on_closed);
}

int guard_new(const struct guard_options *o, struct guard **out, struct err *e)
{
    struct guard *g = mem_alloc(sizeof *g);
    g->o = *o;
    int rc = make_shared(g, o->capacity, e);
    if (rc == 0 && uv_async_init(o->loop, &g->async, on_async) != 0)
        rc = err_set(e, ERR_IO, "cannot prepare for the guard");
    if (rc != 0) {
        release(g);
        return rc;
    }
    guard_free_slots_init(&g->slots, o->capacity);
    uv_timer_init(o->loop, &g->timer);
    g->open_handles = 2;
    g->timer.data = g->async.data = g;
    uv_unref((uv_handle_t *)&g->timer);
    uv_unref((uv_handle_t *)&g->async);
    rc = start(g, e);
    if (rc != 0) {
        close_handles(g);
        return rc;
    }
    *out = g;
    return 0;
}

void guard_free(struct guard *g)
{
    if (!g) return;
    if (g->process) {
        /* in good order: it ends before we do */
        atomic_store(&g->table->closing, 1);
        SetEvent(g->wake);
        WaitForSingleObject(g->process, GOODBYE_MS);
        drop_process(g);
    }
    close_handles(g);
}

/* ---- slots --------------------------------------------------------------------------------- */

void guard_renew(struct guard *g, int64_t base_ms)
{
    atomic_store(&g->table->base_ms, base_ms);
}

int guard_hold(struct guard *g, const char *mark, const char *container, int64_t lease_ms,
               int32_t score, struct guard_hold *out, struct err *e)
{
    bool wake;
    if (!g->process || atomic_load(&g->table->sleeps_until_ms) == 0)
        return err_set(e, ERR_UNAVAILABLE, "the guard is not running");
    if (is_full(g))
        return err_set(e, ERR_FULL, "the guard watches %u attempts already", g->table->capacity);
    out->slot = g->slots.items[--g->slots.count];
    out->permitted = guard_table_hold(g->table, out->slot, mark, container, lease_ms, score, &wake);
    if (wake) SetEvent(g->wake);
    return 0;
}

bool guard_release(struct guard *g, const struct guard_hold *hold)
{
    bool was_full = is_full(g);
    bool expired = guard_table_free(g->table, hold->slot);
    g->slots.items[g->slots.count++] = hold->slot;
    if (was_full) g->o.on_change(g->o.user);
    return expired;
}
