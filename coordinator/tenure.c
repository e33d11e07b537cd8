/* One lock, never held while the place or the store is asked. */
#include "coordinator/tenure.h"

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/store/store_owner.h"
#include "platform/os.h"

#include <uv.h>

#define ASK_AGAIN_MS 200 /* while the database does not say what became of a commit */

struct tenure {
    const struct owner_place *place;
    struct owner_row mine; /* of the thread that writes */
    uv_mutex_t lock;       /* guards the machine */
    struct ownership machine;
};

struct tenure *tenure_new(const struct owner_place *place, const struct ownership *o,
                          const struct owner_row *mine)
{
    struct tenure *t = mem_alloc(sizeof *t);
    t->place = place;
    t->machine = *o;
    t->mine = *mine;
    if (uv_mutex_init(&t->lock)) mem_exhausted();
    return t;
}

void tenure_free(struct tenure *t)
{
    if (!t) return;
    uv_mutex_destroy(&t->lock);
    mem_free(t);
}

struct owner_row tenure_row(const struct tenure *t)
{
    return t->mine;
}

/* ---- the thread that writes ---- */

static void on_send(void *user)
{
    struct tenure *t = user;
    uv_mutex_lock(&t->lock);
    ownership_sent(&t->machine, os_mono_ms());
    uv_mutex_unlock(&t->lock);
}

static void on_answer(void *user, int rc)
{
    struct tenure *t = user;
    uv_mutex_lock(&t->lock);
    if (rc == 0)
        ownership_committed(&t->machine);
    else if (rc == ERR_FENCED)
        ownership_fenced(&t->machine);
    else
        ownership_rolled_back(&t->machine);
    uv_mutex_unlock(&t->lock);
}

/* false: the time is over. */
static bool may_raise(struct tenure *t)
{
    int64_t now_ms = os_mono_ms();
    uv_mutex_lock(&t->lock);
    ownership_unanswered(&t->machine);
    ownership_tick(&t->machine, now_ms);
    ownership_sent(&t->machine, now_ms);
    bool may = t->machine.state == OWNER_RESOLVING;
    uv_mutex_unlock(&t->lock);
    return may;
}

/* false: the loop has thrown away meanwhile what depends on it. */
static bool is_resolved(struct tenure *t)
{
    uv_mutex_lock(&t->lock);
    ownership_resolved(&t->machine);
    bool owns = t->machine.state == OWNER_OWNS;
    uv_mutex_unlock(&t->lock);
    return owns;
}

static int ask(void *user, struct err *e)
{
    struct tenure *t = user;
    struct err why = {0};
    log_warn("owner: the database did not say whether it took a commit; it is asked again");
    while (may_raise(t)) {
        bool there = false;
        int rc = t->place->resolve(t->place->user, &t->mine, &there, &why);
        if (rc == ERR_FENCED) {
            tenure_lose(t);
            return err_set(e, ERR_FENCED, "%s", err_text(&why));
        }
        if (rc == 0 && !is_resolved(t)) break;
        if (rc == 0 && there) return 0;
        if (rc == 0)
            return err_set(e, ERR_UNAVAILABLE,
                           "the connection to the database broke before the "
                           "commit");
        uv_sleep(ASK_AGAIN_MS);
    }
    return err_set(e, ERR_FENCED, "the database did not say in time what became of a commit: %s",
                   err_text(&why));
}

int tenure_renew(struct tenure *t, struct err *e)
{
    on_send(t);
    int rc = t->place->renew(t->place->user, &t->mine, e);
    if (rc == ERR_UNAVAILABLE) return ask(t, e);
    on_answer(t, rc);
    return rc;
}

static int take_row(void *user, struct owner_row *mine, struct err *e)
{
    const struct tenure *t = user;
    return t->place->renew(t->place->user, mine, e);
}

void tenure_give(struct tenure *t, struct store *s)
{
    store_set_owner(s, &(struct store_owner){.mine = &t->mine,
                                             .take_row = t->place->apart ? take_row : NULL,
                                             .on_send = on_send,
                                             .on_answer = on_answer,
                                             .ask = ask,
                                             .user = t});
}

int tenure_release(struct tenure *t, struct err *e)
{
    if (tenure_is_lost(t)) return err_set(e, ERR_FENCED, "another coordinator owns the queue");
    tenure_lose(t);
    return t->place->release(t->place->user, &t->mine, e);
}

/* ---- any thread ---- */

bool tenure_may_send(struct tenure *t)
{
    uv_mutex_lock(&t->lock);
    bool may = ownership_may_send(&t->machine, os_mono_ms());
    uv_mutex_unlock(&t->lock);
    return may;
}

bool tenure_wants_renewal(struct tenure *t)
{
    uv_mutex_lock(&t->lock);
    bool wants = ownership_wants_renewal(&t->machine, os_mono_ms());
    uv_mutex_unlock(&t->lock);
    return wants;
}

int64_t tenure_next_ms(struct tenure *t)
{
    uv_mutex_lock(&t->lock);
    int64_t next_ms = ownership_next_ms(&t->machine);
    uv_mutex_unlock(&t->lock);
    return next_ms;
}

bool tenure_is_lost(struct tenure *t)
{
    uv_mutex_lock(&t->lock);
    ownership_tick(&t->machine, os_mono_ms());
    bool lost = t->machine.state == OWNER_LOST;
    uv_mutex_unlock(&t->lock);
    return lost;
}

void tenure_lose(struct tenure *t)
{
    uv_mutex_lock(&t->lock);
    ownership_fenced(&t->machine);
    uv_mutex_unlock(&t->lock);
}
