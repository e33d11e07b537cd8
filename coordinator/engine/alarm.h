/* States that rules ask for: looked at every ALARM_EVERY_MS, from what memory has.
 *
 * What holds a message is the notice itself, in the store: a state that lasts and has an open
 * notice was told. So nothing is told twice after a restart. Of one rule and channel at most
 * ALARM_OWN subjects have notices of their own; from the next one on the others share one, with
 * their number. Several rules that tell one channel of the same subject share its notice, which is
 * over when none of them holds it any more. */
#ifndef CADRE_COORDINATOR_ENGINE_ALARM_H
#define CADRE_COORDINATOR_ENGINE_ALARM_H

#include "coordinator/engine/core.h"

#define ALARM_EVERY_MS 5000
#define ALARM_OWN 10

void alarms_load(struct engine *g); /* after everything else */
void alarms_on_timer(struct engine *g);
apply_event_fn apply_standing;

#endif
