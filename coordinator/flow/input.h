/* The inputs that a flow declares. */
#ifndef CADRE_COORDINATOR_FLOW_INPUT_H
#define CADRE_COORDINATOR_FLOW_INPUT_H

#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

enum flow_input_type {
    INPUT_STRING,
    INPUT_INT,
    INPUT_FLOAT,
    INPUT_BOOLEAN,
    INPUT_SELECT,
    INPUT_DATE,
    INPUT_DATETIME,
    INPUT_TIME,
    INPUT_DURATION,
    INPUT_JSON,
    INPUT_YAML,
    INPUT_URI,
    INPUT_EMAIL,
    INPUT_ARRAY,
    INPUT_MULTISELECT,
    INPUT_TYPES
};
extern const char *const flow_input_type_names[INPUT_TYPES];

struct flow_input {
    char *id, *description;
    enum flow_input_type type;
    bool required;         /* an execution without it is refused; never together with defaults */
    struct json *defaults; /* resolved; NULL: none */
    char **values;         /* SELECT, MULTISELECT */
    size_t value_count;
    bool has_min, has_max; /* INT, FLOAT */
    double min, max;
    bool custom;               /* SELECT, MULTISELECT: other values than `values` are fine, too */
    enum flow_input_type item; /* ARRAY, MULTISELECT: of each value; never one of these two */
    int line;
};

#endif
