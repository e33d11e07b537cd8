/* Messages to channels: what was delivered, what failed, what is due. */
#include "coordinator/engine/facts.h"
#include "coordinator/reads/lookup.h"
#include "coordinator/store/reader_notice.h"

#include "base/mem.h"

static int on_notice(const struct notice_row *n, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    struct jw *w = &l->answer.w;
    jw_id(w, "id", n->id);
    jw_str(w, "channel", n->channel);
    jw_str(w, "event", n->event);
    jw_str(w, "subject", n->subject);
    jw_str(w, "state", notice_state_names[n->state]);
    jw_int(w, "total", n->total);
    jw_int(w, "untold", n->count);
    jw_int(w, "messages", n->messages);
    jw_int(w, "tries", n->tries);
    jw_str(w, "reason", n->reason);
    jw_time(w, "firstAt", n->first_ms);
    jw_time(w, "lastAt", n->last_ms);
    jw_time(w, "deliveredAt", n->delivered_ms);
    jw_time(w, "dueAt", n->state == NOTICE_DONE ? 0 : n->due_ms); /* older versions left it */
    char *facts = facts_told(n->facts);
    jw_raw(w, "facts", facts);
    mem_free(facts);
    list_row_end_id(&l->list, n->id);
    return 0;
}

int lookup_notices(struct lookup *l, struct reader *r, struct err *e)
{
    struct id_filter f = {.after = l->list.place, .limit = l->list.limit};
    bool more = false;
    list_begin(&l->list, &l->answer);
    int rc = reader_notices(r, &f, on_notice, l, &more, e);
    list_end(&l->list, more);
    return rc;
}
