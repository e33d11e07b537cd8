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
 * one dot: 1.10 is a number. */
#ifndef CADRE_COORDINATOR_ENGINE_REQUIRES_H
#define CADRE_COORDINATOR_ENGINE_REQUIRES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

#define REQUIRES_MAX_CLAUSES 32
#define REQUIRES_MAX_CHOICES 32 /* members of a list */
#define REQUIRES_MAX_TEXT 256   /* bytes of one value */

struct requires;
struct caps;

/* *out NULL: nothing is required (absent, null or an empty object). ERR_INVALID begins with the
 * place: "requires.gpu.cout: no such capability, did you mean 'gpu.count'?". */
int requires_parse(const struct json *object, struct requires **out, struct err *e);
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
