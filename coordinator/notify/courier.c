/* Orders stand in one list, in their order; it is short, since who sends them keeps back what has
 * no place of its lane (outbox.c). A child is an object of its own, which outlives the courier
 * until its handles are closed. */
#include "coordinator/notify/courier.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <uv.h>

#define ANSWER_MAX (64u * 1024) /* bytes of a line */
#define READ_BYTES 4096
#define HANDLES 4 /* of a child */
#define REASON_SIZE 512

struct order_at {
    struct order_at *next;
    uint64_t number;
    char lane[COURIER_LANE_SIZE];
    char *line; /* with its end; NULL: the child has it */
    size_t len;
    int64_t sent_ms; /* 0: not yet */
    courier_end_fn *on_end;
    void *user;
};

struct child {
    struct courier *courier; /* NULL: nobody listens any more */
    uv_process_t process;
    uv_pipe_t in, out;
    uv_timer_t lingering; /* once nobody listens any more */
    int open;             /* handles */
    int64_t let_go_ms;    /* when its input was closed; 0: it is open */
    bool exited, silent, lies, hangs, lingers, killed;
    int64_t status;
    int signal;
    struct buf said;
    char bytes[READ_BYTES];
};

struct courier {
    uv_loop_t *loop;
    char *program;
    struct courier_times times;
    char mark[17]; /* its orders have ids "MARK-NUMBER" */
    struct child *child;
    uv_timer_t *timer;
    struct order_at *first, **last;
    size_t count, sent;
    uint64_t number; /* of the last order */
    bool stopped;
};

static void pump(struct courier *c);
static void plan(struct courier *c);

/* ---- orders ---------------------------------------------------------------------------------- */

static struct order_at *take_out(struct courier *c, struct order_at **at)
{
    struct order_at *o = *at;
    *at = o->next;
    if (c->last == &o->next) c->last = at;
    c->count--;
    if (o->sent_ms) c->sent--;
    return o;
}

static void free_order(struct order_at *o)
{
    mem_free(o->line);
    mem_free(o);
}

/* Takes it out of the list and tells how it ended. */
static void end_order(struct courier *c, struct order_at **at, bool delivered, const char *reason)
{
    struct order_at *o = take_out(c, at);
    o->on_end(delivered, reason, o->user);
    free_order(o);
}

/* Those that the child had; all: and those that it had not. */
static void fail_orders(struct courier *c, bool all, const char *reason)
{
    for (struct order_at **at = &c->first; *at;) {
        if (all || (*at)->sent_ms)
            end_order(c, at, false, reason);
        else
            at = &(*at)->next;
    }
}

/* ---- the end of a child ---------------------------------------------------------------------- */

static void on_child_closed(uv_handle_t *h)
{
    struct child *k = h->data;
    if (--k->open > 0) return;
    buf_fini(&k->said);
    mem_free(k);
}

static void close_once(uv_handle_t *h)
{
    if (!uv_is_closing(h)) uv_close(h, on_child_closed);
}

static void close_child(struct child *k)
{
    close_once((uv_handle_t *)&k->in);
    close_once((uv_handle_t *)&k->out);
    close_once((uv_handle_t *)&k->lingering);
    close_once((uv_handle_t *)&k->process);
}

static void say_end(const struct child *k, char reason[REASON_SIZE])
{
    if (k->hangs)
        (void)str_format(reason, REASON_SIZE, "cadre-notify gave no answer in time and was ended");
    else if (k->lingers)
        (void)str_format(reason, REASON_SIZE,
                         "cadre-notify was let go, did not end in time, and was killed");
    else if (k->lies)
        (void)str_format(reason, REASON_SIZE, "cadre-notify's answer cannot be read");
    else if (k->signal)
        (void)str_format(reason, REASON_SIZE, "cadre-notify was ended by signal %d", k->signal);
    else
        (void)str_format(reason, REASON_SIZE, "cadre-notify ended with exit code %" PRId64,
                         k->status);
}

