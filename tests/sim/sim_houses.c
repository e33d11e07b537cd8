/* The processes of several coordinators: who watches, who owns, who is stopped or dead. */
#include "tests/sim/sim_houses.h"
#include "tests/sim/sim_older.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/lease.h"

#include <stdio.h>
#include <uv.h>

#define OWNED_BY_THEN_MS 90000 /* after the last fault; a process is away for 60 s at most */
#define POLL_MS 250            /* how often an owner looks whether it has to renew */
#define RETURN_ONE_IN 20       /* that the database returns to an older state, at each mischief */
#define DRIFT_PER_MILLE 120    /* over 8 s less than OWNER_DRIFT_MS */

_Static_assert(OWNER_TAKEOVER_MS *DRIFT_PER_MILLE / 1000 <= OWNER_DRIFT_MS, "clocks keep to it");

struct put_off {
    event_fn *fn;
    void *object;
    uint64_t number;
    struct put_off *next;
};

/* ---- clocks ---- */

static struct sim *several; /* the simulation at hand, when it has several coordinators */

void __real_os_now(struct moment *out);
void __wrap_os_now(struct moment *out);
void __real_uv_sleep(unsigned int ms);
void __wrap_uv_sleep(unsigned int ms);

void __wrap_os_now(struct moment *out)
{
    if (!several) {
        __real_os_now(out);
        return;
    }
    *out = several->world.now;
    out->mono_ms += out->mono_ms * houses_now(several)->per_mille / 1000;
}

void __wrap_uv_sleep(unsigned int ms)
{
    if (several)
        houses_block(several, (int64_t)ms);
    else
        __real_uv_sleep(ms);
}

/* By the clock of one that watches. */
static int64_t watch_ms(const struct sim *s)
{
    bool early = s->sabotage == SABOTAGE_TWO_OWNERS;
    return os_mono_ms() + (early ? OWNER_TAKEOVER_MS / 2 : 0);
}

bool houses_sabotaged(const struct sim *s)
{
    return s->sabotage >= SABOTAGE_NO_ROW;
}

/* ---- whose turn it is ---- */

struct house *houses_now(struct sim *s)
{
    return &s->houses->all[s->houses->at];
}

static void keep(struct sim *s, struct house_state *k)
{
    struct world *w = &s->world;
    *k = (struct house_state){.down = s->down,
                              .batch_planned = s->batch_planned,
                              .loads = s->loads,
                              .life = s->coordinator_life,
                              .loaded_ms = s->loaded_ms,
                              .tick_at_ms = s->tick_at_ms,
                              .queue = s->queue,
                              .queue_end = s->queue_end,
                              .heard = s->heard,
                              .store = w->store,
                              .engine = w->engine,
                              .effects = w->effects,
                              .rc = w->rc,
                              .applied = w->applied,
                              .applied_end = w->applied_end};
}

static void give_back(struct sim *s, const struct house_state *k)
{
    struct world *w = &s->world;
    s->down = k->down;
    s->batch_planned = k->batch_planned;
    s->loads = k->loads;
    s->coordinator_life = k->life;
    s->loaded_ms = k->loaded_ms;
    s->tick_at_ms = k->tick_at_ms;
    s->queue = k->queue;
    s->queue_end = k->queue ? k->queue_end : &s->queue;
    s->heard = k->heard;
    w->store = k->store;
    w->engine = k->engine;
    w->effects = k->effects;
    if (!w->effects.first) w->effects.last = &w->effects.first;
    w->rc = k->rc;
    w->applied = k->applied;
    w->applied_end = k->applied ? k->applied_end : &w->applied;
}

void houses_enter(struct sim *s, struct house *h)
{
    struct houses *all = s->houses;
    if (all->at == h->number) return;
    keep(s, &houses_now(s)->kept);
    all->at = h->number;
    give_back(s, &h->kept);
}

uint64_t houses_life(struct sim *s, int house)
{
    if (!s->houses || house == s->houses->at) return s->coordinator_life;
    return s->houses->all[house].kept.life;
}

