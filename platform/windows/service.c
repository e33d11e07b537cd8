/* Being a Windows service, or a console program with the same manners.
 *
 * The service control manager wants the dispatcher within 30 s of the start, so it comes before
 * everything else; what it calls has no argument of ours, so there is one file-scope struct: a
 * process is one service. Wishes (stop, reload) come on threads of the system and are handed to the
 * program on its loop. */
#include "platform/service.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/log_sink.h"
#include "platform/windows/wide.h"

#include <uv.h>
#include <windows.h>
#include <shellapi.h>
#include <tlhelp32.h>
#include <string.h>

#define START_HINT_MS 30000
#define STOP_HINT_MS 30000
#define CHECKPOINT_MS 2000
#define CONSOLE_CLOSE_WAIT_MS 20000 /* Windows gives 5 s, a shutdown 20 */

struct service {
    uv_async_t async;
    uv_timer_t checkpoints; /* while the start or the stop takes its time */
    struct service_control control;
    int open_handles;
};

static struct {
    SRWLOCK lock;
    int (*body)(int argc, char **argv, void *user);
    int argc;
    char **argv;
    void *user;
    wchar_t *name;
    SERVICE_STATUS_HANDLE handle; /* NULL: not a service */
    SERVICE_STATUS status;
    int result;
    int failed_code; /* service_failed's, 0: none */
    int stops;       /* wishes to stop so far */
    int stops_told;
    int64_t stop_limit_ms; /* 0: none */
    ULONGLONG stop_by_ms;  /* of GetTickCount64 */
    bool reload;
    struct service *attached;
} process = {.lock = SRWLOCK_INIT};

/* With the lock held. */
static void report(DWORD state, int64_t hint_ms)
{
    if (!process.handle) return;
    SERVICE_STATUS *s = &process.status;
    bool pending = state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;
    s->dwCheckPoint = !pending ? 0 : state == s->dwCurrentState ? s->dwCheckPoint + 1 : 1;
    s->dwServiceType = SERVICE_WIN32_OWN_PROCESS;
    s->dwCurrentState = state;
    s->dwWaitHint = pending ? (DWORD)hint_ms : 0;
    s->dwControlsAccepted = 0;
    if (state == SERVICE_RUNNING) {
        s->dwControlsAccepted =
            SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN | SERVICE_ACCEPT_PARAMCHANGE;
    }
    SetServiceStatus(process.handle, s);
}

/* Wakes the loop, if there is a loop; otherwise the request waits for service_attach. */
static void wake(void)
{
    if (process.attached) uv_async_send(&process.attached->async);
}

static void wish_stop(void)
{
    AcquireSRWLockExclusive(&process.lock);
    process.stops++;
    report(SERVICE_STOP_PENDING, STOP_HINT_MS);
    wake();
    ReleaseSRWLockExclusive(&process.lock);
}

