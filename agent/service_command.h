/* `cadre-agent service install|uninstall`: the commands for the Windows service. The installer uses
 * `setup` instead. */
#ifndef CADRE_AGENT_SERVICE_COMMAND_H
#define CADRE_AGENT_SERVICE_COMMAND_H

#include "agent/config.h"
#include "base/err.h"

/* verb: "install" or "uninstall". Prints what it did. ERR_UNSUPPORTED on Linux. */
int service_command(const struct agent_config *c, const char *verb, struct err *e);

#endif