uint64_t houses_reign(const struct sim *s)
{
    return s->houses ? s->houses->all[s->houses->at].reign : 0;
}

static void put_off(struct house *h, event_fn *fn, void *object, uint64_t number)
{
    struct put_off *p = mem_alloc(sizeof *p);
    *p = (struct put_off){fn, object, number, NULL};
    *h->inbox_end = p;
    h->inbox_end = &p->next;
}

enum turn houses_turn(struct sim *s, uint64_t life, event_fn *fn, void *object, uint64_t number)
{
    if (!s->houses) return life == s->coordinator_life ? TURN_NOW : TURN_OVER;
    for (int i = 0; i < s->houses->count; i++) {
        struct house *h = &s->houses->all[i];
        if (houses_life(s, i) != life) continue;
        if (h->dead || h->doomed) return TURN_OVER;
        if (sim_now(s) < h->frozen_ms) {
            put_off(h, fn, object, number);
            return TURN_PUT_OFF;
        }
        houses_enter(s, h);
        return TURN_NOW;
    }
    return TURN_OVER;
}

static bool takes_itself_for_the_owner(struct sim *s, const struct house *h)
{
    bool down = h->number == s->houses->at ? s->down : h->kept.down;
    return !h->dead && !h->doomed && !down && h->tenure && sim_now(s) >= h->frozen_ms;
}

bool houses_front(struct sim *s)
{
    if (!s->houses) return !s->down;
    struct house *newest = NULL;
    for (int i = 0; i < s->houses->count; i++) {
        struct house *h = &s->houses->all[i];
        if (!takes_itself_for_the_owner(s, h)) continue;
        if (!newest || h->reign > newest->reign) newest = h;
    }
    if (newest) houses_enter(s, newest);
    return newest != NULL;
}

bool houses_is_busy(const struct sim *s)
{
    return s->houses && s->houses->all[s->houses->at].busy;
}

/* ---- time ---- */

static void on_nothing(struct sim *s, void *object, uint64_t number)
{
    (void)s;
    (void)object;
    (void)number;
}

void houses_block(struct sim *s, int64_t ms)
{
    struct house *h = houses_now(s);
    int64_t until = sim_now(s) + ms;
    sim_at(s, ms, on_nothing, NULL, 0);
    while (!*s->violation && (sim_now(s) < until || sim_now(s) < h->frozen_ms) && sim_step(s)) {
    }
    houses_enter(s, h);
}

static void on_watch(struct sim *s, void *object, uint64_t life);
static void on_poll(struct sim *s, void *object, uint64_t life);

/* What may take time is begun when everything else has been done: meanwhile something new must not
 * come before it. */
static void go_on(struct sim *s, struct house *h)
{
    struct put_off *next, *p = h->inbox;
    h->inbox = NULL;
    h->inbox_end = &h->inbox;
    for (; p; p = next) {
        next = p->next;
        if (p->fn == on_watch || p->fn == on_poll || coordinator_may_block(p->fn))
            sim_at(s, 0, p->fn, p->object, p->number);
        else
            p->fn(s, p->object, p->number);
        mem_free(p);
    }
}

static void on_thaw(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    struct house *h = object;
    if (sim_now(s) >= h->frozen_ms) go_on(s, h);
}

void houses_freeze(struct sim *s, struct house *h, int64_t ms)
{
    if (sim_now(s) < h->frozen_ms) return;
    s->house_freezes++;
    log_debug("%lld coordinator %d is stopped for %lld ms", (long long)sim_now(s), h->number,
              (long long)ms);
    h->frozen_ms = sim_now(s) + ms;
    sim_at(s, ms, on_thaw, h, 0);
}

/* ---- ends ---- */

void houses_lose_links(struct sim *s, int64_t within_ms)
{
    for (size_t i = 0; i < s->link_count; i++) {
        struct link *l = s->all_links[i];
        if ((s->houses && l->life != s->coordinator_life) || (l->cut && l->gone)) continue;
        l->cut = l->gone = true;
        sim_at(s, sim_random(s, 0, within_ms), agent_on_cut, l, 0);
    }
}

