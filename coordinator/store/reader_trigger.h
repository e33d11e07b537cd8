/* Triggers, as the API asks for them. Reader thread. */
#ifndef CADRE_COORDINATOR_STORE_READER_TRIGGER_H
#define CADRE_COORDINATOR_STORE_READER_TRIGGER_H

#include "coordinator/store/reader.h"

struct trigger_filter {
    const char *ns;                                 /* NULL: any; subtree */
    const char *flow;                               /* NULL: any */
    const char *after_ns, *after_flow, *after_name; /* NULL: from the first */
    size_t limit;
    char **passed; /* as of agents: "NS/FLOW/NAME" */
};
int reader_triggers(struct reader *r, const struct trigger_filter *f,
                    int (*fn)(const struct trigger_row *t, void *user), void *user, bool *more,
                    struct err *e);
struct upcoming_place {
    int64_t ms, id; /* the next_ms and id of a row */
};
struct upcoming_filter {
    const char *ns;              /* NULL: any; subtree */
    const char *flow;            /* NULL: any */
    struct upcoming_place after; /* 0: from the first */
    size_t limit;
};
/* Schedules that are not disabled and fire again, by their next moment. One call looks at 5,000 at
 * most: as of reader_jobs there may be more although fewer than `limit` came. next->ms 0: no more,
 * else where the next call begins. */
int reader_upcoming(struct reader *r, const struct upcoming_filter *f,
                    int (*fn)(const struct trigger_row *t, void *user), void *user,
                    struct upcoming_place *next, struct err *e);
int reader_trigger(struct reader *r, const char *ns, const char *flow, const char *name,
                   struct trigger_row *out, struct err *e);
int reader_each_webhook(struct reader *r, const char *ns, const char *flow,
                        int (*fn)(int64_t trigger, const char *key_hash, void *user), void *user,
                        struct err *e);
/* Its last evaluations, newest first; TRIGGER_HISTORY at most. */
int reader_evaluations(struct reader *r, int64_t trigger,
                       int (*fn)(const struct evaluation_row *v, void *user), void *user,
                       struct err *e);

#endif
