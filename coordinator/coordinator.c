/* Wiring. */
#include "coordinator/coordinator.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/api.h"
#include "coordinator/api/webhooks.h"
#include "coordinator/engine/engine.h"
#include "coordinator/folding.h"
#include "coordinator/metrics/history.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/metrics/scrape.h"
#include "coordinator/metrics/waits.h"
#include "coordinator/notify/courier.h"
#include "coordinator/notify/outbox.h"
#include "coordinator/notify/rule.h"
#include "coordinator/reads/reads.h"
#include "coordinator/sampling.h"
#include "coordinator/sessions/sessions.h"
#include "coordinator/spine.h"
#include "coordinator/standing.h"
#include "coordinator/store/parts.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/store.h"
#include "coordinator/trust/admin_token.h"
#include "coordinator/trust/authority.h"
#include "coordinator/web.h"
#include "coordinator/zone_files.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/state_folder.h"
#include "wire/lease.h"
#include "wire/link.h"

#include <string.h>
#include <uv.h>

#define STOP_POLL_MS 10
#define STOP_WAIT_MS 3000 /* for links to close in order */

struct coordinator {
    struct uv_loop_s *loop;
    const struct config *config;
    struct coordinator_timeouts timeouts;
    struct file_lock *lock;
    struct authority *authority;
    struct store *store;
    struct engine *engine;
    struct reader *reader;
    struct reads *reads;
    struct folding *folding;
    struct spine *spine;
    struct zones *zones; /* those of the start */
    uint64_t zones_sum;
    struct zone_files *zone_files;
    struct standing_clock *standing;
    struct metrics *metrics;
    struct courier *courier;
    struct outbox *outbox;
    const char **channels; /* their names, for the engine */
    struct rule *rules;    /* the same */
    struct waits *waits;
    struct history *history;
    struct sampling *sampling;
    int64_t started_ms; /* wall */
    struct sessions *sessions;
    struct api *api;
    struct link_listener *listener;
    struct web *web; /* the second port; NULL: none */
    uint16_t port;
    char *address;
    char *addresses;     /* `advertise`, for agents: names_advertised */
    char *name;          /* the first address, in messages */
    uv_timer_t *refresh; /* of the server certificate */
    uv_timer_t *ending;
    int64_t ending_since_ms;
    void (*on_stopped)(void *user);
    void *user;
};

/* ---- effects and links find their way ---- */

static void on_progress(struct coordinator *c, const struct effect_progress *p)
{
    metrics_on_progress(c->metrics, p);
    waits_note(c->waits, p->group, &p->waits, os_mono_ms());
}

/* Agents first: links are written to in the order in which they came to have something, and a job
 * need not wait until many answers are written. */
static void on_effects(struct effects *list, void *user)
{
    struct coordinator *c = user;
    for (struct effect *x = list->first; x; x = x->next)
        if (x->session) sessions_on_effect(c->sessions, x);
    sessions_settle(c->sessions);
    for (struct effect *x = list->first; x; x = x->next) {
        if (x->type == EFFECT_PROGRESS)
            on_progress(c, &x->u.progress);
        else if (x->type == EFFECT_NOTICE)
            outbox_on_notice(c->outbox, &x->u.notice);
        else if (x->type == EFFECT_NOTICE_DROPPED)
            outbox_on_dropped(c->outbox, &x->u.notice);
        else if (!x->session)
            api_on_effect(c->api, x);
    }
    api_settle(c->api);
}

static void on_relief(void *user)
{
    struct coordinator *c = user;
    sessions_on_relief(c->sessions);
    api_on_relief(c->api);
}

static void on_accept(struct link *l, void *user)
{
    struct coordinator *c = user;
    if (str_eq(link_alpn(l), ALPN_CADRE))
        sessions_accept(c->sessions, l);
    else
        api_accept(c->api, l);
}

/* Of the second port, where no agents come. */
static void on_web_accept(struct link *l, void *user)
{
    struct coordinator *c = user;
    api_accept(c->api, l);
}

static void gather(struct scrape *s, void *user)
{
    const struct coordinator *c = user;
    scrape_add_series(s, c->metrics->items, c->metrics->count);
    spine_commits(c->spine, &s->commits);
    s->batch_ms = spine_busy_ms(c->spine);
    outbox_counters(c->outbox, &s->messages);
    s->agent_connections = sessions_count(c->sessions);
    if (c->listener) link_listener_counters(c->listener, &s->door);
    web_count(c->web, &s->door);
}

static char *waits_of(const char *group, void *user)
{
    const struct coordinator *c = user;
    struct waits_read r;
    waits_read(c->waits, group, os_mono_ms(), &r);
    return waits_json(&r, c->started_ms);
}

