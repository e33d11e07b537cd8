/* What the files of sessions/ share. */
#ifndef CADRE_COORDINATOR_SESSIONS_SESSION_H
#define CADRE_COORDINATOR_SESSIONS_SESSION_H

#include "coordinator/map.h"
#include "coordinator/sessions/sessions.h"
#include "wire/frame.h"
#include "wire/link.h"
#include "wire/msg.h"

#include <stdbool.h>

enum session_state {
    SESSION_FRESH,
    SESSION_GREETED,
    SESSION_ENROLLING,
    SESSION_LIVE,
    SESSION_CLOSING
};

struct session {
    struct sessions *owner;
    uint64_t number;
    struct link *link;
    enum session_state state;
    struct frame_reader reader;
    int64_t agent; /* from the verified certificate; 0: came without one that counts */
    struct tls_peer
        *distrust;    /* why its certificate does not count; NULL: it does, or there is none */
    bool greeted;     /* CMD_HELLO was sent, so CMD_GONE is owed */
    bool paused;      /* waits for the spine to have room */
    int64_t protocol; /* agreed minor */
    char *csr;        /* of an enrolment */
    int64_t opened_ms, heard_ms;
    struct session *next, *prev;
};

struct sessions {
    struct sessions_options o;
    struct map by_number;
    struct session *first;
    size_t count, unknown_count;
    int64_t swept_ms;
    void *timer; /* uv_timer_t, frees itself when closed */
    bool stopped;
};

/* One frame of an agent: decodes, checks that it may come in this state, makes the command. A
 * negative return (e tells) ends the session with `refused`. */
int session_on_frame(struct session *s, const struct frame *f, struct err *e);
void session_send(struct session *s, const struct msg *m);
/* Sends refused and closes. retry_ms 0: not to come back by itself. */
void session_refuse(struct session *s, const char *code, const char *sentence, int64_t retry_ms);
void session_close(struct session *s);
void session_on_effect(struct session *s, struct effect *x);

/* ---- enrolment (enrol.c) ---- */
int session_enrol(struct session *s, struct msg_enrol *m, struct err *e);
int session_renew(struct session *s, const struct msg_enrol *m, struct err *e);
void session_enrolled(struct session *s, const struct effect *x);

#endif
