/* The part of store.h about flows, their executions and triggers; what is said there holds here. */
#ifndef CADRE_COORDINATOR_STORE_STORE_FLOW_H
#define CADRE_COORDINATOR_STORE_STORE_FLOW_H

#include "base/err.h"
#include "coordinator/store/model_flow.h"
#include "coordinator/store/model_run.h"

struct store;

/* ---- flows ---- */
/* A new revision (f->source is kept), and the flow's row made, changed or brought back.
 * ERR_EXISTS: that revision is there. */
int store_flow_put(struct store *s, const struct flow_row *f, struct err *e);
/* The group keys that the present revision of f->ns, f->id names, in the place of those before. */
int store_flow_groups(struct store *s, const struct flow_row *f, const char *const *keys,
                      size_t count, struct err *e);
/* A flow that names the group; ns and id alone are filled in. */
int store_flow_find_naming(struct store *s, const char *group, struct flow_row *out, struct err *e);
/* A flow that store_flow_groups was never called for since it was put, with its source. */
int store_flow_find_unread(struct store *s, struct flow_row *out, struct err *e);
/* The row stays, with its revisions: executions may run. */
int store_flow_deleted(struct store *s, const char *ns, const char *id, int64_t now_ms,
                       const char *by, struct err *e);
/* Also deleted ones; without source. */
int store_each_flow(struct store *s, int (*fn)(const struct flow_row *f, void *user), void *user,
                    struct err *e);
int store_flow_source(struct store *s, const char *ns, const char *id, int64_t revision,
                      char **source, struct err *e); /* mem_free */

/* ---- executions ---- */
/* ERR_EXISTS: id or unique_key is taken. The id has to be made of created_ms. */
int store_execution_insert(struct store *s, const struct execution_row *x, struct err *e);
int store_execution_find(struct store *s, int64_t id, struct execution_row *out, struct err *e);
int store_execution_get(struct store *s, int64_t id, struct execution_row *out, struct err *e);
int store_execution_find_key(struct store *s, const char *unique_key, int64_t *id, struct err *e);
int store_execution_last_id(struct store *s, int64_t *id, struct err *e); /* 0: there is none */
/* state, reason, message, position, job, warned, started_ms, ended_ms, cancelled_by; the rest never
 * changes. */
int store_execution_update(struct store *s, const struct execution_row *x, struct err *e);
/* Those that have not ended, oldest first; without inputs, trigger_vars and labels. */
int store_each_open_execution(struct store *s, int (*fn)(const struct execution_row *x, void *user),
                              void *user, struct err *e);
/* ---- task runs ---- */
int store_run_insert(struct store *s, const struct run_row *r, struct err *e);
/* All but execution, number, parent, task, value, iteration and created_ms. */
int store_run_update(struct store *s, const struct run_row *r, struct err *e);
/* All those of executions that have not ended, by execution and number, also those that have ended
 * themselves; without outputs. */
int store_each_open_run(struct store *s, int (*fn)(const struct run_row *r, void *user), void *user,
                        struct err *e);
/* Of an execution of which an older coordinator has kept jobs alone: these as task runs of the
 * flow, in order; their numbers are the caller's. */
int store_each_job_run(struct store *s, int64_t execution,
                       int (*fn)(const struct run_row *r, void *user), void *user, struct err *e);
/* All of an execution, by their numbers; without outputs. */
int store_each_run(struct store *s, int64_t execution,
                   int (*fn)(const struct run_row *r, void *user), void *user, struct err *e);
/* *out: JSON object text of one without a job, mem_free; NULL: none. */
int store_run_outputs(struct store *s, int64_t execution, int64_t run, char **out, struct err *e);
/* What an ended job left. */
struct job_left {
    char *outputs; /* JSON object text, mem_free; NULL: none */
    bool exited;   /* exit_code counts */
    int64_t exit_code;
};
int store_job_outputs(struct store *s, int64_t id, struct job_left *out, struct err *e);

/* ---- triggers ---- */
int store_trigger_insert(struct store *s, const struct trigger_row *t, int64_t *id, struct err *e);
/* All but its id, names and kind. That there is none may be told by the commit, here and below. */
int store_trigger_update(struct store *s, const struct trigger_row *t, struct err *e);
/* An evaluation began: job alone. */
int store_trigger_job(struct store *s, int64_t id, int64_t job, struct err *e);
/* With its history, the ended jobs of it, and what is kept of its moments. */
int store_trigger_delete(struct store *s, int64_t id, struct err *e);
int store_each_trigger(struct store *s, int (*fn)(const struct trigger_row *t, void *user),
                       void *user, struct err *e);
/* The planned moments that a schedule missed and that wait for their turn. */
int store_missed_add(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e);
int store_missed_find(struct store *s, int64_t trigger, int64_t *planned_ms, /* the oldest */
                      struct err *e);
int store_missed_remove(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e);
int store_missed_clear(struct store *s, int64_t trigger, struct err *e);   /* all of the trigger */
int store_missed_has(struct store *s, int64_t trigger, int64_t planned_ms, /* 1: it waits; 0 */
                     struct err *e);
/* Ranges of planned moments that have an execution. Each is known by its first moment. */
int store_fired_put(struct store *s, int64_t trigger, const struct fired_range *f, struct err *e);
int store_fired_remove(struct store *s, int64_t trigger, int64_t first_ms, struct err *e);
/* The last range that begins at that moment or before; 1, or 0: there is none. */
int store_fired_find(struct store *s, int64_t trigger, int64_t at_ms, struct fired_range *out,
                     struct err *e);
/* The first range that begins after that moment; 1, or 0: there is none. */
int store_fired_after(struct store *s, int64_t trigger, int64_t at_ms, struct fired_range *out,
                      struct err *e);
int store_fired_count(struct store *s, int64_t trigger, int64_t *count, struct err *e);
/* Backfills under way. */
int store_backfill_insert(struct store *s, const struct backfill_row *b, struct err *e);
int store_backfill_update(struct store *s, const struct backfill_row *b, /* cursor_ms, started */
                          struct err *e);
int store_backfill_delete(struct store *s, int64_t id, struct err *e);
int store_each_backfill(struct store *s, int (*fn)(const struct backfill_row *b, void *user),
                        void *user, struct err *e); /* oldest first */
/* Adds to the history, or takes the place of the line with its number; what lies TRIGGER_HISTORY
 * before it goes, with its job. */
int store_evaluation_add(struct store *s, const struct evaluation_row *v, struct err *e);

#endif
