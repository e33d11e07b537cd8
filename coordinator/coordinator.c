/* Wiring. */
#include "coordinator/coordinator.h"

#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/api.h"
#include "coordinator/metrics/history.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/metrics/scrape.h"
#include "coordinator/metrics/waits.h"
#include "coordinator/owning.h"
#include "coordinator/reads/reads.h"
#include "coordinator/sampling.h"
#include "coordinator/sessions/not_owner.h"
#include "coordinator/shared.h"
#include "coordinator/store/parts.h"
#include "coordinator/store/reader.h"
#include "coordinator/trust/admin_token.h"
#include "coordinator/tenure.h"
#include "coordinator/trust/authority.h"
#include "coordinator/watching.h"
#include "coordinator/web.h"
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

#define OWNER_JSON_BYTES 8192

struct coordinator {
    struct uv_loop_s *loop;
    const struct config *config;
    struct coordinator_timeouts timeouts;
    struct file_lock *lock;
    struct authority *authority;
    struct reader *reader;
    struct reads *reads;
    struct shared *shared;           /* NULL: the store is the state folder's */
    const struct owner_place *place; /* NULL: this coordinator is alone */
    struct owner_row own;            /* as it was taken */
    struct owning *owning;           /* NULL: another coordinator owns the queue */
    struct watching *watching;       /* of one of several */
    struct not_owner *not_owner;     /* answers agents while another one owns the queue */
    struct tenure *tenure;           /* ... that took over the queue */
    uv_work_t load;                  /* ... and loads it */
    struct owning *loaded;           /* by it; NULL: it failed */
    struct err load_err;
    bool loading;   /* until what was loaded is used or thrown away */
    bool load_runs; /* a thread does */
    bool losing;    /* owning_lose was called, on_gone has not come */
    struct metrics *metrics;
    struct waits *waits;
    struct history *history;
    struct sampling *sampling;
    int64_t started_ms; /* wall */
    struct api *api;
    struct link_listener *listener;
    struct web *web; /* the second port; NULL: none */
    uint16_t port;
    char *address;
    int64_t id;          /* in the list of coordinators, anew at each start */
    char *addresses;     /* `advertise`, for agents: names_advertised */
    char *everyone;      /* those of all coordinators, for agents; NULL: alone, or not known yet */
    char *reachable;     /* this one's of them, for the owner's row: names_reachable */
    char *name;          /* the first address, in messages */
    uv_timer_t *refresh; /* of the server certificate */
    uv_timer_t *ending;
    int64_t ending_since_ms;
    bool stopping;
    void (*on_stopped)(void *user);
    void *user;
};

/* ---- links find their way ---- */

static const char *owner_addresses(void *user)
{
    const struct coordinator *c = user;
    return c->watching && !c->tenure ? watching_owner(c->watching) : NULL;
}

