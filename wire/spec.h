/* A job's spec (PROTOCOL.md section 7): one list of the fields of a job's spec gives the struct,
 * the reader, the writer and every limit. The API, flows, the engine and the agent use it alike.
 *
 * A spec is stored as text when the job is created, without the names of the job; each hand-out
 * adds its names and the number of the attempt. Pure. */
#ifndef CADRE_WIRE_SPEC_H
#define CADRE_WIRE_SPEC_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/fields.h"
#include "wire/lease.h"
#include "wire/limits.h"
#include "wire/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_COMMAND_MAX 4096 /* words of a command */
#define SPEC_ENV_MAX 1024     /* variables */
#define SPEC_WORKDIR_MAX 4096 /* bytes */
#define SPEC_SHELL_MAX 16     /* bytes of a shell's name */
#define SPEC_MARK_MAX 65536   /* bytes */
#define SPEC_ARGS_MINOR 2     /* agents of earlier minors of the protocol ignore `args` */

/* X(kind, c_name, "wireName", a, b, need), as in wire/msg_list.h. `command` or `script`; all else
 * may be absent. The names are those of the job, for CADRE_... in its environment. */
#define SPEC_LIST(X)                                                                               \
    X(STR, ns, "namespace", LIMIT_NAMESPACE, 0, 0)                                                 \
    X(STR, name, "name", LIMIT_NAME, 0, 0)                                                         \
    X(STR, group, "group", LIMIT_GROUP_KEY, 0, 0) /* absent: the default group */                  \
    X(STR, flow, "flow", LIMIT_NAMESPACE, 0, 0)                                                    \
    X(STR, task, "task", LIMIT_NAMESPACE, 0, 0)                                                    \
    X(STR, execution, "execution", LIMIT_NAME, 0, 0)                                               \
    X(WORDS, command, "command", 0, SPEC_COMMAND_MAX, 0)                                           \
    X(STR, script, "script", LIMIT_PAYLOAD_MAX, 0, 0)                                              \
    X(WORDS, args, "args", 0, SPEC_COMMAND_MAX, 0) /* of the script; since SPEC_ARGS_MINOR */      \
    X(STR, shell, "shell", SPEC_SHELL_MAX, 0, 0)   /* absent: the agent's default */               \
    X(PAIRS, env, "env", 0, SPEC_ENV_MAX, 0)                                                       \
    X(STR, workdir, "workdir", SPEC_WORKDIR_MAX, 0, 0)         /* absent: a fresh folder */        \
    X(STR, input, "stdin", LIMIT_STDIN_TEXT, 0, 0)             /* base64; absent: nothing */       \
    X(STR, traceparent, "traceparent", TRACE_PARENT_LEN, 0, 0) /* of the submitter's trace */      \
    X(INT, kill_grace_ms, "killGraceMs", 1, KILL_GRACE_MAX_MS, 0)                                  \
    X(STR, attempt_mark, "attemptMark", SPEC_MARK_MAX, 0, 0) /* see spec_fill_attempt */

struct spec {
#define SPEC_C_WORDS(n) struct text_list n;
#define SPEC_C_PAIRS(n) struct pair_list n;
#define SPEC_C_STR(n) char *n;
#define SPEC_C_INT(n) int64_t n;
#define SPEC_FIELD(kind, name, key, a, b, need) SPEC_C_##kind(name)
    SPEC_LIST(SPEC_FIELD)
};

#define SPEC_SHELLS 6
extern const char *const spec_shells[SPEC_SHELLS];
bool spec_env_name_valid(const char *name);

/* Unknown fields are ignored. ERR_INVALID: not a JSON object, or names a field and what is wanted
 * of it. *out becomes the caller's: spec_fini. */
int spec_decode(const char *text, size_t len, struct spec *out, struct err *e);
/* The same for a spec in a database; also reads specs that releases up to 0.1 stored. */
int spec_decode_stored(const char *text, struct spec *out, struct err *e);
void spec_fini(struct spec *s); /* fine on a zeroed struct */
/* The bytes that the user gave: of command or script, arguments, environment, workdir, and of stdin
 * when it is base64; what JSON and base64 add does not count. */
size_t spec_payload_bytes(const struct spec *s);
/* Bytes of a spec that is stored: with the names that its hand-out adds it keeps to LIMIT_SPEC. */
#define SPEC_STORED_MAX (LIMIT_SPEC - 16 * 1024)
/* Appends the object. ERR_TOO_LARGE: over the buffer's max. ERR_INVALID: a field is over its limit
 * (spec_check tells which). On failure `out` may hold a part. */
int spec_encode(const struct spec *s, struct buf *out);
/* The same for a spec that has nothing but names, and what spec_encode wrote of another that has
 * none: both together, as spec_encode writes them. */
int spec_add_names(const struct spec *names, const char *encoded, struct buf *out);

/* Checks the rules beyond the kinds of the fields: a command or a script, a known shell, valid
 * names of variables. False: *p says which rule is broken. */
struct spec_problem {
    const char *field;
    char sentence[160]; /* "must have 1 to 4096 words" */
};
bool spec_check(const struct spec *s, struct spec_problem *p);

/* What a spec requires of the agent that gets it, whatever else the job requires. */
struct spec_needs {
    const char *shell; /* the shell that the job names, one of spec_shells; NULL: it names none */
    /* The first minor of the protocol whose agents know all fields that are set: an older agent
     * would leave a field out silently. 0: every agent that is served knows them. */
    int64_t minor;
};
/* Of a spec that spec_check has passed. */
struct spec_needs spec_needs_of(const struct spec *s);

/* The number of an attempt is not known when a spec is stored. Where a text of command, script,
 * args, env or workdir needs the number, the text has `attempt_mark` instead. The mark occurs
 * nowhere else in these texts: it is the words taskrun.attempt in braces, with more opening braces
 * than any run of braces in the texts. */
void spec_mark(size_t braces, struct buf *out);
/* The longest run of opening braces. */
size_t spec_braces(const char *text, size_t len);
/* Replaces the mark by the number and forgets the mark. */
void spec_fill_attempt(struct spec *s, int64_t attempt);

/* What is asked of a spec that is not decoded yet. */
struct spec_glance {
    int64_t kill_grace_ms;               /* the default when the spec has no valid value */
    bool evaluation;                     /* of a polling trigger: of a flow, but of no execution */
    char traceparent[TRACE_PARENT_SIZE]; /* "": it has none that is valid */
};
struct spec_glance spec_glance(const char *text);

#endif
