/* The agent's connection on libuv: uplink.c owns the link, the timers and the certificate, and
 * carries out the actions of uplink_logic.h. One object for the life of the agent; the link inside
 * comes and goes. */
#ifndef CADRE_AGENT_UPLINK_H
#define CADRE_AGENT_UPLINK_H

#include "agent/config.h"
#include "agent/identity.h"
#include "agent/journal.h"
#include "agent/runner_logic.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct file_facts;
struct uv_loop_s;
struct uplink;

struct uplink_options {
    struct uv_loop_s *loop;
    struct agent_config *config;
    struct identity *identity; /* a renewed certificate replaces the one in it */
    struct journal *journal;
    struct runner_logic *runner;
    const char *name;
    const struct file_facts *folder; /* of the state: tells it from a copy on this machine */
    const char *capabilities;        /* JSON text; see uplink_set_capabilities */
    /* The first attempt to connect was made (for the service manager). May come again; must only
     * take note. */
    void (*on_attempted)(const char *status, void *user);
    void (*on_fatal)(const struct err *e, void *user); /* must only take note */
    /* A message arrived or something failed: look at the journal in this turn. Must only take
     * note. */
    void (*on_change)(void *user);
    void *user;
};

int uplink_new(const struct uplink_options *o, struct uplink **out, struct err *e);
void uplink_start(struct uplink *u);
/* Sends events that are committed and not sent yet, as far as the link takes them. Once per turn,
 * after journal_commit. */
void uplink_pump(struct uplink *u);
/* Slots, labels or capabilities changed. json: mem_free'd by the uplink. */
void uplink_set_capabilities(struct uplink *u, char *json);
/* Tells the coordinator why the agent takes no jobs now; NULL: the agent takes jobs again. */
void uplink_rest(struct uplink *u, const char *why);
void uplink_announce(struct uplink *u);      /* sends ready again: slots or draining changed */
bool uplink_is_live(const struct uplink *u); /* welcomed, and not lost since */
int64_t uplink_acknowledged_ms(const struct uplink *u); /* as of uplink_logic.h */
/* Sends bye, closes the link, and does not connect again. The link ends asynchronously. */
void uplink_stop(struct uplink *u, const char *reason);
/* Handles close asynchronously: run the loop until it is empty. */
void uplink_free(struct uplink *u);

#endif