static char *waits_list_of(const char *group, void *user)
{
    const struct coordinator *c = user;
    return waits_list_json(c->waits, group, os_mono_ms());
}

static char *history_of(const char *group, enum history_span span, bool *shared, void *user)
{
    const struct coordinator *c = user;
    struct moment now;
    os_now(&now);
    return history_json(c->history, group, span, &now, shared);
}

static void on_crowd(const struct link_crowd *n, void *user)
{
    (void)user;
    log_warn("the door: %llu connections that had not proved who they are were cut for others, and "
             "%llu handshakes failed; most of %s: %u and %u",
             (unsigned long long)n->cut, (unsigned long long)n->failed, n->worst, n->worst_cut,
             n->worst_failed);
}

/* ---- the server certificate stays young ---- */

static void on_refresh(uv_timer_t *t)
{
    struct coordinator *c = t->data;
    struct moment now;
    struct names names;
    struct err e = {0};
    bool changed;
    os_now(&now);
    if (names_gather(c->config, &names, &e) ||
        authority_refresh(c->authority, &names, now.wall_ms, &changed, &e))
        log_error("server certificate: the renewal failed: %s", err_text(&e));
    else if (changed)
        link_listener_set_tls(c->listener, authority_tls(c->authority));
    names_fini(&names);
    uv_timer_start(t, on_refresh, (uint64_t)authority_wait_ms(c->authority, now.wall_ms), 0);
}

static void on_timer_closed(uv_handle_t *h)
{
    mem_free(h);
}

static uv_timer_t *timer_new(struct coordinator *c)
{
    uv_timer_t *t = mem_alloc(sizeof *t);
    t->data = c;
    uv_timer_init(c->loop, t);
    return t;
}

static void timer_free(uv_timer_t **t)
{
    if (*t) uv_close((uv_handle_t *)*t, on_timer_closed);
    *t = NULL;
}

/* ---- start ---- */

static const char *const secrets[] = {"ca.key", "server.key", ADMIN_TOKEN_FILE};

/* Before anything is written: is it this program's folder, made, and closed to others? *older: by a
 * version without a marker. */
static int check_folder(const char *state, bool *older, struct err *e)
{
    struct state_look look;
    int rc = state_folder_look(state, STATE_OF_COORDINATOR, &look, e);
    if (rc) return rc;
    bool queue, output;
    store_look(state, &queue, &output);
    bool made = look.done || queue || output;
    *older = !look.marked;
    if (made && !authority_exists(state))
        return err_set(e, ERR_CORRUPT,
                       "%s has a database but not the CA (ca.key, ca.pem) that its agents trust: "
                       "put both files back from your copy",
                       state);
    if (!made || !authority_exists(state))
        return err_set(e, ERR_NOT_FOUND,
                       "%s is not initialised: run 'cadre-coordinator init' first", state);
    return state_folder_check_access(state, secrets, sizeof secrets / sizeof *secrets, e);
}

/* Before the server certificate may be issued anew: a start that fails changes nothing. */
static int check_address(const struct config *f, struct err *e)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    int rc = address_parse(f->listen, DEFAULT_PORT, host, sizeof host, &port, e);
    return rc ? rc : link_may_listen(host, port, e);
}

static int open_trust(struct coordinator *c, struct err *e)
{
    struct names names;
    int rc = names_gather(c->config, &names, e);
    if (!rc)
        rc = authority_open(c->config->state, c->config->certificate_life_ms, &names, os_wall_ms(),
                            &c->authority, e);
    names_fini(&names);
    return rc;
}

static int64_t stopwatch_us(void)
{
    return (int64_t)(uv_hrtime() / 1000);
}

static size_t name_channels(struct coordinator *c)
{
    size_t count = 0;
    c->channels = mem_array(json_count(c->config->channels) + 1, sizeof *c->channels);
    for (const struct json *j = json_first(c->config->channels); j; j = json_next(j))
        c->channels[count++] = json_key(j);
    return count;
}

static int open_engine(struct coordinator *c, struct err *e)
{
    const struct config *f = c->config;
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
    g.channel_count = name_channels(c);
    g.channels = c->channels;
    g.rules = c->rules = rules_read(f->rules);
    g.rule_count = json_count(f->rules);
    os_now(&now);
    int rc = zone_files_read(f, &c->zones, &c->zones_sum, e);
    g.zones = c->zones;
    if (!rc) rc = coordinator_open_store(f, c->authority, false, &c->store, e);
    if (!rc) rc = engine_new(c->store, &g, os_seed(), &now, &c->engine, e);
    if (!rc) rc = reader_open(f->state, &c->reader, e);
    return rc;
}

