/* The guard's process on Windows. Its own program is guard_main.c. */
#include "platform/guard_process.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "platform/windows/wide.h"

#include <uv.h>
#include <windows.h>
#include <string.h>

#define GOODBYE_MS 1000
#define LINE_CHARS 1024
#define PATH_CHARS 32768

struct guard_process {
    guard_process_end_fn on_end;
    void *user;
    struct guard_table *table;
    HANDLE memory, self, wake; /* inherited: the table, the agent's process, an event */
    HANDLE process, wait;      /* NULL: no guard is running */
    DWORD pid;
    volatile LONG ended; /* set by a thread of the system */
    uv_async_t async;
};

struct guard_table *guard_process_table(const struct guard_process *p)
{
    return p->table;
}

int64_t guard_process_pid(const struct guard_process *p)
{
    return p->process ? (int64_t)p->pid : 0;
}

/* ---- the start ----------------------------------------------------------------------------- */

/* On a thread of the system. */
static void CALLBACK on_ended(void *context, BOOLEAN timed_out)
{
    struct guard_process *p = context;
    (void)timed_out;
    InterlockedExchange(&p->ended, 1);
    uv_async_send(&p->async);
}

/* Waits for a callback that is under way. */
static void drop_process(struct guard_process *p)
{
    if (p->wait) UnregisterWaitEx(p->wait, INVALID_HANDLE_VALUE);
    CloseHandle(p->process);
    p->wait = p->process = NULL;
    p->ended = 0;
}

static void on_async(uv_async_t *async)
{
    struct guard_process *p = async->data;
    if (!p->ended || !p->process) return;
    drop_process(p);
    p->on_end(p->pid, p->user);
}

/* 0 or the error of the system. The guard inherits three handles; the command line has their
 * numbers. */
static DWORD create(const struct guard_process *p, PROCESS_INFORMATION *info)
{
    HANDLE handles[3] = {p->memory, p->self, p->wake};
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
        /* no console: the guard gets no Ctrl-C */
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

int guard_process_start(struct guard_process *p, struct err *e)
{
    PROCESS_INFORMATION info;
    DWORD error = create(p, &info);
    if (error != 0) return wide_fail(e, error, "start", "the guard");
    CloseHandle(info.hThread);
    p->process = info.hProcess;
    p->pid = info.dwProcessId;
    p->ended = 0;
    if (!RegisterWaitForSingleObject(&p->wait, p->process, on_ended, p, INFINITE,
                                     WT_EXECUTEONLYONCE)) {
        /* a guard whose end cannot be noticed is of no use */
        error = GetLastError();
        p->wait = NULL;
        TerminateProcess(p->process, 1);
        drop_process(p);
        return wide_fail(e, error, "watch", "the guard");
    }
    return 0;
}

void guard_process_wake(const struct guard_process *p)
{
    if (p->process) SetEvent(p->wake);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int make_shared(struct guard_process *p, uint32_t capacity, struct err *e)
{
    SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
    size_t bytes = guard_table_size(capacity);
    HANDLE self = GetCurrentProcess();
    p->memory = CreateFileMappingW(INVALID_HANDLE_VALUE, &inherit, PAGE_READWRITE,
                                   (DWORD)((uint64_t)bytes >> 32), (DWORD)bytes, NULL);
    p->wake = CreateEventW(&inherit, FALSE, FALSE, NULL);
    if (!p->memory || !p->wake ||
        !DuplicateHandle(self, self, self, &p->self, SYNCHRONIZE, TRUE, 0)) {
        return wide_fail(e, GetLastError(), "prepare", "the guard");
    }
    p->table = MapViewOfFile(p->memory, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, bytes);
    if (!p->table) return wide_fail(e, GetLastError(), "map memory for", "the guard");
    guard_table_init(p->table, capacity);
    return 0;
}

static void release(struct guard_process *p)
{
    if (p->table) UnmapViewOfFile(p->table);
    if (p->memory) CloseHandle(p->memory);
    if (p->wake) CloseHandle(p->wake);
    if (p->self) CloseHandle(p->self);
    mem_free(p);
}

static void on_closed(uv_handle_t *handle)
{
    release(handle->data);
}

int guard_process_new(struct uv_loop_s *loop, uint32_t capacity, guard_process_end_fn on_end,
                      void *user, struct guard_process **out, struct err *e)
{
    struct guard_process *p = mem_alloc(sizeof *p);
    p->on_end = on_end;
    p->user = user;
    int rc = make_shared(p, capacity, e);
    if (rc == 0 && uv_async_init(loop, &p->async, on_async) != 0)
        rc = err_set(e, ERR_IO, "cannot prepare for the guard");
    if (rc != 0) {
        release(p);
        return rc;
    }
    p->async.data = p;
    uv_unref((uv_handle_t *)&p->async);
    *out = p;
    return 0;
}

void guard_process_free(struct guard_process *p)
{
    if (!p) return;
    if (p->process) {
        SetEvent(p->wake);
        WaitForSingleObject(p->process, GOODBYE_MS);
        drop_process(p);
    }
    uv_close((uv_handle_t *)&p->async, on_closed);
}
