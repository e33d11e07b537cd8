/* A flow (docs/flows.md): reading and checking its YAML, the values of its inputs, and the jobs of
 * its tasks and triggers. Pure: no clock, no store. A struct flow does not change after flow_parse
 * and may be read from any thread. */
#ifndef CADRE_COORDINATOR_FLOW_FLOW_H
#define CADRE_COORDINATOR_FLOW_FLOW_H

#include "base/err.h"
#include "coordinator/flow/checks.h"
#include "base/json.h"
#include "coordinator/flow/expr.h"
#include "coordinator/flow/input.h"
#include "coordinator/flow/notify.h"
#include "coordinator/flow/output.h"
#include "coordinator/flow/problems.h"
#include "coordinator/flow/schedule.h"
#include "coordinator/flow/task.h"
#include "coordinator/store/model_flow.h"
#include "wire/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_FILE_MAX (256u * 1024) /* bytes of one flow */
#define FLOW_ID_MAX 100             /* bytes of the id of a flow, task, trigger or input */
#define FLOW_TASKS_MAX 500
#define FLOW_TRIGGERS_MAX 100
#define FLOW_INPUTS_MAX 100
#define FLOW_LABELS_MAX 64
#define FLOW_VARS_MAX 256
#define FLOW_VALUES_MAX (64u * 1024) /* bytes of JSON of all inputs of an execution, or of vars */

/* The ends of executions that a trigger of TRIGGER_FLOW fires at; never of its own flow. */
struct flow_after {
    char *ns, *flow; /* NULL: any */
    bool prefix;     /* ns is how the namespace begins, "comp" also of company.team */
    unsigned states; /* bits 1u << enum execution_state */
};

struct flow_trigger {
    char *id, *description;
    enum trigger_kind kind;
    /* polling alone: what is evaluated; never FLOW_LOG, never a retry; timeout_ms always set */
    struct flow_work work;
    int64_t interval_ms;
    struct flow_schedule *schedule; /* of a schedule, else NULL */
    bool allow_concurrent, fail_on_trigger_error, disabled;
    /* fire_code alone fires, and no other code is an error; else 0 fires and 1 does not */
    bool by_code;
    bool edge; /* fires only when the check comes to hold */
    int64_t fire_code;
    unsigned stop_after;     /* bits 1u << JOB_SUCCESS, WARNING, FAILED, KILLED, CANCELLED */
    struct json *inputs;     /* {input id: template or value}; NULL: none */
    struct flow_env *labels; /* over those of the flow */
    size_t label_count;
    char *key; /* of a webhook, as the flow names it; NULL: it names none */
    struct flow_after after;
    int line;
};

enum flow_behavior { FLOW_QUEUE, FLOW_CANCEL, FLOW_FAIL }; /* when concurrency.limit is reached */

struct flow {
    char *ns, *id, *description;
    struct json *labels, *vars; /* objects, labels of strings; never NULL */
    struct flow_input *inputs;
    size_t input_count;
    struct flow_group_ref group;
    int64_t concurrency_limit; /* 0: none */
    enum flow_behavior concurrency_behavior;
    bool disabled;
    struct flow_task *tasks; /* at least one */
    size_t task_count;
    struct flow_trigger *triggers;
    size_t trigger_count;
    struct flow_output *outputs;
    size_t output_count;
    bool *output_reads; /* by task: do the outputs name its own? NULL: there are none */
    struct flow_notify *notify;
    size_t notify_count;
    struct retry retry; /* what the tasks without a retry have got */
    int line;           /* of the id */
};

/* Reads one file and reports all that is wrong with it, each with its line. 0, or ERR_INVALID: at
 * least one problem was added and *out is untouched. *out: flow_free. `checks` may be NULL: nothing
 * outside is asked. */
int flow_parse(const char *file, const char *text, size_t len, const struct flow_checks *checks,
               struct flow_problems *problems, struct flow **out);
extern const struct flow_checks flow_stored; /* for a flow that was checked when it was applied */
void flow_free(struct flow *f);              /* NULL is fine */

