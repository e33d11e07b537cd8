/* What the agent says to its coordinator, and when (PROTOCOL.md section 4), as a state machine
 * without a socket, a clock or a timer: each function takes the moment and what happened, and what
 * is to be done comes back as actions. uplink.c carries them out on libuv; the simulation on a
 * network and a clock of its own.
 *
 *   disconnected --time--> connecting --opened--> hello --welcome--> ready <--> draining
 *        ^                     |                    |                  |           |
 *        +---------------------+--------------------+------------------+-----------+
 *                               closed, refused: back-off 0.5 s ... 30 s
 *
 * The lease clock is here, too: all leases count from the sending of the last thing that the
 * coordinator is known to have heard. That is the agent's half of "never two at once"; the half of
 * an agent that hangs is platform/guard_table.h. */
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
    UPLINK_CONNECT,     /* n: index of the address; then comes opened or closed */
    UPLINK_SEND,        /* data, len: whole frames, in this order */
    UPLINK_CLOSE,       /* send what is queued, then close; closed comes */
    UPLINK_ABORT,       /* err: why; close at once; closed comes */
    UPLINK_WAKE,        /* at_ms: call uplink_logic_wake then, and not before; INT64_MAX: never */
    UPLINK_WELCOMED,    /* text: the coordinator's version */
    UPLINK_CERTIFICATE, /* text: a new one, PEM */
    UPLINK_STATUS,      /* text: for the service manager; the first attempt to connect was made */
    UPLINK_CHANGED,     /* the journal or an attempt changed: look in this turn */
    UPLINK_FATAL        /* err: the journal cannot be written; the agent has to end */
};

struct uplink_action {
    enum uplink_action_type type;
    union {
        size_t n;
        int64_t at_ms;
        const char *text;
        const struct err *err;
        struct {
            const void *data;
            size_t len;
        } send;
    } u; /* lives for the call */
};

/* From inside the functions below; may not call them, nor the runner. */
typedef void uplink_act_fn(const struct uplink_action *a, void *user);

struct uplink_logic_options {
    struct journal *journal;
    struct runner_logic *runner;
    /* Texts of hello; they live as long as the logic. group NULL: the default group. */
    const char *name, *group, *boot_id, *host_id;
    const char *capabilities; /* JSON text; copied */
    int64_t slots;
    size_t addresses; /* of the coordinator, tried in turn; at least 1 */
    uint64_t seed;    /* of the back-off's jitter */
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
/* why: code ERR_OK when it was closed in good order. */
void uplink_logic_closed(struct uplink_logic *l, const struct moment *now, const struct err *why);
/* Once per turn behind journal_commit: sends events that are committed and not sent yet, as far as
 * the link takes them. pending: bytes that the link still holds. */
void uplink_logic_pump(struct uplink_logic *l, const struct moment *now, size_t pending);
/* Slots or draining changed. */
void uplink_logic_announce(struct uplink_logic *l, int64_t slots);
/* json is copied. */
void uplink_logic_set_capabilities(struct uplink_logic *l, const char *json);
/* The agent takes no jobs just now, and why; NULL: it does again. */
void uplink_logic_rest(struct uplink_logic *l, const char *why);
/* Asks for a new certificate; nothing happens without a session. */
void uplink_logic_ask_certificate(struct uplink_logic *l, const char *csr);
/* Says bye, closes, and connects no more. */
void uplink_logic_stop(struct uplink_logic *l, const char *reason);

/* ---- telling ---- */
bool uplink_logic_is_live(const struct uplink_logic *l); /* ready or draining */

#endif
