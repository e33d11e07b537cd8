/* The outputs of a flow, which an execution has when it has ended well. */
#ifndef CADRE_COORDINATOR_FLOW_OUTPUT_H
#define CADRE_COORDINATOR_FLOW_OUTPUT_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

struct flow;
struct flow_task;
struct expr_values;

#define FLOW_OUTPUTS_MAX 100

struct flow_output {
    char *id, *description;
    int type;           /* of enum flow_input_type; -1: as it comes */
    bool optional;      /* left out when a value that it names is missing */
    struct json *value; /* a tree whose texts are templates */
};

/* The outputs with their values: *out json_free. ERR_NOT_FOUND, ERR_INVALID: e names the output,
 * ERR_TOO_LARGE: together over FLOW_VALUES_MAX. */
int flow_render_outputs(const struct flow *f, const struct expr_values *v, struct json **out,
                        struct err *e);
/* The same of one iteration of a Loop. */
int flow_loop_outputs(const struct flow_task *t, const struct expr_values *v, struct json **out,
                      struct err *e);
/* A tree whose texts are templates, with their values. *out: json_free, also on failure. */
int flow_render_tree(const struct json *j, const struct expr_values *v, struct json **out,
                     struct err *e);

#endif
