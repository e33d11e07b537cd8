/* Triggers that fire when an execution of another flow has ended. */
#ifndef CADRE_COORDINATOR_ENGINE_AFTER_H
#define CADRE_COORDINATOR_ENGINE_AFTER_H

#include "coordinator/engine/ended.h"
#include "coordinator/engine/flow.h"

/* Executions of which each is started by the end of the one before; the first counts as 0. */
#define AFTER_DEPTH_MAX 32

/* Of a circle: executions that one of its triggers started and that are open at a time, or came in
 * one batch: those that concurrency or failOnTriggerError end as they come are never open. Where
 * each flow starts more than one, they would double at each step. */
#define AFTER_OPEN_MAX 50

/* Fires, in the transaction in which the execution ended. */
void after_on_execution(struct engine *g, const struct ended_execution *x);

#endif
