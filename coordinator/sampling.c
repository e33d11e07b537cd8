/* A timer, and a question that is asked again and again. */
#include "coordinator/sampling.h"

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/metrics/history.h"
#include "coordinator/metrics/scrape.h"
#include "coordinator/reads/lookup.h"
#include "coordinator/reads/reads.h"
#include "platform/os.h"

#include <uv.h>

struct sampling {
    uv_timer_t timer;
    struct reads *reads;
    struct history *history;
    bool asked; /* the query is the reader thread's */
    struct query query;
    struct scrape *scrape;
    struct err err;
    int rc;
};

static struct sampling *of(struct query *q)
{
    return (struct sampling *)((char *)q - offsetof(struct sampling, query));
}

static void run(struct query *q, struct reader *r)
{
    struct sampling *s = of(q);
    s->rc = lookup_group_loads(s->scrape, r, &s->err);
}

static void on_answer(struct query *q)
{
    struct sampling *s = of(q);
    s->asked = false;
    if (q->ran && s->rc == 0)
        history_note(s->history, s->scrape, os_mono_ms());
    else if (q->ran)
        log_warn("the history of the groups: a point is missing: %s", err_text(&s->err));
    scrape_free(s->scrape);
    s->scrape = NULL;
}

/* A question that is not answered yet, or has no room, is left out: so is its point. */
static void on_timer(uv_timer_t *t)
{
    struct sampling *s = t->data;
    if (s->asked || reads_is_full(s->reads)) return;
    s->asked = true;
    s->scrape = scrape_new();
    s->query = (struct query){.run = run, .done = on_answer};
    reads_push(s->reads, &s->query);
}

struct sampling *sampling_start(struct uv_loop_s *loop, struct reads *reads,
                                struct history *history, int64_t every_ms)
{
    struct sampling *s = mem_alloc(sizeof *s);
    s->reads = reads;
    s->history = history;
    s->timer.data = s;
    uv_timer_init(loop, &s->timer);
    uv_timer_start(&s->timer, on_timer, 0, (uint64_t)(every_ms > 0 ? every_ms : SAMPLING_EVERY_MS));
    return s;
}

static void on_closed(uv_handle_t *h)
{
    mem_free(h->data);
}

void sampling_stop(struct sampling *s)
{
    if (s) uv_close((uv_handle_t *)&s->timer, on_closed);
}
