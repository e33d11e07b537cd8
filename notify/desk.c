/* Commands run on the loop, transfers on its threads. */
#include "notify/desk.h"

#include "base/buf.h"
#include "base/mem.h"
#include "notify/errand.h"
#include "wire/order.h"
#include "notify/transfer.h"
#include "platform/streams.h"

#include <stdatomic.h>
#include <string.h>
#include <uv.h>

#define READ_BYTES 65536
/* A transfer that hangs takes a thread for its time alone. */
#define TEXT_OF(n) #n
#define DIGITS(n) TEXT_OF(n)

struct desk {
    uv_loop_t loop;
    uv_pipe_t input;
    struct buf line;
    char bytes[READ_BYTES];
    struct task *first; /* under way */
    int count;
    bool paused, ended;
    atomic_bool stop; /* read by the transfers */
    struct err err;   /* the first failure */
};

struct task {
    struct desk *desk;
    struct order order;
    struct errand *errand; /* NULL: a transfer */
    uv_work_t work;
    int rc; /* of a transfer; with err written by its thread */
    struct err err;
    struct task *next;
};

static void on_place(uv_handle_t *h, size_t wanted, uv_buf_t *out);
static void on_bytes(uv_stream_t *s, ssize_t n, const uv_buf_t *bytes);

/* ---- the end -------------------------------------------------------------------------------- */

/* No more orders, and those under way are hurried. */
static void end(struct desk *d)
{
    if (d->ended) return;
    d->ended = true;
    atomic_store(&d->stop, true);
    uv_close((uv_handle_t *)&d->input, NULL);
    for (struct task *t = d->first; t; t = t->next)
        if (t->errand) errand_stop(t->errand);
}

static void fail(struct desk *d, const struct err *e)
{
    if (d->err.code == 0) d->err = *e;
    end(d);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void answer(struct desk *d, const char *id, int rc, const struct err *why)
{
    struct buf line;
    struct jw w;
    struct err e = {0};
    if (d->ended) return;
    buf_init(&line, 64 * 1024);
    jw_init(&w, &line);
    jw_object(&w, NULL);
    jw_str(&w, "id", id);
    jw_bool(&w, "delivered", rc == 0);
    if (rc) jw_str(&w, "reason", err_text(why));
    jw_end(&w);
    buf_addc(&line, '\n');
    if (jw_finish(&w) || fd_write_all(1, line.data, line.len, &e)) fail(d, &e);
    buf_fini(&line);
}

static void go_on(struct desk *d)
{
    if (!d->paused || d->ended || d->count >= DESK_AT_ONCE) return;
    d->paused = false;
    on_bytes((uv_stream_t *)&d->input, 0, NULL); /* whole lines may be there */
    if (!d->paused && !d->ended) uv_read_start((uv_stream_t *)&d->input, on_place, on_bytes);
}

static void finish(struct task *t, int rc, const struct err *e)
{
    struct desk *d = t->desk;
    struct task **at = &d->first;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    d->count--;
    answer(d, t->order.id, rc, e);
    order_fini(&t->order);
    mem_free(t);
    go_on(d);
}

static void on_errand_end(int rc, const struct err *e, void *user)
{
    finish(user, rc, e);
}

/* ---- orders --------------------------------------------------------------------------------- */

/* On a thread of its own. */
static void work(uv_work_t *w)
{
    struct task *t = w->data;
    t->rc = transfer_run(&t->order, &t->desk->stop, &t->err);
}

static void on_worked(uv_work_t *w, int status)
{
    struct task *t = w->data;
    (void)status; /* nobody cancels it */
    finish(t, t->rc, &t->err);
}

static void take(struct desk *d, const char *line, size_t len)
{
    char id[ORDER_ID_SIZE];
    struct err e = {0};
    struct task *t = mem_alloc(sizeof *t);
    int rc = order_parse(line, len, id, &t->order, &e);
    if (!rc && t->order.kind == ORDER_COMMAND)
        rc = errand_start(&d->loop, &t->order, on_errand_end, t, &t->errand, &e);
    if (rc) {
        answer(d, *id ? id : NULL, rc, &e);
        order_fini(&t->order);
        mem_free(t);
        return;
    }
    t->desk = d;
    t->next = d->first;
    d->first = t;
    d->count++;
    t->work.data = t;
    if (!t->errand) uv_queue_work(&d->loop, &t->work, work, on_worked);
}

static void take_lines(struct desk *d)
{
    size_t from = 0;
    char *stop;
    while (!d->ended && d->count < DESK_AT_ONCE &&
           (stop = memchr(d->line.data + from, '\n', d->line.len - from)) != NULL) {
        size_t len = (size_t)(stop - (d->line.data + from));
        take(d, d->line.data + from, len);
        from += len + 1;
    }
    buf_consume(&d->line, from);
}

static void on_place(uv_handle_t *h, size_t wanted, uv_buf_t *out)
{
    struct desk *d = h->data;
    (void)wanted;
    *out = uv_buf_init(d->bytes, sizeof d->bytes);
}

static void on_bytes(uv_stream_t *s, ssize_t n, const uv_buf_t *bytes)
{
    struct desk *d = s->data;
    struct err e;
    if (n < 0) {
        end(d);
        return;
    }
    if (n > 0 && buf_add(&d->line, bytes->base, (size_t)n)) {
        err_set(&e, ERR_TOO_LARGE, "an order has more than %u bytes", ORDER_LINE_MAX);
        fail(d, &e);
        return;
    }
    take_lines(d);
    if (d->ended || d->count < DESK_AT_ONCE) return;
    d->paused = true;
    uv_read_stop(s);
}

static void on_line_end(uv_handle_t *h, void *user)
{
    (void)user;
    if (!uv_is_closing(h)) uv_close(h, NULL);
}

int desk_run(struct err *e)
{
    struct desk d = {.count = 0};
    (void)uv_os_setenv("UV_THREADPOOL_SIZE", DIGITS(ORDER_AT_ONCE));
    if (uv_loop_init(&d.loop)) return err_set(e, ERR_IO, "the event loop cannot be made");
    buf_init(&d.line, ORDER_LINE_MAX + READ_BYTES);
    uv_pipe_init(&d.loop, &d.input, 0);
    d.input.data = &d;
    int rc = uv_pipe_open(&d.input, 0);
    if (!rc) rc = uv_read_start((uv_stream_t *)&d.input, on_place, on_bytes);
    if (rc) {
        err_set(&d.err, ERR_IO, "standard input is not a pipe: %s", uv_strerror(rc));
        end(&d);
    }
    uv_run(&d.loop, UV_RUN_DEFAULT);
    uv_walk(&d.loop, on_line_end, NULL);
    uv_run(&d.loop, UV_RUN_DEFAULT);
    uv_loop_close(&d.loop);
    buf_fini(&d.line);
    if (d.err.code && e) *e = d.err;
    return d.err.code;
}
