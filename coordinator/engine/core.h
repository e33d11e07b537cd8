/* What every file of the engine needs: the engine itself, the result of its store calls, timers and
 * ids.
 *
 * Memory holds what is decided about often: groups, agents that are connected or hold attempts, and
 * jobs that are assigned, due at some time, or so young in the queue that they still are at hand. A
 * queue of any length lies in the store alone; of it a group knows the counts, by what the jobs
 * require (queue.h), and the few jobs that an agent could not start (tried.h).
 *
 * Calls between the files go down only, as tests/lint/floors.txt has it. What a lower file has to
 * tell a higher one, the batch picks up: jobs and executions that ended (ended.h), groups that are
 * dirty (match.h), agents to be acknowledged (hello.h), and timers.
 *
 * A failing store call is noted in engine.rc by `store_ok`; from then on nothing of the batch
 * counts, and engine_commit rolls back and loads everything anew. So a function may leave memory
 * half changed when it sees a failure, as long as what is linked stays linked. */
#ifndef CADRE_COORDINATOR_ENGINE_CORE_H
#define CADRE_COORDINATOR_ENGINE_CORE_H

#include "base/deadline.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/rule.h"
#include "coordinator/engine/watch.h"
#include "base/map.h"

#define NEVER INT64_MAX

struct agent;
struct audit_entry;
struct burst;
struct notice;
struct ended;
struct put_off;
struct group;

/* TIMER_MATCH: not a timer, but the matching of a group, which is put off like a timer (chore.h).
 * TIMER_REMATCH: such a matching is due again. */
enum timer_kind {
    TIMER_JOB,
    TIMER_QUEUE, /* the first queue timeout */
    TIMER_LEASE,
    TIMER_FULL, /* an agent that said it has no slot */
    TIMER_GROUP,
    TIMER_ASIDE,
    TIMER_UPKEEP,
    TIMER_FLOW,
    TIMER_EXECUTION,
    TIMER_TRIGGER,
    TIMER_BACKFILL,
    TIMER_NOTICE,
    TIMER_ALARM, /* it is looked at what lasts */
    TIMER_CLOCK, /* the clocks are looked at */
    TIMER_REMATCH,
    TIMER_MATCH,
};

struct timer {
    struct deadline deadline; /* first: the queue hands out its address */
    enum timer_kind kind;
    void *owner;
};

/* A list of ids or of sessions. */
struct numbers {
    uint64_t *items;
    size_t count, cap;
};
void numbers_add(struct numbers *l, uint64_t number);

struct engine {
    struct store *store;
    struct engine_config config;
    struct rng rng;
    struct moment now;
    struct zones *zones; /* never NULL; CMD_ZONES puts another in its place */
    char *timezone;      /* of schedules that name none */
    int64_t fallback_grace_ms;
    bool loaded;             /* memory agrees with the store */
    bool flows_unread;       /* flows are left of which the store does not know the groups */
    uint64_t groups_went_in; /* the last batch that deleted a group */
    bool offline_due;        /* all agents are to be marked as away in the next transaction */
    struct watch refused;    /* agents refused by their groups, and when; outlives a reload */
    struct numbers away;     /* agents that are, since a batch that failed ended their sessions */
    uint64_t newest_session; /* that said hello */
    uint64_t oldest_session; /* those before were closed when a batch failed */
    int64_t last_id;

