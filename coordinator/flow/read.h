/* Reading a flow's YAML from top to bottom: every fault becomes a problem with its line, and
 * reading continues after it. Private to coordinator/flow. */
#ifndef CADRE_COORDINATOR_FLOW_READ_H
#define CADRE_COORDINATOR_FLOW_READ_H

#include "base/json.h"
#include "base/yaml.h"
#include "coordinator/flow/flow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_TEXT_MAX (16u * 1024) /* bytes of a description */

#define FLOW_TRIGGER_KEYS_MAX 16 /* of all kinds together */

/* Of all schedules of a flow together: below a tenth of a second. */
#define FLOW_NEVER_STEPS 300000

#define ROOT(root) (1u << EXPR_##root) /* of expr_scope */

/* A key of a mapping: one that an unknown key was meant for, or one that a problem misses. */
struct noted_key {
    const struct json *in;
    const char *key;
    size_t problem; /* its place among the problems */
};

#define TREE_LIST_MAX 80

/* Where a task stands in the file, by its index. */
struct task_place {
    const struct json *j;
    char list[TREE_LIST_MAX]; /* "tasks", "errors", "cases.red" */
    size_t position;          /* in that list */
};

struct reader {
    const char *file;
    char *text; /* with its NUL */
    struct yaml_doc doc;
    struct flow_problems *problems;
    const struct flow_checks *checks; /* may be NULL */
    struct flow *flow;
    bool failed;
    bool stored;                     /* flow_checks.stored */
    enum expr_outputs *task_outputs; /* by task, as the four below */
    struct task_place *places;
    struct expr_seen *sights;                        /* of the task that is read */
    unsigned char *iterated;                         /* as expr_scope has it */
    const char *trigger_keys[FLOW_TRIGGER_KEYS_MAX]; /* as expr_scope has them */
    size_t trigger_key_count;
    bool *bad_inputs; /* by input: something is wrong with its declaration */
    bool bad_group;   /* something is wrong with the flow's own */
    unsigned unread;  /* of expr_scope: what has no names because it is wrong itself */
    /* what expressions may name: ids of the whole flow, collected first */
    const char **task_ids, **input_ids;
    /* of tasks within others, which are refused as a whole */
    const char **inner_ids;
    size_t inner_count;
    struct noted_key *meant, *missed;
    size_t meant_count, missed_count;
    size_t never_steps; /* left for finding conditions of schedules that never hold */
    int defaults_first, defaults_last; /* the lines of pluginDefaults; 0: none */
};

/* A mapping and its name in messages: "task export: ", "task export: retry.", "". */
struct node {
    struct reader *r;
    const struct json *j;
    char at[FLOW_ID_MAX + 80];
};

/* Is it a mapping, as a "task" or "trigger" is? False: reported. */
bool node_is_item(const struct node *n, const char *what);
/* An item of the list "tasks" or "triggers"; what: "task", "trigger". False: reported. */
bool node_item(const struct node *flow, const struct json *j, const char *what, size_t index,
               struct node *out);

void read_fail(struct reader *r, const struct json *where, const char *fmt, ...) CADRE_PRINTF(3, 4);
/* At the key's line, with the place in front: "task export: timeout: must be ...". */
void node_fail(const struct node *n, const char *key, const char *fmt, ...) CADRE_PRINTF(3, 4);

/* Was an unknown key of the mapping likely meant for this one? After node_known. */
bool node_meant(const struct node *n, const char *key);
/* Takes back what node_fail said of keys that are not there and were meant: the slip is told. At
 * the end of a file, while its mappings are there. */
void read_drop_missed(struct reader *r);

/* About the mapping's member j as a whole: "task export: retry: unknown key ...". */
void node_say(const struct node *n, const struct json *j, const char *fmt, ...) CADRE_PRINTF(3, 4);

/* Was the member written in the flow's defaults, and not where the task is? */
bool node_is_default(const struct node *n, const char *key);

struct key_list {
    const char *const *names;
    size_t count;
};
/* A key that is refused asks for nothing with this value: {}, [], null, `deleted: false`, any
 * revision. */
bool key_says_nothing(const char *key, const struct json *j);
/* Every key that was not asked for is a problem. `refused` (name, sentence; may be NULL, ends with
 * a NULL name): keys that are known elsewhere; they may say nothing. */
struct refused_key {
    const char *name, *sentence;
};
void node_known(const struct node *n, struct key_list known, const struct refused_key *refused);

bool node_has(const struct node *n, const char *key); /* null counts as absent */
const struct json *node_get(const struct node *n, const char *key, enum json_type type,
                            const char *what); /* NULL: absent or reported */
