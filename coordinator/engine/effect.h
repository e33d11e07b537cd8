/* What flows out of the engine, to be carried out by the loop thread after the commit, in order. */
#ifndef CADRE_COORDINATOR_ENGINE_EFFECT_H
#define CADRE_COORDINATOR_ENGINE_EFFECT_H

#include "base/err.h"
#include "coordinator/store/model.h"

enum effect_type {
    EFFECT_REPLY, /* to `request`: rc, error; id; json */
    /* to `session`: sign its CSR for agent `id`, name = text, group = text2, then close */
    EFFECT_ENROLLED,
    EFFECT_WELCOME, /* to session: seq */
    EFFECT_REFUSED, /* to session: text = code, err.msg = sentence, ms = retry; close it */
    /* to session: job, attempt, json = spec complete, ms = lease, ms2 = timeout, seq = output
     * limit */
    EFFECT_JOB,
    EFFECT_KILL,    /* to session: job, attempt, text = reason, ms = grace */
    EFFECT_ACK,     /* to session: seq, n = heartbeat (0: none) */
    EFFECT_DISCARD, /* to session: job, attempt, text = why */
    EFFECT_DRAIN,   /* to session: flag on/off, text = reason */
    EFFECT_CLOSE, /* session: close its link (replaced, removed, silent); CMD_GONE still follows */
    EFFECT_JOB_CHANGED, /* job: state changed or is new; wakes followers. flag: final */
    EFFECT_OUTPUT,      /* job: has new output */
    /* id: an execution changed or is new, or its next task run is. flag: final */
    EFFECT_EXECUTION_CHANGED,
};

struct effect {
    enum effect_type type;
    uint64_t session, request;
    int rc;         /* REPLY: 0 or enum err_code */
    struct err err; /* REPLY with rc != 0, REFUSED */
    const char *
        code; /* REPLY with rc != 0: API error code, static ("unknown-group"); NULL: err_name(rc) */
    char *hint;                /* REPLY with rc != 0: the way out; NULL: none */
    int64_t id;                /* REPLY: the thing made or found; EXECUTION_CHANGED */
    bool flag;                 /* REPLY to SUBMIT: the key was known (duplicate) */
    char *json, *text, *text2; /* json: REPLY also with rc != 0, see CMD_FLOW_APPLY */
    int64_t job, attempt, seq, n, ms, ms2;
    struct effect *next;
};

struct effects {
    struct effect *first, **last;
    size_t count;
};

void effects_init(struct effects *l);
struct effect *effects_add(struct effects *l, enum effect_type type); /* zeroed, appended */
void effects_clear(struct effects *l);
void effect_fini(struct effect *x);

#endif
