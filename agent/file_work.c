/* Threads for file work: see file_work.h. */
#include "agent/file_work.h"

#include "base/mem.h"
#include "platform/os.h"

#include <assert.h>
#include <uv.h>

struct task_list {
    struct file_task *first, **last;
    size_t count;
};

struct worker {
    struct file_work *work;
    uv_thread_t thread;
    struct file_task *task; /* under way */
    bool left;              /* the operation hung at the end, and no caller waits for it */
};

struct file_work {
    uv_loop_t *loop;
    uv_async_t async; /* something is back */
    uv_timer_t timer; /* of the end */
    int open_handles;
    bool ending; /* file_work_free was called */
    bool hasty;  /* and its time is over */

    uv_mutex_t lock; /* of all that follows */
    uv_cond_t wake;
    struct task_list waiting[FILE_WORK_KINDS], back;
    struct worker workers[FILE_WORK_THREADS];
    size_t threads, idle, removing, under_way;
    bool closed;    /* threads go home, and tell nobody */
    size_t sharers; /* threads that were left, and handles; the last of them frees everything */
};

/* ---- lists ---- */

static void list_init(struct task_list *l)
{
    *l = (struct task_list){.last = &l->first};
}

static void list_push(struct task_list *l, struct file_task *t)
{
    t->next = NULL;
    *l->last = t;
    l->last = &t->next;
    l->count++;
}

static struct file_task *list_pop(struct task_list *l)
{
    struct file_task *t = l->first;
    if (!t) return NULL;
    l->first = t->next;
    if (!l->first) l->last = &l->first;
    l->count--;
    return t;
}

static bool list_remove(struct task_list *l, const struct file_task *t)
{
    for (struct file_task **p = &l->first; *p; p = &(*p)->next) {
        if (*p != t) continue;
        *p = t->next;
        if (!*p) l->last = p;
        l->count--;
        return true;
    }
    return false;
}

/* ---- on the threads ---- */

/* How many of those that wait may begin now. */
static size_t ready_count(const struct file_work *w)
{
    size_t may_remove = FILE_WORK_REMOVERS - w->removing;
    size_t removals = w->waiting[FILE_WORK_REMOVE].count;
    return w->waiting[FILE_WORK_PREPARE].count + (removals < may_remove ? removals : may_remove);
}

static struct file_task *take_task(struct file_work *w)
{
    struct file_task *t = list_pop(&w->waiting[FILE_WORK_PREPARE]);
    if (t || w->removing == FILE_WORK_REMOVERS) return t;
    return list_pop(&w->waiting[FILE_WORK_REMOVE]);
}

static void run_task(struct file_work *w, struct worker *me, struct file_task *t)
{
    bool removes = t->kind == FILE_WORK_REMOVE;
    me->task = t;
    w->under_way++;
    w->removing += removes;
    atomic_store(&t->alive_ms, os_mono_ms());
    uv_mutex_unlock(&w->lock);
    t->run(t);
    uv_mutex_lock(&w->lock);
    me->task = NULL;
    w->under_way--;
    w->removing -= removes;
    if (w->closed) return;
    list_push(&w->back, t);
    uv_async_send(&w->async);
}

static void release(struct file_work *w)
{
    uv_cond_destroy(&w->wake);
    uv_mutex_destroy(&w->lock);
    mem_free(w);
}

static void worker_main(void *arg)
{
    struct worker *me = arg;
    struct file_work *w = me->work;
    os_thread_leave_signals(); /* each end of a child would wake an idle thread */
    uv_mutex_lock(&w->lock);
    while (!w->closed) {
        struct file_task *t = take_task(w);
        if (t) {
            run_task(w, me, t);
            continue;
        }
        w->idle++;
        uv_cond_wait(&w->wake, &w->lock);
        w->idle--;
    }
    bool last = me->left && --w->sharers == 0;
    uv_mutex_unlock(&w->lock);
    if (last) release(w);
}

bool file_task_goes_on(struct file_task *t)
{
    atomic_store(&t->alive_ms, os_mono_ms());
    return !atomic_load(&t->leave_off);
}

/* ---- on the loop ---- */

static void end_if_idle(struct file_work *w);

/* Removes all waiting tasks of one kind; their `done` reports that they never ran. */
static void drop_waiting(struct file_work *w, enum file_work_kind kind)
{
    struct file_task *t;
    while ((t = list_pop(&w->waiting[kind]))) {
        t->dropped = true;
        list_push(&w->back, t);
    }
}

static void tell_back(struct file_work *w)
{
    struct file_task *t;
    do {
        uv_mutex_lock(&w->lock);
        if (w->ending) drop_waiting(w, FILE_WORK_PREPARE);
        if (w->hasty) drop_waiting(w, FILE_WORK_REMOVE);
        t = list_pop(&w->back);
        uv_mutex_unlock(&w->lock);
        if (!t) break;
        t->late = os_mono_ms() - t->added_ms >= FILE_WORK_HUNG_MS;
        t->done(t);
    } while (t);
}

static void on_async(uv_async_t *async)
{
    struct file_work *w = async->data;
    tell_back(w);
    if (w->ending) end_if_idle(w);
}

