/* Rules of coordinator.yaml: which channels are told of what (docs/notify.md). */
#ifndef CADRE_COORDINATOR_ENGINE_RULE_H
#define CADRE_COORDINATOR_ENGINE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Those up to RULE_LAST_LASTING are states: they begin, last and are over. The others happen. Those
 * from RULE_FIRST_OF_NAMESPACE on happen in a namespace, which may say itself who is told. */
enum rule_event {
    RULE_AGENT_OFFLINE,
    RULE_GROUP_SHORT,
    RULE_QUEUE_OLD,
    RULE_TOKEN_ENDS,
    RULE_DISK_LOW,
    RULE_CERTIFICATE_ENDS,
    RULE_LAST_LASTING = RULE_CERTIFICATE_ENDS,
    RULE_LEASE_LOST,
    RULE_SCHEDULE_MISSED,
    RULE_FIRST_OF_NAMESPACE = RULE_SCHEDULE_MISSED,
    RULE_EXECUTION_FAILED,
    RULE_EVENTS
};
extern const char *const rule_event_names[RULE_EVENTS]; /* "agent-offline" ... */

struct rule {
    const char *name;
    enum rule_event event;
    int64_t limit;     /* a time in ms, a number or bytes, as the event has it */
    int64_t repeat;    /* ms: a state that lasts is told again so often; 0: it is not */
    const char *group; /* NULL: any */
    const char *ns;    /* and those below it; NULL: any */
    const char **channels;
    size_t channel_count;
};

/* How many subjects had messages of their own of late, of a rule or a namespace (tell.h). */
struct burst {
    int64_t from_ms; /* mono; 0: never */
    int count;
    uint64_t batch; /* that counted last, and what stood here before it */
    int64_t from_before_ms;
    int count_before;
};

#define NAMESPACE_CHANNELS_MAX 20 /* that a namespace names */

/* A message's subject that stands for many: of a rule or a namespace, whose name and ")" follow. */
#define RULE_SHARED "(rule "
#define NAMESPACE_SHARED "(namespace "

enum rule_event rule_event_of(const char *name); /* RULE_EVENTS: there is none */
/* Is the event of this name a state? */
bool rule_event_lasts(const char *name);

#endif
