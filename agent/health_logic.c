/* See health_logic.h. */
#include "agent/health_logic.h"

#include "base/str.h"

void health_init(struct health *h)
{
    *h = (struct health){.state = HEALTH_WELL, .due_ms = INT64_MAX};
}

static enum health_news try_now(struct health *h, int64_t now_ms)
{
    h->trying = true;
    h->due_ms = now_ms + HEALTH_TRIAL_MS;
    return HEALTH_TRY;
}

static bool set_reason(struct health *h, const char *reason)
{
    struct err before = h->reason;
    err_set(&h->reason, ERR_MACHINE, "%s", reason);
    return !str_eq(before.msg, h->reason.msg);
}

static enum health_news get_well(struct health *h)
{
    enum health_news news = h->state == HEALTH_UNWELL ? HEALTH_RECOVERED : HEALTH_CLEARED;
    health_init(h);
    return news;
}

/* Another trial follows after a pause, twice as long as the one before. */
static enum health_news be_ill(struct health *h, int64_t now_ms, const char *reason)
{
    bool fell = h->state != HEALTH_UNWELL;
    bool changed = set_reason(h, reason);
    h->pause_ms = fell                                    ? HEALTH_PAUSE_MIN_MS
                  : h->pause_ms < HEALTH_PAUSE_MAX_MS / 2 ? h->pause_ms * 2
                                                          : HEALTH_PAUSE_MAX_MS;
    h->state = HEALTH_UNWELL;
    h->trying = false;
    h->due_ms = now_ms + h->pause_ms;
    return fell ? HEALTH_FELL_ILL : changed ? HEALTH_CHANGED : HEALTH_NO_NEWS;
}

enum health_news health_doubt(struct health *h, int64_t now_ms)
{
    if (h->state != HEALTH_WELL) return HEALTH_NO_NEWS;
    h->state = HEALTH_DOUBTED;
    return try_now(h, now_ms);
}

enum health_news health_hang(struct health *h, int64_t now_ms, const char *reason)
{
    if (h->state == HEALTH_UNWELL) return HEALTH_NO_NEWS;
    return be_ill(h, now_ms, reason);
}

enum health_news health_tried(struct health *h, int64_t now_ms, const struct err *why)
{
    if (h->trying) return why ? be_ill(h, now_ms, err_text(why)) : get_well(h);
    /* It was too late to count. But what hung goes on: the next one comes soon. */
    if (h->state == HEALTH_UNWELL && !why) {
        h->pause_ms = HEALTH_PAUSE_MIN_MS;
        if (h->due_ms > now_ms + h->pause_ms) h->due_ms = now_ms + h->pause_ms;
    }
    return HEALTH_NO_NEWS;
}

enum health_news health_wake(struct health *h, int64_t now_ms, const char *late)
{
    if (h->due_ms > now_ms) return HEALTH_NO_NEWS;
    return h->trying ? be_ill(h, now_ms, late) : try_now(h, now_ms);
}
