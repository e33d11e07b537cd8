/* What cannot become an order has failed, as if it had not got through. */
#include "coordinator/notify/outbox.h"

#include "base/mem.h"
#include "coordinator/notify/channel.h"
#include "coordinator/notify/courier.h"
#include "coordinator/spine.h"
#include "wire/order.h"

#include <string.h>

struct outbox {
    const struct json *channels;
    char *name;
    bool stopped;
    struct courier *courier;
    struct spine *spine;
    struct outbox_counters counters;
};

struct message {
    struct outbox *outbox;
    int64_t id;
};

static void tell(struct outbox *o, int64_t id, bool delivered, const char *reason)
{
    struct command *c = command_new(CMD_NOTICED);
    *(delivered ? &o->counters.delivered : &o->counters.failed) += 1;
    c->u.id = id;
    c->flag = delivered;
    if (!delivered) c->text = mem_strdup(reason);
    spine_push(o->spine, c);
}

static void on_end(bool delivered, const char *reason, void *user)
{
    struct message *m = user;
    if (!m->outbox->stopped) tell(m->outbox, m->id, delivered, reason);
    mem_free(m);
}

static int make_order(const struct outbox *o, const struct effect_notice *x, struct buf *line,
                      struct err *e)
{
    const struct json *channel = json_get(o->channels, x->channel);
    struct json *event = NULL;
    char id[COURIER_ID_SIZE];
    if (!channel)
        return err_set(e, ERR_NOT_FOUND, "there is no channel '%.70s' in coordinator.yaml",
                       x->channel);
    int rc = json_parse(x->event, strlen(x->event), &event, e);
    if (rc) return rc;
    json_put(event, "coordinator", json_new_str(o->name));
    courier_id(o->courier, id);
    rc = channel_order(channel, id, event, line, e);
    json_free(event);
    return rc;
}

void outbox_on_notice(struct outbox *o, const struct effect_notice *x)
{
    struct buf line;
    struct err e = {0};
    if (o->stopped) return;
    buf_init(&line, 2 * (size_t)ORDER_LINE_MAX);
    if (make_order(o, x, &line, &e)) {
        tell(o, x->id, false, err_text(&e));
    } else {
        struct message *m = mem_alloc(sizeof *m);
        *m = (struct message){o, x->id};
        courier_send(o->courier, x->channel, &line, on_end, m);
    }
    buf_fini(&line);
}

void outbox_on_dropped(struct outbox *o)
{
    o->counters.dropped++;
}

void outbox_counters(const struct outbox *o, struct outbox_counters *out)
{
    *out = o->counters;
}

struct outbox *outbox_new(const struct json *channels, const char *addresses,
                          struct courier *courier, struct spine *spine)
{
    struct outbox *o = mem_alloc(sizeof *o);
    o->channels = channels;
    o->name = mem_strndup(addresses, strcspn(addresses, ","));
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
    mem_free(o->name);
    mem_free(o);
}
