/* What each group had of late: agents and jobs, one point a minute for the last hour, one in five
 * minutes for the last day. In memory, and so since the start of the coordinator. A group that the
 * metrics count with `other` (scrape.h) has no points of its own. Loop thread. */
#ifndef CADRE_COORDINATOR_METRICS_HISTORY_H
#define CADRE_COORDINATOR_METRICS_HISTORY_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_FINE_MS (60 * 1000)
#define HISTORY_COARSE_MS (5 * 60 * 1000)

enum history_span { HISTORY_HOUR, HISTORY_DAY, HISTORY_SPANS };
extern const char *const history_span_names[HISTORY_SPANS]; /* "hour", "day" */

struct history;
struct scrape;

struct history *history_new(void);
void history_free(struct history *h); /* NULL is fine */
/* Takes a point of each group; of several in one step of a span the last one stays. What a group
 * had that is not in the scrape may be forgotten. now_ms: mono. */
void history_note(struct history *h, const struct scrape *s, int64_t now_ms);
int64_t history_step_ms(enum history_span span);
/* JSON array of {"at", "agents", "online", "running", "queued"}, oldest first. Times are told by
 * the clock of now, whatever it was set to meanwhile. *shared: the points are those of all groups
 * without points of their own. now: one moment. mem_free. */
char *history_json(const struct history *h, const char *group, enum history_span span,
                   const struct moment *now, bool *shared);

#endif
