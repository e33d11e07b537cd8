/* One job's processes on Windows: from start to end. */
#include "platform/process.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "platform/read_budget.h"
#include "platform/windows/process_impl.h"
#include "platform/windows/wide.h"

#include <inttypes.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>

#define READ_BYTES (64u * 1024)
#define LINGER_ROUNDS 10 /* about 0.1 s */
#define SWEEP_ROUNDS 150 /* about 3 s, for what was ended and is still there */
#define KILL_MAIN_MS 500 /* a main process that is killed has ended by then, or hangs */
#define SWEEP_PAUSE_MAX_MS 20
#define REST_MS 500 /* for the ends of pipes whose writers are dead */
#define AGAIN_MS 20
#define TREE_LOOK_MS 100 /* after a soft stop: is anything of the tree left? */
#define JOB_PROCESSES_MAX 1024

/*  RUNNING -main ended-> DRAINING -pipes at their end, or drain_ms over-> SWEEPING
 *          -the Job Object is empty-> EMPTYING -what the pipes still hold was read-> ENDED
 *
 * After process_terminate DRAINING lasts until the Job Object is empty, or process_kill. */
enum phase { RUNNING, DRAINING, SWEEPING, EMPTYING, ENDED };

struct process_host {
    uv_loop_t *loop;
    uv_async_t async;     /* a main process ended */
    uv_prepare_t prepare; /* of each turn */
    int open_handles;
    struct read_budget budget;
    struct process *processes;
    struct guard *guard; /* NULL: none */
    char *read_buffer;
    char boot_id[64];
};

struct pipe {
    uv_pipe_t handle;
    enum process_stream stream;
    bool open;
    struct read_share share;
};

struct process {
    struct process_host *host;
    struct process *next, **link;
    struct process_handler handler;
    void *user;
    enum phase phase;
    struct pipe pipes[2];
    uv_timer_t timer;
    int open_handles;
    HANDLE process, job, wait;
    bool guarded;
    struct guard_hold hold;
    DWORD pid;
    volatile LONG exited; /* set by a thread of the system */
    bool asked;           /* process_terminate was called: the tree may take its time */
    bool killing, paused, freed;
    int drained; /* times that the time to drain was over */
    bool rest_over;
    uint64_t started_ns, ended_ns;
    int64_t drain_ms;
    int rounds, lingered;
    struct process_list *strays, *alive;
    char *remnant_text;
    struct process_end end;
};

static void advance(struct process *p);

/* ---- host ---------------------------------------------------------------------------------- */

