/* Wiring of the owner's parts. */
#include "coordinator/owning.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/api.h"
#include "coordinator/api/webhooks.h"
#include "coordinator/coordinator.h"
#include "coordinator/engine/engine.h"
#include "coordinator/folding.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/metrics/scrape.h"
#include "coordinator/metrics/waits.h"
#include "coordinator/notify/courier.h"
#include "coordinator/notify/outbox.h"
#include "coordinator/notify/rule.h"
#include "coordinator/sessions/sessions.h"
#include "coordinator/spine.h"
#include "coordinator/standing.h"
#include "coordinator/store/store.h"
#include "coordinator/tenure.h"
#include "coordinator/zone_files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "wire/lease.h"

#include <uv.h>

#define GONE_POLL_MS 10   /* until the links of a lost tenure are closed */
#define GONE_WAIT_MS 3000 /* for those whose agents read that they are sent away */

struct owning {
    const struct config *config;
    struct owning_options o;
    struct zones *zones; /* those of the start */
    uint64_t zones_sum;
    const char **channels; /* their names, for the engine */
    struct rule *rules;    /* the same */
    struct store *store;
    struct engine *engine;
    struct folding *folding;
    struct spine *spine; /* NULL: not started, or stopped */
    struct zone_files *zone_files;
    struct standing_clock *standing;
    struct courier *courier;
    struct outbox *outbox;
    struct sessions *sessions;
    uv_timer_t *going; /* after owning_lose */
    bool lost;
    int64_t lost_ms; /* mono */
    bool folds;      /* the store has logs to be folded */
};

/* ---- effects find their way ---- */

static void on_progress(struct owning *o, const struct effect_progress *p)
{
    metrics_on_progress(o->o.metrics, p);
    waits_note(o->o.waits, p->group, &p->waits, os_mono_ms());
}

/* Agents first: links are written to in the order in which they came to have something, and a job
 * need not wait until many answers are written. */
static void on_effects(struct effects *list, void *user)
{
    struct owning *o = user;
    for (struct effect *x = list->first; x; x = x->next)
        if (x->session) sessions_on_effect(o->sessions, x);
    sessions_settle(o->sessions);
    for (struct effect *x = list->first; x; x = x->next) {
        if (x->type == EFFECT_PROGRESS)
            on_progress(o, &x->u.progress);
        else if (x->type == EFFECT_NOTICE)
            outbox_on_notice(o->outbox, &x->u.notice);
        else if (x->type == EFFECT_NOTICE_DROPPED)
            outbox_on_dropped(o->outbox, &x->u.notice);
        else if (!x->session)
            api_on_effect(o->o.api, x);
    }
    api_settle(o->o.api);
}

static void on_relief(void *user)
{
    struct owning *o = user;
    sessions_on_relief(o->sessions);
    api_on_relief(o->o.api);
}

/* ---- open ---- */

static int64_t stopwatch_us(void)
{
    return (int64_t)(uv_hrtime() / 1000);
}

static size_t name_channels(struct owning *o)
{
    size_t count = 0;
    o->channels = mem_array(json_count(o->config->channels) + 1, sizeof *o->channels);
    for (const struct json *j = json_first(o->config->channels); j; j = json_next(j))
        o->channels[count++] = json_key(j);
    return count;
}

static int open_engine(struct owning *o, const struct store_opening *opening, struct err *e)
{
    const struct config *f = o->config;
    struct moment now;
    struct engine_config g = {.lease_ms = f->lease_ms,
                              .heartbeat_ms = f->heartbeat_ms,
                              .retention_ms = f->retention_ms,
                              .output_limit_bytes = f->output_limit_bytes,
                              .payload_limit_bytes = f->payload_limit_bytes,
                              .max_agents = f->max_agents,
                              .kill_time_ms = lease_kill_time_ms(0),
                              .timezone = f->timezone,
                              .key_hash = webhook_key_hash,
                              .stopwatch_us = stopwatch_us};
    g.channel_count = name_channels(o);
    g.channels = o->channels;
    g.rules = o->rules = rules_read(f->rules);
    g.rule_count = json_count(f->rules);
    os_now(&now);
    int rc = zone_files_read(f, &o->zones, &o->zones_sum, e);
    g.zones = o->zones;
    if (!rc) rc = coordinator_open_store(opening, &o->store, e);
    if (!rc) rc = engine_new(o->store, &g, os_seed(), &now, &o->engine, e);
    return rc;
}

int owning_open(const struct store_opening *opening, struct owning **out, struct err *e)
{
    struct owning *o = mem_alloc(sizeof *o);
    o->config = opening->config;
    o->folds = !opening->shared;
    int rc = open_engine(o, opening, e);
    if (rc) {
        owning_free(o);
        return rc;
    }
    *out = o;
    return 0;
}

/* ---- start ---- */

/* cadre-notify is installed where this program is. */
static struct courier *courier_beside(struct uv_loop_s *loop)
{
    char *self = paths_self(), *folder = paths_dir(self);
    char *program =
        paths_join(folder, str_ends(self, ".exe") ? "cadre-notify.exe" : "cadre-notify");
    struct courier *made = courier_new(loop, program, NULL);
    mem_free(program);
    mem_free(folder);
    mem_free(self);
    return made;
}

