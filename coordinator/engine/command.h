/* What flows into the engine. Made by the loop, applied and freed on the store thread. Strings and
 * trees are the command's, the engine borrows them: a batch that failed may be applied again. */
#ifndef CADRE_COORDINATOR_ENGINE_COMMAND_H
#define CADRE_COORDINATOR_ENGINE_COMMAND_H

#include "base/json.h"
#include "coordinator/engine/command_bulk.h"
#include "coordinator/engine/command_flow.h"
#include "coordinator/engine/command_by.h"
#include "coordinator/engine/standing.h"
#include "coordinator/store/model_flow.h"
#include "coordinator/store/model_token.h"
#include "wire/spec.h"

enum command_type {
    /* from agents; `session` is set. The loop sends nothing of a session before its HELLO or ENROL
     * but these two. */
    CMD_ENROL,    /* u.enrol */
    CMD_HELLO,    /* u.hello */
    CMD_READY,    /* u.ready */
    CMD_STARTED,  /* u.event */
    CMD_OUTPUT,   /* u.output */
    CMD_FINISHED, /* u.event */
    CMD_DECLINED, /* u.event */
    CMD_CLEARED,  /* u.event */
    CMD_REFUSED,  /* u.refused, without session: the loop refused what a known agent said */
    CMD_HEARD,    /* u.heard, without session: heartbeats that the loop has acknowledged */
    /* the session's link is closed; always the last of a session, always sent once after HELLO.
     * text: why; NULL: not known */
    CMD_GONE,
    /* from the API; `request` is set, one EFFECT_REPLY answers */
    CMD_SUBMIT,       /* u.submit */
    CMD_SUBMIT_ALL,   /* u.submits; reply.items tells of each */
    CMD_CANCEL,       /* u.id */
    CMD_RETRY,        /* u.again; see again.h */
    CMD_CANCEL_ALL,   /* u.several; this and the next: see bulk.h */
    CMD_RETRY_ALL,    /* u.several */
    CMD_WHY,          /* see why.h; reply.json is the "waiting" object or "null" */
    CMD_TOKEN_CREATE, /* u.token */
    CMD_TOKEN_REVOKE, /* u.id; flag: also the last administrator's */
    /* u.id: an API token was used (told once a minute); no reply when request is 0 */
    CMD_TOKEN_USED,
    CMD_SIGN_IN,  /* u.page_session: hash and ends_ms; of the token that asks. reply.id: its id */
    CMD_SIGN_OUT, /* u.id: a session of the token that asks */
    CMD_AGENT_DRAIN,
    CMD_AGENT_RESUME,
    /* u.id; text: the reason, of a drain NULL: as it was; flag: remove although jobs run */
    CMD_AGENT_REMOVE,
    CMD_GROUP_CREATE, /* u.group */
    CMD_GROUP_UPDATE, /* u.group + mask */
    CMD_GROUP_DELETE, /* text = key, flag = force */
    CMD_GROUP_PAUSE,
    CMD_GROUP_RESUME, /* text = key */
    CMD_NS_SET,       /* u.ns */
    CMD_NS_UNSET,     /* text = namespace */
    /* text = namespace:
     * reply.json {"group":..,"from":"namespace company"|"default","fallback":..,"updatedBy":..} */
    CMD_RESOLVE,
    CMD_FLOW_APPLY,       /* u.apply; see there */
    CMD_FLOW_DELETE,      /* u.place: ns and flow */
    CMD_EXECUTION_START,  /* u.start; reply.id is the execution, flag: the key was known */
    CMD_EXECUTION_CANCEL, /* u.id */
    CMD_TRIGGER_ENABLE,
    CMD_TRIGGER_DISABLE,   /* u.place; no change when it is so already */
    CMD_TRIGGER_RUN,       /* u.place: evaluate now; reply.id is the job */
    CMD_TRIGGER_KEY,       /* u.place: of a webhook, text: the hash of its key from now on */
    CMD_TRIGGER_NEXT,      /* u.place with count: of a schedule, reply.json as of upcoming.h */
    CMD_TRIGGER_BACKFILL,  /* u.backfill; this and the next two: see backfill_commands.h */
    CMD_TRIGGER_BACKFILLS, /* u.place; reply.json: those under way */
    CMD_TRIGGER_BACKFILL_CANCEL, /* u.place with backfill */
    CMD_WEBHOOK,                 /* u.webhook; reply as of EXECUTION_START */
    CMD_PROBE,    /* changes nothing, and is answered after a commit that wrote (/readyz) */
    CMD_TICK,     /* time has come (engine_next_ms) */
    CMD_ZONES,    /* u.zones: the time zones from now on */
    CMD_NOTICED,  /* u.id: what became of the message of EFFECT_NOTICE; flag: it was delivered; else
                    text: why not */
    CMD_STANDING, /* u.standing; text: the state folder */
    CMD_AWAKE,    /* u.n: for so many ms nobody read what agents sent (stopped, overloaded) */
    COMMAND_TYPES
};

