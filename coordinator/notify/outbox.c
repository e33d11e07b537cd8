/* A message becomes an order when its channel has a place with the courier: until then it waits
 * here as the event that it is. What cannot become an order has failed, as if it had not got
 * through. */
#include "coordinator/notify/outbox.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/notify/channel.h"
#include "coordinator/notify/courier.h"
#include "coordinator/spine.h"
#include "wire/order.h"

#include <string.h>

struct message {
    struct message *next;
    struct lane *lane;
    int64_t id;
    char *event;
};

/* A channel. */
struct lane {
    struct outbox *outbox;
    const struct json *channel;
    struct message *first, **last; /* that wait */
    size_t waiting;
    struct message *given[COURIER_OF_LANE]; /* to the courier; NULL: a place that is free */
};

struct outbox {
    struct lane *lanes;
    size_t lane_count;
    char *name;
    bool stopped;
    struct courier *courier;
    struct spine *spine;
    struct outbox_counters counters;
};

static void feed(struct lane *l);

static void push(struct outbox *o, int64_t id, bool delivered, const char *reason)
{
    struct command *c = command_new(CMD_NOTICED);
    c->u.id = id;
    c->flag = delivered;
    if (!delivered) c->text = mem_strdup(reason);
    spine_push(o->spine, c);
}

static void tell(struct outbox *o, int64_t id, bool delivered, const char *reason)
{
    *(delivered ? &o->counters.delivered : &o->counters.failed) += 1;
    push(o, id, delivered, reason);
}

static void free_message(struct message *m)
{
    mem_free(m->event);
    mem_free(m);
}

/* The place of a message; of NULL: one that is free. NULL: there is none. */
static struct message **place_of(struct lane *l, const struct message *m)
{
    for (size_t i = 0; i < COURIER_OF_LANE; i++)
        if (l->given[i] == m) return &l->given[i];
    return NULL;
}

static void on_end(bool delivered, const char *reason, void *user)
{
    struct message *m = user;
    struct lane *l = m->lane;
    *place_of(l, m) = NULL;
    if (!l->outbox->stopped) {
        tell(l->outbox, m->id, delivered, reason);
        feed(l);
    }
    free_message(m);
}

static int make_order(const struct message *m, struct buf *line, struct err *e)
{
    const struct outbox *o = m->lane->outbox;
    struct json *event = NULL;
    char id[COURIER_ID_SIZE];
    int rc = json_parse(m->event, strlen(m->event), &event, e);
    if (rc) return rc;
    json_put(event, "coordinator", json_new_str(o->name));
    courier_id(o->courier, id);
    rc = channel_order(m->lane->channel, id, event, line, e);
    json_free(event);
    return rc;
}

/* Its answer comes later, or at once when there is no order. */
static void give(struct lane *l, struct message *m)
{
    struct buf line;
    struct err e = {0};
    buf_init(&line, 2 * (size_t)ORDER_LINE_MAX);
    if (make_order(m, &line, &e)) {
        tell(l->outbox, m->id, false, err_text(&e));
        free_message(m);
    } else {
        *place_of(l, NULL) = m;
        courier_send(l->outbox->courier, json_key(l->channel), &line, on_end, m);
    }
    buf_fini(&line);
}

/* Out of those that wait. */
static struct message *take(struct lane *l, struct message **at)
{
    struct message *m = *at;
    *at = m->next;
    if (l->last == &m->next) l->last = at;
    l->waiting--;
    return m;
}

static void feed(struct lane *l)
{
    while (l->first && place_of(l, NULL))
        give(l, take(l, &l->first));
}

static struct lane *find(const struct outbox *o, const char *channel)
{
    for (size_t i = 0; i < o->lane_count; i++)
        if (str_eq(json_key(o->lanes[i].channel), channel)) return &o->lanes[i];
    return NULL;
}

void outbox_on_notice(struct outbox *o, const struct effect_notice *x)
{
    struct err e;
    struct lane *l = find(o, x->channel);
    if (o->stopped) return;
    if (!l) {
        (void)err_set(&e, ERR_NOT_FOUND, "there is no channel '%.70s' in coordinator.yaml",
                      x->channel);
        tell(o, x->id, false, err_text(&e));
        return;
    }
    if (l->waiting >= OUTBOX_OF_LANE) {
        (void)err_set(&e, ERR_FULL, "%d messages wait for the channel '%.70s' already",
                      OUTBOX_OF_LANE, x->channel);
        tell(o, x->id, false, err_text(&e));
        return;
    }
    struct message *m = mem_alloc(sizeof *m);
    *m = (struct message){.lane = l, .id = x->id, .event = mem_strdup(x->event)};
    *l->last = m;
    l->last = &m->next;
    l->waiting++;
    feed(l);
}

/* The message with this id, if it has not left the house. */
static struct message *take_back(struct lane *l, int64_t id)
{
    for (size_t i = 0; i < COURIER_OF_LANE; i++) {
        struct message *m = l->given[i];
        if (!m || m->id != id || !courier_take_back(l->outbox->courier, m)) continue;
        l->given[i] = NULL;
        return m;
    }
    struct message **at = &l->first; /* the oldest are dropped, which stand first */
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return *at ? take(l, at) : NULL;
}

/* The engine hears that nothing is on its way any more; it was no try to deliver it. */
void outbox_on_dropped(struct outbox *o, const struct effect_notice *x)
{
    struct lane *l = find(o, x->channel);
    o->counters.dropped++;
    struct message *m = l && !o->stopped ? take_back(l, x->id) : NULL;
    if (!m) return;
    push(o, m->id, false, "it made room for others");
    free_message(m);
    feed(l);
}

void outbox_counters(const struct outbox *o, struct outbox_counters *out)
{
    *out = o->counters;
}

struct outbox *outbox_new(const struct json *channels, const char *name, struct courier *courier,
                          struct spine *spine)
{
    struct outbox *o = mem_alloc(sizeof *o);
    o->lane_count = json_count(channels);
    o->lanes = mem_alloc(o->lane_count * sizeof *o->lanes);
    struct lane *l = o->lanes;
    for (const struct json *c = json_first(channels); c; c = json_next(c), l++) {
        *l = (struct lane){.outbox = o, .channel = c};
        l->last = &l->first;
    }
    o->name = mem_strdup(name);
    o->courier = courier;
    o->spine = spine;
    return o;
}

void outbox_stop(struct outbox *o)
{
    o->stopped = true;
}

void outbox_free(struct outbox *o)
{
    if (!o) return;
    for (size_t i = 0; i < o->lane_count; i++)
        for (struct message *m = o->lanes[i].first, *next; m; m = next) {
            next = m->next;
            free_message(m);
        }
    mem_free(o->lanes);
    mem_free(o->name);
    mem_free(o);
}
