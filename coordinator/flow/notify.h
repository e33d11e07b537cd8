/* Whom a flow tells of what: the list "notify" of a flow. */
#ifndef CADRE_COORDINATOR_FLOW_NOTIFY_H
#define CADRE_COORDINATOR_FLOW_NOTIFY_H

#define FLOW_NOTIFY_MAX 20

/* FAILED: an execution did; MISSED: a schedule was, and nothing makes up for that. */
enum flow_notify_event { FLOW_NOTIFY_FAILED, FLOW_NOTIFY_MISSED, FLOW_NOTIFY_EVENTS };
extern const char *const flow_notify_names[FLOW_NOTIFY_EVENTS];

struct flow_notify {
    char *channel;
    unsigned events; /* bits 1u << enum flow_notify_event */
    int line;
};

#endif
