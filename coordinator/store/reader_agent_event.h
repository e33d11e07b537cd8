/* What happened to an agent, as it is listed. Reader thread. */
#ifndef CADRE_COORDINATOR_STORE_READER_AGENT_EVENT_H
#define CADRE_COORDINATOR_STORE_READER_AGENT_EVENT_H

#include "coordinator/store/model_agent_event.h"
#include "coordinator/store/reader.h"

struct agent_event_filter {
    int64_t agent;
    int64_t before; /* 0: from the newest */
    size_t limit;
};
/* Newest first, those with a number below f->before. *more: there are older ones. */
int reader_agent_events(struct reader *r, const struct agent_event_filter *f,
                        int (*fn)(const struct agent_event_row *v, void *user), void *user,
                        bool *more, struct err *e);

#endif
