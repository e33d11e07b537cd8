/* What `init` does about the time zone of this host. */
#ifndef CADRE_COORDINATOR_HOST_ZONE_H
#define CADRE_COORDINATOR_HOST_ZONE_H

#include "coordinator/config.h"

/* Adds "timezone: ZONE" to coordinator.yaml, when that is there, says nothing of it, and may be
 * written. Returns a line of advice when this host has a zone that could not be written down, else
 * NULL; mem_free. Schedules that name no zone go by UTC then: that is not worth a failure. */
char *host_zone_write(const struct config *c);

#endif
