/* The nouns of the command line: their names in the API, the form of an item's name, and how items
 * are shown. The commands that list, show or change a resource are rows that name the resource;
 * resource.c has the common code. */
#ifndef CADRE_CLI_RESOURCE_H
#define CADRE_CLI_RESOURCE_H

#include "cli/cli.h"

#include <stdint.h>

/* A column of `list`: `member`, or `other` when that is null, or `absent`. */
struct column {
    const char *head;
    const char *member, *other, *absent;
    bool age;                               /* a time, shown as "3m" */
    char *(*make)(const struct json *item); /* instead of a member; mem_free */
};

/* A line of `show`. */
struct field {
    const char *member;
    enum { FIELD_SET, FIELD_FILLED, FIELD_ALWAYS } when; /* not null; nor {}; in any case */
    const char *absent;                                  /* shown for null; NULL: "-" */
    char *(*make)(const struct json *item);              /* instead of a member; mem_free */
};

struct resource {
    const char *collection; /* "jobs": the path below /api/v1/, and the member that holds a list */
    const char *takes;      /* the form of an item's name, for the message when it is missing */
    const char *place; /* "NAMESPACE/FLOW": its words are segments of the path. NULL: one word */
    /* 0, or an exit code after a message. NULL: anything */
    int (*check)(const struct cli *cli, const char *name);
    /* What stands for the name in the path; mem_free. NULL: printed already. */
    char *(*resolve)(struct cli *cli, const char *name);
    const struct column *columns;
    const struct field *fields;
    void (*show_rest)(struct out *out,
                      const struct json *item); /* what follows the fields, or NULL */
};

/* Whom a namespace tells; mem_free. NULL: it says nothing. */
char *resource_notify_text(const struct json *namespace_item);

extern const struct resource resource_job, resource_execution, resource_agent, resource_group,
    resource_namespace, resource_flow, resource_trigger, resource_token, resource_coordinator,
    resource_channel, resource_notice;

/* The filters of `list` for all nouns; 0 and NULL: not given. */
struct list_config {
    char *state, *group, *ns, *agent, *flow, *trigger, *kind, *name, *since, *until, *id;
    char *reason, *exit_code, *task, *order, *ended_since, *ended_until;
    bool unnamed;
    struct opt_map labels;
    int64_t limit;
};
#define LIST_AT(field) offsetof(struct list_config, field)
#define LIST_STATE(example)                                                                        \
    {                                                                                              \
        .flag = "state", .type = OPT_STRING, .offset = LIST_AT(state), .value_name = "S[,S]",      \
        .help = "only these states, e.g. " example                                                 \
    }
#define LIST_NAMESPACE                                                                             \
    {                                                                                              \
        .flag = "namespace", .type = OPT_STRING, .offset = LIST_AT(ns), .value_name = "NS",        \
        .help = "only this namespace and its children"                                             \
    }
/* Things whose ids sort by the time of their creation. Their files include cli/logs.h. */
#define LIST_TIMES                                                                                 \
    {.flag = "since",                                                                              \
     .type = OPT_STRING,                                                                           \
     .offset = LIST_AT(since),                                                                     \
     .value_name = "T",                                                                            \
     .check = logs_check_since,                                                                    \
     .help = "only what was created at a time, 2026-01-31T08:00:00Z, or so long ago, 1h, or "      \
             "later"},                                                                             \
        {.flag = "until",                                                                          \
         .type = OPT_STRING,                                                                       \
         .offset = LIST_AT(until),                                                                 \
         .value_name = "T",                                                                        \
         .check = logs_check_since,                                                                \
         .help = "only what was created before a time, or more than so long ago"},                 \
    {                                                                                              \
        .flag = "id", .type = OPT_STRING, .offset = LIST_AT(id), .value_name = "PREFIX",           \
        .help = "only ids that begin so"                                                           \
    }
/* Of jobs. */
#define LIST_GROUP                                                                                 \
    {                                                                                              \
        .flag = "group", .type = OPT_STRING, .offset = LIST_AT(group), .value_name = "K",          \
        .help = "only jobs of this group"                                                          \
    }
#define LIST_JOB_NAME                                                                              \
    {                                                                                              \
        .flag = "name", .type = OPT_STRING, .offset = LIST_AT(name), .value_name = "T",            \
        .help = "only jobs of this name, as 'cadre run --name' gave it"                            \
    }
#define LIST_AGENT                                                                                 \
    {                                                                                              \
        .flag = "agent", .type = OPT_STRING, .offset = LIST_AT(agent), .value_name = "A",          \
        .help = "only jobs of this agent"                                                          \
    }
