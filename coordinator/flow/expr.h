/* Expressions in the texts of a flow: {{ inputs.day }}, {{ outputs.export.file ?? 'none' }}. Pure.
 *
 *   text  = anything, with any number of "{{" [ "-" ] term { "??" term } [ "-" ] "}}"
 *           {{- and -}} take away the blanks of the text in front and behind
 *   term  = path | literal            the first term that has a value is inserted
 *   path  = root { "." name | "['name']" | "[0]" }
 *           name: letters, digits, '_', '-' (so my-task needs no brackets)
 *   root  = inputs | outputs | vars | trigger | execution | flow | taskrun; event in templates of
 *           channels, which have no other
 *   literal = 'text' | "text" (\\ and \quote inside) | number | true | false
 *
 * An input's id may have dots: inputs.a.b is the input a.b, and what stands behind reaches into it.
 *
 * What is inserted: strings as they are, numbers, booleans, lists and objects as compact JSON. null
 * and absent paths have no value; when no term has a value, rendering fails and names the path.
 * Alone an input that was not given, and so is optional, is null as in Kestra: as the last term it
 * inserts nothing, and so does an empty member of an event. outputs.TASK.vars.KEY is the same as
 * outputs.TASK.KEY (Kestra's way), unless the task did set "vars"; outputs.TASK.vars is all of
 * them; outputs.TASK.exitCode is the exit code, unless the task did set it. Inserted text is never
 * read as an expression. {{ '{{' }} gives two braces. Filters, functions and operators are refused
 * when the flow is applied. */
#ifndef CADRE_COORDINATOR_FLOW_EXPR_H
#define CADRE_COORDINATOR_FLOW_EXPR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPR_STEPS_MAX 16 /* of one path, the root included */

enum expr_root {
    EXPR_INPUTS,
    EXPR_OUTPUTS,
    EXPR_VARS,
    EXPR_TRIGGER,
    EXPR_EXECUTION,
    EXPR_FLOW,
    EXPR_TASKRUN,
    EXPR_EVENT, /* of a channel's templates, not of flows */
    EXPR_ROOTS
};
#define EXPR_FLOW_ROOTS ((1u << EXPR_EVENT) - 1)

/* What is known of a task's outputs before it runs. */
enum expr_outputs {
    EXPR_OUTPUTS_ANY,
    EXPR_OUTPUTS_NONE,
    EXPR_OUTPUTS_VALUE, /* "value" alone, and no exit code */
    EXPR_OUTPUTS_FILES, /* its files are refused where it asks for them, and not once more */
    EXPR_OUTPUTS_WRONG, /* the task is refused as a whole: no key is looked at */
};

/* What a task sees of one that stands before it in the file. */
enum expr_sight {
    EXPR_SEEN,         /* it may have run before */
    EXPR_HOLDER,       /* it holds the task */
    EXPR_OTHER_BRANCH, /* one of the two runs alone */
    EXPR_AT_ONCE,      /* both run at the same time */
    EXPR_IN_LOOP,      /* it is within a Loop, which shows what its outputs name alone */
};
struct expr_seen {
    enum expr_sight how;
    const char *by; /* the id of the task that parts the two */
};

/* The names that a text may use at its place, for checks before anything runs. */
struct expr_scope {
    unsigned roots; /* bits 1u << enum expr_root */
    unsigned
        unread; /* roots whose names are not known, for their own place is wrong: not looked up */
    const char
        *where; /* "a trigger's check": for the sentence that a root is not there; NULL: "here" */
    const struct json *vars;
    const char *const *inputs;
    size_t input_count;
    const char *const *tasks; /* all of the flow, in their order */
    size_t task_count, earlier_count;
    const struct expr_seen *sights; /* by earlier task; NULL: all are seen */
    bool on_errors;                 /* within `errors`, where errorLogs() tells what failed */
    /* Names within tasks that are refused as a whole: not looked up either. */
    const char *const *inner;
    size_t inner_count;
    const enum expr_outputs *outputs; /* by task; NULL: any */
    /* What stands in `trigger`; 0: it is not known, any name is fine. */
    const char *const *trigger_keys;
    size_t trigger_key_count;
    const char *const *event_keys; /* what stands in `event` */
    size_t event_key_count;
    bool *named; /* by task: set when its outputs are named, else left alone; NULL: nobody asks */
    /* By task: it runs for each of some values, which stands behind its name; NULL: none does. */
    const bool *iterated;
    bool no_value; /* outside of loops: taskrun.value and others are not there */
};

/* `at` points to the "{{" of the bad expression in the text; `len` bytes later its "}}" has
 * ended. */
/* false: stop the check. */
typedef bool expr_problem_fn(const char *at, size_t len, const char *sentence, void *user);

/* Reports everything that is wrong. *uses_attempt (may be NULL) is set when taskrun.attempt occurs,
 * else left alone. */
void expr_check(const char *text, const struct expr_scope *scope, expr_problem_fn *on_problem,
                void *user, bool *uses_attempt);
bool expr_has(const char *text); /* is there a "{{"? */
/* Is the text one expression, with nothing but blanks around it? */
bool expr_is_whole(const char *text);

/* The values for rendering a text; NULL: no values of that kind. */
struct expr_values {
    const struct json *inputs;     /* {id: value}, from flow_resolve_inputs */
    const struct json *outputs;    /* {task: {key: value}}, of the tasks that have ended */
    const struct json *exit_codes; /* {task: number}, of tasks that ran a process */
    const struct json *vars;       /* struct flow's */
    const struct json *trigger;    /* {key: value}: outputs of the evaluation that fired */
    const struct json *event;      /* {key: value}, of a channel's template */
    const char *execution_id, *flow_id, *flow_namespace;
    const char *attempt;   /* the text inserted for taskrun.attempt; NULL: no value */
    size_t *attempts_used; /* counts how often it was inserted; may be NULL */
};

/* Appends to `out`, whose max is the limit of the result. ERR_NOT_FOUND: a value is missing,
 * ERR_TOO_LARGE, ERR_INVALID: not an expression (a text that passed expr_check never gives it). On
 * failure `out` holds a part. */
int expr_render(const char *text, const struct expr_values *v, struct buf *out, struct err *e);

#endif
