#include "wire/link_uv.h"

#include "base/mem.h"

#include <stddef.h>

#define TURN_EXTRA                                                                                 \
    256 /* how many links are worked on again within one turn before the loop reads its sockets */

static void work(struct link_hub *h)
{
    size_t budget = TURN_EXTRA;
    for (const struct link *l = h->marked.first; l != NULL; l = l->work_next)
        budget++;
    while (h->marked.first != NULL && budget-- > 0) {
        struct link *l = h->marked.first;
        link_unmark(l);
        turn_worked(&h->share);
        h->calls->work(l);
    }
}

static void shake(struct link_hub *h)
{
    if (h->shaking.first == NULL) return;
    turn_begin(&h->share, (int64_t)uv_hrtime());
    while (h->shaking.first != NULL && turn_may_step(&h->share)) {
        struct link *l = h->shaking.first;
        link_unmark(l);
        h->calls->shake(l);
        turn_stepped(&h->share, (int64_t)uv_hrtime());
    }
    turn_end(&h->share, h->shaking.first != NULL);
}

static void on_turn(uv_idle_t *handle)
{
    struct link_hub *h = handle->data;
    link_hub_ref(h);
    work(h);
    shake(h);
    if (h->marked.first == NULL && h->shaking.first == NULL) uv_idle_stop(&h->turn);
    link_hub_unref(h);
}

static void on_timer(uv_timer_t *timer);

/* Sets the timer for the earliest deadline. It may fire too early (a deadline was moved): that is
 * cheaper than setting it anew each time. */
static void arm(struct link_hub *h)
{
    struct deadline *first = deadline_first(&h->deadlines);
    if (first == NULL) {
        if (h->armed) uv_timer_stop(&h->timer);
        h->armed = false;
        return;
    }
    if (h->armed && h->armed_for_ms <= first->at_ms) return;
    h->armed = true;
    h->armed_for_ms = first->at_ms;
    int64_t in_ms = first->at_ms - (int64_t)uv_now(h->loop);
    uv_timer_start(&h->timer, on_timer, in_ms > 0 ? (uint64_t)in_ms : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct link_hub *h = timer->data;
    struct deadline *d;
    link_hub_ref(h);
    h->armed = false;
    while ((d = deadline_pop(&h->deadlines, (int64_t)uv_now(h->loop))) != NULL)
        h->calls->late((struct link *)((char *)d - offsetof(struct link, deadline)));
    arm(h);
    link_hub_unref(h);
}

struct link_hub *link_hub_new(uv_loop_t *loop, const struct link_hub_calls *calls)
{
    struct link_hub *h = mem_alloc(sizeof(*h));
    h->loop = loop;
    h->calls = calls;
    h->refs = 1;
    h->handles = 2;
    deadline_queue_init(&h->deadlines);
    uv_idle_init(loop, &h->turn);
    uv_timer_init(loop, &h->timer);
    h->turn.data = h->timer.data = h;
    return h;
}

struct link_hub *link_hub_ref(struct link_hub *h)
{
    h->refs++;
    return h;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct link_hub *h = handle->data;
    if (--h->handles > 0) return;
    deadline_queue_fini(&h->deadlines);
    while (h->spares > 0)
        buf_fini(&h->spare[--h->spares]);
    mem_free(h->read_buf);
    mem_free(h);
}

void link_hub_unref(struct link_hub *h)
{
    if (--h->refs > 0) return;
    uv_close((uv_handle_t *)&h->turn, on_handle_closed);
    uv_close((uv_handle_t *)&h->timer, on_handle_closed);
}

void link_mark(struct link *l)
{
    struct link_hub *h = l->hub;
    if (l->on != NULL || l->state == LINK_ENDED) return;
    l->on = l->state == LINK_HANDSHAKE ? &h->shaking : &h->marked;
    l->work_prev = l->on->last;
    l->work_next = NULL;
    *(l->on->last != NULL ? &l->on->last->work_next : &l->on->first) = l;
    l->on->last = l;
    uv_idle_start(&h->turn, on_turn);
}

void link_unmark(struct link *l)
{
    if (l->on == NULL) return;
    *(l->work_prev != NULL ? &l->work_prev->work_next : &l->on->first) = l->work_next;
    *(l->work_next != NULL ? &l->work_next->work_prev : &l->on->last) = l->work_prev;
    l->work_prev = l->work_next = NULL;
    l->on = NULL;
}

void link_set_deadline(struct link *l, int64_t in_ms)
{
    deadline_set(&l->hub->deadlines, &l->deadline, (int64_t)uv_now(l->hub->loop) + in_ms);
    arm(l->hub);
}

void link_clear_deadline(struct link *l)
{
    deadline_clear(&l->hub->deadlines, &l->deadline);
    arm(l->hub);
}

static void swap_memory(struct buf *a, struct buf *b)
{
    struct buf old = *a;
    *a = (struct buf){b->data, b->len, b->cap, a->max};
    *b = (struct buf){old.data, old.len, old.cap, b->max};
}

void link_hub_lend(struct link_hub *h, struct buf *b)
{
    if (b->cap == 0 && h->spares > 0) swap_memory(b, &h->spare[--h->spares]);
}

void link_hub_take_back(struct link_hub *h, struct buf *b)
{
    if (b->cap == 0) return;
    if (b->cap > LINK_SPARE_MAX || h->spares == LINK_SPARES) {
        buf_fini(b);
        return;
    }
    buf_clear(b);
    buf_init(&h->spare[h->spares], SIZE_MAX / 2);
    swap_memory(b, &h->spare[h->spares++]);
}