    struct map jobs, agents, sessions, groups, namespaces, requires_entries, requires_texts;
    struct map flows, executions;
    struct map runs; /* open task runs that have a job, by that */
    /* triggers that fire at the end of executions (listener.c): the first of each place; those that
     * were not read yet; how many ends were looked at */
    struct map listeners;
    struct trigger *listeners_unread;
    size_t listeners_to_prefix; /* of those in their places */
    uint64_t listeners_called;
    struct map tried;  /* by job */
    size_t heads;      /* in the windows of all queues */
    struct map tokens; /* those that asked for something */
    struct group *default_group;
    struct group *dirty;
    size_t requires_slots;
    int64_t seen_due_ms; /* mono, when it is next written who was heard */
    struct deadline_queue deadlines;
    struct timer upkeep, rematch, queue_timeout, clock;
    int64_t clock_ahead_ms;         /* wall less mono, as schedules were planned with */
    int64_t able_from_ms;           /* wall: when the coordinator started */
    int64_t schedules;              /* triggers that are some */
    struct map notices, notices_of; /* by id; by event and subject: the first of them */
    struct notice *notice_oldest, *notice_newest;
    size_t notices_idle; /* that have nothing to tell, and are no states */
    int64_t notices_dropped;
    struct map sent;             /* messages on their way, by notice (sent.h); outlives a reload */
    struct numbers sent_touched; /* in this batch */
    struct watch notices_ended;  /* by what they were of, until when (mono); outlives a reload */
    struct map absences;         /* by agent; outlives a reload */
    struct burst *bursts;        /* of each rule (tell.h) */
    struct group *losses;        /* groups that lost attempts in this batch */
    struct standing standing;    /* since the start: standing_of is not NULL */
    char *standing_of;           /* the state folder */
    struct timer alarm;
    uint64_t alarm_pass;
    int64_t alarms_from_ms;  /* mono: agents had the time to come back since the start */
    struct watch short_from; /* groups with too few agents for a rule, from when that is told */
    struct watch due;        /* queued jobs with a queue timeout: when it is over */
    struct put_off *put_off; /* chores that failed; they outlive a reload */
    size_t cached_bytes;
    uint64_t stamp; /* counts up: agent.touched */

    /* the command at hand: who asks, NULL: the coordinator itself; and what it is about */
    const char *by;
    const struct token_row *by_token;
    char by_id[ID_TEXT_SIZE];
    char *about;

    /* the batch */
    uint64_t batch;
    uint64_t news_in;    /* the batch that has ... */
    struct effect *news; /* ... this EFFECT_NEWS */
    uint64_t probed_in;  /* the last batch that wrote for a CMD_PROBE */
    struct effects *out;
    int rc; /* first failure */
    struct err err;
    struct agent *acks;
    struct ended *ended, **ended_last; /* not looked at yet */
    int gone_on;                       /* executions that were taken on by their timers */
    int begun;                         /* evaluations that were due, executions of schedules */
    int looked;                /* planned moments that were decided, and more (schedule.c) */
    int turned_away;           /* schedules that the batch had no room for */
    struct numbers left;       /* sessions that ended */
    bool wrote;                /* the batch changed the store */
    int64_t commit_us;         /* of its commit */
    struct audit_entry *audit; /* lines for the log */
    size_t audit_count, audit_cap;
    uint64_t newest_before; /* newest_session at the beginning of the batch */
};

/* Apply one command, which is borrowed: it may be applied again, should the batch fail. What an
 * agent says is answered by effects; a request is answered by the reply, which says "good" until
 * something else is put into it. The table in batch.c says which function gets which. */
typedef void apply_event_fn(struct engine *g, const struct command *c);
typedef void apply_request_fn(struct engine *g, const struct command *c, struct reply *r);

/* true: go on. Else the failure is noted; pass &g->err to the store. */
bool store_ok(struct engine *g, int rc);

/* A bug: fails the batch. */
void engine_broken(struct engine *g, const char *what);
struct effect *session_effect(struct engine *g, enum effect_type type, uint64_t session);
void timer_init(struct timer *t, enum timer_kind kind, void *owner);
void timer_set(struct engine *g, struct timer *t, int64_t at_ms); /* NEVER clears */
void timer_clear(struct engine *g, struct timer *t);
/* Grows with every call, whatever the clock does. */
int64_t engine_new_id(struct engine *g);
/* Is the channel in the configuration? */
bool engine_has_channel(const struct engine *g, const char *channel);
/* An idempotency key as the store has it: each submitter has keys of its own. mem_free. NULL gives
 * NULL. */
char *scoped_key(int64_t submitter, const char *key);
/* Moves a text: frees *to, sets *from to NULL. */
void text_take(char **to, char **from);
void text_set(char **to, const char *from); /* copies */

#endif
