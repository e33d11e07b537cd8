/* The process, its two pipes and its timer are closed before anybody is told. */
#include "notify/errand.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <uv.h>

#define SAID_MAX 1024 /* the end of standard error that is kept */
#define READ_BYTES 4096
#define DRAIN_MS 500 /* for what is in the pipe when the command has ended */
#define HANDLES 4

struct errand {
    uv_process_t process;
    uv_pipe_t input, errors;
    uv_timer_t timer;
    uv_write_t write;
    int open; /* handles */
    bool late, stopped;
    bool exited, said_all;
    int64_t status;
    int signal;
    int64_t timeout_ms;
    struct buf said;
    char bytes[READ_BYTES];
    errand_end_fn *on_end;
    void *user;
};

/* ---- the end -------------------------------------------------------------------------------- */

static int judge(const struct errand *r, struct err *e)
{
    struct buf text;
    if (r->status == 0 && r->signal == 0 && !r->late && !r->stopped) return 0;
    buf_init(&text, ERR_MSG_MAX + 4 * SAID_MAX);
    if (r->late)
        buf_addf(&text, "the command took longer than %" PRId64 " ms and was killed",
                 r->timeout_ms);
    else if (r->stopped)
        buf_adds(&text, "stopped");
    else if (r->signal != 0)
        buf_addf(&text, "the command was ended by signal %d", r->signal);
    else
        buf_addf(&text, "the command exited with %" PRId64, r->status);
    size_t len = r->said.len;
    while (len > 0 && strchr(" \r\n\t", r->said.data[len - 1]))
        len--;
    if (len > 0) buf_adds(&text, ": ");
    escape_text(&text, r->said.data, len);
    int rc = err_set(e, r->late ? ERR_TIMEOUT : ERR_IO, "%s", text.data);
    buf_fini(&text);
    return rc;
}

static void on_closed(uv_handle_t *h)
{
    struct errand *r = h->data;
    struct err e = {0};
    if (--r->open > 0) return;
    int rc = judge(r, &e);
    r->on_end(rc, &e, r->user);
    buf_fini(&r->said);
    mem_free(r);
}

static void close_once(uv_handle_t *h)
{
    if (!uv_is_closing(h)) uv_close(h, on_closed);
}

/* The group has the number of its first process, also when that has ended. */
static void kill_group(struct errand *r)
{
    if (r->process.pid > 1) uv_kill(-r->process.pid, SIGKILL);
}

static void close_all(struct errand *r)
{
    close_once((uv_handle_t *)&r->timer);
    close_once((uv_handle_t *)&r->input);
    close_once((uv_handle_t *)&r->errors);
    close_once((uv_handle_t *)&r->process);
}

static void on_drained(uv_timer_t *t)
{
    close_all(t->data);
}

/* What it wrote may still be in the pipe, whose end comes now that the group is gone, unless one of
 * it has left the group. */
static void on_exit_of(uv_process_t *p, int64_t status, int signal)
{
    struct errand *r = p->data;
    r->status = status;
    r->signal = signal;
    r->exited = true;
    kill_group(r);
    if (r->said_all)
        close_all(r);
    else
        uv_timer_start(&r->timer, on_drained, DRAIN_MS, 0);
}

static void on_late(uv_timer_t *t)
{
    struct errand *r = t->data;
    r->late = true;
    kill_group(r);
}

void errand_stop(struct errand *r)
{
    r->stopped = true;
    kill_group(r);
}

/* ---- pipes ---------------------------------------------------------------------------------- */

static void on_place(uv_handle_t *h, size_t wanted, uv_buf_t *out)
{
    struct errand *r = h->data;
    (void)wanted;
    *out = uv_buf_init(r->bytes, sizeof r->bytes);
}

static void on_said(uv_stream_t *s, ssize_t n, const uv_buf_t *bytes)
{
    struct errand *r = s->data;
    if (n < 0) {
        r->said_all = true;
        uv_read_stop(s);
        if (r->exited) close_all(r);
    }
    if (n <= 0) return;
    (void)buf_add(&r->said, bytes->base, (size_t)n);
    if (r->said.len > SAID_MAX) buf_consume(&r->said, r->said.len - SAID_MAX);
}

/* The command need not read: it may have ended, or closed its input. */
static void on_written(uv_write_t *w, int status)
{
    struct errand *r = w->data;
    (void)status;
    close_once((uv_handle_t *)&r->input);
}

/* ---- start ---------------------------------------------------------------------------------- */

static int spawn(struct uv_loop_s *loop, struct errand *r, const struct order *o, struct err *e)
{
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char lang[] = "LANG=C.UTF-8", home[] = "HOME=/";
    char *env[] = {path, lang, home, NULL};
    char **argv = mem_array(json_count(o->command) + 1, sizeof *argv);
    size_t n = 0;
    for (const struct json *a = json_first(o->command); a; a = json_next(a))
        argv[n++] = mem_strdup(json_str(a, ""));
    uv_stdio_container_t stdio[] = {{.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
                                     .data.stream = (uv_stream_t *)&r->input},
                                    {.flags = UV_IGNORE},
                                    {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                                     .data.stream = (uv_stream_t *)&r->errors}};
    uv_process_options_t options = {.file = argv[0],
                                    .args = argv,
                                    .env = env,
                                    .cwd = "/",
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio = stdio,
                                    .stdio_count = 3,
                                    .exit_cb = on_exit_of};
    int rc = uv_spawn(loop, &r->process, &options);
    if (rc) err_set(e, ERR_NOT_FOUND, "%s cannot be started: %s", argv[0], uv_strerror(rc));
    while (n > 0)
        mem_free(argv[--n]);
    mem_free(argv);
    return rc ? ERR_NOT_FOUND : 0;
}

static void on_dropped(uv_handle_t *h)
{
    struct errand *r = h->data;
    if (--r->open > 0) return;
    buf_fini(&r->said);
    mem_free(r);
}

int errand_start(struct uv_loop_s *loop, const struct order *o, errand_end_fn *on_end, void *user,
                 struct errand **out, struct err *e)
{
    struct errand *r = mem_alloc(sizeof *r);
    r->on_end = on_end;
    r->user = user;
    r->timeout_ms = o->timeout_ms;
    r->open = HANDLES;
    buf_init(&r->said, SAID_MAX + READ_BYTES);
    uv_pipe_init(loop, &r->input, 0);
    uv_pipe_init(loop, &r->errors, 0);
    uv_timer_init(loop, &r->timer);
    r->process.data = r->input.data = r->errors.data = r->timer.data = r->write.data = r;
    int rc = spawn(loop, r, o, e);
    if (rc) {
        uv_close((uv_handle_t *)&r->timer, on_dropped);
        uv_close((uv_handle_t *)&r->input, on_dropped);
        uv_close((uv_handle_t *)&r->errors, on_dropped);
        uv_close((uv_handle_t *)&r->process, on_dropped);
        return rc;
    }
    uv_timer_start(&r->timer, on_late, (uint64_t)o->timeout_ms, 0);
    uv_read_start((uv_stream_t *)&r->errors, on_place, on_said);
    uv_buf_t body = uv_buf_init((char *)(uintptr_t)o->body, (unsigned)strlen(o->body));
    if (uv_write(&r->write, (uv_stream_t *)&r->input, &body, 1, on_written))
        close_once((uv_handle_t *)&r->input);
    *out = r;
    return 0;
}