static void free_commands(struct command *c)
{
    for (struct command *next; c; c = next) {
        next = c->next;
        command_free(c);
    }
}

/* What an owner has in memory. */
static void throw_away(struct sim *s)
{
    struct house *h = houses_now(s);
    struct world *w = &s->world;
    if (s->houses->db.holder == h->number) database_end(s, h, false);
    effects_clear(&w->effects);
    free_commands(w->applied);
    w->applied = NULL;
    w->applied_end = &w->applied;
    engine_free(w->engine);
    if (w->store) store_rollback(w->store);
    store_close(w->store);
    w->engine = NULL;
    w->store = NULL;
    free_commands(s->queue);
    s->queue = NULL;
    s->queue_end = &s->queue;
    heard_fini(&s->heard);
    tenure_free(h->tenure);
    h->tenure = NULL;
    s->down = true;
    s->batch_planned = false;
}

static void become_standby(struct sim *s, struct house *h)
{
    s->coordinator_life = ++s->houses->lives;
    h->owner = NO_HOUSE;
    ownership_init(&h->watch);
    sim_at(s, sim_random(s, 0, 1000), on_watch, NULL, s->coordinator_life);
}

/* Another one owns the queue, or may. */
static void step_down(struct sim *s)
{
    struct house *h = houses_now(s);
    log_debug("%lld coordinator %d is the owner no more", (long long)sim_now(s), h->number);
    s->step_downs++;
    houses_lose_links(s, 1000);
    throw_away(s);
    become_standby(s, h);
}

static void on_rise(struct sim *s, void *object, uint64_t number)
{
    struct house *h = object;
    if (!h->dead || number != houses_life(s, h->number)) return;
    houses_enter(s, h);
    h->dead = false;
    become_standby(s, h);
}

static void die(struct sim *s)
{
    struct house *h = houses_now(s);
    throw_away(s);
    h->doomed = h->busy = h->in_batch = false;
    h->dead = true;
    s->coordinator_life = ++s->houses->lives;
    h->frozen_ms = 0;
    go_on(s, h);
    houses_enter(s, h);
    sim_at(s, sim_random(s, 0, 3) ? sim_random(s, 50, 4000) : sim_random(s, 10000, 60000), on_rise,
           h, s->coordinator_life);
}

/* Not from within a call: then it is only doomed. */
void houses_crash(struct sim *s)
{
    s->crashes++;
    log_debug("%lld coordinator %d dies", (long long)sim_now(s), houses_now(s)->number);
    houses_lose_links(s, 20000);
    die(s);
}

static void crash_any(struct sim *s, struct house *h)
{
    if (h->dead || h->doomed) return;
    houses_enter(s, h);
    if (!h->busy) {
        houses_crash(s);
        return;
    }
    s->crashes++;
    log_debug("%lld coordinator %d dies in a call", (long long)sim_now(s), h->number);
    houses_lose_links(s, 20000);
    h->doomed = true;
    h->frozen_ms = 0;
}

/* ---- standby ---- */

static bool load(struct sim *s, struct house *h)
{
    houses_block(s, sim_random(s, 0, 1500));
    if (h->doomed || tenure_is_lost(h->tenure)) return false;
    if (sim_random(s, 0, 1)) {
        if (tenure_renew(h->tenure, NULL) != 0 || h->doomed) return false;
        houses_block(s, sim_random(s, 0, 800));
    }
    while (s->houses->db.holder != NO_HOUSE && !h->doomed && !*s->violation)
        houses_block(s, 20); /* with a sabotage alone */
    if (h->doomed || tenure_is_lost(h->tenure) || *s->violation) return false;
    if (s->houses->db.row.epoch != tenure_row(h->tenure).epoch) return false;
    world_rise(&s->world);
    if (!s->world.engine) {
        sim_violation(s, "the store is damaged: coordinator %d does not load it", h->number);
        return false;
    }
    return true;
}

