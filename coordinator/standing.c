/* A timer. */
#include "coordinator/standing.h"

#include "base/mem.h"
#include "coordinator/spine.h"
#include "coordinator/trust/authority.h"
#include "coordinator/web.h"
#include "platform/files.h"

#include <uv.h>

struct standing_clock {
    uv_timer_t timer;
    struct standing_of of;
};

static void on_timer(uv_timer_t *t)
{
    const struct standing_clock *s = t->data;
    struct disk_room room;
    struct command *c = command_new(CMD_STANDING);
    c->text = mem_strdup(s->of.state);
    c->u.standing.disk_free = disk_free(s->of.state, &room, NULL) ? -1 : room.bytes;
    authority_lives(s->of.authority, &c->u.standing);
    web_life(*s->of.web, &c->u.standing.web);
    spine_push(s->of.spine, c);
}

struct standing_clock *standing_start(struct uv_loop_s *loop, const struct standing_of *of)
{
    struct standing_clock *s = mem_alloc(sizeof *s);
    s->of = *of;
    s->timer.data = s;
    uv_timer_init(loop, &s->timer);
    uv_timer_start(&s->timer, on_timer, 0, STANDING_EVERY_MS);
    return s;
}

static void on_closed(uv_handle_t *h)
{
    mem_free(h->data);
}

void standing_stop(struct standing_clock *s)
{
    if (s) uv_close((uv_handle_t *)&s->timer, on_closed);
}
