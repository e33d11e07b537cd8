/* Worker groups in memory. */
#ifndef CADRE_COORDINATOR_ENGINE_GROUP_H
#define CADRE_COORDINATOR_ENGINE_GROUP_H

#include "base/buf.h"
#include "coordinator/engine/core.h"
#include "coordinator/engine/requires.h"
#include "wire/limits.h"

struct effect_progress;
struct member;
struct queue;
struct tried;

/* Queued jobs that an agent could not start, in order (tried.h). */
struct aside {
    struct tried *first, *last;
    int64_t count;
    bool blocked; /* no agent with a free slot may take any; one that gets free may */
    struct timer timer;
};

struct group {
    struct group_row row;
    bool deleted;        /* no longer in the store, but jobs still name it */
    uint64_t deleted_in; /* the batch that did; 0: none since the start */
    struct requires *requires;
    struct json *allowed; /* array of namespaces, or NULL */
    struct json *tags;    /* array, without the key, or NULL */
    struct map queues;    /* by requires_id */
    struct queue **pending;
    size_t pending_count, pending_cap;
    struct aside aside;
    int64_t queued;         /* jobs in CREATED */
    size_t awaited;         /* hand-outs that the batch at hand may bring (refill.c) */
    struct watch fallbacks; /* the queued jobs with a fallback other than WAIT */
    int64_t assigned, retrying;
    int64_t online;       /* agents that could take jobs if they had slots */
    struct member *first; /* connected agents */
    struct member **heap; /* those with free slots, the best one first */
    size_t heap_count, heap_cap;
    bool dirty;
    bool put_off; /* the matching of its queue is (chore.h): nothing of it is handed out */
    struct group *next_dirty;
    struct group *next_same; /* same text key */
    int64_t expect_until_ms; /* mono: until then its agents may still be on their way back */
    uint64_t oldest_pass;    /* of alarm.c, in which its oldest job was ... */
    int64_t oldest;          /* ... this one; 0: none */
    int64_t missed_until_ms; /* mono: the same of agents that left or stopped to take jobs */
    struct timer timer;
    int64_t lost;                     /* attempts, in this batch */
    struct group *next_loss;          /* while lost > 0 */
    char *lost_why;                   /* of the last one */
    struct effect_progress *progress; /* of the batch progress_in (progress.h) */
    uint64_t progress_in;
};

struct group *group_find(const struct engine *g,
                         const char *key); /* key NULL: the default group; NULL: no such group */

struct group *group_add(struct engine *g, struct group_row *row); /* takes the strings */

/* The keys of an agent's groups, as rows and commands have them: `groups` is JSON array text, NULL:
 * `group` is the only one, which NULL makes the default group. */
struct group_keys {
    const char *items[LIMIT_GROUPS];
    size_t count; /* at least 1 */
    struct json *list;
};
/* Borrows `group`. */
void group_keys_read(struct group_keys *k, const char *group, const char *groups);
void group_keys_fini(struct group_keys *k);
/* "a, b and c" */
void group_keys_print(const struct group_keys *k, struct buf *out);

void group_free(struct engine *g, struct group *group);
/* The group of a job, made as a deleted one when its group is gone. */
struct group *group_of_job(struct engine *g, const struct job_row *row);
int group_read_rules(struct group *group,
                     struct err *e); /* requires, namespaces, tags from the row */
const char *group_name(const struct group *group,
                       char out[96]); /* "group gpu", "the default group" */
const char *group_nearest_key(const struct engine *g,
                              const char *key); /* the key that was probably meant; NULL: none */
/* Its key is a tag, too. */
bool group_has_tag(const struct group *group, const char *tag, size_t len);
bool group_allows(const struct group *group, const char *ns); /* may ns target the group? */
/* Its queue is to be matched with its agents at the end of the batch. */
void group_set_dirty(struct engine *g, struct group *group);
/* Arms the timer: jobs with a fallback while no agent is online, jobs of a deleted group. */
void group_watch(struct engine *g, struct group *group);

#endif