static void own(struct sim *s, struct house *h)
{
    s->take_overs++;
    houses_lose_links(s, 1000); /* those of a standby */
    s->coordinator_life = ++s->houses->lives;
    log_debug("%lld coordinator %d takes over, epoch %lld", (long long)sim_now(s), h->number,
              (long long)s->houses->db.row.epoch);
    bool loaded = load(s, h);
    h->busy = false;
    if (h->doomed) {
        die(s);
        return;
    }
    if (!loaded) {
        step_down(s);
        return;
    }
    database_of_store(h, s->world.store);
    tenure_give(h->tenure, s->world.store);
    s->down = false;
    coordinator_loaded(s);
    check_start(s);
    coordinator_plan(s);
    sim_at(s, POLL_MS, on_poll, NULL, s->coordinator_life);
}

static void take(struct house *h)
{
    ownership_taking(&h->watch, watch_ms(h->sim));
    struct owner_row row = h->watch.row;
    int rc = h->place.take(h, &row, "", NULL);
    ownership_taken(&h->watch, rc == 0);
    if (rc == 0) h->tenure = tenure_new(&h->place, &h->watch, &row);
}

static void look(struct house *h)
{
    struct owner_row row;
    char *owner = NULL;
    if (h->place.look(h, &row, &owner, NULL) == 0)
        ownership_saw(&h->watch, &row, os_mono_ms());
    else
        ownership_unseen(&h->watch);
    mem_free(owner);
}

static void on_watch(struct sim *s, void *object, uint64_t life)
{
    if (houses_turn(s, life, on_watch, object, life) != TURN_NOW) return;
    struct house *h = houses_now(s);
    h->busy = true;
    if (ownership_wants_to_take(&h->watch, watch_ms(s)))
        take(h);
    else
        look(h);
    if (h->doomed) {
        die(s);
        return;
    }
    if (h->tenure) {
        own(s, h);
        return;
    }
    h->busy = false;
    int64_t wait = OWNER_LOOK_MS, next = ownership_next_ms(&h->watch);
    if (next != INT64_MAX && next - os_mono_ms() < wait) wait = next - os_mono_ms();
    sim_at(s, wait > 1 ? wait : 1, on_watch, object, life);
}

/* ---- owner ---- */

/* A call of the thread that writes is over. false: so is the coordinator, or its ownership. */
static bool is_back(struct sim *s)
{
    struct house *h = houses_now(s);
    h->busy = false;
    if (h->doomed) {
        die(s);
        return false;
    }
    if (!tenure_is_lost(h->tenure)) return true;
    step_down(s);
    return false;
}

static void on_poll(struct sim *s, void *object, uint64_t life)
{
    if (houses_turn(s, life, on_poll, object, life) != TURN_NOW) return;
    struct house *h = houses_now(s);
    if (tenure_is_lost(h->tenure)) {
        if (h->busy)
            houses_lose_links(s, 1000); /* the loop, while the other thread waits */
        else
            step_down(s);
        return;
    }
    if (!h->busy && tenure_wants_renewal(h->tenure)) {
        h->busy = true;
        (void)engine_renew(s->world.engine, NULL);
        if (!is_back(s)) return;
    }
    sim_at(s, POLL_MS, on_poll, object, life);
}

void houses_batch_begins(struct sim *s)
{
    if (!s->houses) return;
    houses_now(s)->batch_ms = sim_now(s);
    houses_now(s)->busy = houses_now(s)->in_batch = true;
    houses_now(s)->landed = houses_now(s)->denied = false;
}

int64_t houses_batch_ms(const struct sim *s)
{
    return s->houses && s->houses->all[s->houses->at].busy ? s->houses->all[s->houses->at].batch_ms
                                                           : sim_now(s);
}

bool houses_have_checked(const struct sim *s)
{
    return s->houses && s->houses->all[s->houses->at].landed;
}

bool houses_is_owner(const struct sim *s)
{
    if (!s->houses) return true;
    const struct house *h = &s->houses->all[s->houses->at];
    return h->reign == s->houses->db.reign && !h->voided;
}

