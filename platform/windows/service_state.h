/* What log_sink.c asks service.c. */
#ifndef CADRE_PLATFORM_WINDOWS_SERVICE_STATE_H
#define CADRE_PLATFORM_WINDOWS_SERVICE_STATE_H

#include <stdbool.h>

/* Did the service control manager start this process? */
bool service_is_managed(void);
/* The name given to service_main, "cadre" before that. */
const char *service_name(void);

#endif