static int open_listener(struct coordinator *c, struct err *e)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    int rc = address_parse(c->config->listen, DEFAULT_PORT, host, sizeof host, &port, e);
    if (!rc)
        rc = link_listen(&(struct link_listen_options){.loop = c->loop,
                                                       .tls = authority_tls(c->authority),
                                                       .address = host,
                                                       .port = port,
                                                       .on_accept = on_accept,
                                                       .on_crowd = on_crowd,
                                                       .places = c->timeouts.places,
                                                       .handshake_ms = c->timeouts.handshake_ms,
                                                       .stall_ms = c->timeouts.stall_ms,
                                                       .user = c},
                         &c->listener, e);
    if (rc) return rc;
    bool v6 = strchr(host, ':') != NULL;
    c->port = link_listener_port(c->listener);
    c->address = str_dupf("%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", (unsigned)c->port);
    return 0;
}

static int open_web(struct coordinator *c, struct err *e)
{
    return web_open(c->config,
                    &(struct link_listen_options){.loop = c->loop,
                                                  .on_accept = on_web_accept,
                                                  .on_crowd = on_crowd,
                                                  .stall_ms = c->timeouts.stall_ms,
                                                  .beside = c->listener,
                                                  .user = c},
                    &c->web, e);
}

/* For programs on this host: an address that can be connected to. */
static int write_port(const struct coordinator *c, struct err *e)
{
    const char *any4 = "0.0.0.0:", *any6 = "[::]:";
    char *text;
    if (str_starts(c->address, any4) || str_starts(c->address, any6))
        text = str_dupf("127.0.0.1:%u\n", (unsigned)c->port);
    else
        text = str_dupf("%s\n", c->address);
    char *path = paths_join(c->config->state, "port");
    int rc = file_write_atomic(path, text, strlen(text), FILE_PUBLIC, e);
    mem_free(path);
    mem_free(text);
    return rc;
}

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

static int start_parts(struct coordinator *c, struct err *e)
{
    static const struct spine_handler handler = {.on_effects = on_effects, .on_relief = on_relief};
    const struct config *f = c->config;
    struct moment now;
    int rc = reads_start(c->loop, c->reader, &c->reads, e);
    if (!rc) rc = folding_start(f->state, c->store, &c->folding, e);
    if (!rc) rc = spine_start(c->loop, c->engine, &handler, c, &c->spine, e);
    if (rc) return rc;
    c->metrics = metrics_new();
    c->waits = waits_new();
    c->history = history_new();
    c->sampling = sampling_start(c->loop, c->reads, c->history, c->timeouts.sample_ms);
    c->zone_files = zone_files_start(c->loop, f, c->spine, c->zones, c->zones_sum);
    c->standing =
        standing_start(c->loop, &(struct standing_of){f->state, c->authority, &c->web, c->spine});
    c->courier = courier_beside(c->loop);
    os_now(&now);
    c->started_ms = now.wall_ms;
    c->addresses = names_advertised(f, c->port);
    const char *addresses = c->addresses ? c->addresses : c->address;
    c->name = mem_strndup(addresses, strcspn(addresses, ","));
    c->outbox = outbox_new(f->channels, c->name, c->courier, c->spine);
    struct sessions_options so = {.loop = c->loop,
                                  .spine = c->spine,
                                  .authority = c->authority,
                                  .lease_ms = f->lease_ms,
                                  .heartbeat_ms = f->heartbeat_ms,
                                  .output_limit_bytes = f->output_limit_bytes,
                                  .addresses = c->addresses,
                                  .first_message_ms = c->timeouts.first_message_ms};
    struct api_options ao = {.loop = c->loop,
                             .spine = c->spine,
                             .reads = c->reads,
                             .authority = c->authority,
                             .config = f,
                             .courier = c->courier,
                             .name = c->name,
                             .port = c->port,
                             .started_wall_ms = now.wall_ms,
                             .head_ms = c->timeouts.head_ms,
                             .body_ms = c->timeouts.body_ms,
                             .idle_ms = c->timeouts.idle_ms,
                             .gather = gather,
                             .waits = waits_of,
                             .waits_list = waits_list_of,
                             .history = history_of,
                             .user = c};
    c->sessions = sessions_new(&so);
    c->api = api_new(&ao);
    c->refresh = timer_new(c);
    uv_timer_start(c->refresh, on_refresh, (uint64_t)authority_wait_ms(c->authority, now.wall_ms),
                   0);
    return 0;
}

/* Nothing that the coordinator needs; people on this host do. */
static void look_for_token(const struct config *config)
{
    struct err e = {0};
    if (admin_token_id(config, &e) != 0) return;
    if (e.code == ERR_NOT_FOUND)
        log_info("coordinator: there is no " ADMIN_TOKEN_FILE " in %s; where no administrator's "
                 "token is left, 'cadre-coordinator token create' makes one",
                 config->state);
    else
        log_warn("coordinator: %s; stop the coordinator, and 'cadre-coordinator token create' "
                 "writes the file anew",
                 err_text(&e));
}

