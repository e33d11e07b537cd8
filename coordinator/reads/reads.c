/* Two lists, one lock, as in the spine. */
#include "coordinator/reads/reads.h"

#include "base/mem.h"

#include <uv.h>

struct query_list {
    struct query *first, **last;
};

struct reads {
    struct reader *reader;

    /* loop thread */
    size_t waiting; /* pushed and not done */
    bool stopped;
    uv_async_t async;
    uv_thread_t thread;

    uv_mutex_t lock; /* guards what follows, and `cancelled` of the queries */
    uv_cond_t wake;
    struct query_list queue, results;
    size_t result_bytes;
    bool stop;
};

static void list_init(struct query_list *l)
{
    l->first = NULL;
    l->last = &l->first;
}

static void list_add(struct query_list *l, struct query *q)
{
    q->next = NULL;
    *l->last = q;
    l->last = &q->next;
}

/* NULL: the list is empty. */
static struct query *list_take(struct query_list *l)
{
    struct query *q = l->first;
    if (!q) return NULL;
    l->first = q->next;
    if (!l->first) l->last = &l->first;
    q->next = NULL;
    return q;
}

/* ---- reader thread ---- */

/* With the lock held. NULL: the end. A stopping loop takes no results until the thread has ended,
 * so that nothing is waited for then. */
static struct query *next_query(struct reads *s)
{
    while (!s->stop && (!s->queue.first || s->result_bytes > READS_RESULT_BYTES))
        uv_cond_wait(&s->wake, &s->lock);
    return list_take(&s->queue);
}

static void reader_thread(void *arg)
{
    struct reads *s = arg;
    struct query *q;
    uv_mutex_lock(&s->lock);
    while ((q = next_query(s))) {
        q->ran = !q->cancelled;
        if (q->ran) {
            uv_mutex_unlock(&s->lock);
            q->run(q, s->reader);
            uv_mutex_lock(&s->lock);
        }
        s->result_bytes += q->result_bytes;
        if (!s->results.first) uv_async_send(&s->async);
        list_add(&s->results, q);
    }
    uv_mutex_unlock(&s->lock);
}

/* ---- loop thread ---- */

static void deliver(struct reads *s)
{
    struct query_list l;
    struct query *q;
    uv_mutex_lock(&s->lock);
    l.first = s->results.first;
    list_init(&s->results);
    s->result_bytes = 0;
    uv_cond_signal(&s->wake);
    uv_mutex_unlock(&s->lock);
    while ((q = l.first)) {
        l.first = q->next;
        q->next = NULL;
        s->waiting--;
        q->done(q);
    }
}

static void on_async(uv_async_t *h)
{
    deliver(h->data);
}

static void on_closed(uv_handle_t *h)
{
    struct reads *s = h->data;
    uv_cond_destroy(&s->wake);
    uv_mutex_destroy(&s->lock);
    mem_free(s);
}

int reads_start(struct uv_loop_s *loop, struct reader *reader, struct reads **out, struct err *e)
{
    struct reads *s = mem_alloc(sizeof *s);
    s->reader = reader;
    list_init(&s->queue);
    list_init(&s->results);
    if (uv_mutex_init(&s->lock) || uv_cond_init(&s->wake)) mem_exhausted();
    if (uv_async_init(loop, &s->async, on_async)) mem_exhausted();
    s->async.data = s;
    int rc = uv_thread_create(&s->thread, reader_thread, s);
    if (rc) {
        uv_close((uv_handle_t *)&s->async, on_closed);
        return err_set(e, ERR_IO, "the reader thread cannot be started: %s", uv_strerror(rc));
    }
    *out = s;
    return 0;
}

void reads_push(struct reads *s, struct query *q)
{
    s->waiting++;
    q->ran = q->cancelled = false;
    q->result_bytes = 0;
    uv_mutex_lock(&s->lock);
    if (s->stopped) {
        if (!s->results.first) uv_async_send(&s->async);
        list_add(&s->results, q);
    } else {
        if (!s->queue.first) uv_cond_signal(&s->wake);
        list_add(&s->queue, q);
    }
    uv_mutex_unlock(&s->lock);
}

void reads_cancel(struct reads *s, struct query *q)
{
    uv_mutex_lock(&s->lock);
    q->cancelled = true;
    uv_mutex_unlock(&s->lock);
}

bool reads_is_full(const struct reads *s)
{
    return s->waiting >= READS_WAITING_MAX;
}

void reads_stop(struct reads *s)
{
    uv_mutex_lock(&s->lock);
    s->stop = true;
    uv_cond_signal(&s->wake);
    uv_mutex_unlock(&s->lock);
    uv_thread_join(&s->thread);
    s->stopped = true;
    while (s->waiting)
        deliver(s);
}

void reads_free(struct reads *s)
{
    if (!s) return;
    if (!s->stopped) reads_stop(s);
    while (s->waiting)
        deliver(s);
    uv_close((uv_handle_t *)&s->async, on_closed);
}
