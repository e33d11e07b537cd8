/* The output of the engine, to be carried out by the loop thread after the commit: what is for
 * sessions in order, then the rest in order. */
#ifndef CADRE_COORDINATOR_ENGINE_EFFECT_H
#define CADRE_COORDINATOR_ENGINE_EFFECT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/histogram.h"
#include "coordinator/store/model_flow.h"

enum effect_type {
    EFFECT_REPLY,
    /* to a session; `session` is set */
    EFFECT_ENROLLED,
    EFFECT_WELCOME,
    EFFECT_REFUSED,
    EFFECT_JOB,
    EFFECT_KILL,
    EFFECT_ACK,
    EFFECT_DISCARD,
    EFFECT_DRAIN,
    EFFECT_CLOSE, /* close its link (replaced, removed, silent); CMD_GONE still follows */
    /* to followers */
    EFFECT_JOB_CHANGED,       /* u.changed: a job's state changed, or the job is new */
    EFFECT_OUTPUT,            /* u.output */
    EFFECT_EXECUTION_CHANGED, /* u.changed: an execution or its next task run */
    EFFECT_PUT_OFF,           /* u.put_off */
    EFFECT_NEWS,              /* u.news */
    EFFECT_PROGRESS,          /* u.progress: for the metrics */
    EFFECT_NOTICE,            /* u.notice: a message; CMD_NOTICED tells what became of it */
    EFFECT_NOTICE_DROPPED,    /* u.notice without event: it made room for another one; its
                                 EFFECT_NOTICE, if there was one, is to go nowhere any more */
    EFFECT_TOKEN_REVOKED,     /* u.revoked */
    EFFECT_SIGNED_OUT,        /* u.signed_out */
};

/* Something of these changed in the batch. */
enum news { NEWS_AGENTS, NEWS_GROUPS, NEWS_FLOWS, NEWS_TRIGGERS };

/* A job as it is stored, for an answer that needs no look-up: new, and not handed out yet. */
struct reply_job {
    struct job_row row; /* without unique_key */
    char *spec;         /* JSON text */
    char *require;      /* JSON text; NULL: nothing is required */
};

/* What became of one of several jobs. */
struct reply_item {
    struct reply *refused; /* NULL: the job is there */
    int64_t id;
    int64_t of; /* of CMD_RETRY_ALL: which of the jobs this is about */
    enum job_state state;
    bool known; /* as in struct reply; of CMD_CANCEL_ALL: see bulk.h */
};

/* The answer to a request. */
struct reply {
    int rc;           /* 0 or enum err_code */
    struct err err;   /* rc != 0 */
    const char *code; /* rc != 0: API error code, static ("unknown-group"); NULL: that of rc */
    char *hint;       /* rc != 0: the way out; NULL: none */
    int64_t id;       /* the thing made or found */
    bool known;       /* the job existed already: its idempotency key had been used */
    /* The job that was made, when the command asked for it and nothing has become of it in the same
     * command; NULL: look it up. */
    struct reply_job *job;
    char *json; /* also with rc != 0, see struct cmd_apply */
    /* of CMD_SUBMIT_ALL, CANCEL_ALL and RETRY_ALL, as many as it has */
    struct reply_item *items;
    size_t item_count;
    size_t refused_item; /* rc != 0: which of them is why, counted from 1; 0: none alone */
};
void reply_fini(struct reply *r); /* leaves an empty reply with rc 0 */

struct effect_reply {
    uint64_t request;
    struct reply reply;
};
/* The CSR is to be signed for the agent; then close. */
struct effect_enrolled {
    int64_t agent;
    char *name, *group; /* group NULL: default */
};
struct effect_welcome {
    int64_t seq; /* the last event that is known */
};
struct effect_refused { /* then close */
    const char *code;   /* static */
    char *sentence;
    int64_t retry_ms; /* 0: not before something was changed here */
};
struct effect_job {
    int64_t job, attempt, lease_ms, timeout_ms, output_limit;
    char *spec; /* complete */
};
struct effect_kill {
    int64_t job, attempt, grace_ms;
    const char *reason; /* static */
};
struct effect_ack {
    int64_t seq;
};
struct effect_discard {
    int64_t job, attempt;
    char *reason;
};
struct effect_drain {
    bool on;
    char *reason;
};
struct effect_changed {
    int64_t id;
    bool final;
};
/* What the engine does of itself and is put off, since it trips a bug; whoever tells of the
 * coordinator's health keeps it until the next one. */
struct effect_put_off {
    char *json; /* array of {"what", "incident", "until"}; NULL: nothing is put off */
};
struct effect_output {
    int64_t job; /* that has new output */
};
struct effect_notice {
    int64_t id;
    char *channel;
    char *event; /* JSON object text: docs/notify.md */
};
/* Times in milliseconds, by histogram_step. */
struct effect_times {
    uint32_t counts[HISTOGRAM_STEPS];
    int64_t sum_ms;
};
/* What became of the jobs of a group in the batch; see progress.h. By states as people see them,
 * from SUCCESS. */
struct effect_progress {
    char group[64];
    uint32_t created, handed_out, retried, lost;
    uint32_t ended[SHOWN_STATES - JOB_SUCCESS], evaluations[SHOWN_STATES - JOB_SUCCESS];
    struct effect_times waits, runs;
};
/* What the token opened ends, also when nobody waits for the reply any more. */
struct effect_revoked {
    int64_t token;
};
/* The same of a session of the page, whose token goes on. */
struct effect_signed_out {
    int64_t session;
};

struct effect {
    enum effect_type type;
    uint64_t session; /* 0: not to a session */
    struct effect *next;
    union {
        struct effect_reply reply;
        struct effect_enrolled enrolled;
        struct effect_welcome welcome;
        struct effect_refused refused;
        struct effect_job job;
        struct effect_kill kill;
        struct effect_ack ack;
        struct effect_discard discard;
        struct effect_drain drain;
        struct effect_changed changed;
        struct effect_output output;
        struct effect_put_off put_off;
        struct effect_progress progress;
        struct effect_notice notice;
        uint32_t news; /* bits, 1 << enum news */
        struct effect_revoked revoked;
        struct effect_signed_out signed_out;
    } u; /* last: there is memory for the member of the type alone */
};

struct effects {
    struct effect *first, **last;
    size_t count;
    struct arena memory; /* of the effects themselves */
};

void effects_init(struct effects *l);
struct effect *effects_add(struct effects *l, enum effect_type type); /* zeroed, appended */
void effects_move(struct effects *to, struct effects *from);          /* all, to the end */
void effects_clear(struct effects *l);

#endif