int coordinator_start(struct uv_loop_s *loop, const struct config *config,
                      const struct coordinator_timeouts *timeouts, struct coordinator **out,
                      struct err *e)
{
    bool older;
    int rc = check_folder(config->state, &older, e);
    if (rc) return rc;
    struct coordinator *c = mem_alloc(sizeof *c);
    c->loop = loop;
    c->config = config;
    if (timeouts) c->timeouts = *timeouts;
    rc = state_folder_enter(config->state, STATE_OF_COORDINATOR, &c->lock, e);
    /* what a version without a marker left is complete; else init says when it is */
    if (!rc && older) rc = state_folder_finish(config->state, STATE_OF_COORDINATOR, e);
    if (!rc) rc = check_address(config, e);
    if (!rc) rc = web_check(config, e);
    if (!rc) rc = open_trust(c, e);
    if (!rc) rc = open_engine(c, e);
    if (!rc) rc = state_folder_finish(config->state, STATE_OF_COORDINATOR, e);
    if (!rc) rc = open_listener(c, e);
    if (!rc) rc = open_web(c, e);
    if (!rc) rc = admin_token_refresh(config, authority_pin(c->authority), c->port, e);
    if (!rc) rc = write_port(c, e);
    if (!rc) rc = start_parts(c, e);
    if (rc) {
        if (c->listener) link_listener_close(c->listener);
        web_close(c->web);
        coordinator_free(c);
        return rc;
    }
    look_for_token(config);
    *out = c;
    return 0;
}

uint16_t coordinator_port(const struct coordinator *c)
{
    return c->port;
}

const char *coordinator_address(const struct coordinator *c)
{
    return c->address;
}

const char *coordinator_web_address(const struct coordinator *c)
{
    return web_address(c->web);
}

/* ---- stop ---- */

static void on_ending(uv_timer_t *t)
{
    struct coordinator *c = t->data;
    if (sessions_count(c->sessions) || api_count(c->api)) {
        if (os_mono_ms() - c->ending_since_ms < STOP_WAIT_MS) return;
        sessions_stop(c->sessions, true);
        api_stop(c->api, true);
        return;
    }
    timer_free(&c->ending);
    c->on_stopped(c->user);
}

void coordinator_reload(struct coordinator *c)
{
    if (c->zone_files) zone_files_again(c->zone_files);
    web_again(c->web);
}

void coordinator_stop(struct coordinator *c, void (*on_stopped)(void *user), void *user)
{
    if (c->ending) {
        sessions_stop(c->sessions, true);
        api_stop(c->api, true);
        return;
    }
    if (!c->spine) return; /* stopped already */
    c->on_stopped = on_stopped;
    c->user = user;
    link_listener_close(c->listener);
    c->listener = NULL;
    web_close(c->web);
    c->web = NULL;
    timer_free(&c->refresh);
    /* In this order: no new commands; the queued ones and their answers, some of which are looked
     * up; then the links. */
    sessions_quiesce(c->sessions);
    api_quiesce(c->api);
    outbox_stop(c->outbox);
    courier_stop(c->courier);
    zone_files_stop(c->zone_files);
    c->zone_files = NULL;
    standing_stop(c->standing);
    c->standing = NULL;
    sampling_stop(c->sampling);
    c->sampling = NULL;
    spine_stop(c->spine);
    c->spine = NULL;
    folding_stop(c->folding);
    c->folding = NULL;
    reads_stop(c->reads);
    sessions_stop(c->sessions, false);
    api_stop(c->api, false);
    c->ending_since_ms = os_mono_ms();
    c->ending = timer_new(c);
    uv_timer_start(c->ending, on_ending, STOP_POLL_MS, STOP_POLL_MS);
}

void coordinator_free(struct coordinator *c)
{
    if (!c) return;
    sessions_free(c->sessions);
    api_free(c->api);
    outbox_free(c->outbox);
    courier_free(c->courier);
    metrics_free(c->metrics);
    waits_free(c->waits);
    history_free(c->history);
    reads_free(c->reads);
    reader_close(c->reader);
    engine_free(c->engine);
    mem_free(c->channels);
    rules_free(c->rules, json_count(c->config->rules));
    zones_free(c->zones);
    folding_stop(c->folding);
    store_close(c->store);
    authority_free(c->authority);
    if (c->address) {
        char *path = paths_join(c->config->state, "port");
        (void)file_remove(path, NULL);
        mem_free(path);
    }
    file_lock_release(c->lock);
    mem_free(c->address);
    mem_free(c->addresses);
    mem_free(c->name);
    mem_free(c);
}