/* A member below. False: absent, or reported. */
bool node_object(const struct node *n, const char *key, struct node *out);
const struct json *node_list(const struct node *n, const char *key, size_t max);
/* A scalar as it is written; mem_free. NULL: absent, or reported. max in bytes. */
char *node_text(const struct node *n, const char *key, size_t max);
/* The same of a list's item or a mapping's value. `name` stands in the message. */
char *item_text(const struct node *n, const struct json *item, const char *name, size_t max);
/* A number may stand in quotes. */
int64_t node_int(const struct node *n, const char *key, int64_t min, int64_t max, int64_t fallback);
double node_num(const struct node *n, const char *key, double min, double max, double fallback);
bool node_bool(const struct node *n, const char *key, bool fallback);
int64_t node_duration(const struct node *n, const char *key, int64_t min_ms, int64_t max_ms,
                      int64_t fallback);
int node_choice(const struct node *n, const char *key, const char *const *names, size_t count,
                int fallback);
char *node_id(const struct node *n, bool dots);                     /* the member "id", required */
char *node_id_of(const struct node *n, const char *key, bool dots); /* the same of another member */

/* Reports the expressions in `text` that are not in scope, with the lines where they stand. `where`
 * is the node that holds them, `name` what it is called. */
void read_template(const struct node *n, const struct json *where, const char *name,
                   const char *text, const struct expr_scope *scope);
/* Kestra would take {% and {# for its own: refused outside of expressions. */
void read_no_statements(const struct node *n, const struct json *where, const char *name,
                        const char *text);
/* Both, of all texts in j. */
void read_template_tree(const struct node *n, const struct json *j, const char *name,
                        const struct expr_scope *scope);
/* For texts in which nothing is rendered. */
void read_plain(const struct node *n, const struct json *where, const char *name, const char *text);
/* The same of all texts in j. */
void read_plain_tree(const struct node *n, const struct json *j, const char *name);

/* ---- parts --------------------------------------------------------------------------------- */

extern const struct key_list flow_keys, task_keys, trigger_keys, input_keys, group_ref_keys,
    retry_keys, concurrency_keys, schedule_keys, kestra_keys, kestra_check_keys, webhook_keys,
    kestra_webhook_keys, after_keys, kestra_after_keys, after_flow_keys, selector_keys;
extern const struct refused_key flow_refused[], task_refused[], trigger_refused[],
    schedule_refused[], input_refused[], webhook_refused[], after_refused[];

void read_tasks(const struct node *flow);
void read_inputs(const struct node *flow);
int input_type_find(const char *name);            /* an old name, too; -1: there is no such type */
const char *input_type_refused(const char *name); /* why, of Kestra's other types; NULL: none */
/* A list of inputs under `key`, of the flow or of a task: *out is written, and belongs to the
 * caller, unless the list is absent or wrong as a whole. bad: by input, is it wrong; or NULL. */
size_t read_input_list(const struct node *n, const char *key, struct flow_input **out, bool *bad);
/* The member "outputs" of the flow, or of a Loop; the rest as read_input_list. */
size_t read_outputs(const struct node *n, struct flow_output **out, const struct expr_scope *scope);
void read_retry(const struct node *outer, struct retry *out); /* the member "retry" */
void read_triggers(const struct node *flow);
void read_notify(const struct node *flow);
/* Notes what stands in `trigger` when any of the flow's triggers starts an execution. */
void collect_trigger_keys(const struct node *flow);
void read_group(const struct node *n, struct flow_group_ref *out, const struct expr_scope *scope);
/* {k: v}, or [{key: k, value: v}]: the member "labels", whose values are templates. */
void read_label_templates(const struct node *n, const struct expr_scope *scope,
                          struct flow_env **labels, size_t *count);
void read_trigger_labels(const struct node *n, const struct expr_scope *scope,
                         struct flow_trigger *t);
void read_webhook(const struct node *n, struct flow_trigger *out);
void read_after(const struct node *n, struct flow_trigger *out); /* TRIGGER_FLOW */
/* What tasks and triggers share; command or script are read unless `translated`. */
void read_work(const struct node *n, struct flow_work *out, const struct expr_scope *scope,
               bool translated);
void read_schedule(const struct node *n, struct flow_trigger *t);
/* A task with a "type". Fills kind, script, shell (and what the type implies of `require`); false:
 * reported, or there is no such type. */
bool read_kestra(const struct node *n, const char *type, struct flow_work *out,
                 const struct expr_scope *scope);
/* The same of a polling trigger with a "type": ScriptTrigger or CommandsTrigger. */
bool read_kestra_check(const struct node *n, const char *type, struct flow_work *out);

/* Converts a value to the input's type. ERR_INVALID: e has the reason alone. *out: json_free. */
int input_value(const struct flow_input *in, const struct json *given, struct json **out,
                struct err *e);
/* The end of making `all`, which is taken: *out, unless rc says that it failed or `all` has more
 * than FLOW_VALUES_MAX bytes. `what` stands in the message. Returns rc, or ERR_TOO_LARGE. */
int values_done(int rc, const char *what, struct json *all, struct json **out, struct err *e);

#endif