/* The effects come a moment later, or much later. */
bool houses_batch_committed(struct sim *s, int rc)
{
    if (!s->houses) return true;
    struct house *h = houses_now(s);
    h->in_batch = false;
    if (rc == ERR_FENCED) tenure_lose(h->tenure);
    if (rc == 0 && s->world.effects.first && !h->doomed) {
        if (sim_chance(s, s->houses->faults.freeze_inside))
            houses_freeze(s, h, sim_random(s, 500, 20000));
        houses_block(s, sim_random(s, 0, 3));
    }
    bool goes_on = !h->doomed && (s->sabotage == SABOTAGE_LATE_EFFECT || rc != ERR_FENCED);
    return goes_on || is_back(s);
}

bool houses_batch_ends(struct sim *s)
{
    return !s->houses || is_back(s);
}

bool houses_may_tell(struct sim *s)
{
    return !s->houses || s->sabotage == SABOTAGE_LATE_EFFECT ||
           !tenure_is_lost(houses_now(s)->tenure);
}

bool houses_may_acknowledge(struct sim *s)
{
    return !s->houses || s->sabotage == SABOTAGE_LATE_BEAT ||
           tenure_may_send(houses_now(s)->tenure);
}

void houses_told(struct sim *s)
{
    if (!s->houses || houses_now(s)->reign == s->houses->newest_reign) return;
    sim_violation(s, "a former owner tells an agent something: coordinator %d",
                  houses_now(s)->number);
}

static void stop_in_order(struct sim *s, struct house *h)
{
    if (h->dead || h->busy || !h->tenure || sim_now(s) < h->frozen_ms) return;
    houses_enter(s, h);
    s->orderly_stops++;
    h->busy = true;
    (void)tenure_release(h->tenure, NULL);
    houses_lose_links(s, 1000);
    die(s);
}

/* ---- what agents see ---- */

int houses_choose(struct sim *s, struct agent_model *a)
{
    int hint = a->hint;
    a->hint = NO_HOUSE;
    if (hint != NO_HOUSE) return hint;
    return (int)sim_random(s, 0, s->houses->count - 1);
}

bool houses_reaches(struct sim *s, int house)
{
    const struct house *h = &s->houses->all[house];
    return !h->dead && !h->doomed && sim_now(s) >= h->hidden_ms && sim_now(s) >= h->frozen_ms;
}

char *houses_owner_seen(struct sim *s)
{
    int owner = houses_now(s)->owner;
    return owner == NO_HOUSE ? NULL : str_dupf("[\"c%d:1\"]", owner);
}

/* ---- mischief ---- */

static void hide(struct sim *s, struct house *h)
{
    h->hidden_ms = sim_now(s) + sim_random(s, 1000, 60000);
    for (size_t i = 0; i < s->link_count; i++) {
        struct link *l = s->all_links[i];
        if (l->life == houses_life(s, h->number)) link_cut(s, l);
    }
}

static void on_house_mischief(struct sim *s, void *object, uint64_t number)
{
    struct houses *all = s->houses;
    struct house *h = &all->all[sim_random(s, 0, all->count - 1)];
    if (s->healed) return;
    if (sim_random(s, 0, 1) && houses_front(s)) h = houses_now(s);
    if (sim_chance(s, all->faults.crash)) crash_any(s, h);
    if (sim_chance(s, all->faults.freeze) && !h->dead)
        houses_freeze(s, h, sim_random(s, houses_sabotaged(s) ? OWNER_EXPIRY_MS : 500, 20000));
    if (sim_chance(s, all->faults.cut)) h->cut_ms = sim_now(s) + sim_random(s, 500, 20000);
    if (sim_chance(s, all->faults.hide)) hide(s, h);
    if (sim_chance(s, all->faults.stop)) stop_in_order(s, h);
    older_plan(s);
    sim_at(s, sim_random(s, 200, 5000), on_house_mischief, object, number);
}

/* Whoever was dead is up by then, and has waited for the row. */
static void on_owned(struct sim *s, void *object, uint64_t number)
{
    (void)object;
    (void)number;
    if (!houses_front(s) || !houses_is_owner(s))
        sim_violation(s, "nobody owns the queue, %d s after the last fault",
                      OWNED_BY_THEN_MS / 1000);
}