/* Called with the lock held. When no thread can be made, the next task tries again. */
static void add_thread(struct file_work *w)
{
    struct worker *one = &w->workers[w->threads];
    one->work = w;
    if (uv_thread_create(&one->thread, worker_main, one) == 0) w->threads++;
}

void file_work_add(struct file_work *w, struct file_task *t)
{
    t->late = t->dropped = false;
    t->added_ms = os_mono_ms();
    atomic_store(&t->leave_off, false);
    uv_mutex_lock(&w->lock);
    list_push(&w->waiting[t->kind], t);
    size_t ready = ready_count(w);
    if (ready > w->idle && w->threads < FILE_WORK_THREADS) add_thread(w);
    if (ready > 0) uv_cond_signal(&w->wake);
    if (w->ending) uv_async_send(&w->async);
    uv_mutex_unlock(&w->lock);
}

bool file_work_take_back(struct file_work *w, struct file_task *t)
{
    uv_mutex_lock(&w->lock);
    bool waited = list_remove(&w->waiting[t->kind], t);
    uv_mutex_unlock(&w->lock);
    if (!waited) atomic_store(&t->leave_off, true);
    return waited;
}

void file_work_look(struct file_work *w, struct file_work_state *out)
{
    int64_t now = os_mono_ms();
    *out = (struct file_work_state){0};
    uv_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->threads; i++) {
        struct file_task *t = w->workers[i].task;
        if (!t) continue;
        int64_t idle = now - atomic_load(&t->alive_ms);
        if (idle > out->idle_ms) out->idle_ms = idle;
        out->hung += idle >= FILE_WORK_HUNG_MS;
    }
    out->waiting = w->waiting[FILE_WORK_PREPARE].count + w->waiting[FILE_WORK_REMOVE].count;
    out->under_way = w->under_way;
    out->threads = w->threads;
    uv_mutex_unlock(&w->lock);
}

/* ---- life ---- */

int file_work_new(struct uv_loop_s *loop, struct file_work **out, struct err *e)
{
    struct file_work *w = mem_alloc(sizeof *w);
    w->loop = loop;
    for (int i = 0; i < FILE_WORK_KINDS; i++)
        list_init(&w->waiting[i]);
    list_init(&w->back);
    int rc = uv_mutex_init(&w->lock);
    if (rc == 0 && (rc = uv_cond_init(&w->wake)) != 0) uv_mutex_destroy(&w->lock);
    if (rc == 0 && (rc = uv_async_init(loop, &w->async, on_async)) != 0) {
        uv_cond_destroy(&w->wake);
        uv_mutex_destroy(&w->lock);
    }
    if (rc != 0) {
        mem_free(w);
        return err_set(e, ERR_IO, "cannot prepare for work on files: %s", uv_strerror(rc));
    }
    uv_timer_init(loop, &w->timer);
    w->async.data = w->timer.data = w;
    w->open_handles = 2;
    *out = w;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct file_work *w = handle->data;
    if (--w->open_handles > 0) return;
    uv_mutex_lock(&w->lock);
    bool last = --w->sharers == 0;
    uv_mutex_unlock(&w->lock);
    if (last) release(w);
}

/* Ends the threads. Threads that hang are left. */
static void close_all(struct file_work *w)
{
    uv_mutex_lock(&w->lock);
    w->closed = true;
    w->sharers = 1; /* the handles */
    for (size_t i = 0; i < w->threads; i++) {
        w->workers[i].left = w->workers[i].task != NULL;
        w->sharers += w->workers[i].left;
    }
    uv_cond_broadcast(&w->wake);
    uv_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->threads; i++)
        if (!w->workers[i].left) uv_thread_join(&w->workers[i].thread);
    uv_close((uv_handle_t *)&w->async, on_handle_closed);
    uv_close((uv_handle_t *)&w->timer, on_handle_closed);
}

static void end_if_idle(struct file_work *w)
{
    uv_mutex_lock(&w->lock);
    bool busy = w->under_way > 0 || w->back.count > 0 || ready_count(w) > 0;
    uv_mutex_unlock(&w->lock);
    if (!busy && !w->closed) close_all(w);
}

static void on_end_timer(uv_timer_t *timer)
{
    struct file_work *w = timer->data;
    if (w->hasty) {
        tell_back(w);
        if (!w->closed) close_all(w);
        return;
    }
    w->hasty = true;
    uv_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->threads; i++)
        if (w->workers[i].task) atomic_store(&w->workers[i].task->leave_off, true);
    uv_mutex_unlock(&w->lock);
    tell_back(w);
    uv_timer_start(timer, on_end_timer, FILE_WORK_LEAVE_OFF_MS, 0);
    end_if_idle(w);
}

void file_work_free(struct file_work *w, int64_t goodbye_ms)
{
    if (!w) return;
    assert(!w->ending);
    w->ending = true;
    uv_update_time(w->loop);
    uv_timer_start(&w->timer, on_end_timer, (uint64_t)goodbye_ms, 0);
    uv_async_send(&w->async);
}
