/* Each rule is a line or two. */
#include "coordinator/ownership.h"

#include "wire/lease.h"

void ownership_init(struct ownership *o)
{
    *o = (struct ownership){.state = OWNER_STANDBY};
}

/* ---- standby ---- */

/* Any difference is a change, also to smaller numbers: the database may have lost commits. */
static bool same(const struct owner_row *a, const struct owner_row *b)
{
    return a->epoch == b->epoch && a->batch == b->batch && a->held == b->held;
}

void ownership_saw(struct ownership *o, const struct owner_row *row, int64_t now_ms)
{
    if (o->state != OWNER_STANDBY) return;
    if (o->seen && same(&o->row, row)) return;
    if (o->seen || row->held) o->doubted = false;
    o->seen = true;
    o->row = *row;
    o->changed_ms = now_ms;
}

void ownership_unseen(struct ownership *o)
{
    if (o->state != OWNER_STANDBY) return;
    ownership_init(o);
    o->doubted = true;
}

static bool is_free(const struct ownership *o)
{
    return !o->row.held && !o->doubted;
}

bool ownership_wants_to_take(const struct ownership *o, int64_t now_ms)
{
    if (o->state != OWNER_STANDBY || !o->seen) return false;
    return is_free(o) || now_ms - o->changed_ms >= OWNER_TAKEOVER_MS;
}

void ownership_taking(struct ownership *o, int64_t now_ms)
{
    if (!ownership_wants_to_take(o, now_ms)) return;
    o->state = OWNER_TAKING;
    o->under_way = true;
    o->sent_ms = now_ms;
}

static void renewed(struct ownership *o)
{
    o->state = OWNER_OWNS;
    o->renewed_ms = o->sent_ms;
    o->under_way = false;
}

void ownership_taken(struct ownership *o, bool committed)
{
    if (o->state != OWNER_TAKING) return;
    if (committed) {
        renewed(o);
        return;
    }
    o->state = OWNER_STANDBY;
    ownership_unseen(o);
}

/* ---- owner ---- */

static bool owns(const struct ownership *o)
{
    return o->state == OWNER_OWNS || o->state == OWNER_RESOLVING;
}

static int64_t expiry_ms(const struct ownership *o)
{
    return o->renewed_ms + OWNER_EXPIRY_MS;
}

void ownership_sent(struct ownership *o, int64_t now_ms)
{
    if (!owns(o)) return;
    o->under_way = true;
    o->sent_ms = now_ms;
}

void ownership_committed(struct ownership *o)
{
    if (o->state == OWNER_OWNS && o->under_way) renewed(o);
}

void ownership_rolled_back(struct ownership *o)
{
    if (o->state == OWNER_OWNS) o->under_way = false;
}

void ownership_unanswered(struct ownership *o)
{
    if (o->state != OWNER_OWNS || !o->under_way) return;
    o->state = OWNER_RESOLVING;
    o->under_way = false;
}

void ownership_resolved(struct ownership *o)
{
    if (o->state == OWNER_RESOLVING && o->under_way) renewed(o);
}

static void lose(struct ownership *o)
{
    o->state = OWNER_LOST;
    o->under_way = false;
}

void ownership_fenced(struct ownership *o)
{
    if (owns(o)) lose(o);
}

void ownership_tick(struct ownership *o, int64_t now_ms)
{
    if (owns(o) && now_ms >= expiry_ms(o)) lose(o);
}

bool ownership_may_send(const struct ownership *o, int64_t now_ms)
{
    return owns(o) && now_ms < expiry_ms(o);
}

bool ownership_wants_renewal(const struct ownership *o, int64_t now_ms)
{
    return o->state == OWNER_OWNS && !o->under_way && now_ms - o->renewed_ms >= OWNER_RENEW_MS;
}

int64_t ownership_next_ms(const struct ownership *o)
{
    switch (o->state) {
    case OWNER_STANDBY:
        if (!o->seen) return INT64_MAX;
        return is_free(o) ? o->changed_ms : o->changed_ms + OWNER_TAKEOVER_MS;
    case OWNER_OWNS:
        return o->under_way ? expiry_ms(o) : o->renewed_ms + OWNER_RENEW_MS;
    case OWNER_RESOLVING:
        return expiry_ms(o);
    case OWNER_TAKING:
    case OWNER_LOST:
        break;
    }
    return INT64_MAX;
}
