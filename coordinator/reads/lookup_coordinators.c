/* Looking up who else is there. */
#include "coordinator/reads/lookup.h"

#include "cadre_version.h"
#include "coordinator/store/reader_coordinator.h"
#include "platform/os.h"

static int on_coordinator(const struct coordinator_row *c, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    struct jw *w = &l->answer.w;
    jw_id(w, "id", c->id);
    jw_str(w, "name", c->name);
    jw_raw(w, "addresses", c->addresses);
    jw_str(w, "version", c->version);
    jw_time(w, "startedAt", c->started_ms);
    jw_time(w, "seenAt", c->seen_ms);
    jw_bool(w, "alive", c->alive);
    jw_bool(w, "owner", c->owner);
    jw_bool(w, "self", c->id == l->id);
    list_row_end_id(&l->list, c->id);
    return 0;
}

/* One that is alone is in no list. */
static int put_alone(struct lookup *l)
{
    struct coordinator_row self = {.id = l->id,
                                   .name = l->name,
                                   .addresses = l->why ? l->why : "[]",
                                   .version = CADRE_VERSION,
                                   .started_ms = l->number,
                                   .seen_ms = os_wall_ms(),
                                   .alive = true,
                                   .owner = l->owns};
    return l->list.place == 0 ? on_coordinator(&self, l) : 0;
}

int lookup_coordinators(struct lookup *l, struct reader *r, struct err *e)
{
    struct id_filter f = {.after = l->list.place, .limit = l->list.limit};
    bool more = false;
    list_begin(&l->list, &l->answer);
    int rc = l->shared ? reader_coordinators(r, &f, on_coordinator, l, &more, e) : put_alone(l);
    list_end(&l->list, more);
    return rc;
}