static void on_async(uv_async_t *async)
{
    struct process_host *h = async->data;
    /* an on_end may free its own process and start others: the list is looked through anew each
     * time */
    for (bool again = true; again;) {
        again = false;
        for (struct process *p = h->processes; p; p = p->next) {
            if (!p->exited || p->phase != RUNNING) continue;
            advance(p);
            again = true;
            break;
        }
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct process_host *h = prepare->data;
    read_budget_turn(&h->budget);
}

int process_host_new(struct uv_loop_s *loop, struct process_host **out, struct err *e)
{
    struct process_host *h = mem_alloc(sizeof *h);
    h->loop = loop;
    h->read_buffer = mem_alloc(READ_BYTES);
    int rc = uv_async_init(loop, &h->async, on_async);
    if (rc != 0) {
        mem_free(h->read_buffer);
        mem_free(h);
        return err_set(e, ERR_IO, "cannot prepare for starting processes: %s", uv_strerror(rc));
    }
    h->async.data = h;
    uv_unref((uv_handle_t *)&h->async);
    uv_prepare_init(loop, &h->prepare);
    h->prepare.data = h;
    read_budget_init(&h->budget);
    uv_prepare_start(&h->prepare, on_prepare);
    uv_unref((uv_handle_t *)&h->prepare);
    h->open_handles = 2;
    if (os_boot_id(h->boot_id, sizeof h->boot_id) != 0)
        str_copy(h->boot_id, sizeof h->boot_id, "-");
    /* inherited by jobs: a crash ends a program without asking a user */
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    *out = h;
    return 0;
}

static void on_host_closed(uv_handle_t *handle)
{
    struct process_host *h = handle->data;
    if (--h->open_handles > 0) return;
    mem_free(h->read_buffer);
    mem_free(h);
}

void process_host_free(struct process_host *h)
{
    if (!h) return;
    uv_close((uv_handle_t *)&h->async, on_host_closed);
    uv_close((uv_handle_t *)&h->prepare, on_host_closed);
}

void process_host_set_guard(struct process_host *h, struct guard *g)
{
    h->guard = g;
}

void process_host_limit_turn(struct process_host *h, size_t bytes)
{
    read_budget_limit(&h->budget, bytes);
}

const char *process_host_kind(const struct process_host *h)
{
    (void)h;
    return "Job Objects";
}

/* ---- the way to the end -------------------------------------------------------------------- */

static bool pipes_open(const struct process *p)
{
    return p->pipes[0].open || p->pipes[1].open;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct process *p = handle->data;
    if (--p->open_handles > 0 || !p->freed) return;
    mem_free(p->strays);
    mem_free(p->alive);
    mem_free(p->remnant_text);
    mem_free(p);
}

static void close_pipe(struct pipe *pipe)
{
    if (!pipe->open) return;
    pipe->open = false;
    uv_close((uv_handle_t *)&pipe->handle, on_handle_closed);
}

static void on_timer(uv_timer_t *timer)
{
    struct process *p = timer->data;
    if (p->freed || p->phase == ENDED) return;
    if (p->phase == DRAINING && !p->killing && !p->asked && ++p->drained == 1) {
        /* the time may have passed while this program was not given the processor: once round the
         * loop */
        uv_timer_start(&p->timer, on_timer, AGAIN_MS, 0);
        return;
    }
    if (p->phase == EMPTYING) p->rest_over = true;
    if (p->phase == RUNNING && p->killing) p->phase = SWEEPING;
    advance(p);
}

static void wait_ms(struct process *p, int64_t ms)
{
    uv_timer_start(&p->timer, on_timer, (uint64_t)ms, 0);
}

/* The handles of the system. Waits for a callback that is under way. */
static void release(struct process *p)
{
    if (p->wait) UnregisterWaitEx(p->wait, INVALID_HANDLE_VALUE);
    CloseHandle(p->process);
    CloseHandle(p->job);
    p->wait = p->process = p->job = NULL;
    if (p->guarded) p->end.expired = guard_release(p->host->guard, &p->hold);
    p->guarded = false;
    *p->link = p->next;
    if (p->next) p->next->link = p->link;
    if (!p->host->processes) uv_unref((uv_handle_t *)&p->host->async);
}

static void finish(struct process *p)
{
    DWORD code = 0;
    GetExitCodeProcess(p->process, &code);
    p->end.unended = p->alive && WaitForSingleObject(p->process, 0) == WAIT_TIMEOUT;
    p->end.exit_code = p->end.unended ? EXIT_CODE_KILLED : code;
    if (p->ended_ns == 0) p->ended_ns = uv_hrtime();
    p->end.run_ms = (int64_t)((p->ended_ns - p->started_ns) / 1000000);
    p->phase = ENDED;
    uv_timer_stop(&p->timer);
    release(p);
    if (!p->freed && p->handler.on_end) p->handler.on_end(p, &p->end, p->user);
}

struct job_list {
    JOBOBJECT_BASIC_PROCESS_ID_LIST head;
    ULONG_PTR more[JOB_PROCESSES_MAX];
};

/* The job's own processes beside the main process, which may still be counted right after its end.
 * The host of a console ends by itself a moment after the last program of that console. */
static void list_processes(const struct process *p, bool with_main, struct process_list *out)
{
    struct job_list *list = mem_alloc(sizeof *list);
    /* when there are more processes than the list holds, the call fails and fills the list */
    QueryInformationJobObject(p->job, JobObjectBasicProcessIdList, list, sizeof *list, NULL);
    const ULONG_PTR *pids = list->head.ProcessIdList;
    for (DWORD i = 0; i < list->head.NumberOfProcessIdsInList; i++) {
        struct process_id id;
        char name[PROCESS_NAME_SIZE];
        if ((pids[i] == p->pid && !with_main) || !process_look_at((DWORD)pids[i], &id, name))
            continue;
        if (_stricmp(name, "conhost.exe") != 0) process_list_add(out, id, name, "");
    }
    mem_free(list);
}

static bool has_strays(const struct process *p)
{
    struct process_list *list = mem_alloc(sizeof *list);
    list_processes(p, false, list);
    bool found = list->count > 0;
    mem_free(list);
    return found;
}

/* What was to be ended and lives on: it hangs in the system. */
static void note_alive(struct process *p)
{
    struct process_list *alive = mem_alloc(sizeof *alive);
    list_processes(p, true, alive);
    if (p->strays) process_list_subtract(p->strays, alive);
    if (p->strays && p->strays->count == 0) p->end.strays = NULL;
    if (alive->count == 0) {
        mem_free(alive);
        return;
    }
    p->end.alive = p->alive = alive;
    p->remnant_text = mem_alloc(PROCESS_REMNANT_SIZE);
    if (process_remnant(p, p->remnant_text) == 0) p->end.remnant = p->remnant_text;
}

/* For the job's log: what is about to be ended though nobody wanted the job to end. */
static void note_strays(struct process *p)
{
    if (!p->strays) p->strays = mem_alloc(sizeof *p->strays);
    list_processes(p, false, p->strays);
    if (p->strays->count == 0) return;
    p->end.strays = p->strays;
    p->end.stray = true;
}

/* Who has just let go of the pipes may be about to end: that moment is given, and who uses it is
 * not told of as ended. */
static bool lingers(struct process *p)
{
    if (p->killing || p->asked || p->end.held || p->lingered >= LINGER_ROUNDS) return false;
    if (!has_strays(p)) return false;
    p->lingered++;
    return true;
}

/* true: no process is left, or no more can be done. */
static bool sweep(struct process *p)
{
    if (process_job_active(p->job) == 0) return true;
    if (lingers(p)) return false;
    if (p->rounds++ >= SWEEP_ROUNDS) {
        note_alive(p);
        return true;
    }
    if (!p->killing && !p->asked) note_strays(p);
    TerminateJobObject(p->job, EXIT_CODE_KILLED);
    return process_job_active(p->job) == 0;
}

/* What is waited for while DRAINING. After a soft stop: the whole tree, since a shell ends at once
 * and what it started is still saving its work. */
static bool drains(struct process *p)
{
    if (p->killing) return false;
    if (!p->asked) return pipes_open(p) && p->drained < 2;
    if (process_job_active(p->job) == 0 || !has_strays(p)) return false;
    wait_ms(p, TREE_LOOK_MS);
    return true;
}

static void advance(struct process *p)
{
    if (p->phase == RUNNING && p->exited) {
        p->ended_ns = uv_hrtime();
        p->phase = DRAINING;
        if (pipes_open(p) && !p->killing && !p->paused && !p->asked) wait_ms(p, p->drain_ms);
    }
    if (p->phase == DRAINING) {
        if (drains(p)) return;
        uv_timer_stop(&p->timer);
        p->end.held = pipes_open(p) && !p->killing && !p->asked;
        if (p->end.held) p->end.stray = true;
        p->phase = SWEEPING;
    }
    if (p->phase == SWEEPING) {
        if (!sweep(p)) {
            int pause = 2 * p->lingered + p->rounds;
            wait_ms(p, pause < SWEEP_PAUSE_MAX_MS ? pause : SWEEP_PAUSE_MAX_MS);
            return;
        }
        p->phase = EMPTYING;
        if (pipes_open(p) && !p->paused) wait_ms(p, REST_MS);
    }
    if (p->phase == EMPTYING && !(pipes_open(p) && (p->paused || !p->rest_over))) {
        close_pipe(&p->pipes[0]);
        close_pipe(&p->pipes[1]);
        finish(p);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct process *p = handle->data;
    struct process_host *h = p->host;
    struct pipe *pipe = (uv_handle_t *)&p->pipes[0].handle == handle ? &p->pipes[0] : &p->pipes[1];
    (void)suggested;
    /* one for all: libuv asks for it when there is something to read, and hands it on before the
     * next. Without room nothing is read (UV_ENOBUFS), and the next turn begins with it. */
    size_t room = read_budget_room(&h->budget, &pipe->share);
    *buf = uv_buf_init(h->read_buffer, (unsigned)(room < READ_BYTES ? room : READ_BYTES));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct process *p = stream->data;
    struct pipe *pipe = (uv_stream_t *)&p->pipes[0].handle == stream ? &p->pipes[0] : &p->pipes[1];
    if (n > 0) {
        read_budget_take(&p->host->budget, &pipe->share, (size_t)n);
        if (!p->freed && p->handler.on_output) {
            p->handler.on_output(p, pipe->stream, buf->base, (size_t)n, p->user);
        }
    } else if (n < 0 && n != UV_ENOBUFS) {
        close_pipe(pipe);
        if (!p->freed) advance(p);
    }
}

/* ---- start --------------------------------------------------------------------------------- */

/* On a thread of the system. */
static void CALLBACK on_exited(void *context, BOOLEAN timed_out)
{
    struct process *p = context;
    (void)timed_out;
    InterlockedExchange(&p->exited, 1);
    uv_async_send(&p->host->async);
}

static void watch(struct process *p, const struct started *s)
{
    struct process_host *h = p->host;
    p->process = s->process;
    p->job = s->job;
    p->guarded = s->guarded;
    p->hold = s->hold;
    p->pid = s->pid;
    p->started_ns = uv_hrtime();
    for (int i = 0; i < 2; i++) {
        struct pipe *pipe = &p->pipes[i];
        pipe->stream = i == 0 ? PROCESS_STDOUT : PROCESS_STDERR;
        uv_pipe_init(h->loop, &pipe->handle, 0);
        pipe->handle.data = p;
        pipe->open = true;
        p->open_handles++;
        if (uv_pipe_open(&pipe->handle, s->ours[i]) == 0) {
            uv_read_start((uv_stream_t *)&pipe->handle, on_alloc, on_read);
        } else {
            _close(s->ours[i]);
            close_pipe(pipe);
        }
    }
    uv_timer_init(h->loop, &p->timer);
    p->timer.data = p;
    p->open_handles++;
    if (!h->processes) uv_ref((uv_handle_t *)&h->async);
    p->next = h->processes;
    if (p->next) p->next->link = &p->next;
    h->processes = p;
    p->link = &h->processes;
    if (!RegisterWaitForSingleObject(&p->wait, p->process, on_exited, p, INFINITE,
                                     WT_EXECUTEONLYONCE)) {
        /* a process whose end cannot be noticed cannot be kept */
        p->wait = NULL;
        TerminateJobObject(p->job, EXIT_CODE_KILLED);
        p->exited = 1;
        uv_async_send(&h->async);
    }
}

int process_start(struct process_host *h, const struct process_options *o,
                  const struct process_handler *handler, void *user, struct process **out,
                  struct err *e)
{
    struct started s;
    int rc = process_create(o, h->guard, &s, e);
    if (rc != 0) return rc;
    struct process *p = mem_alloc(sizeof *p);
    p->host = h;
    p->handler = *handler;
    p->user = user;
    p->drain_ms = o->drain_ms;
    watch(p, &s);
    *out = p;
    return 0;
}

/* ---- while the job runs -------------------------------------------------------------------- */

int64_t process_pid(const struct process *p)
{
    return p->pid;
}

int process_identity(const struct process *p, char out[PROCESS_IDENTITY_SIZE])
{
    return str_format(out, PROCESS_IDENTITY_SIZE, "%lu %" PRIu64 " %s", p->pid,
                      p->process ? process_creation_time(p->process) : 0, p->host->boot_id);
}

int process_remnant(const struct process *p, char out[PROCESS_REMNANT_SIZE])
{
    char identity[PROCESS_IDENTITY_SIZE];
    int rc = process_identity(p, identity);
    if (rc == 0) rc = str_copy(out, PROCESS_REMNANT_SIZE, identity);
    /* what finds no room is not watched */
    if (rc == 0 && p->alive) process_list_write_ids(p->alive, out, PROCESS_REMNANT_SIZE);
    return rc;
}

void process_pause(struct process *p)
{
    if (p->paused) return;
    p->paused = true;
    for (int i = 0; i < 2; i++) {
        if (p->pipes[i].open) uv_read_stop((uv_stream_t *)&p->pipes[i].handle);
    }
    /* the time to drain is for reading */
    if ((p->phase == DRAINING && !p->asked) || p->phase == EMPTYING) uv_timer_stop(&p->timer);
}

void process_resume(struct process *p)
{
    if (!p->paused) return;
    p->paused = false;
    for (int i = 0; i < 2; i++) {
        if (p->pipes[i].open) uv_read_start((uv_stream_t *)&p->pipes[i].handle, on_alloc, on_read);
    }
    if (p->phase == DRAINING && !p->asked) wait_ms(p, p->drain_ms);
    if (p->phase == EMPTYING) wait_ms(p, REST_MS);
}

bool process_send_break(DWORD pid)
{
    if (process_has_console()) return GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, pid);
    /* a service has no console: it attaches to the job's console */
    if (!AttachConsole(pid)) return false;
    BOOL sent = GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, pid);
    FreeConsole();
    return sent;
}