/* It has ended, and all that it said has been read. */
static void child_is_over(struct child *k)
{
    struct courier *c = k->courier;
    char reason[REASON_SIZE];
    close_child(k);
    if (!c) return;
    k->courier = NULL;
    c->child = NULL;
    say_end(k, reason);
    if (c->sent || k->status || k->signal) log_warn("notify: %s", reason);
    fail_orders(c, false, reason);
    pump(c);
    plan(c);
}

static void on_exited(uv_process_t *p, int64_t status, int signal)
{
    struct child *k = p->data;
    k->exited = true;
    k->status = status;
    k->signal = signal;
    if (k->silent) child_is_over(k);
}

static void kill_child(struct child *k)
{
    k->killed = true;
    if (!k->exited) (void)uv_process_kill(&k->process, SIGKILL);
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool order_number(const struct courier *c, const char *id, int64_t *number)
{
    size_t len = strlen(c->mark);
    return strncmp(id, c->mark, len) == 0 && id[len] == '-' && str_int64(id + len + 1, number) == 0;
}

static bool take_answer(struct courier *c, const char *line, size_t len)
{
    struct json *answer;
    int64_t number;
    if (json_parse(line, len, &answer, NULL)) return false;
    const char *reason = json_get_str(answer, "reason", "");
    bool delivered = json_get_bool(answer, "delivered", false);
    bool good = order_number(c, json_get_str(answer, "id", ""), &number);
    for (struct order_at **at = &c->first; good && *at; at = &(*at)->next) {
        if ((*at)->number != (uint64_t)number || !(*at)->sent_ms) continue;
        end_order(c, at, delivered, reason);
        break;
    }
    json_free(answer);
    return good;
}

static void take_answers(struct child *k)
{
    char *end;
    while (k->courier && (end = memchr(k->said.data, '\n', k->said.len)) != NULL) {
        size_t len = (size_t)(end - k->said.data);
        if (!take_answer(k->courier, k->said.data, len)) {
            k->lies = true;
            kill_child(k);
            return;
        }
        buf_consume(&k->said, len + 1);
    }
}

static void on_place(uv_handle_t *h, size_t wanted, uv_buf_t *out)
{
    struct child *k = h->data;
    (void)wanted;
    *out = uv_buf_init(k->bytes, sizeof k->bytes);
}

static void on_said(uv_stream_t *s, ssize_t n, const uv_buf_t *bytes)
{
    struct child *k = s->data;
    if (n < 0) {
        k->silent = true;
        uv_read_stop(s);
        if (k->exited) child_is_over(k);
        return;
    }
    if (k->lies || !k->courier) return;
    if (n > 0 && buf_add(&k->said, bytes->base, (size_t)n)) {
        k->lies = true;
        kill_child(k);
        return;
    }
    if (k->said.len) take_answers(k);
    if (k->courier) {
        pump(k->courier);
        plan(k->courier);
    }
}

/* ---- the child's beginning ------------------------------------------------------------------- */

static int spawn(struct courier *c, struct child *k)
{
    /* nothing that the coordinator was told: a token, a proxy, what a loader obeys */
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char lang[] = "LANG=C.UTF-8", home[] = "HOME=/", *env[] = {path, lang, home, NULL};
    char run[] = "run", *argv[] = {c->program, run, NULL};
    uv_stdio_container_t stdio[] = {{.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
                                     .data.stream = (uv_stream_t *)&k->in},
                                    {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                                     .data.stream = (uv_stream_t *)&k->out},
                                    {.flags = UV_INHERIT_FD, .data.fd = 2}};
    uv_process_options_t options = {.file = c->program,
                                    .args = argv,
                                    .env = env,
                                    .stdio = stdio,
                                    .stdio_count = 3,
                                    .exit_cb = on_exited,
                                    .flags = UV_PROCESS_WINDOWS_HIDE};
    return uv_spawn(c->loop, &k->process, &options);
}

static int start_child(struct courier *c)
{
    struct child *k = mem_alloc(sizeof *k);
    k->open = HANDLES;
    buf_init(&k->said, ANSWER_MAX);
    uv_pipe_init(c->loop, &k->in, 0);
    uv_pipe_init(c->loop, &k->out, 0);
    uv_timer_init(c->loop, &k->lingering);
    k->process.data = k->in.data = k->out.data = k->lingering.data = k;
    int rc = spawn(c, k);
    if (rc) {
        close_child(k);
        return rc;
    }
    k->courier = c;
    c->child = k;
    uv_read_start((uv_stream_t *)&k->out, on_place, on_said);
    return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct writing {
    uv_write_t write;
    char *line;
};

/* What could not be written is answered by the child's end. */
static void on_written(uv_write_t *w, int status)
{
    struct writing *x = w->data;
    (void)status;
    mem_free(x->line);
    mem_free(x);
}

static void write_order(struct courier *c, struct order_at *o)
{
    struct writing *x = mem_alloc(sizeof *x);
    uv_buf_t bytes = uv_buf_init(o->line, (unsigned)o->len);
    x->write.data = x;
    x->line = o->line;
    o->line = NULL;
    o->sent_ms = os_mono_ms();
    c->sent++;
    if (uv_write(&x->write, (uv_stream_t *)&c->child->in, &bytes, 1, on_written) == 0) return;
    mem_free(x->line);
    mem_free(x);
}

/* The child has it, and it is of that lane. */
static size_t under_way(const struct courier *c, const char *lane)
{
    size_t count = 0;
    for (const struct order_at *o = c->first; o; o = o->next)
        if (o->sent_ms && str_eq(o->lane, lane)) count++;
    return count;
}

/* A lane has its second place only while half of all are free: then four that hang take half. */
static struct order_at *next_order(const struct courier *c)
{
    struct order_at *next = NULL;
    size_t fewest = c->sent < COURIER_AT_ONCE / 2 ? COURIER_OF_LANE : 1;
    for (struct order_at *o = c->first; o && fewest > 0; o = o->next) {
        size_t count = o->sent_ms ? fewest : under_way(c, o->lane);
        if (count >= fewest) continue;
        next = o;
        fewest = count;
    }
    return c->sent < COURIER_AT_ONCE ? next : NULL;
}

static void pump(struct courier *c)
{
    struct order_at *o = c->stopped ? NULL : next_order(c);
    if (!o || (c->child && c->child->let_go_ms)) return;
    int rc = c->child ? 0 : start_child(c);
    if (rc) {
        char reason[REASON_SIZE];
        (void)str_format(reason, sizeof reason, "%s cannot be started: %s; %s", c->program,
                         uv_strerror(rc), "it comes with the package cadre-notify");
        log_warn("notify: %s", reason);
        fail_orders(c, true, reason);
        return;
    }
    for (; o; o = next_order(c))
        write_order(c, o);
}

/* It ends when its input does, and ends its commands first. */
static void let_go(struct child *k)
{
    if (!k->let_go_ms) k->let_go_ms = os_mono_ms();
    close_once((uv_handle_t *)&k->in);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* When the child was given the oldest of those that it has; 0: it has none. */
static int64_t oldest_sent(const struct courier *c)
{
    int64_t oldest_ms = 0;
    for (const struct order_at *o = c->first; o; o = o->next)
        if (o->sent_ms && (oldest_ms == 0 || o->sent_ms < oldest_ms)) oldest_ms = o->sent_ms;
    return oldest_ms;
}

static void on_timer(uv_timer_t *t)
{
    struct courier *c = t->data;
    struct child *k = c->child;
    int64_t oldest_ms = oldest_sent(c);
    if (!k) {
        pump(c);
    } else if (k->let_go_ms) {
        k->lingers = !k->hangs;
        kill_child(k);
    } else if (!c->count) {
        let_go(k);
    } else if (oldest_ms && os_mono_ms() - oldest_ms >= c->times.wait_ms) {
        k->hangs = true;
        let_go(k);
    }
    plan(c);
}

/* What comes next: an order that was just taken, the end of the oldest one, the child's rest. */
static void plan(struct courier *c)
{
    int64_t wait = c->times.idle_ms, oldest_ms = oldest_sent(c);
    if (c->stopped) return;
    if (c->child && c->child->killed)
        wait = c->times.end_ms;
    else if (c->child && c->child->let_go_ms)
        wait = c->child->let_go_ms + c->times.end_ms - os_mono_ms();
    else if (oldest_ms)
        wait = oldest_ms + c->times.wait_ms - os_mono_ms();
    else if (c->first && !c->child)
        wait = 0;
    if (wait < 1) wait = 1; /* one of 0 that is set by its own end never lets the loop go on */
    if (c->count || c->child)
        uv_timer_start(c->timer, on_timer, (uint64_t)wait, 0);
    else
        uv_timer_stop(c->timer);
}

/* ---- the courier ----------------------------------------------------------------------------- */

struct courier *courier_new(struct uv_loop_s *loop, const char *program,
                            const struct courier_times *times)
{
    static const struct courier_times usual = {COURIER_WAIT_MS, COURIER_IDLE_MS, COURIER_END_MS};
    struct courier *c = mem_alloc(sizeof *c);
    c->times = times ? *times : usual;
    c->loop = loop;
    c->program = mem_strdup(program);
    (void)str_format(c->mark, sizeof c->mark, "%016" PRIx64, os_seed());
    c->last = &c->first;
    c->timer = mem_alloc(sizeof *c->timer);
    uv_timer_init(loop, c->timer);
    c->timer->data = c;
    return c;
}

void courier_id(const struct courier *c, char out[COURIER_ID_SIZE])
{
    (void)str_format(out, COURIER_ID_SIZE, "%s-%" PRIu64, c->mark, c->number + 1);
}

void courier_send(struct courier *c, const char *lane, const struct buf *line,
                  courier_end_fn *on_end, void *user)
{
    struct order_at *o = mem_alloc(sizeof *o);
    o->number = ++c->number;
    (void)str_copy(o->lane, sizeof o->lane, lane);
    o->line = mem_alloc(line->len + 1);
    memcpy(o->line, line->data, line->len);
    o->line[line->len] = '\n';
    o->len = line->len + 1;
    o->on_end = on_end;
    o->user = user;
    *c->last = o;
    c->last = &o->next;
    c->count++;
    if (c->child) pump(c); /* which cannot fail then */
    plan(c);
}

bool courier_take_back(struct courier *c, const void *user)
{
    struct order_at **at = &c->first;
    while (*at && (*at)->user != user)
        at = &(*at)->next;
    if (!*at || (*at)->sent_ms) return false;
    free_order(take_out(c, at));
    plan(c);
    return true;
}

size_t courier_waiting(const struct courier *c, const char *lane)
{
    size_t count = 0;
    for (const struct order_at *o = c->first; o; o = o->next)
        if (str_eq(o->lane, lane)) count++;
    return count;
}

static void on_lingering(uv_timer_t *t)
{
    kill_child(t->data);
}

void courier_stop(struct courier *c)
{
    struct child *k = c->child;
    c->stopped = true;
    uv_timer_stop(c->timer);
    fail_orders(c, true, "the coordinator stops");
    if (!k) return;
    k->courier = NULL;
    let_go(k);
    uv_timer_start(&k->lingering, on_lingering, (uint64_t)c->times.end_ms, 0);
    c->child = NULL;
}

static void on_timer_closed(uv_handle_t *h)
{
    mem_free(h);
}

void courier_free(struct courier *c)
{
    if (!c) return;
    uv_close((uv_handle_t *)c->timer, on_timer_closed);
    mem_free(c->program);
    mem_free(c);
}
