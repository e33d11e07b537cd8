/* The agent as a whole: one loop, one owner. */
#ifndef CADRE_AGENT_AGENT_H
#define CADRE_AGENT_AGENT_H

#include "agent/config.h"
#include "base/err.h"

/* `cadre-agent trial` ends with 0 at once: with it the agent sees whether it can start a
 * process. */
#define AGENT_TRIAL "trial"

/* Runs until it is told to stop (SIGTERM, SIGINT, the service manager): drains, says bye, and
 * returns the exit code: 0 after an orderly stop, 1 when it could not start or keep its journal
 * (logged). Takes over *c, and frees it. argc, argv: the command line, to read the configuration
 * again on SIGHUP. */
int agent_run(struct agent_config *c, int argc, char **argv);

/* The capabilities as hello sends them: what the machine offers, labels as "label.K", agentVersion.
 * JSON text, mem_free. */
char *agent_capabilities(const struct agent_config *c);

#endif