static void on_accept(struct link *l, void *user)
{
    struct coordinator *c = user;
    if (!str_eq(link_alpn(l), ALPN_CADRE)) {
        api_accept(c->api, l);
    } else if (c->owning && !c->losing) {
        owning_accept(c->owning, l);
    } else {
        not_owner_set(c->not_owner, owner_addresses(c));
        sessions_refuse_not_owner(c->not_owner, l);
    }
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
    s->owns = coordinator_owns(c);
    if (c->owning) owning_gather(c->owning, s);
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

/* What would keep it from owning the queue is said now, not when it takes over. */
static int open_shared(struct coordinator *c, struct err *e)
{
    char ca[2 * PKI_HASH_BYTES + 1];
    str_hex(ca, authority_pin(c->authority), PKI_HASH_BYTES);
    int rc = shared_check(c->shared, ca, e);
    if (!rc) rc = shared_upgrade(c->shared, e);
    return rc ? rc : shared_open_reader(c->shared, &c->reader, e);
}

/* What only the owner has, of one that is alone: before anything is listened on. */
static int open_owning(struct coordinator *c, struct err *e)
{
    struct store_opening o = {.config = c->config, .authority = c->authority};
    int rc = shared_new(c->config, &c->shared, e);
    if (rc) return rc;
    c->place = c->shared ? shared_owner_place(c->shared) : c->timeouts.place;
    if (c->shared) return open_shared(c, e);
    if (!c->place) rc = owning_open(&o, &c->owning, e);
    return rc ? rc : reader_open(c->config->state, &c->reader, e);
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

/* ---- to own the queue, and to lose it ---- */

bool coordinator_owns(const struct coordinator *c)
{
    return c->owning && !c->losing;
}

static bool owns(void *user)
{
    return coordinator_owns(user);
}

/* A JSON list has at least one address, which names its coordinator, or is empty. */
static char *owner_json(void *user)
{
    const struct coordinator *c = user;
    const char *list = coordinator_owns(c) ? c->reachable : owner_addresses(user);
    struct json *addresses = NULL;
    struct buf text;
    struct jw w;
    if (!list || json_parse(list, strlen(list), &addresses, NULL)) return NULL;
    buf_init(&text, OWNER_JSON_BYTES);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    jw_str(&w, "holder", json_str(json_first(addresses), ""));
    jw_raw(&w, "addresses", list);
    jw_int(&w, "epoch", coordinator_owns(c) ? c->own.epoch : watching_epoch(c->watching));
    jw_end(&w);
    char *out = jw_finish(&w) ? NULL : buf_detach(&text);
    buf_fini(&text);
    json_free(addresses);
    return out;
}

static void on_lost(void *user);
static void on_gone(void *user);

static int start_owning(struct coordinator *c, struct owning *o, struct err *e)
{
    return owning_start(o,
                        &(struct owning_options){.loop = c->loop,
                                                 .authority = c->authority,
                                                 .api = c->api,
                                                 .metrics = c->metrics,
                                                 .waits = c->waits,
                                                 .web = &c->web,
                                                 .name = c->name,
                                                 .addresses =
                                                     c->everyone ? c->everyone : c->addresses,
                                                 .first_message_ms = c->timeouts.first_message_ms,
                                                 .tenure = c->tenure,
                                                 .on_lost = on_lost,
                                                 .on_gone = on_gone,
                                                 .user = c},
                        e);
}

static void watch_again(struct coordinator *c, int64_t pause_ms)
{
    tenure_free(c->tenure);
    c->tenure = NULL;
    if (!c->stopping) watching_again(c->watching, pause_ms);
}

/* What was loaded is of no use; while the time is not over, nobody waits for it. */
static void throw_away(struct coordinator *c, const struct err *why)
{
    struct err e = {0};
    log_error("owner: this coordinator cannot own the queue: %s", err_text(why));
    owning_free(c->loaded);
    c->loaded = NULL;
    c->loading = false;
    if (tenure_release(c->tenure, &e))
        log_warn("owner: the queue was not given back: %s", err_text(&e));
    watch_again(c, OWNER_TAKEOVER_MS);
}

/* The watch is done with the tenure. */
static void on_given(void *user)
{
    struct coordinator *c = user;
    struct err e = c->load_err;
    if (!c->loaded) {
        throw_away(c, &e);
    } else if (tenure_is_lost(c->tenure)) {
        err_set(&e, ERR_FENCED, "it took too long to load it");
        throw_away(c, &e);
    } else if (start_owning(c, c->loaded, &e)) {
        throw_away(c, &e);
    } else {
        c->owning = c->loaded;
        c->loaded = NULL;
        c->loading = false;
        log_info("owner: this coordinator owns the queue");
        api_set_owner(c->api, owning_spine(c->owning), owning_courier(c->owning));
    }
}

static void load(uv_work_t *work)
{
    struct coordinator *c = work->data;
    c->load_err = (struct err){0};
    struct store_opening o = {.config = c->config,
                              .authority = c->authority,
                              .shared = c->shared,
                              .own = &c->own};
    if (owning_open(&o, &c->loaded, &c->load_err)) c->loaded = NULL;
}

static void on_loaded(uv_work_t *work, int status)
{
    struct coordinator *c = work->data;
    (void)status; /* nobody cancels it */
    c->load_runs = false;
    if (!c->stopping) watching_give(c->watching);
}

static void on_taken(struct tenure *t, void *user)
{
    struct coordinator *c = user;
    c->tenure = t;
    c->own = tenure_row(t);
    c->loading = c->load_runs = true;
    c->load.data = c;
    if (uv_queue_work(c->loop, &c->load, load, on_loaded)) mem_exhausted();
}

static void on_all(const char *addresses, void *user)
{
    struct coordinator *c = user;
    mem_free(c->everyone);
    c->everyone = mem_strdup(addresses);
    if (c->owning) owning_set_addresses(c->owning, addresses);
}

static void on_unfit(const char *why, void *user)
{
    struct coordinator *c = user;
    api_set_unfit(c->api, why);
    if (why) sampling_stop(c->sampling);
    c->sampling = why ? NULL : sampling_start(c->loop, c->reads, c->history, c->timeouts.sample_ms);
}

static void on_lost(void *user)
{
    struct coordinator *c = user;
    if (!c->owning || c->stopping) return;
    log_warn("owner: this coordinator does not own the queue any more: its agents and clients are "
             "sent away");
    c->losing = true;
    owning_lose(c->owning);
}

static void on_gone(void *user)
{
    struct coordinator *c = user;
    owning_free(c->owning);
    c->owning = NULL;
    c->losing = false;
    watch_again(c, 0);
}

/* Of a JSON list; mem_free. */
static char *first_address(const char *list, const char *otherwise)
{
    struct json *j = NULL;
    if (list) (void)json_parse(list, strlen(list), &j, NULL);
    char *out = mem_strdup(json_str(json_first(j), otherwise));
    json_free(j);
    return out;
}

static int start_parts(struct coordinator *c, struct err *e)
{
    const struct config *f = c->config;
    struct moment now;
    int rc = reads_start(c->loop, c->reader, &c->reads, e);
    if (rc) return rc;
    c->metrics = metrics_new();
    c->waits = waits_new();
    c->history = history_new();
    c->sampling = sampling_start(c->loop, c->reads, c->history, c->timeouts.sample_ms);
    os_now(&now);
    c->started_ms = now.wall_ms;
    c->addresses = names_advertised(f, c->port);
    c->reachable = names_reachable(f, c->port);
    c->name = first_address(c->place ? c->reachable : c->addresses, c->address);
    c->id = id_make(now.wall_ms, (uint32_t)os_seed());
    struct api_options ao = {.loop = c->loop,
                             .reads = c->reads,
                             .authority = c->authority,
                             .config = f,
                             .name = c->name,
                             .id = c->id,
                             .addresses = c->reachable,
                             .port = c->port,
                             .started_wall_ms = now.wall_ms,
                             .head_ms = c->timeouts.head_ms,
                             .body_ms = c->timeouts.body_ms,
                             .idle_ms = c->timeouts.idle_ms,
                             .gather = gather,
                             .waits = waits_of,
                             .waits_list = waits_list_of,
                             .history = history_of,
                             .owns = owns,
                             .owner_addresses = owner_addresses,
                             .owner = c->place ? owner_json : NULL,
                             .shared = c->place != NULL,
                             .user = c};
    c->api = api_new(&ao);
    c->not_owner = not_owner_new(
        &(struct not_owner_options){.loop = c->loop,
                                    .first_message_ms = c->timeouts.first_message_ms});
    return 0;
}

/* One that is alone owns the queue from the start on. */
static int start_ownership(struct coordinator *c, struct err *e)
{
    struct watching_handler handler = {.on_taken = on_taken,
                                       .on_given = on_given,
                                       .on_all = on_all,
                                       .on_unfit = on_unfit,
                                       .user = c};
    if (c->shared)
        shared_name(c->shared, &(struct shared_self){.id = c->id,
                                                     .name = c->name,
                                                     .addresses = c->reachable,
                                                     .started_ms = c->started_ms});
    if (c->place) return watching_start(c->loop, c->place, c->reachable, &handler, &c->watching, e);
    int rc = start_owning(c, c->owning, e);
    if (rc) return rc;
    api_set_owner(c->api, owning_spine(c->owning), owning_courier(c->owning));
    return 0;
}

static void start_refresh(struct coordinator *c)
{
    c->refresh = timer_new(c);
    uv_timer_start(c->refresh, on_refresh, (uint64_t)authority_wait_ms(c->authority, c->started_ms),
                   0);
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
    if (!rc) rc = open_owning(c, e);
    if (!rc) rc = state_folder_finish(config->state, STATE_OF_COORDINATOR, e);
    if (!rc) rc = open_listener(c, e);
    if (!rc) rc = open_web(c, e);
    if (!rc) rc = admin_token_refresh(config, authority_pin(c->authority), c->port, e);
    if (!rc) rc = write_port(c, e);
    if (!rc) rc = start_parts(c, e);
    if (!rc) rc = start_ownership(c, e);
    if (rc) {
        if (c->listener) link_listener_close(c->listener);
        web_close(c->web);
        coordinator_free(c);
        return rc;
    }
    start_refresh(c);
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

static size_t sessions_left(const struct coordinator *c)
{
    return not_owner_count(c->not_owner) + (c->owning ? owning_sessions(c->owning) : 0);
}

static void close_links(struct coordinator *c, bool cut)
{
    if (c->owning) owning_close_sessions(c->owning, cut);
    not_owner_stop(c->not_owner, cut);
    api_stop(c->api, cut);
}

static void on_ending(uv_timer_t *t)
{
    struct coordinator *c = t->data;
    if (c->load_runs || c->losing) return;
    if (sessions_left(c) || api_count(c->api)) {
        if (os_mono_ms() - c->ending_since_ms < STOP_WAIT_MS) return;
        close_links(c, true);
        return;
    }
    timer_free(&c->ending);
    shared_leave(c->shared);
    c->on_stopped(c->user);
}

void coordinator_reload(struct coordinator *c)
{
    if (c->owning) owning_reload(c->owning);
    web_again(c->web);
}

void coordinator_stop(struct coordinator *c, void (*on_stopped)(void *user), void *user)
{
    if (c->ending) {
        close_links(c, true);
        return;
    }
    if (c->stopping) return; /* stopped already */
    c->stopping = true;
    c->on_stopped = on_stopped;
    c->user = user;
    link_listener_close(c->listener);
    c->listener = NULL;
    web_close(c->web);
    c->web = NULL;
    timer_free(&c->refresh);
    watching_stop(c->watching);
    c->watching = NULL;
    /* Of the owner's parts nothing is used that is being lost. In this order: no new commands; the
     * queued ones and their answers, some of which are looked up; then the links. */
    if (coordinator_owns(c)) owning_quiesce(c->owning);
    api_quiesce(c->api);
    sampling_stop(c->sampling);
    c->sampling = NULL;
    if (coordinator_owns(c)) owning_stop(c->owning);
    reads_stop(c->reads);
    if (coordinator_owns(c)) owning_close_sessions(c->owning, false);
    not_owner_stop(c->not_owner, false);
    api_stop(c->api, false);
    c->ending_since_ms = os_mono_ms();
    c->ending = timer_new(c);
    uv_timer_start(c->ending, on_ending, STOP_POLL_MS, STOP_POLL_MS);
}

/* It stops before it had loaded what it took over. */
static void drop_loaded(struct coordinator *c)
{
    struct err e = {0};
    if (!c->loading) return;
    owning_free(c->loaded);
    if (tenure_release(c->tenure, &e))
        log_warn("owner: the queue was not given back: %s", err_text(&e));
}

void coordinator_free(struct coordinator *c)
{
    if (!c) return;
    watching_stop(c->watching);
    api_free(c->api);
    not_owner_free(c->not_owner);
    metrics_free(c->metrics);
    waits_free(c->waits);
    history_free(c->history);
    reads_free(c->reads);
    reader_close(c->reader);
    drop_loaded(c);
    owning_free(c->owning);
    tenure_free(c->tenure);
    authority_free(c->authority);
    if (c->address) {
        char *path = paths_join(c->config->state, "port");
        (void)file_remove(path, NULL);
        mem_free(path);
    }
    file_lock_release(c->lock);
    mem_free(c->address);
    shared_free(c->shared);
    mem_free(c->addresses);
    mem_free(c->everyone);
    mem_free(c->reachable);
    mem_free(c->name);
    mem_free(c);
}
