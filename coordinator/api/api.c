/* The API as a whole: it hands replies to their requests, sweeps its connections, and stops. */
#include "coordinator/api/api.h"
#include "coordinator/api/auth.h"
#include "coordinator/api/conn.h"
#include "coordinator/api/following.h"
#include "coordinator/api/forward.h"
#include "coordinator/api/live.h"
#include "coordinator/api/page.h"
#include "coordinator/api/rate.h"
#include "coordinator/api/request.h"
#include "coordinator/api/route.h"
#include "coordinator/api/traffic.h"

#include "base/mem.h"
#include "coordinator/metrics/allow.h"
#include "platform/os.h"

#include <uv.h>

#define SWEEP_MS 250
#define LATE_MS 2000 /* a sweep that comes later than this: the loop was slow, not the clients */

static void on_sweep(uv_timer_t *t)
{
    struct api *a = t->data;
    int64_t now_ms = os_mono_ms();
    bool late = now_ms - a->swept_ms > LATE_MS;
    a->swept_ms = now_ms;
    live_tell(a->live);
    /* The clients may have sent something meanwhile that is not read yet. */
    if (late) return;
    struct conn *next;
    forwards_sweep(a->forwards, now_ms);
    for (struct conn *c = a->first; c; c = next) {
        next = conn_next(c);
        conn_sweep(c, now_ms);
    }
    conn_settle(a);
}

/* The configuration was checked when it was read. */
static struct allow_net *read_networks(const struct opt_list *l, size_t *count)
{
    struct allow_net *nets = mem_array(l->count, sizeof *nets);
    *count = 0;
    for (size_t i = 0; i < l->count; i++)
        if (allow_parse(l->items[i], &nets[*count], NULL) == 0) ++*count;
    return nets;
}

struct api *api_new(const struct api_options *o)
{
    struct api *a = mem_alloc(sizeof *a);
    a->o = *o;
    if (!a->o.head_ms) a->o.head_ms = API_HEAD_MS;
    if (!a->o.body_ms) a->o.body_ms = API_BODY_MS;
    if (!a->o.idle_ms) a->o.idle_ms = API_IDLE_MS;
    a->auth = auth_new();
    a->live = live_new();
    a->page = page_new();
    a->forwards = forwards_new();
    size_t count;
    const struct route *routes = route_table(&count);
    a->traffic = traffic_new(routes, (int)count);
    a->allow = read_networks(&o->config->metrics_allow, &a->allow_count);
    a->proxies = read_networks(&o->config->forwarded_for, &a->proxy_count);
    a->webhooks = rate_new(o->config->max_webhooks);
    map_init(&a->waiting);
    map_init(&a->followers);
    map_init(&a->execution_followers);
    uv_timer_t *t = mem_alloc(sizeof *t);
    t->data = a;
    a->swept_ms = os_mono_ms();
    uv_timer_init(o->loop, t);
    uv_timer_start(t, on_sweep, SWEEP_MS, SWEEP_MS);
    a->timer = t;
    a->later_last = &a->later;
    uv_idle_t *idle = mem_alloc(sizeof *idle);
    idle->data = a;
    uv_idle_init(o->loop, idle);
    a->idle = idle;
    return a;
}

/* Whether a change was committed before the queue was lost is not known here: its connection
 * breaks, as when the process dies. Who only asked gets 503, and may ask again. */
static void fail_all(struct api *a)
{
    uint64_t *numbers = mem_array(a->waiting.count + 1, sizeof *numbers);
    struct request *r;
    size_t place = 0, count = 0;
    while ((r = map_next(&a->waiting, &place)) != NULL)
        numbers[count++] = r->number;
    for (size_t i = 0; i < count; i++) {
        struct reply x = {.rc = ERR_UNAVAILABLE};
        err_set(&x.err, x.rc, "this coordinator does not own the queue any more; try again");
        r = map_find(&a->waiting, numbers[i]);
        if (r && r->changing)
            r->to->abort(r, &x.err);
        else if (r)
            request_reply(a, numbers[i], &x);
    }
    mem_free(numbers);
}

/* What the engine said is not known any more. */
static void lose(struct api *a)
{
    mem_free(a->put_off);
    a->put_off = NULL;
    a->probed_ms = 0;
    fail_all(a);
    conn_break_streams(a);
}

void api_set_owner(struct api *a, struct spine *spine, struct courier *courier)
{
    bool lost = a->spine && !spine;
    a->spine = spine;
    a->courier = courier;
    if (lost) lose(a);
    api_on_relief(a); /* who waited for the other spine does not wait for this one */
}

void api_set_unfit(struct api *a, const char *why)
{
    mem_free(a->unfit);
    a->unfit = mem_strdup(why);
    if (why) conn_break_streams(a);
}

void api_on_effect(struct api *a, struct effect *x)
{
    live_on_effect(a->live, x);
    switch (x->type) {
    case EFFECT_REPLY:
        request_reply(a, x->u.reply.request, &x->u.reply.reply);
        break;
    case EFFECT_JOB_CHANGED:
        following_on_job(a, x->u.changed.id, true);
        break;
    case EFFECT_OUTPUT:
        following_on_job(a, x->u.output.job, false);
        break;
    case EFFECT_EXECUTION_CHANGED:
        following_on_execution(a, x->u.changed.id);
        break;
    case EFFECT_PUT_OFF:
        mem_free(a->put_off);
        a->put_off = x->u.put_off.json;
        x->u.put_off.json = NULL;
        break;
    case EFFECT_TOKEN_REVOKED:
        auth_forget(a->auth, x->u.revoked.token);
        conn_cut(a, x->u.revoked.token, 0);
        break;
    case EFFECT_SIGNED_OUT:
        auth_forget_session(a->auth, x->u.signed_out.session);
        conn_cut(a, 0, x->u.signed_out.session);
        break;
    default:
        break;
    }
}

void api_on_relief(struct api *a)
{
    struct conn *next;
    for (struct conn *c = a->first; c; c = next) {
        next = conn_next(c);
        conn_turn(c);
    }
}

void api_accept(struct api *a, struct link *l)
{
    conn_new(a, l);
}

void api_settle(struct api *a)
{
    conn_settle(a);
}

size_t api_count(const struct api *a)
{
    return a->count;
}

void api_quiesce(struct api *a)
{
    a->stopped = true;
}

void api_stop(struct api *a, bool cut)
{
    a->stopped = true;
    struct conn *next;
    for (struct conn *c = a->first; c; c = next) {
        next = conn_next(c);
        conn_close(c, cut);
    }
}

static void on_handle_closed(uv_handle_t *h)
{
    mem_free(h);
}

void api_free(struct api *a)
{
    if (!a) return;
    uv_close(a->timer, on_handle_closed);
    uv_close(a->idle, on_handle_closed);
    auth_free(a->auth);
    live_free(a->live);
    page_free(a->page);
    forwards_free(a->forwards);
    rate_free(a->webhooks);
    traffic_free(a->traffic);
    mem_free(a->allow);
    mem_free(a->proxies);
    map_fini(&a->waiting);
    map_fini(&a->followers);
    map_fini(&a->execution_followers);
    mem_free(a->put_off);
    mem_free(a->unfit);
    mem_free(a);
}
