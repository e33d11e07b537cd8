/* What flows into the engine about flows: command.h. */
#ifndef CADRE_COORDINATOR_ENGINE_COMMAND_FLOW_H
#define CADRE_COORDINATOR_ENGINE_COMMAND_FLOW_H

#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow; /* coordinator/flow/flow.h */

/* All or nothing. reply.json is an array, in the order of the files: {"namespace", "id",
 * "revision", "change": "created"|"changed"|"unchanged"}. Refused (ERR_INVALID, code
 * "unknown-group" when nothing but that is wrong, else "invalid-flow"): reply.json is an array of
 * {"file", "line", "message"}, and err's sentence is the first of them. */
struct cmd_apply {
    struct flow_file {
        char *name;        /* for messages; NULL: none */
        char *source;      /* YAML, one flow */
        struct flow *flow; /* of the source, when it was parsed already; NULL: the engine does it */
    } * files;
    size_t count;
    bool check_only; /* changes nothing, and answers as if it had */
};
struct cmd_start {
    char *ns, *flow;
    struct json *inputs; /* object or NULL; checked against the flow's in the engine */
    struct json *labels; /* object of strings or NULL: over those of the flow */
    size_t bytes;        /* of both as text: about what waits in memory */
    char *unique_key;    /* NULL: none */
    int64_t submitter;   /* token id */
    char *trace;         /* traceparent; NULL: none */
};
struct cmd_place {
    char *ns, *flow, *trigger;
    int64_t count;    /* TRIGGER_NEXT: of moments */
    int64_t backfill; /* TRIGGER_BACKFILL_CANCEL: its id */
};
struct cmd_backfill {
    struct cmd_place place;
    char *start, *end;   /* as startDate and endDate are written */
    struct json *inputs; /* object or NULL: over those of the trigger */
    size_t bytes;        /* of them as text: about what waits in memory */
    int64_t parallel;
    bool missed;  /* only moments that have no execution of the trigger */
    bool dry_run; /* answers what it would do, and does nothing */
};
/* A call of a webhook. The key is the right to it. ERR_NOT_FOUND: whatever of it there is not. */
struct cmd_webhook {
    char *ns, *flow;
    char key_hash[65]; /* SHA-256, hexadecimal */
    struct json *vars; /* object: body, headers, parameters */
    size_t bytes;      /* about what vars has in memory */
    char *unique_key;  /* NULL: none */
    char *trace;       /* traceparent; NULL: none */
};

#endif