static BOOL CALLBACK close_window(HWND window, LPARAM user)
{
    const struct job_list *list = (const struct job_list *)user;
    const ULONG_PTR *pids = list->head.ProcessIdList;
    DWORD pid = 0;
    GetWindowThreadProcessId(window, &pid);
    for (DWORD i = 0; i < list->head.NumberOfProcessIdsInList; i++) {
        if (pids[i] == pid) PostMessageW(window, WM_CLOSE, 0, 0);
    }
    return TRUE;
}

void process_terminate(struct process *p)
{
    if (p->phase == ENDED) return;
    process_send_break(p->pid);
    struct job_list *list = mem_alloc(sizeof *list);
    if (QueryInformationJobObject(p->job, JobObjectBasicProcessIdList, list, sizeof *list, NULL)) {
        EnumWindows(close_window, (LPARAM)list);
    }
    mem_free(list);
    p->asked = true;
    if (p->phase == DRAINING) wait_ms(p, 0);
}

void process_kill(struct process *p)
{
    if (p->phase >= SWEEPING) return;
    bool again = p->killing;
    p->killing = true;
    TerminateJobObject(p->job, EXIT_CODE_KILLED);
    if (p->phase == DRAINING)
        wait_ms(p, 0);
    else if (!again)
        wait_ms(p, KILL_MAIN_MS);
}

void process_free(struct process *p)
{
    if (!p || p->freed) return;
    p->freed = true;
    if (p->phase != ENDED) {
        TerminateJobObject(p->job, EXIT_CODE_KILLED);
        WaitForSingleObject(p->process, REST_MS);
        p->phase = ENDED;
        release(p);
    }
    for (int i = 0; i < 2; i++)
        close_pipe(&p->pipes[i]);
    uv_close((uv_handle_t *)&p->timer, on_handle_closed);
}
