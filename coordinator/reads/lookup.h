/* One lookup of an API request in the store: the parameters, the function that runs on the reader
 * thread, and the result: JSON that is ready to be sent, or a problem. */
#ifndef CADRE_COORDINATOR_READS_LOOKUP_H
#define CADRE_COORDINATOR_READS_LOOKUP_H

#include "coordinator/answer.h"
#include "coordinator/engine/command.h"
#include "coordinator/reads/list.h"
#include "coordinator/reads/reads.h"
#include "coordinator/store/model.h"

#include <stdbool.h>

struct lookup;
struct reader;
struct scrape;

/* Reader thread. Fills l->answer (inside an open object) or l->problem; what it returns becomes the
 * problem when there is none yet. */
typedef int lookup_fn(struct lookup *l, struct reader *r, struct err *e);

struct lookup {
    struct query query; /* first */
    lookup_fn *read;
    /* Asked. Texts are the lookup's own. What a field means stands at the lookup_fn. */
    struct principal by; /* token 0: of the coordinator itself */
    char *only_ns;       /* the token is for this subtree; NULL: for all */
    int64_t id, number;  /* of a job, an execution, a token; a revision, a time */
    char *ns, *flow, *task, *name, *group, *agent;
    uint32_t states;   /* bit per state; of jobs as people see them; 0: all */
    uint32_t kinds;    /* bit per enum shown_kind; 0: all */
    int64_t from_id;   /* of a list by id: this one and newer ones, ... */
    int64_t before_id; /* ... and only those before this one; 0: no end */
    uint32_t reasons;  /* bit per enum reason; 0: all */
    bool exited;       /* of jobs: only those that ended with exit_code */
    bool unnamed;      /* of jobs: only those without a name */
    int64_t exit_code;
    bool uncancelled;           /* of jobs: not those that a user has cancelled already */
    int64_t since_ms, until_ms; /* of ids of jobs: to be told; 0: not */
    int64_t ended_since_ms, ended_until_ms; /* of jobs; the same */
    size_t specs_most;                      /* of ids of jobs: job_ids.specs_most */
    struct json *labels;   /* of executions, and of those of jobs: each of these; NULL: any */
    struct list list;      /* of lookups of lists */
    char *waiting;         /* JSON text: what the thing waits for; NULL: nothing */
    char *why;             /* JSON text: the same of a group's first job; NULL: nothing */
    bool shared;           /* of lookup_group_history: the points are those of many groups */
    bool may_wait;         /* leave the answer, set `waits`, when the thing waits for something */
    bool owns;             /* of lookup_status: the coordinator owns the queue */
    int status;            /* of the answer, 200 unless set */
    int duplicate;         /* -1: not told */
    struct scrape *scrape; /* of lookup_metrics, which fills its text; else NULL */
    /* Found. */
    struct problem problem;
    struct json_answer answer;
    bool waits;
    int64_t found; /* id */
    int64_t *ids;  /* mem_free */
    size_t id_count;
    size_t spec_bytes; /* job_ids.spec_bytes */
    int64_t next;      /* the page after this one begins before this id; 0: there is none */
    struct token_row token;
    struct page_session_row page_session; /* of lookup_page_session: its hash is asked for */
    void *owner;                          /* the loop thread's; NULL: the requester has gone */
};

struct lookup *lookup_new(lookup_fn *read);
void lookup_free(struct lookup *l); /* NULL is fine */
/* Before which id the page at hand begins: its cursor's, or the filter's. 0: at the newest. */
int64_t lookup_before(const struct lookup *l);
/* May the token of the request see things of this namespace? Fills p when not. only_ns NULL: any
 * token may. */
bool lookup_may_see(const char *only_ns, const char *ns, struct problem *p);

/* ---- the coordinator ---- */
/* number: when the coordinator started; waiting: what is put off; shared: the store is; owns, why:
 * who owns the queue then, a JSON object or NULL */
lookup_fn lookup_status;
/* id, name, why: of this coordinator, and its addresses; number: when it started; shared; owns */
lookup_fn lookup_coordinators;
lookup_fn lookup_whoami;  /* id: the token's; number: when it, or the session, ends */
lookup_fn lookup_metrics; /* scrape; no answer */
/* Its part about the groups, into their places of the scrape. Reader thread. */
int lookup_group_loads(struct scrape *s, struct reader *r, struct err *e);

/* ---- jobs ---- */
/* id; may_wait, waiting, duplicate. With spec and the last attempts. Sets found. */
lookup_fn lookup_job;
lookup_fn lookup_job_exists; /* id; number: an attempt that is to be there, 0: none. Sets found
                              * and waits, no answer */
lookup_fn lookup_why;        /* id, waiting */
/* states, kinds, group, ns, name, the ids, agent: its id or name; reasons, exit_code, when it
 * ended, flow, task, unnamed, labels */
lookup_fn lookup_jobs;
/* As lookup_jobs, and uncancelled, specs_most, since_ms, until_ms. Sets ids, spec_bytes, next,
 * found: the agent. Answers how many there are, and with the times, and the cursors of the first
 * one and of the next page */
lookup_fn lookup_job_ids;
lookup_fn lookup_attempts; /* id */
lookup_fn lookup_failures; /* ns, number: ended since when; list: how many causes at most */

/* ---- flows, executions, triggers ---- */
lookup_fn lookup_execution; /* id; may_wait, waiting, duplicate. Sets found; its job with waits */
lookup_fn lookup_execution_exists; /* id; sets found, no answer */
lookup_fn lookup_runs;             /* id; its task runs */
lookup_fn lookup_executions;       /* states, ns, flow, the ids, labels, name: a trigger's */
lookup_fn lookup_flow;             /* ns, flow, number: a revision, 0: the newest */
lookup_fn lookup_flows;            /* ns */
lookup_fn lookup_revisions;        /* ns, flow */
lookup_fn lookup_trigger;  /* ns, flow, name; may_wait, waiting. Found: its job with waits */
lookup_fn lookup_triggers; /* ns, flow */
lookup_fn lookup_upcoming; /* ns, flow; schedules, by when they fire next */
/* ns, flow, name: the hash of a key. Sets found, a trigger's number; 0: whatever of it there is
 * not. No answer */
lookup_fn lookup_webhook;

/* ---- groups, namespaces, tokens, status ---- */
lookup_fn lookup_agent;        /* name: an id or a name, also of a removed one. Sets found */
lookup_fn lookup_agent_exists; /* name; sets found, no answer */
lookup_fn lookup_agent_events; /* name, as of lookup_agent */
lookup_fn lookup_agents;       /* group; states: bits of enum agent_state */
/* name: its key; waiting: its waits; may_wait and why: with waits while a job of it is queued */
lookup_fn lookup_group;
lookup_fn lookup_groups;
lookup_fn lookup_busy; /* groups, the busiest first */
/* name; waiting: the points; number: since when; id: the step in ms; shared */
lookup_fn lookup_group_history;
lookup_fn lookup_waits; /* group; waiting: the list; number: since when */
lookup_fn lookup_namespaces;
lookup_fn lookup_tokens;
lookup_fn lookup_notices;
lookup_fn
    lookup_token; /* id; sets token (the caller's then), no answer; ERR_NOT_FOUND: role JOIN */
/* page_session.hash; sets the rest of it, its id 0: there is none; and token as lookup_token */
lookup_fn lookup_page_session;

#endif