struct flow; /* coordinator/flow/flow.h */

struct cmd_enrol {
    int64_t token_id;
    uint8_t secret_hash[32];
    char *name, *group, *groups /* as of hello */, *host_id, *version;
    char spki[65]; /* hex, of the CSR's key, whose possession the loop has checked */
    bool replace;
};
struct cmd_hello {
    int64_t agent; /* id from the verified certificate */
    char *version, *name, *boot_id, *host_id, *journal_id, *capabilities /* JSON text */;
    char *folder_id; /* NULL: not known */
    char *group;     /* the only one or the first; NULL: the default group */
    char *groups;    /* JSON array text of 2 to LIMIT_GROUPS different keys; NULL: there is one */
    int64_t slots, seq, protocol /* minor of the session */, acked /* as of hello */;
    bool draining;
    char *unwell; /* NULL: it can start jobs */
    struct hello_attempt {
        int64_t job, attempt;
        bool ended;
    } * attempts;
    size_t attempt_count;
};
struct cmd_ready {
    int64_t slots;      /* 0: unchanged */
    char *capabilities; /* NULL: unchanged */
    bool draining;
    char *reason; /* of draining; NULL: none given */
    char *unwell; /* NULL: it can start jobs */
};
struct cmd_event { /* started, finished, declined, cleared */
    int64_t seq, job, attempt;
    enum job_state state; /* finished */
    enum reason reason;
    char *message;
    bool exited, truncated;
    int64_t exit_code, written; /* written: bytes of stdout and stderr, as the agent counts them */
    char *outputs;              /* JSON text or NULL */
    char *alive;                /* finished: processes that could not be ended; NULL: none */
    char *decline;              /* declined: its reason in the protocol */
};
struct cmd_refused {
    int64_t agent; /* id from the verified certificate */
    char *code, *message;
};
struct cmd_heard {
    int64_t *agents; /* ids from verified certificates; one may be there more than once */
    size_t count;
};
struct cmd_output {
    int64_t seq, job, attempt, offset;
    int stream;
    void *data; /* mem_alloc */
    size_t len;
};
struct cmd_submit {
    struct job_row job; /* id, state, times, requires_id: the engine's; group NULL: not named */
    char *spec; /* JSON text, see PROTOCOL.md 7, without the names, which the hand-out adds */
    struct spec_needs needs; /* of that spec */
    struct json *require;    /* object or NULL */
    /* tell_job: the reply is to have the job; encoded: spec_encode wrote the spec, unmarked */
    bool fallback_given, tell_job, encoded;
};
struct cmd_submits {
    struct cmd_submit *items;
    size_t count;
    bool atomic; /* all or none; else each by itself */
};

struct command {
    enum command_type type;
    /* Number of a live session, never reused, in the order in which their connections were opened;
     * 0: none. */
    uint64_t session;
    uint64_t request; /* number of a waiting API request; 0: none */
    uint64_t source;  /* a number of the connection that the request came over; 0: none */
    struct principal by;
    char *text;
    bool flag;
    /* GROUP_UPDATE: bit 0 description, 1 require, 2 allowed_namespaces, 3 max_queued, 4 tags;
     * NS_SET: bit 0 leaves group and fallback as they are, 1 sets notify */
    uint32_t mask;
    size_t bytes;         /* about what it holds in memory, set by whoever queues it */
    int64_t heard_ms;     /* while it waits in a lane (coordinator/lanes.h) */
    struct command *next; /* queue link */
    union {
        struct cmd_enrol enrol;
        struct cmd_hello hello;
        struct cmd_ready ready;
        struct cmd_event event;
        struct cmd_output output;
        struct cmd_refused refused;
        struct cmd_heard heard;
        struct cmd_submit submit;
        struct cmd_submits submits;
        struct cmd_again again;
        struct cmd_several several;
        struct token_row token;
        struct page_session_row page_session;
        struct group_row group;
        struct namespace_row ns;
        struct cmd_apply apply;
        struct cmd_start start;
        struct cmd_place place;
        struct cmd_backfill backfill; /* begins with the place */
        struct zones *zones;          /* coordinator/schedule/zones.h: a share */
        struct cmd_webhook webhook;
        struct standing standing;
        int64_t id, n;
    } u; /* last: the command of an event has memory for u.event alone, see command_new */
};

const char *command_name(enum command_type type); /* for the log: "submit" */
struct command *command_new(enum command_type type);
void command_free(struct command *c);       /* NULL is fine */
void cmd_submit_fini(struct cmd_submit *s); /* leaves it zeroed */

#endif
