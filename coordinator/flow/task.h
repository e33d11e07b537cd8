/* A task of a flow, as it is read from its file. Like all of a struct flow it does not change after
 * flow_parse. */
#ifndef CADRE_COORDINATOR_FLOW_TASK_H
#define CADRE_COORDINATOR_FLOW_TASK_H

#include "base/json.h"
#include "coordinator/store/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_group_ref {
    /* Template; NULL: not said. Of a selector "all:TAG,TAG" or "any:TAG,TAG", of which the engine
     * makes a group's key when the job is created. */
    char *key;
    bool selector, has_fallback;
    enum fallback fallback;
    int line; /* of the key, for "there is no group ..." */
};

enum flow_kind {
    FLOW_COMMAND, /* argv */
    FLOW_SCRIPT,  /* script, its arguments in argv, shell */
    FLOW_LOG,     /* from here on the coordinator does it, without an agent; message in script */
    FLOW_RETURN,  /* value in script: it is the output "value" */
    FLOW_LABELS,  /* of the execution, in env */
    FLOW_ABORT,   /* Kestra's Fail: message in script */
    FLOW_SLEEP,   /* duration in script */
    /* from here on a task that holds others, or waits: the engine does it, it has no job */
    FLOW_SEQUENTIAL,
    FLOW_PARALLEL,
    FLOW_IF,
    FLOW_SWITCH,
    FLOW_FOREACH,
    FLOW_LOOP,
    FLOW_SUBFLOW,
    FLOW_WORKING_DIRECTORY,
    FLOW_PAUSE,
};
#define FLOW_CONTROL FLOW_SEQUENTIAL /* the first that has no job */

struct flow_env {
    char *name, *value; /* value: template */
};

/* Lines of a script that are one expression: of a list its items are the lines. */
struct flow_lines {
    const char *key; /* "commands", "beforeCommands" */
    size_t at, len;  /* where it stands in the script, its line's end included */
};

/* What a task and a trigger have in common. Texts are templates where it says so. */
struct flow_work {
    enum flow_kind kind;
    char **argv; /* templates */
    size_t argc;
    char *script;               /* template */
    struct flow_lines lines[2]; /* in the script, ascending */
    size_t line_count;
    char *condition;   /* template, of FLOW_ABORT: must hold; NULL: it always does */
    const char *shell; /* one of spec_shells; NULL: the agent's default */
    bool linux_only;   /* the script's first line names a program of Linux by its path */
    struct flow_env *env;
    size_t env_count;
    char *workdir; /* template; NULL: a fresh folder */
    struct flow_group_ref group;
    struct json *require; /* object; NULL: nothing */
    int require_line;
    int64_t timeout_ms, queue_timeout_ms, lease_ms, kill_grace_ms; /* 0: none or default */
    struct retry retry;
    int64_t priority;
};

struct flow_input;
struct flow_output;

/* What becomes of a Pause whose time is over. */
enum flow_pause_end { FLOW_PAUSE_RESUME, FLOW_PAUSE_WARN, FLOW_PAUSE_CANCEL, FLOW_PAUSE_FAIL };

/* What a task from FLOW_CONTROL on says beyond its tasks. The labels of a Subflow's execution are
 * in its work's env, the duration of a Pause, a template, in its script (NULL: until resumed), and
 * the time after which it ends by itself in timeout_ms. */
struct flow_control {
    char *value; /* template: the condition of an If, the value of a Switch */
    struct json
        *values;  /* of a ForEach or Loop: a text, list or mapping; its texts are templates */
    char **cases; /* of a Switch, plain texts */
    size_t case_count;
    int64_t concurrent; /* of Parallel, ForEach, Loop; 0: no limit */
    char *ns, *flow;    /* of a Subflow: templates */
    bool wait, inherit_labels;
    bool transmit_failed;        /* of a Loop, too */
    struct json *inputs;         /* of a Subflow: {id: template or value} or NULL */
    struct flow_output *outputs; /* of a Loop: what each iteration leaves */
    size_t output_count;
    enum flow_pause_end pause_end;
    struct flow_input *resume; /* what a Pause asks for when it is resumed */
    size_t resume_count;
};

/* Tasks within tasks: those of the flow are 1 deep. What YAML files hold is 64 levels deep. */
#define FLOW_DEPTH_MAX 30
#define FLOW_EACH_MAX 1000 /* values of a ForEach or Loop */

/* The list of its parent, or of the flow, that a task stands in. */
enum flow_branch {
    FLOW_TASKS, /* also what an If has for true */
    FLOW_ELSE,
    FLOW_CASE,     /* of a Switch: which one says flow_task.case_index */
    FLOW_DEFAULTS, /* of a Switch */
    FLOW_ERRORS,
    FLOW_FINALLY,
};

/* All tasks of a flow stand in one array, a task before those it holds: those of index i are from
 * i + 1 to before tasks[i].end, and the next of the same list, if there is one, is at
 * tasks[i].end. */
struct flow_task {
    char *id, *description;
    struct flow_work work;
    bool *reads;       /* by task of the flow: does this one name outputs of that one? */
    bool *reads_all;   /* and not for the values at hand alone: see expr_scope.named_all */
    bool reads_failed; /* it asks for errorLogs() */
    bool allow_failure, disabled;
    bool allow_warning;
    char *run_if;                 /* template; NULL: it always runs */
    struct flow_control *control; /* NULL of a task below FLOW_CONTROL */
    size_t parent;                /* index + 1 of the task that holds it; 0: the flow does */
    size_t end;                   /* index behind the last task that it holds */
    enum flow_branch branch;
    size_t case_index; /* of FLOW_CASE: the number of its case */
    int line;
};

#endif