static struct sessions *start_sessions(struct owning *o)
{
    const struct config *f = o->config;
    struct sessions_options so = {.loop = o->o.loop,
                                  .spine = o->spine,
                                  .authority = o->o.authority,
                                  .lease_ms = f->lease_ms,
                                  .heartbeat_ms = f->heartbeat_ms,
                                  .output_limit_bytes = f->output_limit_bytes,
                                  .addresses = o->o.addresses,
                                  .first_message_ms = o->o.first_message_ms};
    return sessions_new(&so);
}

static void on_lost(void *user)
{
    struct owning *o = user;
    o->o.on_lost(o->o.user);
}

static void on_dropped(void *user);

int owning_start(struct owning *o, const struct owning_options *options, struct err *e)
{
    struct spine_handler handler = {.on_effects = on_effects,
                                    .on_relief = on_relief,
                                    .tenure = options->tenure,
                                    .on_lost = on_lost,
                                    .on_dropped = on_dropped};
    const struct config *f = o->config;
    o->o = *options;
    if (o->o.tenure) tenure_give(o->o.tenure, o->store);
    int rc = o->folds ? folding_start(f->state, o->store, &o->folding, e) : 0;
    if (!rc) rc = spine_start(o->o.loop, o->engine, &handler, o, &o->spine, e);
    if (rc) return rc;
    o->zone_files = zone_files_start(o->o.loop, f, o->spine, o->zones, o->zones_sum);
    o->standing = standing_start(o->o.loop, &(struct standing_of){f->state, o->o.authority,
                                                                  o->o.web, o->spine});
    o->courier = courier_beside(o->o.loop);
    o->outbox = outbox_new(f->channels, o->o.name, o->courier, o->spine);
    o->sessions = start_sessions(o);
    return 0;
}

void owning_accept(struct owning *o, struct link *l)
{
    sessions_accept(o->sessions, l);
}

void owning_set_addresses(struct owning *o, const char *addresses)
{
    if (o->sessions) sessions_set_addresses(o->sessions, addresses);
}

void owning_reload(struct owning *o)
{
    if (o->zone_files) zone_files_again(o->zone_files);
}

void owning_gather(struct owning *o, struct scrape *s)
{
    if (o->spine) {
        spine_commits(o->spine, &s->commits);
        s->batch_ms = spine_busy_ms(o->spine);
    }
    outbox_counters(o->outbox, &s->messages);
    s->agent_connections = sessions_count(o->sessions);
}

struct spine *owning_spine(const struct owning *o)
{
    return o->spine;
}

struct courier *owning_courier(const struct owning *o)
{
    return o->courier;
}

size_t owning_sessions(const struct owning *o)
{
    return sessions_count(o->sessions);
}

/* ---- stop ---- */

void owning_quiesce(struct owning *o)
{
    sessions_quiesce(o->sessions);
}

/* What gives commands beside agents and clients. */
static void stop_parts(struct owning *o)
{
    outbox_stop(o->outbox);
    courier_stop(o->courier);
    zone_files_stop(o->zone_files);
    o->zone_files = NULL;
    standing_stop(o->standing);
    o->standing = NULL;
}

static void release(struct owning *o)
{
    struct err e = {0};
    if (o->o.tenure && tenure_release(o->o.tenure, &e))
        log_warn("owner: the queue was not given back, another coordinator takes it over when the "
                 "time is over: %s",
                 err_text(&e));
}

void owning_stop(struct owning *o)
{
    stop_parts(o);
    spine_stop(o->spine);
    o->spine = NULL;
    release(o);
    folding_stop(o->folding);
    o->folding = NULL;
}

void owning_close_sessions(struct owning *o, bool cut)
{
    if (o->o.tenure && !cut)
        sessions_turn_away(o->sessions, NULL);
    else
        sessions_stop(o->sessions, cut);
}

/* ---- lose ---- */

static void on_timer_closed(uv_handle_t *h)
{
    mem_free(h);
}

static void on_going(uv_timer_t *t)
{
    struct owning *o = t->data;
    bool late = os_mono_ms() - o->lost_ms >= GONE_WAIT_MS;
    if (!o->spine && late) sessions_stop(o->sessions, true);
    if (o->spine || sessions_count(o->sessions)) return;
    uv_close((uv_handle_t *)o->going, on_timer_closed);
    o->going = NULL;
    o->o.on_gone(o->o.user);
}

static void on_dropped(void *user)
{
    struct owning *o = user;
    o->spine = NULL;
    folding_stop(o->folding);
    o->folding = NULL;
}

void owning_lose(struct owning *o)
{
    if (o->lost || !o->spine) return;
    o->lost = true;
    sessions_quiesce(o->sessions);
    api_set_owner(o->o.api, NULL, NULL);
    stop_parts(o);
    sessions_turn_away(o->sessions, NULL);
    o->lost_ms = os_mono_ms();
    spine_drop(o->spine);
    o->going = mem_alloc(sizeof *o->going);
    o->going->data = o;
    uv_timer_init(o->o.loop, o->going);
    uv_timer_start(o->going, on_going, GONE_POLL_MS, GONE_POLL_MS);
}

void owning_free(struct owning *o)
{
    if (!o) return;
    sessions_free(o->sessions);
    outbox_free(o->outbox);
    courier_free(o->courier);
    engine_free(o->engine);
    mem_free(o->channels);
    rules_free(o->rules, json_count(o->config->rules));
    zones_free(o->zones);
    folding_stop(o->folding);
    store_close(o->store);
    mem_free(o);
}
