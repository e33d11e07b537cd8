/* Triggers that are schedules: what is planned, what fires, and what was missed. */
#ifndef CADRE_COORDINATOR_ENGINE_SCHEDULE_H
#define CADRE_COORDINATOR_ENGINE_SCHEDULE_H

#include "coordinator/engine/flow.h"
#include "coordinator/schedule/civil.h"

#define SCHEDULE_LATE_MS 60000 /* what is later was missed: until then it was only a busy moment */
#define SCHEDULE_BACKLOG_MOST 1000 /* moments that wait, of recoverMissedSchedules: ALL */

/* From now on: what was planned before is not fired any more. Does not write the row. */
void schedule_begin(struct engine *g, struct trigger *t);
/* When the planned moment fires, jitter included (wall). */
int64_t schedule_fire_ms(const struct trigger *t, const struct flow_schedule *s, int64_t at_s);
/* RFC 3339 on the clocks of a zone of that name (civil.h). */
void schedule_format(const char *name, const struct zone *z, int64_t at_s,
                     char out[CIVIL_TEXT_SIZE]);
/* {{ trigger.date }} and its neighbours, as Kestra has them; t->zone is there. json_free */
struct json *schedule_vars(const struct trigger *t, const struct flow_schedule *s, int64_t at_s);
/* A line of the history that decides no moment. Writes the row. */
void schedule_note(struct engine *g, struct trigger *t, int64_t at_ms, const char *text);
/* Sets its timer. */
void schedule_arm(struct engine *g, struct trigger *t);
void schedule_on_timer(struct engine *g, struct trigger *t);
/* What was missed and still waits is counted, with that reason in the history. Writes the row. */
void schedule_drop_backlog(struct engine *g, struct trigger *t, const char *why);
/* In every batch: plans anew when the wall clock and the monotonic one have parted. */
void schedules_watch_clock(struct engine *g);
void schedules_on_clock_timer(struct engine *g);
/* g->zones are others: plans anew, and logs what moves. */
void schedules_on_zones(struct engine *g);

#endif