const struct flow_task *flow_find_task(const struct flow *f, const char *id);       /* NULL: none */
const struct flow_trigger *flow_find_trigger(const struct flow *f, const char *id); /* NULL: none */
const struct flow_input *flow_find_input(const struct flow *f, const char *id);     /* NULL: none */

/* Does a task in this list of a task of that kind run for each value of it? A Loop's errors belong
 * to the value that failed; what is done finally comes once. */
bool flow_iterates(enum flow_kind kind, enum flow_branch branch);
/* How many ForEach around the task its output has values of: those within the nearest Loop, whose
 * iterations have outputs of their own. *loop: index of that Loop; SIZE_MAX: there is none. */
size_t flow_loops(const struct flow *f, size_t task, size_t *loop);
/* The values that a ForEach or Loop (kind) runs its tasks for, of what it says with its expressions
 * rendered. *out: a list of texts, of a mapping one of {key, value}; json_free, written on success
 * only. ERR_TOO_LARGE: there are too many; ERR_INVALID: no list, or an item is null. */
int flow_each_value(enum flow_kind kind, const struct json *said, struct json **out, struct err *e);
/* All group references of the flow that are plain keys (not expressions), for checking that the
 * groups are there. Calls back for the flow's, each task's, each trigger's. */
void flow_each_group(const struct flow *f, flow_group_fn *on_group, void *user);
/* The time zone that the schedule names; NULL: it names none, or is no schedule. */
const char *flow_trigger_zone(const struct flow_trigger *t);
bool flow_zone_is_fixed(const char *zone); /* UTC or an offset: known without zone files */

/* ---- inputs -------------------------------------------------------------------------------- */

/* The inputs of an execution: `given` (object or NULL; texts are read as the input's type) with
 * defaults filled in, canonical. ERR_INVALID names the input: unknown (with the nearest), missing,
 * not of its type; ERR_TOO_LARGE: together over FLOW_VALUES_MAX. *out: json_free. */
int flow_resolve_inputs(const struct flow *f, const struct json *given, struct json **out,
                        struct err *e);
/* The same for a Pause that is resumed: what it asks for in onResume. */
int flow_resume_inputs(const struct flow_task *t, const struct json *given, struct json **out,
                       struct err *e);
/* The same for an execution that a trigger starts: renders the trigger's `inputs` (v: trigger,
 * vars, flow ids) and resolves them. */
int flow_trigger_inputs(const struct flow *f, const struct flow_trigger *t,
                        const struct expr_values *v, struct json **out, struct err *e);

/* The labels of such an execution: the flow's, and over them the trigger's with the same values.
 * ERR_NOT_FOUND, ERR_INVALID: as for inputs. *out: an object, json_free. */
int flow_trigger_labels(const struct flow *f, const struct flow_trigger *t,
                        const struct expr_values *v, struct json **out, struct err *e);

/* Sets v's vars and flow ids from the flow; the rest is the caller's. */
void flow_values(const struct flow *f, struct expr_values *v);

struct flow_job {
    struct job_row row; /* group, fallback, priority, the four times and retry are filled in */
    bool fallback_given;
    const char *trace; /* taken into the spec as its traceparent; NULL: none */
    /* JSON text of wire/spec.h without names, with a mark for {{ taskrun.attempt }}; LOG, ABORT:
     * text, NULL: it need not; RETURN: outputs, LABELS: labels, as JSON. mem_free. */
    char *spec;
    int64_t sleep_ms;        /* of FLOW_SLEEP */
    struct spec_needs needs; /* of the spec */
};

/* The parts of a job of `w`; the job requires w->require. Group: the task's, else the flow's; NULL:
 * the namespace decides. A key that renders to blanks is no group. ERR_NOT_FOUND: a value is
 * missing; ERR_TOO_LARGE: spec over max_bytes; ERR_INVALID: no group key. On failure *out is as
 * before. e names the field: "script: {{ outputs.a.b }}: ...". */
int flow_render(const struct flow *f, const struct flow_work *w, const struct expr_values *v,
                size_t max_bytes, struct flow_job *out, struct err *e);

#endif