static void wish_reload(void)
{
    AcquireSRWLockExclusive(&process.lock);
    process.reload = true;
    wake();
    ReleaseSRWLockExclusive(&process.lock);
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context)
{
    (void)type;
    (void)data;
    (void)context;
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_PRESHUTDOWN:
    case SERVICE_CONTROL_SHUTDOWN:
        wish_stop();
        return NO_ERROR;
    case SERVICE_CONTROL_PARAMCHANGE:
        wish_reload();
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

static BOOL WINAPI on_console(DWORD event)
{
    wish_stop();
    if (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT) return TRUE;
    /* with the return the process ends */
    Sleep(CONSOLE_CLOSE_WAIT_MS);
    return TRUE;
}

/* A stop that an operator requested counts as a success, whatever body returned; otherwise the
 * recovery actions would start the service again. */
static void report_stopped(int result)
{
    AcquireSRWLockExclusive(&process.lock);
    int code = process.stops > 0 ? 0 : process.failed_code ? process.failed_code : result;
    process.result = result;
    process.status.dwWin32ExitCode = code ? ERROR_SERVICE_SPECIFIC_ERROR : NO_ERROR;
    process.status.dwServiceSpecificExitCode = (DWORD)code;
    report(SERVICE_STOPPED, 0);
    ReleaseSRWLockExclusive(&process.lock);
}

static void WINAPI service_thread(DWORD argc, wchar_t **argv)
{
    (void)argc;
    (void)argv;
    AcquireSRWLockExclusive(&process.lock);
    process.handle = RegisterServiceCtrlHandlerExW(process.name, on_control, NULL);
    report(SERVICE_START_PENDING, START_HINT_MS);
    ReleaseSRWLockExclusive(&process.lock);
    if (!process.handle) return;
    report_stopped(process.body(process.argc, process.argv, process.user));
}

/* The command line in UTF-8: main's argv went through the ANSI code page. */
static void read_arguments(int argc, char **argv)
{
    int count = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    process.argc = argc;
    process.argv = argv;
    if (!wide || count <= 0) return;
    process.argc = count;
    process.argv = mem_array((size_t)count + 1, sizeof *process.argv);
    for (int i = 0; i < count; i++)
        process.argv[i] = wide_to_exact(wide[i]);
    LocalFree(wide);
}

/* Is the process that started us the service control manager? A program that it did not start and
 * that calls the dispatcher is refused: at once on Windows, after ten seconds by Wine. */
static bool started_by_manager(void)
{
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry = {.dwSize = sizeof entry};
    DWORD own = GetCurrentProcessId(), parent = 0;
    bool found = false;
    if (all == INVALID_HANDLE_VALUE) return true;
    for (BOOL more = Process32FirstW(all, &entry); more && parent == 0;
         more = Process32NextW(all, &entry)) {
        if (entry.th32ProcessID == own) parent = entry.th32ParentProcessID;
    }
    for (BOOL more = Process32FirstW(all, &entry); more && !found;
         more = Process32NextW(all, &entry)) {
        found = entry.th32ProcessID == parent && _wcsicmp(entry.szExeFile, L"services.exe") == 0;
    }
    CloseHandle(all);
    return found;
}

static int run_on_console(void)
{
    SetConsoleCtrlHandler(on_console, TRUE);
    return process.body(process.argc, process.argv, process.user);
}

int service_main(const char *name, int (*body)(int argc, char **argv, void *user), int argc,
                 char **argv, void *user)
{
    process.body = body;
    process.user = user;
    process.name = wide_from(name);
    read_arguments(argc, argv);
    SERVICE_TABLE_ENTRYW table[] = {{process.name, service_thread}, {NULL, NULL}};
    /* refused at once when the service control manager did not start us */
    if (!started_by_manager() || !StartServiceCtrlDispatcherW(table)) return run_on_console();
    return process.result;
}

/* What is waited for does not end: a process that hangs in the system, say. The service manager
 * would wait as long as checkpoints come. */
static void end_at_once(int64_t limit_ms)
{
    log_error("service: not stopped within %lld s; the program ends now",
              (long long)(limit_ms / 1000));
    report_stopped(0);
    TerminateProcess(GetCurrentProcess(), 1);
}

/* The loop is alive: for the service manager that is progress. */
static void on_checkpoint(uv_timer_t *timer)
{
    AcquireSRWLockExclusive(&process.lock);
    DWORD state = process.status.dwCurrentState;
    bool pending = state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;
    int64_t limit_ms = process.stop_limit_ms;
    bool over = process.stops > 0 && limit_ms > 0 && GetTickCount64() >= process.stop_by_ms;
    if (pending && !over)
        report(state, state == SERVICE_START_PENDING ? START_HINT_MS : STOP_HINT_MS);
    ReleaseSRWLockExclusive(&process.lock);
    if (over) end_at_once(limit_ms);
    /* a service that runs needs no waking; on a console only the limit is watched */
    if (!pending && limit_ms == 0) uv_timer_stop(timer);
}

static void keep_telling(struct service *s)
{
    uv_timer_start(&s->checkpoints, on_checkpoint, CHECKPOINT_MS, CHECKPOINT_MS);
    uv_unref((uv_handle_t *)&s->checkpoints);
}

static void on_async(uv_async_t *async)
{
    struct service *s = async->data;
    AcquireSRWLockExclusive(&process.lock);
    int stops = process.stops, told = process.stops_told;
    bool reload = process.reload;
    process.stops_told = stops;
    process.reload = false;
    ReleaseSRWLockExclusive(&process.lock);
    if (told < stops) keep_telling(s);
    if (reload && s->control.reload) s->control.reload(s->control.user);
    for (; told < stops; told++) {
        if (s->control.stop) s->control.stop(told > 0, s->control.user);
    }
}

int service_attach(struct uv_loop_s *loop, const struct service_control *c, struct service **out,
                   struct err *e)
{
    struct service *s = mem_alloc(sizeof *s);
    s->control = *c;
    int rc = uv_async_init(loop, &s->async, on_async);
    if (rc != 0) {
        mem_free(s);
        return err_set(e, ERR_IO, "cannot watch for requests to stop: %s", uv_strerror(rc));
    }
    s->async.data = s;
    uv_timer_init(loop, &s->checkpoints);
    s->checkpoints.data = s;
    s->open_handles = 2;
    keep_telling(s);
    /* being controllable is no reason for the loop to go on */
    uv_unref((uv_handle_t *)&s->async);
    AcquireSRWLockExclusive(&process.lock);
    process.attached = s;
    if (process.stops > process.stops_told || process.reload) uv_async_send(&s->async);
    ReleaseSRWLockExclusive(&process.lock);
    *out = s;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct service *s = handle->data;
    if (--s->open_handles == 0) mem_free(s);
}

void service_detach(struct service *s)
{
    if (!s) return;
    AcquireSRWLockExclusive(&process.lock);
    if (process.attached == s) process.attached = NULL;
    ReleaseSRWLockExclusive(&process.lock);
    uv_close((uv_handle_t *)&s->async, on_closed);
    uv_close((uv_handle_t *)&s->checkpoints, on_closed);
}

void service_ready(const char *status)
{
    (void)status;
    AcquireSRWLockExclusive(&process.lock);
    /* a stop that came during the start is not taken back */
    if (process.stops == 0) report(SERVICE_RUNNING, 0);
    ReleaseSRWLockExclusive(&process.lock);
}

void service_status(const char *status)
{
    (void)status;
    AcquireSRWLockExclusive(&process.lock);
    if (process.status.dwCurrentState == SERVICE_START_PENDING)
        report(SERVICE_START_PENDING, START_HINT_MS);
    ReleaseSRWLockExclusive(&process.lock);
}

/* The hint is how long until the next checkpoint, not until the end. */
void service_stopping(int64_t wait_ms)
{
    (void)wait_ms;
    AcquireSRWLockExclusive(&process.lock);
    report(SERVICE_STOP_PENDING, STOP_HINT_MS);
    ReleaseSRWLockExclusive(&process.lock);
}

void service_stop_limit(int64_t limit_ms)
{
    AcquireSRWLockExclusive(&process.lock);
    process.stop_limit_ms = limit_ms;
    process.stop_by_ms = GetTickCount64() + (ULONGLONG)limit_ms;
    ReleaseSRWLockExclusive(&process.lock);
}

void service_reloading(bool done)
{
    (void)done;
}

int64_t service_watchdog_ms(void)
{
    return 0;
}

void service_watchdog(void)
{
}

int service_start_installed(const char *name, struct err *e)
{
    (void)name;
    (void)e;
    return 0;
}

void service_failed(int code, const char *message)
{
    AcquireSRWLockExclusive(&process.lock);
    bool service = process.handle != NULL;
    process.failed_code = code;
    ReleaseSRWLockExclusive(&process.lock);
    if (!service || !message) return;
    log_sink_open(NULL, NULL);
    log_error("%s", message);
    log_sink_close();
}
