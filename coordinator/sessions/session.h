/* Translates an agent's frames and the engine's effects for one session (wire/PROTOCOL.md): a frame
 * becomes a command, an effect becomes frames. Pure: no connection, no clock, no queue. sessions.c
 * joins this to a connection and to the spine; the simulation runs the same code.
 *
 * A session's life:
 *
 *   FRESH --hello--> GREETED --welcome--> LIVE ---+
 *     |                 |                         |
 *     +--enrol--> ENROLLING --enrolled-----+      |
 *     |                 |                  v      v
 *     +------- refused -+--------------> CLOSING, until the connection is closed */
#ifndef CADRE_COORDINATOR_SESSIONS_SESSION_H
#define CADRE_COORDINATOR_SESSIONS_SESSION_H

#include "base/buf.h"
#include "base/err.h"
#include "coordinator/engine/command.h"
#include "coordinator/engine/effect.h"
#include "wire/frame.h"
#include "wire/msg.h"
#include "wire/refusal.h"

#include <stdbool.h>
#include <stdint.h>

enum session_state {
    SESSION_FRESH,
    SESSION_GREETED,
    SESSION_ENROLLING,
    SESSION_LIVE,
    SESSION_CLOSING
};

/* The owner sets number and agent; the functions below keep the rest. */
struct session_facts {
    uint64_t number; /* of the session, for commands and messages */
    int64_t agent;   /* from the verified certificate; 0: no valid certificate */
    enum session_state state;
    bool greeted;      /* CMD_HELLO was made, so CMD_GONE is owed when the connection ends */
    int64_t protocol;  /* the minor that both speak, agreed at hello */
    int64_t acked_seq; /* of the last welcome or ack */
    int64_t kept_beat; /* a heartbeat whose ack waits for the next ack or job; 0: none */
    char *csr;         /* of an enrolment; session_facts_fini */
};

/* The values of welcome. */
struct session_terms {
    int64_t lease_ms, heartbeat_ms, output_limit_bytes;
    int64_t wall_ms;       /* now */
    const char *addresses; /* JSON list; NULL: the operator named none */
};

enum session_action {
    SESSION_COMMAND, /* hand `command` to the engine */
    SESSION_BEAT,    /* a heartbeat: tell the engine, then session_send_beat with `beat`, or, when
                        `ack_later` says that it may wait, session_keep_beat */
    SESSION_RENEW,   /* sign `csr` for the session's agent, then session_send_certificate */
    SESSION_REFUSE,  /* session_send_refused with code, why and retry_ms */
    SESSION_BYE      /* close the connection; why tells the agent's reason */
};

/* The result of a frame. */
struct session_heard {
    enum session_action action;
    struct command *command; /* the caller takes it */
    int64_t beat;            /* the number of the heartbeat */
    bool ack_later;
    char *csr; /* PEM; the caller takes it */
    enum refusal refusal;
    struct err why; /* the sentence of a refusal, or of a bye */
};

void session_facts_fini(struct session_facts *s);

/* ---- receive.c ---- */
/* Decodes a frame and checks that it may come in this state. A frame that is not allowed, or
 * damaged, ends in SESSION_REFUSE. Not to be called when the session is CLOSING. */
void session_receive(struct session_facts *s, const struct frame *f, struct session_heard *out);

/* ---- enrol.c ---- */
/* The groups that enrol or hello lists: keys, each once, `group` first. Of one group alone the list
 * is dropped. Else the sentence of a refusal. */
int session_check_groups(const char *message, const char *group, char **groups, struct err *e);
/* An enrol with a token: checks token, name and request, keeps the request in s->csr. */
void session_enrol(struct session_facts *s, struct msg_enrol *m, struct session_heard *out);
/* An enrol without a token: an agent that is known asks for a new certificate. */
void session_renew(struct msg_enrol *m, struct session_heard *out);

/* ---- send.c: append frames to `out`. A failure (e tells) ends the connection. ---- */
/* Any effect of a session but EFFECT_ENROLLED. When the state is CLOSING afterwards, the connection
 * is to be closed once the frames are out. */
int session_send(struct session_facts *s, const struct session_terms *terms, const struct effect *x,
                 struct buf *out, struct err *e);
/* EFFECT_ENROLLED, after s->csr was signed; the state is CLOSING then. */
int session_send_enrolled(struct session_facts *s, const struct effect *x, const char *certificate,
                          const char *ca, struct buf *out, struct err *e);
int session_send_certificate(const char *certificate, struct buf *out, struct err *e);
/* Acknowledges a heartbeat, and nothing that was not acknowledged before. */
int session_send_beat(struct session_facts *s, int64_t beat, struct buf *out, struct err *e);
/* The agent needs no answer to this heartbeat before its next ack or job (PROTOCOL.md section 4.5).
 * The next ack has it; before EFFECT_JOB session_send_kept_beat must be called, which sends an ack
 * when there is one to send. Whoever may acknowledge heartbeats when this one comes may do so
 * later: the agent counts from when it sent it. */
void session_keep_beat(struct session_facts *s, int64_t beat);
int session_send_kept_beat(struct session_facts *s, struct buf *out, struct err *e);
/* Sends refused and sets the state to CLOSING. A code or sentence that is too long for the message
 * is replaced. retry_ms 0: the agent must not come back by itself. */
int session_send_refused(struct session_facts *s, const char *code, const char *sentence,
                         int64_t retry_ms, struct buf *out, struct err *e);
/* The same, because another coordinator owns the queue. addresses: the owner's, JSON list; NULL, or
 * what is no list or too long: none is known. */
int session_send_not_owner(struct session_facts *s, const char *addresses, int64_t retry_ms,
                           struct buf *out, struct err *e);

#endif
