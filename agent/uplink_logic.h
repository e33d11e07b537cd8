/* The state machine of the agent's session with its coordinator (PROTOCOL.md section 4). It has no
 * socket, no clock and no timer: each function takes the time and an event, and passes the work to
 * be done to a callback, as actions. uplink.c carries the actions out on libuv; the simulation has
 * a network and a clock of its own.
 *
 *   disconnected --time--> connecting --opened--> hello --welcome--> ready <--> draining
 *        ^                     |                    |                  |           |
 *        +---------------------+--------------------+------------------+-----------+
 *                               closed, refused: back-off (lease_retry_ms)
 *
 * A coordinator that does not own the queue refuses with not-owner. From then to the next welcome
 * the agent is seeking the owner: without back-off (PROTOCOL.md section 4.12).
 *
 * The lease clock is here, too: all leases count from the moment when the agent sent the last
 * message that the coordinator has certainly received. That is the agent's half of "never two at
 * once"; for an agent that hangs, platform/guard_table.h does that half. */
#ifndef CADRE_AGENT_UPLINK_LOGIC_H
#define CADRE_AGENT_UPLINK_LOGIC_H

#include "agent/journal.h"
#include "agent/runner_logic.h"
#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uplink_logic;

enum uplink_action_type {
    UPLINK_CONNECT,     /* call opened or closed afterwards */
    UPLINK_SEND,        /* data, len: whole frames, in this order */
    UPLINK_CLOSE,       /* send the queued bytes, then close; call closed afterwards */
    UPLINK_ABORT,       /* err: why; close at once; call closed afterwards */
    UPLINK_WAKE,        /* at_ms: call uplink_logic_wake then, and not before; INT64_MAX: never */
    UPLINK_WELCOMED,    /* text: the coordinator's version */
    UPLINK_ADDRESSES,   /* text: the coordinator's addresses, JSON list */
    UPLINK_OWNER,       /* owner: who refused says where the owner is: try these next */
    UPLINK_CERTIFICATE, /* text: the new certificate, PEM */
    UPLINK_STATUS,      /* text: for the service manager; the first attempt to connect was made */
    UPLINK_CHANGED,     /* the journal or an attempt changed: look in this turn */
    UPLINK_FATAL        /* err: the journal cannot be written; the agent has to end */
};

struct uplink_action {
    enum uplink_action_type type;
    union {
        int64_t at_ms;
        const char *text;
        const struct err *err;
        struct {
            const void *data;
            size_t len;
        } send;
        struct {
            const char *addresses; /* JSON list; NULL: no owner is known */
            bool *fresh;           /* set it to true when one of them was not tried just now */
        } owner;
    } u; /* lives for the call */
};

/* Called from inside the functions below; must not call them, nor the runner. */
typedef void uplink_act_fn(const struct uplink_action *a, void *user);

struct uplink_logic_options {
    struct journal *journal;
    struct runner_logic *runner;
    /* Texts of hello; they live as long as the logic. group NULL: "default".
     * folder_id NULL: not known. */
    const char *name, *group, *boot_id, *host_id, *folder_id;
    const char *groups;       /* JSON text, when there are several; group is the first */
    const char *capabilities; /* JSON text; copied */
    int64_t slots;
    uint64_t seed; /* of the back-off's jitter */
    uplink_act_fn *act;
    void *user;
};

struct uplink_logic *uplink_logic_new(const struct uplink_logic_options *o);
void uplink_logic_free(struct uplink_logic *l); /* NULL is fine */

/* ---- what happened ---- */
void uplink_logic_start(struct uplink_logic *l, const struct moment *now);
void uplink_logic_wake(struct uplink_logic *l, const struct moment *now);
void uplink_logic_opened(struct uplink_logic *l, const struct moment *now);
void uplink_logic_received(struct uplink_logic *l, const struct moment *now, const void *data,
                           size_t len);
/* why: code ERR_OK when the link was closed in order. */
void uplink_logic_closed(struct uplink_logic *l, const struct moment *now, const struct err *why);
/* Once per turn behind journal_commit: sends events that are committed and not sent yet, as far as
 * the link takes them. pending: bytes that the link still holds. */
void uplink_logic_pump(struct uplink_logic *l, const struct moment *now, size_t pending);
/* Slots or draining changed. */
void uplink_logic_announce(struct uplink_logic *l, int64_t slots);
/* Copies json. */
void uplink_logic_set_capabilities(struct uplink_logic *l, const char *json);
/* The reason why the agent takes no jobs now; NULL: the agent takes jobs again. */
void uplink_logic_rest(struct uplink_logic *l, const char *why);
/* Asks for a new certificate; nothing happens without a session. */
void uplink_logic_ask_certificate(struct uplink_logic *l, const char *csr);
/* Sends bye, closes the link, and does not connect again. */
void uplink_logic_stop(struct uplink_logic *l, const char *reason);

/* ---- queries ---- */
/* Wall time at which a heartbeat was acknowledged last; 0: none was. */
int64_t uplink_logic_acknowledged_ms(const struct uplink_logic *l);
bool uplink_logic_is_live(const struct uplink_logic *l); /* ready or draining */

#endif
