/* The capabilities of agents, as values that can be compared. For requires.c. */
#ifndef CADRE_COORDINATOR_ENGINE_CAPS_H
#define CADRE_COORDINATOR_ENGINE_CAPS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct caps;

/* How a capability's values are compared. */
enum cap_kind { CAP_TEXT, CAP_NUMBER, CAP_SIZE, CAP_VERSION, CAP_LABEL };

/* The minor of the protocol that an agent's session speaks: for what jobs imply (implied.h), not
 * for users, and no agent can send the name. */
#define CAP_PROTOCOL ".protocol"
void caps_set_protocol(struct caps *c, int64_t minor);
/* The first release whose agents speak the minor: "0.2". */
const char *protocol_release(int64_t minor);

/* ERR_INVALID names the nearest capability that there is. */
int cap_kind_of(const char *name, enum cap_kind *kind, struct err *e);

enum value_kind { VALUE_TEXT, VALUE_NUMBER, VALUE_VERSION };

struct value {
    enum value_kind kind; /* 4, 16GiB: number; 10.0.17763: version */
    char *text;
    double number;
};

void value_read(const char *text, struct value *out); /* copies */
void value_fini(struct value *v);
/* Dotted numbers: versions, and plain numbers (12, 1.5), which are versions of one or two parts. */
bool value_as_version(const struct value *v);
/* A version with a suffix counts in comparisons, too: 6.1.0-18-amd64. */
bool value_begins_as_version(const struct value *v);
/* Compares part by part; a missing part counts as 0. Both texts begin with a version. */
int value_compare_versions(const struct value *a, const struct value *b);
void value_print_number(double n, char out[64]); /* without an exponent where it can be */

struct cap {
    char *name;
    struct value *values; /* several: a list */
    size_t count;
};

const struct cap *caps_find(const struct caps *c, const char *name); /* NULL: unknown */

#endif