/* Why a job ended, and what it is of. */
#define LIST_END                                                                                   \
    {.flag = "reason",                                                                             \
     .type = OPT_STRING,                                                                           \
     .offset = LIST_AT(reason),                                                                    \
     .value_name = "R[,R]",                                                                        \
     .help = "only these reasons, e.g. exit-code,timeout; none: jobs without one"},                \
    {                                                                                              \
        .flag = "exit-code", .type = OPT_STRING, .offset = LIST_AT(exit_code), .value_name = "N",  \
        .check = resource_check_exit_code,                                                         \
        .help = "only jobs whose last attempt ended with this code"                                \
    }
#define LIST_ORIGIN                                                                                \
    {.flag = "flow",                                                                               \
     .type = OPT_STRING,                                                                           \
     .offset = LIST_AT(flow),                                                                      \
     .value_name = "NAMESPACE/FLOW",                                                               \
     .help = "only jobs of this flow"},                                                            \
        {.flag = "task",                                                                           \
         .type = OPT_STRING,                                                                       \
         .offset = LIST_AT(task),                                                                  \
         .value_name = "T",                                                                        \
         .help = "only jobs of this task of a flow; of evaluations: of this trigger"},             \
        {.flag = "label",                                                                          \
         .type = OPT_MAP,                                                                          \
         .offset = LIST_AT(labels),                                                                \
         .value_name = "K=V",                                                                      \
         .help = "only jobs of executions with this label"},                                       \
    {                                                                                              \
        .flag = "unnamed", .type = OPT_BOOL, .offset = LIST_AT(unnamed),                           \
        .help = "only jobs without a name"                                                         \
    }
#define LIST_KIND                                                                                  \
    {                                                                                              \
        .flag = "kind", .type = OPT_STRING, .offset = LIST_AT(kind), .value_name = "K[,K]",        \
        .help = "only these kinds: job, task, evaluation (of a polling trigger), or all; "         \
                "default: job,task"                                                                \
    }
#define LIST_ORDER(names, what)                                                                    \
    {                                                                                              \
        .flag = "order", .type = OPT_STRING, .offset = LIST_AT(order), .choices = names,           \
        .help = what                                                                               \
    }
#define LIST_LIMIT                                                                                 \
    {                                                                                              \
        .flag = "limit", .type = OPT_INT, .offset = LIST_AT(limit), .fallback = "50", .min = 1,    \
        .max = 10000, .value_name = "N", .help = "at most N, newest first"                         \
    }

/* Appends the filters to a target that ends in a query, or has none yet; returns how many there
 * are. */
size_t resource_filter(const struct list_config *c, struct buf *target);
int resource_check_exit_code(const char *value, struct err *e); /* for option tables */
/* The API asks for namespace and flow apart. *split becomes `c` with its --flow NAMESPACE/FLOW in
 * two, which point into *room (mem_free); an exit code, after a message when it is not 0. */
int resource_split_flow(const struct cli *cli, const struct list_config *c,
                        struct list_config *split, char **room);
/* The option of a filter with an empty value, as of a variable that is not set, which would choose
 * everything; NULL: there is none. */
const char *resource_empty_filter(const struct list_config *c);

/* Runs `NOUN list`, whose config is a struct list_config: all pages, as a table or a JSON array. */
int resource_list(struct cli *cli, void *config, const struct opt_args *args);
/* The same with --flow NAMESPACE/FLOW. */
int resource_list_of_flow(struct cli *cli, void *config, const struct opt_args *args);
/* Runs a command about one resource: the request of its row, then its `print`. */
int resource_run(struct cli *cli, void *config, const struct opt_args *args);
/* As resource_run, printed by `print`; NULL: as `show` does. */
int resource_print(struct cli *cli, const struct opt_args *args,
                   void (*print)(struct out *out, const char *name, const struct json *answer));
/* As resource_run, with a query ("force") and its value (NULL: none). */
int resource_run_with(struct cli *cli, const struct opt_args *args, const char *key,
                      const char *value);

/* The same with several. */
struct resource_query {
    const char *key, *value;
};
int resource_run_query(struct cli *cli, const struct opt_args *args,
                       const struct resource_query *query, size_t count);

/* The name in the arguments; NULL: a message was printed, exit with EXIT_USAGE. */
const char *resource_name(const struct cli *cli, const struct opt_args *args);
/* The path of that name, followed by "/" and rest; mem_free. NULL as above. */
char *resource_path(const struct cli *cli, const struct opt_args *args, const char *rest);
/* One request, answered by one resource; printed as JSON or by `print`. Returns the exit code. */
int resource_send(struct cli *cli, const struct request *request, const char *name,
                  void (*print)(struct out *out, const char *name, const struct json *answer));

/* Prints "NAME STATE". */
void resource_print_state(struct out *out, const char *name, const struct json *answer);
/* DISABLED, EVALUATING, ENABLED */
const char *resource_trigger_state(const struct json *trigger);
/* Prints the output at this path to stdout as it arrives. Returns the exit code. */
int resource_download(struct cli *cli, const char *target);

#endif
