/* What a job or a group demands of an agent (`requires`, design 4), and what an agent offers. Pure.
 *
 * { "os": "windows", "memory": ">= 16GiB", "osVersion": ">= 10.0.17763", "shell": ["pwsh", "bash"],
 *   "label.region": "eu-*", "gpu.count": 2 }
 *
 * All clauses have to be met. A list is met by any of its members. `=` (or nothing), `!=`, `<`,
 * `<=`, `>`, `>=`; order only on numbers, sizes, dotted versions and on labels that hold such. A
 * text with * or ? is a glob. A capability that holds several values (shell, feature, gpu.model) is
 * met when one of them is; with != when none is equal. What an agent does not know meets nothing.
 * Versions are compared part by part (12.10 is above 12.9), labels only when they have more than
 * one dot: 1.10 is a number.
 *
 * A text that the engine keeps may hold more, which users cannot write: { "shell": { "all":
 * ["bash", "!= cmd"] } } is several clauses about one capability, and names with a dot in front are
 * the engine's own (CAP_PROTOCOL). */
#ifndef CADRE_COORDINATOR_ENGINE_REQUIRES_H
#define CADRE_COORDINATOR_ENGINE_REQUIRES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUIRES_MAX_CLAUSES 32
#define REQUIRES_MAX_IMPLIED 2  /* beyond these, by implied.h */
#define REQUIRES_MAX_CHOICES 32 /* members of a list */
#define REQUIRES_MAX_TEXT 256   /* bytes of one value */

struct requires;
struct caps;

enum requires_origin {
    REQUIRES_ASKED, /* a user writes it now: sizes need a unit */
    REQUIRES_KEPT,  /* it was taken before: a stored text, a flow that was applied */
};

/* *out NULL: nothing is required (absent, null or an empty object). ERR_INVALID begins with the
 * place: "requires.gpu.cout: no such capability, did you mean 'gpu.count'?". */
int requires_parse(const struct json *object, enum requires_origin origin, struct requires **out,
                   struct err *e);
/* One more clause: the text capability is this value. Clauses about the same capability that are
 * met by every agent that meets this one go. *r NULL: nothing was required before. */
void requires_add_text(struct requires **r, const char *name, const char *value);
/* One more clause: the agent's session speaks this minor of the protocol, or a later one. */
void requires_add_protocol(struct requires **r, int64_t minor);
void requires_free(struct requires *r);
/* Canonical JSON: equal demands give equal texts, whatever the order and the blanks. mem_free */
char *requires_text(const struct requires *r);
bool requires_met(const struct requires *r, const struct caps *c); /* r NULL: met */

/* Clause by clause, for explanations. */
size_t requires_count(const struct requires *r);
bool requires_clause_met(const struct requires *r, size_t clause, const struct caps *c);
void requires_clause_print(const struct requires *r, size_t clause,
                           struct buf *out);                               /* gpu.count >= 2 */
const char *requires_clause_name(const struct requires *r, size_t clause); /* gpu.count */

/* Never fails: text that is no JSON object gives an agent that knows nothing of itself. version:
 * offered as agentVersion when the text has none; may be NULL. */
struct caps *caps_parse(const char *json, const char *version);
void caps_free(struct caps *c);
/* "0", "eu-west", "sh, bash", or "unknown". */
void caps_print(const struct caps *c, const char *name, struct buf *out);

#endif
