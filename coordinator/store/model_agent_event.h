/* What happened to an agent: a part of model.h. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_AGENT_EVENT_H
#define CADRE_COORDINATOR_STORE_MODEL_AGENT_EVENT_H

#include <stdint.h>

/* The numbers are stored. */
enum agent_event_kind {
    AGENT_ENROLLED = 1,
    AGENT_CONNECTED = 2,
    AGENT_DISCONNECTED = 3,
    AGENT_DRAINED = 4,
    AGENT_RESUMED = 5,
    AGENT_GOT_UNWELL = 6,
    AGENT_GOT_WELL = 7,
    AGENT_REMOVED = 8,
    AGENT_EVENT_KINDS
};
/* As people see them, by kind: "connected". */
extern const char *const agent_event_names[AGENT_EVENT_KINDS];

struct agent_event_row {
    int64_t agent;
    int64_t number; /* of the agent's events, the newest has the greatest; set by the store */
    enum agent_event_kind kind;
    int64_t first_ms, last_ms; /* wall; the same for what happened once */
    int64_t times;
    char *by;   /* NULL: nobody asked for it */
    char *text; /* of the last time: the reason, as far as it is known; NULL: none */
};
void agent_event_row_fini(struct agent_event_row *v);

#endif