void houses_heal(struct sim *s)
{
    if (!s->houses) return;
    sim_at(s, OWNED_BY_THEN_MS, on_owned, NULL, 0);
    for (int i = 0; i < s->houses->count; i++) {
        struct house *h = &s->houses->all[i];
        h->cut_ms = h->hidden_ms = 0;
        if (sim_now(s) < h->frozen_ms) {
            h->frozen_ms = 0;
            go_on(s, h);
        }
    }
}

/* ---- the beginning and the end ---- */

static void plan_house_faults(struct sim *s)
{
    struct houses *all = s->houses;
    int *each[] = {&all->faults.crash, &all->faults.freeze, &all->faults.cut, &all->faults.hide,
                   &all->faults.stop};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        *each[i] = sim_random(s, 0, 2) ? (int)sim_random(s, 5, 40) : 0;
    all->faults.lose_answer = sim_random(s, 0, 2) ? (int)sim_random(s, 20, 300) : 0;
    all->faults.freeze_inside = sim_random(s, 0, 2) ? (int)sim_random(s, 50, 300) : 0;
    if (houses_sabotaged(s) && s->sabotage != SABOTAGE_UNTOLD_LOSS) {
        all->faults.freeze = 3;
        all->faults.lose_answer = 20;
        all->faults.freeze_inside = 30;
        all->faults.crash = all->faults.stop = 0;
    }
    /* no number is drawn for it: see sim.c */
    if (s->sabotage == SABOTAGE_UNTOLD_LOSS)
        all->faults.older = RETURN_ONE_IN / 5;
    else if (s->sabotage == SABOTAGE_NONE && s->seed / 12 % 2)
        all->faults.older = RETURN_ONE_IN;
}

static void first_owner(struct sim *s)
{
    struct house *h = houses_now(s);
    struct owner_row row = s->houses->db.row;
    ownership_saw(&h->watch, &row, os_mono_ms());
    take(h);
    if (!h->tenure) return;
    database_of_store(h, s->world.store);
    tenure_give(h->tenure, s->world.store);
    sim_at(s, POLL_MS, on_poll, NULL, s->coordinator_life);
}

void houses_begin(struct sim *s, int count)
{
    if (count == 1) return;
    struct houses *all = s->houses = mem_alloc(sizeof *all);
    several = s;
    all->count = count;
    all->db.holder = all->db.holder_name = NO_HOUSE;
    all->loads = s->loads;
    for (int i = 0; i < count; i++) {
        struct house *h = &all->all[i];
        h->sim = s;
        h->number = i;
        h->inbox_end = &h->inbox;
        h->owner = NO_HOUSE;
        h->per_mille = sim_random(s, -DRIFT_PER_MILLE, DRIFT_PER_MILLE);
        h->kept.down = true;
        h->kept.life = i == 0 ? s->coordinator_life : 0;
        h->kept.tick_at_ms = INT64_MAX;
        effects_init(&h->kept.effects);
        ownership_init(&h->watch);
        database_place(h);
    }
    s->coordinator_life = ++all->lives;
    first_owner(s);
    for (int i = 1; i < count; i++) {
        houses_enter(s, &all->all[i]);
        become_standby(s, &all->all[i]);
    }
    houses_enter(s, &all->all[0]);
    plan_house_faults(s);
    sim_at(s, sim_random(s, 0, 5000), on_house_mischief, NULL, 0);
}

void houses_fini(struct sim *s)
{
    if (!s->houses) return;
    for (int i = 0; i < s->houses->count; i++) {
        struct house *h = &s->houses->all[i];
        houses_enter(s, h);
        throw_away(s);
        for (struct put_off *next, *p = h->inbox; p; p = next) {
            next = p->next;
            parcel_drop(p->fn, p->object);
            mem_free(p);
        }
    }
    several = NULL;
    followers_fini(s);
    older_fini(s);
    database_leave();
    mem_free(s->houses);
    s->houses = NULL;
}
